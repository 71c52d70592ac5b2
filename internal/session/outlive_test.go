package session_test

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

func TestOutlive(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		parent, end := context.WithTimeout(t.Context(), time.Minute)
		defer end()
		late, cancel := session.Outlive(parent, 2*time.Second)
		defer cancel()
		start := time.Now()
		if <-late.Done(); time.Since(start) != time.Minute+2*time.Second {
			t.Errorf("it ends after %s", time.Since(start))
		}
		late, cancel = session.Outlive(parent, 2*time.Second)
		if start = time.Now(); late.Err() != nil {
			t.Error("it has ended before it began")
		}
		if <-late.Done(); time.Since(start) != 2*time.Second {
			t.Errorf("behind one that has ended it ends after %s", time.Since(start))
		}
		cancel()
		late, cancel = session.Outlive(t.Context(), time.Hour)
		if cancel(); late.Err() == nil {
			t.Error("it cannot be cancelled")
		}
	})
}
