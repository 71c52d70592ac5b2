//go:build unix

package load_test

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"
	"github.com/rogpeppe/go-internal/txtar"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// roles numbers the roles of this process: they belong to the whole server.
var roles atomic.Int64

// newRole makes a role that may log in and nothing more, and gives the database's URL with it.
func newRole(t testing.TB, databaseURL string) (role, roleURL string) {
	t.Helper()
	role = fmt.Sprintf("role_%d", roles.Add(1))
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	pgtest.Exec(t, databaseURL, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD 'p w:/@%%'", role))
	t.Cleanup(func() { // before the database is dropped
		pgtest.Exec(t, databaseURL, fmt.Sprintf("REASSIGN OWNED BY %s TO postgres; DROP OWNED BY %[1]s; DROP ROLE %[1]s", role))
	})
	u.User = url.UserPassword(role, "p w:/@%")
	return role, u.String()
}

// script is one script for load.Options.
func script(text string) load.Script {
	return load.Script{FS: fstest.MapFS{"load.sql": &fstest.MapFile{Data: []byte(text)}}, Name: "load.sql"}
}

// loaded runs a script against a database, and gives the warnings.
func loaded(t testing.TB, databaseURL, text string, change func(*load.Options)) (warnings []string, err error) {
	t.Helper()
	o := load.Options{Target: target(t, databaseURL), Script: script(text), Events: events(t)}
	o.Events.Warn = func(s string) {
		t.Log("warning:", s)
		warnings = append(warnings, s)
	}
	if change != nil {
		change(&o)
	}
	_, err = load.Run(context.Background(), o)
	return warnings, err
}

// loadedByPsql loads the same as psql does.
func loadedByPsql(t testing.TB, databaseURL, text string) {
	t.Helper()
	path := filepath.Join(t.TempDir(), "load.sql")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	fileByPsql(t, databaseURL, path)
}

// fileByPsql has psql load a file.
func fileByPsql(t testing.TB, databaseURL, path string) {
	t.Helper()
	if _, stderr, code := pgtest.Psql(t, databaseURL, "-1", "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-f", path); code != 0 {
		t.Fatal(stderr)
	}
}

// value gives the one value of a query as text.
func value(t testing.TB, databaseURL, query string) string {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	var text *string
	if err := conn.QueryRow(ctx, "SELECT ("+query+")::text").Scan(&text); err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	if text == nil {
		return "NULL"
	}
	return *text
}

// TestDatabasesAsPeopleHaveThem loads one export for each schema: by a superuser through psql, and through us by a superuser, by
// the mere owner of the database, and by an owner with the replica role granted, to the server itself and through PgBouncer. The dumps are the same but for sequences, and
// an application's inserts with default ids work.
func TestDatabasesAsPeopleHaveThem(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	through := pooler(t, server)
	if through == nil {
		t.Log("without the loads through PgBouncer, which is not installed (apt-get install pgbouncer)")
	}
	files, err := filepath.Glob("testdata/databases/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatalf("no fixtures: %v", err)
	}
	for number, file := range files {
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			fixture, err := txtar.ParseFile(file)
			if err != nil {
				t.Fatal(err)
			}
			part := map[string]string{}
			for _, f := range fixture.Files {
				part[f.Name] = string(f.Data)
			}
			if last, err := strconv.Atoi(strings.TrimSpace(part["last server"])); err == nil && server.Version() > last {
				t.Skipf("a schema that PostgreSQL %d refuses", server.Version())
			}
			dir := t.TempDir()
			if err := os.Chmod(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			path := filepath.Join(dir, "load.sql")
			if err := os.WriteFile(path, []byte(part["load.sql"]), 0o644); err != nil {
				t.Fatal(err)
			}
			psqlURL := server.NewDatabase(t)
			prepare(t, psqlURL, part)
			if _, stderr, code := pgtest.Psql(t, psqlURL, "-v", "ON_ERROR_STOP=1", "-1", "-q", "-f", path); code != 0 {
				t.Fatalf("psql: %s", stderr)
			}
			want := withoutSequences(pgtest.SortedDump(t, psqlURL, "-O", "-x"))
			for _, as := range waysIn(number) {
				t.Run(as, func(t *testing.T) {
					t.Parallel()
					if strings.HasSuffix(as, "pooled") && through == nil {
						t.Skip("pgbouncer is not installed")
					}
					if strings.HasPrefix(as, "granted") && server.Version() < 15 {
						t.Skip("parameters are granted from PostgreSQL 15 on")
					}
					superURL := server.NewDatabase(t)
					roleURL := prepare(t, superURL, part)
					switch as {
					case "superuser":
						roleURL = superURL
					case "granted", "granted pooled":
						u, _ := url.Parse(roleURL)
						pgtest.Exec(t, superURL, "GRANT SET ON PARAMETER session_replication_role TO "+u.User.Username())
						if as == "granted pooled" {
							roleURL = through(roleURL)
						}
					case "owner pooled":
						roleURL = through(roleURL)
					case "superuser pooled":
						roleURL = through(superURL)
					}
					warnings, err := loaded(t, roleURL, part["load.sql"], func(o *load.Options) {
						o.ForeignKeys = load.Enforce
						o.Verbatim = as == "owner verbatim"
					})
					if err != nil {
						t.Fatal(err)
					}
					if want := strings.TrimSpace(part["warnings"]); as != "owner verbatim" && (len(warnings) > 0 && want == "" || want != "" && !strings.Contains(strings.Join(warnings, "\n"), want)) {
						t.Errorf("warnings: %q, not %q", warnings, want)
					}
					if got := withoutSequences(pgtest.SortedDump(t, superURL, "-O", "-x")); got != want {
						t.Fatalf("dumps differ:\n%s", difference(want, got))
					}
					if after := part["application.sql"]; after != "" {
						pgtest.Exec(t, superURL, after)
					}
					pgtest.Exec(t, superURL, everythingHolds)
				})
			}
		})
	}
}

// everythingHolds lets the server check every foreign key that is valid, and takes the next value of every default and identity: it
// is in no row.
const everythingHolds = `
BEGIN;
UPDATE pg_constraint SET convalidated = false WHERE contype = 'f' AND convalidated;
DO $$
DECLARE
	made record; next numeric; taken bool;
BEGIN
	FOR made IN SELECT conrelid::regclass AS rel, conname FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid AND c.relkind = 'r'
		WHERE contype = 'f' AND k.xmin = pg_current_xact_id()::xid AND (conparentid = 0 OR confrelid = (SELECT confrelid FROM pg_constraint WHERE oid = k.conparentid))
	LOOP
		EXECUTE format('ALTER TABLE %s VALIDATE CONSTRAINT %I', made.rel, made.conname);
	END LOOP;
	FOR made IN SELECT a.attrelid::regclass AS rel, a.attname, coalesce(pg_get_serial_sequence(a.attrelid::regclass::text, a.attname)::regclass,
			substring(pg_get_expr(d.adbin, d.adrelid) FROM 'nextval\(''([^'']+)''::regclass\)')::regclass) AS seq
		FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid AND c.relkind IN ('r', 'p') AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
		LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = a.attnum
		WHERE a.attnum > 0 AND a.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'numeric'::regtype) AND NOT a.attisdropped
	LOOP
		CONTINUE WHEN made.seq IS NULL;
		next := nextval(made.seq);
		EXECUTE format('SELECT EXISTS (SELECT 1 FROM %s WHERE %I = %s)', made.rel, made.attname, next) INTO taken;
		IF taken THEN RAISE 'the next value of % is %, which is taken in %', made.seq, next, made.rel; END IF;
	END LOOP;
END $$;
ROLLBACK;`

// TestEverythingHolds holds that what is asked of every database after a load can fail.
func TestEverythingHolds(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for schema, want := range map[string]string{
		"CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int CONSTRAINT broken REFERENCES p); SET session_replication_role = replica; INSERT INTO c VALUES (1)":                                            "broken",
		"CREATE TABLE t (id int GENERATED BY DEFAULT AS IDENTITY); INSERT INTO t VALUES (1)":                                                                                                                      "t_id_seq is 1, which is taken",
		"CREATE SEQUENCE s; CREATE TABLE t (id numeric DEFAULT nextval('s')); INSERT INTO t VALUES (1)":                                                                                                           "of s is 1, which is taken",
		"CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (p int REFERENCES p) PARTITION BY LIST (p); CREATE TABLE d PARTITION OF c DEFAULT; SET session_replication_role = replica; INSERT INTO d VALUES (1)": "violates foreign key",
		"CREATE TABLE t (id serial, up int)": "",
	} {
		url := server.NewDatabase(t)
		pgtest.Exec(t, url, schema)
		_, stderr, code := pgtest.Psql(t, url, "-c", everythingHolds)
		if (code != 0) != (want != "") || !strings.Contains(stderr, want) {
			t.Errorf("%s: %s", schema, stderr)
		}
	}
}

// waysIn gives the ways in which a fixture is loaded: all of them, or with -short those that matter most, and of the others one each
// in turn.
func waysIn(number int) []string {
	always, others := []string{"superuser", "owner", "granted pooled"}, []string{"owner verbatim", "granted", "owner pooled", "superuser pooled"}
	if testing.Short() {
		return append(always, others[number%len(others)])
	}
	return append(always, others...)
}

// prepare makes a fixture's schema as a role that owns the database and all in it.
func prepare(t testing.TB, databaseURL string, part map[string]string) (roleURL string) {
	t.Helper()
	role, roleURL := newRole(t, databaseURL)
	if s := part["superuser.sql"]; s != "" {
		pgtest.Exec(t, databaseURL, s)
	}
	pgtest.Exec(t, databaseURL, fmt.Sprintf(`DO $$ BEGIN EXECUTE format('ALTER DATABASE %%I OWNER TO %s', current_database()); END $$;
		ALTER SCHEMA public OWNER TO %[1]s`, role))
	pgtest.Exec(t, roleURL, part["schema.sql"])
	return roleURL
}

// withoutSequences takes the positions of sequences out of a dump.
func withoutSequences(dump string) string {
	lines := strings.SplitAfter(dump, "\n")
	kept := lines[:0]
	for _, line := range lines {
		if !strings.HasPrefix(line, "SELECT pg_catalog.setval(") {
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// difference shows the first lines that differ.
func difference(want, got string) string {
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			return fmt.Sprintf("line %d\nwant:\n%s\ngot:\n%s", i+1, strings.Join(a[max(0, i-3):min(len(a), i+6)], "\n"), strings.Join(b[min(len(b), max(0, i-3)):min(len(b), i+6)], "\n"))
		}
	}
	return "the second is longer"
}

// BenchmarkRoles loads one export as each kind of role: an owner's load is to take no more than 1.3 times the superuser's.
func BenchmarkRoles(b *testing.B) {
	server := pgtest.Shared(b)
	dir := writeExport(b, shop.Export{Format: shop.SQL, Size: shop.Rows(400_000)})
	for _, as := range []string{"superuser", "owner", "granted"} {
		b.Run(as, func(b *testing.B) {
			for b.Loop() {
				b.StopTimer()
				url := server.NewDatabase(b)
				roleURL := prepare(b, url, map[string]string{"schema.sql": shop.Schema()})
				switch as {
				case "superuser":
					roleURL = url
				case "granted":
					pgtest.Exec(b, url, "GRANT SET ON PARAMETER session_replication_role TO "+target(b, roleURL).User)
				}
				b.StartTimer()
				if _, err := load.Run(context.Background(), load.Options{Target: target(b, roleURL), Script: load.Script{FS: os.DirFS(dir), Name: "load.sql"}}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
