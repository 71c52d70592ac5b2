// Command bench loads the same rows into PostgreSQL in every way that people load them, in turns in one run, and prints
// how long each took, as a table and as a picture. It starts a server of its own with PostgreSQL's default settings, and
// runs every program, this project's own included, as a process.
//
// Usage: go run ./bench [flags]. Files are kept in the temporary folder (TMPDIR), which should be on a disk: PostgreSQL's
// data lies there too. Everything there is removed at the end.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// settings are the flags.
type settings struct {
	size               string
	sizes              bool          // measure how time grows, too
	runs               int           // counted runs of every way
	tiny               int           // counted runs with ten rows
	clones             string        // sizes in MiB, comma-separated: measure strategies for copies of a database, and nothing else
	warmUp             bool          // a round with the small size first
	task               time.Duration // measure the whole way with a task that takes this long, too
	ways               string        // comma-separated; "" means all
	many               string        // counts, comma-separated: measure so many loads at once, and nothing else
	whole              string        // tasks, comma-separated: measure the whole way, and nothing else
	grow               string        // sizes, comma-separated: measure how ours grows, and nothing else
	accelerations      string        // measure each acceleration alone that this pattern finds, and nothing else
	before             string        // measure a commit against the present tree, and nothing else
	pairs              int           // for these two
	cloneSizes, atOnce []int
	tasks              []time.Duration
	pattern            *regexp.Regexp // accelerations
	out                string         // SVG; the Markdown is put beside it; "" means neither
	markdown           bool           // standard output gets Markdown
	check              bool           // a missed promise is an error
}

func parse(args []string) (settings, error) {
	var s settings
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.StringVar(&s.size, "size", "standard", "rows to load: small, third, standard (84 MB of INSERTs), large or huge; a tenth, a third, once, ten, a hundred times")
	flags.BoolVar(&s.sizes, "sizes", false, "measure how the time of psql -1 and ours grows from size to size, too")
	flags.IntVar(&s.runs, "runs", 5, "counted runs of every way")
	flags.IntVar(&s.tiny, "tiny", 15, "counted runs of every way with an export of ten rows")
	flags.DurationVar(&s.task, "task", 0, "measure the whole way with a generation task that takes this long, with and without a cache, too")
	flags.StringVar(&s.clones, "clones", "", "measure only how long copies of databases of these sizes in MiB take, by each strategy of the server: 8,64,512")
	flags.StringVar(&s.many, "many", "", "measure only how long so many loads at once take, into databases of one server: 1,2,4,8")
	flags.StringVar(&s.whole, "whole", "", "measure only the whole way to the first query answered, with tasks that take so long: 5s,60s")
	flags.StringVar(&s.grow, "grow", "", "measure only how the time and memory of ours grow over these sizes: standard,large,huge")
	flags.StringVar(&s.accelerations, "accelerations", "", "measure only each acceleration alone, off and on, whose name or load matches this regular expression; . for all")
	flags.StringVar(&s.before, "before", "", "measure only this tree against an earlier commit; -accelerations says which loads then")
	flags.IntVar(&s.pairs, "pairs", 15, "how often each of two is measured, in turns, with -accelerations and -before")
	flags.BoolVar(&s.warmUp, "warm-up", true, "one round with the small size first, which is not counted")
	flags.StringVar(&s.ways, "ways", "", "measure only these, comma-separated: "+strings.Join(names(allWays()), ", "))
	flags.StringVar(&s.out, "out", "docs/bench.svg", "picture to write, with the tables as .md beside it; empty for neither")
	flags.BoolVar(&s.markdown, "markdown", false, "print the README's table, between its markers, instead of plain tables")
	flags.BoolVar(&s.check, "check", false, "exit with 1 when a promise is not kept")
	if err := flags.Parse(args); err != nil {
		return s, err
	}
	var err error
	if s.cloneSizes, err = numbers(s.clones); err != nil {
		return s, fmt.Errorf("-clones: %w", err)
	}
	if s.atOnce, err = numbers(s.many); err != nil {
		return s, fmt.Errorf("-many: %w", err)
	}
	for text := range strings.FieldsFuncSeq(s.whole, comma) {
		task, err := time.ParseDuration(text)
		if err != nil {
			return s, fmt.Errorf("-whole: %w", err)
		}
		s.tasks = append(s.tasks, task)
	}
	if s.pattern, err = regexp.Compile(s.accelerations); err != nil {
		return s, fmt.Errorf("-accelerations: %w", err)
	}
	for name := range strings.FieldsFuncSeq(s.grow, comma) {
		if !isSize(name) {
			return s, fmt.Errorf("-grow: there is no size %q", name)
		}
	}
	switch {
	case flags.NArg() > 0:
		return s, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case s.runs < 1 || s.tiny < 1 || s.pairs < 1:
		return s, errors.New("-runs, -tiny and -pairs must be at least 1")
	case !isSize(s.size):
		return s, fmt.Errorf("-size is %q; it must be small, third, standard, large or huge", s.size)
	}
	return s, nil
}

func comma(c rune) bool { return c == ',' }

// numbers reads a list with commas.
func numbers(list string) (all []int, err error) {
	for _, text := range strings.FieldsFunc(list, comma) {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			return nil, fmt.Errorf("%q is no number of at least 1", text)
		}
		all = append(all, n)
	}
	return all, nil
}

func main() {
	s, err := parse(os.Args[1:])
	if errors.Is(err, flag.ErrHelp) {
		os.Exit(0)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(2)
	}
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err = run(ctx, s, os.Stdout, os.Stderr)
	interrupted := ctx.Err() != nil
	stop()
	if interrupted {
		fmt.Fprintln(os.Stderr, "bench: interrupted")
		os.Exit(130)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "bench:", err)
		os.Exit(1)
	}
}

// run is the whole of it: prepare, warm up, measure, tell.
func run(ctx context.Context, s settings, stdout, stderr io.Writer) (err error) {
	ways, err := choose(s.ways)
	if err != nil {
		return err
	}
	b, err := newBench(ctx, stderr)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, b.close()) }()

	if t, err := b.alone(ctx, s); err != nil || len(t.cells) > 0 {
		if len(t.cells) > 0 {
			fmt.Fprintf(stdout, "%s\n\n%s\n\n%s", b.facts, t.title, t.markdown())
		}
		return err
	}
	if s.warmUp {
		b.tell("warming up")
		if _, err := b.measure(ctx, "small", ways, 1); err != nil {
			return err
		}
	}
	r := report{facts: b.facts, flags: os.Args[1:]}
	if r.main, err = b.measure(ctx, s.size, ways, s.runs); err != nil {
		return err
	}
	if r.copies, err = b.copies(ctx, r.main, min(s.runs, 3)); err != nil {
		return err
	}
	if r.tiny, err = b.measure(ctx, "tiny", ways, s.tiny); err != nil {
		return err
	}
	if r.even, err = b.measure(ctx, evenly+s.size, ways, s.runs); err != nil {
		return err
	}
	if s.sizes {
		if r.growth, err = b.growth(ctx); err != nil {
			return err
		}
	}
	if s.task > 0 {
		if r.cached, err = b.cache(ctx, s.task, s.size, min(s.runs, 3)); err != nil {
			return err
		}
	}
	return tell(r, s, stdout, stderr)
}

// alone measures what is asked for instead of all else.
func (b *bench) alone(ctx context.Context, s settings) (table, error) {
	switch {
	case s.clones != "":
		return b.copiesBySize(ctx, s.cloneSizes, s.runs), nil
	case s.many != "":
		return b.many(ctx, s.size, s.atOnce, s.runs)
	case s.whole != "":
		return b.whole(ctx, s.tasks, s.size, s.runs)
	case s.grow != "":
		return b.grow(ctx, strings.FieldsFunc(s.grow, comma), s.runs)
	case s.before != "":
		return b.compareWith(ctx, s.before, s.pattern, s.size, s.pairs)
	case s.accelerations != "":
		return b.accelerate(ctx, s.pattern, s.size, s.pairs)
	}
	return table{}, nil
}

// grow measures ours alone at some sizes, in turns.
func (b *bench) grow(ctx context.Context, sizes []string, runs int) (table, error) {
	var rounds []round
	for _, size := range sizes {
		r, err := b.round(size, pick(allWays(), "ours"))
		if err != nil {
			return table{}, err
		}
		rounds = append(rounds, r)
	}
	err := b.turns(ctx, runs, rounds...)
	return grown(rounds), err
}

// measure runs the ways at one size, in turns.
func (b *bench) measure(ctx context.Context, size string, ways []way, runs int) (round, error) {
	r, err := b.round(size, ways)
	if err == nil {
		err = b.turns(ctx, runs, r)
	}
	return r, err
}

// growth measures the base and ours at every size, in turns: the machine's speed drifts, and sizes are compared with each other. The
// base takes minutes at the large size, so that it has one run there.
func (b *bench) growth(ctx context.Context) ([]round, error) {
	var rounds []round
	for _, size := range sizes() {
		r, err := b.round(size, pick(allWays(), baseWay, "ours"))
		if err != nil {
			return nil, err
		}
		if size == "large" {
			r.ways[0].runs = 1
		}
		rounds = append(rounds, r)
	}
	return rounds, b.turns(ctx, 3, rounds...)
}

// tell prints and writes what was measured.
func tell(r report, s settings, stdout, stderr io.Writer) error {
	if s.out != "" {
		if err := os.WriteFile(s.out, []byte(r.chart()), 0o644); err != nil {
			return err
		}
		page := strings.TrimSuffix(s.out, filepath.Ext(s.out)) + ".md"
		if err := os.WriteFile(page, []byte(r.page(filepath.Base(s.out))), 0o644); err != nil {
			return err
		}
	}
	if s.markdown {
		fmt.Fprint(stdout, r.readme())
	} else {
		fmt.Fprint(stdout, r.text())
	}
	if s.runs == 1 && !s.check {
		return nil // one run is no ground for a verdict
	}
	missed := 0
	for _, p := range r.promises() {
		fmt.Fprintln(stderr, p)
		if !p.kept {
			missed++
		}
	}
	if s.check && missed > 0 {
		return fmt.Errorf("promises not kept: %d", missed)
	}
	return nil
}
