//go:build unix

package fit_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"encoding/json"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

var (
	updateFlag = flag.Bool("update", false, "write docs/errors.md anew")
	tableFlag  = flag.Bool("table", false, "print what is said of each misfit")
)

// answer is the JSON line of a run.
type answer struct {
	Code     problem.Code `json:"exit-code"`
	Error    string       `json:"error"`
	Warnings []string     `json:"warnings"`
	Rows     int64        `json:"rows"`

	Findings []fit.Finding `json:"findings"`
}

// run runs the program in this process.
func run(t *testing.T, env []string, args ...string) answer {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := seed.Main(t.Context(), seed.Process{Args: append(args, "--output=json"), Environ: env, Stdout: &stdout, Stderr: &stderr, Version: "v1.2.3"})
	var a answer
	if err := json.Unmarshal(stdout.Bytes(), &a); err != nil || a.Code != code {
		t.Fatalf("exit code %d, %v: %s\n%s", code, err, stdout.String(), stderr.String())
	}
	return a
}

var makeLoader sync.Once

// database makes a database with a schema, and gives the address by which it is loaded.
func (m misfit) database(t *testing.T) string {
	t.Helper()
	server := pgtest.Shared(t)
	makeLoader.Do(func() { pgtest.Exec(t, server.URL("postgres"), "CREATE ROLE loader LOGIN PASSWORD 'loader'") })
	address := server.NewDatabase(t)
	if m.schema != "" {
		pgtest.Exec(t, address, m.schema)
	}
	if !m.role {
		return address
	}
	u, err := url.Parse(address)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("loader", "loader")
	return u.String()
}

// bring writes the files, and gives what is to be loaded.
func (m misfit) bring(t *testing.T) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "export")
	files := map[string]string{}
	for name, text := range m.files {
		files[name] = text
	}
	if m.script != "" {
		files["load.sql"] = m.script
	}
	for name, text := range files {
		path := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, m.load)
}

// TestMisfits holds each input that does not fit to what is said of it: the finding, its place, and one remedy. With -table it prints
// them, for who has not seen the code to read.
func TestMisfits(t *testing.T) {
	named := map[string]bool{}
	for _, m := range misfits {
		if named[m.name] {
			t.Errorf("two are called %s, to which a link of the summary leads", m.name)
		}
		named[m.name] = true
	}
	remedies := make([]string, len(misfits))
	if !t.Run("each", func(t *testing.T) { eachMisfit(t, remedies) }) {
		return
	}
	if slices.Contains(remedies, "") { // without a server, or with -run of some
		t.Skip("not every misfit was tried, so docs/errors.md is not compared")
	}
	holdDocs(t, remedies)
}

func eachMisfit(t *testing.T, remedies []string) {
	t.Helper()
	for i, m := range misfits {
		t.Run(m.name, func(t *testing.T) {
			t.Parallel()
			if m.below > 0 && pgtest.Shared(t).Version() >= m.below {
				remedies[i] = m.remedy
				t.Skipf("this server is not older than version %d", m.below)
			}
			var a answer
			if m.http != 0 {
				api := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					if r.Method == http.MethodPost {
						w.WriteHeader(m.http)
					} else {
						w.WriteHeader(http.StatusNotFound)
					}
				}))
				defer api.Close()
				a = run(t, []string{"FABRICATE_API_URL=" + api.URL, "FABRICATE_API_KEY=fabricate-key-1", "FABRICATE_WORKSPACE=w", "FABRICATE_DATABASE=shop"}, "--load=false")
			} else {
				args := append([]string{"load", m.bring(t), "--database-url=" + m.database(t)}, m.args...)
				a = run(t, []string{"HOME=" + t.TempDir()}, args...)
			}
			if *tableFlag {
				fmt.Printf("── %s: %s\n%s\n%s\n\n", m.name, m.title, a.Error, strings.Join(a.Warnings, "\n"))
			}
			m.hold(t, a)
			remedies[i] = m.advice(a)
		})
	}
}

// hold compares what was said with what must be.
func (m misfit) hold(t *testing.T, a answer) {
	t.Helper()
	said := a.Error + "\n" + strings.Join(a.Warnings, "\n")
	if a.Code != m.code {
		t.Errorf("exit code %d, want %d", a.Code, m.code)
	}
	for _, want := range []string{m.says, m.remedy} {
		if n := strings.Count(said, want); n != 1 {
			t.Errorf("%q is said %d times", want, n)
		}
	}
	if !strings.HasPrefix(a.Error, m.where) {
		t.Errorf("the place is not %s", m.where)
	}
	var finds []found
	for _, f := range a.Findings {
		places := make([]string, len(f.Examples))
		for i, e := range f.Examples {
			places[i] = fmt.Sprint(e.Line)
		}
		finds = append(finds, found{f.Kind, f.Table, f.Column, f.Rows, strings.Join(places, " ")})
	}
	if !slices.Equal(finds, m.finds) {
		t.Errorf("found %v,\nwant  %v", finds, m.finds)
	}
	for _, line := range strings.Split(strings.TrimSpace(said), "\n") {
		if n := strings.Count(said, line); n > 1 && len(line) > 20 {
			t.Errorf("%q is said %d times", line, n)
		}
	}
	if t.Failed() {
		t.Logf("said:\n%s", said)
	}
}

// advice gives all of the line that says what to do.
func (m misfit) advice(a answer) string {
	for line := range strings.Lines(a.Error) {
		if strings.Contains(line, m.remedy) {
			return strings.TrimSpace(temporary.ReplaceAllString(line, ""))
		}
	}
	return m.remedy
}

// temporary is the folder that a misfit lies in.
var temporary = regexp.MustCompile(`\S*/TestMisfits\S*/export/?`)

const docs = "../../docs/errors.md"

// holdDocs holds docs/errors.md to the table: go test ./internal/fit -update writes it.
func holdDocs(t *testing.T, remedies []string) {
	t.Helper()
	var b strings.Builder
	b.WriteString(docsHead)
	group := ""
	for i, m := range misfits {
		if m.group != group {
			group = m.group
			fmt.Fprintf(&b, "\n## %s\n\n| what is wrong | what is said | what to do |\n| --- | --- | --- |\n", group)
		}
		fmt.Fprintf(&b, "| <a id=\"%s\"></a>%s | %s | %s |\n", m.name, cell(m.title), code(m.says), cell(remedies[i]))
	}
	if *updateFlag {
		if err := os.WriteFile(docs, []byte(b.String()), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	have, err := os.ReadFile(docs)
	if err != nil {
		t.Fatal(err)
	}
	if string(have) != b.String() {
		t.Errorf("%s is not what the table says: go test ./internal/fit -update", docs)
	}
}

const docsHead = `# What does not fit, and what to do

The errors and findings that a load or a check reports, to be looked up by their words or by PostgreSQL's code (SQLSTATE). Names and values are those
of examples. Where several things do not fit, the report has a line for each, with its rows, and what to do about each. Every line here is an input of a test
(` + "`" + `internal/fit` + "`" + `), which holds the program to these words.
`

// cell writes a text so that a cell of a table shows it as it is.
func cell(text string) string {
	return strings.NewReplacer("|", "\\|", "<", "&lt;", "*", "\\*", "_", "\\_", "\\", "\\\\").Replace(text)
}

func code(text string) string { return "`" + strings.ReplaceAll(text, "|", "\\|") + "`" }

func gzipOf(text string) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}

func tarOf(name, text string) string {
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	_ = w.WriteHeader(&tar.Header{Name: name, Mode: 0o644, Size: int64(len(text)), Format: tar.FormatUSTAR})
	_, _ = w.Write([]byte(text))
	_ = w.Close()
	return b.String()
}
