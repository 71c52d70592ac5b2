package psql

import (
	"errors"
	"io"
	"io/fs"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// read gives the statements and other items of a script, as text.
func read(t testing.TB, script string, o Options) []string {
	t.Helper()
	s, err := Open(fstest.MapFS{"load.sql": {Data: []byte(script)}, "sub/a.sql": {Data: []byte("select 'in a';\n\\ir b.sql\n")},
		"sub/b.sql": {Data: []byte("select 'in b'")}}, "load.sql", NewVars(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	var got []string
	for {
		item, err := s.Next()
		if errors.Is(err, io.EOF) {
			return got
		}
		var e *Error
		if errors.As(err, &e) {
			got = append(got, "error: "+e.Error())
			if e.Fatal {
				return got
			}
			continue
		}
		switch it := item.(type) {
		case *Statement:
			got = append(got, string(it.Text))
			if strings.HasPrefix(strings.ToLower(string(it.Text)), "copy") {
				r, err := s.CopyData()
				if err != nil {
					t.Fatal(err)
				}
				b, err := io.ReadAll(r)
				if err != nil {
					t.Fatal(err)
				}
				if again := readAgain(t, r); again != string(b) {
					t.Errorf("rows %q are %q when they are read again", b, again)
				}
				got = append(got, "rows: "+string(b))
			}
		case *Print:
			got = append(got, "print: "+it.Text)
		case *Copy:
			got = append(got, "copy: "+it.SQL+" <- "+it.File)
		case *Ignored:
			got = append(got, "ignored: "+it.Command)
		default:
			t.Fatalf("item %T", item)
		}
	}
}

// readAgain gives the rows of a COPY once more.
func readAgain(t testing.TB, rows *CopyReader) string {
	t.Helper()
	again, err := rows.Again()
	if err != nil {
		t.Fatal(err)
	}
	b, err := io.ReadAll(again)
	if err := errors.Join(err, again.Close()); err != nil {
		t.Fatal(err)
	}
	if again.Start().String() != rows.Start().String() {
		t.Errorf("rows from %s are rows from %s when they are read again", rows.Start(), again.Start())
	}
	return string(b)
}

func TestRead(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		script string
		want   []string
	}{
		"two":           {"select 1; select 2;\n", []string{"select 1;", "select 2;"}},
		"blank lines":   {"select 1\n\n\n,2;\n", []string{"select 1\n,2;"}},
		"quote":         {"select 'a;''b\n\n;';\n", []string{"select 'a;''b\n\n;';"}},
		"escape":        {`select E'a\';' ;`, []string{`select E'a\';' ;`}},
		"dollar":        {"select $a$;$b$;$a$;", []string{"select $a$;$b$;$a$;"}},
		"comment":       {"/* ; /* ; */ ; */ select 1;", []string{"/* ; /* ; */ ; */ select 1;"}},
		"dashes":        {"-- a;\nselect 1 -- b;\n+1;", []string{"select 1 -- b;\n+1;"}},
		"parens":        {"create rule r as on insert to t do (select 1; select 2);", []string{"create rule r as on insert to t do (select 1; select 2);"}},
		"atomic":        {"create function f() returns int begin atomic select case when true then 1 end; end; select 1;", []string{"create function f() returns int begin atomic select case when true then 1 end; end;", "select 1;"}},
		"no semicolon":  {"select 1\n", []string{"select 1"}},
		"bom":           {"\xef\xbb\xbfselect 1;", []string{"select 1;"}},
		"copy":          {"copy t from stdin; select 1;\na\tb\n\\.\nselect 2;", []string{"copy t from stdin;", "rows: a\tb\n", "select 1;", "select 2;"}},
		"copy to end":   {"copy t from stdin;\na\n", []string{"copy t from stdin;", "rows: a\n"}},
		"variables":     {"\\set a 1 2\n\\set t 'it''s'\nselect :a, :'t', :\"t\", x::int, :b, :{?a}, :{?b};", []string{`select 12, 'it''s', "it's", x::int, :b, TRUE, FALSE;`}},
		"if":            {"\\if 0\nselect 1;\n\\elif on\nselect 2;\n\\else\nselect 3;\n\\endif\n", []string{"select 2;"}},
		"if in a query": {"select\n\\if false\n 1\n\\else\n 2\n\\endif\n;", []string{"select\n 2\n;"}},
		"include":       {"\\i sub/a.sql\n\\echo done\n", []string{"select 'in a';", "select 'in b'", "print: done\n"}},
		"shell":         {"\\! ls\nselect 1;", []string{`error: load.sql:1:1: \! runs a shell command, which is never done for a script from outside`, "select 1;"}},
		"backquotes":    {"\\set a `ls`\n", []string{`error: load.sql:1:1: \set: backquotes run a shell command, which is never done for a script from outside`}},
		"outside":       {"\\i ../x.sql\n", []string{`error: load.sql:1:1: "../x.sql" is outside the archive`}},
		"invalid":       {"\\foo bar\nselect 1;", []string{`error: load.sql:1:1: invalid command \foo`, "select 1;"}},
		"display":       {"\\d t \\x\nselect 1;", []string{`ignored: \d`, `ignored: \x`, "select 1;"}},
		"\\copy":        {"\\copy s.t (a, b) from 'x.csv' with (format csv)\n", []string{"copy: COPY  s.t ( a, b ) FROM STDIN with (format csv) <- x.csv"}},
		"\\;":           {"select 1\\; select 2;", []string{"select 1; select 2;"}},
		"\\g":           {"select 1 \\g\n\\g\n", []string{"select 1 ", "select 1 "}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := read(t, tt.script, Options{})
			if strings.Join(got, "|") != strings.Join(tt.want, "|") {
				t.Errorf("%q\ngot  %q\nwant %q", tt.script, got, tt.want)
			}
		})
	}
}

// inserts gives a script of so many bytes, with so many rows an INSERT.
func inserts(size, rows int) string {
	var sb strings.Builder
	for i := 0; sb.Len() < size || i%rows > 0; i++ {
		if i%rows == 0 {
			sb.WriteString("INSERT INTO \"users\" (\"id\", \"email\", \"active\", \"score\", \"profile\", \"created_at\") VALUES\n")
		}
		sb.WriteString(`(1, 'ana@example.org', true, 6.5, '{"theme": "dark"}', '2025-09-01T14:31:19.080Z')`)
		if i%rows == rows-1 {
			sb.WriteString(";\n\n\n-- fabricate-flush\n\n\n")
		} else {
			sb.WriteString(",\n")
		}
	}
	return sb.String()
}

// A statement's first word is its own, whatever stood in branches that are not taken.
func TestFirstWord(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"insert into t values (1); copy t from 'x';":                              "insert copy",
		"\\if 0\ninsert into t values (1) \\g\n\\endif\ncopy t from 'x';":         "copy",
		"\\if 0\ninsert into t values (1);\n\\endif\nCOPY t from 'x';":            "copy",
		"\\if 0\ninsert into t\n\\elif 1\ntruncate t;\n\\endif\nupdate t;":        "truncate update",
		"\\if 1\nselect 1;\n\\else\ninsert into t \\g\n\\endif\n/* c */ table t;": "select table",
		"insert\n\\if 0\ncopy \\g\n\\endif\ninto t values (1);":                   "insert",
		"\\if 0\ninsert into t \\g\n\\endif\n(select 1);":                         "select",
	} {
		s, err := Open(fstest.MapFS{"load.sql": {Data: []byte(text)}}, "load.sql", NewVars(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for {
			item, err := s.Next()
			if errors.Is(err, io.EOF) {
				break
			}
			if err != nil {
				t.Fatal(err)
			}
			if st, ok := item.(*Statement); ok {
				got = append(got, st.First)
			}
		}
		_ = s.Close()
		if strings.Join(got, " ") != want {
			t.Errorf("%q: %q, not %s", text, got, want)
		}
	}
}

// readAll reads a script to its end.
func readAll(t testing.TB, fsys fs.FS, o Options) {
	s, err := Open(fsys, "load.sql", NewVars(), o)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for {
		switch item, err := s.Next(); {
		case errors.Is(err, io.EOF):
			return
		case err != nil:
			t.Fatal(err)
		default:
			if st, ok := item.(*Statement); ok && st.First == "copy" {
				rows, err := s.CopyData()
				if err != nil {
					t.Fatal(err)
				}
				if _, err := rows.WriteTo(io.Discard); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
}

func BenchmarkInserts(b *testing.B) { benchmark(b, inserts(8<<20, 1000)) }

// BenchmarkSingleInserts reads INSERTs of one row each.
func BenchmarkSingleInserts(b *testing.B) { benchmark(b, inserts(8<<20, 1)) }

// BenchmarkCopyRows reads the rows of a COPY.
func BenchmarkCopyRows(b *testing.B) { benchmark(b, copyOf(8<<20)) }

func copyOf(size int) string {
	row := "1\tana@example.org\tt\t6.5\t{\"theme\": \"dark\"}\t2025-09-01 14:31:19.08+00\n"
	return "copy t from stdin;\n" + strings.Repeat(row, size/len(row)) + "\\.\n"
}

func benchmark(b *testing.B, script string) {
	fsys := fstest.MapFS{"load.sql": {Data: []byte(script)}}
	b.SetBytes(int64(len(script)))
	b.ReportAllocs()
	for b.Loop() {
		readAll(b, fsys, Options{})
	}
}

// TestAllocations: reading ten times as much allocates no more.
func TestAllocations(t *testing.T) {
	for name, script := range map[string]func(size int) string{
		"INSERTs of many rows": func(size int) string { return inserts(size, 500) },
		"INSERTs of one row":   func(size int) string { return inserts(size, 1) },
		"COPY":                 copyOf,
	} {
		of := func(size int) float64 {
			fsys := fstest.MapFS{"load.sql": {Data: []byte(script(size))}}
			return testing.AllocsPerRun(3, func() { readAll(t, fsys, Options{}) })
		}
		const more = 5 // a buffer may grow once more
		if little, much := of(1<<20), of(10<<20); much > little+more {
			t.Errorf("%s: %.0f allocations for 1 MiB, %.0f for 10 MiB", name, little, much)
		}
	}
}

// A NUL ends the script wherever it stands, with one error, also where a quote might go on behind it.
func TestNULAnywhere(t *testing.T) {
	t.Parallel()
	for _, begin := range []string{
		"", "select ", "select 'x", "select 'x'", "select E'x", "select E'x'", "select E'x\\", `select "x`, `select "x"`, "/* x", "/* *", "/* /",
		"$$", "$$x", "$$x$", "$tag$x$ta", "-- x", "select nam", "select $", "\\if 0\n'", ":", ":'", "\\",
	} {
		script := begin + "\x00" + strings.Repeat("more; ", 1000) + "\n"
		got := read(t, script, Options{})
		if n := len(got); n == 0 || !strings.Contains(got[n-1], "NUL") {
			t.Errorf("%q: %.200q", begin, got)
		}
	}
}
