package rowfiles

import (
	"bytes"
	"errors"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// csvRows reads CSV as RFC 4180 has it. COPY would take a quote within a field for the beginning of a part in which commas and the ends
// of lines are text, and leave the quote out: that is refused.
type csvRows struct {
	in      *lines
	columns []column
	values  *values
	one     field  // the one in hand
	held    []byte // a field that has to be put together
}

// newCSVRows begins to read.
func newCSVRows(in *lines, columns []column) *csvRows {
	return &csvRows{in: in, columns: columns, values: newValues(in)}
}

// read reads a record. Of a quote that is never closed it finds the one that is to blame.
func (c *csvRows) read() ([]byte, error) {
	record, err := c.in.read(true)
	if errors.Is(err, errUnclosed) {
		err = c.split(c.in.record, func(*field) error { return nil })
	}
	return record, err
}

// header reads the first line. A file of nothing, or of blank lines, has none: the error is io.EOF.
func (c *csvRows) header() ([]field, error) {
	record, err := c.read()
	if err == nil && len(record) == 0 {
		blank := c.in.fault("this line is blank, and a CSV file begins with the names of its columns")
		for err == nil && len(record) == 0 {
			record, err = c.read()
		}
		if err == nil {
			err = blank
		}
	}
	if err != nil {
		return nil, err
	}
	var fields []field
	err = c.split(record, func(f *field) error {
		fields = append(fields, field{text: bytes.Clone(c.whole(f)), at: f.at})
		return nil
	})
	return fields, err
}

// next writes the next row that is not blank: such a one is a row of one NULL in a file of one column, and nothing in others.
func (c *csvRows) next(to *sink) error {
	record, err := c.read()
	for err == nil && len(record) == 0 && len(c.columns) != 1 {
		record, err = c.read()
	}
	if err != nil {
		return err
	}
	n, first := 0, true
	if err := c.split(record, func(f *field) error {
		n++
		if n > len(c.columns) || c.columns[n-1].generated {
			return nil
		}
		if !first {
			to.buf = append(to.buf, '\t')
		}
		first = false
		return c.field(to, f, &c.columns[n-1])
	}); err != nil {
		return err
	}
	if n != len(c.columns) {
		return advise(c.in.fault("this row has %d fields, the header %d", n, len(c.columns)), "Put a value with a comma, a line break or a double quote into double quotes.")
	}
	to.buf = append(to.buf, '\n')
	to.pass()
	return to.err
}

// field writes a field as a column takes it.
func (c *csvRows) field(to *sink, f *field, column *column) error {
	k := column.kind
	if k.holds() && len(f.text) > 0 {
		f.text, f.doubled, f.plain = c.whole(f), false, false
		if done, err := c.values.holding(to, f.text, k, 0); done || err != nil {
			return c.in.named(column, f.at, err)
		}
	}
	switch {
	case f.plain && len(f.text) > 0:
		to.long(f.text)
	case f.doubled:
		eachPart(f.text, func(part []byte) { to.text(part, 0) })
	case len(f.text) > 0:
		to.text(f.text, 0)
	case !f.quoted || k.noEmpty:
		to.plain(null)
	}
	return nil
}

// place gives the place of a column's value in the row read last.
func (c *csvRows) place(column int) problem.Place {
	at, n := 0, 0
	_ = c.split(c.in.record, func(f *field) error {
		if n == column {
			at = f.at
		}
		n++
		return nil
	})
	return c.in.place(at)
}

// field is a field of a record.
type field struct {
	text    []byte
	at      int  // where it begins in the record
	quoted  bool // it stands in quotes
	doubled bool // quotes in it are doubled still
	plain   bool // it holds nothing that COPY's text format writes in another way
}

// split gives the fields of a record, each for as long as the call takes.
func (c *csvRows) split(record []byte, each func(*field) error) error {
	for n, at := 1, 0; ; n++ {
		end, err := c.take(record, at, n)
		if err == nil {
			err = each(&c.one)
		}
		if err != nil || end == len(record) {
			return err
		}
		at = end + 1
	}
}

// What characters are in text without quotes: ends are a comma, up to which it goes, and what COPY refuses in it as well.
const ends, escapes = 1, 2

var unquoted = [256]uint8{',': ends, '"': ends, '\r': ends, '\n': ends, '\\': escapes, '\t': escapes}

// take reads the n-th field, which begins at an offset, and gives where it ends: at a comma, or with the record.
func (c *csvRows) take(record []byte, at, n int) (end int, err error) {
	rest, f := record[at:], &c.one
	f.at = at
	if len(rest) == 0 || rest[0] != '"' {
		size, all := len(rest), uint8(0)
		for i, b := range rest {
			what := unquoted[b]
			if what == ends {
				size = i
				break
			}
			all |= what
		}
		switch {
		case size == len(rest) || rest[size] == ',':
			f.text, f.quoted, f.doubled, f.plain = rest[:size], false, false, all == 0
			return at + size, nil
		case rest[size] == '"':
			return 0, c.in.faultAt(at+size, "field %d has a double quote but does not begin with one: a field with quotes stands in quotes as a whole, and those in it are doubled", n)
		}
		return 0, c.in.faultAt(at+size, "a line ends here in another way than the first one did; text that holds the end of a line stands in double quotes")
	}
	f.quoted, f.doubled, f.plain = true, false, false
	for i := 1; ; i += 2 {
		quote := bytes.IndexByte(rest[i:], '"')
		if quote < 0 {
			return 0, c.in.unclosed(at)
		}
		i += quote
		switch {
		case i+1 == len(rest) || rest[i+1] == ',':
			f.text = rest[1:i]
			return at + i + 1, nil
		case rest[i+1] != '"':
			return 0, c.in.faultAt(at+i+1, "field %d goes on after its closing quote: quotes in it are doubled, and all of it stands between the outer ones", n)
		}
		f.doubled = true
	}
}

// whole gives a field's text in one piece.
func (c *csvRows) whole(f *field) []byte {
	if !f.doubled {
		return f.text
	}
	c.held = c.held[:0]
	eachPart(f.text, func(part []byte) { c.held = append(c.held, part...) })
	return c.held
}

// eachPart gives the parts of a text between doubled quotes, each with the one that stands for two.
func eachPart(text []byte, each func(part []byte)) {
	for {
		n := bytes.IndexByte(text, '"')
		if n < 0 {
			each(text)
			return
		}
		each(text[:n+1])
		text = text[n+2:]
	}
}
