//go:build unix

package pgtest

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"sync"
	"time"
)

// Pooler starts PgBouncer in transaction mode, with one connection for each database and user, before the server, and gives
// its port on 127.0.0.1 and what stops it before the test ends; port 0 where it is not installed. Further lines of its
// configuration are settings.
func (s *Server) Pooler(t TB, settings string) (port int, stop func()) {
	t.Helper()
	program, err := exec.LookPath("pgbouncer")
	if err != nil {
		program = "/usr/sbin/pgbouncer" // Debian's place, which is not on everybody's PATH
		if !isProgram(program) {
			return 0, func() {}
		}
	}
	own, err := poolerOwner()
	if err != nil {
		t.Fatalf("%v", err)
	}
	dir, err := makeFolder(own, false)
	if err != nil {
		t.Fatalf("%v", err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if own.drop {
		settings += "\nuser = nobody"
	}
	users, configuration := filepath.Join(dir, "users"), filepath.Join(dir, "ini")
	for try := 1; ; try++ {
		port = FreePort(t)
		for path, text := range map[string]string{
			users: fmt.Sprintf("\"%s\" \"%s\"\n", superuser, s.password),
			configuration: fmt.Sprintf(`[databases]
* = host=127.0.0.1 port=%d
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = %d
unix_socket_dir =
pool_mode = transaction
default_pool_size = 1
auth_type = scram-sha-256
auth_file = %s
logfile = %s
%s
`, s.port, port, users, filepath.Join(dir, "log"), settings),
		} {
			if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
				t.Fatalf("%v", err)
			}
		}
		cmd := exec.CommandContext(context.Background(), program, "-q", configuration)
		if err := cmd.Start(); err != nil {
			t.Fatalf("%v", err)
		}
		ended := make(chan struct{})
		go func() {
			_ = cmd.Wait()
			close(ended)
		}()
		stop = sync.OnceFunc(func() {
			_ = cmd.Process.Kill()
			<-ended
		})
		if listens(port, ended) {
			t.Cleanup(stop)
			return port, stop
		}
		stop()
		if try == portTries {
			t.Fatalf("pgbouncer does not listen:\n%s", lastLines(filepath.Join(dir, "log"), 20))
		}
	}
}

// poolerOwner gives the user that PgBouncer runs as. It refuses to be root, and becomes who it is told.
func poolerOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return owner{}, nil
	}
	nobody, err := user.Lookup("nobody")
	if err != nil {
		return owner{}, err
	}
	uid, err := strconv.Atoi(nobody.Uid)
	if err != nil {
		return owner{}, err
	}
	gid, err := strconv.Atoi(nobody.Gid)
	return owner{uid: uid, gid: gid, drop: true}, err
}

// listens waits until something listens on the port, or the program that is to do so has ended.
func listens(port int, ended <-chan struct{}) bool {
	ctx, cancel := context.WithTimeout(context.Background(), startLimit)
	defer cancel()
	for tick := time.NewTicker(10 * time.Millisecond); ; {
		conn, err := (&net.Dialer{}).DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err == nil {
			_ = conn.Close()
		}
		select {
		case <-ended: // who answered is somebody else
			return false
		case <-ctx.Done():
			return false
		case <-tick.C:
			if err == nil {
				return true
			}
		}
	}
}
