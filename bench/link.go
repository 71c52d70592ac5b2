package main

import (
	"context"
	"net"
	"sync"
	"time"
)

// network is how far away the other end is: how much passes in a second in each direction, and how long a byte and its answer take. The
// zero value is this machine.
type network struct {
	bits  float64 // a second
	delay time.Duration
}

// link passes TCP connections on as a network would that all of them share.
type link struct {
	network
	listener net.Listener
	up, down lane
	work     sync.WaitGroup

	mu    sync.Mutex
	conns []net.Conn // nil entries are over
	ended bool
}

// lane is one direction: when it has passed on what was given to it so far.
type lane struct {
	mu   sync.Mutex
	free time.Time
}

const (
	packet = 8 << 10 // bytes that are passed on at once
	queued = 64      // packets of one connection that are under way; then its sender waits
)

// linkTo begins to pass connections on to a server, a host:port.
func linkTo(target string, n network) (*link, error) {
	listener, err := (&net.ListenConfig{}).Listen(context.Background(), "tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	l := &link{network: n, listener: listener}
	l.work.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			l.work.Go(func() { l.serve(near, target) })
		}
	})
	return l, nil
}

// address is the near end's host:port.
func (l *link) address() string { return l.listener.Addr().String() }

// close ends all connections.
func (l *link) close() error {
	err := l.listener.Close()
	l.mu.Lock()
	l.ended = true
	for _, c := range l.conns {
		_ = c.Close()
	}
	l.mu.Unlock()
	l.work.Wait()
	return err
}

// serve passes one connection on to its end.
func (l *link) serve(near net.Conn, target string) {
	time.Sleep(l.delay) // the way of the packets that make a connection
	far, err := (&net.Dialer{}).DialContext(context.Background(), "tcp", target)
	if err != nil {
		_ = near.Close()
		return
	}
	l.mu.Lock()
	l.conns = append(l.conns, near, far)
	if l.ended {
		_, _ = near.Close(), far.Close()
	}
	l.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() { l.pass(far, near, &l.up) })
	both.Go(func() { l.pass(near, far, &l.down) })
	both.Wait()
	_, _ = near.Close(), far.Close()
}

// pass copies one direction: each packet arrives half the delay after the lane has had the time for it.
func (l *link) pass(to, from net.Conn, in *lane) {
	type sent struct {
		bytes   []byte
		arrives time.Time
	}
	way := make(chan sent, queued)
	l.work.Go(func() {
		defer close(way)
		for {
			b := make([]byte, packet)
			n, err := from.Read(b)
			if n > 0 {
				way <- sent{b[:n], in.through(n, l.bits).Add(l.delay / 2)}
			}
			if err != nil {
				return
			}
		}
	})
	var err error
	for s := range way {
		time.Sleep(time.Until(s.arrives))
		if err == nil {
			if _, err = to.Write(s.bytes); err != nil {
				_ = from.Close()
			}
		}
	}
	if half, is := to.(interface{ CloseWrite() error }); is && err == nil {
		_ = half.CloseWrite()
	}
}

// through gives when n bytes have passed behind all before them.
func (l *lane) through(n int, bits float64) time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	if now := time.Now(); l.free.Before(now) {
		l.free = now
	}
	l.free = l.free.Add(time.Duration(float64(n) * 8 / bits * float64(time.Second)))
	return l.free
}
