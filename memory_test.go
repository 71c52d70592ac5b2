package main

import (
	"archive/zip"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
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
	for _, test := range []struct {
		name   string
		export shop.Export
	}{
		{"inserts", shop.Export{Format: shop.SQL, Size: shop.Rows(5_650_000)}},
		{"copy", shop.Export{Format: shop.PostgresOptimized, Size: shop.Rows(6_950_000)}},
	} {
		t.Run(test.name, func(t *testing.T) { // one after the other: they need the disk
			archive := filepath.Join(t.TempDir(), "export.zip")
			if size := writeZip(t, archive, test.export); size < atLeast {
				t.Fatalf("%d bytes of SQL are too few", size)
			}
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

// writeZip packs an export without compressing it, and gives the bytes in it.
func writeZip(t *testing.T, path string, export shop.Export) (size uint64) {
	t.Helper()
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Zip(f, export, shop.ZipOptions{Store: true}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	z, err := zip.OpenReader(path)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = z.Close() }()
	for _, entry := range z.File {
		size += entry.UncompressedSize64
	}
	return size
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
