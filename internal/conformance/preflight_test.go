package conformance

import (
	"context"
	"fmt"
	"net"
	"os"
	"strings"
	"testing"
	"testing/fstest"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

const smallSchema = "CREATE TABLE users (id serial PRIMARY KEY, email text UNIQUE); CREATE TABLE posts (id serial PRIMARY KEY, author int REFERENCES users); CREATE TABLE tags (id serial PRIMARY KEY, post int REFERENCES posts)"

// smallExport is an export of three tables; the first part stands before each of them.
func smallExport(before string) load.Script {
	text := "SET session_replication_role = 'replica';\n" + before + "TRUNCATE users CASCADE; TRUNCATE posts CASCADE; TRUNCATE tags CASCADE;\n" +
		"INSERT INTO users (id, email) VALUES (1, 'a');\nINSERT INTO posts (id, author) VALUES (1, 1);\nINSERT INTO tags (id, post) VALUES (1, 1);\nSET session_replication_role = 'origin';\n"
	return load.Script{FS: fstest.MapFS{"load.sql": &fstest.MapFile{Data: []byte(text)}}, Name: "load.sql"}
}

// roundTrips counts what a load sends and waits for.
func roundTrips(t testing.TB, target *pgx.ConnConfig, o load.Options) (n int) {
	t.Helper()
	run, from := newRun(), logSize(t)
	o.Target = target.Copy()
	o.Target.RuntimeParams["application_name"] = run
	if _, err := load.Run(context.Background(), o); err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(server.Log())
	if err != nil {
		t.Fatal(err)
	}
	asking := false // a question of ours goes in one message with what is around it
	for entry := range strings.SplitSeq(string(log[from:]), entryMark) {
		_, statement, is := strings.Cut(entry, "LOG:  statement: ")
		switch {
		case !strings.HasPrefix(entry, run+"|"):
		case is && strings.HasPrefix(statement, ownTransaction):
			asking = true
		case is && asking && strings.HasPrefix(statement, "ROLLBACK"):
			asking = false
		case is && strings.Contains(statement, "fabricate_seed_ask"):
		case is, strings.Contains(entry, "LOG:  execute "):
			n++
			t.Logf("%.150q", entry)
		}
	}
	return n
}

// far is a connection to a server that is never near: what is asked of one that is depends on how busy the machine is.
type far struct{ net.Conn }

func (c far) Read(p []byte) (int, error) {
	time.Sleep(2 * time.Millisecond)
	return c.Conn.Read(p)
}

// TestPreflightAsksOnce holds what comparing a script with the catalog costs before the first change: two round trips, whatever the
// number of tables, and four where the script sets a search_path. It also holds the number of questions of a whole small load.
// (BenchmarkSmallExport shows what that is in time.)
func TestPreflightAsksOnce(t *testing.T) {
	t.Parallel()
	database := server.NewDatabase(t)
	pgtest.Exec(t, database, smallSchema)
	target, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	dial := target.DialFunc
	target.DialFunc = func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		return far{conn}, err
	}
	without := []load.Script{{FS: fstest.MapFS{"nothing.sql": &fstest.MapFile{}}, Name: "nothing.sql"}} // a script of the user's own turns it off
	roundTrips(t, target, load.Options{Script: smallExport("")})                                        // which moves the sequences; after it they stand where they should
	const ownStatements, allElse = 8, 20
	for before, asked := range map[string]int{"": 2, "SET search_path = public;\n": 4} {
		script := smallExport(before)
		compared := roundTrips(t, target, load.Options{Script: script})
		if plain := roundTrips(t, target, load.Options{Script: script, Before: without}); compared-plain != asked || plain > ownStatements+allElse {
			t.Errorf("%q: %d round trips, %d without the comparison", before, compared, plain)
		}
	}
}

// TestRowsAsWrittenAskLittle holds what many small statements cost that go as they are written, because nobody can say what they set going:
// hardly more than with psql.
func TestRowsAsWrittenAskLittle(t *testing.T) {
	t.Parallel()
	const rows = 300
	for name, text := range map[string]string{
		"a trigger":              "INSERT INTO watched VALUES (%d, 1);\n",
		"a trigger of a COPY's":  "COPY watched FROM stdin;\n%d\t1\n\\.\n",
		"a default of the clock": "INSERT INTO clocked (id) VALUES (%d);\n",
		"a computed value":       "INSERT INTO plain VALUES (%d, 1 + 1);\n",
		"a query":                "INSERT INTO plain SELECT %d, 1;\n",
		"what is returned":       "INSERT INTO plain VALUES (%d, 1) RETURNING id;\n",
		"two tables by turns":    "INSERT INTO watched VALUES (%[1]d, 1);\nINSERT INTO plain SELECT %[1]d, 1;\n",
		"a change after each":    "INSERT INTO plain VALUES (%[1]d, 1);\nUPDATE plain SET b = 2 WHERE id = %[1]d;\nDELETE FROM plain WHERE id = %[1]d - 1;\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := server.NewDatabase(t)
			pgtest.Exec(t, database, `CREATE TABLE plain (id int, b int); CREATE TABLE watched (LIKE plain); CREATE TABLE clocked (id int, c timestamptz DEFAULT clock_timestamp());
				CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.b := NEW.b + 1; RETURN NEW; END';
				CREATE TRIGGER seen BEFORE INSERT ON watched FOR EACH ROW EXECUTE FUNCTION see()`)
			target, err := pgx.ParseConfig(database)
			if err != nil {
				t.Fatal(err)
			}
			var script strings.Builder
			for i := 1; i <= rows; i++ {
				fmt.Fprintf(&script, text, i)
			}
			for _, transaction := range []load.Mode{load.Single, load.None} {
				files := fstest.MapFS{"load.sql": &fstest.MapFile{Data: []byte(script.String())}}
				trips := roundTrips(t, target, load.Options{Script: load.Script{FS: files, Name: "load.sql"}, Transaction: transaction})
				if statements := strings.Count(script.String(), ";\n"); trips > statements+rows/4 {
					t.Errorf("transaction %v: %d statements took %d round trips", transaction, statements, trips)
				}
			}
		})
	}
}

// TestManyTablesAskLittle holds what a few rows in each of many tables cost: what names mean and how rows go is asked for many tables at once,
// and not for each when its rows come.
func TestManyTablesAskLittle(t *testing.T) {
	t.Parallel()
	const tables, ours = 450, 60 // round trips besides those for the statements: a load of one row takes about 25
	database := server.NewDatabase(t)
	var schema, empty, fill strings.Builder
	for i := range tables {
		fmt.Fprintf(&schema, "CREATE TABLE t%d (id int);\n", i)
		fmt.Fprintf(&empty, "TRUNCATE t%d;\n", i)
		fmt.Fprintf(&fill, "INSERT INTO t%d VALUES (1);\n", i)
	}
	pgtest.Exec(t, database, schema.String())
	target, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	for name, script := range map[string]string{"emptied before": empty.String() + fill.String(), "only filled": fill.String()} {
		files := fstest.MapFS{"load.sql": &fstest.MapFile{Data: []byte(script)}}
		trips := roundTrips(t, target, load.Options{Script: load.Script{FS: files, Name: "load.sql"}, Transaction: load.Single})
		statements := strings.Count(script, ";\n")
		t.Logf("%s: %d statements took %d round trips", name, statements, trips)
		if trips > statements+ours {
			t.Errorf("%s: %d statements took %d round trips", name, statements, trips)
		}
	}
}

// BenchmarkSmallExport loads three rows into three tables, with the comparison and without.
func BenchmarkSmallExport(b *testing.B) {
	database := server.NewDatabase(b)
	pgtest.Exec(b, database, smallSchema)
	target, err := pgx.ParseConfig(database)
	if err != nil {
		b.Fatal(err)
	}
	for name, before := range map[string][]load.Script{"compared": nil, "not compared": {{FS: fstest.MapFS{"nothing.sql": &fstest.MapFile{}}, Name: "nothing.sql"}}} {
		b.Run(name, func(b *testing.B) {
			for b.Loop() {
				if _, err := load.Run(context.Background(), load.Options{Target: target, Script: smallExport(""), Before: before}); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
