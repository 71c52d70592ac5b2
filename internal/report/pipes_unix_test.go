//go:build unix

package report

import (
	"strings"
	"syscall"
	"testing"
)

func TestPipesAreNotWaitedFor(t *testing.T) {
	t.Parallel()
	s := newStage(t, staging{github: true})
	for _, variable := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		if err := syscall.Mkfifo(s.env[variable], 0o600); err != nil {
			t.Fatal(err)
		}
	}
	s.Finish(Outcome{Headline: "loaded"}, nil)
	for _, want := range []string{
		"the outputs could not be written: GITHUB_OUTPUT names a pipe and no file",
		"the job summary could not be written: GITHUB_STEP_SUMMARY names a pipe and no file",
	} {
		if !strings.Contains(s.stdout.String(), want) {
			t.Errorf("no %q in %q", want, s.stdout.String())
		}
	}
}
