package psql

import (
	"errors"
	"io"
	"strings"
	"testing"
	"testing/fstest"
)

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

func BenchmarkInserts(b *testing.B) {
	var sb strings.Builder
	for i := 0; sb.Len() < 8<<20; i++ {
		if i%1000 == 0 {
			sb.WriteString("INSERT INTO \"users\" (\"id\", \"email\", \"active\", \"score\", \"profile\", \"created_at\") VALUES\n")
		}
		sb.WriteString(`(1, 'ana@example.org', true, 6.5, '{"theme": "dark"}', '2025-09-01T14:31:19.080Z')`)
		if i%1000 == 999 {
			sb.WriteString(";\n\n\n-- fabricate-flush\n\n\n")
		} else {
			sb.WriteString(",\n")
		}
	}
	data := sb.String()
	fsys := fstest.MapFS{"load.sql": {Data: []byte(data)}}
	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		s, err := Open(fsys, "load.sql", NewVars(), Options{})
		if err != nil {
			b.Fatal(err)
		}
		for {
			if _, err := s.Next(); err != nil {
				break
			}
		}
		_ = s.Close()
	}
}
