//go:build unix

package seed

import (
	"encoding/json"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// check compares without loading: what fits is explained, what does not is exit 6, and the database is as it was either way.
func TestCheck(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	database := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, database, "CREATE TABLE users (id int PRIMARY KEY, name varchar(5)); CREATE TABLE audit (at date); CREATE TABLE booked (during int4range, EXCLUDE USING gist (during WITH &&)); CREATE VIEW seen AS SELECT id, name FROM users; INSERT INTO users VALUES (9, 'there')")
	before := pgtest.Dump(t, database)
	for name, tt := range map[string]struct {
		script string
		code   problem.Code
		kinds  []fit.Kind
		says   string
	}{
		"fits": {"TRUNCATE users;\nCOPY users (id, name) FROM stdin;\n1\tBob\n\\.\n", problem.OK, nil, "public.users: 1 row, COPY"},
		"does not fit": {"TRUNCATE users;\nINSERT INTO users (id, name) VALUES (1, 'Gwendolyn'), (1, 'Al');\nINSERT INTO orders (id) VALUES (1);\n", problem.Database,
			[]fit.Kind{fit.NoTable, fit.TooLong, fit.Duplicate}, "3 things of the export do not fit the database"},
		"one thing":      {"INSERT INTO users (id) VALUES (9);\n", problem.Database, []fit.Kind{fit.Duplicate}, "key (id) of public.users is in the table already"},
		"changes later":  {"TRUNCATE users;\nINSERT INTO users (id) VALUES (1), (1);\nUPDATE users SET id = id + 1;\n", problem.OK, nil, "public.users: keys were not compared, nor what becomes of the rows"},
		"deletes later":  {"TRUNCATE users;\nINSERT INTO users (id) VALUES (1);\nDELETE FROM users WHERE id = 1;\n", problem.OK, nil, "public.users: keys were not compared"},
		"expressions":    {"TRUNCATE users;\nINSERT INTO users (id) VALUES (1 + 1);\n", problem.OK, nil, "public.users: not all rows were compared"},
		"SELECT":         {"TRUNCATE users;\nINSERT INTO users (id) SELECT 1;\n", problem.OK, nil, "public.users: not all rows were compared"},
		"exclusion":      {"INSERT INTO booked VALUES ('[1,3)'), ('[2,4)');\n", problem.OK, nil, "public.booked: rows were not compared with booked_during_excl"},
		"view":           {"INSERT INTO seen VALUES (1, 'Gwendolyn');\n", problem.OK, nil, "public.seen: rows were not compared, since it is no plain table"},
		"its own schema": {"CREATE TABLE own (id int);\nINSERT INTO own VALUES (1);\n", problem.OK, nil, "were not compared with the schema"},
	} {
		path := filepath.Join(t.TempDir(), "load.sql")
		if err := os.WriteFile(path, []byte(tt.script), 0o600); err != nil {
			t.Fatal(err)
		}
		res, log := w.run(t, "check", path, "--database-url="+database)
		text, err := json.Marshal(res)
		if err != nil {
			t.Fatal(err)
		}
		var kinds []fit.Kind
		for _, f := range res.Findings {
			kinds = append(kinds, f.Kind)
		}
		if res.ExitCode != tt.code || len(kinds) != len(tt.kinds) || !strings.Contains(log+string(text), tt.says) {
			t.Errorf("%s: exit code %d, %v\n%s", name, res.ExitCode, kinds, log)
		}
		for i, kind := range tt.kinds {
			if i < len(kinds) && kinds[i] != kind {
				t.Errorf("%s: %v", name, kinds)
			}
		}
		if name == "fits" && !strings.Contains(log, "tables that the export does not fill: public.audit") {
			t.Errorf("the table that gets nothing is not named:\n%s", log)
		}
		if after := pgtest.Dump(t, database); after != before {
			t.Errorf("%s: the database has changed", name)
		}
	}
}

// check does not run the scripts of before, and says so beside what they may make, for nothing is to pass unseen.
func TestCheckBefore(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	path := filepath.Join(w.workspace, "load.sql")
	schema := filepath.Join(w.workspace, "schema.sql")
	for file, text := range map[string]string{path: "INSERT INTO users VALUES (1);\n", schema: "CREATE TABLE users (id int);\n"} {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	res, log := w.run(t, "check", path, "--before="+schema, "--database-url="+pgtest.Shared(t).NewDatabase(t))
	if res.ExitCode != problem.Database || len(res.Findings) != 1 || !strings.Contains(log, "were not run, and what they make is missing here") {
		t.Errorf("exit code %d, %v\n%s", res.ExitCode, res.Findings, log)
	}
}

// check takes the last archive of the cache, whatever its age, without a key; and has none where there is none.
func TestCheckFromCache(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	database := pgtest.Shared(t).NewDatabase(t)
	schema := filepath.Join(w.workspace, "schema.sql")
	if err := os.WriteFile(schema, []byte("CREATE TABLE nothing_like_it (id int);"), 0o600); err != nil {
		t.Fatal(err)
	}
	cacheDir := filepath.Join(w.workspace, "cache")
	args := []string{"check", "--cache-dir=" + cacheDir, "--database-url=" + database}
	if res, _ := w.run(t, args...); res.ExitCode != problem.Data || !strings.Contains(res.Error, "no archive of this request in the cache") {
		t.Errorf("%d: %s", res.ExitCode, res.Error)
	}
	if res, log := w.run(t, "--cache-dir="+cacheDir, "--load=false"); res.ExitCode != problem.OK {
		t.Fatalf("%s", log)
	}
	res, log := w.run(t, args...)
	if res.ExitCode != problem.Database || len(res.Findings) == 0 || res.Findings[0].Kind != fit.NoTable || !res.CacheHit {
		t.Errorf("%d: %v\n%s", res.ExitCode, res.Findings, log)
	}
}

// check makes no database, whatever a run with the same settings would do.
func TestCheckMakesNoDatabase(t *testing.T) {
	t.Parallel()
	p := newPreview(t)
	if res, log := p.run(t, "check", "rows.sql", "--create-database"); res.ExitCode != problem.Database || len(p.there(t)) != 0 {
		t.Errorf("%+v, there is %q\n%s", res, p.there(t), log)
	}
}
