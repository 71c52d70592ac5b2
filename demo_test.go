//go:build unix

package main

import (
	"os"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// The demo shows the whole path: server, API, the program with its progress, the loaded tables, a question and its answer.
func TestDemo(t *testing.T) {
	t.Parallel()
	temp := openFolder(t)
	p := program(t, binary(t), []string{"demo"}, "TMPDIR="+temp,
		"GITHUB_OUTPUT=/nonexistent/output", "FABRICATE_FORMAT=csv", "PGHOST=nowhere.invalid", "DATABASE_URL=postgres://nowhere.invalid/d")
	p.start(t)
	p.exitsWith(t, 0)
	said := p.output.String()
	for _, want := range []string{
		`── Generate\n`, `(?m)^ *\d+%  Generating `, `── Download\n`, `100%  4\.5 MiB`, `── Load\n`,
		`(?m)^public\.order_items  78,000$`, `(?m)^public\.users +18,000$`,
		`(?m)^200,000 rows in 8 tables loaded into postgres on 127\.0\.0\.1:\d+ in \d`,
		`best customers +│ +city`, `(?m)^│ \S.* │ +\d+ │ \d+\.\d\d │$`,
		`(?m)^Demo done in \d+`,
	} {
		if !regexp.MustCompile(want).MatchString(said) {
			t.Errorf("no %s in:\n%s", want, said)
		}
	}
	if regexp.MustCompile(`simulator-key|postgres:[^*]+@`).MatchString(said) {
		t.Errorf("a secret is told:\n%s", said)
	}
	wantEmpty(t, temp)
}

// The demo ends clean when it is interrupted, as by Ctrl-C (to the whole process group) or by a signal to itself alone:
// no server, no folder, no process is left.
func TestDemoInterrupted(t *testing.T) {
	t.Parallel()
	for name, signal := range map[string]func(pid int) error{
		"ctrl-c":  func(pid int) error { return syscall.Kill(-pid, syscall.SIGINT) },
		"sigterm": func(pid int) error { return syscall.Kill(pid, syscall.SIGTERM) },
	} {
		for _, until := range []string{"Throwaway PostgreSQL", "task ", "── Load"} {
			t.Run(name+"/"+until, func(t *testing.T) {
				t.Parallel()
				temp := openFolder(t)
				p := program(t, binary(t), []string{"demo"}, "TMPDIR="+temp)
				p.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
				p.start(t)
				p.waitFor(t, until)
				sent := time.Now()
				if err := signal(p.Process.Pid); err != nil {
					t.Fatal(err)
				}
				p.exitsWith(t, 130)
				if took := time.Since(sent); took > 5*time.Second {
					t.Errorf("left after %s", took)
				}
				if !strings.Contains(p.output.String(), "interrupted during the demo") {
					t.Errorf("it does not tell:\n%s", p.output.String())
				}
				wantEmpty(t, temp)
			})
		}
	}
}

// openFolder makes a temporary folder that the server's own user can pass through, with a short path.
func openFolder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("/tmp", "demo-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	return dir
}
