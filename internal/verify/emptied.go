package verify

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// Emptied is what a script has emptied. The zero value is nothing.
type Emptied struct {
	Tables []uint32                   // truncated: their sequences may go back
	Since  map[uint32]catalog.Counter // of those emptied while others read, by oid: what the transaction had done to each by then

	names   []string // truncated, not yet looked up, quoted
	deleted []string // emptied row by row, not yet looked up, quoted
	rows    []int64  // that each of them has lost
	byRow   []uint32 // emptied row by row
	held    []catalog.Emptied
}

// All are the tables that lost their rows. Rows of others may have referred to those.
func (e *Emptied) All() []uint32 { return slices.Concat(e.Tables, e.byRow) }

// Truncated notes tables that were truncated, quoted as the script writes them.
func (e *Emptied) Truncated(names ...string) { e.names = append(e.names, names...) }

// Deleted notes a table that was emptied row by row.
func (e *Emptied) Deleted(s *sqltext.Statement, tag pgconn.CommandTag) {
	if s.DeletesAll {
		e.deleted, e.rows = append(e.deleted, s.Deletes.String()), append(e.rows, tag.RowsAffected())
	}
}

// Noted reports whether there are names to be looked up.
func (e *Emptied) Noted() bool { return len(e.names)+len(e.deleted) > 0 }

// LookUp finds what the names that were emptied mean. mean is told of each truncated one, as it was noted, and of its table, 0 if there is none.
func (e *Emptied) LookUp(ctx context.Context, s *session.Session, mean func(name string, table uint32)) error {
	if !e.Noted() || s.TxStatus() == 'E' {
		return nil
	}
	names, deleted, rows := e.names, e.deleted, e.rows
	e.names, e.deleted, e.rows = nil, nil, nil
	if len(names) > 0 {
		oids, err := catalog.Names(ctx, s, names)
		if err != nil {
			return err
		}
		for i, oid := range oids {
			mean(names[i], oid)
		}
		tables, err := catalog.EmptiedBy(ctx, s, oids)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if t.Rows > 0 && !slices.Contains(e.Tables, t.OID) {
				e.held = append(e.held, t)
			}
			e.Tables = append(e.Tables, t.OID)
		}
	}
	meant, err := catalog.Meanings(ctx, s, deleted)
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

// Unfilled warns of the tables that have lost their rows and got none: TRUNCATE … CASCADE takes in what refers to a table, as
// with psql, and a file may bring no row. files gives the names of a table's files.
func (c *Checks) Unfilled(filled func(table uint32) bool, files func(table uint32) []string) {
	var lost, bare []string
	for _, t := range c.Emptied.held {
		if !filled(t.OID) {
			lost = append(lost, fmt.Sprintf("%s (about %d)", t.Name, t.Rows))
			bare = append(bare, files(t.OID)...)
		}
	}
	switch {
	case len(lost) == 0:
	case len(bare) > 0:
		c.Warn(fmt.Sprintf("tables were emptied whose files bring no row: %s (%s); a line of table-map leaves a file out, and keeps its table's rows (%s=)",
			strings.Join(lost, ", "), strings.Join(bare, ", "), bare[0]))
	default:
		c.Warn("the script has emptied tables that it puts no rows into: " + strings.Join(lost, ", ") + "; TRUNCATE … CASCADE also takes the tables that refer to the ones it names")
	}
}
