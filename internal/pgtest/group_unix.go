//go:build unix

package pgtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// watchdog is the shell script that cleans up when this process is gone: $1 is the folder to remove. It is the leader
// of the process group of everything that is started here. A line on standard input means that all was stopped in
// order; the end of input without one means that this process died. SIGQUIT asks the server for an immediate shutdown,
// which also frees its shared memory, and ends initdb.
const watchdog = `
trap '' HUP INT QUIT TERM
read -r _ && exit 0
kill -QUIT 0
n=0
while [ -e "$1/data/postmaster.pid" ] && [ $n -lt 100 ]; do sleep 0.1; n=$((n+1)); done
n=0
while ! rm -rf "$1" && [ $n -lt 50 ]; do sleep 0.1; n=$((n+1)); done
`

// owner is the user that the server runs as.
type owner struct {
	uid, gid int
	drop     bool // this process is root and has to become that user
}

// serverOwner gives this process's own user, or, for root, the first of postgres and nobody that exists.
func serverOwner() (owner, error) {
	if os.Geteuid() != 0 {
		return owner{uid: os.Geteuid(), gid: os.Getegid()}, nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		u, err := user.Lookup(name)
		if err != nil {
			continue
		}
		uid, err1 := strconv.Atoi(u.Uid)
		gid, err2 := strconv.Atoi(u.Gid)
		if err := errors.Join(err1, err2); err != nil {
			return owner{}, err
		}
		return owner{uid: uid, gid: gid, drop: true}, nil
	}
	return owner{}, errors.New("PostgreSQL refuses to run as root, and there is neither a user postgres nor nobody")
}

// attributes gives how to start a process as that user in the process group (0: a new one).
func (o owner) attributes(group int) *syscall.SysProcAttr {
	a := &syscall.SysProcAttr{Setpgid: true, Pgid: group}
	if o.drop {
		a.Credential = &syscall.Credential{Uid: uint32(o.uid), Gid: uint32(o.gid)}
	}
	return a
}

// makeFolder makes the temporary folder: for the owner alone, and at a path short enough for a Unix socket, which has
// to fit in about 100 bytes. It is in memory where that is asked for and possible.
func makeFolder(o owner, memory bool) (string, error) {
	parent := ""
	if memory {
		parent = memoryFolder()
	}
	if parent == "" {
		parent = os.TempDir()
	}
	if len(parent) > 60 || (o.drop && !openToAll(parent)) {
		parent = "/tmp"
	}
	dir, err := os.MkdirTemp(parent, "pgtest-")
	if err != nil {
		return "", err
	}
	if o.drop {
		if err := os.Chown(dir, o.uid, o.gid); err != nil {
			_ = os.Remove(dir)
			return "", err
		}
	}
	return dir, nil
}

// openToAll tells whether every user can pass through dir and the folders above it.
func openToAll(dir string) bool {
	for {
		info, err := os.Stat(dir)
		if err != nil || info.Mode()&0o001 == 0 {
			return false
		}
		if dir == filepath.Dir(dir) {
			return true
		}
		dir = filepath.Dir(dir)
	}
}

// group is the process group of the watchdog, initdb and the server.
type group struct {
	owner    owner
	dir      string
	watchdog *exec.Cmd
	alive    io.WriteCloser // the pipe whose end tells the watchdog that this process is gone
	server   *exec.Cmd
	pid      int  // of the server, also after its end
	ended    bool // the server has ended and has been waited for
}

// newGroup starts the watchdog, before there is anything to clean up but the folder.
func newGroup(dir string, o owner) (*group, error) {
	read, write, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	defer func() { _ = read.Close() }()
	cmd := exec.CommandContext(context.Background(), "/bin/sh", "-c", watchdog, "pgtest-watchdog", dir)
	cmd.Stdin = read
	cmd.Dir = "/"
	cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	if err := cmd.Start(); err != nil {
		_ = write.Close()
		return nil, err
	}
	return &group{owner: o, dir: dir, watchdog: cmd, alive: write}, nil
}

// command makes a process of the group with output to the file log and an environment of its own, so that no PG* or
// locale variable of the caller changes what it does. It is ended by its group, not by a context.
func (g *group) command(log *os.File, name string, args ...string) *exec.Cmd {
	cmd := exec.CommandContext(context.Background(), name, args...)
	cmd.Dir = g.dir
	cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "HOME=" + g.dir, "LC_ALL=C", "TZ=UTC"}
	cmd.Stdout, cmd.Stderr = log, log
	cmd.SysProcAttr = g.owner.attributes(g.watchdog.Process.Pid)
	return cmd
}

// run runs a program to its end; when ctx ends first, the program is asked to leave.
func (g *group) run(ctx context.Context, logPath, name string, args ...string) error {
	log, err := openLog(logPath)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	cmd := g.command(log, name, args...)
	if err := cmd.Start(); err != nil {
		return err
	}
	stop := context.AfterFunc(ctx, func() { _ = cmd.Process.Signal(syscall.SIGQUIT) })
	defer stop()
	if err := cmd.Wait(); err != nil {
		return errors.Join(ctx.Err(), err)
	}
	return nil
}

// start starts the server. No goroutine waits for it: tests that look for leaked ones shall find none.
func (g *group) start(logPath, name string, args ...string) error {
	log, err := openLog(logPath)
	if err != nil {
		return err
	}
	defer func() { _ = log.Close() }()
	g.server, g.ended = g.command(log, name, args...), false
	if err := g.server.Start(); err != nil {
		g.server = nil
		return err
	}
	g.pid = g.server.Process.Pid
	return nil
}

// bindPort takes a port of 127.0.0.1 without listening on it, and gives what lets it go.
func bindPort() (port int, release func(), err error) {
	syscall.ForkLock.RLock() // no program is started that would have it, too
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err == nil {
		syscall.CloseOnExec(fd)
	}
	syscall.ForkLock.RUnlock()
	if err != nil {
		return 0, nil, err
	}
	release = func() { _ = syscall.Close(fd) }
	err = syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}})
	if err == nil {
		var bound syscall.Sockaddr
		if bound, err = syscall.Getsockname(fd); err == nil {
			if bound, ok := bound.(*syscall.SockaddrInet4); ok {
				return bound.Port, release, nil
			}
			err = errors.ErrUnsupported
		}
	}
	release()
	return 0, nil, err
}

func openLog(path string) (*os.File, error) {
	return os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
}

func (g *group) serverPID() int { return g.pid }

// serverEnded tells, without waiting, whether the server has ended.
func (g *group) serverEnded() bool {
	if !g.ended {
		var status syscall.WaitStatus
		pid, err := syscall.Wait4(g.pid, &status, syscall.WNOHANG, nil)
		g.ended = pid > 0 || errors.Is(err, syscall.ECHILD)
	}
	return g.ended
}

// stopServer asks for an immediate shutdown and waits for it; past the limit the server is killed, which is an error.
func (g *group) stopServer(limit time.Duration) error {
	if g.server == nil || g.serverEnded() {
		return nil
	}
	_ = g.server.Process.Signal(syscall.SIGQUIT)
	var killed error
	timer := time.AfterFunc(limit, func() { _ = g.server.Process.Kill() })
	_ = g.server.Wait() // an immediate shutdown ends with a status that is no success
	if !timer.Stop() {
		killed = fmt.Errorf("the PostgreSQL server did not stop within %v and was killed", limit)
	}
	g.server, g.ended = nil, true
	return killed
}

// close sends the watchdog home.
func (g *group) close() {
	_, _ = io.WriteString(g.alive, "stopped\n")
	_ = g.alive.Close()
	_ = g.watchdog.Wait()
}

// writeFile writes a file that only the server's user can read.
func (g *group) writeFile(path, text string) error {
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		return err
	}
	if g.owner.drop {
		return os.Chown(path, g.owner.uid, g.owner.gid)
	}
	return nil
}
