package load

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// emptied is what the script has truncated: tables whose sequences may go back.
type emptied struct {
	names []string // not yet looked up, quoted
	oids  []uint32
	held  []catalog.Emptied // those of them that held rows
}

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
	tables, err := catalog.EmptiedBy(ctx, r.session, names)
	for _, t := range tables {
		if t.Rows > 0 && !slices.Contains(r.emptied.oids, t.OID) {
			r.emptied.held = append(r.emptied.held, t)
		}
		r.emptied.oids = append(r.emptied.oids, t.OID)
	}
	return err
}

// warnOfEmptied names the tables that have lost their rows and got none: TRUNCATE … CASCADE takes in what refers to a table, as
// with psql.
func (r *run) warnOfEmptied() {
	var lost []string
	for _, t := range r.emptied.held {
		if e := r.tally.byOID[t.OID]; e == nil || e.Rows == 0 {
			lost = append(lost, fmt.Sprintf("%s (about %d)", t.Name, t.Rows))
		}
	}
	if len(lost) > 0 {
		r.warn("the script has emptied tables that it puts no rows into: " + strings.Join(lost, ", ") + "; TRUNCATE … CASCADE also takes the tables that refer to the ones it names")
	}
}
