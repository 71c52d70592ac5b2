package sqltext

import (
	"bytes"
	"slices"
)

// Setval is one call of setval in a statement: its place, and that of its arguments.
type Setval struct {
	At, End   int
	Arguments []Span // two or three
	Column    bool   // it is a column of a SELECT without a name of its own, so its result is called setval
}

// Span is a piece of a text, from its first byte to behind its last.
type Span struct{ At, End int }

// Setvals finds the calls of setval in the text of statements, those in the body of a DO block included where that stands between
// dollars. hidden says that a DO block mentions setval in a way that is none of these: in a text that it puts together, say.
func Setvals(text []byte, escapes bool) (calls []Setval, hidden bool) {
	if !mentionsSetval(text) {
		return nil, false
	}
	t := &Tokens{Text: text, Escapes: escapes}
	return t.setvals(0)
}

func mentionsSetval(text []byte) bool {
	const name = "setval"
	for i := 0; i+len(name) <= len(text); i++ {
		if text[i]|0x20 == 's' && bytes.EqualFold(text[i:i+len(name)], []byte(name)) {
			return true
		}
	}
	return bytes.Contains(text, []byte(`&"`)) // U&"\0073etval"
}

func (t *Tokens) setvals(depth int) (calls []Setval, hidden bool) {
	const column, later = 1, 2 // of a SELECT's list, or behind it
	var before [3]Token        // the last tokens, the last one last
	place, parens, do := 0, 0, false
	for start := true; ; {
		tok := t.Next()
		if tok.Kind == EndToken {
			return calls, hidden
		}
		if start {
			place, parens = 0, 0
			do = tok.Kind == WordToken && tok.Text == "do" && depth == 0
			if tok.Kind == WordToken && tok.Text == "select" {
				place = column
			}
		}
		start = tok.Kind == OtherToken && tok.Text == ";"
		switch {
		case tok.Kind == OtherToken && tok.Text == "(":
			parens++
		case tok.Kind == OtherToken && tok.Text == ")":
			parens--
		case tok.Kind == WordToken && tok.Text == "from" && parens == 0:
			place = later
		case do && tok.Kind == StringToken:
			more, some := t.within(tok)
			calls, hidden = append(calls, more...), hidden || some
		case depth > 0 && tok.Kind == StringToken && mentionsSetval(t.content(tok)):
			hidden = true
		case (tok.Kind == WordToken || tok.Kind == QuotedToken) && tok.Text == "setval" && t.Peek().Text == "(":
			at, first := tok.At, before[2]
			if first.Kind == OtherToken && first.Text == "." {
				if before[1].Text != "pg_catalog" {
					break
				}
				at, first = before[1].At, before[0]
			}
			arguments := t.arguments()
			if len(arguments) != 2 && len(arguments) != 3 {
				break
			}
			call := Setval{At: at, End: t.I, Arguments: arguments}
			call.Column = place == column && parens == 0 && isOne(first, "select", ",") && isOne(t.Peek(), "", ",", ";", "from")
			calls = append(calls, call)
			tok = Token{Kind: OtherToken, Text: ")"}
		}
		before = [3]Token{before[1], before[2], tok}
	}
}

// isOne reports whether a token is one of some words and signs; "" is the end of the text.
func isOne(tok Token, texts ...string) bool {
	return (tok.Kind == WordToken || tok.Kind == OtherToken || tok.Kind == EndToken) && slices.Contains(texts, tok.Text)
}

// within finds the calls in the code that a string holds.
func (t *Tokens) within(code Token) (calls []Setval, hidden bool) {
	content := t.content(code)
	raw := t.Text[code.At:code.End]
	from := bytes.Index(raw, content)
	if raw[0] != '$' || from < 0 {
		return nil, mentionsSetval(content)
	}
	calls, hidden = (&Tokens{Text: content, Escapes: t.Escapes}).setvals(1)
	from += code.At
	for i, c := range calls {
		c.At, c.End, c.Column = c.At+from, c.End+from, false
		for j, a := range c.Arguments {
			c.Arguments[j] = Span{a.At + from, a.End + from}
		}
		calls[i] = c
	}
	return calls, hidden
}

// arguments reads the arguments of a call, from its first parenthesis to behind its last; nil where there is no end.
func (t *Tokens) arguments() (all []Span) {
	t.Next()
	from := t.I
	for depth := 0; ; {
		tok := t.Next()
		if tok.Kind == EndToken {
			return nil
		}
		if tok.Kind != OtherToken {
			continue
		}
		switch tok.Text {
		case "(", "[":
			depth++
		case ")", "]":
			if depth == 0 {
				return append(all, Span{from, tok.At})
			}
			depth--
		case ",":
			if depth == 0 {
				all = append(all, Span{from, tok.At})
				from = tok.End
			}
		}
	}
}

// SetvalNotes is the parameter in which WithoutSetval notes what would have been set: a line for each call, the last one first, with the
// sequence's oid, the value, and whether that was used.
const SetvalNotes = "fabricate_seed.moves"

// WithoutSetval writes the text of statements with expressions in the place of calls of setval: of the same value, and noting in the
// parameter SetvalNotes what they would have set. back gives for an offset in what is written the offset in text. Calls within a call's
// arguments are left, so it is to be done until there are none.
func WithoutSetval(text []byte, calls []Setval) (written []byte, back func(int) int) {
	type place struct{ written, text int }
	var places []place
	i := 0
	keep := func(end int) {
		places = append(places, place{len(written), i})
		written, i = append(written, text[i:end]...), end
	}
	for _, c := range calls {
		keep(c.At)
		add := func(s string) {
			places = append(places, place{len(written), -c.At})
			written = append(written, s...)
		}
		// All functions are strict but concat and coalesce, so NULL for an argument is NULL, and nothing is noted.
		const cast = ")::pg_catalog."
		add("nullif(pg_catalog.split_part(pg_catalog.split_part(pg_catalog.set_config('" + SetvalNotes + "', pg_catalog.concat(coalesce(" +
			"pg_catalog.textcat(pg_catalog.textcat(pg_catalog.textcat((")
		for n, a := range c.Arguments {
			i = a.At
			keep(a.End)
			switch n {
			case 0:
				add(cast + "regclass::pg_catalog.oid::pg_catalog.text, ' '), pg_catalog.textcat((")
			case 1:
				add(cast + "int8::pg_catalog.text, ' ')), (")
			case 2:
				add(cast + "bool::pg_catalog.text)")
			}
		}
		if len(c.Arguments) == 2 {
			add("true" + cast + "bool::pg_catalog.text)")
		}
		add(", ''), E'\\n', pg_catalog.current_setting('" + SetvalNotes + "', true)), true), E'\\n', 1), ' ', 2), '')::pg_catalog.int8")
		if c.Column {
			add(" AS setval")
		}
		i = c.End
	}
	keep(len(text))
	return written, func(offset int) int {
		at := offset
		for _, p := range places {
			switch {
			case p.written > offset:
				return at
			case p.text < 0:
				at = -p.text
			default:
				at = p.text + offset - p.written
			}
		}
		return at
	}
}

// IsAnalyze reports whether the statement is ANALYZE, by itself.
func (s *Statement) IsAnalyze() bool {
	t := &Tokens{Text: s.text, Escapes: s.escapes}
	first := t.Next()
	return first.Kind == WordToken && (first.Text == "analyze" || first.Text == "analyse")
}
