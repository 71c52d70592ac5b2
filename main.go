// Command fabricate-seed turns a Fabricate database into rows in PostgreSQL.
package main

import (
	"context"
	"errors"
	"io"
	"log"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/demo"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

// version is set by the linker: -ldflags "-X main.version=1.2.3".
var version string

// signals are those that end a run in order: rolled back, cleaned up, told. A parent that is gone takes its terminal with it
// (SIGHUP); under nohup a hangup is to be ignored.
//
// SIGPIPE is not among them. Who takes it gets it for every connection that the other end has closed, a load's among them, which
// is no interruption but something to begin again after.
func signals() []os.Signal {
	all := []os.Signal{os.Interrupt, syscall.SIGTERM}
	if !signal.Ignored(syscall.SIGHUP) {
		all = append(all, syscall.SIGHUP)
	}
	return all
}

// piped is standard output or error. When nobody reads it any more, because what stood behind the pipe has ended, the run is
// interrupted: in psql's place SIGPIPE ends psql, and the server rolls back.
type piped struct {
	io.Writer
	interrupt context.CancelFunc
}

func (p piped) Write(b []byte) (int, error) {
	n, err := p.Writer.Write(b)
	if errors.Is(err, syscall.EPIPE) {
		p.interrupt()
	}
	return n, err
}

// lastExit is when an interrupted process ends, even if nobody reads what it writes.
const lastExit = 4800 * time.Millisecond

// softMemory is from how much memory on garbage is collected more often, in bytes: what a load needs stays well below, and what large
// statements leave behind is not kept until there is as much again. GOMEMLIMIT says otherwise.
const softMemory = 48 << 20

func main() {
	log.SetOutput(io.Discard) // there net/http repeats what hosts send, unasked
	if os.Getenv("GOMEMLIMIT") == "" {
		debug.SetMemoryLimit(softMemory)
	}
	ctx, _ := signal.NotifyContext(context.Background(), signals()...) // for as long as the process lives
	ctx, interrupt := context.WithCancel(ctx)
	context.AfterFunc(ctx, func() {
		time.Sleep(lastExit)
		os.Exit(int(problem.Interrupted))
	})
	// Taken by nobody: otherwise it would end this process at once, with its temporary files left. A write says it as well.
	signal.Notify(make(chan os.Signal, 1), syscall.SIGPIPE)
	terminal, width := report.Terminal(os.Stderr)
	code := seed.Main(ctx, seed.Process{
		Args: os.Args[1:], Environ: os.Environ(), Stdout: piped{os.Stdout, interrupt}, Stderr: piped{os.Stderr, interrupt},
		Terminal: terminal, Width: width, Version: version,
		Demo: demo.Run,
	})
	os.Exit(int(code))
}
