// Command jobnetwork stands between act and the Docker engine and puts container actions where GitHub puts them: on the
// job's own network, beside the service containers, with a loopback interface of their own.
//
// act (v0.2.89) starts the container of an action inside the network of the job container, which without `container:`
// is the host's. There a service's label does not resolve and its published port is found on localhost, both the
// opposite of what happens on GitHub. So the one request that matters, "create a container in another container's
// network", is rewritten.
//
// It also ends the container of an action whose job was cancelled as GitHub's runner does: SIGINT, after 7.5 s SIGTERM, after
// 2.5 s more SIGKILL. act just goes on, and leaves the container running. That is noticed when act asks for the step's outputs:
// they are asked for when the step is over. Everything else passes through untouched.
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
	"regexp"
	"strings"
	"sync"
	"time"
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

	mu      sync.Mutex
	actions map[string]string // by the id of the job's container, the name of the last action's container
}

func newProxy(socket string) *proxy {
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "unix", socket)
	}}
	forward := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: "docker"})
	forward.Transport = transport
	forward.FlushInterval = -1 // logs and build output are read as they come
	return &proxy{forward: forward, engine: &http.Client{Transport: transport}, actions: map[string]string{}}
}

// fromContainer matches the request for files of a container.
var fromContainer = regexp.MustCompile(`/containers/([^/]+)/archive$`)

func (p *proxy) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var err error
	if r.Method == http.MethodPost && strings.HasSuffix(r.URL.Path, "/containers/create") {
		err = p.rewrite(r)
	} else if m := fromContainer.FindStringSubmatch(r.URL.Path); m != nil && r.Method == http.MethodGet {
		err = p.endActionOf(r.Context(), m[1])
	}
	if err != nil {
		log.Print(err)
		http.Error(w, fmt.Sprintf(`{"message":%q}`, err), http.StatusBadGateway)
		return
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
		var container struct{ ID string }
		if err := p.ask(r.Context(), http.MethodGet, "/containers/"+job+"/json", &container); err != nil {
			return err
		}
		p.mu.Lock()
		p.actions[container.ID] = r.URL.Query().Get("name")
		p.mu.Unlock()
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
	var networks []struct{ Name string }
	if err := p.ask(ctx, http.MethodGet, "/networks", &networks); err != nil {
		return "", err
	}
	for _, n := range networks {
		if strings.HasPrefix(n.Name, job+"-") && strings.HasSuffix(n.Name, "-network") {
			return n.Name, nil
		}
	}
	return "bridge", nil
}

// endActionOf ends the action that is still running beside a job's container, and removes its container.
func (p *proxy) endActionOf(ctx context.Context, job string) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	name := p.actions[job]
	if name == "" {
		return nil
	}
	delete(p.actions, job)
	for _, turn := range []struct {
		signal string
		wait   time.Duration // for the container to end
	}{{"SIGINT", 7500 * time.Millisecond}, {"SIGTERM", 2500 * time.Millisecond}, {"SIGKILL", time.Minute}} {
		var container struct{ State struct{ Running bool } }
		if err := p.ask(ctx, http.MethodGet, "/containers/"+name+"/json", &container); err != nil || !container.State.Running {
			return nil // it is gone already, as it should be
		}
		if err := p.ask(ctx, http.MethodPost, "/containers/"+name+"/kill?signal="+turn.signal, nil); err != nil {
			return err
		}
		limited, cancel := context.WithTimeout(ctx, turn.wait)
		err := p.ask(limited, http.MethodPost, "/containers/"+name+"/wait", nil)
		cancel()
		if err == nil {
			return p.ask(ctx, http.MethodDelete, "/containers/"+name+"?force=1&v=1", nil)
		}
	}
	return fmt.Errorf("container %s does not end", name)
}

// ask sends a request to the engine and reads its answer into a value, if one is given.
func (p *proxy) ask(ctx context.Context, method, path string, answer any) error {
	req, err := http.NewRequestWithContext(ctx, method, "http://docker"+path, nil)
	if err != nil {
		return err
	}
	resp, err := p.engine.Do(req)
	if err != nil {
		return err
	}
	defer func() { _ = resp.Body.Close() }()
	if resp.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s: %s", method, path, resp.Status)
	}
	if answer == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(answer)
}
