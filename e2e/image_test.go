//go:build e2e

package e2e

import (
	"crypto/sha256"
	"debug/buildinfo"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v4"
	"golang.org/x/sync/errgroup"
)

// image uses the image by docker run, outside any workflow, as a release has it.
func (w *world) image(t *testing.T) {
	service := w.withTables(t, "plain")
	// Everything is in the environment, which Docker takes from a file. No privileges, and a user that nobody knows.
	env := filepath.Join(t.TempDir(), "env")
	if err := os.WriteFile(env, []byte("FABRICATE_API_URL=http://"+w.api+"/api/v1\nFABRICATE_API_KEY="+apiKey+
		"\nFABRICATE_WORKSPACE=shop\nFABRICATE_DATABASE=shop\nFABRICATE_POLL_INTERVAL=100ms\nDATABASE_URL="+service+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	run := func(options string) string {
		return `docker run ` + options + ` --user 12345:23456 --cap-drop ALL --security-opt no-new-privileges --env-file ` + env + ` ` + releaseImage
	}

	t.Run("size, labels and start", func(t *testing.T) {
		var image []struct {
			Size   int64
			Config struct {
				Labels map[string]string
				User   string
			}
		}
		decode(t, shell(t, ".", `docker image inspect "$1"`, releaseImage), &image)
		if size := image[0].Size; size > 20_000_000 {
			t.Errorf("%d bytes", size)
		}
		for _, label := range []string{"title", "description", "source", "licenses", "version", "revision"} {
			if image[0].Config.Labels["org.opencontainers.image."+label] == "" {
				t.Errorf("no label %s in %v", label, image[0].Config.Labels)
			}
		}
		var took []time.Duration
		for range 5 {
			start := time.Now()
			shell(t, ".", `docker run --rm "$1" version`, releaseImage)
			took = append(took, time.Since(start))
		}
		slices.Sort(took)
		fmt.Printf("image: %.1f MB; from docker run to its end, the middle one of five: %d ms\n", float64(image[0].Size)/1e6, took[2].Milliseconds())
	})

	t.Run("any user", func(t *testing.T) {
		wantRows(t, shell(t, ".", run("--rm")+` --output=json`))
	})

	t.Run("read-only root", func(t *testing.T) {
		wantRows(t, shell(t, ".", run("--rm --read-only --tmpfs /tmp")+` --output=json`))
	})

	t.Run("read-only root without a temporary folder", func(t *testing.T) {
		out, _ := output(run("--rm --read-only") + ` 2>&1 || echo "exit $?"`)
		contains(t, "log", out, []string{"no temporary folder can be made", "mount one at /tmp", "exit 5"})
		// What is here already needs none.
		data := t.TempDir()
		write(t, filepath.Join(data, "load.sql"), "INSERT INTO categories (name, slug) VALUES ('x', 'from-a-folder');\n")
		wantRows(t, shell(t, ".", `chmod -R a+rX "$1"; `+strings.Replace(run(`--rm --read-only -v "$1:/data:ro"`), "--env-file "+env, `-e DATABASE_URL="$2"`, 1)+
			` load /data --output=json`, data, service))
	})

	t.Run("docker stop", func(t *testing.T) {
		before := w.psql(t, "plain", "SELECT count(*), max(id) FROM users")
		shell(t, w.source, `docker run --rm -i --network host fabricate-seed-e2e/runner psql -qX -v ON_ERROR_STOP=1 "$1" <e2e/data/endless.sql`, service)
		id := shell(t, ".", run("-d --read-only --tmpfs /tmp"))
		defer func() { shell(t, ".", `docker rm -f "$1"`, id) }()
		const ours = " FROM pg_stat_activity WHERE application_name = 'fabricate-seed' AND datname = 'plain'"
		wait(t, "the load", func() bool { return w.psql(t, "plain", "SELECT max(wait_event)"+ours) == "PgSleep" })
		// Secrets are in the environment alone, not where every user of the machine sees them.
		seen := shell(t, ".", `docker inspect "$1" --format '{{json .Path}} {{json .Args}} {{json .Config.Cmd}} {{json .Config.Labels}}'
			docker top "$1" -eo pid,args; cat /proc/*/cmdline 2>/dev/null | tr '\0' ' ' || true`, id)
		start := time.Now()
		shell(t, ".", `docker stop "$1"`, id)
		took := time.Since(start)
		code := shell(t, ".", `docker inspect "$1" --format '{{.State.ExitCode}}'`, id)
		log := shell(t, ".", `docker logs "$1" 2>&1`, id)
		fmt.Printf("docker stop in mid-load: exit code %s after %d ms\n", code, took.Milliseconds())
		if code != "130" || took > 8*time.Second {
			t.Errorf("exit code %s after %s", code, took)
		}
		contains(t, "log", log, []string{"interrupted while loading", "The database is as it was"})
		if after := w.psql(t, "plain", "SELECT count(*), max(id) FROM users"); after != before {
			t.Errorf("users were %s and are %s", before, after)
		}
		wait(t, "its sessions to end", func() bool { return w.psql(t, "plain", "SELECT count(*)"+ours) == "0" })
		for _, secret := range []string{apiKey, password} {
			if strings.Contains(seen+log, secret) {
				t.Errorf("the secret %q can be seen from outside", secret)
			}
		}
	})

	t.Run("a database made, cloned and dropped", func(t *testing.T) {
		ours := func(arguments string) string {
			return shell(t, w.user, `chmod -R a+rX .; `+strings.Replace(run(`--rm --read-only --tmpfs /tmp -v "$PWD:/work:ro" -w /work`), releaseImage,
				`-e DATABASE_URL="$1" `+releaseImage, 1)+" "+arguments+" --output=json", w.url("made"))
		}
		for range 2 { // the second one is as a refresh: older clones are replaced
			wantRows(t, ours("--create-database --before=db --clones=4"))
			for _, name := range []string{"made", "made_1", "made_2", "made_3", "made_4"} {
				if users := w.psql(t, name, "SELECT count(*) > 0 FROM users"); users != "t" {
					t.Errorf("users in %s: %s", name, users)
				}
			}
		}
		ours("drop")
		if left := w.psql(t, "postgres", "SELECT count(*) FROM pg_database WHERE datname LIKE 'made%'"); left != "0" {
			t.Errorf("databases left: %s", left)
		}
	})

	t.Run("many databases at once", w.manyAtOnce)

	t.Run("reproducible", w.reproducible)
}

// manyAtOnce runs each index of the example's Indexed Job as a container, all at once, against one server.
func (w *world) manyAtOnce(t *testing.T) {
	var job struct {
		Spec struct {
			Completions int `yaml:"completions"`
			Template    struct {
				Spec struct {
					Containers []struct {
						Env []struct {
							Name  string `yaml:"name"`
							Value string `yaml:"value"`
						} `yaml:"env"`
					} `yaml:"containers"`
				} `yaml:"spec"`
			} `yaml:"template"`
		} `yaml:"spec"`
	}
	_, document, found := strings.Cut(fileText(t, filepath.Join(w.root, "examples/kubernetes/indexed.yaml")), "\n---\n")
	if err := yaml.Unmarshal([]byte(document), &job); err != nil || !found || job.Spec.Completions < 50 {
		t.Fatalf("%d completions, %v", job.Spec.Completions, err)
	}
	archive := t.TempDir()
	shell(t, ".", `docker run --rm --user "$(id -u)" -v "$1:/archive" -e FABRICATE_API_URL="$2" -e FABRICATE_API_KEY="$3" "$4" \
		--workspace shop --database shop --load false --data-dir /archive/export; chmod -R a+rX "$1"`,
		archive, "http://"+w.api+"/api/v1", apiKey, releaseImage)
	w.withTables(t, "tenant_schema")

	start := time.Now()
	var group errgroup.Group
	for index := range job.Spec.Completions {
		args := []string{"run", "--rm", "--read-only", "--tmpfs", "/tmp", "--user", "65532", "--memory", "128m", "-v", archive + ":/archive:ro"}
		known := strings.NewReplacer("$(INDEX)", strconv.Itoa(index))
		for _, variable := range job.Spec.Template.Spec.Containers[0].Env {
			value := known.Replace(variable.Value)
			switch variable.Name {
			case "INDEX":
				continue
			case "PGPASSWORD":
				value = password
			case "DATABASE_URL": // the server of this test, which has no TLS
				value = strings.NewReplacer("app@postgres:5432", "postgres@"+w.database, "sslmode=require", "sslmode=disable").Replace(value)
			}
			args = append(args, "-e", variable.Name+"="+value)
		}
		group.Go(func() error {
			out, err := exec.Command("docker", append(args, releaseImage)...).CombinedOutput()
			if err != nil {
				return fmt.Errorf("index %d: %w\n%s", index, err, out)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	fmt.Printf("%d containers at once: %.1f s\n", job.Spec.Completions, time.Since(start).Seconds())
	all := shell(t, ".", `docker run --rm --network host fabricate-seed-e2e/runner bash -ec 'for i in $(seq 0 "$1"); do psql -AtX "$0$i" -c "$2"; done' "$@"`,
		w.url("tenant_"), strconv.Itoa(job.Spec.Completions-1),
		"SELECT concat_ws(' ', (SELECT count(*) FROM users), (SELECT count(*) FROM orders), (SELECT sum(id) FROM orders))")
	rows := strings.Split(all, "\n")
	if len(rows) != job.Spec.Completions {
		t.Errorf("%d databases answer", len(rows))
	}
	for index, got := range rows {
		if got != rows[0] || strings.HasPrefix(got, "0 ") {
			t.Errorf("index %d has %s, and the first %s", index, got, rows[0])
		}
	}
}

func fileText(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// reproducible builds the binary in two folders and the image twice, and compares.
func (w *world) reproducible(t *testing.T) {
	again := t.TempDir()
	shell(t, w.source, `mkdir -p "$1/other" && cp -a . "$1/other/folder"
		i=0
		for from in . "$1/other/folder"; do
			"$from/release/build.sh" v1.0.0 "$1/dist$((++i))" linux/"$2"
		done`, again, runtime.GOARCH)
	name := "fabricate-seed-linux-" + runtime.GOARCH
	if a, b := sum(t, filepath.Join(again, "dist1", name)), sum(t, filepath.Join(again, "dist2", name)); a != b {
		t.Errorf("the same source in two folders makes binaries with SHA-256 %s and %s", a, b)
	}

	var layers []string
	for range 2 {
		// The engine may keep no layer of the build before, or this would show nothing.
		id := shell(t, ".", `DOCKER_BUILDKIT=0 docker build -q --no-cache --build-arg TARGETARCH="$1" -f "$2/release/Dockerfile" "$3" 2>/dev/null`,
			runtime.GOARCH, w.source, os.Getenv("E2E_CONTEXT"))
		layers = append(layers, shell(t, ".", `docker image inspect "$1" --format '{{.RootFS.Layers}}'`, id))
		shell(t, ".", `docker rmi -f "$1"`, id)
	}
	if layers[0] != layers[1] {
		t.Errorf("the same files make images with layers %s and %s", layers[0], layers[1])
	}
	fmt.Printf("the same binary from two folders, the same layer from two builds: %s\n", layers[0])

	// The Dockerfile compiles the same source with the toolchain of its own image: where that is this one, the bytes are the same.
	inImage, here := filepath.Join(again, "in-image"), filepath.Join(again, "here")
	if !w.built {
		t.Skip("no workflow was run that builds the Dockerfile; the rest is the same")
	}
	shell(t, w.source, `id=$(docker create act-dockeraction)
		docker cp "$id:/fabricate-seed" "$1" >/dev/null
		docker rm "$id" >/dev/null
		CGO_ENABLED=0 GOFLAGS= go build -trimpath -buildvcs=false -ldflags "-s -w -buildid= -X main.version=" -o "$2" .`, inImage, here)
	theirs, err := buildinfo.ReadFile(inImage)
	if err != nil {
		t.Fatal(err)
	}
	if theirs.GoVersion != runtime.Version() {
		t.Skipf("the image was built with %s, and here is %s", theirs.GoVersion, runtime.Version())
	}
	if a, b := sum(t, inImage), sum(t, here); a != b {
		t.Errorf("the binary of the Dockerfile has SHA-256 %s, the same source here makes %s", a, b)
	}
}

func sum(t *testing.T, path string) string {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("%x", sha256.Sum256(data))
}

func decode(t *testing.T, text string, into any) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), into); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

// wantRows wants the JSON line of a run that loaded rows.
func wantRows(t *testing.T, line string) {
	t.Helper()
	var result struct {
		Rows     int64 `json:"rows"`
		ExitCode int   `json:"exit-code"`
	}
	decode(t, line, &result)
	if result.Rows == 0 || result.ExitCode != 0 {
		t.Error("got " + line + " with " + strconv.FormatInt(result.Rows, 10) + " rows")
	}
}
