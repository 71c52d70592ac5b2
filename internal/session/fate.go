package session

import (
	"context"
	"fmt"
	"strconv"
	"time"
)

const (
	reportGrace = 5 * time.Second // by which the server's own limit is longer: it cannot say who holds the lock

	// goneCheck is how often the server looks whether we are still there while a statement of ours runs, so that nothing runs on
	// for a process that was killed. It can where it runs on Linux, from PostgreSQL 14 on.
	goneCheck = 10 * time.Second
)

// The upper halves of the keys of the advisory locks by which loads wait for one another. The lower half is the oid of a table, or of
// the schema that the search_path begins with.
const (
	LockClass   = 0x46_41_42_53
	SchemaClass = LockClass + 1
)

// whoServes asks who serves the connection: the process, when the server and the process were started. That of the process, 0 then, is not
// shown to a role that the session has taken and that has not the rights of the one that connected.
const whoServes = `SELECT pg_backend_pid(), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8,
	coalesce((SELECT (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_stat_get_activity(pg_backend_pid())), 0)`

// setupStatement asks who serves the connection, where that is not known, for the transaction's number, and sets the server's own limits for the transaction,
// or else for the session. The limit on locks stands in where we cannot look ourselves: a role's or a script's own goes before it.
func (s *Session) setupStatement(transaction bool) string {
	who := whoServes
	if b := s.backend.Load(); b != nil && !s.pooled { // it is known
		who = fmt.Sprintf("SELECT %d, %d, %d", b.pid, b.server, b.started)
	}
	return fmt.Sprintf(who+`,
	CASE WHEN %[2]t AND NOT pg_is_in_recovery() THEN txid_current() ELSE 0 END,
	CASE WHEN current_setting('lock_timeout') = '0' THEN set_config('lock_timeout', '%[1]d', %[2]t) END,
	CASE WHEN version() LIKE '%%linux%%' AND current_setting('client_connection_check_interval', true) = '0'
		THEN set_config('client_connection_check_interval', '%[3]d', %[2]t) END`,
		(s.o.lockTimeout() + reportGrace).Milliseconds(), transaction, goneCheck.Milliseconds())
}

// identify asks who serves the connection. Through a pooler that is somebody else for each transaction, so nothing is kept then.
func (s *Session) identify(ctx context.Context) error {
	short, cancel := context.WithTimeout(ctx, s.Config().ConnectTimeout)
	defer cancel()
	var b backend
	if err := s.Ask(short, whoServes, nil, []any{&b.pid, &b.server, &b.started}, nil); err != nil {
		return err
	}
	if b.pid == 0 {
		return &LostError{errNoRow}
	}
	if s.pooled = b.pid != s.pg.PID(); !s.pooled {
		s.backend.Store(&b)
	}
	return nil
}

// passedOn makes sure that a pooler has passed on what was asked for with the connection and decides where rows go and with whose rights.
// Poolers can be told to take such settings and do nothing about them.
func (s *Session) passedOn(ctx context.Context) error {
	asked := s.Config().RuntimeParams
	if !s.pooled || asked["search_path"] == "" && asked["role"] == "" {
		return nil
	}
	short, cancel := context.WithTimeout(ctx, s.Config().ConnectTimeout)
	defer cancel()
	var path, role string
	err := s.Resolve(short, "SELECT pg_catalog.current_setting('search_path'), pg_catalog.current_setting('role')", nil, []any{&path, &role}, nil)
	switch {
	case err != nil:
		return err
	case asked["search_path"] != "" && path != asked["search_path"]:
		return &notPassedOn{"search_path", asked["search_path"], path}
	case asked["role"] != "" && role != asked["role"]:
		return &notPassedOn{"role", asked["role"], role}
	}
	return nil
}

// notPassedOn says that a pooler has dropped a setting.
type notPassedOn struct{ setting, asked, got string }

func (e *notPassedOn) Error() string {
	return fmt.Sprintf("the pooler took %s %s with the connection, and the server has %s", e.setting, e.asked, e.got)
}

// setUp sends what holds setupStatement.
func (s *Session) setUp(send func(h Handlers) error) error {
	var b *backend
	err := send(Handlers{Columns: 4, Row: func(v [][]byte) {
		number := func(i int) int64 {
			n, _ := strconv.ParseInt(string(v[i]), 10, 64)
			return n
		}
		b = &backend{pid: uint32(number(0)), server: number(1), started: number(2), xid: number(3)}
	}})
	switch {
	case err != nil:
		return err
	case b == nil:
		return &LostError{errNoRow}
	}
	s.backend.Store(b)
	return nil
}

// Begin opens the transaction in which everything is to happen, in a mode such as "ISOLATION LEVEL SERIALIZABLE", with the server's
// own limits set in it.
func (s *Session) Begin(ctx context.Context, mode string) error {
	err := s.setUp(func(h Handlers) error {
		return s.Do(ctx, []byte("BEGIN "+mode+"; "+takePath+"; "+s.setupStatement(true)+"; "+givePathBack), withoutPath(h))
	})
	if err == nil && s.TxStatus() != 'T' {
		return &LostError{errNoTransaction}
	}
	return err
}

// Ready sets the server's own limits for the session. Through a pooler it does nothing: what is set would be another's.
func (s *Session) Ready(ctx context.Context) error {
	if s.pooled {
		return nil
	}
	return s.setUp(func(h Handlers) error { return s.Change(ctx, s.setupStatement(false), h) })
}

// Ended must be called when the transaction of Begin has ended well: a pooler then gives the server's process to others.
func (s *Session) Ended() {
	if s.pooled {
		s.backend.Store(nil)
	}
}

// Fate is what became of a transaction whose COMMIT was not answered.
type Fate int

// The fates.
const (
	NotKnown Fate = iota
	Committed
	RolledBack
)

// fateTries and fateWait are how often, and how long apart, the server is asked for a transaction that is still under way.
const (
	fateTries = 20
	fateWait  = 250 * time.Millisecond
)

// XID gives the number of the transaction of Begin, 0 if it is not known.
func (s *Session) XID() int64 {
	if b := s.backend.Load(); b != nil {
		return b.xid
	}
	return 0
}

// Fate asks the server, over a new connection, what became of the transaction of Begin. Only the server that gave the number can
// know: one that was restarted may be another one, to which not all was copied.
func (s *Session) Fate(ctx context.Context) Fate {
	b := s.backend.Load()
	if b == nil || b.xid == 0 {
		return NotKnown
	}
	other, err := dial(ctx, s.target, s.o)
	if err != nil {
		return NotKnown
	}
	defer other.Close(ctx)
	for range fateTries {
		switch fate, err := other.fateOf(ctx, b); {
		case err != nil:
			return NotKnown
		case fate != NotKnown:
			return fate
		}
		other.Terminate(ctx, s) // COMMIT has not come there, or is under way
		select {
		case <-ctx.Done():
			return NotKnown
		case <-time.After(fateWait):
		}
	}
	return NotKnown
}

// fateOf asks once. NotKnown without an error is a transaction that is still under way.
func (s *Session) fateOf(ctx context.Context, b *backend) (Fate, error) {
	short, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	var status string
	var server int64
	err := s.Ask(short, `SELECT coalesce(txid_status($1::int8), ''), (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::int8`,
		[]any{b.xid}, []any{&status, &server}, nil)
	switch {
	case err != nil:
		return NotKnown, err
	case server != b.server:
		return NotKnown, errAnotherServer
	case status == "committed":
		return Committed, nil
	case status == "aborted":
		return RolledBack, nil
	}
	return NotKnown, nil
}

// Terminate ends the server's process of a session that is lost, if it does not know yet: its locks would be in the way.
func (s *Session) Terminate(ctx context.Context, lost *Session) {
	b := lost.backend.Load()
	if b == nil || lost.pooled {
		return
	}
	short, cancel := context.WithTimeout(ctx, askTimeout)
	defer cancel()
	_ = s.Ask(short, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity
		WHERE pid = $1::int4 AND (extract(epoch FROM backend_start) * 1000000)::int8 = $2::int8 AND pid <> pg_backend_pid()`, []any{b.pid, b.started}, nil, nil)
}
