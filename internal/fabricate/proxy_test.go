package fabricate

import (
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// What goes wrong at a proxy is said of the proxy, by its name and without its password, and what no repetition mends is not
// repeated. A POST that did not come through has started nothing.
func TestProxy(t *testing.T) {
	t.Parallel()
	const unknown = "may have been started"
	away := httptest.NewServer(nil)
	away.Close()
	foreign := httptest.NewTLSServer(answer(200, `{}`))
	t.Cleanup(foreign.Close)
	for name, tc := range map[string]struct {
		base   string
		proxy  string           // {proxy} is the address of the one below
		answer http.HandlerFunc // of the proxy
		says   []string
		asked  int // requests that the proxy has had
	}{
		"https, wants a name":     {"https://api.example", "http://user:Sig4711@{proxy}", answer(407, ``), []string{"{proxy}", "api.example", "HTTP 407", "HTTPS_PROXY", "user:password@"}, 1},
		"http, wants a name":      {"http://api.example", "http://{proxy}", answer(407, ``), []string{"proxy {proxy}", "HTTP 407", "user:password@"}, 1},
		"https, forbidden":        {"https://api.example", "http://{proxy}", answer(403, ``), []string{"{proxy}", "api.example", "HTTP 403", "NO_PROXY"}, 1},
		"https, cannot get there": {"https://api.example", "http://{proxy}", answer(502, ``), []string{"{proxy}", "api.example", "HTTP 502"}, 4},
		"https, cuts":             {"https://api.example", "http://{proxy}", cut, []string{"proxy {proxy}"}, 4},
		"away":                    {"https://api.example", strings.Replace(away.URL, "//", "//user:Sig4711@", 1), nil, []string{"proxy " + away.Listener.Addr().String(), "does not answer", "HTTPS_PROXY"}, 0},
		"http, away":              {"http://api.example", away.URL, nil, []string{"proxy " + away.Listener.Addr().String(), "does not answer"}, 0},
		"name is not known":       {"https://api.example", "http://gateway.invalid:8888", nil, []string{"proxy gateway.invalid:8888", "HTTPS_PROXY"}, 0},
		"speaks no TLS":           {"https://api.example", "https://{proxy}", answer(200, ``), []string{"proxy {proxy}"}, 0},
		"foreign certificate":     {"https://api.example", foreign.URL, nil, []string{"proxy " + foreign.Listener.Addr().String(), "certificate"}, 0},
		"silent":                  {"https://api.example", "http://{proxy}", hang, []string{"proxy {proxy}", "request-timeout"}, 4},
		"no address of a proxy":   {"https://api.example", "", nil, []string{"HTTPS_PROXY", "does not hold the address of a proxy"}, 0},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &script{steps: []http.HandlerFunc{tc.answer}}
			proxy := serve(t, s)
			fill := strings.NewReplacer("{proxy}", proxy.Listener.Addr().String())
			var secrets []string
			c, told := client(t, tc.base, func(o *Options) {
				o.Secret = func(all ...string) { secrets = append(secrets, all...) }
				if name == "silent" {
					o.RequestTimeout = 500 * time.Millisecond
				}
			})
			c.proxy = func(*http.Request) (*url.URL, error) {
				if tc.proxy == "" {
					return nil, &url.Error{Op: "parse", URL: "http://user:Sig4711@[", Err: url.InvalidHostError("[")}
				}
				return url.Parse(fill.Replace(tc.proxy))
			}
			_, err := c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql"})
			check(t, err, map[bool]problem.Code{true: problem.Timeout, false: problem.API}[name == "silent"])
			for _, word := range tc.says {
				if word = fill.Replace(word); !strings.Contains(err.Error(), word) {
					t.Errorf("error does not say %q: %v", word, err)
				}
			}
			if strings.Contains(err.Error(), unknown) || strings.Contains(err.Error(), "api-url") || strings.Contains(told.text(), "Sig4711") {
				t.Errorf("it says %v\nand told %s", err, told.text())
			}
			if strings.Contains(tc.proxy, "Sig4711") && !slices.Contains(secrets, "Sig4711") {
				t.Error("the proxy's password was not made a secret")
			}
			if tc.answer != nil && s.count() != tc.asked {
				t.Errorf("the proxy was asked %d times", s.count())
			}
		})
	}
}

// A proxy that shows its own certificate is named where that is not trusted.
func TestProxyThatLooksInside(t *testing.T) {
	t.Parallel()
	api := httptest.NewTLSServer(answer(200, `{"id":"x"}`))
	t.Cleanup(api.Close)
	proxy := serve(t, tunnel(api.Listener.Addr().String()))
	c, _ := client(t, "https://example.com", nil)
	c.proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	_, err := c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql"})
	check(t, err, problem.API, "not trusted", "proxy "+proxy.Listener.Addr().String(), "api-ca-file")

	ca := filepath.Join(t.TempDir(), "ca.pem")
	if err := os.WriteFile(ca, pemOf(api.Certificate().Raw), 0o600); err != nil {
		t.Fatal(err)
	}
	c, _ = client(t, "https://example.com", func(o *Options) { o.CAFile = ca })
	c.proxy = func(*http.Request) (*url.URL, error) { return url.Parse(proxy.URL) }
	_, err = c.Create(t.Context(), Request{Workspace: "w", Database: "d", Format: "sql"})
	check(t, err, problem.OK)
}

// tunnel is a proxy that leads every CONNECT to one address.
func tunnel(to string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		there, err := net.Dial("tcp", to)
		if err != nil {
			w.WriteHeader(http.StatusBadGateway)
			return
		}
		here, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			_ = there.Close()
			return
		}
		_, _ = io.WriteString(here, "HTTP/1.1 200 OK\r\n\r\n")
		var both sync.WaitGroup
		pass := func(to, from net.Conn) {
			_, _ = io.Copy(to, from)
			_ = to.Close()
		}
		both.Go(func() { pass(there, here) })
		both.Go(func() { pass(here, there) })
		both.Wait()
	}
}
