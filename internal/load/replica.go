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
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// ownersWay loads as under session_replication_role = replica where the role may not set that. The replica role keeps user
// triggers and rules from firing (but for those marked REPLICA or ALWAYS) and foreign keys from being checked. A table's owner
// reaches the same, inside the one transaction: by having triggers and rules wait for the other role, by dropping foreign keys and
// adding them again as they were, which checks all rows at once. Each table's turn comes just before the first statement that fills it,
// so that TRUNCATE … CASCADE still finds the foreign keys that it follows.
type ownersWay struct {
	outOfWay
	granted bool            // the role was let set it: only row security that is forced upon the owner is in the way
	names   map[string]bool // names dealt with, by what is done to them
	done    map[string]bool // the same by the table's oid
	valid   map[string]bool
	staying []stayingKey      // keys that the role may not drop
	was     map[string]uint32 // see droppedKey, by table and name
	noted   []outOfWay        // what it was whenever it changed; the server knows which of them is true (see noteWay)
	unsure  bool              // the script has rolled back, and so may have taken back some of it
	unknown bool              // nor does the server know: what was taken out of the way may be there again
	warned  bool              // of event triggers
	told    map[string]bool   // what was said of what is done
}

// outOfWay is what was taken out of the way and is to be put back.
type outOfWay struct {
	active bool // the script has set replica and not yet set it back
	keys   []droppedKey
	undo   []restore // of triggers and rules
	last   []string  // statements that put row security back, when all else is done
}

// restore is what puts a trigger or rule back, if it is still as it was left (pg_trigger.tgenabled): else something in the script has
// changed or removed it. Where the table is by now is asked then.
type restore struct {
	kind string // as catalog.Obstacle has it
	oid  uint32 // of a table's
	left string
	was  string // ENABLE, ENABLE REPLICA

	table, name string // of a view's, which is made anew by
	sql         string
}

// stayingKey is a foreign key that the role cannot take out of the way.
type stayingKey struct{ table, name, reason string }

// mayReplicate reports whether it is known that the role may set the replica role.
func (r *run) mayReplicate() bool {
	if r.way == nil {
		return r.session.Parameter("is_superuser") == "on"
	}
	return r.way.granted
}

// replicationRole deals with a statement that sets session_replication_role, where the role may not do that. done is false if
// the statement is to be sent as it is.
func (r *run) replicationRole(ctx context.Context, s *statement, role *sqltext.RoleChange) (done bool, _ *failure) {
	if r.mayReplicate() || r.session.TxStatus() == 'E' {
		return false, nil
	}
	set := pgconn.NewCommandTag("SET")
	if r.way == nil {
		if role.All {
			return false, nil
		}
		if role.Value == "origin" { // exports that have lost their opening line end so: it is what it says
			present := ""
			if err := r.session.Ask(ctx, "SELECT current_setting('session_replication_role')", nil, []any{&present}, nil); err != nil {
				return true, r.fail(s, err)
			}
			if present == "origin" {
				return true, r.outcome(s.f, set)
			}
		}
		if !r.began || role.Value != "replica" {
			return false, nil
		}
		err := r.session.TryAsScript(ctx, strings.TrimRight(string(s.text), "; \t\r\n"))
		var pe *pgconn.PgError
		refused := errors.As(err, &pe) && pe.Code == "42501"
		if err != nil && !refused {
			s.f.err = err
			return true, r.outcome(s.f, set)
		}
		r.way = &ownersWay{granted: !refused, valid: map[string]bool{}, was: map[string]uint32{}, told: map[string]bool{}}
	}
	if s.f.err = r.followRole(ctx); s.f.err != nil {
		return true, r.outcome(s.f, set)
	}
	if role.Value == "replica" {
		r.way.active = true
		r.way.lookAgain()
		s.f.err = r.noteWay(ctx)
		return true, r.outcome(s.f, set)
	}
	if s.f.err = r.endOwnersWay(ctx, false); s.f.err == nil {
		s.f.err = r.noteWay(ctx)
	}
	if role.All && s.f.err == nil {
		return false, nil
	}
	return true, r.outcome(s.f, set)
}

// apart has what is joined done one by one, where the replica role that the script asks for is one that the role may not set, and not all of
// it could be done as if it were there: it changes the role, empties tables (which follows the keys that other statements need out of the way),
// defines something, or asks what is defined. Inside a transaction the effect is the same, unless it sets how the rest is read.
func (r *run) apart(ctx context.Context, s *statement) (bool, *failure) {
	has := func(is func(sqltext.Statement) bool) bool { return slices.ContainsFunc(s.parsed, is) }
	if len(s.parsed) < 2 || !r.began || r.mayReplicate() {
		return false, nil
	}
	role := has(func(one sqltext.Statement) bool { return one.Role != nil })
	needed := r.way.emulated() && has(func(one sqltext.Statement) bool {
		return one.Kind == sqltext.Truncate || one.Defines() || one.Asks().Keys
	})
	if !role && !needed || has(func(one sqltext.Statement) bool { return one.EndsOrBegins() }) {
		return false, nil
	}
	if !s.simply() || r.vars.On("ON_ERROR_ROLLBACK") || has(func(one sqltext.Statement) bool {
		return one.Effect != sqltext.Rows && one.Mentions("standard_conforming_strings", "client_encoding", "names", "backslash_quote", "set_config")
	}) {
		if !needed { // the server refuses the role
			return false, nil
		}
		return true, r.fail(s, &problem.Error{Code: problem.Database, At: r.placeOf(s.at),
			What:   "statements that are joined empty tables, define something or ask for keys or triggers while session_replication_role is refused to the role, and cannot be sent one by one",
			Remedy: "Do not join them, or end them with a semicolon. " + r.missingGrant()})
	}
	t := &sqltext.Tokens{Text: r.readable(s.text), Escapes: r.escapes()}
	for range s.parsed {
		piece, from := &statement{at: s.at, script: s.script, rows: s.rows}, t.Peek().At
		if s.locate != nil {
			piece.locate = func(offset int) psql.Position { return s.locate(from + offset) }
			piece.at = piece.locate(0)
		}
		t.SkipStatement()
		piece.text = s.text[from:t.I]
		if f := r.execute(ctx, piece); f != nil {
			return true, f
		}
	}
	return true, nil
}

// waySetting is a setting of our own, the number of what is true of what was noted: the server takes it back together with what the
// script takes back.
const waySetting = "fabricate_seed.replication_role"

// note gives the statement that notes how things are.
func (w *ownersWay) note() string {
	now := w.outOfWay
	now.keys, now.undo, now.last = slices.Clone(w.keys), slices.Clone(w.undo), slices.Clone(w.last)
	w.noted = append(w.noted, now)
	return fmt.Sprintf("SELECT pg_catalog.set_config('%s', '%d', false)", waySetting, len(w.noted))
}

func (r *run) noteWay(ctx context.Context) error { return r.exec(ctx, r.way.note()) }

// makeWay takes out of the way what the replica role would, for the tables that a statement (or its first part) touches: for all, if its
// text does not show which these are.
func (r *run) makeWay(ctx context.Context, s *statement) (bool, *failure) {
	w := r.way
	if w == nil || r.session.TxStatus() == 'E' {
		return false, nil
	}
	if err := r.followRole(ctx); err != nil {
		return true, r.fail(s, err)
	}
	if held, err := r.holdsAnyway(ctx, s); held || err != nil {
		s.f.err = err
		return true, r.outcome(s.f, pgconn.NewCommandTag("ALTER TABLE"))
	}
	if !w.active {
		return false, nil
	}
	for _, one := range s.parsed {
		asIs, err := r.needsAsIs(ctx, s, &one)
		if err == nil && asIs {
			err = r.putBackFor(ctx, &one)
		}
		if err != nil {
			return true, r.fail(s, err)
		}
		if asIs {
			continue
		}
		named, whole := one.Touches()
		var touches []touched
		for _, t := range named {
			touches = append(touches, touched{Touch: t})
		}
		if !whole && s.source != nil && s.source.More {
			whole = true // an INSERT's first part: the rest is read later
		}
		if !whole && !w.granted {
			all, err := r.ownTables(ctx)
			if err != nil {
				return true, r.fail(s, err)
			}
			if one.Mentions("truncate") { // CASCADE follows the keys, which other changes need out of the way
				if one.Mentions("delete", "update", "insert", "merge", "execute") {
					return true, r.fail(s, &problem.Error{Code: problem.Database, At: r.placeOf(s.at),
						What:   "the statement both truncates and changes tables while session_replication_role is refused to the role, and foreign keys cannot be in place for one and not for the other",
						Remedy: "Make two statements of it. " + r.missingGrant()})
				}
				for i := range all {
					all[i].Change = sqltext.Empties
				}
			}
			touches = append(touches, all...)
		}
		for i := 0; i < len(touches); i++ {
			fires, err := r.makeWayFor(ctx, touches[i])
			if fires && whole && err == nil && touches[i].Change != sqltext.Empties {
				var all []touched
				all, err = r.ownTables(ctx)
				touches, whole = append(touches, all...), false
			}
			if err != nil {
				return true, r.fail(s, err)
			}
		}
	}
	return false, nil
}

// needsAsIs reports whether a statement is to find keys, triggers and rules as they are: it is about definitions, or asks for them and changes
// no rows. What cannot be done as under the replica role, because it does both or asks for the role itself, is an error.
func (r *run) needsAsIs(ctx context.Context, s *statement, one *sqltext.Statement) (bool, error) {
	if r.way.granted || one.Effect == sqltext.Rows || one.Kind == sqltext.Truncate {
		return one.Defines(), nil
	}
	refuse := func(what, remedy string) error {
		return &problem.Error{Code: problem.Database, At: r.placeOf(s.at), What: what + " while session_replication_role is refused to the role", Remedy: remedy + r.letRole()}
	}
	asks, defines := one.Asks(), one.Defines()
	if !asks.Keys && !asks.Role && !asks.Defines {
		return defines, nil
	}
	rows := asks.Rows
	if !defines && len(asks.Calls) > 0 {
		made, err := catalog.HasFunctions(ctx, r.session, asks.Calls)
		if err != nil {
			return false, err
		}
		rows = rows || made // which may change some
	}
	const both = ", and keys and triggers cannot be in place for one and not for the other"
	switch {
	case asks.Role && (rows || !asks.Query || !s.simply()): // else it is shown, and that is all
		return false, refuse("the statement depends on what session_replication_role is, and would find origin", "")
	case one.Mentions("truncate"): // keys are in place for that
		return defines, nil
	case asks.Keys && rows:
		return false, refuse("the statement both reads what keys, triggers or rules there are and changes rows, or calls a function that may"+both+",", "Make two statements of it. ")
	case asks.Defines && asks.Rows:
		return false, refuse("the statement both changes constraints and changes rows"+both+",", "Make two statements of it. ")
	}
	return defines || asks.Keys, nil
}

// letRole is the remedy of what cannot be done as under the replica role.
func (x *executor) letRole() string { return "Let the role set it: " + x.grantReplica() + "." }

// holdsAnyway reports whether the statement has a key checked that only because of us is away or not valid: with the replica role nothing would
// be checked.
func (r *run) holdsAnyway(ctx context.Context, s *statement) (bool, error) {
	one := s.only()
	if one == nil || !s.simply() || len(r.way.keys) == 0 {
		return false, nil
	}
	table, name := one.Validates()
	if table == nil {
		return false, nil
	}
	meant, err := catalog.Meanings(ctx, r.session, []string{table.String()})
	if err != nil || meant[0].OID == 0 {
		return false, err
	}
	key, err := catalog.Constraint(ctx, r.session, meant[0].Name, sqltext.QuoteName(name))
	return slices.ContainsFunc(r.way.keys, func(k droppedKey) bool {
		if k.away() {
			return k.of == meant[0].OID && k.names()[0] == name && !strings.HasSuffix(k.definition, " NOT VALID")
		}
		return k.unchecked == key
	}), err
}

// putBackFor puts back what was taken out of the way for a statement, until rows come again. A key that rows break, and that cannot be
// there NOT VALID, is left away if the statement does not name it and cannot be about it.
func (r *run) putBackFor(ctx context.Context, one *sqltext.Statement) error {
	w := r.way
	asks, verb := one.Asks().Keys, one.Verb()
	alters := verb == "alter" || verb == "drop" || verb == "do" || verb == "create" && one.Mentions("partition")
	spared := func(k droppedKey) bool {
		names := k.names()
		return k.partitioned && !asks && !one.Names(names[0]) && !(alters && one.Names(names[1:]...))
	}
	if len(w.undo)+len(w.last) == 0 && !slices.ContainsFunc(w.keys, func(k droppedKey) bool { return k.away() && !(k.waits && spared(k)) }) {
		return nil
	}
	active := w.active
	err := cmp.Or(r.putAllBack(ctx, false, spared), r.closeOwnersWay(ctx))
	w.active = active
	if err != nil {
		return err
	}
	w.lookAgain()
	return r.noteWay(ctx)
}

// touched is a table that a statement changes: one that it names, or one that its text does not show, by its oid.
type touched struct {
	sqltext.Touch
	oid uint32
	is  string // its name, quoted
}

// makeWayFor does so for one table. fires says that triggers or rules stay that the replica role has fire, which may change other tables.
func (r *run) makeWayFor(ctx context.Context, t touched) (fires bool, _ error) {
	w := r.way
	id, empties := string(t.Change)+cmp.Or(t.is, t.Name.String()), t.Change == sqltext.Empties
	away := empties && slices.ContainsFunc(w.keys, droppedKey.away)
	if w.names[id] && !away || r.o.Online && empties { // it is done by DELETE, which sees to itself
		return false, nil
	}
	if err := r.lookUpEmptied(ctx); err != nil { // by the foreign keys that are still there
		return false, err
	}
	if away {
		if err := r.rebuild(ctx); err != nil { // what the keys refer to
			return false, r.refused(err)
		}
		err := r.withAllNames(ctx, func() error { return r.putKeysBack(ctx, false, nil) })
		if err := cmp.Or(err, r.noteWay(ctx)); err != nil {
			return false, err
		}
		w.lookAgain()
	}
	if t.oid == 0 {
		oids, err := catalog.Names(ctx, r.session, []string{t.Name.String()})
		if err != nil {
			return false, err
		}
		t.oid, t.is = oids[0], t.Name.String()
	}
	err := r.withAllNames(ctx, func() (err error) {
		fires, err = r.clear(ctx, t)
		return err
	})
	w.names[id] = err == nil
	return fires, err
}

// ownTables lists the tables of the role's that have triggers, rules or foreign keys: any of them may be changed by what its text does not
// show.
func (r *run) ownTables(ctx context.Context) (all []touched, err error) {
	err = r.withAllNames(ctx, func() error {
		tables, err := catalog.OwnTables(ctx, r.session)
		for _, t := range tables {
			all = append(all, touched{Touch: sqltext.Touch{Change: sqltext.Changes}, oid: t.OID, is: t.Name})
		}
		return err
	})
	return all, err
}

// withAllNames does something in a client encoding that has the characters of all names, which that of the script may lack. What the script
// says has to be looked up before. Of a database without an encoding the server takes and gives names as they are.
func (x *executor) withAllNames(ctx context.Context, do func() error) error {
	script := x.encoding()
	if script == "UTF8" || slices.Contains([]string{"SQL_ASCII", "MULE_INTERNAL"}, x.session.Parameter("server_encoding")) {
		return do()
	}
	if err := x.exec(ctx, "SET LOCAL client_encoding = 'UTF8'"); err != nil {
		return err
	}
	err := do()
	if x.session.IsClosed() || x.session.TxStatus() == 'E' { // which takes that back
		return err
	}
	return cmp.Or(err, x.exec(ctx, "SET LOCAL client_encoding = '"+script+"'"))
}

// lookAgain has tables looked at once more: there may be triggers that were not there before.
func (w *ownersWay) lookAgain() {
	if w != nil {
		w.names, w.done = map[string]bool{}, map[string]bool{}
	}
}

// rolledBack must be called when the script goes back in its transaction.
func (w *ownersWay) rolledBack() {
	if w == nil {
		return
	}
	w.unsure = true
	w.lookAgain()
}

// followRole finds what is true after the script has gone back.
func (r *run) followRole(ctx context.Context) error {
	w := r.way
	if !w.unsure || w.granted {
		return nil
	}
	var noted int
	err := r.session.Ask(ctx, "SELECT coalesce(nullif(current_setting('"+waySetting+"', true), ''), '0')::int", nil, []any{&noted}, nil)
	if err != nil {
		return err
	}
	w.unsure = false
	if w.unknown = noted < 1 || noted > len(w.noted); w.unknown { // before the script has set the role, or something has reset it
		w.active = false
		return nil
	}
	w.outOfWay = w.noted[noted-1]
	w.keys, w.undo, w.last = slices.Clone(w.keys), slices.Clone(w.undo), slices.Clone(w.last)
	return nil
}

// clear does it for one table.
func (x *executor) clear(ctx context.Context, t touched) (fires bool, _ error) {
	w, id := x.way, fmt.Sprint(t.Change, t.oid)
	if t.oid == 0 || w.done[id] {
		return false, nil // the server will say that there is no such table
	}
	w.done[id] = true
	var statements []string
	var forbidden, deferred []string
	disabled, dropped := false, false
	obstacles, err := catalog.Obstacles(ctx, x.session, t.oid, t.Change == sqltext.Empties, t.Change == sqltext.Changes)
	if err != nil {
		return false, err
	}
	for _, o := range obstacles {
		what, table, name, state, comment, allowed, other := o.Kind, o.Table, o.Name, o.State, o.Comment, o.Allowed, o.Other
		switch what {
		case "trigger", "rule":
			out := slices.ContainsFunc(w.undo, func(u restore) bool { return u.kind == what && u.oid == o.OID && u.left == state })
			fires = fires || state == "A" || state == "R" && !out
			if w.granted || out || state == "A" {
				continue
			}
			if !allowed || x.o.Online && what == "rule" {
				forbidden = append(forbidden, fmt.Sprintf("%s %s of %s (owner %s)%s", what, name, table, other, x.stopping(allowed)))
				continue
			}
			w.undo = slices.DeleteFunc(w.undo, func(u restore) bool { return u.kind == what && u.oid == o.OID }) // the script has changed it since
			// What is left so fires as if disabled, and ALWAYS, and what a function makes of it can be seen: DISABLE, ENABLE.
			on, off, left := "ENABLE", "ENABLE REPLICA", "R"
			if state == "R" { // it fires in the replica role and in no other
				on, off, left = "ENABLE REPLICA", "ENABLE ALWAYS", "A"
			}
			disabled = true
			statements = append(statements, enabling(what, table, off, name))
			w.undo = append(w.undo, restore{kind: what, oid: o.OID, left: left, was: on})
		case "view rule", "view trigger": // which cannot be disabled
			if w.granted {
				continue
			}
			if !allowed || t.Copied && what == "view trigger" || x.o.Online { // COPY knows no rules
				called := "rule " + name
				if what == "view trigger" {
					called = "INSTEAD OF " + state + " triggers"
				}
				forbidden = append(forbidden, fmt.Sprintf("%s of %s (owner %s)%s", called, table, other, x.stopping(allowed)))
				continue
			}
			off, on := fmt.Sprintf("DROP RULE %s ON %s", name, table), state
			if comment != "" {
				on += fmt.Sprintf("; COMMENT ON RULE %s ON %s IS %s", name, table, comment)
			}
			if what == "view trigger" { // its rows go nowhere then, as under the replica role
				name = "fabricate_seed_" + name
				off = fmt.Sprintf("CREATE OR REPLACE RULE %s AS ON %s TO %s DO INSTEAD NOTHING", name, state, table)
				on = fmt.Sprintf("DROP RULE IF EXISTS %s ON %s", name, table)
			}
			disabled = true
			statements = append(statements, off)
			w.undo = slices.DeleteFunc(w.undo, func(u restore) bool { return u.kind == what && u.table == table && u.name == name })
			w.undo = append(w.undo, restore{kind: what, table: table, name: name, sql: on})
		case "security":
			if x.o.Online {
				forbidden = append(forbidden, fmt.Sprintf("forced row security of %s (owner %s)%s", table, other, x.stopping(true)))
				continue
			}
			statements = append(statements, "ALTER TABLE "+table+" NO FORCE ROW LEVEL SECURITY")
			w.last = append(w.last, "ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY")
		default:
			if w.granted {
				continue
			}
			odd := o.Odd // it could not come back as it is
			if !allowed || odd || x.o.Online {
				reason := "the role " + other
				if odd {
					reason = "some of its triggers are disabled"
				}
				if allowed && !odd {
					reason = "online is true, and to drop it would stop those who read"
				}
				w.staying = append(w.staying, stayingKey{table, name, reason})
				if schema := (&sqltext.Tokens{Text: []byte(table)}).Next(); strings.Contains(state, " DEFERRABLE") {
					key := table[:schema.End] + "." + name // as the server quotes it
					statements, deferred = append(statements, "SET CONSTRAINTS "+key+" DEFERRED"), append(deferred, key)
				}
				continue
			}
			same := func(k droppedKey) bool { return k.away() && k.of == o.Of && k.name == name }
			if slices.ContainsFunc(w.keys, same) && !w.unknown {
				continue
			}
			if slices.ContainsFunc(w.keys, func(k droppedKey) bool { return k.unchecked == o.OID }) { // as it was made over rows that broke it, which may be gone now
				state = strings.TrimSuffix(state, " NOT VALID")
			}
			w.keys = slices.DeleteFunc(w.keys, func(k droppedKey) bool { return same(k) || k.unchecked == o.OID })
			dropped = true
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", table, name))
			id := fmt.Sprint(o.Of, " ", name)
			if w.was[id] == 0 {
				w.was[id] = o.OID
			}
			key := droppedKey{of: o.Of, refersTo: o.Refers, table: table, name: name, definition: state, comment: comment, partitioned: what != "key", was: w.was[id]}
			if key.partitioned {
				if key.inherited, err = catalog.InheritedKeys(ctx, x.session, o.OID); err != nil {
					return false, err
				}
			}
			w.keys = append(w.keys, key)
		}
	}
	if len(forbidden) > 0 {
		return false, &problem.Error{Code: problem.Database, Where: "table " + t.is, What: "the role may neither set session_replication_role nor disable " + strings.Join(forbidden, ", "),
			Remedy: "Load as the tables' owner, or let the role: " + x.grantReplica() + "."}
	}
	if len(statements) == 0 {
		return fires, nil
	}
	if disabled {
		x.tellWayOf("triggers and rules of tables are disabled")
	}
	if dropped {
		x.tellWayOf("foreign keys are dropped")
	}
	if err := x.warnOfEventTriggers(ctx); err != nil {
		return false, err
	}
	x.known.after(ours)
	err = x.alter(ctx, strings.Join(append(statements, w.note()), "; "))
	for _, key := range deferred {
		err = cmp.Or(err, x.noteMode(ctx, key, "DEFERRED"))
	}
	return fires, err
}

// enabling gives the statement that sets when a trigger or rule of a table fires; a partitioned table's, not its partitions'.
func enabling(kind, table, when, name string) string {
	only := ""
	if kind == "trigger" {
		only = "ONLY "
	}
	return fmt.Sprintf("ALTER TABLE %s%s %s %s %s", only, table, when, strings.ToUpper(kind), name)
}

// grantReplica is the statement that lets the role set the replica role, for a remedy.
func (x *executor) grantReplica() string {
	return fmt.Sprintf("GRANT SET ON PARAMETER session_replication_role TO %s (PostgreSQL 15 and later)", x.roleName())
}

// tellWayOf says once of a kind of obstacles what is done with them.
func (x *executor) tellWayOf(what string) {
	if x.way.told[what] {
		return
	}
	x.way.told[what] = true
	x.notice(fmt.Sprintf("session_replication_role is refused to %s: %s until the rows are in, and put back as they were", x.session.Config().User, what))
}

// stopping says why what the role may take out of the way stays there.
func (x *executor) stopping(allowed bool) string {
	if allowed && x.o.Online {
		return ", which would stop those who read while online is true"
	}
	return ""
}

// warnOfEventTriggers says once that event triggers will see tables altered, which with the replica role they would not.
func (x *executor) warnOfEventTriggers(ctx context.Context) error {
	if x.way.warned {
		return nil
	}
	x.way.warned = true
	names, err := catalog.EventTriggers(ctx, x.session)
	if len(names) > 0 {
		x.warn(fmt.Sprintf("event triggers (%s) see tables altered and altered back, because session_replication_role is refused to the role", strings.Join(names, ", ")))
	}
	return err
}

// endOwnersWay puts back all that was taken out of the way, but for row security. At the load's end keys are checked, and it is told which of
// them rows break.
func (r *run) endOwnersWay(ctx context.Context, atEnd bool) error {
	return r.putAllBack(ctx, atEnd, nil)
}

// putAllBack does so; spared are keys that are left away where rows break them and they cannot be NOT VALID, nil for none.
func (r *run) putAllBack(ctx context.Context, atEnd bool, spared func(droppedKey) bool) error {
	w := r.way
	if w == nil {
		return nil
	}
	if err := r.followRole(ctx); err != nil {
		return err
	}
	w.active = false
	r.known.after(ours)
	if err := r.rebuild(ctx); err != nil {
		return r.refused(err)
	}
	return r.withAllNames(ctx, func() error {
		if err := r.putKeysBack(ctx, atEnd, spared); err != nil {
			return err
		}
		return r.putTriggersBack(ctx)
	})
}

// putTriggersBack puts triggers and rules back.
func (r *run) putTriggersBack(ctx context.Context) error {
	w := r.way
	if len(w.undo) == 0 {
		return nil
	}
	undo := w.undo
	w.undo = nil
	var statements []string
	for _, u := range undo {
		if u.sql != "" {
			there, err := catalog.Names(ctx, r.session, []string{u.table})
			if err != nil {
				return problemOf(err)
			}
			if there[0] != 0 { // the view may be gone
				statements = append(statements, u.sql)
			}
			continue
		}
		now, err := catalog.FiringOf(ctx, r.session, u.kind, u.oid)
		if err != nil {
			return problemOf(err)
		}
		if now.State == u.left {
			statements = append(statements, enabling(u.kind, now.Table, u.was, now.Name))
		}
	}
	if len(statements) == 0 {
		return nil
	}
	return r.ownStatements(ctx, statements)
}

// closeOwnersWay puts row security back.
func (r *run) closeOwnersWay(ctx context.Context) error {
	if r.way == nil || len(r.way.last) == 0 {
		return nil
	}
	last := r.way.last
	r.way.last = nil
	return r.withAllNames(ctx, func() error { return r.ownStatements(ctx, last) })
}

func (r *run) ownStatements(ctx context.Context, statements []string) error {
	var rules, others []string // the body of a rule calls what it finds, so nothing but pg_catalog may be there to be found
	for _, statement := range statements {
		if strings.HasPrefix(statement, "CREATE ") {
			rules = append(rules, statement)
		} else {
			others = append(others, statement)
		}
	}
	var err error
	if len(rules) > 0 {
		err = r.session.Try(ctx, strings.Join(rules, "; "), session.Handlers{})
	}
	if err == nil && len(others) > 0 {
		err = r.alter(ctx, strings.Join(others, "; "))
	}
	if err != nil {
		return problemOf(err)
	}
	return nil
}

// inForce tells whether the script has set the replica role and not yet set it back.
func (w *ownersWay) inForce() bool { return w != nil && w.active }

// emulated tells whether it has, and the role may not: we do what the replica role would.
func (w *ownersWay) emulated() bool { return w.inForce() && !w.granted }

// keysStay tells whether some foreign key checks rows as they come.
func (w *ownersWay) keysStay() bool { return w.inForce() && len(w.staying) > 0 }

// checked tells whether the server has checked a key of late.
func (w *ownersWay) checked(k catalog.ForeignKey) bool {
	return w != nil && w.valid[k.TableName()+" "+k.Name]
}
