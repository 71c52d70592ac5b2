package fit

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// Rows are held to a schema by the server itself: they go as text into temporary tables, in a transaction that is rolled back, and the
// server says by its own input functions, checks and comparisons which of them it would not take. What it says is certain only where
// nothing else has a hand in it: tables with triggers that fill rows, rows that are no constants and what a script changes meanwhile are
// left out, and said to be.

const (
	mostStaged   = 8 << 20 // bytes of rows that are kept before they are sent
	valuesWithin = "120s"  // for each question about the rows
)

// Values holds rows to a schema.
type Values struct {
	s      *session.Session
	report *Report
	o      Options
	tables map[uint32]*Table
	files  []string
	staged int
	cut    bool // not all of the script was read
	enc    string
}

// Options say how rows are held to a schema.
type Options struct {
	Keys  bool                            // foreign keys are looked at
	Begun bool                            // rows that are there may be the export's own, of a load that has failed half-way
	Line  func(file string, line int) int // gives the line of a file for the row that COPY counts
}

// Table is a table whose rows are looked at.
type Table struct {
	Emptied bool // by the script, before its rows: what is there counts no more
	Maybe   bool // it may have been emptied, or changed
	Moved   bool // rows were taken away or changed after some had come
	Partial bool // some of its rows are not known
	Merged  bool // a duplicate is no error (ON CONFLICT)

	relation *catalog.Relation
	filled   bool // triggers may change rows
	name     string
	number   int
	shape    []catalog.ShapeColumn
	rules    []catalog.Rule
	sets     [][]bool // which columns are given, for each set of them
	counts   []int64  // rows of each set
	come     Come
	buf      bytes.Buffer
	typed    bool
	bad      map[string]bool // columns with values that are none
}

// NewValues begins, with rows in the client encoding of s, which must be a connection of its own.
func NewValues(ctx context.Context, s *session.Session, report *Report, o Options) (*Values, error) {
	v := &Values{s: s, report: report, o: o, tables: map[uint32]*Table{}, enc: s.Parameter("client_encoding")}
	return v, s.Exec(ctx, "BEGIN ISOLATION LEVEL READ COMMITTED READ WRITE; SET LOCAL search_path = pg_catalog, pg_temp; SET LOCAL statement_timeout = '"+valuesWithin+
		"'; SET LOCAL client_min_messages = error")
}

// Cut says that not all of the script was read.
func (v *Values) Cut() {
	v.cut = true
	for _, t := range v.All() {
		t.Partial = true
	}
}

// Close takes back all that was done.
func (v *Values) Close(ctx context.Context) { _ = v.s.Exec(ctx, "ROLLBACK") }

// Set has a parameter on which the meaning of texts depends set as the script sets it.
func (v *Values) Set(ctx context.Context, statement string) error {
	const point = "fabricate_seed_fit"
	if err := v.s.Exec(ctx, "SAVEPOINT "+point); err != nil { // ahead of the script's text, which may be none that the server can read
		return err
	}
	err := v.s.Exec(ctx, strings.TrimRight(statement, "; \t\r\n"))
	undo := "RELEASE SAVEPOINT " + point
	if err != nil {
		undo = "ROLLBACK TO SAVEPOINT " + point + "; " + undo
	}
	return errors.Join(err, v.s.Exec(ctx, undo))
}

// SetEncoding says in which encoding the rows that follow are.
func (v *Values) SetEncoding(ctx context.Context, name string) error {
	if name == v.enc {
		return nil
	}
	if err := v.flush(ctx); err != nil {
		return err
	}
	v.enc = name
	return v.s.TryAsScript(ctx, "SET LOCAL client_encoding = "+sqltext.Literal(name))
}

// Table gives a table of the database; nil where its rows go another way than into it.
func (v *Values) Table(ctx context.Context, relation *catalog.Relation, replica bool) (*Table, error) {
	if t, known := v.tables[relation.OID]; known {
		return t, nil
	}
	if relation.Kind != "r" && relation.Kind != "p" {
		v.tables[relation.OID] = nil
		v.report.Unknown = append(v.report.Unknown, relation.Name+": rows were not compared, since it is no plain table")
		return nil, nil //nolint:nilnil // as said
	}
	t := &Table{relation: relation, name: relation.Name, number: len(v.tables) + 1, bad: map[string]bool{}, filled: relation.MayFill(replica)}
	var err error
	if t.shape, err = catalog.Shape(ctx, v.s, relation.OID); err != nil {
		return nil, err
	}
	if t.rules, err = catalog.Rules(ctx, v.s, relation.OID); err != nil {
		return nil, err
	}
	columns := []string{"f int4", "l int4", "s int4", "b bool"}
	for i := range t.shape {
		columns = append(columns, fmt.Sprintf("v%d text", i+1))
	}
	if err := v.s.TryAsScript(ctx, fmt.Sprintf("CREATE TEMPORARY TABLE %s (%s) ON COMMIT DROP", t.stage(), strings.Join(columns, ", "))); err != nil {
		return nil, err
	}
	v.tables[relation.OID] = t
	return t, nil
}

// All gives the tables that rows have come for.
func (v *Values) All() []*Table {
	var all []*Table
	for _, t := range v.tables {
		if t != nil {
			all = append(all, t)
		}
	}
	slices.SortFunc(all, func(a, b *Table) int { return a.number - b.number })
	return all
}

func (t *Table) stage() string { return fmt.Sprintf("fabricate_seed_fit_%d", t.number) }
func (t *Table) rows() string  { return fmt.Sprintf("fabricate_seed_rows_%d", t.number) }

// Columns gives the number of a set of columns that rows give, in their order, as positions in the table, which are negative where it has no
// such column: that is told of the statement, and the other values are looked at. Without names they are the first n.
func (t *Table) Columns(names []string, n int) (set int, positions []int) {
	given := make([]bool, len(t.shape))
	if names == nil {
		for i := range min(n, len(t.shape)) { // a row with more has another shape
			positions = append(positions, i)
		}
	}
	for _, name := range names {
		positions = append(positions, slices.IndexFunc(t.shape, func(c catalog.ShapeColumn) bool { return c.Name == name }))
	}
	for _, i := range positions {
		if i >= 0 {
			given[i] = true
		}
	}
	return t.set(given), positions
}

// set gives the number of a set of columns.
func (t *Table) set(given []bool) (set int) {
	set = slices.IndexFunc(t.sets, func(have []bool) bool { return slices.Equal(have, given) })
	if set < 0 {
		set = len(t.sets)
		t.sets, t.counts = append(t.sets, given), append(t.counts, 0)
	}
	return set
}

// Copied gives the columns that a COPY brings which names none.
func (t *Table) Copied() (names []string) {
	for _, c := range t.shape {
		if !c.Computed {
			names = append(names, c.Name)
		}
	}
	return names
}

// Row takes a row. What is no constant makes it one that is not known.
func (v *Values) Row(ctx context.Context, t *Table, set int, positions []int, file string, line int, row []Value) error {
	if len(row) != len(positions) {
		v.report.Add(RowsOfAnotherShape(t.name, len(positions), len(row), true).in(1, Example{File: file, Line: line}))
		t.Partial = true
		return nil
	}
	fields := make([]*string, len(t.shape))
	given := slices.Clone(t.sets[set])
	for i, value := range row {
		at := positions[i]
		if at < 0 {
			continue
		}
		c := t.shape[at]
		if value.Default {
			given[at] = false
			continue
		}
		if c.Computed || c.Always {
			v.taken(t, c, Example{File: file, Line: line})
		}
		if c.Computed {
			given[at] = false
			continue
		}
		if value.Null {
			continue
		}
		if value.Number && !t.takesNumber(at, value.Text) {
			t.Partial = true
			return nil
		}
		fields[at] = &row[i].Text
	}
	return v.take(ctx, t, t.set(given), file, line, fields)
}

// taken tells a value for a column that takes none, where it was not told of the statement. An identity is looked at as if it took it.
func (v *Values) taken(t *Table, c catalog.ShapeColumn, at Example) {
	f := GeneratedColumn(t.name, c.Name)
	if c.Always {
		f = IdentityColumn(t.name, c.Name)
	}
	if !slices.ContainsFunc(v.report.Findings, func(have Finding) bool { return have.What == f.What && have.Rows == 0 }) {
		v.report.Add(f.in(1, at))
	}
}

// takesNumber tells whether a number that is written without quotes is for a column what the text of it is.
func (t *Table) takesNumber(column int, text string) bool {
	switch base := t.shape[column].Base; base {
	case "integer", "bigint", "smallint":
		return !strings.ContainsAny(text, ".eEtf")
	case "numeric", "real", "double precision":
		return text != "true" && text != "false"
	case "boolean":
		return text == "true" || text == "false"
	case "text", "character varying", "bpchar":
		return !strings.ContainsAny(text, "eE.") && !strings.HasPrefix(strings.TrimPrefix(text, "-"), "0") || text == "0"
	}
	return false
}

// CopyRow takes a row of COPY's text format, without its end.
func (v *Values) CopyRow(ctx context.Context, t *Table, set int, positions []int, file string, line int, row []byte) error {
	fields := make([]*string, len(t.shape))
	n := 0
	for rest, more := row, true; more; n++ {
		var field []byte
		field, rest, more = cutField(rest)
		if n >= len(positions) || positions[n] < 0 || string(field) == `\N` {
			continue
		}
		text, ok := unescapeCopy(field)
		if !ok {
			t.Partial = true
			return nil
		}
		fields[positions[n]] = &text
	}
	if n != len(positions) {
		v.report.Add(RowsOfAnotherShape(t.name, len(positions), n, false).in(1, Example{File: file, Line: v.o.Line(file, line), Value: Shorten(string(row))}))
		t.Partial = true
		return nil
	}
	return v.take(ctx, t, set, file, line, fields)
}

// cutField cuts a row at its first tab that is none of a value.
func cutField(row []byte) (field, rest []byte, more bool) {
	for i := 0; i < len(row); i++ {
		switch row[i] {
		case '\\':
			i++
		case '\t':
			return row[:i], row[i+1:], true
		}
	}
	return row, nil, false
}

// unescapeCopy gives the text of a field. ok is false where a byte is written by its number.
func unescapeCopy(field []byte) (text string, ok bool) {
	if bytes.IndexByte(field, '\\') < 0 {
		return string(field), true
	}
	var b strings.Builder
	for i := 0; i < len(field); i++ {
		if field[i] != '\\' || i+1 == len(field) {
			b.WriteByte(field[i])
			continue
		}
		i++
		switch c := field[i]; {
		case c >= '0' && c <= '7', c == 'x':
			return "", false
		case strings.IndexByte("bfnrtv", c) >= 0:
			b.WriteByte("\b\f\n\r\t\v"[strings.IndexByte("bfnrtv", c)])
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), true
}

// take keeps a row to be sent.
func (v *Values) take(ctx context.Context, t *Table, set int, file string, line int, fields []*string) error {
	number := slices.Index(v.files, file)
	if number < 0 {
		number = len(v.files)
		v.files = append(v.files, file)
	}
	before := t.buf.Len()
	fmt.Fprintf(&t.buf, "%d\t%d\t%d\tf", number, line, set)
	rest := t.buf.Len() + 1
	for _, field := range fields {
		t.buf.WriteByte('\t')
		if field == nil {
			t.buf.WriteString(`\N`)
			continue
		}
		if v.enc == "UTF8" && !utf8.ValidString(*field) || strings.IndexByte(*field, 0) >= 0 {
			t.buf.Truncate(before)
			t.Partial = true
			v.report.Add(NotInEncoding(t.name, v.enc, []byte(*field)).in(1, Example{File: file, Line: v.o.Line(file, line), Value: Shorten(strings.ToValidUTF8(*field, "?"))}))
			return nil
		}
		escapeCopy(&t.buf, *field)
	}
	t.buf.WriteByte('\n')
	t.counts[set]++
	t.come.Bytes += int64(t.buf.Len() - rest)
	v.staged += t.buf.Len() - before
	if v.staged >= mostStaged {
		return v.flush(ctx)
	}
	return nil
}

func escapeCopy(b *bytes.Buffer, text string) {
	for i := range len(text) {
		switch c := text[i]; c {
		case '\\':
			b.WriteString(`\\`)
		case '\n':
			b.WriteString(`\n`)
		case '\r':
			b.WriteString(`\r`)
		case '\t':
			b.WriteString(`\t`)
		default:
			b.WriteByte(c)
		}
	}
}

// flush sends the rows that are kept.
func (v *Values) flush(ctx context.Context) error {
	for _, t := range v.All() {
		if t.buf.Len() == 0 {
			continue
		}
		const point = "fabricate_seed_fit_rows"
		if err := v.s.Exec(ctx, "SAVEPOINT "+point); err != nil {
			return err
		}
		_, err := v.s.CopyIn(ctx, "COPY pg_temp."+t.stage()+" FROM STDIN", io.Reader(&t.buf))
		t.buf = bytes.Buffer{}
		if err != nil {
			if err := v.s.Exec(ctx, "ROLLBACK TO SAVEPOINT "+point); err != nil {
				return err
			}
			v.unknown(t, "some rows", err)
		}
	}
	v.staged = 0
	return nil
}

// unknown notes what could not be looked at.
func (v *Values) unknown(t *Table, what string, err error) {
	t.Partial = true
	v.report.Unknown = append(v.report.Unknown, fmt.Sprintf("%s of %s could not be looked at: %s", what, t.name, session.Reason(err)))
}

// in gives the finding with its rows and places.
func (f Finding) in(rows int64, examples ...Example) Finding {
	f.Rows, f.Examples = rows, examples
	return f
}

// misfits asks for rows in groups: of each group how many there are, and the first ones. text is a query that gives a group, file, line and
// value for each row. found is called once for each group.
func (v *Values) misfits(ctx context.Context, text string, found func(group string, f func(Finding))) error {
	query := fmt.Sprintf(`SELECT g, n, f, l, v FROM (SELECT g, f, l, v, count(*) OVER (PARTITION BY g) AS n, row_number() OVER (PARTITION BY g ORDER BY f, l) AS i FROM (%s) x) y
		WHERE i <= %d ORDER BY n DESC, g, f, l LIMIT %d`, text, MostExamples, MostExamples*MostFindings)
	type row struct {
		group    string
		n        int64
		file, at int
		value    string
	}
	var all []row
	var one row
	err := v.s.Ask(ctx, query, nil, []any{&one.group, &one.n, &one.file, &one.at, &one.value}, func() error {
		all = append(all, one)
		return nil
	})
	if err != nil {
		return err
	}
	for i := 0; i < len(all); {
		group := all[i].group
		var examples []Example
		n := all[i].n
		for ; i < len(all) && all[i].group == group; i++ {
			file := v.files[all[i].file]
			examples = append(examples, Example{File: file, Line: v.o.Line(file, all[i].at), Value: Shorten(all[i].value)})
		}
		found(group, func(f Finding) { v.report.Add(f.in(n, examples...)) })
	}
	return nil
}

// Finish holds all rows to the schema.
func (v *Values) Finish(ctx context.Context) error {
	if err := v.flush(ctx); err != nil {
		return err
	}
	if err := v.SetEncoding(ctx, "UTF8"); err != nil {
		return err
	}
	for _, t := range v.All() {
		if err := v.types(ctx, t); err != nil {
			return err
		}
	}
	v.tellRest()
	for _, t := range v.All() {
		if !t.typed || t.filled {
			continue
		}
		for _, rule := range t.rules {
			if err := v.rule(ctx, t, rule); err != nil {
				if session.Lost(err) || ctx.Err() != nil || v.s.TxStatus() == 'E' {
					return err
				}
				v.unknown(t, "what "+Name(rule.Name)+" says of rows", err)
			}
		}
	}
	return nil
}

// tellRest says of which tables not all was compared.
func (v *Values) tellRest() {
	known := !v.cut // else the reason is told
	for _, rest := range []struct {
		of  func(*Table) bool
		why string
	}{
		{func(t *Table) bool { return t.Partial && known && !v.toldOfRows(t) }, "not all rows were compared: some are expressions, very long, or written in a way that is not read"},
		{func(t *Table) bool { return t.Moved }, "keys were not compared, nor what becomes of the rows: the script changes or deletes rows after some have come"},
		{func(t *Table) bool { return t.filled }, "rows were compared with types alone: triggers or rules may change them"},
	} {
		var names []string
		for _, t := range v.All() {
			if rest.of(t) {
				names = append(names, t.name)
			}
		}
		if len(names) > 0 {
			shown := strings.Join(names[:min(len(names), MostExamples)], ", ")
			if more := len(names) - MostExamples; more > 0 {
				shown += fmt.Sprintf(" and %d more", more)
			}
			v.report.Unknown = append(v.report.Unknown, shown+": "+rest.why)
		}
	}
}

// toldOfRows tells whether rows were left out for which there is a finding.
func (v *Values) toldOfRows(t *Table) bool {
	return slices.ContainsFunc(v.report.Findings, func(f Finding) bool {
		return f.Table == t.name && slices.Contains([]Kind{RowShape, Encoding}, f.Kind)
	})
}

// giving gives the condition for rows that give all of some columns.
func (t *Table) giving(columns []int) string {
	sets := []string{"-1"}
	for set, given := range t.sets {
		if !slices.ContainsFunc(columns, func(i int) bool { return !given[i] }) {
			sets = append(sets, fmt.Sprint(set))
		}
	}
	return "(" + strings.Join(sets, ", ") + ")"
}

// leavesOut reports whether some rows do not give a column.
func (t *Table) leavesOut(column int) bool {
	for set, given := range t.sets {
		if !given[column] && t.counts[set] > 0 {
			return true
		}
	}
	return false
}

// types looks at each column's values, and makes of the rows what they are in the table.
func (v *Values) types(ctx context.Context, t *Table) error {
	for i, c := range t.shape {
		if !c.NotNull || c.Computed {
			continue
		}
		for set, given := range t.sets {
			if given[i] || c.Default || t.counts[set] == 0 || t.filled {
				continue
			}
			if slices.ContainsFunc(v.report.Findings, func(f Finding) bool { return f.Kind == NoDefault && f.Table == t.name && f.Column == c.Name }) {
				v.report.Add(NotGiven(t.name, c.Name).in(t.counts[set])) // its statement is told
				continue
			}
			err := v.misfits(ctx, fmt.Sprintf("SELECT '' AS g, f, l, '' AS v FROM pg_temp.%s WHERE s = %d", t.stage(), set),
				func(_ string, add func(Finding)) { add(NotGiven(t.name, c.Name)) })
			if err != nil {
				return err
			}
		}
		if t.filled {
			continue
		}
		err := v.misfits(ctx, fmt.Sprintf("SELECT '' AS g, f, l, '' AS v FROM pg_temp.%s WHERE v%d IS NULL AND s IN %s", t.stage(), i+1, t.giving([]int{i})),
			func(_ string, add func(Finding)) { add(NullValues(t.name, c.Name)) })
		if err != nil {
			return err
		}
	}
	columns := []string{`"fabricate_seed f" int4`, `"fabricate_seed l" int4`, `"fabricate_seed s" int4`, `"fabricate_seed b" bool`}
	values := []string{"f", "l", "s", "b"}
	for i, c := range t.shape {
		typ, value := c.Type, "NULL"
		switch {
		case c.Computed || c.Unsure:
			typ = c.Base
		case c.Domain && t.leavesOut(i): // it may take no NULL, and what its default is in the table is not asked for
			as := fmt.Sprintf("fabricate_seed_as_%d_%d", t.number, i+1)
			if err := v.s.TryAsScript(ctx, fmt.Sprintf(`CREATE FUNCTION pg_temp.%s(v text) RETURNS %s LANGUAGE plpgsql AS $fabricate_seed$ DECLARE x %s := %s; BEGIN RETURN x; END $fabricate_seed$`,
				as, c.Base, c.Type, assigned(c))); err != nil {
				v.unknown(t, "the values", err)
				return v.alive(ctx)
			}
			typ, value = c.Base, fmt.Sprintf("CASE WHEN s IN %s THEN pg_temp.%s(v%d) END", t.giving([]int{i}), as, i+1)
		default:
			value = fmt.Sprintf("v%d::%s", i+1, c.Base)
		}
		columns = append(columns, c.Quoted+" "+typ+c.Collate)
		values = append(values, value)
	}
	if err := v.s.TryAsScript(ctx, fmt.Sprintf("CREATE TEMPORARY TABLE %s (%s) ON COMMIT DROP", t.rows(), strings.Join(columns, ", "))); err != nil {
		v.unknown(t, "the values", err)
		return v.alive(ctx)
	}
	fill := fmt.Sprintf("INSERT INTO pg_temp.%s SELECT %s FROM pg_temp.%s", t.rows(), strings.Join(values, ", "), t.stage())
	if v.s.TryAsScript(ctx, fill) == nil {
		t.typed = true
		return nil
	}
	if err := v.alive(ctx); err != nil {
		return err
	}
	for i, c := range t.shape {
		if c.Free || c.Unsure || c.Computed {
			continue
		}
		if err := v.column(ctx, t, i, c); err != nil {
			return err
		}
	}
	if err := v.s.TryAsScript(ctx, fill); err != nil {
		v.unknown(t, "the values", err)
		return v.alive(ctx)
	}
	t.typed = true
	return nil
}

// assigned gives the text v as it is assigned to a variable of a column's type: PL/pgSQL takes no text for a row.
func assigned(c catalog.ShapeColumn) string {
	if c.Row {
		return "v::" + c.Base
	}
	return "v"
}

// alive gives the error that ends all.
func (v *Values) alive(ctx context.Context) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	if v.s.IsClosed() || v.s.TxStatus() != 'T' {
		return errors.New("the connection is gone")
	}
	return nil
}

// column finds the values of a column that are none of its type, and takes them out.
func (v *Values) column(ctx context.Context, t *Table, i int, c catalog.ShapeColumn) error {
	why := fmt.Sprintf("fabricate_seed_why_%d_%d", t.number, i+1)
	made := v.s.TryAsScript(ctx, fmt.Sprintf(`CREATE FUNCTION pg_temp.%s(v text) RETURNS text LANGUAGE plpgsql AS $fabricate_seed$
		BEGIN DECLARE x %s := %s; BEGIN RETURN NULL; END; EXCEPTION WHEN OTHERS THEN RETURN SQLSTATE; END $fabricate_seed$`, why, c.Type, assigned(c)))
	if made != nil {
		v.unknown(t, "the values of column "+Name(c.Name), made)
		return v.alive(ctx)
	}
	group := "w"
	if c.Enum {
		group = "w || v"
	}
	err := v.misfits(ctx, fmt.Sprintf("SELECT %s AS g, f, l, v FROM (SELECT f, l, v%d AS v, pg_temp.%s(v%d) AS w FROM pg_temp.%s WHERE v%d IS NOT NULL) z WHERE w IS NOT NULL",
		group, i+1, why, i+1, t.stage(), i+1), func(group string, add func(Finding)) {
		t.bad[c.Name] = true
		add(BadValues(t.name, c.Name, c.Type, c.Enum, group[:5], group[5:]))
	})
	if err != nil || !t.bad[c.Name] {
		return err
	}
	return v.s.TryAsScript(ctx, fmt.Sprintf("UPDATE pg_temp.%s SET v%d = NULL, b = true WHERE v%d IS NOT NULL AND pg_temp.%s(v%d) IS NOT NULL", t.stage(), i+1, i+1, why, i+1))
}

// positions gives the places of columns in the table: all of them where none are named. ok is false where their values are not known.
func (t *Table) positions(names []string) (all []int, ok bool) {
	for i, c := range t.shape {
		if len(names) > 0 && !slices.Contains(names, c.Name) {
			continue
		}
		if c.Unsure || c.Computed && len(names) > 0 {
			return nil, false
		}
		if !c.Computed {
			all = append(all, i)
		}
	}
	return all, true
}

// place is where a row is from, of the rows as they are in the table.
const place = `"fabricate_seed f" AS f, "fabricate_seed l" AS l`

// rule holds rows to a constraint.
func (v *Values) rule(ctx context.Context, t *Table, rule catalog.Rule) error {
	at, ok := t.positions(rule.Columns)
	if !ok || rule.Skip {
		if rule.Kind != "p" {
			v.report.Unknown = append(v.report.Unknown, fmt.Sprintf("%s: rows were not compared with %s", t.name, Name(rule.Name)))
		}
		return nil
	}
	from := fmt.Sprintf(`pg_temp.%s r WHERE "fabricate_seed s" IN %s`, t.rows(), t.giving(at))
	names := make([]string, len(rule.Columns))
	for i, name := range rule.Columns {
		names[i] = Name(name)
	}
	columns := strings.Join(names, ", ")
	if len(rule.Columns) == 0 || slices.ContainsFunc(rule.Columns, func(name string) bool { return t.bad[name] }) {
		from += ` AND NOT "fabricate_seed b"` // some value of it is not known
	}
	switch rule.Kind {
	case "c":
		return v.misfits(ctx, fmt.Sprintf(`SELECT '' AS g, %s, '' AS v FROM %s AND NOT (%s)`, place, from, rule.Text),
			func(_ string, add func(Finding)) { add(RefusedRows(t.name, columns, rule.Name, rule.Text)) })
	case "p":
		return v.misfits(ctx, fmt.Sprintf(`SELECT '' AS g, %s, '' AS v FROM %s AND (%s) IS NOT TRUE`, place, from, rule.Text),
			func(_ string, add func(Finding)) { add(NowhereToGo(t.name)) })
	case "u":
		return v.unique(ctx, t, rule, from, columns)
	case "f":
		return v.parents(ctx, t, rule, from, columns)
	}
	return nil
}

// unique finds rows whose key comes more than once.
func (v *Values) unique(ctx context.Context, t *Table, rule catalog.Rule, from, columns string) error {
	if t.Merged || t.Moved {
		return nil
	}
	var condition strings.Builder
	if rule.Text != "" {
		condition.WriteString(" AND (" + rule.Text + ")")
	}
	if !rule.Nulls {
		for _, e := range rule.Exprs {
			condition.WriteString(" AND (" + e + ") IS NOT NULL")
		}
	}
	key := strings.Join(rule.Exprs, ", ")
	texts := make([]string, len(rule.Exprs)) // as the server's detail has them
	for i, e := range rule.Exprs {
		texts[i] = "coalesce((" + e + ")::text, 'null')"
	}
	shown := "concat_ws(', ', " + strings.Join(texts, ", ") + ")"
	keys := make([]string, len(rule.Exprs))
	named := make([]string, len(rule.Exprs))
	for i, e := range rule.Exprs {
		keys[i] = fmt.Sprintf("k%d", i+1)
		named[i] = fmt.Sprintf("(%s) AS k%d", e, i+1)
	}
	all := fmt.Sprintf(`SELECT %s, %s, %s AS v FROM %s%s`, place, strings.Join(named, ", "), shown, from, condition.String())
	if !t.Emptied && !t.Maybe && !v.o.Begun {
		if !t.relation.MayRead {
			return nil
		}
		all += fmt.Sprintf(` UNION ALL SELECT -1, 0, %s, '' FROM %s WHERE true%s`, strings.Join(named, ", "), t.name, condition.String())
	}
	if columns == "" {
		columns = key
	}
	return v.misfits(ctx, fmt.Sprintf("SELECT (first < 0)::text AS g, f, l, v FROM (SELECT f, l, v, row_number() OVER w AS nth, first_value(f) OVER w AS first FROM (%s) k WINDOW w AS (PARTITION BY %s ORDER BY f, l)) n WHERE nth > 1 AND f >= 0",
		all, strings.Join(keys, ", ")), func(there string, add func(Finding)) { add(Duplicates(t.name, columns, rule.Name, there == "true")) })
}

// parents finds rows whose foreign key has no row, among those that are to come and those that are there and stay.
func (v *Values) parents(ctx context.Context, t *Table, rule catalog.Rule, from, columns string) error {
	if !v.o.Keys {
		return nil
	}
	parent, known := v.tables[rule.Parent]
	if known && (parent == nil || parent.Partial || parent.Moved || parent.filled || !parent.typed) {
		return nil
	}
	name := ""
	if known {
		name = parent.name
	} else {
		names, err := catalog.Qualified(ctx, v.s, []uint32{rule.Parent})
		if err != nil {
			return err
		}
		name = names[rule.Parent]
	}
	keys, child, filled := make([]string, len(rule.Exprs)), make([]string, len(rule.Exprs)), ""
	for i, e := range rule.Exprs {
		keys[i] = fmt.Sprintf("k%d", i+1)
		child[i] = fmt.Sprintf("%s AS k%d", e, i+1)
		filled += " AND " + e + " IS NOT NULL"
	}
	theirs := strings.Join(rule.To, ", ")
	all := fmt.Sprintf(`SELECT %s, concat_ws(', ', %s) AS v, false AS there, %s FROM %s%s`, place, strings.Join(rule.Exprs, ", "), strings.Join(child, ", "), from, filled)
	if known {
		for i, c := range parent.shape {
			if slices.Contains(rule.To, c.Quoted) && (parent.bad[c.Name] || c.Unsure || slices.ContainsFunc(parent.sets, func(given []bool) bool { return !given[i] })) {
				return nil
			}
		}
		all += fmt.Sprintf(" UNION ALL SELECT 0, 0, '', true, %s FROM pg_temp.%s", theirs, parent.rows())
	}
	if !known || !parent.Emptied {
		all += fmt.Sprintf(" UNION ALL SELECT 0, 0, '', true, %s FROM %s", theirs, name)
	}
	return v.misfits(ctx, fmt.Sprintf("SELECT '' AS g, f, l, v FROM (SELECT f, l, v, there, bool_or(there) OVER (PARTITION BY %s) AS has FROM (%s) k) n WHERE NOT has", strings.Join(keys, ", "), all),
		func(_ string, add func(Finding)) { add(Orphans(t.name, columns, name, rule.Name)) })
}

// HasRows reports whether rows have come.
func (t *Table) HasRows() bool {
	return slices.ContainsFunc(t.counts, func(n int64) bool { return n > 0 })
}

// Come is what has come for a table.
type Come struct {
	Rows, Bytes int64
	Least       bool // there may be more
	Inserts     int  // statements that bring them, without those of COPY
	Largest     int  // of these, in bytes
}

// String says how many rows there are.
func (c Come) String() string {
	switch text := several(int(c.Rows), "row"); {
	case !c.Least:
		return text
	case c.Rows == 0:
		return "rows"
	default:
		return "at least " + text
	}
}

// Brought notes an INSERT with so many bytes.
func (t *Table) Brought(bytes int) {
	t.come.Inserts++
	t.come.Largest = max(t.come.Largest, bytes)
}

// Count gives what has come for a table.
func (v *Values) Count(table uint32) Come {
	t := v.tables[table]
	if t == nil {
		return Come{Least: true}
	}
	come := t.come
	come.Least = t.Partial
	for _, n := range t.counts {
		come.Rows += n
	}
	return come
}
