// Package leaks runs a package's tests and looks at what they leave behind: goroutines, open files and connections,
// processes, temporary files. It is for TestMain:
//
//	func TestMain(m *testing.M) { leaks.Main(m) }
//
// What is left in a PostgreSQL server, and servers themselves, pgtest looks for: leaks.Main(pgtest.Tests{M: m}).
package leaks

import (
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"go.uber.org/goleak"
)

// patience is how long what is on its way out may take: a socket that is being closed, a process that was killed.
const patience = 3 * time.Second

// Runner is a *testing.M, or what runs one.
type Runner interface{ Run() int }

// Tests is a package's tests, for those who call Run on a *testing.M themselves, as testscript does.
type Tests struct{ M Runner }

// Main runs a package's tests and ends the process with the exit code of Run.
func Main(m Runner) { os.Exit(Tests{M: m}.Run()) }

// Run runs a package's tests in a temporary folder of their own, and gives the exit code: that of the tests, or 1 when they
// passed and left something behind, which is then said on standard error.
func (t Tests) Run() int {
	temp, err := makeTemp()
	if err != nil {
		return say(err)
	}
	defer func() { _ = os.RemoveAll(temp) }()
	open := openFiles()
	code := t.M.Run()
	if code != 0 || fuzzing() { // what failed may leave something, and so may a fuzzing process that is killed for its time is up
		return code
	}
	if err := goleak.Find(); err != nil {
		code = say(err)
	}
	for _, one := range []struct {
		what string
		find func() []string
	}{
		{"open files or connections", func() []string { return missing(open, openFiles()) }},
		{"processes", children},
		{"temporary files", func() []string { found, _ := filepath.Glob(filepath.Join(temp, "*")); return found }},
	} {
		if left := lasting(one.find); len(left) > 0 {
			code = say(fmt.Errorf("the tests left %s behind: %q", one.what, left))
		}
	}
	return code
}

func say(err error) int {
	fmt.Fprintln(os.Stderr, err)
	return 1
}

// makeTemp makes a folder and has it be the one for temporary files. Every user may write there, as to /tmp: servers that refuse
// to run as root do so too.
func makeTemp() (string, error) {
	dir, err := os.MkdirTemp("", "tests-") // short, as a Unix socket's path has to be
	if err != nil {
		return "", err
	}
	if err := os.Chmod(dir, 0o777|os.ModeSticky); err != nil {
		return "", err
	}
	return dir, os.Setenv("TMPDIR", dir)
}

// fuzzing tells whether go test -fuzz runs, and not only the seeds.
func fuzzing() bool {
	f := flag.Lookup("test.fuzz")
	return f != nil && f.Value.String() != ""
}

// lasting gives what is still found when what goes by itself is gone.
func lasting(find func() []string) []string {
	for end := time.Now().Add(patience); ; time.Sleep(10 * time.Millisecond) {
		if found := find(); len(found) == 0 || time.Now().After(end) {
			return found
		}
	}
}

// missing gives what is in now but not in before.
func missing(before, now []string) []string {
	return slices.DeleteFunc(now, func(s string) bool { return slices.Contains(before, s) })
}
