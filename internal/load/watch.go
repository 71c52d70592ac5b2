package load

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// A connection that says nothing may be at work (an index of a large table takes minutes), may wait for somebody's lock, or may
// be dead without knowing it. Which of them it is can be asked of the server, over another connection: silence alone ends
// nothing.

// DefaultLockTimeout is how long a load waits for others' locks where Options do not say.
const DefaultLockTimeout = 60 * time.Second

const (
	lookAfter   = 2 * time.Second  // of silence; sooner where the lock timeout is short
	lookTimeout = 10 * time.Second // of one look
	reportGrace = 5 * time.Second  // by which the server's own limit is longer: it cannot say who holds the lock

	// Keepalive finds a dead peer within 15 + 3 × 10 seconds, and keeps firewalls from forgetting a silent connection.
	keepAliveIdle, keepAliveInterval, keepAliveCount = 15 * time.Second, 10 * time.Second, 3
)

// pulse is a connection that knows when something last came or went over it.
type pulse struct {
	net.Conn
	last             atomic.Int64 // nanoseconds since began
	reading, writing atomic.Int32 // calls that wait
	producing        atomic.Bool  // the rows of a COPY are being read and sent: nobody waits for an answer
}

var began = time.Now() // a monotonic clock's zero

func (p *pulse) beat() { p.last.Store(int64(time.Since(began))) }

func (p *pulse) silence() time.Duration { return time.Since(began) - time.Duration(p.last.Load()) }

func (p *pulse) Read(b []byte) (int, error) {
	p.reading.Add(1)
	defer p.reading.Add(-1)
	n, err := p.Conn.Read(b)
	p.beat()
	return n, err
}

func (p *pulse) Write(b []byte) (int, error) {
	p.writing.Add(1)
	defer p.writing.Add(-1)
	n, err := p.Conn.Write(b)
	p.beat()
	return n, err
}

// withPulse makes connections tell when they are silent, and the system find out when the other side is gone.
func withPulse(dial pgconn.DialFunc) pgconn.DialFunc {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		conn, err := dial(ctx, network, address)
		if err != nil {
			return nil, err
		}
		if tcp, is := conn.(*net.TCPConn); is {
			_ = tcp.SetKeepAliveConfig(net.KeepAliveConfig{Enable: true, Idle: keepAliveIdle, Interval: keepAliveInterval, Count: keepAliveCount})
		}
		if p, is := conn.(*pulse); is {
			return p, nil
		}
		p := &pulse{Conn: conn}
		p.beat()
		return p, nil
	}
}

// pulseOf finds the pulse below TLS; nil if there is none.
func pulseOf(conn net.Conn) *pulse {
	if secure, is := conn.(*tls.Conn); is {
		conn = secure.NetConn()
	}
	p, _ := conn.(*pulse)
	return p
}

// watcher looks after one connection while it is silent.
type watcher struct {
	pg          *pgconn.PgConn
	pulse       *pulse
	config      *pgx.ConnConfig
	lockTimeout time.Duration
	unreachable time.Duration // how long the server may not be reached
	notice      func(string)
	backend     atomic.Pointer[backend] // nil while the server has not said who it is

	conn  *pgx.Conn // that it looks over; nil until it is needed
	cause atomic.Pointer[error]
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// backend is the server's process behind a connection, as it says itself: a pooler says something else.
type backend struct {
	pid     uint32
	started int64 // in microseconds
	server  int64 // when the server was started, in microseconds: by it another server, or the same one restarted, is told
	xid     int64 // the transaction's number, by which the server knows later what became of it
}

// watchOver begins to look after the run's connection.
func (r *run) watchOver(ctx context.Context) {
	w := &watcher{pg: r.wire.pg, pulse: pulseOf(r.wire.pg.Conn()), config: r.conn.Config().Copy(), lockTimeout: r.o.lockTimeout(),
		unreachable: cmp.Or(r.o.ConnectTimeout, lookTimeout), notice: r.notice}
	w.config.OnNotice = nil
	w.config.ConnectTimeout = min(lookTimeout, w.unreachable)
	r.watcher = w
	r.wire.cause = w.because
	if w.pulse == nil {
		return
	}
	ctx, w.stop = context.WithCancel(ctx)
	w.ended.Go(func() { w.run(ctx) })
}

// end stops looking.
func (w *watcher) end() {
	if w == nil || w.stop == nil {
		return
	}
	w.stop()
	w.ended.Wait()
}

// because gives the reason why the watcher has ended a statement or the connection, in place of the error that came of it.
func (w *watcher) because(err error) error {
	if w == nil {
		return err
	}
	cause := w.cause.Load()
	if cause == nil || err == nil {
		return err
	}
	var locked *lockError
	var pe *pgconn.PgError
	if errors.As(*cause, &locked) && errors.As(err, &pe) && pe.Code != "57014" {
		return err // it has failed by itself
	}
	w.cause.Store(nil)
	return *cause
}

func (w *watcher) run(ctx context.Context) {
	defer func() {
		if w.conn != nil {
			closeSoon(ctx, w.conn)
		}
	}()
	after := min(lookAfter, w.lockTimeout/2)
	tick := time.NewTicker(max(after/2, time.Millisecond))
	defer tick.Stop()
	var waiting, stuck time.Time // since when it waits for the lock of others; since when each side waits for the other
	reached := time.Now()        // when the server was last heard
	var told string
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		if silent := w.pulse.silence(); silent < after || w.cause.Load() != nil {
			waiting, stuck, reached, told = time.Time{}, time.Time{}, time.Now(), ""
			continue
		}
		seen, err := w.look(ctx)
		switch {
		case ctx.Err() != nil:
			return
		case err != nil && !isAnswer(err):
			if time.Since(reached) > w.unreachable {
				w.drop(fmt.Errorf("it has been silent, and the server has not been reachable, for %s", w.unreachable))
			}
			continue
		case err == nil && seen.gone:
			w.drop(errors.New("the server has no such session any more"))
			continue
		}
		reached = time.Now()
		switch {
		case err != nil || !seen.hears || w.pulse.reading.Load() == 0 || w.pulse.producing.Load() && w.pulse.writing.Load() == 0:
			stuck = time.Time{}
		case stuck.IsZero():
			stuck = time.Now()
		case time.Since(stuck) > w.unreachable:
			w.drop(fmt.Errorf("the server has been waiting for us, and we for it, for %s: what was sent is lost", w.unreachable))
			continue
		}
		if err != nil || seen.lock == "" {
			waiting = time.Time{}
			continue
		}
		if waiting.IsZero() {
			waiting = time.Now().Add(-w.pulse.silence())
		}
		if text := "waiting for " + seen.lock + " held by " + seen.who; text != told {
			told = text
			w.notice(fmt.Sprintf("%s, for up to %s; %s", text, w.lockTimeout, seen.doing))
		}
		if time.Since(waiting) >= w.lockTimeout {
			w.give(ctx, &lockError{limit: w.lockTimeout, seen: seen})
		}
	}
}

// isAnswer tells whether an error is one that the server has sent: it can be reached.
func isAnswer(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code != "57P03" && pe.Code != "57P01" && pe.Code != "57P02"
}

// drop ends a connection that is dead.
func (w *watcher) drop(why error) {
	cause := error(&lostError{why})
	w.cause.Store(&cause)
	_ = w.pulse.SetDeadline(time.Unix(1, 0))
}

// give has the server cancel the statement, and ends the connection where that does not help.
func (w *watcher) give(ctx context.Context, why error) {
	w.cause.Store(&why)
	asked, done := context.WithTimeout(ctx, cancelGrace)
	defer done()
	_ = w.pg.CancelRequest(asked)
	for w.cause.Load() != nil && asked.Err() == nil {
		time.Sleep(time.Millisecond)
	}
	switch {
	case w.cause.Load() == nil || ctx.Err() != nil:
	case w.pulse.silence() < cancelGrace: // it got its lock just then
		w.cause.Store(nil)
	default:
		_ = w.pulse.SetDeadline(time.Unix(1, 0))
	}
}

// sight is what a look shows.
type sight struct {
	gone  bool   // the server's process is not there any more
	hears bool   // it waits for us to say something
	lock  string // what is waited for, "" for nothing: "the lock of public.users"
	own   bool   // it is the lock of another load
	who   string // who holds it: "psql (pid 17, user ana)"
	doing string // what they do, and for how long
}

// sightQuery asks what process $1 waits for, and who holds it. pg_locks hides nothing; of other roles' sessions
// pg_stat_activity shows no more than who they are.
const sightQuery = `
SELECT pg_catalog.pg_postmaster_start_time(), us.pid IS NOT NULL, coalesce(us.wait_event = 'ClientRead', false),
	coalesce(w.locktype, ''), coalesce(w.relation::regclass::text, ''), coalesce(w.locktype = 'advisory' AND w.classid::int8 BETWEEN $2 AND $2 + 1, false),
	coalesce(h.pid, 0), coalesce(a.application_name, ''), coalesce(a.usename::text, ''), coalesce(a.state, ''),
	coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - a.xact_start)::float8, 0),
	coalesce(extract(epoch FROM pg_catalog.clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END)::float8, 0)
FROM (SELECT 1) one
LEFT JOIN pg_catalog.pg_stat_activity us ON us.pid = $1
LEFT JOIN LATERAL (SELECT l.locktype, l.classid, CASE WHEN l.database = (SELECT d.oid FROM pg_catalog.pg_database d WHERE d.datname = current_database()) THEN l.relation END AS relation
	FROM pg_catalog.pg_locks l WHERE l.pid = $1 AND NOT l.granted LIMIT 1) w ON true
LEFT JOIN LATERAL (SELECT u.pid FROM unnest(pg_catalog.pg_blocking_pids(CASE WHEN w.locktype IS NULL THEN 0 ELSE $1 END)) u(pid) LIMIT 1) h ON true
LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = h.pid`

// look asks the server over another connection.
func (w *watcher) look(ctx context.Context) (sight, error) {
	ctx, cancel := context.WithTimeout(ctx, w.config.ConnectTimeout)
	defer cancel()
	if w.conn == nil || w.conn.IsClosed() {
		conn, err := pgx.ConnectConfig(ctx, w.config)
		if err != nil {
			return sight{}, err
		}
		w.conn = conn
	}
	known := w.backend.Load()
	pid := w.pg.PID()
	if known != nil {
		pid = known.pid
	}
	var (
		started                            time.Time
		there, hears, own                  bool
		kind, relation, app, person, state string
		holder                             int32
		transaction, statement             float64 // seconds
	)
	err := w.conn.QueryRow(ctx, sightQuery, int32(pid), int64(lockClass)).Scan(&started, &there, &hears, &kind, &relation, &own, &holder, &app, &person, &state,
		&transaction, &statement)
	if err != nil {
		return sight{}, err
	}
	if known != nil && started.UnixMicro() != known.server {
		return sight{}, nil // another server, which knows nothing of it
	}
	s := sight{gone: known != nil && !there, hears: hears, own: own}
	switch {
	case kind == "" || holder == 0 && person == "" && kind != "transactionid" && kind != "relation":
		return s, nil
	case own:
		s.lock = "the end of another load"
	case relation != "":
		s.lock = "the lock of " + relation
	default:
		s.lock = "a lock (" + kind + ")"
	}
	s.who = fmt.Sprintf("%s (pid %d, user %s)", orDash(app), holder, orDash(person))
	if holder == 0 {
		s.who = "a prepared transaction"
	}
	s.doing = doing(state, transaction, statement)
	return s, nil
}

// doing says what a session does: its statement's age, or how long it has been idle, and its transaction's.
func doing(state string, transaction, statement float64) string {
	age := func(seconds float64) string {
		return time.Duration(seconds * float64(time.Second)).Round(100 * time.Millisecond).String()
	}
	switch {
	case state == "":
		return "what it does is not shown to this role"
	case state == "active":
		return fmt.Sprintf("its statement has been running for %s, its transaction for %s", age(statement), age(transaction))
	}
	return fmt.Sprintf("it has been %s for %s, its transaction has been open for %s", state, age(statement), age(transaction))
}

func orDash(s string) string {
	if strings.TrimSpace(s) == "" {
		return "-"
	}
	return s
}

// lockError says that another session's lock was waited for too long.
type lockError struct {
	limit time.Duration
	seen  sight
}

func (e *lockError) Error() string {
	return fmt.Sprintf("waited %s for %s, held by %s", e.limit, e.seen.lock, e.seen.who)
}

// describe completes the problem.
func (e *lockError) describe(p *problem.Error) {
	p.Code, p.What, p.Excerpt = problem.Timeout, e.Error(), "HOLDER: "+e.seen.doing
	p.Remedy = "Wait for it to end, or end it (SELECT pg_terminate_backend(pid)), or raise the setting lock-timeout."
	if e.seen.own {
		p.Remedy = "Loads of the same tables run one after the other: run it again when the other one is through, or raise the setting lock-timeout."
	}
}

// lockTimeout is the limit on waiting for others' locks.
func (o *Options) lockTimeout() time.Duration {
	if o.LockTimeout > 0 {
		return o.LockTimeout
	}
	return DefaultLockTimeout
}
