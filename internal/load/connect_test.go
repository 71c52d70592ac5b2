package load_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// freePort gives a port of 127.0.0.1 that is free now.
func freePort(t testing.TB) int {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, text, _ := net.SplitHostPort(l.Addr().String())
	port, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// pooler starts PgBouncer in transaction mode before a server, and gives what turns a URL into one through it; nil where it is
// not installed.
func pooler(t testing.TB, server *pgtest.Server) func(databaseURL string) string {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		if _, err := os.Stat("/usr/sbin/pgbouncer"); err != nil {
			return nil
		}
		program = "/usr/sbin/pgbouncer"
	}
	dir, port := t.TempDir(), freePort(t)
	own := ""
	if os.Geteuid() == 0 { // it refuses to run as root
		own = "user = nobody\n"
		nobody, err := user.Lookup("nobody")
		if err != nil {
			t.Fatal(err)
		}
		uid, _ := strconv.Atoi(nobody.Uid)
		gid, _ := strconv.Atoi(nobody.Gid)
		for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
			if err := os.Chmod(d, 0o755); err != nil {
				t.Fatal(err)
			}
		}
		if err := os.Chown(dir, uid, gid); err != nil {
			t.Fatal(err)
		}
	}
	users := filepath.Join(dir, "users")
	write := func(path, text string) {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	write(users, fmt.Sprintf("\"postgres\" \"%s\"\n", server.Password()))
	ini := filepath.Join(dir, "ini")
	write(ini, fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
pool_mode = transaction
default_pool_size = 1
max_client_conn = 200
auth_type = scram-sha-256
auth_file = %s
auth_user = postgres
%slogfile = %s
`, server.Port(), port, users, own, filepath.Join(dir, "log")))
	cmd := exec.CommandContext(context.Background(), program, "-q", ini)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	for deadline := time.Now().Add(20 * time.Second); ; time.Sleep(10 * time.Millisecond) {
		conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(context.Background(), "tcp", address)
		if err == nil {
			_ = conn.Close()
			break
		}
		if time.Now().After(deadline) {
			log, _ := os.ReadFile(filepath.Join(dir, "log"))
			t.Fatalf("pgbouncer: %v\n%s", err, log)
		}
	}
	return func(databaseURL string) string {
		u, err := url.Parse(databaseURL)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = address
		return u.String()
	}
}

// TestPooler loads through PgBouncer in transaction mode, and holds that nothing of the session stays in the server's.
func TestPooler(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	through := pooler(t, server)
	if through == nil {
		t.Skip("pgbouncer is not installed (apt-get install pgbouncer)")
	}
	direct := server.NewDatabase(t)
	pgtest.Exec(t, direct, "CREATE SCHEMA app; CREATE TABLE app.p (id serial PRIMARY KEY); CREATE TABLE app.c (p int REFERENCES app.p DEFERRABLE INITIALLY DEFERRED)")
	pooled := through(direct)
	text := "SET search_path = app;\nSET session_replication_role = 'replica';\nSET statement_timeout = '1h';\nSET SESSION AUTHORIZATION postgres;\nTRUNCATE p CASCADE;\nINSERT INTO c VALUES (1);\nINSERT INTO p VALUES (1);\n"
	for range 2 {
		warnings, err := loaded(t, pooled, text, func(o *load.Options) { o.ForeignKeys = load.Enforce })
		if err != nil || len(warnings) > 0 {
			t.Fatalf("%v, warnings %q", err, warnings)
		}
	}
	for setting, want := range map[string]string{"search_path": `"$user", public`, "session_replication_role": "origin", "statement_timeout": "0"} {
		if got := value(t, pooled, "SELECT current_setting('"+setting+"')"); got != want {
			t.Errorf("%s is %s for the next client", setting, got)
		}
	}
	if got := value(t, direct, "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()"); got == "0" {
		t.Error("no connection is left in the pool: the test shows nothing")
	}
	warnings, err := loaded(t, pooled, "INSERT INTO app.p VALUES (7);", func(o *load.Options) { o.Transaction = load.None })
	if err != nil {
		t.Fatal(err)
	}
	mustContainAll(t, strings.Join(warnings, "\n"), "through a pooler")
}

// TestConnectionForms connects in every way that libpq has words for.
func TestConnectionForms(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	databaseURL := server.NewDatabase(t)
	u, err := url.Parse(databaseURL)
	if err != nil {
		t.Fatal(err)
	}
	database := strings.TrimPrefix(u.Path, "/")
	role := fmt.Sprintf("role_%d", roles.Add(1))
	const password = `a b'c\d:e@f/g?h#i%j&k=l"m` + "é"
	pgtest.Exec(t, databaseURL, fmt.Sprintf("CREATE ROLE %s LOGIN PASSWORD '%s'; GRANT ALL ON DATABASE %s TO %[1]s", role, strings.ReplaceAll(password, "'", "''"), database))
	t.Cleanup(func() { pgtest.Exec(t, databaseURL, fmt.Sprintf("DROP OWNED BY %s; DROP ROLE %[1]s", role)) })
	dir := t.TempDir()
	write := func(name, text string) string {
		path := filepath.Join(dir, name)
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return path
	}
	passfile := write("pgpass", fmt.Sprintf("*:*:*:%s:%s\n", role, strings.NewReplacer(`\`, `\\`, ":", `\:`).Replace(password)))
	services := write("services", fmt.Sprintf("[shop]\nhost=127.0.0.1\nport=%d\ndbname=%s\nuser=%s\n", server.Port(), database, role))
	quoted := "'" + strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(password) + "'"
	closed := freePort(t)
	at := func(rest string) string {
		return (&url.URL{Scheme: "postgres", User: url.UserPassword(role, password)}).String() + rest
	}
	port := server.Port()
	for name, form := range map[string]string{
		"URL":                    at(fmt.Sprintf("127.0.0.1:%d/%s?sslmode=disable", port, database)),
		"keywords":               fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s password=%s sslmode=disable", port, database, role, quoted),
		"several hosts":          at(fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable&target_session_attrs=read-write", closed, port, database)),
		"the primary":            at(fmt.Sprintf("127.0.0.1:%d,127.0.0.1:%d/%s?sslmode=disable&target_session_attrs=primary", closed, port, database)),
		"Unix socket":            fmt.Sprintf("host=%s port=%d dbname=%s user=%s password=%s", server.SocketDir(), port, database, role, quoted),
		"Unix socket in a URL":   at(fmt.Sprintf("/%s?host=%s&port=%d", database, url.QueryEscape(server.SocketDir()), port)),
		"password file":          fmt.Sprintf("host=127.0.0.1 port=%d dbname=%s user=%s passfile=%s sslmode=disable", port, database, role, passfile),
		"service file":           fmt.Sprintf("service=shop servicefile=%s passfile=%s sslmode=disable", services, passfile),
		"TLS if there is":        at(fmt.Sprintf("127.0.0.1:%d/%s?sslmode=prefer", port, database)),
		"TLS if it must be":      at(fmt.Sprintf("127.0.0.1:%d/%s?sslmode=allow", port, database)),
		"options":                at(fmt.Sprintf("127.0.0.1:%d/%s?sslmode=disable&options=-csearch_path%%3Dapp", port, database)),
		"application name given": at(fmt.Sprintf("127.0.0.1:%d/%s?sslmode=disable&application_name=mine", port, database)),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			config, err := pgx.ParseConfig(form)
			if err != nil {
				t.Fatal(err)
			}
			var said []string
			_, err = load.Run(context.Background(), load.Options{Target: config, Script: script("SELECT current_setting('application_name') AS name, current_setting('search_path') AS path \\gset\n\\echo :name :path"),
				Events: load.Events{Output: func(s string) { said = append(said, s) }}})
			if err != nil {
				t.Fatal(err)
			}
			want := "fabricate-seed "
			if name == "application name given" {
				want = "mine "
			}
			if got := strings.Join(said, ""); !strings.HasPrefix(got, want) || name == "options" && !strings.Contains(got, "app") {
				t.Errorf("%q", got)
			}
		})
	}
}

// TestReach holds that each way not to get in is told apart, and that it is found out without a load.
func TestReach(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	good, err := url.Parse(server.NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	with := func(change func(*url.URL)) string {
		u := *good
		change(&u)
		return u.String()
	}
	if err := load.Reach(context.Background(), load.Options{Target: target(t, good.String())}); err != nil {
		t.Fatal(err)
	}
	for name, tt := range map[string]struct{ url, want string }{
		"password": {with(func(u *url.URL) { u.User = url.UserPassword("postgres", "wrong") }), "28P01"},
		"database": {with(func(u *url.URL) { u.Path = "/nowhere" }), "3D000"},
		"nobody":   {with(func(u *url.URL) { u.Host = fmt.Sprintf("127.0.0.1:%d", freePort(t)) }), "Nothing answered"},
		"no TLS":   {with(func(u *url.URL) { u.RawQuery = "sslmode=require" }), "cannot connect: server refused TLS connection\nCheck sslmode"},
		"binding":  {with(func(u *url.URL) { u.RawQuery = "sslmode=disable&channel_binding=require" }), "channel"},
	} {
		config, err := pgx.ParseConfig(tt.url)
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		err = load.Reach(context.Background(), load.Options{Target: config})
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.Database {
			t.Errorf("%s: %v", name, err)
			continue
		}
		mustContainAll(t, err.Error(), tt.want)
	}
}
