package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"

	"github.com/fabricate-seed/fabricate-seed/internal/edit"
)

// job is a load of an export of some size.
type job struct {
	way
	size string
}

// pair is what two builds of ours took for the same load, in turns.
type pair struct {
	what   string // is measured, by which load
	before []used
	after  []used
}

// pairs has two programs load the same n times each, in turns: before, after, after, before, and so on. What the first run of each leaves
// must be the same.
func (b *bench) pairs(ctx context.Context, what string, j job, before, after string, n int) (pair, error) {
	p := pair{what: what}
	x, err := b.export(j.size, []way{j.way})
	if err != nil {
		return p, err
	}
	for i := range n {
		for turn := range 2 {
			w, all := j.way, &p.before
			if w.built = before; turn != i%2 {
				w.built, all = after, &p.after
			}
			u, err := b.run(ctx, x, w, &complaints{})
			if err == nil && i == 0 && w.shape != refused {
				err = b.verify(ctx, x, w)
			}
			if err != nil {
				return p, fmt.Errorf("%s, by %s: %w", what, filepath.Base(w.built), err)
			}
			*all = append(*all, u)
		}
	}
	b.tell("%s: %s of CPU, %s on the clock", what, p.saved(used.cpu), p.saved(wall))
	return p, nil
}

func wall(u used) float64 { return u.seconds }

// interval is a mean with half of its confidence interval of 95 %.
type interval struct{ mean, half float64 }

func (i interval) String() string { return fmt.Sprintf("%+.1f ± %.1f %%", i.mean, i.half) }

// saved gives how much less what comes after took, in per cent of what came before.
func (p pair) saved(of func(used) float64) interval {
	var before, less []float64
	for i := range p.before {
		before = append(before, of(p.before[i]))
		less = append(less, of(p.before[i])-of(p.after[i]))
	}
	base := mean(before)
	return interval{100 * mean(less) / base, 100 * halfWidth(less) / base}
}

func mean(values []float64) float64 {
	sum := 0.0
	for _, v := range values {
		sum += v
	}
	return sum / float64(len(values))
}

// student are the quantiles of 97.5 % of Student's t distribution, from one degree of freedom on.
var student = []float64{ //nolint:gochecknoglobals // a constant
	12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.160, 2.145, 2.131, 2.120, 2.110, 2.101, 2.093, 2.086,
	2.080, 2.074, 2.069, 2.064, 2.060, 2.056, 2.052, 2.048, 2.045, 2.042,
}

// halfWidth gives half of the confidence interval of 95 % of a mean, by Student's t: of the differences of pairs, that is the paired t test's.
func halfWidth(values []float64) float64 {
	n := len(values)
	if n < 2 {
		return math.Inf(1)
	}
	squares := 0.0
	for _, v := range values {
		squares += (v - mean(values)) * (v - mean(values))
	}
	deviation := math.Sqrt(squares / float64(n-1))
	return student[min(n-1, len(student))-1] * deviation / math.Sqrt(float64(n))
}

// least is how much an acceleration has to save to stay, and how much slower a load may have become, in per cent.
const least = 3

// gains reports whether what comes after certainly saves enough.
func (p pair) gains() bool {
	enough := func(i interval) bool { return i.mean-i.half >= least }
	return enough(p.saved(used.cpu)) || enough(p.saved(wall))
}

// slower reports whether what comes after takes too long.
func (p pair) slower() bool { return p.saved(wall).mean < -least || p.saved(used.cpu).mean < -least }

// pairTable tells what pairs took. verdict says a word on each.
func pairTable(pairs []pair, what, before, after, question string, verdict func(pair) bool) table {
	t := table{cells: [][]string{{what, before, "CPU, client and server", after, "CPU, client and server", "less CPU", "less time", question}}}
	for _, p := range pairs {
		row := []string{p.what}
		for _, all := range [][]used{p.before, p.after} {
			var clock, client, server []float64
			for _, u := range all {
				clock, client, server = append(clock, u.seconds), append(client, u.client), append(server, u.server)
			}
			row = append(row, fmt.Sprintf("%.2f s", mean(clock)), fmt.Sprintf("%.2f + %.2f s", mean(client), mean(server)))
		}
		word := map[bool]string{true: "yes", false: "no"}[verdict(p)]
		t.cells = append(t.cells, append(row, p.saved(used.cpu).String(), p.saved(wall).String(), word))
	}
	return t
}

// accelerate measures each acceleration alone, off against on, that a pattern finds by its name or its load. What fails is told, and the others are
// measured.
func (b *bench) accelerate(ctx context.Context, pattern *regexp.Regexp, size string, n int) (table, error) {
	edits, err := edit.Read(accelerationEdits)
	if err != nil {
		return table{}, err
	}
	type measure struct {
		name, what, program string // name is that of the acceleration
		job
	}
	var wanted []measure
	for i, a := range accelerations(size) {
		for _, j := range a.loads {
			if what := a.name + ": " + j.label; pattern.MatchString(what) {
				wanted = append(wanted, measure{a.name, what, filepath.Join(b.dir, fmt.Sprintf("without-%d", i+1)), j})
			}
		}
	}
	for _, w := range wanted { // all before the first run: the source may change meanwhile
		if err := b.buildWithout(ctx, w.name, edits, w.program); err != nil {
			return table{}, err
		}
	}
	var all []pair
	var failed []error
	for _, w := range wanted {
		p, err := b.pairs(ctx, w.what, w.job, w.program, b.ours(), n)
		if ctx.Err() != nil {
			break
		}
		if err != nil {
			failed = append(failed, err)
			b.tell("%v", err)
			continue
		}
		all = append(all, p)
	}
	t := pairTable(all, "acceleration: load", "without", "with", fmt.Sprintf("saves %d %%", least), pair.gains)
	t.title = fmt.Sprintf("Each acceleration alone, without and with it, means of %d pairs, 95 %% confidence by the paired t test", n)
	return t, errors.Join(failed...)
}

// buildWithout builds this project's program without an acceleration, unless that was done.
func (b *bench) buildWithout(ctx context.Context, name string, edits []edit.Edit, program string) error {
	if _, err := os.Stat(program); err == nil {
		return nil
	}
	b.tell("building without %s", name)
	var its []edit.Edit
	for _, e := range edits {
		if e.What == name {
			its = append(its, e)
		}
	}
	dir, err := os.MkdirTemp(b.dir, "edited-")
	if err != nil {
		return err
	}
	overlay, err := edit.Overlay(dir, its...)
	if err != nil {
		return err
	}
	return build(ctx, "", program, overlay)
}

// compareWith measures the present tree against a commit. What that commit cannot load is told, and left out.
func (b *bench) compareWith(ctx context.Context, commit string, pattern *regexp.Regexp, size string, n int) (table, error) {
	dir, before := filepath.Join(b.dir, "commit"), filepath.Join(b.dir, "before")
	if err := checkOut(ctx, commit, dir); err != nil {
		return table{}, err
	}
	if err := build(ctx, dir, before); err != nil {
		return table{}, err
	}
	var all []pair
	for _, j := range compared(size) {
		if ctx.Err() != nil || !pattern.MatchString(j.label) {
			continue
		}
		p, err := b.pairs(ctx, j.label, j, before, b.ours(), n)
		if err != nil {
			b.tell("%s is left out: %v", j.label, err)
			continue
		}
		all = append(all, p)
	}
	t := pairTable(all, "load", "before", "after", fmt.Sprintf("slower by more than %d %%", least), pair.slower)
	t.title = fmt.Sprintf("Before, %s, and after, this tree, means of %d pairs, 95 %% confidence by the paired t test", commit, n)
	return t, ctx.Err()
}

// checkOut puts the files of a commit into a folder.
func checkOut(ctx context.Context, commit, dir string) error {
	script := `git archive --format=tar "$0" | tar -x -C "$1"`
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return err
	}
	if out, err := exec.CommandContext(ctx, "/bin/sh", "-c", script, commit, dir).CombinedOutput(); err != nil || len(out) > 0 {
		return fmt.Errorf("git archive %s: %w\n%s", commit, err, out)
	}
	return nil
}
