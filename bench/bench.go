package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

const (
	settle    = 200 * time.Millisecond // between what prepares a run and the run
	runLimit  = 30 * time.Minute       // for one run; the slowest takes minutes
	leaveTime = 10 * time.Second       // for a program that was asked to end
)

// bench is a server, the exports made so far, and this project's program.
type bench struct {
	log       io.Writer
	dir       string
	server    *pgtest.Server
	admin     *pgx.Conn
	secondary []index
	exports   map[string]*export
	facts     facts
}

// facts is what the numbers depend on.
type facts struct {
	server  string // server_version_num
	system  string
	cores   int
	amcheck bool // the extension is installed
}

func newBench(ctx context.Context, log io.Writer) (*bench, error) {
	dir, err := os.MkdirTemp("", "bench-")
	if err != nil {
		return nil, err
	}
	b := &bench{log: log, dir: dir, exports: map[string]*export{}}
	b.facts.system, b.facts.cores = runtime.GOOS+"/"+runtime.GOARCH, runtime.NumCPU()
	if err := b.start(ctx); err != nil {
		return nil, errors.Join(err, b.close())
	}
	return b, nil
}

func (b *bench) start(ctx context.Context) error {
	b.tell("building")
	if err := build(ctx, "", b.ours()); err != nil {
		return err
	}
	if err := b.startServer(ctx); err != nil {
		return err
	}
	return b.admin.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_available_extensions WHERE name = 'amcheck')").
		Scan(&b.facts.amcheck)
}

// build builds this project's program from the source in a folder, "" for the present one.
func build(ctx context.Context, dir, program string, flags ...string) error {
	args := append([]string{"build", "-trimpath", "-ldflags", "-s -w", "-o", program}, flags...)
	cmd := exec.CommandContext(ctx, "go", append(args, "github.com/fabricate-seed/fabricate-seed")...)
	cmd.Dir, cmd.Env = dir, append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("go build: %w\n%s", err, out)
	}
	return nil
}

// close ends the server and removes everything.
func (b *bench) close() error {
	var err error
	if b.server != nil {
		err = b.server.Stop()
	}
	return errors.Join(err, os.RemoveAll(b.dir))
}

// ours is the path of this project's program.
func (b *bench) ours() string { return filepath.Join(b.dir, "fabricate-seed") }

func (b *bench) tell(format string, args ...any) { fmt.Fprintf(b.log, "bench: "+format+"\n", args...) }

// measured is what one way took.
type measured struct {
	way
	seconds []float64 // of each run, in order
	told    []float64 // until the error was told, of one that fails
	memory  int64     // bytes; the most in any run
}

// round is what a list of ways took with one export.
type round struct {
	export *export
	ways   []measured
}

// find gives what a way took; nil if it was not measured.
func (r round) find(name string) *measured {
	i := slices.IndexFunc(r.ways, func(m measured) bool { return m.name == name && len(m.seconds) > 0 })
	if i < 0 {
		return nil
	}
	return &r.ways[i]
}

// round readies the export of a size for ways of loading it.
func (b *bench) round(size string, ways []way) (round, error) {
	ways = slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return !w.shape.at(size) })
	x, err := b.export(size, ways)
	r := round{export: x}
	for _, w := range ways {
		r.ways = append(r.ways, measured{way: w})
	}
	return r, err
}

// turn is a way that has its turn in every run, with what it loads.
type turn struct {
	export *export
	*measured
	dump bool // its rows are dumped for pg_restore
}

// turns runs the ways of all rounds in turns, each in a fresh database. What the first run of each leaves is verified.
func (b *bench) turns(ctx context.Context, runs int, rounds ...round) error {
	var all []turn
	for _, r := range rounds {
		restored := slices.ContainsFunc(r.ways, func(m measured) bool { return m.program == "pg_restore" })
		for i := range r.ways {
			m := &r.ways[i]
			all = append(all, turn{r.export, m, restored && m.name == baseWay})
		}
	}
	for run := range runs {
		// What ran before is felt, by the disk at least. So each round begins with another way, every other one goes backwards, and the
		// slow ones, which stand together in the list, do not follow each other.
		first := run * len(all) / runs
		for i := range all {
			at := (first + i) % len(all)
			if run%2 == 1 {
				at = len(all) - 1 - at
			}
			t := all[apart(at, len(all))]
			if t.runs > 0 && run >= t.runs {
				continue
			}
			if err := b.once(ctx, t.export, t.measured); err != nil {
				return err
			}
			b.tell("%s, run %d of %d: %-14s %8.3f s", t.export.name, run+1, runs, t.name, t.seconds[run])
			if run > 0 || t.shape == refused {
				continue
			}
			if err := b.verify(ctx, t.export, t.way); err != nil {
				return err
			}
			if t.dump {
				if err := b.dump(ctx, t.export); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// apart gives the i-th of n in an order that begins with the first, and in which neighbours are far from each other.
func apart(i, n int) int {
	step := n/4 + 1
	for gcd(step, n) > 1 {
		step++
	}
	return i * step % n
}

func gcd(a, b int) int {
	for b > 0 {
		a, b = b, a%b
	}
	return a
}

// once makes one run that counts.
func (b *bench) once(ctx context.Context, x *export, m *measured) error {
	said := &complaints{awaited: m.fails}
	u, err := b.run(ctx, x, m.way, said)
	if err != nil {
		return err
	}
	m.seconds = append(m.seconds, u.seconds)
	if m.fails != "" {
		m.told = append(m.told, said.at.Sub(u.begun).Seconds())
	}
	m.memory = max(m.memory, u.memory)
	return nil
}

// used is what a run took.
type used struct {
	begun          time.Time
	seconds        float64
	client, server float64 // CPU seconds; the server's are known on Linux alone, and 0 elsewhere
	memory         int64   // bytes; the peak of the client
}

func (u used) cpu() float64 { return u.client + u.server }

// run runs a way in a fresh database.
func (b *bench) run(ctx context.Context, x *export, w way, said *complaints) (u used, err error) {
	path, err := b.path(w)
	if err == nil {
		err = b.fresh(ctx, w.start)
	}
	if err != nil {
		return u, err
	}
	var env []string
	if w.network != (network{}) {
		l, err := linkTo(net.JoinHostPort("127.0.0.1", strconv.Itoa(b.server.Port())), w.network)
		if err != nil {
			return u, err
		}
		defer func() { _ = l.close() }()
		_, port, _ := net.SplitHostPort(l.address())
		env = append(env, "PGPORT="+port)
	}
	syncDisks()
	time.Sleep(settle)
	args := slices.Clone(w.args)
	for i := range args {
		args[i] = strings.ReplaceAll(args[i], "%d", target)
	}
	before := serverTime(b.server.PID())
	u.begun = time.Now()
	for range max(1, w.times) {
		one, err := b.process(ctx, filepath.Join(x.dir, w.folder), path, args, said, env...)
		u.client, u.memory = u.client+one.client, max(u.memory, one.memory)
		if w.fails != "" && err != nil && strings.Contains(err.Error(), w.fails) && ctx.Err() == nil {
			err = nil
		} else if w.fails != "" && err == nil {
			err = fmt.Errorf("it did not fail with %s", w.fails)
		}
		if err != nil {
			return u, fmt.Errorf("%s: %w", w.name, err)
		}
	}
	u.seconds = time.Since(u.begun).Seconds()
	if err := b.idle(ctx); err != nil {
		return u, err
	}
	u.server = serverTime(b.server.PID()) - before
	return u, nil
}

// path gives the program of a way.
func (b *bench) path(w way) (string, error) {
	switch {
	case w.built != "":
		return w.built, nil
	case w.program != "":
		return b.server.Bin(w.program)
	}
	return b.ours(), nil
}

// dump makes the export's dump from the target.
func (b *bench) dump(ctx context.Context, x *export) error {
	path, err := b.server.Bin("pg_dump")
	if err == nil {
		_, err = b.process(ctx, x.dir, path, []string{"--format=custom", "--file=dump", target}, &complaints{})
	}
	return err
}

// process runs a program to its end. It gives what the program took, but for the time on the clock.
func (b *bench) process(ctx context.Context, dir, path string, args []string, said *complaints, env ...string) (u used, err error) {
	ctx, cancel := context.WithTimeout(ctx, runLimit)
	defer cancel()
	cmd := b.command(ctx, dir, path, args)
	cmd.Env = append(cmd.Env, env...)
	cmd.Stderr = said
	if err := cmd.Start(); err != nil {
		return u, err
	}
	watched := watchMemory(cmd.Process.Pid)
	err = cmd.Wait()
	u.memory = watched.end(cmd.ProcessState)
	u.client = (cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()).Seconds()
	if err != nil {
		err = fmt.Errorf("%s: %w\n%s", filepath.Base(path), err, lastLines(said.text.String(), 20))
	}
	return u, err
}

// complaints is what a program says on standard error, and when it first said what is awaited.
type complaints struct {
	awaited string
	text    bytes.Buffer
	at      time.Time
}

func (c *complaints) Write(p []byte) (int, error) {
	n, err := c.text.Write(p)
	if c.at.IsZero() && strings.Contains(c.text.String(), c.awaited) {
		c.at = time.Now()
	}
	return n, err
}

// command readies a program. It has nothing of this process's environment, and the way to the target in libpq's variables, so that the
// password is in no argument.
func (b *bench) command(ctx context.Context, dir, path string, args []string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, path, args...)
	cmd.Dir = dir
	cmd.Env = []string{
		"PATH=" + os.Getenv("PATH"), "HOME=" + b.dir, "TMPDIR=" + b.dir, "LC_ALL=C",
		"PGHOST=127.0.0.1", fmt.Sprintf("PGPORT=%d", b.server.Port()), "PGUSER=postgres", "PGPASSWORD=" + b.server.Password(),
		"PGDATABASE=" + target, "PGSSLMODE=disable", "PGCLIENTENCODING=UTF8",
	}
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = leaveTime
	return cmd
}

func lastLines(text string, n int) string {
	lines := strings.Split(strings.TrimRight(text, "\n"), "\n")
	return strings.Join(lines[max(0, len(lines)-n):], "\n")
}
