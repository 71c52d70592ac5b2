package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// take has rows of tables outside the export go along with those that they refer to, where outside-rows says so, before the first table is
// emptied: by all keys that there are, also those that the owner's way drops.
func (r *run) take(ctx context.Context, s *statement) (bool, *failure) {
	if !r.o.TakeOutside || r.rows != nil && r.took {
		return false, nil
	}
	tables, err := r.emptying(ctx, s)
	if err == nil && len(tables) > 0 {
		r.took = true
		err = r.takeOutside(ctx, tables)
	}
	return r.sparing(s, err)
}

// spare sees, before the first table of an export is emptied, that no row of a table outside the export goes or changes because of it: a
// foreign key with ON DELETE CASCADE or SET NULL would do that where the role can neither set the replica role nor take the key out of the
// way. Where those can be done, such rows stay, and are checked afterwards as the setting foreign-keys says. The same holds for what a
// script deletes while the replica role that it has set is only emulated.
func (r *run) spare(ctx context.Context, s *statement) (bool, *failure) {
	tables, err := r.emptying(ctx, s)
	if err == nil && len(tables) > 0 && !r.spared {
		r.spared = r.rows != nil
		err = r.spareOutside(ctx, tables)
	}
	return r.sparing(s, err)
}

// emptying gives the tables that a statement empties row by row, or, of files of rows, that all statements do: of those that the rule about
// rows outside is for.
func (r *run) emptying(ctx context.Context, s *statement) (tables []uint32, err error) {
	switch {
	case r.session.TxStatus() == 'E':
	case r.rows != nil && r.tally.counting:
		if one := s.only(); one == nil || one.Kind != sqltext.Truncate && !one.DeletesAll {
			return nil, nil
		}
		s.f.refused = true // on-error: continue would add rows to those that are still there
		r.inside, tables = r.rows.Emptied()
	case r.way.emulated():
		var names []string
		for _, one := range s.parsed {
			if one.Deletes != nil {
				names = append(names, one.Deletes.String())
			}
		}
		return catalog.Names(ctx, r.session, names)
	}
	return tables, nil
}

// sparing makes a failure of an error about rows outside.
func (r *run) sparing(s *statement, err error) (bool, *failure) {
	if err == nil {
		return false, nil
	}
	var p *problem.Error
	if r.rows == nil && errors.As(err, &p) {
		q := *p
		q.Where, q.At = "", r.placeOf(s.at)
		err = &q
	}
	s.f.refused = true
	return true, r.fail(s, err)
}

// outside is a foreign key of a table outside the export that would act.
type outside struct {
	catalog.OutsideKey
	rows int64 // that refer to rows that go; -1 where the role does not see them
	held bool  // the role may not delete them
}

func (k outside) String() string {
	rows := "rows that the role may not see"
	switch {
	case k.rows == 1:
		rows = "1 row"
	case k.rows >= 0:
		rows = fmt.Sprintf("%d rows", k.rows)
	}
	if k.held {
		rows += " that the role may not delete"
	}
	return fmt.Sprintf("%s: %s, which refer to %s by the foreign key %s (ON DELETE %s)", k.TableName(), rows, k.ParentName(), k.Name, k.Action)
}

// spareOutside refuses to empty tables where rows outside would go or change along, or keep the rows from going.
func (r *run) spareOutside(ctx context.Context, tables []uint32) error {
	if r.way.emulated() { // what stands in the way of what the role owns
		names, err := catalog.Qualified(ctx, r.session, tables)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if _, err := r.makeWayFor(ctx, touched{Touch: sqltext.Touch{Change: sqltext.Changes}, oid: t, is: names[t]}); err != nil {
				return err
			}
		}
	}
	keys, err := catalog.OutsideKeys(ctx, r.session, tables, r.inside)
	if err != nil || len(keys) == 0 {
		return err
	}
	if err := r.lockAgainstReferences(ctx, tables); err != nil {
		return err
	}
	family, err := catalog.Family(ctx, r.session, append(slices.Clone(tables), r.inside...))
	if err != nil {
		return err
	}
	var found []outside
	for _, k := range keys {
		rows, err := r.referring(ctx, k, family)
		checks := k.Action == "NO ACTION" || k.Action == "RESTRICT" // by the server, which changes nothing
		switch {
		case err != nil:
			return err
		case rows == 0, rows < 0 && checks, r.began && k.Deferrable && k.Action == "NO ACTION":
		default:
			found = append(found, outside{OutsideKey: k, rows: rows})
		}
	}
	if len(found) == 0 {
		return nil
	}
	return r.refuseOutside(found)
}

// lockAgainstReferences keeps others from referring to rows of the tables until the end of the transaction, if one is open.
func (r *run) lockAgainstReferences(ctx context.Context, tables []uint32) error {
	if r.session.TxStatus() != 'T' {
		return nil
	}
	names, err := catalog.Qualified(ctx, r.session, tables)
	if err != nil {
		return err
	}
	var all []string
	for _, name := range names {
		all = append(all, name)
	}
	slices.Sort(all)
	return r.exec(ctx, "LOCK TABLE "+strings.Join(all, ", ")+" IN EXCLUSIVE MODE")
}

// referring counts the rows by which a key refers to rows that go, those of the family left out, which go as well. It is -1 where the role
// does not see them.
func (r *run) referring(ctx context.Context, k catalog.OutsideKey, family []uint32) (rows int64, err error) {
	if k.Hidden {
		return -1, nil
	}
	return rows, r.session.Probe(ctx, "SELECT count(*) "+k.Referring(family), session.Handlers{Columns: 1, Row: func(v [][]byte) { _, _ = fmt.Sscan(string(v[0]), &rows) }})
}

// takeOutside has rows of tables outside the export go along with those that they refer to, as the setting outside-rows says, and those that
// refer to these, and so on. What goes is told before it does.
func (r *run) takeOutside(ctx context.Context, tables []uint32) error {
	family, err := catalog.Family(ctx, r.session, append(slices.Clone(tables), r.inside...))
	if err != nil {
		return err
	}
	keys, err := catalog.TakenKeys(ctx, r.session, tables, family)
	if err != nil || len(keys) == 0 {
		return err
	}
	if err := r.lockAgainstReferences(ctx, tables); err != nil {
		return err
	}
	count, remove := catalog.Taken(keys, family)
	rows := make([]int64, len(keys))
	hidden := slices.ContainsFunc(keys, func(k catalog.TakenKey) bool { return k.Hidden })
	if !hidden {
		if err := r.session.Probe(ctx, count, session.Handlers{Columns: 2, Row: func(v [][]byte) {
			if i, err := strconv.Atoi(string(v[0])); err == nil && i >= 0 && i < len(rows) {
				_, _ = fmt.Sscan(string(v[1]), &rows[i])
			}
		}}); err != nil {
			return err
		}
	}
	var found, refused []outside
	for i, k := range keys {
		o := outside{k.OutsideKey, rows[i], !k.MayDelete}
		if k.Hidden {
			o.rows, o.held = -1, false
		}
		switch {
		case o.held && o.rows > 0, o.rows < 0:
			refused = append(refused, o)
		case o.rows > 0:
			found = append(found, o)
		}
	}
	switch {
	case len(refused) > 0:
		return &problem.Error{Code: problem.Database, Where: "table " + refused[0].TableName(),
			What: "rows of tables outside the export cannot be taken along by the role", Excerpt: strings.Join(listOutside(refused), "\n"),
			Remedy: "Grant it SELECT and DELETE on these tables (and BYPASSRLS where row security is on), put them into the export, or empty them first (setting \"before\")." + r.untouched()}
	case len(found) == 0:
		return nil
	}
	r.warn("outside-rows is take, so rows of tables outside the export go along with those that they refer to: " + strings.Join(listOutside(found), "; "))
	if r.way.emulated() {
		for _, k := range found {
			if _, err := r.makeWayFor(ctx, touched{Touch: sqltext.Touch{Name: (&sqltext.Tokens{Text: []byte(k.TableName())}).Relation(), Change: sqltext.Changes}}); err != nil {
				return err
			}
		}
	}
	if r.session.TxStatus() == 'T' {
		var names []string
		for _, k := range found {
			names = append(names, k.Table)
		}
		remove = "LOCK TABLE " + strings.Join(names, ", ") + " IN EXCLUSIVE MODE; " + remove
	}
	var were, went int64
	if err := r.session.Change(ctx, remove, session.Handlers{Columns: 2, Row: func(v [][]byte) {
		_, _ = fmt.Sscan(string(v[0])+" "+string(v[1]), &were, &went)
	}}); err != nil {
		return err
	}
	if were != went {
		return &problem.Error{Code: problem.Database, Where: "table " + found[0].TableName(),
			What:   fmt.Sprintf("of %d rows of tables outside the export that were to be taken along, %d went: a trigger or a policy has kept the others", were, went),
			Remedy: "Put these tables into the export, or empty them first (setting \"before\")."}
	}
	return nil
}

// listOutside gives a line for each.
func listOutside(found []outside) (lines []string) {
	const shown = 20
	for i, k := range found {
		if i == shown {
			return append(lines, fmt.Sprintf("and %d more", len(found)-shown))
		}
		lines = append(lines, k.String())
	}
	return lines
}

// untouched says of a load without a transaction that it has changed nothing, where that is so: the tables are emptied first.
func (r *run) untouched() string {
	if r.rows != nil && r.o.Transaction == None && len(r.o.Before) == 0 {
		return "\nThe database is as it was: nothing was changed."
	}
	return ""
}

func (r *run) refuseOutside(found []outside) error {
	way := "load as the owner of these tables"
	if r.o.Transaction == None {
		way = "leave transaction at single and load as the owner of these tables"
	}
	return &problem.Error{Code: problem.Database, Where: "table " + found[0].ParentName(),
		What:    "rows of tables outside the export refer to rows that would be emptied, and the role may not leave their foreign keys out of it",
		Excerpt: strings.Join(listOutside(found), "\n"),
		Remedy: fmt.Sprintf("Put these tables into the export, empty them first (setting \"before\"), or have these rows go along (outside-rows: take). Or, to keep them: %s, or %s; "+
			"they are checked then as foreign-keys says.%s", way, r.grantReplica(), r.untouched())}
}
