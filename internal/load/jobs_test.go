//go:build unix

package load_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestJobsKeepTheSession loads a script whose tables are found, and whose rows are read, only with what it has set before:
// every connection must know.
func TestJobsKeepTheSession(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	schema := `CREATE SCHEMA app; CREATE TABLE app.a (id integer, at timestamptz, name text); CREATE TABLE app.b (LIKE app.a);
		CREATE TABLE a (LIKE app.a); CREATE TABLE b (LIKE app.a); CREATE TABLE app.counts (a bigint, b bigint);`
	rows := func(table string, n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "INSERT INTO %s (id, at, name) VALUES\n", table)
		for i := range n {
			fmt.Fprintf(&b, "(%d, '2025-01-01 00:00:00', 'n\xe9 %d')%s\n", i, i, map[bool]string{true: ";", false: ","}[i == n-1])
		}
		return b.String()
	}
	script := "SELECT pg_catalog.set_config('search_path', 'app', false);\n\\encoding LATIN1\nSET TIME ZONE 'Asia/Tokyo';\nSET session_replication_role = replica;\n" +
		rows("a", 2000) + rows("b", 3000) + rows("a", 500) +
		"INSERT INTO counts SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);\nSET search_path = public;\n" + rows("b", 100)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "load.sql"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
	pgtest.Exec(t, psqlURL, schema)
	pgtest.Exec(t, oursURL, schema)
	if _, stderr, code := pgtest.Psql(t, psqlURL, "-v", "ON_ERROR_STOP=1", "-q", "-f", filepath.Join(dir, "load.sql")); code != 0 {
		t.Fatalf("psql: %s", stderr)
	}
	result, err := load.Run(context.Background(), load.Options{Target: target(t, oursURL), Transaction: load.None, Jobs: 3,
		Script: load.Script{FS: os.DirFS(dir), Name: "load.sql"}, Events: events(t)})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(result.Tables); result.Rows != 5601 {
		t.Errorf("%d rows: %s", result.Rows, got)
	}
	sameDump(t, psqlURL, oursURL)
}

// TestCopyAwaitsOthers loads rows that fire a trigger, which looks at a table whose own rows come over another connection.
func TestCopyAwaitsOthers(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, `CREATE TABLE t (id int); CREATE INDEX ON t (id); CREATE TABLE counts (n int);
		CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW.n := (SELECT count(*) FROM t); RETURN NEW; END $$;
		CREATE TRIGGER f BEFORE INSERT ON counts FOR EACH ROW EXECUTE FUNCTION f(); ALTER TABLE counts ENABLE ALWAYS TRIGGER f`)
	var b strings.Builder
	b.WriteString("SET session_replication_role = replica;\nTRUNCATE t, counts;\nCOPY t (id) FROM stdin;\n")
	const rows = 10_000
	for n := range rows {
		fmt.Fprintf(&b, "%d\n", n)
	}
	b.WriteString("\\.\n")
	for _, command := range []string{"COPY counts (n) FROM stdin;", `\copy counts (n) FROM stdin`} {
		text := b.String() + command + "\n0\n\\.\n" + fmt.Sprintf("SELECT 1 / count(*) FROM counts WHERE n = %d;\n", rows)
		if _, err := load.Run(context.Background(), load.Options{Target: target(t, url), Transaction: load.None, Jobs: 2, Script: script(text), Events: events(t)}); err != nil {
			t.Errorf("%s %v", command, err)
		}
	}
}

// TestRefusedBeforeSettings has a row refused while the script has gone on, and has set what gives the row another meaning: it is
// refused all the same.
func TestRefusedBeforeSettings(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	var rows strings.Builder
	rows.WriteString("INSERT INTO t (id, name) VALUES (0, 'é')")
	for n := range 30_000 {
		fmt.Fprintf(&rows, ",\n(%d, 'é')", n)
	}
	for _, setting := range []string{"SET search_path = other;", "SELECT pg_catalog.set_config('search_path', 'other', false);", `\encoding LATIN1`} {
		pgtest.Exec(t, url, "DROP SCHEMA IF EXISTS app, other CASCADE; CREATE SCHEMA app; CREATE SCHEMA other; CREATE TABLE app.t (id int PRIMARY KEY, name text); CREATE TABLE other.t (id int, name text)")
		text := "SET session_replication_role = replica;\nSET search_path = app;\n" + rows.String() + ";\n" + setting + "\n"
		_, err := load.Run(context.Background(), load.Options{Target: target(t, url), Transaction: load.None, Jobs: 2, Script: script(text), Events: events(t)})
		var pe *pgconn.PgError
		if !errors.As(err, &pe) || pe.Code != "23505" || pe.SchemaName != "app" {
			t.Errorf("%s %v", setting, err)
		}
	}
}

// TestEveryTransactionIsTuned holds that each table's indexes are built with the memory meant for that, also by a connection that
// has built others before, and with no more helpers than there are processors for.
func TestEveryTransactionIsTuned(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, `CREATE FUNCTION f(int) RETURNS int IMMUTABLE LANGUAGE plpgsql AS $$ BEGIN
		IF current_query() LIKE 'REINDEX%' AND (current_setting('maintenance_work_mem') <> '256MB' OR current_setting('max_parallel_maintenance_workers')::int > `+fmt.Sprint(runtime.NumCPU()-1)+`) THEN
			RAISE 'with % and % helpers', current_setting('maintenance_work_mem'), current_setting('max_parallel_maintenance_workers');
		END IF;
		RETURN $1; END $$`)
	var b strings.Builder
	b.WriteString("SET session_replication_role = replica;\nTRUNCATE t0, t1, t2, t3, t4, t5;\n")
	const tables, rows = 6, 40_000
	for i := range tables {
		pgtest.Exec(t, url, fmt.Sprintf("CREATE TABLE t%d (id int); CREATE INDEX ON t%[1]d (f(id))", i))
		fmt.Fprintf(&b, "COPY t%d (id) FROM stdin;\n", i)
		for n := range rows {
			fmt.Fprintf(&b, "%d\n", 100_000+n)
		}
		b.WriteString("\\.\n")
	}
	for jobs, mode := range map[int]load.Mode{1: load.Single, 2: load.None} {
		if _, err := load.Run(context.Background(), load.Options{Target: target(t, url), Transaction: mode, Jobs: jobs, Script: script(b.String()), Events: events(t)}); err != nil {
			t.Errorf("%d jobs: %v", jobs, err)
		}
	}
}

// TestOtherSpelling has rows come to a table by another name, or by the one that it is a partition of, which is looked up in the catalog while
// another connection has the table's lock and waits for what follows on its INSERTs. No lock of our own is waited for.
func TestOtherSpelling(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, "CREATE TABLE whole (id integer PRIMARY KEY, name text) PARTITION BY RANGE (id); CREATE TABLE t PARTITION OF whole FOR VALUES FROM (0) TO (100000)")
	var inserts strings.Builder
	inserts.WriteString("SET lock_timeout = 1;\n")
	for n := range 10_000 {
		fmt.Fprintf(&inserts, "INSERT INTO t VALUES (%d, 'a name');\n", n)
	}
	for _, rows := range []string{"\\copy public.t from stdin\n10000\ta name\n\\.\n", "INSERT INTO public.t VALUES (10000, 'a name'), (10001, 'a name');\n", "COPY public.t FROM stdin;\n10000\ta name\n\\.\n",
		"COPY whole FROM stdin;\n10000\ta name\n\\.\n"} {
		pgtest.Exec(t, url, "TRUNCATE t")
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "load.sql"), []byte(inserts.String()+"\\echo\n"+rows), 0o600); err != nil {
			t.Fatal(err)
		}
		locked := func() {
			for end := time.Now().Add(time.Minute); time.Now().Before(end); time.Sleep(time.Millisecond) {
				if value(t, url, "SELECT count(*) FROM pg_locks l JOIN pg_class c ON c.oid = l.relation WHERE l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND c.relname = 't' AND l.mode = 'AccessExclusiveLock' AND l.granted") != "0" {
					return
				}
			}
			t.Error("nobody has locked the table")
		}
		o := load.Options{Target: target(t, url), Transaction: load.None, Jobs: 2, Script: load.Script{FS: &gate{FS: os.DirFS(dir), at: int64(inserts.Len()), open: locked}, Name: "load.sql"}, Events: events(t)}
		o.Eager(1)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if _, err := load.Run(ctx, o); err != nil {
			t.Errorf("%s %v", rows, err)
		}
		cancel()
	}
}

// gate is files of which the first that is opened is read beyond an offset only once open has returned.
type gate struct {
	fs.FS
	at   int64
	open func()
}

type gated struct {
	*os.File
	at   int64
	open func() // nil once it has returned
}

func (g *gate) Open(name string) (fs.File, error) {
	f, err := g.FS.Open(name)
	file, ok := f.(*os.File)
	if !ok || g.open == nil {
		return f, err
	}
	open := g.open
	g.open = nil
	return &gated{file, g.at, open}, nil
}

func (f *gated) Read(p []byte) (int, error) {
	switch at, err := f.Seek(0, io.SeekCurrent); {
	case err != nil:
		return 0, err
	case at < f.at:
		p = p[:min(int64(len(p)), f.at-at)]
	case f.open != nil:
		f.open()
		f.open = nil
	}
	return f.File.Read(p)
}

// TestNoOtherConnection loads with jobs as a role that may have one connection: that loads all, and says so.
func TestNoOtherConnection(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	role, as := newRole(t, url)
	pgtest.Exec(t, url, "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); ALTER TABLE a OWNER TO "+role+"; ALTER TABLE b OWNER TO "+role+"; ALTER ROLE "+role+" CONNECTION LIMIT 1")
	var text, said strings.Builder
	for i, table := range []string{"a", "b", "a"} {
		for row := range 20 {
			fmt.Fprintf(&text, "INSERT INTO %s VALUES (%d);\n", table, 20*i+row)
		}
	}
	_, err := loaded(t, as, text.String(), func(o *load.Options) {
		o.Transaction, o.Jobs = load.None, 2
		o.Events.Notice = func(notice string) { said.WriteString(notice + "\n") }
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := value(t, url, "SELECT (SELECT count(*) FROM a) || ' ' || (SELECT count(*) FROM b)"); got != "40 20" {
		t.Errorf("%s rows", got)
	}
	if !strings.Contains(said.String(), "no other connection could be made") {
		t.Errorf("it says %q", said.String())
	}
}
