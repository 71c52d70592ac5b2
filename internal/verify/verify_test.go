package verify_test

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// database is one of a schema, with the checks over a connection to it.
type database struct {
	*verify.Checks
	t    *testing.T
	url  string
	said []string // what was warned of
}

func open(t *testing.T, schema string) *database {
	t.Helper()
	d := &database{t: t, url: pgtest.Shared(t).NewDatabase(t)}
	pgtest.Exec(t, d.url, schema)
	d.Checks = &verify.Checks{Session: d.connect(), Role: "app", Emptied: &verify.Emptied{}, Warn: func(text string) { d.said = append(d.said, text) }}
	return d
}

func (d *database) connect() *session.Session {
	d.t.Helper()
	config, err := pgx.ParseConfig(d.url)
	must(d.t, err)
	s, err := session.Open(context.Background(), config, session.Options{})
	must(d.t, err)
	d.t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

// begin opens a transaction, as a load has it when the checks come.
func (d *database) begin() {
	d.t.Helper()
	d.exec("BEGIN")
	d.Open = true
}

func (d *database) exec(sql string) {
	d.t.Helper()
	must(d.t, d.Session.Exec(d.t.Context(), sql))
}

func (d *database) oids(names ...string) []uint32 {
	d.t.Helper()
	oids, err := catalog.Names(d.t.Context(), d.Session, names)
	must(d.t, err)
	return oids
}

// ask gives the rows of a question, each as one text.
func (d *database) ask(sql string) (rows []string) {
	d.t.Helper()
	var row string
	must(d.t, d.Session.Ask(d.t.Context(), sql, nil, []any{&row}, func() error { rows = append(rows, row); return nil }))
	return rows
}

const keysSchema = `CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p);
	INSERT INTO p VALUES (1); SET session_replication_role = replica; INSERT INTO c VALUES (1, 1), (2, 5), (3, 6), (4, NULL)`

// TestForeignKeys: rows that break a key are warned of or refused, whichever connections count them.
func TestForeignKeys(t *testing.T) {
	t.Parallel()
	for name, ready := range map[string]func(d *database){
		"in the transaction":       func(d *database) { d.begin() },
		"after it":                 func(*database) {},
		"over several connections": func(d *database) { d.Others = []*session.Session{d.connect(), d.connect()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, keysSchema)
			ready(d)
			keys, err := catalog.ForeignKeys(t.Context(), d.Session, d.oids("c"))
			must(t, err)
			broken, err := d.ForeignKeys(t.Context(), keys)
			must(t, err)
			if want := []string{"foreign key c_p_fkey: 2 rows of public.c (p) have no match in public.p (id), for example 5; 6"}; broken != 2 || !slices.Equal(d.said, want) {
				t.Errorf("%d rows, said %q", broken, d.said)
			}
			d.Enforce = true
			if broken, err := d.ForeignKeys(t.Context(), keys); !errors.Is(err, verify.ErrBrokenKey) || broken != 0 || len(d.said) > 1 {
				t.Errorf("enforced: %d rows, %v, said %q", broken, err, d.said)
			}
		})
	}
}

// TestObserved: keys whose values passed by are kept or not, as far as the server's counters say that these are all.
func TestObserved(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		parents, children int
		other             string // statement that nobody has seen
		late              bool   // the rows of one table come when it may have others
		apart             bool   // those of one table come over another connection
		kept              int
	}{
		"all match":                  {parents: 3, children: 3, kept: 1},
		"one does not":               {parents: 3, children: 4},
		"looked up in the server":    {children: 3, other: "INSERT INTO p SELECT generate_series(1, 3)", kept: 1},
		"in vain":                    {children: 3, other: "INSERT INTO p SELECT generate_series(1, 2)"},
		"another row":                {parents: 3, children: 3, other: "INSERT INTO c VALUES (9, 1)"},
		"a row goes":                 {parents: 3, children: 3, other: "DELETE FROM p WHERE id = 2"},
		"rows may have been there":   {parents: 3, children: 3, late: true},
		"by another connection":      {parents: 3, children: 3, apart: true, kept: 1},
		"by another, one is missing": {parents: 2, children: 3, apart: true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, "CREATE TABLE p (id int PRIMARY KEY); CREATE TABLE c (id int PRIMARY KEY, p int REFERENCES p)")
			d.begin()
			d.exec("SET LOCAL session_replication_role = replica")
			oids := d.oids("p", "c")
			keys, err := verify.Keys(t.Context(), d.Session, 1<<20)
			must(t, err)
			load := func(o *verify.Observed, s *session.Session, table uint32, n int, insert string, columns ...string) {
				notes := map[int]func([]byte){}
				seen := o.Observe(table, tt.late, columns, func(i int, note func([]byte)) { notes[i] = note })
				if (seen == nil) != tt.late {
					t.Fatal("observed:", seen != nil)
				}
				for id := range n {
					for _, note := range notes {
						note(binary.BigEndian.AppendUint32(nil, uint32(id+1)))
					}
				}
				must(t, s.Exec(t.Context(), fmt.Sprintf(insert, n)))
				seen.Add(int64(n))
			}
			if tt.parents > 0 {
				load(&keys, d.Session, oids[0], tt.parents, "INSERT INTO p SELECT generate_series(1, %d)", "id")
			}
			by, theirs := d.Session, &keys
			if tt.apart {
				other, err := verify.Keys(t.Context(), d.Session, 1<<20)
				must(t, err)
				by, theirs = d.connect(), &other
				must(t, by.Exec(t.Context(), "BEGIN; SET LOCAL session_replication_role = replica"))
			}
			load(theirs, by, oids[1], tt.children, "INSERT INTO c SELECT i, i FROM generate_series(1, %d) i", "id", "p")
			if tt.apart {
				keys.Merge(theirs, by)
			}
			if tt.other != "" {
				d.exec(tt.other)
			}
			kept, err := d.Kept(t.Context(), &keys)
			if err != nil || len(kept) != tt.kept || keys.Kept() != tt.kept {
				t.Errorf("%d keys are kept, not %d, %v", len(kept), tt.kept, err)
			}
		})
	}
}

// TestSequences: where sequences are set to, and which of it a rollback takes back.
func TestSequences(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		schema, last   string // where the sequence stands in the end
		emptied, dry   bool
		taken, lasting int // statements
		said           string
	}{
		"forward":           {schema: "INSERT INTO t VALUES (7)", last: "7 t", lasting: 1},
		"no rows":           {last: "1 f"},
		"where it is":       {schema: "SELECT setval('t_id_seq', 7); INSERT INTO t VALUES (7)", last: "7 t"},
		"never back":        {schema: "SELECT setval('t_id_seq', 9); INSERT INTO t VALUES (7)", last: "9 t"},
		"back":              {schema: "SELECT setval('t_id_seq', 9); INSERT INTO t VALUES (7)", emptied: true, last: "7 t", taken: 2},
		"downward":          {schema: "ALTER SEQUENCE t_id_seq INCREMENT -1 MINVALUE -100 MAXVALUE 10 START 10 RESTART; INSERT INTO t VALUES (3), (8)", last: "3 t", lasting: 1},
		"before its first":  {schema: "INSERT INTO t VALUES (-3)", last: "1 f"},
		"used up":           {schema: "ALTER SEQUENCE t_id_seq MAXVALUE 7; INSERT INTO t VALUES (7)", last: "7 t", lasting: 1, said: "sequence public.t_id_seq has no value left after 7"},
		"dry":               {schema: "INSERT INTO t VALUES (7)", dry: true, last: "1 f", said: "sequences would stand at: public.t_id_seq 7"},
		"no right to it":    {schema: "INSERT INTO t VALUES (7); REVOKE ALL ON SEQUENCE t_id_seq FROM PUBLIC; SET ROLE pg_monitor", last: "1 f", said: "GRANT SELECT, UPDATE ON SEQUENCE public.t_id_seq TO app"},
		"another's default": {schema: "CREATE TABLE u (id int DEFAULT nextval('t_id_seq')); INSERT INTO u VALUES (9); INSERT INTO t VALUES (7)", emptied: true, last: "7 t", lasting: 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			before, role, _ := strings.Cut(tt.schema, "; SET ROLE")
			d := open(t, "CREATE TABLE t (id serial); GRANT SELECT ON t TO pg_monitor; "+before)
			tables := d.oids("t")
			d.begin()
			if role != "" {
				d.exec("SET ROLE" + role)
			}
			if tt.emptied {
				d.Emptied.Tables = tables
			}
			if tt.dry {
				d.Dry = &verify.DryRun{}
			}
			taken, lasting, err := d.Sequences(t.Context(), tables)
			must(t, err)
			if len(taken) != tt.taken || len(lasting) != tt.lasting {
				t.Errorf("taken back: %q, lasting: %q", taken, lasting)
			}
			if tt.dry {
				d.Dry.SayMoved(d.Warn)
			}
			if said := strings.Join(d.said, "\n"); !strings.Contains(said, tt.said) || (said == "") != (tt.said == "") {
				t.Errorf("said %q", said)
			}
			if moves := slices.Concat(taken, lasting); len(moves) > 0 {
				d.exec(strings.Join(moves, "; "))
			}
			d.exec("RESET ROLE")
			if got := d.ask("SELECT concat_ws(' ', last_value, is_called) FROM public.t_id_seq"); got[0] != tt.last {
				t.Errorf("stands at %q, not %q", got[0], tt.last)
			}
		})
	}
}

// TestDryRun: what setval would do is noted and fails as setval does, and numbers that were drawn are told.
func TestDryRun(t *testing.T) {
	t.Parallel()
	d := open(t, "CREATE SEQUENCE s MAXVALUE 50; CREATE SEQUENCE drawn; CREATE TABLE t ()")
	var dry verify.DryRun
	must(t, dry.Begin(t.Context(), d.Session))
	d.begin()
	for call, want := range map[string]string{"s 7 true": "", "s 51 true": "22003", "t 1 true": "42809"} {
		name, rest, _ := strings.Cut(call, " ")
		d.exec(fmt.Sprintf("SET LOCAL %s = '%d %s'", sqltext.SetvalNotes, d.oids(name)[0], rest))
		refused, err := dry.Note(t.Context(), d.Session)
		must(t, err)
		if refused == nil && want != "" || refused != nil && refused.Code != want {
			t.Errorf("%s: refused as %v, not %s", call, refused, want)
		}
	}
	dry.SayMoved(d.Warn)
	d.exec("SELECT nextval('drawn'); ROLLBACK")
	dry.End(t.Context(), d.Session)
	if len(d.said) != 1 || !strings.Contains(d.said[0], "would stand at: public.s 7") || !strings.Contains(dry.Drawn, "public.drawn stood at") || strings.Contains(dry.Drawn, "public.s ") {
		t.Errorf("said %q, %q", d.said, dry.Drawn)
	}
}

// TestEmptied: the tables that lost rows and got none are named, however they were emptied.
func TestEmptied(t *testing.T) {
	t.Parallel()
	d := open(t, "CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE c (id int); CREATE TABLE filled (id int); "+
		"INSERT INTO a VALUES (1); INSERT INTO b VALUES (1), (2); INSERT INTO filled VALUES (1); ANALYZE")
	oids := d.oids("a", "b", "c", "filled")
	for end := time.Now().Add(30 * time.Second); len(d.ask(fmt.Sprintf("SELECT 'counted' WHERE pg_stat_get_live_tuples(%d) = 1", oids[0]))) == 0; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) { // the session that brought the rows tells of them as it ends, and nobody waits for that
			t.Fatal("the server does not say that the table has a row")
		}
	}
	d.begin()
	d.Emptied.Truncated("a", "c", "filled", "missing")
	d.Emptied.Deleted(&sqltext.Parse([]byte("DELETE FROM b"), sqltext.Options{})[0], pgconn.NewCommandTag("DELETE 2"))
	means := map[string]uint32{}
	must(t, d.Emptied.LookUp(t.Context(), d.Session, func(name string, table uint32) { means[name] = table }))
	if want := map[string]uint32{"a": oids[0], "c": oids[2], "filled": oids[3], "missing": 0}; !maps.Equal(means, want) {
		t.Errorf("the names mean %v, not %v", means, want)
	}
	if d.Emptied.Noted() || !slices.Equal(d.Emptied.All(), []uint32{oids[0], oids[2], oids[3], oids[1]}) {
		t.Errorf("looked up: %v", d.Emptied.All())
	}
	filled := func(table uint32) bool { return table == oids[3] }
	d.Unfilled(filled, func(uint32) []string { return nil })
	d.Unfilled(filled, func(table uint32) []string { return map[uint32][]string{oids[0]: {"a.csv"}}[table] })
	if len(d.said) != 2 || !strings.Contains(d.said[0], "public.a (about 1), public.b (about 2); TRUNCATE") || !strings.Contains(d.said[1], "(a.csv=)") {
		t.Errorf("said %q", d.said)
	}
}

// TestViews: views that were not refreshed since their tables have changed are named.
func TestViews(t *testing.T) {
	t.Parallel()
	d := open(t, "CREATE TABLE a (id int); CREATE MATERIALIZED VIEW v AS SELECT id FROM a; CREATE MATERIALIZED VIEW above AS SELECT id FROM v")
	_, files, err := catalog.Before(t.Context(), d.Session)
	must(t, err)
	d.begin()
	views, tables := verify.Views{Files: files}, d.oids("a")
	changes := map[uint32]int64{tables[0]: 3}
	old := func() string {
		d.said = nil
		must(t, d.Views(t.Context(), &views, tables, changes))
		_, named, _ := strings.Cut(strings.Join(d.said, ""), "refreshed: ")
		names, _, _ := strings.Cut(named, " (")
		return names
	}
	refresh := func(view string) {
		text := "REFRESH MATERIALIZED VIEW " + view
		d.exec(text)
		must(t, views.See(t.Context(), d.Session, &sqltext.Parse([]byte(text), sqltext.Options{})[0], func() map[uint32]int64 { return map[uint32]int64{tables[0]: changes[tables[0]]} }))
	}
	for i, step := range []struct {
		do   func()
		want string
	}{
		{func() {}, "public.above, public.v"},
		{func() { refresh("v") }, "public.above"},
		{func() { refresh("above") }, ""},
		{func() { changes[tables[0]]++ }, "public.above, public.v"},
		{func() { refresh("v"); refresh("above") }, ""},
		{func() { refresh("v") }, "public.above"},
	} {
		if step.do(); old() != step.want {
			t.Errorf("step %d: %q are old, not %q", i, old(), step.want)
		}
	}
}

// TestAnalyze: statistics are there afterwards, and a table that cannot be analyzed costs nothing but a warning.
func TestAnalyze(t *testing.T) {
	t.Parallel()
	const schema = `CREATE TABLE a (id int); CREATE TABLE b (id int); CREATE TABLE part (id int) PARTITION BY LIST (id); CREATE TABLE part1 PARTITION OF part DEFAULT;
		INSERT INTO a SELECT generate_series(1, 9); INSERT INTO b SELECT generate_series(1, 5); INSERT INTO part VALUES (1);`
	for name, ready := range map[string]func(d *database){
		"in the transaction":       func(d *database) { d.begin() },
		"after it":                 func(*database) {},
		"over several connections": func(d *database) { d.Others = []*session.Session{d.connect()} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := open(t, schema)
			ready(d)
			oids := d.oids("a", "b", "part1")
			all, analyze, own, err := d.Reached(t.Context(), oids, func(table uint32) int64 { return map[uint32]int64{oids[1]: 2, oids[2]: 1}[table] })
			must(t, err)
			if want := []string{"public.b", "public.part"}; len(all) != 4 || !slices.Equal(analyze[:1], want[:1]) || !own || !slices.Contains(analyze, "public.a") {
				t.Errorf("reached %v, to analyze %q, own role %t", all, analyze, own)
			}
			must(t, d.Analyze(t.Context(), analyze, ""))
			if got := d.ask("SELECT reltuples::int::text FROM pg_class WHERE relname = 'b'"); got[0] != "5" || len(d.said) > 0 {
				t.Errorf("%s rows, said %q", got, d.said)
			}
			must(t, d.Analyze(t.Context(), []string{"nowhere"}, ""))
			if len(d.said) != 1 || !strings.Contains(d.said[0], "ANALYZE failed") || d.Session.TxStatus() == 'E' {
				t.Errorf("said %q, transaction is %c", d.said, d.Session.TxStatus())
			}
			if !d.Open {
				must(t, d.Vacuum(t.Context(), analyze, true))
			}
		})
	}
}
