//go:build e2e

// Package e2e runs this repository's workflows and examples under act and looks at what came of them: the outcome, the
// action's outputs, the job summary, the log, and, through the workflows' own psql steps, the database.
//
// It is started by run.sh, which makes the images and says in the environment where things are.
package e2e

import (
	"crypto/rand"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// apiKey is what the simulator takes, password what the databases take. They may appear nowhere in what a run says.
const (
	apiKey   = simulator.DefaultKey
	password = "pg-s3cret"

	// releaseImage is the image that run.sh makes as a release does.
	releaseImage = "ghcr.io/fabricate-seed/fabricate-seed:1"
)

// scenario is one workflow, and what is to come of it.
type scenario struct {
	name      string
	workflow  string          // file, from the repository's root
	event     string          // "" means push
	payload   string          // the event's JSON; "" means none
	asUser    bool            // run in a user's repository, which has the action from ours as fabricate-seed@v1
	noSecrets bool            // as for a pull request from a fork
	onHost    bool            // the job runs on this machine itself, which is given no Docker
	fails     bool            // the run is to fail
	steps     map[string]step // by id
	log       []string        // texts in the log: what the workflow's own steps found in the database
	during    func(t *testing.T, w *world, cancel func())
	after     func(t *testing.T, w *world, r result)
}

// step is what is to come of one step with the action.
type step struct {
	exit     int               // exit code; what is not 0 is told in one annotation and in the summary
	outputs  map[string]string // patterns that match the whole value
	error    []string          // texts in that annotation
	warnings []string          // texts, each in exactly one warning
	summary  []string          // texts
	silent   bool              // the program itself never ran: no summary
}

// Test is everything, in one world: it takes longer to make than most of what happens in it.
func Test(t *testing.T) {
	w := newWorld(t)
	t.Run("workflow", w.workflows)
	t.Run("image", w.image)
	t.Run("https", w.https)
	t.Run("compose", w.compose)
}

func (w *world) workflows(t *testing.T) {
	for _, s := range append(scenarios(), native()...) {
		t.Run(s.name, func(t *testing.T) { // one after the other: they publish the same port
			r := w.run(t, s)
			w.built = w.built || !s.asUser
			if r.failed != s.fails {
				t.Errorf("failed: %v, want %v", r.failed, s.fails)
			}
			contains(t, "log", r.log, s.log)
			action := filepath.Join(w.source, "action.yml")
			if strings.Contains(s.name, "native") {
				action = filepath.Join(w.released, "native", "action.yml")
			}
			for id, want := range s.steps {
				check(t, id, r.steps[id], want)
				if want.outputs != nil {
					declared(t, id, r.steps[id], action)
				}
			}
			for id, got := range r.steps {
				for _, secret := range []string{apiKey, password} {
					if s.steps[id].outputs != nil && strings.Contains(got.said, secret) {
						t.Errorf("step %s told the secret %q", id, secret)
					}
				}
			}
			if s.after != nil {
				s.after(t, w, r)
			}
			if t.Failed() {
				t.Logf("the whole log:\n%s", r.log)
				keepEnd(t, r.log)
			}
		})
	}
}

// keepEnd adds the end of a workflow's log to what run.sh prints last.
func keepEnd(t *testing.T, log string) {
	t.Helper()
	lines := slices.Collect(strings.Lines(log))
	f, err := os.OpenFile(os.Getenv("E2E_FAILED"), os.O_APPEND|os.O_CREATE|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	if _, err := f.WriteString("--- " + t.Name() + "\n" + strings.Join(lines[max(0, len(lines)-15):], "")); err != nil {
		t.Error(err)
	}
}

func check(t *testing.T, id string, got *outcome, want step) {
	t.Helper()
	if got == nil {
		t.Errorf("step %s did not run", id)
		return
	}
	for name, pattern := range want.outputs {
		if value := got.outputs[name]; !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(value) {
			t.Errorf("step %s: output %s: %q does not match %s", id, name, value, pattern)
		}
	}
	contains(t, "summary of step "+id, got.summary, want.summary)
	for _, text := range want.warnings {
		if n := strings.Count(strings.Join(got.warnings, "\n"), text); n != 1 {
			t.Errorf("step %s: %d warnings with %q in %q", id, n, text, got.warnings)
		}
	}
	if want.exit == 0 {
		if got.result != "success" || len(got.errors) > 0 {
			t.Errorf("step %s: %s, errors %q", id, got.result, got.errors)
		}
		contains(t, "summary of step "+id, got.summary, []string{"### ✅ "}[:min(1, max(0, 1-len(got.warnings)))])
		return
	}
	if got.result != "failure" || got.exit != 0 && got.exit != want.exit {
		t.Errorf("step %s: %s, exit code %d", id, got.result, got.exit)
	}
	if !want.silent {
		contains(t, "summary of step "+id, got.summary, []string{"### ❌ Failed"})
	}
	if len(got.errors) != 1 {
		t.Errorf("step %s: %d error annotations, want 1: %q", id, len(got.errors), got.errors)
	}
	contains(t, "annotation of step "+id, strings.Join(got.errors, "\n"), want.error)
}

// declared wants a step to have set the outputs that its action.yml declares, all of them and no others: users and their editors know
// them from there.
func declared(t *testing.T, id string, got *outcome, action string) {
	t.Helper()
	var file struct {
		Outputs map[string]any `yaml:"outputs"`
	}
	if err := yaml.Unmarshal([]byte(fileText(t, action)), &file); err != nil {
		t.Fatal(err)
	}
	if got == nil {
		return
	}
	names, set := slices.Sorted(maps.Keys(file.Outputs)), slices.Sorted(maps.Keys(got.outputs))
	if !slices.Equal(names, set) {
		t.Errorf("step %s: action.yml declares the outputs %q, and set are %q", id, names, set)
	}
}

func contains(t *testing.T, what, text string, wanted []string) {
	t.Helper()
	for _, s := range wanted {
		if !strings.Contains(text, s) {
			t.Errorf("the %s lacks %q", what, s)
		}
	}
}

// world is what is there besides the workflows: the servers that jobs reach over the network, and a user's repository.
type world struct {
	root      string // of this repository
	source    string // a copy of what is in this repository, without what was built
	released  string // the same with action.yml as a release has it: pointing at an image
	user      string // a user's repository
	database  string // address of a database server, host:port
	api       string // address of a simulator, host:port
	releases  string // address of what stands in for a release's files
	secureAPI string // the same over https
	authority string // PEM: who certified that one
	cache     string // name of this test's part of the volume that stands in for GitHub's cache
	task      string // that made what is in there
	built     bool   // a workflow of ours was run, and with it the Dockerfile's image built
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{root: root, source: t.TempDir(), released: t.TempDir(), user: t.TempDir(), cache: rand.Text()}
	shell(t, root, `git ls-files -co --exclude-standard -z | tar -c --null -T - | tar -x -C "$1"`, w.source)
	shell(t, root, `cp action.yml "$1" && release/point.sh "$1/action.yml" "$2"`, w.released, releaseImage)
	shell(t, w.user, `git init -q . && mkdir db seed && cp "$1" db/schema.sql && cp "$2" seed && git add . &&
		git -c user.name=user -c user.email=user@example.org commit -qm 'A schema'`,
		filepath.Join(root, "internal/simulator/shop/schema.sql"), filepath.Join(root, "examples/refresh-views.sql"))
	w.addNative(t)
	// On a volume, as of the official image, and with the connections that docs/scale.md wants for fifty runs at once.
	w.database = serve(t, "5432", "-e", "POSTGRES_PASSWORD="+password, "-v", "/var/lib/postgresql/data", "postgres:17", "postgres", "-c", "max_connections=200")
	w.api = serve(t, "8080", "fabricate-seed-e2e/simulator")
	folder, authority := secrets(t)
	w.authority = authority
	w.secureAPI = serve(t, "8080", "-v", folder+":/tls:ro", "-e", "SIMULATOR_CERTIFICATE=/tls/certificate", "-e", "SIMULATOR_PRIVATE_KEY=/tls/key",
		"fabricate-seed-e2e/simulator")
	wait(t, "the database server", func() bool {
		_, err := output(`docker run --rm --network host fabricate-seed-e2e/runner pg_isready -q -d "$1"`, "postgresql://"+w.database)
		return err == nil
	})
	return w
}

// serve starts a container that every job can reach, by a port that is published on the gateway of the engine's default
// network, and gives its address.
func serve(t *testing.T, port string, args ...string) string {
	t.Helper()
	id := shell(t, ".", `docker run -d --rm -p "$@"`, append([]string{gateway(t) + "::" + port}, args...)...)
	t.Cleanup(func() { shell(t, ".", `docker rm -f "$1"`, id) })
	return shell(t, ".", `docker port "$1" "$2" | head -n 1`, id, port)
}

// gateway is the address of this machine on the engine's default network.
func gateway(t *testing.T) string {
	t.Helper()
	if address := shell(t, ".", `docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}'`); address != "" {
		return address
	}
	return "172.17.0.1" // an engine which leaves the default to the kernel
}

// url is where a database of the server is, for whoever may do everything.
func (w *world) url(database string) string {
	return "postgresql://postgres:" + password + "@" + w.database + "/" + database
}

// withTables makes a database with the user's tables, and gives its URL.
func (w *world) withTables(t *testing.T, database string) (url string) {
	t.Helper()
	w.psql(t, "postgres", "CREATE DATABASE "+database)
	url = w.url(database)
	shell(t, w.user, `docker run --rm -i --network host fabricate-seed-e2e/runner psql -qX -v ON_ERROR_STOP=1 "$1" <db/schema.sql`, url)
	return url
}

// psql gives what a query answers on the database server.
func (w *world) psql(t *testing.T, database, query string) string {
	t.Helper()
	return shell(t, ".", `docker run --rm --network host fabricate-seed-e2e/runner psql -AtX "$1" -c "$2"`, w.url(database), query)
}

// shell runs a script and gives its standard output without the last newline. The script's arguments are $1 and so on.
func shell(t *testing.T, dir, script string, args ...string) string {
	t.Helper()
	cmd := bash(script, args...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v\n%s", script, err, out)
	}
	return strings.TrimRight(string(out), "\n")
}

// output is shell for what may fail.
func output(script string, args ...string) (string, error) {
	out, err := bash(script, args...).Output()
	return strings.TrimRight(string(out), "\n"), err
}

func bash(script string, args ...string) *exec.Cmd {
	return exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "shell"}, args...)...)
}

// patience is for what a workflow comes to within seconds, after minutes where the image of the action is built first.
const patience = 5 * time.Minute

// wait waits until something is so.
func wait(t *testing.T, what string, isSo func() bool) {
	t.Helper()
	for deadline := time.Now().Add(patience); !isSo(); time.Sleep(200 * time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatalf("waited %s for %s", patience, what)
		}
	}
}
