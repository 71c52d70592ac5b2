package differential

import (
	"context"
	"flag"
	"testing"
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
	total := hunt{name: "-values-seed", seed: *valuesSeed, first: *valuesFirst, loads: *valuesCases, finds: *valuesFinds, stop: *valuesStop,
		make: func(n int) (generated, bool) { return randomValues(*valuesSeed, n), true },
		prepare: func(b *bench) {
			for _, conn := range b.admin {
				_, err := conn.PgConn().Exec(context.Background(), valueTypes).ReadAll()
				must(b.t, err)
			}
		}}.run(t)
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
	percent, share := 100*total.succeeded/max(1, total.loads), 100*fast/max(1, rows)
	t.Logf("%d %% of the rows went the fast way where it is open", share)
	const few = 200
	if total.loads >= few && (percent < leastValues || percent > mostValues || share < leastFastValues) {
		t.Errorf("%d %% of the scripts succeed, %d %% of the rows go the fast way: the generator is off", percent, share)
	}
}
