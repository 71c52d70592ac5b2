package load

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/keyset"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// The foreign keys of many rows need not cost the server a join: the values pass by here on their way. Where a table was empty
// and nobody else can have written to it, what has passed is what it holds, and the server's own count of the transaction's
// rows says so in the end. Values that a key refers to are then compared here; those few whose match did not pass by are
// looked up in the server.

const (
	keyMemory = 8 << 20 // bytes that all sets may take
	maxLookUp = 10_000  // values of one key that are looked up in the server
)

// seenKeys is what has passed by of the values that foreign keys are made of.
type seenKeys struct {
	tables map[uint32]*seenTable // those with foreign keys to or from them; nil until the catalog was asked
	keys   []*seenKey
	kept   map[uint32]bool // foreign keys, at the end
}

// seenTable is a table of which all rows may have passed by.
type seenTable struct {
	rows     int64 // that were loaded
	xid      int64 // of the transaction that they have, where it is not that of the whole load
	columns  map[string]*seenColumn
	referred string // its name, if keys refer to it
	noted    bool   // some have passed by
	missed   bool   // not all have
	by       *run   // another connection, in whose transaction they are; nil for the script's own
}

type seenColumn struct {
	values *keyset.Set // nil if no key refers to the column
	keys   []*seenKey
}

// seenKey is a foreign key of one column.
type seenKey struct {
	oid           uint32
	table, parent *seenTable
	to            *seenColumn // of the parent
	column        string      // of the parent, quoted
	missing       *keyset.Set // values of the table that were not in the parent when they passed by
}

// see readies an encoder, which gives the binary format, to note the values of foreign keys as they pass by, and gives the table
// whose rows they are; nil if none of its columns matters.
func (r *run) see(ctx context.Context, plan *tablePlan, names []string, e *copycodec.Encoder) (*seenTable, error) {
	if r.o.ForeignKeys == Off || !plan.replica || !e.Binary() || r.way != nil {
		return nil, nil //nolint:nilnil // as said
	}
	if r.known.observed.tables == nil {
		if err := r.readSeenKeys(ctx); err != nil {
			return nil, err
		}
	}
	t := r.known.observed.tables[plan.oid]
	if t == nil {
		return nil, nil //nolint:nilnil // as said
	}
	_, emptied := r.known.emptied.since[plan.oid]
	if r.began && !t.noted && !plan.Exclusive && !(plan.Online && emptied) { // else it is known later
		t.missed = true
	}
	for name := range t.columns {
		t.missed = t.missed || !slices.Contains(names, name)
	}
	if t.missed {
		return nil, nil //nolint:nilnil // as said
	}
	t.noted = true
	for i, name := range names {
		if c := t.columns[name]; c != nil {
			e.Observe(i, c.note)
		}
	}
	return t, nil
}

func (r *run) readSeenKeys(ctx context.Context) error {
	r.known.observed = seenKeys{tables: map[uint32]*seenTable{}}
	room := r.o.thresholds.keyMemory
	keys, err := catalog.PlainKeys(ctx, r.session)
	column := func(oid uint32, name string) (*seenTable, *seenColumn) {
		t := r.known.observed.tables[oid]
		if t == nil {
			t = &seenTable{columns: map[string]*seenColumn{}}
			r.known.observed.tables[oid] = t
		}
		c := t.columns[name]
		if c == nil {
			c = &seenColumn{}
			t.columns[name] = c
		}
		return t, c
	}
	for _, key := range keys {
		k := &seenKey{oid: key.OID, column: key.ParentColumnQ, missing: keyset.New(&room)}
		k.parent, k.to = column(key.Parent, key.ParentColumn)
		k.parent.referred = key.ParentName
		if k.to.values == nil {
			k.to.values = keyset.New(&room)
		}
		var c *seenColumn
		k.table, c = column(key.Table, key.Column)
		c.keys = append(c.keys, k)
		r.known.observed.keys = append(r.known.observed.keys, k)
	}
	return err
}

// add counts rows that were loaded.
func (t *seenTable) add(rows int64) {
	if t != nil {
		t.rows += rows
	}
}

// miss says that the values that passed by are not those of all rows.
func (t *seenTable) miss() {
	if t != nil {
		t.missed = true
	}
}

// note notes a value, as COPY's binary format has it behind its length.
func (c *seenColumn) note(value []byte) {
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
func (r *run) whole(ctx context.Context) (map[*seenTable]bool, error) {
	whole := map[*seenTable]bool{}
	oids := map[*run][]uint32{}
	var names []string
	var counted []*seenTable
	for _, oid := range slices.Sorted(maps.Keys(r.known.observed.tables)) {
		t := r.known.observed.tables[oid]
		switch {
		case t.rows == 0 || t.missed:
		case r.began:
			by := cmp.Or(t.by, r)
			oids[by] = append(oids[by], oid)
		case t.referred == "":
			whole[t] = true
		default:
			counted, names = append(counted, t), append(names, t.referred)
		}
	}
	for by, oids := range oids {
		counters, err := catalog.Counters(ctx, by.session, oids)
		if err != nil {
			return nil, err
		}
		for _, c := range counters {
			t := r.known.observed.tables[c.OID]
			since := r.known.emptied.since[c.OID]
			whole[t] = c.Inserted-since.Inserted == t.rows && c.Changed == since.Changed
		}
	}
	if len(counted) == 0 {
		return whole, nil
	}
	counts := make([]bool, len(counted))
	err := r.spread(len(counted), func(s *run, i int) error {
		return s.session.Change(ctx, fmt.Sprintf("SELECT count(*) = %d FROM ONLY %s WHERE xmin = '%d'", counted[i].rows, names[i], counted[i].xid),
			session.Handlers{Columns: 1, Row: func(v [][]byte) { counts[i] = string(v[0]) == "t" }})
	})
	for i, t := range counted {
		whole[t] = counts[i]
	}
	return whole, r.ownFault(ctx, err)
}

// kept gives the foreign keys that all rows are known to keep.
func (r *run) kept(ctx context.Context) (map[uint32]bool, error) {
	if err := r.mergeSeen(ctx); err != nil {
		return nil, err
	}
	whole, err := r.whole(ctx)
	if err != nil || len(whole) == 0 {
		return nil, err
	}
	kept := map[uint32]bool{}
	r.known.observed.kept = kept
	var ask strings.Builder
	for _, k := range r.known.observed.keys {
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
	return kept, r.ownFault(ctx, r.try(ctx, ask.String(), session.Handlers{Columns: 1, Row: func(v [][]byte) {
		var oid uint32
		if _, err := fmt.Sscan(string(v[0]), &oid); err == nil {
			kept[oid] = true
		}
	}}))
}
