// Package trust holds the closed lists of what a script from outside may say: rows alone, or definitions that hold no code as well.
// A text that is forbidden can always be written another way, so what is allowed is the list: each form is read by its grammar, to its
// end, and whatever is not read so is refused. It knows no database.
//
// What an expression may be made of is a list as well: constants, casts, operators, columns, and calls of functions whose names are on
// it. Two things in SQL call functions without naming them as calls do, and are refused with that in mind: a field of an
// expression, (x).f, is the call f(x) where x has no such field; and OPERATOR(s.+) names an operator of anybody's.
package trust

import (
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// Level says which list a script is held to.
type Level string

// The levels, each with all of the one before.
const (
	Data   Level = "data"   // rows, and what brings, empties and counts them
	Schema Level = "schema" // definitions that hold no code
	SQL    Level = "sql"    // any SQL; sqltext.Refuse says what is not
)

// Options says how a text is to be read, and what the server says of it.
type Options struct {
	Level   Level
	Escapes bool // backslashes in '…' are escapes

	// Trusted reports whether the server marks an extension as trusted; nil means that none is.
	Trusted func(extension string) bool

	// Foreign says what a relation is part of that is not the user's: the server's own catalog, or an extension; "" for the user's, and
	// where there is none. The name may have several parts; with "" for the last it is that of a schema. certain says that the
	// search_path is that of now when the statement will run. nil means that all is the user's.
	Foreign func(parts []string, certain bool) string

	// AsItself reports whether the session runs as the role that has connected: then SET SESSION AUTHORIZATION DEFAULT, which pg_dump
	// --disable-triggers writes, leaves no role. nil means that it does not.
	AsItself func() bool

	// Called reports whether a column's name, with a relation before it, may be the call of a function that somebody has made: x.f is
	// f(x) where x has no column f. nil means that none is.
	Called func(name string) bool
}

// Refuse gives why a list does not allow a text, which may hold several statements; nil where it does.
func Refuse(text []byte, o Options) *sqltext.Refusal {
	if o.Level == SQL {
		return nil
	}
	p := &parser{Tokens: sqltext.Tokens{Text: text, Escapes: o.Escapes}, o: o}
	return p.script()
}

// parser reads statements. A form that is not on the list ends it by a panic with a refusal, which script recovers.
type parser struct {
	sqltext.Tokens
	o       Options
	columns []string // that qualified names in an expression may name; see column
	queries bool     // subqueries and aggregates may stand in expressions: in the query of a view
	moved   bool     // a statement of the text may have changed the search_path

	counting bool // these queries are over one table: in the value of a setval
}

func (p *parser) script() (refusal *sqltext.Refusal) {
	defer func() {
		if r := recover(); r != nil {
			refused, ok := r.(*sqltext.Refusal)
			if !ok {
				panic(r)
			}
			refusal = refused
		}
	}()
	for {
		for p.Accept(";") {
		}
		if p.Peek().Kind == sqltext.EndToken {
			return nil
		}
		first := p.Peek()
		p.statement()
		p.moved = p.moved || first.Kind == sqltext.WordToken && slices.Contains(movers, first.Text)
		if p.Peek().Kind != sqltext.EndToken && !p.Accept(";") {
			p.refuse("")
		}
	}
}

// movers are the first words of statements that may change the search_path, or take back a change of it.
var movers = []string{"set", "reset", "select", "begin", "start", "commit", "end", "rollback", "abort", "release", "create", "alter", "drop"}

// refuse ends the reading. what names what is not allowed; "" stands for what is read next.
func (p *parser) refuse(what string) {
	if what == "" {
		what = "this form of statement"
		if tok := p.Peek(); tok.Kind != sqltext.EndToken {
			what = fmt.Sprintf("what stands at %q", short(string(p.Text[tok.At:tok.End])))
		}
	}
	panic(p.refusal(what))
}

func (p *parser) refusal(what string) *sqltext.Refusal {
	remedy := "allow: sql lets any SQL through, with the rights of the role of database-url. Set it for scripts that you would run with psql."
	if p.o.Level == Data {
		remedy = "allow: schema lets definitions without code through as well, and " + remedy
	}
	return &sqltext.Refusal{Message: fmt.Sprintf("%s is not on the list that allow: %s stands for", what, p.o.Level), Remedy: remedy}
}

func short(s string) string {
	const most = 40 // bytes
	if len(s) > most {
		s = s[:most] + "…"
	}
	return s
}

// word reads one of the words, and reports which; "" for none.
func (p *parser) word(words ...string) string {
	tok := p.Peek()
	if tok.Kind == sqltext.WordToken && slices.Contains(words, tok.Text) {
		p.Next()
		return tok.Text
	}
	return ""
}

// words reads several words in a row, all or none of them.
func (p *parser) words(words ...string) bool {
	at := p.I
	for _, w := range words {
		if p.word(w) == "" {
			p.I = at
			return false
		}
	}
	return true
}

func (p *parser) must(words ...string) {
	for _, w := range words {
		if !p.Accept(w) {
			p.refuse("")
		}
	}
}

// name reads a name without a schema.
func (p *parser) name() string {
	tok := p.Next()
	if tok.Kind != sqltext.WordToken && tok.Kind != sqltext.QuotedToken {
		p.I = tok.At
		p.refuse("")
	}
	return tok.Text
}

// qualified reads a name with or without a schema.
func (p *parser) qualified() []string {
	parts := p.Relation()
	if len(parts) == 0 || len(parts) > 3 {
		p.refuse("")
	}
	return parts
}

// RefuseRelation gives why a list does not allow rows for a relation: it is, or may be, one of the server's own catalog or of an
// extension. nil where it does.
func RefuseRelation(parts []string, o Options) *sqltext.Refusal {
	p := &parser{o: o}
	if what := p.foreign(parts); o.Level != SQL && what != "" {
		return p.refusal(what)
	}
	return nil
}

// foreign says of a relation that is not the user's what it is, "" of others. What an extension keeps in tables is often code: jobs that
// are run, addresses that are asked.
func (p *parser) foreign(parts []string) string {
	parts = clipped(parts)
	name := " (" + strings.Join(parts, ".") + ")"
	if system(parts) {
		return "a relation of the server's own catalog" + name
	}
	if p.o.Foreign == nil {
		return ""
	}
	if of := p.o.Foreign(parts, !p.moved); of != "" {
		return "a relation of " + of + name
	}
	return ""
}

// clipped gives a name as the server has it.
func clipped(parts []string) []string {
	short := make([]string, len(parts))
	for i, part := range parts {
		short[i] = sqltext.ClipName(part, "")
	}
	return short
}

// system reports whether a name is, or may be, one of the server's own catalog: rows in it are code, roles and passwords.
func system(parts []string) bool {
	if len(parts) > 1 {
		schema := parts[len(parts)-2]
		return strings.HasPrefix(schema, "pg_") || schema == "information_schema"
	}
	return strings.HasPrefix(parts[0], "pg_")
}

// schema reads the name of a schema of the user's.
func (p *parser) schema() {
	at := p.I
	name := p.name()
	if system([]string{name, ""}) {
		p.I = at
		p.refuse("a schema of the server's own (" + name + ")")
	}
	if p.o.Foreign != nil {
		if of := p.o.Foreign(clipped([]string{name, ""}), true); of != "" {
			p.I = at
			p.refuse("a schema of " + of + " (" + name + ")")
		}
	}
}

// relation reads the name of a table, view, sequence, index or type of the user's. Temporary tables are in nobody's export, and would
// stand in front of the user's own.
func (p *parser) relation() {
	at := p.I
	parts := p.qualified()
	if p.Text[p.I-1] == '.' {
		p.refuse("")
	}
	if what := p.foreign(parts); what != "" {
		p.I = at
		p.refuse(what)
	}
}

// list reads one or more of what item reads, with commas between.
func (p *parser) list(item func()) {
	for {
		item()
		if !p.Accept(",") {
			return
		}
	}
}

// parens reads a list in parentheses.
func (p *parser) parens(item func()) {
	p.must("(")
	p.list(item)
	p.must(")")
}

// columnsIn reads names in parentheses.
func (p *parser) columnsIn() (names []string) {
	p.parens(func() { names = append(names, p.name()) })
	return names
}

// literals reads a row in parentheses whose values are strings, numbers, NULL, TRUE, FALSE and DEFAULT, as most rows of exports are, and
// reports whether it was one. It is what expression would find, without looking at each token several times.
func (p *parser) literals() bool {
	b, i := p.Text, p.I
	space := func() {
		for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\r' || b[i] == '\t') {
			i++
		}
	}
	space()
	if i >= len(b) || b[i] != '(' {
		return false
	}
	for i++; ; i++ {
		space()
		from := i
		switch {
		case i >= len(b):
			return false
		case b[i] == '\'':
			for i++; i < len(b); i++ {
				if b[i] == '\\' && p.Escapes {
					return false
				}
				if b[i] == '\'' {
					if i+1 >= len(b) || b[i+1] != '\'' {
						break
					}
					i++ // doubled: the string goes on
				}
			}
			i++
			if line := i; line < len(b) && (b[line] == '\n' || b[line] == '\r') { // another string may continue it
				return false
			}
		default:
			for i < len(b) && (sqltext.IsWordByte(b[i]) || b[i] == '.' || b[i] == '-' || b[i] == '+') {
				i++
			}
			switch word := strings.ToLower(string(b[from:i])); {
			case word == "null", word == "true", word == "false", word == "default":
			case strings.Contains(word, "--"), !isNumber(strings.TrimLeft(word, "+-")):
				return false
			}
		}
		space()
		switch {
		case i >= len(b):
			return false
		case b[i] == ')':
			p.I = i + 1
			return true
		case b[i] != ',':
			return false
		}
	}
}

// plain reads to the end of the statement, or to a closing parenthesis of the caller's, what can hold no expression in the forms that
// call it: words, names, numbers, strings, parentheses, signs. Words given in except are refused.
func (p *parser) plain(except ...string) {
	for depth := 0; ; {
		tok := p.Peek()
		switch {
		case tok.Kind == sqltext.EndToken, tok.Kind == sqltext.OtherToken && tok.Text == ";" && depth == 0:
			return
		case tok.Kind == sqltext.OtherToken && tok.Text == "(":
			depth++
		case tok.Kind == sqltext.OtherToken && tok.Text == ")":
			if depth--; depth < 0 {
				return
			}
		case tok.Kind == sqltext.WordToken && slices.Contains(except, tok.Text):
			p.refuse("")
		}
		p.Next()
	}
}
