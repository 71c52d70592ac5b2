//go:build e2e

// Package e2e runs this repository's workflows and examples under act and looks at what came of them: the outcome, the
// action's outputs, the job summary, the log, and, through the workflows' own psql steps, the database.
//
// It is started by run.sh, which makes the images and says in the environment where things are.
package e2e

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// apiKey is what the simulator takes, password what the databases take. They may appear nowhere in what a run says.
const (
	apiKey   = simulator.DefaultKey
	password = "pg-s3cret"
)

// scenario is one workflow, and what is to come of it.
type scenario struct {
	name     string
	workflow string            // file, from the repository's root
	event    string            // "" means push
	payload  string            // the event's JSON; "" means none
	asUser   bool              // run in a user's repository, which has the action from ours as fabricate-seed@v1
	fails    bool              // the run is to fail
	outputs  map[string]string // of the step with id seed: patterns that match the whole value
	summary  []string          // texts in the job summary
	log      []string          // texts in the log
	after    func(t *testing.T, w *world)
}

func TestWorkflows(t *testing.T) {
	w := newWorld(t)
	for _, s := range scenarios() {
		t.Run(s.name, func(t *testing.T) { // one after the other: they publish the same port
			r := w.run(t, s)
			if r.failed != s.fails {
				t.Errorf("failed: %v, want %v", r.failed, s.fails)
			}
			for name, pattern := range s.outputs {
				if got := r.outputs[name]; !regexp.MustCompile(`^(?:` + pattern + `)$`).MatchString(got) {
					t.Errorf("output %s: %q does not match %s", name, got, pattern)
				}
			}
			contains(t, "summary", r.summary, s.summary)
			contains(t, "log", r.log, s.log)
			for _, secret := range []string{apiKey, password} {
				if strings.Contains(r.said, secret) {
					t.Errorf("the action printed the secret %q", secret)
				}
			}
			if s.after != nil {
				s.after(t, w)
			}
			if t.Failed() {
				t.Logf("the whole log:\n%s", r.log)
			}
		})
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
	root     string // of this repository
	source   string // a copy of what is in this repository, without what was built
	user     string // a user's repository
	database string // address of a database server, host:port
	api      string // address of a simulator, host:port
}

func newWorld(t *testing.T) *world {
	t.Helper()
	root, err := filepath.Abs("..")
	if err != nil {
		t.Fatal(err)
	}
	w := &world{root: root, source: t.TempDir(), user: t.TempDir()}
	shell(t, root, `git ls-files -co --exclude-standard -z | xargs -0 tar -c | tar -x -C "$1"`, w.source)
	shell(t, w.user, `git init -q . && mkdir db && cp "$1" db/schema.sql && git add . &&
		git -c user.name=user -c user.email=user@example.org commit -qm 'A schema'`,
		filepath.Join(root, "internal/simulator/shop/schema.sql"))
	w.database = serve(t, "5432", "-e", "POSTGRES_PASSWORD="+password, "postgres:17")
	w.api = serve(t, "8080", "fabricate-seed-e2e/simulator")
	return w
}

// serve starts a container that every job can reach, by a port that is published on the gateway of the engine's default
// network, and gives its address.
func serve(t *testing.T, port string, args ...string) string {
	t.Helper()
	gateway := shell(t, ".", `docker network inspect bridge --format '{{(index .IPAM.Config 0).Gateway}}'`)
	if gateway == "" { // an engine which leaves the default to the kernel
		gateway = "172.17.0.1"
	}
	id := shell(t, ".", `docker run -d --rm -p "$@"`, append([]string{gateway + "::" + port}, args...)...)
	t.Cleanup(func() { shell(t, ".", `docker rm -f "$1"`, id) })
	return shell(t, ".", `docker port "$1" "$2" | head -n 1`, id, port)
}

// psql gives what a query answers on the database server.
func (w *world) psql(t *testing.T, database, query string) string {
	t.Helper()
	return shell(t, ".", `docker run --rm --network host fabricate-seed-e2e/runner psql -AtX "$1" -c "$2"`,
		"postgresql://postgres:"+password+"@"+w.database+"/"+database, query)
}

// shell runs a script and gives its standard output without the last newline. The script's arguments are $1 and so on.
func shell(t *testing.T, dir, script string, args ...string) string {
	t.Helper()
	cmd := exec.Command("bash", append([]string{"-euo", "pipefail", "-c", script, "shell"}, args...)...)
	cmd.Dir, cmd.Stderr = dir, os.Stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v", script, err)
	}
	return strings.TrimRight(string(out), "\n")
}
