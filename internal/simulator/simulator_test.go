package simulator_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const order = `{"workspace": "w", "database": "d", "format": "sql"}`

// client is one test's client of one simulator.
type client struct {
	*testing.T
	sim  *simulator.Server
	base string
	http *http.Client
}

func start(t *testing.T, options simulator.Options) *client {
	t.Helper()
	options.TempDir = t.TempDir()
	sim := simulator.New(options)
	base, err := sim.Listen("127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	transport := &http.Transport{DisableKeepAlives: true, DisableCompression: true}
	t.Cleanup(func() {
		if err := sim.Close(); err != nil {
			t.Error(err)
		}
		if left, _ := os.ReadDir(options.TempDir); len(left) > 0 {
			t.Errorf("left behind: %v", left)
		}
	})
	return &client{t, sim, base, &http.Client{Transport: transport}}
}

// send sends a request with the key and gives the answer with its whole body, and the error of either.
func (c *client) send(method, address, body string, header ...string) (*head, string, error) {
	c.Helper()
	request, err := http.NewRequestWithContext(c.Context(), method, address, strings.NewReader(body))
	if err != nil {
		c.Fatal(err)
	}
	if strings.HasPrefix(address, c.base) {
		request.Header.Set("Authorization", "Bearer "+c.sim.Key())
	}
	if method == http.MethodPost {
		request.Header.Set("Content-Type", "application/json")
	}
	for i := 0; i < len(header); i += 2 {
		request.Header.Set(header[i], header[i+1])
	}
	response, err := c.http.Do(request)
	if err != nil {
		return nil, "", err
	}
	defer func() { _ = response.Body.Close() }()
	got, err := io.ReadAll(response.Body)
	return &head{response.StatusCode, response.Header, response.ContentLength}, string(got), err
}

// head is what comes before an answer's body.
type head struct {
	Status        int
	Header        http.Header
	ContentLength int64
}

// text gives a field of a task that is text, or nothing.
func text(task map[string]any, name string) string {
	value, _ := task[name].(string)
	return value
}

// ask sends a request that must succeed, and gives the task in the answer.
func (c *client) ask(method, path, body string) map[string]any {
	c.Helper()
	response, got, err := c.send(method, c.base+path, body)
	if err != nil || response.Status/100 != 2 {
		c.Fatalf("%s %s: %v %s %v", method, path, response, got, err)
	}
	var task map[string]any
	if err := json.Unmarshal([]byte(got), &task); err != nil {
		c.Fatalf("%s %s: %v in %s", method, path, err, got)
	}
	return task
}

func (c *client) post(body string) map[string]any {
	c.Helper()
	return c.ask(http.MethodPost, "/generate_tasks", body)
}

func (c *client) poll(task map[string]any) map[string]any {
	c.Helper()
	return c.ask(http.MethodGet, "/generate_tasks/"+text(task, "id"), "")
}

// finish polls until the task has ended one way or the other.
func (c *client) finish(task map[string]any) map[string]any {
	c.Helper()
	for range 1000 {
		if task["completed"] == true || task["error"] != nil {
			return task
		}
		task = c.poll(task)
	}
	c.Fatalf("never ends: %v", task)
	return nil
}

// dataURL starts a task and gives the address of its data.
func (c *client) dataURL() string {
	c.Helper()
	address := text(c.finish(c.post(order)), "data_url")
	if address == "" {
		c.Fatal("no data_url")
	}
	return address
}

func TestTaskProgresses(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{Polls: 4})
	task := c.post(order)
	if task["completed"] != false || task["progress"] != 0.0 || task["error"] != nil || task["data_url"] != nil {
		t.Errorf("new task: %v", task)
	}
	for i, want := range []float64{0.25, 0.5, 0.75, 1} {
		task = c.poll(task)
		if task["progress"] != want || task["completed"] != (want == 1) {
			t.Errorf("poll %d: %v", i+1, task)
		}
		if wantPhase := map[bool]string{false: "Generating", true: "Completed"}[want == 1]; task["phase"] != wantPhase {
			t.Errorf("poll %d: phase %v", i+1, task["phase"])
		}
	}
	if task["content_type"] != "application/zip" || !strings.HasPrefix(text(task, "data_url"), "http://127.0.0.1:") {
		t.Errorf("completed task: %v", task)
	}
	if c.sim.Started() != 1 || len(c.sim.Requests(simulator.Poll)) != 4 || len(c.sim.Requests(simulator.AnyRoute)) != 5 {
		t.Errorf("started %d, polled %d", c.sim.Started(), len(c.sim.Requests(simulator.Poll)))
	}
}

func TestTaskProgressesByTime(t *testing.T) {
	t.Parallel()
	var now atomic.Int64
	c := start(t, simulator.Options{
		Duration: 10 * time.Second, Percent: true, Now: func() time.Time { return time.Unix(now.Load(), 0) },
	})
	task := c.post(order)
	now.Store(4)
	if task = c.poll(task); task["progress"] != 40.0 {
		t.Errorf("after 4 of 10 seconds: %v", task["progress"])
	}
	now.Store(60)
	if task = c.finish(task); task["progress"] != 100.0 || task["completed"] != true {
		t.Errorf("after 60 seconds: %v", task)
	}
}

func TestTaskVariants(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		options simulator.Options
		order   string
		check   func(task map[string]any) bool
	}{
		"completed at once": {simulator.Options{Polls: -1}, order,
			func(task map[string]any) bool { return task["completed"] == true && task["data_url"] != nil }},
		"download_url": {simulator.Options{DownloadURL: true}, order,
			func(task map[string]any) bool { return task["download_url"] != nil && task["data_url"] == nil }},
		"failed": {simulator.Options{TaskError: "no space"}, order,
			func(task map[string]any) bool { return task["error"] == "no space" && task["data_url"] == nil }},
		"edited": {simulator.Options{Polls: -1, Edit: func(task map[string]any) { delete(task, "phase"); task["new"] = 1 }}, order,
			func(task map[string]any) bool { _, has := task["phase"]; return !has && task["new"] == 1.0 }},
		"overrides": {simulator.Options{}, strings.Replace(order, "}", `, "overrides": {"variables": {"a": 1}}}`, 1),
			func(task map[string]any) bool {
				overrides, _ := task["overrides"].(map[string]any)
				return overrides["variables"] != nil
			}},
		"no plain file of one SQLite table": {simulator.Options{},
			`{"workspace": "w", "database": "d", "format": "sqlite", "entity": "users"}`,
			func(task map[string]any) bool { return strings.Contains(text(task, "error"), "no plain file") }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, v.options)
			if task := c.finish(c.post(v.order)); !v.check(task) {
				t.Errorf("%v", task)
			}
		})
	}
}

func TestOrdersThatAreRefused(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{Workspace: "w", Database: "d"})
	for body, want := range map[string]string{
		`no JSON`:                                                                                                          `400 {"error":"body is not a valid JSON object"}`,
		`{"database": "d", "format": "sql"}`:                                                                               `422 {"error":"workspace is required"}`,
		`{"workspace": "w", "format": "sql"}`:                                                                              `422 {"error":"database is required"}`,
		`{"workspace": "x", "database": "d", "format": "sql"}`:                                                             `404 {"error":"Workspace not found"}`,
		`{"workspace": "w", "database": "x", "format": "sql"}`:                                                             `404 {"error":"Database not found"}`,
		`{"workspace": "w", "database": "d"}`:                                                                              `422 {"error":"exactly one of format and connection is required"}`,
		`{"workspace": "w", "database": "d", "format": "sql", "connection": "c"}`:                                          `422 {"error":"exactly one of format and connection is required"}`,
		`{"workspace": "w", "database": "d", "format": "word"}`:                                                            `422 {"error":"unknown format: word"}`,
		`{"workspace": "w", "database": "d", "format": "sql", "entity": null}`:                                             `422 {"error":"entity must not be empty"}`,
		`{"workspace": "w", "database": "d", "format": "sql", "entity": "x"}`:                                              `422 {"error":"entity not found: x"}`,
		`{"workspace": "w", "database": "d", "format": "sql", "extra": 1}`:                                                 `422 {"error":"unknown parameter: extra"}`,
		`{"workspace": "w", "database": "d", "connection": "c"}`:                                                           `422 {"error":"connection not found: c"}`,
		`{"workspace": "w", "database": "d", "connection": {"host": "h"}}`:                                                 `422 {"error":"connection needs host and database_name"}`,
		`{"workspace": "w", "database": "d", "connection": [1]}`:                                                           `422 {"error":"connection must be a name or an object"}`,
		`{"workspace": "w", "database": "d", "format": "sql", "overrides": "x"}`:                                           `422 {"error":"overrides must be an object with variables and entities"}`,
		`{"workspace": "w", "database": "d", "format": "sql", "overrides": {"entities": {"x": {}}}}`:                       `422 {"error":"overrides: entity not found: x"}`,
		`{"workspace": "w", "database": "d", "format": "sql", "overrides": {"entities": {"users": {"record_count": -1}}}}`: `422 {"error":"overrides: record_count of users must not be negative"}`,
	} {
		response, got, err := c.send(http.MethodPost, c.base+"/generate_tasks", body)
		if err != nil {
			t.Fatal(err)
		}
		if got = strconv.Itoa(response.Status) + " " + strings.TrimSpace(got); got != want {
			t.Errorf("%s\n got %s\nwant %s", body, got, want)
		}
	}
	if c.sim.Started() != 0 {
		t.Errorf("%d tasks started", c.sim.Started())
	}
	for name, send := range map[string]func() (*head, string, error){
		"401": func() (*head, string, error) {
			return c.send(http.MethodPost, c.base+"/generate_tasks", order, "Authorization", "Bearer wrong")
		},
		"415": func() (*head, string, error) {
			return c.send(http.MethodPost, c.base+"/generate_tasks", order, "Content-Type", "text/plain")
		},
		"404": func() (*head, string, error) {
			return c.send(http.MethodGet, c.base+"/generate_tasks/none", "")
		},
		"413": func() (*head, string, error) {
			return c.send(http.MethodPost, c.base+"/generate_tasks", strings.Repeat(" ", 2<<20))
		},
	} {
		response, got, err := send()
		if err != nil || strconv.Itoa(response.Status) != name || !strings.HasPrefix(got, `{"error":"`) {
			t.Errorf("%s: %v %s %v", name, response, got, err)
		}
	}
}

func TestEveryFormat(t *testing.T) {
	t.Parallel()
	export := shop.Export{Size: shop.Rows(300), Seed: 7}
	c := start(t, simulator.Options{Export: export, Zip: shop.ZipOptions{Folder: "shop"}})
	for name, format := range map[string]shop.Format{
		"sql": shop.SQL, "postgres": shop.SQL, "postgres-optimized": shop.PostgresOptimized, "csv": shop.CSV,
		"jsonl": shop.JSONL, "mysql": shop.MySQL, "sqlite": shop.SQLite,
	} {
		task := c.finish(c.post(strings.Replace(order, "sql", name, 1)))
		_, got, err := c.send(http.MethodGet, text(task, "data_url"), "")
		if err != nil {
			t.Fatal(err)
		}
		archive, err := zip.NewReader(strings.NewReader(got), int64(len(got)))
		if err != nil {
			t.Fatal(err)
		}
		export.Format = format
		for i, file := range export.Files() {
			r, err := archive.Open("shop/" + file.Name)
			if err != nil {
				t.Fatalf("%s: file %d: %v", name, i, err)
			}
			unpacked, err := io.ReadAll(r)
			var want bytes.Buffer
			if err := errors.Join(err, file.Write(&want)); err != nil || !bytes.Equal(unpacked, want.Bytes()) {
				t.Errorf("%s: %s is not the export's: %v", name, file.Name, err)
			}
		}
	}
}

func TestEntityIsPlainText(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	for format, want := range map[string][2]string{
		"sql":                {"application/sql", "SET session_replication_role"},
		"postgres-optimized": {"application/sql", "SET session_replication_role"},
		"csv":                {"text/csv; charset=utf-8", "id,email,"},
		"jsonl":              {"application/x-ndjson", `{"id":1,`},
	} {
		task := c.finish(c.post(`{"workspace": "w", "database": "d", "format": "` + format + `", "entity": "users",
			"overrides": {"entities": {"users": {"record_count": 2}}}}`))
		response, got, err := c.send(http.MethodGet, text(task, "data_url"), "")
		if err != nil || task["content_type"] != want[0] || response.Header.Get("Content-Type") != want[0] {
			t.Errorf("%s: %v %v", format, task, err)
		}
		if !strings.HasPrefix(got, want[1]) || strings.Contains(got, "order_items") {
			t.Errorf("%s: %.100s", format, got)
		}
		if format == "jsonl" && strings.Count(got, "\n") != 2 {
			t.Errorf("record_count: %d lines", strings.Count(got, "\n"))
		}
	}
}

func TestConnections(t *testing.T) {
	t.Parallel()
	var pushed atomic.Value
	object := `{"host": "h", "port": 5432, "database_name": "n", "username": "u", "password": "p", "tls": false}`
	c := start(t, simulator.Options{
		Connections: map[string]json.RawMessage{"stored": json.RawMessage(object), "broken": json.RawMessage(`{"host": "x"}`)},
		Push: func(_ context.Context, connection json.RawMessage) error {
			if !strings.Contains(string(connection), "database_name") {
				return errors.New("could not connect to x")
			}
			pushed.Store(string(connection))
			return nil
		},
	})
	for _, connection := range []string{`"stored"`, object} {
		pushed.Store("")
		task := c.finish(c.post(`{"workspace": "w", "database": "d", "connection": ` + connection + `}`))
		if task["completed"] != true || task["data_url"] != nil || pushed.Load() != object {
			t.Errorf("%s: %v, pushed %v", connection, task, pushed.Load())
		}
	}
	task := c.finish(c.post(`{"workspace": "w", "database": "d", "connection": "broken"}`))
	if task["error"] != "could not connect to x" {
		t.Errorf("%v", task)
	}
}

func TestCloseEndsAPush(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Push: func(ctx context.Context, _ json.RawMessage) error {
		<-ctx.Done()
		return ctx.Err()
	}, Connections: map[string]json.RawMessage{"c": nil}})
	server := httptest.NewServer(sim) // also shows that it can be used as a handler
	defer server.Close()
	c := &client{t, sim, server.URL + simulator.Path, server.Client()}
	c.post(`{"workspace": "w", "database": "d", "connection": "c"}`)
	if err := sim.Close(); err != nil {
		t.Error(err)
	}
	response, _, err := c.send(http.MethodPost, c.base+"/generate_tasks", order)
	if err != nil || response.Status != http.StatusServiceUnavailable {
		t.Errorf("after Close: %v %v", response, err)
	}
	if _, err := sim.Listen("127.0.0.1:0"); err == nil {
		t.Error("listens after Close")
	}
}

func TestDataOfATLSServer(t *testing.T) {
	t.Parallel()
	sim := simulator.New(simulator.Options{Polls: -1})
	defer func() { _ = sim.Close() }()
	server := httptest.NewTLSServer(sim)
	defer server.Close()
	c := &client{t, sim, server.URL + simulator.Path, server.Client()}
	address := c.dataURL()
	if response, _, err := c.send(http.MethodGet, address, ""); err != nil || response.Status != http.StatusOK {
		t.Errorf("%s: %v %v", address, response, err)
	}
	sim.Inject(simulator.Fault{Break: simulator.Reset, Times: simulator.Always}) // Go repeats a GET on a kept connection
	if _, _, err := c.send(http.MethodGet, address, ""); err == nil {
		t.Error("no reset over TLS")
	}
}

func TestDataRangesAndConditions(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	address := c.dataURL()
	whole, all, err := c.send(http.MethodGet, address, "")
	if err != nil || whole.Status != http.StatusOK || whole.ContentLength != int64(len(all)) {
		t.Fatalf("%v %v", whole, err)
	}
	etag := whole.Header.Get("ETag")
	for name, v := range map[string]struct {
		method string
		header []string
		status int
		body   string
	}{
		"range":              {http.MethodGet, []string{"Range", "bytes=10-19"}, 206, all[10:20]},
		"range to the end":   {http.MethodGet, []string{"Range", "bytes=10-"}, 206, all[10:]},
		"same object":        {http.MethodGet, []string{"Range", "bytes=10-", "If-Range", etag}, 206, all[10:]},
		"another object":     {http.MethodGet, []string{"Range", "bytes=10-", "If-Range", `"other"`}, 200, all},
		"range past the end": {http.MethodGet, []string{"Range", "bytes=99999999-"}, 416, "invalid range: failed to overlap\n"},
		"not changed":        {http.MethodGet, []string{"If-None-Match", etag}, 304, ""},
		"head":               {http.MethodHead, nil, 200, ""},
		"post":               {http.MethodPost, nil, 403, ""},
	} {
		response, got, err := c.send(v.method, address, "", v.header...)
		if err != nil || response.Status != v.status || v.body != "" && got != v.body {
			t.Errorf("%s: %v, %d bytes, %v", name, response, len(got), err)
		}
		if v.method == http.MethodHead && response.ContentLength != int64(len(all)) {
			t.Errorf("%s: length %d", name, response.ContentLength)
		}
	}
	unsigned, _, _ := strings.Cut(address, "?")
	for _, wrong := range []string{unsigned, address + "x", strings.Replace(address, "/data/", "/data/x", 1)} {
		if response, got, _ := c.send(http.MethodGet, wrong, ""); response.Status != 403 || !strings.Contains(got, "<Code>") {
			t.Errorf("%s: %v", wrong, response.Status)
		}
	}
}

func TestDataOnItsOwnOrigin(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{OtherOrigin: true})
	address := c.dataURL()
	u, _ := url.Parse(address)
	if strings.Contains(c.base, u.Host) {
		t.Fatalf("%s is the API's origin", address)
	}
	if response, _, err := c.send(http.MethodGet, address, "", "X-Test", "1"); err != nil || response.Status != 200 {
		t.Fatalf("%v %v", response, err)
	}
	seen := c.sim.Requests(simulator.Download)
	if len(seen) != 1 || !seen[0].OtherHost || seen[0].Header.Get("X-Test") != "1" || seen[0].Header.Get("Authorization") != "" ||
		!strings.Contains(seen[0].Query, "signature=") {
		t.Errorf("recorded: %+v", seen)
	}
	// The data is not on the API's origin, nor the API on the data's.
	here := strings.Replace(address, u.Host, strings.TrimSuffix(strings.TrimPrefix(c.base, "http://"), simulator.Path), 1)
	if response, _, _ := c.send(http.MethodGet, here, ""); response.Status != 404 {
		t.Errorf("data on the API's origin: %d", response.Status)
	}
	there := "http://" + u.Host + simulator.Path + "/generate_tasks"
	if response, _, _ := c.send(http.MethodPost, there, order); response.Status != 403 || c.sim.Started() != 1 {
		t.Errorf("API on the data's origin: %d", response.Status)
	}
}

func TestOwnData(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{Data: &simulator.Data{Body: []byte("not a zip"), ContentType: "application/zip"}})
	if _, got, err := c.send(http.MethodGet, c.dataURL(), ""); got != "not a zip" || err != nil {
		t.Errorf("%q %v", got, err)
	}
}

func TestRecordsRequests(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{})
	c.post(order)
	_, _, _ = c.send(http.MethodGet, c.base+"/nothing?a=b", "")
	all := c.sim.Requests(simulator.AnyRoute)
	if len(all) != 2 || all[0].Route != simulator.Create || all[0].Body != order || all[0].Method != http.MethodPost ||
		all[0].Header.Get("Authorization") != "Bearer "+c.sim.Key() || all[0].ReceivedAt.IsZero() ||
		all[1].Route != simulator.Other || all[1].Path != simulator.Path+"/nothing" || all[1].Query != "a=b" {
		t.Errorf("%+v", all)
	}
}
