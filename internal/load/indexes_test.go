//go:build unix

package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

const indexedSchema = `
CREATE EXTENSION IF NOT EXISTS amcheck;
CREATE EXTENSION IF NOT EXISTS btree_gist;
CREATE TABLE parent (id integer PRIMARY KEY);
INSERT INTO parent SELECT generate_series(1, 50);
CREATE TABLE t (
	id bigint CONSTRAINT t_key PRIMARY KEY WITH (fillfactor = 80),
	parent_id integer REFERENCES parent,
	code text NOT NULL,
	span int8range,
	doc jsonb,
	at timestamptz,
	CONSTRAINT t_code_key UNIQUE (code) INCLUDE (at),
	CONSTRAINT t_span_excl EXCLUDE USING gist (span WITH &&),
	CONSTRAINT t_late UNIQUE (id, code) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX t_replica ON t (id, parent_id) WHERE false;
CREATE UNIQUE INDEX t_identity ON t (code, id);
CREATE INDEX t_expr ON t (lower(code), (id % 7) DESC NULLS LAST) WITH (fillfactor = 60, deduplicate_items = off);
CREATE INDEX t_doc ON t USING gin (doc jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX t_hash ON t USING hash (code);
CREATE INDEX t_brin ON t USING brin (at) WITH (pages_per_range = 4);
CREATE INDEX t_part ON t (parent_id) WHERE code LIKE '%1';
ALTER INDEX t_expr ALTER COLUMN 1 SET STATISTICS 777;
ALTER TABLE t ALTER COLUMN code SET NOT NULL, CLUSTER ON t_expr;
ALTER TABLE t REPLICA IDENTITY USING INDEX t_identity;
COMMENT ON INDEX t_doc IS 'kept';
COMMENT ON CONSTRAINT t_key ON t IS 'kept too';
CREATE TABLE child (t_id bigint REFERENCES t);
CREATE TABLE other (id integer);
CREATE INDEX other_ok ON other (id);`

const indexState = `SELECT string_agg(row_to_json(x)::text || pg_get_indexdef(i.oid) || coalesce(i.reloptions::text, '') || i.relname || i.reltablespace || coalesce(obj_description(i.oid), ''), E'\n' ORDER BY i.oid)
	FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid IN ('public.t'::regclass, 'public.parent'::regclass, 'public.child'::regclass)`

// TestIndexesComeBack loads enough rows that indexes are switched off, and looks at everything that the catalog says of
// them before and after.
func TestIndexesComeBack(t *testing.T) {
	t.Parallel()
	for name, o := range map[string]Options{"single": {}, "none": {Transaction: None}, "jobs": {Transaction: None, Jobs: 2}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			r := openRun(t, indexedSchema)
			ctx := context.Background()
			state := func() (s string) {
				must(t, r.session.Ask(ctx, indexState, nil, []any{&s}, nil))
				return s
			}
			before := state()
			load := func(script string) (Result, []string, error) {
				dir := t.TempDir()
				must(t, os.WriteFile(filepath.Join(dir, "load.sql"), []byte(script), 0o600))
				o := o
				var notices []string
				o.thresholds.manyRows = 64 << 10
				o.Target, o.Script = r.session.Config(), Script{FS: os.DirFS(dir), Name: "load.sql"}
				o.Events.Notice = func(s string) { notices = append(notices, s) }
				result, err := Run(ctx, o)
				return result, notices, err
			}
			result, _, err := load(indexedScript(6_000, 0))
			must(t, err)
			if result.Rows != 6_000 {
				t.Errorf("%d rows", result.Rows)
			}
			if after := state(); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			for _, index := range []string{"t_key", "t_code_key", "t_identity", "t_expr"} {
				must(t, r.exec(ctx, "SELECT bt_index_check('"+index+"', true)"))
			}
			var n int
			must(t, r.session.Ask(ctx, "SELECT count(*) FROM public.t WHERE doc @> '{\"n\": 5}'", nil, []any{&n}, nil))
			if n == 0 {
				t.Error("the gin index finds nothing")
			}
			// A row that breaks a unique key is found when the index is built: the error is that of the row.
			_, notices, err := load(indexedScript(6_000, 3_234))
			if err == nil || !strings.Contains(err.Error(), "load.sql:3") || !strings.Contains(err.Error(), "23505") || len(notices) == 0 {
				t.Errorf("a doubled key gives %v, notices %q", err, notices)
			}
			if after := state(); after != before {
				t.Errorf("after the failure:\n%s", after)
			}
		})
	}
}

// indexedScript makes n rows, a statement a thousand; the row doubled has the key of the one before.
func indexedScript(n, doubled int) string {
	var b strings.Builder
	b.WriteString("SET session_replication_role = 'replica'; TRUNCATE TABLE t CASCADE;")
	for i := 1; i <= n; i++ {
		if i%1000 == 1 {
			b.WriteString(" INSERT INTO t (id, parent_id, code, span, doc, at) VALUES\n")
		}
		id := i
		if i == doubled {
			id--
		}
		fmt.Fprintf(&b, `(%d, %d, 'code %d', '[%d,%d)', '{"n": %d}', '2025-01-01T00:00:00Z')`, id, 1+i%50, id, 2*i, 2*i+1, i%100)
		if i%1000 == 0 || i == n {
			b.WriteString(";")
		} else {
			b.WriteString(",\n")
		}
	}
	b.WriteString("\nSET session_replication_role = 'origin';\n")
	return b.String()
}
