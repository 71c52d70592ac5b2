package main

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"time"
)

const (
	requestLimit = time.Minute // for one request
	mostBytes    = 1 << 20     // that are read of an answer
	dataBytes    = 64 << 20    // that are read of the data
	mostHops     = 8           // redirects on the way to the data
)

// step is one thing that was seen, in order.
type step struct {
	What string `json:"what"`
	Seen any    `json:"seen"`
}

// probe is one run.
type probe struct {
	base      *url.URL
	key       string
	workspace string
	database  string
	order     map[string]string
	client    *http.Client
	interval  time.Duration
	found     []step
	hosts     []string // seen so far, by which they are numbered
}

func newProbe(getenv func(string) string) (*probe, error) {
	p := &probe{key: getenv("FABRICATE_API_KEY"), workspace: getenv("FABRICATE_WORKSPACE"), database: getenv("FABRICATE_DATABASE"), interval: time.Second}
	if p.key == "" || p.workspace == "" || p.database == "" {
		return nil, errors.New("set FABRICATE_API_KEY, FABRICATE_WORKSPACE and FABRICATE_DATABASE")
	}
	address := getenv("FABRICATE_API_URL")
	if address == "" {
		address = "https://fabricate.tonic.ai/api/v1"
	}
	var err error
	if p.base, err = url.Parse(strings.TrimRight(address, "/")); err != nil || p.base.Host == "" {
		return nil, errors.New("FABRICATE_API_URL is not the address of an API")
	}
	p.order = map[string]string{"workspace": p.workspace, "database": p.database, "format": "sql"}
	for field, name := range map[string]string{"format": "FABRICATE_FORMAT", "entity": "FABRICATE_ENTITY"} {
		if value := getenv(name); value != "" {
			p.order[field] = value
		}
	}
	transport := &http.Transport{Proxy: http.ProxyFromEnvironment, DisableCompression: true, ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12}}
	if file := getenv("FABRICATE_API_CA_FILE"); file != "" {
		pem, err := os.ReadFile(file)
		roots, poolErr := x509.SystemCertPool()
		if poolErr != nil {
			roots = x509.NewCertPool()
		}
		if err != nil || !roots.AppendCertsFromPEM(pem) {
			return nil, errors.New("FABRICATE_API_CA_FILE holds no certificate authority")
		}
		transport.TLSClientConfig.RootCAs = roots
	}
	p.client = &http.Client{Transport: transport, Timeout: requestLimit, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
	return p, nil
}

func (p *probe) add(what string, seen any) { p.found = append(p.found, step{what, seen}) }

// run asks for everything that the program asks for. Its errors hold nothing secret.
func (p *probe) run(ctx context.Context) error {
	p.host(p.base)
	w, d := url.PathEscape(p.workspace), url.PathEscape(p.database)
	for what, path := range map[string]string{"the workspace's databases": "/workspaces/" + w + "/databases", "the database": "/workspaces/" + w + "/databases/" + d} {
		if _, err := p.ask(ctx, what, http.MethodGet, path, nil); err != nil {
			p.add(what, err.Error()) // older installations may not have it
		}
	}
	body, err := json.Marshal(p.order)
	if err != nil {
		return err
	}
	began := time.Now()
	task, err := p.ask(ctx, "POST generate_tasks, format "+known(p.order["format"]), http.MethodPost, "/generate_tasks", body)
	if err != nil {
		return err
	}
	id, _ := task["id"].(string)
	if id == "" {
		return errors.New("the answer names no task")
	}
	task, err = p.wait(ctx, id, task, began)
	if err != nil {
		return err
	}
	address, _ := task["data_url"].(string)
	if address == "" {
		address, _ = task["download_url"].(string)
	}
	if address == "" {
		return errors.New("the task has no data")
	}
	return p.download(ctx, address)
}

// ask sends one request to the API and writes down the shape of the answer.
func (p *probe) ask(ctx context.Context, what, method, path string, body []byte) (map[string]any, error) {
	answer, seen, err := p.request(ctx, method, p.base.String()+path, body)
	if err != nil {
		return nil, err
	}
	p.add(what, seen)
	object, _ := answer.(map[string]any)
	if status, _ := seen["status"].(int); status > 299 {
		return object, fmt.Errorf("%s: HTTP %d", what, status)
	}
	return object, nil
}

func (p *probe) request(ctx context.Context, method, address string, body []byte) (any, map[string]any, error) {
	request, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, nil, errors.New("no request can be made")
	}
	request.Header.Set("Authorization", "Bearer "+p.key)
	request.Header.Set("Accept", "application/json")
	if body != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	response, err := p.client.Do(request)
	if err != nil {
		return nil, nil, fmt.Errorf("no answer (%T)", cause(err))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, mostBytes))
	if err != nil {
		return nil, nil, fmt.Errorf("the answer was cut (%T)", cause(err))
	}
	seen := map[string]any{"status": response.StatusCode, "headers": headers(response.Header)}
	var answer any
	if err := json.Unmarshal(bytes.TrimPrefix(text, []byte("\xef\xbb\xbf")), &answer); err != nil {
		seen["body"] = fmt.Sprintf("no JSON, %s", length(len(text)))
	} else {
		seen["body"] = shape(answer, 0)
	}
	if bytes.HasPrefix(text, []byte("\xef\xbb\xbf")) {
		seen["byte-order mark"] = true
	}
	if location := response.Header.Get("Location"); location != "" {
		seen["location"] = p.addressShape(location)
	}
	return answer, seen, nil
}

// wait asks every second, and writes down each shape once, with when it was first seen.
func (p *probe) wait(ctx context.Context, id string, task map[string]any, began time.Time) (map[string]any, error) {
	var last string
	for questions := 0; ; questions++ {
		if done, failed := task["completed"] == true || task["status"] == "completed", text(task["error"]); done || failed != "" {
			if _, has := task["data_url"].(string); has || failed != "" || task["download_url"] != nil || questions > 60 {
				p.add("the task's end", fmt.Sprintf("after about %s and %d questions", time.Since(began).Round(time.Second), questions))
				if failed != "" {
					return nil, errors.New("the task failed")
				}
				return task, nil
			}
		}
		select {
		case <-ctx.Done():
			return nil, errors.New("the time was over before the task was")
		case <-time.After(p.interval):
		}
		answer, seen, err := p.request(ctx, http.MethodGet, p.base.String()+"/generate_tasks/"+url.PathEscape(id), nil)
		if err != nil {
			return nil, err
		}
		seen["after"] = time.Since(began).Round(time.Second).String()
		object, _ := answer.(map[string]any)
		if object != nil {
			task = object
		}
		brief, err := json.Marshal([]any{seen["status"], seen["body"]})
		if err == nil && string(brief) != last {
			last = string(brief)
			p.add("GET generate_tasks/:id", seen)
		}
	}
}

// download follows the data's address as the program does, without the key, and writes down the way and what is at its end.
func (p *probe) download(ctx context.Context, address string) error {
	p.add("the data's address", p.addressShape(address))
	next, err := p.base.Parse(address)
	if err != nil {
		return errors.New("the data's address cannot be read")
	}
	for range mostHops {
		if next.Scheme == "http" && p.base.Scheme == "https" && strings.EqualFold(next.Hostname(), p.base.Hostname()) {
			next.Scheme, next.Host = "https", p.base.Host
		}
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, next.String(), nil)
		if err != nil {
			return errors.New("the data's address cannot be asked")
		}
		response, err := p.client.Do(request)
		if err != nil {
			return fmt.Errorf("no answer on the way to the data (%T)", cause(err))
		}
		seen := map[string]any{"status": response.StatusCode, "headers": headers(response.Header)}
		location := response.Header.Get("Location")
		if location == "" || response.StatusCode < 300 || response.StatusCode > 399 {
			if response.StatusCode == http.StatusOK {
				seen["data"] = dataShape(io.LimitReader(response.Body, dataBytes))
			}
			response.Body.Close()
			p.add("the data", seen)
			return nil
		}
		response.Body.Close()
		seen["location"] = p.addressShape(location)
		p.add("a redirect", seen)
		if next, err = next.Parse(location); err != nil {
			return errors.New("a redirect's address cannot be read")
		}
	}
	return errors.New("too many redirects")
}

// host names a host by the order in which it was seen: the API's is the first.
func (p *probe) host(address *url.URL) string {
	name := strings.ToLower(address.Hostname())
	i := slices.Index(p.hosts, name)
	if i < 0 {
		i = len(p.hosts)
		p.hosts = append(p.hosts, name)
	}
	if i == 0 {
		return "the API's host"
	}
	return fmt.Sprintf("another host (%d)", i)
}

// cause takes off the error that holds the address.
func cause(err error) error {
	var withAddress *url.Error
	if errors.As(err, &withAddress) {
		return withAddress.Err
	}
	return err
}

func text(v any) string {
	s, _ := v.(string)
	return s
}
