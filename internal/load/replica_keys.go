package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// droppedKey is a foreign key to be added again.
type droppedKey struct {
	of, refersTo uint32 // the table, and that which it refers to
	table, name  string // quoted
	definition   string // as pg_get_constraintdef gives it, names qualified
	comment      string // quoted as a literal, "" for none
	partitioned  bool
	waits        bool                   // it is one of those that cannot be NOT VALID, and rows broke it when it was to come back for a definition
	inherited    []catalog.InheritedKey // of a partitioned one, what partitions had of it
	was          uint32                 // the oid that it had when it was first dropped: the server has keys act in the order of these
	unchecked    uint32                 // of one that is there, NOT VALID, over rows that broke it: its oid, by which it is known whatever becomes of it
}

// away tells whether the key is not there.
func (k droppedKey) away() bool { return k.unchecked == 0 }

// names gives the names of the key and of both tables, without their schemas.
func (k droppedKey) names() []string {
	last := func(t *sqltext.Tokens) string {
		name := t.Relation()
		return name[len(name)-1]
	}
	names := []string{last(&sqltext.Tokens{Text: []byte(k.name)}), last(&sqltext.Tokens{Text: []byte(k.table)})}
	if _, t := k.references(); t != nil {
		names = append(names, last(t))
	}
	return names
}

// references gives the offset in the definition of the table that it refers to, and what reads from there; nil where it is not found.
func (k droppedKey) references() (at int, _ *sqltext.Tokens) {
	t := &sqltext.Tokens{Text: []byte(k.definition)} // FOREIGN KEY (columns) REFERENCES parent(columns) …
	if !t.Accept("foreign") || !t.Accept("key") || t.Parens() == nil || !t.Accept("references") {
		return 0, nil
	}
	return t.I, t
}

// keysByNow gives keys with the names that their tables have by now, which something in the script may have changed; the keys of a table
// that is gone went with it.
func (r *run) keysByNow(ctx context.Context, keys []droppedKey) (now []droppedKey, err error) {
	tables := make([]uint32, 0, 2*len(keys))
	for _, k := range keys {
		tables = append(tables, k.of, k.refersTo)
	}
	names, err := catalog.Qualified(ctx, r.session, tables)
	for _, k := range keys {
		table, parent := names[k.of], names[k.refersTo]
		if table == "" || parent == "" {
			continue
		}
		if from, t := k.references(); t != nil {
			t.Relation()
			k.definition = k.definition[:from] + " " + parent + k.definition[t.I:]
		}
		k.table = table
		now = append(now, k)
	}
	return now, err
}

// putKeysBack adds the foreign keys again, in the order in which they were made. The server checks all rows at once while it does. What rows
// break is there then, NOT VALID, and is checked once more at the load's end.
func (r *run) putKeysBack(ctx context.Context, atEnd bool, spared func(droppedKey) bool) error {
	w := r.way
	slices.SortStableFunc(w.keys, func(a, b droppedKey) int { return cmp.Compare(a.was, b.was) })
	keys, err := r.keysByNow(ctx, w.keys)
	w.keys = nil
	if err != nil {
		return problemOf(err)
	}
	deferrable := false
	for _, k := range keys {
		if k.away() && w.unknown {
			there, err := catalog.Constraint(ctx, r.session, k.table, k.name)
			if err != nil {
				return problemOf(err)
			}
			if there != 0 {
				continue
			}
		}
		spare := spared != nil && spared(k)
		if k.away() && !(k.waits && spare) {
			if k.unchecked, k.waits, err = r.putKeyBack(ctx, k, spare); err != nil {
				return err
			}
			deferrable = deferrable || strings.Contains(k.definition, " DEFERRABLE")
		}
		switch {
		case k.waits:
			w.keys = append(w.keys, k)
		case k.away(): // all rows keep it
		case atEnd:
			err = r.checkKey(ctx, k.unchecked)
		default:
			w.keys = append(w.keys, k)
		}
		if err != nil {
			return problemOf(err)
		}
	}
	if deferrable {
		return problemOf(r.deferAsSaid(ctx))
	}
	return nil
}

// putKeyBack adds one, and gives its oid if rows break it; or says that it waits, if it may.
func (r *run) putKeyBack(ctx context.Context, k droppedKey, mayWait bool) (broken uint32, waits bool, _ error) {
	add := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", k.table, k.name, k.definition)
	comment := ""
	if k.comment != "" {
		comment = fmt.Sprintf("; COMMENT ON CONSTRAINT %s ON %s IS %s", k.name, k.table, k.comment)
	}
	err := r.alter(ctx, add+comment)
	if err == nil {
		r.way.valid[k.table+" "+k.name] = true
		return 0, false, problemOf(r.nameInherited(ctx, k))
	}
	pe := r.brokenBy(ctx, err)
	switch {
	case pe == nil:
		return 0, false, problemOf(err)
	case k.partitioned && mayWait:
		return 0, true, nil
	case k.partitioned:
		return 0, false, &problem.Error{Code: problem.Database, Where: "table " + k.table,
			What:    fmt.Sprintf("rows break the foreign key %s, and a role without session_replication_role cannot put it back over them", k.name),
			Excerpt: "DETAIL: " + pe.Detail, Err: err,
			Remedy: "Mend the data in Fabricate, or let the role: " + r.grantReplica() + "."}
	}
	if err := r.exec(ctx, add+" NOT VALID"+comment); err != nil {
		return 0, false, problemOf(err)
	}
	broken, err = catalog.Constraint(ctx, r.session, k.table, k.name)
	return broken, false, problemOf(err)
}

// nameInherited gives what partitions have of a key the names and comments that it had: the server makes up names of its own.
func (r *run) nameInherited(ctx context.Context, k droppedKey) error {
	if len(k.inherited) == 0 {
		return nil
	}
	key, err := catalog.Constraint(ctx, r.session, k.table, k.name)
	if err != nil {
		return err
	}
	made, err := catalog.InheritedKeys(ctx, r.session, key)
	if err != nil {
		return err
	}
	var statements []string
	for _, had := range k.inherited {
		i := slices.IndexFunc(made, func(m catalog.InheritedKey) bool { return m.Of == had.Of })
		if i < 0 { // it is no partition any more
			continue
		}
		if made[i].Name != had.Name {
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s RENAME CONSTRAINT %s TO %s", made[i].Table, made[i].Name, had.Name))
		}
		if had.Comment != "" {
			statements = append(statements, fmt.Sprintf("COMMENT ON CONSTRAINT %s ON %s IS %s", had.Name, made[i].Table, had.Comment))
		}
	}
	if len(statements) == 0 {
		return nil
	}
	return r.alter(ctx, strings.Join(statements, "; "))
}

// brokenBy gives the server's error if it says that rows break a key, and nil for any other.
func (r *run) brokenBy(ctx context.Context, err error) *pgconn.PgError {
	var pe *pgconn.PgError
	var early *problem.Error // that of another
	if r.session.Ends(ctx, err) || errors.As(err, &early) || !errors.As(err, &pe) || pe.Code != "23503" {
		return nil
	}
	return pe
}

// checkKey checks a key that was put back over rows that broke it, if it is still there, and tells what rows break it now.
func (r *run) checkKey(ctx context.Context, oid uint32) error {
	found, err := catalog.ForeignKeyOf(ctx, r.session, oid)
	if err != nil || len(found) == 0 {
		return err
	}
	key := found[0]
	validate := fmt.Sprintf("ALTER TABLE %s VALIDATE CONSTRAINT %s", key.TableName(), key.Name)
	err = r.alter(ctx, validate)
	if err == nil {
		r.way.valid[key.TableName()+" "+key.Name] = true
		return nil
	}
	if r.brokenBy(ctx, err) == nil {
		return err
	}
	also := fmt.Sprintf("; it is NOT VALID now, because only the replica role leaves it valid over such rows: %s when they are mended", validate)
	broken, err := r.afterRows().ForeignKey(ctx, key, also)
	r.brokenRows += broken
	return err
}
