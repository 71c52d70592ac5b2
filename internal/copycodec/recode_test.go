package copycodec

import (
	"bytes"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
)

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
		"a row without end":   {"1\n" + strings.Repeat("9", LongestLine+recodeSize), []int32{1}, strings.Repeat("9", LongestLine+recodeSize)},
		"more than is read":   {strings.Repeat("1\n", recodeSize), slices.Repeat([]int32{1}, recodeSize), ""},
		"one that is no more": {strings.Repeat("1\n", recodeSize) + "x\n", slices.Repeat([]int32{1}, recodeSize), "x\n"},
	} {
		for reading, in := range map[string]io.Reader{"whole": strings.NewReader(tt.text), "halves": iotest.HalfReader(strings.NewReader(tt.text)), "end with data": iotest.DataErrReader(strings.NewReader(tt.text))} {
			c := NewReader(in, &Encoder{codecs: []Codec{integerCodec(4)}})
			got, err := io.ReadAll(c)
			if err != nil {
				t.Fatalf("%s, %s: %v", name, reading, err)
			}
			want := append([]byte{}, Header...)
			for _, v := range tt.binary {
				want = append(want, 0, 1)
				want, _ = integerCodec(4)(want, fmt.Append(nil, v))
			}
			if want = append(want, Trailer...); !bytes.Equal(got, want) {
				t.Errorf("%s, %s: %d bytes of rows, not %d, or others", name, reading, len(got), len(want))
			}
			rest, err := io.ReadAll(c.Rest())
			if err != nil || string(rest) != tt.rest || c.left != (tt.rest != "") {
				t.Errorf("%s, %s: %d bytes are left, not %d, left is %t, %v", name, reading, len(rest), len(tt.rest), c.left, err)
			}
		}
	}
	broken := NewReader(io.MultiReader(strings.NewReader("1\n"), iotest.ErrReader(io.ErrUnexpectedEOF)), &Encoder{codecs: []Codec{integerCodec(4)}})
	if _, err := io.ReadAll(broken); err != io.ErrUnexpectedEOF { //nolint:errorlint // as it is
		t.Errorf("a reader's error becomes %v", err)
	}
}

// BenchmarkRecode is how fast rows of COPY's text format become those of its binary format.
func BenchmarkRecode(b *testing.B) {
	text := strings.Repeat("123456\t7890\tsome name\t2024-02-29 12:00:00.5+00\t1234.50\tt\n", 100_000)
	codecs := []Codec{integerCodec(8), integerCodec(4), bytesCodec, timestampCodec(true, true), numericCodec, boolCodec}
	b.SetBytes(int64(len(text)))
	for b.Loop() {
		c := NewReader(strings.NewReader(text), &Encoder{codecs: codecs})
		if _, err := io.CopyBuffer(struct{ io.Writer }{io.Discard}, c, make([]byte, 256<<10)); err != nil || c.left {
			b.Fatal(err, c.left)
		}
	}
}
