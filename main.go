// Command fabricate-seed turns a Fabricate database into rows in PostgreSQL.
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/demo"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version string

// signals are those that end a run in order: rolled back, cleaned up, told. A parent that is gone takes its terminal (SIGHUP) or
// the pipe that the log goes to (SIGPIPE) with it. Under nohup a hangup is to be ignored.
func signals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM, syscall.SIGPIPE}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// lastExit is when an interrupted process ends, even if nobody reads what it writes.
const lastExit = 4800 * time.Millisecond

func main() {
	ctx, _ := signal.NotifyContext(context.Background(), signals()...) // for as long as the process lives
	context.AfterFunc(ctx, func() {
		time.Sleep(lastExit)
		os.Exit(int(problem.Interrupted))
	})
	terminal, width := report.Terminal(os.Stderr)
	code := seed.Main(ctx, seed.Process{
		Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr,
		Terminal: terminal, Width: width, Version: version,
		Demo: demo.Run,
	})
	os.Exit(int(code))
}
