package verify

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/keyset"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// The foreign keys of many rows need not cost the server a join: the values pass by here on their way. Where a table was empty
// and nobody else can have written to it, what has passed is what it holds, and the server's own count of the transaction's
// rows says so in the end. Values that a key refers to are then compared here; those few whose match did not pass by are
// looked up in the server.

const maxLookUp = 10_000 // values of one key that are looked up in the server

// Observed is what has passed by of the values that foreign keys are made of. The zero value knows of no key.
type Observed struct {
	tables map[uint32]*ObservedTable // those with foreign keys to or from them; nil until the catalog was asked
	keys   []*observedKey
	kept   map[uint32]bool // foreign keys, at the end
}

// ObservedTable is a table of which all rows may have passed by.
type ObservedTable struct {
	rows     int64 // that were loaded
	xid      int64 // of the transaction that they have, where it is not that of the whole load
	columns  map[string]*observedColumn
	referred string           // its name, if keys refer to it
	noted    bool             // some have passed by
	missed   bool             // not all have
	by       *session.Session // another connection, in whose transaction they are; nil for the script's own
}

type observedColumn struct {
	values *keyset.Set // nil if no key refers to the column
	keys   []*observedKey
}

// observedKey is a foreign key of one column.
type observedKey struct {
	oid           uint32
	table, parent *ObservedTable
	to            *observedColumn // of the parent
	column        string          // of the parent, quoted
	missing       *keyset.Set     // values of the table that were not in the parent when they passed by
}

// Known reports whether the catalog was asked for keys.
func (o *Observed) Known() bool { return o.tables != nil }

// Any reports whether there are any keys.
func (o *Observed) Any() bool { return len(o.tables) > 0 }

// Kept gives how many keys all rows were known to keep, when that was asked.
func (o *Observed) Kept() int { return len(o.kept) }

// Table gives a table that keys are of or to; nil if there are none.
func (o *Observed) Table(oid uint32) *ObservedTable { return o.tables[oid] }

// Observe readies an encoder of rows of a table to note the values of foreign keys as they pass by: note is given, for each of the columns
// that matters, its number and what takes a value in COPY's binary format. others says that the table may have other rows. It
// gives the table whose rows they are; nil if nothing is noted.
func (o *Observed) Observe(table uint32, others bool, columns []string, note func(i int, value func([]byte))) *ObservedTable {
	t := o.tables[table]
	if t == nil {
		return nil
	}
	if others && !t.noted {
		t.missed = true
	}
	for name := range t.columns {
		t.missed = t.missed || !slices.Contains(columns, name)
	}
	if t.missed {
		return nil
	}
	t.noted = true
	for i, name := range columns {
		if c := t.columns[name]; c != nil {
			note(i, c.note)
		}
	}
	return t
}

// Keys asks for the keys that values can be compared of. All their sets may take room bytes.
func Keys(ctx context.Context, q catalog.Querier, room int) (Observed, error) {
	o := Observed{tables: map[uint32]*ObservedTable{}}
	keys, err := catalog.PlainKeys(ctx, q)
	column := func(oid uint32, name string) (*ObservedTable, *observedColumn) {
		t := o.tables[oid]
		if t == nil {
			t = &ObservedTable{columns: map[string]*observedColumn{}}
			o.tables[oid] = t
		}
		c := t.columns[name]
		if c == nil {
			c = &observedColumn{}
			t.columns[name] = c
		}
		return t, c
	}
	for _, key := range keys {
		k := &observedKey{oid: key.OID, column: key.ParentColumnQ, missing: keyset.New(&room)}
		k.parent, k.to = column(key.Parent, key.ParentColumn)
		k.parent.referred = key.ParentName
		if k.to.values == nil {
			k.to.values = keyset.New(&room)
		}
		var c *observedColumn
		k.table, c = column(key.Table, key.Column)
		c.keys = append(c.keys, k)
		o.keys = append(o.keys, k)
	}
	return o, err
}

// Add counts rows that were loaded.
func (t *ObservedTable) Add(rows int64) {
	if t != nil {
		t.rows += rows
	}
}

// Miss says that the values that passed by are not those of all rows.
func (t *ObservedTable) Miss() {
	if t != nil {
		t.missed = true
	}
}

// Alone says how many rows were loaded while the table was empty and nobody else could write to it, and the transaction that they have.
func (t *ObservedTable) Alone(rows, xid int64) { t.rows, t.xid = rows, xid }

// Merge takes over what was noted of another connection's rows. Of a table that came by several, nothing is known.
func (o *Observed) Merge(theirs *Observed, by *session.Session) {
	keys := map[uint32]*observedKey{}
	for _, k := range o.keys {
		keys[k.oid] = k
	}
	for oid, theirs := range theirs.tables {
		ours := o.tables[oid]
		if ours == nil || !theirs.noted && !theirs.missed {
			continue
		}
		if ours.noted || ours.missed {
			ours.missed = true
			continue
		}
		ours.rows, ours.xid, ours.noted, ours.missed, ours.by = theirs.rows, theirs.xid, theirs.noted, theirs.missed, by
		for name, column := range theirs.columns {
			if to := ours.columns[name]; to != nil && to.values != nil && column.values != nil {
				to.values = column.values
			}
			for _, k := range column.keys {
				if to := keys[k.oid]; to != nil {
					to.missing = k.missing
				}
			}
		}
	}
}

// note notes a value, as COPY's binary format has it behind its length.
func (c *observedColumn) note(value []byte) {
	if len(value) == 0 {
		return // NULL
	}
	if c.values != nil {
		c.values.Add(value)
	}
	for _, k := range c.keys {
		if !k.to.values.Has(value) {
			k.missing.Add(value)
		}
	}
}

// whole gives the tables that hold the rows that have passed by and no others, those of the one transaction by the server's own
// count. Outside of it others may add rows, which the server checks. They may also have taken away some that ours refer to
// before these were there: where keys refer to a table, its rows are counted.
func (c *Checks) whole(ctx context.Context, o *Observed) (map[*ObservedTable]bool, error) {
	whole := map[*ObservedTable]bool{}
	oids := map[*session.Session][]uint32{}
	var names []string
	var counted []*ObservedTable
	for _, oid := range slices.Sorted(maps.Keys(o.tables)) {
		t := o.tables[oid]
		switch {
		case t.rows == 0 || t.missed:
		case c.Open:
			by := cmp.Or(t.by, c.Session)
			oids[by] = append(oids[by], oid)
		case t.referred == "":
			whole[t] = true
		default:
			counted, names = append(counted, t), append(names, t.referred)
		}
	}
	for by, oids := range oids {
		counters, err := catalog.Counters(ctx, by, oids)
		if err != nil {
			return nil, err
		}
		for _, n := range counters {
			t, before := o.tables[n.OID], c.Emptied.Since[n.OID]
			whole[t] = n.Inserted-before.Inserted == t.rows && n.Changed == before.Changed
		}
	}
	if len(counted) == 0 {
		return whole, nil
	}
	counts := make([]bool, len(counted))
	err := c.spread(len(counted), func(s *session.Session, i int) error {
		return s.Change(ctx, fmt.Sprintf("SELECT count(*) = %d FROM ONLY %s WHERE xmin = '%d'", counted[i].rows, names[i], counted[i].xid),
			session.Handlers{Columns: 1, Row: func(v [][]byte) { counts[i] = string(v[0]) == "t" }})
	})
	for i, t := range counted {
		whole[t] = counts[i]
	}
	return whole, c.fault(ctx, err)
}

// Kept gives the foreign keys that all rows are known to keep.
func (c *Checks) Kept(ctx context.Context, o *Observed) (map[uint32]bool, error) {
	whole, err := c.whole(ctx, o)
	if err != nil || len(whole) == 0 {
		return nil, err
	}
	kept := map[uint32]bool{}
	o.kept = kept
	var ask strings.Builder
	for _, k := range o.keys {
		if !whole[k.table] || !whole[k.parent] && k.parent.noted {
			continue
		}
		missing, ok := k.missing.Without(k.to.values, maxLookUp)
		switch {
		case !ok:
		case len(missing) == 0:
			kept[k.oid] = true
		default:
			fmt.Fprintf(&ask, "SELECT %d WHERE NOT EXISTS (SELECT 1 FROM unnest('{%s}'::%s[]) v WHERE NOT EXISTS (SELECT 1 FROM ONLY %s p WHERE p.%s = v)); ",
				k.oid, strings.Join(missing, ","), k.missing.Type(), k.parent.referred, k.column)
		}
	}
	if ask.Len() == 0 {
		return kept, nil
	}
	return kept, c.fault(ctx, c.Session.Try(ctx, ask.String(), session.Handlers{Columns: 1, Row: func(v [][]byte) {
		var oid uint32
		if _, err := fmt.Sscan(string(v[0]), &oid); err == nil {
			kept[oid] = true
		}
	}}))
}
