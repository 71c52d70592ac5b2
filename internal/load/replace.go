package load

import (
	"context"
	"slices"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// A role that may not set the replica role has each row checked that it deletes, against all that may refer to it. So a table that others
// refer to is not emptied where its new rows are known to come (see planOrder): they go to a temporary table first, and then take the place of
// the old ones one by one. Nobody need look who refers to a row that keeps its key. That is done before rows of another table come, and
// before anything else could see that the table is not empty.

// replaced is a table that is to be empty and has its old rows still.
type replaced struct {
	catalog.Replaceable
	name   string // schema-qualified and quoted
	staged bool   // new rows are in its stage
}

// keepToReplace gives those of the tables that are emptied, children before parents, which keep their rows until others take their place. All that
// refers to a table which is emptied now must be empty, too.
func (r *run) keepToReplace(ctx context.Context, tables []catalog.Reached, keys []catalog.LiveKey) error {
	var oids []uint32
	for _, t := range tables {
		if slices.Contains(r.fills, t.OID) && !r.lessons.keep[t.Name] && r.replacing(t.OID) == nil {
			oids = append(oids, t.OID)
		}
	}
	found, err := catalog.ReplaceableOf(ctx, r.session, oids)
	if err != nil {
		return err
	}
	for _, t := range tables {
		if i := slices.IndexFunc(found, func(f catalog.Replaceable) bool { return f.OID == t.OID }); i >= 0 {
			r.online.full = append(r.online.full, &replaced{Replaceable: found[i], name: t.Name})
		}
	}
	for again := true; again; {
		before := len(r.online.full)
		for _, k := range keys {
			if r.replacing(k.Parent) == nil && !k.Vacant {
				r.online.full = slices.DeleteFunc(r.online.full, func(t *replaced) bool { return t.OID == k.Child })
			}
		}
		again = len(r.online.full) < before
	}
	return nil
}

// replacing gives a table that has its old rows still, nil for any other.
func (x *executor) replacing(table uint32) *replaced {
	for _, t := range x.online.full {
		if t.OID == table {
			return t
		}
	}
	return nil
}

// makeRoom readies tables for rows that are to go to one by a COPY which names columns; none if it takes them as the script has them. The plan
// tells then where they go.
func (x *executor) makeRoom(ctx context.Context, plan *tablePlan, columns []string) error {
	plan.stage = nil
	if len(x.online.full) == 0 {
		return nil
	}
	for _, other := range slices.Clone(x.online.full) {
		if other.OID != plan.oid && other.staged {
			if err := x.merge(ctx, other); err != nil {
				return err
			}
		}
	}
	t := x.replacing(plan.oid) // all may be empty by now
	switch {
	case t == nil:
		return nil
	case len(columns) != t.Columns:
		return x.emptyRest(ctx)
	case !t.staged:
		if err := x.change(ctx, t.Create); err != nil {
			return err
		}
		t.staged = true
	}
	plan.stage = (&sqltext.Tokens{Text: []byte(t.Stage)}).Relation()
	return nil
}

// merge has the new rows of a table take the place of the old ones. Where that cannot be one by one (a value that is unique goes from one row
// to another, or an old row of another table refers to one that goes), all old rows of all tables go first.
func (x *executor) merge(ctx context.Context, t *replaced) error {
	t.staged = false
	if err := x.change(ctx, session.Raise("work_mem", verify.JoinMemory)); err != nil {
		return err
	}
	err := x.session.Try(ctx, t.Merge, session.Handlers{})
	switch {
	case err == nil:
		x.online.full = slices.DeleteFunc(x.online.full, func(other *replaced) bool { return other == t })
		return nil
	case !mayBeRow(err):
		return err
	}
	if err := x.emptyRest(ctx); err != nil {
		return err
	}
	if err = x.change(ctx, t.Refill); err != nil && mayBeRow(err) {
		return &otherwise{keep: t.name, text: "its new rows cannot take the place of the old ones; loading once more, to find the row"}
	}
	return err
}

// emptyRest deletes the old rows that are still there, children before parents, where no others have come to take their place.
func (x *executor) emptyRest(ctx context.Context) error {
	for _, t := range slices.Clone(x.online.full) {
		if t.staged {
			if err := x.merge(ctx, t); err != nil {
				return err
			}
		}
	}
	full := x.online.full
	x.online.full = nil
	for _, t := range full {
		if err := x.change(ctx, "DELETE FROM ONLY "+t.name); err != nil {
			return err
		}
	}
	return nil
}

// spares reports whether a statement leaves it open what becomes of old rows: it brings rows by COPY, empties tables, or has to do with none.
// A savepoint does not: what is done behind it may be taken back.
func (s *statement) spares() bool {
	one := s.only()
	return one != nil && (one.Kind == sqltext.Truncate || s.effect == sqltext.Rows && one.Copy != nil || one.Kind == sqltext.Other && (s.effect == sqltext.Nothing || s.effect == sqltext.Setting))
}
