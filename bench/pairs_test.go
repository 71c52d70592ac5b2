package main

import (
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/edit"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// made gives a pair with times on the clock; of these the client has taken a quarter, and the server a half.
func made(before, after []float64) pair {
	p := pair{what: "it: INSERTs"}
	for i := range before {
		p.before = append(p.before, used{seconds: before[i], client: before[i] / 4, server: before[i] / 2})
		p.after = append(p.after, used{seconds: after[i], client: after[i] / 4, server: after[i] / 2})
	}
	return p
}

// TestSaved holds the statistics to values worked out by the formula of the paired t test, in per cent of the mean of before.
func TestSaved(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		before, after []float64
		want          interval
		gains, slower bool
	}{
		{[]float64{2, 2, 2}, []float64{1, 1, 1}, interval{50, 0}, true, false},
		{[]float64{10, 11, 12, 13}, []float64{9, 9, 11, 11}, interval{13.0435, 7.9878}, true, false},
		{[]float64{10, 11, 12, 13}, []float64{9, 11, 12, 13}, interval{2.1739, 6.9184}, false, false},
		{[]float64{10, 10, 10, 10, 10}, []float64{11, 10, 11, 10, 11}, interval{-6, 6.8009}, false, true},
		{[]float64{1}, []float64{0.5}, interval{50, math.Inf(1)}, false, false},
	} {
		p := made(c.before, c.after)
		for _, of := range []func(used) float64{wall, used.cpu} {
			if got := p.saved(of); math.Abs(got.mean-c.want.mean) > 0.01 || math.Abs(got.half-c.want.half) > 0.01 {
				t.Errorf("%v and %v: %+v, not %+v", c.before, c.after, got, c.want)
			}
		}
		if p.gains() != c.gains || p.slower() != c.slower {
			t.Errorf("%v and %v: gains %v, slower %v", c.before, c.after, p.gains(), p.slower())
		}
	}
}

func TestPairTable(t *testing.T) {
	t.Parallel()
	table := pairTable([]pair{made([]float64{2, 4}, []float64{1, 2})}, "acceleration: load", "without", "with", "gains", pair.gains)
	want := "| it: INSERTs | 3.00 s | 0.75 + 1.50 s | 1.50 s | 0.38 + 0.75 s | +50.0 ± 211.8 % | +50.0 ± 211.8 % | no |"
	if got := table.markdown(); !strings.Contains(got, want) {
		t.Errorf("there is no row\n%s\nin\n%s", want, got)
	}
}

// TestAccelerationsFit holds that what switches off each acceleration fits the source, and that each is measured.
func TestAccelerationsFit(t *testing.T) {
	t.Chdir("..")
	edits, err := edit.Read(accelerationEdits)
	if err != nil {
		t.Error(err)
	}
	off := map[string]bool{}
	for _, e := range edits {
		off[e.What] = true
	}
	for _, a := range accelerations("third") {
		if !off[a.name] || len(a.loads) == 0 {
			t.Errorf("%q has %d loads, or nothing switches it off", a.name, len(a.loads))
		}
		delete(off, a.name)
	}
	if len(off) > 0 {
		t.Errorf("not measured: %v", off)
	}
}

func TestTakeTurns(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	export := shop.Export{Format: shop.SQL, Size: shop.Size{Users: 3, Products: 2}, RowsPerInsert: 1}
	if err := export.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	name := filepath.Join(dir, "load.sql")
	before, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if err := takeTurns(name); err != nil {
		t.Fatal(err)
	}
	after, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range strings.Lines(string(after)) {
		if rest, is := strings.CutPrefix(line, `INSERT INTO "`); is {
			order = append(order, rest[:strings.IndexByte(rest, '"')])
		}
	}
	if got := strings.Join(order, " "); got != "products users products users users" || len(after) != len(before) || !strings.HasSuffix(string(after), "'origin';\n") {
		t.Errorf("the tables come as %s, in %d of %d bytes", got, len(after), len(before))
	}
}

func TestServerTime(t *testing.T) {
	t.Parallel()
	parent, spent := processTime([]byte("42 (a) (b) S 7 42 42 0 -1 4194560 1 2 3 4 100 20 3 4 20 0 1 0 1"))
	if parent != 7 || spent != 127 {
		t.Errorf("the parent is %d, and %d ticks were spent", parent, spent)
	}
	if _, err := os.Stat("/proc/self/stat"); err != nil {
		t.Skip("only Linux tells the times of other processes")
	}
	busy := exec.CommandContext(t.Context(), "sh", "-c", "while :; do :; done")
	if err := busy.Start(); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = busy.Wait() }()
	defer func() { _ = busy.Process.Kill() }()
	for deadline := time.Now().Add(30 * time.Second); serverTime(busy.Process.Pid) < 0.05; time.Sleep(10 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("a process that does nothing but work takes no time")
		}
	}
}
