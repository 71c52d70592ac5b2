package session

import (
	"cmp"
	"context"
	"math"
	"net"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// DefaultLockTimeout is how long others' locks are waited for where Options do not say.
const DefaultLockTimeout = 60 * time.Second

const (
	cancelGrace  = 2 * time.Second  // from asking the server to cancel to dropping the connection
	closeTimeout = 2 * time.Second  // of saying goodbye
	askTimeout   = 10 * time.Second // of a question that waits for nobody's lock: who serves us, what became of a transaction
)

// Options say how to connect, and what to do about silence. The zero value is useful.
type Options struct {
	ConnectTimeout time.Duration        // how long to keep trying to reach the server, and how long it may not be reached later; 0 means try once
	LockTimeout    time.Duration        // how long to wait for locks of others; 0 means DefaultLockTimeout
	HostGateway    netip.Addr           // of a container of a workflow: where the machine around it is, whose ports are tried for localhost
	Notice         func(text string)    // worth a line in the log; may be nil
	Warn           func(text string)    // worth an annotation; may be nil
	ServerNotice   func(*pgconn.Notice) // what the server says beside its answers; may be nil
	Trace          func(sql string)     // each message that is sent, also by the watcher, before it is; may be nil
}

func (o Options) lockTimeout() time.Duration {
	return cmp.Or(max(o.LockTimeout, 0), DefaultLockTimeout)
}

func (o Options) trace(sql string) {
	if o.Trace != nil {
		o.Trace(sql)
	}
}

func (o Options) notice(text string) {
	if o.Notice != nil {
		o.Notice(text)
	}
}

// Session is one connection. Its methods are for one goroutine at a time, but where they say otherwise.
type Session struct {
	o       Options
	target  *pgx.ConnConfig // as it was given
	conn    *pgx.Conn
	pg      *pgconn.PgConn
	backend atomic.Pointer[backend] // nil while it is not known who serves us
	watcher *watcher
	pooled  bool

	nearest time.Duration // see Nearest

	buf  []byte
	last Result
	sync bool // the query under way goes by the extended protocol

	asides asides
}

// backend is the server's process behind a connection, as it says itself: a pooler says something else.
type backend struct {
	pid     uint32
	started int64 // in microseconds
	server  int64 // when the server was started, in microseconds: by it another server, or the same one restarted, is told
	xid     int64 // the transaction's number, by which the server knows later what became of it
}

// Open connects, trying again for as long as ConnectTimeout says while the server may still be starting, and begins to watch over
// the connection until ctx ends or Close is called. The error is a *problem.Error, or that of ctx.
func Open(ctx context.Context, target *pgx.ConnConfig, o Options) (*Session, error) {
	s, err := dial(ctx, target, o)
	if err != nil {
		return nil, err
	}
	s.watcher = watch(ctx, s)
	return s, nil
}

// Reach connects and disconnects: to find out that it cannot be done before something costly is done for it. The error is as Open's.
func Reach(ctx context.Context, target *pgx.ConnConfig, o Options) error {
	s, err := dial(ctx, target, o)
	if err != nil {
		return err
	}
	s.Close(ctx)
	return nil
}

// Close ends the connection, and what watches over it. It waits for a moment only, also where ctx has ended.
func (s *Session) Close(ctx context.Context) {
	s.watcher.end()
	closeSoon(ctx, s.conn)
}

func closeSoon(ctx context.Context, conn *pgx.Conn) {
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), closeTimeout)
	defer cancel()
	_ = conn.Close(short)
}

// Drop ends the connection without a word. The server rolls back when it notices.
func (s *Session) Drop() { _ = s.pg.Conn().Close() }

// Config is what the connection was made with.
func (s *Session) Config() *pgx.ConnConfig { return s.conn.Config() }

// IsClosed reports whether the connection is known to be gone.
func (s *Session) IsClosed() bool { return s.conn.IsClosed() }

// TxStatus gives the state of the transaction as the server said last: 'I' for none, 'T' for one, 'E' for one that has failed.
func (s *Session) TxStatus() byte { return s.pg.TxStatus() }

// Parameter gives a setting that the server reports of itself, such as client_encoding; "" for those it does not. Of all other names for
// encodings the server reports its own; UNICODE it repeats.
func (s *Session) Parameter(name string) string {
	value := s.pg.ParameterStatus(name)
	if name == "client_encoding" && value == "UNICODE" {
		return "UTF8"
	}
	return value
}

// ServerAtLeast compares the server's version with one such as 150000.
func (s *Session) ServerAtLeast(version int) bool {
	major := 0
	for _, c := range s.Parameter("server_version") { // of every statement it may be asked
		if c < '0' || c > '9' {
			break
		}
		major = 10*major + int(c-'0')
	}
	return major >= version/10000
}

// Pooled reports whether something between us and the server shares its connections.
func (s *Session) Pooled() bool { return s.pooled }

// Nearest gives the shortest time in which the server has answered a question so far, which is how far away it is, or more: 0 before the first, and
// of no session longer than any.
func (s *Session) Nearest() time.Duration {
	if s == nil {
		return math.MaxInt64
	}
	return s.nearest
}

// Local reports whether the server is known to be on this machine.
func (s *Session) Local() bool {
	switch remote := s.pg.Conn().RemoteAddr().(type) {
	case *net.UnixAddr:
		return true
	case *net.TCPAddr:
		return remote.IP.IsLoopback()
	}
	return false
}
