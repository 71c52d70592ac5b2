package copycodec

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// TestEncodeForms tries what stands around literals.
func TestEncodeForms(t *testing.T) {
	t.Parallel()
	any3 := []Rule{{number: anyNumber}, {boolean: true}, {}}
	for text, want := range map[string]string{
		"(1,true,'a');": "1\ttrue\ta\n",
		" ( 1 , TRUE , 'a''b' ) ,\n(2,\tfalse,NULL)":  "1\ttrue\ta'b\n2\tfalse\t\\N\n",
		"(1,true,'a') -- x\n, -- y\n(2,false,'b') ; ": "1\ttrue\ta\n2\tfalse\tb\n",
		"(1,true)":                             "",
		"(1,true,'a','b')":                     "",
		"(1,true,'a'),":                        "",
		"(1,true,'a') ON CONFLICT DO NOTHING;": "",
		"(1,true,'a') RETURNING 1;":            "",
		"(1,true,'a'); SELECT 1;":              "",
		"(1,true,'a') (2,true,'b')":            "",
		"(1,true,'a'), SELECT 1":               "",
		"(1,true,'a' /* c */)":                 "",
		"(1,true,'a":                           "",
		"(1,true,":                             "",
		"(1":                                   "",
		"":                                     "",
		"SELECT 1, true, 'a'":                  "",
	} {
		e := &Encoder{rules: any3}
		out, _, ok := e.Values(nil, []byte(text), false)
		if !ok {
			out = nil
		}
		if string(out) != want {
			t.Errorf("%q gives %q (%v), want %q", text, out, ok, want)
		}
	}
	e := &Encoder{rules: any3}
	if out, rows, ok := e.Values(nil, []byte(" (1,true,'a'),\n(2,true,'b'),"), true); !ok || rows != 2 || string(out) != "1\ttrue\ta\n2\ttrue\tb\n" {
		t.Errorf("a part of a statement gives %q, %d, %v", out, rows, ok)
	}
	if _, _, ok := e.Values(nil, []byte(" (1,true,'a')"), true); ok {
		t.Error("a part must end after a comma")
	}
}

// TestIntegers takes whole numbers about the ends of their types, bare and as strings, with what may stand before and behind them.
func TestIntegers(t *testing.T) {
	t.Parallel()
	for _, size := range []int{2, 4, 8} {
		most := uint64(1)<<(8*size-1) - 1
		for _, v := range []uint64{0, 1, 48, most - 1, most, most + 1, most + 2, 2*most + 1, 1e18 - 1, 1e18, 1e19 - 1, 1e19, math.MaxUint64} {
			for _, sign := range []string{"", "-", "+", "--", "-+", "- "} {
				for zeros := range 22 {
					number := fmt.Sprintf("%s%s%d", sign, strings.Repeat("0", zeros), v)
					value, err := strconv.ParseInt(number, 10, 8*size)
					digits := len(strings.TrimLeft(number, "+-"))
					taken := err == nil && digits <= 19 // as many as a bigint may have; more are left to the server
					field := binary.BigEndian.AppendUint64(nil, uint64(value))[8-size:]
					want := append([]byte{0, 1, 0, 0, 0, byte(size)}, field...)
					for literal, taken := range map[string]bool{
						number: taken, "'" + number + "'": taken, number + " \n": taken, number + "-- c\n": taken, number + ".": false, number + ".0": false,
						number + "e1": false, number + "e": false, number + "x": false, number + "_1": false, number + "$": false, number + "é": false, number + " 1": false,
					} {
						e := &Encoder{rules: []Rule{{number: wholeNumber, size: size}}, codecs: []Codec{integerCodec(size)}}
						got, rows, ok := e.Values(nil, []byte("("+literal+");"), false)
						if ok != taken || ok && (rows != 1 || !bytes.Equal(got, want)) {
							t.Fatalf("%d bytes: %s gives %x, %t, want %x, %t", size, literal, got, ok, want, taken)
						}
					}
					e := &Encoder{rules: []Rule{{number: wholeNumber, size: size}}, codecs: []Codec{integerCodec(size)}}
					if _, _, ok := e.Values(nil, []byte("("+number), true); ok {
						t.Fatalf("%s is taken for a row", number)
					}
				}
			}
		}
	}
}

// TestNumerics reads back what becomes of decimals, in the server's format of numeric: groups of four digits.
func TestNumerics(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(1, 2))
	digits := func() string {
		b := make([]byte, random.IntN(14))
		for i := range b {
			b[i] = "000000123456789"[random.IntN(15)]
		}
		return string(b)
	}
	for range 20_000 {
		fraction := digits()
		text := []string{"", "-", "+"}[random.IntN(3)] + digits()
		if fraction != "" || random.IntN(2) == 0 {
			text += "." + fraction
		}
		want, isNumber := new(big.Rat).SetString(text)
		field, ok := numericCodec(nil, []byte(text))
		if ok != isNumber {
			t.Fatalf("%q is taken: %t", text, ok)
		}
		if !ok {
			continue
		}
		head := make([]int, 4)
		for i := range head {
			head[i] = int(int16(binary.BigEndian.Uint16(field[4+2*i:])))
		}
		groups, weight, sign, places := field[12:], head[1], head[2], head[3]
		got, scale := new(big.Rat), big.NewRat(1, 10_000)
		for i := len(groups) - 2; i >= 0; i -= 2 { // as a fraction
			got.Add(got, big.NewRat(int64(binary.BigEndian.Uint16(groups[i:])), 1)).Mul(got, scale)
		}
		for ; weight >= 0; weight-- {
			got.Quo(got, scale)
		}
		for ; weight < -1; weight++ {
			got.Mul(got, scale)
		}
		if sign != 0 {
			got.Neg(got)
		}
		edges := len(groups) > 0 && (binary.BigEndian.Uint16(groups) == 0 || binary.BigEndian.Uint16(groups[len(groups)-2:]) == 0)
		if got.Cmp(want) != 0 || places != len(fraction) || edges || 2*head[0] != len(groups) || int(binary.BigEndian.Uint32(field)) != len(field)-4 {
			t.Fatalf("%q gives %x: %s", text, field, got)
		}
	}
}

// FuzzEncode holds the encoder to its bounds: no panic, and never more than the text allows.
func FuzzEncode(f *testing.F) {
	for _, literal := range []string{"1", "-1", "+007", "1.50", ".5", "1e10", "0x1F", "1_000", "NULL", "nullx", "true", "FALSE", "'a'", "'it''s'", "'a\\b\n'", "'a'\n'b'", "'a'::text", "E'a'", "now()", "(1)", "$$a$$", "'{1,2}'", "'2025-01-01T00:00:00Z'"} {
		f.Add([]byte("(" + literal + ", 1, 'x');"))
	}
	rules := []Rule{{number: spelledNumber, boolean: true}, {number: wholeNumber, size: 4}, {}}
	codecs := [][]Codec{nil, {bytesCodec, integerCodec(4), ArrayCodec(25, bytesCodec)}, {numericCodec, integerCodec(8), timestampCodec(true, true)}, {float8Codec, integerCodec(2), uuidCodec}, {dateCodec, boolCodec, byteaCodec}}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range codecs {
			for _, more := range []bool{false, true} {
				e := &Encoder{rules: rules, codecs: c}
				out, rows, ok := e.Values(nil, text, more)
				if ok && (rows > len(text)/3 || len(out) > 40*len(text)+40 || c == nil && bytes.Count(out, []byte{'\n'}) != rows) {
					t.Errorf("%q gives %d rows, %q", text, rows, out)
				}
			}
		}
	})
}

func BenchmarkEncode(b *testing.B) {
	var sb strings.Builder
	random := rand.New(rand.NewPCG(1, 2))
	for i := range 1000 {
		fmt.Fprintf(&sb, "(%d, 'ana%d@example.org', true, %d.%02d, '{\"theme\": \"dark\"}', '2025-09-01T14:31:19.080Z'),\n", i, random.IntN(1e6), random.IntN(100), random.IntN(100))
	}
	text := []byte(sb.String())
	rules := []Rule{{number: wholeNumber, size: 8}, {}, {boolean: true}, {number: anyNumber}, {}, {}}
	for name, codecs := range map[string][]Codec{
		"text": nil, "binary": {integerCodec(8), bytesCodec, boolCodec, numericCodec, jsonbCodec, timestampCodec(true, true)},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			e := &Encoder{rules: rules, codecs: codecs}
			var out []byte
			for b.Loop() {
				var ok bool
				if out, _, ok = e.Values(out[:0], text, true); !ok {
					b.Fatal("not encoded")
				}
			}
		})
	}
}

// TestMoments holds that a word for a moment is no constant where each statement has a time of its own, but for types that know no time.
func TestMoments(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		typname, element, value string
		want                    bool
	}{
		{"timestamptz", "", "now", false}, {"date", "", " TODAY ", false}, {"time", "", "Tomorrow", false}, {"tstzrange", "", "[yesterday,now)", false},
		{"_timestamp", "timestamp", "{NOW}", false}, {"", "", "(1,now)", false}, {"timestamptz", "", "2024-11-30 10:00:00", true},
		{"text", "", "now", true}, {"jsonb", "", `{"now": 1}`, true}, {"enum", "", "now", true}, {"_text", "text", "{now}", true}, {"", "", "(1,never)", true},
	} {
		rule := RuleFor(c.typname)
		for _, ownTime := range []bool{false, true} {
			if ownTime {
				rule = rule.WithoutMoments(c.typname, c.element)
			}
			_, _, ok := NewEncoder([]Column{{Rule: rule}}, false).Values(nil, []byte("('"+c.value+"');"), false)
			if ok != (!ownTime || c.want) {
				t.Errorf("%s %s, a time for each statement %t: %t", c.typname, c.value, ownTime, ok)
			}
		}
	}
}

// TestMomentless holds which rows of COPY may name a moment, however they are read.
func TestMomentless(t *testing.T) {
	t.Parallel()
	text, at := RuleFor("text").WithoutMoments("text", ""), RuleFor("timestamptz").WithoutMoments("timestamptz", "")
	for name, tt := range map[string]struct {
		rows string
		ok   bool
	}{
		"times":                          {"know\t2024-01-01\nyes\t\\N\n", true},
		"now":                            {"a\tnow\n", false},
		"Today, in the last row":         {"a\t2024-01-01\nb\tToday", false},
		"escaped":                        {"a\tn\\157w\n", false},
		"NULL, and more":                 {"a\t\\Now\n", false},
		"a text with escapes":            {"a\\tnow\\\nnow\\\tnow\t2024-01-01\n", true},
		"a column that is not there":     {"a\t2024-01-01\tnow\n", true},
		"lines that end in \\r\\n":       {"now\t2024-01-01\r\nnow\t2024-01-01\r\n", true},
		"lines that end in \\r":          {"a\t2024-01-01\ra\ttomorrow\r", false},
		"a word of two fields":           {"a\tn\now\tw\n", true},
		"words that are none":            {"a\t10:00 Europe/Oslo\n", true},
		"epoch and infinity are no ones": {"a\tepoch\na\tinfinity\n", true},
	} {
		for reading, in := range map[string]io.Reader{"whole": strings.NewReader(tt.rows), "bytes": iotest.OneByteReader(strings.NewReader(tt.rows))} {
			got, err := io.ReadAll(Momentless(in, []Rule{text, at}))
			if tt.ok && (err != nil || string(got) != tt.rows) || !tt.ok && err != ErrUnsure { //nolint:errorlint // as it is
				t.Errorf("%s, %s: %q, %v", name, reading, got, err)
			}
		}
	}
	if in := strings.NewReader(""); Momentless(in, []Rule{text, RuleFor("timestamptz")}) != io.Reader(in) {
		t.Error("rows of which none can name a moment are looked at")
	}
}

// TestTooExact holds which numerics may have more decimals than any can: those go as written, for as constants they are refused.
func TestTooExact(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("1", surelyNumeric)
	for text, want := range map[string]bool{
		"1.5": true, "1e-999": true, "1e999": true, "1e-1000": false, "1E-1000": false, "1e1000": false, "0e-20000": false, long: true, long + "1": false, "-" + long: false,
	} {
		for _, typname := range []string{"numeric", "float8"} {
			e := NewEncoder([]Column{{Rule: RuleFor(typname)}}, false)
			if _, _, ok := e.Values(nil, []byte("("+text+")"), false); ok != want {
				t.Errorf("%.20s for %s: %t", text, typname, ok)
			}
		}
	}
	for text, want := range map[string]bool{
		"1.5": true, "": true, "1e-999": true, "1e1000": true, "1e+1000": true, "1e-1000": false, "NaN": true, "e": true, "ee-1000": false, long: true, long + "1": false, "{1,2e-3,1e-1000}": false, "{1e-3}": true,
	} {
		for typname, exact := range map[string]bool{"numeric": true, "_numeric": true, "text": false, "_text": false, "float8": false} {
			e := NewEncoder([]Column{{Rule: RuleFor(typname)}}, false)
			if _, _, ok := e.Values(nil, []byte("('"+text+"')"), false); ok != (want || !exact) {
				t.Errorf("'%.20s' for %s: %t", text, typname, ok)
			}
		}
	}
}

// TestCommentsBetweenRows holds that a comment is left out only where every server takes it.
func TestCommentsBetweenRows(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{"(1) -- a\n, (2)": true, "(1) -- é\n, (2)": false, "(1) -- \xff\n, (2)": false, "-- é\n(1)": false, "(1, -- é\n 2)": false, "(1)\v": false} {
		e := NewEncoder([]Column{{Rule: RuleFor("int4")}}, false)
		if _, _, ok := e.Values(nil, []byte(text), false); ok != want {
			t.Errorf("%q: %t", text, ok)
		}
	}
}
