package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// A connection that says nothing may be at work (an index of a large table takes minutes), may wait for somebody's lock, or may
// be dead without knowing it. Which of them it is can be asked of the server, over another connection: silence alone ends
// nothing.

const (
	lookAfter   = 2 * time.Second  // of silence; sooner where the lock timeout is short
	lookTimeout = 10 * time.Second // of one look
)

// watcher looks after one connection while it is silent.
type watcher struct {
	session     *Session
	pg          *pgconn.PgConn
	activity    *activity
	config      *pgx.ConnConfig
	lockTimeout time.Duration
	unreachable time.Duration // how long the server may not be reached
	notice      func(string)

	over  *Session // what it looks by; nil until it is needed
	cause atomic.Pointer[error]
	asked atomic.Pointer[context.CancelFunc] // of who waits for the cause to be asked for
	stop  context.CancelFunc
	ended sync.WaitGroup
}

// watch begins to look after a connection, until ctx or the watcher is ended.
func watch(ctx context.Context, s *Session) *watcher {
	w := &watcher{session: s, pg: s.pg, activity: activityOf(s.pg.Conn()), config: s.conn.Config().Copy(), lockTimeout: s.o.lockTimeout(),
		unreachable: cmp.Or(max(s.o.ConnectTimeout, 0), lookTimeout), notice: s.o.notice}
	w.config.OnNotice = nil
	w.config.ConnectTimeout = min(lookTimeout, w.unreachable)
	if w.activity == nil {
		return w
	}
	ctx, w.stop = context.WithCancel(ctx)
	w.ended.Go(func() { w.run(ctx) })
	return w
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
	var locked *LockError
	var pe *pgconn.PgError
	w.cause.Store(nil)
	if asked := w.asked.Load(); asked != nil {
		(*asked)()
	}
	if errors.As(*cause, &locked) && errors.As(err, &pe) && pe.Code != queryCanceled {
		return err // it has failed by itself
	}
	return *cause
}

func (w *watcher) run(ctx context.Context) {
	defer func() {
		if w.over != nil {
			w.over.Close(ctx)
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
		if silent := w.activity.silence(); silent < after || w.cause.Load() != nil {
			waiting, stuck, reached, told = time.Time{}, time.Time{}, time.Now(), ""
			continue
		}
		seen, err := w.poll(ctx)
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
		case err == nil && seen.restarted:
			if time.Since(reached) > w.unreachable {
				w.drop(errors.New("the server was started anew, and knows nothing of the session"))
			}
			continue
		}
		reached = time.Now()
		switch {
		case err != nil || !seen.awaits || !w.activity.awaits():
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
			waiting = time.Now().Add(-w.activity.silence())
		}
		if text := "waiting for " + seen.lock + " held by " + seen.who; text != told {
			told = text
			w.notice(fmt.Sprintf("%s, for up to %s; %s", text, w.lockTimeout, seen.doing))
		}
		if time.Since(waiting) >= w.lockTimeout {
			w.give(ctx, &LockError{limit: w.lockTimeout, seen: seen})
		}
	}
}

// drop ends a connection that is dead.
func (w *watcher) drop(why error) {
	cause := error(&LostError{why})
	w.cause.Store(&cause)
	_ = w.activity.SetDeadline(longAgo)
}

// give has the server cancel the statement, and ends the connection where that does not help.
func (w *watcher) give(ctx context.Context, why error) {
	w.cause.Store(&why)
	asked, done := context.WithTimeout(ctx, cancelGrace)
	defer done()
	_ = w.pg.CancelRequest(asked)
	<-w.heard(asked)
	switch {
	case w.cause.Load() == nil || ctx.Err() != nil:
	case w.activity.silence() < cancelGrace: // it got its lock just then
		w.cause.Store(nil)
	default:
		_ = w.activity.SetDeadline(longAgo)
	}
}

// heard gives a channel that is closed when somebody has asked for the cause, or when ctx has ended.
func (w *watcher) heard(ctx context.Context) <-chan struct{} {
	both, done := context.WithCancel(ctx)
	w.asked.Store(&done)
	if w.cause.Load() == nil {
		done()
	}
	return both.Done()
}

// lockStatus is what a look shows.
type lockStatus struct {
	gone      bool   // the server's process is not there any more
	restarted bool   // the server that answers was started after the connection was made
	awaits    bool   // the process waits for us, to say something or to take what it says
	lock      string // what is waited for, "" for nothing: "the lock of public.users"
	own       bool   // it is the lock of another load
	who       string // who holds it: "psql (pid 17, user ana)"
	doing     string // what they do, and for how long
}

// pollQuery asks what process $1, started at $3 (0 if that is not known), waits for, and who holds it. pg_locks hides nothing; of
// other roles' sessions pg_stat_activity shows no more than who they are.
const pollQuery = `
SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8, us.pid IS NOT NULL,
	coalesce(us.wait_event IN ('ClientRead', 'ClientWrite'), false),
	coalesce(w.locktype, ''), coalesce(w.relation::regclass::text, ''), coalesce(w.locktype = 'advisory' AND w.classid::int8 BETWEEN $2::int8 AND $2::int8 + 1, false),
	coalesce(h.pid, 0), coalesce(a.application_name, ''), coalesce(a.usename::text, ''), coalesce(a.state, ''),
	coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::float8, 0),
	coalesce(extract(epoch FROM clock_timestamp() - CASE WHEN a.state = 'active' THEN a.query_start ELSE a.state_change END)::float8, 0)
FROM (SELECT $1::int4 AS pid, $3::int8 AS started) this
LEFT JOIN pg_stat_activity us ON us.pid = this.pid AND (started = 0 OR us.backend_start IS NULL OR (extract(epoch FROM us.backend_start) * 1000000)::int8 = started)
LEFT JOIN LATERAL (SELECT l.locktype, l.classid, CASE WHEN l.database = (SELECT d.oid FROM pg_database d WHERE d.datname = current_database()) THEN l.relation END AS relation
	FROM pg_locks l WHERE l.pid = this.pid AND NOT l.granted LIMIT 1) w ON true
LEFT JOIN LATERAL (SELECT u.pid FROM unnest(pg_blocking_pids(CASE WHEN w.locktype IS NULL THEN 0 ELSE this.pid END)) u(pid) LIMIT 1) h ON true
LEFT JOIN pg_stat_activity a ON a.pid = h.pid`

// poll asks the server over another connection.
func (w *watcher) poll(ctx context.Context) (lockStatus, error) {
	ctx, cancel := context.WithTimeout(ctx, w.config.ConnectTimeout)
	defer cancel()
	if w.over == nil {
		conn, err := connect(ctx, w.config)
		if err != nil {
			return lockStatus{}, err
		}
		w.over = &Session{o: Options{Trace: w.session.o.Trace}, conn: conn, pg: conn.PgConn()}
	}
	known := w.session.backend.Load()
	b := backend{pid: w.pg.PID()}
	if known != nil {
		b = *known
	}
	var (
		server                             int64
		there, awaits, own                 bool
		kind, relation, app, person, state string
		holder                             int32
		transaction, statement             float64 // seconds
	)
	err := w.over.Ask(ctx, pollQuery, []any{b.pid, LockClass, b.started}, []any{&server, &there, &awaits, &kind, &relation, &own, &holder, &app, &person, &state,
		&transaction, &statement}, nil)
	if another := err == nil && known != nil && server != known.server; another || err != nil && !isAnswer(err) {
		w.over.Drop() // the next look begins anew
		w.over.Close(ctx)
		w.over = nil
		return lockStatus{restarted: another && known.started > 0 && server > known.started}, err // another server knows nothing of the session
	}
	if err != nil {
		return lockStatus{}, err
	}
	s := lockStatus{gone: known != nil && !there, awaits: awaits, own: own}
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
