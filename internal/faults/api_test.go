//go:build unix

package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// api gives an API with these faults.
func api(faults ...simulator.Fault) simulator.Options { return simulator.Options{Faults: faults} }

// at gives a fault of a route, as often as said.
func at(route simulator.Route, times int, f simulator.Fault) simulator.Fault {
	f.Route, f.Times = route, times
	return f
}

const (
	create = simulator.Create
	poll   = simulator.Poll
	data   = simulator.Download
	always = simulator.Always

	page = "<html><head><title>Bad gateway</title></head><body>nginx</body></html>"

	fateUnknown = "whether a task was started is not known"
)

// certificate makes one that is signed by itself.
func certificate(from, until time.Time, hosts ...string) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "faults"}, NotBefore: from, NotAfter: until,
		DNSNames: hosts, IsCA: true, BasicConstraintsValid: true}
	if len(hosts) == 0 {
		template.IPAddresses = append(template.IPAddresses, []byte{127, 0, 0, 1})
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}

func withCertificate(c tls.Certificate) func(*httptest.Server) {
	return func(s *httptest.Server) { s.TLS.Certificates = []tls.Certificate{c} }
}

func ownAuthority(w *world) { w.args = append(w.args, "--api-ca-file="+filepath.Join(w.dir, "ca.pem")) }

// apiFaults are what can go wrong on the way to a completed task.
func apiFaults() []fault {
	now := time.Now()
	said := func(status int, body string, header ...string) simulator.Fault {
		h := map[string]string{}
		for i := 0; i < len(header); i += 2 {
			h[header[i]] = header[i+1]
		}
		return simulator.Fault{Status: status, Body: body, Header: h}
	}
	edit := func(change func(map[string]any)) simulator.Fault { return simulator.Fault{Edit: change} }
	set := func(name string, value any) simulator.Fault {
		return edit(func(task map[string]any) { task[name] = value })
	}
	faults := []fault{
		// The way there.
		{name: "API: nothing listens", code: problem.API, says: []string{"no answer"}, tasks: -1,
			prepare: func(w *world) { w.apiURL = "http://" + nowhere(w.t) + simulator.Path }},
		{name: "API: host name is not known", code: problem.API, tasks: -1, says: []string{"api-url"},
			prepare: func(w *world) { w.apiURL = "http://no-such-host.invalid" + simulator.Path }},
		{name: "API: path is wrong", code: problem.API, tasks: -1, says: []string{"HTTP 404"},
			prepare: func(w *world) { w.apiURL = w.web.URL + "/elsewhere" }},
		{name: "TLS: authority not known", code: problem.API, tasks: -1, says: []string{"certificate is not trusted", "api-ca-file"}, tls: func(*httptest.Server) {}},
		{name: "TLS: private authority in api-ca-file", tls: func(*httptest.Server) {}, prepare: ownAuthority},
		{name: "TLS: certificate expired", code: problem.API, tasks: -1, says: []string{"certificate is not trusted", "expired"}, prepare: ownAuthority,
			tls: withCertificate(certificate(now.Add(-48*time.Hour), now.Add(-24*time.Hour)))},
		{name: "TLS: certificate not yet valid", code: problem.API, tasks: -1, says: []string{"certificate is not trusted", "clock"}, prepare: ownAuthority,
			tls: withCertificate(certificate(now.Add(24*time.Hour), now.Add(48*time.Hour)))},
		{name: "TLS: certificate of another host", code: problem.API, tasks: -1, says: []string{"certificate is not trusted", "api-url"}, prepare: ownAuthority,
			tls: withCertificate(certificate(now.Add(-time.Hour), now.Add(time.Hour), "other.example"))},
		{name: "TLS: server speaks 1.1 at most", code: problem.API, tasks: -1, says: []string{"no answer"},
			tls: func(s *httptest.Server) { s.TLS.MinVersion, s.TLS.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }},
		{name: "TLS: asked of a server without", code: problem.API, tasks: -1, says: []string{"does not speak TLS"},
			prepare: func(w *world) { w.apiURL = "https" + strings.TrimPrefix(w.apiURL, "http") }},
		{name: "TLS: not asked of a server with", code: problem.API, tasks: -1, says: []string{"HTTP 400"}, tls: func(*httptest.Server) {},
			prepare: func(w *world) { w.apiURL = "http" + strings.TrimPrefix(w.apiURL, "https") }},

		// The POST, whose fate must be known before another is sent.
		{name: "POST: reset before it is acted on", code: problem.API, tasks: -1, says: []string{fateUnknown, "task-id"},
			api: api(at(create, always, simulator.Fault{Break: simulator.Reset}))},
		{name: "POST: closed before it is acted on", code: problem.API, tasks: -1, says: []string{fateUnknown},
			api: api(at(create, always, simulator.Fault{Break: simulator.Close}))},
		{name: "POST: reset after it was acted on", code: problem.API, says: []string{fateUnknown, "task-id"},
			api: api(at(create, always, simulator.Fault{Break: simulator.Reset, Moment: simulator.AfterActing}))},
		{name: "POST: closed after it was acted on", code: problem.API, says: []string{fateUnknown},
			api: api(at(create, always, simulator.Fault{Break: simulator.Close, Moment: simulator.AfterActing}))},
		{name: "POST: answer cut", code: problem.API, says: []string{fateUnknown},
			api: api(at(create, always, simulator.Fault{Break: simulator.Close, Moment: simulator.InBody, At: 20}))},
		{name: "POST: answer stalls", code: problem.Timeout, says: []string{fateUnknown},
			api: api(at(create, always, simulator.Fault{Break: simulator.Stall, Moment: simulator.InBody, At: 20}))},
		{name: "POST: no answer at all", code: problem.Timeout, tasks: -1, says: []string{fateUnknown},
			api: api(at(create, always, simulator.Fault{Break: simulator.Stall}))},
		{name: "POST: answer is slow, within the limit", api: api(at(create, 1, simulator.Fault{Delay: 100 * time.Millisecond}))},
	}
	for _, refusal := range []struct {
		name   string
		answer simulator.Fault
		says   string
	}{
		{"400 with JSON", said(400, `{"error":"bad"}`), "HTTP 400: bad"},
		{"401", said(401, `{"error":"Invalid API key"}`), "api-key"},
		{"403", said(403, `{"error":"Forbidden"}`), "rights"},
		{"404", said(404, `{"error":"Workspace not found"}`), "workspace"},
		{"409", said(409, `{"error":"Already running"}`), "Already running"},
		{"413 with HTML", said(413, page), "HTTP 413"},
		{"422 with JSON", said(422, `{"error":"unknown format"}`), "unknown format"},
		{"422 with a list of errors", said(422, `{"errors":[{"message":"no such entity"},"and more"]}`), "no such entity; and more"},
		{"redirect to another host", said(302, "", "Location", "https://other.example/"), "https://other.example"},
		{"redirect to another host, method kept", said(307, "", "Location", "https://other.example/"), "https://other.example"},
		{"redirect to itself", said(307, "", "Location", simulator.Path+"/generate_tasks"), "in a circle"},
		{"redirect without an address", said(302, ""), "elsewhere"},
		{"501", said(501, "not implemented"), "HTTP 501"},
		{"429 that asks to come back in an hour", said(429, `{"error":"daily limit"}`, "Retry-After", "3600"), "1h0m0s"},
		{"429 for ever", said(429, `{"error":"slow down"}`), "slow down"},
		{"500 with HTML", said(500, page), fateUnknown},
		{"502 with HTML", said(502, page), fateUnknown},
		{"503 with HTML", said(503, page), fateUnknown},
		{"504 with HTML", said(504, page), fateUnknown},
		{"JSON that is none", said(201, `{"id": `), fateUnknown},
		{"login page in place of JSON", said(200, "<html><title>Log in</title></html>"), "Log in"},
		{"empty answer", said(201, " "), fateUnknown},
		{"a list in place of a task", said(201, `{}`), "names no task"},
		{"2 MiB of JSON", simulator.Fault{Body: `{"id":"x"}`, Pad: 2 << 20}, "longer than"},
		{"id of a wrong type", set("id", map[string]any{"a": 1}), "names no task"},
		{"task that has failed already", set("error", "quota exceeded"), "quota exceeded"},
	} {
		f := fault{name: "POST: " + refusal.name, code: problem.API, says: []string{refusal.says}, api: api(at(create, always, refusal.answer)), tasks: -1}
		if refusal.answer.Edit != nil {
			f.tasks = 1
		}
		faults = append(faults, f)
	}
	faults = append(faults,
		fault{name: "POST: 429, then well", says: []string{"Retrying in"}, api: api(at(create, 2, said(429, `{"error":"slow down"}`)))},
		fault{name: "POST: 429 with Retry-After in seconds", says: []string{"Retrying in 1"}, api: api(at(create, 1, said(429, `{"error":"slow down"}`, "Retry-After", "1")))},
		fault{name: "POST: 429 with Retry-After as a date", says: []string{"Retrying in"},
			api: api(at(create, 1, said(429, `{"error":"slow down"}`, "Retry-After", now.Add(2*time.Second).UTC().Format(http.TimeFormat))))},
		fault{name: "POST: 429 with a date and a clock that is an hour off", says: []string{"Retrying in 1"},
			api: api(at(create, 1, said(429, `{"error":"slow down"}`, "Date", now.Add(time.Hour).UTC().Format(http.TimeFormat),
				"Retry-After", now.Add(time.Hour+time.Second).UTC().Format(http.TimeFormat))))},
		fault{name: "POST: 503 with Retry-After", says: []string{"Retrying in 1"}, api: api(at(create, 1, said(503, page, "Retry-After", "1")))},
	)
	// Questions about the task are repeated.
	for _, once := range []struct {
		name string
		f    simulator.Fault
	}{
		{"reset", simulator.Fault{Break: simulator.Reset}},
		{"closed", simulator.Fault{Break: simulator.Close}},
		{"no answer", simulator.Fault{Break: simulator.Stall}},
		{"answer cut", simulator.Fault{Break: simulator.Close, Moment: simulator.InBody, At: 30}},
		{"answer stalls", simulator.Fault{Break: simulator.Stall, Moment: simulator.InBody, At: 30}},
		{"408", said(408, "")}, {"425", said(425, "")}, {"429", said(429, `{"error":"slow down"}`)}, {"500", said(500, page)}, {"502", said(502, page)},
		{"503", said(503, page)}, {"504", said(504, page)}, {"JSON that is none", said(200, `{"id": `)}, {"HTML with 200", said(200, page)},
	} {
		again := []string{"Retrying in"}
		if once.f.Moment == simulator.BeforeActing && (once.f.Break == simulator.Reset || once.f.Break == simulator.Close) {
			again = nil // net/http has done it
		}
		faults = append(faults, fault{name: "poll: " + once.name + ", once", says: again, api: api(at(poll, 1, once.f))})
	}
	long := simulator.Options{Polls: 1 << 30}
	backwards := 1.0
	faults = append(faults,
		fault{name: "poll: 500 for ever", code: problem.API, says: []string{"HTTP 500", "task-id"}, api: api(at(poll, always, said(500, page)))},
		fault{name: "poll: JSON that is none for ever", code: problem.API, says: []string{"cannot be read", "task-id"}, api: api(at(poll, always, said(200, `[1`)))},
		fault{name: "poll: 401 in the middle", code: problem.API, says: []string{"api-key", "task-id"}, api: api(at(poll, always, said(401, `{"error":"revoked"}`)))},
		fault{name: "poll: 2 MiB of JSON", code: problem.API, says: []string{"longer than", "task-id"}, api: api(at(poll, always, simulator.Fault{Body: `{"id":"x"}`, Pad: 2 << 20}))},
		fault{name: "poll: redirect to another host", code: problem.API, says: []string{"other.example"},
			api: api(at(poll, always, said(302, "", "Location", "https://other.example/")))},
		fault{name: "task: vanishes", code: problem.API, says: []string{"does not know the task"}, api: api(at(poll, always, said(404, `{"error":"not found"}`)))},
		fault{name: "task: fails", code: problem.API, says: []string{"no rows for you"}, api: simulator.Options{TaskError: "no rows for you"}},
		fault{name: "task: stalls", code: problem.Timeout, says: []string{"not complete within the time limit", "task-id"}, api: long},
		fault{name: "task: goes backwards", never: []string{"100%  Generating"}, api: simulator.Options{Polls: 4, Faults: []simulator.Fault{at(poll, 3, edit(func(task map[string]any) {
			backwards /= 2
			task["progress"] = backwards
		}))}}},
		fault{name: "task: fields of wrong types", api: simulator.Options{Polls: 2, Faults: []simulator.Fault{at(poll, 1, edit(func(task map[string]any) {
			task["progress"], task["phase"], task["context"], task["error"], task["completed"] = "lots", 7, []int{1}, false, "no"
		}))}}},
		fault{name: "task: fields missing", api: simulator.Options{Polls: 2, Faults: []simulator.Fault{at(poll, 1, edit(func(task map[string]any) {
			for name := range task {
				if name != "id" {
					delete(task, name)
				}
			}
		}))}}},
		fault{name: "task: its times jump by years", api: simulator.Options{Edit: func(task map[string]any) {
			task["created_at"], task["updated_at"] = "1970-01-01T00:00:00Z", "2106-02-07T06:28:15Z"
		}}},
		fault{name: "task: completes without data", code: problem.API, says: []string{"no data to download"}, api: simulator.Options{Edit: func(task map[string]any) { task["data_url"] = nil }}},
		fault{name: "task: data has an address that is none", code: problem.API, says: []string{"address cannot be read"},
			api: simulator.Options{Edit: func(task map[string]any) {
				if task["data_url"] != nil {
					task["data_url"] = "http://%zz/"
				}
			}}},
		fault{name: "task: data at a file: address", code: problem.Data, says: []string{"not http"},
			api: simulator.Options{Edit: func(task map[string]any) {
				if task["data_url"] != nil {
					task["data_url"] = "file://localhost/etc/passwd"
				}
			}}},
		fault{name: "task: data over http from a store, API over https", code: problem.Data, says: []string{"offered over http", "allow-http"},
			tls: func(*httptest.Server) {}, prepare: ownAuthority, api: simulator.Options{OtherOrigin: true}},
		fault{name: "task: data over http from a store, allowed", args: []string{"--allow-http"},
			tls: func(*httptest.Server) {}, prepare: ownAuthority, api: simulator.Options{OtherOrigin: true}},
	)
	return faults
}
