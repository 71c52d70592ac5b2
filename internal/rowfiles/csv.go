package rowfiles

import (
	"bytes"
	"errors"
)

// csvRows reads CSV as RFC 4180 has it, and COPY: a quote within a field begins or ends a part in which commas are text.
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

// read reads a record. Of a quote that is never closed it finds the one that is to blame, if that can be told.
func (c *csvRows) read() ([]byte, error) {
	record, err := c.in.read(true)
	if errors.Is(err, errUnclosed) {
		if blamed := c.split(c.in.record, func(field) error { return nil }); blamed != nil {
			err = blamed
		}
	}
	return record, err
}

// header reads the first line. An empty file has none: the error is io.EOF.
func (c *csvRows) header() ([]field, error) {
	record, err := c.read()
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
		return c.in.fault("this row has %d fields, the header %d", n, len(c.columns))
	}
	to.buf = append(to.buf, '\n')
	to.pass()
	return to.err
}

// field writes a field as a column takes it.
func (c *csvRows) field(to *sink, f field, column *column) error {
	k := column.kind
	if k.holds() && (f.parts || len(f.text) > 0) {
		text := c.whole(f)
		if done, err := c.values.holding(to, text, k, 0); done || err != nil {
			return c.in.named(column, f.at, err)
		}
		f = field{text: text, at: f.at, quoted: f.quoted}
	}
	some := len(f.text) > 0
	if f.parts {
		some = false
		eachPart(f.text, func(part []byte) {
			some = some || len(part) > 0
			to.text(part, 0)
		})
	} else if some {
		to.text(f.text, 0)
	}
	if !some && (!f.quoted || k.noEmpty) {
		to.plain(null)
	}
	return nil
}

// place gives the place of a column's value in the row read last.
func (c *csvRows) place(column int) string {
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
	text   []byte
	at     int  // where it begins in the record
	quoted bool // some of it stands in quotes
	parts  bool // text is as it is written, quotes and all
}

// split gives the fields of a record.
func (c *csvRows) split(record []byte, each func(field) error) error {
	for at := 0; ; {
		f, end, err := c.one(record, at)
		if err == nil {
			err = each(f)
		}
		if err != nil || end == len(record) {
			return err
		}
		at = end + 1
	}
}

// one gives the field that begins at an offset, and where it ends: at a comma, or with the record.
func (c *csvRows) one(record []byte, at int) (f field, end int, err error) {
	rest := record[at:]
	if len(rest) > 0 && rest[0] == '"' {
		if n := bytes.IndexByte(rest[1:], '"'); n >= 0 && (n+2 == len(rest) || rest[n+2] == ',') {
			return field{text: rest[1 : n+1], at: at, quoted: true}, at + n + 2, nil
		}
	} else if n := bytes.IndexByte(rest, ','); n < 0 && bytes.IndexByte(rest, '"') < 0 || n >= 0 && bytes.IndexByte(rest[:n], '"') < 0 {
		if n < 0 {
			n = len(rest)
		}
		return field{text: rest[:n], at: at}, at + n, c.lineEnd(rest[:n], at)
	}
	// Quotes that are doubled, or within the field.
	end, open := at, -1
	for ; end < len(record) && (open >= 0 || record[end] != ','); end++ {
		switch {
		case record[end] == '"' && open < 0:
			open = end
		case record[end] == '"':
			open = -1
		case record[end] == c.in.end && open >= 0 && record[at] != '"':
			return f, 0, c.in.faultAt(open, "a double quote within a field is not closed on its line: to COPY the lines that follow would belong to it")
		case open < 0 && record[end] == '\r':
			return f, 0, c.lineEnd(record[end:end+1], end)
		}
	}
	return field{text: record[at:end], at: at, quoted: true, parts: true}, end, nil
}

// lineEnd refuses the end of a line within one, as COPY does.
func (c *csvRows) lineEnd(text []byte, at int) error {
	other := byte('\r')
	if c.in.end == '\r' {
		other = '\n'
	}
	if i := bytes.IndexByte(text, other); i >= 0 {
		return c.in.faultAt(at+i, "a line ends here in another way than the first one did; text that holds the end of a line stands in double quotes")
	}
	return nil
}

// whole gives a field's text in one piece.
func (c *csvRows) whole(f field) []byte {
	if !f.parts {
		return f.text
	}
	c.held = c.held[:0]
	eachPart(f.text, func(part []byte) { c.held = append(c.held, part...) })
	return c.held
}

// eachPart gives the parts of a field between its quotes, and a quote for two within them.
func eachPart(text []byte, each func(part []byte)) {
	for open := false; ; open = !open {
		n := bytes.IndexByte(text, '"')
		if n < 0 {
			each(text)
			return
		}
		each(text[:n])
		if text = text[n+1:]; open && len(text) > 0 && text[0] == '"' {
			each(text[:1])
			text, open = text[1:], false
		}
	}
}
