// Command jobnetwork stands between act and the Docker engine and puts container actions where GitHub puts them: on the
// job's own network, beside the service containers, with a loopback interface of their own.
//
// act (v0.2.89) starts the container of an action inside the network of the job container, which without `container:`
// is the host's. There a service's label does not resolve and its published port is found on localhost, both the
// opposite of what happens on GitHub. So the one request that matters, "create a container in another container's
// network", is rewritten; everything else passes through untouched.
//
// Usage: jobnetwork LISTEN ENGINE, two paths of Unix sockets. It ends when its standard input does.
package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
)

func main() {
	if len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: jobnetwork LISTEN ENGINE")
		os.Exit(2)
	}
	if err := run(os.Args[1], os.Args[2]); err != nil {
		fmt.Fprintln(os.Stderr, "jobnetwork:", err)
		os.Exit(1)
	}
}

func run(listen, engine string) error {
	var lc net.ListenConfig
	l, err := lc.Listen(context.Background(), "unix", listen)
	if err != nil {
		return err
	}
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		_ = l.Close()
	}()

	p := newProxy(engine)
	err = http.Serve(l, p) // no time limits: builds take minutes
	if strings.Contains(err.Error(), "use of closed network connection") {
		return nil
	}
	return err
}

// proxy forwards the Docker API to an engine and rewrites the creation of containers.
type proxy struct {
	forward *httputil.ReverseProxy
	engine  *http.Client
}

func newProxy(socket string) *proxy {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	forward.Transport = transport
	forward.FlushInterval = -1 // logs and build output are read as they come
	return &proxy{forward: forward, engine: &http.Client{Transport: transport}}
}

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/containers/create") {
		if err := p.rewrite(r); err != nil {
			log.Print(err)
			http.Error(w, fmt.Sprintf(`{"message":%q}`, err), http.StatusBadGateway)
			return
		}
	}
	p.forward.ServeHTTP(w, r)
}

// rewrite replaces the network mode "container:JOB" by the network that act made for JOB's services, or by the
// engine's default network when the job has none, as GitHub's runner does.
func (p *proxy) rewrite(r *http.Request) error {
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return err
	}
	var create map[string]any
	if err := json.Unmarshal(body, &create); err != nil {
		return err
	}
	host, _ := create["HostConfig"].(map[string]any)
	mode, _ := host["NetworkMode"].(string)
	if job, ok := strings.CutPrefix(mode, "container:"); ok {
		network, err := p.networkOf(r.Context(), job)
		if err != nil {
			return err
		}
		host["NetworkMode"] = network
		delete(create, "NetworkingConfig")
		if body, err = json.Marshal(create); err != nil {
			return err
		}
	}
	r.Body = io.NopCloser(bytes.NewReader(body))
	r.ContentLength = int64(len(body))
	r.Header.Set("Content-Length", fmt.Sprint(len(body)))
	return nil
}

// networkOf gives the network whose name act derived from the job container's: JOB-<job id>-network.
func (p *proxy) networkOf(ctx context.Context, job string) (string, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "http://docker/networks", nil)
	if err != nil {
		return "", err
	}
	resp, err := p.engine.Do(req)
	if err != nil {
		return "", err
	}
	defer func() { _ = resp.Body.Close() }()
	var networks []struct{ Name string }
	if err := json.NewDecoder(resp.Body).Decode(&networks); err != nil {
		return "", err
	}
	for _, n := range networks {
		if strings.HasPrefix(n.Name, job+"-") && strings.HasSuffix(n.Name, "-network") {
			return n.Name, nil
		}
	}
	return "bridge", nil
}
