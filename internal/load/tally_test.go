//go:build unix

package load_test

import (
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// Rows that the script takes back itself are not counted as loaded.
func TestRowsTakenBack(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, "CREATE TABLE t (a int); CREATE TABLE u (a int PRIMARY KEY DEFERRABLE INITIALLY DEFERRED)")
	config := target(t, url)
	three := "INSERT INTO t VALUES (1);\nINSERT INTO t VALUES (2);\nCOPY t FROM stdin;\n3\n\\.\n"
	many := strings.Repeat("INSERT INTO t VALUES (1), (2);\n", 300)
	for name, c := range map[string]struct {
		text string
		fail bool // statements of it do
	}{
		"nothing":                      {three + many, false},
		"a transaction":                {three + "BEGIN;\n" + three + "ROLLBACK;\n" + three, false},
		"many rows":                    {many + "BEGIN;\n" + many + "ROLLBACK;\n" + many, false},
		"one that stays":               {"BEGIN;\n" + three + "COMMIT;\nBEGIN;\n" + three + "ABORT;\n", false},
		"in one line":                  {"BEGIN; INSERT INTO t VALUES (1); ROLLBACK;", false},
		"chained":                      {"BEGIN;\n" + three + "COMMIT AND CHAIN;\n" + three + "ROLLBACK AND CHAIN;\n" + three + "END;\n", false},
		"to a savepoint":               {"BEGIN;\n" + three + "SAVEPOINT a;\n" + three + "ROLLBACK TO a;\n" + three + "COMMIT;\n", false},
		"to it again":                  {"BEGIN;\nSAVEPOINT a;\n" + three + "ROLLBACK TO SAVEPOINT A;\n" + three + "ROLLBACK WORK TO \"a\";\nCOMMIT;\n" + three, false},
		"to an outer one":              {"BEGIN;\nSAVEPOINT a;\n" + three + "SAVEPOINT b;\n" + three + "ROLLBACK TO a;\nCOMMIT;\n", false},
		"to the later of a name":       {"BEGIN;\nSAVEPOINT a;\n" + three + "SAVEPOINT a;\n" + three + "ROLLBACK TO a;\nCOMMIT;\n", false},
		"released":                     {"BEGIN;\nSAVEPOINT a;\n" + three + "SAVEPOINT b;\n" + three + "RELEASE SAVEPOINT b;\nROLLBACK TO a;\n" + three + "RELEASE a;\nCOMMIT;\n", false},
		"released, and all taken back": {"BEGIN;\n" + three + "SAVEPOINT a;\n" + three + "RELEASE a;\nROLLBACK;\n" + three, false},
		"two tables":                   {"BEGIN;\nINSERT INTO u VALUES (1);\nSAVEPOINT a;\n" + three + "INSERT INTO u VALUES (2);\nROLLBACK TO a;\nINSERT INTO public.t VALUES (1);\nCOMMIT;\n", false},
		"other names of a table":       {three + "BEGIN;\nINSERT INTO public.t VALUES (1);\nCREATE TABLE v (a int);\nINSERT INTO public.\"t\" VALUES (1);\nROLLBACK;\n", false},
		"left open":                    {three + "BEGIN;\n" + three, false},
		"without BEGIN":                {three + "\\set AUTOCOMMIT off\n" + three + "ROLLBACK;\n" + three + "COMMIT;\n", false},
		"ROLLBACK of nothing":          {three + "ROLLBACK;\n" + three, false},
		"a failed transaction":         {three + "BEGIN;\n" + three + "SELECT 1/0;\nCOMMIT;\n" + three, true},
		"a COMMIT that fails":          {three + "BEGIN;\n" + three + "INSERT INTO u VALUES (7), (7);\nCOMMIT;\n" + three, true},
		"back from a failure":          {"BEGIN;\n" + three + "SAVEPOINT a;\n" + three + "SELECT 1/0;\nROLLBACK TO a;\nCOMMIT;\n", true},
		"no such savepoint":            {"BEGIN;\nSAVEPOINT a;\n" + three + "ROLLBACK TO b;\nROLLBACK TO a;\n" + three + "COMMIT;\n", true},
	} {
		for _, mode := range []load.Mode{load.Single, load.None} {
			if c.fail && mode == load.Single {
				continue
			}
			for _, fast := range []bool{true, false} {
				t.Run(fmt.Sprintf("%s, %s, fast %v", name, mode, fast), func(t *testing.T) {
					pgtest.Exec(t, url, "TRUNCATE t, u")
					result, err := load.Run(t.Context(), load.Options{Target: config, Script: load.Script{FS: fstest.MapFS{"load.sql": {Data: []byte(c.text)}}, Name: "load.sql"},
						Transaction: mode, Verbatim: !fast, Continue: c.fail})
					if err != nil {
						t.Fatal(err)
					}
					there := value(t, url, "SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM u)")
					var tables int64
					for _, one := range result.Tables {
						tables += one.Rows
					}
					if got := fmt.Sprint(result.Rows); got != there || tables != result.Rows {
						t.Errorf("%s rows, %d by tables, and %s are there", got, tables, there)
					}
				})
			}
		}
	}
}

// Rows of a name that has come to mean another table meanwhile, which nobody has seen, are counted under the name alone.
func TestNamesThatChange(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, `CREATE TABLE t (a int); CREATE TABLE other (a int); CREATE TABLE u (a int);
		CREATE FUNCTION swap() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN ALTER TABLE t RENAME TO was; ALTER TABLE other RENAME TO t; RETURN NULL; END';
		CREATE TRIGGER swap AFTER INSERT ON u FOR EACH STATEMENT EXECUTE FUNCTION swap()`)
	text := "INSERT INTO t VALUES (1);\nINSERT INTO u VALUES (1);\nTRUNCATE t;\nINSERT INTO t VALUES (2), (3);\n"
	result, err := load.Run(t.Context(), load.Options{Target: target(t, url), Script: script(text), Transaction: load.Single})
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, table := range result.Tables {
		got = append(got, fmt.Sprint(table.Name, " ", table.Rows))
	}
	if want := `"t" 2, public.t 1, public.u 1`; strings.Join(got, ", ") != want {
		t.Errorf("%q are counted, not %s", got, want)
	}
}
