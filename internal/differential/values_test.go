package differential

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"
)

var (
	valuesSeed  = flag.Uint64("values-seed", builtInSeed, "seed of the random values")
	valuesCases = flag.Int("values-cases", 20, "how many scripts of random values")
	valuesFirst = flag.Int("values-first", 0, "the number of the first of them: with -values-cases 1 it is repeated alone")
	valuesFinds = flag.Int("values-finds", 3, "how many differences are made small and shown")
	valuesStop  = flag.Bool("values-stop", false, "end at the first difference")
)

// What of random values must succeed with psql, and which part of their rows must go the fast way.
const (
	leastValues     = 30 // per cent; a third of the scripts slip on purpose
	mostValues      = 80
	leastFastValues = 20
)

// TestRandomValues loads small scripts of many types, spellings and settings by psql and by package load. Much of them is refused, on purpose: the
// verdict, the error and what is there afterwards must be the same.
func TestRandomValues(t *testing.T) {
	t.Parallel()
	needServer(t)
	t.Logf("-values-seed=%d -values-first=%d -values-cases=%d", *valuesSeed, *valuesFirst, *valuesCases)
	start := time.Now()
	var mu sync.Mutex
	total, found, loads := newCount(), 0, 0
	one := func(b *bench, n int) {
		c := randomValues(*valuesSeed, n)
		o := b.compare(c)
		mu.Lock()
		loads++
		total.add(c, o)
		if o.difference != "" {
			found++
		}
		shown := found <= *valuesFinds
		mu.Unlock()
		switch {
		case o.difference == "":
		case !shown:
			t.Errorf("case %d of -values-seed=%d, %s: %.300s", n, *valuesSeed, c.mode, o.difference)
		default:
			small, first := b.minimise(c), o
			if o = b.compare(small); o.difference == "" { // it does not always go wrong
				small, o = c, first
			}
			t.Errorf("case %d of -values-seed=%d, %s, INSERTs of %d bytes go as COPY:\n%s\n%s\n%s----\n%s\n%s", n, *valuesSeed, c.mode, c.small, script(small.setup), script(small.items), quotedIfOdd(script(small.items)), o.difference, b.said)
		}
	}
	enough := func() bool {
		mu.Lock()
		defer mu.Unlock()
		return *valuesStop && found > 0
	}
	shareOut(*valuesFirst, *valuesCases, enough, func() func(int) {
		b := newBench(t)
		for _, conn := range b.admin {
			_, err := conn.PgConn().Exec(context.Background(), valueTypes).ReadAll()
			must(t, err)
		}
		return func(n int) { one(b, n) }
	})
	took := time.Since(start)
	t.Logf("%d scripts in %s, %.1f a second; %d differ", loads, took.Round(time.Second), float64(loads)/took.Seconds(), found)
	if *valuesStop {
		return
	}
	total.tell(t)
	var rows, fast int64
	for _, mode := range valueModes {
		if k := total.kinds[mode]; k != nil && mode != "continue" { // there all goes as written
			rows, fast = rows+k.rows, fast+k.fast
		}
	}
	percent, share := 100*total.succeeded/max(1, loads), 100*fast/max(1, rows)
	t.Logf("%d %% of the rows went the fast way where it is open", share)
	const few = 200
	if loads >= few && (percent < leastValues || percent > mostValues || share < leastFastValues) {
		t.Errorf("%d %% of the scripts succeed, %d %% of the rows go the fast way: the generator is off", percent, share)
	}
}

// quotedIfOdd gives a script once more in Go's spelling, if it holds what cannot be seen.
func quotedIfOdd(text string) string {
	if strings.ContainsFunc(text, func(r rune) bool { return r < ' ' && r != '\n' || r > '~' }) {
		return fmt.Sprintf("%q\n", text)
	}
	return ""
}
