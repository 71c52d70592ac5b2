package load

import (
	"bytes"
	"encoding/binary"
)

// literalRule says which literals of an INSERT's VALUES may become a field of COPY's text format, for one column. A quoted
// string may always: both INSERT and COPY hand its content to the input function of the column's type.
type literalRule struct {
	number  numberRule
	boolean bool // true and false: the column is boolean or text
}

// numberRule is what a bare number must look like. INSERT gives it a type of its own (integer, bigint or numeric) and casts
// that to the column's; the field is the same only where text → column and number → column agree.
type numberRule uint8

const (
	noNumber      numberRule = iota // anything else: as written
	wholeNumber                     // smallint, integer, bigint: digits only, as a fraction would be rounded
	anyNumber                       // numeric: its input function reads SQL's spelling, leading zeros included
	signedZero                      // real, double precision: as numeric, but -0 is 0 as a number and -0 as text
	spelledNumber                   // text: only where the number's own output is spelled the same
)

// insertHead is what stands before the rows of an INSERT.
type insertHead struct {
	table   []string
	columns []string // nil if not given
	rows    int      // offset of the first row
}

// parseInsert reads INSERT INTO table [(columns)] VALUES. ok is false for any other form.
func parseInsert(text []byte) (h insertHead, ok bool) {
	t := &tokens{text: text}
	if !t.accept("insert") || !t.accept("into") {
		return h, false
	}
	if h.table = t.relation(); len(h.table) == 0 {
		return h, false
	}
	if tok := t.peek(); tok.kind == otherToken && tok.text == "(" {
		if h.columns = t.columns(); h.columns == nil {
			return h, false
		}
	}
	if !t.accept("values") {
		return h, false
	}
	t.skipSpace()
	h.rows = t.i
	return h, true
}

// special are the bytes of a quoted string that need a look: its end, and what COPY's text format escapes.
var special = [256]bool{'\'': true, '\\': true, '\n': true, '\r': true, '\t': true, 0: true}

// blank is white space between tokens.
var blank = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, '\f': true}

// encoder turns rows of literals into rows of a COPY.
type encoder struct {
	rules   []literalRule
	codecs  []codec       // one a column: COPY's binary format; nil: its text format
	seen    []*seenColumn // one a column: who is shown its values; nil if none is
	scratch []byte
}

// rows turns rows of literals, (…), (…), …, into rows of the COPY, appended to dst. more says that text is a part of a
// statement: it ends after a comma, not with a semicolon. ok is false when something in text is not a literal that the rules
// allow, or not a row of as many; dst is then worthless from its old length on.
func (e *encoder) rows(dst, text []byte, more bool) (out []byte, rows int, ok bool) {
	i, n := 0, len(text)
	for {
		if i = skipBlank(text, i); i == n {
			return dst, rows, more
		}
		if text[i] != '(' {
			return dst, rows, false
		}
		i++
		if e.codecs != nil {
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.codecs)))
		}
		for column, rule := range e.rules {
			if i = skipBlank(text, i); i == n {
				return dst, rows, false
			}
			if column > 0 {
				if text[i] != ',' {
					return dst, rows, false
				}
				if e.codecs == nil {
					dst = append(dst, '\t')
				}
				if i = skipBlank(text, i+1); i == n {
					return dst, rows, false
				}
			}
			if e.codecs == nil {
				dst, i, ok = encodeLiteral(dst, text, i, rule)
			} else {
				at := len(dst)
				dst, i, ok = e.value(dst, text, i, rule, e.codecs[column])
				if e.seen != nil && e.seen[column] != nil && ok {
					e.seen[column].note(dst[at+4:])
				}
			}
			if !ok {
				return dst, rows, false
			}
		}
		if i = skipBlank(text, i); i == n || text[i] != ')' {
			return dst, rows, false
		}
		if e.codecs == nil {
			dst = append(dst, '\n')
		}
		rows++
		if i = skipBlank(text, i+1); i == n {
			return dst, rows, !more
		}
		switch text[i] {
		case ',':
			i++
		case ';':
			return dst, rows, !more && skipBlank(text, i+1) == n
		default:
			return dst, rows, false
		}
	}
}

// value appends one literal that begins at text[i] in COPY's binary format, and gives the offset behind it.
func (e *encoder) value(dst, text []byte, i int, rule literalRule, c codec) (out []byte, next int, ok bool) {
	if text[i] != '\'' {
		e.scratch, next, ok = encodeLiteral(e.scratch[:0], text, i, rule)
		if !ok {
			return dst, i, false
		}
		if text[i]|0x20 == 'n' {
			return append(dst, 0xff, 0xff, 0xff, 0xff), next, true
		}
		dst, ok = c(dst, e.scratch)
		return dst, next, ok
	}
	i++
	j := bytes.IndexByte(text[i:], '\'')
	if j < 0 {
		return dst, i, false
	}
	content := text[i : i+j]
	next = i + j + 1
	if next < len(text) && text[next] == '\'' { // a doubled quote: the content must be put together
		e.scratch = e.scratch[:0]
		for {
			e.scratch = append(append(e.scratch, content...), '\'')
			if j = bytes.IndexByte(text[next+1:], '\''); j < 0 {
				return dst, i, false
			}
			content = text[next+1 : next+1+j]
			next += 1 + j + 1
			if next == len(text) || text[next] != '\'' {
				break
			}
		}
		e.scratch = append(e.scratch, content...)
		content = e.scratch
	}
	if continued(text, next) {
		return dst, i, false
	}
	dst, ok = c(dst, content)
	return dst, next, ok
}

// skipBlank skips white space and comments to the end of the line. Other comments are rare enough for the long way.
func skipBlank(text []byte, i int) int {
	for i < len(text) {
		switch {
		case blank[text[i]]:
			i++
		case text[i] == '-' && i+1 < len(text) && text[i+1] == '-':
			for i < len(text) && text[i] != '\n' && text[i] != '\r' {
				i++
			}
		default:
			return i
		}
	}
	return i
}

// encodeLiteral appends one literal that begins at text[i], and gives the offset behind it.
func encodeLiteral(dst, text []byte, i int, rule literalRule) (out []byte, next int, ok bool) {
	switch c := text[i]; {
	case c == '\'':
		return encodeString(dst, text, i+1)
	case isDigit(c) || c == '-' || c == '+' || c == '.':
		return encodeNumber(dst, text, i, rule.number)
	case c|0x20 == 'n' && wordAt(text, i, "null"):
		return append(dst, `\N`...), i + 4, true
	case c|0x20 == 't' && rule.boolean && wordAt(text, i, "true"):
		return append(dst, "true"...), i + 4, true
	case c|0x20 == 'f' && rule.boolean && wordAt(text, i, "false"):
		return append(dst, "false"...), i + 5, true
	}
	return dst, i, false
}

// encodeString appends the content of a string whose opening quote is just before text[i].
func encodeString(dst, text []byte, i int) ([]byte, int, bool) {
	from := i
	for i < len(text) {
		c := text[i]
		if !special[c] {
			i++
			continue
		}
		dst = append(dst, text[from:i]...)
		switch c {
		case '\'':
			if i+1 < len(text) && text[i+1] == '\'' {
				dst = append(dst, '\'')
				i++
				break
			}
			return dst, i + 1, !continued(text, i+1)
		case '\\':
			dst = append(dst, '\\', '\\')
		case '\n':
			dst = append(dst, '\\', 'n')
		case '\r':
			dst = append(dst, '\\', 'r')
		case '\t':
			dst = append(dst, '\\', 't')
		case 0:
			return dst, i, false
		}
		i++
		from = i
	}
	return dst, i, false
}

// continued tells whether a string that ended just before text[i] goes on: SQL joins strings with a newline between them.
func continued(text []byte, i int) bool {
	i = skipBlank(text, i)
	return i < len(text) && text[i] == '\''
}

// maxDigits is how many digits a bare whole number may have to be surely a bigint.
const maxDigits = 18

// encodeNumber appends a bare number with an optional sign.
func encodeNumber(dst, text []byte, i int, rule numberRule) ([]byte, int, bool) {
	from := i
	negative := text[i] == '-'
	if negative || text[i] == '+' {
		i++
	}
	digits := i
	zero := true // all digits are
	for i < len(text) && isDigit(text[i]) {
		zero = zero && text[i] == '0'
		i++
	}
	whole := i - digits
	fraction := -1
	if i < len(text) && text[i] == '.' {
		point := i
		for i++; i < len(text) && isDigit(text[i]); i++ {
			zero = zero && text[i] == '0'
		}
		fraction = i - point - 1
	}
	if whole+max(fraction, 0) == 0 {
		return dst, i, false
	}
	exponent := false
	if i < len(text) && text[i]|0x20 == 'e' {
		exponent = true
		if i++; i < len(text) && (text[i] == '-' || text[i] == '+') {
			i++
		}
		at := i
		for i < len(text) && isDigit(text[i]) {
			i++
		}
		if i == at {
			return dst, i, false
		}
	}
	if i < len(text) && (isWordByte(text[i]) || text[i] == '.' || text[i] == '$') {
		return dst, i, false // 0x1F, 1_000, 1abc
	}
	number := text[from:i]
	if negative && zero || text[from] == '+' {
		number = text[digits:i] // a number has no negative zero
	}
	switch rule {
	case wholeNumber:
		if fraction >= 0 || exponent {
			return dst, i, false
		}
	case anyNumber, signedZero:
	case spelledNumber:
		canonical := whole == 1 || whole > 1 && text[digits] != '0'
		if exponent || !canonical || fraction == 0 || fraction < 0 && whole > maxDigits || whole+fraction > 1000 {
			return dst, i, false
		}
	case noNumber:
		return dst, i, false
	}
	return append(dst, number...), i, true
}

// wordAt tells whether the keyword stands at text[i].
func wordAt(text []byte, i int, word string) bool {
	end := i + len(word)
	if end > len(text) || !bytes.EqualFold(text[i:end], []byte(word)) {
		return false
	}
	return end == len(text) || !isWordByte(text[end]) && text[end] != '$' && text[end] != '\'' && text[end] != '.'
}
