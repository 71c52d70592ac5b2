package main

import (
	"errors"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

func TestMain(m *testing.M) {
	testscript.Main(leaks.Tests{M: tests{m}}, map[string]func(){"fabricate-seed": main})
}

// TestScripts runs the binary as a process, under the conditions that each script in testdata/script describes. Beyond
// testscript's own commands there are:
//
//	simulate [rows N] [error TEXT] [hang] [mysql]   starts a Fabricate API; its address is $API, its key $KEY
//	database [empty]                                makes a database with the shop's tables; its URL is $DB
//	exits CODE ARGUMENTS...                         runs fabricate-seed and wants this exit code
//	query SQL WANT                                  wants this answer from $DB
//	unchanged                                       wants $DB as it was when this was said first
//	github                                          sets what GitHub sets in a container action; $WORK is the workspace
//	clean                                           wants the temporary folder to be empty
func TestScripts(t *testing.T) {
	t.Parallel()
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Setup: func(env *testscript.Env) error {
			env.Setenv("KEY", "k3y-0f-the-te5t")
			env.Setenv("RUNNER_TEMP", filepath.Join(env.WorkDir, ".tmp"))
			return os.MkdirAll(env.Getenv("RUNNER_TEMP"), 0o755)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"simulate": simulate, "database": database, "exits": exits, "query": query, "unchanged": unchanged, "github": github, "clean": clean,
		},
	})
}

func simulate(ts *testscript.TestScript, _ bool, args []string) {
	o := simulator.Options{Key: ts.Getenv("KEY"), Export: shop.Export{Size: shop.Rows(500)}, Polls: 2, TempDir: ts.MkAbs(".simulator")}
	ts.Check(os.MkdirAll(o.TempDir, 0o755))
	for len(args) > 0 {
		switch args[0] {
		case "rows":
			n, err := strconv.Atoi(args[1])
			ts.Check(err)
			o.Export.Size = shop.Rows(n)
			args = args[1:]
		case "error":
			o.TaskError = args[1]
			args = args[1:]
		case "hang":
			o.Polls = 1_000_000
		case "stall":
			o.Faults = []simulator.Fault{{Route: simulator.Download, Break: simulator.Stall, Moment: simulator.InBody, At: 100}}
		case "data":
			o.Data = &simulator.Data{Body: []byte(ts.ReadFile(args[1])), ContentType: "text/plain"}
			args = args[1:]
		default:
			ts.Fatalf("simulate %s?", args[0])
		}
		args = args[1:]
	}
	s := simulator.New(o)
	server := httptest.NewServer(s)
	ts.Defer(func() {
		_ = s.Close()
		server.Close()
	})
	ts.Setenv("API", server.URL+simulator.Path)
}

// testing hands a *testing.T's part to pgtest inside a script.
type inScript struct{ *testscript.TestScript }

func (inScript) Helper()            {}
func (s inScript) Cleanup(f func()) { s.Defer(f) }

func database(ts *testscript.TestScript, _ bool, args []string) {
	t := inScript{ts}
	db := pgtest.Shared(t).NewDatabase(t)
	if len(args) == 0 {
		pgtest.Exec(t, db, shop.Schema())
	}
	ts.Setenv("DB", db)
	if u, err := url.Parse(db); err == nil {
		password, _ := u.User.Password()
		ts.Setenv("DBPASSWORD", password)
	}
}

func exits(ts *testscript.TestScript, _ bool, args []string) {
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	err = ts.Exec("fabricate-seed", args[1:]...)
	got := 0
	var exit *exec.ExitError
	switch {
	case errors.As(err, &exit):
		got = exit.ExitCode()
	case err != nil:
		ts.Fatalf("%v", err)
	}
	stdout, stderr := ts.ReadFile("stdout"), ts.ReadFile("stderr")
	if got != want {
		ts.Fatalf("exit code %d, want %d\nstdout:\n%s\nstderr:\n%s", got, want, stdout, stderr)
	}
	// Secrets are nowhere but in what masks them.
	said := regexp.MustCompile(`(?m)^::add-mask::.*$`).ReplaceAllString(stdout+stderr, "")
	for _, file := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		if name := ts.Getenv(file); name != "" {
			text, err := os.ReadFile(name)
			ts.Check(err)
			said += string(text)
		}
	}
	for _, secret := range []string{"KEY", "DBPASSWORD"} {
		if value := ts.Getenv(secret); value != "" && strings.Contains(said, value) {
			ts.Fatalf("$%s is told in:\n%s", secret, said)
		}
	}
}

func query(ts *testscript.TestScript, _ bool, args []string) {
	stdout, stderr, code := pgtest.Psql(inScript{ts}, ts.Getenv("DB"), "-A", "-t", "-c", args[0])
	if code != 0 || strings.TrimSpace(stdout) != args[1] {
		ts.Fatalf("%s: got %q (%s), want %q", args[0], strings.TrimSpace(stdout), stderr, args[1])
	}
}

func unchanged(ts *testscript.TestScript, _ bool, _ []string) {
	before, now := ts.MkAbs(".dump"), pgtest.SortedDump(inScript{ts}, ts.Getenv("DB"))
	if _, err := os.Stat(before); err != nil {
		ts.Check(os.WriteFile(before, []byte(now), 0o600))
		return
	}
	if was := ts.ReadFile(before); was != now {
		ts.Fatalf("the database was:\n%s\nand is:\n%s", was, now)
	}
}

func github(ts *testscript.TestScript, _ bool, _ []string) {
	ts.Setenv("GITHUB_ACTIONS", "true")
	ts.Setenv("GITHUB_WORKSPACE", ts.MkAbs("."))
	for _, name := range []string{"GITHUB_OUTPUT", "GITHUB_STEP_SUMMARY"} {
		file := ts.MkAbs("." + strings.ToLower(name))
		ts.Check(os.WriteFile(file, nil, 0o600))
		ts.Setenv(name, file)
	}
}

func clean(ts *testscript.TestScript, _ bool, _ []string) {
	left, err := os.ReadDir(ts.Getenv("RUNNER_TEMP"))
	ts.Check(err)
	if len(left) > 0 {
		ts.Fatalf("left in the temporary folder: %v", left)
	}
}
