// Package differential holds only tests: scripts on which a fast way of loading goes wrong easily, each loaded by the real psql
// and by the product into databases of their own, which must be the same then.
package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

// asProduct has the test's own program be the product: some of what a case is about (PG* variables) belongs to a process.
const asProduct = "DIFFERENTIAL_RUNS_THE_PRODUCT"

func TestMain(m *testing.M) {
	if os.Getenv(asProduct) != "" {
		load.AskAtOnce()
		os.Exit(int(seed.Main(context.Background(), seed.Process{Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Version: "test"})))
	}
	leaks.Main(tests{m})
}

// server is the one of this package's tests. It counts the rows of statements.
var server *pgtest.Server

// tests is the package's tests, with the server that they share.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	flag.Parse()
	if os.Getenv(pgtest.Off) == "off" {
		return t.m.Run()
	}
	var err error
	server, err = pgtest.Start(context.Background(), pgtest.Options{Memory: true, Trust: true, Settings: map[string]string{
		"shared_preload_libraries": "pg_stat_statements",
		"pg_stat_statements.max":   "2000",
	}})
	if err == nil {
		err = prepare()
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	code := t.m.Run()
	if err := errors.Join(server.Left(), server.Stop()); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return code
}

// needServer skips a test where there is to be no server.
func needServer(t *testing.T) {
	t.Helper()
	if server == nil {
		t.Skip(pgtest.NeedsServer)
	}
}

// prepare makes what the databases share.
func prepare() error {
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, server.URL(superuser))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	_, err = conn.PgConn().Exec(ctx, `CREATE EXTENSION pg_stat_statements; CREATE ROLE own1 LOGIN;
		CREATE ROLE own LOGIN; CREATE ROLE app LOGIN; CREATE ROLE lat LOGIN; ALTER ROLE lat SET client_encoding = LATIN1;
		CREATE ROLE granted LOGIN; GRANT SET ON PARAMETER session_replication_role TO granted`).ReadAll()
	return err
}

// superuser is the role that makes the databases.
const superuser = "postgres"

// TestCases loads the scripts of testdata. Those of known.tsv are known to go wrong, and must still: one that is mended is taken
// off the list.
func TestCases(t *testing.T) {
	t.Parallel()
	needServer(t)
	known := map[string]string{} // what is wrong, by name
	for _, f := range readTable(t, filepath.Join("testdata", "known.tsv"), 2) {
		known[f[0]] = f[1]
	}
	free := make(chan pair, runtime.GOMAXPROCS(0))
	for range cap(free) {
		free <- pair{server.NewDatabase(t), server.NewDatabase(t)}
	}
	for _, c := range readCases(t, "load", "psql") {
		why, isKnown := known[c.name]
		delete(known, c.name)
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			databases := <-free
			defer func() { free <- databases }()
			differences := c.compare(t, databases)
			told := strings.Join(differences, "\n")
			switch {
			case isKnown && told == "":
				t.Errorf("this goes as with psql now: take it off testdata/known.tsv (%s)", why)
			case isKnown:
				t.Logf("known to go wrong (%s): %.300s", why, told)
			case told != "":
				t.Errorf("%s\n%s", c.what, told)
			}
		})
	}
	for name := range known {
		t.Errorf("testdata/known.tsv names %s, which is no case", name)
	}
}

// pair is the URLs of two databases: one for psql and one for the product.
type pair struct{ psql, ours string }

// reset makes a database what it was when it was new; to make one takes longer. It takes its time, whatever limit a case has set.
const reset = `SET statement_timeout = 0; DO $$ DECLARE what text; BEGIN
	FOR what IN SELECT format('EVENT TRIGGER %I', evtname) FROM pg_event_trigger LOOP
		EXECUTE 'DROP ' || what;
	END LOOP;
	FOR what IN SELECT quote_ident(nspname) FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema' LOOP
		EXECUTE 'DROP SCHEMA ' || what || ' CASCADE';
	END LOOP;
	FOR what IN SELECT format('DATABASE %I', current_database()) UNION ALL SELECT format('ROLE %I IN DATABASE %I', r, current_database()) FROM unnest('{postgres,own1}'::name[]) r LOOP
		EXECUTE 'ALTER ' || what || ' RESET ALL';
	END LOOP;
	CREATE SCHEMA public AUTHORIZATION pg_database_owner;
	GRANT USAGE ON SCHEMA public TO PUBLIC;
END $$`

// testCase is a script of testdata, and how it is loaded.
type testCase struct {
	folder, name, kind string
	role               string   // who loads
	single             bool     // psql is given -1
	options            []string // ours
	environ            []string // of both
	what               string
}

// readCases reads the tables in which the cases of some folders are described.
func readCases(t *testing.T, folders ...string) (all []testCase) {
	t.Helper()
	for _, folder := range folders {
		for _, f := range readTable(t, filepath.Join("testdata", folder, "cases.tsv"), 7) {
			c := testCase{folder: filepath.Join("testdata", folder), name: f[0], kind: f[1], role: f[2], single: f[3] == "-1", what: f[6]}
			if f[4] != "-" {
				c.options = strings.Fields(f[4])
			}
			if f[5] != "-" {
				c.environ = strings.Split(f[5], ";")
			}
			all = append(all, c)
		}
	}
	return all
}

// readTable reads lines of fields with tabs between, without the first, which names them.
func readTable(t *testing.T, path string, fields int) (lines [][]string) {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for i, line := range strings.Split(strings.TrimRight(string(text), "\n"), "\n") {
		f := strings.Split(line, "\t")
		if len(f) != fields {
			t.Fatalf("%s:%d: %d fields, not %d", path, i+1, len(f), fields)
		}
		if i > 0 {
			lines = append(lines, f)
		}
	}
	return lines
}

// loaded is how a load ended.
type loaded struct {
	failed bool
	state  string // SQLSTATE; "" when none is told
	line   int    // of the error; 0 when none is told
	text   string // all that was said
}

// compare loads the script by both, and says what differs.
func (c testCase) compare(t *testing.T, databases pair) (differences []string) {
	t.Helper()
	files, script := c.files(t)
	byPsql, byUs := databases.psql, databases.ours
	setup := c.read(t, c.name+".setup.sql")
	for _, databaseURL := range []string{byPsql, byUs} {
		pgtest.Exec(t, databaseURL, reset)
		pgtest.Exec(t, databaseURL, setup) // in a session that begins with the database's settings of now
	}
	besidePsql, besideUs := c.begin(t, byPsql), c.begin(t, byUs)
	role := c.role
	if strings.Contains(script, "session_replication_role") {
		role = superuser // psql knows no other way to leave triggers out
	}
	theirs := files
	if c.kind == newer {
		theirs = withoutNewer(t, script)
	}
	want := c.psql(t, as(t, byPsql, role), theirs)
	got := c.ours(t, as(t, byUs, c.role), files)
	add := func(format string, args ...any) { differences = append(differences, fmt.Sprintf(format, args...)) }
	switch {
	case want.failed != got.failed:
		add("failed: psql %v, we %v\npsql said: %s\nwe said: %s", want.failed, got.failed, want.text, got.text)
	case want.failed && want.state != "" && got.state != "" && want.state != got.state:
		add("psql fails with %s, we with %s\npsql said: %s\nwe said: %s", want.state, got.state, want.text, got.text)
	case want.failed && want.line > 0 && (got.line > want.line || got.line < statementStart(script, want.line)):
		add("psql tells of line %d, we of %d\npsql said: %s\nwe said: %s", want.line, got.line, want.text, got.text)
	}
	if want, got := besidePsql.end(t), besideUs.end(t); want != got {
		add("the session beside psql's load sees %s, the one beside ours %s", want, got)
	}
	if want, got := c.result(t, byPsql), c.result(t, byUs); want != got {
		add("what was loaded differs: %s", firstDifference(want, got))
	}
	return differences
}

// folder is the kind of a script that is given with what lies beside it.
const folder = "folder"

// newer is the kind of a script that a newer pg_dump has written: what only newer servers know is passed over.
const newer = "newer"

// withoutNewer writes a script without what only newer servers know into a folder of its own.
func withoutNewer(t *testing.T, script string) (dir string) {
	t.Helper()
	dir = t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "load.sql"), []byte(strings.ReplaceAll(script, "SET transaction_timeout = 0;\n", "\n")), 0o600); err != nil {
		t.Fatal(err)
	}
	return dir
}

// beside is another session, which goes on while a script is loaded; conn is nil where the case has none.
type beside struct {
	conn *pgx.Conn
	then string // what it asks afterwards
}

func (c testCase) begin(t *testing.T, databaseURL string) beside {
	t.Helper()
	first := c.read(t, c.name+".beside.sql")
	if first == "" {
		return beside{}
	}
	conn, err := pgx.Connect(t.Context(), databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	if _, err := conn.PgConn().Exec(t.Context(), first).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return beside{conn, c.read(t, c.name+".then.sql")}
}

// end gives what the session sees after the load.
func (b beside) end(t *testing.T) (seen string) {
	t.Helper()
	if b.conn == nil {
		return ""
	}
	if b.then != "" {
		results, err := b.conn.PgConn().Exec(t.Context(), b.then).ReadAll()
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range results {
			seen += fmt.Sprintf("%q", r.Rows)
		}
	}
	if err := b.conn.Close(context.Background()); err != nil {
		t.Fatal(err)
	}
	return seen
}

// result is what is compared of a database: its dump, or what a query of the case gives where two loads cannot give the same rows.
func (c testCase) result(t *testing.T, databaseURL string) string {
	t.Helper()
	query := c.read(t, c.name+".check.sql")
	if query == "" {
		return pgtest.SortedDump(t, databaseURL)
	}
	stdout, stderr, code := pgtest.Psql(t, databaseURL, "-At", "-c", query)
	if code != 0 {
		t.Fatalf("%s: %s", c.name, stderr)
	}
	return stdout
}

// files writes the script, as load.sql, and what may stand beside it into a folder, and gives both.
func (c testCase) files(t *testing.T) (dir, script string) {
	t.Helper()
	dir = t.TempDir()
	script = c.read(t, c.name+".sql")
	beside, err := filepath.Glob(filepath.Join(c.folder, "*.dat"))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{"load.sql": script}
	for _, path := range beside {
		all[filepath.Base(path)] = c.read(t, filepath.Base(path))
	}
	for name, text := range all {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir, script
}

// read reads a file of the case, "" if there is none beside its script, and writes rows in place of <<rows …>>.
func (c testCase) read(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(c.folder, name))
	if errors.Is(err, os.ErrNotExist) && name != c.name+".sql" {
		return ""
	}
	if err != nil {
		t.Fatal(err)
	}
	return expand(t, string(text))
}

// as is the URL for a role.
func as(t *testing.T, databaseURL, role string) string {
	t.Helper()
	if role == superuser {
		return databaseURL
	}
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.User(role)
	return u.String()
}

// patience is how long one load may take.
const patience = time.Minute

// run runs a program in dir with its variables of the environment and nothing of ours.
func run(t *testing.T, dir string, environ []string, program string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	cmd := exec.CommandContext(ctx, program, args...)
	cmd.Dir = dir
	cmd.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC", "TMPDIR=" + dir}, environ...)
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", program, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

var psqlError = regexp.MustCompile(`(?m)^psql:load\.sql:(\d+): ERROR:  ([0-9A-Z]{5})`)

// psqlProgram is the path of the real psql.
func psqlProgram(t *testing.T) string {
	t.Helper()
	path, err := server.Bin("psql")
	must(t, err)
	return path
}

// psql loads by the real psql.
func (c testCase) psql(t *testing.T, databaseURL, dir string) (l loaded) {
	t.Helper()
	args := []string{"-X", "-q", "-w", "-v", "VERBOSITY=verbose", "-d", databaseURL, "-f", "load.sql"}
	if c.single {
		args = append(args, "-1")
	}
	if !strings.Contains(strings.Join(c.options, " "), "--on-error continue") {
		args = append(args, "-v", "ON_ERROR_STOP=1")
	}
	_, stderr, code := run(t, dir, c.environ, psqlProgram(t), args...)
	l = loaded{failed: code != 0, text: stderr}
	if m := psqlError.FindStringSubmatch(stderr); m != nil && l.failed {
		l.state = m[2]
		l.line, _ = strconv.Atoi(m[1])
	}
	if strings.Contains(stderr, "CONTEXT:  COPY ") { // psql names the end of the rows
		l.line = 0
	}
	return l
}

var (
	ourState = regexp.MustCompile(`\(SQLSTATE ([0-9A-Z]{5})\)`)
	ourPlace = regexp.MustCompile(`^load\.sql:(\d+)`)
)

// ours loads by the product. Moving sequences is its own addition and left out.
func (c testCase) ours(t *testing.T, databaseURL, dir string) (l loaded) {
	t.Helper()
	program, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	args := append([]string{"load", "load.sql", "--output", "json", "--sync-sequences=false"}, c.options...)
	if c.kind == folder {
		args[1] = "."
		args = append(args, "--script", "load.sql")
	}
	stdout, stderr, code := run(t, dir, append([]string{asProduct + "=1", "DATABASE_URL=" + databaseURL}, c.environ...), program, args...)
	var said struct{ Error string }
	if err := json.Unmarshal([]byte(stdout), &said); err != nil {
		t.Fatalf("%v in %q\n%s", err, stdout, stderr)
	}
	l = loaded{failed: code != 0, text: stderr}
	if m := ourState.FindStringSubmatch(said.Error); m != nil {
		l.state = m[1]
	}
	if m := ourPlace.FindStringSubmatch(said.Error); m != nil {
		l.line, _ = strconv.Atoi(m[1])
	}
	return l
}

// statementStart is the line on which the statement begins that ends on a line, as far as the cases need it: behind the last
// line before it that ends one.
func statementStart(script string, end int) int {
	lines := strings.Split(script, "\n")
	n := end
	for n > 1 && !strings.HasSuffix(lines[n-2], ";") && lines[n-2] != `\.` && !strings.HasPrefix(lines[n-2], `\`) {
		n--
	}
	return n
}

// firstDifference shows the first lines in which two dumps differ, and what they belong to.
func firstDifference(want, got string) string {
	const shown, width = 4, 160
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	i, of := 0, ""
	for i < len(a) && i < len(b) && a[i] == b[i] {
		if strings.HasPrefix(a[i], "COPY ") || strings.HasPrefix(a[i], "-- Name: ") {
			of = a[i]
		}
		i++
	}
	var said strings.Builder
	said.WriteString(of)
	for _, side := range []struct {
		who   string
		lines []string
	}{{"psql", a}, {"ours", b}} {
		for _, line := range side.lines[min(i, len(side.lines)):min(i+shown, len(side.lines))] {
			fmt.Fprintf(&said, "\n%s: %.*s", side.who, width, line)
		}
	}
	return said.String()
}
