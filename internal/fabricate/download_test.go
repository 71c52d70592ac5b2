package fabricate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

func pemOf(certificate []byte) []byte {
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: certificate})
}

var (
	data  = bytes.Repeat([]byte("INSERT INTO t VALUES (1, 'some text');\n"), 5000)
	other = bytes.ToUpper(data)
)

// object serves content as a store does, ranges and all, and cuts the connection after some bytes.
func object(content []byte, tag string, cutAfter int, headers ...string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if tag != "" {
			w.Header().Set("ETag", tag)
		}
		for i := 0; i < len(headers); i += 2 {
			w.Header().Set(headers[i], headers[i+1])
		}
		if cutAfter > 0 {
			w = &cutting{w, cutAfter}
		}
		http.ServeContent(w, r, "data.bin", time.Time{}, bytes.NewReader(content))
	}
}

// cutting lets so many bytes through, and then ends the connection.
type cutting struct {
	http.ResponseWriter
	left int
}

func (c *cutting) Write(p []byte) (int, error) {
	if len(p) < c.left {
		c.left -= len(p)
		return c.ResponseWriter.Write(p)
	}
	_, _ = c.ResponseWriter.Write(p[:c.left])
	_ = http.NewResponseController(c.ResponseWriter).Flush()
	panic(http.ErrAbortHandler)
}

// stall sends some bytes and then nothing.
func stall(content []byte, after int, tag string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("ETag", tag)
		w.Header().Set("Content-Length", fmt.Sprint(len(content)))
		_, _ = w.Write(content[:after])
		_ = http.NewResponseController(w).Flush()
		<-r.Context().Done()
	}
}

func partial(contentRange string, body []byte, headers ...string) http.HandlerFunc {
	return answer(206, string(body), append(headers, "Content-Range", contentRange)...)
}

func gzipped(content []byte) string {
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	_, _ = w.Write(content)
	_ = w.Close()
	return b.String()
}

func TestDownload(t *testing.T) {
	t.Parallel()
	const strong, weak = `"v1"`, `W/"v1"`
	whole := object(data, strong, 0)
	size := len(data)
	yesterday := time.Now().Add(-24 * time.Hour).UTC().Format(http.TimeFormat)
	for name, tc := range map[string]struct {
		steps  []http.HandlerFunc
		want   []byte
		ranges string // Range headers sent, in thousands of the first byte; "-" for none
		code   problem.Code
		says   []string
	}{
		"whole":             {[]http.HandlerFunc{whole}, data, "-", 0, nil},
		"empty":             {[]http.HandlerFunc{object(nil, strong, 0)}, nil, "-", 0, nil},
		"without a length":  {[]http.HandlerFunc{answer(200, string(data), "Transfer-Encoding", "chunked")}, data, "-", 0, nil},
		"cut, resumed":      {[]http.HandlerFunc{object(data, strong, 5000), object(data, strong, 7000), whole}, data, "- 5 12", 0, nil},
		"cut, same by date": {[]http.HandlerFunc{object(data, "", 5000, "Last-Modified", yesterday), object(data, "", 0, "Last-Modified", yesterday)}, data, "- 5", 0, nil},
		"cut, weak tag":     {[]http.HandlerFunc{object(data, weak, 5000), object(data, weak, 0)}, data, "- -", 0, nil},
		"cut, no ranges": {[]http.HandlerFunc{answer(200, string(data[:5000]), "ETag", strong, "Accept-Ranges", "none",
			"Content-Length", fmt.Sprint(size)), answer(200, string(data))}, data, "- -", 0, nil},
		"cut, ignores range": {[]http.HandlerFunc{object(data, strong, 5000),
			answer(200, string(data), "ETag", strong)}, data, "- 5", 0, nil},
		"changed under resume":      {[]http.HandlerFunc{object(data, strong, 5000), object(other, `"v2"`, 0)}, other, "- 5", 0, nil},
		"changed, yet 206":          {[]http.HandlerFunc{object(data, strong, 5000), partial(fmt.Sprintf("bytes 5000-%d/%d", size-1, size), other[5000:], "ETag", `"v2"`), object(other, `"v2"`, 0)}, other, "- 5 -", 0, nil},
		"another part":              {[]http.HandlerFunc{object(data, strong, 5000), partial(fmt.Sprintf("bytes 4000-%d/%d", size-1, size), data[4000:]), whole}, data, "- 5 -", 0, nil},
		"another length":            {[]http.HandlerFunc{object(data, strong, 5000), partial("bytes 5000-5009/5010", data[5000:5010]), whole}, data, "- 5 -", 0, nil},
		"no Content-Range":          {[]http.HandlerFunc{object(data, strong, 5000), answer(206, "x"), whole}, data, "- 5 -", 0, nil},
		"part not asked for":        {[]http.HandlerFunc{partial("bytes 0-9/10", data[:10]), whole}, data, "- -", 0, nil},
		"part of the rest":          {[]http.HandlerFunc{object(data, strong, 5000), partial(fmt.Sprintf("bytes 5000-5999/%d", size), data[5000:6000]), whole}, data, "- 5 6", 0, nil},
		"more than announced":       {[]http.HandlerFunc{object(data, strong, 5000), partial(fmt.Sprintf("bytes 5000-%d/%d", size-1, size), append(data[5000:], 'x')), whole}, data, "- 5 -", 0, nil},
		"416":                       {[]http.HandlerFunc{object(data, strong, 5000), answer(416, ``), object(other, `"v2"`, 0)}, other, "- 5 -", 0, nil},
		"passing faults":            {[]http.HandlerFunc{answer(503, ``), cut, answer(429, ``), whole}, data, "- - - -", 0, nil},
		"gzip not asked for":        {[]http.HandlerFunc{answer(200, gzipped(data), "Content-Encoding", "gzip", "ETag", strong)}, data, "-", 0, nil},
		"plain that is called gzip": {[]http.HandlerFunc{answer(200, string(data), "Content-Encoding", "gzip", "ETag", strong)}, data, "-", 0, nil},
		"gzip cut":                  {[]http.HandlerFunc{answer(200, gzipped(data)[:200], "Content-Encoding", "gzip", "ETag", strong), whole}, data, "- -", 0, nil},
		"brotli":                    {[]http.HandlerFunc{answer(200, "x", "Content-Encoding", "br")}, nil, "-", problem.Data, []string{"encoding \"br\"", "send the data as it is", "task-id"}},
		"stalled, resumed":          {[]http.HandlerFunc{stall(data, 5000, strong), whole}, data, "- 5", 0, nil},
		"silent for ever":           {[]http.HandlerFunc{hang}, nil, "- - - -", problem.Timeout, []string{"sent nothing for", "request-timeout", "task-id: " + taskID}},
		"down for ever":             {[]http.HandlerFunc{answer(500, ``)}, nil, "- - - -", problem.Data, []string{"HTTP 500", "task-id"}},
		"shorter than announced":    {[]http.HandlerFunc{object(data, "", 5000)}, nil, "- - - -", problem.Data, []string{"beginning anew", "task-id"}},
		"teapot":                    {[]http.HandlerFunc{answer(418, ``)}, nil, "-", problem.Data, []string{"HTTP 418"}},
		"redirected":                {[]http.HandlerFunc{answer(302, ``, "Location", "/elsewhere"), whole}, data, "- -", 0, nil},
		"redirected for ever":       {[]http.HandlerFunc{answer(302, ``, "Location", "/round?Sig4711")}, nil, "- - - - - -", problem.Data, []string{"too many redirects"}},
		"redirected to a file":      {[]http.HandlerFunc{answer(302, ``, "Location", "file:///etc/passwd")}, nil, "-", problem.Data, []string{"not http"}},
		"redirected to nonsense":    {[]http.HandlerFunc{answer(302, ``, "Location", "http://h:%zz/Sig4711?sig=Sig4711")}, nil, "-", problem.Data, []string{"cannot be read"}},
		"cut at the very last one":  {[]http.HandlerFunc{object(data, strong, size-1), whole}, data, fmt.Sprintf("- %d", (size-1)/1000), 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: tc.steps}
			server := serve(t, s)
			c, told := client(t, server.URL, func(o *Options) {
				if strings.HasPrefix(name, "s") {
					o.RequestTimeout = time.Second // in which a busy machine answers where it does
				}
			})
			task, err := decodeTask([]byte(`{"id":"`+taskID+`","data_url":"/data.bin?X-Amz-Signature=Sig4711"}`), c.base)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			var done, total int64
			file, err := c.Download(t.Context(), task, dir, func(d, t int64) { done, total = d, t })
			check(t, err, tc.code, tc.says...)
			if strings.Contains(told.text(), "Sig4711") {
				t.Errorf("a notice shows a secret: %s", told.text())
			}
			var ranges []string
			for _, r := range s.asked() {
				first := "-"
				if header := r.Header.Get("Range"); header != "" {
					var n int
					_, _ = fmt.Sscanf(header, "bytes=%d-", &n)
					first = fmt.Sprint(n / 1000)
				}
				ranges = append(ranges, first)
				if r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" || r.Header.Get("Accept-Encoding") != "identity" {
					t.Errorf("headers %v", r.Header)
				}
			}
			if got := strings.Join(ranges, " "); got != tc.ranges {
				t.Errorf("ranges %q, want %q", got, tc.ranges)
			}
			left, _ := os.ReadDir(dir)
			if tc.code != 0 {
				if len(left) != 0 {
					t.Errorf("left over: %v", left)
				}
				return
			}
			if err != nil {
				return
			}
			got, err := os.ReadFile(file.Path)
			if err != nil || !bytes.Equal(got, tc.want) {
				t.Fatalf("%d bytes, want %d, %v", len(got), len(tc.want), err)
			}
			if file.SHA256 != sumOf(tc.want) || file.Size != int64(len(tc.want)) || done != file.Size || total != 0 && total != done {
				t.Errorf("%+v, done %d of %d", file, done, total)
			}
			if info, _ := os.Stat(file.Path); info.Mode().Perm() != 0o600 || len(left) != 1 {
				t.Errorf("mode %v, files %v", info.Mode(), left)
			}
		})
	}
}

func TestDownloadType(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		task, header, body, want string
		zip                      bool
	}{
		"as the task says":   {"application/zip", "text/plain", "x", "application/zip", true},
		"as the server says": {"", "text/csv", "a,b", "text/csv", false},
		"by magic":           {"", "application/octet-stream", "PK\x03\x04", "application/zip", true},
		"magic beats text":   {"text/plain", "", "PK\x05\x06", "text/plain", true},
		"short":              {"text/plain", "", "PK", "text/plain", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c, _ := client(t, serve(t, answer(200, tc.body, "Content-Type", tc.header)).URL, nil)
			task, err := decodeTask([]byte(`{"id":"x","data_url":"/d","content_type":"`+tc.task+`"}`), c.base)
			if err != nil {
				t.Fatal(err)
			}
			file, err := c.Download(t.Context(), task, t.TempDir(), nil)
			check(t, err, problem.OK)
			if file.ContentType != tc.want || file.IsZip != tc.zip {
				t.Errorf("%+v", file)
			}
		})
	}
}

// A signed address that expires, at the start or in the middle, is replaced by a fresh one from the task.
func TestDownloadAsksForAFreshAddress(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		first   http.HandlerFunc
		status  int
		renewed bool
		code    problem.Code
		says    string
	}{
		"expired before":      {nil, 403, true, problem.OK, ""},
		"expired in mid-load": {object(data, `"v1"`, 5000), 403, true, problem.OK, ""},
		"gone":                {nil, 410, true, problem.OK, ""},
		"refused for ever":    {nil, 403, false, problem.Data, "not valid"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			old := &script{steps: []http.HandlerFunc{answer(tc.status, `<Error>Sig4711</Error>`)}}
			if tc.first != nil {
				old.steps = append([]http.HandlerFunc{tc.first}, old.steps...)
			}
			fresh := &script{steps: []http.HandlerFunc{object(data, `"v1"`, 0)}}
			mux := http.NewServeMux()
			mux.Handle("/old", old)
			mux.Handle("/fresh", fresh)
			address := "/fresh"
			if !tc.renewed {
				address = "/old"
			}
			mux.Handle("/api/v1/generate_tasks/", answer(200, `{"completed":true,"data_url":"`+address+`?sig=Sig4711"}`))
			c, told := client(t, serve(t, mux).URL, nil)
			task, err := decodeTask([]byte(`{"id":"`+taskID+`","data_url":"/old?sig=Sig4711"}`), c.base)
			if err != nil {
				t.Fatal(err)
			}
			file, err := c.Download(t.Context(), task, t.TempDir(), nil)
			check(t, err, tc.code, tc.says)
			if err == nil && file.SHA256 != sumOf(data) {
				t.Error("other data")
			}
			if tc.first != nil && fresh.asked()[0].Header.Get("Range") != "bytes=5000-" {
				t.Errorf("not resumed: %v", fresh.asked()[0].Header)
			}
			if !tc.renewed && old.count() != maxRefreshes+1 {
				t.Errorf("%d requests", old.count())
			}
			if strings.Contains(told.text(), "Sig4711") {
				t.Errorf("told: %s", told.text())
			}
		})
	}
}

// Neither the key nor the signed address of one host is told to another.
func TestSecretsStayAtHome(t *testing.T) {
	t.Parallel()
	third := &script{steps: []http.HandlerFunc{object(data, "", 0)}}
	store := serve(t, answer(302, ``, "Location", serve(t, third).URL+"/final"))
	s := &script{steps: []http.HandlerFunc{answer(200, `{"id":"x","completed":true,"data_url":"`+store.URL+`/d?sig=Sig4711"}`)}}
	c, _ := client(t, serve(t, s).URL, nil)
	task, err := c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql"})
	check(t, err, problem.OK)
	_, err = c.Download(t.Context(), task, t.TempDir(), nil)
	check(t, err, problem.OK)
	if header := fmt.Sprint(third.asked()[0].Header); strings.Contains(header, testKey) || strings.Contains(header, "Sig4711") {
		t.Errorf("told: %s", header)
	}

	away := &script{steps: []http.HandlerFunc{answer(200, `{"completed":true}`)}}
	c, _ = client(t, serve(t, answer(307, ``, "Location", serve(t, away).URL+"/api/v1/generate_tasks/x")).URL, nil)
	_, err = c.Get(t.Context(), "x")
	check(t, err, problem.API, "where the key is not sent")
	if away.count() != 0 {
		t.Error("the request went along")
	}
}

// The ways to the data: the API that calls itself http, redirects from there to a store, and steps down from https.
func TestWaysToTheData(t *testing.T) {
	t.Parallel()
	const at = "/rails/active_storage/blobs/redirect/eyJfcmFpbHMiOnsiZGF0YSI6MSwicHVyIjoiYmxvYl9pZCJ9fQ==--Sig4711/CREATED_FROM_API.zip"
	for name, tc := range map[string]struct {
		data   string // address of the data: {api} and {store} are hosts with ports, {host} is the API's without
		to     string // where the API's own host redirects to: {store} is over https, {plain} over http
		allow  bool
		asked  string // the servers asked, in order: a for the API, s for the store over https, p for the one over http
		code   problem.Code
		says   string
		plainA bool // the API itself is over http
	}{
		"as the vendor shows it":        {data: "http://{api}" + at, to: "https://{store}/b/k?X-Amz-Signature=Sig4711", asked: "as"},
		"without the API's port":        {data: "http://{host}" + at, to: "https://{store}/b/k?X-Amz-Signature=Sig4711", asked: "as"},
		"with the port of http":         {data: "http://{host}:80" + at, to: "https://{store}/b/k", asked: "as"},
		"host in capitals":              {data: "HTTP://{api}" + at, to: "https://{store}/b/k", asked: "as"},
		"relative":                      {data: at, to: "https://{store}/b/k", asked: "as"},
		"without a scheme":              {data: "//{api}" + at, to: "//{store}/b/k", asked: "as"},
		"by http on its own host":       {data: "https://{api}" + at, to: "http://{api}/again", asked: "aaaaaa", code: problem.Data, says: "too many redirects"},
		"at the store at once":          {data: "https://{store}/b/k?sig=Sig4711", asked: "s"},
		"another host over http":        {data: "http://localhost:{plainport}/b/k?sig=Sig4711", code: problem.Data, says: "allow-http"},
		"redirected to http":            {data: "http://{api}" + at, to: "http://localhost:{plainport}/b/k?sig=Sig4711", asked: "a", code: problem.Data, says: "allow-http"},
		"another host over http, let":   {data: "http://localhost:{plainport}/b/k?sig=Sig4711", allow: true, asked: "p"},
		"redirected to http, let":       {data: "http://{api}" + at, to: "http://localhost:{plainport}/b/k?sig=Sig4711", allow: true, asked: "ap"},
		"own host, other port":          {data: "http://{plain}/b/k?sig=Sig4711", to: "https://{store}/b/k", asked: "as"},
		"own host, other port, let":     {data: "http://{plain}/b/k?sig=Sig4711", allow: true, asked: "p"},
		"own host, other port, no data": {data: "http://{plain}/b/k?sig=Sig4711", asked: "aaaa", code: problem.Data, says: "allow-http"},
		"API over http":                 {plainA: true, data: "http://localhost:{plainport}/b/k?sig=Sig4711", asked: "p"},
		"API over http, up and down":    {plainA: true, data: "https://{store}/r", to: "http://localhost:{plainport}/b/k", asked: "s", code: problem.Data, says: "over http"},
		"redirected to nonsense":        {data: "http://{api}" + at, to: "https://{store}:port/Sig4711", asked: "a", code: problem.Data, says: "cannot be read"},
		"redirected to a file":          {data: "http://{api}" + at, to: "file:///etc/Sig4711", asked: "a", code: problem.Data, says: "not http"},
		"redirected to no host":         {data: "http://{api}" + at, to: "https:///Sig4711", asked: "a", code: problem.Data, says: "cannot be read"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var mu sync.Mutex
			asked, replace := "", strings.NewReplacer()
			serves := func(letter string) http.Handler {
				return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
					mu.Lock()
					asked += letter
					mu.Unlock()
					if r.Header.Get("Authorization") != "" || r.Header.Get("Referer") != "" {
						t.Errorf("told to %s: %v", letter, r.Header)
					}
					switch {
					case letter == "a" && tc.to == "":
						w.WriteHeader(http.StatusNotFound)
					case letter == "a" || r.URL.Path == "/r":
						w.Header().Set("Location", replace.Replace(tc.to))
						w.WriteHeader(http.StatusFound)
					default:
						object(data, `"v1"`, 0)(w, r)
					}
				})
			}
			plain, store := serve(t, serves("p")), httptest.NewTLSServer(serves("s"))
			t.Cleanup(store.Close)
			mux := http.NewServeMux()
			mux.Handle("/", serves("a"))
			mux.Handle("/api/v1/generate_tasks/", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				answer(200, `{"completed":true,"data_url":"`+replace.Replace(tc.data)+`"}`)(w, r)
			}))
			api := httptest.NewUnstartedServer(mux)
			if api.Config.ErrorLog = log.New(io.Discard, "", 0); tc.plainA {
				api.Start()
			} else {
				api.StartTLS()
			}
			t.Cleanup(api.Close)
			_, plainPort, _ := strings.Cut(plain.Listener.Addr().String(), ":")
			replace = strings.NewReplacer("{api}", api.Listener.Addr().String(), "{host}", "127.0.0.1", "{plainport}", plainPort,
				"{store}", store.Listener.Addr().String(), "{plain}", plain.Listener.Addr().String())

			ca := filepath.Join(t.TempDir(), "ca.pem")
			if err := os.WriteFile(ca, pemOf(store.Certificate().Raw), 0o600); err != nil {
				t.Fatal(err)
			}
			var secrets []string
			c, told := client(t, api.URL, func(o *Options) {
				o.CAFile, o.AllowHTTP = ca, tc.allow
				o.Secret = func(all ...string) { secrets = append(secrets, all...) }
			})
			task, err := c.Wait(t.Context(), Task{ID: taskID}, nil)
			check(t, err, problem.OK)
			file, err := c.Download(t.Context(), task, t.TempDir(), nil)
			check(t, err, tc.code, tc.says)
			if err == nil && file.SHA256 != sumOf(data) {
				t.Error("other data")
			}
			if asked != tc.asked {
				t.Errorf("asked %q, want %q", asked, tc.asked)
			}
			if strings.Contains(told.text(), "Sig4711") {
				t.Errorf("told: %s", told.text())
			}
			for _, address := range []string{tc.data, tc.to} {
				address = replace.Replace(address)
				if strings.Contains(address, "Sig4711") && (address == replace.Replace(tc.data) || asked != "") &&
					!slices.ContainsFunc(secrets, func(s string) bool { return s != "" && strings.Contains(address, s) && strings.Contains(s, "Sig4711") }) {
					t.Errorf("%s was not made a secret", address)
				}
			}
		})
	}
}

// An archive is fetched from an address as data is, without any key.
func TestFetch(t *testing.T) {
	t.Parallel()
	s := &script{steps: []http.HandlerFunc{object(data, `"v1"`, 5000), object(data, `"v1"`, 0, "Content-Disposition", `attachment; filename="../a/shop.zip"`)}}
	store := httptest.NewTLSServer(s)
	t.Cleanup(store.Close)
	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(store.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	f, err := NewFetcher(Options{CAFile: ca, PollInterval: 2 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	const name = "download of the archive"
	file, err := f.Fetch(t.Context(), name, strings.Replace(store.URL, "//", "//user:Sig4711@", 1)+"/x/data.zip", t.TempDir(), nil)
	check(t, err, problem.OK)
	if file.SHA256 != sumOf(data) || file.Name != "data.zip" {
		t.Errorf("got %+v", file)
	}
	for _, r := range s.asked() {
		if user, password, _ := r.BasicAuth(); user != "user" || password != "Sig4711" {
			t.Errorf("asked as %q", user)
		}
	}
	for _, address := range []string{"http://127.0.0.1:1/Sig4711", "ftp://h/Sig4711", "https:///Sig4711", "https://h:%zz/Sig4711", "Sig4711"} {
		_, err := f.Fetch(t.Context(), name, address, t.TempDir(), nil)
		check(t, err, problem.Settings, name, "https://host/")
	}
}

func TestDownloadTooLarge(t *testing.T) {
	t.Parallel()
	for name, handler := range map[string]http.HandlerFunc{
		"announced": object(data, `"v1"`, 0), "not announced": answer(200, string(data), "Transfer-Encoding", "chunked"),
		"packed": answer(200, gzipped(data), "Content-Encoding", "gzip"),
	} {
		for limit, code := range map[int]problem.Code{len(data): problem.OK, len(data) - 1: problem.Data} {
			t.Run(fmt.Sprint(name, limit), func(t *testing.T) {
				t.Parallel()
				s := &script{steps: []http.HandlerFunc{handler}}
				c, _ := client(t, serve(t, s).URL, func(o *Options) { o.MaxSize = int64(limit) })
				task, err := decodeTask([]byte(`{"id":"x","data_url":"/d"}`), c.base)
				if err != nil {
					t.Fatal(err)
				}
				_, err = c.Download(t.Context(), task, t.TempDir(), nil)
				check(t, err, code, map[problem.Code]string{problem.Data: "max-size"}[code])
				if s.count() != 1 {
					t.Errorf("%d requests", s.count())
				}
			})
		}
	}
}

func TestDownloadWithoutData(t *testing.T) {
	t.Parallel()
	c, _ := client(t, "http://127.0.0.1:1", nil)
	_, err := c.Download(t.Context(), Task{ID: taskID, Completed: true}, t.TempDir(), nil)
	check(t, err, problem.API, "no data")
}

func TestDownloadCannotBeWritten(t *testing.T) {
	t.Parallel()
	c, _ := client(t, serve(t, object(data, "", 0)).URL, nil)
	task, err := decodeTask([]byte(`{"id":"x","data_url":"/d"}`), c.base)
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Download(t.Context(), task, filepath.Join(t.TempDir(), "missing"), nil)
	check(t, err, problem.Data, "cannot be written", "TMPDIR")

	full, err := os.OpenFile("/dev/full", os.O_RDWR, 0)
	if err != nil {
		t.Log("no /dev/full here: the full disk is not tried")
		return
	}
	defer full.Close()
	from := source{what: "download", address: task.data.url, api: c.base}
	transfer := &transfer{Fetcher: c.Fetcher, from: from, progress: func(_, _ int64) {}, file: full, sum: discardHash{}}
	check(t, transfer.run(t.Context()), problem.Data, "no space left")
}

type discardHash struct{ io.Writer }

func (discardHash) Sum(b []byte) []byte { return b }
func (discardHash) Reset()              {}
func (discardHash) Size() int           { return 0 }
func (discardHash) BlockSize() int      { return 1 }

func TestDownloadInterrupted(t *testing.T) {
	t.Parallel()
	for name, code := range map[string]problem.Code{"cancelled": problem.Interrupted, "deadline": problem.Timeout} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			if name == "deadline" {
				ctx, cancel = context.WithTimeout(t.Context(), 100*time.Millisecond)
			}
			defer cancel()
			c, _ := client(t, serve(t, stall(data, 5000, `"v1"`)).URL, nil)
			task, err := decodeTask([]byte(`{"id":"x","data_url":"/d"}`), c.base)
			if err != nil {
				t.Fatal(err)
			}
			dir := t.TempDir()
			_, err = c.Download(ctx, task, dir, func(_, _ int64) {
				if name == "cancelled" {
					cancel()
				}
			})
			check(t, err, code)
			if left, _ := os.ReadDir(dir); len(left) != 0 {
				t.Errorf("left over: %v", left)
			}
		})
	}
}
