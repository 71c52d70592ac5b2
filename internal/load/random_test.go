package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestRandomLoads loads random scripts into random schemas with psql and by the fast way: same verdict, same dump. The
// environment sets how many (RANDOM_LOADS) and from which seed (RANDOM_SEED).
func TestRandomLoads(t *testing.T) {
	t.Parallel()
	cases := fromEnvironment(t, "RANDOM_LOADS", 60)
	seed := fromEnvironment(t, "RANDOM_SEED", 31)
	t.Logf("RANDOM_LOADS=%d RANDOM_SEED=%d", cases, seed)
	server := pgtest.Shared(t)
	const batch = 30 // cases that share two databases, a schema each
	failed, succeeded := 0, 0
	for first := 0; first < cases; first += batch {
		psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
		dumpedURL, owners := oursURL, first/batch%3 == 1 // every third batch as a mere owner
		if owners {
			super, owner := asOwner(t, "", "SELECT 1")
			dumpedURL, oursURL = super.ConnString(), owner.ConnString()
		}
		var undone []string // schemas of loads that failed: their sequences went on, as often as rows were tried
		shown := ""
		for n := first; n < min(first+batch, cases); n++ {
			g := &generator{dice: newDice(seed, n)}
			name := fmt.Sprintf("c%d", n)
			schema, script := g.generate(name)
			shown += fmt.Sprintf("case %d of RANDOM_SEED=%d:\n%s\n%s\n", n, seed, schema, cutText(script))
			o := Options{Transaction: Mode(g.pick("single", "single", "none")), Jobs: 1}
			if o.Transaction == None && g.chance(50) {
				o.Jobs = 2
			}
			if owners { // whose way takes the one transaction
				o.Transaction, o.Jobs = Single, 1
			}
			o.thresholds.largeInsert = 1 // every INSERT may go as COPY
			if g.chance(40) {
				o.thresholds.largeInsert = 0 // most are small enough not to be waited for
			}
			verdict := compareLoads(t, psqlURL, oursURL, schema, script, o)
			if t.Failed() {
				t.Fatalf("case %d of RANDOM_SEED=%d:\n%s\n%s", n, seed, schema, cutText(script))
			}
			if verdict == "" {
				succeeded++
				continue
			}
			failed++
			undone = append(undone, name)
			if o.Jobs > 1 { // what stays done depends on how far the other connections came
				pgtest.Exec(t, psqlURL, "DROP SCHEMA "+name+" CASCADE")
				pgtest.Exec(t, oursURL, "DROP SCHEMA "+name+" CASCADE")
			}
		}
		want, got := withoutSequences(pgtest.SortedDump(t, psqlURL, "-O", "-x"), undone), withoutSequences(pgtest.SortedDump(t, dumpedURL, "-O", "-x"), undone)
		if owners { // a broken key is not valid any more
			got = strings.ReplaceAll(got, " NOT VALID;", ";")
		}
		if want != got {
			t.Fatalf("dumps differ: %s\n%s", firstDifference(want, got), shown)
		}
	}
	t.Logf("%d loads succeeded, %d failed as with psql", succeeded, failed)
	if succeeded < cases/3 || failed < cases/20 {
		t.Errorf("of %d loads %d succeeded and %d failed: the generator is off", cases, succeeded, failed)
	}
}

func fromEnvironment(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

var psqlState = regexp.MustCompile(`ERROR:  ([0-9A-Z]{5})`)

// compareLoads gives the SQLSTATE with which psql fails, "" if it succeeds.
func compareLoads(t *testing.T, psqlURL, oursURL, schema, script string, o Options) string {
	t.Helper()
	return compareFiles(t, psqlURL, oursURL, schema, map[string]string{"load.sql": script}, o)
}

// compareFiles is compareLoads for a script, load.sql, with other files beside it.
func compareFiles(t *testing.T, psqlURL, oursURL, schema string, files map[string]string, o Options) string {
	t.Helper()
	pgtest.Exec(t, psqlURL, schema)
	pgtest.Exec(t, oursURL, schema)
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	for name, text := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	args := []string{"-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-q", "-c", `\cd ` + dir, "-f", "load.sql"}
	if o.Transaction == Single {
		args = append(args, "-1")
	}
	_, stderr, code := pgtest.Psql(t, psqlURL, args...)
	want := ""
	if code != 0 {
		m := psqlState.FindStringSubmatch(stderr)
		if m == nil {
			t.Fatalf("psql fails without a state: %s", stderr)
		}
		want = m[1]
	}
	config, err := pgx.ParseConfig(oursURL)
	must(t, err)
	o.Target, o.Script = config, Script{FS: os.DirFS(dir), Name: "load.sql"}
	o.KeepSequences, o.ForeignKeys, o.SkipAnalyze = true, Off, true
	o.thresholds = thresholds{fragmentSize: 4 << 10, largeInsert: o.thresholds.largeInsert, manyInserts: 2, manyRows: 1 << 10, noPreflight: true}
	_, err = Run(context.Background(), o)
	got := ""
	if err != nil {
		var pe *pgconn.PgError
		if !errors.As(err, &pe) {
			t.Fatalf("ours: %v", err)
		}
		got = pe.Code
	}
	if got != want || err != nil && !sameError(stderr, err) {
		t.Errorf("%s, %d jobs: psql: %q (%s)\nours: %q (%v)", o.Transaction, o.Jobs, want, stderr, got, err)
	}
	return want
}

// sameError tells whether an error says what psql does, which with VERBOSITY=verbose shows all that the server says.
func sameError(shown string, err error) bool {
	var pe *pgconn.PgError
	_, shown, ok := strings.Cut(shown, "ERROR:  ")
	if !ok || !errors.As(err, &pe) || !strings.HasPrefix(shown, pe.Code+": "+pe.Message+"\n") {
		return false
	}
	for label, text := range map[string]string{"\nDETAIL:  ": pe.Detail, "\nCONTEXT:  ": pe.Where} {
		if text == "" && strings.Contains(shown, label) || text != "" && !strings.Contains(shown, label+text+"\n") {
			return false
		}
	}
	return true
}

// dice throw the same in every run.
type dice struct{ *rand.Rand }

func newDice(seed, n int) dice { return dice{rand.New(rand.NewPCG(uint64(seed), uint64(n)))} }

func (d dice) chance(percent int) bool { return d.IntN(100) < percent }

func (d dice) pick(of ...string) string { return of[d.IntN(len(of))] }

// withoutSequences takes out of a dump where the sequences of some schemas stand.
func withoutSequences(dump string, schemas []string) string {
	if len(schemas) == 0 {
		return dump
	}
	return regexp.MustCompile(`(?m)^SELECT pg_catalog\.setval\('(`+strings.Join(schemas, "|")+`)\..*$`).ReplaceAllString(dump, "")
}

func firstDifference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-200)
	return fmt.Sprintf("\n%s\n--- against\n%s", a[from:min(len(a), i+200)], b[from:min(len(b), i+200)])
}

// generator makes random schemas and scripts.
type generator struct {
	dice
	tables []randomTable
}

type randomTable struct {
	name    string // qualified and quoted
	columns []randomColumn
}

type randomColumn struct {
	name, typ string
	key       bool // part of a unique key: values must differ mostly
	required  bool
	omit      bool // takes no value, or has a default worth having
}

func (g *generator) generate(schema string) (ddl, script string) {
	var b strings.Builder
	fmt.Fprintf(&b, "CREATE SCHEMA %s; SET search_path = %s; SET check_function_bodies = off;\n", schema, schema)
	b.WriteString("CREATE TYPE mood AS ENUM ('happy', 'sad'); CREATE DOMAIN small AS integer CHECK (VALUE < 100000); CREATE DOMAIN tag AS varchar(8);\n")
	b.WriteString("CREATE FUNCTION note() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO notes (t, op) VALUES (TG_TABLE_NAME, TG_OP || TG_LEVEL || TG_WHEN); IF TG_LEVEL = 'ROW' THEN RETURN NEW; END IF; RETURN NULL; END $$;\n")
	b.WriteString("CREATE TABLE notes (n serial, t text, op text); CREATE FUNCTION counted() RETURNS bigint LANGUAGE sql AS 'SELECT count(*) FROM notes';\n")
	for i := range 1 + g.IntN(3) {
		b.WriteString(g.table(schema, i))
	}
	return strings.ReplaceAll(b.String(), "notes", schema+".notes"), g.script(schema)
}

func (g *generator) table(schema string, i int) string {
	t := randomTable{name: schema + "." + g.pick(fmt.Sprintf("t%d", i), fmt.Sprintf(`"T %d"`, i), fmt.Sprintf(`"tä""b%d"`, i))}
	var b strings.Builder
	var parts, after []string
	keyType := g.pick("integer", "bigint", "smallint", "uuid", "text", "numeric")
	identity := keyType != "uuid" && keyType != "text" && keyType != "numeric" && g.chance(30)
	keyText := `"id" ` + keyType
	if identity {
		keyText += " GENERATED " + g.pick("BY DEFAULT", "BY DEFAULT", "ALWAYS") + " AS IDENTITY"
	}
	t.columns = append(t.columns, randomColumn{name: `"id"`, typ: keyType, key: true, required: true, omit: identity && g.chance(30)})
	parts = append(parts, keyText+g.pick(" PRIMARY KEY", " PRIMARY KEY", " PRIMARY KEY", " UNIQUE", " PRIMARY KEY DEFERRABLE INITIALLY DEFERRED", ""))
	partitioned := g.chance(10) && !strings.Contains(parts[0], "IDENTITY")
	if partitioned {
		parts[0] = `"id" ` + keyType
	}
	for c := range 1 + g.IntN(7) {
		col := randomColumn{name: fmt.Sprintf(g.pick(`c%d`, `"C %d"`, `"order%d"`), c), typ: g.pick("integer", "bigint", "smallint", "numeric", "numeric(8,2)", "double precision",
			"real", "boolean", "text", "varchar(12)", "char(4)", "jsonb", "json", "uuid", "bytea", "date", "timestamp", "timestamptz", "timestamptz(0)", "interval", "text[]", "integer[]",
			"mood", "small", "tag", "inet", "int4range", "bit(3)", "time", "point")}
		text := col.name + " " + col.typ
		switch g.IntN(12) {
		case 0:
			text += " NOT NULL"
			col.required = true
		case 1:
			if col.typ == "integer" || col.typ == "bigint" {
				text += " DEFAULT 7"
				col.omit = g.chance(50)
			}
		case 2:
			if col.typ == "bigint" {
				text += g.pick(" DEFAULT counted()", " CHECK (counted() >= 0)")
				col.omit = g.chance(50)
			}
		case 3:
			if col.typ == "integer" && !partitioned {
				text += ` GENERATED ALWAYS AS (7) STORED`
				col.omit = g.chance(95)
			}
		case 4:
			if col.typ == "integer" {
				text = col.name + " serial"
				col.omit = g.chance(50)
			}
		}
		t.columns = append(t.columns, col)
		parts = append(parts, text)
		if g.chance(35) && col.typ != "json" && col.typ != "point" {
			using := ""
			if (col.typ == "jsonb" || strings.HasSuffix(col.typ, "[]")) && g.chance(60) {
				using = "USING gin "
			}
			name := fmt.Sprintf(`"i%d_%d"`, i, c)
			index := fmt.Sprintf("CREATE INDEX %s ON %s %s(%s)%s;", name, t.name, using, col.name, g.pick("", "", fmt.Sprintf(" WHERE %s IS NOT NULL", col.name), ""))
			after = append(after, index)
			if g.chance(20) {
				after = append(after, fmt.Sprintf("COMMENT ON INDEX %s.%s IS 'it''s mine';", schema, name))
			}
			if g.chance(20) && using == "" && !partitioned && !strings.Contains(index, "WHERE") {
				after = append(after, fmt.Sprintf("ALTER TABLE %s CLUSTER ON %s;", t.name, name), fmt.Sprintf("ALTER INDEX %s.%s SET (fillfactor = 70);", schema, name))
			}
		}
	}
	if len(g.tables) > 0 && g.chance(30) && !partitioned && !strings.Contains(parts[0], "DEFERRABLE") {
		parent := g.tables[g.IntN(len(g.tables))]
		if parent.columns[0].typ == keyType {
			after = append(after, fmt.Sprintf("DO $$ BEGIN ALTER TABLE %s ADD FOREIGN KEY (\"id\") REFERENCES %s (\"id\"); EXCEPTION WHEN others THEN END $$;", t.name, parent.name))
		}
	}
	if g.chance(10) && !partitioned && len(t.columns) > 1 && t.columns[1].typ == keyType {
		after = append(after, fmt.Sprintf("DO $$ BEGIN ALTER TABLE %s ADD FOREIGN KEY (%s) REFERENCES %[1]s (\"id\"); EXCEPTION WHEN others THEN END $$;", t.name, t.columns[1].name))
	}
	after = append(after, g.triggers(t, partitioned)...)
	fmt.Fprintf(&b, "CREATE %sTABLE %s (%s)", map[bool]string{true: "UNLOGGED "}[g.chance(10) && !partitioned], t.name, strings.Join(parts, ", "))
	if partitioned {
		fmt.Fprintf(&b, " PARTITION BY HASH (\"id\"); CREATE TABLE %s.p%d_0 PARTITION OF %s FOR VALUES WITH (MODULUS 2, REMAINDER 0); CREATE TABLE %[1]s.p%[2]d_1 PARTITION OF %[3]s FOR VALUES WITH (MODULUS 2, REMAINDER 1)", schema, i, t.name)
	}
	b.WriteString(";\n" + strings.Join(after, "\n") + "\n")
	g.tables = append(g.tables, t)
	return b.String()
}

func (g *generator) triggers(t randomTable, partitioned bool) (after []string) {
	if g.chance(12) {
		after = append(after, fmt.Sprintf("CREATE TRIGGER tr AFTER INSERT ON %s FOR EACH %s EXECUTE FUNCTION note();", t.name, g.pick("ROW", "STATEMENT")))
		if g.chance(60) {
			after = append(after, fmt.Sprintf("ALTER TABLE %s %s TRIGGER tr;", t.name, g.pick("DISABLE", "ENABLE REPLICA", "ENABLE ALWAYS")))
		}
	}
	if g.chance(5) && !partitioned {
		after = append(after, fmt.Sprintf("CREATE RULE ru AS ON INSERT TO %s DO ALSO INSERT INTO notes (t) VALUES ('rule');", t.name))
	}
	if g.chance(5) {
		after = append(after, fmt.Sprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY;", t.name))
	}
	if g.chance(5) && !partitioned {
		after = append(after, fmt.Sprintf("CREATE UNIQUE INDEX ON %s (\"id\") INCLUDE (%s);", t.name, t.columns[len(t.columns)-1].name))
	}
	return after
}

func (g *generator) script(schema string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "SET search_path = %s;\n", schema)
	replica := g.chance(60)
	if replica {
		b.WriteString("SET session_replication_role = 'replica';\n")
	}
	if g.chance(70) {
		for _, t := range g.tables {
			fmt.Fprintf(&b, "TRUNCATE TABLE %s CASCADE;\n", t.name)
		}
	}
	for _, t := range g.tables {
		for range 1 + g.IntN(6) {
			if g.chance(25) {
				b.WriteString(g.copyRows(t))
			} else {
				b.WriteString(g.insert(t))
			}
			if g.chance(30) {
				b.WriteString("\n\n-- fabricate-flush\n\n")
			}
			if g.chance(7) {
				b.WriteString(g.aside(t))
			}
		}
	}
	if replica {
		b.WriteString("SET session_replication_role = 'origin';\n")
	}
	return b.String()
}

// aside is a statement that is not an INSERT of literals.
func (g *generator) aside(t randomTable) string {
	switch g.IntN(7) {
	case 0:
		return fmt.Sprintf("UPDATE %s SET \"id\" = \"id\";\n", t.name)
	case 1:
		return fmt.Sprintf("DELETE FROM %s WHERE \"id\"::text IN (SELECT min(\"id\"::text) FROM %[1]s);\n", t.name)
	case 2:
		return fmt.Sprintf("SAVEPOINT s; INSERT INTO notes (t) SELECT count(*)::text FROM %s; ROLLBACK TO s;\n", t.name)
	case 3:
		return fmt.Sprintf("INSERT INTO notes (t) SELECT count(*)::text || coalesce(max(\"id\"::text), '') FROM %s;\n", t.name)
	case 4:
		return "SELECT 1;\n"
	case 5:
		return fmt.Sprintf("CREATE INDEX IF NOT EXISTS later ON %s (\"id\");\n", t.name)
	}
	return "ANALYZE;\n"
}

func (g *generator) insert(t randomTable) string {
	var columns []randomColumn
	for _, c := range t.columns {
		if !c.omit && (c.required || g.chance(92)) {
			columns = append(columns, c)
		}
	}
	var b strings.Builder
	b.WriteString(g.pick("INSERT INTO ", "INSERT INTO ", "insert  into "))
	b.WriteString(t.name)
	if len(columns) < len(t.columns) || g.chance(80) {
		b.WriteString(" (")
		for i, c := range columns {
			if i > 0 {
				b.WriteString(", ")
			}
			b.WriteString(c.name)
		}
		b.WriteString(")")
	}
	if g.chance(3) {
		b.WriteString(" OVERRIDING SYSTEM VALUE")
	}
	b.WriteString(" VALUES\n")
	odd := g.chance(6) // some statements hold unusual literals
	for i, n := 0, 1+g.IntN(60); i < n; i++ {
		if i > 0 {
			b.WriteString(g.pick(",\n", ",\n", ",", " , -- next\n"))
		}
		b.WriteString(g.pick("(", "(", "( "))
		for j, c := range columns {
			if j > 0 {
				b.WriteString(g.pick(", ", ", ", ","))
			}
			b.WriteString(g.literal(c, odd))
		}
		b.WriteString(")")
	}
	b.WriteString(g.pick("", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", "", " ON CONFLICT DO NOTHING", " RETURNING 1"))
	b.WriteString(";\n")
	return b.String()
}

// copyRows is a COPY, mostly as exports and pg_dump write it.
func (g *generator) copyRows(t randomTable) string {
	var names []string
	var columns []randomColumn
	for _, c := range t.columns {
		if !c.omit && (c.required || g.chance(95)) {
			columns, names = append(columns, c), append(names, c.name)
		}
	}
	var b strings.Builder
	fmt.Fprintf(&b, "COPY %s (%s) FROM stdin%s;\n", t.name, strings.Join(names, ", "), g.pick("", "", "", "", " WITH (FORMAT text)"))
	odd := g.chance(25)
	for range 1 + g.IntN(80) {
		var fields []string
		for _, c := range columns {
			fields = append(fields, g.copyField(g.literal(c, false), odd && g.chance(8)))
		}
		if odd && g.chance(1) {
			fields = append(fields, "")
		}
		b.WriteString(strings.Join(fields, "\t") + "\n")
	}
	b.WriteString("\\.\n")
	return b.String()
}

// copyField writes a literal as COPY's text format has it; odd is a spelling that nobody writes.
func (g *generator) copyField(literal string, odd bool) string {
	text, quoted := strings.CutPrefix(literal, "'")
	switch {
	case !quoted && literal == "NULL":
		return `\N`
	case quoted:
		text = strings.ReplaceAll(strings.TrimSuffix(text, "'"), "''", "'")
	}
	var b strings.Builder
	for i := range len(text) {
		c := text[i]
		escape := map[byte]string{'\\': `\\`, '\n': `\n`, '\t': `\t`, '\r': `\r`}[c]
		switch {
		case odd && g.chance(30):
			b.WriteString(g.pick(fmt.Sprintf(`\x%x`, c), fmt.Sprintf(`\%03o`, c), `\`+string(c), `\.`, "\r"))
		case escape != "":
			b.WriteString(escape)
		default:
			b.WriteByte(c)
		}
	}
	return b.String()
}

func (g *generator) literal(c randomColumn, odd bool) string {
	if c.key {
		return g.keyLiteral(c.typ)
	}
	if odd && g.chance(3) {
		return literals[g.IntN(len(literals))]
	}
	if !c.required && g.chance(10) {
		return "NULL"
	}
	if g.chance(1) && odd {
		return "DEFAULT"
	}
	number := g.pick(strconv.Itoa(g.IntN(30000)), strconv.Itoa(g.IntN(10)), "-"+strconv.Itoa(g.IntN(300)), "0")
	decimal := g.pick(number, fmt.Sprintf("%d.%02d", g.IntN(9000), g.IntN(100)), "0.5", "-1.25", "100")
	quoted := func(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
	maybeQuoted := func(s string) string {
		if g.chance(30) {
			return quoted(s)
		}
		return s
	}
	text := g.pick("", "a", "it's", `back\slash`, "new\nline", "tab\tx", "ünï€", "😀", "NULL", `\N`, `\.`, "a;b--c", "  sp ", "12", "true")
	when := fmt.Sprintf("%04d-%02d-%02d", 1900+g.IntN(200), 1+g.IntN(12), 1+g.IntN(28))
	clock := fmt.Sprintf("%02d:%02d:%02d", g.IntN(24), g.IntN(60), g.IntN(60))
	switch c.typ {
	case "integer", "bigint", "smallint", "small":
		return maybeQuoted(number)
	case "numeric", "numeric(8,2)", "double precision", "real":
		return maybeQuoted(decimal)
	case "boolean":
		return g.pick("true", "false", "'t'", "'0'", "'yes'", "TRUE")
	case "text":
		return g.pick(quoted(text), quoted(text), quoted(text), number, "true")
	case "varchar(12)", "tag", "char(4)":
		return quoted(strings.ToValidUTF8(text[:min(len(text), 4)], ""))
	case "jsonb", "json":
		return quoted(g.pick(`{"a": 1, "b": [true, null, "x\ny"]}`, `[]`, `"s"`, `1.50`, `{"k": "é\u00e9"}`))
	case "uuid":
		return quoted(fmt.Sprintf("%08x-0000-4000-8000-%012x", g.Uint32(), g.Uint32()))
	case "bytea":
		return quoted(g.pick(`\x`, `\xdeadBEEF`, "abc", `\000\\`))
	case "date":
		return quoted(g.pick(when, when, "infinity"))
	case "timestamp", "timestamptz", "timestamptz(0)":
		return quoted(when + g.pick("T", " ") + clock + g.pick("", ".5", ".080", ".123456", ".4999999") + g.pick("", "Z", "Z", "+02", "-05:30"))
	case "interval":
		return quoted(g.pick("1 day", "02:03:04", "P1M"))
	case "text[]":
		return quoted(g.pick("{}", "{a,b}", `{"a b","c\"d"}`, "{NULL}", "{é}"))
	case "integer[]":
		return quoted(g.pick("{}", "{1,2}", "{ 1 , 2 }", "{{1},{2}}"))
	case "mood":
		return g.pick("'happy'", "'sad'")
	case "inet":
		return g.pick("'10.0.0.1'", "'::1/64'")
	case "int4range":
		return g.pick("'[1,5)'", "'empty'")
	case "bit(3)":
		return g.pick("'101'", "B'011'")
	case "time":
		return quoted(clock)
	case "point":
		return "'(1,2)'"
	}
	return "NULL"
}

// keyLiteral is seldom the same twice.
func (g *generator) keyLiteral(typ string) string {
	switch typ {
	case "smallint":
		return strconv.Itoa(g.IntN(65000) - 32000)
	case "uuid":
		return fmt.Sprintf("'%08x-0000-4000-8000-%012x'", g.Uint32(), g.Uint32())
	case "text":
		return fmt.Sprintf("'k%d'", g.IntN(1_000_000_000))
	case "integer":
		return strconv.Itoa(g.IntN(2_000_000_000))
	}
	return strconv.Itoa(g.IntN(1_000_000_000_000))
}
