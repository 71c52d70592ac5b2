// Package fabricate is a client of the Fabricate API: it starts a generation task, waits for it, and downloads what
// it made.
//
// What is repeated, and what is not:
//
//   - A GET is repeated after any fault that may pass: a lost connection, a request timeout, an answer that cannot be
//     read, HTTP 408, 425, 429 and 5xx. It is tried [DefaultTries] times in a row at most.
//   - A POST starts a task, which counts against a daily limit on generated data. It is repeated only when it certainly
//     was not acted on: nothing of it was written to a connection, or the answer was 429, or 503 with Retry-After.
//     When its fate is not known the error says so, and how to go on.
//   - A download is resumed with Range and If-Range where the server has given a validator by which it can tell that
//     the object is still the same; otherwise it starts anew, [maxRestarts] times at most. A signed address that has
//     expired is replaced by a fresh one from the task.
//   - The first pause is the poll interval; each next one is longer, up to [maxInterval], all of them with jitter.
//     Retry-After (seconds or a date) goes before that, up to [maxRetryAfter].
//
// What is kept secret: the key goes to the API's own origin (scheme, host and port) and nowhere else, redirects
// included; data addresses may be signed and are never shown, in no error and no notice. See [Redact].
package fabricate

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Limits of the client that are not settings.
const (
	DefaultTries          = 10               // times in a row that one request is tried
	defaultRequestTimeout = 30 * time.Second // one API request; in a download the longest silence
	defaultPollInterval   = time.Second      // first pause between two polls, and before a first retry
	maxInterval           = 10 * time.Second // to which both grow
	maxRetryAfter         = 5 * time.Minute  // the longest Retry-After that is worth waiting for
	maxAnswer             = 1 << 20          // bytes of one API answer; a task has less than 1 KiB
	maxRedirects          = 5                // within one request
	idleTimeout           = time.Minute      // after which a connection that is not in use is closed
	maxNameTries          = 4                // tries while the host's name cannot be resolved: rarely a passing fault
)

const repositoryURL = "https://github.com/fabricate-seed/fabricate-seed"

// Options is what a client needs. The zero value of every field but BaseURL and Key is useful.
type Options struct {
	BaseURL        string        // as in "https://fabricate.tonic.ai/api/v1"
	Key            string        // secret
	Version        string        // of this program, for the User-Agent
	RequestTimeout time.Duration // one API request; for downloads the longest silence; 0 means 30s
	PollInterval   time.Duration // first pause between polls; grows to 10s; 0 means 1s
	Tries          int           // times in a row that a request is tried; 0 means DefaultTries
	CAFile         string        // PEM file of certificate authorities to trust beside the system's; may be empty
	Notice         func(string)  // told what is worth a line in the log, such as a retry; may be nil

	// Secret is told of each signed address, whole and in parts, before it is used, so that it can be hidden; may be nil.
	Secret func(...string)
}

// Client talks to one Fabricate API with one key. It is safe for use by several goroutines.
type Client struct {
	base           *url.URL
	key            string
	userAgent      string
	requestTimeout time.Duration
	pollInterval   time.Duration
	tries          int
	notice         func(string)
	secret         func(...string)
	transport      *http.Transport
	api            *http.Client // sends the key; stays at the API's origin
	data           *http.Client // never sends the key; goes where it is sent
}

// New makes a client and does not touch the network. Errors have the code Settings.
func New(o Options) (*Client, error) {
	base, err := parseBase(o.BaseURL)
	if err != nil {
		return nil, err
	}
	if o.Key == "" || strings.ContainsFunc(o.Key, func(r rune) bool { return r <= ' ' || r >= 0x7f }) {
		return nil, &problem.Error{
			Code:   problem.Settings,
			Where:  "setting api-key",
			What:   "the key is empty, or holds a space, a line break or another character that no key has",
			Remedy: "Copy the key again, from Fabricate's settings into the secret FABRICATE_API_KEY.",
		}
	}
	roots, err := readRoots(o.CAFile)
	if err != nil {
		return nil, err
	}
	transport := &http.Transport{
		Proxy:              http.ProxyFromEnvironment,
		TLSClientConfig:    &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:  true,
		DisableCompression: true, // lengths and ranges are to mean what they say
		IdleConnTimeout:    idleTimeout,
	}
	c := &Client{
		base:           base,
		key:            o.Key,
		userAgent:      fmt.Sprintf("fabricate-seed/%s (+%s)", orDefault(o.Version, "dev"), repositoryURL),
		requestTimeout: orDefault(o.RequestTimeout, defaultRequestTimeout),
		pollInterval:   orDefault(o.PollInterval, defaultPollInterval),
		tries:          orDefault(o.Tries, DefaultTries),
		notice:         o.Notice,
		secret:         o.Secret,
		transport:      transport,
	}
	if c.secret == nil {
		c.secret = func(...string) {}
	}
	if c.notice == nil {
		c.notice = func(string) {}
	}
	c.api = &http.Client{Transport: transport, CheckRedirect: c.checkAPIRedirect}
	c.data = &http.Client{Transport: transport, CheckRedirect: c.checkDataRedirect}
	return c, nil
}

// Close ends idle connections. The client can be used afterwards.
func (c *Client) Close() { c.transport.CloseIdleConnections() }

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

func parseBase(text string) (*url.URL, error) {
	base, err := url.Parse(strings.TrimRight(text, "/"))
	if err != nil || base.Host == "" || (base.Scheme != "https" && base.Scheme != "http") ||
		base.User != nil || base.RawQuery != "" || base.Fragment != "" {
		return nil, &problem.Error{
			Code:   problem.Settings,
			Where:  "setting api-url",
			What:   "this is not the address of an API: " + Redact(text),
			Remedy: "Give scheme, host and path and nothing more, as in https://fabricate.tonic.ai/api/v1.",
		}
	}
	return base, nil
}

// readRoots gives the system's authorities and those of the file; nil, which means the system's, when there is none.
func readRoots(file string) (*x509.CertPool, error) {
	if file == "" {
		return nil, nil
	}
	pem, err := os.ReadFile(file)
	if err != nil {
		return nil, &problem.Error{
			Code:  problem.Settings,
			Where: file,
			What:  "the file of certificate authorities cannot be read: " + err.Error(),
			Err:   err,
		}
	}
	roots, err := x509.SystemCertPool()
	if err != nil { // none on this system; those of the file are then all there are
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(pem) {
		return nil, &problem.Error{
			Code:   problem.Settings,
			Where:  file,
			What:   "the file holds no certificate authority",
			Remedy: "Give a PEM file, which has lines that say BEGIN CERTIFICATE.",
		}
	}
	return roots, nil
}

// checkAPIRedirect follows a redirect that stays at the API's own origin and keeps the method. Any other one is handed
// back as the answer, so that neither key nor request goes anywhere else.
func (c *Client) checkAPIRedirect(next *http.Request, before []*http.Request) error {
	if len(before) > maxRedirects || !sameOrigin(next.URL, c.base) || next.Method != before[0].Method {
		return http.ErrUseLastResponse
	}
	return nil
}

func sameOrigin(a, b *url.URL) bool {
	return a.Scheme == b.Scheme && strings.EqualFold(a.Hostname(), b.Hostname()) && port(a) == port(b)
}

func port(u *url.URL) string {
	if p := u.Port(); p != "" {
		return p
	}
	return map[string]string{"http": "80", "https": "443"}[u.Scheme]
}

// call sends one request to the API and gives the body of its answer when the status is 2xx. The path is relative to
// the base, and already escaped. The body of the request is JSON, or nil.
func (c *Client) call(ctx context.Context, method, path string, body []byte) ([]byte, *fault) {
	where := method + " /" + path
	requestCtx, cancel := context.WithTimeout(ctx, c.requestTimeout)
	defer cancel()

	// WroteHeaders comes before the first byte is flushed, so without it nothing has left. GetConn begins another go
	// at the same request: net/http makes one by itself for a POST only when nothing was written on a connection that
	// the server had closed, or when the server told it to (redirects 307 and 308).
	var wrote atomic.Bool
	traceCtx := httptrace.WithClientTrace(requestCtx, &httptrace.ClientTrace{
		GetConn:      func(string) { wrote.Store(false) },
		WroteHeaders: func() { wrote.Store(true) },
	})
	request, err := http.NewRequestWithContext(traceCtx, method, c.base.String()+"/"+path, bytes.NewReader(body))
	if err != nil {
		return nil, c.failed(ctx, requestCtx, where, err, false)
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.userAgent)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := c.api.Do(request)
	if err != nil {
		return nil, c.failed(ctx, requestCtx, where, err, wrote.Load())
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(io.LimitReader(response.Body, maxAnswer+1))
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, c.refused(where, response, answer) // what could be read of the body is enough for a message
	}
	if err != nil {
		return nil, c.failed(ctx, requestCtx, where, err, true)
	}
	if len(answer) > maxAnswer {
		return nil, &fault{sent: true, err: &problem.Error{
			Code:   problem.API,
			Where:  where,
			What:   fmt.Sprintf("the answer is longer than %d bytes, so it is not a task", maxAnswer),
			Remedy: "Check the setting api-url.",
		}}
	}
	return answer, nil
}

// stopped gives the error for a context that has ended: bare when it was cancelled, a timeout that says what was being
// done otherwise.
func stopped(ctx context.Context, where, what, remedy string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &problem.Error{Code: problem.Timeout, Where: where, What: what, Remedy: remedy, Err: ctx.Err()}
	}
	return ctx.Err()
}
