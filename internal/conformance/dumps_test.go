package conformance

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// everything makes a database with an object of every kind that pg_dump knows.
func everything(t *testing.T) (source string) {
	t.Helper()
	const oldest = 15 // its objects need this server
	if version := server.Version(); version < oldest {
		t.Skipf("written for PostgreSQL %d and later; installed is %d", oldest, version)
	}
	text, err := os.ReadFile("testdata/everything.sql")
	if err != nil {
		t.Fatal(err)
	}
	source = database(t)
	pgtest.Exec(t, server.URL(source), string(text))
	t.Cleanup(func() { dropSubscription(t, source) })
	return source
}

// dropSubscription lets a database be dropped.
func dropSubscription(t *testing.T, database string) {
	pgtest.Exec(t, server.URL(database), "DO $$ BEGIN IF EXISTS (SELECT FROM pg_subscription s, pg_database d WHERE subdbid = d.oid AND datname = current_database()) THEN"+
		" ALTER SUBSCRIPTION sub DISABLE; ALTER SUBSCRIPTION sub SET (slot_name = NONE); DROP SUBSCRIPTION sub; END IF; END $$")
}

// pgDump writes a dump into a folder of its own, as load.sql.
func pgDump(t *testing.T, source string, args ...string) (dir string) {
	t.Helper()
	bin, err := server.Bin("pg_dump")
	if err != nil {
		t.Fatal(err)
	}
	dir = t.TempDir()
	out, err := exec.CommandContext(t.Context(), bin, append([]string{"-d", server.URL(source), "-f", filepath.Join(dir, "load.sql")}, args...)...).CombinedOutput()
	if err != nil {
		t.Fatalf("pg_dump %s: %s", args, out)
	}
	return dir
}

// reload loads dumps, one after the other, by psql, by us as written, and by us the fast way, and compares what was done and
// what is there then.
func reload(t *testing.T, m mode, dirs ...string) {
	t.Helper()
	p := pair{psql: database(t), ours: database(t)}
	quick := pair{psql: p.psql, ours: database(t)}
	t.Cleanup(func() {
		for _, db := range []string{p.psql, p.ours, quick.ours} {
			dropSubscription(t, db)
		}
	})
	for i, dir := range dirs {
		want := byPsql(t, p.psql, "", dir, m)
		got := byUs(t, p.ours, "", dir, m)
		fast := byUs(t, quick.ours, "", dir, m, func(o *load.Options) { o.Verbatim = false })
		if want.failed || got.failed || fast.failed {
			t.Fatalf("dump %d, %s: psql failed: %v, we: %v, fast: %v\n%s\n%s\n%s", i+1, m, want.failed, got.failed, fast.failed, want.text, got.text, fast.text)
		}
		if diffs := compare(want, got, m, dir); len(diffs) > 0 {
			t.Errorf("dump %d, %s: %s", i+1, m, strings.Join(diffs, "\n"))
		}
	}
	sameSortedDump(t, p)
	sameSortedDump(t, quick)
}

func sameSortedDump(t *testing.T, p pair) {
	t.Helper()
	a, b := strings.Split(pgtest.SortedDump(t, server.URL(p.psql)), "\n"), strings.Split(pgtest.SortedDump(t, server.URL(p.ours)), "\n")
	for i := range min(len(a), len(b)) {
		if a[i] != b[i] {
			t.Fatalf("the dumps differ in line %d\npsql: %s\nours: %s", i+1, a[i], b[i])
		}
	}
	if len(a) != len(b) {
		t.Fatalf("psql's dump has %d lines, ours %d", len(a), len(b))
	}
}

// TestDumps dumps a database by pg_dump in many ways, and loads each dump by psql and by us.
func TestDumps(t *testing.T) {
	t.Parallel()
	source := everything(t)
	for name, args := range map[string][][]string{
		"plain":            {nil},
		"inserts":          {{"--inserts"}},
		"column inserts":   {{"--column-inserts"}},
		"rows per insert":  {{"--rows-per-insert=7", "--on-conflict-do-nothing"}},
		"clean":            {{"--clean", "--if-exists"}},
		"latin1":           {{"--encoding=LATIN1"}},
		"latin1 inserts":   {{"--encoding=LATIN1", "--inserts"}},
		"disable triggers": {{"--schema-only"}, {"--data-only", "--disable-triggers", "--rows-per-insert=7"}},
		"spelled otherwise": {{"--quote-all-identifiers", "--use-set-session-authorization", "--load-via-partition-root", "--disable-dollar-quoting",
			"--no-blobs"}},
		"sections": {{"--section=pre-data"}, {"--section=data"}, {"--section=post-data"}},
	} {
		t.Run(name, func(t *testing.T) {
			var dirs []string
			for _, a := range args {
				dirs = append(dirs, pgDump(t, source, a...))
			}
			reload(t, single, dirs...)
			if name == "clean" { // to the others one transaction or many makes no difference
				reload(t, none, dirs...)
			}
		})
	}
}

// TestDumpCreate loads dumps that make their own database and connect to it.
func TestDumpCreate(t *testing.T) {
	t.Parallel()
	source := everything(t)
	for i, args := range [][]string{{"--create"}, {"--create", "--clean", "--if-exists", "--inserts"}} {
		dir := pgDump(t, source, args...)
		text, err := os.ReadFile(filepath.Join(dir, "load.sql"))
		if err != nil {
			t.Fatal(err)
		}
		if !strings.Contains(string(text), `\connect `+source) {
			t.Fatalf("pg_dump %s wrote no \\connect", args)
		}
		for _, fast := range []bool{false, true} {
			p := pair{psql: fmt.Sprintf("made_by_psql_%d_%v", i, fast), ours: fmt.Sprintf("made_by_us_%d_%v", i, fast)}
			scratch := database(t)
			named := func(name string) string { return writeScript(t, strings.ReplaceAll(string(text), source, name)) }
			t.Cleanup(func() {
				for _, db := range []string{p.psql, p.ours} {
					dropSubscription(t, db)
					pgtest.Exec(t, server.URL(scratch), "DROP DATABASE "+db+" WITH (FORCE)")
				}
			})
			ours := named(p.ours)
			if !fast { // CREATE DATABASE cannot be part of the one transaction, for psql -1 as for us
				want, got := byPsql(t, scratch, "", named(p.psql), single), byUs(t, scratch, "", ours, single)
				if !want.failed || !got.failed || !strings.Contains(got.text, "set transaction to none") {
					t.Fatalf("in one transaction: psql failed: %v, we: %v, %s", want.failed, got.failed, got.text)
				}
			}
			want := byPsql(t, scratch, "", named(p.psql), none)
			got := byUs(t, scratch, "", ours, none, func(o *load.Options) { o.Verbatim = !fast })
			if want.failed || got.failed {
				t.Fatalf("%s, fast %v: psql failed: %v, we: %v\n%s\n%s", args, fast, want.failed, got.failed, want.text, got.text)
			}
			sameSortedDump(t, p)
		}
	}
}
