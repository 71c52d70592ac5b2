// Package native holds the action for runners without Docker. Its program is JavaScript, because that is what every runner
// can start; these tests run it as a runner does: with node, a table of checksums beside it, and a server in the place of
// the release.
package native

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const version = "v1.2.3"

// program is what stands in for the binary: a script that says what it was given. (A shell would drop variables with a
// hyphen in their names, which inputs have.)
const program = `#!/usr/bin/env node
console.log('workspace=' + process.env.INPUT_WORKSPACE);
console.log('INPUT_DATABASE-URL=' + process.env['INPUT_DATABASE-URL']);
process.exitCode = Number(process.env.CODE || 0);
if (process.env.WAIT) {
	const end = () => { console.log('rolled back'); process.exit(130); };
	process.on('SIGINT', end).on('SIGTERM', end);
	setInterval(() => {}, 1000);
	console.log('waiting');
}
`

// step is an action's folder and a runner's tool cache.
type step struct {
	t       *testing.T
	action  string
	tools   string
	temp    string // RUNNER_TEMP
	release string // address or folder
	env     []string
}

func newStep(t *testing.T, release string, binary []byte) *step {
	t.Helper()
	if _, err := exec.LookPath("node"); err != nil {
		t.Skip("no node here, which runs the action")
	}
	if runtime.GOOS == "windows" {
		t.Skip("the program that stands in for the binary is a script")
	}
	// Windows and macOS have blanks in such paths, and people have worse.
	s := &step{t: t, action: filepath.Join(t.TempDir(), "an action, 100% & it's"), tools: filepath.Join(t.TempDir(), "tool cache"), temp: filepath.Join(t.TempDir(), "a temp"), release: release}
	for _, dir := range []string{s.action, s.tools, s.temp} {
		if err := os.Mkdir(dir, 0o700); err != nil {
			t.Fatal(err)
		}
	}
	script, err := os.ReadFile("index.js")
	if err != nil {
		t.Fatal(err)
	}
	s.write("index.js", script)
	digest := sha256.Sum256(binary)
	table, err := json.Marshal(map[string]any{"version": version, "url": release, "files": map[string]string{name(): hex.EncodeToString(digest[:])}})
	if err != nil {
		t.Fatal(err)
	}
	s.write("release.json", table)
	return s
}

// name is what the release calls this machine's binary.
func name() string { return "fabricate-seed-" + runtime.GOOS + "-" + runtime.GOARCH }

func (s *step) write(name string, data []byte) {
	s.t.Helper()
	if err := os.WriteFile(filepath.Join(s.action, name), data, 0o600); err != nil {
		s.t.Fatal(err)
	}
}

func (s *step) command() *exec.Cmd {
	cmd := exec.CommandContext(s.t.Context(), "node", filepath.Join(s.action, "index.js"))
	cmd.Env = append(withoutProxy(os.Environ()), "RUNNER_TOOL_CACHE="+s.tools, "RUNNER_TEMP="+s.temp, "TMPDIR="+s.temp, "INPUT_WORKSPACE=a shop", "INPUT_DATABASE-URL=postgres://x")
	cmd.Env = append(cmd.Env, s.env...)
	return cmd
}

// run gives what the step wrote, and its exit code.
func (s *step) run() (string, int) {
	s.t.Helper()
	cmd := s.command()
	out, _ := cmd.CombinedOutput()
	return string(out), cmd.ProcessState.ExitCode()
}

// cached gives the files in the tool cache.
func (s *step) cached() (files []string) {
	s.t.Helper()
	err := filepath.WalkDir(s.tools, func(path string, entry os.DirEntry, err error) error {
		if err == nil && !entry.IsDir() {
			files = append(files, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		s.t.Fatal(err)
	}
	return files
}

func withoutProxy(environ []string) []string {
	return slices.DeleteFunc(slices.Clone(environ), func(v string) bool {
		name, _, _ := strings.Cut(strings.ToLower(v), "=")
		return name == "http_proxy" || name == "https_proxy" || name == "no_proxy"
	})
}

// server is a release: it answers with what answer gives, and counts.
type server struct {
	*httptest.Server
	mu       sync.Mutex
	requests []string
}

func newServer(t *testing.T, answer func(w http.ResponseWriter, r *http.Request, count int)) *server {
	t.Helper()
	s := &server{}
	s.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		s.mu.Lock()
		s.requests = append(s.requests, r.URL.Path)
		count := len(s.requests)
		s.mu.Unlock()
		answer(w, r, count)
	}))
	t.Cleanup(s.Close)
	return s
}

// asked gives the paths that were asked for.
func (s *server) asked() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *server) count() int { return len(s.asked()) }

func serve(w http.ResponseWriter, _ *http.Request, _ int) { _, _ = io.WriteString(w, program) }

func TestFetchedOnceAndRunWithTheStepsInputs(t *testing.T) {
	t.Parallel()
	release := newServer(t, serve)
	s := newStep(t, release.URL, []byte(program))
	s.env = []string{"CODE=6"}
	for range 2 {
		out, code := s.run()
		if code != 6 || !strings.Contains(out, "workspace=a shop\n") || !strings.Contains(out, "INPUT_DATABASE-URL=postgres://x\n") {
			t.Fatalf("exit code %d, said:\n%s", code, out)
		}
	}
	if got := release.asked(); len(got) != 1 || got[0] != "/"+name() {
		t.Errorf("asked for %q, want the binary once", got)
	}
	if got := s.cached(); len(got) != 1 || got[0] != "fabricate-seed" {
		t.Errorf("the tool cache holds %q", got)
	}
}

func TestWhatIsNotTheReleasedBinaryIsNeverRun(t *testing.T) {
	t.Parallel()
	release := newServer(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		_, _ = io.WriteString(w, program+"// changed\n")
	})
	s := newStep(t, release.URL, []byte(program))
	out, code := s.run()
	if code != 5 || !strings.Contains(out, "::error title=fabricate-seed::") || !strings.Contains(out, "SHA-256") || strings.Contains(out, "workspace=") {
		t.Errorf("exit code %d, said:\n%s", code, out)
	}
	if release.count() != 1 {
		t.Errorf("%d requests, want 1: it would be as wrong the next time", release.count())
	}
	if got := s.cached(); len(got) != 0 {
		t.Errorf("left in the tool cache: %q", got)
	}
}

func TestADamagedToolCacheIsNoticed(t *testing.T) {
	t.Parallel()
	release := newServer(t, serve)
	s := newStep(t, release.URL, []byte(program))
	s.run()
	file := filepath.Join(s.folder(), "fabricate-seed")
	if err := os.WriteFile(file, []byte("#!/bin/sh\necho pwned\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	out, code := s.run()
	if code != 0 || strings.Contains(out, "pwned") || !strings.Contains(out, "::warning title=fabricate-seed::") || !strings.Contains(out, "workspace=a shop") {
		t.Errorf("exit code %d, said:\n%s", code, out)
	}
}

// folder is the binary's in the tool cache.
func (s *step) folder() string {
	return filepath.Join(s.tools, "fabricate-seed", strings.TrimPrefix(version, "v"), nodeArch())
}

// nodeArch is Node's word for this processor.
func nodeArch() string {
	if runtime.GOARCH == "amd64" {
		return "x64"
	}
	return runtime.GOARCH
}

func TestFaultsOfTheReleasesServer(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name     string
		answer   func(w http.ResponseWriter, r *http.Request, count int)
		code     int
		requests int
		said     string
	}{
		{"passing", func(w http.ResponseWriter, r *http.Request, count int) {
			if count < 2 {
				w.WriteHeader(http.StatusBadGateway)
				return
			}
			serve(w, r, count)
		}, 0, 2, "502"},
		{"cut", func(w http.ResponseWriter, r *http.Request, count int) {
			if count < 2 {
				w.Header().Set("Content-Length", "100000")
				_, _ = io.WriteString(w, "#!/usr/bin/env node\n")
				panic(http.ErrAbortHandler)
			}
			serve(w, r, count)
		}, 0, 2, "trying again"},
		{"redirected", func(w http.ResponseWriter, r *http.Request, count int) {
			if count == 1 {
				http.Redirect(w, r, "/elsewhere?signature=x", http.StatusFound)
				return
			}
			serve(w, r, count)
		}, 0, 2, "workspace=a shop"},
		{"gone", func(w http.ResponseWriter, _ *http.Request, _ int) { w.WriteHeader(http.StatusNotFound) }, 5, 1, "the server answered 404"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			release := newServer(t, test.answer)
			s := newStep(t, release.URL, []byte(program))
			out, code := s.run()
			if code != test.code || release.count() != test.requests || !strings.Contains(out, test.said) {
				t.Errorf("exit code %d, %d requests, said:\n%s", code, release.count(), out)
			}
		})
	}
}

func TestACopyOfTheReleases(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	if err := os.Mkdir(filepath.Join(folder, version), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, version, name()), []byte(program), 0o600); err != nil {
		t.Fatal(err)
	}
	const user, password, token = "mirror", "m1rror/s3cret", "t0ken-s3cret"
	mirror := newServer(t, func(w http.ResponseWriter, r *http.Request, count int) {
		name, given, _ := r.BasicAuth()
		switch {
		case strings.HasPrefix(r.URL.Path, "/private/") && (name != user || given != password):
			w.WriteHeader(http.StatusUnauthorized)
		case strings.HasPrefix(r.URL.Path, "/signed/") && r.URL.Query().Get("token") != token:
			w.WriteHeader(http.StatusForbidden)
		default:
			serve(w, r, count)
		}
	})
	withUser := strings.Replace(mirror.URL, "http://", "http://"+url.UserPassword(user, password).String()+"@", 1)
	for _, test := range []struct {
		name, base string
		code       int
		said       string
	}{
		{"folder", folder, 0, "workspace=a shop"},
		{"folder by its URL", (&url.URL{Scheme: "file", Path: folder}).String(), 0, "workspace=a shop"},
		{"folder without it", filepath.Join(folder, "none"), 5, "FABRICATE_SEED_RELEASES has no"},
		{"address", mirror.URL + "/mirror/", 0, "workspace=a shop"},
		{"address with a user", withUser + "/private", 0, "workspace=a shop"},
		{"address with another user", strings.Replace(withUser, "mirror:", "other:", 1) + "/private", 5, "answered 401"},
		{"address with a token", mirror.URL + "/signed?token=" + token, 0, "workspace=a shop"},
		{"address with another token", mirror.URL + "/signed?token=other-" + token, 5, "answered 403"},
		{"address that nobody answers", "http://" + user + ":" + url.QueryEscape(password) + "@127.0.0.1:1/", 5, "127.0.0.1:1/" + version},
		{"no address", "https://user:" + token + "@:x/", 2, "is not an address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s := newStep(t, "http://127.0.0.1:1", []byte(program))
			s.env = []string{"FABRICATE_SEED_RELEASES=" + test.base}
			out, code := s.run()
			if code != test.code || !strings.Contains(out, test.said) {
				t.Errorf("exit code %d, said:\n%s", code, out)
			}
			for _, secret := range []string{password, url.QueryEscape(password), token} {
				if strings.Contains(out, secret) {
					t.Errorf("%q is told in:\n%s", secret, out)
				}
			}
		})
	}
}

func TestACommitWithoutARelease(t *testing.T) {
	t.Parallel()
	s := newStep(t, "http://127.0.0.1:1", []byte(program))
	table, err := os.ReadFile("release.json")
	if err != nil {
		t.Fatal(err)
	}
	s.write("release.json", table)
	if out, code := s.run(); code != 2 || !strings.Contains(out, "belongs to no release") {
		t.Errorf("exit code %d, said:\n%s", code, out)
	}
}

// A cancelled step gets SIGINT, and what ends is the program, in its own way.
func TestSignalsReachTheProgram(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{os.Interrupt, syscall.SIGTERM} {
		release := newServer(t, serve)
		s := newStep(t, release.URL, []byte(program))
		s.env = []string{"WAIT=1"}
		cmd := s.command()
		var out bytes.Buffer
		pipe, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		cmd.Stderr = os.Stderr
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		buf := make([]byte, 4096)
		for !strings.Contains(out.String(), "waiting\n") {
			n, err := pipe.Read(buf)
			out.Write(buf[:n])
			if err != nil {
				t.Fatalf("%v; said:\n%s", err, out.String())
			}
		}
		if err := cmd.Process.Signal(signal); err != nil {
			t.Fatal(err)
		}
		rest, _ := io.ReadAll(pipe)
		_ = cmd.Wait()
		if code := cmd.ProcessState.ExitCode(); code != 130 || !strings.Contains(string(rest), "rolled back") {
			t.Errorf("%s: exit code %d, said:\n%s%s", signal, code, out.String(), rest)
		}
	}
}

// A step that is cancelled while the binary is fetched leaves nothing half.
func TestCancelledWhileFetching(t *testing.T) {
	t.Parallel()
	begun, stop := make(chan struct{}), make(chan struct{})
	release := newServer(t, func(w http.ResponseWriter, _ *http.Request, _ int) {
		w.Header().Set("Content-Length", "100000")
		_, _ = io.WriteString(w, "#!/usr/bin/env node\n")
		if f, ok := w.(http.Flusher); ok {
			f.Flush()
		}
		close(begun)
		<-stop
	})
	defer close(stop)
	s := newStep(t, release.URL, []byte(program))
	cmd := s.command()
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	<-begun
	deadline := time.Now().Add(20 * time.Second)
	for len(s.cached()) == 0 && time.Now().Before(deadline) { // until the first bytes are written
		time.Sleep(5 * time.Millisecond)
	}
	if err := cmd.Process.Signal(os.Interrupt); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if code := cmd.ProcessState.ExitCode(); code != 130 {
		t.Errorf("exit code %d", code)
	}
	if got := s.cached(); len(got) != 0 {
		t.Errorf("left in the tool cache: %q", got)
	}
}

// A tool cache that cannot be written is no reason to fail: the job's temporary folder will do, and does for its next step as well.
func TestWithoutAToolCache(t *testing.T) {
	t.Parallel()
	for what, cache := range map[string]func(t *testing.T, s *step) string{
		"none":       func(*testing.T, *step) string { return "" },
		"below file": func(_ *testing.T, s *step) string { return filepath.Join(s.action, "index.js", "cache") },
		"read-only": func(t *testing.T, s *step) string {
			if os.Getuid() == 0 {
				t.Skip("root may write everywhere")
			}
			if err := os.Chmod(s.tools, 0o500); err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = os.Chmod(s.tools, 0o700) })
			return s.tools
		},
		"file in the way": func(t *testing.T, s *step) string {
			if err := os.WriteFile(filepath.Join(s.tools, "fabricate-seed"), nil, 0o600); err != nil {
				t.Fatal(err)
			}
			return s.tools
		},
		"folder in the way": func(t *testing.T, s *step) string {
			if err := os.MkdirAll(filepath.Join(s.folder(), "fabricate-seed", "x"), 0o700); err != nil {
				t.Fatal(err)
			}
			return s.tools
		},
	} {
		t.Run(what, func(t *testing.T) {
			t.Parallel()
			release := newServer(t, serve)
			s := newStep(t, release.URL, []byte(program))
			s.env = []string{"RUNNER_TOOL_CACHE=" + cache(t, s)}
			for range 2 {
				if out, code := s.run(); code != 0 || !strings.Contains(out, "workspace=a shop") {
					t.Errorf("exit code %d, said:\n%s", code, out)
				}
			}
			want := 1
			if what == "folder in the way" { // it is noticed only when all is there
				want = 2
			}
			if got := release.count(); got != want {
				t.Errorf("asked %d times", got)
			}
			s.env = append(s.env, "RUNNER_TEMP=")
			if out, code := s.run(); code != 0 || !strings.Contains(out, "workspace=a shop") {
				t.Errorf("without a temporary folder of the job: exit code %d, said:\n%s", code, out)
			}
			if left, err := filepath.Glob(filepath.Join(s.temp, "fabricate-seed-*")); err != nil || len(left) > 0 {
				t.Errorf("left: %q", left)
			}
		})
	}
}

// What was unpacked or copied by something that keeps no rights is run all the same.
func TestAToolCacheThatLostTheRightToRun(t *testing.T) {
	t.Parallel()
	release := newServer(t, serve)
	s := newStep(t, release.URL, []byte(program))
	s.run()
	if err := os.Chmod(filepath.Join(s.folder(), "fabricate-seed"), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, code := s.run(); code != 0 || !strings.Contains(out, "workspace=a shop") || release.count() != 1 {
		t.Errorf("exit code %d, said:\n%s", code, out)
	}
}

// What a job that was killed has left of its download goes, what another is fetching now stays.
func TestLeftOversOfKilledJobs(t *testing.T) {
	t.Parallel()
	release := newServer(t, serve)
	s := newStep(t, release.URL, []byte(program))
	if err := os.MkdirAll(s.folder(), 0o700); err != nil {
		t.Fatal(err)
	}
	old, fresh := filepath.Join(s.folder(), "fabricate-seed.1-aa.part"), filepath.Join(s.folder(), "fabricate-seed.2-bb.part")
	for _, file := range []string{old, fresh} {
		if err := os.WriteFile(file, []byte("#!"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	before := time.Now().Add(-25 * time.Hour)
	if err := os.Chtimes(old, before, before); err != nil {
		t.Fatal(err)
	}
	s.run()
	if got := s.cached(); !slices.Equal(got, []string{"fabricate-seed", filepath.Base(fresh)}) {
		t.Errorf("the tool cache holds %q", got)
	}
}

// Jobs of one machine share the tool cache: each gets the whole binary.
func TestTwoAtOnce(t *testing.T) {
	t.Parallel()
	release := newServer(t, serve)
	s := newStep(t, release.URL, []byte(program))
	var wait sync.WaitGroup
	for range 4 {
		wait.Go(func() {
			if out, code := s.run(); code != 0 || !strings.Contains(out, "workspace=a shop") {
				t.Errorf("exit code %d, said:\n%s", code, out)
			}
		})
	}
	wait.Wait()
	if got := s.cached(); len(got) != 1 {
		t.Errorf("the tool cache holds %q", got)
	}
}

// Runners behind a proxy say so in the usual variables.
func TestBehindAProxy(t *testing.T) {
	t.Parallel()
	proxy := newServer(t, serve)
	s := newStep(t, "http://release.invalid/v1.2.3", []byte(program))
	s.env = []string{"http_proxy=" + proxy.URL}
	if major := nodeMajor(t); major < 24 {
		t.Skip("this node heeds no proxy; the action's is 24")
	}
	if out, code := s.run(); code != 0 || !strings.Contains(out, "workspace=a shop") {
		t.Errorf("exit code %d, said:\n%s", code, out)
	}
	if u, err := url.Parse(proxy.URL); err != nil || u.Host == "" || proxy.count() == 0 {
		t.Error("the proxy was not asked")
	}
}

func nodeMajor(t *testing.T) int {
	t.Helper()
	out, err := exec.CommandContext(t.Context(), "node", "-p", "process.versions.node.split('.')[0]").Output()
	if err != nil {
		t.Fatal(err)
	}
	major := 0
	for _, c := range bytes.TrimSpace(out) {
		major = major*10 + int(c-'0')
	}
	return major
}
