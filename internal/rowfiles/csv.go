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
		err = c.split(c.in.record, func(field) error { return nil })
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
	err = c.split(record, func(f field) error {
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
	if err := c.split(record, func(f field) error {
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
func (c *csvRows) field(to *sink, f field, column *column) error {
	k := column.kind
	if k.holds() && len(f.text) > 0 {
		text := c.whole(f)
		if done, err := c.values.holding(to, text, k, 0); done || err != nil {
			return c.in.named(column, f.at, err)
		}
		f = field{text: text, at: f.at, quoted: f.quoted}
	}
	switch {
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
	_ = c.split(c.in.record, func(f field) error {
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
}

// split gives the fields of a record.
func (c *csvRows) split(record []byte, each func(field) error) error {
	for n, at := 1, 0; ; n++ {
		f, end, err := c.one(record, at, n)
		if err == nil {
			err = each(f)
		}
		if err != nil || end == len(record) {
			return err
		}
		at = end + 1
	}
}

// unquotedEnds are what text without quotes goes up to: a comma, or what COPY refuses in it as well.
var unquotedEnds = [256]bool{',': true, '"': true, '\r': true, '\n': true}

// one gives the n-th field, which begins at an offset, and where it ends: at a comma, or with the record.
func (c *csvRows) one(record []byte, at, n int) (f field, end int, err error) {
	rest := record[at:]
	if len(rest) == 0 || rest[0] != '"' {
		size := 0
		for size < len(rest) && !unquotedEnds[rest[size]] {
			size++
		}
		switch {
		case size == len(rest) || rest[size] == ',':
			return field{text: rest[:size], at: at}, at + size, nil
		case rest[size] == '"':
			return f, 0, c.in.faultAt(at+size, "field %d has a double quote but does not begin with one: a field with quotes stands in quotes as a whole, and those in it are doubled", n)
		}
		return f, 0, c.in.faultAt(at+size, "a line ends here in another way than the first one did; text that holds the end of a line stands in double quotes")
	}
	f = field{at: at, quoted: true}
	for i := 1; ; i += 2 {
		quote := bytes.IndexByte(rest[i:], '"')
		if quote < 0 {
			return f, 0, c.in.unclosed(at)
		}
		i += quote
		switch {
		case i+1 == len(rest) || rest[i+1] == ',':
			f.text = rest[1:i]
			return f, at + i + 1, nil
		case rest[i+1] != '"':
			return f, 0, c.in.faultAt(at+i+1, "field %d goes on after its closing quote: quotes in it are doubled, and all of it stands between the outer ones", n)
		}
		f.doubled = true
	}
}

// whole gives a field's text in one piece.
func (c *csvRows) whole(f field) []byte {
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
