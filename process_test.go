package main

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// tests is the package's tests, with what they share taken away at the end.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	defer func() { _ = os.RemoveAll(built.dir) }()
	return pgtest.Tests{M: t.m}.Run()
}

// built is the binary as people have it: without the race detector, which needs several times the memory.
var built struct {
	once sync.Once
	dir  string
	err  error
}

// binary builds the program, once, and gives its path.
func binary(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		if built.dir, built.err = os.MkdirTemp("", "fabricate-seed-test-"); built.err != nil {
			return
		}
		cmd := exec.Command("go", "build", "-race=false", "-buildvcs=false", "-o", built.dir+string(filepath.Separator), ".")
		if said, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, said)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return filepath.Join(built.dir, "fabricate-seed")
}

// process is a run of the program whose output can be watched while it goes on.
type process struct {
	*exec.Cmd
	output output // both, as they come
}

// output is what a process has written so far.
type output struct {
	mu   sync.Mutex
	text []byte
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.text = append(o.text, p...)
	return len(p), nil
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return string(o.text)
}

// program makes a process of a program in a folder of its own, with nothing in its environment but PATH, HOME and these.
// It is killed if the test ends before it does.
func program(t *testing.T, path string, args []string, environ ...string) *process {
	t.Helper()
	p := &process{Cmd: exec.CommandContext(t.Context(), path, args...)}
	p.Dir = t.TempDir()
	p.Env = append([]string{"PATH=" + os.Getenv("PATH"), "HOME=" + p.Dir}, environ...)
	p.Stdout, p.Stderr = &p.output, &p.output
	return p
}

// start starts the process.
func (p *process) start(t *testing.T) {
	t.Helper()
	if err := p.Start(); err != nil {
		t.Fatal(err)
	}
}

// waitFor waits until the process has written a text.
func (p *process) waitFor(t *testing.T, text string) {
	t.Helper()
	eventually(t, func() bool { return strings.Contains(p.output.String(), text) }, func() string {
		return fmt.Sprintf("no %q in:\n%s", text, p.output.String())
	})
}

// exitsWith waits for the end of the process and wants this exit code.
func (p *process) exitsWith(t *testing.T, want int) {
	t.Helper()
	var exit *exec.ExitError
	if err := p.Wait(); err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if got := p.ProcessState.ExitCode(); got != want {
		t.Errorf("exit code %d, want %d:\n%s", got, want, p.output.String())
	}
}

// eventually waits until something is true; otherwise it ends the test with what there is to say then.
func eventually(t *testing.T, isTrue func() bool, otherwise func() string) {
	t.Helper()
	const limit = 30 * time.Second
	for deadline := time.Now().Add(limit); !isTrue(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal(otherwise())
		}
	}
}

// answer gives psql's answer to a query, without decoration.
func answer(t *testing.T, db, query string) string {
	t.Helper()
	stdout, stderr, code := pgtest.Psql(t, db, "-A", "-t", "-c", query)
	if code != 0 {
		t.Fatalf("%s: %s", query, stderr)
	}
	return strings.TrimSpace(stdout)
}

// wantEmpty wants a folder without anything in it.
func wantEmpty(t *testing.T, dir string) {
	t.Helper()
	if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
		t.Errorf("left in the temporary folder: %v (%v)", left, err)
	}
}
