package psql

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"
	"testing/iotest"
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
	for _, s := range []string{"/* c */ \\echo a\nselect 1;", "/* c */\n\\copy t from stdin\n1\n\\.\nselect 1;", "select\n\\set a 1\n1;select 2;", "select \\r\nselect 1;", "select 1 \\g\n/* c */ select 2;"} {
		f.Add(s, "UTF8", false)
	}
	f.Fuzz(func(t *testing.T, text, encoding string, escapes bool) {
		vars := NewVars()
		s, err := Open(fstest.MapFS{"load.sql": {Data: []byte(text)}, "a.sql": {Data: []byte("select 1")}}, "load.sql", vars,
			Options{Encoding: encoding, Escapes: escapes})
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = s.Close() }()
		var out bytes.Buffer
		within := false
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
				if st.Seekable && st.From.File == "load.sql" && !st.More && !within && !st.Compound {
					if got := again(t, s, st, vars); got != string(st.Text) {
						t.Fatalf("%q is said to begin at %d of %q, where %q is", st.Text, st.From.Offset, text, got)
					}
				}
				within = st.More
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

// again reads what stands at the place of a statement once more.
func again(t *testing.T, s *Script, st *Statement, vars *Vars) string {
	t.Helper()
	other, err := s.Apart(st.From, vars.Copy(), 0)()
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = other.Close() }()
	item, err := other.Next()
	if st, is := item.(*Statement); is {
		return string(st.Text)
	}
	return fmt.Sprintf("%T %v", item, err)
}

// FuzzWindow reads anything twice: from a file that gives all at once, and from one that gives a byte at a time. What comes
// out, places included, must not depend on how much of the file happened to be in hand.
func FuzzWindow(f *testing.F) {
	for _, s := range []string{
		"select 1; -- c\nselect 'a''b' /* x /* y */ */ from t;\n", "select $tag$;$tag$, :v, :'v', E'\\'' \\g\n", "copy t from stdin;\n1\ta\n\\.\nselect 1;",
		"\\copy t from stdin csv\n\"a\n\\.\n\"\n\\.\n", "\\if 0\n'\n\\else\nselect 1;\n\\endif\n", "select\n\\copy t from stdin\n1\n\\.\n\n2;\n",
		"\\if 0\n" + strings.Repeat("'x\n", 60), "select '" + strings.Repeat("long;", 60) + "\n", "select $1 \\bind a 'b c' \\g\n\\parse p\n\\bind_named p 1\n", "\xef\xbb\xbfselect 1\\;;\r\n",
	} {
		f.Add(s, "UTF8", false)
		f.Add(s, "SJIS", true)
	}
	f.Fuzz(func(t *testing.T, text, encoding string, escapes bool) {
		files := fstest.MapFS{"load.sql": {Data: []byte(text)}, "a.sql": {Data: []byte("select 1")}}
		o := Options{Encoding: encoding, Escapes: escapes}
		if whole, bit := trace(t, files, o), trace(t, dribble{files}, o); whole != bit {
			t.Fatalf("%q\nat once:\n%s\nbyte by byte:\n%s", text, whole, bit)
		}
	})
}

// dribble is a file system whose files give one byte a read.
type dribble struct{ fs.FS }

func (d dribble) Open(name string) (fs.File, error) {
	f, err := d.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return slowFile{f, iotest.OneByteReader(f)}, nil
}

type slowFile struct {
	fs.File
	rd io.Reader
}

func (f slowFile) Read(p []byte) (int, error) { return f.rd.Read(p) }

// trace writes down everything that a script gives. Every other \copy and COPY has its rows read.
func trace(t *testing.T, files fs.FS, o Options) string {
	t.Helper()
	var said strings.Builder
	o.Warn = func(pos Position, text string) { fmt.Fprintf(&said, "warning %s: %s\n", pos, text) }
	s, err := Open(files, "load.sql", NewVars(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for range 1 << 16 {
		item, err := s.Next()
		rows := false
		var e *Error
		switch {
		case errors.As(err, &e):
			fmt.Fprintf(&said, "%#v %s\n", e.Pos, e.Message)
			if e.Fatal || e.Refused {
				return said.String()
			}
			continue
		case err != nil:
			return said.String()
		}
		switch it := item.(type) {
		case *Statement:
			fmt.Fprintf(&said, "%q %q %d %v %v", it.Text, it.First, it.End, it.Seekable, it.Compound)
			if send := it.Send; send != nil {
				fmt.Fprintf(&said, " %d %q %s", send.Kind, send.Prefix, send.Pos)
				if send.Bind != nil {
					fmt.Fprintf(&said, " %+v", *send.Bind)
				}
			}
			for i := range it.Text {
				fmt.Fprintf(&said, " %s", it.Locate(i))
			}
			rows = it.First == "copy" && it.Send == nil
		case *Copy:
			fmt.Fprintf(&said, "%#v", *it)
			rows = it.From == FromScript
		default:
			fmt.Fprintf(&said, "%#v", item)
		}
		said.WriteByte('\n')
		if rows {
			r, err := s.CopyData()
			if err != nil {
				return said.String() + err.Error()
			}
			b, err := io.ReadAll(r)
			fmt.Fprintf(&said, "rows at %s: %q %v\n", r.Start(), b, err)
			if err == nil && readAgain(t, r) != string(b) {
				t.Fatalf("rows at %s are others when they are read again", r.Start())
			}
		}
	}
	t.Fatal("it does not end")
	return ""
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
