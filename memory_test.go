package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// Peak memory does not grow with the data: a load of 500 MB of SQL in a zip stays under 64 MiB.
func TestPeakMemory(t *testing.T) {
	t.Parallel()
	const (
		atLeast = 500_000_000 // bytes of SQL
		limit   = 64 << 20    // bytes of memory
	)
	if runtime.GOOS != "linux" {
		t.Skip("the peak of another process's memory is read from /proc, which is Linux's")
	}
	for name, format := range map[string]shop.Format{"inserts": shop.SQL, "copy": shop.PostgresOptimized} {
		t.Run(name, func(t *testing.T) { // one after the other: they need the disk
			archive := filepath.Join(t.TempDir(), "export.zip")
			writeZip(t, archive, shop.Export{Format: format, Size: shop.Rows(100_000)}, atLeast)
			db := pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, db, shop.Schema()+bareTables)

			p := program(t, binary(t), []string{"load", archive}, "DATABASE_URL="+db)
			started := time.Now()
			p.start(t)
			peak := make(chan int64)
			go func() { peak <- watchPeak(p.Process.Pid) }()
			p.exitsWith(t, 0)
			got := <-peak
			t.Logf("peak memory %.1f MiB in %s", float64(got)/(1<<20), time.Since(started).Round(time.Millisecond))
			if got == 0 || got > limit {
				t.Errorf("peak memory %d bytes, more than %d", got, limit)
			}
		})
	}
}

// bareTables makes of the shop's tables ones that the server fills quickly: not logged, without keys and indexes. What
// these cost is the server's memory, not ours.
const bareTables = `
DO $$
DECLARE name text;
BEGIN
	FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
		EXECUTE format('CREATE UNLOGGED TABLE %I (LIKE %I)', 'bare_' || name, name);
		EXECUTE format('DROP TABLE %I CASCADE', name);
		EXECUTE format('ALTER TABLE %I RENAME TO %I', 'bare_' || name, name);
	END LOOP;
END $$;`

// writeZip packs an export whose rows are repeated until there are so many bytes. (The tables have no keys, and with the
// race detector it takes a minute to make as many different rows.)
func writeZip(t *testing.T, path string, export shop.Export, atLeast int) {
	t.Helper()
	var script bytes.Buffer
	if err := export.Write(&script); err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`(?m)^(INSERT|COPY) `).FindIndex(script.Bytes())[0]
	last := bytes.LastIndex(script.Bytes(), []byte("SET session_replication_role"))
	head, rows, foot := script.Bytes()[:first], script.Bytes()[first:last], script.Bytes()[last:]

	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "load.sql", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	parts := append([][]byte{head}, slices.Repeat([][]byte{rows}, atLeast/len(rows)+1)...)
	for _, part := range append(parts, foot) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}

// highWater is the peak of a process's resident memory in its /proc/PID/status, in KiB.
var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// watchPeak gives the peak of a process's memory in bytes, read until it ends. (The kernel's own sum, ru_maxrss, begins
// with the peak of the process that started it, because Go starts processes by vfork: of this test, that is.)
func watchPeak(pid int) (bytes int64) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for range tick.C {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		found := highWater.FindSubmatch(status)
		if err != nil || found == nil { // a process that has ended has no memory
			break
		}
		kib, err := strconv.ParseInt(string(found[1]), 10, 64)
		if err != nil {
			break
		}
		bytes = max(bytes, kib<<10)
	}
	return bytes
}
