package examples

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"sigs.k8s.io/yaml"

	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const component = "../../templates/seed.yml"

// gitlabInput is how a component declares an input (https://docs.gitlab.com/ci/inputs/).
type gitlabInput struct {
	Description string   `json:"description"`
	Default     *string  `json:"default"`
	Type        string   `json:"type"`
	Options     []string `json:"options"`
	Regex       string   `json:"regex"`
}

// include reads the component as GitLab does: a header that declares inputs, and jobs into which they are written.
func include(t *testing.T, text string, given map[string]string) map[string]gitlabJob {
	t.Helper()
	head, body, found := strings.Cut(text, "\n---\n")
	if !found {
		t.Fatal("the component has no header")
	}
	var header struct {
		Spec struct {
			Inputs map[string]gitlabInput `json:"inputs"`
		} `json:"spec"`
	}
	if err := yaml.UnmarshalStrict([]byte(head), &header); err != nil {
		t.Fatal(err)
	}
	for name := range given {
		if _, known := header.Spec.Inputs[name]; !known {
			t.Errorf("the component has no input %s", name)
		}
	}
	used := map[string]bool{}
	body = regexp.MustCompile(`\$\[\[ inputs\.([a-z0-9-]+) \]\]`).ReplaceAllStringFunc(body, func(place string) string {
		name := strings.TrimSuffix(strings.TrimPrefix(place, "$[[ inputs."), " ]]")
		used[name] = true
		input, known := header.Spec.Inputs[name]
		value, set := given[name]
		switch {
		case !known:
			t.Errorf("%s is not declared", place)
		case set:
			return value
		case input.Default == nil:
			t.Errorf("%s has no default and is not given", name)
		default:
			return *input.Default
		}
		return ""
	})
	if strings.Contains(body, "$[[") {
		t.Error("not every input is replaced")
	}
	for name, input := range header.Spec.Inputs {
		if !used[name] || input.Description == "" {
			t.Errorf("input %s is not used, or says nothing of itself", name)
		}
	}
	var jobs map[string]gitlabJob
	if err := yaml.UnmarshalStrict([]byte(body), &jobs); err != nil {
		t.Fatal(err)
	}
	return jobs
}

// TestComponent holds the component and the example that includes it to the keywords, to our settings and our exit codes.
func TestComponent(t *testing.T) {
	t.Parallel()
	var example struct {
		Include []struct {
			Remote string            `json:"remote"`
			Inputs map[string]string `json:"inputs"`
		} `json:"include"`
		Test gitlabJob `json:"test"`
	}
	if err := yaml.UnmarshalStrict(read(t, folder+"/gitlab-ci-component.yml"), &example); err != nil {
		t.Fatal(err)
	}
	if len(example.Include) != 1 || !strings.HasSuffix(example.Include[0].Remote, "/templates/seed.yml") {
		t.Fatalf("it includes %+v", example.Include)
	}
	jobs := include(t, string(read(t, component)), example.Include[0].Inputs)
	base, found := jobs[example.Test.Extends]
	if !found || len(jobs) != 1 || len(base.BeforeScript) == 0 || len(example.Test.BeforeScript) > 0 {
		t.Fatalf("the example extends %q of %d jobs", example.Test.Extends, len(jobs))
	}
	if !slices.Equal(base.Retry.ExitCodes, []problem.Code{problem.Timeout, problem.Database}) {
		t.Errorf("tried again after %v", base.Retry.ExitCodes)
	}
	environ := []string{"FABRICATE_API_KEY=k"}
	for _, variables := range []map[string]string{base.Variables, example.Test.Variables} {
		for name, value := range variables {
			environ = append(environ, name+"="+value)
		}
	}
	environ = slices.DeleteFunc(environ, func(v string) bool { return strings.HasPrefix(v, "FABRICATE_BEFORE=") }) // a file of the user's
	settings(t, environ)
	if !slices.Contains(example.Test.Script, "fabricate-seed") {
		t.Error("the example does not call the program")
	}

	alone := include(t, string(read(t, component)), map[string]string{"job": "seed", "arguments": "--format csv"})["seed"]
	if len(alone.Script) != 1 {
		t.Fatalf("it runs %q", alone.Script)
	}
	if _, err := config.Parse(strings.Fields(alone.Script[0])[1:], environ); err != nil {
		t.Error(err)
	}
}

// TestComponentsScript runs what the component runs, with a server in the place of the release: the binary that the commit names,
// and no other.
func TestComponentsScript(t *testing.T) {
	t.Parallel()
	for _, program := range []string{"sh", "wget", "sha256sum", "awk"} {
		if _, err := exec.LookPath(program); err != nil || runtime.GOOS != "linux" {
			t.Skipf("no %s here", program)
		}
	}
	const binary = "#!/bin/sh\necho \"ran with $* in $FABRICATE_WORKSPACE\"\nexit 6\n"
	digest := sha256.Sum256([]byte(binary))
	var sums strings.Builder
	for _, arch := range []string{"amd64", "arm64"} {
		fmt.Fprintf(&sums, "%s  fabricate-seed-linux-%s\n", hex.EncodeToString(digest[:]), arch)
	}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch r.URL.Path {
		case "/v1.2.3/fabricate-seed-linux-" + runtime.GOARCH:
			_, _ = w.Write([]byte(binary))
		case "/changed/v1.2.3/fabricate-seed-linux-" + runtime.GOARCH:
			_, _ = w.Write([]byte("#!/bin/sh\necho changed\n"))
		default:
			w.WriteHeader(http.StatusNotFound)
		}
	}))
	t.Cleanup(server.Close)

	dir := t.TempDir()
	released := filepath.Join(dir, "seed.yml")
	for path, text := range map[string]string{filepath.Join(dir, "checksums.txt"): sums.String(), released: string(read(t, component))} {
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if said, err := exec.CommandContext(t.Context(), "../../release/component.sh", "v1.2.3", dir, released).CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	for _, test := range []struct {
		name, file, releases string
		code                 int
		said                 string
	}{
		{"released", released, server.URL, 6, "ran with --format csv in a shop"},
		{"changed", released, server.URL + "/changed", 5, "is not the binary that this commit of the component names; nothing was run"},
		{"gone", released, server.URL + "/gone", 5, "cannot be fetched"},
		{"of no release", component, server.URL, 2, "belongs to no release"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			job := include(t, string(read(t, test.file)), map[string]string{
				"job": "seed", "arguments": "--format csv", "workspace": "a shop", "releases": test.releases,
			})["seed"]
			cmd := exec.CommandContext(t.Context(), "sh", "-e", "-c", strings.Join(append(job.BeforeScript, job.Script...), "\n"))
			cmd.Env = []string{"PATH=" + os.Getenv("PATH"), "TMPDIR=" + t.TempDir()}
			for name, value := range job.Variables {
				cmd.Env = append(cmd.Env, name+"="+value)
			}
			said, _ := cmd.CombinedOutput()
			if code := cmd.ProcessState.ExitCode(); code != test.code || !strings.Contains(string(said), test.said) || strings.Contains(string(said), "changed\n") {
				t.Errorf("exit code %d, said:\n%s", code, said)
			}
		})
	}
}

func read(t *testing.T, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}
