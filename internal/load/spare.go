package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// spare sees, before the first table of an export is emptied, that no row of a table outside the export goes or changes because of it: a
// foreign key with ON DELETE CASCADE or SET NULL would do that where the role can neither set the replica role nor take the key out of the
// way. Where those can be done, such rows stay, and are checked afterwards as the setting foreign-keys says. The same holds for what a
// script deletes while the replica role that it has set is only emulated.
func (r *run) spare(ctx context.Context, s *statement) (bool, *failure) {
	var tables []uint32
	switch {
	case r.session.TxStatus() == 'E':
		return false, nil
	case r.rows != nil && r.tally.counting:
		if one := s.only(); one == nil || one.Kind != sqltext.Truncate && !one.DeletesAll {
			return false, nil
		}
		s.f.refused = true // on-error: continue would add rows to those that are still there
		if r.spared {
			return false, nil
		}
		r.inside, tables = r.rows.Emptied()
		r.spared = true
	case r.way.emulated():
		var names []string
		for _, one := range s.parsed {
			if one.Deletes != nil {
				names = append(names, one.Deletes.String())
			}
		}
		var err error
		if tables, err = catalog.Names(ctx, r.session, names); err != nil {
			return true, r.fail(s, err)
		}
	}
	if len(tables) == 0 {
		return false, nil
	}
	if err := r.spareOutside(ctx, tables); err != nil {
		var p *problem.Error
		if r.rows == nil && errors.As(err, &p) {
			q := *p
			q.Where = s.at.String()
			err = &q
		}
		s.f.refused = true
		return true, r.fail(s, err)
	}
	return false, nil
}

// outside is a foreign key of a table outside the export that would act.
type outside struct {
	catalog.OutsideKey
	rows int64 // that refer to rows that go; -1 where the role does not see them
}

func (k outside) String() string {
	rows := "rows that the role may not see"
	switch {
	case k.rows == 1:
		rows = "1 row"
	case k.rows >= 0:
		rows = fmt.Sprintf("%d rows", k.rows)
	}
	return fmt.Sprintf("%s: %s, which refer to %s by the foreign key %s (ON DELETE %s)", tableName(k.ForeignKey), rows, parentName(k.ForeignKey), k.Name, k.Action)
}

// spareOutside refuses to empty tables where rows outside would go or change along, or keep the rows from going.
func (r *run) spareOutside(ctx context.Context, tables []uint32) error {
	if r.way.emulated() { // what stands in the way of what the role owns
		names, err := catalog.Qualified(ctx, r.session, tables)
		if err != nil {
			return err
		}
		for _, t := range tables {
			if err := r.makeWayFor(ctx, sqltext.Touch{Name: (&sqltext.Tokens{Text: []byte(names[t])}).Relation(), Change: sqltext.Changes}); err != nil {
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
			found = append(found, outside{k, rows})
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
	var match, oids []string
	for i := range k.From {
		match = append(match, fmt.Sprintf("p.%s %s f.%s%s", k.To[i], k.Equal[i], k.From[i], k.Collate[i]))
	}
	for _, oid := range family {
		oids = append(oids, fmt.Sprint(oid))
	}
	ask := fmt.Sprintf("SELECT count(*) FROM %s f WHERE f.tableoid <> ALL ('{%s}'::oid[]) AND EXISTS (SELECT 1 FROM %s p WHERE %s)",
		k.Table, strings.Join(oids, ","), k.Parent, strings.Join(match, " AND "))
	return rows, r.session.Probe(ctx, ask, session.Handlers{Row: func(v [][]byte) { _, _ = fmt.Sscan(string(v[0]), &rows) }})
}

func (r *run) refuseOutside(found []outside) error {
	const shown = 20
	var lines []string
	for i, k := range found {
		if i == shown {
			lines = append(lines, fmt.Sprintf("and %d more", len(found)-shown))
			break
		}
		lines = append(lines, k.String())
	}
	way := "load as the owner of these tables"
	if r.o.Transaction == None {
		way = "leave transaction at single and load as the owner of these tables"
	}
	said := ""
	if r.rows != nil && r.o.Transaction == None && len(r.o.Before) == 0 { // the tables are emptied first
		said = "\nThe database is as it was: nothing was changed."
	}
	return &problem.Error{Code: problem.Database, Where: "table " + parentName(found[0].ForeignKey),
		What:    "rows of tables outside the export refer to rows that would be emptied, and the role may not leave their foreign keys out of it",
		Excerpt: strings.Join(lines, "\n"),
		Remedy: fmt.Sprintf("Put these tables into the export, or empty them in a script of the setting before. Or, to keep their rows: %s, or %s; "+
			"they are checked then as foreign-keys says.%s", way, r.grantReplica(), said)}
}
