package load

// A pooler such as PgBouncer hands a server's connection to the next client when a transaction ends (in its transaction mode).
// So nothing that a script sets for its session may be left there, and outside a transaction nothing that it sets can be relied
// on. Nothing is prepared under a name anyway.

// leaveSession ends a session's settings before they reach somebody else. What waits for the commit has its turn first, under
// the settings that it was made for.
const leaveSession = "SET CONSTRAINTS ALL IMMEDIATE; RESET SESSION AUTHORIZATION; RESET ALL; "

// warnOfPooler says what cannot be relied on.
func (r *run) warnOfPooler() {
	if r.o.Transaction != None {
		return
	}
	if r.session.Pooled() {
		r.warn("the connection goes through a pooler: if that pools by transaction, what the script sets for its session (such as " +
			"session_replication_role) may not last from one statement to the next; leave transaction at single, or connect to the server itself")
	}
}

// commitText is what commits; through a pooler it also takes the session's settings back.
func (r *run) commitText() string {
	if r.session.Pooled() {
		return leaveSession + "COMMIT"
	}
	return "COMMIT"
}
