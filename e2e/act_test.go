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
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// limit is for one workflow. The first one builds the action's image, which the engine keeps; all else takes seconds.
const limit = 8 * time.Minute

// result is what came of one workflow.
type result struct {
	failed bool
	steps  map[string]*outcome // by the steps' ids
	log    string              // act's messages and the steps' output
}

// outcome is what came of one step.
type outcome struct {
	result   string // "success" or "failure", of the last job that has it
	exit     int    // exit code of the container, if act tells it
	outputs  map[string]string
	errors   []string // annotations
	warnings []string
	summary  string
	said     string // all that the step produced: its output, commands other than add-mask, outputs, summary
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
		"--platform", "ubuntu-latest=" + platform(s),
		"--container-daemon-socket", daemonSocket(s),
		"--insecure-secrets", // act is not to hide what the action lets slip
	}
	if !s.noSecrets {
		args = append(args, "--secret", "FABRICATE_API_KEY="+apiKey)
	}
	dir := w.source
	if s.asUser {
		dir = w.user
		server := "postgresql://postgres:" + password + "@" + w.database
		args = append(args,
			"--env", "FABRICATE_API_URL=http://"+w.api+"/api/v1",
			"--env", "CHANGED_RELEASES="+w.releases+"/changed",
			"--env", "E2E_CACHE="+w.cache,
			"--secret", "PREVIEW_SERVER_URL="+server,
			"--secret", "STAGING_DATABASE_URL="+server+"/staging",
			"--secret", "TENANTS_SERVER_URL="+server,
			"--local-repository", "fabricate-seed/fabricate-seed@v1="+w.released,
		)
		for _, name := range []string{"upload-artifact", "download-artifact"} {
			args = append(args, "--local-repository", pinned(t, filepath.Join(w.root, s.workflow), "actions/"+name)+
				"="+filepath.Join(w.root, "e2e/actions", name))
		}
		cache := strings.Replace(pinned(t, filepath.Join(w.root, s.workflow), "actions/cache/restore"), "/restore@", "@", 1)
		args = append(args, "--local-repository", cache+"="+filepath.Join(w.root, "e2e/actions/cache"))
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
	socket := os.Getenv("E2E_SOCKET")
	if s.onHost {
		socket = filepath.Join(t.TempDir(), "no-docker")
	}
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+socket, "XDG_CONFIG_HOME="+t.TempDir(), "XDG_CACHE_HOME="+t.TempDir())
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) } // as cancelling the workflow; always() steps go on
	cmd.WaitDelay = 30 * time.Second
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := false
	defer func() {
		if !ended { // it is to take its containers away, and their ports, before the next one begins
			cancel()
			_ = cmd.Wait()
		}
	}()
	if s.during != nil {
		s.during(t, w, func() {
			if err := cmd.Process.Signal(os.Interrupt); err != nil {
				t.Error(err)
			}
		})
	}
	err := cmd.Wait()
	ended = true
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("act: %v\n%s", err, out.Bytes())
	}
	if ctx.Err() != nil {
		t.Errorf("not done within %s", limit)
	}
	r := read(out.Bytes())
	r.failed = err != nil
	return r
}

// platform says where a job's steps run.
func platform(s scenario) string {
	if s.onHost {
		return "-self-hosted"
	}
	return "fabricate-seed-e2e/runner"
}

func daemonSocket(s scenario) string {
	if s.onHost {
		return "-" // none
	}
	return "unix://" + os.Getenv("E2E_ENGINE")
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

// exitCode is how act tells a container's.
var exitCode = regexp.MustCompile("exit with `FAILURE`: ([0-9]+)")

// read gathers what is wanted from the lines of `act --json`.
func read(out []byte) result {
	r := result{steps: map[string]*outcome{}}
	var log strings.Builder
	for line := range bytes.Lines(out) {
		var e struct {
			Msg        string
			Command    string
			Name       string // of an output
			Arg        string // value of an output, text of an annotation
			Content    string // of a summary
			StepID     []string
			StepResult string
			Stage      string
			Raw        bool `json:"raw_output"`
		}
		if json.Unmarshal(line, &e) != nil {
			log.Write(line)
			continue
		}
		log.WriteString(strings.TrimRight(e.Msg, "\n") + "\n")
		if len(e.StepID) == 0 {
			continue
		}
		step := r.steps[e.StepID[0]]
		if step == nil {
			step = &outcome{outputs: map[string]string{}}
			r.steps[e.StepID[0]] = step
		}
		if m := exitCode.FindStringSubmatch(e.Msg); m != nil {
			step.exit, _ = strconv.Atoi(m[1])
		}
		if e.StepResult != "" && e.Stage == "Main" {
			step.result = e.StepResult
		}
		switch {
		case e.Command == "add-mask":
		case e.Command == "set-output":
			step.outputs[e.Name] = e.Arg
			step.said += e.Arg + "\n"
		case e.Command == "summary":
			step.summary += e.Content
			step.said += e.Content + "\n"
		case e.Command == "error":
			step.errors = append(step.errors, e.Arg)
			step.said += e.Msg + "\n"
		case e.Command == "warning":
			step.warnings = append(step.warnings, e.Arg)
			step.said += e.Msg + "\n"
		case e.Command != "", e.Raw:
			step.said += e.Msg
		}
	}
	r.log = log.String()
	return r
}
