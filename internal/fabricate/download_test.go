package fabricate

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
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
		"changed under resume":     {[]http.HandlerFunc{object(data, strong, 5000), object(other, `"v2"`, 0)}, other, "- 5", 0, nil},
		"changed, yet 206":         {[]http.HandlerFunc{object(data, strong, 5000), partial(fmt.Sprintf("bytes 5000-%d/%d", size-1, size), other[5000:], "ETag", `"v2"`), object(other, `"v2"`, 0)}, other, "- 5 -", 0, nil},
		"another part":             {[]http.HandlerFunc{object(data, strong, 5000), partial(fmt.Sprintf("bytes 4000-%d/%d", size-1, size), data[4000:]), whole}, data, "- 5 -", 0, nil},
		"another length":           {[]http.HandlerFunc{object(data, strong, 5000), partial("bytes 5000-5009/5010", data[5000:5010]), whole}, data, "- 5 -", 0, nil},
		"no Content-Range":         {[]http.HandlerFunc{object(data, strong, 5000), answer(206, "x"), whole}, data, "- 5 -", 0, nil},
		"part not asked for":       {[]http.HandlerFunc{partial("bytes 0-9/10", data[:10]), whole}, data, "- -", 0, nil},
		"part of the rest":         {[]http.HandlerFunc{object(data, strong, 5000), partial(fmt.Sprintf("bytes 5000-5999/%d", size), data[5000:6000]), whole}, data, "- 5 6", 0, nil},
		"more than announced":      {[]http.HandlerFunc{object(data, strong, 5000), partial(fmt.Sprintf("bytes 5000-%d/%d", size-1, size), append(data[5000:], 'x')), whole}, data, "- 5 -", 0, nil},
		"416":                      {[]http.HandlerFunc{object(data, strong, 5000), answer(416, ``), object(other, `"v2"`, 0)}, other, "- 5 -", 0, nil},
		"passing faults":           {[]http.HandlerFunc{answer(503, ``), cut, answer(429, ``), whole}, data, "- - - -", 0, nil},
		"gzip not asked for":       {[]http.HandlerFunc{answer(200, gzipped(data), "Content-Encoding", "gzip", "ETag", strong)}, data, "-", 0, nil},
		"gzip cut":                 {[]http.HandlerFunc{answer(200, gzipped(data)[:200], "Content-Encoding", "gzip", "ETag", strong), whole}, data, "- -", 0, nil},
		"brotli":                   {[]http.HandlerFunc{answer(200, "x", "Content-Encoding", "br")}, nil, "-", problem.Data, []string{"encoding"}},
		"stalled, resumed":         {[]http.HandlerFunc{stall(data, 5000, strong), whole}, data, "- 5", 0, nil},
		"silent for ever":          {[]http.HandlerFunc{hang}, nil, "- - - -", problem.Timeout, []string{"sent nothing for", "request-timeout", "task-id: " + taskID}},
		"down for ever":            {[]http.HandlerFunc{answer(500, ``)}, nil, "- - - -", problem.Data, []string{"HTTP 500", "task-id"}},
		"shorter than announced":   {[]http.HandlerFunc{object(data, "", 5000)}, nil, "- - - -", problem.Data, []string{"beginning anew", "task-id"}},
		"teapot":                   {[]http.HandlerFunc{answer(418, ``)}, nil, "-", problem.Data, []string{"HTTP 418"}},
		"redirected":               {[]http.HandlerFunc{answer(302, ``, "Location", "/elsewhere"), whole}, data, "- -", 0, nil},
		"redirected for ever":      {[]http.HandlerFunc{answer(302, ``, "Location", "/round?Sig4711")}, nil, "- - - - - -", problem.Data, []string{"too many redirects"}},
		"redirected to a file":     {[]http.HandlerFunc{answer(302, ``, "Location", "file:///etc/passwd")}, nil, "-", problem.Data, []string{"not http"}},
		"redirected to nonsense":   {[]http.HandlerFunc{answer(302, ``, "Location", "http://h:%zz/Sig4711?sig=Sig4711")}, nil, "- - - -", problem.Data, nil},
		"cut at the very last one": {[]http.HandlerFunc{object(data, strong, size-1), whole}, data, fmt.Sprintf("- %d", (size-1)/1000), 0, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: tc.steps}
			server := serve(t, s)
			c, told := client(t, server.URL, func(o *Options) {
				if strings.HasPrefix(name, "s") {
					o.RequestTimeout = 100 * time.Millisecond
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

func TestDownloadRefusesDowngrade(t *testing.T) {
	t.Parallel()
	plain := serve(t, object(data, "", 0))
	api := httptest.NewTLSServer(answer(302, ``, "Location", plain.URL))
	t.Cleanup(api.Close)
	file := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(file, pemOf(api.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ := client(t, api.URL, func(o *Options) { o.CAFile = file })
	for name, address := range map[string]string{"at once": plain.URL + "/d?sig=Sig4711", "by redirect": api.URL + "/d"} {
		task, err := decodeTask([]byte(`{"id":"x","data_url":"`+address+`"}`), c.base)
		if err != nil {
			t.Fatal(err)
		}
		_, err = c.Download(t.Context(), task, t.TempDir(), nil)
		t.Log(name)
		check(t, err, problem.Data, "over http")
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
	transfer := &transfer{client: c, task: task, progress: func(_, _ int64) {}, file: full, sum: discardHash{}}
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
