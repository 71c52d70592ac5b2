//go:build unix

package faults

import (
	"flag"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

var (
	soakRuns = flag.Int("runs", 20, "how many runs the soak has")
	soakSeed = flag.Uint64("seed", 1, "what its faults are drawn from")
	soakOnly = flag.Int("only", -1, "one run of the soak alone, by its number")
)

// soakLimit is for the longest of the runs: several silences may come together in it.
const soakLimit = 60 * time.Second

// TestSoak makes random things go wrong at random moments of whole runs. Whatever they are, a run ends with what psql would have
// left or with what was there before, says which it is, and leaves nothing behind. make soak has many more runs.
func TestSoak(t *testing.T) {
	t.Parallel()
	d := newDatabases(t)
	fmt.Printf("soak: %d runs, seed %d\n", *soakRuns, *soakSeed)
	todo := make(chan int, *soakRuns)
	for n := range *soakRuns {
		if *soakOnly < 0 || n == *soakOnly {
			todo <- n
		}
	}
	close(todo)
	var mu sync.Mutex
	totals := map[string]int{}
	var longest time.Duration
	var work sync.WaitGroup
	for range atOnce {
		work.Go(func() {
			for n := range todo {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					state, took := soaked(t, d, n)
					mu.Lock()
					defer mu.Unlock()
					totals[state]++
					longest = max(longest, took)
				})
			}
		})
	}
	work.Wait()
	total := 0
	for _, n := range totals {
		total += n
	}
	fmt.Printf("soak: %d runs, seed %d: %d complete, %d unchanged, %d complete or unchanged where it was said not to be known; %d neither or not told truly; longest %s\n",
		total, *soakSeed, totals[complete], totals[unchanged], totals[unknown], totals["wrong"], longest.Round(time.Millisecond))
}

// soaked is one run of the soak. It gives what was in the database then, and how long it took.
func soaked(t *testing.T, d *databases, n int) (state string, took time.Duration) {
	r := rand.New(rand.NewPCG(*soakSeed, uint64(n)))
	f, what := randomFault(r)
	w := newWorld(t, d, f)
	state = "wrong"
	after := soakLimit
	if r.IntN(5) == 0 {
		after = time.Duration(r.IntN(900)) * time.Millisecond
		what += fmt.Sprintf(", interrupted after %s", after)
	}
	timer := time.AfterFunc(after, w.cancel)
	defer timer.Stop()
	code, took := w.run(f)
	if w.proxy != nil {
		_ = w.proxy.Close()
	}
	left := w.left()
	now := pgtest.SortedDump(t, w.db)
	switch now {
	case w.before:
		w.state = unchanged
	case d.after(t, exportOf(2)):
		w.state = complete
	}
	said := w.out.String()
	notKnown := strings.Contains(said, "which is not known")
	switch {
	case w.state == "":
		t.Error("the database is neither as it was nor complete")
	case notKnown:
		state = unknown
	case (code == problem.OK) != (w.state == complete):
		t.Errorf("it ended with %d, and the database is %s", code, w.state)
	default:
		state = w.state
	}
	if w.state == unchanged && code == problem.Database && !notKnown && strings.Contains(said, "── Load") && !strings.Contains(said, "The database is as it was") {
		t.Error("it does not say that the database is as it was")
	}
	if len(left) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
	if w.api.Started() > 1 {
		t.Errorf("%d tasks were started", w.api.Started())
	}
	if took >= soakLimit {
		t.Errorf("it took %s", took)
	}
	if t.Failed() {
		state = "wrong"
		t.Logf("again with -seed %d -only %d: %s\n%s", *soakSeed, n, what, said)
	}
	return state, took
}

// randomFault draws what goes wrong: up to two things at the API and up to two at the database.
func randomFault(r *rand.Rand) (fault, string) {
	var f fault
	var what []string
	if r.IntN(3) == 0 {
		f.args = append(f.args, "--format=postgres-optimized")
	}
	if r.IntN(8) == 0 {
		f.args = append(f.args, "--fast=false")
	}
	f.args = append(f.args, "--connect-timeout="+[]string{"300ms", "1500ms", "4s"}[r.IntN(3)])
	f.api.Polls = 1 + r.IntN(4)
	for range r.IntN(3) {
		sim := simulator.Fault{Route: []simulator.Route{poll, poll, data, data, data, create}[r.IntN(6)], Nth: 1 + r.IntN(3), Times: 1 + r.IntN(2)}
		switch r.IntN(7) {
		case 0:
			sim.Status = []int{403, 408, 429, 500, 502, 503}[r.IntN(6)]
		case 1:
			sim.Delay = time.Duration(r.IntN(200)) * time.Millisecond
		case 2:
			sim.Break = []simulator.Break{simulator.Close, simulator.Reset, simulator.Stall}[r.IntN(3)]
			sim.Moment = []simulator.Moment{simulator.BeforeActing, simulator.AfterActing}[r.IntN(2)]
		case 3:
			sim.ExpireURLs = true
		case 4:
			sim.IgnoreRange, sim.Gzip = true, r.IntN(2) == 0
		default:
			sim.Break = []simulator.Break{simulator.Close, simulator.Reset, simulator.Stall}[r.IntN(3)]
			sim.Moment, sim.At = simulator.InBody, r.Int64N(12_000)
		}
		f.api.Faults = append(f.api.Faults, sim)
		what = append(what, fmt.Sprintf("API %+v", sim))
	}
	f.proxy = []Fault{}
	for range r.IntN(3) {
		cut := Fault{How: []How{Close, Reset, Reset, Silence, Lag, Say}[r.IntN(6)], Times: 1, Delay: time.Duration(r.IntN(600)) * time.Millisecond,
			State: "57P01", Words: "terminating connection due to administrator command"}
		switch r.IntN(4) {
		case 0:
			cut.Text = []string{"BEGIN", "TRUNCATE", "INSERT", "COPY", "ANALYZE", "SAVEPOINT", "COMMIT", "shop.example", "count(*)"}[r.IntN(9)]
			cut.Nth, cut.Passed = 1+r.IntN(3), cut.How != Say && r.IntN(2) == 0
		case 1:
			cut.Text, cut.Passed = "COMMIT", cut.How != Say && r.IntN(2) == 0
		case 2:
			cut.FromServer, cut.After = true, r.Int64N(5_000)
		default:
			cut.After = r.Int64N(45_000)
		}
		switch r.IntN(5) {
		case 0:
			cut.Down = time.Duration(r.IntN(2000)) * time.Millisecond
		case 1:
			cut.Times = 1 + r.IntN(4)
		}
		f.proxy = append(f.proxy, cut)
		what = append(what, fmt.Sprintf("database %+v", cut))
	}
	return f, strings.Join(what, ", ")
}
