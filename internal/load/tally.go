package load

import (
	"cmp"
	"context"
	"slices"
	"time"
)

// tally counts rows a table.
type tally struct {
	counting bool              // false while the user's own scripts run: their rows are not the load's
	byName   map[string]*entry // as the script writes the name, its parts quoted
	byOID    map[uint32]*entry
	rows     int64
	table    string // the last one
}

type entry struct {
	Table
	oid uint32
}

func newTally() *tally { return &tally{byName: map[string]*entry{}, byOID: map[uint32]*entry{}} }

// forgetNames must be called when names may have come to mean other tables.
func (t *tally) forgetNames() { clear(t.byName) }

// count adds rows to the table that the script calls parts.
func (r *run) count(ctx context.Context, parts []string, rows, bytes int64, elapsed time.Duration) {
	if !r.tally.counting || rows == 0 || len(parts) == 0 {
		return
	}
	e := r.resolve(ctx, parts)
	e.Rows += rows
	e.Bytes += bytes
	e.Elapsed += elapsed
	r.tally.rows += rows
	r.tally.table = e.Name
}

// resolve finds the table that a name means now. One that cannot be found keeps the name that the script gives it.
func (r *run) resolve(ctx context.Context, parts []string) *entry {
	key := quoteName(parts...)
	if e := r.tally.byName[key]; e != nil {
		return e
	}
	e := &entry{Table: Table{Name: key}}
	if r.wire.pg.TxStatus() != 'E' {
		_ = r.conn.QueryRow(ctx, `SELECT c.oid, quote_ident(n.nspname) || '.' || quote_ident(c.relname)
			FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE c.oid = pg_catalog.to_regclass($1)`, key).Scan(&e.oid, &e.Name)
	}
	if known := r.tally.byOID[e.oid]; known != nil {
		e = known
	} else {
		if e.oid == 0 {
			e.oid = ^uint32(len(r.tally.byOID))
		}
		r.tally.byOID[e.oid] = e
	}
	r.tally.byName[key] = e
	return e
}

// oids are those of the loaded tables that exist.
func (t *tally) oids() []uint32 {
	var oids []uint32
	for oid := range t.byOID {
		oids = append(oids, oid)
	}
	slices.Sort(oids)
	return oids
}

func (t *tally) result() Result {
	res := Result{Rows: t.rows}
	for _, e := range t.byOID {
		res.Tables = append(res.Tables, e.Table)
	}
	slices.SortFunc(res.Tables, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	return res
}
