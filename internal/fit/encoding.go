package fit

import (
	"bytes"
	"strings"
	"unicode/utf8"

	"golang.org/x/text/encoding/charmap"
)

// encodingRemedy says which encoding a file seems to have that is not UTF-8.
func encodingRemedy(file []byte) string {
	seems := seemingEncoding(file)
	if seems == "" {
		return "The file is not in the encoding that the script sets or the database has (UTF8): convert it (iconv), or write SET client_encoding at the script's beginning."
	}
	if seems == "UTF-16" {
		return "The file seems to be in UTF-16: convert it to UTF-8 (iconv -f UTF-16 -t UTF-8)."
	}
	return "The file seems to be in " + seems + ": convert it to UTF-8 (iconv -f " + strings.Replace(seems, "WIN", "CP", 1) + " -t UTF-8), or write SET client_encoding = '" + seems + "'; at the script's beginning."
}

// seemingEncoding guesses an encoding, by PostgreSQL's name; "" where there is no good guess.
func seemingEncoding(file []byte) string {
	if bytes.HasPrefix(file, []byte("\xff\xfe")) || bytes.HasPrefix(file, []byte("\xfe\xff")) || bytes.Count(file, []byte{0}) > len(file)/4 && len(file) > 0 {
		return "UTF-16"
	}
	high, pairs, c1, undefined, cyrillic := 0, 0, 0, 0, 0
	for i, c := range file {
		if c < 0x80 {
			continue
		}
		high++
		if i > 0 && file[i-1] >= 0x80 {
			pairs++
		}
		switch {
		case charmap.Windows1252.DecodeByte(c) == utf8.RuneError:
			undefined++
		case c < 0xa0:
			c1++
		case c >= 0xc0, c == 0xa8, c == 0xb8:
			cyrillic++
		}
	}
	switch {
	case high == 0:
		return ""
	case 3*pairs < 2*high: // accents stand alone among letters
		if undefined > 0 {
			return ""
		}
		if c1 > 0 {
			return "WIN1252"
		}
		return "LATIN1"
	case 10*cyrillic >= 9*high:
		return "WIN1251"
	}
	return ""
}
