// Command gotest runs `go test` and prints what a person wants to know: each package as it finishes, the whole output
// of every test that failed, then every skipped test with its reason (a reason that many have, such as that a server is missing,
// is told once, with how many they are), and at the end Go's own line for each package, with the seed of its order.
//
// Usage: gotest [go test's arguments]. It exits as go test does.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"strings"
)

func main() {
	code, err := run(context.Background(), os.Args[1:], os.Stdout)
	if err != nil {
		fmt.Fprintln(os.Stderr, "gotest:", err)
		os.Exit(1)
	}
	os.Exit(code)
}

// run gives go test's exit code.
func run(ctx context.Context, args []string, out io.Writer) (int, error) {
	cmd := exec.CommandContext(ctx, "go", append([]string{"test", "-json"}, args...)...)
	cmd.Stderr = os.Stderr
	stdout, err := cmd.StdoutPipe()
	if err != nil {
		return 0, err
	}
	if err := cmd.Start(); err != nil {
		return 0, err
	}
	s := newSummary(out)
	if err := s.read(stdout); err != nil {
		return 0, errors.Join(err, cmd.Wait())
	}
	s.finish()
	err = cmd.Wait()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode(), nil
	}
	return 0, err
}

// event is one line of `go test -json`: see `go doc test2json`.
type event struct {
	Action     string
	Package    string
	ImportPath string // of build output
	Test       string
	Output     string
	Elapsed    float64 // seconds
}

type test struct{ pkg, name string }

type skip struct {
	test
	reason string
}

type counts struct{ passed, failed, skipped int }

// summary gathers the events of one run.
type summary struct {
	out      io.Writer
	output   map[test][]string // what a test printed, until it is known to have passed
	perPkg   map[string]*counts
	skipped  []skip
	verdicts []string          // Go's own line for each package
	seeds    map[string]string // of each package's order
}

func newSummary(out io.Writer) *summary {
	return &summary{out: out, output: map[test][]string{}, perPkg: map[string]*counts{}, seeds: map[string]string{}}
}

func (s *summary) read(r io.Reader) error {
	lines := bufio.NewReader(r)
	for {
		line, err := lines.ReadBytes('\n')
		if len(line) > 0 {
			var e event
			if json.Unmarshal(line, &e) == nil {
				s.take(e)
			} else { // not an event: go's own complaint
				_, _ = s.out.Write(line)
			}
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

func (s *summary) take(e event) {
	t := test{e.Package, e.Test}
	switch e.Action {
	case "build-output":
		fmt.Fprint(s.out, e.Output)
	case "output":
		seed, isSeed := strings.CutPrefix(e.Output, "-test.shuffle ")
		switch {
		case e.Test == "" && isSeed:
			s.seeds[e.Package] = strings.TrimSpace(seed)
		case e.Test == "" && isVerdict(e.Output):
			if seed := s.seeds[e.Package]; seed != "" {
				e.Output = strings.TrimSuffix(e.Output, "\n") + "\t-shuffle=" + seed + "\n"
			}
			s.verdicts = append(s.verdicts, e.Output)
		default:
			s.output[t] = append(s.output[t], e.Output)
		}
	case "pass", "fail", "skip":
		if e.Test == "" {
			s.packageDone(e)
		} else {
			s.testDone(e)
		}
	}
}

func (s *summary) testDone(e event) {
	t := test{e.Package, e.Test}
	c := s.perPkg[e.Package]
	if c == nil {
		c = &counts{}
		s.perPkg[e.Package] = c
	}
	switch e.Action {
	case "pass":
		c.passed++
		if strings.Contains(strings.Join(s.output[t], ""), "WARNING: DATA RACE") { // of another's goroutine, and nobody else says it
			s.print(t)
		}
	case "fail":
		c.failed++
		s.print(t)
	case "skip":
		c.skipped++
		s.skipped = append(s.skipped, skip{t, reason(s.output[t])})
	}
	delete(s.output, t)
}

func (s *summary) packageDone(e event) {
	if e.Action == "fail" { // panics, exits, data races and leaks have no test of their own
		for t := range s.output {
			if t.pkg == e.Package {
				s.print(t)
			}
		}
	}
	for t := range s.output {
		if t.pkg == e.Package {
			delete(s.output, t)
		}
	}
	if c := s.perPkg[e.Package]; c != nil {
		fmt.Fprintf(s.out, "# %s: %d passed, %d failed, %d skipped in %.1f s\n",
			e.Package, c.passed, c.failed, c.skipped, e.Elapsed)
	}
}

func (s *summary) print(t test) {
	for _, line := range s.output[t] {
		fmt.Fprint(s.out, line)
	}
}

func (s *summary) finish() {
	fmt.Fprintf(s.out, "\n%d skipped\n", len(s.skipped))
	tests, packages := map[string]int{}, map[string]map[string]bool{} // by reason
	for _, one := range s.skipped {
		why := withoutPlace(one.reason)
		if packages[why] == nil {
			packages[why] = map[string]bool{}
		}
		tests[why]++
		packages[why][one.pkg] = true
	}
	for _, one := range s.skipped {
		switch why := withoutPlace(one.reason); {
		case tests[why] == 0: // told
		case tests[why] >= many:
			fmt.Fprintf(s.out, "    %d tests in %d packages: %s\n", tests[why], len(packages[why]), why)
			delete(tests, why)
		default:
			fmt.Fprintf(s.out, "    %s %s: %s\n", one.pkg, one.name, one.reason)
		}
	}
	fmt.Fprintln(s.out)
	for _, line := range s.verdicts {
		fmt.Fprint(s.out, line)
	}
}

// many is how many tests with one reason are told of in one line.
const many = 10

// place is what Go puts before each thing that a test says.
var place = regexp.MustCompile(`\S+\.go:\d+: `)

// withoutPlace gives the last thing that a test said before it was skipped, without the file and line.
func withoutPlace(reason string) string {
	said := place.Split(reason, -1)
	return said[len(said)-1]
}

// isVerdict tells Go's line on a package from what its tests printed.
func isVerdict(line string) bool {
	return strings.HasPrefix(line, "ok  \t") || strings.HasPrefix(line, "FAIL\t") || strings.HasPrefix(line, "?   \t")
}

// reason gives what a skipped test said, without the framing.
func reason(lines []string) string {
	var said []string
	for _, line := range lines {
		line = strings.TrimSpace(line)
		if line == "" || strings.HasPrefix(line, "=== ") || strings.HasPrefix(line, "--- ") {
			continue
		}
		said = append(said, line)
	}
	if len(said) == 0 {
		return "no reason given"
	}
	return strings.Join(said, " ")
}
