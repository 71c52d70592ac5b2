//go:build unix

package load

import (
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// catalogState is all that the catalog says of the indexes and constraints of a schema, without object ids.
const catalogState = `SELECT string_agg(line, E'\n' ORDER BY line) FROM (
	SELECT (to_jsonb(x) - 'indexrelid' - 'indrelid' - 'indexprs' - 'indpred' - 'indcheckxmin')::text || pg_get_indexdef(i.oid) || pg_get_userbyid(i.relowner)
		|| concat_ws('|', 'is', i.reloptions::text, i.reltablespace, i.relpersistence, i.relispartition, obj_description(i.oid, 'pg_class'),
			(SELECT string_agg(concat_ws(' ', a.attnum, a.attname, a.attstattarget, a.attoptions::text), ',' ORDER BY a.attnum) FROM pg_attribute a WHERE a.attrelid = i.oid),
			(SELECT inhparent::regclass FROM pg_inherits WHERE inhrelid = i.oid)) AS line
	FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE i.relnamespace = 'app'::regnamespace
	UNION ALL
	SELECT conrelid::regclass || ' ' || conname || ' ' || pg_get_constraintdef(k.oid) || concat_ws('|', convalidated, condeferrable, condeferred, coninhcount,
		CASE WHEN contype <> 'n' OR coninhcount = 0 THEN conislocal END, -- a key of a partition makes its NOT NULL one of its own, from PostgreSQL 18 on
		CASE WHEN conparentid = 0 OR contype NOT IN ('p', 'u') THEN connoinherit END, -- which means nothing for these, and pg_dump leaves out as well
		(SELECT conname FROM pg_constraint up WHERE up.oid = k.conparentid AND k.contype IN ('p', 'u')), conindid::regclass, obj_description(k.oid, 'pg_constraint'))
	FROM pg_constraint k WHERE connamespace = 'app'::regnamespace
	UNION ALL
	SELECT relname || ' replica identity ' || relreplident::text || ' triggers ' || coalesce((SELECT string_agg(tgname::text || tgenabled::text, ',' ORDER BY tgname) FROM pg_trigger WHERE tgrelid = c.oid AND NOT tgisinternal), '')
	FROM pg_class c WHERE relnamespace = 'app'::regnamespace AND relkind IN ('r', 'p')
	UNION ALL
	SELECT format('%s %s depends on extension %s', classid::regclass, pg_describe_object(classid, objid, objsubid), e.extname) FROM pg_depend d JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND e.oid = d.refobjid
	WHERE deptype = 'x'
) lines`

// ownerSchema has every property of an index that could get lost, and every reason to leave one alone.
const ownerSchema = `
CREATE SCHEMA app; SET search_path = app, ext, public;
CREATE TABLE parent (id integer PRIMARY KEY, name text);
CREATE TABLE "the table" (
	id bigint CONSTRAINT "the key" PRIMARY KEY WITH (fillfactor = 80),
	parent_id integer REFERENCES parent,
	up bigint REFERENCES "the table",
	code text COLLATE "C" NOT NULL,
	span int8range,
	doc jsonb,
	at timestamptz,
	CONSTRAINT code_key UNIQUE NULLS NOT DISTINCT (code) INCLUDE (at) WITH (deduplicate_items = off),
	CONSTRAINT span_excl EXCLUDE USING gist (span WITH &&) WITH (fillfactor = 75),
	CONSTRAINT late UNIQUE (id, code) DEFERRABLE INITIALLY DEFERRED
);
CREATE UNIQUE INDEX never ON "the table" (id, parent_id) WHERE false;
CREATE UNIQUE INDEX "iden""tity" ON "the table" (code, id);
CREATE INDEX expr ON "the table" (fold(code) text_pattern_ops, (id % 7) DESC NULLS LAST, code COLLATE "POSIX") WITH (fillfactor = 60, deduplicate_items = off);
CREATE INDEX doc ON "the table" USING gin (doc jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX trgm ON "the table" USING gist (code ext.gist_trgm_ops (siglen = 32));
CREATE INDEX hash ON "the table" USING hash (code);
CREATE INDEX brin ON "the table" USING brin (at) WITH (pages_per_range = 4);
CREATE INDEX part ON "the table" (parent_id) WHERE code LIKE '%1';
CREATE INDEX held ON "the table" (parent_id); ALTER INDEX held DEPENDS ON EXTENSION pg_trgm;
ALTER INDEX expr ALTER COLUMN 1 SET STATISTICS 777; ALTER INDEX expr ALTER COLUMN 2 SET STATISTICS 0;
ALTER TABLE "the table" CLUSTER ON expr;
ALTER TABLE "the table" REPLICA IDENTITY USING INDEX "iden""tity";
COMMENT ON INDEX doc IS 'it''s \kept'; COMMENT ON INDEX "the key" IS 'an index'; COMMENT ON CONSTRAINT "the key" ON "the table" IS 'a constraint';
CREATE TABLE child (id serial PRIMARY KEY, t_id bigint CONSTRAINT points REFERENCES "the table" ON DELETE CASCADE);
CREATE INDEX ON child (t_id);
CREATE TABLE grouped (id integer PRIMARY KEY, name text);
CREATE VIEW groups AS SELECT id, name, count(*) FROM grouped GROUP BY id;
CREATE INDEX ON grouped (name);
CREATE TABLE split (id integer, k integer, CONSTRAINT "split key" PRIMARY KEY (id, k)) PARTITION BY LIST (k);
CREATE TABLE split_1 PARTITION OF split FOR VALUES IN (1);
CREATE TABLE split_2 (id integer NOT NULL, k integer NOT NULL, CONSTRAINT "its own name" PRIMARY KEY (id, k)) PARTITION BY HASH (id);
CREATE TABLE split_2_a PARTITION OF split_2 FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE split_2_b PARTITION OF split_2 FOR VALUES WITH (MODULUS 2, REMAINDER 1);
ALTER TABLE split ATTACH PARTITION split_2 DEFAULT;
CREATE INDEX named ON split_1 (k, id); CREATE INDEX by_k ON split (k, id) WITH (fillfactor = 55); CREATE UNIQUE INDEX once ON split (k, id DESC);
CREATE INDEX own ON split_1 (id DESC); CREATE INDEX elsewhere ON split_2 (k);
CREATE INDEX expr_split ON split ((id + k)); ALTER INDEX expr_split ALTER COLUMN 1 SET STATISTICS 33;
COMMENT ON INDEX own IS 'of one partition'; COMMENT ON INDEX by_k IS 'of all'; COMMENT ON INDEX named IS 'attached'; COMMENT ON CONSTRAINT "its own name" ON split_2 IS 'below';
ALTER TABLE split_1 CLUSTER ON named; ALTER TABLE split_1 REPLICA IDENTITY USING INDEX split_1_pkey;
CREATE TABLE points_at (id integer PRIMARY KEY, split_id integer, split_k integer, FOREIGN KEY (split_id, split_k) REFERENCES split);
CREATE TABLE kept (id integer, k integer, CONSTRAINT kept_once UNIQUE (id, k) WITH (fillfactor = 90)) PARTITION BY LIST (k); CREATE TABLE kept_1 PARTITION OF kept DEFAULT;`

// ownerScript fills the tables of ownerSchema, children first; the row doubled has the key of the one before.
func ownerScript(n, doubled int) string {
	var b strings.Builder
	b.WriteString("SET session_replication_role = 'replica';\nSET search_path = app;\nTRUNCATE TABLE child, \"the table\", parent, grouped, split, points_at, kept;\n")
	rows := func(head string, row func(i int) string) {
		for i := 1; i <= n; i++ {
			if i%1000 == 1 {
				b.WriteString("INSERT INTO " + head + " VALUES\n")
			}
			b.WriteString(row(i))
			b.WriteString(map[bool]string{true: ";\n", false: ",\n"}[i%1000 == 0 || i == n])
		}
	}
	rows("child (id, t_id)", func(i int) string { return fmt.Sprintf("(%d, %d)", i, 1+i%n) })
	rows(`"the table" (id, parent_id, up, code, span, doc, at)`, func(i int) string {
		id := i
		if i == doubled {
			id--
		}
		return fmt.Sprintf(`(%d, %d, %d, 'code %d', '[%d,%d)', '{"n": %d}', '2025-01-01T00:00:00Z')`, id, 1+i%50, n+1-i, id, 2*i, 2*i+1, i%100)
	})
	rows("grouped (id, name)", func(i int) string { return fmt.Sprintf("(%d, 'name %d')", i, i%10) })
	rows("split (id, k)", func(i int) string { return fmt.Sprintf("(%d, %d)", i, i%3) })
	rows("kept (id, k)", func(i int) string { return fmt.Sprintf("(%d, %d)", i, i%3) })
	b.WriteString("INSERT INTO parent SELECT generate_series(1, 50);\nSET session_replication_role = 'origin';\n")
	return b.String()
}

// asOwner gives a database whose schema belongs to a role that is nothing else than that, and configurations to connect as either.
func asOwner(t *testing.T, superuser, schema string) (super, owner *pgx.ConnConfig) {
	t.Helper()
	server := pgtest.Shared(t)
	databaseURL := server.NewDatabase(t)
	super, err := pgx.ParseConfig(databaseURL)
	must(t, err)
	role := "owner_of_" + super.Database
	pgtest.Exec(t, databaseURL, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; ALTER DATABASE %s OWNER TO %[1]s; ", role, pgtest.Verifier("pw"), super.Database)+superuser)
	t.Cleanup(func() {
		pgtest.Exec(t, databaseURL, fmt.Sprintf("REASSIGN OWNED BY %s TO postgres; DROP OWNED BY %[1]s; DROP ROLE %[1]s", role))
	})
	u, err := url.Parse(databaseURL)
	must(t, err)
	u.User = url.UserPassword(role, "pw")
	owner, err = pgx.ParseConfig(u.String())
	must(t, err)
	pgtest.Exec(t, u.String(), schema)
	return super, owner
}

// withOwnerSchema gives a database with ownerSchema, in which a superuser has granted something to owner; "" is nothing. The test is
// skipped where the server does not know what is granted.
func withOwnerSchema(t *testing.T, grant string) (super, owner *pgx.ConnConfig) {
	t.Helper()
	schema := ownerSchema
	if pgtest.Shared(t).Version() < 15 {
		if strings.Contains(grant, "ON PARAMETER") {
			t.Skip("parameters are granted from PostgreSQL 15 on")
		}
		schema = strings.ReplaceAll(schema, " NULLS NOT DISTINCT", "") // likewise
	}
	super, owner = asOwner(t, "CREATE SCHEMA ext; CREATE EXTENSION pg_trgm SCHEMA ext; GRANT USAGE ON SCHEMA ext TO PUBLIC; CREATE EXTENSION amcheck SCHEMA ext; "+
		"CREATE FUNCTION ext.fold(text) RETURNS text LANGUAGE internal IMMUTABLE STRICT AS 'lower'", schema)
	if grant != "" {
		pgtest.Exec(t, super.ConnString(), strings.ReplaceAll(grant, " TO owner", " TO "+owner.User))
	}
	return super, owner
}

// loadTold loads a script as options say, with few rows counting as many and foreign keys enforced, and gives what was told.
func loadTold(t *testing.T, o Options, script string) (told []string, err error) {
	t.Helper()
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "load.sql"), []byte(script), 0o600))
	o.Script, o.ForeignKeys = Script{FS: os.DirFS(dir), Name: "load.sql"}, Enforce
	o.thresholds.manyRows = 8 << 10
	o.Events.Notice = func(s string) { told = append(told, s) }
	o.Events.Warn = o.Events.Notice
	_, err = Run(context.Background(), o)
	return told, err
}

// asker gives the first value of a query.
func asker(t *testing.T, conn *pgx.Conn) func(query string) string {
	t.Helper()
	return func(query string) (s string) {
		t.Helper()
		must(t, conn.QueryRow(context.Background(), "SELECT coalesce(("+query+")::text, '')").Scan(&s))
		return s
	}
}

func connectTo(t *testing.T, config *pgx.ConnConfig) *pgx.Conn {
	t.Helper()
	conn, err := pgx.ConnectConfig(context.Background(), config)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

// indexesBefore notes which indexes there are: whether the faster way was taken is seen in the database. An event trigger would keep
// them where they are.
const indexesBefore = `CREATE TABLE public.before_load AS SELECT i.oid AS was, format('%I.%I', n.nspname, i.relname) AS what
FROM pg_class i JOIN pg_namespace n ON n.oid = i.relnamespace WHERE i.relkind IN ('i', 'I') AND n.nspname = 'app';
CREATE VIEW public.dropped AS SELECT what FROM public.before_load WHERE NOT EXISTS (SELECT 1 FROM pg_class WHERE oid = was);
`

// TestOwnersIndexesComeBack loads enough rows as a mere owner that indexes are dropped, and looks at everything that the catalog
// says of them before and after.
func TestOwnersIndexesComeBack(t *testing.T) {
	t.Parallel()
	all := []string{`app."the key"`, "app.code_key", "app.never", `app."iden""tity"`, "app.expr", "app.doc", "app.trgm", "app.hash", "app.brin", "app.part",
		"app.child_pkey", "app.child_t_id_idx", "app.grouped_name_idx", "app.own",
		"app.elsewhere", "app.split_2_a_k_idx", "app.split_2_b_k_idx", "app.by_k", "app.named", "app.split_2_k_id_idx", "app.split_2_a_k_id_idx", "app.split_2_b_k_id_idx",
		"app.once", "app.split_1_k_id_idx", "app.split_2_k_id_idx1", "app.split_2_a_k_id_idx1", "app.split_2_b_k_id_idx1",
		"app.expr_split", "app.split_1_expr_idx", "app.split_2_expr_idx", "app.split_2_a_expr_idx", "app.split_2_b_expr_idx",
		`app."split key"`, "app.split_1_pkey", `app."its own name"`, "app.split_2_a_pkey", "app.split_2_b_pkey"}
	referred := []string{`app."the key"`, `app."split key"`, "app.split_1_pkey", `app."its own name"`, "app.split_2_a_pkey", "app.split_2_b_pkey"} // by foreign keys
	without := func(names ...string) (rest []string) {
		for _, name := range all {
			if !slices.Contains(names, name) {
				rest = append(rest, name)
			}
		}
		return rest
	}
	for name, tt := range map[string]struct {
		grant   string // as superuser, before the load
		script  string // in place of ownerScript's first line
		o       Options
		dropped []string
	}{
		"owner":              {dropped: all},
		"verbatim":           {o: Options{Verbatim: true}},
		"granted":            {grant: "GRANT SET ON PARAMETER session_replication_role TO owner", dropped: without(referred...)},
		"granted, none":      {grant: "GRANT SET ON PARAMETER session_replication_role TO owner", o: Options{Transaction: None}, dropped: without(referred...)},
		"granted, jobs":      {grant: "GRANT SET ON PARAMETER session_replication_role TO owner", o: Options{Transaction: None, Jobs: 2}, dropped: without(referred...)},
		"no CREATE":          {grant: "ALTER SCHEMA app OWNER TO postgres; GRANT USAGE ON SCHEMA app TO owner"},
		"dropping forbidden": {grant: "CREATE FUNCTION never() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'never drop an index'; END $$; CREATE EVENT TRIGGER never ON sql_drop WHEN TAG IN ('DROP INDEX') EXECUTE FUNCTION never()"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			super, owner := withOwnerSchema(t, tt.grant)
			pgtest.Exec(t, super.ConnString(), indexesBefore)
			ask := asker(t, connectTo(t, super))
			before, dumped := ask(catalogState), pgtest.Dump(t, super.ConnString(), "--schema-only")
			tt.o.Target = owner
			const n = 3_000
			told, err := loadTold(t, tt.o, ownerScript(n, 0))
			must(t, err)
			t.Logf("%q", told)
			if after := ask(catalogState); after != before {
				t.Errorf("before:\n%s\nafter:\n%s", before, after)
			}
			if got := pgtest.Dump(t, super.ConnString(), "--schema-only"); got != dumped {
				t.Errorf("dumps differ: %s", firstDifference(dumped, got))
			}
			dropped := ask("SELECT string_agg(what, ' ' ORDER BY what) FROM public.dropped")
			for _, index := range tt.dropped {
				if !strings.Contains(" "+dropped+" ", " "+index+" ") {
					t.Errorf("%s was not dropped", index)
				}
			}
			if got := ask("SELECT count(*) FROM public.dropped"); got != fmt.Sprint(len(tt.dropped)) {
				t.Errorf("%s indexes were dropped, not %d: %s", got, len(tt.dropped), dropped)
			}
			if got := ask(`SELECT concat_ws(' ', (SELECT count(*) FROM app.child), (SELECT count(*) FROM app."the table"), (SELECT count(*) FROM app.split), (SELECT count(*) FROM app.grouped))`); got != "3000 3000 3000 3000" {
				t.Errorf("rows: %s", got)
			}
			ask("SELECT count(ext.bt_index_check(i.oid, true)) FROM pg_class i JOIN pg_am a ON a.oid = i.relam WHERE a.amname = 'btree' AND i.relkind = 'i' AND i.relnamespace = 'app'::regnamespace")
			if ask(`SELECT count(*) FROM app."the table" WHERE doc @> '{"n": 5}'`) != "30" {
				t.Error("the gin index does not find its rows")
			}
			// A row that breaks a unique key is found when the index is made again: the error is that of the row.
			dump := ask(`SELECT string_agg(md5(t::text), '' ORDER BY id) FROM app."the table" t`)
			told, err = loadTold(t, tt.o, ownerScript(n, 2_345))
			if err == nil || !strings.Contains(err.Error(), "23505") || !strings.Contains(err.Error(), "load.sql:") || !strings.Contains(err.Error(), "(2344)") {
				t.Errorf("a doubled key gives %v, %q", err, told)
			}
			if after := ask(catalogState); after != before {
				t.Errorf("after the failure:\n%s", after)
			}
			if tt.o.Transaction != None && dump != ask(`SELECT string_agg(md5(t::text), '' ORDER BY id) FROM app."the table" t`) {
				t.Error("rows have changed")
			}
		})
	}
}
