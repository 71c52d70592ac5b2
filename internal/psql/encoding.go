package psql

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/width"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// clientEncoding is what the reader must know of an encoding: where its characters end. In all but a few encodings every
// byte of a character of several bytes has its high bit set, so that none is taken for a quote, a backslash or a letter.
// In the unsafe ones (which PostgreSQL therefore has for clients only) the later bytes may look like anything.
type clientEncoding struct {
	unsafe  bool
	length  func(b []byte) int // bytes of the character that b begins with; at least 1, at most len(b)
	decoder encoding.Encoding  // nil: UTF-8 or not known
}

// encodingOf knows the client encodings by PostgreSQL's names for them, as the parameter client_encoding reports them.
func encodingOf(name string) clientEncoding {
	double := func(b []byte) int { // two bytes, the first with its high bit set
		if b[0] >= 0x80 {
			return min(2, len(b))
		}
		return 1
	}
	switch name {
	case "", "UTF8":
		return clientEncoding{length: utf8Length}
	case "SJIS", "SHIFT_JIS_2004":
		return clientEncoding{unsafe: true, decoder: sqltext.Charset(name), length: func(b []byte) int {
			if b[0] >= 0xa1 && b[0] <= 0xdf { // half-width katakana
				return 1
			}
			return double(b)
		}}
	case "BIG5", "GBK", "UHC":
		return clientEncoding{unsafe: true, decoder: sqltext.Charset(name), length: double}
	case "JOHAB":
		return clientEncoding{unsafe: true, length: eucLength}
	case "GB18030":
		return clientEncoding{unsafe: true, decoder: sqltext.Charset(name), length: func(b []byte) int {
			switch {
			case b[0] < 0x80:
				return 1
			case len(b) > 1 && b[1] >= 0x30 && b[1] <= 0x39:
				return min(4, len(b))
			}
			return min(2, len(b))
		}}
	case "EUC_JP", "EUC_JIS_2004", "EUC_KR", "EUC_CN", "EUC_TW":
		return clientEncoding{length: eucLength}
	}
	one := clientEncoding{length: func([]byte) int { return 1 }, decoder: sqltext.Charset(name)}
	if one.decoder == nil {
		one.decoder = charmap.ISO8859_1
	}
	return one
}

func utf8Length(b []byte) int {
	switch c := b[0]; { // as the server counts: by the first byte alone
	case c < 0xc0:
		return 1
	case c < 0xe0:
		return min(2, len(b))
	case c < 0xf0:
		return min(3, len(b))
	case c < 0xf8:
		return min(4, len(b))
	}
	return 1
}

// eucLength is that of EUC_JP, near enough for the others: a three-byte character begins with 0x8f.
func eucLength(b []byte) int {
	switch {
	case b[0] == 0x8f:
		return min(3, len(b))
	case b[0] >= 0x80:
		return min(2, len(b))
	}
	return 1
}

// columns gives how many columns of a screen the character takes that b begins with.
func (e clientEncoding) columns(b []byte) int {
	if e.decoder != nil || e.unsafe {
		return e.length(b)
	}
	r, _ := utf8.DecodeRune(b)
	if unseen(r) {
		return len(escaped(r))
	}
	if k := width.LookupRune(r).Kind(); k == width.EastAsianWide || k == width.EastAsianFullwidth {
		return 2
	}
	return 1
}

// decode gives text as UTF-8, for people to read.
func (e clientEncoding) decode(b []byte) string {
	if e.decoder != nil {
		if s, err := e.decoder.NewDecoder().Bytes(b); err == nil {
			return string(s)
		}
	}
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) && r != '\t' {
			return ' '
		}
		return r
	}, Visible(strings.ToValidUTF8(string(b), "?")))
}

// unseen tells whether a character takes no room on a screen, or looks like a blank that it is not to PostgreSQL.
func unseen(r rune) bool {
	return r >= 0x80 && (unicode.In(r, unicode.Cf, unicode.Zs, unicode.Zl, unicode.Zp, unicode.Other_Default_Ignorable_Code_Point) || unicode.IsControl(r))
}

func escaped(r rune) string {
	if r > 0xffff {
		return fmt.Sprintf(`\U%08x`, r)
	}
	return fmt.Sprintf(`\u%04x`, r)
}

// Visible writes characters that cannot be seen as \u200b: where one stands in an error, it mostly is the error.
func Visible(text string) string {
	if !strings.ContainsFunc(text, unseen) {
		return text
	}
	var b strings.Builder
	for _, r := range text {
		if unseen(r) {
			b.WriteString(escaped(r))
		} else {
			b.WriteRune(r)
		}
	}
	return b.String()
}

// EncodingName gives PostgreSQL's name for an encoding as a script may write it, as in SET client_encoding: in any case, with or
// without punctuation, by an older name.
func EncodingName(written string) string {
	name := strings.ToUpper(strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) || unicode.IsDigit(r) {
			return r
		}
		return -1
	}, written))
	if canonical := otherNames[name]; canonical != "" {
		return canonical
	}
	if page, ok := strings.CutPrefix(name, "WINDOWS"); ok {
		return "WIN" + page
	}
	return name
}

var otherNames = map[string]string{
	"UNICODE": "UTF8", "ISO88591": "LATIN1", "ISO88592": "LATIN2", "ISO885915": "LATIN9", "KOI8": "KOI8R", "SQLASCII": "SQL_ASCII",
	"MSKANJI": "SJIS", "SHIFTJIS": "SJIS", "WIN932": "SJIS", "WINDOWS932": "SJIS", "SHIFTJIS2004": "SHIFT_JIS_2004",
	"EUCJP": "EUC_JP", "EUCJIS2004": "EUC_JIS_2004", "EUCKR": "EUC_KR", "EUCCN": "EUC_CN", "EUCTW": "EUC_TW", "WIN949": "UHC", "WINDOWS949": "UHC",
	"WIN936": "GBK", "WINDOWS936": "GBK", "WIN950": "BIG5", "WINDOWS950": "BIG5",
}

// Masked gives text in the client encoding as the scanner sees it: where the later bytes of a character could be taken for
// something else (in SJIS, BIG5, GBK, UHC, GB18030 and JOHAB) they are replaced by 0xff.
func Masked(text []byte, encoding string) []byte { return encodingOf(encoding).masked(text) }
