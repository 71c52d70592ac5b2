//go:build unix

package load_test

import (
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

const viewSchema = `
	CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY); CREATE TABLE other (id int);
	CREATE TABLE part (id int) PARTITION BY RANGE (id); CREATE TABLE part1 PARTITION OF part DEFAULT;
	INSERT INTO a VALUES (100); INSERT INTO b VALUES (100); INSERT INTO part VALUES (100);
	CREATE VIEW plain AS SELECT a.id FROM a JOIN b USING (id);
	CREATE MATERIALIZED VIEW of_a AS SELECT id FROM a; CREATE UNIQUE INDEX ON of_a (id);
	CREATE MATERIALIZED VIEW of_plain AS SELECT id FROM plain;
	CREATE MATERIALIZED VIEW of_views AS SELECT id FROM of_a;
	CREATE MATERIALIZED VIEW of_part AS SELECT id FROM part;
	CREATE MATERIALIZED VIEW of_other AS SELECT id FROM other;
	CREATE MATERIALIZED VIEW never AS SELECT id FROM a WITH NO DATA;
	CREATE FUNCTION refresh(name regclass) RETURNS void LANGUAGE plpgsql AS $$ BEGIN EXECUTE 'REFRESH MATERIALIZED VIEW '||name; END $$`

// TestMaterializedViews: those over tables that were filled or emptied are named, unless they were refreshed since. Which these are
// is compared with what they show.
func TestMaterializedViews(t *testing.T) {
	t.Parallel()
	const rows = "TRUNCATE a, b;\nINSERT INTO a VALUES (1), (2);\nINSERT INTO b VALUES (2), (3);\nTRUNCATE part; INSERT INTO part VALUES (4);\n"
	const all = "REFRESH MATERIALIZED VIEW of_a; REFRESH MATERIALIZED VIEW of_plain; REFRESH MATERIALIZED VIEW of_views; REFRESH MATERIALIZED VIEW of_part;"
	for name, tt := range map[string]struct {
		text, after string
		none        bool
		old         string
	}{
		"nothing refreshed":        {text: rows, old: "public.of_a, public.of_part, public.of_plain, public.of_views"},
		"all refreshed":            {text: rows + all},
		"after":                    {text: rows, after: all},
		"before the rows":          {text: all + rows, old: "public.of_a, public.of_part, public.of_plain, public.of_views"},
		"the wrong order":          {text: rows, after: "REFRESH MATERIALIZED VIEW of_views;" + strings.Replace(all, "REFRESH MATERIALIZED VIEW of_views;", "", 1), old: "public.of_views"},
		"concurrently":             {text: rows, after: strings.Replace(all, "VIEW of_a", "VIEW CONCURRENTLY of_a", 1)},
		"between":                  {text: "TRUNCATE a; INSERT INTO a VALUES (1); REFRESH MATERIALIZED VIEW of_a; REFRESH MATERIALIZED VIEW of_views;\n INSERT INTO b VALUES (1);", old: "public.of_plain"},
		"by gexec":                 {text: rows, after: "SELECT format('REFRESH MATERIALIZED VIEW %I', v) FROM unnest(ARRAY['of_a','of_plain','of_views','of_part']) v \\gexec\n"},
		"by a function":            {text: rows, after: "SELECT refresh('of_a'), refresh('of_plain'), refresh('of_views'), refresh('of_part');"},
		"taken back":               {text: rows, after: all + "SAVEPOINT s; REFRESH MATERIALIZED VIEW of_a; ROLLBACK TO s;"},
		"without data":             {text: rows, after: all + "REFRESH MATERIALIZED VIEW of_a WITH NO DATA;"},
		"emptied":                  {text: "TRUNCATE a; INSERT INTO other VALUES (1);", old: "public.of_a, public.of_other, public.of_plain, public.of_views"},
		"into a partition":         {text: "INSERT INTO part1 VALUES (5);", old: "public.of_part"},
		"made by the script":       {text: "CREATE MATERIALIZED VIEW made AS SELECT id FROM other; INSERT INTO other VALUES (1);", old: "public.made, public.of_other"},
		"made after":               {text: rows + "CREATE MATERIALIZED VIEW made AS SELECT id FROM a;" + all},
		"grants":                   {text: "INSERT INTO other VALUES (1);", after: "GRANT SELECT ON of_other TO PUBLIC", old: "public.of_other"},
		"none":                     {text: rows, none: true, old: "public.of_a, public.of_part, public.of_plain, public.of_views"},
		"none, refreshed":          {text: rows + all, none: true},
		"none, by a function":      {text: rows, after: "SELECT refresh('of_a'), refresh('of_plain'), refresh('of_views'), refresh('of_part');", none: true},
		"tables without any views": {text: "CREATE TABLE x (id int); INSERT INTO x VALUES (1);"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			database := pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, database, viewSchema)
			warnings, err := loaded(t, database, tt.text, func(o *load.Options) {
				if tt.after != "" {
					o.After = []load.Script{script(tt.after)}
				}
				if tt.none {
					o.Transaction = load.None
				}
			})
			if err != nil {
				t.Fatal(err)
			}
			var old []string
			for _, w := range warnings {
				if rest, ok := strings.CutPrefix(w, "materialized views show what was there before, until they are refreshed: "); ok {
					names, _, _ := strings.Cut(rest, " (")
					old = strings.Split(names, ", ")
				}
			}
			if got := strings.Join(old, ", "); got != tt.old {
				t.Errorf("named: %q, want %q", got, tt.old)
			}
			for _, view := range strings.Fields(value(t, database, "SELECT string_agg(oid::regclass::text, ' ' ORDER BY relname) FROM pg_class WHERE relkind = 'm' AND relispopulated")) {
				const rows = "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM "
				before := value(t, database, rows+view)
				if name == "without data" && view == "of_views" {
					continue // which has nothing to show then
				}
				pgtest.Exec(t, database, "REFRESH MATERIALIZED VIEW "+view)
				if stale := value(t, database, rows+view) != before; stale && !slices.Contains(old, "public."+view) && view != "of_views" {
					t.Errorf("%s shows old rows, and is not named", view)
				}
			}
		})
	}
}

// TestRefreshViewsExample: the example refreshes all of them, in their order, and lets others read where PostgreSQL can.
func TestRefreshViewsExample(t *testing.T) {
	t.Parallel()
	database := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, database, viewSchema+`; CREATE MATERIALIZED VIEW "Before all" AS SELECT id FROM of_views; CREATE SCHEMA s;
		CREATE MATERIALIZED VIEW s.part AS SELECT id FROM a WHERE id > 1; CREATE UNIQUE INDEX ON s.part (id) WHERE id > 2;
		CREATE MATERIALIZED VIEW s.expression AS SELECT id FROM a; CREATE UNIQUE INDEX ON s.expression ((id + 1))`)
	files := value(t, database, filesOfViews)
	example, err := os.ReadFile("../../examples/refresh-views.sql")
	if err != nil {
		t.Fatal(err)
	}
	for range 2 { // the second time all were filled before
		warnings, err := loaded(t, database, "TRUNCATE a, b; INSERT INTO a VALUES (1), (2); INSERT INTO b VALUES (2), (3);", func(o *load.Options) {
			o.After = []load.Script{script(string(example))}
		})
		if err != nil || len(warnings) > 0 {
			t.Fatal(warnings, err)
		}
		for view, want := range map[string]string{"of_a": "1,2", "of_plain": "2", "of_views": "1,2", `"Before all"`: "1,2", "never": "1,2", "s.part": "2", "s.expression": "1,2"} {
			if got := value(t, database, "SELECT coalesce(string_agg(id::text, ',' ORDER BY id), '') FROM "+view); got != want {
				t.Errorf("%s shows %s, want %s", view, got, want)
			}
		}
	}
	if now := value(t, database, filesOfViews); now != files {
		t.Errorf("refreshed in a way that stops readers: file %s, was %s", now, files)
	}
}

// filesOfViews is the file of the one view that can be refreshed concurrently, which keeps it then.
const filesOfViews = "SELECT relfilenode FROM pg_class WHERE relname = 'of_a'"
