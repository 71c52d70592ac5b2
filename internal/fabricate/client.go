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
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// maxAnswer is how many bytes of one API answer are read; a task has less than 1 KiB.
const maxAnswer = 1 << 20

// Client talks to one Fabricate API with one key. It is safe for use by several goroutines.
type Client struct {
	*Fetcher
	base *url.URL
	key  string // goes to the API's own origin, and nowhere else
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
	fetcher, err := NewFetcher(o)
	if err != nil {
		return nil, err
	}
	fetcher.hidden = o.Key
	return &Client{Fetcher: fetcher, base: base, key: o.Key}, nil
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
// the base, and already escaped. The body of the request is JSON, or nil. A redirect is followed that stays at the API's own
// origin and keeps the method; any other one is a fault, so that neither key nor request goes anywhere else.
func (c *Client) call(ctx context.Context, method, path string, body []byte) ([]byte, *fault) {
	where := method + " /" + path
	requestCtx, cancel := context.WithTimeout(ctx, c.requestTimeout)
	defer cancel()

	// WroteHeaders comes before the first byte is flushed, so without it nothing has left. GetConn begins another go
	// at the same request: net/http makes one by itself for a POST only when nothing was written on a connection that
	// the server had closed.
	var wrote atomic.Bool
	traceCtx := httptrace.WithClientTrace(requestCtx, &httptrace.ClientTrace{
		GetConn:      func(string) { wrote.Store(false) },
		WroteHeaders: func() { wrote.Store(true) },
	})
	address, err := url.Parse(c.base.String() + "/" + path)
	if err != nil {
		return nil, c.failed(ctx, requestCtx, c.base, where, err, false)
	}
	response, err := c.send(traceCtx, method, address, body)
	for hops := 0; err == nil && hops < maxRedirects; hops++ {
		next := c.redirectAtHome(method, response)
		if next == nil {
			break
		}
		discardBody(response)
		response, err = c.send(traceCtx, method, next, body)
	}
	if err != nil {
		return nil, c.failed(ctx, requestCtx, c.base, where, err, wrote.Load())
	}
	defer response.Body.Close()
	if response.StatusCode >= 300 && response.StatusCode < 400 {
		return nil, c.sentElsewhere(where, response)
	}
	answer, err := readAnswer(response)
	if response.StatusCode < 200 || response.StatusCode > 299 {
		return nil, c.refused(where, response, answer) // what could be read of the body is enough for a message
	}
	if errors.Is(err, errEncoding) {
		return nil, &fault{sent: true, err: &problem.Error{Code: problem.API, Where: where, What: err.Error(), Remedy: "Check the setting api-url."}}
	}
	if err != nil {
		return nil, c.failed(ctx, requestCtx, c.base, where, err, true)
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

// send sends one request with the key.
func (c *Client) send(ctx context.Context, method string, address *url.URL, body []byte) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, address.String(), bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	request.Header.Set("Authorization", "Bearer "+c.key)
	request.Header.Set("Accept", "application/json")
	request.Header.Set("User-Agent", c.userAgent)
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	return c.transport.RoundTrip(request)
}

// redirectAtHome gives where a redirect goes to, if it is one that can be followed with the key; nil otherwise.
func (c *Client) redirectAtHome(method string, response *http.Response) *url.URL {
	if !redirects(response.StatusCode) {
		return nil
	}
	keeps := response.StatusCode == http.StatusTemporaryRedirect || response.StatusCode == http.StatusPermanentRedirect
	next, err := response.Location()
	if err != nil || !sameOrigin(next, c.base) || !keeps && method != http.MethodGet {
		return nil
	}
	return next
}

// sentElsewhere gives the fault for a redirect that is not followed. Where it names the same API at another address, that
// address is what to write; of any other one only scheme and host are told: it may hold what is secret.
func (c *Client) sentElsewhere(where string, response *http.Response) *fault {
	p := &problem.Error{
		Code:   problem.API,
		Where:  fmt.Sprintf("%s: HTTP %d", where, response.StatusCode),
		What:   "the API sends us elsewhere, where the key is not sent",
		Remedy: "Check the setting api-url.",
	}
	f := &fault{err: p, status: response.StatusCode}
	location := response.Header.Get("Location")
	next, err := response.Location()
	if err != nil || next.Host == "" {
		c.secret(location)
		return f
	}
	base, _, isAPI := strings.Cut(next.Path, "/generate_tasks")
	if !isAPI || next.RawQuery != "" || next.User != nil {
		c.secret(append(signed(next), location)...)
		p.What = fmt.Sprintf("the API sends us to %s://%s, where the key is not sent", next.Scheme, next.Host)
		p.Remedy = "If the API is there, give its address as the setting api-url; if it is a page to log in, check the setting api-url."
		return f
	}
	address := next.Scheme + "://" + next.Host + base
	if address == c.base.String() {
		p.What = "the API sends us round in a circle"
		return f
	}
	p.What = fmt.Sprintf("the API is at another address, %s, where the key is not sent unasked", address)
	if c.base.Scheme == "https" && next.Scheme == "http" {
		p.What += "; it is not encrypted"
	}
	p.Remedy = "If that is the right place, write it into the setting api-url: " + address
	return f
}

func redirects(status int) bool {
	switch status {
	case http.StatusMovedPermanently, http.StatusFound, http.StatusSeeOther, http.StatusTemporaryRedirect, http.StatusPermanentRedirect:
		return true
	}
	return false
}

// discardBody makes the connection of an answer whose body nobody wants free for the next request.
func discardBody(response *http.Response) {
	const enough = 16 << 10 // bytes; for more another connection is cheaper
	_, _ = io.CopyN(io.Discard, response.Body, enough)
	response.Body.Close()
}

// errEncoding is an answer in an encoding that was not asked for and that is not understood.
var errEncoding = errors.New("the answer is in an encoding that was not asked for")

// gzipMagic is what a stream of gzip begins with (RFC 1952, 2.3.1).
const gzipMagic = "\x1f\x8b"

// readAnswer reads an answer of the API, one byte more than maxAnswer at most. Some gateways compress what was asked for as
// it is, and some servers put a byte-order mark before JSON.
func readAnswer(response *http.Response) ([]byte, error) {
	body := bufio.NewReader(response.Body)
	var plain io.Reader = body
	head, _ := body.Peek(len(gzipMagic)) // an answer may be shorter
	switch encoding := strings.ToLower(response.Header.Get("Content-Encoding")); {
	case string(head) == gzipMagic:
		unpacked, err := gzip.NewReader(body)
		if err != nil {
			return nil, err
		}
		plain = unpacked
	case slices.Contains([]string{"", "identity", "gzip", "x-gzip"}, encoding), len(head) == 0: // some say gzip, and send it plain
	default:
		return nil, fmt.Errorf("%w: %.20q", errEncoding, encoding)
	}
	answer, err := io.ReadAll(io.LimitReader(plain, maxAnswer+1))
	return bytes.TrimPrefix(answer, []byte("\xef\xbb\xbf")), err
}
