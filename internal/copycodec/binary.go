package copycodec

import (
	"bytes"
	"encoding/binary"
	"math"
	"strconv"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// The server spends most of a COPY on turning text into values. COPY's binary format spares it that for the types below,
// where it is sure what the text means: each codec takes only spellings for which the type's input function could give
// nothing else, and says no to the rest, which then goes as text.

// Codec appends one value of COPY's binary format (its length and its bytes), given the text that the type's input function
// would be given.
type Codec func(dst, text []byte) (out []byte, ok bool)

// Header begins a COPY in binary format: signature, flags, length of the extension. Trailer ends it.
var (
	Header  = []byte("PGCOPY\n\xff\r\n\x00\x00\x00\x00\x00\x00\x00\x00\x00")
	Trailer = []byte{0xff, 0xff}
)

// CodecFor gives the codec of a column's type (of pg_catalog, or "enum"), nil if there is none. utc says that a timestamp
// without a zone is one of UTC.
func CodecFor(typname string, utc bool) Codec {
	switch typname {
	case "int2":
		return integerCodec(2)
	case "int4":
		return integerCodec(4)
	case "int8":
		return integerCodec(8)
	case "bool":
		return boolCodec
	case "text", "varchar", "bpchar", "json", "enum":
		return bytesCodec
	case "jsonb":
		return jsonbCodec
	case "numeric":
		return numericCodec
	case "float8":
		return float8Codec
	case "timestamptz":
		return timestampCodec(true, utc)
	case "timestamp":
		return timestampCodec(false, true)
	case "date":
		return dateCodec
	case "uuid":
		return uuidCodec
	case "bytea":
		return byteaCodec
	}
	return nil
}

func lengthOf(dst []byte, n int) []byte {
	return binary.BigEndian.AppendUint32(dst, uint32(n))
}

func bytesCodec(dst, text []byte) ([]byte, bool) {
	return append(lengthOf(dst, len(text)), text...), true
}

func jsonbCodec(dst, text []byte) ([]byte, bool) {
	return append(append(lengthOf(dst, len(text)+1), 1), text...), true // 1 is the format's version
}

func boolCodec(dst, text []byte) ([]byte, bool) {
	switch string(text) {
	case "t", "true", "1", "y", "yes", "on":
		return append(lengthOf(dst, 1), 1), true
	case "f", "false", "0", "n", "no", "off":
		return append(lengthOf(dst, 1), 0), true
	}
	return dst, false
}

// integerCodec takes a sign and digits that fit.
func integerCodec(size int) Codec {
	return func(dst, text []byte) ([]byte, bool) {
		digits := text
		negative := len(text) > 0 && text[0] == '-'
		if negative || len(text) > 0 && text[0] == '+' {
			digits = text[1:]
		}
		if len(digits) == 0 || len(digits) > 19 {
			return dst, false
		}
		var v uint64
		for _, c := range digits {
			if !sqltext.IsDigit(c) {
				return dst, false
			}
			v = v*10 + uint64(c-'0')
		}
		if v > 1<<63 || v == 1<<63 && !negative {
			return dst, false
		}
		if negative {
			v = -v
		}
		return appendInteger(dst, int64(v), size)
	}
}

// appendInteger appends a whole number of so many bytes, if it fits.
func appendInteger(dst []byte, v int64, size int) (out []byte, ok bool) {
	switch {
	case size == 8:
		return binary.BigEndian.AppendUint64(append(dst, 0, 0, 0, 8), uint64(v)), true
	case size == 4 && v == int64(int32(v)):
		return binary.BigEndian.AppendUint32(append(dst, 0, 0, 0, 4), uint32(v)), true
	case size == 2 && v == int64(int16(v)):
		return binary.BigEndian.AppendUint16(append(dst, 0, 0, 0, 2), uint16(v)), true
	}
	return dst, false
}

// float8Codec takes plain decimals: both sides round them to the nearest value. Exponents could run out of range.
func float8Codec(dst, text []byte) ([]byte, bool) {
	if len(text) == 0 || len(text) > 40 {
		return dst, false
	}
	for i, c := range text {
		if !sqltext.IsDigit(c) && c != '.' && (i > 0 || c != '-') {
			return dst, false
		}
	}
	v, err := strconv.ParseFloat(string(text), 64)
	if err != nil {
		return dst, false
	}
	return binary.BigEndian.AppendUint64(lengthOf(dst, 8), math.Float64bits(v)), true
}

// numericCodec takes a sign, digits and at most one point. The server's own format has digits of base 10,000, the weight of
// the first, and the number of decimal places to show.
func numericCodec(dst, text []byte) ([]byte, bool) {
	const maxPlaces = 1000 // far below the server's limit
	sign := uint16(0)
	if len(text) > 0 && (text[0] == '-' || text[0] == '+') {
		if text[0] == '-' {
			sign = 0x4000
		}
		text = text[1:]
	}
	whole, fraction := text, []byte(nil)
	if j := bytes.IndexByte(text, '.'); j >= 0 {
		whole, fraction = text[:j], text[j+1:]
	}
	if len(whole)+len(fraction) == 0 || len(whole) > maxPlaces || len(fraction) > maxPlaces {
		return dst, false
	}
	for len(whole) > 0 && whole[0] == '0' {
		whole = whole[1:]
	}
	start := len(dst)
	dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0) // filled in below
	places := len(fraction)
	weight := (len(whole)+3)/4 - 1
	for len(whole) > 0 {
		n := (len(whole)-1)%4 + 1
		v, ok := digitGroup(whole[:n])
		if !ok {
			return dst, false
		}
		dst = binary.BigEndian.AppendUint16(dst, v)
		whole = whole[n:]
	}
	for len(fraction) > 0 {
		n := min(4, len(fraction))
		v, ok := digitGroup(fraction[:n])
		if !ok {
			return dst, false
		}
		fraction = fraction[n:]
		for ; n < 4; n++ {
			v *= 10
		}
		if v == 0 && len(dst) == start+12 {
			weight-- // leading zeros of a number below one
			continue
		}
		dst = binary.BigEndian.AppendUint16(dst, v)
	}
	groups := (len(dst) - start - 12) / 2
	for groups > 0 && dst[len(dst)-1] == 0 && dst[len(dst)-2] == 0 { // trailing zeros
		dst = dst[:len(dst)-2]
		groups--
	}
	if groups == 0 {
		weight, sign = 0, 0
	}
	head := dst[start:]
	binary.BigEndian.PutUint32(head, uint32(8+2*groups))
	binary.BigEndian.PutUint16(head[4:], uint16(groups))
	binary.BigEndian.PutUint16(head[6:], uint16(int16(weight)))
	binary.BigEndian.PutUint16(head[8:], sign)
	binary.BigEndian.PutUint16(head[10:], uint16(places))
	return dst, true
}

// digitGroup reads up to four digits.
func digitGroup(text []byte) (v uint16, ok bool) {
	for _, c := range text {
		if !sqltext.IsDigit(c) {
			return 0, false
		}
		v = v*10 + uint16(c-'0')
	}
	return v, true
}

// digits2 reads two digits, -1 if they are none.
func digits2(b []byte) int {
	if sqltext.IsDigit(b[0]) && sqltext.IsDigit(b[1]) {
		return int(b[0]-'0')*10 + int(b[1]-'0')
	}
	return -1
}

// epochDays is 2000-01-01, PostgreSQL's epoch, in days from 0000-03-01.
var epochDays = daysFrom(2000, 1, 1)

// daysFrom counts days in the proleptic Gregorian calendar from 0000-03-01, a year being one that begins in March.
func daysFrom(y, m, d int) int {
	if m <= 2 {
		y--
		m += 12
	}
	return 365*y + y/4 - y/100 + y/400 + (153*(m-3)+2)/5 + d - 1
}

// parseDate reads YYYY-MM-DD at the beginning of text: days from PostgreSQL's epoch.
func parseDate(text []byte) (days int, ok bool) {
	if len(text) < 10 || text[4] != '-' || text[7] != '-' {
		return 0, false
	}
	century, year, m, d := digits2(text), digits2(text[2:]), digits2(text[5:]), digits2(text[8:])
	y := century*100 + year
	if century < 0 || year < 0 || y == 0 || m < 1 || m > 12 || d < 1 || d > daysIn(y, m) {
		return 0, false
	}
	return daysFrom(y, m, d) - epochDays, true
}

func daysIn(y, m int) int {
	switch m {
	case 2:
		if y%4 == 0 && (y%100 != 0 || y%400 == 0) {
			return 29
		}
		return 28
	case 4, 6, 9, 11:
		return 30
	}
	return 31
}

func dateCodec(dst, text []byte) ([]byte, bool) {
	days, ok := parseDate(text)
	if !ok || len(text) != 10 {
		return dst, false
	}
	return binary.BigEndian.AppendUint32(lengthOf(dst, 4), uint32(int32(days))), true
}

// timestampCodec takes ISO 8601: a date, T or a space, hours, minutes, seconds with up to six decimals, and for a type with
// a zone Z, +HH or +HH:MM. A type without one ignores it, as the server does. Without a zone the time is UTC's if utc is set,
// else not taken.
func timestampCodec(zoned, utc bool) Codec {
	return func(dst, text []byte) ([]byte, bool) {
		days, ok := parseDate(text)
		if !ok || len(text) < 19 || text[10] != 'T' && text[10] != ' ' || text[13] != ':' || text[16] != ':' {
			return dst, false
		}
		h, m, s := digits2(text[11:]), digits2(text[14:]), digits2(text[17:])
		if h < 0 || h > 23 || m < 0 || m > 59 || s < 0 || s > 59 {
			return dst, false
		}
		micros := int64(0)
		rest := text[19:]
		if len(rest) > 0 && rest[0] == '.' {
			scale := int64(100_000)
			i := 1
			for ; i < len(rest) && sqltext.IsDigit(rest[i]); i++ {
				if scale == 0 {
					return dst, false // more than six decimals are rounded
				}
				micros += int64(rest[i]-'0') * scale
				scale /= 10
			}
			if i == 1 {
				return dst, false
			}
			rest = rest[i:]
		}
		shift, ok := zoneShift(rest)
		if !ok || len(rest) == 0 && !utc {
			return dst, false
		}
		if !zoned {
			shift = 0
		}
		v := (int64(days)*86400+int64(h*3600+m*60+s-shift))*1_000_000 + micros
		return binary.BigEndian.AppendUint64(lengthOf(dst, 8), uint64(v)), true
	}
}

// zoneShift reads a zone: seconds east of UTC.
func zoneShift(text []byte) (seconds int, ok bool) {
	if len(text) == 0 || len(text) == 1 && text[0] == 'Z' {
		return 0, true
	}
	if text[0] != '+' && text[0] != '-' || len(text) != 3 && len(text) != 6 {
		return 0, false
	}
	h, m := digits2(text[1:]), 0
	if len(text) == 6 {
		if text[3] != ':' {
			return 0, false
		}
		m = digits2(text[4:])
	}
	if h < 0 || h > 14 || m < 0 || m > 59 {
		return 0, false
	}
	seconds = h*3600 + m*60
	if text[0] == '-' {
		seconds = -seconds
	}
	return seconds, true
}

// appendHex appends the bytes that pairs of hexadecimal digits stand for.
func appendHex(dst, text []byte) ([]byte, bool) {
	if len(text)%2 != 0 {
		return dst, false
	}
	for i := 0; i < len(text); i += 2 {
		high, low := hexValue[text[i]], hexValue[text[i+1]]
		if high > 15 || low > 15 {
			return dst, false
		}
		dst = append(dst, high<<4|low)
	}
	return dst, true
}

var hexValue = func() (t [256]byte) {
	for i := range t {
		t[i] = 0xff
	}
	for i, c := range []byte("0123456789abcdef") {
		t[c] = byte(i)
	}
	for i, c := range []byte("ABCDEF") {
		t[c] = byte(10 + i)
	}
	return t
}()

// uuidCodec takes the usual form, 8-4-4-4-12 digits.
func uuidCodec(dst, text []byte) ([]byte, bool) {
	if len(text) != 36 || text[8] != '-' || text[13] != '-' || text[18] != '-' || text[23] != '-' {
		return dst, false
	}
	dst = lengthOf(dst, 16)
	for _, part := range [5][]byte{text[:8], text[9:13], text[14:18], text[19:23], text[24:]} {
		var ok bool
		if dst, ok = appendHex(dst, part); !ok {
			return dst, false
		}
	}
	return dst, true
}

// byteaCodec takes the hex form.
func byteaCodec(dst, text []byte) ([]byte, bool) {
	if len(text) < 2 || text[0] != '\\' || text[1] != 'x' {
		return dst, false
	}
	return appendHex(lengthOf(dst, (len(text)-2)/2), text[2:])
}

// ArrayCodec takes arrays of one dimension: {}, {a,b}, {"a b","c\"d"}. Elements without quotes must be free of everything
// that means something to the array's input function.
func ArrayCodec(elementOID uint32, element Codec) Codec {
	return func(dst, text []byte) ([]byte, bool) {
		var scratch []byte // not kept: connections may share a codec
		if len(text) < 2 || text[0] != '{' || text[len(text)-1] != '}' {
			return dst, false
		}
		start := len(dst)
		dst = append(dst, make([]byte, 4)...)
		body := text[1 : len(text)-1]
		dimensions := uint32(1)
		if len(body) == 0 {
			dimensions = 0
		}
		dst = binary.BigEndian.AppendUint32(dst, dimensions)
		dst = binary.BigEndian.AppendUint32(dst, 0) // no NULLs
		dst = binary.BigEndian.AppendUint32(dst, elementOID)
		count, at := uint32(0), len(dst)
		if len(body) > 0 {
			dst = append(dst, 0, 0, 0, 0, 0, 0, 0, 1) // how many, filled in below; numbered from 1
		}
		for i := 0; len(body) > 0; i++ {
			var ok bool
			if scratch, i, ok = arrayElement(scratch[:0], body, i); !ok {
				return dst, false
			}
			if dst, ok = element(dst, scratch); !ok {
				return dst, false
			}
			count++
			if i == len(body) {
				break
			}
			if body[i] != ',' {
				return dst, false
			}
		}
		if count > 0 {
			binary.BigEndian.PutUint32(dst[at:], count)
		}
		binary.BigEndian.PutUint32(dst[start:], uint32(len(dst)-start-4))
		return dst, true
	}
}

// arrayElement appends the content of the element at body[i], and gives the offset behind it.
func arrayElement(dst, body []byte, i int) ([]byte, int, bool) {
	if i == len(body) {
		return dst, i, false
	}
	if body[i] != '"' {
		from := i
		for i < len(body) && body[i] != ',' {
			if c := body[i]; blank[c] || c == '\v' || c == '{' || c == '}' || c == '"' || c == '\\' || c < ' ' {
				return dst, i, false
			}
			i++
		}
		word := body[from:i]
		return append(dst, word...), i, len(word) > 0 && !bytes.EqualFold(word, []byte("null"))
	}
	for i++; i < len(body); i++ {
		switch body[i] {
		case '"':
			return dst, i + 1, true
		case '\\':
			if i++; i == len(body) {
				return dst, i, false
			}
		}
		dst = append(dst, body[i])
	}
	return dst, i, false
}
