package main

import (
	"encoding/json"
	"net/http/httptest"
	"os"
	"path"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// What the probe writes has the shapes of what came, and nothing that is the account's: no key, no name, no value, no address.
func TestProbe(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		options simulator.Options
		format  string
		wants   []string
	}{
		"the vendor's chain": {simulator.Options{Vendor: true}, "", []string{
			`"path": \[[^]]*"rails",\s+"active_storage",\s+"blobs",\s+"redirect",\s+"100 bytes or more",\s+"CREATED_FROM_API.zip`, `"scheme": "http"`, `"query": \[\s+"expires",\s+"signature"`,
			"INSERT INTO: ten times or more|INSERT INTO: some times", "SET SESSION_REPLICATION_ROLE", "TRUNCATE TABLE", "load.sql, ending .sql", `"Etag": "strong"`,
			"number between 0 and 1", `"completed": "true"`, "application/zip"}},
		"Data Agent": {simulator.Options{DataAgent: true, Export: shop.Export{Size: shop.Rows(60), Definitions: true}}, "postgres", []string{
			"format postgres", "CREATE TABLE", "CREATE TYPE", "one file"}},
		"csv":       {simulator.Options{}, "csv", []string{"a first line of 10 fields between commas, line ends with carriage returns: true"}},
		"it fails":  {simulator.Options{TaskError: "hidden words"}, "", []string{"the task failed"}},
		"wrong key": {simulator.Options{Key: "another"}, "", []string{"HTTP 401"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			o := test.options
			o.TempDir = t.TempDir()
			if o.Export.Size.Total() == 0 {
				o.Export.Size = shop.Rows(60)
			}
			api := simulator.New(o)
			server := httptest.NewServer(api)
			t.Cleanup(func() {
				server.Close()
				if err := api.Close(); err != nil {
					t.Error(err)
				}
			})
			env := map[string]string{"FABRICATE_API_KEY": simulator.DefaultKey, "FABRICATE_API_URL": server.URL + simulator.Path, "FABRICATE_WORKSPACE": "hidden-workspace",
				"FABRICATE_DATABASE": "hidden-database", "FABRICATE_FORMAT": test.format}
			file := filepath.Join(t.TempDir(), "probe.json")
			failed := run(t.Context(), func(name string) string { return env[name] }, []string{file})
			if wants := name == "it fails" || name == "wrong key"; (failed != nil) != wants {
				t.Errorf("the probe: %v", failed)
			}
			text, err := os.ReadFile(file)
			if err != nil || !json.Valid(text) {
				t.Fatalf("%v %s", err, text)
			}
			for _, want := range test.wants {
				if !regexp.MustCompile(want).Match(text) {
					t.Errorf("no %s", want)
				}
			}
			secrets := []string{simulator.DefaultKey, "hidden", strings.TrimPrefix(server.URL, "http://"), "users", "order_items", "email", "example", "shop"}
			for _, r := range api.Requests(simulator.AnyRoute) {
				if r.Route == simulator.Redirect || r.Route == simulator.Download {
					secrets = append(secrets, r.Query, path.Base(path.Dir(r.Path)))
				}
				if toAPI := strings.HasPrefix(r.Path, simulator.Path); toAPI != (r.Header.Get("Authorization") != "") {
					t.Errorf("%s: Authorization %q", r.Path, r.Header.Get("Authorization"))
				}
			}
			for _, secret := range secrets {
				if secret != "" && strings.Contains(string(text), secret) {
					t.Errorf("%s is told", secret)
				}
			}
			if t.Failed() {
				t.Logf("%s", text)
			}
		})
	}
}

// It is not run where it would cost somebody a task unasked.
func TestProbeIsNotRunInCI(t *testing.T) {
	t.Parallel()
	for _, name := range []string{"CI", "GITHUB_ACTIONS"} {
		err := run(t.Context(), func(asked string) string { return map[string]string{name: "true"}[asked] }, []string{"x"})
		if err == nil || !strings.Contains(err.Error(), "never run in CI") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
