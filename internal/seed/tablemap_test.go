package seed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// table-map says what each file is, leaves files out, and does nothing unseen: a line that matches no file is refused.
func TestTableMap(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for name, test := range map[string]struct {
		files []string // "path=first row's value"
		lines string
		rows  string // of "order", "order items", my-table, app.users and "Users", as psql gives them; "" means refused
		said  string
	}{
		"a blank in the name":   {[]string{"x.csv"}, "x.csv=order items", "2|1|0|0|0", ""},
		"in quotes":             {[]string{"x.csv"}, `x.csv = "order items"`, "2|1|0|0|0", ""},
		"a hyphen":              {[]string{"x.csv"}, "x.csv=my-table", "2|0|1|0|0", ""},
		"a schema":              {[]string{"x.csv"}, "x.csv=app.users", "2|0|0|1|0", ""},
		"capitals":              {[]string{"x.csv"}, "x.csv=public.Users", "2|0|0|0|1", ""},
		"an equals sign":        {[]string{"a=b.csv"}, "a=b.csv=my-table", "2|0|1|0|0", ""},
		"left out":              {[]string{"my-table.csv", "README.csv"}, "README.csv=", "2|0|1|0|0", ""},
		"by its folder":         {[]string{"d/x.csv", "e/x.csv"}, "d/x.csv=my-table\n./e/x.csv=app.users", "2|0|1|1|0", ""},
		"by its name":           {[]string{"d/x.csv"}, "x.csv=my-table", "2|0|1|0|0", ""},
		"all left out":          {[]string{"x.csv"}, "x.csv=", "", "every file of the export is left out"},
		"no such file":          {[]string{"users.csv"}, "user.csv=app.users", "", "no file of the export matches 1 of its lines\nuser.csv=\"app\".\"users\": did you mean users.csv?\nThe export holds users.csv: correct the name"},
		"in another case":       {[]string{"x.csv"}, "X.csv=my-table", "", "did you mean x.csv?"},
		"the longer one comes":  {[]string{"d/x.csv", "e/y.csv"}, "d/x.csv=my-table\nx.csv=app.users\ny.csv=", "", "\nx.csv=\"app\".\"users\""},
		"a path that is a name": {[]string{"x.csv", "app/users.csv", "d/x.csv"}, "x.csv=my-table\nd/x.csv=order items", "2|1|1|1|0", ""},
		"a name of two files":   {[]string{"d/x.csv", "e/x.csv"}, "x.csv=my-table", "", "table-map: x.csv may be d/x.csv, e/x.csv\nWrite a line for each"},
		"two files left out":    {[]string{"d/x.csv", "e/x.csv", "my-table.csv"}, "x.csv=", "", "x.csv may be d/x.csv, e/x.csv"},
		"the only one left":     {[]string{"d/x.csv", "e/x.csv"}, "d/x.csv=my-table\nx.csv=order items", "2|1|1|0|0", ""},
		"one beside a folder":   {[]string{"users.csv", "app/users.csv"}, "users.csv=my-table", "2|0|1|1|0", ""},
		"its only folder":       {[]string{"d/x.csv"}, "d/x.csv=my-table", "2|0|1|0|0", ""},
		"no such table":         {[]string{"x.csv"}, "x.csv=order itemz", "", `there is no table "order itemz"`},
		"a script":              {[]string{"load.sql"}, "x.csv=my-table", "", "The export is a script, which names its tables itself"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := server.NewDatabase(t)
			pgtest.Exec(t, db, `CREATE SCHEMA app; CREATE TABLE "order" (a int); CREATE TABLE "order items" (a int); CREATE TABLE "my-table" (a int); CREATE TABLE app.users (a int);
				CREATE TABLE "Users" (a int); INSERT INTO "order" VALUES (7), (8)`)
			w := newWorld(t, simulator.Options{})
			for _, file := range test.files {
				path := filepath.Join(w.workspace, "export", file)
				text := "a\n1\n"
				if strings.HasSuffix(file, ".sql") {
					text = "TRUNCATE \"order\";\n"
				}
				if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
					t.Fatal(err)
				}
				if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			res, log := w.run(t, "load", "export", "--database-url="+db, "--table-map="+test.lines)
			got, _, _ := pgtest.Psql(t, db, "-Atc", `SELECT (SELECT count(*) FROM "order"), (SELECT count(*) FROM "order items"), (SELECT count(*) FROM "my-table"),
				(SELECT count(*) FROM app.users), (SELECT count(*) FROM "Users")`)
			want := test.rows
			if want == "" {
				want = "2|0|0|0|0"
			}
			if strings.TrimSpace(got) != want || (res.ExitCode == problem.OK) != (test.rows != "") || !strings.Contains(log, test.said) {
				t.Errorf("exit code %d, %s\n%s", res.ExitCode, got, log)
			}
		})
	}
}
