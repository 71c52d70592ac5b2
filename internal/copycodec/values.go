// Package copycodec turns literals of VALUES, and rows of COPY's text format, into rows of COPY's text and binary formats. It takes only
// what is certain to end as the same value, and says no to the rest. It knows no server.
package copycodec

import (
	"bytes"
	"encoding/binary"
	"io"
	"slices"
	"unicode/utf8"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// Rule says which literals of an INSERT's VALUES may become a field of COPY's text format, for one column. A quoted
// string may nearly always: both INSERT and COPY hand its content to the input function of the column's type.
type Rule struct {
	number  numberRule
	size    int  // of a whole number, in bytes
	boolean bool // true and false: the column is boolean or text
	exact   bool // numeric, or its array: see tooExact
	moments bool // words for a moment are none: see WithoutMoments
}

// timeless are types of pg_catalog whose values name no moment.
var timeless = []string{"text", "varchar", "bpchar", "char", "name", "int2", "int4", "int8", "float4", "float8", "numeric", "bool", "uuid", "bytea", "json", "jsonb", "enum", "money",
	"inet", "cidr", "macaddr", "macaddr8", "bit", "varbit", "xml", "tsvector", "tsquery", "point", "box", "path", "polygon", "circle", "line", "lseg", "interval"}

// WithoutMoments gives the rule for rows of which each statement has another time: 'now' and 'today' (in a value of a date, a time, or of what may
// hold one) are no constants there. typname is the type's name as RuleFor has it, element that of an array's elements.
func (r Rule) WithoutMoments(typname, element string) Rule {
	r.moments = !slices.Contains(timeless, typname) && !slices.Contains(timeless, element)
	return r
}

// Moments reports whether it is a rule by which the name of a moment is no constant.
func (r Rule) Moments() bool { return r.moments }

// MayMean reports whether text may hold the name of a moment, for a rule by which none is a constant.
func (r Rule) MayMean(text []byte) bool {
	if !r.moments {
		return false
	}
	for _, word := range moments {
		for i := 0; i+momentWord <= len(text); i++ {
			if bytes.EqualFold(text[i:i+momentWord], word) {
				return true
			}
		}
	}
	return false
}

// moments are what the names of moments begin with, each of momentWord bytes.
var moments = [][]byte{[]byte("now"), []byte("tod"), []byte("tom"), []byte("yes")}

const momentWord = 3

// Momentless gives the rows of a COPY in its text format, by the rules of their columns: reading them fails with ErrUnsure where a field may hold the
// name of a moment and its column's rule has none for a constant.
func Momentless(rows io.Reader, rules []Rule) io.Reader {
	if !slices.ContainsFunc(rules, func(r Rule) bool { return r.moments }) {
		return rows
	}
	return &momentless{in: rows, rules: rules}
}

// momentless is the state of Momentless between two bytes.
type momentless struct {
	in      io.Reader
	rules   []Rule
	column  int
	escaped bool   // by a backslash
	last    []byte // of the field, up to as many as a word has that is looked for
}

// Read implements io.Reader.
func (m *momentless) Read(p []byte) (int, error) {
	n, err := m.in.Read(p)
	for _, c := range p[:n] {
		looked := m.column < len(m.rules) && m.rules[m.column].moments
		switch {
		case m.escaped:
			m.escaped = false
			if looked && c != 'N' { // NULL is \N; other escapes may spell anything
				return 0, ErrUnsure
			}
		case c == '\\':
			m.escaped = true
			continue
		case c == '\t', c == '\n', c == '\r':
			if m.column++; c != '\t' {
				m.column = 0
			}
			m.last = m.last[:0]
			continue
		}
		if !looked {
			continue
		}
		if len(m.last) == momentWord {
			m.last = m.last[:copy(m.last, m.last[1:])]
		}
		if m.last = append(m.last, c); m.rules[m.column].MayMean(m.last) {
			return 0, ErrUnsure
		}
	}
	return n, err
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

// RuleFor says what a column of a type of pg_catalog (or a domain over it) takes besides strings and NULL.
func RuleFor(typname string) Rule {
	switch typname {
	case "int2", "int4", "int8":
		return Rule{number: wholeNumber, size: int(typname[3] - '0')}
	case "numeric":
		return Rule{number: anyNumber, exact: true}
	case "_numeric":
		return Rule{exact: true}
	case "float4", "float8":
		return Rule{number: signedZero}
	case "text", "varchar", "bpchar":
		return Rule{number: spelledNumber, boolean: true}
	case "bool":
		return Rule{boolean: true}
	}
	return Rule{}
}

// special are the bytes of a quoted string that need a look: its end, and what COPY's text format escapes.
var special = [256]bool{'\'': true, '\\': true, '\n': true, '\r': true, '\t': true, 0: true}

// blank is white space between tokens, gap what may stand there: a comment begins with a dash.
var (
	blank = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, '\f': true}
	gap   = [256]bool{' ': true, '\t': true, '\n': true, '\r': true, '\f': true, '-': true}
)

// Column is how the values of a column are encoded.
type Column struct {
	Rule  Rule
	Codec Codec // nil if the binary format is not sure of the column's type
}

// Encoder turns rows of literals, or of COPY's text format, into rows of a COPY.
type Encoder struct {
	rules   []Rule
	codecs  []Codec              // one a column: COPY's binary format; nil: its text format
	observe []func(value []byte) // one a column: who is shown its values; nil if none is
	scratch []byte
}

// NewEncoder gives an encoder for columns: to the binary format, which all of them must have a codec for, or to the text format.
func NewEncoder(columns []Column, binary bool) *Encoder {
	e := &Encoder{}
	for _, c := range columns {
		e.rules = append(e.rules, c.Rule)
		if binary {
			e.codecs = append(e.codecs, c.Codec)
		}
	}
	return e
}

// Binary reports whether rows are given in the binary format.
func (e *Encoder) Binary() bool { return e.codecs != nil }

// AsText turns to the text format, in which no value is observed.
func (e *Encoder) AsText() { e.codecs, e.observe = nil, nil }

// Observe has a column's values shown as they pass by, without their length, NULL as nothing at all. Only the binary format is
// observed.
func (e *Encoder) Observe(column int, observe func(value []byte)) {
	if e.observe == nil {
		e.observe = make([]func([]byte), len(e.rules))
	}
	e.observe[column] = observe
}

// Values turns rows of literals, (…), (…), …, into rows of the COPY, appended to dst. part says that text is a part of a
// statement: it ends after a comma, not with a semicolon. ok is false when something in text is not a literal that the rules
// allow, or not a row of as many; dst is then worthless from its old length on.
func (e *Encoder) Values(dst, text []byte, part bool) (out []byte, rows int, ok bool) {
	i, n := 0, len(text)
	for {
		if i = skip(text, i); i == n {
			return dst, rows, part
		}
		if text[i] != '(' {
			return dst, rows, false
		}
		i++
		if e.codecs != nil {
			dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.codecs)))
		}
		for column, rule := range e.rules {
			if i = skip(text, i); i == n {
				return dst, rows, false
			}
			if column > 0 {
				if text[i] != ',' {
					return dst, rows, false
				}
				if e.codecs == nil {
					dst = append(dst, '\t')
				}
				if i = skip(text, i+1); i == n {
					return dst, rows, false
				}
			}
			if e.codecs == nil {
				dst, i, ok = encodeLiteral(dst, text, i, rule)
			} else {
				at := len(dst)
				dst, i, ok = e.value(dst, text, i, column)
				if ok {
					e.show(column, dst[at:])
				}
			}
			if !ok {
				return dst, rows, false
			}
		}
		if i = skip(text, i); i == n || text[i] != ')' {
			return dst, rows, false
		}
		if e.codecs == nil {
			dst = append(dst, '\n')
		}
		rows++
		if i = skip(text, i+1); i == n {
			return dst, rows, !part
		}
		switch text[i] {
		case ',':
			i++
		case ';':
			return dst, rows, !part && skip(text, i+1) == n
		default:
			return dst, rows, false
		}
	}
}

// show shows a field of the binary format, its length before it, to who wants the column's values.
func (e *Encoder) show(column int, field []byte) {
	if e.observe != nil && e.observe[column] != nil {
		e.observe[column](field[4:])
	}
}

// value appends one literal that begins at text[i] in COPY's binary format, and gives the offset behind it.
func (e *Encoder) value(dst, text []byte, i, column int) (out []byte, next int, ok bool) {
	c := e.codecs[column]
	if text[i] != '\'' {
		if size := e.rules[column].size; size > 0 { // most values of an export
			if v, next, ok := integerAt(text, i); ok {
				dst, ok = appendInteger(dst, v, size)
				return dst, next, ok
			}
		}
		field, next, ok := bare(text, i, e.rules[column])
		if !ok {
			return dst, i, false
		}
		if field == nil {
			return append(dst, 0xff, 0xff, 0xff, 0xff), next, true
		}
		dst, ok = c(dst, field)
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

// skip is skipBlank, short enough to be part of its callers: between many tokens there is nothing.
func skip(text []byte, i int) int {
	if i < len(text) && gap[text[i]] {
		return skipBlank(text, i)
	}
	return i
}

// skipBlank skips white space and comments to the end of the line. Other comments are rare enough for the long way, and so is in one what the
// server could refuse for its bytes, or for want of such a character in its own encoding.
func skipBlank(text []byte, i int) int {
	for i < len(text) {
		switch {
		case blank[text[i]]:
			i++
		case text[i] == '-' && i+1 < len(text) && text[i+1] == '-':
			for from := i; i < len(text) && text[i] != '\n' && text[i] != '\r'; i++ {
				if text[i] >= utf8.RuneSelf {
					return from
				}
			}
		default:
			return i
		}
	}
	return i
}

// encodeLiteral appends one literal that begins at text[i] in COPY's text format, and gives the offset behind it.
func encodeLiteral(dst, text []byte, i int, rule Rule) (out []byte, next int, ok bool) {
	if text[i] == '\'' {
		at := len(dst)
		out, next, ok = encodeString(dst, text, i+1)
		return out, next, ok && !rule.MayMean(out[at:]) && !(rule.exact && tooExact(out[at:]))
	}
	field, next, ok := bare(text, i, rule)
	if ok && field == nil {
		return append(dst, `\N`...), next, true
	}
	return append(dst, field...), next, ok
}

// What is surely a numeric is of no more bytes, and an exponent of no more digits: together they are below the 16,383 decimals that the server allows.
const surelyNumeric, surelyExponent = 15_000, 3

// tooExact reports whether a numeric in quotes may have more decimals than any can: as a constant it is refused, while the rows of a COPY are rounded
// to what the column holds as they are read.
func tooExact(field []byte) bool {
	if len(field) > surelyNumeric {
		return true
	}
	for {
		i := bytes.IndexAny(field, "eE")
		if i < 0 {
			return false
		}
		if field = field[i+1:]; len(field) > 0 && field[0] == '-' && skipDigits(field, 1) > 1+surelyExponent {
			return true
		}
	}
}

var fieldTrue, fieldFalse = []byte("true"), []byte("false")

// bare reads a literal without quotes that begins at text[i]: the field that it becomes, nil for NULL, and the offset behind it.
func bare(text []byte, i int, rule Rule) (field []byte, next int, ok bool) {
	switch c := text[i]; {
	case sqltext.IsDigit(c) || c == '-' || c == '+' || c == '.':
		return number(text, i, rule.number)
	case c|0x20 == 'n' && wordAt(text, i, "null"):
		return nil, i + 4, true
	case c|0x20 == 't' && rule.boolean && wordAt(text, i, "true"):
		return fieldTrue, i + 4, true
	case c|0x20 == 'f' && rule.boolean && wordAt(text, i, "false"):
		return fieldFalse, i + 5, true
	}
	return nil, i, false
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
	i = skip(text, i)
	return i < len(text) && text[i] == '\''
}

// maxDigits is how many digits a bare whole number may have to be surely a bigint.
const maxDigits = 18

// goesOn are the bytes behind a number or a word that make it something else: 0x1F, 1_000, 1abc, 1.2.3, true.x.
var goesOn = func() (t [256]bool) {
	for c := range t {
		t[c] = sqltext.IsWordByte(byte(c)) || c == '.' || c == '$'
	}
	return t
}()

// integerAt reads a bare whole number that begins at text[i], and gives the offset behind it. ok is false for all that is not
// plainly one, such as a number with a plus: number tells.
func integerAt(text []byte, i int) (v int64, next int, ok bool) {
	negative := text[i] == '-'
	if negative {
		i++
	}
	from := i
	for ; i < len(text) && sqltext.IsDigit(text[i]); i++ {
		v = v*10 + int64(text[i]-'0')
	}
	if i == from || i-from > maxDigits || i < len(text) && goesOn[text[i]] {
		return 0, i, false
	}
	if negative {
		v = -v
	}
	return v, i, true
}

// number reads a bare number with an optional sign that begins at text[i]: the field that it becomes, and the offset behind it.
func number(text []byte, i int, rule numberRule) (field []byte, next int, ok bool) {
	from := i
	signed := text[i] == '-' || text[i] == '+'
	if signed {
		i++
	}
	digits := i
	i = skipDigits(text, i)
	whole := i - digits
	fraction := -1
	if i < len(text) && text[i] == '.' {
		point := i
		i = skipDigits(text, i+1)
		fraction = i - point - 1
	}
	if whole+max(fraction, 0) == 0 {
		return nil, i, false
	}
	mantissa := text[digits:i]
	exponent := false
	if i < len(text) && text[i]|0x20 == 'e' {
		exponent = true
		if i++; i < len(text) && (text[i] == '-' || text[i] == '+') {
			i++
		}
		at := i
		if i = skipDigits(text, i); i == at || i-at > surelyExponent {
			return nil, i, false
		}
	}
	if i-from > surelyNumeric { // as a constant of type numeric it may be refused, whatever the column's type is
		return nil, i, false
	}
	if i < len(text) && goesOn[text[i]] {
		return nil, i, false
	}
	if signed && (text[from] == '+' || !bytes.ContainsAny(mantissa, "123456789")) { // a number has no negative zero
		from = digits
	}
	switch rule {
	case wholeNumber:
		if fraction >= 0 || exponent {
			return nil, i, false
		}
	case anyNumber, signedZero:
	case spelledNumber:
		canonical := whole == 1 || whole > 1 && text[digits] != '0'
		if exponent || !canonical || fraction == 0 || fraction < 0 && whole > maxDigits || whole+fraction > 1000 {
			return nil, i, false
		}
	case noNumber:
		return nil, i, false
	}
	return text[from:i], i, true
}

func skipDigits(text []byte, i int) int {
	for i < len(text) && sqltext.IsDigit(text[i]) {
		i++
	}
	return i
}

// wordAt tells whether the keyword, which is in lower case, stands at text[i].
func wordAt(text []byte, i int, word string) bool {
	end := i + len(word)
	if end > len(text) {
		return false
	}
	for k, c := range text[i:end] {
		if c|0x20 != word[k] {
			return false
		}
	}
	return end == len(text) || !goesOn[text[end]] && text[end] != '\''
}
