//go:build e2e

// Package e2e runs this repository's workflows and examples under act and looks at what came of them: the outcome, the
// action's outputs, the job summary, the log, and, through the workflows' own psql steps, the database.
//
// It is started by run.sh, which makes the images and says in the environment where things are.
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
	"strings"
	"testing"
	"time"
)

// apiKey is what the simulator takes. It is told to act as a secret, and may appear nowhere in what a run produces.
const apiKey = "key-0f8fad5b-d9cb-469f-a165"

// limit is for one workflow. The image is built once and cached by the engine; all else takes seconds.
const limit = 5 * time.Minute

type scenario struct {
	name     string
	workflow string   // file, from the repository's root
	event    string   // "" means push
	payload  string   // the event's JSON; "" means none
	args     []string // more for act
	fails    bool     // the job is to fail
	outputs  map[string]string // of the step with id seed: patterns that match the whole value
	summary  []string // texts in the job summary
	log      []string // texts in the log
	absent   []string // texts not in the log, besides the secrets
}

// secrets are the texts that no log, output or summary may have.
func secrets() []string { return []string{apiKey, "pg-s3cret"} }

func TestWorkflows(t *testing.T) {
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) { // one after the other: they publish the same port
			r := runAct(t, s)
			if got := r.job != "success"; got != s.fails {
				t.Errorf("job: %s; to fail: %v", r.job, s.fails)
			}
			for name, pattern := range s.outputs {
				if got, ok := r.outputs[name]; !ok || !regexp.MustCompile(`^(?:`+pattern+`)$`).MatchString(got) {
					t.Errorf("output %s: %q does not match %s", name, got, pattern)
				}
			}
			for _, text := range s.summary {
				if !strings.Contains(r.summary, text) {
					t.Errorf("summary lacks %q:\n%s", text, r.summary)
				}
			}
			for _, text := range s.log {
				if !strings.Contains(r.log, text) {
					t.Errorf("log lacks %q", text)
				}
			}
			for _, text := range s.absent {
				if strings.Contains(r.log, text) {
					t.Errorf("log has %q", text)
				}
			}
			for _, secret := range secrets() {
				if strings.Contains(r.said, secret) {
					t.Errorf("the secret %q was printed", secret)
				}
			}
			if t.Failed() {
				t.Logf("log:\n%s", r.log)
			}
		})
	}
}

// result is what came of one workflow.
type result struct {
	job     string            // "success", "failure"; that of the last job
	outputs map[string]string // of the step with id seed
	summary string            // of all steps
	log     string            // act's messages and the steps' output
	said    string            // what the action itself produced: its output, its outputs, its summary
}

// event is one line of `act --json`.
type event struct {
	Msg       string   `json:"msg"`
	JobResult string   `json:"jobResult"`
	Command   string   `json:"command"`
	Name      string   `json:"name"`
	Arg       string   `json:"arg"`
	Content   string   `json:"content"`
	StepID    []string `json:"stepID"`
	Raw       bool     `json:"raw_output"`
}

func runAct(t *testing.T, s scenario) result {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), limit)
	defer cancel()

	event := s.event
	if event == "" {
		event = "push"
	}
	args := append([]string{
		event, "--workflows", s.workflow, "--json", "--rm", "--pull=false",
		"--platform", "ubuntu-latest=fabricate-seed-e2e/runner",
		"--container-daemon-socket", "unix://" + os.Getenv("E2E_ENGINE"),
		"--insecure-secrets", // act is not to hide what the action lets slip
		"--secret", "FABRICATE_API_KEY=" + apiKey,
		"--no-cache-server",
	}, s.args...)
	if s.payload != "" {
		path := filepath.Join(t.TempDir(), "event.json")
		if err := os.WriteFile(path, []byte(s.payload), 0o600); err != nil {
			t.Fatal(err)
		}
		args = append(args, "--eventpath", path)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(root, "bin/act"), args...)
	cmd.Dir = root
	cmd.Env = append(os.Environ(), "DOCKER_HOST=unix://"+os.Getenv("E2E_SOCKET"), "XDG_CONFIG_HOME="+t.TempDir())
	// SIGINT lets act remove its containers.
	cmd.Cancel = func() error { return cmd.Process.Signal(os.Interrupt) }
	cmd.WaitDelay = 30 * time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatalf("act: %v\n%s", err, out)
	}
	if ctx.Err() != nil {
		t.Errorf("not done within %s", limit)
	}
	return read(out)
}

func read(out []byte) result {
	r := result{outputs: map[string]string{}}
	var log, said strings.Builder
	for line := range bytes.Lines(out) {
		var e event
		if json.Unmarshal(line, &e) != nil {
			log.Write(line)
			continue
		}
		log.WriteString(strings.TrimRight(e.Msg, "\n") + "\n")
		if e.JobResult != "" {
			r.job = e.JobResult
		}
		seed := len(e.StepID) > 0 && e.StepID[0] == "seed"
		switch {
		case e.Command == "set-output" && seed:
			r.outputs[e.Name] = e.Arg
			said.WriteString(e.Arg + "\n")
		case e.Command == "summary":
			r.summary += e.Content
			said.WriteString(e.Content + "\n")
		case e.Raw && seed && !bytes.HasPrefix([]byte(e.Msg), []byte("::add-mask::")):
			said.WriteString(e.Msg)
		}
	}
	r.log, r.said = log.String(), said.String()
	return r
}
