package session

import (
	"context"
	"crypto/tls"
	"net"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// Keepalive finds a dead peer within 15 + 3 × 10 seconds, and keeps firewalls from forgetting a silent connection.
const keepAliveIdle, keepAliveInterval, keepAliveCount = 15 * time.Second, 10 * time.Second, 3

// activity is a connection that knows when something last came or went over it.
type activity struct {
	net.Conn
	last             atomic.Int64 // nanoseconds since began
	reading, writing atomic.Int32 // calls that wait
	producing        atomic.Bool  // the rows of a COPY are being read and sent: nobody waits for an answer
}

var began = time.Now() // a monotonic clock's zero

func (a *activity) mark() { a.last.Store(int64(time.Since(began))) }

func (a *activity) silence() time.Duration { return time.Since(began) - time.Duration(a.last.Load()) }

// awaits reports whether somebody here waits for the server: for an answer, or for it to take what is sent.
func (a *activity) awaits() bool {
	return a.writing.Load() > 0 || a.reading.Load() > 0 && !a.producing.Load()
}

func (a *activity) Read(b []byte) (int, error) {
	a.reading.Add(1)
	defer a.reading.Add(-1)
	n, err := a.Conn.Read(b)
	a.mark()
	return n, err
}

func (a *activity) Write(b []byte) (int, error) {
	a.writing.Add(1)
	defer a.writing.Add(-1)
	n, err := a.Conn.Write(b)
	a.mark()
	return n, err
}

// withActivity makes connections tell when they are silent, and the system find out when the other side is gone.
func withActivity(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if tcp, is := conn.(*net.TCPConn); is {
			_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount})
		}
		if a, is := conn.(*activity); is {
			return a, nil
		}
		a := &activity{Conn: conn}
		a.mark()
		return a, nil
	}
}

// activityOf finds the activity below TLS; nil if there is none.
func activityOf(conn net.Conn) *activity {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	a, _ := conn.(*activity)
	return a
}
