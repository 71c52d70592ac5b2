package conformance

import (
	"context"
	"os"
	"strings"
	"testing"
	"testing/fstest"

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

// TestPreflightAsksOnce holds what comparing a script with the catalog costs before the first change: one question, whatever the
// number of tables, and three where the script sets a search_path. It also holds the number of questions of a whole small load.
// (BenchmarkSmallExport shows what that is in time.)
func TestPreflightAsksOnce(t *testing.T) {
	t.Parallel()
	database := server.NewDatabase(t)
	pgtest.Exec(t, database, smallSchema)
	target, err := pgx.ParseConfig(database)
	if err != nil {
		t.Fatal(err)
	}
	without := []load.Script{{FS: fstest.MapFS{"nothing.sql": &fstest.MapFile{}}, Name: "nothing.sql"}} // a script of the user's own turns it off
	roundTrips(t, target, load.Options{Script: smallExport("")})                                        // which moves the sequences; after it they stand where they should
	const ownStatements, allElse = 8, 26
	const apart = -3 // whose tables are not foreseen, asks about each by itself
	for before, asked := range map[string]int{"": 1 + apart, "SET search_path = public;\n": 3 + apart} {
		script := smallExport(before)
		compared := roundTrips(t, target, load.Options{Script: script})
		if plain := roundTrips(t, target, load.Options{Script: script, Before: without}); compared-plain != asked || plain > ownStatements+allElse {
			t.Errorf("%q: %d round trips, %d without the comparison", before, compared, plain)
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
