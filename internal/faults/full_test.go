//go:build unix

package faults

import (
	"bytes"
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// What the server's processes may have, as ulimit says it. A file has to hold a segment of the write-ahead log, 16 MiB; beyond
// it a page is written in part, as on a disk that is full.
const (
	smallFiles = "-f 32777"   // blocks of 512 bytes
	shortLog   = "-f 16384"   // the write-ahead log's own files are larger
	someMemory = "-v 1000000" // KiB
)

// bigTable fills a table whose file becomes 40 MiB large, because a page has room for one row only. An index on fill that is built
// with that fill factor becomes 20 MiB large.
func bigTable(before string) []byte {
	const rows = 5000
	b := bytes.NewBufferString(before + "COPY big (id, fill) FROM stdin;\n")
	r := rand.New(rand.NewPCG(1, 2))
	for i := range rows {
		fmt.Fprintf(b, "%d\t", i)
		for range 26 {
			fmt.Fprintf(b, "%016x", r.Uint64()) // what cannot be compressed
		}
		b.WriteByte('\n')
	}
	b.WriteString("\\.\n")
	return b.Bytes()
}

const (
	newBig  = "TRUNCATE reviews;\nCREATE TABLE big (id int, fill text) WITH (fillfactor = 10);\n"
	plain   = "CREATE TABLE big (id int, fill text)"
	indexed = plain + "; CREATE INDEX big_fill ON big (fill) WITH (fillfactor = 10)"
	emptied = "TRUNCATE big;\n"
)

// limited gives the run a server of its own, with tables made by SQL, under limits that end with the run. When they have been
// met, the server has said so; whether it can still be used then is looked at first.
func limited(sql, limits, met string) func(*world) {
	return func(w *world) {
		if strings.HasPrefix(limits, "-v") && runtime.GOOS != "linux" {
			w.t.Skip("a process's memory can be limited on Linux only")
		}
		onOwnServer(w)
		pgtest.Exec(w.t, w.db, sql)
		w.before = pgtest.SortedDump(w.t, w.db)
		if limits == shortLog { // the log's file is nearly at its limit
			pgtest.Exec(w.t, w.db, "SELECT pg_switch_wal()")
			pgtest.Exec(w.t, w.db, "SELECT pg_logical_emit_message(false, 'fill', repeat('x', 1000000)) FROM generate_series(1, 7)")
		}
		pgtest.Exec(w.t, w.db, "CHECKPOINT") // what was committed a moment ago would not outlive the restart
		if err := w.server.RestartUnder(context.Background(), limits); err != nil {
			w.t.Fatal(err)
		}
		said := w.serverSays()
		w.release = append(w.release, func() {
			if !strings.Contains(said(), met) {
				w.t.Errorf("the limit was not met: the server did not say %q", met)
			}
			if limits != shortLog {
				w.usable()
			}
			if err := w.server.Restart(context.Background(), nil); err != nil {
				w.t.Error(err)
			}
			w.usable()
		})
	}
}

// serverSays gives what the server has written to its log since.
func (w *world) serverSays() func() string {
	before, _ := os.ReadFile(w.server.Log())
	return func() string {
		now, _ := os.ReadFile(w.server.Log())
		return string(now[min(len(before), len(now)):])
	}
}

// usable wants the server to read and write as ever.
func (w *world) usable() {
	if _, said, code := pgtest.Psql(w.t, w.db, "-c", "CREATE TABLE still AS SELECT count(*) FROM users; DROP TABLE still"); code != 0 {
		w.t.Errorf("the server cannot be used any more: %s", said)
	}
}

// fullTablespace gives the run a server of its own whose new tables are on a disk that is small.
func fullTablespace(w *world) {
	onOwnServer(w)
	dir, err := os.MkdirTemp("", "disk-")
	if err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := mountSmall(dir, "size=4m"); err != nil {
		w.t.Skipf("no small disk can be mounted here (it needs root): %v", err)
	}
	w.t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	owner, err := os.Stat(w.server.DataDir())
	if err != nil {
		w.t.Fatal(err)
	}
	if s, ok := owner.Sys().(*syscall.Stat_t); ok {
		err = os.Chown(dir, int(s.Uid), int(s.Gid))
	}
	if err != nil {
		w.t.Fatal(err)
	}
	database := w.db[strings.LastIndex(w.db, "/")+1 : strings.LastIndex(w.db, "?")]
	pgtest.Exec(w.t, w.db, "CREATE TABLESPACE small LOCATION '"+dir+"'")
	pgtest.Exec(w.t, w.db, "ALTER DATABASE "+database+" SET default_tablespace = small")
	w.release = append(w.release, func() {
		w.usable()
		pgtest.Exec(w.t, w.db, "ALTER DATABASE "+database+" RESET default_tablespace")
		pgtest.Exec(w.t, w.db, "DROP TABLESPACE small")
	})
}

// fullFaults are of a server that has no room left: on its disk, in its memory, for its temporary files.
func fullFaults() []fault {
	const noRoom = "could not extend file"
	settings := func(settings ...string) func(*world) {
		sql := ""
		for _, s := range settings {
			sql += fmt.Sprintf("DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I SET %s', current_database()); END $$;", s)
		}
		return schema(sql)
	}
	return []fault{
		{name: "server's disk is full, in a COPY", prepare: limited("", smallFiles, noRoom), data: bigTable(newBig), code: problem.Database, says: []string{noRoom, asItWas}},
		{name: "server's disk is full, in INSERTs", prepare: limited("", smallFiles, noRoom), code: problem.Database, says: []string{noRoom, asItWas},
			data: []byte(newBig + "INSERT INTO big SELECT i, repeat('x', 500) FROM generate_series(1, 5000) AS i;\n")},
		{name: "server's disk is full, while an index is built", prepare: limited(indexed, smallFiles, noRoom), data: bigTable(emptied), code: problem.Database, says: []string{noRoom, asItWas}},
		{name: "server's disk is full, each statement on its own", prepare: limited("", smallFiles, noRoom), data: bigTable(newBig), args: []string{"--transaction=none"},
			code: problem.Database, says: []string{noRoom}, after: partial},
		{name: "server's disk is full, the disk of a tablespace", prepare: fullTablespace, data: bigTable(newBig), code: problem.Database,
			says: []string{"53100", "No space left on device", "Free space", asItWas}},
		{name: "server's disk is full, in the write-ahead log", prepare: limited(plain, shortLog, "PANIC:  could not write to"), data: append(bigTable(emptied), sleeping(2)...), code: problem.Database,
			says: []string{"connection to the database was lost", asItWas}, limit: time.Minute},
		{name: "server's temporary files are at their limit, in a sort", data: append(bigTable(newBig), "CREATE INDEX ON big (fill);\n"...), code: problem.Database,
			says: []string{"53400", "temp_file_limit", asItWas}, prepare: settings("temp_file_limit = ''64kB''", "maintenance_work_mem = ''1MB''")},
		{name: "server is out of memory", prepare: limited("", someMemory, "out of memory"), code: problem.Database, says: []string{"53200", "out of memory", asItWas},
			data: []byte("TRUNCATE reviews;\nSELECT length(repeat('x', 1000000000));\n")},
		{name: "server is out of memory, and the system kills it", prepare: onOwnServer, data: sleeping(2), args: []string{"--connect-timeout=30s"}, says: []string{again}, limit: time.Minute,
			during: func(w *world) {
				w.await(func() bool {
					out, _, _ := pgtest.Psql(w.t, w.db, "-Atc", "SELECT pid FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
					pid, err := strconv.Atoi(strings.TrimSpace(out))
					return err == nil && syscall.Kill(pid, syscall.SIGKILL) == nil
				})
			}},
	}
}
