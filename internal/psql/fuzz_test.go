package psql

import (
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
)

// FuzzScript reads anything. Nothing panics; a script without meta-commands and variables comes out as it went in, but for
// the white space, comments and empty lines that psql drops between statements.
func FuzzScript(f *testing.F) {
	for _, s := range []string{
		"select 1; select 2;\n", "select 'a;''b'\n'c'; -- x\nselect $a$;$a$", "/* a /* b */ */ select E'\\';'", "copy t from stdin;\n1\n\\.\n",
		"\\set a 1 \\\\ select :a, :'a', :\"a\", :{?a};", "\\if false\nselect '\n\\endif\n", "\\copy t from stdin csv\n\"a\n\\.\nselect 1;",
		"create function f() begin atomic select 1; end; select 2;", "\xef\xbb\xbfselect 1\\;;\r\n", "\\i a.sql", "\x00",
	} {
		f.Add(s, "UTF8", false)
		f.Add(s, "SJIS", true)
	}
	f.Fuzz(func(t *testing.T, text, encoding string, escapes bool) {
		s, err := Open(fstest.MapFS{"load.sql": {Data: []byte(text)}, "a.sql": {Data: []byte("select 1")}}, "load.sql", NewVars(),
			Options{Encoding: encoding, Escapes: escapes})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		var out bytes.Buffer
		plain := !strings.ContainsAny(text, "\\:\x00") && !strings.HasPrefix(text, "\xef\xbb\xbf")
		for steps := 0; ; steps++ {
			if steps > len(text)+100 {
				t.Fatalf("more steps than bytes")
			}
			item, err := s.Next()
			var e *Error
			if errors.As(err, &e) && !e.Fatal && !e.Refused {
				continue
			}
			if err != nil {
				if plain && !errors.Is(err, io.EOF) {
					t.Fatal(err)
				}
				break
			}
			if st, ok := item.(*Statement); ok {
				out.Write(st.Text)
				if plain && st.Seekable && !bytes.HasPrefix([]byte(text[min(st.Pos.Offset, int64(len(text))):]), st.Text[:1]) {
					t.Fatalf("%q is said to begin at %d of %q", st.Text, st.Pos.Offset, text)
				}
				if grows := int64(cap(st.Text)); grows > int64(8*len(text)+1<<16) {
					t.Fatalf("%d bytes are kept for a script of %d", grows, len(text))
				}
			}
		}
		if plain && !strings.Contains(text, "--") && squeeze(out.String()) != squeeze(text) {
			t.Fatalf("%q came out as %q", text, out.String())
		}
	})
}

// squeeze takes out all white space.
func squeeze(s string) string {
	return strings.Map(func(r rune) rune {
		if strings.ContainsRune(" \t\r\n\f", r) {
			return -1
		}
		return r
	}, s)
}

// BenchmarkCopyRows reads the rows of a COPY.
func BenchmarkCopyRows(b *testing.B) {
	row := "1\tana@example.org\tt\t6.5\t{\"theme\": \"dark\"}\t2025-09-01 14:31:19.08+00\n"
	data := "copy t from stdin;\n" + strings.Repeat(row, 8<<20/len(row)) + "\\.\n"
	fsys := fstest.MapFS{"load.sql": {Data: []byte(data)}}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(fsys, "load.sql", NewVars(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		if _, err := s.Next(); err != nil {
			b.Fatal(err)
		}
		rows, err := s.CopyData()
		if err != nil {
			b.Fatal(err)
		}
		if n, err := rows.WriteTo(io.Discard); err != nil || n < 7<<20 {
			b.Fatal(n, err)
		}
		_ = s.Close()
	}
}
