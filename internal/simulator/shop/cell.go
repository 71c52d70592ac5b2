package shop

import (
	"encoding/hex"
	"strconv"
)

// kind is what a cell holds, and with that how each format writes it.
type kind uint8

const (
	null kind = iota
	integer
	decimal   // n hundredths
	boolean   // n is 0 or 1
	text      // also uuid, date, time: whatever is quoted
	jsonValue // text is JSON
	array     // elements of a text[]
	octets    // bytea
)

// cell is one value.
type cell struct {
	kind     kind
	quoted   bool // SQL: written as a quoted literal though it need not be
	n        int64
	text     []byte
	elements [][]byte
}

// row is one row under construction. Its memory is used again for the next one.
type row struct {
	cells   []cell
	scratch []byte // holds the texts that are put together for this row
	rng     rng
}

// begin makes the row ready for row i (from 0) of table number t.
func (r *row) begin(seed uint64, t, i int) {
	r.cells = r.cells[:0]
	r.scratch = r.scratch[:0]
	r.rng = rng(seed ^ uint64(t+1)*0x9E3779B97F4A7C15 ^ uint64(i+1)*0xD1B54A32D192ED03)
}

func (r *row) null()           { r.cells = append(r.cells, cell{}) }
func (r *row) int(n int)       { r.cells = append(r.cells, cell{kind: integer, n: int64(n)}) }
func (r *row) string(s []byte) { r.cells = append(r.cells, cell{kind: text, text: s}) }
func (r *row) json(s []byte)   { r.cells = append(r.cells, cell{kind: jsonValue, text: s}) }

// mixedInt is an integer that exports write bare in one row and quoted in another.
func (r *row) mixedInt(n int) {
	r.cells = append(r.cells, cell{kind: integer, n: int64(n), quoted: r.rng.oneIn(8)})
}

func (r *row) decimal(hundredths int) {
	r.cells = append(r.cells, cell{kind: decimal, n: int64(hundredths), quoted: r.rng.oneIn(8)})
}

func (r *row) bool(b bool) {
	c := cell{kind: boolean, quoted: r.rng.oneIn(4)}
	if b {
		c.n = 1
	}
	r.cells = append(r.cells, c)
}

// reference is a foreign key to a table with rows 1 to n, or NULL when it has none.
func (r *row) reference(n int) {
	if n == 0 {
		r.null()
		return
	}
	r.int(1 + r.rng.below(n))
}

// mark and since put a text together in the scratch memory: append to r.scratch between the two calls.
func (r *row) mark() int { return len(r.scratch) }

func (r *row) since(mark int) []byte { return r.scratch[mark:len(r.scratch):len(r.scratch)] }

// rng is a splitmix64 generator (Steele, Lea, Flood: Fast Splittable Pseudorandom Number Generators, 2014): good enough,
// and any row can be made without those before it.
type rng uint64

func (r *rng) next() uint64 {
	*r += 0x9E3779B97F4A7C15
	z := uint64(*r)
	z = (z ^ z>>30) * 0xBF58476D1CE4E5B9
	z = (z ^ z>>27) * 0x94D049BB133111EB
	return z ^ z>>31
}

// below gives a number from 0 to n-1; n is far below 2^32.
func (r *rng) below(n int) int { return int((r.next() >> 32) * uint64(n) >> 32) }

func (r *rng) oneIn(n int) bool { return r.below(n) == 0 }

func pick[T any](r *rng, from []T) T { return from[r.below(len(from))] }

// appendDecimal writes hundredths as 12.30.
func appendDecimal(b []byte, hundredths int64) []byte {
	if hundredths < 0 {
		b = append(b, '-')
		hundredths = -hundredths
	}
	b = strconv.AppendInt(b, hundredths/100, 10)
	return append(b, '.', byte('0'+hundredths/10%10), byte('0'+hundredths%10))
}

// appendPlain writes a cell as the text that PostgreSQL's input functions read, which is what COPY and CSV then escape.
func appendPlain(b []byte, c *cell) []byte {
	switch c.kind {
	case null:
		return b
	case integer:
		return strconv.AppendInt(b, c.n, 10)
	case decimal:
		return appendDecimal(b, c.n)
	case boolean:
		return strconv.AppendBool(b, c.n == 1)
	case array:
		return appendArray(b, c.elements)
	case octets:
		return hex.AppendEncode(append(b, '\\', 'x'), c.text)
	case text, jsonValue:
	}
	return append(b, c.text...)
}

// appendArray writes an array as its output function does, every element quoted.
func appendArray(b []byte, elements [][]byte) []byte {
	b = append(b, '{')
	for i, element := range elements {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, '"')
		for _, ch := range element {
			if ch == '"' || ch == '\\' {
				b = append(b, '\\')
			}
			b = append(b, ch)
		}
		b = append(b, '"')
	}
	return append(b, '}')
}

// appendSQL writes a cell as a literal of PostgreSQL.
func appendSQL(b, scratch []byte, c *cell) (out, reuse []byte) {
	switch {
	case c.kind == null:
		return append(b, "NULL"...), scratch
	case c.kind == boolean && c.quoted:
		return append(b, '\'', byte('0'+c.n), '\''), scratch
	case c.kind <= boolean && !c.quoted:
		return appendPlain(b, c), scratch
	}
	scratch = appendPlain(scratch[:0], c)
	return appendQuoted(b, scratch, '\''), scratch
}

// appendQuoted writes s between quotes, the quotes in it doubled. It goes from quote to quote, as most texts have none.
func appendQuoted(b, s []byte, quote byte) []byte {
	b = append(b, quote)
	start := 0
	for i, ch := range s {
		if ch == quote {
			b = append(b, s[start:i+1]...)
			start = i
		}
	}
	b = append(b, s[start:]...)
	return append(b, quote)
}

// appendMySQL writes a cell as a literal of MySQL, whose strings have backslash escapes.
func appendMySQL(b, scratch []byte, c *cell) (out, reuse []byte) {
	switch {
	case c.kind == null:
		return append(b, "NULL"...), scratch
	case c.kind == boolean:
		return append(b, byte('0'+c.n)), scratch
	case c.kind == octets:
		return append(hex.AppendEncode(append(b, "X'"...), c.text), '\''), scratch
	case c.kind < boolean:
		return appendPlain(b, c), scratch
	}
	if c.kind == array {
		scratch = appendJSON(scratch[:0], c)
	} else {
		scratch = appendPlain(scratch[:0], c)
	}
	b = append(b, '\'')
	for _, ch := range scratch {
		switch ch {
		case '\'', '\\':
			b = append(b, '\\', ch)
		case '\n':
			b = append(b, '\\', 'n')
		default:
			b = append(b, ch)
		}
	}
	return append(b, '\''), scratch
}

// appendCopy writes a cell in the text format of COPY (manual, COPY, section Text Format).
func appendCopy(b, scratch []byte, c *cell) (out, reuse []byte) {
	switch c.kind {
	case null:
		return append(b, '\\', 'N'), scratch
	case boolean:
		return append(b, "ft"[c.n]), scratch
	case integer, decimal:
		return appendPlain(b, c), scratch
	case text, jsonValue, array, octets:
	}
	scratch = appendPlain(scratch[:0], c)
	for _, ch := range scratch {
		switch ch {
		case '\\':
			b = append(b, '\\', '\\')
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, ch)
		}
	}
	return b, scratch
}

// appendCSV writes a cell as RFC 4180 has it. NULL is an empty field, the empty text a quoted one, as PostgreSQL reads them.
func appendCSV(b, scratch []byte, c *cell) (out, reuse []byte) {
	if c.kind == null {
		return b, scratch
	}
	scratch = appendPlain(scratch[:0], c)
	if csvNeedsQuotes(scratch) {
		return appendQuoted(b, scratch, '"'), scratch
	}
	return append(b, scratch...), scratch
}

func csvNeedsQuotes(s []byte) bool {
	for _, ch := range s {
		if ch == '"' || ch == ',' || ch == '\n' || ch == '\r' {
			return true
		}
	}
	// Also what is not there, what looks like the end of data to a COPY before PostgreSQL 18, and outer spaces.
	return len(s) == 0 || string(s) == `\.` || s[0] == ' ' || s[len(s)-1] == ' '
}

// appendJSON writes a cell as a JSON value: JSON columns nested, arrays as lists.
func appendJSON(b []byte, c *cell) []byte {
	switch c.kind {
	case null:
		return append(b, "null"...)
	case integer, decimal, boolean, jsonValue:
		return appendPlain(b, c)
	case array:
		b = append(b, '[')
		for i, element := range c.elements {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendJSONString(b, element)
		}
		return append(b, ']')
	case octets:
		b = append(b, `"\\x`...)
		return append(hex.AppendEncode(b, c.text), '"')
	case text:
	}
	return appendJSONString(b, c.text)
}

func appendJSONString(b, s []byte) []byte {
	b = append(b, '"')
	for _, ch := range s {
		switch {
		case ch == '"' || ch == '\\':
			b = append(b, '\\', ch)
		case ch == '\n':
			b = append(b, '\\', 'n')
		case ch < ' ':
			b = append(b, '\\', 'u', '0', '0', "0123456789abcdef"[ch>>4], "0123456789abcdef"[ch&15])
		default: // UTF-8 goes as it is
			b = append(b, ch)
		}
	}
	return append(b, '"')
}
