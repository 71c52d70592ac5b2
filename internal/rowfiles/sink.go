package rowfiles

import "io"

// sink takes rows in COPY's text format, and passes them on in pieces: a row may be as long as memory allows only once.
//
// What is written stands at a level: 0 for a field of the row, one more for an element of an array, a field of a composite type or a
// part of an hstore in it, which are in double quotes. Each level escapes what the one below takes for its own.
type sink struct {
	w   io.Writer
	buf []byte
	err error
}

// sinkSize is how many bytes of rows are passed on at a time.
const sinkSize = 64 << 10

// null is COPY's NULL.
const null = `\N`

// pass passes on what was written, if there is enough of it.
func (s *sink) pass() {
	if len(s.buf) >= sinkSize {
		s.flush()
	}
}

func (s *sink) flush() {
	if s.err == nil && len(s.buf) > 0 {
		_, s.err = s.w.Write(s.buf)
	}
	s.buf = s.buf[:0]
}

// plain writes what means itself at every level.
func (s *sink) plain(text string) { s.buf = append(s.buf, text...) }

// escaped are the letters that stand for characters behind a backslash in COPY's text format. Quotes are escaped above level 0 alone.
var escaped = [256]byte{'\\': '\\', '\n': 'n', '\r': 'r', '\t': 't', '"': '"'}

// text writes the text of a value at a level.
func (s *sink) text(b []byte, level int) {
	from := 0
	for i, c := range b {
		if escaped[c] == 0 || c == '"' && level == 0 {
			continue
		}
		s.long(b[from:i])
		s.special(c, level)
		from = i + 1
	}
	s.long(b[from:])
}

// long writes text without special characters.
func (s *sink) long(b []byte) {
	for len(b) > sinkSize {
		s.buf = append(s.buf, b[:sinkSize]...)
		s.flush()
		b = b[sinkSize:]
	}
	s.buf = append(s.buf, b...)
	s.pass()
}

// special writes a character that is special at some level.
func (s *sink) special(c byte, level int) {
	switch {
	case level > 0 && (c == '"' || c == '\\'):
		s.special('\\', level-1)
		s.special(c, level-1)
	case level > 0:
		s.special(c, level-1)
	case c == '"':
		s.buf = append(s.buf, c)
	default:
		s.buf = append(s.buf, '\\', escaped[c])
	}
}

// quote writes a double quote around what stands at a level above 0.
func (s *sink) quote(level int) { s.special('"', level-1) }
