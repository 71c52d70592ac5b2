package load

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
)

// emptied is what the script has truncated: tables whose sequences may go back.
type emptied struct {
	names []string // not yet looked up, quoted
	oids  []uint32
	held  []catalog.Emptied // those of them that held rows
}

// lookUpEmptied finds what the names that were emptied mean.
func (r *run) lookUpEmptied(ctx context.Context) error {
	names := r.known.emptied.names
	if len(names) == 0 || r.session.TxStatus() == 'E' {
		return nil
	}
	r.known.emptied.names = nil
	tables, err := catalog.EmptiedBy(ctx, r.session, names)
	for _, t := range tables {
		if t.Rows > 0 && !slices.Contains(r.known.emptied.oids, t.OID) {
			r.known.emptied.held = append(r.known.emptied.held, t)
		}
		r.known.emptied.oids = append(r.known.emptied.oids, t.OID)
	}
	return err
}

// warnOfEmptied names the tables that have lost their rows and got none: TRUNCATE … CASCADE takes in what refers to a table, as
// with psql.
func (r *run) warnOfEmptied() {
	var lost []string
	for _, t := range r.known.emptied.held {
		if e := r.tally.byOID[t.OID]; e == nil || e.Rows == 0 {
			lost = append(lost, fmt.Sprintf("%s (about %d)", t.Name, t.Rows))
		}
	}
	if len(lost) > 0 {
		r.warn("the script has emptied tables that it puts no rows into: " + strings.Join(lost, ", ") + "; TRUNCATE … CASCADE also takes the tables that refer to the ones it names")
	}
}
