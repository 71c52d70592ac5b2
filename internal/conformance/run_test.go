package conformance

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// mode is one way to run a script.
type mode string

const (
	single mode = "single"   // psql -1 -v ON_ERROR_STOP=1
	none   mode = "none"     // psql -v ON_ERROR_STOP=1
	onward mode = "continue" // psql
)

var modes = []mode{single, onward, none}

// outcome is what one run of a script did.
type outcome struct {
	statements []string // and errors, as the server saw them, in order
	failed     bool
	faults     []fault // errors, in order
	output     string  // of \echo
	text       string  // all that was said, for a person
}

// fault is one error as it was told.
type fault struct {
	file    string
	line    int
	excerpt string // the line "LINE 1: …"
	server  bool   // the server's error, not one of a meta-command
	text    string
	refused bool
}

const limit = 20 * time.Second // for one run

// psqlFault is psql's way to name a place.
var psqlFault = regexp.MustCompile(`^psql:([^:\n]+):(?:(\d+):)? (ERROR:|FATAL:|error:) *(.*)`)

// onlySaid are complaints that psql does not take for failures.
var onlySaid = regexp.MustCompile(`^(unterminated quoted string|unrecognized value ".*" for "\\(el)?if expression"|ERROR: .*|.*: invalid encoding name or conversion procedure not found)`)

// byPsql runs dir/load.sql by the real psql. The database's search_path is the schema.
func byPsql(t testing.TB, database, schema, dir string, m mode, extra ...string) outcome {
	t.Helper()
	run, from := newRun(), logSize(t)
	bin, _ := psql(t)
	target, err := url.Parse(server.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	q := target.Query()
	q.Set("application_name", run)
	if schema != "" {
		q.Set("options", "-csearch_path="+schema)
	}
	target.RawQuery = q.Encode()
	args := []string{"-X", "-q", "-o", os.DevNull, "-d", target.String(), "-f", "load.sql"}
	if m != onward {
		args = append(args, "-v", "ON_ERROR_STOP=on")
	}
	if m == single {
		args = append(args, "-1")
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin, append(args, extra...)...)
	cmd.Dir = dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC", "PGCLIENTENCODING=UTF8"}
	var out, errs bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	o := outcome{statements: logged(t, run, from), failed: cmd.ProcessState.ExitCode() != 0, output: out.String(), text: errs.String()}
	told := false
	for line := range strings.Lines(errs.String()) {
		if strings.HasPrefix(line, "LINE ") && told {
			o.faults[len(o.faults)-1].excerpt = strings.TrimRight(line, "\n")
		}
		if strings.HasPrefix(line, "psql:") {
			told = false
		}
		if m := psqlFault.FindStringSubmatch(line); m != nil && (m[3] != "error:" || !onlySaid.MatchString(m[4])) {
			n, _ := strconv.Atoi(m[2])
			o.faults = append(o.faults, fault{file: filepath.ToSlash(m[1]), line: n, server: m[3] != "error:", text: m[4]})
			told = true
		}
	}
	return o
}

var ourPlace = regexp.MustCompile(`^([^:\n]+):(\d+)`)

// byUs runs the same by package load, with all that is done after a load turned off.
func byUs(t testing.TB, database, schema, dir string, m mode, change ...func(*load.Options)) outcome {
	t.Helper()
	run, from := newRun(), logSize(t)
	config, err := pgx.ParseConfig(server.URL(database))
	if err != nil {
		t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = run
	config.RuntimeParams["client_encoding"] = "UTF8"
	if schema != "" {
		config.RuntimeParams["options"] = "-csearch_path=" + schema
	}
	var out outcome
	var said strings.Builder
	o := load.Options{
		Target: config, Script: load.Script{FS: os.DirFS(dir), Name: "load.sql"}, Transaction: load.None,
		Variables: map[string]string{"QUIET": "on"}, Verbatim: true, KeepSequences: true, ForeignKeys: load.Off, SkipAnalyze: true,
		Events: load.Events{
			Output: func(s string) { out.output += s },
			Notice: func(s string) { said.WriteString("notice: " + s + "\n") },
			Warn: func(s string) {
				said.WriteString("warning: " + s + "\n")
				if f, ok := ourFault(s); ok && !strings.Contains(s, " is passed over: ") { // a statement, which is no fault
					out.faults = append(out.faults, f)
				}
			},
		},
	}
	switch m {
	case single:
		o.Transaction = load.Single
	case onward:
		o.Continue = true
	}
	for _, f := range change {
		f(&o)
	}
	ctx, cancel := context.WithTimeout(context.Background(), limit)
	defer cancel()
	_, err = load.Run(ctx, o)
	out.failed = err != nil
	if err != nil {
		said.WriteString(err.Error())
		if f, ok := ourFault(err.Error()); ok {
			f.refused = problem.CodeOf(err) == problem.Data
			out.faults = append(out.faults, f)
		}
	}
	out.text = said.String()
	out.statements = logged(t, run, from)
	return out
}

func ourFault(text string) (fault, bool) {
	m := ourPlace.FindStringSubmatch(text)
	if m == nil {
		return fault{}, false
	}
	n, _ := strconv.Atoi(m[2])
	f := fault{file: m[1], line: n, text: text, server: strings.Contains(text, "(SQLSTATE ") && !strings.Contains(text, `\connect:`)}
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, "LINE ") {
			f.excerpt = strings.TrimRight(line, "\n")
		}
	}
	return f, true
}

// ownStatements are those that only we send.
var ownStatements = regexp.MustCompile(`^(BEGIN|COMMIT|ROLLBACK|SAVEPOINT fabricate_seed_block|(RELEASE|ROLLBACK TO) SAVEPOINT fabricate_seed_block(; SAVEPOINT fabricate_seed_block)?(; SET TRANSACTION READ ONLY)?|SET TRANSACTION .*)$`)

// ownQuestions are statements that are ours in every mode: about the connection, around questions and attempts, the lock that loads
// of the same tables wait for, and of the checks after a load.
var ownQuestions = regexp.MustCompile(`(?s)^((BEGIN [^;]*; )?SELECT pg_catalog\.pg_backend_pid\(\).*|SET LOCAL join_collapse_limit TO 1; SET LOCAL from_collapse_limit TO 1|` +
	`.*\bfabricate_seed_(ask|attempt)\b.*|SELECT pg_catalog\.pg_advisory_(xact_)?lock.*)$`)

// ownTransaction begins that of a question of ours where there is none; ROLLBACK ends it.
const ownTransaction = "START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"

// plainStatements leaves out what differs by design: in the one transaction, what makes it.
func plainStatements(all []string, m mode) []string {
	var kept []string
	asking := false
	for _, s := range all {
		switch {
		case s == ownTransaction, strings.HasPrefix(s, ownTransaction+"; "):
			asking = true
		case asking && s == "ROLLBACK":
			asking = false
		case ownQuestions.MatchString(s):
		case m == single && s == "ERROR 25P01": // after the script's own COMMIT only psql's server is asked for a savepoint
			if n := len(kept); n > 0 && savepointStatement.MatchString(kept[n-1]) {
				kept = kept[:n-1]
			}
		case m == single && (ownStatements.MatchString(s) || transactionControl.MatchString(s)):
		default:
			kept = append(kept, s)
		}
	}
	if n := len(kept); m != single && n > 0 && kept[n-1] == "ROLLBACK" {
		kept = kept[:n-1] // psql leaves this to the server, which sees the connection end
	}
	return kept
}

var savepointStatement = regexp.MustCompile(`(?is)^(/\*.*?\*/|\s)*(SAVEPOINT|RELEASE)\b`)

// transactionControl is what a script itself says of transactions, which we carry out within the one.
var transactionControl = regexp.MustCompile(`(?is)^(/\*.*?\*/|\s)*(BEGIN|(START|SET)\s+TRANSACTION|COMMIT|END|ROLLBACK|ABORT)\b(?:[^;]*?)(;|$)`)

// compare gives what differs between psql's run and ours, nothing if all is the same.
func compare(want, got outcome, m mode, dir string) []string {
	var diffs []string
	add := func(format string, args ...any) { diffs = append(diffs, fmt.Sprintf(format, args...)) }
	a, b := plainStatements(want.statements, m), plainStatements(got.statements, m)
	if m == single {
		b = withoutRefused(a, b)
	}
	for i := 0; i < len(a) || i < len(b); i++ {
		x, y := "(nothing)", "(nothing)"
		if i < len(a) {
			x = fmt.Sprintf("%.600q", a[i])
		}
		if i < len(b) {
			y = fmt.Sprintf("%.600q", b[i])
		}
		if x != y {
			add("statement %d\n      psql: %s\n      ours: %s", i+1, x, y)
			break
		}
	}
	if want.failed != got.failed {
		add("failed: psql %v, ours %v", want.failed, got.failed)
	}
	if want.output != got.output {
		add("output\n      psql: %q\n      ours: %q", want.output, got.output)
	}
	if len(want.faults) != len(got.faults) {
		add("psql tells of %d errors, we of %d", len(want.faults), len(got.faults))
		return diffs
	}
	for i, w := range want.faults {
		g := got.faults[i]
		switch {
		case w.server != g.server:
			add("error %d: one is the server's, one is not", i+1)
		case w.line > 0 && w.file != g.file:
			add("error %d: psql names file %s, we %s", i+1, w.file, g.file)
		case !w.server && w.line > 0 && w.line != g.line:
			add("error %d: psql names line %d, we %d", i+1, w.line, g.line)
		case w.server && w.line > 0 && g.line > w.line: // psql names the line where the statement ends
			add("error %d: psql names line %d, we a later one, %d", i+1, w.line, g.line)
		case utf8.ValidString(w.excerpt) && plainText(w.excerpt) != g.excerpt:
			add("error %d: excerpt\n      psql: %q\n      ours: %q", i+1, w.excerpt, g.excerpt)
		}
	}
	return diffs
}

// withoutRefused leaves out of our statements those that were sent before it was heard that psql's last one had failed: each was
// refused, for its own text or because the one transaction had failed.
func withoutRefused(theirs, ours []string) []string {
	n := len(theirs)
	if n == 0 || !strings.HasPrefix(theirs[n-1], "ERROR ") {
		return ours
	}
	for i := n; i < len(ours); i++ {
		if strings.HasPrefix(ours[i], "ERROR ") {
			continue
		}
		if i++; i == len(ours) || ours[i] != "ERROR 25P02" {
			return ours
		}
	}
	return ours[:min(n, len(ours))]
}

// plainText is text without control characters, which we do not show.
func plainText(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, s)
}
