package psql

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"testing/fstest"
)

// harm is a script that takes more than it may, and what is said of it.
type harm struct {
	name   string
	script string
	files  func() map[string]string
	says   string
}

func harms() []harm {
	read := "-- " + strings.Repeat("x", 2<<20) + "\n"
	double, laughs := "\\set x aaaaaaaaaaaaaaaa\n"+strings.Repeat("\\set x :x:x\n", 40), "\\set a0 'select 1;'\n"
	for i := range 40 {
		laughs += fmt.Sprintf("\\set a%d ':a%d :a%[2]d'\n", i+1, i)
	}
	chain := "\\set a 'select 1'\n\\set x :a\n" // 64 KiB, that any statement may name
	for range 13 {
		chain += "\\set x :x:x\n"
	}
	tree := func() map[string]string {
		files := map[string]string{"f40.sql": "select 1;\n"}
		for i := range 40 {
			files[fmt.Sprintf("f%d.sql", i)] = fmt.Sprintf("\\i f%d.sql\n\\i f%[1]d.sql\n", i+1)
		}
		return files
	}
	itself := func() map[string]string { return map[string]string{"next.sql": "\\i next.sql"} }
	long := func() map[string]string {
		files, rest := map[string]string{}, strings.Repeat(" ", 9<<20)
		for i := range 10 {
			files[fmt.Sprintf("b%d.sql", i)] = fmt.Sprintf("\\i b%d.sql \\\\ \\echo %s\n", i+1, rest)
		}
		return files
	}
	return []harm{
		{name: "a variable that doubles", script: double, says: "more than 32 times as long"},
		{name: "one that doubles slowly", script: read + double, says: "the variables take more than 8 MiB"},
		{name: "variables that double", script: laughs + ":a40\n", says: "more than 32 times as long"},
		{name: "in one statement", script: read + chain + "select 1 " + strings.Repeat(":x", 1000) + ";", says: "16 MiB into one statement"},
		{name: "as literals", script: chain + strings.Repeat("select :'x';", 1000), says: "more than 32 times as long"},
		{name: "in an argument", script: read + chain + "\\echo " + strings.Repeat(":x ", 1000) + "\n", says: "16 MiB into one statement or command"},
		{name: "in arguments of many commands", script: chain + strings.Repeat("\\echo :x\n", 1000), says: "more than 32 times as long"},
		{name: "commands in a value", script: "\\set c '" + strings.Repeat(`\\echo \\\\ `, 20_000) + "'\n:c", says: "more than 32 times as long"},
		{name: "a tree of includes", script: "\\i f0.sql\n", files: tree, says: "included more than 100000 times"},
		{name: "one that includes itself", script: "\\i next.sql\n", files: itself, says: "more than 64 files include one another"},
		{name: "long lines of files that include one another", script: "\\i b0.sql\n", files: long, says: "more than 32 MiB of lines and statements begun"},
		{name: "conditions", script: strings.Repeat("\\if true\n", 20_000), says: `more than 10000 \if`},
		{name: "conditions not taken", script: strings.Repeat("\\if false\n", 20_000), says: `more than 10000 \if`},
		{name: "arguments", script: "\\echo " + strings.Repeat("a ", 200_000), says: "more than 100000 arguments"},
		{name: "parameters", script: "select 1 \\bind " + strings.Repeat("a ", 200_000) + "\\g\n", says: "more than 100000 arguments"},
		{name: "many variables", script: manyVariables(200_000), says: "the variables take more than 8 MiB"},
	}
}

func manyVariables(n int) string {
	var b strings.Builder
	for i := range n {
		fmt.Fprintf(&b, "\\set v%d\n", i)
	}
	return b.String()
}

// TestLimits reads scripts that would take any amount of memory or time, or end only with the universe.
func TestLimits(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: what it reads is large")
	}
	const most = 96 << 20 // bytes of memory that a script may take beyond its largest statement
	// As the program does: otherwise garbage is counted that is collected when there is as much again.
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(48 << 20))
	for _, tt := range harms() {
		t.Run(tt.name, func(t *testing.T) {
			files := fstest.MapFS{"load.sql": {Data: []byte(tt.script)}}
			if tt.files != nil {
				for name, text := range tt.files() {
					files[name] = &fstest.MapFile{Data: []byte(text)}
				}
			}
			before := live()
			peak, err := toTheEnd(t, files)
			var e *Error
			if !errors.As(err, &e) || !strings.Contains(err.Error(), tt.says) || !e.Refused {
				t.Errorf("%.200v, want %q", err, tt.says)
			}
			if peak -= before; peak > most {
				t.Errorf("it took %d MiB", peak>>20)
			}
		})
	}
}

// toTheEnd reads a script until it ends or is refused, and gives the most memory that was in use.
func toTheEnd(t *testing.T, files fs.FS) (peak int64, refused error) {
	t.Helper()
	s, err := Open(files, "load.sql", NewVars(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	for i := 0; ; i++ {
		_, err := s.Next()
		if i%(1<<14) == 0 || err != nil {
			var m runtime.MemStats
			runtime.ReadMemStats(&m)
			peak = max(peak, int64(m.HeapAlloc))
		}
		var e *Error
		switch {
		case errors.Is(err, io.EOF):
			return peak, nil
		case errors.As(err, &e) && (e.Refused || e.Fatal):
			return peak, err
		}
	}
}

// TestLongestStatement reads a statement that is as long as may be, with the limit where a test reaches it, and one that is longer.
func TestLongestStatement(t *testing.T) {
	const longest = 20 << 20 // bytes: it has grown into memory beside the heap
	for size, says := range map[int]string{longest: "", longest + 1: "load.sql:2:1: a statement is longer than PostgreSQL takes, which is 1 GiB"} {
		script := "select 1;\nselect '" + strings.Repeat("x", size-len("select '';")) + "';\nselect 2;"
		s, err := Open(fstest.MapFS{"load.sql": {Data: []byte(script)}}, "load.sql", NewVars(), Options{})
		if err != nil {
			t.Fatal(err)
		}
		s.longest = longest
		for range 3 {
			if _, err = s.Next(); err != nil {
				break
			}
		}
		if got := fmt.Sprint(err); got != cmp.Or(says, "<nil>") {
			t.Errorf("%d bytes: %s", size, got)
		}
		_ = s.Close()
	}
}

// TestWithinLimits reads what looks alike and means well.
func TestWithinLimits(t *testing.T) {
	files := fstest.MapFS{"one.sql": {Data: []byte("select :i;\n")}, "load.sql": {Data: []byte(
		"\\set schema a_rather_long_name_of_a_schema\n" + strings.Repeat("insert into :schema.t values (:'schema');\n", 50_000) +
			strings.Repeat("\\set i 1\n\\i one.sql\n", 5_000))}}
	if _, err := toTheEnd(t, files); err != nil {
		t.Error(err)
	}
}

// TestLongLine reads lines of many commands, which must not take the square of their number.
func TestLongLine(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: what it reads is large")
	}
	for name, script := range map[string]string{
		"in the file":  strings.Repeat(`\a \\ `, 2_000_000),
		"after rows":   "copy t from stdin; " + strings.Repeat(`\a \\ `, 2_000_000) + "\n1\n\\.\n",
		"copy's query": "\\copy (select " + strings.Repeat("a ", 2_000_000) + ") to stdout\n",
	} {
		t.Run(name, func(t *testing.T) {
			s, err := Open(fstest.MapFS{"load.sql": {Data: []byte(script)}}, "load.sql", NewVars(), Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = s.Close() }()
			for {
				item, err := s.Next()
				if errors.Is(err, io.EOF) {
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				if st, ok := item.(*Statement); ok && st.First == "copy" {
					if r, err := s.CopyData(); err != nil {
						t.Fatal(err)
					} else if _, err := r.WriteTo(io.Discard); err != nil {
						t.Fatal(err)
					}
				}
			}
		})
	}
}

// TestPlaces holds the places that errors name: behind comments, and near enough in a statement of very many parts.
func TestPlaces(t *testing.T) {
	for script, want := range map[string]string{
		"select 1;": "load.sql:1:1",
		"/* header */\n\n/*\n more\n*/\nselect 1;": "load.sql:6:1",
		"/* a */ -- b\n  /* /* c */ */ select 1;":  "load.sql:2:17",
		"-- a\n/* b */ select 1;":                  "load.sql:2:9",
		"/* nothing else */;":                      "load.sql:1:19",
		"\\set x '/* a */'\n:x select 1;":          "load.sql:2:4",
	} {
		if st := first(t, script); st.Pos.String() != want {
			t.Errorf("%q stands at %s, want %s", script, st.Pos, want)
		}
	}
	st := first(t, "select 1"+strings.Repeat("+\n\n", 1<<20)+"1;")
	if n := len(st.anchors); n > maxAnchors {
		t.Errorf("%d places are kept", n)
	}
	if p := st.Locate(len(st.Text) - 1); p.Line < 1<<20 {
		t.Error(p)
	}
}

func first(t *testing.T, script string) *Statement {
	t.Helper()
	s, err := Open(fstest.MapFS{"load.sql": {Data: []byte(script)}}, "load.sql", NewVars(), Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	item, err := s.Next()
	if err != nil {
		t.Fatal(err)
	}
	st, ok := item.(*Statement)
	if !ok {
		t.Fatalf("item %T", item)
	}
	return st.Clone()
}

// TestCase holds what is compared without regard to case: \copy, and its own words.
func TestCase(t *testing.T) {
	for script, want := range map[string]string{
		"\\COPY a FROM data.tsv\n":           "copy: COPY  a FROM STDIN  <- data.tsv",
		"\\Copy a (id,n) From STDIN\n":       "copy: COPY  a ( id,n ) FROM STDIN  <- ",
		"\\cOPY a TO PStdOut\n":              "copy: COPY  a TO STDOUT  <- ",
		"\\COPY a from Program 'id'\n":       "error: load.sql:1:1: \\copy … program runs a shell command, which is never done for a script from outside",
		"\\COPY a to 'f'\n":                  "error: load.sql:1:1: \\copy … to \"f\" writes a file, which is never done for a script from outside",
		"\\COPY\n":                           "error: load.sql:1:1: \\copy: arguments required",
		"\\copy a from ſtdin\n":              "copy: COPY  a FROM STDIN  <- ſtdin",
		"\\if false\n\\COPY x \\ y\n\\endif": "",
		"\\ECHO a\n":                         "error: load.sql:1:1: invalid command \\ECHO",
		"\\SET a\n":                          "error: load.sql:1:1: invalid command \\SET",
		"\\dt+\n":                            "ignored: \\dt+",
		"\\dFp\n":                            "ignored: \\dFp",
		"\\dk\n":                             "error: load.sql:1:1: invalid command \\dk",
		"\\dAx1\n":                           "ignored: \\dAx1",
		"\\dro\n":                            "error: load.sql:1:1: invalid command \\dro",
	} {
		if got := strings.Join(read(t, script, Options{}), "\n"); got != want {
			t.Errorf("%q gives %q, want %q", script, got, want)
		}
	}
	body := "create function f() returns int begin atomic select caſe; end; select 2;"
	if got := read(t, body, Options{}); len(got) != 2 {
		t.Errorf("a long s makes another word: %q", got)
	}
}

// TestPipelines names each command of psql 18's pipelines, and stops there.
func TestPipelines(t *testing.T) {
	for _, name := range []string{"startpipeline", "syncpipeline", "sendpipeline", "endpipeline", "flush", "flushrequest", "getresults"} {
		_, err := toTheEnd(t, fstest.MapFS{"load.sql": {Data: []byte("select 1 \\bind \\" + name + "\n")}})
		if err == nil || !strings.Contains(err.Error(), `\`+name+" is of the pipelines that psql 18 brought, which are not supported here") {
			t.Error(err)
		}
	}
}
