// Package simulator is a Fabricate API server for the demo and every test: it starts tasks that progress, serves the
// exports of an invented shop (package shop), and goes wrong to order. It holds clients to what the API asks of them,
// and records every request, so that a test can prove what was sent where.
//
// As a handler: httptest.NewServer(simulator.New(…)), with [Path] after the server's URL as the API's base. As a server
// of its own: [Server.Listen]. Either way [Server.Close] ends what it began and removes its temporary files.
package simulator

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"encoding/json"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// Path is where the API is on its server.
const Path = "/api/v1"

// DefaultKey is the key that is asked for when Options has none.
const DefaultKey = "simulator-key-3f9c1a"

// maxBody is how many bytes of a request's body are read; more is refused.
const maxBody = 1 << 20

// Options says how the server behaves when all goes well, and in Faults where it does not. Every zero value is useful.
type Options struct {
	Key                 string // the key asked for; "" means DefaultKey
	Workspace, Database string // the only ones there are; "" means any

	Export shop.Export     // what is generated; the request decides its format; no size means 1000 rows
	Zip    shop.ZipOptions // how it is packed
	Data   *Data           // served instead of an export, whatever was asked for

	Polls    int              // GETs of a task until it is completed; 0 means 3; below 0 the POST's answer is completed
	Duration time.Duration    // if set, tasks go by time rather than by polls, and take this long
	Now      func() time.Time // nil means time.Now
	Percent  bool             // progress from 0 to 100 rather than from 0 to 1

	// Vendor has the data's address as the vendor shows it: http on the API's own host, though that is reached over https,
	// and from there on redirects: to https, and then to an object store on another port, over https where TLS says how.
	Vendor bool
	TLS    *tls.Config // of the data's own origin; nil means http

	LateTask int  // GETs of a task right after its POST that do not know it yet
	LateData int  // GETs of a completed task that tell no address of its data yet
	Status   bool // a task's status is in one word, rather than in completed and error
	Gzip     bool // answers of the API come in gzip, whatever was asked for
	Mark     bool // answers of the API begin with a byte-order mark

	// DataAgent has databases of the newer kind: they take a format, never a connection and no overrides, and postgres is one plain
	// script.
	DataAgent bool

	OtherOrigin bool                      // the data is on another port, as in an object store
	DownloadURL bool                      // the data's address is in download_url rather than in data_url
	TaskError   string                    // if set, every task fails with it instead of being completed
	Edit        func(task map[string]any) // if set, changes every task as it is answered: fields missing, added, of wrong type

	Connections map[string]json.RawMessage // the connections stored in Fabricate, by name
	// Push, if set, is called for a task with a connection (the object asked for, or the stored one), and the task is
	// completed when it returns; its error becomes the task's. Otherwise pushing does nothing. ctx ends with Close.
	Push func(ctx context.Context, connection json.RawMessage) error

	TempDir string // for generated data; "" means the system's
	Faults  []Fault
}

// Data is one object to download.
type Data struct {
	Body        []byte
	ContentType string
	Name        string // as the server calls the file; "" means that it does not
}

// Request is one request as it was received.
type Request struct {
	Route      Route
	OtherHost  bool // it came to the data's own origin, not to the API's
	Method     string
	Path       string
	Query      string
	Header     http.Header
	Body       string
	ReceivedAt time.Time
}

// Server is the simulated API. It is an http.Handler.
type Server struct {
	options Options
	secret  string // signs the addresses of data
	ctx     context.Context
	cancel  context.CancelFunc
	work    sync.WaitGroup // generating and pushing

	mu         sync.Mutex
	requests   []Request
	faults     []*armed
	tasks      map[string]*task
	started    int
	generation int // of signed addresses: those of an earlier one have expired
	version    int // of the data: a change makes it another object
	objects    map[string]*object
	servers    []*http.Server
	dataHost   string // host:port of the data's own origin, once there is one
}

// New makes a server. Nothing listens yet.
func New(options Options) *Server {
	if options.Key == "" {
		options.Key = DefaultKey
	}
	if options.Export.Size.Total() == 0 {
		options.Export.Size = shop.Rows(1000)
	}
	if options.Polls == 0 {
		options.Polls = 3
	}
	if options.Now == nil {
		options.Now = time.Now
	}
	s := &Server{
		options: options, secret: rand.Text(), tasks: map[string]*task{}, objects: map[string]*object{},
	}
	s.ctx, s.cancel = context.WithCancel(context.Background())
	s.Inject(options.Faults...)
	return s
}

// Listen serves on a TCP address such as "127.0.0.1:0" until Close, and gives the API's base URL.
func (s *Server) Listen(address string) (baseURL string, err error) {
	host, err := s.listen(address, nil, s)
	if err != nil {
		return "", err
	}
	return "http://" + host + Path, nil
}

// quiet is for clients that leave.
var quiet = log.New(io.Discard, "", 0)

func (s *Server) listen(address string, secure *tls.Config, handler http.Handler) (host string, err error) {
	var config net.ListenConfig
	l, err := config.Listen(s.ctx, "tcp", address)
	if err != nil {
		return "", err
	}
	if secure != nil {
		l = tls.NewListener(l, secure)
	}
	server := &http.Server{Handler: handler, ReadHeaderTimeout: time.Minute, ErrorLog: quiet}
	if err := s.begin(func() { _ = server.Serve(l) }); err != nil { // Serve ends with Close
		return "", errors.Join(err, l.Close())
	}
	s.mu.Lock()
	s.servers = append(s.servers, server)
	s.mu.Unlock()
	return l.Addr().String(), nil
}

// Close ends every answer and push that is under way, stops listening, and removes the generated data.
func (s *Server) Close() error {
	s.mu.Lock()
	s.cancel()
	servers := s.servers
	s.servers = nil
	s.mu.Unlock()
	var all []error
	for _, server := range servers {
		all = append(all, server.Close())
	}
	s.work.Wait()
	s.mu.Lock()
	objects := s.objects
	s.objects = nil
	s.mu.Unlock()
	for _, o := range objects {
		all = append(all, o.remove())
	}
	return errors.Join(all...)
}

// errClosed is what is answered after Close.
var errClosed = errors.New("the simulator is closed")

// begin runs work that Close waits for.
func (s *Server) begin(work func()) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ctx.Err() != nil {
		return errClosed
	}
	s.work.Go(work)
	return nil
}

// Key gives the key that the server asks for.
func (s *Server) Key() string { return s.options.Key }

// Started gives how many tasks have been started: each would count against the account's daily limit.
func (s *Server) Started() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.started
}

// Requests gives the requests received so far in order, for one route or for AnyRoute.
func (s *Server) Requests(route Route) []Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	var found []Request
	for _, r := range s.requests {
		if route == AnyRoute || r.Route == route {
			found = append(found, r)
		}
	}
	return found
}

// ServeHTTP serves the API's origin.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) { s.serve(w, r, false) }

// serve records a request, and answers it, well or with the fault that it is to meet.
func (s *Server) serve(w http.ResponseWriter, r *http.Request, otherHost bool) {
	route, id := routeOf(r.URL.Path)
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxBody))
	s.mu.Lock()
	s.requests = append(s.requests, Request{
		Route: route, OtherHost: otherHost, Method: r.Method, Path: r.URL.Path, Query: r.URL.RawQuery,
		Header: r.Header.Clone(), Body: string(body), ReceivedAt: s.options.Now(),
	})
	fault := s.faultFor(route)
	s.mu.Unlock()
	if err != nil {
		writeError(w, http.StatusRequestEntityTooLarge, "request too large")
		return
	}
	s.inject(w, r, fault, func(w http.ResponseWriter) {
		switch {
		case route == Redirect && !otherHost:
			s.redirect(w, r, id)
		case route == Download && otherHost == (s.options.OtherOrigin || s.options.Vendor):
			s.serveData(w, r, id, fault)
		case otherHost:
			writeDenied(w)
		case route == Create && r.Method == http.MethodPost:
			s.create(w, r, body, fault)
		case route == Poll && r.Method == http.MethodGet:
			s.poll(w, r, id, fault)
		case route == Databases && r.Method == http.MethodGet && s.options.Database != "":
			s.databases(w, r)
		default:
			writeError(w, http.StatusNotFound, "Not found")
		}
	})
}

// Route is one of the things that can be asked for.
type Route string

// The routes.
const (
	AnyRoute  Route = ""
	Create    Route = "create"    // POST generate_tasks
	Poll      Route = "poll"      // GET generate_tasks/:id
	Redirect  Route = "redirect"  // the data's address as the vendor shows it
	Download  Route = "data"      // the data's address
	Databases Route = "databases" // GET workspaces/:w/databases and one of them; not known where there is any database
	Other     Route = "other"     // anything else
)

// routeOf gives the route of a path, and the task's id in it.
func routeOf(path string) (Route, string) {
	if path == Path+"/generate_tasks" {
		return Create, ""
	}
	if id, found := strings.CutPrefix(path, Path+"/generate_tasks/"); found {
		return Poll, id
	}
	if rest, found := strings.CutPrefix(path, redirectPath); found {
		signed, _, _ := strings.Cut(rest, "/")
		return Redirect, signed
	}
	if rest, found := strings.CutPrefix(path, dataPath); found {
		id, _, _ := strings.Cut(rest, "/")
		return Download, id
	}
	if strings.HasPrefix(path, Path+"/workspaces/") {
		return Databases, ""
	}
	return Other, ""
}

// authorised checks the key, and answers when it is wrong.
func (s *Server) authorised(w http.ResponseWriter, r *http.Request) bool {
	if r.Header.Get("Authorization") == "Bearer "+s.options.Key {
		return true
	}
	writeError(w, http.StatusUnauthorized, "Invalid API key")
	return false
}

// writeError answers as the API does.
func writeError(w http.ResponseWriter, status int, message string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"error": message}) // the client may have left
}
