//go:build unix

package load_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// TestPosted holds that small statements, which do not wait for each other's answers, end as they do with psql: in the same
// rows, the same output of the script, and the same error in the same place.
func TestPosted(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const schema = `CREATE TABLE t (id int PRIMARY KEY, note text); CREATE TABLE u (id int, note text); INSERT INTO t VALUES (100, 'kept');
		CREATE FUNCTION noisy() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE NOTICE 'row %', NEW.id; RETURN NEW; END $$;
		CREATE TABLE n (id int); CREATE TRIGGER x BEFORE INSERT ON n FOR EACH ROW EXECUTE FUNCTION noisy();
		CREATE TABLE odd (id int); CREATE RULE nothing AS ON INSERT TO odd WHERE NEW.id % 2 = 0 DO INSTEAD NOTHING;
		CREATE TABLE parent (id serial PRIMARY KEY); CREATE TABLE child (id int REFERENCES parent DEFERRABLE INITIALLY DEFERRED, n serial); CREATE TABLE grandchild () INHERITS (child);
		INSERT INTO parent VALUES (DEFAULT), (DEFAULT); INSERT INTO child VALUES (1), (2); INSERT INTO grandchild VALUES (2);
		CREATE SCHEMA "U&X"; CREATE TABLE "U&X"."a,b" (id int); INSERT INTO "U&X"."a,b" VALUES (1);`
	const watched = "CREATE TABLE seen_by (n serial, tables text, rows int); CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO seen_by (tables, rows) SELECT TG_TABLE_NAME, count(*) FROM u; RETURN NULL; END $$; " +
		"INSERT INTO u VALUES (1, 'x'); CREATE TRIGGER w BEFORE TRUNCATE ON t FOR EACH STATEMENT EXECUTE FUNCTION watch(); "
	var many strings.Builder // more than are posted at once, each unlike the one before
	for i := range 200 {
		fmt.Fprintf(&many, "INSERT INTO t VALUES (%d, 'a'); INSERT INTO u SELECT %d;\n", i+1000, i)
	}
	large := func(from int, tail string) string { // 120 KB
		return fmt.Sprintf("INSERT INTO u VALUES (%d, '%s')%s;\n", from, strings.Repeat("x", 120_000), tail)
	}
	for name, text := range map[string]string{
		"a COPY behind a branch":      "INSERT INTO t VALUES (1);\n\\if 0\nINSERT INTO t VALUES (2) \\g\n\\endif\nCOPY u (id) FROM stdin;\n1\n\\.\nINSERT INTO u SELECT 3;",
		"a COPY behind two branches":  "\\if 0\nTRUNCATE t \\g\n\\elif 1\nCOPY u (id) FROM stdin;\n1\n\\.\n\\else\nTRUNCATE u \\g\n\\endif\nCOPY u (id) FROM stdin;\n2\n\\.\n",
		"large ones":                  large(1, "") + large(2, "") + large(3, "") + "INSERT INTO u VALUES (4);" + large(5, ""),
		"large, one fails":            large(1, "") + large(2, "") + large(3, ", (1/0)") + large(4, "") + large(5, ""),
		"large, the last fails":       large(1, "") + large(2, "") + "INSERT INTO u SELECT 1/0;\n",
		"large, a variable waits":     large(1, "") + large(2, ", (1), (2)") + "\\echo :ROW_COUNT\n" + large(3, ""),
		"large, and rows come back":   large(1, "") + large(2, " RETURNING (SELECT string_agg(repeat('y', 1000), '') FROM generate_series(1, 15000))") + large(3, " RETURNING 1") + large(4, ""),
		"large, and many notices":     "SET client_min_messages = debug1;\n" + large(1, "") + "INSERT INTO n SELECT generate_series(1, 20000) /*" + strings.Repeat("-", 100_000) + "*/;\n" + large(3, ""),
		"one after the other":         "TRUNCATE t; TRUNCATE u;\nINSERT INTO t VALUES (1); INSERT INTO u SELECT 1; INSERT INTO t VALUES (2);",
		"many":                        many.String(),
		"one that fails":              "INSERT INTO t VALUES (1);\nINSERT INTO t\n  VALUES (1);\nINSERT INTO t VALUES (2);",
		"one with a place":            "INSERT INTO u SELECT 1;\nINSERT INTO u\n  SELECT nothing;\nINSERT INTO u SELECT 3;",
		"the last of many fails":      many.String() + "INSERT INTO u SELECT 1/0;",
		"the first of many fails":     "INSERT INTO u SELECT 1/0;" + many.String(),
		"later words do not save it":  "INSERT INTO u SELECT 1/0;\n\\set ON_ERROR_STOP off\nINSERT INTO u SELECT 2;",
		"a later refusal is not told": "INSERT INTO u SELECT 1/0;\nINSERT INTO u SELECT 2 \\bogus\n",
		"output stays behind it":      "\\echo before\nINSERT INTO u SELECT 1/0;\n\\echo after\n",
		"a variable waits":            "INSERT INTO u SELECT generate_series(1, 3);\n\\echo :ROW_COUNT :SQLSTATE\nINSERT INTO u VALUES (:ROW_COUNT);\n\\if :ERROR \\echo no \\endif",
		"a variable meets a failure":  "INSERT INTO u SELECT 1/0;\nINSERT INTO u VALUES (:ROW_COUNT);\n\\echo never",
		"set from a variable":         "INSERT INTO u SELECT generate_series(1, 3);\n\\set n :ROW_COUNT\nINSERT INTO u VALUES (9);\n\\echo :n\nINSERT INTO u VALUES (:n);",
		"a variable behind a run":     strings.Repeat("INSERT INTO u VALUES (1), (2), (3);\n", 9) + "\\echo :ROW_COUNT\nINSERT INTO u VALUES (:ROW_COUNT);",
		"rules count":                 "INSERT INTO odd VALUES (1), (2), (3);\n\\echo :ROW_COUNT",
		"rows come back":              "INSERT INTO u SELECT generate_series(1, 2000) RETURNING repeat('x', 500);\nINSERT INTO u VALUES (1);",
		"notices":                     "INSERT INTO n SELECT generate_series(1, 20);\nINSERT INTO n SELECT 1;",
		"before a savepoint":          "INSERT INTO u VALUES (1);\nSAVEPOINT s;\nINSERT INTO u VALUES (2);\nROLLBACK TO s;\nINSERT INTO u VALUES (3);",
		"before a commit":             "INSERT INTO u VALUES (1);\nCOMMIT;\nBEGIN;\nINSERT INTO u VALUES (2);\nROLLBACK;",
		"before a copy":               "INSERT INTO u VALUES (1);\nCOPY u FROM stdin;\n2\tx\n\\.\nTRUNCATE u;\nINSERT INTO u VALUES (3);",
		"before a copy that fails":    "INSERT INTO u VALUES (1);\nCOPY u FROM stdin;\nx\ty\n\\.\n",
		"a failure before a copy":     "INSERT INTO u SELECT 1/0;\nCOPY u FROM stdin;\n1\ty\n\\.\n",
		"emptied":                     "TRUNCATE t CASCADE;\nTRUNCATE TABLE u CASCADE; TRUNCATE ONLY n, odd * CASCADE;\nTRUNCATE \"U&X\" . \"a,b\" /* c */ CASCADE;",
		"emptied, in two ways":        "TRUNCATE t CASCADE;\nTRUNCATE parent RESTART IDENTITY CASCADE; TRUNCATE grandchild RESTART IDENTITY CASCADE;\nTRUNCATE u CONTINUE IDENTITY CASCADE; INSERT INTO parent VALUES (DEFAULT);",
		"emptied, one without more":   "TRUNCATE child; TRUNCATE parent;",
		"emptied in the wrong order":  "TRUNCATE u CASCADE; TRUNCATE t CASCADE; TRUNCATE parent;",
		"emptied, all but":            "TRUNCATE u CASCADE; TRUNCATE ONLY child CASCADE; INSERT INTO u VALUES (1);",
		"emptied, one waits":          "INSERT INTO child VALUES (9, 9);\nTRUNCATE t CASCADE;\nTRUNCATE parent CASCADE;",
		"emptied, then a variable":    "TRUNCATE t CASCADE; TRUNCATE u CASCADE;\n\\echo :SQLSTATE :ROW_COUNT\nINSERT INTO u VALUES (1);",
		"emptied and taken back":      "SAVEPOINT s; TRUNCATE t CASCADE; TRUNCATE u CASCADE; ROLLBACK TO s; TRUNCATE t CASCADE;",
		"emptied and seen":            watched + "TRUNCATE u CASCADE; TRUNCATE t CASCADE; TRUNCATE t CASCADE;",
		"emptied, seen too late":      "TRUNCATE u CASCADE; TRUNCATE t CASCADE; " + watched + "TRUNCATE t CASCADE; TRUNCATE u CASCADE;",
		"emptied at the end":          "INSERT INTO u VALUES (1); TRUNCATE u CASCADE; TRUNCATE t CASCADE;",
		"emptied, no such option":     "TRUNCATE u CASCADE; TRUNCATE t CASCADE; TRUNCATE n RESTART CASCADE;",
		"at the end of an include":    "\\ir other.sql\nINSERT INTO u VALUES (2);",
		"a failure before an include": "INSERT INTO u SELECT 1/0;\n\\ir missing.sql\n",
	} {
		run := func(t *testing.T, change func(*load.Options), psql ...string) {
			psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
			pgtest.Exec(t, psqlURL, schema)
			pgtest.Exec(t, oursURL, schema)
			dir := t.TempDir()
			for file, text := range map[string]string{"load.sql": text, "other.sql": "INSERT INTO u VALUES (7);\n"} {
				if err := os.WriteFile(filepath.Join(dir, file), []byte(text), 0o644); err != nil {
					t.Fatal(err)
				}
			}
			var output strings.Builder
			var warnings []string
			o := load.Options{Target: target(t, oursURL), Script: load.Script{FS: os.DirFS(dir), Name: "load.sql"}, Events: events(t)}
			change(&o)
			o.Events.Output = func(s string) { output.WriteString(s) }
			o.Events.Warn = func(s string) {
				if !strings.HasPrefix(s, "the script has emptied tables") {
					warnings = append(warnings, s)
				}
			}
			_, err := load.Run(context.Background(), o)
			stdout, stderr, code := pgtest.Psql(t, psqlURL, append(psql, "-q", "-o", "/dev/null", "-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=sqlstate", "-f", filepath.Join(dir, "load.sql"))...)
			var pe *pgconn.PgError
			switch state := psqlError.FindStringSubmatch(stderr); {
			case (code == 0) != (err == nil):
				t.Fatalf("psql left with %d, ours with %v", code, err)
			case state != nil && (!errors.As(err, &pe) || pe.Code != state[1]):
				t.Errorf("psql: %s, ours: %v", state[0], err)
			}
			if output.String() != stdout {
				t.Errorf("psql printed %q, ours %q", stdout, output.String())
			}
			if len(warnings) > 0 {
				t.Errorf("warnings %q", warnings)
			}
			sameDump(t, psqlURL, oursURL)
			var p *problem.Error
			if want := places[name]; want != "" && len(psql) > 0 && (!errors.As(err, &p) || p.At.String() != want) {
				t.Errorf("the place of %v is not %s", err, want)
			}
		}
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			run(t, func(*load.Options) {}, "-1")
		})
		t.Run(name+", all as written", func(t *testing.T) {
			t.Parallel()
			run(t, func(o *load.Options) { o.Verbatim = true }, "-1")
		})
		t.Run(name+", no transaction", func(t *testing.T) {
			t.Parallel()
			run(t, func(o *load.Options) { o.Transaction = load.None })
		})
	}
}

var psqlError = regexp.MustCompile(`ERROR:  ([0-9A-Z]{5})\b`)

// places are those of some of TestPosted's errors.
var places = map[string]string{
	"one that fails":             "load.sql:3",
	"one with a place":           "load.sql:3:10",
	"a variable meets a failure": "load.sql:1:1",
	"a failure before a copy":    "load.sql:1:1",
	"emptied, one waits":         "load.sql:3:1",
}

// turns is a connection that counts how often an answer is awaited after something was sent. pgx reads beside a write that takes
// long.
type turns struct {
	net.Conn
	count   *atomic.Int64
	waiting atomic.Bool
}

func (c *turns) Write(p []byte) (int, error) {
	c.waiting.Store(true)
	return c.Conn.Write(p)
}

func (c *turns) Read(p []byte) (int, error) {
	if c.waiting.Swap(false) {
		c.count.Add(1)
		time.Sleep(away)
	}
	return c.Conn.Read(p)
}

// away is how far the server is that TestTurns loads into: what waits is spared.
const away = 2 * time.Millisecond

// TestTurns holds how often a small load waits for the server: what that costs, where the server is far away, is this many
// times the way there and back.
func TestTurns(t *testing.T) {
	t.Parallel()
	const tables = 30
	var schema, text strings.Builder
	for i := range tables {
		fmt.Fprintf(&schema, "CREATE TABLE t%d (id serial PRIMARY KEY, other int REFERENCES t%d);\n", i, max(0, i-1))
		fmt.Fprintf(&text, "TRUNCATE t%d CASCADE;\n", i)
	}
	for i := range tables {
		fmt.Fprintf(&text, "INSERT INTO t%d (id, other) VALUES (1, 1), (2, NULL);\n", i)
	}
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, schema.String())
	var count atomic.Int64
	_, err := loaded(t, url, asReplica(text.String()), func(o *load.Options) {
		dial := o.Target.DialFunc
		o.Target.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
			conn, err := dial(ctx, network, address)
			if err != nil {
				return nil, err
			}
			return &turns{Conn: conn, count: &count}, nil
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := value(t, url, "SELECT count(*) FROM t29"); got != "2" {
		t.Errorf("%s rows instead of 2", got)
	}
	t.Logf("%d turns for %d statements", count.Load(), 2*tables+2)
	if count.Load() > 34 {
		t.Errorf("the load waits %d times for the server, not at most 34 times", count.Load())
	}
}
