package psql

import (
	"io/fs"
	"math/rand/v2"
	"strings"
	"testing"
	"testing/fstest"
)

// sips is a file system whose files give no more than so many bytes a read.
type sips struct {
	fs.FS
	size int
}

func (s sips) Open(name string) (fs.File, error) {
	f, err := s.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return sipped{f, s.size}, nil
}

type sipped struct {
	fs.File
	size int
}

func (f sipped) Read(p []byte) (int, error) { return f.File.Read(p[:min(len(p), f.size)]) }

// TestRowsAndText reads rows of literals, and what looks like them, as part of an INSERT, where the scanner passes over them, and
// of a CREATE, where it looks at every word: but for that word the same comes out.
func TestRowsAndText(t *testing.T) {
	t.Parallel()
	pieces := strings.Split(`( ( ( ) ) ) , , , '' 'a' 'a' 'it''s' '; "b" "b""c" 1 -2 007 1.5 .5 1e3 +7 - -- / /* */ * true NULL e E'\'' e'a' b'1' U&'a' u&"b" N'x' & a$b $1 $$ $t$x$t$ `+
		`: :: := :v :'v' \; ü 'ü\' 'x;(' "'" '"' 1'a' a"b" a'b'`, " ")
	pieces = append(pieces, " ", " ", "\n", "\n", "\n\n", "\n(", ",\n(", "--'\n", "--'\n", "'a\n\nb'", ";\n", "\r\n", "\t", "\f", "\x83\\", "'\x83'", strings.Repeat("x", 200), strings.Repeat("9", 200))
	random, texts := rand.New(rand.NewPCG(1, 2)), 1000
	if testing.Short() {
		texts = 200
	}
	for range texts {
		var rest strings.Builder
		for range random.IntN(200) {
			rest.WriteString(pieces[random.IntN(len(pieces))])
		}
		sip := 1 + random.IntN(60)
		o := Options{Escapes: random.IntN(4) == 0, Encoding: []string{"UTF8", "SJIS"}[random.IntN(2)]}
		read := func(first string) string {
			return trace(t, sips{fstest.MapFS{"load.sql": {Data: []byte(first + " into t values (" + rest.String())}}, sip}, o)
		}
		want := strings.ReplaceAll(read("create"), "create", "insert")
		if got := read("insert"); got != want {
			t.Fatalf("%q, %+v\ngives\n%s\nnot\n%s", rest.String(), o, got, want)
		}
	}
}

// TestFragments: however rows are passed over, a part ends at the first comma behind a row where it is long enough.
func TestFragments(t *testing.T) {
	t.Parallel()
	head, row := "insert into t (a, b) values ", "(1, 'a''b,', true),"
	text := head + strings.Repeat(row, 40) + "(1);"
	rows := len(text) - len("(1);") // end there
	for size := 1; size < 200; size++ {
		s, err := Open(sips{fstest.MapFS{"load.sql": {Data: []byte(text)}}, 1 + 7*size%300}, "load.sql", NewVars(), Options{FragmentSize: size})
		if err != nil {
			t.Fatal(err)
		}
		whole, begins := "", 0
		for begins < len(text) {
			item, err := s.Next()
			if err != nil {
				t.Fatal(err)
			}
			st, is := item.(*Statement)
			if !is {
				t.Fatalf("a %T", item)
			}
			whole += string(st.Text)
			ends := len(head) + len(row)
			for ends-begins < size && ends < rows {
				ends += len(row)
			}
			if ends-begins < size {
				ends = len(text)
			}
			if begins += len(st.Text); begins != ends {
				t.Fatalf("of size %d a part ends at %d, not %d", size, begins, ends)
			}
		}
		if whole != text {
			t.Errorf("%q came out", whole)
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
