package differential

import (
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
)

// A generated case is a schema and a script that mixes rows with everything that could make the fast way of later rows a wrong
// one. Most of its loads succeed: only then is there much to compare. What it consists of can be left out piece by piece, so that of
// a case that goes wrong a small one is made.

// modes are the ways to load a generated script.
var modes = []string{"single", "none", "jobs", "owner"}

// generated is one case.
type generated struct {
	n     int
	mode  string
	setup []piece
	items []piece
	kinds map[string]bool // what it holds
	small int             // from how many bytes on an INSERT goes as COPY
	after string          // what takes back what the setup has done beside its schemas
	loose bool            // a statement may end elsewhere than its piece
}

// schemas are the two that the case is in.
func (c generated) schemas() []string {
	return []string{fmt.Sprintf("c%d", c.n), fmt.Sprintf("c%d_b", c.n)}
}

// piece is a statement of a script, or what else stands there. Its rows can be left out one by one.
type piece struct {
	head    string
	rows    []string
	between string
	tail    string
}

func (p piece) String() string { return p.head + strings.Join(p.rows, p.between) + p.tail }

func text(format string, args ...any) piece { return piece{head: fmt.Sprintf(format, args...) + "\n"} }

func script(all []piece) string {
	var b strings.Builder
	for _, p := range all {
		b.WriteString(p.String())
	}
	return b.String()
}

// column is a column that rows give a value for.
type column struct {
	name, typ string
	required  bool
}

// table is a table as the script has left it so far.
type table struct {
	name     string // without its schema
	columns  []column
	drawn    bool   // a sequence gives the id
	parent   string // the table that its column "up" refers to
	ids      *int   // the last one; never given back
	alive    []int  // ids that are there for sure
	unlogged bool
	twin     bool    // there is one of the same name in the second schema
	kept     bool    // of a partition, a parent or a key: not renamed
	tops     float64 // how often rows come to it
}

// world is what the script has come to: a copy of it is gone back to with a savepoint.
type world struct {
	tables  map[string]*table
	path    int // of paths
	replica bool
}

func (w world) clone() world {
	w.tables = maps.Clone(w.tables)
	for name, t := range w.tables {
		c := *t
		c.columns, c.alive = slices.Clone(t.columns), slices.Clone(t.alive)
		w.tables[name] = &c
	}
	return w
}

// maker makes a case.
type maker struct {
	*rand.Rand
	world
	generated
	schema, other string // the first and the second schema
	names         []string
	made          map[string]bool // what the setup has beside tables
	misfit        *plant          // that the case is to have; nil for any case
	things        int             // things that were named
	depth         int             // of savepoints and transactions
}

func (g *maker) chance(percent int) bool { return g.IntN(100) < percent }

func (g *maker) pick(of ...string) string { return of[g.IntN(len(of))] }

func (g *maker) kind(name string) { g.kinds[name] = true }

func (g *maker) add(p piece) { g.items = append(g.items, p) }

func (g *maker) say(format string, args ...any) { g.add(text(format, args...)) }

func (g *maker) next(prefix string) string {
	return fmt.Sprintf("%s%d", prefix, g.number())
}

// generate makes the case of a seed and a number.
func generate(seed uint64, n int) generated { return generateWith(seed, n, nil) }

// generateWith makes a case of which all that matters to its rows is known beforehand, with a misfit in it. nil is any case.
func generateWith(seed uint64, n int, misfit *plant) generated {
	g := &maker{Rand: rand.New(rand.NewPCG(seed, uint64(n))), schema: fmt.Sprintf("c%d", n), other: fmt.Sprintf("c%d_b", n), misfit: misfit}
	g.generated.n, g.mode = n, modes[n%len(modes)]
	g.made = map[string]bool{}
	g.kinds, g.tables = map[string]bool{g.mode: true}, map[string]*table{}
	g.small = []int{1, 100, 8 << 10}[g.IntN(3)]
	g.makeSetup()
	g.makeScript()
	if misfit != nil {
		misfit.finish(g)
	}
	return g.generated
}

// helpers are what all cases call, in a schema of its own. Functions that count see which rows came in which statement; what is to
// be noted goes into the case's own table notes.
const helpers = `CREATE SCHEMA h;
CREATE FUNCTION h.counted(name text) RETURNS bigint LANGUAGE plpgsql VOLATILE AS $$ DECLARE n bigint; BEGIN EXECUTE 'SELECT count(*) FROM ' || name INTO n; RETURN n; END $$;
CREATE FUNCTION h.few(name text, most integer) RETURNS boolean LANGUAGE plpgsql IMMUTABLE AS $$ BEGIN RETURN h.counted(name) < most; END $$;
CREATE FUNCTION h.note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE format('INSERT INTO %s.notes (what) VALUES (%L)', TG_ARGV[0], concat_ws(' ', TG_TABLE_NAME, TG_OP, TG_LEVEL, TG_WHEN, h.counted(TG_RELID::regclass::text)));
	IF TG_LEVEL = 'ROW' THEN RETURN NEW; END IF; RETURN NULL; END $$;
CREATE FUNCTION h.make(sql text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN EXECUTE sql; RETURN 1; END $$;
CREATE FUNCTION h.does() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN EXECUTE NEW.sql; RETURN NEW; END $$;
CREATE TYPE h.mood AS ENUM ('happy', 'sad'); CREATE DOMAIN h.small AS integer CHECK (VALUE < 100000);
CREATE DOMAIN h.must AS integer NOT NULL; CREATE DOMAIN h.never AS integer NOT NULL DEFAULT 5;
GRANT USAGE ON SCHEMA h TO PUBLIC`

func (g *maker) set(format string, args ...any) { g.setup = append(g.setup, text(format+";", args...)) }

// once adds to the setup what only some cases need.
func (g *maker) once(name string, statements ...string) {
	if g.made[name] {
		return
	}
	g.made[name] = true
	for _, sql := range statements {
		g.set("%s", sql)
	}
}

func (g *maker) makeSetup() {
	g.set("CREATE SEQUENCE shared")
	g.set("SELECT nextval('shared')") // for currval, in this session
	g.set("CREATE TABLE notes (n serial, what text)")
	for i := range 2 + g.IntN(3) {
		g.makeTable(fmt.Sprintf(g.pick("t%d", "t%d", `"T %d"`, `"tä""b%d"`), i), i == 0)
	}
}

// numeric types may be changed into one another; plain ones have values that are no secret to anybody.
var (
	numbers = []string{"integer", "bigint", "numeric", "smallint"}
	types   = []string{"integer", "bigint", "numeric", "numeric(8,2)", "double precision", "real", "boolean", "text", "text", "varchar(12)", "char(4)", "jsonb", "json", "uuid",
		"bytea", "date", "date", "timestamp", "timestamptz", "timestamptz", "timestamptz(0)", "interval", "text[]", "integer[]", "h.mood", "h.small", "h.small[]", "inet", "int4range", "bit(3)", "time", "timetz", "point", "money"}
)

func (g *maker) makeTable(name string, plain bool) {
	t := &table{name: name, ids: new(int), tops: 1}
	if plain || g.chance(40) {
		plain, t.tops = true, 8
	}
	parts := []string{`"id" ` + g.pick("integer", "bigint", "integer") + " PRIMARY KEY"}
	t.columns = append(t.columns, column{`"id"`, "id", true})
	if !plain && g.chance(25) {
		t.drawn, t.columns = true, nil
		g.kind("sequence")
		parts[0] = `"id" ` + g.pick("serial PRIMARY KEY", "integer GENERATED BY DEFAULT AS IDENTITY PRIMARY KEY", "bigint GENERATED ALWAYS AS IDENTITY UNIQUE", "integer DEFAULT nextval('shared')")
	}
	t.columns = append(t.columns, column{`"num"`, "num", false})
	parts = append(parts, `"num" `+numbers[g.IntN(len(numbers))])
	for c := range g.IntN(5) {
		col := column{fmt.Sprintf(g.pick("c%d", `"C %d"`, `"order%d"`), c), types[g.IntN(len(types))], g.chance(10)}
		def := col.name + " " + col.typ
		if col.required {
			def += " NOT NULL"
		}
		parts, t.columns = append(parts, def), append(t.columns, col)
	}
	if plain && g.chance(50) {
		t.columns = append(t.columns, column{`"at"`, "timestamptz", false})
		parts = append(parts, `"at" timestamptz`)
	}
	var after []string
	if !plain && (g.misfit == nil || !g.misfit.ofStatement()) { // what runs code may make what is missing
		for range 1 + g.IntN(2) {
			g.feature(t, &parts, &after)
		}
	}
	if t.parent != "" {
		t.columns = append(t.columns, column{`"up"`, "up", false})
	}
	if g.misfit != nil && len(g.names) == 0 {
		g.misfit.begin(g, t, &parts)
	}
	g.tables[name] = t
	g.names = append(g.names, name)
	if plain && g.chance(40) {
		after = append(after, fmt.Sprintf(`CREATE INDEX ON %s (%s)`, name, g.pick(`"num"`, `"num" DESC, "id"`, `("num" + 1)`, `"id") WHERE ("num" > 10`)))
	}
	unlogged := ""
	if t.parent == "" && g.chance(15) {
		unlogged, t.unlogged = "UNLOGGED ", true
	}
	g.set("CREATE %sTABLE %s (%s)", unlogged, name, strings.Join(parts, ", "))
	if t.drawn && !strings.Contains(parts[0], "shared") && g.misfit == nil && g.chance(25) { // a number that will be drawn is taken
		if t.parent == "" && !slices.ContainsFunc(t.columns, func(c column) bool { return c.required }) { // nor does a key wait
			g.set(`INSERT INTO %s ("id") OVERRIDING SYSTEM VALUE VALUES (%d)`, name, 1+g.IntN(30))
		}
	}
	for _, sql := range after {
		g.set("%s", sql)
	}
	if g.chance(25) {
		t.twin = true
		g.set("CREATE TABLE %s.%s (LIKE %[2]s INCLUDING DEFAULTS INCLUDING CONSTRAINTS INCLUDING IDENTITY INCLUDING GENERATED)", g.other, name)
		if g.chance(60) {
			g.kind("trigger")
			g.set("CREATE TRIGGER other AFTER INSERT ON %s.%s FOR EACH %s EXECUTE FUNCTION h.note('%s')", g.other, name, g.pick("ROW", "STATEMENT"), g.schema)
		}
	}
}

// feature gives a table something that the fast way must look at.
func (g *maker) feature(t *table, parts, after *[]string) {
	literal := "'" + strings.ReplaceAll(g.schema+"."+t.name, "'", "''") + "'"
	col := g.next("x")
	switch g.IntN(14) {
	case 0, 1:
		g.kind("trigger")
		*after = append(*after, fmt.Sprintf("CREATE TRIGGER tr%s %s INSERT ON %s FOR EACH %s EXECUTE FUNCTION h.note('%s')", col, g.pick("AFTER", "BEFORE"), t.name, g.pick("ROW", "STATEMENT"), g.schema))
		if g.chance(50) {
			*after = append(*after, fmt.Sprintf("ALTER TABLE %s %s TRIGGER tr%s", t.name, g.pick("DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS"), col))
		}
	case 2:
		g.kind("rule")
		*after = append(*after, fmt.Sprintf("CREATE RULE %s AS ON INSERT TO %s DO ALSO INSERT INTO notes (what) VALUES ('rule')", col, t.name))
	case 3:
		g.kind("default function")
		*parts = append(*parts, fmt.Sprintf("%s bigint DEFAULT h.counted(%s)", col, literal))
	case 4:
		g.kind("domain")
		*parts = append(*parts, col+" h.never")
	case 5:
		if t.kept {
			return
		}
		g.kind("domain")
		*parts = append(*parts, col+" h.must")
		t.columns = append(t.columns, column{col, "integer", true})
	case 6:
		g.kind("domain")
		domain := g.next("d")
		g.set("CREATE DOMAIN %s AS integer%s", domain, g.pick("", fmt.Sprintf(" CHECK (h.few(%s, 100000))", literal), fmt.Sprintf(" DEFAULT h.counted(%s)", literal)))
		*parts = append(*parts, col+" "+domain)
		t.columns = append(t.columns, column{col, g.pick("integer", "omitted"), false})
	case 7:
		g.kind("default function")
		*parts = append(*parts, col+" text DEFAULT current_setting('my.way', true)")
	case 8:
		g.kind("sequence")
		number := g.pick("nextval('shared')", "nextval('shared') * 10", "currval('shared')")
		if g.misfit != nil {
			number = "nextval('shared')"
		}
		*parts = append(*parts, col+" bigint DEFAULT "+number)
	case 9:
		*parts = append(*parts, col+` integer GENERATED ALWAYS AS ("num" + 1) STORED`)
	case 10, 11:
		if parent := g.tables[g.pick(append([]string{""}, g.names...)...)]; parent != nil && !parent.drawn && !parent.unlogged && t.parent == "" {
			t.parent, t.kept, parent.kept = parent.name, true, true
			*parts = append(*parts, fmt.Sprintf(`"up" bigint REFERENCES %s ON DELETE CASCADE%s`, parent.name, g.pick("", " DEFERRABLE INITIALLY DEFERRED")))
		}
	case 12:
		t.kept = true
		*after = append(*after, fmt.Sprintf("CREATE TABLE %s (extra integer DEFAULT 3) INHERITS (%s)", col, t.name))
		if !slices.ContainsFunc(t.columns, func(c column) bool { return c.required && c.typ != "id" }) {
			*after = append(*after, fmt.Sprintf(`INSERT INTO %s ("id") VALUES (-1)`, col))
		}
	case 13:
		*after = append(*after, fmt.Sprintf(`CREATE %sINDEX %s ON %s (%s)`, g.pick("", "UNIQUE "), col, t.name, g.pick(`("id" % 1000000)`, `"id") WHERE ("num" IS NOT NULL`, `"id", "num"`)))
	}
}

// paths are the search_paths that the script sets. %[1]s is the first schema, %[2]s the second.
var paths = []string{"%[1]s", "%[2]s, %[1]s", "%[1]s, %[2]s"}

func (g *maker) searchPath() string { return fmt.Sprintf(paths[g.path], g.schema, g.other) }

func (g *maker) makeScript() {
	g.say("SET search_path = %s;", g.searchPath())
	if strings.Contains(script(g.setup), "currval") {
		g.say("SELECT nextval('shared');")
	}
	if g.chance(45) {
		g.say("SET session_replication_role = 'replica';")
		g.replica = true
		g.kind("replica")
	}
	if g.chance(60) {
		for _, name := range g.names {
			if g.chance(80) {
				g.truncate(name, fmt.Sprintf("TRUNCATE TABLE %s CASCADE", name))
			}
		}
	}
	fails := -1
	if g.misfit == nil && g.chance(12) {
		fails = g.IntN(8)
	}
	for i := range 5 + g.IntN(6) {
		if i == fails {
			g.fail()
		}
		g.rows(g.some())
		switch {
		case !g.chance(45):
		case g.misfit != nil:
			g.foreseen()
		default:
			g.event()
		}
	}
	if g.replica && g.chance(85) {
		g.say("SET session_replication_role = %s;", g.pick("'origin'", "origin", "DEFAULT"))
	}
}

// some gives a table to bring rows to.
func (g *maker) some() *table {
	sum := 0.0
	for _, name := range g.names {
		sum += g.tables[name].tops
	}
	at := g.Float64() * sum
	for _, name := range g.names {
		if at -= g.tables[name].tops; at < 0 {
			return g.tables[name]
		}
	}
	return g.tables[g.names[0]]
}

// zoned gives a table whose rows mean something else in another time zone, if there is one.
func (g *maker) zoned() *table {
	for _, name := range g.names {
		t := g.tables[name]
		if slices.ContainsFunc(t.columns, func(c column) bool { return strings.HasPrefix(c.typ, "timestamptz") }) && g.chance(60) {
			return t
		}
	}
	return g.some()
}

func (g *maker) named(t *table) string {
	if g.chance(40) {
		return g.schema + "." + t.name
	}
	return t.name
}

// rows brings rows to a table in one of the ways that exports have.
func (g *maker) rows(t *table) {
	switch g.IntN(10) {
	case 0, 1, 2, 3:
		g.insert(t, 1+g.IntN(60))
	case 4, 5:
		g.singles(t)
	case 6:
		if g.chance(4) {
			g.kind("large statement")
			g.insert(g.tables[g.names[0]], 12_000)
			g.items[len(g.items)-1].tail = ";\n"
		} else {
			g.kind("parts")
			g.insert(t, 150+g.IntN(250))
		}
	case 7, 8:
		g.kind("copy")
		g.copy(fmt.Sprintf("copy %s (%%s) from stdin;\n", g.named(t)), t, `\.`+"\n")
	case 9:
		g.kind(`\copy`)
		g.copy(fmt.Sprintf(`\copy %s (%%s) from stdin`+"\n", g.named(t)), t, `\.`+"\n")
	}
	if g.chance(10) {
		g.say("\n-- fabricate-flush\n")
	}
}

// singles brings rows by INSERTs of one row, which may go together.
func (g *maker) singles(t *table) {
	columns := g.columns(t)
	for range 2 + g.IntN(12) {
		g.insertInto(g.named(t), t, columns, 1)
	}
}

// columns are those that an INSERT gives values for.
func (g *maker) columns(t *table) []column { return g.columnsFor(t, false) }

// columnsFor are those that a statement gives values for.
func (g *maker) columnsFor(t *table, copied bool) (columns []column) {
	for _, c := range t.columns {
		if c.typ != "omitted" && (c.required || g.chance(90)) {
			columns = append(columns, c)
		}
	}
	if len(columns) == 0 {
		columns = t.columns[:1]
	}
	if g.misfit != nil {
		columns = g.misfit.columns(g, t, columns, copied)
	}
	return columns
}

func list(columns []column) string {
	var names []string
	for _, c := range columns {
		names = append(names, c.name)
	}
	return strings.Join(names, ", ")
}

func (g *maker) insert(t *table, n int) { g.insertInto(g.named(t), t, g.columns(t), n) }

func (g *maker) insertInto(name string, t *table, columns []column, n int) {
	p := piece{head: fmt.Sprintf("%s INTO %s (%s) VALUES\n", g.pick("INSERT", "INSERT", "insert"), name, list(columns)), between: g.pick(",\n", ",\n", ","),
		tail: g.pick(";\n", ";\n", ";\n", ";\n", ";\n", ";\n", ";\n", " ON CONFLICT DO NOTHING;\n", " RETURNING 1;\n")}
	if g.misfit != nil && g.misfit.kind == fit.Duplicate {
		p.tail = ";\n" // ON CONFLICT makes it none
	}
	odd := n < 1000 && g.chance(6)
	for range n {
		var values []string
		if g.misfit != nil {
			g.misfit.row(g, t, len(p.rows))
		}
		for _, c := range columns {
			v := g.literal(t, c)
			if odd && (g.misfit == nil || !g.misfit.here) && g.chance(10) && c.typ != "id" && !c.required {
				typ := c.typ
				if typ == "num" || typ == "up" {
					typ = "integer"
				}
				if g.misfit != nil {
					typ, _, _ = strings.Cut(typ, "(") // what looks like a call may do anything
				}
				v = g.pick("DEFAULT", "NULL", "("+v+")::"+typ)
			}
			values = append(values, v)
		}
		p.rows = append(p.rows, "("+strings.Join(values, ", ")+")")
	}
	g.add(p)
}

func (g *maker) copy(head string, t *table, tail string) {
	columns := g.columnsFor(t, true)
	p := piece{head: fmt.Sprintf(head, list(columns)), between: "", tail: tail}
	for range 1 + g.IntN(80) {
		var fields []string
		if g.misfit != nil {
			g.misfit.row(g, t, len(p.rows))
		}
		for _, c := range columns {
			fields = append(fields, g.copyField(g.literal(t, c)))
		}
		p.rows = append(p.rows, strings.Join(fields, "\t")+"\n")
	}
	g.add(p)
}

// copyField writes a literal as COPY's text format has it.
func (g *maker) copyField(literal string) string {
	text, quoted := strings.CutPrefix(literal, "'")
	if !quoted {
		if literal == "NULL" {
			return `\N`
		}
		return literal
	}
	text = strings.ReplaceAll(strings.TrimSuffix(text, "'"), "''", "'")
	return strings.NewReplacer(`\`, `\\`, "\n", `\n`, "\t", `\t`, "\r", `\r`).Replace(text)
}

// literal is a value for a column, as SQL writes it.
func (g *maker) literal(t *table, c column) string {
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	if c.typ == "planted" {
		return g.misfit.value()
	}
	number := strconv.Itoa(g.IntN(30000))
	if c.typ != "id" && !c.required && g.chance(10) {
		return "NULL"
	}
	when := g.pick(fmt.Sprintf("%04d-%02d-%02d", 1900+g.IntN(200), 1+g.IntN(12), 1+g.IntN(28)), fmt.Sprintf("%02d/%02d/%04d", 1+g.IntN(12), 1+g.IntN(12), 1900+g.IntN(200)))
	if c.name == `"at"` { // another spelling would make all its rows go as text, which no setting changes on the way
		when = fmt.Sprintf("%04d-%02d-%02d", 1900+g.IntN(200), 1+g.IntN(12), 1+g.IntN(28))
	}
	clock := fmt.Sprintf("%02d:%02d:%02d", g.IntN(24), g.IntN(60), g.IntN(60))
	decimal := g.pick(number, fmt.Sprintf("%d.%02d", g.IntN(9000), g.IntN(100)), "0.5", "-1.25")
	switch c.typ {
	case "id":
		*t.ids++
		t.alive = append(t.alive, *t.ids)
		return strconv.Itoa(*t.ids)
	case "up":
		parent := g.tables[t.parent]
		if g.replica && g.mode != "owner" && g.misfit == nil && g.chance(30) {
			return number
		}
		if n := len(parent.alive); n > 0 && parent.name != t.name && g.path == 0 {
			return strconv.Itoa(parent.alive[g.IntN(n)])
		}
		return "NULL"
	case "num", "integer", "bigint", "h.small":
		return g.pick(number, number, quoted(number))
	case "numeric", "numeric(8,2)", "double precision", "real":
		return g.pick(decimal, decimal, quoted(decimal))
	case "money":
		return quoted("$" + number + ".50")
	case "boolean":
		return g.pick("true", "false", "'t'", "'0'", "'yes'", "TRUE")
	case "text":
		return quoted(g.pick("", "a", "it's", `back\\slash`, "new\nline", "tab\tx", "ünï€", "😀", "NULL", `\\N`, "a;b--c", "  sp ", "12", "true"))
	case "varchar(12)", "char(4)":
		return quoted(g.pick("", "a", "it's", "xy ", "ünï"))
	case "jsonb", "json":
		return quoted(g.pick(`{"a": 1, "b": [true, null]}`, `[]`, `"s"`, `1.50`, `{"k": "é"}`))
	case "uuid":
		return quoted(fmt.Sprintf("%08x-0000-4000-8000-%012x", g.Uint32(), g.Uint32()))
	case "bytea":
		return quoted(g.pick("abc", "", "x", `\x0aff`, `\134z`))
	case "date":
		return quoted(when)
	case "timestamp", "timestamptz", "timestamptz(0)":
		return quoted(when + " " + clock + g.pick("", "", ".5", ".080", ".123456") + g.pick("", "", "Z", "+02", "-05:30"))
	case "interval":
		return quoted(g.pick("1 day", "02:03:04", "-1 2:03:04"))
	case "text[]":
		return quoted(g.pick("{}", "{a,b}", `{"a b"}`, "{NULL}", "{é}"))
	case "integer[]", "h.small[]":
		return quoted(g.pick("{}", "{1,2}", "{ 1 , 2 }"))
	case "h.mood":
		return g.pick("'happy'", "'sad'")
	case "inet":
		return g.pick("'10.0.0.1'", "'::1/64'")
	case "int4range":
		return g.pick("'[1,5)'", "'empty'")
	case "bit(3)":
		return "'101'"
	case "time":
		return quoted(clock)
	case "timetz":
		return quoted(clock + g.pick("", "+02"))
	case "point":
		return "'(1,2)'"
	}
	return "NULL"
}

// do has the script do a statement, in one of the ways in which that can be done.
func (g *maker) do(format string, args ...any) {
	sql := fmt.Sprintf(format, args...)
	body := "$e$" + sql + "$e$"
	made := "h.make(" + body + ")"
	switch g.IntN(15) {
	default:
		g.say("%s;", sql)
	case 0, 1:
		g.kind("do")
		g.say("DO $do$ BEGIN EXECUTE %s; END $do$;", body)
	case 2:
		g.kind("function")
		g.say("SELECT %s;", made)
	case 3:
		g.kind("function")
		g.say("INSERT INTO %s.notes (what) SELECT %s::text;", g.schema, made)
	case 4:
		g.kind("function")
		g.say("INSERT INTO %s.notes (what) VALUES (%s::text);", g.schema, made)
	case 5:
		g.kind("function")
		g.once("one", "CREATE TABLE one (n integer, what text)", "INSERT INTO one VALUES (1, '')")
		g.say("UPDATE %s.one SET n = %s;", g.schema, made)
	case 6:
		g.kind("function")
		g.once("one", "CREATE TABLE one (n integer, what text)", "INSERT INTO one VALUES (1, '')")
		g.say("INSERT INTO %s.one (what) VALUES ('x') RETURNING %s;", g.schema, made)
	case 7, 8:
		g.kind(`\gexec`)
		g.say(`SELECT %s %s\gexec`, body, g.pick("", "", ", NULL ", ", 'SELECT 1' "))
	case 9:
		g.kind(`\gset`)
		g.say(`SELECT %s AS made \gset`, made)
	case 10:
		g.kind("joined")
		g.say(`%s`, g.pick(`SELECT 1\; `+sql+";", sql+`\; SELECT 1;`, `SELECT 1\; `+sql+`\; SELECT 2;`, `SET work_mem = '8MB'\; `+sql+";"))
	case 11:
		g.kind("by trigger")
		g.once("does", "CREATE TABLE does (n serial, sql text)", "CREATE TRIGGER does BEFORE INSERT ON does FOR EACH ROW EXECUTE FUNCTION h.does()", "ALTER TABLE does ENABLE ALWAYS TRIGGER does")
		g.say("INSERT INTO %s.does (sql) VALUES (%s);", g.schema, body)
	case 12:
		g.kind("by trigger")
		g.once("does", "CREATE TABLE does (n serial, sql text)", "CREATE TRIGGER does BEFORE INSERT ON does FOR EACH ROW EXECUTE FUNCTION h.does()", "ALTER TABLE does ENABLE ALWAYS TRIGGER does")
		g.say("copy %s.does (sql) from stdin;\n%s\n\\.", g.schema, g.copyField("'"+strings.ReplaceAll(sql, "'", "''")+"'"))
	}
}

// zones are what SET TimeZone says.
var zones = []string{"UTC", "Asia/Tokyo", "America/New_York", "Etc/UTC"}

// event is something between rows.
func (g *maker) event() {
	t := g.some()
	name := g.schema + "." + t.name
	switch g.IntN(24) {
	case 0, 1, 2, 3:
		g.kind("set")
		if g.chance(60) { // what is known of the table was learnt just before
			t = g.zoned()
			g.rows(t)
			defer g.rows(t)
		}
		g.setting()
	case 4, 5:
		g.kind("ddl")
		g.kind("trigger")
		trigger := g.next("new")
		g.do("CREATE TRIGGER %s AFTER INSERT ON %s FOR EACH %s EXECUTE FUNCTION h.note('%s')", trigger, name, g.pick("STATEMENT", "STATEMENT", "ROW"), g.schema)
		if g.chance(40) {
			g.rows(t)
			state := g.pick("DISABLE", "ENABLE ALWAYS", "ENABLE REPLICA")
			if g.mode == "owner" && state == "ENABLE REPLICA" { // as a trigger is left that is out of the way: of a function's this is not seen
				g.say("ALTER TABLE %s %s TRIGGER %s;", name, state, trigger)
			} else {
				g.do("ALTER TABLE %s %s TRIGGER %s", name, state, trigger)
			}
		}
	case 6:
		g.kind("ddl")
		if g.chance(50) {
			g.retyped()
		} else {
			g.definition(t, name)
		}
	case 7:
		g.kind("ddl")
		g.do("CREATE %s %s ON %s (%s)", g.pick("INDEX", "UNIQUE INDEX"), g.next("index"), name, g.pick(`"id"`, `("id" + 1)`, `"id") WHERE ("num" > 5`))
	case 8:
		g.kind("rule")
		g.do("CREATE OR REPLACE RULE later AS ON INSERT TO %s DO ALSO INSERT INTO %s.notes (what) VALUES ('later')", name, g.schema)
	case 9:
		g.thereAndBack()
	case 10, 11:
		g.block()
	case 12:
		g.kind("do")
		g.say("DO $$ BEGIN %s; END $$;", g.change(t, name))
	case 13:
		g.kind("change")
		g.do("%s", g.change(t, name))
	case 14:
		g.kind("temporary")
		g.temporary(t)
	case 15, 16:
		g.kind(`\gexec`)
		g.gexecRows(t, name)
	case 17:
		g.kind("sequence")
		g.do("%s", g.pick(fmt.Sprintf("SELECT nextval('%s.shared')", g.schema), fmt.Sprintf("SELECT setval('%s.shared', %d)", g.schema, 1000*g.number()),
			fmt.Sprintf("INSERT INTO %s.notes (what) VALUES (nextval('%[1]s.shared'))", g.schema)))
	case 18, 19:
		g.truncate(t.name, fmt.Sprintf("TRUNCATE %s%s%s CASCADE", g.pick("", "TABLE ", "ONLY ", "TABLE ONLY "), name, g.pick("", "", " RESTART IDENTITY")))
	case 20:
		g.kind("read")
		g.say("INSERT INTO %s.notes (what) SELECT count(*)::text || coalesce(max(\"id\")::text, '') FROM %s;", g.schema, name)
	case 21:
		g.kind("joined")
		if g.chance(50) {
			g.joinedRows(t)
			break
		}
		g.kind("trigger")
		g.singles(t)
		before := g.pick("SET work_mem = '8MB'", "SET work_mem = '8MB'", "SELECT 1", "")
		if before == "" {
			before = g.oneRow(t, name)
		}
		g.say("%s\\; CREATE TRIGGER %s AFTER INSERT ON %s FOR EACH STATEMENT EXECUTE FUNCTION h.note('%s');", before, g.next("new"), name, g.schema)
		g.singles(t)
	case 22:
		g.say("%s", g.pick("ANALYZE;", "SELECT 1;", fmt.Sprintf("COMMENT ON TABLE %s IS 'mine';", name), `\echo on the way`, fmt.Sprintf("PREPARE %s AS SELECT 1;", g.next("p"))))
	case 23:
		if g.mode == "single" || g.mode != "owner" && g.depth > 0 { // an owner's triggers cannot be disabled under one
			g.kind("cursor")
			g.say("DECLARE %s CURSOR FOR SELECT * FROM %s;", g.next("cursor"), name)
			g.insert(g.tables[g.names[0]], 100+g.IntN(200))
		}
	}
}

// number numbers things.
func (g *maker) number() int { g.things++; return g.things }

// setting sets a parameter.
func (g *maker) setting() {
	local := ""
	if g.depth > 0 || g.mode == "single" || g.mode == "owner" {
		local = g.pick("", "", "", "LOCAL ")
	}
	set := func(name, value string) {
		if g.chance(25) && local == "" {
			g.do("SELECT set_config('%s', '%s', %s)", name, strings.Trim(value, "'"), "false")
			return
		}
		g.do("SET %s%s = %s", local, name, value)
	}
	switch g.IntN(9) {
	case 0, 1:
		set("TimeZone", "'"+zones[g.IntN(len(zones))]+"'")
	case 2:
		set("datestyle", g.pick("'ISO, MDY'", "'SQL, DMY'", "'German'", "'ISO, DMY'"))
	case 3:
		set("intervalstyle", g.pick("'sql_standard'", "'postgres'"))
	case 4:
		set("my.way", g.pick("'a'", "'b'"))
	case 5, 6:
		g.kind("search_path")
		g.path = g.IntN(len(paths))
		if g.chance(60) || local != "" {
			g.do("SET %ssearch_path = %s", local, g.searchPath())
		} else {
			g.do("SELECT set_config('search_path', '%s', false)", g.searchPath())
		}
	case 7:
		if g.mode == "owner" && !g.replica && g.chance(50) {
			return // there is nothing to end, and to say so is refused to an owner
		}
		value, was := "'origin'", g.replica
		if g.replica = g.chance(50) || g.mode == "owner" && !was; g.replica {
			g.kind("replica")
			value = "'replica'"
		}
		switch {
		case g.mode == "owner": // who may not set it: the load sees to it where the script says it
			g.say("SET %ssession_replication_role = %s;", local, value)
		case !g.replica && g.chance(30):
			g.do("RESET session_replication_role")
		default:
			set("session_replication_role", value)
		}
	case 8:
		g.say("%s", g.pick("SET client_min_messages = warning;", "RESET TimeZone;", "SET statement_timeout = 0;", "SET check_function_bodies = off;"))
	}
}

// definition changes what a table is.
func (g *maker) definition(t *table, name string) {
	switch g.IntN(6) {
	case 0:
		g.do(`ALTER TABLE %s ADD COLUMN %s bigint DEFAULT 7`, name, g.next("later"))
	case 1:
		col := g.next("later")
		g.kind("default function")
		g.do(`ALTER TABLE %s ADD COLUMN %s bigint`, name, col)
		g.do(`ALTER TABLE %s ALTER COLUMN %s SET DEFAULT h.counted('%s')`, name, col, strings.ReplaceAll(name, "'", "''"))
	case 2:
		if strings.Contains(script(g.setup), "GENERATED ALWAYS AS (\"num\"") {
			return
		}
		g.do(`ALTER TABLE ONLY %s ALTER COLUMN "num" TYPE %s USING "num"::integer`, name, g.pick("integer", "bigint", "numeric"))
	case 3:
		g.do(`ALTER TABLE ONLY %s ADD CHECK (h.few('%s', 100000)) NO INHERIT`, name, strings.ReplaceAll(name, "'", "''"))
	case 4:
		if !t.kept && !t.drawn {
			next := g.next("swap")
			g.do("CREATE TABLE %s.%s (LIKE %s INCLUDING ALL)", g.schema, next, name)
			g.do("CREATE TRIGGER swapped AFTER INSERT ON %s.%s FOR EACH STATEMENT EXECUTE FUNCTION h.note('%[1]s')", g.schema, next)
			g.do("ALTER TABLE %s RENAME TO %s_gone", name, next)
			g.do("ALTER TABLE %s.%s RENAME TO %s", g.schema, next, t.name)
			t.alive = nil
		}
	case 5:
		if !t.twin && g.path == 1 {
			g.do("CREATE TABLE %s.%s (LIKE %s INCLUDING DEFAULTS)", g.other, t.name, name)
			t.twin = true
		}
	}
}

// retyped makes a text bytea, which has the same form in COPY's binary format, between rows of a table: what was known of it goes unnoticed.
func (g *maker) retyped() {
	for _, name := range g.names {
		t := g.tables[name]
		i := slices.IndexFunc(t.columns, func(c column) bool { return c.typ == "text" || c.typ == "varchar(12)" })
		if i < 0 || t.kept {
			continue
		}
		g.rows(t)
		t.columns[i].typ = "bytea"
		g.do("ALTER TABLE ONLY %s.%s ALTER COLUMN %s DROP DEFAULT, ALTER COLUMN %[3]s TYPE bytea USING convert_to(%[3]s, 'UTF8')", g.schema, t.name, t.columns[i].name)
		g.rows(t)
		return
	}
}

// change is an UPDATE, DELETE or INSERT of a table, as it can stand in a DO block as well.
func (g *maker) change(t *table, name string) string {
	switch g.IntN(4) {
	case 0:
		return fmt.Sprintf(`UPDATE %s SET "num" = NULL WHERE "id" IN (SELECT min("id") FROM %[1]s)`, name)
	case 1:
		if g.mode == "owner" && t.kept { // rows that others refer to: an owner leaves a key NOT VALID over what is left
			break
		}
		t.alive = nil
		return fmt.Sprintf(`DELETE FROM %s WHERE "id" IN (SELECT min("id") FROM %[1]s)`, name)
	case 2:
		if !t.drawn {
			return fmt.Sprintf(`UPDATE %s SET "id" = "id" + 1000000 WHERE "id" IN (SELECT max("id") FROM ONLY %[1]s WHERE "id" < 1000000 AND "id" > 0 AND NOT %t)`, name, t.kept)
		}
	}
	return g.oneRow(t, name)
}

// oneRow is an INSERT of one row.
func (g *maker) oneRow(t *table, name string) string {
	columns := g.columns(t)
	var values []string
	for _, c := range columns {
		values = append(values, g.literal(t, c))
	}
	return fmt.Sprintf("INSERT INTO %s (%s) VALUES (%s)", name, list(columns), strings.Join(values, ", "))
}

func (g *maker) truncate(name, sql string) {
	g.kind("truncate")
	for _, t := range g.tables { // it, and what refers to it
		if t.name == name || t.parent != "" {
			t.alive = nil
		}
	}
	if g.chance(60) || g.mode == "owner" || g.misfit != nil { // where one statement that empties a table and changes another is refused, with a way out
		g.say("%s;", sql)
	} else {
		g.do("%s", sql)
	}
}

// block is a savepoint or a transaction of the script's, with rows inside.
func (g *maker) block() {
	if g.depth > 1 {
		return
	}
	before := g.clone()
	transaction, name := g.begin()
	for range 1 + g.IntN(2) {
		if g.chance(70) {
			g.event()
		}
		g.rows(g.some())
	}
	g.depth--
	end, back := "COMMIT", g.chance(50)
	switch {
	case transaction && back:
		end = "ROLLBACK"
	case back:
		end = "ROLLBACK TO " + name
	case !transaction:
		end = "RELEASE " + name
	}
	if g.chance(15) {
		g.kind(`\gexec`)
		g.say(`SELECT '%s' \gexec`, end)
	} else {
		g.say("%s;", end)
	}
	if back {
		g.world = before
	} else if transaction { // SET LOCAL ends here
		g.path = 0
		g.replica = false
		g.say("SET search_path = %s;", g.searchPath())
		g.say("SET session_replication_role = origin;")
	}
}

// begin begins a transaction where the script's statements are not in one, else a savepoint.
func (g *maker) begin() (transaction bool, savepoint string) {
	g.depth++
	savepoint = g.next("s")
	if transaction = (g.mode == "none" || g.mode == "jobs") && g.depth == 1; transaction {
		g.kind("transaction")
		g.say("%s;", g.pick("BEGIN", "BEGIN", "START TRANSACTION"))
	} else {
		g.kind("savepoint")
		g.say("SAVEPOINT %s;", savepoint)
	}
	return transaction, savepoint
}

// thereAndBack takes an obstacle of a table's rows away, brings rows, and takes both back: the obstacle is there again for the rows behind.
func (g *maker) thereAndBack() {
	if g.depth > 1 {
		return
	}
	t := g.zoned()
	name := g.schema + "." + t.name
	obstacle, away := "SET TimeZone = 'Asia/Tokyo'", "SET TimeZone = 'UTC'"
	if g.mode != "owner" && g.chance(50) {
		g.kind("trigger")
		trigger := g.next("new")
		obstacle = fmt.Sprintf("CREATE TRIGGER %s AFTER INSERT ON %s FOR EACH STATEMENT EXECUTE FUNCTION h.note('%s')", trigger, name, g.schema)
		away = fmt.Sprintf(g.pick("DROP TRIGGER %s ON %s", "ALTER TABLE %[2]s DISABLE TRIGGER %[1]s"), trigger, name)
	}
	g.say("%s;", obstacle)
	before, back := g.clone(), "ROLLBACK"
	transaction, savepoint := g.begin()
	if !transaction {
		back += " TO " + savepoint
	}
	g.say("%s;", away)
	g.rows(t)
	g.depth--
	g.say("%s;", back)
	g.world = before
	g.rows(t)
}

// temporary makes a temporary table, mostly of a name that hides another, and brings rows to it.
func (g *maker) temporary(t *table) {
	if t.drawn {
		return
	}
	hidden := t.name
	g.do("CREATE TEMP TABLE %s (LIKE %s.%s)", hidden, g.schema, t.name)
	columns := g.columns(t)
	switch g.IntN(3) {
	case 0:
		for range 6 {
			g.insertInto(hidden, t, columns, 1+g.IntN(3))
		}
	case 1:
		g.insertInto(hidden, t, columns, 1+g.IntN(60))
	case 2:
		g.copy("copy "+hidden+" (%s) from stdin;\n", t, `\.`+"\n")
	}
	g.say("INSERT INTO %s.notes (what) SELECT count(*)::text FROM pg_temp.%s;", g.schema, t.name)
	if g.chance(50) {
		g.say("INSERT INTO %s.notes (what) SELECT \"num\"::text FROM pg_temp.%s;", g.schema, t.name)
	}
	g.do("DROP TABLE pg_temp.%s", t.name)
	t.alive = nil
}

// gexecRows are rows that come by \gexec.
func (g *maker) gexecRows(t *table, name string) {
	var all []string
	for range 1 + g.IntN(4) {
		all = append(all, "$e$"+g.oneRow(t, g.pick(name, t.name))+"$e$")
	}
	g.say(`SELECT %s \gexec`, strings.Join(all, ", "))
}

// joinedRows are rows in statements that are joined.
func (g *maker) joinedRows(t *table) {
	var all []string
	for range 2 + g.IntN(4) {
		all = append(all, g.oneRow(t, g.named(t)))
	}
	g.say("%s;", strings.Join(all, `\; `))
}

// fail is a statement that fails.
func (g *maker) fail() {
	t := g.some()
	g.kind("failing")
	switch g.IntN(9) {
	case 0:
		if !t.drawn {
			g.insert(t, 2)
			p := g.items[len(g.items)-1]
			p.rows = append(p.rows, p.rows[0])
			p.tail = ";\n"
			g.items[len(g.items)-1] = p
			return
		}
		g.say("SELECT 1/0;")
	case 1:
		g.say(`INSERT INTO %s ("num") VALUES ('no number');`, g.named(t))
	case 2:
		g.say("INSERT INTO %s.missing VALUES (1);", g.schema)
	case 3:
		g.say(`INSERT INTO %s ("num", missing) VALUES (1, 1);`, g.named(t))
	case 4:
		g.say("copy %s (\"num\") from stdin;\nx\n\\.", g.named(t))
	case 5:
		g.say("SELECT 1/0;")
	case 6, 7:
		slip := g.pick("ROLLBACK ~;", "COMMIT ~;", "END ~;", "BEGIN ~;", "START;", "SET TRANSACTION;", "SET work_mem = '8MB' ~;", "SET session_replication_role = 'origin' ~;",
			"RESET session_replication_role ~;", "TRUNCATE "+g.named(t)+" ~;", "TRUNCATE ONLY "+g.named(t)+" *;", "copy "+g.named(t)+" (\"num\") from stdni;")
		g.say("%s", strings.ReplaceAll(slip, "~", g.pick("tran", "if", "and", "x", ",")))
	case 8: // a slip in the head of rows
		g.insert(t, 2+g.IntN(400))
		p := &g.items[len(g.items)-1]
		p.head = g.pick(strings.Replace(p.head, "INTO", "/* caf\xe9 */ INTO", 1), strings.Replace(p.head, "VALUES", "VALUE", 1), strings.Replace(p.head, g.named(t), "user", 1),
			strings.Replace(p.head, `"num"`, "order", 1))
	}
}
