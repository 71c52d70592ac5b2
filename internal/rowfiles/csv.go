package rowfiles

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const (
	rowBuffer  = 256 << 10 // bytes read at a time
	longestRow = 32 << 20  // bytes of one row in a file; a quote that is never closed must not take all memory
)

// lines reads a file line by line, and records of several lines as one.
type lines struct {
	name string
	in   *bufio.Reader
	buf  []byte
	line int // number of the line that the last record began in
	next int // number of the line to come
}

func newLines(name string, in io.Reader) *lines {
	l := &lines{name: name, in: bufio.NewReaderSize(in, rowBuffer), next: 1}
	if mark, err := l.in.Peek(3); err == nil && string(mark) == "\ufeff" {
		_, _ = l.in.Discard(len(mark))
	}
	return l
}

// record reads a line without its end; with quotes, also the lines that follow while a double quote is open. It is valid until
// the next call. At the end the error is io.EOF.
func (l *lines) record(quotes bool) ([]byte, error) {
	l.buf, l.line = l.buf[:0], l.next
	open := false
	for {
		part, err := l.in.ReadSlice('\n')
		switch {
		case err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF):
			return nil, err
		case errors.Is(err, io.EOF) && len(part) == 0 && len(l.buf) == 0:
			return nil, io.EOF
		case len(l.buf)+len(part) > longestRow:
			return nil, l.fault("a row is longer than %d MiB; is a quote left open?", longestRow>>20)
		}
		if quotes && bytes.Count(part, []byte(`"`))%2 == 1 {
			open = !open
		}
		if err == nil {
			l.next++
			if !open && len(l.buf) == 0 {
				return trimEnd(part), nil
			}
		}
		l.buf = append(l.buf, part...)
		switch {
		case errors.Is(err, io.EOF) && open:
			return nil, l.fault("a double quote is never closed")
		case errors.Is(err, io.EOF), err == nil && !open:
			return trimEnd(l.buf), nil
		}
	}
}

func trimEnd(line []byte) []byte {
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// fault is an error of the record read last.
func (l *lines) fault(format string, args ...any) error {
	return &problem.Error{Code: problem.Data, Where: fmt.Sprintf("%s:%d", l.name, l.line), What: fmt.Sprintf(format, args...)}
}

// csvRows reads CSV as RFC 4180 has it.
type csvRows struct {
	in      *lines
	columns []column
	field   []byte
}

// newCSVRows begins to read, and gives the header.
func newCSVRows(name string, in io.Reader, columns []column) (*csvRows, []string, error) {
	c := &csvRows{in: newLines(name, in), columns: columns}
	record, err := c.in.record(true)
	if errors.Is(err, io.EOF) {
		return nil, nil, c.in.fault("this is empty: a CSV file begins with the names of its columns")
	}
	if err != nil {
		return nil, nil, err
	}
	var header []string
	err = c.split(record, func(_ int, value []byte, _ bool) {
		header = append(header, string(value))
	})
	return c, header, err
}

func (c *csvRows) next(dst []byte) ([]byte, error) {
	var record []byte
	for {
		var err error
		if record, err = c.in.record(true); err != nil {
			return dst, err
		}
		if len(record) > 0 || len(c.columns) == 1 {
			break // a blank line is a row of one NULL, or nothing
		}
	}
	n, first := 0, true
	before := len(dst)
	err := c.split(record, func(i int, value []byte, quoted bool) {
		n++
		if i >= len(c.columns) || c.columns[i].generated {
			return
		}
		if !first {
			dst = append(dst, '\t')
		}
		first = false
		if len(value) == 0 && (!quoted || c.columns[i].noEmpty) {
			dst = append(dst, `\N`...)
		} else {
			dst = appendField(dst, value)
		}
	})
	if err == nil && n != len(c.columns) {
		err = c.in.fault("this row has %d fields, the header %d", n, len(c.columns))
	}
	if err != nil {
		return dst[:before], err
	}
	return append(dst, '\n'), nil
}

// split gives the fields of a record.
func (c *csvRows) split(record []byte, field func(i int, value []byte, quoted bool)) error {
	for i := 0; ; i++ {
		if len(record) > 0 && record[0] == '"' {
			rest, err := c.quoted(record[1:])
			if err != nil {
				return err
			}
			field(i, c.field, true)
			if len(rest) == 0 {
				return nil
			}
			if rest[0] != ',' {
				return c.in.fault("field %d goes on after its closing quote", i+1)
			}
			record = rest[1:]
			continue
		}
		value, rest, more := bytes.Cut(record, []byte(","))
		if bytes.IndexByte(value, '"') >= 0 {
			return c.in.fault("field %d has a double quote but does not begin with one", i+1)
		}
		field(i, value, false)
		if !more {
			return nil
		}
		record = rest
	}
}

// quoted reads a quoted field from behind its opening quote, and gives what follows the closing one.
func (c *csvRows) quoted(text []byte) (rest []byte, err error) {
	c.field = c.field[:0]
	for {
		i := bytes.IndexByte(text, '"')
		if i < 0 {
			return nil, c.in.fault("a double quote is never closed")
		}
		c.field = append(c.field, text[:i]...)
		if text = text[i+1:]; len(text) == 0 || text[0] != '"' {
			return text, nil
		}
		c.field = append(c.field, '"')
		text = text[1:]
	}
}
