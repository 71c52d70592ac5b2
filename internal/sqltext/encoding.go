package sqltext

import (
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding"
	"golang.org/x/text/encoding/charmap"
	"golang.org/x/text/encoding/japanese"
	"golang.org/x/text/encoding/korean"
	"golang.org/x/text/encoding/simplifiedchinese"
	"golang.org/x/text/encoding/traditionalchinese"
)

// charsets are the encodings that are known well enough for names, by the server's names for them.
var charsets = map[string]encoding.Encoding{
	"LATIN1": charmap.ISO8859_1, "LATIN2": charmap.ISO8859_2, "LATIN3": charmap.ISO8859_3, "LATIN4": charmap.ISO8859_4, "LATIN5": charmap.ISO8859_9,
	"LATIN6": charmap.ISO8859_10, "LATIN7": charmap.ISO8859_13, "LATIN8": charmap.ISO8859_14, "LATIN9": charmap.ISO8859_15, "LATIN10": charmap.ISO8859_16,
	"ISO_8859_5": charmap.ISO8859_5, "ISO_8859_6": charmap.ISO8859_6, "ISO_8859_7": charmap.ISO8859_7, "ISO_8859_8": charmap.ISO8859_8,
	"WIN1250": charmap.Windows1250, "WIN1251": charmap.Windows1251, "WIN1252": charmap.Windows1252, "WIN1253": charmap.Windows1253,
	"WIN1254": charmap.Windows1254, "WIN1255": charmap.Windows1255, "WIN1256": charmap.Windows1256, "WIN1257": charmap.Windows1257,
	"WIN1258": charmap.Windows1258, "WIN866": charmap.CodePage866, "WIN874": charmap.Windows874, "KOI8R": charmap.KOI8R, "KOI8U": charmap.KOI8U,
	"SJIS": japanese.ShiftJIS, "SHIFT_JIS_2004": japanese.ShiftJIS, "BIG5": traditionalchinese.Big5, "GBK": simplifiedchinese.GBK,
	"UHC": korean.EUCKR, "GB18030": simplifiedchinese.GB18030,
}

// Charset gives an encoding by the server's name for it; nil where it is UTF-8 or not known.
func Charset(name string) encoding.Encoding { return charsets[name] }

// ToUTF8 gives text in the client encoding as UTF-8. It reports false where the encoding is not known well enough for that, or the
// text is none of it.
func ToUTF8(text, encoding string) (string, bool) {
	charset := Charset(encoding)
	switch {
	case !strings.ContainsFunc(text, func(r rune) bool { return r >= utf8.RuneSelf }):
		return text, true
	case encoding == "UTF8":
		return text, utf8.ValidString(text)
	case charset == nil:
		return "", false
	}
	s, err := charset.NewDecoder().String(text)
	return s, err == nil && !strings.ContainsRune(s, utf8.RuneError)
}

// UnsafeEncoding reports whether in a client encoding, by the server's name for it, a later byte of a character may look like a quote,
// a backslash or another character of ASCII. The server has none of them for databases.
func UnsafeEncoding(name string) bool {
	switch name {
	case "BIG5", "GBK", "GB18030", "JOHAB", "SJIS", "SHIFT_JIS_2004", "UHC":
		return true
	}
	return false
}

// LongestName is how many bytes of a name PostgreSQL keeps for certain (NAMEDATALEN - 1).
const LongestName = 63

// ClipName gives a name, in UTF-8, as a server has it whose database is in an encoding: what is too long there is cut off, between two
// characters. In encodings other than UTF8 that are not known here it is cut as in UTF8.
func ClipName(name, encoding string) string {
	end := min(len(name), LongestName)
	switch {
	case encoding == "SQL_ASCII": // which knows no characters
		return name[:end]
	case Charset(encoding) != nil && !UnsafeEncoding(encoding): // a byte each
		if characters := []rune(name); len(characters) > LongestName {
			return string(characters[:LongestName])
		}
		return name
	}
	for end < len(name) && end > 0 && !utf8.RuneStart(name[end]) {
		end--
	}
	return name[:end]
}
