package load

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"

	"github.com/jackc/pgx/v5"
)

// emptied is what the script has truncated: tables whose sequences may go back.
type emptied struct {
	names []string // not yet looked up, quoted
	oids  []uint32
	held  []emptiedTable // those of them that held rows
}

// emptiedTable is a table that held rows, by the server's own statistics.
type emptiedTable struct {
	oid  uint32
	name string
	rows int64
}

// emptiedQuery finds the tables that TRUNCATE … CASCADE reaches from those named: partitions, children, and what refers to
// them. (Without CASCADE it reaches no more, or it fails.) The statistics know what was committed, so how many rows there were.
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
SELECT c.oid, c.oid::regclass::text, CASE WHEN c.relkind = 'r' AND NOT c.relispartition THEN pg_catalog.pg_stat_get_live_tuples(c.oid) ELSE 0 END
FROM reached JOIN pg_catalog.pg_class c ON c.oid = reached.oid ORDER BY 2`

// noteEmptied looks at statements before they are sent. Names are looked up all at once, before anything that could change
// what they mean.
func (r *run) noteEmptied(ctx context.Context, infos []sqltext.Statement) error {
	for _, info := range infos {
		switch info.Kind {
		case sqltext.Truncate:
			if !r.o.Continue { // there it may have failed
				for _, parts := range info.Relations {
					r.emptied.names = append(r.emptied.names, sqltext.QuoteName(parts...))
				}
			}
		case sqltext.Insert, sqltext.Copy:
		case sqltext.Savepoint, sqltext.Rollback:
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
	if len(names) == 0 || r.session.TxStatus() == 'E' {
		return nil
	}
	r.emptied.names = nil
	rows, err := r.session.Conn().Query(ctx, emptiedQuery, names)
	if err != nil {
		return err
	}
	var t emptiedTable
	_, err = pgx.ForEachRow(rows, []any{&t.oid, &t.name, &t.rows}, func() error {
		if t.rows > 0 && !slices.Contains(r.emptied.oids, t.oid) {
			r.emptied.held = append(r.emptied.held, t)
		}
		r.emptied.oids = append(r.emptied.oids, t.oid)
		return nil
	})
	return err
}

// warnOfEmptied names the tables that have lost their rows and got none: TRUNCATE … CASCADE takes in what refers to a table, as
// with psql.
func (r *run) warnOfEmptied() {
	var lost []string
	for _, t := range r.emptied.held {
		if e := r.tally.byOID[t.oid]; e == nil || e.Rows == 0 {
			lost = append(lost, fmt.Sprintf("%s (about %d)", t.name, t.rows))
		}
	}
	if len(lost) > 0 {
		r.warn("the script has emptied tables that it puts no rows into: " + strings.Join(lost, ", ") + "; TRUNCATE … CASCADE also takes the tables that refer to the ones it names")
	}
}
