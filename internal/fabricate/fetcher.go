package fabricate

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"os"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Limits that are not settings.
const (
	DefaultTries          = 10               // times in a row that one request is tried
	defaultRequestTimeout = 30 * time.Second // one API request; in a download the longest silence
	defaultPollInterval   = time.Second      // first pause between two polls, and before a first retry
	defaultMaxSize        = 64 << 30         // bytes of one download
	maxInterval           = 10 * time.Second // to which the pauses grow
	maxRetryAfter         = 5 * time.Minute  // the longest Retry-After that is worth waiting for
	maxRedirects          = 5                // within one request
	idleTimeout           = time.Minute      // after which a connection that is not in use is closed
	maxNameTries          = 4                // tries while the host's name cannot be resolved: rarely a passing fault
)

const repositoryURL = "https://github.com/fabricate-seed/fabricate-seed"

// Options is what a client or a fetcher needs. A Fetcher has no BaseURL and no Key; the zero value of every other field is
// useful.
type Options struct {
	BaseURL        string        // as in "https://fabricate.tonic.ai/api/v1"
	Key            string        // secret
	Version        string        // of this program, for the User-Agent
	RequestTimeout time.Duration // one API request; for downloads the longest silence; 0 means 30s
	PollInterval   time.Duration // first pause between polls, and before a first retry; 0 means 1s
	Tries          int           // times in a row that a request is tried; 0 means DefaultTries
	CAFile         string        // PEM file of certificate authorities to trust beside the system's; may be empty
	AllowHTTP      bool          // data may come over http although https was asked for
	MaxSize        int64         // bytes of one download; 0 means 64 GiB
	Notice         func(string)  // told what is worth a line in the log, such as a retry; may be nil

	// Secret is told of each signed address, whole and in parts, before it is used, so that it can be hidden; may be nil.
	Secret func(...string)
}

// Fetcher downloads from addresses, and knows no key. It is safe for use by several goroutines.
type Fetcher struct {
	userAgent      string
	requestTimeout time.Duration
	pollInterval   time.Duration
	tries          int
	allowHTTP      bool
	maxSize        int64
	notice         func(string)
	secret         func(...string)
	hidden         string // the key of an API, if there is one, to be taken out of texts; never sent from here
	transport      *http.Transport
	proxy          func(*http.Request) (*url.URL, error)
}

// NewFetcher makes a fetcher and does not touch the network. Errors have the code Settings.
func NewFetcher(o Options) (*Fetcher, error) {
	roots, err := readRoots(o.CAFile)
	if err != nil {
		return nil, err
	}
	f := &Fetcher{
		userAgent:      fmt.Sprintf("fabricate-seed/%s (+%s)", orDefault(o.Version, "dev"), repositoryURL),
		requestTimeout: orDefault(o.RequestTimeout, defaultRequestTimeout),
		pollInterval:   orDefault(o.PollInterval, defaultPollInterval),
		tries:          orDefault(o.Tries, DefaultTries),
		allowHTTP:      o.AllowHTTP,
		maxSize:        orDefault(o.MaxSize, defaultMaxSize),
		notice:         o.Notice,
		secret:         o.Secret,
		proxy:          http.ProxyFromEnvironment,
	}
	f.transport = &http.Transport{
		Proxy:                  f.proxyOf,
		OnProxyConnectResponse: f.throughProxy,
		TLSClientConfig:        &tls.Config{MinVersion: tls.VersionTLS12, RootCAs: roots},
		ForceAttemptHTTP2:      true,
		DisableCompression:     true, // lengths and ranges are to mean what they say
		IdleConnTimeout:        idleTimeout,
	}
	if f.secret == nil {
		f.secret = func(...string) {}
	}
	if f.notice == nil {
		f.notice = func(string) {}
	}
	return f, nil
}

// Close ends idle connections. The fetcher can be used afterwards.
func (c *Fetcher) Close() { c.transport.CloseIdleConnections() }

func orDefault[T comparable](value, otherwise T) T {
	var zero T
	if value == zero {
		return otherwise
	}
	return value
}

// CheckCAFile gives the error that New would give for a file of certificate authorities; nil for none and for one that can be used.
func CheckCAFile(file string) error {
	_, err := readRoots(file)
	return err
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

// errProxyAddress stands for the error of net/http, which quotes the address of the proxy with its password.
var errProxyAddress = errors.New("HTTPS_PROXY or HTTP_PROXY does not hold the address of a proxy")

// proxyOf gives the proxy for a request, nil for none, and makes the password in it a secret.
func (c *Fetcher) proxyOf(request *http.Request) (*url.URL, error) {
	proxy, err := c.proxy(request)
	if err != nil {
		return nil, errProxyAddress
	}
	if proxy != nil && proxy.User != nil {
		if password, given := proxy.User.Password(); given {
			c.secret(proxy.String(), password)
		}
	}
	return proxy, nil
}

// proxyFor names the proxy on the way to an address; empty when there is none.
func (c *Fetcher) proxyFor(address *url.URL) string {
	proxy, err := c.proxyOf(&http.Request{Method: http.MethodGet, URL: address, Header: http.Header{}})
	if err != nil || proxy == nil {
		return ""
	}
	return proxy.Host
}

// refusedByProxy is an answer of a proxy that lets a request for https not through.
type refusedByProxy struct{ status int }

func (r *refusedByProxy) Error() string {
	return fmt.Sprintf("the proxy answers HTTP %d (%s)", r.status, http.StatusText(r.status))
}

func (c *Fetcher) throughProxy(_ context.Context, _ *url.URL, _ *http.Request, response *http.Response) error {
	if response.StatusCode == http.StatusOK {
		return nil
	}
	return &refusedByProxy{response.StatusCode}
}

// stopped gives the error for a context that has ended: bare when it was cancelled, a timeout that says what was being
// done otherwise.
func stopped(ctx context.Context, where, what, remedy string) error {
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		return &problem.Error{Code: problem.Timeout, Where: where, What: what, Remedy: remedy, Err: ctx.Err()}
	}
	return ctx.Err()
}
