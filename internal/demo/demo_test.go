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
	const never = -1
	for name, test := range map[string]struct {
		script string
		told   time.Duration // that we are interrupted, behind its end
	}{
		"both":            {"kill -INT $$", toldWithin / 20},
		"it alone":        {"kill -KILL $$", never},
		"it has failed":   {"exit 3", never},
		"we in the midst": {"exit 130", 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(context.Background())
			defer cancel()
			err := exec.CommandContext(ctx, "/bin/sh", "-c", test.script).Run()
			switch {
			case test.told == 0:
				cancel()
			case test.told > 0:
				time.AfterFunc(test.told, cancel)
			}
			if got := interrupted(ctx, fmt.Errorf("a server: %w", err)); got != (test.told != never) {
				t.Errorf("interrupted: %v", got)
			}
		})
	}
}
