//go:build unix

package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io/fs"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// Key, password and signed address are in no byte of anything that a run writes, in no spelling, however it ends: not on
// standard output or error, in the JSON line, in outputs and summary, or in the process list.
func TestSecretsAreNotTold(t *testing.T) {
	t.Parallel()
	const (
		key      = "k3y-0f/the+app=l1cation"
		password = `p@ss/w:rd%2?#&'"\ ü<`
		role     = "secretive"
	)
	server := pgtest.Shared(t)
	pgtest.Exec(t, server.URL("postgres"),
		"CREATE ROLE "+role+" SUPERUSER LOGIN PASSWORD '"+strings.ReplaceAll(password, "'", "''")+"'")
	t.Cleanup(func() { pgtest.Exec(t, server.URL("postgres"), "DROP ROLE "+role) })
	port := fmt.Sprint(server.Port())
	telling := "SELECT '" + strings.ReplaceAll(key+" "+password, "'", "''") + "'"

	runs := []struct {
		name string
		api  simulator.Options
		url  func(*url.URL) // changes the address of the database

		patience string // connect-timeout; empty for the default
		exit     int
		want     string // in the log
	}{
		{name: "success", api: script("CREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\n"), exit: 0, want: "1 row in 1 table"},
		{
			name: "script that tells", exit: 0, want: "telling",
			api: script("\\echo telling " + key + "\nDO $$ BEGIN RAISE WARNING 'telling %', (" + telling + "); END $$;\nCREATE TABLE t (id int);\nINSERT INTO t VALUES (1);\n"),
		},
		{name: "statement that tells", api: script("CREATE TABLE t (id int);\n" + telling + "::int;\n"), exit: 6, want: "d.sql:2:8: "},
		{
			name: "wrong password", api: script("SELECT 1;\n"), exit: 6, want: "password authentication failed",
			url: func(u *url.URL) { u.User = url.UserPassword("postgres", password) },
		},
		{
			name: "no such database", api: script("SELECT 1;\n"), exit: 6, want: `database "none"`,
			url: func(u *url.URL) { u.Path = "none" },
		},
		{
			name: "no server", api: script("SELECT 1;\n"), exit: 6, want: "cannot connect",
			url: func(u *url.URL) { u.Host = "127.0.0.1:1" }, patience: "300ms",
		},
		{name: "wrong key", api: simulator.Options{Key: "another"}, exit: 3, want: "401"},
		{
			name: "an API that tells", exit: 3, want: "422",
			api: simulator.Options{Faults: []simulator.Fault{{
				Route: simulator.Create, Status: 422, Body: `{"error": "not with Bearer ` + key + `"}`, Times: simulator.Always,
			}}},
		},
		{
			name: "a task that tells", exit: 3, want: "cannot write",
			api: simulator.Options{Polls: -1, TaskError: "cannot write https://store.example/a/b?signature=s1gned-with-th1s"},
		},
		{
			name: "refused download", exit: 5, want: "403",
			api: simulator.Options{Polls: -1, Faults: []simulator.Fault{{
				Route: simulator.Download, Status: 403, Body: "<Error>signature s1gned-with-th1s</Error>", Times: simulator.Always,
			}}},
		},
		{
			name: "bad zip", exit: 5, want: "zip",
			api: simulator.Options{Polls: -1, Data: &simulator.Data{Body: []byte("PK\x03\x04 but not one"), ContentType: "application/zip"}},
		},
	}
	for _, run := range runs {
		for mode, environ := range map[string]func(dir string, settings map[string]string) []string{
			"shell": inEnvironment, "github": asInputs, "github with json": asInputs,
		} {
			t.Run(run.name+"/"+mode, func(t *testing.T) {
				t.Parallel()
				options := run.api
				options.TempDir = t.TempDir()
				if options.Key == "" {
					options.Key = key
				}
				api := simulator.New(options)
				listening := httptest.NewServer(api)
				defer listening.Close()
				defer func() { _ = api.Close() }()
				db, err := url.Parse(server.NewDatabase(t))
				if err != nil {
					t.Fatal(err)
				}
				db.User, db.Host = url.UserPassword(role, password), "127.0.0.1:"+port
				if run.url != nil {
					run.url(db)
				}

				p := program(t, "fabricate-seed", nil)
				p.Env = append(p.Env, environ(p.Dir, map[string]string{
					"api-url": listening.URL + simulator.Path, "api-key": key, "workspace": "w", "database": "d",
					"database-url": db.String(), "connect-timeout": run.patience, "poll-interval": "10ms", "allow": "sql",
				})...)
				if strings.HasSuffix(mode, "json") {
					p.Args = append(p.Args, "--output=json")
				}
				p.start(t)
				processList := commandLine(t, p.Process.Pid)
				p.exitsWith(t, run.exit)

				secrets := []string{key, password, "s1gned-with-th1s"}
				masks := []string{key, password, url.UserPassword("", password).String()[1:]}
				for _, request := range api.Requests(simulator.Download) {
					query, err := url.ParseQuery(request.Query)
					if err != nil || query.Get("signature") == "" {
						t.Fatalf("no signature in %s (%v)", request.Query, err)
					}
					secrets = append(secrets, request.Query, query.Get("signature"))
					masks = append(masks, query.Get("signature"), listening.URL+request.Path+"?"+request.Query)
				}
				masked := regexp.MustCompile(`(?m)^::add-mask::.*\n`)
				said := p.output.String()
				if all := strings.Join(masked.FindAllString(said, -1), ""); mode != "shell" {
					escape := strings.NewReplacer("%", "%25") // GitHub's, for the values of commands
					for _, secret := range masks {
						if !strings.Contains(all, "::add-mask::"+escape.Replace(secret)+"\n") {
							t.Errorf("%s is not masked by:\n%s", secret, all)
						}
					}
				}
				if !strings.Contains(said, run.want) {
					t.Errorf("no %q in:\n%s", run.want, said)
				}
				said = masked.ReplaceAllString(said, "") + processList + allFiles(t, p.Dir)
				for _, secret := range secrets {
					for _, form := range forms(secret) {
						if strings.Contains(said, form) {
							t.Errorf("%s is told in:\n%s", form, said)
						}
					}
				}
			})
		}
	}
}

// inEnvironment gives settings as variables of the environment.
func inEnvironment(_ string, settings map[string]string) (environ []string) {
	for name, value := range settings {
		environ = append(environ, "FABRICATE_"+strings.ToUpper(strings.ReplaceAll(name, "-", "_"))+"="+value)
	}
	return environ
}

// asInputs gives settings as GitHub gives the inputs of a container action, with the files that it reads afterwards.
func asInputs(dir string, settings map[string]string) []string {
	environ := []string{
		"GITHUB_ACTIONS=true", "GITHUB_WORKSPACE=" + dir,
		"GITHUB_OUTPUT=" + filepath.Join(dir, "output"), "GITHUB_STEP_SUMMARY=" + filepath.Join(dir, "summary"),
	}
	for name, value := range settings {
		environ = append(environ, "INPUT_"+strings.ToUpper(name)+"="+value)
	}
	return environ
}

// commandLine gives a process's arguments as the process list shows them.
func commandLine(t *testing.T, pid int) string {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Log("the process list is not looked at: /proc is Linux's")
		return ""
	}
	line, err := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", pid))
	if err != nil {
		t.Fatal(err)
	}
	return string(line)
}

// allFiles gives the texts of all files in a folder, and their names.
func allFiles(t *testing.T, dir string) string {
	t.Helper()
	var all strings.Builder
	err := fs.WalkDir(os.DirFS(dir), ".", func(path string, entry fs.DirEntry, err error) error {
		all.WriteString(path + "\n")
		if err != nil || entry.IsDir() {
			return err
		}
		text, err := os.ReadFile(filepath.Join(dir, filepath.FromSlash(path)))
		all.Write(text)
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return all.String()
}

// forms gives the spellings in which a secret could be told.
func forms(secret string) []string {
	inJSON, _ := json.Marshal(secret) // a string can always be marshalled
	query, path, user := url.QueryEscape(secret), url.PathEscape(secret), url.UserPassword("", secret).String()[1:]
	return []string{
		secret, query, path, user, strings.ToLower(query), strings.ToLower(path), strings.ToLower(user),
		strings.Trim(string(inJSON), `"`), strings.Trim(fmt.Sprintf("%q", secret), `"`), strings.Trim(fmt.Sprintf("%+q", secret), `"`),
		strings.ReplaceAll(secret, "'", "''"), strings.NewReplacer(`\`, `\\`, "'", `\'`).Replace(secret),
		base64.StdEncoding.EncodeToString([]byte(secret)), base64.RawURLEncoding.EncodeToString([]byte(secret)),
	}
}
