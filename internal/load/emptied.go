package load

import (
	"context"

	"github.com/jackc/pgx/v5"
)

// emptied is what the script has truncated: tables whose sequences may go back.
type emptied struct {
	names []string // not yet looked up, quoted
	oids  []uint32
}

// emptiedQuery finds the tables that TRUNCATE … CASCADE reaches from those named: partitions, children, and what refers to
// them. (Without CASCADE it reaches no more, or it fails.)
const emptiedQuery = `
WITH RECURSIVE reached(oid) AS (
	SELECT pg_catalog.to_regclass(name)::oid FROM unnest($1::text[]) name
	UNION
	SELECT next.oid FROM reached JOIN LATERAL (
		SELECT i.inhrelid AS oid FROM pg_catalog.pg_inherits i WHERE i.inhparent = reached.oid
		UNION ALL
		SELECT c.conrelid FROM pg_catalog.pg_constraint c WHERE c.contype = 'f' AND c.confrelid = reached.oid
	) next ON true
)
SELECT oid FROM reached WHERE oid IS NOT NULL`

// noteEmptied looks at statements before they are sent. Names are looked up all at once, before anything that could change
// what they mean.
func (r *run) noteEmptied(ctx context.Context, infos []statementInfo) error {
	for _, info := range infos {
		switch info.kind {
		case truncateStatement:
			if !r.o.Continue { // there it may have failed
				for _, parts := range info.tables {
					r.emptied.names = append(r.emptied.names, quoteName(parts...))
				}
			}
		case insertStatement, copyStatement:
		case savepointStatement, rollbackStatement:
			r.emptied = emptied{} // it may have been taken back
			r.way.rolledBack()
		default:
			if err := r.lookUpEmptied(ctx); err != nil {
				return err
			}
		}
	}
	return nil
}

func (r *run) lookUpEmptied(ctx context.Context) error {
	names := r.emptied.names
	if len(names) == 0 || r.wire.pg.TxStatus() == 'E' {
		return nil
	}
	r.emptied.names = nil
	rows, err := r.conn.Query(ctx, emptiedQuery, names)
	if err != nil {
		return err
	}
	oids, err := pgx.CollectRows(rows, pgx.RowTo[uint32])
	r.emptied.oids = append(r.emptied.oids, oids...)
	return err
}
