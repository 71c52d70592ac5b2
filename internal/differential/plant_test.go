package differential

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
)

// plant is one thing that does not fit, among rows that do. It is in the first table of a case, in a column of its own, or in one statement.
type plant struct {
	kind fit.Kind
	at   int // which row or statement of the table has it; -1 for none

	name  string // the table's
	n     int    // rows or statements of the table so far
	here  bool   // the row in hand has it, or the statement
	last  int    // the last of unique numbers
	rows  int64  // that have it
	item  int    // where it stands: the piece of the script
	inner int    // the row of it; -1 for all
	found *misfound
}

// misfound is a finding as a test compares it.
type misfound struct {
	kind          fit.Kind
	table, column string
	rows          int64
	file          string
	line          int
}

// plantKinds are the kinds that are planted, in turn.
var plantKinds = []fit.Kind{fit.NoTable, fit.NoColumn, fit.NoDefault, fit.Generated, fit.Identity, fit.EnumLabel, fit.TooLong, fit.OutOfRange, fit.NoDate, fit.WrongType,
	fit.Null, fit.Domain, fit.Refused, fit.Duplicate, fit.NoParent}

// ofStatement reports whether the misfit is one of a statement and not of a row.
func (p *plant) ofStatement() bool {
	return slices.Contains([]fit.Kind{fit.NoTable, fit.NoColumn, fit.NoDefault, fit.Generated, fit.Identity}, p.kind)
}

// planted is the column of each kind: its type, a value that fits, and ones that do not, as SQL writes them.
func planted(kind fit.Kind) (typ, good string, bad []string) {
	switch kind {
	case fit.NoDefault:
		return "integer NOT NULL", "7", nil
	case fit.Generated:
		return "integer GENERATED ALWAYS AS (1 + 1) STORED", "", []string{"2"}
	case fit.Identity:
		return "integer GENERATED ALWAYS AS IDENTITY", "", []string{"2"}
	case fit.EnumLabel:
		return "h.mood", "'sad'", []string{"'glad'", "'Sad'", "''"}
	case fit.TooLong:
		return "varchar(5)", "'short'", []string{"'longer'", "'     x'"}
	case fit.OutOfRange:
		return "numeric(5,2)", "12.5", []string{"1000", "-99999.5", "'1e9'"}
	case fit.NoDate:
		return "date", "'2024-02-29'", []string{"'2023-02-29'", "'yesterday morning'", "'2024-13-01'"}
	case fit.WrongType:
		return "uuid", "'a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11'", []string{"'a0eebc99'", "'none'", "''"}
	case fit.Null:
		return "text NOT NULL", "'x'", []string{"NULL"}
	case fit.Domain:
		return "h.small", "7", []string{"100000", "'2000000'"}
	case fit.Refused:
		return "integer CHECK (planted < 1000)", "7", []string{"1000", "'5000'"}
	case fit.NoParent:
		return "integer REFERENCES parents", "2", []string{"9", "-1"}
	case fit.Duplicate:
		return "bigint UNIQUE", "", []string{"1"}
	}
	return "integer", "7", nil
}

// begin gives the table the column.
func (p *plant) begin(g *maker, t *table, parts *[]string) {
	p.name = t.name
	typ, _, _ := planted(p.kind)
	switch p.kind {
	case fit.NoTable, fit.NoColumn:
		return
	case fit.NoParent:
		g.set("CREATE TABLE parents (id integer PRIMARY KEY)")
		g.set("INSERT INTO parents VALUES (1), (2)")
	case fit.Generated, fit.Identity:
		*parts = append(*parts, "planted "+typ)
		return
	}
	*parts = append(*parts, "planted "+typ)
	t.columns = append(t.columns, column{"planted", "planted", true})
}

// columns changes what a statement names, where that is the misfit.
func (p *plant) columns(g *maker, t *table, columns []column, copied bool) []column {
	if t.name != p.name || !p.ofStatement() || p.kind == fit.NoTable || p.kind == fit.Identity && copied {
		p.here = p.here && !p.ofStatement()
		return columns
	}
	p.here = p.n == p.at
	p.n++
	if !p.here {
		return columns
	}
	p.item, p.inner = len(g.items), -1
	if p.kind == fit.NoDefault {
		return slices.DeleteFunc(slices.Clone(columns), func(c column) bool { return c.typ == "planted" })
	}
	return append(slices.Clone(columns), column{"planted", "planted", true})
}

// row counts the rows.
func (p *plant) row(g *maker, t *table, i int) {
	switch {
	case t.name != p.name:
	case p.ofStatement():
		if p.here {
			p.rows++
		}
	default:
		if p.here = p.n == p.at; p.here {
			p.item, p.inner = len(g.items), i
		}
		p.n++
	}
}

// value gives the planted column's value of the row in hand.
func (p *plant) value() string {
	_, good, bad := planted(p.kind)
	switch {
	case p.here && len(bad) > 0:
		return bad[p.at%len(bad)]
	case p.kind == fit.Duplicate:
		p.last++
		return strconv.Itoa(p.last)
	case good == "":
		return "2"
	}
	return good
}

// finish plants what is a statement of its own, and says what is to be found.
func (p *plant) finish(g *maker) {
	if p.kind == fit.NoTable {
		if p.n = len(g.items) - 1; p.at >= 0 { // the first sets the search_path
			p.item, p.inner = p.at+1, -1
			g.items = slices.Insert(g.items, p.item, text("%s", g.pick("INSERT INTO lacking VALUES (1, 'x');", "copy lacking (id, name) from stdin;\n1\tx\n\\.")))
		}
	}
	if p.at < 0 {
		return
	}
	line := 1 + strings.Count(script(g.items[:p.item]), "\n")
	if p.inner >= 0 {
		piece := g.items[p.item]
		piece.rows, piece.tail = piece.rows[:p.inner], ""
		line += strings.Count(piece.String(), "\n")
		if p.inner > 0 {
			line += strings.Count(piece.between, "\n")
		}
	}
	p.found = &misfound{p.kind, g.schema + "." + p.name, "planted", 1, "load.sql", line}
	switch p.kind {
	case fit.NoTable:
		p.found.table, p.found.column, p.found.rows = "lacking", "", 0
	case fit.NoDefault:
		p.found.rows = p.rows
	case fit.NoColumn, fit.Generated, fit.Identity:
		p.found.rows = 0
	}
}

// foreseen is something between rows after which it is still known what they come to.
func (g *maker) foreseen() {
	switch g.IntN(7) {
	case 0, 1:
		name, begin, end := g.next("s"), "SAVEPOINT %s;", "RELEASE %s;"
		if g.mode == "none" || g.mode == "jobs" {
			name, begin, end = "", "BEGIN;%s", "COMMIT;%s"
		}
		g.say(begin, name)
		g.rows(g.some())
		g.say(end, name)
	case 2:
		g.say("INSERT INTO %s.notes (what) SELECT 'read' FROM %[1]s.%s;", g.schema, g.some().name)
	case 3:
		if p := g.misfit.kind; p == fit.Duplicate || p == fit.NoParent { // which are told only where rows stay as they come
			return
		}
		g.say("UPDATE %s.notes SET what = 'changed' WHERE what = 'read';", g.schema)
	case 4:
		if p := g.misfit.kind; p != fit.Duplicate && p != fit.NoParent {
			g.say(g.pick(`UPDATE %s.%s SET "num" = NULL WHERE "id" < 5;`, `DELETE FROM %s.%s WHERE "id" = -5;`), g.schema, g.misfit.name)
		}
	default:
		g.say("%s", g.pick("ANALYZE;", fmt.Sprintf("COMMENT ON TABLE %s.%s IS 'mine';", g.schema, g.some().name), `\echo on the way`, "SET statement_timeout = 0;", "SET client_min_messages = warning;", "SET my.way = 'a';"))
	}
}

// rowValue gives the planted column's value as a file of rows has it.
func (p *plant) rowValue() rowValue {
	text := p.value()
	if text == "''" { // of these types it is NULL in a file
		text = "'none'"
	}
	if text == "NULL" {
		return rowValue{null: true}
	}
	if bare, quoted := strings.CutPrefix(text, "'"); quoted {
		return plain(strings.TrimSuffix(bare, "'"))
	}
	return bare(text)
}
