package psql

import (
	"bytes"
	"unicode/utf8"
)

// lineText is a line, or what is left of it, as the scanner sees it and as it is: they differ in an unsafe encoding.
type lineText struct{ masked, raw []byte }

func (l lineText) from(i int) lineText { return lineText{l.masked[i:], l.raw[i:]} }

// refForm is how a script refers to a variable.
type refForm uint8

const (
	noRef      refForm = iota
	plainRef           // :name
	literalRef         // :'name'
	identRef           // :"name"
	testRef            // :{?name}
)

type ref struct {
	form   refForm
	name   string
	from   int // where the name begins
	length int // of the whole reference in the text
}

// variableRef reads the reference that b, which begins with a colon, begins with. more is set when the end of b was
// reached before that could be told.
func variableRef(b []byte) (r ref, more bool) {
	from, form, end := 1, plainRef, byte(0)
	if len(b) > 1 {
		switch b[1] {
		case '\'':
			from, form, end = 2, literalRef, '\''
		case '"':
			from, form, end = 2, identRef, '"'
		case '{':
			if len(b) == 2 {
				return ref{}, true
			}
			if b[2] != '?' {
				return ref{}, false
			}
			from, form, end = 3, testRef, '}'
		}
	}
	i := from
	for i < len(b) && isVariable[b[i]] {
		i++
	}
	more = i == len(b)
	if i == from {
		return ref{}, more
	}
	r = ref{form, string(b[from:i]), from, i}
	if end == 0 {
		return r, more
	}
	if more || b[i] != end {
		return ref{}, more
	}
	r.length++
	return r, false
}

// substitute gives what stands in place of a reference; replaced is false when it stays as written.
func (s *Script) substitute(r ref) (text string, replaced bool) {
	if r.form == noRef {
		return "", false
	}
	value, set := s.vars.Get(r.name)
	switch {
	case r.form == testRef && set:
		return "TRUE", true
	case r.form == testRef:
		return "FALSE", true
	case !set:
		return "", false
	case r.form != plainRef && s.utf8 && !utf8.ValidString(value):
		s.warn("the value of " + r.name + " has an invalid multibyte character and is not put in its place")
		return "", false
	case r.form == literalRef:
		return quoteLiteral(value, s.enc), true
	case r.form == identRef:
		return quoteIdentifier(value), true
	}
	return value, true
}

// argument is one argument of a meta-command.
type argument struct {
	text         string
	quoted       bool // some part was in quotes or came from a variable
	shell        bool // some part was in backquotes, which psql hands to the shell
	unterminated bool // a quote is not closed
	err          error
}

// argKind is how psql reads an argument.
type argKind uint8

const (
	normalArg   argKind = iota
	nameArg             // trailing semicolons are not part of it
	connectArg          // as nameArg, and double quotes are removed
	filePipeArg         // a leading | takes the rest of the line
	lineArg             // the rest of the line
)

// readArgument reads one argument of a meta-command from line. ok is false when there is no further one. rest is what
// follows; it begins with a backslash when another command follows on the line. eval is false in a branch not taken, where
// psql reads arguments without looking at variables.
func (s *Script) readArgument(text lineText, kind argKind, eval bool) (a argument, rest lineText, ok bool) {
	line, raw := text.masked, text.raw
	end := text.from(len(line))
	if kind == lineArg {
		return argument{text: string(bytes.TrimLeft(raw, " \t\r\f\n"))}, end, true
	}
	i := 0
	for i < len(line) && (class[line[i]] == space || line[i] == '\n') {
		i++
	}
	if i == len(line) || line[i] == '\\' {
		return a, text.from(i), false
	}
	if kind == filePipeArg && line[i] == '|' {
		return argument{text: string(raw[i:])}, end, true
	}
	var out []byte
	bare := 0 // unquoted bytes at the end, which are the only ones that a trailing semicolon may be stripped from
	for i < len(line) {
		c := line[i]
		if class[c] == space || c == '\n' || c == '\\' {
			break
		}
		switch c {
		case '\'':
			a.quoted, bare = true, 0
			var closed bool
			out, i, closed = unescape(out, line, raw, i+1)
			if !closed {
				a.unterminated = true
				return a, end, false
			}
		case '`':
			j := bytes.IndexByte(line[i+1:], '`')
			if j < 0 {
				a.unterminated = true
				return a, end, false
			}
			a.quoted, a.shell, bare = true, true, 0
			i += j + 2
		case '"':
			j := bytes.IndexByte(line[i+1:], '"')
			if j < 0 {
				a.unterminated = true
				return a, end, false
			}
			a.quoted, bare = true, 0
			out = append(out, raw[i:i+j+2]...)
			i += j + 2
		case ':':
			r, _ := variableRef(line[i:])
			if r.form == noRef || !eval && r.form == plainRef {
				out = append(out, raw[i])
				i++
				bare++
				continue
			}
			r.name = string(raw[i+r.from : i+r.from+len(r.name)])
			if text, replaced := s.substitute(r); replaced {
				if a.err = s.spend(s.top(), len(text)); a.err != nil {
					return a, end, false
				}
				out = append(out, text...)
			} else {
				out = append(out, raw[i:i+r.length]...)
			}
			a.quoted = a.quoted || r.form != testRef
			bare = 0
			i += r.length
		default:
			out = append(out, raw[i])
			i++
			bare++
		}
	}
	if kind == nameArg || kind == connectArg {
		for ; bare > 0 && len(out) > 0 && out[len(out)-1] == ';'; bare-- {
			out = out[:len(out)-1]
		}
	}
	a.text = string(out)
	if kind == connectArg {
		a.text = unquoteIdentifier(a.text)
	}
	if len(out) == 0 && !a.quoted {
		return a, text.from(i), false
	}
	return a, text.from(i), true
}

// unescape appends the content of a meta-command's single-quoted string, which line[i] begins, to out.
func unescape(out, line, raw []byte, i int) (text []byte, next int, closed bool) {
	for i < len(line) {
		switch c := line[i]; {
		case c == '\'' && i+1 < len(line) && line[i+1] == '\'':
			out = append(out, '\'')
			i += 2
		case c == '\'':
			return out, i + 1, true
		case c == '\\' && i+1 < len(line):
			i++
			switch e := line[i]; {
			case e == 'n' || e == 't' || e == 'b' || e == 'r' || e == 'f':
				out = append(out, "\n\t\b\r\f"[bytes.IndexByte([]byte("ntbrf"), e)])
				i++
			case '0' <= e && e <= '7':
				v := 0
				for k := 0; k < 3 && i < len(line) && '0' <= line[i] && line[i] <= '7'; k++ {
					v = v*8 + int(line[i]-'0')
					i++
				}
				out = append(out, byte(v))
			case e == 'x' && i+1 < len(line) && unhex(line[i+1]) >= 0:
				i++
				v := 0
				for k := 0; k < 2 && i < len(line) && unhex(line[i]) >= 0; k++ {
					v = v*16 + unhex(line[i])
					i++
				}
				out = append(out, byte(v))
			default:
				out = append(out, raw[i])
				i++
			}
		default:
			out = append(out, raw[i])
			i++
		}
	}
	return out, i, false
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c|0x20 && c|0x20 <= 'f':
		return int(c|0x20-'a') + 10
	}
	return -1
}

// unquoteIdentifier takes double quotes away.
func unquoteIdentifier(s string) string {
	out := make([]byte, 0, len(s))
	inside := false
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '"' && inside && i+1 < len(s) && s[i+1] == '"':
			out = append(out, '"')
			i++
		case s[i] == '"':
			inside = !inside
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}
