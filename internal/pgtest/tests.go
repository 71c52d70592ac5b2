package pgtest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// TB is what is needed of a *testing.T, *testing.B or *testing.F. (The demo is in the product, so this package does
// not import testing.)
type TB interface {
	Helper()
	Cleanup(func())
	Fatalf(format string, args ...any)
}

// shared is the one server of a test process. It is global because a test function is given nothing but its T.
var shared struct {
	sync.Mutex
	server *Server
	err    error
}

// databases numbers the databases of this process.
var databases atomic.Int64

// started are the servers of this process that have not been stopped: of *Server.
var started sync.Map

// Off is the environment variable that, set to "off", has every test that asks for a server skipped: what is left needs no
// PostgreSQL and is quick.
const Off = "PGTEST"

// skipWithout skips a test that needs a server where there is to be none.
func skipWithout(t TB) {
	t.Helper()
	if s, ok := t.(interface{ Skip(...any) }); ok && os.Getenv(Off) == "off" {
		s.Skip(NeedsServer)
	}
}

// NeedsServer is what a test says that is skipped for want of a server.
const NeedsServer = "needs a PostgreSQL server"

// Shared gives the one server of this test process, started on first use. It is stopped by Tests.Run; without that, when
// the process ends. Tests that change the server (kill it, fill its disk) Start their own.
func Shared(t TB) *Server {
	t.Helper()
	skipWithout(t)
	shared.Lock()
	defer shared.Unlock()
	if shared.server == nil && shared.err == nil {
		shared.server, shared.err = Start(context.Background(), Options{Memory: true, Settings: map[string]string{"synchronous_commit": "off", "max_prepared_transactions": "32"}}) // nobody kills it
	}
	if shared.err != nil {
		t.Fatalf("%v", shared.err)
	}
	return shared.server
}

// Tests is a package's tests: leaks.Main(pgtest.Tests{M: m}) runs them.
type Tests struct{ M interface{ Run() int } }

// Run runs the tests, stops the shared server if there is one, and gives the exit code: that of the tests, or 1 when they passed
// and left a session or a database in the shared server, or a server of their own running, which is then said on standard error.
func (t Tests) Run() int {
	code := t.M.Run()
	shared.Lock()
	defer shared.Unlock()
	var left []error
	if shared.server != nil {
		left = append(left, shared.server.Left(), shared.server.Stop())
	}
	started.Range(func(key, _ any) bool {
		if s, ok := key.(*Server); ok {
			left = append(left, fmt.Errorf("the server in %s was not stopped", s.dir), s.Stop())
		}
		return true
	})
	if err := errors.Join(left...); err != nil && code == 0 { // a test that fails may leave something
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	return code
}

// Left says which sessions and databases are left in the server, besides those it is made with; nil means none. A session
// that is on its way out is waited for.
func (s *Server) Left() error {
	const patience = 30 * time.Second // on a busy machine; it is used up only where something is left
	ctx, cancel := context.WithTimeout(context.Background(), patience+startLimit)
	defer cancel()
	conn, err := pgx.Connect(ctx, s.URL(superuser))
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close(ctx) }()
	const query = `SELECT coalesce(string_agg(what, ', '), '') FROM (
		SELECT format('session %s of %s in %s: %s', pid, application_name, datname, left(query, 100)) AS what FROM pg_stat_activity
			WHERE backend_type = 'client backend' AND pid <> pg_backend_pid()
		UNION ALL
		SELECT format('database %s', datname) FROM pg_database WHERE datname NOT IN ('postgres', 'template0', 'template1')) AS it`
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		var left string
		switch err := conn.QueryRow(ctx, query).Scan(&left); {
		case err != nil:
			return err
		case left == "":
			return nil
		case time.Now().After(end):
			return fmt.Errorf("left in the server: %s", left)
		}
	}
}

// NewDatabase makes an empty database and gives its URL. It is dropped when the test ends, whoever is still connected.
func (s *Server) NewDatabase(t TB) string {
	t.Helper()
	name := fmt.Sprintf("test_%d", databases.Add(1))
	Exec(t, s.URL(superuser), "CREATE DATABASE "+name)
	t.Cleanup(func() {
		t.Helper()
		Exec(t, s.URL(superuser), "DROP DATABASE "+name+" WITH (FORCE)")
	})
	return s.URL(name)
}

// ofTheCluster finds statements about what all databases of a server share: roles and what they own, settings kept for roles
// and databases, parameters that are granted. It may find too much.
var ofTheCluster = regexp.MustCompile(`(?i)\b(ROLE|USER|DATABASE|TABLESPACE|SYSTEM|PARAMETER|(REASSIGN|DROP)\s+OWNED)\b`)

// wholeDatabase finds those that make or drop a database. They lock what they need, and take too long to stand in line.
var wholeDatabase = regexp.MustCompile(`(?i)^\s*(CREATE|DROP)\s+DATABASE\b[^;]*;?\s*$`)

// cluster is held while a statement of the cluster runs. Two sessions that change one row of a shared catalog at once, as two
// GRANTs on one parameter do, or a GRANT and a DROP OWNED, end with "tuple concurrently updated", whatever their databases.
// A server belongs to one process, and so does this.
var cluster sync.Mutex

// inUse is the SQLSTATE of a database that cannot be dropped, or copied, because a session in it has not ended. The server
// itself waits for that for five seconds, which on a busy machine is not enough.
const inUse = "55006"

// Exec runs SQL, one or more statements, in a connection of its own; the test ends if it fails. Statements about what all
// databases of a server share, such as roles, run one after the other, so that tests may run at once; those that a loaded
// script or a program brings do not, and need a server of their own.
func Exec(t TB, url, sql string) {
	t.Helper()
	if ofTheCluster.MatchString(sql) && !wholeDatabase.MatchString(sql) {
		cluster.Lock()
		defer cluster.Unlock()
	}
	ctx := context.Background() // also for cleaning up, when the test's own context has ended
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatalf("%v", err)
	}
	config.RuntimeParams = nil // what PG* variables of the caller ask for
	conn, err := pgx.ConnectConfig(ctx, config)
	if err != nil {
		t.Fatalf("%v", err)
	}
	defer func() { _ = conn.Close(ctx) }()
	for end := time.Now().Add(startLimit); ; time.Sleep(100 * time.Millisecond) {
		_, err := conn.PgConn().Exec(ctx, sql).ReadAll()
		var said *pgconn.PgError
		switch {
		case err == nil:
			return
		case errors.As(err, &said) && said.Code == inUse && wholeDatabase.MatchString(sql) && time.Now().Before(end):
			continue
		}
		t.Fatalf("%.200s: %v", sql, err)
	}
}

// Dump gives the output of pg_dump for the database at url, without what differs from run to run and from version to
// version though the databases are the same: the \restrict key and the comments with version numbers.
func Dump(t TB, url string, extraArgs ...string) string {
	t.Helper()
	stdout, stderr, code := runClient(t, "pg_dump", append([]string{"--dbname=" + url}, extraArgs...))
	if code != 0 {
		t.Fatalf("pg_dump: exit code %d: %s", code, stderr)
	}
	return normaliseDump(stdout)
}

// SortedDump is Dump with the rows of each table sorted. Two tables with the same rows can hold them in another order:
// single INSERTs go back to earlier pages that still have room for them, COPY into a new table does not.
func SortedDump(t TB, url string, extraArgs ...string) string {
	t.Helper()
	return sortRows(Dump(t, url, extraArgs...))
}

// sortRows sorts the lines between COPY … FROM stdin; and its end.
func sortRows(dump string) string {
	lines := strings.SplitAfter(dump, "\n")
	first := -1 // first row of the COPY in hand
	for i, line := range lines {
		switch {
		case first < 0 && strings.HasPrefix(line, "COPY ") && strings.HasSuffix(line, " FROM stdin;\n"):
			first = i + 1
		case first >= 0 && line == "\\.\n":
			slices.Sort(lines[first:i])
			first = -1
		}
	}
	return strings.Join(lines, "")
}

// normaliseDump looks only at the first and the last lines, because data may look like what is removed.
func normaliseDump(dump string) string {
	const edge = 12
	lines := strings.SplitAfter(dump, "\n")
	kept := lines[:0]
	for i, line := range lines {
		head, tail := i < edge, i >= len(lines)-edge
		switch {
		case head && strings.HasPrefix(line, `\restrict `),
			head && strings.HasPrefix(line, "-- Dumped "),
			tail && strings.HasPrefix(line, `\unrestrict `):
		default:
			kept = append(kept, line)
		}
	}
	return strings.Join(kept, "")
}

// Psql runs the server's own psql on the database at url, with nothing of the caller's environment and no psqlrc.
// Files named in args are relative to the test's folder. Standard input is empty.
func Psql(t TB, url string, args ...string) (stdout, stderr string, exitCode int) {
	t.Helper()
	return runClient(t, "psql", append([]string{"-X", "--no-password", "--dbname=" + url}, args...))
}

func runClient(t TB, name string, args []string) (stdout, stderr string, exitCode int) {
	t.Helper()
	found, err := findPrograms()
	if err != nil {
		t.Fatalf("%v", err)
	}
	path, err := found.client(name)
	if err != nil {
		t.Fatalf("%v", err)
	}
	var out, errs bytes.Buffer
	cmd := exec.CommandContext(context.Background(), path, args...)
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=/nonexistent", "LC_ALL=C", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = &out, &errs
	var exit *exec.ExitError
	if err := cmd.Run(); err != nil && !errors.As(err, &exit) {
		t.Fatalf("%s: %v", name, err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

// RefusingPort gives a port of 127.0.0.1 where every connection is refused until the test ends: it is taken, so that no other
// test's server gets it meanwhile, and nobody listens.
func RefusingPort(t TB) int {
	t.Helper()
	port, release, err := bindPort()
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(release)
	return port
}

// FreePort gives a port of 127.0.0.1 for a program that is told where to listen. It is none of those that systems give to
// outgoing connections, so that only another such program could take it first.
func FreePort(t TB) int {
	t.Helper()
	port, err := freePort(context.Background())
	if err != nil {
		t.Fatalf("%v", err)
	}
	return port
}
