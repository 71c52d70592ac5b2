package load

import "context"

// A pooler such as PgBouncer hands a server's connection to the next client when a transaction ends (in its transaction mode).
// So nothing that a script sets for its session may be left there, and outside a transaction nothing that it sets can be relied
// on. Nothing is prepared under a name anyway.

// leaveSession ends a session's settings before they reach somebody else. What waits for the commit has its turn first, under
// the settings that it was made for.
const leaveSession = "SET CONSTRAINTS ALL IMMEDIATE; RESET SESSION AUTHORIZATION; RESET ALL; "

// pooled tells whether something between us and the server shares its connections: the server's process is another than the
// one that the connection was said to have.
func (r *run) pooled(ctx context.Context) bool {
	if r.wire.pg.TxStatus() == 'E' {
		return false
	}
	var pid uint32
	err := r.conn.QueryRow(ctx, "SELECT pg_catalog.pg_backend_pid()").Scan(&pid)
	return err == nil && pid != r.wire.pg.PID()
}

// warnOfPooler says what cannot be relied on.
func (r *run) warnOfPooler(ctx context.Context) {
	if r.o.Transaction == None && r.pooled(ctx) {
		r.warn("the connection goes through a pooler: if that pools by transaction, what the script sets for its session (such as " +
			"session_replication_role) may not last from one statement to the next; leave transaction at single, or connect to the server itself")
	}
}

// commitText is what commits; through a pooler it also takes the session's settings back.
func (r *run) commitText(ctx context.Context) string {
	if r.pooled(ctx) {
		return leaveSession + "COMMIT"
	}
	return "COMMIT"
}
