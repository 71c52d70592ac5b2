//go:build unix

package load_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// pooler starts PgBouncer in transaction mode before a server, and gives what turns a URL into one through it; nil where it is
// not installed.
func pooler(t testing.TB, server *pgtest.Server) func(databaseURL string) string {
	t.Helper()
	port, _ := server.Pooler(t, "auth_user = postgres\nmax_client_conn = 200")
	if port == 0 {
		return nil
	}
	return func(databaseURL string) string {
		u, err := url.Parse(databaseURL)
		if err != nil {
			t.Fatal(err)
		}
		u.Host = fmt.Sprintf("127.0.0.1:%d", port)
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

// A pooler that takes the schema with the connection and does nothing about it would have the rows go to another one. One that refuses
// says so itself. Both are told with what helps, and that helps.
func TestPoolerAndSchema(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for name, settings := range map[string]string{"refused": "", "dropped": "ignore_startup_parameters = search_path", "dropped, role": "ignore_startup_parameters = role"} {
		t.Run(name, func(t *testing.T) {
			port, stop := server.Pooler(t, "auth_user = postgres\n"+settings)
			if port == 0 {
				t.Skip("pgbouncer is not installed (apt-get install pgbouncer)")
			}
			direct := server.NewDatabase(t)
			pgtest.Exec(t, direct, `CREATE TABLE t (a int); CREATE SCHEMA "App"; CREATE TABLE "App".t (a int)`)
			u, err := url.Parse(direct)
			if err != nil {
				t.Fatal(err)
			}
			u.Host = fmt.Sprintf("127.0.0.1:%d", port)
			text, asks := "INSERT INTO t VALUES (1);\n", "search_path"
			if name == "dropped, role" {
				asks = "role"
			}
			_, err = loaded(t, u.String(), text, func(o *load.Options) {
				o.Target.RuntimeParams[asks] = map[string]string{"search_path": `"App"`, "role": "pg_monitor"}[asks]
			})
			if problem.CodeOf(err) != problem.Database || asks == "search_path" && !strings.Contains(err.Error(), `SET search_path = "App"`) {
				t.Fatalf("got %v", err)
			}
			if got := value(t, direct, `SELECT (SELECT count(*) FROM t) + (SELECT count(*) FROM "App".t)`); got != "0" {
				t.Errorf("%s rows", got)
			}
			pgtest.Exec(t, direct, fmt.Sprintf(`ALTER ROLE postgres IN DATABASE %s SET search_path = "App"`, strings.TrimPrefix(u.Path, "/")))
			stop() // the connections that it keeps are older than that
			if port, stop = server.Pooler(t, "auth_user = postgres"); port == 0 {
				t.Fatal("no pooler any more")
			}
			defer stop()
			u.Host = fmt.Sprintf("127.0.0.1:%d", port)
			if _, err := loaded(t, u.String(), text, nil); err != nil {
				t.Fatal(err)
			}
			if got := value(t, direct, `SELECT count(*) FROM "App".t`); got != "1" {
				t.Errorf("%s rows where the schema is the role's", got)
			}
		})
	}
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
	closed := pgtest.RefusingPort(t)
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

// TestReach holds that each way not to get in is told apart with what to change, and that it is found out without a load.
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
	saying := func(code, message string) string {
		port := answering(t, func(conn net.Conn) { refuse(conn, code, message) })
		return fmt.Sprintf("postgres://app:pw@127.0.0.1:%d/shop?sslmode=disable", port)
	}
	silent := answering(t, func(net.Conn) {})
	encrypted := answering(t, func(conn net.Conn) { startTLS(t, conn) })
	for name, tt := range map[string]struct{ url, want string }{
		"wrong password":   {with(func(u *url.URL) { u.User = url.UserPassword("postgres", "wrong") }), `(SQLSTATE 28P01)` + "\n" + `Check the password of user "postgres"`},
		"no password":      {with(func(u *url.URL) { u.User = url.User("postgres") }), "database-url holds no password"},
		"missing database": {with(func(u *url.URL) { u.Path = "/nowhere" }), "(SQLSTATE 3D000)\nCorrect the database's name in database-url, or make database \"nowhere\" first"},
		"nobody":           {with(func(u *url.URL) { u.Host = fmt.Sprintf("127.0.0.1:%d", pgtest.RefusingPort(t)) }), "connection refused\nNothing answered within 0s: is the server running"},
		"TLS refused":      {with(func(u *url.URL) { u.RawQuery = "sslmode=require" }), "cannot connect: the server offers no TLS\nThe sslmode of database-url asks for TLS"},
		"binding": {
			with(func(u *url.URL) { u.RawQuery = "sslmode=disable&channel_binding=require" }),
			"failed SASL auth: channel binding required but server does not support SCRAM-SHA-256-PLUS\nThe server answered, but it asks for a way to log in",
		},
		"another way to log in": {with(func(u *url.URL) { u.RawQuery = "sslmode=disable&require_auth=md5" }), "requested scram-sha-256 authentication\nThe server answered, but"},
		"Kerberos":              {loggingIn(t, 7), "\nThe server answered, but it asks for a way to log in that is not known here"},
		"SSPI":                  {loggingIn(t, 9), "\nThe server answered, but it asks for a way to log in that is not known here"},
		"a way of tomorrow":     {loggingIn(t, 99), "\nThe server answered, but it asks for a way to log in that is not known here"},
		"a standby":             {with(func(u *url.URL) { u.RawQuery = "sslmode=disable&target_session_attrs=standby" }), "\nThe server answered, but it is not what target_session_attrs"},
		"a web server":          {greeting(t, "HTTP/1.1 400 Bad Request\r\n\r\n", "sslmode=disable"), "what answers there does not speak PostgreSQL\nCheck host and port"},
		"a web server, TLS":     {greeting(t, "HTTP/1.1 400 Bad Request\r\n\r\n", "sslmode=prefer"), "what answers there does not speak PostgreSQL\nCheck host and port"},
		"SSH":                   {greeting(t, "SSH-2.0-OpenSSH_9.2\r\n", "sslmode=prefer"), "what answers there does not speak PostgreSQL\nCheck host and port"},
		"MySQL":                 {greeting(t, "J\x00\x00\x00\x0a8.0.33\x00", "sslmode=disable"), "what answers there does not speak PostgreSQL\nCheck host and port"},
		"no socket":             {"host=/nowhere user=app dbname=shop", "no such file or directory\nNo server has its Unix socket there."},
		"a setting":             {with(func(u *url.URL) { u.RawQuery = "sslmode=disable&datestyle=frob" }), "(SQLSTATE 22023)\nCheck the settings of the session in database-url"},
		"silence": {
			fmt.Sprintf("postgres://app:pw@127.0.0.1:%d/shop?sslmode=disable&connect_timeout=1", answering(t, func(conn net.Conn) { _, _ = io.Copy(io.Discard, conn) })),
			"no answer in time\nSomething took the connection, and did not answer as PostgreSQL",
		},
		"silence after the first word": {
			loggingIn(t, 10, []byte("SCRAM-SHA-256\x00\x00")...) + "&connect_timeout=1",
			"no answer in time\nSomething took the connection, and did not answer as PostgreSQL",
		},
		"TLS required": {
			saying("28000", `no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", no encryption`),
			"(SQLSTATE 28000)\nThe server takes encrypted connections only: write sslmode=require",
		},
		"TLS required by a pooler": {saying("08P01", "SSL required"), "(SQLSTATE 08P01)\nThe server takes encrypted connections only"},
		"TLS with another authority": {
			fmt.Sprintf("postgres://app:pw@127.0.0.1:%d/shop?sslmode=verify-full", encrypted), "\nThe server's certificate is not trusted",
		},
		"not in pg_hba.conf": {
			saying("28000", `no pg_hba.conf entry for host "10.0.0.1", user "app", database "shop", SSL encryption`), "\nCheck that user \"app\" exists and may log in",
		},
		"starting":   {saying("57P03", "the database system is starting up"), "starting up (SQLSTATE 57P03)\nThe server was not ready within 0s. Give the service a health check"},
		"full":       {saying("53300", "sorry, too many clients already"), "(SQLSTATE 53300)\nNo connection became free within 0s"},
		"not heard":  {fmt.Sprintf("postgres://app:pw@127.0.0.1:%d/shop", silent), "the connection was closed without an answer\nSomething is there but has not spoken as PostgreSQL"},
		"no address": {"postgres://app:pw@nowhere.invalid/shop", "\nCheck the host in database-url."},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			err := load.Reach(context.Background(), load.Options{Target: target(t, tt.url)})
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.Database {
				t.Fatal(err)
			}
			mustContainAll(t, err.Error(), tt.want, "cannot connect: ")
			if strings.Contains(err.Error(), "Nothing answered") != (name == "nobody") {
				t.Error(err)
			}
		})
	}
}

// answering listens on a free port and lets answer speak to each connection before it is closed.
func answering(t *testing.T, answer func(net.Conn)) (port int) {
	t.Helper()
	return listening(t, "127.0.0.1:0", func(conn net.Conn) {
		defer conn.Close()
		answer(conn)
	})
}

func listening(t *testing.T, address string, answer func(net.Conn)) (port int) {
	t.Helper()
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			all.Go(func() { answer(conn) })
		}
	})
	t.Cleanup(func() {
		_ = l.Close()
		all.Wait()
	})
	bound, err := netip.ParseAddrPort(l.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	return int(bound.Port())
}

// refuse is a server that offers no TLS and says no to everybody.
func refuse(conn net.Conn, code, message string) {
	backend := pgproto3.NewBackend(conn, conn)
	for {
		first, err := backend.ReceiveStartupMessage()
		if err != nil {
			return
		}
		if _, ok := first.(*pgproto3.SSLRequest); !ok {
			break
		}
		if _, err := conn.Write([]byte("N")); err != nil {
			return
		}
	}
	backend.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: code, Message: message})
	_ = backend.Flush()
}

// loggingIn is a server that asks for a way to log in by its number in the protocol.
func loggingIn(t *testing.T, kind byte, more ...byte) (url string) {
	port := answering(t, func(conn net.Conn) {
		if _, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage(); err == nil {
			_, _ = conn.Write(append([]byte{'R', 0, 0, 0, byte(8 + len(more)), 0, 0, 0, kind}, more...))
		}
		_, _ = io.Copy(io.Discard, conn)
	})
	return fmt.Sprintf("postgres://app:pw@127.0.0.1:%d/shop?sslmode=disable", port)
}

// greeting is a server of another kind, that says something whatever it is asked.
func greeting(t *testing.T, words, query string) (url string) {
	port := answering(t, func(conn net.Conn) {
		_, _ = conn.Write([]byte(words))
		_, _ = io.Copy(io.Discard, conn)
	})
	return fmt.Sprintf("postgres://app:pw@127.0.0.1:%d/shop?%s", port, query)
}

// startTLS is a server with a certificate that nobody knows.
func startTLS(t *testing.T, conn net.Conn) {
	t.Helper()
	unknown := httptest.NewTLSServer(nil)
	defer unknown.Close()
	if _, err := pgproto3.NewBackend(conn, conn).ReceiveStartupMessage(); err != nil {
		return
	}
	if _, err := conn.Write([]byte("S")); err == nil {
		_ = tls.Server(conn, unknown.TLS).HandshakeContext(t.Context())
	}
}

// published listens on 127.0.0.2, by a port on which nobody listens on localhost: other tests are given theirs by the system, which gives none below
// 20,000.
func published(t *testing.T, answer func(net.Conn)) (port int) {
	t.Helper()
	for {
		port = 10_000 + rand.IntN(10_000)
		free := true
		for _, host := range []string{"127.0.0.1", "::1", "127.0.0.2"} {
			conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", net.JoinHostPort(host, strconv.Itoa(port)))
			if err == nil {
				_, free = conn.Close(), false
			}
		}
		if free {
			return listening(t, fmt.Sprintf("127.0.0.2:%d", port), answer)
		}
	}
}

// TestLocalhostInAContainer holds that where nothing listens on localhost, the port that is published on the machine around the
// container is taken, and that one line says so; here that machine is 127.0.0.2.
func TestLocalhostInAContainer(t *testing.T) {
	t.Parallel()
	if runtime.GOOS != "linux" {
		t.Skip("127.0.0.2 is an address of this machine on Linux alone")
	}
	gateway := netip.MustParseAddr("127.0.0.2")
	direct, err := url.Parse(pgtest.Shared(t).NewDatabase(t))
	if err != nil {
		t.Fatal(err)
	}
	relayed := published(t, func(conn net.Conn) { relay(t, conn, direct.Host) })
	unready := published(t, func(conn net.Conn) {
		defer conn.Close()
		refuse(conn, "57P03", "the database system is starting up")
	})
	at := func(host string, port int) *pgx.ConnConfig {
		u := *direct
		u.Host = net.JoinHostPort(host, strconv.Itoa(port))
		return target(t, u.String())
	}
	database := strings.TrimPrefix(direct.Path, "/")
	said := fmt.Sprintf("nothing listens on localhost:%d in this container, so port %[1]d published on the job's machine (127.0.0.2) was used; write the service's "+
		"label and the port inside its container instead, such as postgresql://postgres:PASSWORD@postgres:5432/%s", relayed, database)
	for name, tt := range map[string]struct {
		target  *pgx.ConnConfig
		gateway netip.Addr
		want    string // of the error; "" means that it is reached
		said    string // the warning
	}{
		"published":             {target: at("localhost", relayed), gateway: gateway, said: said},
		"published, by number":  {target: at("127.0.0.1", relayed), gateway: gateway, said: strings.Replace(said, "localhost", "127.0.0.1", 1)},
		"what listens is taken": {target: target(t, direct.String()), gateway: gateway},
		"not in a container":    {target: at("localhost", relayed), want: "connection refused\nNothing answered within 0s: is the server running"},
		"published, still starting": {
			target: at("localhost", unready), gateway: gateway,
			want: fmt.Sprintf("on localhost:%d (by the port published on 127.0.0.2): cannot connect: the database system is starting up (SQLSTATE 57P03)\n"+
				"The server was not ready within 0s.", unready),
		},
		"not published": {
			target: at("localhost", 1), gateway: gateway,
			want: "on localhost:1: cannot connect: nothing listens on localhost:1 in this container, and port 1 is not published on the job's machine (127.0.0.2)\n" +
				"In a container, localhost is the container itself. For a service that stands below services: as postgres:, write " +
				"database-url: postgresql://postgres:PASSWORD@postgres:5432/" + database,
		},
		"no such label": {
			target: at("postgress.invalid", 5432), gateway: gateway,
			want: "cannot connect: there is no host \"postgress.invalid\" on the job's network\nThe host is the label of the service",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var warnings []string
			o := load.Options{Target: tt.target, HostGateway: tt.gateway, Script: script("SELECT 1;"), Transaction: load.None,
				Events: load.Events{Warn: func(s string) { warnings = append(warnings, s) }}}
			_, err := load.Run(context.Background(), o)
			if tt.want == "" && err != nil || tt.want != "" && err == nil {
				t.Fatalf("got error %v", err)
			}
			if err != nil {
				mustContainAll(t, err.Error(), tt.want)
			}
			if got := strings.Join(warnings, "\n"); got != tt.said {
				t.Errorf("said %q, want %q", got, tt.said)
			}
		})
	}
}

// relay passes on what comes in both directions until one side closes.
func relay(t *testing.T, conn net.Conn, address string) {
	defer conn.Close()
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", address)
	if err != nil {
		t.Error(err)
		return
	}
	defer server.Close()
	done := make(chan struct{}, 2)
	pass := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		done <- struct{}{}
	}
	go pass(server, conn)
	go pass(conn, server)
	<-done
}
