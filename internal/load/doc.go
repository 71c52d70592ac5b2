// Package load runs a psql script, as package psql reads it, against PostgreSQL over pgx.
//
// # Who is who
//
// An executor is one connection, with what is known over it and the one road that statements take. A run is a load: its story, with the
// executor of the script's own connection. A member of its crew (jobs.go) is an executor that loads parts of the script, and nothing else.
//
// # The life of a statement
//
// Whatever makes it (a semicolon, a meta-command, \copy, a row of \gexec, a second try), a statement is read once (package sqltext) and
// taken down one road: see execute.go. On the way it is refused if it reaches beyond the database; what was sent before it is
// answered; obstacles that the replica role would pass by are taken out of its way; the catalog is asked about the table that it fills;
// its rows may go as those of a COPY, with rows of statements behind it, or else all of it is read; other connections, names and
// indexes are settled as far as it could depend on them or make them untrue; then it is sent. When the answer is there, what it may
// have changed is forgotten, and the transaction's state is compared with what it must be.
//
// # The life of what is known of a table
//
// A table's plan (plan.go) is made from the catalog when the first statement brings rows for it, together with the plans of others
// that the script is known to fill. It says how the server would treat rows, under the settings of that moment, and package strategy
// decides from it how they go. It stays known across statements of which it is certain that they change none of this, and is gone after
// any other: knowledge.after alone forgets (knowledge.go). The next rows have it made anew. A member knows of a table what the script's own
// connection knew when it gave the part: what it remembers from another part may be true no longer.
package load
