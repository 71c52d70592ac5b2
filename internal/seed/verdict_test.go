package seed

import (
	"archive/zip"
	"bytes"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// One archive loads in one way, however it came: generated in csv, joined by its task, kept by data-dir and loaded again, from the cache,
// and as a zip with and without the format.
func TestOneVerdict(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const schema = "CREATE SCHEMA app; CREATE TABLE t (a int); CREATE TABLE u (a int); CREATE TABLE app.t (a int); INSERT INTO t VALUES (7); INSERT INTO u VALUES (8); INSERT INTO app.t VALUES (9)"
	const query = "SELECT (SELECT string_agg(a::text, ',') FROM t), (SELECT string_agg(a::text, ',') FROM u), (SELECT string_agg(a::text, ',') FROM app.t)"
	for name, test := range map[string]struct {
		files map[string]string
		rows  string // as psql gives them; "" is that the archive is refused
		says  string
	}{
		"at the root":               {map[string]string{"t.csv": "a\n1\n", "u.csv": "a\n2\n"}, "1|2|9", ""},
		"in a folder":               {map[string]string{"shop/t.csv": "a\n1\n", "shop/u.csv": "a\n2\n"}, "1|2|9", ""},
		"in a schema's folder":      {map[string]string{"app/t.csv": "a\n1\n"}, "7|8|1", ""},
		"beside a script":           {map[string]string{"t.csv": "a\n1\n", "schema.sql": "DROP TABLE t;"}, "1|8|9", "schema.sql"},
		"beside scripts":            {map[string]string{"t.csv": "a\n1\n", "m/1.sql": "DROP TABLE t;", "m/2.sql": "DROP TABLE u;"}, "1|8|9", "m/1.sql, m/2.sql"},
		"beside files of no rows":   {map[string]string{"t.csv": "a\n1\n", "README.md": "x", "t.json": "[]"}, "1|8|9", "README.md, t.json"},
		"empty, a header, and rows": {map[string]string{"app.t.csv": "", "t.csv": "a\n", "u.csv": "a\n1\n"}, "|1|", ""},
		"jsonl of zero bytes":       {map[string]string{"t.jsonl": "", "u.jsonl": "{\"a\":1}\n"}, "|1|9", ""},
		"csv and jsonl":             {map[string]string{"t.csv": "a\n1\n", "u.jsonl": "{\"a\":2}\n"}, "1|2|9", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var body bytes.Buffer
			z := zip.NewWriter(&body)
			for _, file := range slices.Sorted(maps.Keys(test.files)) {
				entry, err := z.Create(file)
				if err == nil {
					_, err = entry.Write([]byte(test.files[file]))
				}
				if err != nil {
					t.Fatal(err)
				}
			}
			if err := z.Close(); err != nil {
				t.Fatal(err)
			}
			w := newWorld(t, served(body.String(), "application/zip", "shop.zip"))
			if err := os.WriteFile(filepath.Join(w.workspace, "export.zip"), body.Bytes(), 0o600); err != nil {
				t.Fatal(err)
			}
			format := "--format=csv"
			if _, ok := test.files["t.jsonl"]; ok {
				format = "--format=jsonl"
			}
			if name == "csv and jsonl" { // a format would choose
				format = ""
			}
			first, log := w.run(t, "--load=false", "--data-dir=kept", "--format=csv")
			if first.ExitCode != problem.OK {
				t.Fatal(log)
			}
			ways := [][]string{{"--task-id=" + first.TaskID}, {"load", "kept"}, {"load", "export.zip"}, {"--cache-dir=cache", "--format=sql"}, {"--cache-dir=cache", "--format=sql"}}
			if format != "" {
				ways = append(ways, []string{format}, []string{"--task-id=" + first.TaskID, format}, []string{"load", "kept", format}, []string{"load", "export.zip", format},
					[]string{"--cache-dir=cache", format}, []string{"--cache-dir=cache", format})
			}
			for _, way := range ways {
				db := server.NewDatabase(t)
				pgtest.Exec(t, db, schema)
				res, log := w.run(t, append(way, "--database-url="+db)...)
				got, _, _ := pgtest.Psql(t, db, "-Atc", query)
				if strings.TrimSpace(got) != test.rows || res.ExitCode != problem.OK || !strings.Contains(log, test.says) {
					t.Errorf("%v: exit code %d, %s\n%s", way, res.ExitCode, got, log)
				}
			}
		})
	}
}

// The format says what is loaded of an archive that holds several kinds, and what a file is whose name does not say it.
func TestFormatOfWhatIsThere(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	both := map[string]string{"t.csv": "a\n1\n", "t.jsonl": "{\"a\":2}\n", "fill.sql": "INSERT INTO t VALUES (3);\n"}
	for name, test := range map[string]struct {
		files map[string]string
		args  []string
		rows  string
		exit  problem.Code
		says  string
	}{
		"csv":                  {both, []string{"load", "export", "--format=csv"}, "1", problem.OK, "fill.sql"},
		"csv, rows beside it":  {map[string]string{"t.csv": "a\n1\n", "u.jsonl": "{\"b\":2}\n"}, []string{"load", "export", "--format=csv"}, "1", problem.OK, "not loaded, because the setting format is another: u.jsonl"},
		"hidden folders":       {map[string]string{"t.csv": "a\n1\n", ".git/u.csv": "a\n", "x/.cache/t.csv": "a\n2\n", "__MACOSX/t.csv": "?"}, []string{"load", "export"}, "1", problem.OK, ""},
		"jsonl":                {both, []string{"load", "export", "--format=JSONL"}, "2", problem.OK, ""},
		"sql":                  {both, []string{"load", "export", "--format=sql"}, "7,3", problem.OK, ""},
		"a script":             {both, []string{"load", "export", "--script=fill.sql"}, "7,3", problem.OK, ""},
		"not said":             {both, []string{"load", "export"}, "7", problem.Data, "t.csv"},
		"both meant":           {both, []string{"load", "export", "--table-map=t.csv=t\nt.jsonl=t"}, "1,2", problem.OK, ""},
		"load.sql":             {map[string]string{"load.sql": "\\copy t from 't.csv' csv header\n", "t.csv": "a\n1\n"}, []string{"load", "export"}, "7,1", problem.OK, ""},
		"a file":               {map[string]string{"t": "a\n1\n"}, []string{"load", "export/t", "--format=csv"}, "1", problem.OK, ""},
		"a file, as its name":  {map[string]string{"t.csv": "a\n1\n"}, []string{"load", "export/t.csv"}, "1", problem.OK, ""},
		"one that is not read": {map[string]string{"t.csv": "a\n1\n"}, []string{"load", "export", "--format=parquet"}, "7", problem.Settings, "cannot be loaded"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := server.NewDatabase(t)
			pgtest.Exec(t, db, "CREATE TABLE t (a int); INSERT INTO t VALUES (7)")
			w := newWorld(t, simulator.Options{})
			for file, text := range test.files {
				path := filepath.Join(w.workspace, "export", file)
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			res, log := w.run(t, append(test.args, "--database-url="+db)...)
			got, _, _ := pgtest.Psql(t, db, "-Atc", "SELECT string_agg(a::text, ',') FROM t")
			if strings.TrimSpace(got) != test.rows || res.ExitCode != test.exit || !strings.Contains(log, test.says) {
				t.Errorf("exit code %d, %s\n%s", res.ExitCode, got, log)
			}
		})
	}
}
