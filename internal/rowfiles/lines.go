package rowfiles

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"unicode/utf8"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const (
	rowBuffer  = 256 << 10 // bytes read at a time
	longestRow = 32 << 20  // bytes of one row in a file; what is never closed must not take all memory
)

// lines reads a file line by line, and records of several lines as one.
type lines struct {
	name   string
	enc    encoding
	in     *bufio.Reader
	end    byte   // of a line: a newline, or in files from old Macs a carriage return
	buf    []byte // of a record that is not in the reader's
	record []byte // the last one
	line   int    // number of the line that it began in
	next   int    // number of the line to come
}

// newLines begins to read. quotes says that a line may end within double quotes without ending the record.
func newLines(name string, in io.Reader, enc encoding, mark int, quotes bool) *lines {
	file := bufio.NewReaderSize(in, rowBuffer)
	_, _ = file.Discard(mark)
	l := &lines{name: name, enc: enc, in: file, next: 1, end: '\n'}
	if enc.reads != asIs {
		l.in = bufio.NewReaderSize(decoded(file, enc.reads), rowBuffer)
	}
	if head, _ := l.in.Peek(rowBuffer); endsInCR(head, quotes) {
		l.end = '\r'
	}
	return l
}

// endsInCR reports whether the first line ends in a carriage return without a newline.
func endsInCR(head []byte, quotes bool) bool {
	open := false
	for i, c := range head {
		switch {
		case c == '"':
			open = quotes && !open
		case open:
		case c == '\n':
			return false
		case c == '\r':
			return i+1 == len(head) || head[i+1] != '\n'
		}
	}
	return false
}

// read reads a line without its end; with quotes, also the lines that follow while a double quote is open. It is valid until the next
// call. At the end the error is io.EOF.
func (l *lines) read(quotes bool) ([]byte, error) {
	l.buf, l.record, l.line = l.buf[:0], nil, l.next
	open := false
	for {
		part, err := l.in.ReadSlice(l.end)
		switch {
		case err != nil && !errors.Is(err, bufio.ErrBufferFull) && !errors.Is(err, io.EOF):
			return nil, err
		case errors.Is(err, io.EOF) && len(part) == 0 && len(l.buf) == 0:
			return nil, io.EOF
		}
		if quotes && bytes.Count(part, []byte(`"`))%2 == 1 {
			open = !open
		}
		if len(l.buf)+len(part) > longestRow {
			what := "this row is longer than 32 MiB, which is the most that is read of one"
			if open {
				what += "; a double quote in it is open there"
			}
			return nil, l.fault("%s", what)
		}
		whole := part
		if err == nil {
			l.next++
		}
		if err != nil || open || len(l.buf) > 0 {
			l.keep(part)
			whole = l.buf
		}
		if err == nil && !open || errors.Is(err, io.EOF) {
			l.record = l.trimEnd(whole)
			if open {
				return nil, errUnclosed
			}
			return l.record, l.check()
		}
	}
}

// keep adds to the record's own buffer. A long record gets room for the longest at once: memory that is not written to is not taken, and a
// buffer that grows is there twice.
func (l *lines) keep(part []byte) {
	const small = 1 << 20
	if need := len(l.buf) + len(part); need > cap(l.buf) && need > small {
		l.buf = append(make([]byte, 0, longestRow+rowBuffer), l.buf...)
	}
	l.buf = append(l.buf, part...)
}

func (l *lines) trimEnd(line []byte) []byte {
	if l.end == '\r' {
		return bytes.TrimSuffix(line, []byte("\r"))
	}
	return bytes.TrimSuffix(bytes.TrimSuffix(line, []byte("\n")), []byte("\r"))
}

// check finds bytes that are no text.
func (l *lines) check() error {
	if i := bytes.IndexByte(l.record, 0); i >= 0 {
		return l.faultAt(i, `invalid byte sequence for encoding "UTF8": 0x00: no text in PostgreSQL holds a zero byte`)
	}
	switch {
	case l.enc.utf8 && !utf8.Valid(l.record):
		i := 0
		for {
			r, size := utf8.DecodeRune(l.record[i:])
			if r == utf8.RuneError && size <= 1 {
				break
			}
			i += size
		}
		if l.enc.reads == littleUTF16 || l.enc.reads == bigUTF16 {
			return advise(l.faultAt(i, "half a character of UTF-16"), "Save the file as UTF-8, or generate the export again.")
		}
		return advise(l.faultAt(i, `invalid byte sequence for encoding "UTF8": %s`, hex(l.record[i:])),
			"Convert the file to UTF-8 (iconv -f LATIN1 -t UTF-8, or -f CP1252 for a file from Windows), or generate the export again.")
	case l.enc.ascii:
		if i := bytes.IndexFunc(l.record, func(r rune) bool { return r >= utf8.RuneSelf }); i >= 0 {
			return l.faultAt(i, "the file is in the client encoding %s, in which a character can hold a quote or a comma; "+
				"save it as UTF-8, and make client_encoding UTF8 (PGCLIENTENCODING, or in database-url)", l.enc.sends)
		}
	}
	return nil
}

// hex gives the bytes of a character that is none, as the server does.
func hex(b []byte) string {
	n := 1
	switch c := b[0]; {
	case c >= 0xf0 && c < 0xf8:
		n = 4
	case c >= 0xe0 && c < 0xf0:
		n = 3
	case c >= 0xc0 && c < 0xe0:
		n = 2
	}
	text := ""
	for i, c := range b[:min(n, len(b))] {
		if i > 0 {
			text += " "
		}
		text += fmt.Sprintf("0x%02x", c)
	}
	return text
}

// errUnclosed says that a file ends while a double quote is open.
var errUnclosed = errors.New("a double quote is never closed")

// unclosed is the error of the double quote at an offset that is never closed.
func (l *lines) unclosed(offset int) error {
	return advise(l.faultAt(offset, "%s", errUnclosed), "Close it, or write a double quote that belongs to the text as two.")
}

// advise says what to do about an error.
func advise(err error, remedy string) error {
	var p *problem.Error
	if errors.As(err, &p) {
		p.Remedy = remedy
	}
	return err
}

// fault is an error of the record read last, as a whole.
func (l *lines) fault(format string, args ...any) error {
	return &problem.Error{Code: problem.Data, At: problem.Place{File: l.name, Line: l.line}, What: fmt.Sprintf(format, args...)}
}

// faultAt is an error at an offset in the record read last.
func (l *lines) faultAt(offset int, format string, args ...any) error {
	return &problem.Error{Code: problem.Data, At: l.place(offset), What: fmt.Sprintf(format, args...)}
}

// place gives the place of an offset in the record read last.
func (l *lines) place(offset int) problem.Place {
	before := l.record[:min(offset, len(l.record))]
	return problem.Place{File: l.name, Line: l.line + bytes.Count(before, []byte{l.end}), Column: len(before) - bytes.LastIndexByte(before, l.end)}
}
