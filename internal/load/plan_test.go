//go:build unix

package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestPlansOfOtherTables holds that what the catalog says of a table, asked along with another, is asked again when rows that
// went as written may have changed it.
func TestPlansOfOtherTables(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const schema = `CREATE TABLE t (id int, note text); CREATE TABLE u (id int, note text); CREATE TABLE log (n int); CREATE TABLE quiet (n int);
		CREATE FUNCTION rule() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE RULE r AS ON INSERT TO u DO INSTEAD NOTHING; RETURN 1; END $$; -- which COPY passes by
		CREATE FUNCTION rules() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM rule(); RETURN NULL; END $$;
		CREATE TRIGGER x AFTER INSERT ON log FOR EACH ROW EXECUTE FUNCTION rules(); CREATE TABLE ruled (n int, m int DEFAULT rule());`
	rows := func(table string) string {
		var values []string
		for i := range 1000 {
			values = append(values, fmt.Sprintf("(%d, 'as it is')", i))
		}
		return fmt.Sprintf("INSERT INTO %s (id, note) VALUES %s;\n", table, strings.Join(values, ", "))
	}
	for name, between := range map[string]string{
		"nothing":                   "",
		"rows":                      "INSERT INTO quiet VALUES (1);",
		"a function":                "INSERT INTO quiet SELECT rule();",
		"a function among values":   "INSERT INTO quiet VALUES (rule());",
		"a trigger":                 "INSERT INTO log VALUES (1);",
		"a trigger, by COPY":        "COPY log FROM stdin;\n1\n\\.\n",
		"a default":                 "INSERT INTO ruled (n) VALUES (1);",
		"another kind of statement": "SELECT rule();",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
			pgtest.Exec(t, psqlURL, schema)
			pgtest.Exec(t, oursURL, schema)
			script := "TRUNCATE t CASCADE;\nTRUNCATE u CASCADE;\nTRUNCATE quiet CASCADE;\n" + rows("t") + between + "\n" + rows("u")
			loadedByPsql(t, psqlURL, script)
			if _, err := loaded(t, oursURL, script, nil); err != nil {
				t.Fatal(err)
			}
			sameDump(t, psqlURL, oursURL)
		})
	}
}
