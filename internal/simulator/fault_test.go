package simulator_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

func TestBrokenConnections(t *testing.T) {
	t.Parallel()
	for name, v := range map[string]struct {
		fault   simulator.Fault
		want    error
		started int
	}{
		"closed before acting": {simulator.Fault{Break: simulator.Close}, io.EOF, 0},
		"closed after acting":  {simulator.Fault{Break: simulator.Close, Moment: simulator.AfterActing}, io.EOF, 1},
		"reset before acting":  {simulator.Fault{Break: simulator.Reset}, syscall.ECONNRESET, 0},
		"reset after acting":   {simulator.Fault{Break: simulator.Reset, Moment: simulator.AfterActing}, syscall.ECONNRESET, 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v.fault.Route = simulator.Create
			c := start(t, simulator.Options{Faults: []simulator.Fault{v.fault}})
			if _, _, err := c.send(http.MethodPost, c.base+"/generate_tasks", order); !errors.Is(err, v.want) {
				t.Errorf("error %v, want %v", err, v.want)
			}
			if c.sim.Started() != v.started || len(c.sim.Requests(simulator.Create)) != 1 {
				t.Errorf("%d tasks started, want %d", c.sim.Started(), v.started)
			}
			c.post(order) // only the first request meets the fault
		})
	}
}

func TestStalledAnswers(t *testing.T) {
	t.Parallel()
	for name, fault := range map[string]simulator.Fault{
		"before acting": {Break: simulator.Stall},
		"after acting":  {Break: simulator.Stall, Moment: simulator.AfterActing},
		"in the body":   {Break: simulator.Stall, Moment: simulator.InBody, At: 5},
		"delayed":       {Delay: time.Hour},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, simulator.Options{})
			address := c.dataURL()
			c.sim.Inject(fault)
			ctx, cancel := context.WithTimeout(t.Context(), time.Second) // in which a busy machine sends the first bytes
			defer cancel()
			request, _ := http.NewRequestWithContext(ctx, http.MethodGet, address, nil)
			response, err := c.http.Do(request)
			if fault.Moment == simulator.InBody {
				var got []byte
				if err == nil {
					got, err = io.ReadAll(response.Body)
					_ = response.Body.Close()
				}
				if len(got) != 5 {
					t.Errorf("%d bytes before the stall", len(got))
				}
			}
			if !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("error %v", err)
			}
		})
	}
}

func TestCloseEndsAStall(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{Faults: []simulator.Fault{{Break: simulator.Stall}}})
	ended := make(chan error, 1)
	go func() {
		_, _, err := c.send(http.MethodGet, c.base+"/generate_tasks/x", "")
		ended <- err
	}()
	for len(c.sim.Requests(simulator.Poll)) == 0 {
		time.Sleep(time.Millisecond)
	}
	if err := c.sim.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err == nil {
		t.Error("a stalled request was answered")
	}
}

func TestDelay(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{Faults: []simulator.Fault{{Route: simulator.Create, Delay: 50 * time.Millisecond}}})
	begin := time.Now()
	c.post(order)
	if d := time.Since(begin); d < 50*time.Millisecond {
		t.Errorf("answered after %v", d)
	}
}

func TestOwnAnswers(t *testing.T) {
	t.Parallel()
	date := time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC).Format(http.TimeFormat)
	for name, v := range map[string]struct {
		fault  simulator.Fault
		status int
		header [2]string
		body   string
	}{
		"429 with seconds": {
			simulator.Fault{Status: 429, Header: map[string]string{"Retry-After": "2"}, Body: `{"error": "slow down"}`},
			429, [2]string{"Retry-After", "2"}, `{"error": "slow down"}`},
		"503 with a date": {
			simulator.Fault{Status: 503, Header: map[string]string{"Retry-After": date}}, 503, [2]string{"Retry-After", date}, ""},
		"502 in HTML": {
			simulator.Fault{Status: 502, Body: "<html>Bad Gateway"}, 502,
			[2]string{"Content-Type", "text/html; charset=utf-8"}, "<html>Bad Gateway"},
		"redirect to another host": {
			simulator.Fault{Status: 307, Header: map[string]string{"Location": "http://127.0.0.1:1/x"}}, 307,
			[2]string{"Location", "http://127.0.0.1:1/x"}, ""},
		"truncated JSON": {
			simulator.Fault{Body: `{"id": "a`}, 200, [2]string{"Content-Type", "application/json"}, `{"id": "a`},
		"no JSON": {simulator.Fault{Body: "hello"}, 200, [2]string{"Content-Type", "text/plain; charset=utf-8"}, "hello"},
		"enormous JSON": {
			simulator.Fault{Pad: 3 << 20, Body: `{"id": "a"}`}, 200, [2]string{"Content-Type", "application/json"},
			strings.Repeat(" ", 3<<20) + `{"id": "a"}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v.fault.Route = simulator.Create
			c := start(t, simulator.Options{Faults: []simulator.Fault{v.fault}})
			c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			response, got, err := c.send(http.MethodPost, c.base+"/generate_tasks", order)
			if err != nil || response.Status != v.status || got != v.body || response.Header.Get(v.header[0]) != v.header[1] {
				t.Errorf("%v %.50s %v", response, got, err)
			}
			if c.sim.Started() != 0 {
				t.Error("a task was started")
			}
		})
	}
}

func TestWhichRequestMeetsAFault(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{Faults: []simulator.Fault{
		{Route: simulator.Poll, Nth: 2, Times: 2, Status: 500},
		{Route: simulator.Poll, Nth: 3, Times: simulator.Always, Status: 501}, // the first that is for a request wins
		{Route: simulator.Download, Times: simulator.Always, Status: 502},
		{Nth: 7, Status: 418}, // of any route
	}})
	task := c.post(order)
	address := c.base + "/generate_tasks/" + text(task, "id")
	for i, want := range []int{200, 500, 500, 501, 501, 418} {
		if i == 5 {
			address = c.base + "/elsewhere"
		}
		if response, _, err := c.send(http.MethodGet, address, ""); err != nil || response.Status != want {
			t.Errorf("request %d: %v, want %d (%v)", i+1, response.Status, want, err)
		}
	}
	c.sim.Inject(simulator.Fault{Route: simulator.Create, Nth: 2, Status: 409}) // counts from now
	for i, want := range []int{201, 409, 201} {
		if response, _, _ := c.send(http.MethodPost, c.base+"/generate_tasks", order); response.Status != want {
			t.Errorf("POST %d after Inject: %d, want %d", i+1, response.Status, want)
		}
	}
}

func TestTasksThatMisbehave(t *testing.T) {
	t.Parallel()
	set := func(name string, value any) func(map[string]any) {
		return func(task map[string]any) { task[name] = value }
	}
	for name, v := range map[string]struct {
		fault simulator.Fault
		check func(task map[string]any) bool
	}{
		"goes backwards": {simulator.Fault{Nth: 2, Edit: set("progress", 0.01)},
			func(task map[string]any) bool { return task["progress"] == 0.01 }},
		"completes without data": {simulator.Fault{Nth: 2, Edit: func(task map[string]any) {
			task["completed"] = true
			delete(task, "data_url")
		}}, func(task map[string]any) bool { _, has := task["data_url"]; return !has && task["completed"] == true }},
		"wrong type": {simulator.Fault{Nth: 2, Edit: set("completed", "yes")},
			func(task map[string]any) bool { return task["completed"] == "yes" }},
		"error and completed": {simulator.Fault{Nth: 2, Edit: func(task map[string]any) {
			task["completed"], task["error"] = true, "x"
		}}, func(task map[string]any) bool { return task["error"] == "x" && task["completed"] == true }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			v.fault.Route = simulator.Poll
			c := start(t, simulator.Options{Polls: 10, Faults: []simulator.Fault{v.fault}})
			task := c.post(order)
			c.poll(task)
			if got := c.poll(task); !v.check(got) {
				t.Errorf("%v", got)
			}
			if c.poll(task)["completed"] != false {
				t.Error("the third poll is wrong as well")
			}
		})
	}
	t.Run("vanishes", func(t *testing.T) {
		t.Parallel()
		c := start(t, simulator.Options{Faults: []simulator.Fault{
			{Route: simulator.Poll, Nth: 2, Times: simulator.Always, Status: 404, Body: `{"error": "Not found"}`},
		}})
		task := c.post(order)
		c.poll(task)
		if response, _, _ := c.send(http.MethodGet, c.base+"/generate_tasks/"+text(task, "id"), ""); response.Status != 404 {
			t.Error("it is still there")
		}
	})
}

func TestDownloadFaults(t *testing.T) {
	t.Parallel()
	type answer struct {
		response *head
		body     string
		err      error
	}
	for name, v := range map[string]struct {
		fault  simulator.Fault
		header []string
		check  func(got answer, whole string, etag string) bool
	}{
		"cut": {simulator.Fault{Break: simulator.Close, Moment: simulator.InBody, At: 100}, nil,
			func(got answer, whole, _ string) bool {
				return errors.Is(got.err, io.ErrUnexpectedEOF) && got.body == whole[:100] && got.response.ContentLength == int64(len(whole))
			}},
		"cut before the first byte": {simulator.Fault{Break: simulator.Close, Moment: simulator.InBody}, nil,
			func(got answer, _, _ string) bool {
				return errors.Is(got.err, io.ErrUnexpectedEOF) && got.body == "" && got.response.Status == 200
			}},
		"cut by reset": {simulator.Fault{Break: simulator.Reset, Moment: simulator.InBody, At: 100}, nil,
			func(got answer, whole, _ string) bool {
				return errors.Is(got.err, syscall.ECONNRESET) && strings.HasPrefix(whole, got.body) && len(got.body) <= 100
			}},
		"cut in a range": {simulator.Fault{Break: simulator.Close, Moment: simulator.InBody, At: 50}, []string{"Range", "bytes=10-"},
			func(got answer, whole, _ string) bool { return got.err != nil && got.body == whole[10:60] }},
		"range ignored": {simulator.Fault{IgnoreRange: true}, []string{"Range", "bytes=10-"},
			func(got answer, whole, _ string) bool { return got.response.Status == 200 && got.body == whole }},
		"another object": {simulator.Fault{NewObject: true}, []string{"Range", "bytes=10-"},
			func(got answer, whole, etag string) bool {
				return got.response.Header.Get("ETag") != etag && got.body != whole[10:] && got.response.Status == 206
			}},
		"another object under If-Range": {simulator.Fault{NewObject: true}, []string{"Range", "bytes=10-", "If-Range", "ETAG"},
			func(got answer, whole, etag string) bool {
				return got.response.Status == 200 && got.body != whole && got.response.Header.Get("ETag") != etag
			}},
		"no ETag": {simulator.Fault{Header: map[string]string{"ETag": ""}}, nil,
			func(got answer, whole, _ string) bool { return got.response.Header["Etag"] == nil && got.body == whole }},
		"no length": {simulator.Fault{Header: map[string]string{"Content-Length": ""}}, nil,
			func(got answer, whole, _ string) bool { return got.response.ContentLength == -1 && got.body == whole }},
		"length too large": {simulator.Fault{Header: map[string]string{"Content-Length": "99999999"}}, nil,
			func(got answer, whole, _ string) bool {
				return errors.Is(got.err, io.ErrUnexpectedEOF) && got.body == whole && got.response.ContentLength == 99999999
			}},
		"length too small": {simulator.Fault{Header: map[string]string{"Content-Length": "10"}}, nil,
			func(got answer, whole, _ string) bool { return got.body == whole[:10] }},
		"wrong range": {simulator.Fault{Header: map[string]string{"Content-Range": "bytes 0-9/10"}}, []string{"Range", "bytes=10-"},
			func(got answer, _, _ string) bool { return got.response.Header.Get("Content-Range") == "bytes 0-9/10" }},
		"gzip": {simulator.Fault{Gzip: true}, nil,
			func(got answer, whole, _ string) bool {
				r, err := gzip.NewReader(strings.NewReader(got.body))
				if err != nil {
					return false
				}
				plain, err := io.ReadAll(r)
				return err == nil && bytes.Equal(plain, []byte(whole)) && got.response.Header.Get("Content-Encoding") == "gzip"
			}},
		"expired": {simulator.Fault{ExpireURLs: true}, nil,
			func(got answer, _, _ string) bool {
				return got.response.Status == 403 && strings.Contains(got.body, "expired")
			}},
		"HTML": {simulator.Fault{Status: 200, Body: "<html>Please log in"}, nil,
			func(got answer, _, _ string) bool { return got.body == "<html>Please log in" }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := start(t, simulator.Options{})
			address := c.dataURL()
			first, whole, err := c.send(http.MethodGet, address, "")
			if err != nil {
				t.Fatal(err)
			}
			etag := first.Header.Get("ETag")
			for i := range v.header {
				v.header[i] = strings.Replace(v.header[i], "ETAG", etag, 1)
			}
			v.fault.Route = simulator.Download
			c.sim.Inject(v.fault)
			response, got, err := c.send(http.MethodGet, address, "", v.header...)
			if response == nil || !v.check(answer{response, got, err}, whole, etag) {
				t.Errorf("%v: %d of %d bytes, %v", response, len(got), len(whole), err)
			}
		})
	}
}

func TestExpiredAddressIsReplacedByAPoll(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{Polls: -1})
	task := c.post(order)
	c.sim.Inject(simulator.Fault{Route: simulator.Download, ExpireURLs: true})
	for i, want := range []int{403, 403} { // it stays so
		if response, _, _ := c.send(http.MethodGet, text(task, "data_url"), ""); response.Status != want {
			t.Errorf("request %d: %d", i+1, response.Status)
		}
	}
	fresh := text(c.poll(task), "data_url")
	if response, _, _ := c.send(http.MethodGet, fresh, ""); response.Status != 200 || fresh == task["data_url"] {
		t.Errorf("fresh address: %d", response.Status)
	}
}

func TestRate(t *testing.T) {
	t.Parallel()
	data := &simulator.Data{Body: bytes.Repeat([]byte("x"), 1000), ContentType: "text/plain"}
	c := start(t, simulator.Options{Data: data, Faults: []simulator.Fault{{Route: simulator.Download, Rate: 10_000}}})
	address := c.dataURL()
	begin := time.Now()
	_, got, err := c.send(http.MethodGet, address, "")
	if d := time.Since(begin); err != nil || len(got) != 1000 || d < 90*time.Millisecond {
		t.Errorf("%d bytes in %v, %v", len(got), d, err)
	}
}

func TestFaultyAnswersAreJSONWhereTheyClaimToBe(t *testing.T) {
	t.Parallel()
	c := start(t, simulator.Options{Faults: []simulator.Fault{{Route: simulator.Create, Pad: 10, Body: `{"a": 1}`}}})
	_, got, _ := c.send(http.MethodPost, c.base+"/generate_tasks", order)
	if !json.Valid([]byte(got)) {
		t.Errorf("%q", got)
	}
}
