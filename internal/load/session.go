package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// The upper halves of the keys of our advisory locks. The lower half is the oid of a table, or of the schema that the search_path
// begins with.
const (
	lockClass   = 0x46_41_42_53
	schemaClass = lockClass + 1
)

// maxTableLocks is from how many tables on the schema is locked instead: the server's lock table has an end.
const maxTableLocks = 200

// goneCheck is how often the server looks whether we are still there while a statement of ours runs, so that nothing runs on for
// a process that was killed. It can where it runs on Linux, from PostgreSQL 14 on.
const goneCheck = 10 * time.Second

// turns gives the statement that waits until no other load of the same tables is under way, and keeps others waiting: for the
// transaction, or else for the session. Tables are taken in one order by all. Where they are not known beforehand, it is whatever
// else is loaded with the same search_path.
func (s *survey) turns(transaction bool) string {
	var oids []uint32
	for _, h := range s.heads {
		if h.relation != nil {
			oids = append(oids, h.relation.oid)
		}
	}
	slices.Sort(oids)
	oids = slices.Compact(oids)
	lock := "pg_catalog.pg_advisory_xact_lock"
	if !transaction {
		lock = "pg_catalog.pg_advisory_lock"
	}
	schema := fmt.Sprintf("%d + coalesce((SELECT oid::int8 FROM pg_catalog.pg_namespace WHERE nspname = current_schema()), 0)", int64(schemaClass)<<32)
	if len(oids) == 0 || len(oids) > maxTableLocks || s.unforeseen {
		return fmt.Sprintf("SELECT %s(%s)", lock, schema)
	}
	return fmt.Sprintf("SELECT %s_shared(%s), (SELECT count(*) FROM (SELECT %[1]s(%[3]d + o) FROM unnest('%[4]s'::int8[]) o OFFSET 0) taken)",
		lock, schema, int64(lockClass)<<32, oidList(oids))
}

// introduction asks who serves the connection, and sets the server's own limits for the transaction, or else for the session.
// The limit on locks stands in where we cannot look ourselves: a role's or a script's own goes before it.
func (o *Options) introduction(transaction bool) string {
	return fmt.Sprintf(`SELECT pg_catalog.pg_backend_pid(), (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::int8,
	(SELECT (extract(epoch FROM backend_start) * 1000000)::int8 FROM pg_catalog.pg_stat_get_activity(pg_catalog.pg_backend_pid())),
	CASE WHEN %[2]t AND NOT pg_catalog.pg_is_in_recovery() THEN pg_catalog.txid_current() ELSE 0 END,
	CASE WHEN current_setting('lock_timeout') = '0' THEN pg_catalog.set_config('lock_timeout', '%[1]d', %[2]t) END,
	CASE WHEN pg_catalog.version() LIKE '%%linux%%' AND current_setting('client_connection_check_interval', true) = '0'
		THEN pg_catalog.set_config('client_connection_check_interval', '%[3]d', %[2]t) END`,
		(o.lockTimeout() + reportGrace).Milliseconds(), transaction, goneCheck.Milliseconds())
}

// begin opens the transaction and readies it, in one message; where there is none, it readies the session.
func (r *run) begin(ctx context.Context, s *survey) error {
	var b backend
	if r.o.Transaction == None {
		if r.pooled {
			return nil // what is set here would be another's
		}
		if err := r.conn.QueryRow(ctx, r.o.introduction(false)).Scan(&b.pid, &b.server, &b.started, &b.xid, nil, nil); err != nil {
			return err
		}
		r.watcher.backend.Store(&b)
		rows, err := r.conn.Query(ctx, s.turns(false))
		if err != nil {
			return err
		}
		rows.Close()
		return rows.Err()
	}
	first := true
	err := r.wire.query(ctx, []byte("BEGIN "+r.level+"; "+r.o.introduction(true)+"; "+s.turns(true)), answers{row: func(v [][]byte) {
		if first {
			first = false
			_, _ = fmt.Sscan(string(v[0])+" "+string(v[1])+" "+string(v[2])+" "+string(v[3]), &b.pid, &b.server, &b.started, &b.xid)
		}
	}})
	if err != nil {
		return err
	}
	r.pooled = b.pid != r.wire.pg.PID()
	r.watcher.backend.Store(&b)
	return nil
}

// fate is what became of a transaction whose COMMIT was not answered.
type fate int

const (
	notKnown fate = iota
	committed
	rolledBack
)

// fateTries and fateWait are how often, and how long apart, the server is asked for a transaction that is still under way.
const (
	fateTries = 20
	fateWait  = 250 * time.Millisecond
)

// xid gives the transaction's number, 0 if it is not known.
func (r *run) xid() int64 {
	if b := r.watcher.backend.Load(); b != nil {
		return b.xid
	}
	return 0
}

// fateOf asks the server, over a new connection, what became of the transaction. Only the server that gave the number can know:
// one that was restarted may be another one, to which not all was copied.
func (r *run) fateOf(ctx context.Context) fate {
	conn, err := connect(ctx, r.target, r.o)
	b := r.watcher.backend.Load()
	if err != nil || b == nil {
		return notKnown
	}
	defer func() { closeSoon(ctx, conn) }()
	for range fateTries {
		var status string
		var server int64
		err := conn.QueryRow(ctx, `SELECT coalesce(pg_catalog.txid_status($1), ''), (extract(epoch FROM pg_catalog.pg_postmaster_start_time()) * 1000000)::int8`,
			b.xid).Scan(&status, &server)
		switch {
		case err != nil || server != b.server:
			return notKnown
		case status == "committed":
			return committed
		case status == "aborted":
			return rolledBack
		}
		r.terminate(ctx, conn) // COMMIT has not come there, or is under way
		select {
		case <-ctx.Done():
			return notKnown
		case <-time.After(fateWait):
		}
	}
	return notKnown
}

// terminate ends the server's process of a connection that is lost, if it does not know yet: its locks would be in the way.
func (r *run) terminate(ctx context.Context, over *pgx.Conn) {
	b := r.watcher.backend.Load()
	if b == nil || r.pooled {
		return
	}
	_, _ = over.Exec(ctx, `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
		WHERE pid = $1 AND (extract(epoch FROM backend_start) * 1000000)::int8 = $2 AND pid <> pg_catalog.pg_backend_pid()`, int32(b.pid), b.started)
}

func closeSoon(ctx context.Context, conn *pgx.Conn) {
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = conn.Close(short)
}

// atLeast gives the statement that raises a setting of memory for the transaction, if it is lower.
func atLeast(setting, size string) string {
	return fmt.Sprintf(`SELECT pg_catalog.set_config('%s', '%s', true)
		WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('%[1]s')) < pg_catalog.pg_size_bytes('%[2]s')`, setting, size)
}

// passing tells whether an error is of a kind that a load in one transaction may be tried again after, as a whole: the
// connection died, or the server took the transaction back for the sake of others.
func (r *run) passing(err error) bool {
	var lost *lostError
	if errors.As(err, &lost) {
		return true
	}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return false
	}
	switch pe.Code {
	case "57P01", // admin_shutdown: also of a backend that was terminated
		"57P02", // crash_shutdown
		"57P03", // cannot_connect_now
		"40001", // serialization_failure
		"40P01": // deadlock_detected
		return true
	}
	return strings.HasPrefix(pe.Code, "08")
}
