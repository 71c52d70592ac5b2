// Package conformance holds package psql and package load to the real psql: the same script, run by both, must reach the
// server as the same statements, fail in the same place, and leave the same database.
package conformance

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

var (
	seed    = flag.Uint64("seed", 0, "seed of the generated scripts; 0 takes the built-in one")
	scripts = flag.Int("scripts", 60, "how many scripts to generate")
)

// server is the one of this package's tests: it writes every statement to its log.
var server *pgtest.Server

func TestMain(m *testing.M) {
	flag.Parse()
	leaks.Main(tests{m})
}

// tests is the package's tests, with the server that they share.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	var err error
	server, err = pgtest.Start(context.Background(), pgtest.Options{Memory: true, Trust: true, Settings: map[string]string{
		"log_statement":             "all",
		"log_line_prefix":           entryMark + "%a|%e|",
		"log_error_verbosity":       "terse",
		"log_min_error_statement":   "panic",
		"log_min_messages":          "error",
		"max_connections":           "40",
		"max_prepared_transactions": "4",
		// A script must not hang a test.
		"statement_timeout": "60s",
	}})
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

// oracleVersion is the psql whose behaviour, to the byte, the corpus and the generator are written for: others treat a few
// things otherwise, such as rows that follow a COPY which failed.
const oracleVersion = 15

// needsOracle skips a test where the psql that is used is another one.
func needsOracle(t *testing.T) {
	t.Helper()
	_, version := psql(t)
	if version != oracleVersion {
		t.Skipf("written for psql %d, of which ORACLE_PSQL in the environment may give the path; this is psql %d", oracleVersion, version)
	}
}

// psql gives the path and the major version of the psql that is compared with: the server's, or the one that ORACLE_PSQL names.
func psql(t testing.TB) (path string, major int) {
	t.Helper()
	found, err := installed()
	if err != nil {
		t.Fatal(err)
	}
	return found.path, found.major
}

type program struct {
	path  string
	major int
}

var installed = sync.OnceValues(func() (p program, err error) {
	p.path = os.Getenv("ORACLE_PSQL")
	if p.path == "" {
		if p.path, err = server.Bin("psql"); err != nil {
			return p, err
		}
	}
	out, err := exec.CommandContext(context.Background(), p.path, "--version").Output()
	if err != nil {
		return p, err
	}
	if _, err := fmt.Sscanf(string(out), "psql (PostgreSQL) %d", &p.major); err != nil {
		return p, fmt.Errorf("%s: %w", out, err)
	}
	return p, nil
})

const entryMark = "\x01" // begins every entry of the server's log; its further lines begin with a tab

// runs numbers the runs of this process; the number is the run's application_name.
var runs atomic.Int64

func newRun() string { return fmt.Sprintf("run_%d", runs.Add(1)) }

// logSize is where the log ends now.
func logSize(t testing.TB) int64 {
	t.Helper()
	info, err := os.Stat(server.Log())
	if err != nil {
		t.Fatal(err)
	}
	return info.Size()
}

// logged gives what the server wrote of a run since the log had the given size: each statement as it came, each error as
// "ERROR" with its SQLSTATE.
func logged(t testing.TB, run string, from int64) []string {
	t.Helper()
	f, err := os.Open(server.Log())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.Seek(from, 0); err != nil {
		t.Fatal(err)
	}
	var entries []string
	r := bufio.NewReaderSize(f, 1<<20)
	mine := false
	for {
		line, err := r.ReadBytes('\n')
		if len(line) > 0 {
			switch head, ok := bytes.CutPrefix(line, []byte(entryMark)); {
			case ok:
				var entry string
				entry, mine = readEntry(string(head), run)
				if mine {
					entries = append(entries, entry)
				}
			case mine:
				entries[len(entries)-1] += string(bytes.TrimPrefix(line, []byte("\t")))
			}
		}
		if err != nil {
			break
		}
	}
	var kept []string
	for _, e := range entries {
		if e = strings.TrimSuffix(e, "\n"); e != "" {
			kept = append(kept, e)
		}
	}
	return kept
}

func readEntry(head, run string) (entry string, mine bool) {
	fields := strings.SplitN(head, "|", 3)
	if len(fields) != 3 || fields[0] != run {
		return "", false
	}
	text := fields[2]
	// Scripts are sent by the simple protocol. What we ask the catalog ourselves goes by the extended one, whose entries
	// begin with "execute".
	if s, ok := strings.CutPrefix(text, "LOG:  statement: "); ok {
		return s, true
	}
	if strings.HasPrefix(text, "ERROR:  ") || strings.HasPrefix(text, "FATAL:  ") {
		return "ERROR " + fields[1] + "\n", true
	}
	return "", false
}
