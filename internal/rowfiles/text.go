package rowfiles

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"unicode"
	"unicode/utf16"
	"unicode/utf8"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// encoding is how the bytes of a file are characters, and how they are sent.
type encoding struct {
	database string // that of the database, which decides how long names may be

	reads form
	utf8  bool   // what is read is UTF-8, and must be
	ascii bool   // other characters cannot be told from each other here: the client encoding's may hold quotes and commas
	sends string // the client encoding that rows are sent in
	most  rune   // the last character that a JSON escape may stand for
	limit string // why none after it, in words that follow "which"
}

// name gives a name in the file's text as UTF-8; as it is where that cannot be done.
func (e *encoding) name(text []byte) string {
	if !e.utf8 {
		if name, ok := sqltext.ToUTF8(string(text), e.sends); ok {
			return name
		}
	}
	return string(text)
}

// form is how bytes become the text that is read.
type form int

// The forms. Bytes in another encoding than these are read as they are.
const (
	asIs form = iota
	littleUTF16
	bigUTF16
	latin1
)

// Encodings that PostgreSQL names so.
const (
	utf8Name   = "UTF8"
	latin1Name = "LATIN1"
	noEncoding = "SQL_ASCII"
)

// SessionEncoding gives the client encoding to plan and to load in, by those of the client and the database: names of tables and most
// rows are UTF-8, which a database without an encoding would not convert.
func SessionEncoding(client, database string) string {
	if database == noEncoding {
		return client
	}
	return utf8Name
}

// encodingOf tells the encoding of a file by its beginning, and by those of the client and the database. What says of itself that it
// is UTF-8 or UTF-16 is; anything else is in the client encoding, as to psql.
func encodingOf(head []byte, client, database string) (e encoding, mark int, err error) {
	e = encoding{database: database, sends: client, most: unicode.MaxRune}
	is := client
	if is == noEncoding {
		is = database
	}
	switch {
	case bytes.HasPrefix(head, []byte("\xff\xfe\x00\x00")), bytes.HasPrefix(head, []byte("\x00\x00\xfe\xff")):
		return e, 0, errors.New("this is UTF-32, which is not read here: save it as UTF-8")
	case bytes.HasPrefix(head, []byte("\ufeff")):
		mark, is = 3, utf8Name
	case bytes.HasPrefix(head, []byte("\xff\xfe")):
		mark, e.reads = 2, littleUTF16
	case bytes.HasPrefix(head, []byte("\xfe\xff")):
		mark, e.reads = 2, bigUTF16
	default:
		e.reads = unmarkedUTF16(head)
	}
	switch {
	case e.reads != asIs || is == utf8Name:
		e.utf8 = true
		if e.reads != asIs || mark > 0 || database != noEncoding {
			e.sends = utf8Name
		}
	case database == noEncoding: // bytes go into it as they are
	case is == latin1Name:
		e.reads, e.utf8, e.sends = latin1, true, utf8Name
	default:
		e.ascii = sqltext.UnsafeEncoding(is)
		e.most, e.limit = unicode.MaxASCII, fmt.Sprintf("cannot be written among text in the client encoding %s: make it UTF8 (PGCLIENTENCODING, or client_encoding in database-url) and save the file as UTF-8", is)
	}
	switch database {
	case latin1Name:
		e.most, e.limit = unicode.MaxLatin1, "has no equivalent in the database's encoding LATIN1"
	case noEncoding:
		e.most, e.limit = unicode.MaxASCII, "no database in SQL_ASCII knows"
	}
	return e, mark, nil
}

// unmarkedUTF16 tells UTF-16 without a mark by its zeroes: half of the first character, or of many, and none of any text.
func unmarkedUTF16(head []byte) form {
	const enough = 512 // bytes
	head = head[:min(len(head), enough)]
	var zeroes [2]int
	for i, c := range head {
		if c == 0 {
			zeroes[i%2]++
		}
	}
	plainly := func(half int) bool {
		const few, many = 4, 8 // the other half of a character may be zero, too
		return zeroes[half] > few*zeroes[1-half] && (head[half] == 0 || many*zeroes[half] > len(head))
	}
	switch {
	case plainly(1):
		return littleUTF16
	case plainly(0):
		return bigUTF16
	}
	return asIs
}

// looksUTF8 reports whether a text in some encoding is likely to be UTF-8: it has characters beside ASCII, and is valid. It may be cut.
func looksUTF8(head []byte) bool {
	beside := bytes.ContainsFunc(head, func(r rune) bool { return r >= utf8.RuneSelf })
	for i := len(head) - 1; i >= 0 && i >= len(head)-utf8.UTFMax; i-- {
		if utf8.RuneStart(head[i]) {
			if !utf8.FullRune(head[i:]) {
				head = head[:i]
			}
			break
		}
	}
	return beside && utf8.Valid(head)
}

// decoded gives what is read of a file's bytes.
func decoded(in *bufio.Reader, f form) io.Reader {
	switch f {
	case littleUTF16:
		return &transformed{in: in, next: func(dst, src []byte) ([]byte, int) { return fromUTF16(dst, src, binary.LittleEndian) }}
	case bigUTF16:
		return &transformed{in: in, next: func(dst, src []byte) ([]byte, int) { return fromUTF16(dst, src, binary.BigEndian) }}
	case latin1:
		return &transformed{in: in, next: fromLatin1}
	}
	return in
}

// transformed gives what next makes of the bytes of in: it appends to dst, and says how many of src it took. What is left of src at the
// end is no character.
type transformed struct {
	in   *bufio.Reader
	next func(dst, src []byte) ([]byte, int)
	out  []byte
	sent int
	err  error
}

// Read implements io.Reader.
func (t *transformed) Read(p []byte) (int, error) {
	const some = 32 << 10 // bytes at a time
	for t.sent == len(t.out) {
		if t.err != nil {
			return 0, t.err
		}
		src, err := t.in.Peek(some)
		if err != nil && !errors.Is(err, io.EOF) {
			t.err = err
			return 0, err
		}
		var taken int
		t.out, taken = t.next(t.out[:0], src)
		t.sent = 0
		if taken == 0 {
			t.err = io.EOF
			if len(src) > 0 { // half a character
				t.out = append(t.out, 0xff)
			}
		}
		_, _ = t.in.Discard(taken)
	}
	n := copy(p, t.out[t.sent:])
	t.sent += n
	return n, nil
}

func fromLatin1(dst, src []byte) ([]byte, int) {
	for _, c := range src {
		dst = utf8.AppendRune(dst, rune(c))
	}
	return dst, len(src)
}

// fromUTF16 makes UTF-8. Half a pair, which is no character, becomes bytes that are no UTF-8, to be refused where they stand.
func fromUTF16(dst, src []byte, order binary.ByteOrder) ([]byte, int) {
	const unit = 2 // bytes
	i := 0
	for i+unit <= len(src) {
		r := rune(order.Uint16(src[i:]))
		if !utf16.IsSurrogate(r) {
			dst = utf8.AppendRune(dst, r)
			i += unit
			continue
		}
		if i+2*unit <= len(src) {
			if whole := utf16.DecodeRune(r, rune(order.Uint16(src[i+unit:]))); whole != unicode.ReplacementChar {
				dst = utf8.AppendRune(dst, whole)
				i += 2 * unit
				continue
			}
		} else if i > 0 {
			break // the other half may follow
		}
		dst = append(dst, 0xe0|byte(r>>12), 0x80|byte(r>>6)&0x3f, 0x80|byte(r)&0x3f)
		i += unit
	}
	return dst, i
}
