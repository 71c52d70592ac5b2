package differential

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
)

// builtInSeed is that of the short run that is part of every test.
const builtInSeed = 20250101

var (
	randomSeed  = flag.Uint64("seed", builtInSeed, "seed of the random loads")
	randomLoads = flag.Int("loads", 40, "how many random loads")
	randomFirst = flag.Int("first", 0, "the number of the first of them: with -loads 1 it is repeated alone")
	randomFinds = flag.Int("finds", 3, "how many differences are made small and shown")
	onlyModes   = flag.String("mode", "single,none,jobs,owner", "the modes to load in")
	stop        = flag.Bool("stop", false, "end at the first difference")
)

// What of random loads must succeed with psql, and which part of the rows must go the fast way: otherwise they show little. Kinds
// with fewer rows than enough are not judged.
const (
	leastSuccess = 70 // per cent
	leastFast    = 30 // per cent
	enough       = 100_000
)

// TestRandomLoads loads random scripts by psql and by package load, each into a schema of its own, which must be the same then. A
// script that goes wrong is made small.
func TestRandomLoads(t *testing.T) {
	t.Parallel()
	needServer(t)
	total := hunt{name: "-seed", seed: *randomSeed, first: *randomFirst, loads: *randomLoads, finds: *randomFinds, stop: *stop, make: func(n int) (generated, bool) {
		c := generate(*randomSeed, n)
		return c, strings.Contains(*onlyModes, c.mode)
	}}.run(t)
	if !*stop { // else a difference is looked for, and the loads before it may be few
		total.judge(t)
	}
}

// hunt looks for differences in random cases.
type hunt struct {
	name         string // of the flag that takes the seed
	seed         uint64
	first, loads int
	finds        int                                // how many differences are made small and shown
	stop         bool                               // at the first
	prepare      func(*bench)                       // may be nil
	make         func(n int) (c generated, is bool) // is false: it is left out
}

func (h hunt) run(t *testing.T) *count {
	t.Helper()
	t.Logf("%s=%d, %d loads from number %d on", h.name, h.seed, h.loads, h.first)
	start := time.Now()
	var mu sync.Mutex
	total, found := newCount(), 0
	one := func(b *bench, n int) {
		c, is := h.make(n)
		if !is {
			return
		}
		o := b.compare(c)
		mu.Lock()
		total.add(c, o)
		if o.difference != "" {
			found++
		}
		shown := found <= h.finds
		mu.Unlock()
		switch {
		case o.difference == "":
		case !shown:
			t.Errorf("case %d of %s=%d, %s: %.300s", n, h.name, h.seed, c.mode, o.difference)
		default:
			small, first := b.minimise(c), o
			if o = b.compare(small); o.difference == "" { // it does not always go wrong
				small, o = c, first
			}
			t.Errorf("case %d of %s=%d, %s, INSERTs of %d bytes go as COPY:\n%s\n%s\n%s----\n%s\n%s", n, h.name, h.seed, c.mode, c.small,
				script(small.setup), script(small.items), quotedIfOdd(script(small.items)), o.difference, b.said)
		}
	}
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return h.stop && found > 0
	}
	shareOut(h.first, h.loads, enough, func() func(int) {
		b := newBench(t)
		if h.prepare != nil {
			h.prepare(b)
		}
		done := 0
		return func(n int) {
			if done++; done%soiled == 0 {
				b.renew()
			}
			one(b, n)
		}
	})
	took := time.Since(start)
	t.Logf("%d loads in %s, %.0f a second; %d differ", total.loads, took.Round(time.Second), float64(total.loads)/took.Seconds(), found)
	return total
}

// quotedIfOdd gives a script once more in Go's spelling, if it holds what cannot be seen.
func quotedIfOdd(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }) {
		return fmt.Sprintf("%q\n", text)
	}
	return ""
}

// shareOut has as many workers as there are processors take numbers in turn, from first on, until all are done or it is enough.
func shareOut(first, count int, enough func() bool, worker func() func(n int)) {
	var next atomic.Int64
	next.Store(int64(first))
	var wait sync.WaitGroup
	for range runtime.GOMAXPROCS(0) {
		do := worker()
		wait.Go(func() {
			for !enough() {
				n := int(next.Add(1)) - 1
				if n >= first+count {
					return
				}
				do(n)
			}
		})
	}
	wait.Wait()
}

// count is what random loads have shown.
type count struct {
	loads, succeeded int
	kinds            map[string]*struct{ loads, rows, fast int64 } // of loads that succeeded
	reasons          map[string]int                                // why others fail
}

func newCount() *count {
	return &count{kinds: map[string]*struct{ loads, rows, fast int64 }{}, reasons: map[string]int{}}
}

func (n *count) add(c generated, o outcome) {
	n.loads++
	if o.failed {
		n.reasons[o.reason]++
		return
	}
	n.succeeded++
	for kind := range c.kinds {
		if n.kinds[kind] == nil {
			n.kinds[kind] = &struct{ loads, rows, fast int64 }{}
		}
		k := n.kinds[kind]
		k.loads++
		k.rows += o.rows
		k.fast += o.fast
	}
}

// particular is what the messages of one error differ in.
var particular = regexp.MustCompile(`"[^"]*"+[^" ]*"?|\d+$`)

// tell logs what was counted.
func (n *count) tell(t *testing.T) {
	t.Helper()
	t.Logf("%d of %d succeeded with psql: %d %%", n.succeeded, n.loads, 100*n.succeeded/max(1, n.loads))
	for _, reason := range slices.SortedFunc(maps.Keys(n.reasons), func(a, b string) int { return n.reasons[b] - n.reasons[a] }) {
		t.Logf("%6d fail: %s", n.reasons[reason], reason)
	}
	for _, kind := range slices.Sorted(maps.Keys(n.kinds)) {
		k := n.kinds[kind]
		t.Logf("%-18s %6d loads, %8d rows, %3d %% of them the fast way", kind, k.loads, k.rows, 100*k.fast/max(1, k.rows))
	}
}

func (n *count) judge(t *testing.T) {
	t.Helper()
	n.tell(t)
	for kind, k := range n.kinds {
		if fast := 100 * k.fast / max(1, k.rows); fast < leastFast && k.rows >= enough {
			t.Errorf("of the rows of %s only %d %% went the fast way", kind, fast)
		}
	}
	percent := 100 * n.succeeded / max(1, n.loads)
	const few = 200
	if n.loads >= few && percent < leastSuccess {
		t.Errorf("only %d %% of the loads succeed: the generator is off", percent)
	}
}

// bench is two databases and what asks them.
type bench struct {
	t          *testing.T
	databases  pair
	admin      pgconns // as the superuser
	statements *pgx.Conn
	dir        string
	oids       [2]string
	said       string // by the last two loads
}

type pgconns [2]*pgx.Conn

// state is what is compared of a schema: rows, and what the catalog says.
const state = `CREATE SCHEMA compare; CREATE FUNCTION compare.state(schemas text[]) RETURNS SETOF text LANGUAGE plpgsql SET search_path = '' AS $$
DECLARE r record; BEGIN
	FOR r IN SELECT c.oid::regclass::text AS name, c.relkind FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
		WHERE n.nspname = ANY (schemas) AND c.relkind IN ('r', 'S') ORDER BY 1 LOOP
		IF r.relkind = 'S' THEN RETURN QUERY EXECUTE 'SELECT ''sequence ' || replace(r.name, '''', '''''') || ' '' || last_value || is_called FROM ' || r.name;
		ELSE RETURN QUERY EXECUTE 'SELECT ''' || replace(r.name, '''', '''''') || ' '' || x::text FROM ONLY ' || r.name || ' x ORDER BY 1'; END IF;
	END LOOP;
	RETURN QUERY SELECT line FROM (
		SELECT pg_catalog.concat_ws(' ', 'column', a.attrelid::regclass, a.attnum, a.attname, pg_catalog.format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_catalog.pg_get_expr(d.adbin, d.adrelid), c.relrowsecurity, c.relpersistence) AS line
		FROM pg_catalog.pg_attribute a JOIN pg_catalog.pg_class c ON c.oid = a.attrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
		WHERE n.nspname = ANY (schemas) AND a.attnum > 0 AND NOT a.attisdropped AND c.relkind = 'r'
		UNION ALL SELECT pg_catalog.concat_ws(' ', 'constraint', k.conrelid::regclass, k.conname, pg_catalog.pg_get_constraintdef(k.oid), k.convalidated)
		FROM pg_catalog.pg_constraint k JOIN pg_catalog.pg_namespace n ON n.oid = k.connamespace WHERE n.nspname = ANY (schemas)
		UNION ALL SELECT pg_catalog.concat_ws(' ', 'index', pg_catalog.pg_get_indexdef(i.indexrelid), i.indisvalid, i.indisready, i.indislive, i.indisclustered)
		FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (schemas)
		UNION ALL SELECT pg_catalog.concat_ws(' ', 'trigger', t.tgrelid::regclass, CASE WHEN NOT t.tgisinternal THEN pg_catalog.pg_get_triggerdef(t.oid) END, t.tgtype, t.tgenabled, t.tgfoid::regproc)
		FROM pg_catalog.pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = t.tgrelid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (schemas)
		UNION ALL SELECT pg_catalog.concat_ws(' ', 'rule', pg_catalog.pg_get_ruledef(w.oid), w.ev_enabled)
		FROM pg_catalog.pg_rewrite w JOIN pg_catalog.pg_class c ON c.oid = w.ev_class JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace WHERE n.nspname = ANY (schemas)
	) all_of_it ORDER BY line;
END $$`

func newBench(t *testing.T) *bench {
	t.Helper()
	b := &bench{t: t, databases: pair{server.NewDatabase(t), server.NewDatabase(t)}, dir: t.TempDir(), statements: connect(t, server.URL(superuser))}
	must(t, os.Chmod(b.dir, 0o755))
	b.renew()
	for i := range b.admin {
		_, err := b.admin[i].PgConn().Exec(context.Background(), state+";"+helpers).ReadAll()
		must(t, err)
		must(t, b.admin[i].QueryRow(context.Background(), "SELECT oid::text FROM pg_database WHERE datname = current_database()").Scan(&b.oids[i]))
	}
	return b
}

// soiled is after how many cases a bench connects anew: with sessions in which ten thousand schemas came and went, cases take twice as long.
const soiled = 200

// renew connects anew.
func (b *bench) renew() {
	for i, databaseURL := range []string{b.databases.psql, b.databases.ours} {
		if b.admin[i] != nil {
			must(b.t, b.admin[i].Close(context.Background()))
		}
		b.admin[i] = connect(b.t, databaseURL)
		_, err := b.admin[i].Exec(context.Background(), "SET client_min_messages = warning")
		must(b.t, err)
	}
}

func connect(t *testing.T, databaseURL string) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(context.Background(), databaseURL)
	must(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	return conn
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// outcome is what a comparison has shown.
type outcome struct {
	difference string // "" if there is none
	what       string // the sort of difference
	failed     bool   // with psql
	reason     string // of that, without names and numbers
	invalid    bool   // the setup itself fails
	rows, fast int64  // of our load: those that psql has sent, and those that went another way than as written
}

// compare loads a case by both.
func (b *bench) compare(c generated) (o outcome) {
	ctx := context.Background()
	all := script(c.setup)
	schema := c.schemas()[0]
	create := ""
	for _, s := range c.schemas() {
		create += "DROP SCHEMA IF EXISTS " + s + " CASCADE; CREATE SCHEMA " + s + ";"
	}
	if c.mode == "owner" {
		create += "GRANT ALL ON SCHEMA " + strings.Join(c.schemas(), ", ") + " TO own1; SET ROLE own1;"
	}
	defer func() {
		for _, conn := range b.admin {
			_, err := conn.PgConn().Exec(ctx, "DROP SCHEMA IF EXISTS "+strings.Join(c.schemas(), ", ")+" CASCADE;"+c.after).ReadAll()
			must(b.t, err)
		}
	}()
	for _, conn := range b.admin {
		if _, err := conn.PgConn().Exec(ctx, create+"SET search_path = "+schema+";"+all+"; RESET ROLE; RESET search_path").ReadAll(); err != nil {
			_, _ = conn.Exec(ctx, "RESET ROLE")
			return outcome{invalid: true, difference: "the setup fails: " + err.Error(), what: "setup"}
		}
	}
	sql := script(c.items)
	must(b.t, os.WriteFile(filepath.Join(b.dir, "load.sql"), []byte(sql), 0o644))
	role := superuser
	if c.mode == "owner" && !strings.Contains(sql, "session_replication_role") {
		role = "own1"
	}
	by := testCase{single: c.mode == "single" || c.mode == "owner"}
	if c.mode == goOn {
		by.options = []string{"--on-error continue"}
	}
	want := by.psql(b.t, as(b.t, b.databases.psql, role), b.dir)
	_, err := b.statements.Exec(ctx, "SELECT pg_stat_statements_reset(0, $1::text::oid, 0)", b.oids[1])
	must(b.t, err)
	got, loadErr := b.load(c)
	b.said = fmt.Sprintf("psql said: %s\nwe said: %v\n%s", want.text, loadErr, got.text)
	o.failed = want.failed
	if _, message, ok := strings.Cut(want.text, "ERROR:  "); ok {
		message, _, _ = strings.Cut(message, "\n")
		o.reason = particular.ReplaceAllString(message, "…")
	}
	differ := func(what, format string, args ...any) outcome {
		o.what, o.difference = what, fmt.Sprintf(format, args...)
		return o
	}
	switch {
	case want.failed != got.failed:
		return differ("verdict", "failed: psql %v, we %v\n%s", want.failed, got.failed, b.said)
	case want.failed && got.state != "" && got.state != want.state:
		return differ("state", "psql fails with %s, we with %s\n%s", want.state, got.state, b.said)
	case want.failed && want.line > 0 && got.line > 0 && got.line != want.line && !c.loose && lineOf(c.items, got.line) != lineOf(c.items, want.line),
		want.failed && want.line > 0 && got.state != "" && got.line > want.line && c.loose && !strings.Contains(loadErr.Error(), "nothing was sent"):
		return differ("line", "psql tells of line %d, we of %d\n%s", want.line, got.line, b.said)
	case want.failed && c.mode == "jobs": // what stays done depends on how far the other connections came
		return o
	}
	if told := messages(want.text, got, c); told != "" {
		return differ("message", "%s\n%s", told, b.said)
	}
	a, z := b.state(0, c), b.state(1, c)
	if want.failed { // numbers that were drawn are not given back
		a, z = withoutSequences(a), withoutSequences(z)
	}
	if !slices.Equal(a, z) {
		return differ("rows", "what is there differs:%s", firstDifference(strings.Join(a, "\n"), strings.Join(z, "\n")))
	}
	o.rows, o.fast = b.traffic()
	return o
}

// goOn is the mode in which an error does not end the script.
const goOn = "continue"

// messages compares what is said of errors: the first, or all of them where none ends the script.
func messages(psql string, got loaded, c generated) string {
	var want []string
	for _, m := range psqlMessage.FindAllStringSubmatch(psql, -1) {
		want = append(want, m[1])
	}
	ours := strings.Split(strings.TrimSuffix(got.text, "\n"), "\n")
	if got.text == "" {
		ours = nil
	}
	if c.mode != goOn {
		if len(want) == 0 || got.state == "" { // it is told in other words
			return ""
		}
		want, ours = want[:1], ours[:1]
	}
	if len(want) != len(ours) {
		return fmt.Sprintf("psql tells of %d errors, we of %d", len(want), len(ours))
	}
	for i := range want {
		if strings.ContainsFunc(want[i], func(r rune) bool { return !unicode.IsPrint(r) || r == utf8.RuneError }) {
			continue // it is shown in another way
		}
		if !strings.Contains(ours[i], want[i]) {
			return fmt.Sprintf("psql says %q, we %q", want[i], ours[i])
		}
	}
	return ""
}

var psqlMessage = regexp.MustCompile(`(?m)ERROR:  [0-9A-Z]{5}: (.*)$`)

func withoutSequences(lines []string) []string {
	return slices.DeleteFunc(lines, func(s string) bool { return strings.HasPrefix(s, "sequence ") })
}

// lineOf is the piece in which a line stands.
func lineOf(items []piece, line int) int {
	for i, p := range items {
		if line -= strings.Count(p.String(), "\n"); line <= 0 {
			return i
		}
	}
	return len(items)
}

func (b *bench) state(i int, c generated) []string {
	rows, err := b.admin[i].Query(context.Background(), "SELECT compare.state($1)", c.schemas())
	must(b.t, err)
	lines, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(b.t, err)
	return lines
}

// traffic says how many rows were sent in our database, and how many of them by a COPY of our own making, which is known by how
// its words are written: those of a generated script are in lower case.
func (b *bench) traffic() (rows, fast int64) {
	must(b.t, b.statements.QueryRow(context.Background(), `SELECT coalesce(sum(rows), 0)::int8, coalesce(sum(rows) FILTER (WHERE query LIKE 'COPY %FROM STDIN%'), 0)::int8
		FROM pg_stat_statements WHERE dbid = $1::text::oid AND toplevel AND (query ILIKE 'insert%' OR query ILIKE 'copy%stdin%')`, b.oids[1]).Scan(&rows, &fast))
	return rows, fast
}

// load loads by package load.
func (b *bench) load(c generated) (l loaded, err error) {
	role := superuser
	if c.mode == "owner" {
		role = "own1"
	}
	config, err := pgx.ParseConfig(as(b.t, b.databases.ours, role))
	must(b.t, err)
	o := load.Options{Target: config, Script: load.Script{FS: os.DirFS(b.dir), Name: "load.sql"}, KeepSequences: true, ForeignKeys: load.Check, SkipAnalyze: true}
	switch c.mode {
	case "single":
		o.Jobs = 1 + c.n/len(modes)%2 // committed together, where that can be
	case "none":
		o.Transaction = load.None
	case "jobs":
		o.Transaction, o.Jobs = load.None, 2
	case goOn:
		o.Transaction, o.Continue = load.None, true
		o.Events.Warn = func(text string) {
			if strings.Contains(text, "SQLSTATE") {
				l.text += strings.ReplaceAll(text, "\n", " ") + "\n"
			}
		}
	}
	o.Eager(c.small)
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_, err = load.Run(ctx, o)
	l.failed = err != nil
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		l.state = pe.Code
		l.text += pe.Message + "\n"
	}
	if err != nil {
		if m := ourPlace.FindStringSubmatch(err.Error()); m != nil && !strings.Contains(err.Error(), "CONTEXT: COPY") {
			l.line, _ = strconv.Atoi(m[1])
		}
	}
	return l, err
}

// minimise leaves out of a case what it goes wrong without, in the same way.
func (b *bench) minimise(c generated) generated {
	what := b.compare(c).what
	if what == "" || what == "setup" { // it does not always go wrong, or the generator is to blame
		return c
	}
	end := time.Now().Add(2 * time.Minute)
	wrong := func(c generated) bool { return time.Now().Before(end) && b.compare(c).what == what }
	for before := -1; before != size(c); {
		before = size(c)
		c.items = without(c.items, func(rest []piece) bool { d := c; d.items = rest; return wrong(d) })
		for i := range c.items {
			rows := without(c.items[i].rows, func(rest []string) bool {
				if len(rest) == 0 && c.items[i].between != "" {
					return false
				}
				d := c
				d.items = slices.Clone(c.items)
				d.items[i].rows = rest
				return wrong(d)
			})
			c.items = slices.Clone(c.items)
			c.items[i].rows = rows
		}
		c.setup = without(c.setup, func(rest []piece) bool { d := c; d.setup = rest; return wrong(d) })
	}
	return c
}

func size(c generated) (n int) {
	for _, p := range slices.Concat(c.setup, c.items) {
		n += len(p.String())
	}
	return n
}

// without leaves out of all what wrong says is not needed: halves first, then quarters, until single ones.
func without[T any](all []T, wrong func(rest []T) bool) []T {
	for n := (len(all) + 1) / 2; n > 0; n /= 2 {
		for i := 0; i < len(all); {
			rest := slices.Concat(all[:i], all[min(i+n, len(all)):])
			if wrong(rest) {
				all = rest
			} else {
				i += n
			}
		}
	}
	return all
}
