package seed

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

// result is the JSON line of a run.
type result struct {
	TaskID   string `json:"task-id"`
	DataPath string `json:"data-path"`
	Rows     int64  `json:"rows"`
	SHA256   string `json:"sha256"`
	DryRun   bool   `json:"dry-run"`
	CacheHit bool   `json:"cache-hit"`

	ContentType string `json:"content-type"`
	Tables      []struct {
		Table string `json:"table"`
		Rows  int64  `json:"rows"`
	} `json:"tables"`
	Findings []fit.Finding `json:"findings"`
	Clones   []string      `json:"clones"`
	ExitCode problem.Code  `json:"exit-code"`
	Error    string        `json:"error"`
}

// world is a simulated API and a workspace.
type world struct {
	api       *simulator.Server
	env       []string
	workspace string
}

func newWorld(t *testing.T, o simulator.Options) world {
	t.Helper()
	o.TempDir = t.TempDir()
	o.Polls = 1
	api := simulator.New(o)
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		server.Close()
		if err := api.Close(); err != nil {
			t.Error(err)
		}
	})
	dir := t.TempDir()
	return world{api, []string{
		"FABRICATE_API_URL=" + server.URL + simulator.Path, "FABRICATE_API_KEY=" + api.Key(), "FABRICATE_WORKSPACE=w",
		"FABRICATE_DATABASE=shop", "FABRICATE_POLL_INTERVAL=5ms", "GITHUB_WORKSPACE=" + dir,
	}, dir}
}

// run gives the JSON line and the log; the exit code has to be the line's.
func (w world) run(t *testing.T, args ...string) (result, string) {
	t.Helper()
	var stdout, stderr bytes.Buffer
	code := Main(t.Context(), Process{
		Args: append(args, "--output=json"), Environ: w.env, Stdout: &stdout, Stderr: &stderr, Version: "v1.2.3",
	})
	var res result
	if err := json.Unmarshal(stdout.Bytes(), &res); err != nil {
		t.Fatalf("%v in %q\n%s", err, stdout.String(), stderr.String())
	}
	if res.ExitCode != code {
		t.Errorf("exit code %d, and %d in the JSON line", code, res.ExitCode)
	}
	return res, stderr.String()
}

// A task that is joined starts no other; what it made is loaded although its format is not known.
func TestTaskIsJoined(t *testing.T) {
	t.Parallel()
	db := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, db, shop.Schema())
	w := newWorld(t, simulator.Options{})
	first, log := w.run(t, "--data-dir=kept")
	if first.ExitCode != 0 || first.TaskID == "" || first.DataPath != "kept" {
		t.Fatalf("got %+v\n%s", first, log)
	}
	second, log := w.run(t, "--task-id="+first.TaskID, "--database-url="+db)
	if second.ExitCode != 0 || second.TaskID != first.TaskID || second.Rows == 0 {
		t.Errorf("got %+v\n%s", second, log)
	}
	if w.api.Started() != 1 {
		t.Errorf("%d tasks were started", w.api.Started())
	}
	for _, request := range w.api.Requests(simulator.AnyRoute) {
		if !strings.HasPrefix(request.Header.Get("User-Agent"), "fabricate-seed/1.2.3 ") {
			t.Errorf("User-Agent %q", request.Header.Get("User-Agent"))
		}
	}
}

// One table comes as plain text, in any format, and is loaded into that table alone.
func TestEntity(t *testing.T) {
	t.Parallel()
	for _, format := range []string{"sql", "csv", "jsonl"} {
		db := pgtest.Shared(t).NewDatabase(t)
		pgtest.Exec(t, db, shop.Schema())
		w := newWorld(t, simulator.Options{})
		if res, log := w.run(t, "--database-url="+db); res.ExitCode != 0 {
			t.Fatal(log)
		}
		before := pgtest.SortedDump(t, db, "--exclude-table=users")
		pgtest.Exec(t, db, "SET session_replication_role = replica; DELETE FROM users WHERE id % 2 = 0")
		res, log := w.run(t, "--entity=users", "--database-url="+db, "--format="+format, "--foreign-keys=off")
		if res.ExitCode != 0 || len(res.Tables) != 1 || res.Tables[0].Table != "public.users" || res.Tables[0].Rows == 0 {
			t.Errorf("%s: got %+v\n%s", format, res, log)
		}
		if res.DataPath != "" {
			t.Errorf("%s: kept in %s, though it was loaded", format, res.DataPath)
		}
		if format != "sql" && pgtest.SortedDump(t, db, "--exclude-table=users") != before { // an SQL script may say TRUNCATE … CASCADE
			t.Errorf("%s: other tables have changed", format)
		}
	}
}

// With a connection Fabricate pushes; nothing is downloaded, and the target is not touched.
func TestConnection(t *testing.T) {
	t.Parallel()
	pushed := make(chan json.RawMessage, 1)
	w := newWorld(t, simulator.Options{Push: func(_ context.Context, connection json.RawMessage) error {
		pushed <- connection
		return nil
	}})
	const object = `{"host":"db.example.com","port":5432,"database_name":"d","username":"u","password":"hunter22","tls":true}`
	res, log := w.run(t, "--connection="+object, "--load=false", "--database-url=postgres://u@127.0.0.1:1/d")
	if res.ExitCode != 0 || res.DataPath != "" || res.TaskID == "" {
		t.Errorf("got %+v\n%s", res, log)
	}
	if got := <-pushed; string(got) != object {
		t.Errorf("pushed through %s", got)
	}
	if strings.Contains(log, "hunter22") {
		t.Errorf("the log tells the password:\n%s", log)
	}
	if n := len(w.api.Requests(simulator.Download)); n != 0 {
		t.Errorf("%d downloads", n)
	}
}

// The user's own scripts run around the load and may include files of the workspace, but none outside it.
func TestOwnScripts(t *testing.T) {
	t.Parallel()
	db := pgtest.Shared(t).NewDatabase(t)
	w := newWorld(t, simulator.Options{})
	for name, text := range map[string]string{
		"db/schema.sql": `\ir tables.sql` + "\n", "db/tables.sql": shop.Schema(), "grants.sql": "COMMENT ON TABLE users IS 'seeded';\n",
		"outside.sql": `\i ../../etc/passwd` + "\n",
	} {
		file := filepath.Join(w.workspace, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	res, log := w.run(t, "--database-url="+db, "--before=db/schema.sql", "--after=outside.sql")
	if res.ExitCode != problem.Data {
		t.Errorf("outside: got %+v\n%s", res, log)
	}
	res, log = w.run(t, "--database-url="+db, "--before=db/schema.sql", "--after=grants.sql")
	if res.ExitCode != 0 {
		t.Fatalf("got %+v\n%s", res, log)
	}
	if out, _, _ := pgtest.Psql(t, db, "-Atc", "SELECT obj_description('users'::regclass)"); strings.TrimSpace(out) != "seeded" {
		t.Errorf("the script after the load left %q", out)
	}
}

// A run that does not end after an interruption is left in time, and says so; no race with what it still does.
func TestInterruptedRunThatHangs(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := &run{report: report.New(report.Options{
			Stdout: io.Discard, Stderr: io.Discard, Getenv: func(string) string { return "" }, Now: time.Now,
		})}
		temp := t.TempDir()
		release := make(chan struct{})
		ctx, cancel := context.WithCancel(t.Context())
		start := time.Now()
		time.AfterFunc(time.Second, cancel)
		err := r.watched(ctx, func(context.Context) error {
			r.mu.Lock()
			r.temp = filepath.Join(temp, "run")
			r.mu.Unlock()
			r.at("rolling back", "")
			if err := os.Mkdir(r.temp, 0o700); err != nil {
				return err
			}
			<-release // whatever is cancelled
			return nil
		})
		if took := time.Since(start); took != time.Second+leaveWithin {
			t.Errorf("left after %s", took)
		}
		if problem.CodeOf(err) != problem.Interrupted || !strings.Contains(err.Error(), "interrupted while rolling back; it did not end") {
			t.Errorf("got %v", err)
		}
		if left, _ := os.ReadDir(temp); len(left) > 0 {
			t.Errorf("left %v", left)
		}
		close(release)
	})
}

func TestErrorsAreWorded(t *testing.T) {
	t.Parallel()
	cancelled, cancel := context.WithCancel(t.Context())
	cancel()
	r := &run{stage: "loading", safe: "Nothing was committed."}
	known := &problem.Error{Code: problem.Data, What: "x"}
	for _, test := range []struct {
		ctx  context.Context
		err  error
		code problem.Code
		text string
	}{
		{t.Context(), nil, problem.OK, ""},
		{t.Context(), known, problem.Data, "x"},
		{cancelled, known, problem.Data, "x"},
		{cancelled, context.Canceled, problem.Interrupted, "interrupted while loading\nNothing was committed."},
		{t.Context(), errors.New("odd"), problem.Unexpected, "odd\nThis should not happen: please report it."},
	} {
		err := r.worded(test.ctx, test.err)
		if problem.CodeOf(err) != test.code || err != nil && err.Error() != test.text {
			t.Errorf("%v: got %d %v", test.err, problem.CodeOf(err), err)
		}
	}
}

func TestFileName(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		entity, database, format string
		content                  content
		served, contentType      string
		want                     string
	}{
		{"users", "shop", "sql", psqlScript, "", "", "users.sql"},
		{"", "shop", "csv", unknown, "", "text/plain", "shop.csv"},
		{"", "shop", "", csvRows, "orders.csv", "text/plain", "orders.csv"},
		{"users", "shop", "", csvRows, "orders.csv", "text/plain", "users.csv"},
		{"", "shop", "csv", jsonRows, "", "text/plain", "shop.jsonl"},
		{"", "shop", "", psqlScript, "x.bin", "text/plain", "shop.sql"},
		{"", "", "", psqlScript, "x.bin", "text/plain", "x.sql"},
		{"", "", "", unknown, "", "text/csv; charset=utf-8", "data.csv"},
		{"../../etc/passwd", "", "jsonl", unknown, "", "", "_.._etc_passwd.jsonl"},
		{"..", "", "json_array", unknown, "", "", ".json"},
		{strings.Repeat("é", 300), "", "", unknown, "", "application/x-ndjson", strings.Repeat("é", 100) + ".jsonl"},
		{"a:b\n", "", "xml", foreign, "", "", "a_b_.xml"},
		{"", "d", "", foreign, "", "application/vnd.sqlite3", "d.sqlite"},
		{"", "d", "", unknown, "", "what is this", "d.txt"},
	} {
		r := &run{Settings: config.Settings{Entity: test.entity, Database: test.database, Format: test.format}}
		if got := r.fileName(test.content, test.served, test.contentType); got != test.want {
			t.Errorf("%+v: got %s", test, got)
		}
	}
}

// What a file is, is told by its first bytes, and where they leave it open by what else is known.
func TestContent(t *testing.T) {
	t.Parallel()
	long := `{"text": "` + strings.Repeat("x", beginning)
	for _, test := range []struct {
		text  string
		claim content
		want  content
	}{
		{"INSERT INTO t VALUES (1);\n", unknown, psqlScript},
		{"\ufeff-- a comment\nSELECT 1;\n", unknown, psqlScript},
		{"\\connect x\n", unknown, psqlScript},
		{"SET x = 1;\n", csvRows, psqlScript},
		{"set,value\n1,2\n", csvRows, csvRows},
		{"values\n1\n", csvRows, csvRows},
		{"values\n1\n", unknown, psqlScript},
		{"id,name\n1,a\n", unknown, csvRows},
		{"\ufeffid,\"a name\"\n1,\"a\nb\"\n", unknown, csvRows},
		{"id,name\n1,a,b\n", unknown, unknown},
		{"id,id\n1,2\n", unknown, unknown},
		{"1,2\n3,4\n", unknown, unknown},
		{"id\n1\n", unknown, unknown},
		{"id\n1\n", csvRows, csvRows},
		{"Dear Sir, madam\nhow are you, well?\n", unknown, unknown},
		{"{\"id\": 1}\n{\"id\": 2}\n", unknown, jsonRows},
		{"{\"id\": 1}", psqlScript, jsonRows},
		{"{\"id\": 1}\r\n", csvRows, jsonRows},
		{long, unknown, jsonRows},
		{"{\n  \"id\": 1\n}\n", unknown, foreign},
		{"[{\"id\": 1}]", unknown, foreign},
		{"[{\"id\": 1}]", jsonRows, foreign},
		{"SQLite format 3\x00", psqlScript, foreign},
		{"<!DOCTYPE html><html>", csvRows, foreign},
		{"<?xml version=\"1.0\"?><a/>", jsonRows, foreign},
		{"PGDMP\x01", psqlScript, foreign},
		{"SET FOREIGN_KEY_CHECKS = 0;\n", psqlScript, foreign},
		{"", unknown, psqlScript},
		{" \n", csvRows, csvRows},
		{"whatever", psqlScript, psqlScript},
		{"whatever", unknown, unknown},
	} {
		if got, is := contentOf([]byte(test.text), test.claim); got != test.want || (is != "") != (got == foreign || got == unknown) {
			t.Errorf("%.40q, said to be %q: got %q (%s), want %q", test.text, test.claim, got, is, test.want)
		}
	}
}
