package load

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// tally counts rows a table. What a name means is asked for many names at once, before anything that could change it.
type tally struct {
	counting bool              // false while the user's own scripts run: their rows are not the load's
	byName   map[string]*entry // as the script writes the name, its parts quoted
	asked    []*entry          // those of byName whose table is not known yet
	before   map[string]uint32 // what names meant when they were asked for last
	byOID    map[uint32]*entry
	lost     []*entry                 // whose table could not be found, or is in another database
	building map[uint32]time.Duration // indexes, by table
	rows     int64
	table    string // the last one, for people to read
	open     bool   // a transaction of the script's is
	back     []back // what the script can still take back, by its savepoints; the first is its transaction
}

type entry struct {
	Table
	oid  uint32
	same *entry // the one of the same table that this one's rows have gone to
}

// back is the rows since a savepoint.
type back struct {
	savepoint string
	rows      map[*entry]int64
}

func newTally() *tally {
	return &tally{byName: map[string]*entry{}, before: map[string]uint32{}, byOID: map[uint32]*entry{}, building: map[uint32]time.Duration{}, back: []back{{}}}
}

// count adds rows to the table that the script calls parts.
func (t *tally) count(parts []string, rows, bytes int64, elapsed time.Duration) {
	if !t.counting || rows == 0 || len(parts) == 0 {
		return
	}
	key := sqltext.QuoteName(parts...)
	e := t.byName[key]
	if e == nil {
		e = &entry{Table: Table{Name: key}}
		t.byName[key] = e
		t.asked = append(t.asked, e)
	}
	e.add(Table{Rows: rows, Bytes: bytes, Elapsed: elapsed})
	t.rows += rows
	t.back[len(t.back)-1].add(e, rows)
	t.table = strings.Join(parts, ".")
	if e.oid != 0 {
		t.table = e.Name
	}
}

func (e *entry) add(t Table) {
	e.Rows += t.Rows
	e.Bytes += t.Bytes
	e.Elapsed += t.Elapsed
}

// follow is told of a statement of the script that was carried out: what it takes back is not counted. open says whether a transaction of the
// script's is, rolledBack that one was ended so.
func (t *tally) follow(s sqltext.Statement, open, rolledBack bool) {
	place := len(t.back) // of the savepoint, from the last on
	if s.Savepoint != "" {
		for place--; place > 0 && t.back[place].savepoint != s.Savepoint; place-- {
		}
	}
	switch {
	case s.Kind == sqltext.Begin && !t.open, s.Kind == sqltext.Commit && !rolledBack: // what came before stays
		t.back = []back{{}}
	case rolledBack && t.open:
		t.takeBack(0)
	case s.Kind == sqltext.RollbackTo && place > 0:
		t.takeBack(place)
		t.back = append(t.back, back{savepoint: s.Savepoint})
	case s.Kind == sqltext.Release && place > 0:
		for _, one := range t.back[place:] {
			for e, n := range one.rows {
				t.back[place-1].add(e, n)
			}
		}
		t.back = t.back[:place]
	case s.Kind == sqltext.Savepoint:
		t.back = append(t.back, back{savepoint: s.Savepoint})
	}
	if t.open = open; !open || len(t.back) == 0 {
		t.back = []back{{}}
	}
}

// takeBack counts no row from a savepoint on, and forgets it.
func (t *tally) takeBack(place int) {
	for _, one := range t.back[place:] {
		for e, n := range one.rows {
			for e.same != nil {
				e = e.same
			}
			e.Rows -= n
			t.rows -= n
		}
	}
	t.back = t.back[:place]
}

func (b *back) add(e *entry, rows int64) {
	if b.rows == nil {
		b.rows = map[*entry]int64{}
	}
	b.rows[e] += rows
}

// settleNames finds the tables that the names counted so far mean. It must be called before names may come to mean others.
// One that cannot be found keeps the name that the script gives it. What others mean is asked along with them, and noted.
func (x *executor) settleNames(ctx context.Context, others ...string) error {
	t := x.tally
	if len(t.asked) == 0 || x.session.TxStatus() == 'E' {
		return nil
	}
	asked := t.asked
	t.asked = nil
	slices.SortFunc(asked, func(a, b *entry) int { return strings.Compare(a.Name, b.Name) })
	names := make([]string, len(asked))
	for i, e := range asked {
		names[i] = e.Name
	}
	meant, err := catalog.Meanings(ctx, x.session, slices.Concat(names, others))
	if err != nil {
		return err
	}
	for i, name := range others {
		t.meant(name, meant[len(asked)+i].OID)
	}
	for i, e := range asked {
		before, is := t.before[e.Name]
		t.before[e.Name] = meant[i].OID
		if meant[i].OID != 0 && (!is || before == meant[i].OID) { // else it came to mean another meanwhile, and nobody has seen when
			e.oid, e.Name = meant[i].OID, meant[i].Name
		}
	}
	for i, e := range asked {
		known := t.byOID[e.oid]
		switch {
		case e.oid == 0:
			t.lost = append(t.lost, e)
			delete(t.byName, names[i])
		case known != nil:
			known.add(e.Table)
			e.same = known
			t.byName[names[i]] = known
		default:
			t.byOID[e.oid] = e
		}
	}
	return nil
}

// nameBefore sees to it that what was counted before has its table, when a statement comes that brings rows and may set anything going. Where
// such statements follow each other, names are asked for behind the first of them, or when tables were emptied before, and behind the last: to
// ask each time would take longer than they do.
func (x *executor) nameBefore(ctx context.Context) error {
	t := x.tally
	noted := func(name string) bool { _, is := t.before[name]; return is }
	if !slices.ContainsFunc(t.asked, func(e *entry) bool { return !noted(e.Name) }) {
		return nil
	}
	next := x.known.foreseen[:min(len(x.known.foreseen), foreseenAtOnce)] // whose turn will come
	return x.settleNames(ctx, slices.DeleteFunc(slices.Clone(next), noted)...)
}

// meant notes what a name means. That it meant another before stays noted: nobody has seen when it changed.
func (t *tally) meant(name string, table uint32) {
	if _, noted := t.before[name]; table != 0 && !noted {
		t.before[name] = table
	}
}

// lookUpEmptied finds the tables that were emptied. Rows that come into one of them thereafter need not be asked for by its name once more.
func (x *executor) lookUpEmptied(ctx context.Context) error {
	return x.known.emptied.LookUp(ctx, x.session, x.tally.meant)
}

// doubt is called when names may have come to mean other tables, and are asked for before it is said what was counted since.
func (t *tally) doubt() {
	maps.DeleteFunc(t.byName, func(_ string, e *entry) bool { return e.oid != 0 })
}

// forgetNames is called when names may have come to mean other tables. Those that could not be asked for are given up.
func (t *tally) forgetNames() {
	t.lost = append(t.lost, t.asked...)
	t.asked = nil
	clear(t.byName)
	clear(t.before)
}

// leave is called when the script goes to another database.
func (t *tally) leave() {
	t.forgetNames()
	for _, e := range t.byOID {
		e.Elapsed += t.building[e.oid]
		t.lost = append(t.lost, e)
	}
	clear(t.byOID)
	clear(t.building)
}

// bytes is how much was loaded into a table.
func (t *tally) bytes(oid uint32) int64 {
	if e := t.byOID[oid]; e != nil {
		return e.Bytes
	}
	return 0
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
	byName := map[string]Table{}
	add := func(e Table) {
		have := byName[e.Name]
		byName[e.Name] = Table{Name: e.Name, Rows: have.Rows + e.Rows, Bytes: have.Bytes + e.Bytes, Elapsed: have.Elapsed + e.Elapsed}
	}
	for _, e := range t.byOID {
		add(e.Table)
		add(Table{Name: e.Name, Elapsed: t.building[e.oid]})
	}
	for _, e := range slices.Concat(t.asked, t.lost) {
		add(e.Table)
	}
	res := Result{Rows: t.rows}
	for _, e := range byName {
		res.Tables = append(res.Tables, e)
	}
	slices.SortFunc(res.Tables, func(a, b Table) int { return cmp.Compare(a.Name, b.Name) })
	return res
}

// whole gives what all tables have got together.
func (t *tally) whole() (all Table) {
	for _, one := range t.result().Tables {
		all.Rows, all.Bytes, all.Elapsed = all.Rows+one.Rows, all.Bytes+one.Bytes, all.Elapsed+one.Elapsed
	}
	return all
}
