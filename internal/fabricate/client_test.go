package fabricate

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

func TestMain(m *testing.M) { leaks.Main(m) }

const (
	testKey = "key-4711-secret"
	taskID  = "0b1e2c3d-0000-4000-8000-000000000001"
)

// script answers requests one after another, the last answer for ever, and remembers what was asked.
type script struct {
	mu       sync.Mutex
	steps    []http.HandlerFunc
	requests []*http.Request
	bodies   []string
}

func (s *script) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	s.mu.Lock()
	step := s.steps[min(len(s.requests), len(s.steps)-1)]
	s.requests = append(s.requests, r.Clone(context.Background()))
	s.bodies = append(s.bodies, string(body))
	s.mu.Unlock()
	step(w, r)
}

func (s *script) count() int { return len(s.asked()) }

func (s *script) asked() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.requests)
}

func (s *script) body(i int) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.bodies[i]
}

func answer(status int, body string, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		w.WriteHeader(status)
		_, _ = io.WriteString(w, body)
	}
}

// cut ends the connection without an answer, after the request was read.
func cut(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) }

// hang answers nothing until the client goes away.
func hang(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

func serve(t *testing.T, handler http.Handler) *httptest.Server {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	return server
}

type notices struct {
	mu    sync.Mutex
	lines []string
}

func (n *notices) add(line string) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.lines = append(n.lines, line)
}

func (n *notices) text() string {
	n.mu.Lock()
	defer n.mu.Unlock()
	return strings.Join(n.lines, "\n")
}

func client(t *testing.T, base string, change func(*Options)) (*Client, *notices) {
	t.Helper()
	told := &notices{}
	o := Options{
		BaseURL: base + "/api/v1", Key: testKey, Version: "1.2.3", Tries: 4,
		RequestTimeout: 5 * time.Second, PollInterval: 2 * time.Millisecond, Notice: told.add,
	}
	if change != nil {
		change(&o)
	}
	c, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c, told
}

func check(t *testing.T, err error, code problem.Code, says ...string) {
	t.Helper()
	if problem.CodeOf(err) != code {
		t.Errorf("code %d, want %d: %v", problem.CodeOf(err), code, err)
	}
	for _, word := range says {
		if word != "" && (err == nil || !strings.Contains(err.Error(), word)) {
			t.Errorf("error does not say %q: %v", word, err)
		}
	}
	if err != nil && (strings.Contains(err.Error(), testKey) || strings.Contains(err.Error(), "Sig4711")) {
		t.Errorf("error shows a secret: %v", err)
	}
}

func TestNewRefusesBadOptions(t *testing.T) {
	t.Parallel()
	notPEM := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(notPEM, []byte("no"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, o := range map[string]Options{
		"no address":       {Key: "k"},
		"other scheme":     {Key: "k", BaseURL: "ftp://host/api"},
		"userinfo":         {Key: "k", BaseURL: "https://u:Sig4711@host/api"},
		"query":            {Key: "k", BaseURL: "https://host/api?x=Sig4711"},
		"no key":           {BaseURL: "https://host/api"},
		"line break":       {Key: "k\n", BaseURL: "https://host/api"},
		"no such CA file":  {Key: "k", BaseURL: "https://host/api", CAFile: notPEM + "x"},
		"CA file not PEM":  {Key: "k", BaseURL: "https://host/api", CAFile: notPEM},
		"not even a URL":   {Key: "k", BaseURL: "https://host:port/%zz"},
		"without the host": {Key: "k", BaseURL: "https:///api"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := New(o)
			check(t, err, problem.Settings)
		})
	}
}

func TestCreateSendsWhatIsGiven(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		request Request
		want    string
	}{
		"least": {Request{Workspace: "w", Database: "d", Format: "sql"}, `{"workspace":"w","database":"d","format":"sql"}`},
		"connection by name": {Request{Workspace: "w", Database: "d", ConnectionName: `a "b"`},
			`{"workspace":"w","database":"d","connection":"a \"b\""}`},
		"connection object and entity": {Request{Workspace: "w", Database: "d", Connection: json.RawMessage(`{"tls":true}`), Entity: "users"},
			`{"workspace":"w","database":"d","connection":{"tls":true},"entity":"users"}`},
		"overrides untouched": {Request{Workspace: "ü&<", Database: "d", Format: "csv",
			Overrides: json.RawMessage(`{"entities":{"a&b":{"record_count":12345678901234567890,"x":"<é>"}}}`)},
			`{"workspace":"ü&<","database":"d","format":"csv",` +
				`"overrides":{"entities":{"a&b":{"record_count":12345678901234567890,"x":"<é>"}}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: []http.HandlerFunc{answer(201, `{"id":"`+taskID+`","completed":false}`)}}
			c, _ := client(t, serve(t, s).URL, nil)
			task, err := c.Create(t.Context(), tc.request)
			check(t, err, problem.OK)
			if task.ID != taskID || strings.TrimSpace(s.body(0)) != tc.want {
				t.Errorf("task %q, body %s, want %s", task.ID, s.body(0), tc.want)
			}
			r := s.asked()[0]
			for header, want := range map[string]string{
				"Authorization": "Bearer " + testKey, "Content-Type": "application/json",
				"User-Agent": "fabricate-seed/1.2.3 (+" + repositoryURL + ")",
			} {
				if r.Header.Get(header) != want {
					t.Errorf("%s: %q", header, r.Header.Get(header))
				}
			}
			if r.Method != http.MethodPost || r.URL.Path != "/api/v1/generate_tasks" {
				t.Errorf("%s %s", r.Method, r.URL.Path)
			}
		})
	}
}

func TestCreateRefusesWhatIsNotJSON(t *testing.T) {
	t.Parallel()
	c, _ := client(t, "http://127.0.0.1:1", nil)
	_, err := c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql", Overrides: json.RawMessage(`{"a":`)})
	check(t, err, problem.Settings, "overrides")
}

// A POST is repeated only when it certainly was not acted on; when that is not known, the error says so.
func TestCreateVerdicts(t *testing.T) {
	t.Parallel()
	created := answer(200, `{"id":"`+taskID+`"}`)
	html := answer(502, `<html><head><title>502 Bad &amp; Gateway</title></head><body>nginx Sig4711</body></html>`, "Content-Type", "text/html")
	const unknown = "may have been started"
	for name, tc := range map[string]struct {
		steps    []http.HandlerFunc
		requests int
		code     problem.Code
		says     []string
	}{
		"429 then good":           {[]http.HandlerFunc{answer(429, `{}`), created}, 2, problem.OK, nil},
		"429 for ever":            {[]http.HandlerFunc{answer(429, `{"error":"daily limit"}`)}, 4, problem.API, []string{"HTTP 429", "daily limit"}},
		"429 for an hour":         {[]http.HandlerFunc{answer(429, `{}`, "Retry-After", "3600")}, 1, problem.API, []string{"1h0m0s"}},
		"503 with Retry-After":    {[]http.HandlerFunc{answer(503, ``, "Retry-After", "1"), created}, 2, problem.OK, nil},
		"503 without":             {[]http.HandlerFunc{answer(503, ``), created}, 1, problem.API, []string{"HTTP 503", unknown, "task-id"}},
		"500":                     {[]http.HandlerFunc{answer(500, `{"error":"boom"}`), created}, 1, problem.API, []string{"boom", unknown}},
		"502 with a page":         {[]http.HandlerFunc{html, created}, 1, problem.API, []string{"502 Bad & Gateway", unknown}},
		"504":                     {[]http.HandlerFunc{answer(504, ``), created}, 1, problem.API, []string{unknown}},
		"cut after the request":   {[]http.HandlerFunc{cut, created}, 1, problem.API, []string{unknown, "task-id"}},
		"no answer":               {[]http.HandlerFunc{hang, created}, 1, problem.Timeout, []string{unknown, "no whole answer within"}},
		"truncated":               {[]http.HandlerFunc{answer(200, `{"id":"x`, "Content-Length", "100"), created}, 1, problem.API, []string{unknown}},
		"not JSON":                {[]http.HandlerFunc{answer(200, `<html><title>Login</title>`), created}, 1, problem.API, []string{unknown, "Login"}},
		"a list":                  {[]http.HandlerFunc{answer(200, `[]`), created}, 1, problem.API, []string{unknown}},
		"null":                    {[]http.HandlerFunc{answer(200, `null`), created}, 1, problem.API, []string{unknown}},
		"without an id":           {[]http.HandlerFunc{answer(200, `{"completed":false}`)}, 1, problem.API, []string{"names no task", unknown}},
		"enormous":                {[]http.HandlerFunc{answer(200, strings.Repeat(" ", maxAnswer+2))}, 1, problem.API, []string{"longer than", unknown}},
		"401":                     {[]http.HandlerFunc{answer(401, `{"error":"Unauthorized"}`)}, 1, problem.API, []string{"HTTP 401", "api-key"}},
		"403":                     {[]http.HandlerFunc{answer(403, `{}`)}, 1, problem.API, []string{"HTTP 403: Forbidden", "workspace"}},
		"404":                     {[]http.HandlerFunc{answer(404, `{"error":"Not found"}`)}, 1, problem.API, []string{`workspace ("shop")`, `database ("db")`}},
		"409":                     {[]http.HandlerFunc{answer(409, `{"message":"busy"}`)}, 1, problem.API, []string{"HTTP 409: busy"}},
		"422":                     {[]http.HandlerFunc{answer(422, `{"error":"format is not included in the list"}`)}, 1, problem.API, []string{"HTTP 422: format is not included"}},
		"422 with a list":         {[]http.HandlerFunc{answer(422, `{"errors":[{"message":"a"},"b"]}`)}, 1, problem.API, []string{"a; b"}},
		"error in the answer":     {[]http.HandlerFunc{answer(200, `{"id":"x","error":"no such entity"}`)}, 1, problem.API, []string{"no such entity"}},
		"message with the key":    {[]http.HandlerFunc{answer(422, `{"error":"bad `+testKey+` https://h/p?X-Amz-Signature=Sig4711"}`)}, 1, problem.API, []string{"***", "https://h"}},
		"plain text":              {[]http.HandlerFunc{answer(400, "too\nbad", "Content-Type", "text/plain")}, 1, problem.API, []string{"too bad"}},
		"redirect to another":     {[]http.HandlerFunc{answer(307, ``, "Location", "https://other.example/x?Sig4711")}, 1, problem.API, []string{"https://other.example,", "api-url"}},
		"redirect makes it a GET": {[]http.HandlerFunc{answer(302, ``, "Location", "/api/v1/other"), created}, 1, problem.API, []string{"HTTP 302"}},
		"moved":                   {[]http.HandlerFunc{answer(301, ``, "Location", "https://new.example/api/v2/generate_tasks")}, 1, problem.API, []string{"into the setting api-url: https://new.example/api/v2"}},
		"moved, see other":        {[]http.HandlerFunc{answer(303, ``, "Location", "/api/v3/generate_tasks")}, 1, problem.API, []string{"/api/v3"}},
		"moved to be logged in":   {[]http.HandlerFunc{answer(302, ``, "Location", "https://id.example/Sig4711/login?to=/generate_tasks&token=Sig4711")}, 1, problem.API, []string{"https://id.example,", "log in"}},
		"moved to nonsense":       {[]http.HandlerFunc{answer(302, ``, "Location", "https://id.example:Sig4711/")}, 1, problem.API, []string{"elsewhere", "api-url"}},
		"gzip":                    {[]http.HandlerFunc{answer(201, gzipped([]byte(`{"id":"`+taskID+`"}`)), "Content-Encoding", "gzip")}, 1, problem.OK, nil},
		"byte-order mark":         {[]http.HandlerFunc{answer(201, "\ufeff"+`{"id":"`+taskID+`"}`)}, 1, problem.OK, nil},
		"brotli":                  {[]http.HandlerFunc{answer(201, "x", "Content-Encoding", "br")}, 1, problem.API, []string{"encoding", unknown}},
		"proxy wants a name":      {[]http.HandlerFunc{answer(407, ``), created}, 1, problem.API, []string{"HTTP 407", "HTTPS_PROXY"}},
		"canceled at once":        {[]http.HandlerFunc{answer(201, `{"id":"x","status":"canceled"}`)}, 1, problem.API, []string{"canceled"}},
		"redirect at home":        {[]http.HandlerFunc{answer(307, ``, "Location", "/api/v2/generate_tasks"), created}, 2, problem.OK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: tc.steps}
			c, _ := client(t, serve(t, s).URL, func(o *Options) {
				if name == "no answer" {
					o.RequestTimeout = 500 * time.Millisecond // in which a busy machine makes a connection
				}
			})
			_, err := c.Create(t.Context(), Request{Workspace: "shop", Database: "db", Format: "sql"})
			check(t, err, tc.code, tc.says...)
			if got := s.count(); got != tc.requests {
				t.Errorf("%d requests, want %d", got, tc.requests)
			}
			if err != nil && !strings.Contains(strings.Join(tc.says, ""), unknown) && strings.Contains(err.Error(), unknown) {
				t.Errorf("claims an unknown fate: %v", err)
			}
		})
	}
}

// Nothing can have been started when the connection could not even be made.
func TestCreateRepeatsWhatWasNotSent(t *testing.T) {
	t.Parallel()
	s := &script{steps: []http.HandlerFunc{answer(200, `{"id":"`+taskID+`"}`)}}
	server := httptest.NewUnstartedServer(s)
	listener := server.Listener
	address := listener.Addr().String()
	listener.Close() // refused from here on
	t.Cleanup(server.Close)
	c, told := client(t, "http://"+address, func(o *Options) {
		notice := o.Notice
		o.Notice = func(line string) { // the server comes up after the first refusal
			notice(line)
			if s := server.Listener; s == listener {
				again, err := net.Listen("tcp", address)
				if err != nil {
					t.Error(err)
					return
				}
				server.Listener = again
				server.Start()
			}
		}
	})
	task, err := c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql"})
	check(t, err, problem.OK)
	if task.ID != taskID || s.count() != 1 || !strings.Contains(told.text(), "refused") {
		t.Errorf("task %q, %d requests, told: %s", task.ID, s.count(), told.text())
	}
}

func TestUnreachable(t *testing.T) {
	t.Parallel()
	tlsServer := httptest.NewTLSServer(answer(200, `{"id":"x"}`))
	tlsServer.Config.ErrorLog = nil
	t.Cleanup(tlsServer.Close)
	plain := serve(t, answer(200, `{"id":"x"}`))
	closed := httptest.NewServer(nil)
	closed.Close()
	for name, tc := range map[string]struct {
		base  string
		says  []string
		tells bool // retries are told
	}{
		"refused":       {closed.URL, []string{"connection refused", "api-url"}, true},
		"no such host":  {"http://nowhere.invalid", []string{"nowhere.invalid"}, true},
		"own authority": {tlsServer.URL, []string{"not trusted", "api-ca-file"}, false},
		"not TLS":       {strings.Replace(plain.URL, "http:", "https:", 1), []string{"does not speak TLS"}, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, told := client(t, tc.base, nil)
			_, err := c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql"})
			check(t, err, problem.API, tc.says...)
			if strings.Contains(err.Error(), "may have been started") {
				t.Errorf("claims an unknown fate: %v", err)
			}
			if (told.text() != "") != tc.tells {
				t.Errorf("told: %q", told.text())
			}
		})
	}
}

func TestCAFileIsTrusted(t *testing.T) {
	t.Parallel()
	server := httptest.NewTLSServer(answer(200, `{"id":"x"}`))
	t.Cleanup(server.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pemOf(server.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ := client(t, server.URL, func(o *Options) { o.CAFile = file })
	_, err := c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql"})
	check(t, err, problem.OK)
}

func TestCreateInterrupted(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		deadline bool
		code     problem.Code
	}{"cancelled": {false, problem.Interrupted}, "deadline": {true, problem.Timeout}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			if tc.deadline {
				ctx, cancel = context.WithTimeout(t.Context(), time.Second) // in which a busy machine sends the request
			}
			defer cancel()
			c, _ := client(t, serve(t, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
				_, _ = io.ReadAll(r.Body)
				if !tc.deadline {
					cancel()
				}
				<-r.Context().Done()
			})).URL, nil)
			_, err := c.Create(ctx, Request{Workspace: "w", Database: "d", Format: "sql"})
			check(t, err, tc.code, "may have been started", "task-id")
		})
	}
}

func TestWait(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		steps []http.HandlerFunc
		task  Task
		seen  string // progress reported, in hundredths
		code  problem.Code
		says  []string
	}{
		"fractions": {[]http.HandlerFunc{answer(200, `{"progress":0.1,"phase":"Generating","context":"users"}`),
			answer(200, `{"progress":0.42}`), answer(200, `{"completed":true,"data_url":"/d"}`)}, Task{ID: taskID}, "10 42 100", problem.OK, nil},
		"percentages": {[]http.HandlerFunc{answer(200, `{"progress":10}`), answer(200, `{"progress":"42%"}`),
			answer(200, `{"completed":"true","data_url":"/d"}`)}, Task{ID: taskID}, "10 42 100", problem.OK, nil},
		"backwards": {[]http.HandlerFunc{answer(200, `{"progress":50}`), answer(200, `{"progress":20}`), answer(200, `{}`),
			answer(200, `{"completed":true,"data_url":"/d"}`)}, Task{ID: taskID}, "50 50 50 100", problem.OK, nil},
		"one in a hundred": {[]http.HandlerFunc{answer(200, `{"progress":1}`), answer(200, `{"progress":2}`),
			answer(200, `{"completed":true,"data_url":"/d"}`)}, Task{ID: taskID}, "0 2 100", problem.OK, nil},
		"strange": {[]http.HandlerFunc{answer(200, `{"progress":-1}`), answer(200, `{"progress":{}, "error":""}`), answer(200, `{"progress":1e300}`),
			answer(200, `{"completed":true, "error":false,"data_url":"/d"}`)}, Task{ID: taskID}, "0 0 100 100", problem.OK, nil},
		"passing faults": {[]http.HandlerFunc{answer(502, `<html>`), cut, answer(200, `{"prog`), answer(200, `{"progress":0.5}`),
			answer(429, ``), answer(200, `{"completed":true,"data_url":"/d"}`)}, Task{ID: taskID}, "50 100", problem.OK, nil},
		"failed": {[]http.HandlerFunc{answer(200, `{"progress":0.5}`), answer(200, `{"error":"out of rows"}`)},
			Task{ID: taskID}, "50 50", problem.API, []string{"out of rows", taskID}},
		"failed and completed": {[]http.HandlerFunc{answer(200, `{"completed":true,"error":{"message":"bad"}}`)},
			Task{ID: taskID}, "0", problem.API, []string{"bad"}},
		"completed by status": {[]http.HandlerFunc{answer(200, `{"status":"in_progress"}`), answer(200, `{"status":"completed","data_url":"/d"}`)},
			Task{ID: taskID}, "0 100", problem.OK, nil},
		"failed by status": {[]http.HandlerFunc{answer(200, `{"status":"failed","completed":true}`)}, Task{ID: taskID}, "0", problem.API, []string{"its status is failed"}},
		"failed by status, with a reason": {[]http.HandlerFunc{answer(200, `{"status":"failed","error":"out of rows"}`)}, Task{ID: taskID}, "0",
			problem.API, []string{"out of rows"}},
		"canceled": {[]http.HandlerFunc{answer(200, `{"status":"canceled"}`)}, Task{ID: taskID}, "0", problem.API, []string{"its status is canceled"}},
		"data comes later": {[]http.HandlerFunc{answer(200, `{"completed":true}`), answer(200, `{"completed":true,"data_url":null}`),
			answer(200, `{"completed":true,"data_url":"/d"}`)}, Task{ID: taskID}, "100 100 100", problem.OK, nil},
		"data comes later, failure": {[]http.HandlerFunc{answer(200, `{"completed":true}`), answer(200, `{"completed":true,"error":"disk full"}`)},
			Task{ID: taskID}, "100 100", problem.API, []string{"disk full"}},
		"pushes": {[]http.HandlerFunc{answer(200, `{"completed":true}`)}, Task{ID: taskID, Pushes: true}, "100", problem.OK, nil},
		"known a moment later": {[]http.HandlerFunc{answer(404, `{}`), answer(404, `{}`), answer(200, `{"completed":true,"data_url":"/d"}`)},
			Task{ID: taskID, told: true, started: time.Now()}, "0 100", problem.OK, nil},
		"joined and not known": {[]http.HandlerFunc{answer(404, `{}`), answer(200, `{"completed":true,"data_url":"/d"}`)}, Task{ID: taskID}, "",
			problem.API, []string{"does not know the task"}},
		"gzip": {[]http.HandlerFunc{answer(200, gzipped([]byte(`{"completed":true,"data_url":"/d"}`)), "Content-Encoding", "gzip")},
			Task{ID: taskID}, "100", problem.OK, nil},
		"gzip that nobody names": {[]http.HandlerFunc{answer(200, gzipped([]byte(`{"completed":true,"data_url":"/d"}`)))}, Task{ID: taskID}, "100", problem.OK, nil},
		"plain that is called gzip": {[]http.HandlerFunc{answer(200, `{"completed":true,"data_url":"/d"}`, "Content-Encoding", "gzip")},
			Task{ID: taskID}, "100", problem.OK, nil},
		"byte-order mark": {[]http.HandlerFunc{answer(200, "\ufeff"+`{"completed":true,"data_url":"/d"}`)}, Task{ID: taskID}, "100", problem.OK, nil},
		"brotli":          {[]http.HandlerFunc{answer(200, "x", "Content-Encoding", "br")}, Task{ID: taskID}, "", problem.API, []string{"encoding", `"br"`}},
		"bomb":            {[]http.HandlerFunc{answer(200, gzipped(make([]byte, 8<<20)))}, Task{ID: taskID}, "", problem.API, []string{"longer than"}},
		"an error in gzip": {[]http.HandlerFunc{answer(422, gzipped([]byte(`{"error":"no such thing"}`)), "Content-Encoding", "gzip")}, Task{ID: taskID}, "",
			problem.API, []string{"no such thing"}},
		"moved": {[]http.HandlerFunc{answer(301, ``, "Location", "https://new.example/api/v2/generate_tasks/"+taskID)}, Task{ID: taskID}, "",
			problem.API, []string{"into the setting api-url: https://new.example/api/v2"}},
		"vanished": {[]http.HandlerFunc{answer(200, `{"progress":0.5}`), answer(404, `{"error":"Not found"}`)},
			Task{ID: taskID}, "50", problem.API, []string{"task-id", "HTTP 404"}},
		"down for ever": {[]http.HandlerFunc{answer(503, ``)}, Task{ID: taskID}, "", problem.API, []string{"HTTP 503", "task-id: " + taskID}},
		"key withdrawn": {[]http.HandlerFunc{answer(401, ``)}, Task{ID: taskID}, "", problem.API, []string{"api-key"}},
		"done at once":  {[]http.HandlerFunc{answer(500, ``)}, Task{ID: taskID, told: true, Completed: true, Pushes: true}, "100", problem.OK, nil},
		"elsewhere": {[]http.HandlerFunc{answer(302, ``, "Location", "http://127.0.0.2/"+taskID)}, Task{ID: taskID}, "",
			problem.API, []string{"where the key is not sent"}},
		"an address that is none": {[]http.HandlerFunc{answer(200, `{"completed":true,"data_url":"http://[Sig4711"}`)}, Task{ID: taskID}, "", problem.API, []string{"its data address cannot be read", "has to mend the address"}},
		"an address of no web":    {[]http.HandlerFunc{answer(200, `{"completed":true,"data_url":"file:///etc/passwd"}`)}, Task{ID: taskID}, "100", problem.OK, nil}, // the download says so
		"no id":                   {[]http.HandlerFunc{cut}, Task{}, "", problem.Settings, []string{"task-id"}},
		"odd id":                  {[]http.HandlerFunc{cut}, Task{ID: ".."}, "", problem.Settings, []string{"task-id"}},
		"id path":                 {[]http.HandlerFunc{answer(200, `{"completed":true,"data_url":"/d"}`)}, Task{ID: "../x?y"}, "100", problem.OK, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: tc.steps}
			c, _ := client(t, serve(t, s).URL, nil)
			if !tc.task.started.IsZero() {
				tc.task.started = time.Now() // parallel tests may have waited long for their turn
			}
			var seen []string
			_, err := c.Wait(t.Context(), tc.task, func(task Task) { seen = append(seen, fmt.Sprintf("%.0f", 100*task.Progress)) })
			check(t, err, tc.code, tc.says...)
			if got := strings.Join(seen, " "); got != tc.seen {
				t.Errorf("reported %q, want %q", got, tc.seen)
			}
			if name == "id path" && s.asked()[0].URL.EscapedPath() != "/api/v1/generate_tasks/..%2Fx%3Fy" {
				t.Errorf("path %s", s.asked()[0].URL.EscapedPath())
			}
		})
	}
}

func TestWaitEnds(t *testing.T) {
	t.Parallel()
	s := &script{steps: []http.HandlerFunc{answer(200, `{"progress":0.42,"phase":"Generating","context":"orders"}`)}}
	c, _ := client(t, serve(t, s).URL, nil)
	t.Run("deadline", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithTimeout(t.Context(), time.Second) // in which a busy machine gets the first answer
		defer cancel()
		task, err := c.Wait(ctx, Task{ID: taskID}, nil)
		check(t, err, problem.Timeout, "42% (Generating orders)", "setting timeout", "task-id: "+taskID)
		if task.ID != taskID {
			t.Errorf("task %+v", task)
		}
	})
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		_, err := c.Wait(ctx, Task{ID: taskID}, func(Task) { cancel() })
		check(t, err, problem.Interrupted)
	})
	t.Run("request timeout", func(t *testing.T) {
		t.Parallel()
		c, told := client(t, serve(t, http.HandlerFunc(hang)).URL, func(o *Options) {
			o.RequestTimeout, o.Tries = 500*time.Millisecond, 2
		})
		_, err := c.Wait(t.Context(), Task{ID: taskID}, nil)
		check(t, err, problem.Timeout, "request-timeout", "task-id")
		if !strings.Contains(told.text(), "Retrying in") {
			t.Errorf("told: %s", told.text())
		}
	})
}

func TestRetryAfter(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	for name, tc := range map[string]struct {
		value, date string
		want        time.Duration
	}{
		"absent":               {"", "", 0},
		"seconds":              {"7", "", 7 * time.Second},
		"date":                 {now.Add(9 * time.Second).Format(http.TimeFormat), "", 9 * time.Second},
		"date by their clock":  {now.Add(time.Hour).Format(http.TimeFormat), now.Add(time.Hour - 3*time.Second).Format(http.TimeFormat), 3 * time.Second},
		"past":                 {now.Add(-time.Hour).Format(http.TimeFormat), "", 0},
		"negative":             {"-5", "", 0},
		"enormous":             {"99999999999999999999", "", 0},
		"neither of both":      {"soon", "", 0},
		"largest that is read": {"2147483647", "", 2147483647 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			header := http.Header{"Retry-After": {tc.value}, "Date": {tc.date}}
			if got := retryAfter(header, now); got != tc.want {
				t.Errorf("%s, want %s", got, tc.want)
			}
		})
	}
}

func TestRedact(t *testing.T) {
	t.Parallel()
	for in, want := range map[string]string{
		"plain text": "plain text",
		`Get "https://s3.example/b/k.zip?X-Amz-Signature=Sig4711&x=1": EOF`: `Get "https://s3.example/…": EOF`,
		"at https://user:Sig4711@host:8443/p":                               "at https://host:8443/…",
		"HTTPS://Host/rails/blobs/Sig4711/f.zip":                            "HTTPS://Host/…",
		"https://host?sig=Sig4711 and http://host/":                         "https://host/… and http://host",
		"https://host":                                                          "https://host",
		`{"u":"https:\/\/host\/Sig4711"}`:                                       `{"u":"https://host/…"}`,
		"failed: sig=Sig4711&se=2 X-Goog-Signature=Sig4711":                     "failed: sig=***&se=2 X-Goog-Signature=***",
		"Authorization: Bearer Sig4711":                                         "Authorization: Bearer ***",
		"dial tcp 10.0.0.1:443: connect: connection refused":                    "dial tcp 10.0.0.1:443: connect: connection refused",
		"https://u:p@x:Sig4711@host/?a=b https://b.example/c#Sig4711 (see RFC)": "https://host/… https://b.example/… (see RFC)",
	} {
		if got := Redact(in); got != want {
			t.Errorf("Redact(%q)\n got %q\nwant %q", in, got, want)
		}
	}
}

func TestTaskShowsNoAddress(t *testing.T) {
	t.Parallel()
	c, _ := client(t, "http://127.0.0.1:1", nil)
	task, err := decodeTask([]byte(`{"id":7,"download_url":"https://s3.example/k?sig=Sig4711"}`), c.base)
	if err != nil || !task.HasData() || task.ID != "7" {
		t.Fatalf("%+v %v", task, err)
	}
	for _, format := range []string{"%v", "%+v", "%#v", "%s"} {
		if text := fmt.Sprintf(format, []any{task}); strings.Contains(text, "Sig4711") {
			t.Errorf("%s shows %s", format, text)
		}
	}
	text, err := json.Marshal(task)
	if err != nil || bytes.Contains(text, []byte("Sig4711")) {
		t.Errorf("%s %v", text, err)
	}
}

func FuzzTask(f *testing.F) {
	for _, seed := range []string{
		`{"id":"x","completed":true,"progress":0.5,"error":null,"data_url":"https://h/p"}`, `{"error":[{"a":["b"]}]}`,
		`{"id":1,"progress":"42%","completed":"true","download_url":"/rel"}`, `[]`, `null`, `"x"`, `{"data_url":"::"}`, `{"data_url":"A:"}`,
	} {
		f.Add([]byte(seed))
	}
	c, err := New(Options{BaseURL: "https://fabricate.example/api/v1", Key: testKey})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, answer []byte) {
		task, fault := c.readTask("GET /x", answer)
		if fault != nil {
			if len(fault.err.Error()) > 4000 {
				t.Errorf("a long error: %d bytes", len(fault.err.Error()))
			}
			return
		}
		if !(task.Progress >= 0 && task.Progress <= 1) {
			t.Errorf("progress %v", task.Progress)
		}
		if task.data != nil && task.data.url.Host == "" && strings.HasPrefix(task.data.url.Scheme, "http") { // other schemes are refused on the way to the data
			t.Errorf("data address without a host")
		}
	})
}

func sumOf(data []byte) string {
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}
