package differential

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
	"unicode"
	"unicode/utf16"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

var (
	rowsSeed   = flag.Uint64("rows-seed", builtInSeed, "seed of the random files of rows")
	rowsCases  = flag.Int("rows-cases", 20, "how many folders of random files of each format")
	rowsFirst  = flag.Int("rows-first", 0, "the number of the first of them: with -rows-cases 1 it is repeated alone")
	rowsFormat = flag.String("rows-format", "csv,jsonl", "the formats")
	rowsStop   = flag.Bool("rows-stop", false, "end at the first difference")
)

// TestRandomRows loads folders of random files in csv and jsonl, and has psql load the same rows: csv by \copy, of which ours differs in
// what docs/databases.md says, and JSON lines by json_populate_record. What is in the tables then must be the same, and after a failure
// what was there before.
func TestRandomRows(t *testing.T) {
	t.Parallel()
	needServer(t)
	t.Logf("-rows-seed=%d -rows-first=%d -rows-cases=%d", *rowsSeed, *rowsFirst, *rowsCases)
	for format := range strings.SplitSeq(*rowsFormat, ",") {
		start := time.Now()
		var mu sync.Mutex
		differ, failed := 0, 0
		enough := func() bool {
			mu.Lock()
			defer mu.Unlock()
			return *rowsStop && differ > 0
		}
		one := func(b *rowBench, n int) {
			c := randomRows(*rowsSeed, n, format)
			difference, refused := b.compare(c)
			mu.Lock()
			defer mu.Unlock()
			if refused {
				failed++
			}
			if difference == "" {
				return
			}
			differ++
			const shown = 5
			if differ <= shown {
				t.Errorf("%s, case %d of -rows-seed=%d (as %s, database in %s, client in %s): %s\n%s", format, n, *rowsSeed, c.role, c.encoding, c.client, difference, c)
			}
		}
		shareOut(*rowsFirst, *rowsCases, enough, func() func(int) {
			b := newRowBench(t)
			return func(n int) { one(b, n) }
		})
		t.Logf("%s: %d cases in %s, %d differ; psql refuses %d", format, *rowsCases, time.Since(start).Round(time.Second), differ, failed)
		const few = 40
		if *rowsCases >= few && !*rowsStop && (failed > *rowsCases*6/10 || failed == 0) {
			t.Errorf("psql refuses %d of %d: the generator is off", failed, *rowsCases)
		}
	}
}

// rowCase is a folder of files, and what they are loaded into.
type rowCase struct {
	role, encoding, client string
	setup, before          string
	tables                 []rowTable
}

type rowTable struct {
	name       string
	file, text string // ours
	oracle     string // the oracle's file
	copy       string // and what it does with it
	single     bool   // rows are lines of the file
	rows       int
}

func (c rowCase) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n-- before: %s\n", c.setup, c.before)
	for _, t := range c.tables {
		fmt.Fprintf(&b, "-- %s (%s):\n%q\n", t.file, t.copy, t.text)
	}
	return b.String()
}

// toText is a script of before that makes another type of a column.
const toText = "ALTER TABLE t1 ALTER c1 TYPE text;"

// randomRows makes case n of a seed.
func randomRows(seed uint64, n int, format string) rowCase {
	return randomRowsWith(seed, n, format, nil)
}

// randomRowsWith makes a case without anything wrong in it but a misfit, in a column of the first table. nil is any case.
func randomRowsWith(seed uint64, n int, format string, misfit *plant) rowCase {
	d := &rowDice{Rand: rand.New(rand.NewPCG(seed, uint64(n))), most: unicode.MaxRune}
	c := rowCase{role: pickOf(d, superuser, superuser, "own", "own", "app", "lat"), encoding: pickOf(d, "UTF8", "UTF8", "UTF8", "LATIN1", "SQL_ASCII")}
	c.client = c.encoding
	if c.role == "lat" {
		c.client = "LATIN1"
	}
	d.latin, d.any = c.client == "LATIN1", c.client == "SQL_ASCII"
	if c.encoding != "UTF8" {
		d.most = 0xff
	}
	d.calm = misfit != nil
	if !d.calm && d.one(3) {
		d.wrong = pickOf(d, "value", "text")
		if format == "jsonl" {
			d.wrong = pickOf(d, "value", "text", "line")
		}
	}
	if !d.calm && c.role != "app" && d.one(4) {
		c.before = pickOf(d, toText, "ALTER TABLE t1 ADD later int DEFAULT 4;", "CREATE TABLE unused (a int);", "DROP TABLE IF EXISTS nothing; ALTER TABLE t1 ALTER def SET DEFAULT 'e';")
	}
	types := rowTypes()
	isText := slices.IndexFunc(types, func(k rowType) bool { return k.sql == "text" })
	var setup strings.Builder
	tables := 1 + d.IntN(3)
	for i := range tables {
		name := fmt.Sprintf("t%d", i+1)
		count := 1 + d.IntN(5)
		columns := []rowType{{"int", true, nil}}
		names := []string{"id"}
		fmt.Fprintf(&setup, "CREATE TABLE %s (id int %s", name, pickOf(d, "PRIMARY KEY", "PRIMARY KEY", "UNIQUE NOT NULL", "UNIQUE"))
		for j := range count {
			k := pickOf(d, types...)
			made := k
			if c.before == toText && i == 0 && j == 0 {
				made = types[isText]
			}
			columns, names = append(columns, made), append(names, fmt.Sprintf("c%d", j+1))
			fmt.Fprintf(&setup, ", c%d %s", j+1, k.sql)
		}
		setup.WriteString(", gen int GENERATED ALWAYS AS (id * 2) STORED, def text DEFAULT 'd'")
		if i > 0 && d.one(2) { // a key to a table before
			fmt.Fprintf(&setup, ", up int REFERENCES t%d (id)%s", 1+d.IntN(i), pickOf(d, "", " ON DELETE CASCADE", " ON DELETE SET NULL", " ON DELETE RESTRICT", " ON DELETE SET DEFAULT DEFERRABLE"))
			columns, names = append(columns, rowType{"int", true, func(d *rowDice) rowValue {
				if misfit != nil {
					return rowValue{null: true}
				}
				return bare(fmt.Sprint(1 + d.IntN(3)))
			}}), append(names, "up")
		}
		setup.WriteString(");\n")
		fmt.Fprintf(&setup, "INSERT INTO %s (id) SELECT generate_series(1, %d);\n", name, d.IntN(3))
		if d.one(3) {
			columns, names = append(columns, rowType{"gen", false, func(*rowDice) rowValue { return plain("7") }}), append(names, "gen")
		}
		if d.misfit = nil; misfit != nil && i == 0 {
			d.misfit = misfit
			misfit.name = name
			typ, _, _ := planted(misfit.kind)
			if misfit.kind == fit.NoParent {
				fmt.Fprintf(&setup, "CREATE TABLE parents (id int PRIMARY KEY); INSERT INTO parents VALUES (1), (2);\n")
			}
			if misfit.kind != fit.NoColumn && misfit.kind != fit.NoTable {
				fmt.Fprintf(&setup, "DELETE FROM %s; ALTER TABLE %[1]s ADD planted %s;\n", name, strings.TrimPrefix(typ, "h."))
			}
			if misfit.kind != fit.NoTable && (misfit.kind != fit.NoDefault || misfit.at < 0) && (misfit.kind != fit.NoColumn || misfit.at >= 0) {
				columns, names = append(columns, rowType{"planted", true, func(*rowDice) rowValue { return misfit.rowValue() }}), append(names, "planted")
			}
		}
		c.tables = append(c.tables, d.table(name, format, columns, names))
	}
	if misfit != nil && misfit.kind == fit.NoTable {
		fmt.Fprintf(&setup, "ALTER TABLE t1 RENAME TO gone;\n")
	} else if misfit == nil && d.one(3) { // outside the export
		fmt.Fprintf(&setup, "CREATE TABLE outside (id int, t int REFERENCES t1 (id)%s); INSERT INTO outside SELECT id, id FROM t1;\n", pickOf(d, "", " ON DELETE CASCADE", " ON DELETE SET NULL"))
	}
	c.setup = setup.String()
	return c
}

// table makes a table's file, for us and for psql.
func (d *rowDice) table(name, format string, columns []rowType, names []string) rowTable {
	count := d.IntN(5)
	t := rowTable{name: name, file: name + "." + format, single: true, rows: count}
	rows := make([][]rowValue, count)
	for i := range rows {
		rows[i] = make([]rowValue, len(columns))
		for j, column := range columns {
			switch {
			case j == 0:
				rows[i][j] = bare(strconv.Itoa(i + 1))
			case column.sql == "planted":
				d.misfit.here = d.misfit.n == d.misfit.at
				d.misfit.n++
				rows[i][j] = column.make(d)
			case d.one(6):
				rows[i][j] = rowValue{null: true}
			default:
				rows[i][j] = column.make(d)
			}
		}
	}
	if format == "csv" {
		d.csv(&t, rows, columns, names)
	} else {
		d.jsonl(&t, rows, columns, names)
	}
	return t
}

// csv writes the files of CSV.
func (d *rowDice) csv(t *rowTable, rows [][]rowValue, columns []rowType, names []string) {
	end := pickOf(d, "\n", "\n", "\n", "\r\n", "\r")
	var ours, oracle strings.Builder
	var kept, forced []string
	for j, column := range columns {
		if column.sql != "gen" {
			kept = append(kept, names[j])
			if column.noEmpty {
				forced = append(forced, names[j])
			}
		}
		separator := ","
		if j == 0 {
			separator = ""
		}
		header := names[j]
		if column.sql != "planted" && d.one(8) {
			header = strings.ToUpper(header)
		}
		if column.sql != "planted" && d.one(5) {
			header = `"` + header + `"`
		}
		ours.WriteString(separator + header)
	}
	oracle.WriteString("header\n")
	ours.WriteString(end)
	quote := func(text string) string { return `"` + strings.ReplaceAll(text, `"`, `""`) + `"` }
	for i, row := range rows {
		if d.misfit != nil && i == d.misfit.at {
			d.misfit.item = 1 + strings.Count(ours.String(), end)
		}
		for j, v := range row {
			separator := ","
			if j == 0 {
				separator = ""
			}
			text, other := "", ""
			if !v.null {
				raw := v.text
				if !v.literal {
					raw = d.inFile(raw)
					if !d.latin && !d.any && d.fault("text", 4) {
						raw += pickOf(d, "\xe9", "\xc3(", "\xed\xa0\x80", "\xf8")
					}
				}
				text = quote(raw)
				if columns[j].sql != "planted" && raw != "" && !strings.ContainsAny(raw, "\",\r\n") && raw != `\.` && d.one(2) {
					text = raw
				}
				t.single = t.single && !strings.ContainsAny(raw, "\r\n")
				other = text
				if v.ourText != "" {
					text = quote(v.ourText)
				}
				if columns[j].noEmpty && !d.calm && d.one(15) && (j > 0 || d.fault("value", 1)) { // the first may not be NULL
					text, other = `""`, `""`
				}
			} else if columns[j].noEmpty && columns[j].sql != "planted" && d.one(3) {
				text, other = `""`, `""`
			}
			ours.WriteString(separator + text)
			if columns[j].sql != "gen" {
				oracle.WriteString(separator + other)
			}
		}
		ours.WriteString(end)
		oracle.WriteString("\n")
	}
	t.text, t.oracle = ours.String(), oracle.String()
	if d.one(3) {
		t.text = strings.TrimSuffix(t.text, end)
	}
	if !d.latin && !d.any {
		switch valid := strings.ToValidUTF8(t.text, "") == t.text; {
		case d.one(12):
			t.text = "\ufeff" + t.text
		case valid && d.one(15):
			t.text = inUTF16(d, t.text)
		}
	}
	t.copy = fmt.Sprintf("\\copy %s (%s) from '%s.oracle' with (format csv, header, force_null (%s))", t.name, strings.Join(kept, ", "), t.file, strings.Join(forced, ", "))
}

// inUTF16 gives text as UTF-16.
func inUTF16(d *rowDice, text string) string {
	little, mark := d.one(2), d.one(2)
	var b []byte
	units := utf16.Encode([]rune(text))
	if mark {
		units = append([]uint16{0xfeff}, units...)
	}
	for _, u := range units {
		if little {
			b = append(b, byte(u), byte(u>>8))
		} else {
			b = append(b, byte(u>>8), byte(u))
		}
	}
	return string(b)
}

// jsonl writes the files of JSON lines.
func (d *rowDice) jsonl(t *rowTable, rows [][]rowValue, columns []rowType, names []string) {
	var ours, oracle strings.Builder
	end := pickOf(d, "\n", "\n", "\r\n")
	used := map[string]bool{}
	if d.misfit == nil && d.one(12) { // nothing of them goes to the table
		for _, row := range rows {
			for j := range row {
				row[j] = rowValue{omit: columns[j].sql != "gen" || d.one(2), null: true}
			}
		}
	}
	space := func() string { return pickOf(d, "", "", " ", "\t") }
	for i, row := range rows {
		if d.misfit != nil && i == d.misfit.at {
			d.misfit.item = 1 + strings.Count(ours.String(), end)
		}
		var a, b []string
		others := len(row)
		if columns[others-1].sql == "planted" { // it draws nothing: with it and without the rest is the same
			others--
			value := row[others].text
			if row[others].null {
				value = "null"
			} else if row[others].json == "" {
				value = d.held(value)
			}
			a, b = append(a, `"planted":`+value), append(b, `"planted":`+value)
			used["planted"] = true
		}
		for _, j := range d.Perm(others) {
			v := row[j]
			if v.omit || v.null && d.one(2) {
				continue // it lacks the key
			}
			value, other := "null", "null"
			switch {
			case v.null:
			case v.json != "":
				value, other = v.json, v.json
			case v.literal:
				value = d.held(v.text)
				other = value
			default:
				value = d.jsonString(v.text)
				other = value
			}
			if v.oracleJSON != "" {
				other = v.oracleJSON
			}
			key := names[j]
			used[key] = true
			written := key
			if d.one(20) {
				written = fmt.Sprintf(`\u%04x`, key[0]) + key[1:]
			}
			if d.one(12) {
				written = strings.ToUpper(key)
			}
			a = append(a, `"`+written+`"`+space()+":"+space()+value)
			b = append(b, `"`+key+`":`+other)
		}
		line := space() + "{" + space() + strings.Join(a, space()+","+space()) + space() + "}" + space()
		other := "{" + strings.Join(b, ",") + "}"
		if d.fault("line", 3) { // def is text: the type refuses nothing of it
			broken := pickOf(d, `{"id":1,}`, `{"id":01}`, `{"def":tru}`, `{"def":[1}`, `{"def":{"a":[1,2}}}`, `{"def":[{"a":1]]}`, `{"def":nul}`, `{"id":1} x`, `{"def":{"k":tru}}`, `{"def":"a`, `{"def":[1 2]}`,
				`{"id":+1}`, `{"id":1.}`, `{'id':1}`)
			line, other = broken, broken
		}
		ours.WriteString(line + end)
		if d.one(10) {
			ours.WriteString(pickOf(d, "", " ") + end)
		}
		oracle.WriteString(other + "\n")
	}
	t.text, t.oracle = ours.String(), oracle.String()
	if d.one(3) {
		t.text = strings.TrimSuffix(t.text, end)
	}
	if !d.latin && !d.any && strings.ToValidUTF8(t.text, "") == t.text && d.one(20) {
		t.text = pickOf(d, "\ufeff"+t.text, inUTF16(d, t.text))
	}
	var kept []string
	for _, name := range names {
		if used[name] && name != "gen" {
			kept = append(kept, name)
		}
	}
	t.copy = fmt.Sprintf("create temp table lines (line text);\n\\copy lines from '%s.oracle' with (format csv, quote e'\\x01', delimiter e'\\x02')\n", t.file)
	into := fmt.Sprintf("insert into %s (%s) select %s from lines, json_populate_record(null::%[1]s, line::json) r;", t.name, strings.Join(kept, ", "), "r."+strings.Join(kept, ", r."))
	if len(kept) == 0 {
		into = fmt.Sprintf("insert into %s select from lines where line::json is not null;", t.name)
	}
	t.copy += into + "\ndrop table lines;"
}

// rowBench is two databases of each encoding.
type rowBench struct {
	t     *testing.T
	urls  map[string]pair
	admin map[string][2]*pgx.Conn
	dir   string
}

func newRowBench(t *testing.T) *rowBench {
	t.Helper()
	b := &rowBench{t: t, urls: map[string]pair{}, admin: map[string][2]*pgx.Conn{}, dir: t.TempDir()}
	for _, encoding := range []string{"UTF8", "LATIN1", "SQL_ASCII"} {
		var urls [2]string
		var admin [2]*pgx.Conn
		for i := range urls {
			urls[i] = encodedDatabase(t, encoding)
			admin[i] = connect(t, urls[i])
		}
		b.urls[encoding], b.admin[encoding] = pair{urls[0], urls[1]}, admin
	}
	return b
}

// rowsState is all rows of a schema, in bytes of the database's encoding.
const rowsState = `SELECT string_agg(line, E'\n' ORDER BY line) FROM (
	SELECT c.relname || ' ' || (xpath('/table/row/x/text()', query_to_xml(format('SELECT encode(convert_to(r::text, getdatabaseencoding()), ''hex'') || ''.'' AS x FROM ONLY %I r', c.relname), false, false, '')))[i]::text AS line
	FROM pg_class c, generate_series(1, 30) i WHERE c.relnamespace = 'public'::regnamespace AND c.relkind = 'r') all_of_it WHERE line IS NOT NULL`

func (b *rowBench) state(conn *pgx.Conn) string {
	var text *string
	must(b.t, conn.QueryRow(context.Background(), rowsState).Scan(&text))
	if text == nil {
		return ""
	}
	return *text
}

var psqlCopyPlace = regexp.MustCompile(`CONTEXT:.*COPY (t\d), line (\d+)`)

// schema makes a case's tables.
func (c rowCase) schema() string {
	owner := c.role
	if owner == "app" {
		owner = superuser
	}
	setup := "DROP SCHEMA IF EXISTS public CASCADE; CREATE SCHEMA public AUTHORIZATION " + owner + "; GRANT USAGE ON SCHEMA public TO app; SET client_min_messages = warning; SET ROLE " + owner + ";" + rowTypesSQL + c.setup + ";RESET ROLE;"
	if c.role == "app" {
		setup += "GRANT SELECT, INSERT, TRUNCATE, DELETE ON ALL TABLES IN SCHEMA public TO app;"
	}
	return setup
}

// compare loads a case by both.
func (b *rowBench) compare(c rowCase) (difference string, refused bool) {
	ctx, admin := context.Background(), b.admin[c.encoding]
	setup := c.schema()
	for _, conn := range admin {
		if _, err := conn.PgConn().Exec(ctx, setup).ReadAll(); err != nil {
			return "the setup fails: " + err.Error(), false
		}
	}
	before := b.state(admin[1])
	dir, err := os.MkdirTemp(b.dir, "case")
	must(b.t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	must(b.t, os.Mkdir(filepath.Join(dir, "export"), 0o755))
	write := func(name, text string) { must(b.t, os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600)) }
	script := c.before + "\nSET session_replication_role = replica;\n"
	for _, t := range c.tables {
		write(filepath.Join("export", t.file), t.text)
		write(t.file+".oracle", t.oracle)
		script += "DELETE FROM " + t.name + ";\n"
	}
	for _, t := range c.tables {
		script += t.copy + "\n"
	}
	write("oracle.sql", script)
	write("before.sql", c.before)
	urls := b.urls[c.encoding]
	_, said, code := run(b.t, dir, []string{"PGCLIENTENCODING=" + c.client}, psqlProgram(b.t), "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", urls.psql, "-f", "oracle.sql")
	refused = code != 0
	args := []string{"load", "export", "--database-url=" + as(b.t, urls.ours, c.role), "--analyze=false"}
	if c.before != "" {
		args = append(args, "--before", "before.sql")
	}
	var stdout, stderr bytes.Buffer
	exit := seed.Main(ctx, seed.Process{Args: args, Environ: []string{"GITHUB_WORKSPACE=" + dir, "PATH=" + os.Getenv("PATH")}, Stdout: &stdout, Stderr: &stderr, Version: "test"})
	log := stdout.String() + stderr.String()
	tell := func(format string, args ...any) string {
		return fmt.Sprintf(format, args...) + "\npsql says: " + said + "\nwe say: " + log
	}
	want, got := b.state(admin[0]), b.state(admin[1])
	broken, outside := b.brokenKeys(admin[0]), strings.Contains(c.setup, "TABLE outside")
	switch {
	case strings.Contains(log, "generated.sql"):
		return tell("a place is in no file of the user's"), refused
	case exit != problem.OK && exit != problem.Data && exit != problem.Database:
		return tell("exit code %d", exit), refused
	case exit != problem.OK && got != before:
		return tell("what was there has changed, although the load failed:%s", firstDifference(before, got)), refused
	case refused && exit == problem.OK:
		return tell("psql refuses what we load"), refused
	case refused && c.role != "app":
		return b.placeDiffers(c, said, log, tell), refused
	case refused, exit != problem.OK && c.role == "app" && (broken || outside): // the keys stay on
		return "", refused
	case exit != problem.OK:
		return tell("we refuse what psql loads"), refused
	case got != want:
		return tell("the rows differ:%s", firstDifference(want, got)), refused
	}
	return "", refused
}

// placeDiffers compares the places of errors, where rows are lines to both.
func (b *rowBench) placeDiffers(c rowCase, said, log string, tell func(string, ...any) string) string {
	m := psqlCopyPlace.FindStringSubmatch(strings.ReplaceAll(said, "\n", " "))
	if m == nil {
		return ""
	}
	i := slices.IndexFunc(c.tables, func(t rowTable) bool { return t.name == m[1] })
	if i < 0 || !c.tables[i].single || !strings.HasSuffix(c.tables[i].file, ".csv") {
		return ""
	}
	if place := c.tables[i].file + ":" + m[2] + ":"; !strings.Contains(log, place) && !strings.Contains(log, strings.TrimSuffix(place, ":")+"\n") {
		return tell("the place %s is not told", place)
	}
	return ""
}

// brokenKeys reports whether rows break a foreign key.
func (b *rowBench) brokenKeys(conn *pgx.Conn) (broken bool) {
	ctx := context.Background()
	rows, err := conn.Query(ctx, `SELECT format('SELECT EXISTS (SELECT FROM %s c WHERE c.%I IS NOT NULL AND NOT EXISTS (SELECT FROM %s p WHERE p.id = c.%2$I))', k.conrelid::regclass, a.attname, k.confrelid::regclass)
		FROM pg_constraint k JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = k.conkey[1] WHERE k.contype = 'f' AND k.connamespace = 'public'::regnamespace`)
	must(b.t, err)
	queries, err := pgx.CollectRows(rows, pgx.RowTo[string])
	must(b.t, err)
	for _, q := range queries {
		var one bool
		must(b.t, conn.QueryRow(ctx, q).Scan(&one))
		broken = broken || one
	}
	return broken
}
