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

// Limits that a run meets and that are no settings of it: session/doc.go says of each wait which of them ends it.
const (
	undisturbed   = 10 * time.Second // a run in which nothing goes wrong, on a machine that others use
	goodbyes      = 2 * time.Second  // closeTimeout, of package session
	askedToCancel = 2 * time.Second  // cancelGrace: to be heard, and again to be obeyed
	rolledBack    = 2 * time.Second  // rollbackTimeout, of package load
	ownQuestion   = 10 * time.Second // askTimeout
	becameOf      = 20 * 250 * time.Millisecond
	beforeLook    = 500 * time.Millisecond // half of lock-timeout, and until the next tick
	askedToWait   = 2 * time.Second        // the longest Retry-After of the simulator, and the pauses' own
	deathsOfOne   = 4                      // loads that are begun, and the question what became of COMMIT
)

// mayTake is the sum of the limits that a run can meet: of its settings, each as often as what goes wrong in it can make it run out.
func (f fault) mayTake(connect, lock, timeout, request time.Duration) time.Duration {
	sum := undisturbed + timeout + lock + 2*askedToCancel
	for _, a := range f.api.Faults {
		sum += time.Duration(max(a.Times, 1)) * (request + a.Delay + askedToWait)
	}
	deaths := 0
	for _, p := range f.proxy {
		for range max(p.Times, 1) {
			if deaths++; deaths > deathsOfOne {
				break
			}
			sum += connect + becameOf + p.Delay // reached anew, or not; what became of the transaction
			if p.How == Silence {
				sum += beforeLook + 2*connect + // until nobody was reached for so long, and the look that found it
					connect + ownQuestion + // or silent when asked who serves us; the lost one's process is ended
					rolledBack + 2*askedToCancel + goodbyes
			}
		}
		sum += p.Down
	}
	return sum
}

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
	var closest float64 // to its limit
	var work sync.WaitGroup
	for range atOnce {
		work.Go(func() {
			for n := range todo {
				t.Run(fmt.Sprint(n), func(t *testing.T) {
					state, took, limit := soaked(t, d, n)
					mu.Lock()
					defer mu.Unlock()
					totals[state]++
					longest, closest = max(longest, took), max(closest, took.Seconds()/limit.Seconds())
				})
			}
		})
	}
	work.Wait()
	total := 0
	for _, n := range totals {
		total += n
	}
	fmt.Printf("soak: %d runs, seed %d: %d complete, %d unchanged, %d complete or unchanged where it was said not to be known; %d neither or not told truly; longest %s, closest to the sum of its limits %.0f %%\n",
		total, *soakSeed, totals[complete], totals[unchanged], totals[unknown], totals["wrong"], longest.Round(time.Millisecond), 100*closest)
}

// soaked is one run of the soak. It gives what was in the database then, how long it took, and how long it may have taken.
func soaked(t *testing.T, d *databases, n int) (state string, took, limit time.Duration) {
	r := rand.New(rand.NewPCG(*soakSeed, uint64(n)))
	f, what := randomFault(r)
	w := newWorld(t, d, f)
	state = "wrong"
	limit = f.mayTake(setting(t, w.args, "connect-timeout"), setting(t, w.args, "lock-timeout"), setting(t, w.args, "timeout"), setting(t, w.args, "request-timeout"))
	after := limit
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
	if took >= limit {
		t.Errorf("it took %s, and the sum of its limits is %s", took, limit)
	}
	if t.Failed() {
		state = "wrong"
		t.Logf("again with -seed %d -only %d: %s\n%s", *soakSeed, n, what, said)
	}
	return state, took, limit
}

// setting gives the last value of a setting among arguments.
func setting(t *testing.T, args []string, name string) (value time.Duration) {
	t.Helper()
	for _, arg := range args {
		if text, is := strings.CutPrefix(arg, "--"+name+"="); is {
			var err error
			if value, err = time.ParseDuration(text); err != nil {
				t.Fatal(err)
			}
		}
	}
	if value == 0 {
		t.Fatalf("no %s in %q", name, args)
	}
	return value
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
