package fit

import (
	"bytes"
	"strings"
)

// Value is what an export has for a column, as text.
type Value struct {
	Text   string
	Null   bool
	Number bool // it is written without quotes

	Default bool // it is DEFAULT: the row does not give the column
}

// Rows reads rows of literals, (…), (…), …, as INSERT's VALUES has them, and calls each with the offset of each row in text. What stands
// behind the last row is told: nothing, a clause such as ON CONFLICT, or something that is not read. A row with anything but literals
// (and casts of strings to the types that are named) is given as nil: what it will be is the server's affair.
func Rows(text []byte, each func(offset int, row []Value)) (tail string, ok bool) {
	r := literals{text: text}
	for {
		r.space()
		if r.i == len(text) {
			return "", true
		}
		if text[r.i] != '(' {
			return "", false
		}
		at := r.i
		r.i++
		row, plain, ok := r.row()
		if !ok {
			return "", false
		}
		if !plain {
			row = nil
		}
		each(at, row)
		r.space()
		if r.i < len(text) && text[r.i] == ',' {
			r.i++
			continue
		}
		return strings.TrimRight(string(text[r.i:]), "; \t\r\n"), true
	}
}

type literals struct {
	text []byte
	i    int
}

// space goes behind white space and comments.
func (r *literals) space() {
	for r.i < len(r.text) {
		switch rest := r.text[r.i:]; {
		case strings.IndexByte(" \t\r\n\f", rest[0]) >= 0:
			r.i++
		case bytes.HasPrefix(rest, []byte("--")):
			n := bytes.IndexByte(rest, '\n')
			if n < 0 {
				n = len(rest) - 1
			}
			r.i += n + 1
		default:
			return
		}
	}
}

// row reads up to the closing parenthesis. plain is false where not all of it are literals.
func (r *literals) row() (row []Value, plain, ok bool) {
	plain = true
	for {
		v, literal := r.value()
		plain = plain && literal
		row = append(row, v)
		if !literal {
			if !r.skipValue() {
				return nil, false, false
			}
		}
		r.space()
		switch {
		case r.i == len(r.text):
			return nil, false, false
		case r.text[r.i] == ',':
			r.i++
		case r.text[r.i] == ')':
			r.i++
			return row, plain, true
		default: // an operator or a cast
			plain = false
			if !r.skipValue() {
				return nil, false, false
			}
			if r.text[r.i] == ')' {
				r.i++
				return row, false, true
			}
			r.i++
		}
	}
}

// value reads a literal.
func (r *literals) value() (v Value, ok bool) {
	r.space()
	if r.i == len(r.text) {
		return v, false
	}
	switch c := r.text[r.i]; {
	case c == '\'':
		return r.str(false)
	case (c == 'E' || c == 'e') && r.i+1 < len(r.text) && r.text[r.i+1] == '\'':
		r.i++
		return r.str(true)
	case c == '-' || c == '+' || c >= '0' && c <= '9' || c == '.':
		from := r.i
		for r.i < len(r.text) && strings.IndexByte("+-.0123456789eE", r.text[r.i]) >= 0 {
			r.i++
		}
		return Value{Text: strings.TrimPrefix(string(r.text[from:r.i]), "+"), Number: true}, r.ended() && strings.ContainsAny(string(r.text[from:r.i]), "0123456789")
	}
	from := r.i
	for r.i < len(r.text) && (r.text[r.i]|0x20 >= 'a' && r.text[r.i]|0x20 <= 'z' || r.text[r.i] == '_') {
		r.i++
	}
	switch word := strings.ToLower(string(r.text[from:r.i])); word {
	case "null":
		return Value{Null: true}, r.ended()
	case "default":
		return Value{Default: true}, r.ended()
	case "true", "false":
		return Value{Text: word, Number: true}, r.ended()
	}
	return v, false
}

// ended says whether the literal is all of the value.
func (r *literals) ended() bool {
	r.space()
	return r.i < len(r.text) && (r.text[r.i] == ',' || r.text[r.i] == ')')
}

// str reads a string constant.
func (r *literals) str(escapes bool) (Value, bool) {
	var b strings.Builder
	for r.i++; r.i < len(r.text); r.i++ {
		switch c := r.text[r.i]; {
		case c == '\'' && r.i+1 < len(r.text) && r.text[r.i+1] == '\'':
			r.i++
			b.WriteByte('\'')
		case c == '\'':
			r.i++
			return Value{Text: b.String()}, r.ended()
		case c == '\\' && escapes:
			r.i++
			if r.i == len(r.text) {
				return Value{}, false
			}
			i := strings.IndexByte("bfnrt\\'\"", r.text[r.i])
			if i < 0 {
				return Value{}, false // by number
			}
			b.WriteByte("\b\f\n\r\t\\'\""[i])
		default:
			b.WriteByte(c)
		}
	}
	return Value{}, false
}

// skipValue goes to the comma or parenthesis that ends a value of any form. It reports false where it loses its way.
func (r *literals) skipValue() bool {
	for depth := 0; r.i < len(r.text); r.i++ {
		switch r.text[r.i] {
		case '(', '[':
			depth++
		case ']':
			depth--
		case ')':
			if depth == 0 {
				return true
			}
			depth--
		case ',':
			if depth == 0 {
				return true
			}
		case '\'':
			if r.i > 0 && (r.text[r.i-1]|0x20 == 'e' || r.text[r.i-1] == '&') {
				return false
			}
			end := bytes.IndexByte(r.text[r.i+1:], '\'')
			if end < 0 {
				return false
			}
			r.i += end + 1
		case '"', '$', '/':
			return false
		}
	}
	return false
}
