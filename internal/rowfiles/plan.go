package rowfiles

import (
	"bytes"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
)

// plan is in which order tables are emptied and filled.
type plan struct {
	truncated []string // by one statement, as it names them
	deleted   []string // row by row, those that refer to others first
	emptied   []uint32 // all of them
	byRow     []uint32 // those of deleted
}

// Emptied gives the tables that the script empties, by their oids, and which of them it empties row by row, because tables that it does not
// empty refer to them.
func (f *FS) Emptied() (all, byRow []uint32) { return f.plan.emptied, f.plan.byRow }

// FilesOf gives the names of a table's files. f may be nil.
func (f *FS) FilesOf(oid uint32) (names []string) {
	if f == nil {
		return nil
	}
	for _, file := range f.files {
		if file.table.OID == oid {
			names = append(names, file.name)
		}
	}
	return names
}

// makePlan orders the files and decides how their tables are emptied: by TRUNCATE, or row by row where tables that are not emptied refer to
// them. TRUNCATE would have to empty those as well. Views are not emptied: what rows of theirs mean is their triggers' affair.
func (f *FS) makePlan(ctx context.Context, q catalog.Querier, o Options) error {
	seen := map[uint32]bool{}
	var oids []uint32
	for _, file := range f.files {
		if !seen[file.table.OID] && !file.table.view() {
			oids = append(oids, file.table.OID)
		}
		seen[file.table.OID] = true
	}
	facts, err := catalog.EmptyingOf(ctx, q, oids)
	if err != nil {
		return err
	}
	of := map[uint32]catalog.Emptying{}
	byRow := map[uint32]bool{}
	for _, e := range facts {
		of[e.OID], byRow[e.OID] = e, e.Outside
	}
	for again := true; again; { // what a table refers to that is emptied row by row cannot be truncated either
		again = false
		for _, e := range facts {
			if !byRow[e.OID] && slices.ContainsFunc(e.Referring, func(oid uint32) bool { return byRow[oid] }) {
				byRow[e.OID], again = true, true
			}
		}
	}
	f.orderFiles(of)
	if !o.Replace {
		return nil
	}
	for i := len(f.files) - 1; i >= 0; i-- {
		t := &f.files[i].table
		if slices.Contains(f.plan.emptied, t.OID) || t.view() {
			continue
		}
		f.plan.emptied = append(f.plan.emptied, t.OID)
		if byRow[t.OID] {
			f.plan.byRow = append(f.plan.byRow, t.OID)
		}
		switch e := of[t.OID]; {
		case byRow[t.OID] && e.Kind == "r":
			f.plan.deleted = append(f.plan.deleted, "ONLY "+t.String())
		case byRow[t.OID]:
			f.plan.deleted = append(f.plan.deleted, t.String())
		case e.Inherited: // the tables that inherit from it are none of the export
			f.plan.truncated = append(f.plan.truncated, "ONLY "+t.String())
		default:
			f.plan.truncated = append(f.plan.truncated, t.String())
		}
	}
	slices.Sort(f.plan.truncated)
	return nil
}

// orderFiles puts files whose tables are referred to first. Only roles that cannot take foreign keys out of the way need it.
func (f *FS) orderFiles(of map[uint32]catalog.Emptying) {
	parents := map[uint32][]uint32{}
	for _, parent := range of {
		for _, child := range parent.Referring {
			parents[child] = append(parents[child], parent.OID)
		}
	}
	slices.SortFunc(f.files, func(a, b *rowFile) int { return strings.Compare(a.name, b.name) })
	byTable := map[uint32][]*rowFile{}
	for _, file := range f.files {
		byTable[file.table.OID] = append(byTable[file.table.OID], file)
	}
	var ordered []*rowFile
	seen := map[uint32]bool{}
	var visit func(oid uint32)
	visit = func(oid uint32) {
		if seen[oid] {
			return // also what closes a circle
		}
		seen[oid] = true
		slices.Sort(parents[oid])
		for _, p := range parents[oid] {
			visit(p)
		}
		ordered = append(ordered, byTable[oid]...)
	}
	for _, file := range f.files {
		visit(file.table.OID)
	}
	f.files = ordered
}

// writeScript writes what a script of the export would say.
func (f *FS) writeScript(o Options) []byte {
	var b bytes.Buffer
	w := copies{&b, o.Session}
	encode := func(encoding string) {
		if o.Client != o.Session {
			fmt.Fprintf(&b, "SET client_encoding = '%s';\n", encoding)
		}
	}
	encode(o.Session)
	if o.Replica {
		b.WriteString("SET session_replication_role = 'replica';\n")
	}
	if len(f.plan.emptied) > 0 {
		if o.Block {
			b.WriteString("BEGIN;\n")
		}
		if len(f.plan.truncated) > 0 {
			fmt.Fprintf(&b, "TRUNCATE TABLE %s;\n", strings.Join(f.plan.truncated, ", "))
		}
		for _, name := range f.plan.deleted {
			fmt.Fprintf(&b, "DELETE FROM %s;\n", name)
		}
		if o.Block {
			b.WriteString("COMMIT;\n")
		}
	}
	for _, file := range f.files {
		if !file.table.view() {
			w.write(file)
		}
	}
	if o.Replica {
		b.WriteString("SET session_replication_role = 'origin';\n")
	}
	for _, file := range f.files {
		if file.table.view() { // COPY into a view is what its triggers do
			w.write(file)
		}
	}
	encode(o.Client)
	return b.Bytes()
}
