package differential

import (
	"bytes"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

// formatCase is a folder of files in csv or jsonl that is loaded, and what is right then.
type formatCase struct {
	name     string
	setup    string            // SQL that makes the database
	files    map[string]string // of the folder, by their paths in it; ../x lies beside it
	role     string            // who loads; "" is the superuser
	encoding string            // of the database; "" is the server's own
	env      []string          // beside PATH
	options  []string          // ours; relative paths begin beside the folder
	query    string            // on the result, whatever became of it

	exit   problem.Code // any is that nothing is said of it
	result string       // what the query gives, rows divided by " / "; "*" is that nothing is said of it
	says   []string     // parts of what is said
	silent []string     // parts that must not be said

}

// anyExit stands in a formatCase for every exit code.
const anyExit problem.Code = -1

// runFormatCases loads each case into a database of its own.
func runFormatCases(t *testing.T, cases []formatCase) {
	t.Helper()
	needServer(t)
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			if strings.Contains(c.setup, "create extension postgis") && !extensionThere(t, "postgis") {
				t.Skip("needs the extension postgis, which this server does not have")
			}
			if wrong := c.load(t); len(wrong) > 0 {
				t.Error(strings.Join(wrong, "\n"))
			}
		})
	}
}

// encoded numbers the databases of encodedDatabase.
var encoded atomic.Int64

// encodedDatabase makes a database in an encoding, "" for the server's own, and gives its URL. It is dropped when the test ends.
func encodedDatabase(t *testing.T, encoding string) string {
	t.Helper()
	if encoding == "" {
		return server.NewDatabase(t)
	}
	name := fmt.Sprintf("encoded_%d", encoded.Add(1))
	pgtest.Exec(t, server.URL(superuser), fmt.Sprintf("CREATE DATABASE %s TEMPLATE template0 ENCODING '%s' LOCALE 'C'", name, encoding))
	t.Cleanup(func() { pgtest.Exec(t, server.URL(superuser), "DROP DATABASE "+name+" WITH (FORCE)") })
	return server.URL(name)
}

// load makes the database, loads the folder, and says what is wrong.
func (c formatCase) load(t *testing.T) (wrong []string) {
	t.Helper()
	at := encodedDatabase(t, c.encoding)
	if c.setup != "" {
		pgtest.Exec(t, at, c.setup)
	}
	workspace := t.TempDir()
	for name, text := range c.files {
		path := filepath.Join(workspace, "export", filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	url := at
	if c.role != "" {
		url = as(t, at, c.role)
	}
	var stdout, stderr bytes.Buffer
	code := seed.Main(t.Context(), seed.Process{
		Args:    append([]string{"load", "export", "--database-url=" + url}, c.options...),
		Environ: append([]string{"GITHUB_WORKSPACE=" + workspace, "PATH=" + os.Getenv("PATH")}, c.env...),
		Stdout:  &stdout, Stderr: &stderr, Version: "test",
	})
	log := stdout.String() + stderr.String()
	add := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if c.exit != anyExit && code != c.exit {
		add("exit code %d, not %d", code, c.exit)
	}
	if c.result != "*" {
		got, failed, status := pgtest.Psql(t, at, "-At", "-c", c.query)
		if got = strings.ReplaceAll(strings.TrimSuffix(got, "\n"), "\n", " / "); status != 0 {
			got = failed
		}
		if got != c.result {
			add("the query gives %q, not %q", got, c.result)
		}
	}
	for _, part := range c.says {
		if !strings.Contains(log, part) {
			add("it does not say %q", part)
		}
	}
	for _, part := range c.silent {
		if strings.Contains(log, part) {
			add("it says %q", part)
		}
	}
	if len(wrong) > 0 {
		add("it says:\n%s", log)
	}
	return wrong
}

func extensionThere(t *testing.T, name string) bool {
	t.Helper()
	got, _, _ := pgtest.Psql(t, server.URL(superuser), "-At", "-c", "SELECT count(*) FROM pg_available_extensions WHERE name = '"+name+"'")
	return strings.TrimSpace(got) != "0"
}

// TestFormats loads the folders of testdata/formats: NAME.setup.sql makes the database, NAME.cmd has role, arguments and a query, and
// wants.tsv what is right.
func TestFormats(t *testing.T) {
	t.Parallel()
	const folder = "testdata/formats"
	wants := map[string][]string{}
	for _, f := range readTable(t, filepath.Join(folder, "wants.tsv"), 5) {
		wants[f[0]] = f[1:]
	}
	commands, err := filepath.Glob(filepath.Join(folder, "*.cmd"))
	if err != nil {
		t.Fatal(err)
	}
	var cases []formatCase
	for _, path := range commands {
		name := strings.TrimSuffix(filepath.Base(path), ".cmd")
		want, ok := wants[name]
		if !ok {
			t.Errorf("wants.tsv lacks %s", name)
			continue
		}
		delete(wants, name)
		c := readFormatCase(t, folder, name)
		c.exit = anyExit
		if want[0] != "*" {
			n, err := strconv.Atoi(want[0])
			if err != nil {
				t.Fatal(err)
			}
			c.exit = problem.Code(n)
		}
		c.result, c.says, c.silent = want[1], parts(want[2]), parts(want[3])
		cases = append(cases, c)
	}
	for name := range wants {
		t.Errorf("wants.tsv has %s, which is no case", name)
	}
	runFormatCases(t, cases)
}

// parts divides what stands in one field of a table; "-" is nothing.
func parts(field string) []string {
	if field == "-" {
		return nil
	}
	return strings.Split(field, " | ")
}

var cmdLine = regexp.MustCompile(`(?m)^(\w+)=(.*)$`)

func readFormatCase(t *testing.T, folder, name string) formatCase {
	t.Helper()
	read := func(path string) string {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	c := formatCase{name: name, setup: read(filepath.Join(folder, name+".setup.sql")), files: map[string]string{}}
	for _, m := range cmdLine.FindAllStringSubmatch(read(filepath.Join(folder, name+".cmd")), -1) {
		words := shellWords(m[2])
		switch m[1] {
		case "ROLE":
			if words[0] != superuser {
				c.role = words[0]
			}
		case "DBOPTS":
			options := strings.Fields(words[0])
			if i := slices.Index(options, "-E"); i >= 0 {
				c.encoding = options[i+1]
			}
		case "ARGS":
			c.options = shellWords(words[0])
		case "QUERY":
			c.query = words[0]
		}
	}
	dir := filepath.Join(folder, name)
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		rel, err := filepath.Rel(dir, path)
		c.files[filepath.ToSlash(rel)] = read(path)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, option := range c.options {
		if strings.HasSuffix(option, ".before.sql") {
			c.files["../"+option] = read(filepath.Join(folder, option))
		}
	}
	return c
}

// shellWords divides a text as a shell does, by what the cases have of that: single quotes, double quotes, and \ before a character.
func shellWords(text string) (words []string) {
	var word []byte
	var quote byte
	in := false
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\' && quote != '\'' && i+1 < len(text):
			i++
			word, in = append(word, text[i]), true
		case quote != 0 && c == quote:
			quote = 0
		case quote == 0 && (c == '\'' || c == '"'):
			quote, in = c, true
		case quote == 0 && c == ' ':
			if in {
				words = append(words, string(word))
			}
			word, in = nil, false
		default:
			word, in = append(word, c), true
		}
	}
	if in {
		words = append(words, string(word))
	}
	return words
}
