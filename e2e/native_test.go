//go:build e2e

package e2e

import (
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// native are the runs of the action without Docker. The release is a server of the test's.
func native() []scenario {
	const positive, uuid = `[1-9][0-9]*`, `[0-9a-f-]{36}`
	return []scenario{
		{
			name:     "native",
			workflow: "e2e/workflows/native.yml",
			asUser:   true,
			steps: map[string]step{
				"changed": {exit: 5, error: []string{"SHA-256", "Nothing was run"}, silent: true},
				"seed": {
					outputs: map[string]string{"task-id": uuid, "rows": positive, "data-path": `seed-data`, "sha256": `[0-9a-f]{64}`, "duration-ms": positive},
					summary: []string{"| public.users |", "| workspace | shop |"},
				},
				"again":     {outputs: map[string]string{"rows": positive, "tables": `\[\{"table":"public\..*\}\]`}},
				"cancelled": {exit: 130, error: []string{"interrupted while loading", "The database is as it was"}},
			},
			log: []string{"the rows are there", "the database is as before"},
			after: func(t *testing.T, _ *world, r result) {
				if n := strings.Count(r.log, "fetched, SHA-256"); n != 1 {
					t.Errorf("fetched %d times, want once: the tool cache holds it then", n)
				}
			},
		},
		{
			name:     "native in a container",
			workflow: "e2e/workflows/native-container.yml",
			asUser:   true,
			steps:    map[string]step{"seed": {outputs: map[string]string{"rows": positive}}},
			log:      []string{"the rows are there"},
		},
		{
			name:     "native without Docker",
			workflow: "e2e/workflows/native-host.yml",
			asUser:   true,
			onHost:   true,
			steps:    map[string]step{"seed": {outputs: map[string]string{"rows": `0`, "duration-ms": positive}}},
			log:      []string{"it ran"},
		},
	}
}

// releases serves the binaries that run.sh made, as a release does, where every job reaches it; below /changed it serves others.
func releases(t *testing.T, dist string) string {
	t.Helper()
	listener, err := net.Listen("tcp", gateway(t)+":0")
	if err != nil {
		t.Fatal(err)
	}
	files := http.FileServer(http.Dir(dist))
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/changed/") {
			_, _ = w.Write([]byte("#!/bin/sh\necho changed\n"))
			return
		}
		files.ServeHTTP(w, r)
	})}
	go func() { _ = server.Serve(listener) }()
	t.Cleanup(func() { _ = server.Close() })
	return "http://" + listener.Addr().String()
}

// addNative puts the action without Docker into the released tree, with the table that a release's commit has.
func (w *world) addNative(t *testing.T) {
	t.Helper()
	dist := os.Getenv("E2E_DIST")
	w.releases = releases(t, dist)
	shell(t, w.root, `mkdir "$1/native" && cp native/action.yml native/index.js "$1/native/" && release/table.sh v1.0.0 "$2" "$1/native/release.json" "$3"`,
		w.released, dist, w.releases)
	shell(t, w.user, `mkdir slow && cp "$1" slow/ && git add . && git -c user.name=user -c user.email=user@example.org commit -qm 'Something endless'`,
		filepath.Join(w.root, "e2e/data/endless.sql"))
}
