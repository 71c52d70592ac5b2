package copycodec

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

const recodeSize = 256 << 10 // bytes of text that are turned into binary at a time

// LongestLine is how long a row is waited for, in bytes; one that is longer goes as text.
const LongestLine = 1 << 20

// ErrUnsure says that rows which were given already may not be what the server makes of the text.
var ErrUnsure = errors.New("rows must go as written")

// Reader reads the rows of a COPY in its text format and gives them in its binary format, up to the first row that is not surely
// what the server would make of it. That one, and those after it, are left for a COPY as written.
type Reader struct {
	in      io.Reader
	encoder *Encoder
	text    []byte // read and not yet encoded
	some    bool   // rows were encoded
	ended   bool   // of in
	err     error  // of in, but for its end
	left    bool   // rows are left, or all of in is not read
	out     []byte
	sent    int // bytes of out
	over    bool
}

// NewReader gives a reader of text, by an encoder to the binary format.
func NewReader(text io.Reader, e *Encoder) *Reader {
	return &Reader{in: text, encoder: e, out: bytes.Clone(Header)}
}

// Left reports whether rows are left for a COPY as written. It is known when all has been read.
func (c *Reader) Left() bool { return c.left }

// Rest gives what was not encoded, as it is.
func (c *Reader) Rest() io.Reader { return io.MultiReader(bytes.NewReader(c.text), c.in) }

// Read implements io.Reader.
func (c *Reader) Read(p []byte) (int, error) {
	for c.sent == len(c.out) {
		if c.over {
			if c.err != nil {
				return 0, c.err
			}
			return 0, io.EOF
		}
		c.out, c.sent = c.out[:0], 0
		c.advance()
	}
	n := copy(p, c.out[c.sent:])
	c.sent += n
	return n, nil
}

// advance encodes the rows that are there, and reads more. At the end it adds what ends them.
func (c *Reader) advance() {
	from := 0
	for !c.left {
		end := bytes.IndexByte(c.text[from:], '\n')
		if end < 0 {
			break
		}
		if !c.row(c.text[from : from+end]) {
			break
		}
		from += end + 1
	}
	rest := copy(c.text, c.text[from:])
	c.text = c.text[:rest]
	switch {
	case c.left:
	case c.ended && rest > 0: // the last row has no newline
		if c.row(c.text) {
			c.text = c.text[:0]
		}
		c.over = true
	case c.ended:
		c.over = true
	case rest > LongestLine:
		c.left = true
	default:
		c.fill()
		return
	}
	if c.left {
		c.over = true
	}
	if c.over && c.err == nil {
		c.out = append(c.out, Trailer...)
	}
}

// fill reads more text.
func (c *Reader) fill() {
	have := len(c.text)
	if cap(c.text)-have < recodeSize {
		c.text = append(make([]byte, 0, max(2*cap(c.text), have+recodeSize)), c.text...)
	}
	n, err := c.in.Read(c.text[have : have+recodeSize])
	c.text = c.text[:have+n]
	if err == nil {
		return
	}
	c.ended = true
	if !errors.Is(err, io.EOF) {
		c.err = err
		c.over = true
	}
}

// row encodes one row. One that it cannot is left, as is all that follows.
func (c *Reader) row(line []byte) bool {
	before := len(c.out)
	out, ok := c.encoder.line(c.out, line)
	if !ok {
		c.left = true
		out = out[:before]
		if c.some && bytes.IndexByte(line, '\r') >= 0 { // lines end as the first one does, but the server has not seen that as text
			c.over, c.err = true, ErrUnsure
		}
	}
	c.out, c.some = out, c.some || ok
	return ok
}

// unescaped are the characters that stand behind a backslash in COPY's text format for others, or for themselves. Others mean
// more than one character.
var unescaped = [256]byte{'\\': '\\', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// line appends a row of COPY's text format in its binary format.
func (e *Encoder) line(dst, line []byte) (out []byte, ok bool) {
	escapes := bytes.IndexByte(line, '\\') >= 0
	if bytes.IndexByte(line, '\r') >= 0 || bytes.IndexByte(line, 0) >= 0 {
		return dst, false
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(len(e.codecs)))
	for column, codec := range e.codecs {
		field := line
		switch end := bytes.IndexByte(line, '\t'); {
		case end < 0 && column < len(e.codecs)-1, end >= 0 && column == len(e.codecs)-1:
			return dst, false
		case end >= 0:
			field, line = line[:end], line[end+1:]
		}
		if escapes && bytes.IndexByte(field, '\\') >= 0 {
			if len(field) == 2 && field[1] == 'N' {
				dst = append(dst, 0xff, 0xff, 0xff, 0xff)
				continue
			}
			if e.scratch, ok = unescape(e.scratch[:0], field); !ok {
				return dst, false
			}
			field = e.scratch
		}
		at := len(dst)
		if dst, ok = codec(dst, field); !ok {
			return dst, false
		}
		e.show(column, dst[at:])
	}
	return dst, true
}

// unescape appends a field without its escapes.
func unescape(dst, field []byte) (out []byte, ok bool) {
	for {
		i := bytes.IndexByte(field, '\\')
		if i < 0 {
			return append(dst, field...), true
		}
		if i+1 == len(field) || unescaped[field[i+1]] == 0 {
			return dst, false
		}
		dst = append(append(dst, field[:i]...), unescaped[field[i+1]])
		field = field[i+2:]
	}
}
