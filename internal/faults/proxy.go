// Package faults breaks what lies between the program and a PostgreSQL server, to order, for tests: its Proxy passes the protocol
// on, message by message, until the moment that a Fault names. The package's own tests are the fault suite and the soak.
package faults

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"io"
	"math"
	"net"
	"net/url"
	"sync"
	"time"
)

// How is what happens to a connection.
type How string

// The ways.
const (
	Close   How = "close"   // ended in order, as by a server or proxy that stops
	Reset   How = "reset"   // TCP RST, as from a firewall or a crashed machine that is back
	Silence How = "silence" // nothing passes any more in either direction, and nobody is told: a cable was cut
	Lag     How = "lag"     // what was under way passes after Delay, once
	Say     How = "say"     // the server's word, in place of an answer: Message; FATAL, and then the end
)

// Fault is one thing that goes wrong between client and server. It strikes at a message of the client's that holds Text (or, if
// that is "", at its byte After), or with FromServer at the byte After of what the server has sent in one connection.
type Fault struct {
	Text       string // in a statement's text, or in rows
	Nth        int    // the first match that it strikes at; 0 means 1
	Times      int    // how many from there on; 0 means 1; Always
	After      int64  // bytes
	FromServer bool
	Connect    bool // strikes at the beginning of a connection, before anything has passed

	How    How
	Passed bool          // the message reaches the server all the same; what answers it is lost
	Delay  time.Duration // for Lag
	State  string        // for Say: SQLSTATE
	Words  string        // for Say

	// Down is how long, from then on, the server cannot be reached over new connections either: they meet the same fault.
	Down time.Duration
}

// Always is for Fault.Times and Fault.Down: no end.
const Always = -1

type armed struct {
	Fault
	seen int
}

// strikes counts a match, and tells whether it is one to strike at.
func (f *armed) strikes() bool {
	f.seen++
	first, times := max(f.Nth, 1), f.Times
	if times == 0 {
		times = 1
	}
	return f.seen >= first && (times == Always || f.seen < first+times)
}

// Proxy passes connections on to a server. Create it with Listen, end it with Close.
type Proxy struct {
	target   string
	listener net.Listener
	work     sync.WaitGroup
	ended    chan struct{}

	mu      sync.Mutex
	faults  []*armed
	conns   map[net.Conn]bool
	down    *Fault // what new connections meet
	until   time.Time
	struck  int
	closed  bool
	notices chan struct{}
}

// Listen begins to pass connections on from a port of 127.0.0.1 to the target, a host:port.
func Listen(target string, faults ...Fault) (*Proxy, error) {
	l, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &Proxy{target: target, listener: l, conns: map[net.Conn]bool{}, ended: make(chan struct{}), notices: make(chan struct{}, 1)}
	p.Arm(faults...)
	p.work.Go(p.accept)
	return p, nil
}

// URL gives a database's URL through the proxy.
func (p *Proxy) URL(databaseURL string) (string, error) {
	u, err := url.Parse(databaseURL)
	if err != nil {
		return "", err
	}
	u.Host = p.listener.Addr().String()
	return u.String(), nil
}

// Arm adds faults. They count from now on.
func (p *Proxy) Arm(faults ...Fault) {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range faults {
		p.faults = append(p.faults, &armed{Fault: f})
	}
}

// Heal takes all faults away. Connections that are silent stay so.
func (p *Proxy) Heal() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.faults, p.down = nil, nil
}

// Struck gives how many faults have struck.
func (p *Proxy) Struck() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.struck
}

// Strike gives a channel that has a value when a fault has struck.
func (p *Proxy) Strike() <-chan struct{} { return p.notices }

// Close ends everything.
func (p *Proxy) Close() error {
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil
	}
	p.closed = true
	close(p.ended)
	for c := range p.conns {
		_ = c.Close()
	}
	p.mu.Unlock()
	err := p.listener.Close()
	p.work.Wait()
	return err
}

func (p *Proxy) accept() {
	for {
		client, err := p.listener.Accept()
		if err != nil {
			return
		}
		if !p.own(client) {
			return
		}
		p.work.Go(func() { p.serve(client) })
	}
}

// own makes Close end a connection.
func (p *Proxy) own(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		_ = c.Close()
		return false
	}
	p.conns[c] = true
	return true
}

func (p *Proxy) disown(c net.Conn) {
	_ = c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

// link is one connection with its two ends.
type link struct {
	p              *Proxy
	client, server net.Conn
	mu             sync.Mutex
	over           *Fault // it has struck, and nothing passes any more
	mute           bool   // what the server says is lost
}

// errStruck ends a direction.
var errStruck = errors.New("faults: the connection was broken to order")

func (p *Proxy) serve(client net.Conn) {
	defer p.disown(client)
	l := &link{p: p, client: client}
	if f := p.atConnect(); f != nil {
		_ = l.strike(f)
		return
	}
	server, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", p.target)
	if err != nil || !p.own(server) {
		return
	}
	defer p.disown(server)
	l.server = server
	p.work.Go(func() {
		_ = l.backward()
		l.finish()
	})
	_ = l.forward()
	l.finish()
}

// finish ends both ends, unless a silence is kept.
func (l *link) finish() {
	l.mu.Lock()
	kept := l.over != nil && l.over.How == Silence
	l.mu.Unlock()
	if kept {
		<-l.p.ended
	}
	_ = l.client.Close()
	_ = l.server.Close()
}

// atConnect gives the fault that a new connection meets.
func (p *Proxy) atConnect() *Fault {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.down != nil && (p.until.IsZero() || time.Now().Before(p.until)) {
		return p.down
	}
	for _, f := range p.faults {
		if f.Connect && f.strikes() {
			p.note(&f.Fault)
			return &f.Fault
		}
	}
	return nil
}

// note counts a fault that strikes. The caller holds the lock.
func (p *Proxy) note(f *Fault) {
	p.struck++
	if f.Down != 0 {
		p.down, p.until = f, time.Time{}
		if f.Down != Always {
			p.until = time.Now().Add(f.Down)
		}
	}
	select {
	case p.notices <- struct{}{}:
	default:
	}
}

// at gives the fault that strikes at a message.
func (p *Proxy) at(kind byte, text []byte) *Fault {
	if kind != 'Q' && kind != 'P' && kind != 'd' {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, f := range p.faults {
		if !f.Connect && f.Text != "" && bytes.Contains(text, []byte(f.Text)) && f.strikes() {
			p.note(&f.Fault)
			return &f.Fault
		}
	}
	return nil
}

// within gives how many bytes pass before a fault strikes, and the fault; math.MaxInt64 and nil when there is none.
func (p *Proxy) within(passed int64, fromServer bool) (int64, *armed) {
	p.mu.Lock()
	defer p.mu.Unlock()
	room, found := int64(math.MaxInt64), (*armed)(nil)
	for _, f := range p.faults {
		if f.Connect || f.Text != "" || f.FromServer != fromServer || f.seen > 0 {
			continue
		}
		if left := f.After - passed; left >= 0 && left < room {
			room, found = left, f
		}
	}
	return room, found
}

// strike carries a fault out.
func (l *link) strike(f *Fault) error {
	l.mu.Lock()
	if l.over != nil {
		l.mu.Unlock()
		return errStruck
	}
	if f.How != Lag {
		l.over = f
	}
	l.mu.Unlock()
	switch f.How {
	case Lag:
		select {
		case <-time.After(f.Delay):
		case <-l.p.ended:
		}
		return nil
	case Silence:
		<-l.p.ended
	case Reset:
		for _, c := range []net.Conn{l.client, l.server} {
			if tcp, is := c.(*net.TCPConn); is {
				_ = tcp.SetLinger(0)
			}
		}
	case Say:
		var b bytes.Buffer
		for _, field := range []string{"SFATAL", "VFATAL", "C" + f.State, "M" + f.Words} {
			b.WriteString(field + "\x00")
		}
		b.WriteByte(0)
		head := binary.BigEndian.AppendUint32([]byte{'E'}, uint32(b.Len()+4))
		_, _ = l.client.Write(append(head, b.Bytes()...))
	}
	_ = l.client.Close()
	if l.server != nil {
		_ = l.server.Close()
	}
	return errStruck
}

// forward passes on what the client sends: the first message, which has no type, and then one after the other.
func (l *link) forward() error {
	const shown = 4096 // bytes of a message that a fault's text is looked for in
	var passed int64
	head := make([]byte, 5, 5+shown)
	for first := true; ; first = false {
		n := 5
		if first {
			n = 4
		}
		if _, err := io.ReadFull(l.client, head[:n]); err != nil {
			return err
		}
		size := int64(binary.BigEndian.Uint32(head[n-4:n])) - 4
		begun := head[:n+int(max(min(size, shown), 0))]
		if _, err := io.ReadFull(l.client, begun[n:]); err != nil {
			return err
		}
		var after *Fault
		if !first {
			if f := l.p.at(head[0], begun[n:]); f != nil && !f.Passed {
				if err := l.strike(f); err != nil {
					return err
				}
			} else if f != nil {
				after = f
				l.mu.Lock()
				l.mute = true
				l.mu.Unlock()
			}
		}
		if err := l.pass(l.server, bytes.NewReader(begun), int64(len(begun)), &passed, false); err != nil {
			return err
		}
		if rest := size + int64(n) - int64(len(begun)); rest > 0 {
			if err := l.pass(l.server, l.client, rest, &passed, false); err != nil {
				return err
			}
		}
		if after != nil {
			return l.struckLater(after)
		}
	}
}

// struckLater waits until the server has had the time to act on what has passed, which it answers, and then strikes.
func (l *link) struckLater(f *Fault) error {
	select {
	case <-l.answered():
	case <-l.p.ended:
	}
	return l.strike(f)
}

// answered is closed when the server has answered what is not passed on.
func (l *link) answered() <-chan struct{} {
	done := make(chan struct{})
	l.p.work.Go(func() {
		defer close(done)
		for {
			l.mu.Lock()
			heard := !l.mute
			l.mu.Unlock()
			select {
			case <-l.p.ended:
				return
			case <-time.After(time.Millisecond):
			}
			if heard {
				return
			}
		}
	})
	return done
}

// backward passes on what the server sends.
func (l *link) backward() error {
	var passed int64
	buf := make([]byte, 32<<10)
	for {
		n, err := l.server.Read(buf)
		if n > 0 {
			l.mu.Lock()
			lost := l.mute
			l.mute = false
			over := l.over != nil
			l.mu.Unlock()
			if lost || over {
				if lost {
					continue
				}
				return errStruck
			}
			if err := l.pass(l.client, bytes.NewReader(buf[:n]), int64(n), &passed, true); err != nil {
				return err
			}
		}
		if err != nil {
			return err
		}
	}
}

// pass copies size bytes, up to the byte at which a fault strikes.
func (l *link) pass(to io.Writer, from io.Reader, size int64, passed *int64, fromServer bool) error {
	for size > 0 {
		room, f := l.p.within(*passed, fromServer)
		piece := min(size, room)
		n, err := io.CopyN(to, from, piece)
		*passed += n
		size -= n
		if err != nil {
			return err
		}
		if f != nil && n == room {
			l.p.mu.Lock()
			mine := f.seen == 0 && f.strikes()
			if mine {
				l.p.note(&f.Fault)
			}
			l.p.mu.Unlock()
			if mine {
				if err := l.strike(&f.Fault); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
