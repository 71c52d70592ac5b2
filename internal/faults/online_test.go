//go:build unix

package faults

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// onlineRows is how many rows an online load has that is killed.
const onlineRows = 40_000

// TestFaultsOnline: whoever is killed in the middle of a load that others read beside, the database has all of the old rows or all of the new
// ones, every index holds them, nothing of ours is left, and the next load goes as if nothing had been. So it is when the server crashes after its commit.
func TestFaultsOnline(t *testing.T) {
	t.Parallel()
	h := emptyHouse(t, pgtest.Options{Settings: map[string]string{"fsync": "on", "full_page_writes": "on"}})
	const database = "refreshed"
	h.ask("CREATE DATABASE " + database)
	url := h.server.URL(database)
	pgtest.Exec(t, url, shop.Schema()+"; CREATE EXTENSION amcheck")
	var scripts, dumps []string
	for seed := range 2 {
		dir := t.TempDir()
		if err := (shop.Export{Format: shop.SQL, Size: shop.Rows(onlineRows), Seed: uint64(seed + 1)}).WriteFolder(dir); err != nil {
			t.Fatal(err)
		}
		if err := os.Rename(filepath.Join(dir, "load.sql"), filepath.Join(h.dir, fmt.Sprintf("%d.sql", seed))); err != nil {
			t.Fatal(err)
		}
		scripts = append(scripts, fmt.Sprintf("%d.sql", seed))
		h.must(database, "load", filepath.Join(h.dir, scripts[seed]), "--sync-sequences=false")
		dumps = append(dumps, pgtest.SortedDump(t, url))
	}
	now := 1 // which of the two is there
	args := func(n int) []string {
		return []string{"load", filepath.Join(h.dir, scripts[n]), "--sync-sequences=false", "--online"}
	}
	whole := func(where string) {
		t.Helper()
		switch got := pgtest.SortedDump(t, url); got {
		case dumps[now]:
		case dumps[1-now]:
			now = 1 - now
		default:
			t.Fatalf("%s: the rows are neither the old ones nor the new ones", where)
		}
		conn, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = conn.Close(context.Background()) }()
		var left, off, checked int
		if err := conn.QueryRow(context.Background(), `SELECT (SELECT count(*) FROM pg_class WHERE relname LIKE 'fabricate%'), (SELECT count(*) FROM pg_index WHERE NOT indisready OR NOT indisvalid),
			(SELECT count(bt_index_check(oid, true)) FROM pg_class WHERE relkind = 'i' AND relnamespace = 'public'::regnamespace)`).Scan(&left, &off, &checked); err != nil || left+off > 0 || checked == 0 {
			t.Errorf("%s: %d of ours are left, %d indexes are off, %d were looked at: %v", where, left, off, checked, err)
		}
	}
	long := h.lasts(database, args(0)...)
	whole("not killed")
	moments, killed, changed := 3, 0, 0
	if *table {
		moments = 40
	}
	for i := range moments {
		was := now
		if h.killed(long*time.Duration(i+1)/time.Duration(moments), database, args(1-now)...) {
			killed++
		}
		whole(fmt.Sprintf("moment %d", i))
		if now != was {
			changed++
		}
	}
	if killed == 0 {
		t.Error("never killed")
	}
	if code, said := h.run(database, args(1-now)...); code != problem.OK {
		t.Errorf("afterwards: %d\n%s", code, said)
	}
	now = 1 - now
	whole("afterwards")
	// The server crashes just after, and brings it all back from its log.
	h.crash()
	whole("after a crash")
	h.tell("killed in the middle of an online load", fmt.Sprintf("%d moments, committed at %d of them; rows old or new, indexes whole, nothing left", killed, changed))
}
