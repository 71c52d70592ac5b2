package main

import (
	"bytes"
	"fmt"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

func TestSummary(t *testing.T) {
	t.Parallel()
	const events = `
{"Action":"start","Package":"x/a"}
{"Action":"run","Package":"x/a","Test":"TestGood"}
{"Action":"output","Package":"x/a","Test":"TestGood","Output":"=== RUN   TestGood\n"}
{"Action":"output","Package":"x/a","Test":"TestGood","Output":"    chatter\n"}
{"Action":"pass","Package":"x/a","Test":"TestGood","Elapsed":0.1}
{"Action":"output","Package":"x/a","Test":"TestSkip","Output":"=== RUN   TestSkip\n"}
{"Action":"output","Package":"x/a","Test":"TestSkip","Output":"    a_test.go:9: needs Docker\n"}
{"Action":"output","Package":"x/a","Test":"TestSkip","Output":"--- SKIP: TestSkip (0.00s)\n"}
{"Action":"skip","Package":"x/a","Test":"TestSkip","Elapsed":0}
{"Action":"output","Package":"x/a","Output":"ok  \tx/a\t0.2s\n"}
{"Action":"pass","Package":"x/a","Elapsed":0.2}
{"Action":"output","Package":"x/b","Output":"-test.shuffle 7\n"}
{"Action":"output","Package":"x/b","Test":"TestBad","Output":"    b_test.go:3: wrong\n"}
{"Action":"fail","Package":"x/b","Test":"TestBad","Elapsed":0.1}
{"Action":"output","Package":"x/b","Test":"TestDies","Output":"panic: dead\n"}
{"Action":"output","Package":"x/b","Output":"FAIL\tx/b\t0.3s\n"}
{"Action":"fail","Package":"x/b","Elapsed":0.3}
{"Action":"build-output","ImportPath":"x/c","Output":"c.go:1: does not build\n"}
`
	const want = `# x/a: 1 passed, 0 failed, 1 skipped in 0.2 s
    b_test.go:3: wrong
panic: dead
# x/b: 0 passed, 1 failed, 0 skipped in 0.3 s
c.go:1: does not build

1 skipped
    x/a TestSkip: a_test.go:9: needs Docker

ok  	x/a	0.2s
FAIL	x/b	0.3s	-shuffle=7
`
	var out bytes.Buffer
	s := newSummary(&out)
	if err := s.read(strings.NewReader(strings.TrimPrefix(events, "\n"))); err != nil {
		t.Fatal(err)
	}
	s.finish()
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}

// What many tests are skipped for is told once.
func TestManySkipped(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	s := newSummary(&out)
	for i := range many + 1 {
		for _, e := range []event{
			{Action: "output", Package: fmt.Sprintf("x/%d", i%2), Test: fmt.Sprint(i), Output: fmt.Sprintf("    a_test.go:%d: needs Docker\n", i)},
			{Action: "skip", Package: fmt.Sprintf("x/%d", i%2), Test: fmt.Sprint(i)},
		} {
			s.take(e)
		}
	}
	s.finish()
	if want := "\n11 skipped\n    11 tests in 2 packages: needs Docker\n\n"; out.String() != want {
		t.Errorf("got %q, want %q", out.String(), want)
	}
}
