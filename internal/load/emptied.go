package load

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// emptied is what the script has emptied.
type emptied struct {
	names   []string // truncated, not yet looked up, quoted
	oids    []uint32 // truncated: their sequences may go back
	deleted []string // emptied row by row, not yet looked up, quoted
	rows    []int64  // that each of them has lost
	byRow   []uint32 // emptied row by row
	held    []catalog.Emptied
	since   map[uint32]catalog.Counter // of those emptied while others read, by oid: what the transaction had done to each by then
}

// all are the tables that lost their rows. Rows of others may have referred to those.
func (e *emptied) all() []uint32 { return slices.Concat(e.oids, e.byRow) }

// noteDeleted notes a table that was emptied row by row.
func (e *emptied) noteDeleted(s *sqltext.Statement, tag pgconn.CommandTag) {
	if s.DeletesAll {
		e.deleted, e.rows = append(e.deleted, s.Deletes.String()), append(e.rows, tag.RowsAffected())
	}
}

// lookUpEmptied finds what the names that were emptied mean.
func (r *run) lookUpEmptied(ctx context.Context) error {
	e := &r.known.emptied
	if len(e.names)+len(e.deleted) == 0 || r.session.TxStatus() == 'E' {
		return nil
	}
	names, deleted, rows := e.names, e.deleted, e.rows
	e.names, e.deleted, e.rows = nil, nil, nil
	if len(names) > 0 {
		tables, err := catalog.EmptiedBy(ctx, r.session, names)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if t.Rows > 0 && !slices.Contains(e.oids, t.OID) {
				e.held = append(e.held, t)
			}
			e.oids = append(e.oids, t.OID)
		}
	}
	meant, err := catalog.Meanings(ctx, r.session, deleted)
	if err != nil {
		return err
	}
	for i, table := range meant {
		if table.OID == 0 {
			continue
		}
		if e.byRow = append(e.byRow, table.OID); rows[i] > 0 {
			e.held = append(e.held, catalog.Emptied{OID: table.OID, Name: table.Name, Rows: rows[i]})
		}
	}
	return nil
}

// warnOfEmptied names the tables that have lost their rows and got none: TRUNCATE … CASCADE takes in what refers to a table, as
// with psql, and a file may bring no row.
func (r *run) warnOfEmptied() {
	var lost, files []string
	for _, t := range r.known.emptied.held {
		if e := r.tally.byOID[t.OID]; e == nil || e.Rows == 0 {
			lost = append(lost, fmt.Sprintf("%s (about %d)", t.Name, t.Rows))
			files = append(files, r.rows.FilesOf(t.OID)...)
		}
	}
	switch {
	case len(lost) == 0:
	case len(files) > 0:
		r.warn(fmt.Sprintf("tables were emptied whose files bring no row: %s (%s); a line of table-map leaves a file out, and keeps its table's rows (%s=)",
			strings.Join(lost, ", "), strings.Join(files, ", "), files[0]))
	default:
		r.warn("the script has emptied tables that it puts no rows into: " + strings.Join(lost, ", ") + "; TRUNCATE … CASCADE also takes the tables that refer to the ones it names")
	}
}
