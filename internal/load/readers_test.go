//go:build unix

package load_test

import (
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

var (
	readersFull = flag.Bool("readers", false, "TestOnlineReaders with 1.37 million rows, beside psql, with figures; on a machine that does nothing else")
	readersRole = flag.String("role", "superuser,granted,owner", "the roles that load then: an owner may be granted session_replication_role")
)

const (
	readersRows  = 30_000                 // of the small form
	readersLimit = 250 * time.Millisecond // that a reader may wait for a lock
	busyLimit    = 5 * time.Second        // the same of the small form, whose machine may be busy with other tests
	readersLeast = 50                     // reads a second, in all
)

// shopOf loads an export of a seed with psql into a database of its own, and gives its folder and what reads of it see.
func shopOf(t *testing.T, server *pgtest.Server, size shop.Size, seed uint64) (dir, dump, sums string) {
	t.Helper()
	dir = writeExport(t, shop.Export{Format: shop.SQL, Size: size, Seed: seed})
	url := server.NewDatabase(t)
	pgtest.Exec(t, url, shop.Schema())
	fileByPsql(t, url, dir+"/load.sql")
	return dir, pgtest.SortedDump(t, url, "--no-owner", "--no-privileges"), value(t, url, sumsOf)
}

// shopFor makes a database of a shop that belongs to a role, and gives its address for a superuser and for the role.
func shopFor(t *testing.T, server *pgtest.Server, role string) (url, as string) {
	t.Helper()
	url = server.NewDatabase(t)
	pgtest.Exec(t, url, shop.Schema())
	if role == "superuser" {
		return url, url
	}
	owner, as := newRole(t, url)
	for _, table := range shop.Tables() {
		pgtest.Exec(t, url, fmt.Sprintf("ALTER TABLE %q OWNER TO %s", table, owner))
	}
	if role == "granted" {
		pgtest.Exec(t, url, "GRANT SET ON PARAMETER session_replication_role TO "+owner)
	}
	return url, as
}

// psqlReplaces gives how long psql -1 takes to replace the rows of one seed by those of another as a role, while nobody reads. For an owner,
// who may not run the export, the same rows come parents first, with nothing in the script that needs more than an owner's rights.
func psqlReplaces(t *testing.T, server *pgtest.Server, size shop.Size, role string, dirs []string) (took time.Duration) {
	t.Helper()
	_, as := shopFor(t, server, role)
	for i := range 2 {
		path := dirs[i] + "/load.sql"
		if role == "owner" {
			path = writeExport(t, shop.Export{Format: shop.Postgres, Size: size, Seed: uint64(i + 1)}) + "/shop.sql"
			rows, err := os.ReadFile(path)
			if err == nil {
				err = os.WriteFile(path, append([]byte("TRUNCATE "+strings.Join(shop.Tables(), ", ")+";\n"), rows...), 0o644)
			}
			if err != nil {
				t.Fatal(err)
			}
		}
		start := time.Now()
		fileByPsql(t, as, path)
		took = time.Since(start)
	}
	return took
}

// sumsOf is the sums over all tables, of one snapshot.
var sumsOf = func() string {
	var parts []string
	for _, table := range shop.Tables() {
		parts = append(parts, fmt.Sprintf("(SELECT count(*) || ':' || coalesce(sum(hashtext(t::text)), 0) FROM %q t)", table))
	}
	return "SELECT concat_ws(' ', " + strings.Join(parts, ", ") + ")"
}()

// audience reads while a database is refreshed.
type audience struct {
	t       *testing.T
	url     string
	reads   atomic.Int64
	longest atomic.Int64 // nanoseconds of a read by key, one that has not ended included
	waited  atomic.Int64 // nanoseconds that one waited for a lock, by the server's own clock
	mu      sync.Mutex
	seen    map[string]int
	dumps   map[string]int
	stop    context.CancelFunc
	over    sync.WaitGroup
}

// attend begins to read: ten readers by key and by scan of every table, one that sums over all, and a pg_dump in a loop.
func attend(t *testing.T, url string) *audience {
	t.Helper()
	a := &audience{t: t, url: url, seen: map[string]int{}, dumps: map[string]int{}}
	ctx, stop := context.WithCancel(context.Background())
	a.stop = stop
	connect := func() *pgx.Conn {
		config, err := pgx.ParseConfig(url)
		if err != nil {
			t.Fatal(err)
		}
		config.RuntimeParams["application_name"] = "reader"
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil {
			t.Fatal(err)
		}
		return conn
	}
	each := func(pause time.Duration, do func(conn *pgx.Conn, i int) error) {
		conn := connect()
		a.over.Go(func() {
			defer func() { _ = conn.Close(context.Background()) }()
			for i := rand.N(100); ctx.Err() == nil; i++ {
				if err := do(conn, i); err != nil && ctx.Err() == nil {
					t.Errorf("a reader: %v", err)
					return
				}
				select {
				case <-ctx.Done():
				case <-time.After(pause):
				}
			}
		})
	}
	tables := shop.Tables()
	for range 10 {
		each(30*time.Millisecond, func(conn *pgx.Conn, i int) error {
			table := tables[i/2%len(tables)]
			query := fmt.Sprintf("SELECT count(*) FROM %q WHERE id::text > '' AND id = (SELECT min(id) FROM %[1]q)", table)
			if table == "payments" { // its id is a uuid
				query = "SELECT count(*) FROM payments WHERE order_id = 17"
			}
			if scan := i%40 == 1; scan || i%2 == 1 {
				query = fmt.Sprintf("SELECT count(*) FROM (SELECT 1 FROM %q TABLESAMPLE SYSTEM (5)) t", table)
			}
			start, n := time.Now(), 0
			err := conn.QueryRow(ctx, query).Scan(&n)
			if took := int64(time.Since(start)); ctx.Err() == nil || err != nil {
				for before := a.longest.Load(); took > before && !a.longest.CompareAndSwap(before, took); before = a.longest.Load() {
				}
			}
			a.reads.Add(1)
			return err
		})
	}
	each(100*time.Millisecond, func(conn *pgx.Conn, _ int) error {
		var sums string
		err := conn.QueryRow(ctx, sumsOf).Scan(&sums)
		if err == nil {
			a.mu.Lock()
			defer a.mu.Unlock()
			a.seen[sums]++
		}
		return err
	})
	each(5*time.Millisecond, func(conn *pgx.Conn, _ int) error {
		waits := "clock_timestamp() - l.waitstart"
		if pgtest.Shared(t).Version() < 14 {
			waits = "interval '0'"
		}
		var longest float64
		err := conn.QueryRow(ctx, "SELECT coalesce(max(extract(epoch FROM "+waits+")), 0)::float8 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE NOT l.granted AND a.application_name IN ('reader', 'pg_dump')").Scan(&longest)
		if ns := int64(longest * 1e9); ns > a.waited.Load() {
			a.waited.Store(ns)
		}
		return err
	})
	a.over.Go(func() {
		for ctx.Err() == nil {
			dump := pgtest.SortedDump(t, url, "--no-owner", "--no-privileges")
			a.mu.Lock()
			a.dumps[dump]++
			a.mu.Unlock()
		}
	})
	return a
}

// leave ends the reading.
func (a *audience) leave() {
	a.stop()
	a.over.Wait()
}

// TestOnlineReaders refreshes a database of a shop while ten readers read every table by key and by scan, one sums over all, and pg_dump runs
// in a loop: what they see is the old rows or the new ones, and nobody waits for long. With -readers it is as large as the benchmark.
func TestOnlineReaders(t *testing.T) {
	size, rounds, limit := shop.Rows(readersRows), 2, busyLimit
	server := pgtest.Shared(t)
	if *readersFull {
		size, rounds, limit = shop.Benchmark(), 3, readersLimit
		var err error
		if server, err = pgtest.Start(context.Background(), pgtest.Options{Settings: map[string]string{"fsync": "on", "full_page_writes": "on", "synchronous_commit": "on"}}); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = server.Stop() })
	} else {
		t.Parallel()
	}
	var dirs, dumps, sums []string
	for seed := range 2 {
		dir, dump, sum := shopOf(t, server, size, uint64(seed+1))
		dirs, dumps, sums = append(dirs, dir), append(dumps, dump), append(sums, sum)
	}
	for role := range strings.SplitSeq(*readersRole, ",") {
		t.Run(role, func(t *testing.T) {
			if role == "granted" && server.Version() < 15 {
				t.Skip("such a grant came with version 15")
			}
			url, as := shopFor(t, server, role)
			refresh := func(i int) time.Duration {
				start := time.Now()
				_, err := load.Run(context.Background(), load.Options{Target: target(t, as), Script: load.Script{FS: os.DirFS(dirs[i]), Name: "load.sql"},
					KeepSequences: true, ForeignKeys: load.Enforce, Online: true, Events: events(t)})
				if err != nil {
					t.Fatal(err)
				}
				return time.Since(start)
			}
			refresh(0)
			if alone := refresh(1); *readersFull {
				byPsql := psqlReplaces(t, server, size, role, dirs)
				t.Logf("%s, nobody else: %s; psql -1 as the same role: %s, %.2f times as long", role, alone.Round(time.Millisecond), byPsql.Round(time.Millisecond), byPsql.Seconds()/alone.Seconds())
			}
			for round := range rounds {
				a := attend(t, url)
				begun := time.Now()
				took := refresh(round % 2)
				a.leave()
				reads := float64(a.reads.Load()) / time.Since(begun).Seconds()
				t.Logf("%s: %s; %.0f reads a second, the longest %s; longest wait for a lock %s; %d sums, %d dumps", role, took.Round(time.Millisecond), reads,
					time.Duration(a.longest.Load()).Round(time.Millisecond), time.Duration(a.waited.Load()).Round(time.Millisecond), total(a.seen), total(a.dumps))
				if waited := time.Duration(a.waited.Load()); waited > limit {
					t.Errorf("a reader waited %s for a lock", waited)
				}
				if *readersFull && reads < readersLeast {
					t.Errorf("%.0f reads a second are too few", reads)
				}
				for sum, n := range a.seen {
					if sum != sums[0] && sum != sums[1] {
						t.Errorf("torn, %d times: %s\nold and new: %q", n, sum, sums)
					}
				}
				for dump, n := range a.dumps {
					if dump != dumps[0] && dump != dumps[1] {
						t.Errorf("%d dumps are of neither state (%d bytes)", n, len(dump))
					}
				}
				if got := pgtest.SortedDump(t, url, "--no-owner", "--no-privileges"); got != dumps[round%2] {
					t.Error("the dump is not psql's")
				}
			}
		})
	}
}

func total(counts map[string]int) (n int) {
	for _, c := range counts {
		n += c
	}
	return n
}

// TestOnlineSize refreshes ten times: tables are at most twice as large as their rows, and do not grow. It has a server of its own, where
// nobody else holds a snapshot: a long transaction of another test, or an autovacuum's ANALYZE that began with the load, keeps old rows.
func TestOnlineSize(t *testing.T) {
	t.Parallel()
	pgtest.Shared(t) // which skips where there is to be no server
	server, err := pgtest.Start(context.Background(), pgtest.Options{Settings: map[string]string{"autovacuum": "off"}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	dir := writeExport(t, shop.Export{Format: shop.SQL, Size: shop.Rows(20_000)})
	url := server.NewDatabase(t)
	pgtest.Exec(t, url, shop.Schema())
	fileByPsql(t, url, dir+"/load.sql")
	const pages = "SELECT string_agg(relname || ' ' || pg_relation_size(oid) / 8192, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace"
	sizes := func() map[string]int {
		all, words := map[string]int{}, strings.Fields(value(t, url, pages))
		for i := 0; i < len(words); i += 2 {
			var n int
			_, _ = fmt.Sscan(words[i+1], &n)
			all[words[i]] = n
		}
		return all
	}
	first := sizes()
	for i := range 10 {
		if _, err := load.Run(context.Background(), load.Options{Target: target(t, url), Script: load.Script{FS: os.DirFS(dir), Name: "load.sql"}, Online: true, Events: events(t)}); err != nil {
			t.Fatal(err)
		}
		for table, n := range sizes() {
			if n > 2*first[table]+2 {
				t.Errorf("after %d refreshes %s has %d pages, not %d", i+1, table, n, first[table])
			}
		}
	}
}
