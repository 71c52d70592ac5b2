//go:build unix

package pgtest_test

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// asChild is the environment variable that makes this test binary the process that is killed in TestKilled.
const asChild = "PGTEST_CHILD"

// asForgetful is the one that makes it a run of tests which do not stop their server.
const asForgetful = "PGTEST_FORGETFUL"

type forgetful struct{}

func (forgetful) Run() int {
	if _, err := pgtest.Start(context.Background(), pgtest.Options{}); err != nil {
		fmt.Println(err)
		return 2
	}
	return 0
}

func TestMain(m *testing.M) {
	if os.Getenv(asChild) != "" {
		serveUntilKilled()
	}
	if os.Getenv(asForgetful) != "" {
		os.Exit(pgtest.Tests{M: forgetful{}}.Run())
	}
	leaks.Main(pgtest.Tests{M: m})
}

// serveUntilKilled starts a server, prints its folder and process id, and waits for ever.
func serveUntilKilled() {
	s, err := pgtest.Start(context.Background(), pgtest.Options{})
	if err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println(s.SocketDir(), s.PID())
	select {}
}

func TestServer(t *testing.T) {
	t.Parallel()
	s := start(t, pgtest.Options{Settings: map[string]string{"fsync": "on", "log_line_prefix": `it's \ "x" `}})

	t.Run("password, not trust", func(t *testing.T) {
		wrong := strings.Replace(s.URL("postgres"), s.Password(), "wrong", 1)
		if _, err := pgx.Connect(t.Context(), wrong); err == nil {
			t.Error("a wrong password was accepted over TCP")
		}
		wrong = fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres password=wrong", s.SocketDir(), s.Port())
		if _, err := pgx.Connect(t.Context(), wrong); err == nil {
			t.Error("a wrong password was accepted on the socket")
		}
	})
	t.Run("socket", func(t *testing.T) {
		right := fmt.Sprintf("host=%s port=%d user=postgres dbname=postgres password=%s",
			s.SocketDir(), s.Port(), s.Password())
		conn, err := pgx.Connect(t.Context(), right)
		if err != nil {
			t.Fatal(err)
		}
		_ = conn.Close(t.Context())
	})
	t.Run("settings", func(t *testing.T) {
		for name, want := range map[string]string{
			"fsync": "on", "full_page_writes": "off", "synchronous_commit": "on", "log_line_prefix": `it's \ "x" `,
			"server_encoding": "UTF8", "lc_messages": "C", "TimeZone": "UTC", "data_directory": s.DataDir(),
		} {
			out, stderr, code := pgtest.Psql(t, s.URL("postgres"), "-Atc", "SELECT current_setting('"+name+"')")
			if got := strings.TrimSuffix(out, "\n"); got != want || code != 0 {
				t.Errorf("%s is %q, want %q (exit code %d, %s)", name, got, want, code, stderr)
			}
		}
	})
	t.Run("version", func(t *testing.T) {
		out, _, _ := pgtest.Psql(t, s.URL("postgres"), "-Atc", "SELECT current_setting('server_version_num')::int / 10000")
		if got := fmt.Sprintln(s.Version()); got != out {
			t.Errorf("version %q, the server says %q", got, out)
		}
	})
	t.Run("client programs", func(t *testing.T) {
		if path, err := s.Bin("pg_dump"); err != nil || filepath.Base(path) != "pg_dump" {
			t.Errorf("Bin(pg_dump) = %q, %v", path, err)
		}
		_, err := s.Bin("no-such-program")
		if err == nil || !strings.Contains(err.Error(), "apt-get install postgresql") {
			t.Errorf("Bin(no-such-program): %v", err)
		}
	})
	t.Run("stop", func(t *testing.T) {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
		mustBeGone(t, s.SocketDir(), s.PID(), 0)
		if err := s.Stop(); err != nil {
			t.Errorf("the second time: %v", err)
		}
	})
}

func TestTwoServersAtOnce(t *testing.T) {
	t.Parallel()
	a, b := start(t, pgtest.Options{}), start(t, pgtest.Options{Locale: "C", Encoding: "LATIN1"})
	if a.Port() == b.Port() || a.Password() == b.Password() || a.DataDir() == b.DataDir() {
		t.Error("two servers share a port, a password or a folder")
	}
	out, _, _ := pgtest.Psql(t, b.URL("postgres"), "-Atc", "SHOW server_encoding")
	if out != "LATIN1\n" {
		t.Errorf("encoding %q", out)
	}
}

func TestFailedStartLeavesNothing(t *testing.T) {
	temp := shortTempDir(t)
	t.Setenv("TMPDIR", temp)
	for name, options := range map[string]pgtest.Options{
		"initdb":   {Encoding: "no-such-encoding"},
		"postgres": {Settings: map[string]string{"no_such_setting": "1"}},
	} {
		_, err := pgtest.Start(t.Context(), options)
		if problem.CodeOf(err) != problem.Database || !strings.Contains(err.Error(), "no") {
			t.Errorf("%s: %v", name, err)
		}
		if !strings.Contains(err.Error(), "no-such-encoding") && !strings.Contains(err.Error(), "no_such_setting") {
			t.Errorf("%s: the server's own words are missing: %v", name, err)
		}
	}
	canceled, cancel := context.WithCancel(t.Context())
	cancel()
	if _, err := pgtest.Start(canceled, pgtest.Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled start: %v", err)
	}
	if left, _ := os.ReadDir(temp); len(left) != 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestKilled kills a process that has a server in every way a process ends, and looks for the server.
func TestKilled(t *testing.T) {
	t.Parallel()
	for _, signal := range []syscall.Signal{syscall.SIGKILL, syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), asChild+"=1")
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			line, _ := bufio.NewReader(out).ReadString('\n')
			var dir string
			var pid int
			if _, err := fmt.Sscan(line, &dir, &pid); err != nil {
				t.Errorf("child said %q", line)
			}
			_ = child.Process.Signal(signal)
			_ = child.Wait()
			mustBeGone(t, dir, pid, 20*time.Second)
		})
	}
}

// TestKilledDuringInit kills a process while initdb is at work.
func TestKilledDuringInit(t *testing.T) {
	t.Parallel()
	temp := shortTempDir(t)
	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), asChild+"=1", "TMPDIR="+temp)
	if err := child.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, 20*time.Second, "initdb begins", func() bool {
		found, _ := filepath.Glob(filepath.Join(temp, "pgtest-*", "data", "*"))
		return len(found) > 0
	})
	_ = child.Process.Kill()
	_ = child.Wait()
	eventually(t, 20*time.Second, "nothing is left", func() bool {
		left, err := os.ReadDir(temp)
		return err == nil && len(left) == 0
	})
}

func TestNewDatabase(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	if pgtest.Shared(t) != s {
		t.Fatal("Shared gives another server")
	}
	var url string
	t.Run("of a test", func(t *testing.T) {
		url = s.NewDatabase(t)
		pgtest.Exec(t, url, "CREATE TABLE t (a int); INSERT INTO t VALUES (1)")
		open, err := pgx.Connect(context.Background(), url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = open.Close(context.Background()) }()
		if other := s.NewDatabase(t); pgtest.Dump(t, other) == pgtest.Dump(t, url) {
			t.Error("a new database is not empty")
		}
	})
	if _, err := pgx.Connect(t.Context(), url); err == nil || !strings.Contains(err.Error(), "does not exist") {
		t.Errorf("after the test: %v", err)
	}
}

// What a package's tests leave in the shared server, or a server that they do not stop, fails the package.
func TestLeft(t *testing.T) {
	t.Parallel()
	s := start(t, pgtest.Options{})
	if err := s.Left(); err != nil {
		t.Errorf("a new server: %v", err)
	}
	conn, err := pgx.Connect(t.Context(), s.URL("postgres")+"&application_name=lingers")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if _, err := conn.Exec(t.Context(), "CREATE DATABASE forgotten"); err != nil {
		t.Fatal(err)
	}
	if err := s.Left(); err == nil || !strings.Contains(err.Error(), "lingers") || !strings.Contains(err.Error(), "database forgotten") {
		t.Errorf("a session and a database: %v", err)
	}

	child := exec.Command(os.Args[0])
	child.Env = append(os.Environ(), asForgetful+"=1")
	said, _ := child.CombinedOutput()
	if code := child.ProcessState.ExitCode(); code != 1 || !strings.Contains(string(said), "was not stopped") {
		t.Errorf("a server that was not stopped: exit code %d\n%s", code, said)
	}
}

func TestDump(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	a, b := s.NewDatabase(t), s.NewDatabase(t)
	script := `CREATE TABLE t (a text); INSERT INTO t VALUES ('-- Dumped from'), (E'x\n\\restrict y')`
	pgtest.Exec(t, a, script)
	pgtest.Exec(t, b, script)
	first := pgtest.Dump(t, a)
	if first != pgtest.Dump(t, b) {
		t.Error("dumps of the same tables differ")
	}
	for _, unwanted := range []string{"-- Dumped from database", "-- Dumped by", "\n\\restrict ", "\n\\unrestrict "} {
		if strings.Contains(first, unwanted) {
			t.Errorf("dump holds %q", unwanted)
		}
	}
	if !strings.Contains(first, "\n-- Dumped from\n") {
		t.Error("data that looks like a comment is missing")
	}
	if only := pgtest.Dump(t, a, "--schema-only"); strings.Contains(only, "COPY") {
		t.Error("extra arguments are not used")
	}
}

func TestSortedDump(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	a, b := s.NewDatabase(t), s.NewDatabase(t)
	pgtest.Exec(t, a, "CREATE TABLE t (a text); CREATE TABLE u (a text); INSERT INTO t VALUES ('1'), ('3'), ('2')")
	pgtest.Exec(t, b, "CREATE TABLE t (a text); CREATE TABLE u (a text); INSERT INTO t VALUES ('3'), ('2'), ('1')")
	if pgtest.Dump(t, a) == pgtest.Dump(t, b) {
		t.Error("Dump sorts")
	}
	if got := pgtest.SortedDump(t, a); got != pgtest.SortedDump(t, b) || !strings.Contains(got, "\n1\n2\n3\n\\.\n") {
		t.Errorf("SortedDump does not sort: %s", got)
	}
	pgtest.Exec(t, b, "DELETE FROM t WHERE a = '1'; INSERT INTO u VALUES ('1')")
	if pgtest.SortedDump(t, a) == pgtest.SortedDump(t, b) {
		t.Error("a row in another table makes no difference")
	}
}

func TestPsql(t *testing.T) {
	t.Setenv("PGDATABASE", "no_such_database")
	t.Setenv("PSQLRC", "/no/such/file")
	t.Setenv("PGOPTIONS", "-c no_such_setting=1")
	url := pgtest.Shared(t).NewDatabase(t)
	script := filepath.Join(t.TempDir(), "x.sql")
	if err := os.WriteFile(script, []byte("SELECT 'é', 1;\nSELECT no_such_column;\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	stdout, stderr, code := pgtest.Psql(t, url, "-At", "-v", "ON_ERROR_STOP=1", "-f", script)
	if stdout != "é|1\n" || !strings.Contains(stderr, "x.sql:2: ERROR:") || code != 3 {
		t.Errorf("stdout %q, stderr %q, exit code %d", stdout, stderr, code)
	}
}

func start(t *testing.T, options pgtest.Options) *pgtest.Server {
	t.Helper()
	s, err := pgtest.Start(t.Context(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Stop(); err != nil {
			t.Error(err)
		}
	})
	return s
}

// shortTempDir makes a folder that a server started by root may use too, unlike t.TempDir.
func shortTempDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "pgtest-of-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		t.Fatal(err)
	}
	return dir
}

// mustBeGone fails unless folder and process are gone within the limit.
func mustBeGone(t *testing.T, dir string, pid int, limit time.Duration) {
	t.Helper()
	eventually(t, limit, "folder and server are gone", func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist) && !running(pid)
	})
}

// running tells whether a process runs; one that has ended and that nobody has waited for does not.
func running(pid int) bool {
	if stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil {
		return !strings.Contains(string(stat), ") Z ")
	}
	return syscall.Kill(pid, 0) == nil
}

func eventually(t *testing.T, limit time.Duration, what string, done func() bool) {
	t.Helper()
	for end := time.Now().Add(limit); !done(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("after %v still not so: %s", limit, what)
		}
	}
}

// Tests that run at once may make, grant to and drop roles.
func TestExecOfTheCluster(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	for i := range 8 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			url, role := s.NewDatabase(t), fmt.Sprintf("one_of_many_%d", i)
			for range 10 {
				pgtest.Exec(t, url, "CREATE ROLE "+role)
				if s.Version() >= 15 {
					pgtest.Exec(t, url, "GRANT SET ON PARAMETER session_replication_role TO "+role)
				}
				pgtest.Exec(t, url, "REASSIGN OWNED BY "+role+" TO postgres; DROP OWNED BY "+role+"; DROP ROLE "+role)
			}
		})
	}
}

// Where a connection is to be refused, no other server comes to listen.
func TestPorts(t *testing.T) {
	t.Parallel()
	address := fmt.Sprintf("127.0.0.1:%d", pgtest.RefusingPort(t))
	if conn, err := net.Dial("tcp", address); !errors.Is(err, syscall.ECONNREFUSED) {
		t.Errorf("a connection to a refusing port: %v, %v", conn, err)
	}
	if l, err := net.Listen("tcp", address); err == nil {
		_ = l.Close()
		t.Error("somebody else may listen on a refusing port")
	}
	l, err := net.Listen("tcp", fmt.Sprintf("127.0.0.1:%d", pgtest.FreePort(t)))
	if err != nil {
		t.Fatal(err)
	}
	_ = l.Close()
}

func TestPooler(t *testing.T) {
	t.Parallel()
	s := pgtest.Shared(t)
	port, stop := s.Pooler(t, "")
	if port == 0 {
		t.Skip("pgbouncer is not installed (apt-get install pgbouncer)")
	}
	pooled := strings.Replace(s.URL("postgres"), fmt.Sprint(s.Port()), fmt.Sprint(port), 1)
	if out, said, _ := pgtest.Psql(t, pooled, "-Atc", "SELECT 7"); out != "7\n" {
		t.Errorf("%q, %s", out, said)
	}
	stop()
	if _, _, code := pgtest.Psql(t, pooled, "-Atc", "SELECT 7"); code == 0 {
		t.Error("it goes on after its end")
	}
}

func TestPortIsLocal(t *testing.T) {
	t.Parallel()
	conn, err := net.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", pgtest.Shared(t).Port()))
	if err != nil {
		t.Fatal(err)
	}
	_ = conn.Close()
	out, _, _ := pgtest.Psql(t, pgtest.Shared(t).URL("postgres"), "-Atc", "SHOW listen_addresses")
	if out != "127.0.0.1\n" {
		t.Errorf("listens on %q", out)
	}
}
