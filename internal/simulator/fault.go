package simulator

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"math"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Fault is one thing that goes wrong. The fields can be combined. A request meets the first fault that is for it.
type Fault struct {
	Route Route // AnyRoute is every route
	Nth   int   // the first request of the route that meets it, counted from 1, from when the fault was injected; 0 means 1
	Times int   // how many requests from there on meet it; 0 means 1; Always

	Delay time.Duration // before anything else

	// Break ends the connection at a moment: before the request is acted on (no task is started), after it was acted on
	// but before any answer, or after At bytes of the answer's body.
	Break  Break
	Moment Moment
	At     int64

	// An answer of its own instead of the right one, and without acting: any of these three.
	Status int    // 0 with a body means 200
	Body   string // starting with { it is called JSON, with < HTML, unless Header says otherwise
	Pad    int64  // as many spaces before the body: a valid answer in JSON, of any length

	// Header is set on the answer, its own or the right one; "" takes one away. Content-Length and Content-Range count.
	Header map[string]string

	Edit        func(task map[string]any) // changes the task in an otherwise right answer
	Rate        int64                     // bytes of body a second; 0 means no limit
	IgnoreRange bool                      // the whole object, whatever range was asked for
	Gzip        bool                      // the whole object in Content-Encoding gzip, without a length
	NewObject   bool                      // from this request on the data is another object, with other bytes
	ExpireURLs  bool                      // from this request on the addresses given so far are refused; a poll gives new ones
}

// Always is for Fault.Times: no end.
const Always = -1

// Break is how a connection ends.
type Break string

// The ways.
const (
	Intact Break = ""
	Close  Break = "close" // in order, as after a crash of the server's process
	Reset  Break = "reset" // TCP RST, as from a firewall or load balancer
	Stall  Break = "stall" // it does not: nothing comes any more until the client leaves
)

// Moment is when a connection ends.
type Moment string

// The moments.
const (
	BeforeActing Moment = ""
	AfterActing  Moment = "after acting"
	InBody       Moment = "in the body"
)

// armed is a fault with the requests that it has seen.
type armed struct {
	Fault
	seen int
}

// Inject adds faults. They count requests from now on.
func (s *Server) Inject(faults ...Fault) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, f := range faults {
		s.faults = append(s.faults, &armed{Fault: f})
	}
}

// faultFor gives the fault for the request that has come in, or nil. The caller holds the lock.
func (s *Server) faultFor(route Route) *Fault {
	var found *Fault
	for _, f := range s.faults {
		if f.Route != AnyRoute && f.Route != route {
			continue
		}
		f.seen++
		first, times := max(f.Nth, 1), f.Times
		if times == 0 {
			times = 1
		}
		if found == nil && f.seen >= first && (times == Always || f.seen < first+times) {
			found = &f.Fault
		}
	}
	if found != nil && found.NewObject {
		s.version++
	}
	if found != nil && found.ExpireURLs {
		s.generation++
	}
	return found
}

func (f *Fault) edit() func(map[string]any) {
	if f == nil {
		return nil
	}
	return f.Edit
}

// inject answers a request as the fault asks for; act is the right way.
func (s *Server) inject(w http.ResponseWriter, r *http.Request, fault *Fault, act func(http.ResponseWriter)) {
	if fault == nil {
		act(w)
		return
	}
	if !s.sleep(r.Context(), fault.Delay) {
		return
	}
	if fault.Break != Intact && fault.Moment == BeforeActing {
		s.end(w, r, fault.Break)
		return
	}
	if fault.Break != Intact && fault.Moment == AfterActing {
		act(&discard{})
		s.end(w, r, fault.Break)
		return
	}
	faulty := &faultyWriter{ResponseWriter: w, fault: fault, left: fault.At, sleep: func(d time.Duration) bool {
		return s.sleep(r.Context(), d)
	}}
	if fault.Status != 0 || fault.Body != "" || fault.Pad > 0 {
		fault.answer(faulty)
	} else {
		act(faulty)
	}
	if faulty.broken {
		_ = http.NewResponseController(w).Flush()
		s.end(w, r, fault.Break)
	}
}

// sleep waits, and tells whether the time went by before client or server left.
func (s *Server) sleep(ctx context.Context, d time.Duration) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-ctx.Done():
	case <-s.ctx.Done():
	}
	return false
}

// end ends the connection.
func (s *Server) end(w http.ResponseWriter, r *http.Request, how Break) {
	if how == Stall {
		select {
		case <-r.Context().Done():
		case <-s.ctx.Done():
		}
	}
	conn, _, err := http.NewResponseController(w).Hijack()
	if err != nil { // HTTP/2, or the client has left
		panic(http.ErrAbortHandler)
	}
	if how == Reset {
		lower := conn
		if secure, is := conn.(*tls.Conn); is {
			lower = secure.NetConn()
		}
		if tcp, is := lower.(*net.TCPConn); is {
			_ = tcp.SetLinger(0)
			_ = tcp.Close()
		}
	}
	_ = conn.Close()
}

// answer writes the fault's own answer.
func (f *Fault) answer(w http.ResponseWriter) {
	contentType := "text/plain; charset=utf-8"
	switch {
	case strings.HasPrefix(f.Body, "{"):
		contentType = "application/json"
	case strings.HasPrefix(f.Body, "<"):
		contentType = "text/html; charset=utf-8"
	}
	w.Header().Set("Content-Type", contentType)
	if f.Status != 0 {
		w.WriteHeader(f.Status)
	}
	_, err := io.CopyN(w, spaces{}, f.Pad)
	if err == nil {
		_, _ = io.WriteString(w, f.Body) // the client may have left
	}
}

// spaces is an endless stream of them.
type spaces struct{}

func (spaces) Read(b []byte) (int, error) {
	for i := range b {
		b[i] = ' '
	}
	return len(b), nil
}

// errBroken stops who writes a body that has been cut.
var errBroken = errors.New("simulator: the answer was cut to order")

// faultyWriter changes headers, slows down, and cuts.
type faultyWriter struct {
	http.ResponseWriter
	fault  *Fault
	left   int64 // bytes of body until the break
	room   int64 // bytes of body that the declared length has room for: the HTTP server refuses more
	broken bool
	begun  bool
	sleep  func(time.Duration) bool
}

func (w *faultyWriter) WriteHeader(status int) {
	w.begun = true
	for name, value := range w.fault.Header {
		if value == "" {
			w.Header()[http.CanonicalHeaderKey(name)] = nil // nil, so that the server does not add its own either
		} else {
			w.Header().Set(name, value)
		}
	}
	w.room = math.MaxInt64
	if length, err := strconv.ParseInt(w.fault.Header["Content-Length"], 10, 64); err == nil {
		w.room = length
	}
	w.ResponseWriter.WriteHeader(status)
	if w.fault.Break != Intact && w.left == 0 {
		w.broken = true
	}
}

// Write writes in pieces: at the rate asked for, and up to the break.
func (w *faultyWriter) Write(b []byte) (int, error) {
	if !w.begun {
		w.WriteHeader(http.StatusOK)
	}
	written := 0
	for written < len(b) {
		if w.broken {
			return written, errBroken
		}
		piece := b[written:]
		if w.fault.Rate > 0 {
			piece = piece[:min(int64(len(piece)), max(w.fault.Rate/20, 1))] // twenty pieces a second
			if !w.sleep(time.Duration(float64(len(piece)) / float64(w.fault.Rate) * float64(time.Second))) {
				return written, errBroken
			}
		}
		if w.fault.Break != Intact {
			piece = piece[:min(int64(len(piece)), w.left)]
			w.left -= int64(len(piece))
			w.broken = w.left == 0
		}
		sent := piece[:min(int64(len(piece)), w.room)]
		w.room -= int64(len(sent))
		if _, err := w.ResponseWriter.Write(sent); err != nil {
			return written, err
		}
		written += len(piece)
		if w.fault.Rate > 0 {
			_ = http.NewResponseController(w.ResponseWriter).Flush()
		}
	}
	return written, nil
}

// discard is where an answer goes that is never sent.
type discard struct{ header http.Header }

func (d *discard) Header() http.Header {
	if d.header == nil {
		d.header = http.Header{}
	}
	return d.header
}

func (*discard) Write(b []byte) (int, error) { return len(b), nil }

func (*discard) WriteHeader(int) {}
