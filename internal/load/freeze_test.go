package load_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestFreeze holds where rows come frozen: only where the server takes them so, for otherwise the whole script would be loaded
// once more.
func TestFreeze(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const schema = `CREATE TABLE t (id int PRIMARY KEY, note text); CREATE TABLE child (id int REFERENCES t);
		CREATE TABLE parted (id int, note text) PARTITION BY RANGE (id); CREATE TABLE part PARTITION OF parted DEFAULT;
		CREATE SCHEMA other; CREATE TABLE other.t (id int, note text); CREATE TABLE log (c refcursor);
		CREATE FUNCTION opened() RETURNS refcursor LANGUAGE plpgsql AS $$ DECLARE c refcursor; BEGIN OPEN c FOR SELECT 1; RETURN c; END $$;`
	var inserts, copied strings.Builder // 350 KB
	for i := range 30_000 {
		fmt.Fprintf(&inserts, "%s(%d, 'note')", map[bool]string{true: "INSERT INTO t (id, note) VALUES ", false: ", "}[i == 0], i)
		fmt.Fprintf(&copied, "%d\tnote\n", i)
	}
	rows := inserts.String() + ";\n"
	into := func(table string) string { return strings.Replace(rows, "INTO t ", "INTO "+table+" ", 1) }
	copies := "COPY t (id, note) FROM stdin;\n" + copied.String() + "\\.\n"
	odd := "COPY t (id, note) FROM stdin;\n" + copied.String() + " 99999\tnote\n\\.\n"
	for name, tt := range map[string]struct {
		text   string
		frozen string // a table; "" if none is
	}{
		"inserts":                  {"TRUNCATE t CASCADE;\n" + rows, "t"},
		"a copy":                   {"TRUNCATE t CASCADE;\n" + copies, "t"},
		"a copy with an odd row":   {"TRUNCATE t CASCADE;\n" + odd, ""}, // which is in a page of its own, not frozen
		"twice":                    {"TRUNCATE t CASCADE; TRUNCATE ONLY t CASCADE;\n" + copies, "t"},
		"twice, with rows between": {"TRUNCATE t CASCADE;\n" + rows + "TRUNCATE t CASCADE;\n" + copies, "t"},
		"in a block":               {"BEGIN; TRUNCATE t CASCADE;\n" + rows + "COMMIT;", "t"},
		"not emptied":              {rows, ""},
		"rows as written before":   {"TRUNCATE t CASCADE; INSERT INTO t VALUES (-1, 'x');\n" + rows, ""},
		"a savepoint between":      {"TRUNCATE t CASCADE; SAVEPOINT s;\n" + rows, ""},
		"a savepoint over both":    {"SAVEPOINT s; TRUNCATE t CASCADE;\n" + rows + "RELEASE s;", "t"},
		"a savepoint that ended":   {"SAVEPOINT s; TRUNCATE t CASCADE; RELEASE s;\n" + rows, ""},
		"one taken back":           {"TRUNCATE t CASCADE; SAVEPOINT s; TRUNCATE t CASCADE; ROLLBACK TO s;\n" + rows, ""},
		"a block that ended":       {"BEGIN; TRUNCATE t CASCADE; COMMIT;\n" + rows, ""},
		"a cursor":                 {"DECLARE c CURSOR FOR SELECT 1; TRUNCATE t CASCADE;\n" + rows, ""},
		"a function's cursor":      {"TRUNCATE t CASCADE; INSERT INTO log SELECT opened();\n" + rows, ""},
		"a cursor that was closed": {"DECLARE c CURSOR FOR SELECT 1; CLOSE c; TRUNCATE t CASCADE;\n" + rows, "t"},
		"another table's name":     {"TRUNCATE t CASCADE; SET search_path = other;\n" + rows, ""},
		"partitions":               {"TRUNCATE parted CASCADE;\n" + into("parted"), ""},
		"a partition":              {"TRUNCATE part CASCADE;\n" + into("part"), "part"},
		"a table made here":        {"CREATE TABLE mine (id int, note text);\n" + into("mine"), ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
			pgtest.Exec(t, psqlURL, schema)
			pgtest.Exec(t, oursURL, schema)
			loadedByPsql(t, psqlURL, tt.text)
			if _, err := loaded(t, oursURL, tt.text, func(o *load.Options) {
				o.Events.Notice = func(text string) {
					if strings.Contains(text, "once more") {
						t.Error(text)
					}
				}
			}); err != nil {
				t.Fatal(err)
			}
			sameDump(t, psqlURL, oursURL)
			pgtest.Exec(t, oursURL, "CREATE EXTENSION pageinspect")
			got := value(t, oursURL, frozenTables)
			if got != tt.frozen {
				t.Errorf("rows of %q are frozen, not of %q", got, tt.frozen)
			}
		})
	}
}

// frozenTables gives the tables that have rows, all of them frozen. (How many pages are marked as visible to all says less: from
// PostgreSQL 17 on COPY FREEZE leaves out some.)
const frozenTables = `SELECT coalesce(string_agg(relname, ' '), '') FROM pg_class c
	WHERE relkind = 'r' AND relnamespace::regnamespace::text IN ('public', 'other') AND pg_relation_size(c.oid) > 0 AND NOT EXISTS (
		SELECT FROM generate_series(0, pg_relation_size(c.oid) / 8192 - 1) page, heap_page_items(get_raw_page(c.oid::regclass::text, page))
		WHERE t_infomask & x'300'::int <> x'300'::int)` // HEAP_XMIN_FROZEN
