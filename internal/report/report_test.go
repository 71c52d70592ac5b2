package report

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/tools/txtar"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

var update = flag.Bool("update", false, "write the golden files anew")

func TestMain(m *testing.M) { leaks.Main(m) }

// stage is a report with everything it writes to, on a clock of its own.
type stage struct {
	*Report
	stdout, stderr bytes.Buffer
	env            map[string]string
	now            time.Time
}

type staging struct {
	github, json, terminal bool
	noFiles                bool // GitHub's files cannot be written
}

func newStage(t *testing.T, with staging) *stage {
	t.Helper()
	s := &stage{now: time.Date(2026, 3, 1, 12, 0, 0, 0, time.UTC), env: map[string]string{}}
	if with.github {
		dir := t.TempDir()
		if with.noFiles {
			dir = filepath.Join(dir, "none")
		}
		s.env["GITHUB_ACTIONS"] = "true"
		s.env["GITHUB_OUTPUT"] = filepath.Join(dir, "output")
		s.env["GITHUB_STEP_SUMMARY"] = filepath.Join(dir, "summary.md")
	}
	s.Report = New(Options{
		Stdout: &s.stdout, Stderr: &s.stderr, Getenv: func(name string) string { return s.env[name] },
		Terminal: with.terminal, Width: 100, Now: func() time.Time { return s.now }, JSON: with.json, Summary: true,
	})
	return s
}

func (s *stage) wait(d time.Duration) { s.now = s.now.Add(d) }

func (s *stage) file(t *testing.T, variable string) string {
	t.Helper()
	text, err := os.ReadFile(s.env[variable])
	if errors.Is(err, os.ErrNotExist) {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// play is a whole run: secrets, three phases, progress, warnings, hostile text.
func (s *stage) play(failure error) {
	s.Secret("s3cret-key", "line one of it\nline two of it")
	s.Phase("Generate")
	for i := range 40 { // seconds
		s.Generation(float64(i)/40, "Generating", "orders")
		s.wait(time.Second)
	}
	s.Generation(1, "Completed", "")
	s.Phase("Download")
	s.Download(0, 1<<20)
	s.wait(500 * time.Millisecond)
	s.Download(1<<20, 1<<20)
	s.Phase("Load")
	s.Info("the script says:\n::error::not ours\n  ::add-mask::x\nand ##[error]neither, \x1b[2Jnor s3cret-key")
	s.Warn("constraint orders_user_fkey: 3 rows without a user | <b>bold</b> @someone `code`")
	s.Warn("constraint orders_user_fkey: 3 rows without a user | <b>bold</b> @someone `code`")
	for i := range 12 {
		s.Load("public.orders", int64(i)*1e6, 12e6, int64(i)*10_000)
		s.wait(time.Second)
	}
	s.Finish(Outcome{
		Headline: "1,370,000 rows loaded into 2 tables", TaskID: "t-1\nrows=0", DataPath: "fabricate-data", ContentType: "application/zip",
		SHA256: "ab12", Rows: 1_370_000, Skipped: false,
		Tables: []Table{
			{Name: "public.users", Rows: 120_000, Bytes: 5 << 20, Elapsed: 1200 * time.Millisecond},
			{Name: `public."Order|Items"`, Rows: 1_250_000, Bytes: 80 << 20, Elapsed: 11 * time.Second},
		},
		Facts:    []Fact{{"Workspace", "acme"}, {"Target", "shop on db:5432"}},
		Settings: []Fact{{"api-key", "***"}, {"jobs", "2"}, {"entity", "s3cret-key"}},
	}, failure)
}

func scriptError() error {
	return fmt.Errorf("load: %w", &problem.Error{
		Code: problem.Database, At: problem.Place{File: "data/load.sql", Line: 12, Column: 3}, What: "column \"nick\" does not exist (SQLSTATE 42703)",
		Excerpt: "  12 | INSERT INTO users (nick) VALUES\n     |                    ^\n``` s3cret-key",
		Remedy:  "The table has a column \"name\": is the database at the version that the data was made for?",
	})
}

func TestGolden(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		with    staging
		failure error
	}{
		{"plain", staging{}, nil},
		{"plain-failure", staging{}, scriptError()},
		{"json", staging{json: true}, nil},
		{"json-failure", staging{json: true}, scriptError()},
		{"github", staging{github: true}, nil},
		{"github-failure", staging{github: true}, scriptError()},
		{"github-json", staging{github: true, json: true}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t, test.with)
			s.play(test.failure)
			archive := &txtar.Archive{Files: []txtar.File{
				{Name: "stdout", Data: s.stdout.Bytes()}, {Name: "stderr", Data: s.stderr.Bytes()},
			}}
			if test.with.github {
				archive.Files = append(archive.Files,
					txtar.File{Name: "output", Data: []byte(s.file(t, "GITHUB_OUTPUT"))},
					txtar.File{Name: "summary.md", Data: []byte(s.file(t, "GITHUB_STEP_SUMMARY"))})
			}
			golden(t, test.name, txtar.Format(archive))
			for _, f := range archive.Files {
				text := regexp.MustCompile(`(?m)^::add-mask::.*$`).ReplaceAllString(string(f.Data), "")
				for _, secret := range []string{"s3cret-key", "line one of it", "line two of it"} {
					if strings.Contains(text, secret) {
						t.Errorf("%s holds the secret %q", f.Name, secret)
					}
				}
			}
		})
	}
}

// TestFindings holds what is said of an export that does not fit: the list in the error, a table in the summary, annotations where the
// rows are, and all of it in the JSON line.
func TestFindings(t *testing.T) {
	t.Parallel()
	var all fit.Report
	all.Add(fit.MissingColumn("public.users", "nick", "name"))
	for i := range 7 {
		all.Add(fit.Finding{Kind: fit.TooLong, Table: "public.users", Column: "name", State: "22001", What: "column name of public.users takes 5 characters",
			Rows: 1, Examples: []fit.Example{{File: "load.sql", Line: 10 + i, Value: "s3cret-key|<b>"}}, Remedy: "Make the column wider."})
	}
	for i := range 12 {
		all.Add(fit.MissingTable([]string{fmt.Sprintf("t%d", i)}, "", ""))
	}
	all.Close()
	all.Unfilled = []string{"public.audit"}
	failure := &problem.Error{Code: problem.Database, At: problem.Place{File: "load.sql", Line: 10}, What: "14 things of the export do not fit the database", Excerpt: all.Text(),
		Remedy: strings.Join(all.Remedies(), "\n")}
	for name, with := range map[string]staging{"findings": {}, "findings-github": {github: true, json: true}} {
		s := newStage(t, with)
		s.Secret("s3cret-key")
		if with.github {
			s.env["GITHUB_ACTION_REPOSITORY"], s.env["GITHUB_ACTION_REF"] = "acme/seed", "v1"
		}
		s.Finish(Outcome{Fit: all}, failure)
		archive := &txtar.Archive{Files: []txtar.File{{Name: "stdout", Data: s.stdout.Bytes()}, {Name: "stderr", Data: s.stderr.Bytes()}}}
		if with.github {
			archive.Files = append(archive.Files, txtar.File{Name: "summary.md", Data: []byte(s.file(t, "GITHUB_STEP_SUMMARY"))})
		}
		golden(t, name, txtar.Format(archive))
	}
}

func golden(t *testing.T, name string, got []byte) {
	t.Helper()
	file := filepath.Join("testdata", name+".golden")
	if *update {
		if err := os.MkdirAll("testdata", 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, got, 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s differs; if it is meant so, run go test ./internal/report -update. Got:\n%s", file, got)
	}
}

func TestJSONLine(t *testing.T) {
	t.Parallel()
	s := newStage(t, staging{json: true})
	s.Secret("rows", "370") // as hostile to the line's own names and numbers as can be
	s.Finish(Outcome{TaskID: "t-rows", Rows: 1370, Skipped: true, Tables: []Table{{Name: "public.rows", Rows: 1370}}}, scriptError())
	lines := strings.Split(strings.TrimSpace(s.stdout.String()), "\n")
	if len(lines) != 1 {
		t.Fatalf("%d lines: %q", len(lines), lines)
	}
	var got map[string]any
	if err := json.Unmarshal([]byte(lines[0]), &got); err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]any{
		"rows": 1370.0, "skipped": true, "duration-ms": 0.0, "task-id": "t-***", "exit-code": 6.0, "sha256": "",
	} {
		if got[name] != want {
			t.Errorf("%s: got %v, want %v", name, got[name], want)
		}
	}
	if tables := fmt.Sprint(got["tables"]); tables != "[map[rows:1370 table:public.***]]" {
		t.Errorf("got %s", tables)
	}
}

func TestSecretsInEverySpelling(t *testing.T) {
	t.Parallel()
	const secret = `p@ss/w"ö'rd<&\x`
	inJSON, err := json.Marshal(secret)
	if err != nil {
		t.Fatal(err)
	}
	s := newStage(t, staging{})
	s.Secret("short", "short and long", secret)
	for _, text := range []string{
		secret, url.QueryEscape(secret), url.PathEscape(secret), strings.ToLower(url.QueryEscape(secret)), string(inJSON),
		fmt.Sprintf("%q", secret), base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
		strings.ReplaceAll(secret, "'", "''"), url.UserPassword("u", secret).String(), "short and long", "short",
	} {
		s.stderr.Reset()
		s.Info("before %s after", text)
		if got := s.stderr.String(); !regexp.MustCompile(`^before ("|u:)?\*\*\*"? after\n$`).MatchString(got) {
			t.Errorf("%s: got %s", text, got)
		}
	}
}

// Short secrets would blot out everything, so they are left alone; so is text when there is no secret.
func TestShortSecrets(t *testing.T) {
	t.Parallel()
	s := newStage(t, staging{github: true})
	s.Secret("", "a", "ab")
	s.Info("cab")
	if got := s.stdout.String(); got != "cab\n" {
		t.Errorf("got %q", got)
	}
}

func TestProgressDoesNotFlood(t *testing.T) {
	t.Parallel()
	s := newStage(t, staging{})
	s.Phase("Load")
	for i := range int64(60_000) { // a minute, a thousand times a second
		s.Load("public.t", i, 60_000, i)
		s.wait(time.Millisecond)
	}
	s.Phase("next")
	lines := strings.Split(strings.TrimSpace(s.stderr.String()), "\n")
	// Heading, first line after a second, one every five seconds, the final one, the next heading.
	if want := 1 + 1 + 11 + 1 + 1; len(lines) != want {
		t.Errorf("%d lines, want %d:\n%s", len(lines), want, s.stderr.String())
	}
	if want := " 50%  public.t, 30,"; !strings.Contains(s.stderr.String(), " 52%  public.t, 31,") {
		t.Errorf("no line like %q in:\n%s", want, s.stderr.String())
	}
}

func TestProgressWithoutATotal(t *testing.T) {
	t.Parallel()
	s := newStage(t, staging{})
	s.Phase("Download")
	s.wait(2 * time.Second)
	s.Download(4<<20, 0)
	if want := "4.0 MiB, 2.0 MiB/s\n"; !strings.HasSuffix(s.stderr.String(), want) {
		t.Errorf("got %q, want %q at its end", s.stderr.String(), want)
	}
}

func TestBar(t *testing.T) {
	t.Parallel()
	for _, total := range []int64{100, 0} {
		s := newStage(t, staging{terminal: true})
		s.Secret("s3cret-table")
		s.Phase("Load")
		for i := range int64(101) {
			s.Load("s3cret-table", i, total, i)
		}
		s.Info("a line between")
		s.Load("s3cret-table", 100, total, 100)
		s.Finish(Outcome{Headline: "done"}, nil)
		got := s.stderr.String()
		if !strings.Contains(got, "\r") || !strings.Contains(got, "*** ") && !strings.Contains(got, "***,") {
			t.Errorf("total %d: no bar in %q", total, got)
		}
		if strings.Contains(got, "s3cret") {
			t.Errorf("total %d: the bar tells a secret: %q", total, got)
		}
		if !strings.Contains(got, "\ra line between\n") {
			t.Errorf("total %d: the bar was not cleared before the line: %q", total, got)
		}
		if s.stdout.Len() > 0 {
			t.Errorf("total %d: standard output holds %q", total, s.stdout.String())
		}
	}
}

func TestColourOnlyOnATerminal(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		with    staging
		noColor string
		want    bool
	}{{staging{}, "", false}, {staging{terminal: true}, "", true}, {staging{terminal: true}, "1", false}, {staging{terminal: true, github: true}, "", false}} {
		s := newStage(t, test.with)
		s.env["NO_COLOR"] = test.noColor
		again := New(s.o)
		if test.with.github {
			again.o.Terminal = true
		}
		again.Phase("x")
		again.Info("\x1b[31mred\x1b[5mblink")
		if got := strings.Contains(s.stderr.String()+s.stdout.String(), bold); got != test.want {
			t.Errorf("%+v: colour %v in %q", test, got, s.stderr.String())
		}
		if strings.Contains(s.stderr.String()+s.stdout.String(), "\x1b[5m") {
			t.Errorf("%+v: an escape of others' came through: %q", test, s.stderr.String())
		}
	}
}

func TestWarningsAreCapped(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		warnings int
		last     string
	}{{1, "warning 0"}, {9, "warning 8"}, {10, "warning 9"}, {11, "and 2 more warnings"}, {500, "and 491 more warnings"}} {
		s := newStage(t, staging{github: true})
		for i := range test.warnings {
			s.Warn(fmt.Sprintf("warning %d", i))
		}
		s.Finish(Outcome{}, nil)
		annotations := regexp.MustCompile(`(?m)^::warning .*$`).FindAllString(s.stdout.String(), -1)
		if len(annotations) != min(test.warnings, 10) {
			t.Errorf("%d warnings: %d annotations", test.warnings, len(annotations))
		}
		if got := annotations[len(annotations)-1]; !strings.Contains(got, "::"+test.last) {
			t.Errorf("%d warnings: the last annotation is %s", test.warnings, got)
		}
		for i := range test.warnings {
			if !strings.Contains(s.stdout.String(), fmt.Sprintf("warning %d\n", i)) {
				t.Errorf("%d warnings: number %d is not in the log", test.warnings, i)
			}
		}
		summary := s.file(t, "GITHUB_STEP_SUMMARY")
		if want := fmt.Sprintf("- warning %d\n", min(test.warnings, maxSummaryWarning)-1); !strings.Contains(summary, want) {
			t.Errorf("%d warnings: no %q in the summary", test.warnings, want)
		}
	}
}

func TestSummaryStaysUnderTheLimit(t *testing.T) {
	t.Parallel()
	many := make([]Table, 10_000)
	for i := range many {
		many[i] = Table{Name: fmt.Sprintf("public.%s_%05d", strings.Repeat("|", 57), i), Rows: 10}
	}
	for _, before := range []int{0, 1 << 19} { // bytes of steps before
		s := newStage(t, staging{github: true})
		if err := os.WriteFile(s.env["GITHUB_STEP_SUMMARY"], bytes.Repeat([]byte("x"), before), 0o600); err != nil {
			t.Fatal(err)
		}
		s.Phase("Load")
		s.Warn("one warning")
		s.Finish(Outcome{Headline: "loaded", Tables: many, Rows: 100_000, Settings: []Fact{{"jobs", "2"}}}, nil)
		got := s.file(t, "GITHUB_STEP_SUMMARY")
		if len(got) >= 1<<20 || len(got) < 1<<19 {
			t.Errorf("%d bytes", len(got))
		}
		for _, want := range []string{"more tables with", "one warning", "</details>", "Where the time went"} {
			if !strings.Contains(got, want) {
				t.Errorf("no %q at its end: %s", want, got[len(got)-500:])
			}
		}
		if lines := strings.Count(s.stdout.String(), "\n"); lines > 70 {
			t.Errorf("%d lines in the log", lines)
		}
		if want := "and 9,950 more tables with 99,500 rows\n"; !strings.Contains(s.stdout.String(), want) {
			t.Errorf("no %q in the log", want)
		}
	}
}

// A long list of tables is folded, a short one is not.
func TestLongListsAreFolded(t *testing.T) {
	t.Parallel()
	for _, n := range []int{1, maxSummaryOpen, maxSummaryOpen + 1} {
		s := newStage(t, staging{github: true})
		tables := make([]Table, n)
		for i := range tables {
			tables[i] = Table{Name: fmt.Sprintf("public.t%03d", i), Rows: 10, Bytes: 1024}
		}
		s.Finish(Outcome{Headline: "loaded", Tables: tables}, nil)
		got := s.file(t, "GITHUB_STEP_SUMMARY")
		if folded := strings.Contains(got, "<details>") && strings.Contains(got, "</details>"); folded != (n > maxSummaryOpen) {
			t.Errorf("%d tables: folded %v:\n%s", n, folded, got)
		}
		total := fmt.Sprintf("| **%d tables** | **%d** | **%d.0 KiB** | |\n", n, n*10, n)
		if strings.Contains(got, total) != (n > 1) {
			t.Errorf("%d tables: no %s in:\n%s", n, total, got)
		}
	}
}

func TestTicks(t *testing.T) {
	t.Parallel()
	for total, want := range map[time.Duration]string{
		0: "1millisecond %Q ms", 11 * time.Millisecond: "10millisecond %Q ms", time.Second: "100millisecond %Q ms",
		4 * time.Second: "1second %s s", 52 * time.Second: "10second %s s", 5 * time.Minute: "30second %s s",
		6 * time.Minute: "1minute %s s", 5 * time.Hour: "30minute %s s", 6 * time.Hour: "1hour %s s", 25 * time.Hour: "3hour %s s",
	} {
		interval, format := ticks(total)
		if got := interval + " " + format; got != want {
			t.Errorf("%s: got %s, want %s", total, got, want)
		}
	}
}

func TestFullSummaryIsLeftAlone(t *testing.T) {
	t.Parallel()
	s := newStage(t, staging{github: true})
	if err := os.WriteFile(s.env["GITHUB_STEP_SUMMARY"], bytes.Repeat([]byte("x"), 1<<20-10), 0o600); err != nil {
		t.Fatal(err)
	}
	s.Finish(Outcome{Headline: "loaded"}, nil)
	if got := s.file(t, "GITHUB_STEP_SUMMARY"); len(got) != 1<<20-10 {
		t.Errorf("%d bytes", len(got))
	}
	if !strings.Contains(s.stdout.String(), "the job summary is full") {
		t.Errorf("no warning in %q", s.stdout.String())
	}
}

func TestFilesThatCannotBeWrittenAreAWarning(t *testing.T) {
	t.Parallel()
	s := newStage(t, staging{github: true, noFiles: true})
	s.Finish(Outcome{Headline: "loaded"}, nil)
	for _, want := range []string{"the outputs could not be written", "the job summary could not be written"} {
		if !strings.Contains(s.stdout.String(), want) {
			t.Errorf("no %q in %q", want, s.stdout.String())
		}
	}
}

func TestOneErrorAnnotation(t *testing.T) {
	t.Parallel()
	tests := []struct {
		at    problem.Place
		where string
		want  string
	}{
		{problem.Place{File: "load.sql", Line: 12, Column: 3}, "", "::error col=3,file=load.sql,line=12,title=fabricate-seed%3A the database does not take the load::"},
		{problem.Place{File: "the rows: of today", Line: 7}, "", "::error file=the rows%3A of today,line=7,title=fabricate-seed%3A the database does not take the load::"},
		{problem.Place{File: "users.csv"}, "", "::error file=users.csv,title=fabricate-seed%3A the database does not take the load::"},
		{problem.Place{}, "table public.users", "::error title=fabricate-seed%3A the database does not take the load::"},
		{problem.Place{}, "database \"x.sql\" on db.sql:5432", "::error title=fabricate-seed%3A the database does not take the load::"},
		{problem.Place{}, "POST /generate_tasks: HTTP 422", "::error title=fabricate-seed%3A the database does not take the load::"},
		{problem.Place{}, "", "::error title=fabricate-seed%3A the database does not take the load::"},
	}
	for _, test := range tests {
		s := newStage(t, staging{github: true})
		s.Phase("Load")
		s.Finish(Outcome{}, &problem.Error{Code: problem.Database, At: test.at, Where: test.where, What: "no"})
		got := regexp.MustCompile(`(?m)^::error .*$`).FindAllString(s.stdout.String(), -1)
		if len(got) != 1 || !strings.HasPrefix(got[0], test.want) {
			t.Errorf("%v %s: got %q, want %q", test.at, test.where, got, test.want)
		}
	}
}

func TestFormats(t *testing.T) {
	t.Parallel()
	for got, want := range map[string]string{
		count(0): "0", count(999): "999", count(1000): "1,000", count(-1234567): "-1,234,567",
		size(1023): "1023 B", size(1024): "1.0 KiB", size(5 << 30): "5.0 GiB", size(1 << 62): "4194304.0 TiB",
		elapsed(-1): "0s", elapsed(8 * time.Millisecond): "8ms", elapsed(4250 * time.Millisecond): "4.2s", elapsed(41 * time.Second): "41s",
		elapsed(125 * time.Second): "2m05s", elapsed(62 * time.Minute): "1h02m",
		plural(1, "row"): "1 row", plural(2000, "row"): "2,000 rows",
	} {
		if got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// Each kind of failure has words, and a section of the documents that is there; the link is to the documents of this release.
func TestKindsOfFailure(t *testing.T) {
	t.Parallel()
	server := func(state string) error { return &pgconn.PgError{Code: state, Message: "no"} }
	for _, test := range []struct {
		failure error
		name    string
		words   string
	}{
		{&problem.Error{Code: problem.Settings}, "settings", "the settings"},
		{&problem.Error{Code: problem.API}, "api", "Fabricate said no"},
		{&problem.Error{Code: problem.Timeout}, "timeout", "a limit on waiting"},
		{&problem.Error{Code: problem.Timeout, Topic: problem.Task}, "timeout", "the task was not complete"},
		{&problem.Error{Code: problem.Timeout, Topic: problem.Lock}, "timeout", "another session's lock"},
		{&problem.Error{Code: problem.Timeout, Topic: problem.Download}, "timeout", "the download was not complete"},
		{&problem.Error{Code: problem.Data}, "data", "what came"},
		{&problem.Error{Code: problem.Data, Topic: problem.Download}, "download", "the download failed"},
		{&problem.Error{Code: problem.Data, Topic: problem.Archive}, "archive", "the archive"},
		{&problem.Error{Code: problem.Data, Topic: problem.Script}, "script", "the script was refused"},
		{&problem.Error{Code: problem.Database}, "database", "does not take the load"},
		{&problem.Error{Code: problem.Database, Topic: problem.Lost}, "lost", "connection to the database was lost"},
		{&problem.Error{Code: problem.Database, Topic: problem.Connection, Err: server("28P01")}, "connection", "could not be connected to"},
		{&problem.Error{Code: problem.Database, Err: server("42501")}, "rights", "the role"},
		{&problem.Error{Code: problem.Database, Err: server("23505")}, "row", "refused a row"},
		{&problem.Error{Code: problem.Database, Err: server("22P02")}, "row", "refused a row"},
		{&problem.Error{Code: problem.Database, Err: server("42P01")}, "statement", "does not take a statement"},
		{&problem.Error{Code: problem.Interrupted}, "interrupted", "interrupted"},
		{errors.New("a fault of ours"), "unexpected", "please report it"},
	} {
		k := kindOf(test.failure)
		if k.name != test.name || !strings.Contains(k.words, test.words) {
			t.Errorf("%v: %+v", test.failure, k)
		}
		file, section, _ := strings.Cut(k.section, "#")
		if file == "" {
			continue
		}
		text, err := os.ReadFile(filepath.Join("../..", file))
		if err != nil {
			t.Error(err)
		}
		anchors := map[string]bool{"": true}
		for _, anchor := range regexp.MustCompile(`<a id="([^"]*)">`).FindAllStringSubmatch(string(text), -1) {
			anchors[anchor[1]] = true
		}
		for _, heading := range regexp.MustCompile(`(?m)^#+ (.*)$`).FindAllStringSubmatch(string(text), -1) {
			anchors[strings.ReplaceAll(regexp.MustCompile(`[^a-z0-9 -]`).ReplaceAllString(strings.ToLower(heading[1]), ""), " ", "-")] = true
		}
		if !anchors[section] {
			t.Errorf("%s has no section %s", file, section)
		}
	}
}

func TestSummaryLinks(t *testing.T) {
	t.Parallel()
	const docs, task = "[What the documents say of this](https://github.com/fabricate-seed/fabricate-seed/blob/", "[The task]("
	for version, at := range map[string]string{"1.2.3": "v1.2.3", "dev": "main", "0.0.0-20260101000000-abcdefabcdef": "main"} {
		s := newStage(t, staging{github: true})
		s.o.Version = version
		s.Finish(Outcome{TaskURL: "https://fabricate.tonic.ai/api/v1/generate_tasks/t-1"}, scriptError())
		if got := s.file(t, "GITHUB_STEP_SUMMARY"); !strings.Contains(got, docs+at+"/docs/") || !strings.Contains(got, task+"https://fabricate.tonic.ai/api/v1/generate_tasks/t-1)") {
			t.Errorf("%s:\n%s", version, got)
		}
	}
	for _, address := range []string{"", "https://x/) [a](javascript:x", "https://x/a b", "https://x/\n# heading", "https://x/`"} {
		s := newStage(t, staging{github: true})
		s.Finish(Outcome{Headline: "Done", TaskURL: address, Facts: []Fact{{"Task", "t"}}}, nil)
		if got := s.file(t, "GITHUB_STEP_SUMMARY"); strings.Contains(got, "The task") {
			t.Errorf("%q:\n%s", address, got)
		}
	}
}

// A chart takes a third of the page: it is drawn where it tells something.
func TestSummaryChart(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		took  []time.Duration
		chart bool
	}{
		{[]time.Duration{time.Second, time.Second}, false}, // soon over
		{[]time.Duration{time.Second, time.Minute}, false}, // all of it was one phase
		{[]time.Duration{40 * time.Second, 20 * time.Second}, true},
		{[]time.Duration{time.Hour, 0, 0, time.Hour / 5, 0}, true},
		{[]time.Duration{time.Hour}, false},
		{[]time.Duration{0, 0, 5 * time.Second, time.Second}, true},
		{[]time.Duration{0, 0, 50 * time.Second, time.Second}, false},
	} {
		s := newStage(t, staging{github: true})
		for i, d := range test.took {
			s.Phase(fmt.Sprintf("Phase %d", i))
			s.wait(d)
		}
		s.Finish(Outcome{Headline: "Done"}, nil)
		got := s.file(t, "GITHUB_STEP_SUMMARY")
		if strings.Contains(got, "```mermaid") != test.chart || !strings.Contains(got, "Where the time went") || strings.Count(got, "Phase 0") != 1 {
			t.Errorf("%v:\n%s", test.took, got)
		}
	}
}
