package fabricate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"html"
	"mime"
	"net"
	"net/http"
	"net/url"
	"regexp"
	"strconv"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// fault is how one request failed.
type fault struct {
	err     error         // what to say when it is not tried again: *problem.Error, or a bare context error
	passing bool          // the same request may succeed later
	sent    bool          // the server may have received the request and acted on it
	expired bool          // the address is not valid any more (downloads only)
	after   time.Duration // how long the server asks to wait (Retry-After); 0 when it does not say
	tries   int           // fewer tries than usual are worth it; 0 means the client's
	status  int           // of the answer; 0 when there was none
}

// failed gives the fault for a request that got no whole answer: the connection, the request timeout, or ctx.
func (c *Fetcher) failed(ctx, requestCtx context.Context, address *url.URL, where string, err error, sent bool) *fault {
	if ctx.Err() != nil {
		return &fault{sent: sent, err: stopped(ctx, where, "the time limit ended during a request",
			"Raise the setting timeout.")}
	}
	if requestCtx.Err() != nil {
		p := &problem.Error{
			Code:   problem.Timeout,
			Where:  where,
			What:   fmt.Sprintf("no whole answer within %s", c.requestTimeout),
			Remedy: "If the API is only slow, raise the setting request-timeout.",
			Err:    requestCtx.Err(),
		}
		if proxy := c.proxyFor(address); proxy != "" {
			p.What += " (through the proxy " + proxy + ")"
		}
		return &fault{passing: true, sent: sent, err: p}
	}
	f := c.unreachable(address, where, err)
	f.sent = sent
	return f
}

// unreachable gives the fault for an error of the network on the way to an address, TLS and proxies included.
func (c *Fetcher) unreachable(address *url.URL, where string, err error) *fault {
	p := &problem.Error{
		Code:   problem.API,
		Where:  where,
		What:   "no answer: " + c.safe(err),
		Remedy: "Check the setting api-url, and that this machine may reach it (firewall, HTTPS_PROXY, NO_PROXY).",
	}
	f := &fault{err: p, passing: true}
	proxy := c.proxyFor(address)
	if proxy != "" {
		p.What += " (through the proxy " + proxy + ")"
		p.Remedy = "Check that the proxy works and lets this machine through to " + address.Host + " (HTTPS_PROXY, HTTP_PROXY, NO_PROXY)."
	}
	var (
		noProxy    *net.OpError
		refused    *refusedByProxy
		untrusted  *tls.CertificateVerificationError
		authority  x509.UnknownAuthorityError
		noName     *net.DNSError
		notTLS     tls.RecordHeaderError
		certifying = errors.As(err, &untrusted) || errors.As(err, &authority)
	)
	switch {
	case errors.Is(err, errProxyAddress):
		f.passing = false
		p.What, p.Remedy = err.Error(), "Write it like http://gateway.example:8888, with special characters in its password percent-encoded."
	case errors.As(err, &refused):
		f.passing = passingStatus(refused.status)
		p.What = fmt.Sprintf("the proxy %s does not let us through to %s: HTTP %d (%s)", proxy, address.Host, refused.status, http.StatusText(refused.status))
		p.Remedy = proxyRemedy(refused.status)
	case errors.As(err, &noProxy) && (noProxy.Op == "proxyconnect" || strings.HasPrefix(noProxy.Op, "socks")):
		f.passing = !certifying
		p.What = fmt.Sprintf("the proxy %s does not answer: %s", proxy, c.safe(noProxy.Err))
		p.Remedy = proxyRemedy(0)
	case certifying:
		f.passing = false
		p.What = "the server's certificate is not trusted: " + c.safe(err)
		if proxy != "" {
			p.What += " (it may be that of the proxy " + proxy + ")"
		}
		p.Remedy = "If a private authority has signed it, name its PEM file in the setting api-ca-file; " +
			"otherwise check the host in the setting api-url and this machine's clock."
	case errors.As(err, &notTLS), strings.Contains(err.Error(), "server gave HTTP response to HTTPS client"):
		f.passing = false
		p.What = "the server does not speak TLS there"
		p.Remedy = "Check scheme and port in the setting api-url."
	case errors.As(err, &noName) && noName.IsNotFound:
		f.tries = maxNameTries
		p.What = fmt.Sprintf("the host %s is not known", noName.Name)
		p.Remedy = "Check the spelling in the setting api-url, and that this machine's name service knows the host."
	}
	return f
}

// proxyRemedy says what to do about a proxy that has answered with a status, or not at all (0).
func proxyRemedy(status int) string {
	if status == http.StatusProxyAuthRequired {
		return "It asks for a name and a password: give them in HTTPS_PROXY and HTTP_PROXY, as in http://user:password@gateway.example:8888."
	}
	return "Check HTTPS_PROXY and HTTP_PROXY, or name the host in NO_PROXY if it can be reached without a proxy."
}

// refused gives the fault for an answer that is not 2xx. The body is what could be read of it.
func (c *Fetcher) refused(where string, response *http.Response, body []byte) *fault {
	status := response.StatusCode
	p := &problem.Error{
		Code:  problem.API,
		Where: fmt.Sprintf("%s: HTTP %d", where, status),
		What:  orDefault(c.messageIn(response.Header.Get("Content-Type"), body), http.StatusText(status)),
	}
	p.What = orDefault(p.What, "an answer that says nothing")
	f := &fault{err: p, status: status, passing: passingStatus(status)}
	f.sent = status >= 500 || status == http.StatusRequestTimeout // a gateway may say so after it has passed it on
	f.after = retryAfter(response.Header, time.Now())
	switch {
	case status == http.StatusUnauthorized:
		p.Remedy = "The API does not accept the key. Check the setting api-key (FABRICATE_API_KEY), " +
			"and that the setting api-url is the one the key was made at."
	case status == http.StatusPaymentRequired:
		p.Remedy = "The account's plan does not allow it, or what it includes is used up: look at plan and usage in Fabricate, or ask for fewer rows."
	case status == http.StatusUnprocessableEntity:
		p.Remedy = "The API has read the request and does not accept what it says: check the settings database, entity, format and overrides against the database in Fabricate."
	case status == http.StatusForbidden:
		p.Remedy = "The key may not do this. Check the settings api-key and workspace, and the key's rights in Fabricate."
	case status == http.StatusTooManyRequests:
		p.Remedy = "Too many requests, or the daily limit on generated data. Try again later."
	case status == http.StatusServiceUnavailable && f.after > 0:
		f.sent = false // the server says when to come back, so it has done nothing
	case status == http.StatusProxyAuthRequired:
		if response.Request != nil {
			p.What = fmt.Sprintf("the proxy %s does not let us through", c.proxyFor(response.Request.URL))
		}
		p.Remedy = proxyRemedy(status)
	case status >= 500:
		p.Remedy = "The fault is the API's, or of a gateway before it. Try again later."
	}
	if f.after > maxRetryAfter {
		f.passing = false
		p.What += fmt.Sprintf("; it asks to come back in %s", f.after.Round(time.Second))
	}
	return f
}

func passingStatus(status int) bool {
	switch status {
	case http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return true
	case http.StatusNotImplemented, http.StatusHTTPVersionNotSupported:
		return false
	}
	return status >= 500
}

// retryAfter reads the header in both of its forms, seconds and a date (RFC 9110, 10.2.3); 0 when it is absent, past
// or not readable. A date is held against the server's own clock, where it tells it.
func retryAfter(header http.Header, now time.Time) time.Duration {
	value := strings.TrimSpace(header.Get("Retry-After"))
	if seconds, err := strconv.ParseUint(value, 10, 31); err == nil {
		return time.Duration(seconds) * time.Second
	}
	date, err := http.ParseTime(value)
	if err != nil {
		return 0
	}
	if serverNow, err := http.ParseTime(header.Get("Date")); err == nil {
		now = serverNow
	}
	return max(0, date.Sub(now))
}

var titlePattern = regexp.MustCompile(`(?is)<title[^>]*>(.*?)</title>`)

// messageIn gives what the body of an error says: its JSON message, the title of its page, or a short plain text.
func (c *Fetcher) messageIn(contentType string, body []byte) string {
	var object map[string]json.RawMessage
	if json.Unmarshal(body, &object) == nil {
		for _, name := range []string{"error", "errors", "message", "detail"} {
			if text := messageOf(object[name]); text != "" {
				return c.safeText(text)
			}
		}
		return ""
	}
	if title := titlePattern.FindSubmatch(body); title != nil {
		return c.safeText(html.UnescapeString(string(title[1])))
	}
	if mediaType, _, _ := mime.ParseMediaType(contentType); mediaType == "text/plain" {
		return c.safeText(string(body))
	}
	return ""
}

// again runs the operation until it succeeds, fails for good, or has been tried too often.
//
// The pauses are the library's; the loop is not, because whether to go on depends on more than the error: see fault.
func (c *Fetcher) again(ctx context.Context, operation func() *fault) *fault {
	pauses := c.pauses()
	for try := 1; ; try++ {
		f := operation()
		if f == nil || !f.passing || try >= c.tries || f.tries > 0 && try >= f.tries {
			return f
		}
		if stop := c.pause(ctx, pauses, f); stop != nil {
			stop.sent = f.sent
			return stop
		}
	}
}

// pauses gives the pauses between tries: from the poll interval to maxInterval, with jitter.
func (c *Fetcher) pauses() *backoff.ExponentialBackOff {
	return &backoff.ExponentialBackOff{
		InitialInterval:     c.pollInterval,
		MaxInterval:         max(maxInterval, c.pollInterval),
		Multiplier:          2,
		RandomizationFactor: 0.2,
	}
}

// pause tells of the fault and waits before the next try, as long as the server asks or the next of the pauses.
func (c *Fetcher) pause(ctx context.Context, pauses *backoff.ExponentialBackOff, f *fault) *fault {
	wait := pauses.NextBackOff()
	if f.after > 0 {
		wait = f.after + wait/10 // what is due to the server, and jitter
	}
	c.notice(fmt.Sprintf("Retrying in %s: %s", roundPause(wait), headline(f.err)))
	if sleep(ctx, wait) == nil {
		return nil
	}
	return &fault{err: stopped(ctx, "", "the time limit ended while waiting to try again: "+headline(f.err),
		"Raise the setting timeout.")}
}

func headline(err error) string {
	var p *problem.Error
	if errors.As(err, &p) {
		return p.Headline()
	}
	return err.Error()
}

func roundPause(d time.Duration) time.Duration {
	if d < time.Second {
		return d.Round(time.Millisecond)
	}
	return d.Round(100 * time.Millisecond)
}

// sleep waits, or gives the error of a context that ends before.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
