// Package pgtest is a throwaway PostgreSQL server for the tests and the demo: started from the server programs that are
// installed on this machine, in a temporary folder of its own, on a free port, and gone afterwards whatever happens.
//
// Why no library does it: the embedded servers for Go download their binaries, which a machine without that network
// cannot, and which are not the server that the distribution ships; those that use installed programs
// (zombiezen.com/go/postgrestest and its like) trust every connection, so that no password can leak, refuse to run as
// root, and leave the server behind when the test process is killed. What is left is small.
//
// Gone whatever happens: a small shell process, the watchdog, holds the reading end of a pipe whose other end only this
// process has. However this process ends (return, panic, signal, SIGKILL), the pipe closes, and the watchdog stops the
// server and removes the folder. This needs nothing but a POSIX shell, so that it is the same on Linux, macOS and the
// BSDs. (Linux's parent death signal is tied to one thread, not to the process, and removes no folder.)
package pgtest

import (
	"cmp"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	mathrand "math/rand/v2"
	"net"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Limits on waiting for the server's programs; generous, for a busy machine.
const (
	initLimit  = 2 * time.Minute
	startLimit = 1 * time.Minute
	stopLimit  = 15 * time.Second // an immediate shutdown kills stuck backends after five
)

// portTries is how often a server is started anew because somebody else took the free port first.
const portTries = 5

// superuser is the name of the cluster's one role.
const superuser = "postgres"

// Options says how the server differs from a default one. The zero value is right for tests.
type Options struct {
	// Settings go to postgresql.conf, over the defaults of initdb and over those for speed (fsync and
	// full_page_writes off). To measure, turn these on again here. synchronous_commit stays on: a server that a test kills is to
	// come back with what was committed.
	Settings map[string]string
	Locale   string // of the cluster; "" means C, which every system has
	Encoding string // of the cluster; "" means UTF8
	// Memory keeps the cluster in memory (/dev/shm) where there is plenty, instead of in the temporary folder. With databases
	// that come and go by the hundred, ext4 is busy otherwise with passing by the inodes of files that were just removed.
	Memory bool
	// Trust lets everybody in without a password, for tests that connect by the thousand: each check of one takes time.
	Trust bool
}

// Server is one running server. Its methods may be called from several goroutines at once.
type Server struct {
	dir      string
	programs programs
	version  int
	password string
	port     int
	group    *group
	stop     func() error
}

// Start makes a cluster and starts a server on it: user "postgres" with a random password, on a free TCP port of
// 127.0.0.1 and on a Unix socket in its own folder. It returns when the server accepts connections. As root, the server
// itself runs as the user postgres or nobody, because PostgreSQL refuses to run as root. ctx limits the start only.
//
// Errors are *problem.Error with code Database: no server installed (saying what to install), or one that does not
// start (with the end of its log). Nothing is left behind then.
func Start(ctx context.Context, options Options) (*Server, error) {
	found, err := findPrograms()
	if err != nil {
		return nil, err
	}
	version, err := found.majorVersion(ctx)
	if err != nil {
		return nil, startProblem(err, "")
	}
	owner, err := serverOwner()
	if err != nil {
		return nil, startProblem(err, "")
	}
	dir, err := makeFolder(owner, options.Memory)
	if err != nil {
		return nil, startProblem(err, "")
	}
	g, err := newGroup(dir, owner)
	if err != nil {
		_ = os.RemoveAll(dir)
		return nil, startProblem(err, "")
	}
	s := &Server{dir: dir, programs: found, version: version, password: rand.Text(), group: g}
	s.stop = sync.OnceValue(s.shutDown)
	err = s.initialise(ctx, options)
	if err == nil {
		err = s.listen(ctx)
	}
	if err != nil {
		log := lastLines(s.Log(), 20)
		_ = s.stop()
		return nil, startProblem(err, log)
	}
	started.Store(s, nil)
	return s, nil
}

// initialise makes the cluster: password logins only, even on the socket, unless options say otherwise.
func (s *Server) initialise(ctx context.Context, options Options) error {
	passwordFile := filepath.Join(s.dir, "password")
	if err := s.group.writeFile(passwordFile, Verifier(s.password)+"\n"); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, initLimit)
	defer cancel()
	auth := "scram-sha-256"
	if options.Trust {
		auth = "trust"
	}
	err := s.group.run(ctx, s.Log(), s.programs.path("initdb"),
		"--pgdata="+s.DataDir(), "--username="+superuser, "--pwfile="+passwordFile, "--auth="+auth,
		"--locale="+cmp.Or(options.Locale, "C"), "--encoding="+cmp.Or(options.Encoding, "UTF8"), "--no-sync")
	if err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	if err := os.Remove(passwordFile); err != nil {
		return err
	}
	return appendFile(filepath.Join(s.DataDir(), "postgresql.conf"), configuration(options.Settings))
}

// configuration gives lines for postgresql.conf: the defaults for tests, then settings, which win by coming later.
func configuration(settings map[string]string) string {
	var b strings.Builder
	b.WriteString("\nfsync = off\nfull_page_writes = off\n")
	quote := strings.NewReplacer(`\`, `\\`, `'`, `''`)
	for name, value := range settings {
		fmt.Fprintf(&b, "%s = '%s'\n", name, quote.Replace(value))
	}
	return b.String()
}

// listen starts the server, on another port if the one found free was taken in between.
func (s *Server) listen(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	for try := 1; ; try++ {
		port, err := freePort(ctx)
		if err != nil {
			return err
		}
		s.port = port
		if err := os.Truncate(s.Log(), 0); err != nil {
			return err
		}
		err = s.begin(ctx, "")
		if err == nil || try == portTries || !s.portTaken() {
			return err
		}
	}
}

// portTaken tells whether the server has ended because somebody else has its port.
func (s *Server) portTaken() bool { return strings.Contains(lastLines(s.Log(), 20), "TCP/IP socket") }

// begin starts the server on its port, under limits as RestartUnder takes them, and waits until it accepts connections.
func (s *Server) begin(ctx context.Context, limits string) error {
	name := s.programs.path("postgres")
	args := []string{"-D", s.DataDir(), "-h", "127.0.0.1", "-p", strconv.Itoa(s.port), "-k", s.SocketDir()}
	if limits != "" {
		args = append([]string{"-c", "ulimit " + limits + ` && exec "$0" "$@"`, name}, args...)
		name = "/bin/sh"
	}
	if err := s.group.start(s.Log(), name, args...); err != nil {
		return err
	}
	return s.awaitReady(ctx)
}

// Restart ends the server as a crash does (an immediate shutdown), and starts it again on the same port. In between it does
// what between says, if that is not nil.
func (s *Server) Restart(ctx context.Context, between func() error) error {
	return s.restart(ctx, between, "")
}

// RestartUnder is Restart under limits of the system, until the server is started again. They are written as for ulimit
// of sh: "-f 2048" is for files of 2048 blocks of 512 bytes at most, "-v 500000" for 500,000 KiB of memory.
func (s *Server) RestartUnder(ctx context.Context, limits string) error {
	return s.restart(ctx, nil, limits)
}

func (s *Server) restart(ctx context.Context, between func() error, limits string) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	if err := s.group.stopServer(stopLimit); err != nil {
		return err
	}
	if between != nil {
		if err := between(); err != nil {
			return err
		}
	}
	for {
		err := s.begin(ctx, limits)
		if err == nil || !s.portTaken() || ctx.Err() != nil {
			return err
		}
		time.Sleep(100 * time.Millisecond) // who has it may be a connection that is about to end
	}
}

// awaitReady waits until the server says in postmaster.pid that it accepts connections, or has ended. The status is the
// eighth line of that file (src/include/utils/pidfile.h), there since PostgreSQL 10; pg_ctl waits in the same way.
func (s *Server) awaitReady(ctx context.Context) error {
	const statusLine = 8
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		pidfile, _ := os.ReadFile(filepath.Join(s.DataDir(), "postmaster.pid"))
		lines := strings.Split(string(pidfile), "\n")
		if len(lines) >= statusLine {
			if status := strings.TrimSpace(lines[statusLine-1]); status == "ready" || status == "standby" {
				return nil
			}
		}
		if s.group.serverEnded() {
			return fmt.Errorf("the server ended while starting")
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("the server was not ready in time: %w", ctx.Err())
		case <-tick.C:
		}
	}
}

// Stop ends the server at once (an immediate shutdown) and removes its folder. Later calls do nothing more and give the
// same result.
func (s *Server) Stop() error { return s.stop() }

func (s *Server) shutDown() error {
	err := s.group.stopServer(stopLimit)
	if removed := os.RemoveAll(s.dir); err == nil {
		err = removed
	}
	s.group.close()
	started.Delete(s)
	return err
}

// URL gives the address of a database on this server, as postgres://user:password@127.0.0.1:port/database?sslmode=disable.
func (s *Server) URL(database string) string {
	u := url.URL{
		Scheme:   "postgres",
		User:     url.UserPassword(superuser, s.password),
		Host:     net.JoinHostPort("127.0.0.1", strconv.Itoa(s.port)),
		Path:     "/" + database,
		RawQuery: "sslmode=disable",
	}
	return u.String()
}

// Password gives the password of the user postgres: random, so that a test can look for it where it must not be.
func (s *Server) Password() string { return s.password }

// Port gives the TCP port on 127.0.0.1.
func (s *Server) Port() int { return s.port }

// SocketDir gives the folder of the Unix socket.
func (s *Server) SocketDir() string { return s.dir }

// DataDir gives the cluster's data folder.
func (s *Server) DataDir() string { return filepath.Join(s.dir, "data") }

// Log gives the path of the server's log; it goes with the server.
func (s *Server) Log() string { return filepath.Join(s.dir, "log") }

// PID gives the process id of the server's first process (the postmaster), for tests that kill it or measure it.
func (s *Server) PID() int { return s.group.serverPID() }

// Bin gives the path of a client program of the server's own version, such as psql or pg_dump.
func (s *Server) Bin(name string) (string, error) { return s.programs.client(name) }

// Version gives the server's major version, such as 17; its client programs have the same.
func (s *Server) Version() int { return s.version }

func startProblem(err error, log string) error {
	return &problem.Error{
		Code:    problem.Database,
		Where:   "throwaway PostgreSQL server",
		What:    "could not be started: " + err.Error(),
		Excerpt: log,
		Err:     err,
	}
}

// The ports that servers are started on: below those that systems give to outgoing connections, of which tests make
// thousands, so that none takes a server's port while it is restarted.
const firstPort, lastPort = 15000, 32000

// freePort gives a port where nobody listens now, another one each time; it may be taken by the time the server wants it. It is not listened on to
// find out: what is open while another goroutine starts a program stays open in that for a moment, and the port with it.
func freePort(ctx context.Context) (int, error) {
	var failed error
	for range 100 {
		port := firstPort + mathrand.IntN(lastPort-firstPort) //nolint:gosec // no secret
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		switch {
		case errors.Is(err, syscall.ECONNREFUSED):
			return port, nil
		case err == nil:
			failed = conn.Close()
		default:
			failed = err
		}
	}
	return 0, cmp.Or(failed, errors.New("somebody listens on every port that was tried"))
}

func appendFile(path, text string) error {
	f, err := os.OpenFile(path, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	if _, err := f.WriteString(text); err != nil {
		_ = f.Close()
		return err
	}
	return f.Close()
}

// lastLines gives the last n lines of a file, or nothing when it cannot be read.
func lastLines(path string, n int) string {
	text, _ := os.ReadFile(path)
	lines := slices.Collect(strings.Lines(string(text)))
	return strings.Join(lines[max(0, len(lines)-n):], "")
}
