package load

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"math"
	"math/big"
	"math/rand/v2"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// literalTypes are column types that literals are tried on.
var literalTypes = []string{
	"smallint", "integer", "bigint", "numeric", "numeric(6,2)", "numeric(3,0)", "real", "double precision", "boolean", "text", "varchar", "varchar(5)",
	"char(3)", `"char"`, "name", "json", "jsonb", "uuid", "bytea", "date", "timestamp", "timestamptz", "timestamp(0)", "timestamptz(2)", "time", "timetz", "time(1)",
	"interval", "interval(0)", "interval hour to minute", "bit(3)", "bit varying(4)", "inet", "cidr", "macaddr", "point", "money", "oid", "xid", "regclass", "xml", "tsvector",
	"int4range", "tstzrange", "text[]", "integer[]", "varchar(3)[]", "numeric(4,1)[]", "uuid[]", "boolean[]", "bigint[]", "mood", "small", "short", "listed", "pair", "lsn",
}

// literals are spellings of values in an INSERT.
var literals = func() []string {
	quoted := []string{
		"", " ", "0", "1", "7", "48", " 48 ", "-48", "+48", "007", "-007", "1.0", "1.50", "1.005", "2.675", "-0", "-0.0", "0.0", "00.10", ".5", "5.", "1e3", "1E-3", "1e400", "1e-400",
		"123456", "1234.567", "99999", "0.004", "0.005", "0.00001", "10000", "100000000", "0.0001", "9999.9999", "123456789012345678901234567890.123456789", "2147483647", "2147483648", "-2147483648", "-2147483649", "32767", "32768", "-32768",
		"9223372036854775807", "9223372036854775808", "-9223372036854775808", "NaN", "nan", "Infinity", "-Infinity", "inf", "0x1F", "1_000", "3.4028236e38", "16777217", "0.1", "1e23", "9007199254740993",
		"t", "f", "true", "false", "TRUE", "T", "yes", "no", "on", "off", "of", "y", "n", "tr", "null", "NULL",
		"a", "abc", "abcdef", "abc   ", "ab''c", "''", `\`, `\\`, `\n`, `\N`, `\.`, "a\nb", "a\tb", "a\r\nb", "\n\\.\n", "ü€😀", "éé", "--", "/*", ":x", "$1", "a;b",
		`{"a": 1}`, `{"a":1, "a":2}`, `[1, 2.0, "x"]`, `"s"`, `{bad`, `{"k": "l\u00e9"}`, `{"k": "\u0000"}`,
		"a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11", "A0EEBC99-9C0B-4EF8-BB6D-6BB9BD380A11", "a0eebc999c0b4ef8bb6d6bb9bd380a11", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a1g",
		`\xdeadbeef`, `\xDEADBEEF`, `\xdead beef`, `\xdea`, `\x`, `\001\\`, "abc\\000",
		"2025-09-01", "2025-9-1", "0001-01-01", "9999-12-31", "2024-02-29", "2023-02-29", "2000-01-01", "1999-12-31", "1970-01-01", "20250901", "Sep 1 2025", "2025-13-01", "0000-01-01", "10000-01-01", "2025-09-01 BC", "infinity", "-infinity", "epoch",
		"2025-09-01T14:31:19.080Z", "2025-09-01 14:31:19.080Z", "2024-09-26 15:58:40", "2024-09-26T15:58:40", "2025-09-01T14:31:19+02", "2025-09-01T14:31:19+02:30", "2025-09-01T14:31:19-05:00", "2025-09-01 14:31:19.123456789Z", "2025-09-01 14:31:19.5 UTC",
		"2025-09-01 24:00:00", "2025-09-01 23:59:60", "2025-09-01 14:31", "2025-09-01T14:31:19.z", "2025-09-01T14:31:19.499999Z", "2025-09-01T14:31:19.5Z", "2025-09-01T14:31:19.005Z", "2025-09-01t14:31:19z", "2025-09-01T14:31:19+0230", "2025-09-01T14:31:19+15:59", "2025-09-01T14:31:19 Z",
		"14:31:19", "14:31:19.05+02", "1 day 02:03:04.567", "P1DT2H", "1 year 2 mons", "101", "10", "10101", "B101", "x1F",
		"10.0.0.1", "10.0.0.0/8", "::1", "08:00:2b:01:02:03", "(1,2)", "$1,234.56", "12.34", "pg_class", "<a/>", "a b c", "[1,5)", "[2025-01-01 00:00Z,)", "empty",
		"{}", "{a}", "{a,b}", `{"a b","c\"d"}`, "{1,2,3}", "{1,NULL,3}", "{ a , b }", "{{1,2},{3,4}}", "{a,}", "{,}", `{""}`, "{null}", `{"null"}`, `{a\,b}`, "[0:1]={1,2}", "{ü}", "{t,f}", `{"x`, "{1.25,2.5}", "{abcd}", "{a0eebc99-9c0b-4ef8-bb6d-6bb9bd380a11}", "{1}x",
		"happy", "sad", "Happy", "(1,x)", "(1,)", "16/B374D848",
	}
	var all []string
	for _, q := range quoted {
		all = append(all, "'"+strings.ReplaceAll(strings.ReplaceAll(q, "''", "'"), "'", "''")+"'")
	}
	return append(all, "NULL", "null", "true", "false", "TRUE", "False", "0", "1", "7", "48", "-48", "+48", "007", "-007", "1.0", "1.50", "1.005", "2.675", "-0", "-0.0", "+0.0", "00.10", ".5", "5.", "-.5", "1e3", "1E-3", "1e+2", "1e400", "1e-400",
		"123456", "1234.567", "99999", "0.004", "0.005", "10000", "100000000", "0.00010", "123456789012345678901234567890.123456789", "2147483647", "2147483648", "-2147483648", "-2147483649", "32768", "9223372036854775807", "9223372036854775808", "-9223372036854775808",
		"123456789012345678", "1234567890123456789", "-9223372036854775809", "0000000000000000048", "-00000000000000000048", "'00000000000000000048'", "48e", "48.", "48$", "-", "+.5", "12345.6789", "-0.00000001", "90000000.0000000000", "3.4028236e38", "16777217", "9007199254740993", "0.1", "1e23", "- 5", "2.5", "3.5", "-2.5", "010.5", "0.50", "101", "1.", "000",
		"DEFAULT", "1+1", "'a' || 'b'", "E'a\\nb'", "E'it''s'", "U&'\\00e9'", "B'101'", "X'1F'", "N'abc'", "'a'::text", "now()", "(1)", "(SELECT 1)", "$$a$$", "'a'\n'b'", "'a' -- c\n", "-- c\n 1", "nullx", "trues", "'x'y")
}()

const literalSchema = `
CREATE TYPE mood AS ENUM ('happy', 'sad', '1', 'true');
CREATE DOMAIN small AS integer CHECK (VALUE < 100);
CREATE DOMAIN short AS varchar(4) NOT NULL CHECK (VALUE <> 'abc');
CREATE DOMAIN listed AS text[] CHECK (cardinality(VALUE) < 3);
CREATE TYPE pair AS (a integer, b text);
CREATE DOMAIN lsn AS pg_lsn;`

// TestLiterals tries every literal on every type: what the encoder takes must end as the same value, or fail, as INSERT
// has it.
func TestLiterals(t *testing.T) {
	t.Parallel()
	for _, zone := range []string{"UTC", "America/New_York"} {
		t.Run(zone, func(t *testing.T) {
			t.Parallel()
			r := openRun(t, literalSchema)
			ctx := context.Background()
			must(t, r.exec(ctx, "SET TIME ZONE '"+zone+"'"))
			taken := map[string]int{}
			for i, typ := range literalTypes {
				if zone != "UTC" && !strings.HasPrefix(typ, "time") { // elsewhere the zone means nothing
					continue
				}
				table := fmt.Sprintf("t%d", i)
				must(t, r.exec(ctx, fmt.Sprintf("CREATE TABLE %s (v %s DEFAULT NULL)", table, typ)))
				plan, err := r.plan(ctx, []string{table})
				if err != nil || plan == nil || len(plan.Reasons) > 0 && !strings.Contains(typ, "(") && typ != "interval hour to minute" {
					t.Fatalf("%s: plan %+v, error %v", typ, plan, err)
				}
				for _, literal := range literals {
					want, wantErr := insertOne(t, r, table, literal)
					for _, binary := range []bool{false, true} {
						plan.text = !binary
						_, e, ok := plan.encoder(nil, 1)
						if !ok || binary && e.codecs == nil {
							continue
						}
						rows, n, ok := e.rows(nil, []byte("("+literal+");"), false)
						if !ok {
							continue
						}
						taken[fmt.Sprint(binary)]++
						if n != 1 {
							t.Errorf("%s: %s gives %d rows", typ, literal, n)
						}
						got, gotErr := copyOne(t, r, table, rows, binary)
						if got != want || gotErr != wantErr {
							t.Errorf("%s: %s (binary %v): INSERT gives %q %s, COPY of %q gives %q %s", typ, literal, binary, want, wantErr, rows, got, gotErr)
						}
					}
				}
			}
			if zone == "UTC" && (taken["false"] < 5000 || taken["true"] < 1500) {
				t.Errorf("only %v literals were encoded: the fast way is hardly used", taken)
			}
		})
	}
}

// TestEncodeForms tries what stands around literals.
func TestEncodeForms(t *testing.T) {
	t.Parallel()
	any3 := []literalRule{{number: anyNumber}, {boolean: true}, {}}
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
		e := &encoder{rules: any3}
		out, _, ok := e.rows(nil, []byte(text), false)
		if !ok {
			out = nil
		}
		if string(out) != want {
			t.Errorf("%q gives %q (%v), want %q", text, out, ok, want)
		}
	}
	e := &encoder{rules: any3}
	if out, rows, ok := e.rows(nil, []byte(" (1,true,'a'),\n(2,true,'b'),"), true); !ok || rows != 2 || string(out) != "1\ttrue\ta\n2\ttrue\tb\n" {
		t.Errorf("a part of a statement gives %q, %d, %v", out, rows, ok)
	}
	if _, _, ok := e.rows(nil, []byte(" (1,true,'a')"), true); ok {
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
						e := &encoder{rules: []literalRule{{number: wholeNumber, size: size}}, codecs: []codec{integerCodec(size)}}
						got, rows, ok := e.rows(nil, []byte("("+literal+");"), false)
						if ok != taken || ok && (rows != 1 || !bytes.Equal(got, want)) {
							t.Fatalf("%d bytes: %s gives %x, %t, want %x, %t", size, literal, got, ok, want, taken)
						}
					}
					e := &encoder{rules: []literalRule{{number: wholeNumber, size: size}}, codecs: []codec{integerCodec(size)}}
					if _, _, ok := e.rows(nil, []byte("("+number), true); ok {
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
	for _, literal := range literals {
		f.Add([]byte("(" + literal + ", 1, 'x');"))
	}
	rules := []literalRule{{number: spelledNumber, boolean: true}, {number: wholeNumber, size: 4}, {}}
	codecs := [][]codec{nil, {bytesCodec, integerCodec(4), arrayCodec(25, bytesCodec)}, {numericCodec, integerCodec(8), timestampCodec(true, true)}, {float8Codec, integerCodec(2), uuidCodec}, {dateCodec, boolCodec, byteaCodec}}
	f.Fuzz(func(t *testing.T, text []byte) {
		for _, c := range codecs {
			for _, more := range []bool{false, true} {
				e := &encoder{rules: rules, codecs: c}
				out, rows, ok := e.rows(nil, text, more)
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
	rules := []literalRule{{number: wholeNumber, size: 8}, {}, {boolean: true}, {number: anyNumber}, {}, {}}
	for name, codecs := range map[string][]codec{
		"text": nil, "binary": {integerCodec(8), bytesCodec, boolCodec, numericCodec, jsonbCodec, timestampCodec(true, true)},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			e := &encoder{rules: rules, codecs: codecs}
			var out []byte
			for b.Loop() {
				var ok bool
				if out, _, ok = e.rows(out[:0], text, true); !ok {
					b.Fatal("not encoded")
				}
			}
		})
	}
}

func must(t testing.TB, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// openRun gives a run connected to a fresh database.
func openRun(t *testing.T, schema string) *run {
	t.Helper()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, schema)
	config, err := pgx.ParseConfig(url)
	must(t, err)
	r := newRun(Options{Target: config})
	must(t, r.connect(context.Background(), config))
	t.Cleanup(func() { r.close(context.Background()) })
	return r
}

func insertOne(t *testing.T, r *run, table, literal string) (value, fault string) {
	t.Helper()
	return tryOne(t, r, table, func() error {
		return r.exec(context.Background(), "INSERT INTO "+table+" VALUES ("+literal+");")
	})
}

func copyOne(t *testing.T, r *run, table string, rows []byte, binary bool) (value, fault string) {
	t.Helper()
	return tryOne(t, r, table, func() error {
		sql := "COPY " + table + " FROM STDIN"
		if binary {
			sql += " WITH (FORMAT binary)"
			rows = append(append(bytes.Clone(binaryHeader), rows...), binaryTrailer...)
		}
		_, err := r.session.CopyIn(context.Background(), sql, bytes.NewReader(rows))
		return err
	})
}

// tryOne runs something that adds one row, and gives the row's value as text, "<null>" for NULL, or "failed".
func tryOne(t *testing.T, r *run, table string, add func() error) (value, fault string) {
	t.Helper()
	ctx := context.Background()
	must(t, r.exec(ctx, "BEGIN"))
	defer func() { must(t, r.exec(ctx, "ROLLBACK")) }()
	if err := add(); err != nil {
		return "", "failed"
	}
	// The stored bytes are compared, not only what they look like.
	if err := r.session.Do(ctx, []byte("SELECT coalesce(v::text, '<null>') || ' ' || coalesce(pg_column_size(v)::text, '') FROM "+table), session.Handlers{
		Row: func(v [][]byte) { value = string(v[0]) }}); err != nil {
		t.Fatal(err)
	}
	return value, ""
}
