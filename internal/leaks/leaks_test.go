//go:build unix

package leaks_test

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
)

// asChild is the environment variable that makes this test binary a run of tests that leave something behind.
const asChild = "LEAKS_CHILD"

func TestMain(m *testing.M) {
	if what, ok := os.LookupEnv(asChild); ok {
		leaks.Main(leaky(what))
	}
	leaks.Main(m)
}

// leaky leaves behind what it is named after.
type leaky string

var kept []any // what is left behind is not collected

func (l leaky) Run() int {
	switch l {
	case "a failed test":
		_ = keep(os.CreateTemp("", "left"))
		return 3
	case "a goroutine":
		go func() { select {} }()
	case "a file":
		return keep(os.CreateTemp("", "left"))
	case "an open file":
		return keep(os.Open(os.DevNull))
	case "a socket":
		return keep((&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0"))
	case "a process":
		cmd := exec.CommandContext(context.Background(), "cat") // until its input, a pipe of ours, ends with us
		input, err := cmd.StdinPipe()
		if err == nil {
			err = cmd.Start()
		}
		kept = append(kept, input)
		return keep(cmd, err)
	}
	return 0
}

func keep(v any, err error) int {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 4
	}
	kept = append(kept, v)
	return 0
}

// What tests leave behind fails the package, with a word on what it is; and nothing of it stays in the temporary folder.
func TestLeft(t *testing.T) {
	t.Parallel()
	for what, want := range map[string]struct {
		code int
		says string
	}{
		"nothing":       {0, ""},
		"a failed test": {3, ""},
		"a goroutine":   {1, "unexpected goroutines"},
		"a file":        {1, "left temporary files behind"},
		"an open file":  {1, "left open files or connections behind"},
		"a socket":      {1, "left open files or connections behind"},
		"a process":     {1, "left processes behind"},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			temp := t.TempDir()
			child := exec.CommandContext(t.Context(), os.Args[0])
			child.Env = append(os.Environ(), asChild+"="+what, "TMPDIR="+temp)
			said, _ := child.CombinedOutput()
			if code := child.ProcessState.ExitCode(); code != want.code || !strings.Contains(string(said), want.says) {
				t.Errorf("exit code %d, want %d with %q:\n%s", code, want.code, want.says, said)
			}
			if left, err := os.ReadDir(temp); err != nil || len(left) > 0 {
				t.Errorf("left: %v (%v)", left, err)
			}
		})
	}
}
