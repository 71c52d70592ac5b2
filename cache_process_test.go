package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// Twenty processes that share a folder start one task, though some of them are killed.
func TestManyProcessesShareACache(t *testing.T) {
	t.Parallel()
	api := simulator.New(simulator.Options{Export: shop.Export{Size: shop.Rows(2000)}, Duration: 2 * time.Second, TempDir: t.TempDir()})
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		server.Close()
		if err := api.Close(); err != nil {
			t.Error(err)
		}
	})
	path := binary(t)
	cache := filepath.Join(t.TempDir(), "cache")
	run := func(args ...string) *exec.Cmd {
		cmd := exec.CommandContext(t.Context(), path, append([]string{"--load=false", "--output=json"}, args...)...)
		cmd.Dir = t.TempDir()
		cmd.Env = []string{
			"FABRICATE_API_URL=" + server.URL + simulator.Path, "FABRICATE_API_KEY=" + api.Key(), "FABRICATE_WORKSPACE=w",
			"FABRICATE_DATABASE=shop", "FABRICATE_POLL_INTERVAL=50ms", "FABRICATE_CACHE_DIR=" + cache, "TMPDIR=" + t.TempDir(),
		}
		return cmd
	}

	// One is killed while it generates: the next one need not wait for it.
	killed := run()
	if err := killed.Start(); err != nil {
		t.Fatal(err)
	}
	eventually(t, func() bool { return api.Started() == 1 }, func() string { return "no task was started" })
	if err := killed.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = killed.Wait() // its error is that it was killed

	var (
		group sync.WaitGroup
		mu    sync.Mutex
		hits  int
		sums  = map[string]bool{}
	)
	for range 20 {
		cmd := run()
		group.Go(func() {
			out, err := cmd.Output()
			var line struct {
				CacheHit bool `json:"cache-hit"`
				SHA256   string
			}
			mu.Lock()
			defer mu.Unlock()
			if err != nil || json.Unmarshal(out, &line) != nil {
				t.Errorf("%v: %s", err, out)
			}
			sums[line.SHA256] = true
			if line.CacheHit {
				hits++
			}
		})
	}
	group.Wait()
	if api.Started() != 2 || hits != 19 || len(sums) != 1 {
		t.Errorf("%d tasks after the first, %d of 20 from the cache, %d different archives", api.Started()-1, hits, len(sums))
	}
	left, err := os.ReadDir(cache)
	if err != nil || len(left) != 2 {
		t.Errorf("left: %v (%v)", left, err)
	}
	for _, one := range left {
		if strings.HasSuffix(one.Name(), ".part") {
			t.Errorf("left: %s", one.Name())
		}
	}
}
