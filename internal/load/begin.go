package load

import (
	"context"
	"fmt"
	"slices"

	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// maxTableLocks is from how many tables on the schema is locked instead: the server's lock table has an end.
const maxTableLocks = 200

// lockStatement gives the statement that waits until no other load of the same tables is under way, and keeps others waiting: for the
// transaction, or else for the session. Tables are taken in one order by all. Where they are not known beforehand, it is whatever
// else is loaded with the same search_path.
func (s *survey) lockStatement(transaction bool) string {
	var oids []uint32
	for _, h := range s.heads {
		if h.relation != nil {
			oids = append(oids, h.relation.OID)
		}
	}
	slices.Sort(oids)
	oids = slices.Compact(oids)
	lock := "pg_catalog.pg_advisory_xact_lock"
	if !transaction {
		lock = "pg_catalog.pg_advisory_lock"
	}
	// Nothing here is without its schema: what current_schema gives depends on the path, so that must be the script's.
	schema := fmt.Sprintf("pg_catalog.int8pl(%d, coalesce(pg_catalog.to_regnamespace(pg_catalog.quote_ident(pg_catalog.current_schema()::pg_catalog.text))"+
		"::pg_catalog.oid::pg_catalog.int8, 0))", int64(session.SchemaClass)<<32)
	if len(oids) == 0 || len(oids) > maxTableLocks || s.unforeseen {
		return fmt.Sprintf("SELECT %s(%s)", lock, schema)
	}
	text := fmt.Sprintf("SELECT %s_shared(%s)", lock, schema)
	for _, oid := range oids {
		text += fmt.Sprintf(", %s(%d)", lock, int64(session.LockClass)<<32+int64(oid))
	}
	return text
}

// begin opens the transaction and readies it; where there is none, it readies the session.
func (r *run) begin(ctx context.Context, s *survey) error {
	if r.o.Transaction != None {
		if err := r.session.Begin(ctx, r.level); err != nil {
			return err
		}
		return r.exec(ctx, s.lockStatement(true))
	}
	if r.session.Pooled() {
		return nil // what is set here would be another's
	}
	if err := r.session.Ready(ctx); err != nil {
		return err
	}
	return r.exec(ctx, s.lockStatement(false))
}
