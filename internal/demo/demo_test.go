//go:build unix

package demo

import (
	"context"
	"fmt"
	"os/exec"
	"testing"
	"time"
)

// TestInterrupted has a program end by a signal before the demo itself is told of it, by one that is none of a Ctrl-C, and by itself.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script    string
		cancelled bool
	}{
		"both":            {"kill -INT $$", true},
		"it alone":        {"kill -KILL $$", false},
		"it has failed":   {"exit 3", false},
		"we in the midst": {"exit 130", true},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			err := exec.CommandContext(ctx, "/bin/sh", "-c", test.script).Run()
			switch {
			case test.cancelled && name == "both":
				time.AfterFunc(toldWithin/20, cancel)
			case test.cancelled:
				cancel()
			}
			if got := interrupted(ctx, fmt.Errorf("a server: %w", err)); got != test.cancelled {
				t.Errorf("interrupted: %v", got)
			}
		})
	}
}
