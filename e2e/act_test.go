//go:build e2e

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// limit is for one workflow. The first one builds the action's image, which the engine keeps; all else takes seconds.
const limit = 8 * time.Minute

// result is what came of one workflow.
type result struct {
	failed  bool
	outputs map[string]string // of the step with id seed
	summary string            // of all steps
	log     string            // act's messages and the steps' output
	said    string            // what the action itself produced: its output, its outputs, its summary
}

func (w *world) run(t *testing.T, s scenario) result {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()

	event := s.event
	if event == "" {
		event = "push"
	}
	args := []string{
		event, "--json", "--rm", "--pull=false", "--no-cache-server",
		"--workflows", filepath.Join(w.root, s.workflow),
		"--platform", "ubuntu-latest=fabricate-seed-e2e/runner",
		"--container-daemon-socket", "unix://" + os.Getenv("E2E_ENGINE"),
		"--insecure-secrets", // act is not to hide what the action lets slip
		"--secret", "FABRICATE_API_KEY=" + apiKey,
	}
	dir := w.source
	if s.asUser {
		dir = w.user
		server := "postgresql://postgres:" + password + "@" + w.database
		args = append(args,
			"--env", "FABRICATE_API_URL=http://"+w.api+"/api/v1",
			"--secret", "PREVIEW_SERVER_URL="+server,
			"--secret", "STAGING_DATABASE_URL="+server+"/staging",
			"--local-repository", "fabricate-seed/fabricate-seed@v1="+w.source,
		)
		for _, name := range []string{"upload-artifact", "download-artifact"} {
			args = append(args, "--local-repository", pinned(t, filepath.Join(w.root, s.workflow), "actions/"+name)+
				"="+filepath.Join(w.root, "e2e/actions", name))
		}
	}
	if s.payload != "" {
		path := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(path, []byte(s.payload), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--eventpath", path)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(w.root, "bin/act"), args...)
	cmd.Dir = dir
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+os.Getenv("E2E_SOCKET"), "XDG_CONFIG_HOME="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // then act removes its containers
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("act: %v\n%s", err, out)
	}
	if ctx.Err() != nil {
		t.Errorf("not done within %s", limit)
	}
	r := read(out)
	r.failed = err != nil
	return r
}

// pinned gives an action as the workflow names it, owner/name@commit, or with a commit that no one has.
func pinned(t *testing.T, workflow, action string) string {
	t.Helper()
	text, err := os.ReadFile(workflow)
	if err != nil {
		t.Fatal(err)
	}
	_, commit, found := strings.Cut(string(text), action+"@")
	if !found {
		return action + "@none"
	}
	commit, _, _ = strings.Cut(commit, " ")
	return action + "@" + commit
}

// read gathers what is wanted from the lines of `act --json`.
func read(out []byte) result {
	r := result{outputs: map[string]string{}}
	var log, said strings.Builder
	for line := range bytes.Lines(out) {
		var e struct {
			Msg     string
			Command string
			Name    string // of an output
			Arg     string // value of an output
			Content string // of a summary
			StepID  []string
			Raw     bool `json:"raw_output"`
		}
		if json.Unmarshal(line, &e) != nil {
			log.Write(line)
			continue
		}
		log.WriteString(strings.TrimRight(e.Msg, "\n") + "\n")
		seed := len(e.StepID) > 0 && e.StepID[0] == "seed"
		switch {
		case e.Command == "set-output" && seed:
			r.outputs[e.Name] = e.Arg
			said.WriteString(e.Arg + "\n")
		case e.Command == "summary":
			r.summary += e.Content
			said.WriteString(e.Content + "\n")
		case e.Raw && seed && !strings.HasPrefix(e.Msg, "::add-mask::"):
			said.WriteString(e.Msg)
		}
	}
	r.log, r.said = log.String(), said.String()
	return r
}
