package catalog_test

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

const schema = `
CREATE SCHEMA app; CREATE SCHEMA "Other";
CREATE TABLE app.parent (id serial PRIMARY KEY, name text UNIQUE, code uuid UNIQUE);
CREATE TABLE app.child (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, parent int REFERENCES app.parent, code uuid CONSTRAINT "By code" REFERENCES app.parent (code) DEFERRABLE,
	twice int GENERATED ALWAYS AS (parent * 2) STORED);
COMMENT ON CONSTRAINT "By code" ON app.child IS 'it''s';
CREATE INDEX child_half ON app.child (parent) WHERE parent > 0;
CREATE TABLE "Other"."Far" (v numeric DEFAULT nextval(('app.far_seq'::text)::regclass), a int[], child int REFERENCES app.child);
CREATE SEQUENCE app.far_seq INCREMENT -1 MAXVALUE 5 START 5;
CREATE TYPE app.point AS (x int, y text); CREATE DOMAIN app.pt AS app.point;
CREATE TABLE app.odd (p app.pt, ps app.point[], j jsonb);
CREATE VIEW app.shown AS SELECT id, name FROM app.parent;
CREATE TABLE app.part (id int) PARTITION BY LIST (id); CREATE TABLE app.part1 PARTITION OF app.part FOR VALUES IN (1);
CREATE FUNCTION app.stamp() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER stamp BEFORE INSERT ON app.child FOR EACH ROW EXECUTE FUNCTION app.stamp();
CREATE RULE quiet AS ON DELETE TO app.odd DO INSTEAD NOTHING;
INSERT INTO app.parent (name) VALUES ('a'), ('b');`

// open gives a session with a database of the schema, whose search_path is app, and the names' oids.
func open(t *testing.T) (s *session.Session, oid func(name string) uint32) {
	t.Helper()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, schema)
	config, err := pgx.ParseConfig(url)
	must(t, err)
	config.RuntimeParams["search_path"] = "app"
	s, err = session.Open(context.Background(), config, session.Options{})
	must(t, err)
	t.Cleanup(func() { s.Close(context.Background()) })
	return s, func(name string) uint32 {
		oids, err := catalog.Names(context.Background(), s, []string{name})
		must(t, err)
		if oids[0] == 0 {
			t.Fatalf("there is no %s", name)
		}
		return oids[0]
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// is compares what values print as.
func is(t *testing.T, got any, want string) {
	t.Helper()
	if text := fmt.Sprintf("%+v", got); text != want {
		t.Errorf("got  %s\nwant %s", text, want)
	}
}

func TestNames(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	ctx := t.Context()
	for _, begin := range []string{"", "BEGIN"} {
		if begin != "" {
			must(t, s.Exec(ctx, "BEGIN; SET LOCAL search_path = 'Other'"))
		}
		oids, err := catalog.Names(ctx, s, []string{"child", `"Far"`, `app.child`, `"child "`, "nowhere.child"})
		must(t, err)
		want := []uint32{oid("app.child"), 0, oid("app.child"), 0, 0}
		if begin != "" {
			want[0], want[1] = 0, oid(`"Other"."Far"`)
		}
		if !slices.Equal(oids, want) {
			t.Errorf("%d, want %d", oids, want)
		}
	}
	if s.TxStatus() != 'T' {
		t.Errorf("state %c", s.TxStatus())
	}
}

func TestVisible(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	visible, err := catalog.Visible(t.Context(), s)
	must(t, err)
	if !visible[oid("child")] || visible[oid(`"Other"."Far"`)] {
		t.Error("it is not the session's path that counts")
	}
}

func TestRelations(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	all, err := catalog.Relations(t.Context(), s, []string{"", "Other", "app", "", "Other"}, []string{"child", "Far", "shown", "missing", "child"}, sqltext.QuoteName)
	must(t, err)
	if all[3] != nil || all[4] != nil {
		t.Errorf("%v %v", all[3], all[4])
	}
	child := *all[0]
	if child.OID != oid("child") {
		t.Error("it is another table")
	}
	child.OID = 0
	is(t, child, "{OID:0 Kind:r Name:app.child Owner:postgres Owned:true Usage:true Instead:false Hidden:false MayInsert:true MayTruncate:true MayLock:true MayRead:true "+
		"Columns:[id parent code twice] Written:[identity   generated] Insertable:[true true true true] Required:[] Guarded:[] Filled:origin}")
	is(t, []string{all[1].Name, all[1].Kind, all[2].Name, all[2].Kind}, `["Other"."Far" r app.shown v]`)
}

func TestTables(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	all, err := catalog.Tables(t.Context(), s, 0)
	must(t, err)
	var names []string
	for _, n := range all {
		names = append(names, fmt.Sprintf("%s.%s %s %t", n.Schema, n.Name, n.Kind, n.Instead))
	}
	is(t, names, "[Other.Far r false app.child r false app.odd r false app.parent r false app.part p false app.part1 r false app.shown v false]")
	if few, err := catalog.Tables(t.Context(), s, 2); err != nil || len(few) != 2 {
		t.Errorf("%v %v", few, err)
	}
}

func TestQualifiedAndReadable(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	names, err := catalog.Qualified(t.Context(), s, []uint32{oid(`"Other"."Far"`), oid("child"), 1})
	must(t, err)
	is(t, []string{names[oid(`"Other"."Far"`)], names[oid("child")]}, `["Other"."Far" app.child]`)
	readable, err := catalog.Readable(t.Context(), s)
	must(t, err)
	if len(readable) != 6 || slices.Contains(readable, oid("shown")) {
		t.Errorf("%d", readable)
	}
}

func TestColumns(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	all, err := catalog.Columns(t.Context(), s, []uint32{oid("odd"), oid("child")})
	must(t, err)
	columns, child := all[oid("odd")], all[oid("child")]
	var oids []uint32
	for _, c := range columns {
		oids = append(oids, c.Type)
	}
	types, err := catalog.Types(t.Context(), s, oids)
	must(t, err)
	point, points, document := types[oids[0]], types[oids[1]], types[oids[2]]
	if len(columns) != 3 || point.Kind != "d" || points.Element == 0 || points.Delimiter != "," || document.Name != "jsonb" {
		t.Fatalf("%+v %+v %+v", point, points, document)
	}
	is(t, []string{types[point.Base].Name, types[points.Element].Name}, "[point point]")
	is(t, types[point.Base].Fields, "[x y]")
	is(t, []string{types[types[point.Base].FieldTypes[0]].Category, types[types[point.Base].FieldTypes[1]].Name}, "[N text]")
	if !child[3].Generated || child[1].Generated {
		t.Errorf("%+v", child)
	}
}

func TestTakesEmpty(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	for name, want := range map[string]bool{"pg_catalog.text": true, "pg_catalog.macaddr": false, "pg_catalog.bytea": true, "pg_catalog.jsonb": false} {
		if got, err := catalog.TakesEmpty(t.Context(), s, name); err != nil || got != want {
			t.Errorf("%s: %t %v", name, got, err)
		}
	}
}

func TestCounters(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	must(t, s.Exec(t.Context(), "BEGIN; INSERT INTO parent (name) VALUES ('x'), ('y'); UPDATE parent SET name = 'z' WHERE name = 'x'"))
	counters, err := catalog.Counters(t.Context(), s, []uint32{oid("parent")})
	must(t, err)
	is(t, counters[0].Inserted*10+counters[0].Changed, "21")
}

func TestMaySet(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	if strings.HasPrefix(s.Parameter("server_version"), "14") {
		t.Skip("PostgreSQL 14 grants no parameters")
	}
	may, err := catalog.MaySet(t.Context(), s, "session_replication_role")
	if err != nil || !may {
		t.Errorf("%t %v", may, err)
	}
}

func TestForeignKeys(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	keys, err := catalog.ForeignKeys(t.Context(), s, []uint32{oid("child")})
	must(t, err)
	var got []string
	for _, k := range keys {
		got = append(got, fmt.Sprint(k.Name, " ", k.Table, " ", k.Parent, k.From, k.To, k.Equal, k.Hidden, k.Full))
	}
	is(t, strings.Join(got, "; "), `"By code" ONLY app.child ONLY app.parent[code] [code] [OPERATOR(pg_catalog.=)] false false; `+
		`"Far_child_fkey" ONLY "Other"."Far" ONLY app.child[child] [id] [OPERATOR(pg_catalog.=)] false false; child_parent_fkey ONLY app.child ONLY app.parent[parent] [id] [OPERATOR(pg_catalog.=)] false false`)
	made, err := catalog.Constraint(t.Context(), s, "app.child", `"By code"`)
	must(t, err)
	named, err := catalog.ForeignKeyOf(t.Context(), s, made)
	if err != nil || len(named) != 1 || named[0].Name != `"By code"` {
		t.Errorf("%v %v", named, err)
	}
}

func TestConstraint(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	for name, want := range map[string]bool{`"By code"`: true, "child_pkey": true, `"by code"`: false, `"child_pkey"`: true} {
		if oid, err := catalog.Constraint(t.Context(), s, "app.child", name); err != nil || (oid != 0) != want {
			t.Errorf("%s: %d %v", name, oid, err)
		}
	}
}

func TestReferences(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	oids := []uint32{oid("child"), oid("parent")}
	firm, err := catalog.FirmReferences(t.Context(), s, oids)
	if err != nil || len(firm) != 0 { // a superuser has every owner's rights
		t.Errorf("%+v %v", firm, err)
	}
}

func TestEmptyingOf(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	must(t, s.Exec(t.Context(), "CREATE TABLE app.heir () INHERITS (app.odd); CREATE TABLE app.keyed (id int PRIMARY KEY) PARTITION BY LIST (id); "+
		"CREATE TABLE app.keyed1 PARTITION OF app.keyed FOR VALUES IN (1); ALTER TABLE app.part1 ADD FOREIGN KEY (id) REFERENCES app.keyed"))
	names := []string{"parent", "child", "odd", "part", "keyed"}
	byOID := map[uint32]string{}
	var oids []uint32
	for _, name := range names {
		oids, byOID[oid(name)] = append(oids, oid(name)), name
	}
	all, err := catalog.EmptyingOf(t.Context(), s, oids)
	must(t, err)
	var got []string
	for _, e := range all {
		var referring []string
		for _, r := range e.Referring {
			referring = append(referring, byOID[r])
		}
		got = append(got, fmt.Sprint(byOID[e.OID], " ", e.Kind, " ", e.Inherited, " ", e.Outside, referring))
	}
	slices.Sort(got)
	is(t, strings.Join(got, "; "), "child r false true []; keyed p false false [part]; odd r true false []; parent r false false [child]; part p false false []")
}

func TestOutsideKeys(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	must(t, s.Exec(t.Context(), `CREATE TABLE app.keyed (id int PRIMARY KEY) PARTITION BY LIST (id); CREATE TABLE app.keyed1 PARTITION OF app.keyed FOR VALUES IN (1);
		CREATE TABLE app.user_of (id int REFERENCES app.keyed ON DELETE CASCADE) PARTITION BY LIST (id); CREATE TABLE app.user_of1 PARTITION OF app.user_of FOR VALUES IN (1)`))
	told := func(oids, inside []uint32) string {
		keys, err := catalog.OutsideKeys(t.Context(), s, oids, inside)
		must(t, err)
		var got []string
		for _, k := range keys {
			got = append(got, fmt.Sprint(k.Table, " ", k.Parent, " ", k.Name, " ", k.Action, " ", k.Deferrable))
		}
		return strings.Join(got, "; ")
	}
	parent, child := oid("parent"), oid("child")
	is(t, told([]uint32{parent}, nil), `ONLY app.child ONLY app.parent "By code" NO ACTION true; ONLY app.child ONLY app.parent child_parent_fkey NO ACTION false`)
	is(t, told([]uint32{parent, child}, nil), `ONLY "Other"."Far" ONLY app.child "Far_child_fkey" NO ACTION false`)
	is(t, told([]uint32{parent}, []uint32{child}), "")
	is(t, told([]uint32{oid("keyed")}, nil), "app.user_of app.keyed user_of_id_fkey CASCADE false")
	is(t, told([]uint32{oid("keyed1")}, nil), "app.user_of ONLY app.keyed1 user_of_id_fkey1 CASCADE false")
	must(t, s.Exec(t.Context(), "SET session_replication_role = replica"))
	is(t, told([]uint32{parent}, nil), "")
	family, err := catalog.Family(t.Context(), s, []uint32{oid("keyed"), parent})
	want := []uint32{parent, oid("keyed"), oid("keyed1")}
	slices.Sort(want)
	if err != nil || !slices.Equal(family, want) {
		t.Errorf("%v %v, want %v", family, err, want)
	}
}

func TestTakenKeys(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	must(t, s.Exec(t.Context(), `CREATE TABLE app.self (id int PRIMARY KEY, up int REFERENCES app.self, far int REFERENCES app.parent ON DELETE SET NULL)`))
	parent, child := oid("parent"), oid("child")
	told := func(inside ...uint32) string {
		keys, err := catalog.TakenKeys(t.Context(), s, []uint32{parent}, append(inside, parent))
		must(t, err)
		var got []string
		for _, k := range keys {
			got = append(got, fmt.Sprint(k.Table, " ", k.Parent, " ", k.Action, " ", k.Chained, " ", k.MayDelete))
		}
		return strings.Join(got, "; ")
	}
	own := "ONLY app.self ONLY app.parent SET NULL false true; ONLY app.self ONLY app.self NO ACTION true true"
	is(t, told(), `ONLY "Other"."Far" ONLY app.child NO ACTION true true; ONLY app.child ONLY app.parent NO ACTION false true; ONLY app.child ONLY app.parent NO ACTION false true; `+own)
	is(t, told(child), own)
	is(t, told(child, oid("self")), "")
}

func TestLostBy(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	must(t, s.Exec(t.Context(), "INSERT INTO app.part VALUES (1); BEGIN; DELETE FROM app.part; UPDATE app.parent SET name = 'c' WHERE name = 'a'"))
	lost, err := catalog.LostBy(t.Context(), s, []uint32{oid("child")}, true)
	want := []uint32{oid("child"), oid("part"), oid("part1"), oid("parent")}
	slices.Sort(want)
	if err != nil || !slices.Equal(lost, want) {
		t.Errorf("%v %v, want %v", lost, err, want)
	}
	if named, err := catalog.LostBy(t.Context(), s, []uint32{oid("part1")}, false); err != nil || len(named) != 2 {
		t.Errorf("%v %v", named, err)
	}
}

func TestClipped(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	long := strings.Repeat("x", 62)
	got, err := catalog.Clipped(t.Context(), s, []string{"a", long + "é", long + "yz"})
	must(t, err)
	if !slices.Equal(got, []string{"a", long, long + "y"}) {
		t.Errorf("%q", got)
	}
}

func TestSchemas(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	all, err := catalog.Schemas(t.Context(), s)
	must(t, err)
	is(t, all, "[Other app public]")
}

func TestPlainKeys(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	keys, err := catalog.PlainKeys(t.Context(), s)
	must(t, err)
	var got []string
	for _, k := range keys {
		got = append(got, fmt.Sprint(k.Table == oid("child"), " ", k.Column, " ", k.ParentName, " ", k.ParentColumnQ))
	}
	slices.Sort(got)
	is(t, got, "[false child app.child id true code app.parent code true parent app.parent id]")
}

func TestEmptiedBy(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	must(t, s.Exec(t.Context(), "ANALYZE"))
	all, err := catalog.EmptiedBy(t.Context(), s, []uint32{oid("parent"), 0})
	must(t, err)
	var names []string
	for _, e := range all {
		names = append(names, e.Name)
	}
	is(t, names, `["Other"."Far" app.child app.parent]`)
}

func TestFilledBy(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	must(t, s.Exec(t.Context(), "BEGIN; INSERT INTO part VALUES (1)"))
	filled, err := catalog.FilledBy(t.Context(), s, []uint32{oid("shown")}, true, false, "postgres")
	must(t, err)
	var got []string
	for _, f := range filled {
		got = append(got, fmt.Sprint(f.Name, " ", f.Analyze, f.OwnRole))
	}
	is(t, got, "[app.parent true true app.part false true app.part1 true true]")
}

func TestSequences(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	all, err := catalog.SequencesOf(t.Context(), s, []uint32{oid("parent"), oid("child"), oid(`"Other"."Far"`)})
	must(t, err)
	var got []string
	for _, q := range all {
		got = append(got, fmt.Sprintf("%s %d %d %t %s.%s %t", q.Name, q.Increment, q.Start, q.Allowed, q.Feeds[0].TableName, q.Feeds[0].Column, q.Feeds[0].Numeric))
	}
	is(t, strings.Join(got, "; "), `app.child_id_seq 1 1 true app.child.id false; app.far_seq -1 5 true "Other"."Far".v true; app.parent_id_seq 1 1 true app.parent.id false`)
	states, err := catalog.States(t.Context(), s, []string{"app.far_seq", "app.parent_id_seq"}, []string{"NULL::bigint", "(SELECT max(id) FROM app.parent)::bigint"})
	must(t, err)
	if states[0].Far != nil || states[0].Last != 5 || states[0].Called || states[1].Far == nil || *states[1].Far != 2 || !states[1].Called {
		t.Errorf("%+v", states)
	}
}

func TestObstacles(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	show := func(table string, truncated, changed bool) string {
		all, err := catalog.Obstacles(t.Context(), s, oid(table), truncated, changed)
		must(t, err)
		var got []string
		for _, o := range all {
			got = append(got, strings.TrimSpace(fmt.Sprint(o.Kind, " ", o.Table, " ", o.Name, " ", o.Comment)))
		}
		return strings.Join(got, "; ")
	}
	is(t, show("child", false, false), `key app.child "By code" 'it''s'; key app.child child_parent_fkey; trigger app.child stamp`)
	is(t, show("child", false, true), `key "Other"."Far" "Far_child_fkey"; key app.child "By code" 'it''s'; key app.child child_parent_fkey; trigger app.child stamp`)
	is(t, show("child", true, false), "")
	is(t, show("odd", false, false), "rule app.odd quiet")
}

func TestDroppableIndexes(t *testing.T) {
	t.Parallel()
	s, oid := open(t)
	if all, err := catalog.DroppableIndexes(t.Context(), s, []string{"app.child_half"}, oid("child")); err != nil || len(all) != 0 {
		t.Errorf("%+v %v", all, err) // a deferred check of the table may wait for the commit
	}
	must(t, s.Exec(t.Context(), "SET session_replication_role = replica"))
	all, err := catalog.DroppableIndexes(t.Context(), s, []string{"app.child_pkey", "app.child_half"}, oid("child"))
	must(t, err)
	if len(all) != 1 || all[0].Drop != "DROP INDEX app.child_half" || !strings.Contains(all[0].Create, "CREATE INDEX child_half ON app.child USING btree (parent) WHERE (parent > 0)") {
		t.Errorf("%+v", all) // a key refers to the other one
	}
}

// TestFires holds that triggers, rules and event triggers are found by what fires them and by their state.
func TestFires(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := context.Background()
	must(t, s.Do(ctx, []byte(`CREATE TABLE app.kept (id int); CREATE TRIGGER kept AFTER TRUNCATE ON app.kept EXECUTE FUNCTION app.stamp();
		ALTER TABLE app.kept DISABLE TRIGGER kept; ALTER TABLE app.child ENABLE REPLICA TRIGGER stamp`), session.Handlers{}))
	usual, all := []string{"O", "A"}, []string{"O", "A", "R", "D"}
	event := func(state string) {
		must(t, s.Do(ctx, []byte(`CREATE FUNCTION app.seen() RETURNS event_trigger LANGUAGE plpgsql AS 'BEGIN END'; CREATE EVENT TRIGGER seen ON ddl_command_end EXECUTE FUNCTION app.seen();
			ALTER EVENT TRIGGER seen `+state), session.Handlers{}))
	}
	for _, tt := range []struct {
		events      catalog.Event
		states      []string
		definitions bool
		want        bool
	}{
		{catalog.OnInsert, usual, true, false},
		{catalog.OnInsert, []string{"R", "A"}, false, true},
		{catalog.OnDelete, usual, false, true}, // a rule
		{catalog.OnUpdate, all, false, false},  // those of keys are the server's
		{catalog.OnTruncate, usual, false, false},
		{catalog.OnTruncate | catalog.OnUpdate, all, false, true},
		{0, all, true, false},
	} {
		if got, err := catalog.Fires(ctx, s, tt.events, tt.states, tt.definitions); err != nil || got != tt.want {
			t.Errorf("%d in %v: %t, %v", tt.events, tt.states, got, err)
		}
	}
	event("DISABLE")
	if got, err := catalog.Fires(ctx, s, 0, usual, true); err != nil || got {
		t.Errorf("an event trigger that is disabled fires (%v)", err)
	}
	must(t, s.Do(ctx, []byte("ALTER EVENT TRIGGER seen ENABLE REPLICA"), session.Handlers{}))
	if got, err := catalog.Fires(ctx, s, 0, usual, true); err != nil || !got {
		t.Errorf("an event trigger for replicas is not found (%v)", err)
	}
}

// TestHasFunctions holds that functions outside of the server's own schema are found by name.
func TestHasFunctions(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	for name, want := range map[string]bool{"setval": false, "stamp": true, "Stamp": false} {
		if got, err := catalog.HasFunctions(context.Background(), s, []string{"set_config", name}); err != nil || got != want {
			t.Errorf("%s: %t, %v", name, got, err)
		}
	}
}

// A question is not compiled, whatever its plan seems to cost: in a database without statistics that takes seconds. What the script sets stays.
func TestQuestionsAreNotCompiled(t *testing.T) {
	t.Parallel()
	s, _ := open(t)
	ctx := t.Context()
	for _, begin := range []string{"SET jit = on", "BEGIN; SET LOCAL jit = on"} {
		must(t, s.Do(ctx, []byte(begin), session.Handlers{}))
		var within, after string
		must(t, s.Ask(ctx, "SELECT current_setting('jit')", nil, []any{&within}, nil))
		must(t, s.Resolve(ctx, "SELECT pg_catalog.current_setting('jit')", nil, []any{&after}, nil))
		is(t, []string{within, after}, "[off on]")
	}
}
