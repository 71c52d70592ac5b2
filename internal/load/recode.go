package load

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"

	"github.com/jackc/pgx/v5/pgconn"
)

const (
	recodeSize  = 256 << 10 // bytes of text that are turned into binary at a time
	longestLine = 1 << 20   // bytes of a row that is waited for; one that is longer goes as text
)

// recoder reads the rows of a COPY in its text format and gives them in its binary format, up to the first row that is not
// surely what the server would make of it. That one, and those after it, are left for a COPY as written.
type recoder struct {
	sql     string // the COPY that takes them
	in      io.Reader
	encoder *encoder
	seen    *seenTable
	text    []byte // read and not yet encoded
	some    bool   // rows were encoded
	ended   bool   // of in
	err     error  // of in, but for its end
	left    bool   // rows are left, or all of in is not read
	out     []byte
	sent    int // bytes of out
	over    bool
}

// recode gives a recoder for the rows of a COPY, nil where they go as they are.
func (r *run) recode(ctx context.Context, info sqltext.Statement, a *copyAhead) (*recoder, error) {
	if a.decision.Rows != strategy.CopyBinary {
		return nil, nil //nolint:nilnil // as said
	}
	columns := info.Copy.Columns
	names, e, ok := a.plan.encoder(columns, 0)
	if !ok || e.codecs == nil {
		return nil, nil //nolint:nilnil // as said
	}
	seen, err := r.see(ctx, a.plan, names, e)
	if err != nil {
		return nil, err
	}
	c := newRecoder(a.all, e, seen)
	c.sql = copyStatementFor(info.Relations[0], columns, true)
	return c, nil
}

func newRecoder(in io.Reader, e *encoder, seen *seenTable) *recoder {
	return &recoder{in: in, encoder: e, seen: seen, out: bytes.Clone(binaryHeader)}
}

// sendRecoded sends a COPY of many rows in the one transaction.
func (r *run) sendRecoded(ctx context.Context, text []byte, c *recoder) (tag pgconn.CommandTag, err error) {
	tag, err = r.copyRecoded(ctx, string(text), c, c)
	c.seen.add(tag.RowsAffected())
	if mayBeRow(err) && ctx.Err() == nil {
		err = errAgain // as written the server says which line it is
	}
	return tag, err
}

// copyRecoded sends what c encodes, which comes by way of rows, and what it leaves as text. Call it in a transaction, for that is
// one COPY to the script.
func (r *run) copyRecoded(ctx context.Context, text string, rows io.Reader, c *recoder) (pgconn.CommandTag, error) {
	tag, err := r.session.CopyIn(ctx, c.sql, rows)
	if err != nil || !c.left {
		return tag, err
	}
	rest, err := r.session.CopyIn(ctx, text, c.rest())
	return pgconn.NewCommandTag(fmt.Sprintf("COPY %d", tag.RowsAffected()+rest.RowsAffected())), err
}

// rest gives what was not encoded.
func (c *recoder) rest() io.Reader { return io.MultiReader(bytes.NewReader(c.text), c.in) }

// Read implements io.Reader.
func (c *recoder) Read(p []byte) (int, error) {
	for c.sent == len(c.out) {
		if c.over {
			return 0, firstError(c.err, io.EOF)
		}
		c.out, c.sent = c.out[:0], 0
		c.advance()
	}
	n := copy(p, c.out[c.sent:])
	c.sent += n
	return n, nil
}

// advance encodes the rows that are there, and reads more. At the end it adds what ends them.
func (c *recoder) advance() {
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
	case rest > longestLine:
		c.left = true
	default:
		c.fill()
		return
	}
	if c.left {
		c.over = true
		c.seen.miss()
	}
	if c.over && c.err == nil {
		c.out = append(c.out, binaryTrailer...)
	}
}

// fill reads more text.
func (c *recoder) fill() {
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
func (c *recoder) row(line []byte) bool {
	before := len(c.out)
	out, ok := c.encoder.line(c.out, line)
	if !ok {
		c.left = true
		out = out[:before]
		if c.some && bytes.IndexByte(line, '\r') >= 0 { // lines end as the first one does, but the server has not seen that as text
			c.over, c.err = true, errAgain
		}
	}
	c.out, c.some = out, c.some || ok
	return ok
}

// unescaped are the characters that stand behind a backslash in COPY's text format for others, or for themselves. Others mean
// more than one character.
var unescaped = [256]byte{'\\': '\\', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t', 'v': '\v'}

// line appends a row of COPY's text format in its binary format.
func (e *encoder) line(dst, line []byte) (out []byte, ok bool) {
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
