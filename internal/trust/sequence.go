package trust

import (
	"regexp"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// sequence reads the first argument of nextval or setval: the name of a sequence of the user's, as a constant, or the sequence of a column.
// What is put together otherwise could be the name of any.
func (p *parser) sequence() {
	p.relationText(true)
}

// relationText reads an expression that is the name of a relation of the user's, as regclass reads one: a string, maybe cast, maybe in
// parentheses. With owned, pg_get_serial_sequence may stand in its place.
func (p *parser) relationText(owned bool) {
	tok := p.Peek()
	switch {
	case tok.Kind == sqltext.StringToken:
		p.Next()
		p.relationNamed(tok)
	case p.Accept("("):
		p.word("select")
		p.relationText(owned)
		p.must(")")
	case p.word("cast") != "":
		p.must("(")
		p.relationText(owned)
		p.must("as")
		p.relationType()
		p.must(")")
	default:
		parts := p.qualified()
		switch name := parts[len(parts)-1]; {
		case !builtin(parts):
			p.I = tok.At
			p.refuse("")
		case owned && name == "pg_get_serial_sequence":
			p.must("(")
			p.relationText(false)
			p.must(",")
			p.expression()
			p.must(")")
		case name == "regclass" || name == "text":
			constant := p.Peek()
			p.text()
			p.relationNamed(constant)
		default:
			p.I = tok.At
			p.refuse("a sequence that is not named by a constant")
		}
	}
	for p.Accept(":") {
		p.must(":")
		p.relationType()
	}
}

// relationType reads one of the types that leave a name as it is: others cut it off, or take it for a number.
func (p *parser) relationType() {
	at := p.Peek().At
	if parts := p.qualified(); !builtin(parts) || parts[len(parts)-1] != "regclass" && parts[len(parts)-1] != "text" {
		p.I = at
		p.refuse("")
	}
}

// relationName is a name as regclass reads it, in the forms that SQL has as well.
var relationName = regexp.MustCompile(`^\s*(?:"(?:[^"]|"")+"|[A-Za-z_\x{80}-\x{10ffff}][\w$\x{80}-\x{10ffff}]*)(?:\s*\.\s*(?:"(?:[^"]|"")+"|[A-Za-z_\x{80}-\x{10ffff}][\w$\x{80}-\x{10ffff}]*)){0,2}\s*$`)

// relationNamed refuses the relation that a string constant names if it is none of the user's. Strings with escapes are no name in any export.
func (p *parser) relationNamed(tok sqltext.Token) {
	plain := p.Text[tok.At] == '\'' || p.Text[tok.At] == '$'
	if !plain || p.Escapes && strings.Contains(tok.Text, `\`) || !relationName.MatchString(tok.Text) {
		p.I = tok.At
		p.refuse("a sequence that is not named by a constant")
	}
	name := sqltext.Tokens{Text: []byte(tok.Text)}
	if what := p.foreign(name.Relation()); what != "" {
		p.I = tok.At
		p.refuse(what)
	}
}
