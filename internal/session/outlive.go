package session

import (
	"context"
	"time"
)

// Outlive gives a context for what must not be left half done: it ends a while after another has ended, or when cancel is called.
func Outlive(ctx context.Context, while time.Duration) (late context.Context, cancel context.CancelFunc) {
	late, end := context.WithCancel(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() { time.AfterFunc(while, end) })
	return late, func() { stop(); end() }
}
