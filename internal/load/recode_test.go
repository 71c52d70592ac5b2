package load

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestRecode puts rows of every spelling that COPY's text format knows, and some that it does not, behind rows that go in the
// binary format: what psql loads is loaded, what it refuses is refused.
func TestRecode(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const table = "(id int PRIMARY KEY, name varchar(9), at timestamptz, amount numeric(8,2), ok boolean, doc jsonb, tags text[], ref uuid, raw bytea, share float8)"
	const plain = "\tname\t2024-02-29 12:00:00+00\t1.50\tt\t{\"a\": 1}\t{a,b}\t00000000-0000-4000-8000-000000000000\t\\\\xff\t0.5\n"
	var many strings.Builder
	for i := range 60 {
		fmt.Fprintf(&many, "%d%s", i, plain)
	}
	empty := strings.Repeat("\t\\N", 8)
	for name, rows := range map[string]string{
		"plain":                      "100" + plain,
		"nothing but NULL":           "100\t\\N" + empty + "\n",
		"escapes":                    `100	\\\b\f\n\r\t\v` + empty + "\n",
		"characters by number":       `100	\x41\101\x7` + empty + "\n",
		"needless backslash":         `100	\q\'\"` + empty + "\n",
		"backslash and a newline":    "100\ta\\\nb" + empty + "\n",
		"backslash and a tab":        "100\ta\\\tb" + empty + "\n",
		"NULL that is none":          `100	\\N` + empty + "\n",
		"NULL and more":              `100	\Nx` + empty + "\n",
		"backslash at the end":       `100` + empty + `	\` + "\n",
		"end in mid-row":             `100	a\.` + empty + "\n",
		"end in a row of its own":    "100" + plain + "\\.x\n",
		"carriage return":            "100\ta\rb" + empty + "\n",
		"lines of another system":    "100\ta" + empty + "\r\n",
		"too many fields":            "100\ta\t" + empty + "\n",
		"too few fields":             "100\ta\n",
		"empty row":                  "\n",
		"empty number":               "\ta" + empty + "\n",
		"not a number":               "x\ta" + empty + "\n",
		"white space":                " 100 \ta" + empty + "\n",
		"too long":                   "100\t1234567890" + empty + "\n",
		"too long by a space":        "100\t123456789 " + empty + "\n",
		"key twice":                  "7\ta" + empty + "\n",
		"other spellings":            "100\ta\tinfinity\tNaN\tyes\t[]\t{{a},{b}}\t{00000000000040008000000000000000}\tabc\t1e3\n",
		"numbers that are rounded":   "100\ta\t2024-02-29 12:00:00.1234567\t1.505\t1\t1.50\t{}\t\\N\t\\N\t-0\n",
		"and then plain":             "100\ta\tinfinity" + strings.Repeat("\t\\N", 7) + "\n101" + plain + "102" + plain,
		"not UTF-8":                  "100\ta\xff" + empty + "\n",
		"characters of many bytes":   "100\tünï€😀" + empty + "\n",
		"no date":                    "100\ta\t2023-02-29 00:00:00" + strings.Repeat("\t\\N", 7) + "\n",
		"a long row":                 "100\ta\t\\N\t\\N\t\\N\t\"" + strings.Repeat("x", longestLine) + "\"" + strings.Repeat("\t\\N", 4) + "\n101" + plain,
		"JSON that is none":          "100\ta\t\\N\t\\N\t\\N\t{" + strings.Repeat("\t\\N", 4) + "\n",
		"no value where one must be": "\\N\ta" + empty + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
			script := "SET session_replication_role = 'replica';\nTRUNCATE t;\nCOPY t (id, name, at, amount, ok, doc, tags, ref, raw, share) FROM stdin;\n" +
				many.String() + rows + "\\.\nINSERT INTO t (id) VALUES (1000);\n"
			compareLoads(t, psqlURL, oursURL, "CREATE TABLE t "+table, script, Options{Transaction: Single})
			if want, got := pgtest.SortedDump(t, psqlURL), pgtest.SortedDump(t, oursURL); want != got {
				t.Fatalf("dumps differ: %s", firstDifference(want, got))
			}
		})
	}
}

// TestRecoder holds what is left for the text format: the first row that is not sure, and all behind it, however they are read.
func TestRecoder(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		text   string
		binary []int32
		rest   string
	}{
		"all":                 {"1\n2\n3\n", []int32{1, 2, 3}, ""},
		"no last newline":     {"1\n2", []int32{1, 2}, ""},
		"none":                {"", nil, ""},
		"from the first on":   {"x\n1\n", nil, "x\n1\n"},
		"from the second on":  {"1\n x\n2\n3", []int32{1}, " x\n2\n3"},
		"the last":            {"1\nx", []int32{1}, "x"},
		"a row without end":   {"1\n" + strings.Repeat("9", longestLine+recodeSize), []int32{1}, strings.Repeat("9", longestLine+recodeSize)},
		"more than is read":   {strings.Repeat("1\n", recodeSize), times(1, recodeSize), ""},
		"one that is no more": {strings.Repeat("1\n", recodeSize) + "x\n", times(1, recodeSize), "x\n"},
	} {
		for reading, in := range map[string]io.Reader{"whole": strings.NewReader(tt.text), "halves": iotest.HalfReader(strings.NewReader(tt.text)), "end with data": iotest.DataErrReader(strings.NewReader(tt.text))} {
			c := &recoder{in: in, encoder: &encoder{codecs: []codec{integerCodec(4)}}}
			got, err := io.ReadAll(c)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, reading, err)
			}
			want := append([]byte{}, binaryHeader...)
			for _, v := range tt.binary {
				want = append(want, 0, 1)
				want, _ = integerCodec(4)(want, fmt.Append(nil, v))
			}
			if want = append(want, binaryTrailer...); !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %d bytes of rows, not %d, or others", name, reading, len(got), len(want))
			}
			rest, err := io.ReadAll(c.rest())
			if err != nil || string(rest) != tt.rest || c.left != (tt.rest != "") {
				t.Errorf("%s, %s: %d bytes are left, not %d, left is %t, %v", name, reading, len(rest), len(tt.rest), c.left, err)
			}
		}
	}
	broken := &recoder{in: io.MultiReader(strings.NewReader("1\n"), iotest.ErrReader(io.ErrUnexpectedEOF)), encoder: &encoder{codecs: []codec{integerCodec(4)}}}
	if _, err := io.ReadAll(broken); err != io.ErrUnexpectedEOF { //nolint:errorlint // as it is
		t.Errorf("a reader's error becomes %v", err)
	}
}

// times gives n times v.
func times(v int32, n int) []int32 {
	all := make([]int32, n)
	for i := range all {
		all[i] = v
	}
	return all
}

// BenchmarkRecode is how fast rows of COPY's text format become those of its binary format.
func BenchmarkRecode(b *testing.B) {
	text := strings.Repeat("123456\t7890\tsome name\t2024-02-29 12:00:00.5+00\t1234.50\tt\n", 100_000)
	codecs := []codec{integerCodec(8), integerCodec(4), bytesCodec, timestampCodec(true, true), numericCodec, boolCodec}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		c := &recoder{in: strings.NewReader(text), encoder: &encoder{codecs: codecs}}
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, c, make([]byte, copyFrameSize)); err != nil || c.left {
			b.Fatal(err, c.left)
		}
	}
}
