package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// ownersWay loads as under session_replication_role = replica where the role may not set that. The replica role keeps user
// triggers and rules from firing (but for those marked REPLICA or ALWAYS) and foreign keys from being checked. A table's owner
// reaches the same, inside the one transaction: by disabling triggers and rules, by dropping foreign keys and adding them again
// as they were, which checks all rows at once. Each table's turn comes just before the first statement that fills it, so that
// TRUNCATE … CASCADE still finds the foreign keys that it follows.
type ownersWay struct {
	active  bool              // the script has set replica and not yet set it back
	granted bool              // the role was let set it: only row security that is forced upon the owner is in the way
	names   map[string]bool   // names dealt with, by what is done to them
	done    map[string]bool   // the same by the table's oid
	states  map[string]string // of the triggers and rules in undo, as they were
	keys    []droppedKey
	undo    []string // statements that put triggers and rules back
	last    []string // statements that put row security back, when all else is done
	valid   map[string]bool
	staying []stayingKey // keys that the role may not drop
	rewound bool         // the script has rolled back: what was dropped may be there again
}

// droppedKey is a foreign key to be added again.
type droppedKey struct {
	table, name string // quoted
	definition  string // as pg_get_constraintdef gives it, names qualified
	comment     string // quoted as a literal, "" for none
	partitioned bool
}

// stayingKey is a foreign key that the role cannot take out of the way.
type stayingKey struct{ table, name, reason string }

// replicationRole deals with a statement that sets session_replication_role, where the role may not do that. done is false if
// the statement is none, or goes as written.
func (r *run) replicationRole(ctx context.Context, text []byte, role *sqltext.RoleChange, f *failure) (done bool, _ *failure) {
	if !r.began || r.way == nil && r.session.Parameter("is_superuser") == "on" {
		return false, nil
	}
	value := "origin"
	if role.Value == "replica" {
		value = role.Value
	}
	if r.way == nil {
		err := r.try(ctx, strings.TrimRight(string(text), "; \t\r\n"), session.Handlers{})
		var pe *pgconn.PgError
		refused := errors.As(err, &pe) && pe.Code == "42501"
		if value != "replica" || err != nil && !refused {
			f.err = err
			return true, r.outcome(f, pgconn.NewCommandTag("SET"))
		}
		r.way = &ownersWay{granted: !refused, valid: map[string]bool{}, states: map[string]string{}}
	} else if r.way.granted {
		return false, nil
	}
	if !r.way.granted && !r.way.active && value == "replica" {
		r.notice(fmt.Sprintf("session_replication_role is refused to %s: triggers of the tables to load are disabled, and their foreign keys "+
			"(and indexes, where many rows come) dropped, until the rows are in; then all are put back as they were", r.session.Config().User))
	}
	if value == "replica" {
		r.way.active = true
		r.way.names, r.way.done = map[string]bool{}, map[string]bool{}
		r.forgetPlans()
		return true, r.outcome(f, pgconn.NewCommandTag("SET"))
	}
	f.err = r.endOwnersWay(ctx)
	return true, r.outcome(f, pgconn.NewCommandTag("SET"))
}

// makeWay takes out of the way what the replica role would, for the tables that a statement (or its first part) touches.
func (r *run) makeWay(ctx context.Context, statement sqltext.Statement) error {
	w := r.way
	if w == nil || !w.active {
		return nil
	}
	touches, _ := statement.Touches()
	for _, t := range touches {
		name, way := t.Name.String(), string(t.Change)
		if w.names[way+name] {
			continue
		}
		if err := r.lookUpEmptied(ctx); err != nil { // by the foreign keys that are still there
			return err
		}
		if t.Change == sqltext.Empties && len(w.keys) > 0 {
			if err := r.rebuild(ctx); err != nil { // what the keys refer to
				return r.refused(err)
			}
			if err := r.putKeysBack(ctx); err != nil {
				return err
			}
			w.names, w.done = map[string]bool{}, map[string]bool{}
		}
		if err := r.clear(ctx, name, t.Change, t.Copied); err != nil {
			return err
		}
		w.names[way+name] = true
	}
	return nil
}

// rolledBack must be called when the script goes back in its transaction.
func (w *ownersWay) rolledBack() {
	if w != nil {
		w.rewound = true
		w.names, w.done = map[string]bool{}, map[string]bool{}
	}
}

// wayQuery lists what stands in the way for a table. Its parameters are put in as literals: it runs under an empty search_path,
// so that definitions come with qualified names. %[1]s is the table; %[2]t follows foreign keys as TRUNCATE … CASCADE
// does; %[3]t includes keys of others that point at the table. A key of partitions is that of the topmost table.
const wayQuery = `
WITH RECURSIVE named AS (SELECT %[1]s::oid AS oid
), reached(oid) AS (
	SELECT oid FROM named
	UNION
	SELECT next.oid FROM reached JOIN LATERAL (
		SELECT i.inhrelid AS oid FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = reached.oid AND (p.relispartition OR %[2]t)
		UNION ALL
		SELECT k.conrelid FROM pg_constraint k WHERE %[2]t AND k.contype = 'f' AND k.confrelid = reached.oid
		UNION ALL
		SELECT d.refobjid FROM pg_class v JOIN pg_rewrite w ON w.ev_class = v.oid AND w.ev_type = '1'
		JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
		WHERE v.oid = reached.oid AND v.relkind = 'v'
	) next ON true
), rels AS (
	SELECT c.oid, c.relkind, format('%%I.%%I', n.nspname, c.relname) AS name, pg_has_role(c.relowner, 'USAGE') AS owned, c.relowner::regrole::text AS owner,
		c.relrowsecurity AND c.relforcerowsecurity AND row_security_active(c.oid) AS forced
	FROM reached JOIN pg_class c ON c.oid = reached.oid JOIN pg_namespace n ON n.oid = c.relnamespace
), keys(oid, parent) AS (
	SELECT k.oid, k.conparentid FROM pg_constraint k WHERE NOT %[2]t AND k.contype = 'f'
		AND (k.conrelid IN (SELECT oid FROM rels) OR %[3]t AND k.confrelid IN (SELECT oid FROM rels))
	UNION
	SELECT k.oid, k.conparentid FROM keys JOIN pg_constraint k ON k.oid = keys.parent
)
SELECT 'trigger', rels.name, quote_ident(t.tgname), t.tgenabled::text, '', rels.owned, rels.owner
FROM pg_trigger t JOIN rels ON rels.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'R') AND rels.relkind IN ('r', 'p', 'f') AND (NOT %[2]t OR t.tgtype & 32 <> 0)
UNION ALL
SELECT 'rule', rels.name, quote_ident(w.rulename), w.ev_enabled::text, '', rels.owned, rels.owner
FROM pg_rewrite w JOIN rels ON rels.oid = w.ev_class
WHERE w.ev_type <> '1' AND w.ev_enabled IN ('O', 'R') AND rels.relkind IN ('r', 'p') AND NOT %[2]t
UNION ALL
SELECT 'view rule', rels.name, quote_ident(w.rulename), overlay(pg_get_ruledef(w.oid) PLACING 'CREATE OR REPLACE' FROM 1 FOR 6),
	coalesce(quote_literal(obj_description(w.oid, 'pg_rewrite')), ''), rels.owned, rels.owner
FROM pg_rewrite w JOIN rels ON rels.oid = w.ev_class
WHERE w.ev_type <> '1' AND rels.relkind = 'v' AND w.rulename NOT LIKE 'fabricate\_seed\_%%'
UNION ALL
SELECT 'view trigger', rels.name, lower(event), event, '', rels.owned, rels.owner
FROM rels JOIN (VALUES (4, 'INSERT'), (8, 'DELETE'), (16, 'UPDATE')) e(bit, event)
	ON EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = rels.oid AND t.tgtype & 64 <> 0 AND t.tgtype & e.bit <> 0)
WHERE rels.relkind = 'v'
UNION ALL
SELECT 'security', rels.name, '', '', '', rels.owned, rels.owner FROM rels WHERE rels.forced AND rels.owned
UNION ALL
SELECT CASE c.relkind WHEN 'p' THEN 'partitioned key' ELSE 'key' END, format('%%I.%%I', n.nspname, c.relname), quote_ident(k.conname),
	pg_get_constraintdef(k.oid), coalesce(quote_literal(obj_description(k.oid, 'pg_constraint')), ''),
	pg_has_role(c.relowner, 'USAGE') AND (has_table_privilege(k.confrelid, 'REFERENCES')
		OR NOT EXISTS (SELECT 1 FROM unnest(k.confkey) a(n) WHERE NOT has_column_privilege(k.confrelid, a.n, 'REFERENCES'))),
	CASE WHEN pg_has_role(c.relowner, 'USAGE') THEN k.confrelid::regclass::text ELSE '' END
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.oid IN (SELECT oid FROM keys WHERE parent = 0)
ORDER BY 1, 2, 3`

// clear does it for one table; copied says that rows come by COPY.
func (r *run) clear(ctx context.Context, name string, way sqltext.Change, copied bool) error {
	w := r.way
	var oid string
	if err := r.try(ctx, fmt.Sprintf("SELECT pg_catalog.to_regclass('%s')::oid", strings.ReplaceAll(name, "'", "''")), session.Handlers{
		Row: func(v [][]byte) { oid = string(v[0]) }}); err != nil || oid == "" || w.done[string(way)+oid] {
		return err // the server will say that there is no such table
	}
	w.done[string(way)+oid] = true
	var statements []string
	var forbidden []string
	query := fmt.Sprintf(wayQuery, oid, way == sqltext.Empties, way == sqltext.Changes)
	err := r.qualified(ctx, query, func(v [][]byte) {
		what, table, name, state, comment := string(v[0]), string(v[1]), string(v[2]), string(v[3]), string(v[4])
		allowed, other := string(v[5]) == "t", string(v[6])
		switch what {
		case "trigger", "rule":
			if w.granted {
				return
			}
			kind := strings.ToUpper(what)
			only := ""
			if what == "trigger" {
				only = "ONLY "
			}
			if !allowed {
				forbidden = append(forbidden, fmt.Sprintf("%s %s of %s (owner %s)", what, name, table, other))
				return
			}
			was, known := w.states[kind+table+name]
			if known {
				state = was // seen before, and changed since
			}
			w.states[kind+table+name] = state
			on, off := "ENABLE", "DISABLE"
			if state == "R" { // it fires in the replica role and in no other
				on, off = "ENABLE REPLICA", "ENABLE"
			}
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s%s %s %s %s", only, table, off, kind, name))
			if !known {
				w.undo = append(w.undo, fmt.Sprintf("ALTER TABLE %s%s %s %s %s", only, table, on, kind, name))
			}
		case "view rule", "view trigger": // which cannot be disabled
			if w.granted {
				return
			}
			if !allowed || copied && what == "view trigger" { // COPY knows no rules
				called := "rule " + name
				if what == "view trigger" {
					called = "INSTEAD OF " + state + " triggers"
				}
				forbidden = append(forbidden, fmt.Sprintf("%s of %s (owner %s)", called, table, other))
				return
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
			statements = append(statements, off)
			if key := what + table + name; w.states[key] == "" {
				w.states[key] = state
				w.undo = append(w.undo, on)
			}
		case "security":
			statements = append(statements, "ALTER TABLE "+table+" NO FORCE ROW LEVEL SECURITY")
			w.last = append(w.last, "ALTER TABLE "+table+" FORCE ROW LEVEL SECURITY")
		default:
			if w.granted {
				return
			}
			if !allowed {
				reason := "the role does not own " + table
				if other != "" {
					reason = "the role lacks REFERENCES on " + other
				}
				w.staying = append(w.staying, stayingKey{table, name, reason})
				if schema := (&sqltext.Tokens{Text: v[1]}).Relation(); strings.Contains(state, " DEFERRABLE") {
					statements = append(statements, fmt.Sprintf("SET CONSTRAINTS %s.%s DEFERRED", sqltext.QuoteName(schema[0]), name))
				}
				return
			}
			if slices.ContainsFunc(w.keys, func(k droppedKey) bool { return k.table == table && k.name == name }) && !w.rewound {
				return
			}
			statements = append(statements, fmt.Sprintf("ALTER TABLE %s DROP CONSTRAINT %s", table, name))
			w.keys = append(w.keys, droppedKey{table: table, name: name, definition: state, comment: comment, partitioned: what != "key"})
		}
	})
	if err != nil {
		return err
	}
	if len(forbidden) > 0 {
		return &problem.Error{Code: problem.Database, Where: "table " + name, What: "the role may neither set session_replication_role nor disable " + strings.Join(forbidden, ", "),
			Remedy: fmt.Sprintf("Load as the tables' owner, or let the role: GRANT SET ON PARAMETER session_replication_role TO %s (PostgreSQL 15 and later).", sqltext.QuoteName(r.session.Config().User))}
	}
	if len(statements) == 0 {
		return nil
	}
	r.forgetPlans()
	return r.alter(ctx, strings.Join(statements, "; "))
}

// endOwnersWay puts back all that was taken out of the way, but for row security.
func (r *run) endOwnersWay(ctx context.Context) error {
	w := r.way
	if w == nil {
		return nil
	}
	w.active = false
	r.forgetPlans()
	if err := r.rebuild(ctx); err != nil {
		return r.refused(err)
	}
	if err := r.putKeysBack(ctx); err != nil {
		return err
	}
	if len(w.undo) == 0 {
		return nil
	}
	undo := w.undo
	w.undo = nil
	clear(w.states)
	return r.ownStatements(ctx, undo)
}

// closeOwnersWay puts row security back.
func (r *run) closeOwnersWay(ctx context.Context) error {
	if r.way == nil || len(r.way.last) == 0 {
		return nil
	}
	last := r.way.last
	r.way.last = nil
	return r.ownStatements(ctx, last)
}

func (r *run) ownStatements(ctx context.Context, statements []string) error {
	if err := r.alter(ctx, strings.Join(statements, "; ")); err != nil {
		return (&failure{err: err}).problem()
	}
	return nil
}

// alter changes tables. Deferred triggers that wait for the commit keep a table from being changed; they have their turn then.
func (r *run) alter(ctx context.Context, sql string) error {
	err := r.tryExec(ctx, sql)
	var pe *pgconn.PgError
	if errors.As(err, &pe) && pe.Code == "55006" {
		return r.exec(ctx, "SET CONSTRAINTS ALL IMMEDIATE; "+sql)
	}
	return err
}

// putKeysBack adds the foreign keys again. The server checks all rows at once while it does.
func (r *run) putKeysBack(ctx context.Context) error {
	w := r.way
	keys := w.keys
	w.keys = nil
	if w.rewound {
		kept := keys[:0]
		for _, k := range keys {
			there, err := r.hasConstraint(ctx, k)
			if err != nil {
				return (&failure{err: err}).problem()
			}
			if !there && !slices.Contains(kept, k) {
				kept = append(kept, k)
			}
		}
		keys = kept
	}
	if len(keys) > 0 {
		if err := r.tune(ctx); err != nil { // the server checks keys with the memory for maintenance
			return (&failure{err: err}).problem()
		}
	}
	for _, k := range keys {
		if err := r.putKeyBack(ctx, k); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) hasConstraint(ctx context.Context, k droppedKey) (bool, error) {
	there := false
	err := r.try(ctx, fmt.Sprintf("SELECT true FROM pg_catalog.pg_constraint WHERE conrelid = '%s'::regclass AND pg_catalog.quote_ident(conname) = '%s'",
		strings.ReplaceAll(k.table, "'", "''"), strings.ReplaceAll(k.name, "'", "''")), session.Handlers{Row: func([][]byte) { there = true }})
	return there, err
}

func (r *run) putKeyBack(ctx context.Context, k droppedKey) error {
	add := fmt.Sprintf("ALTER TABLE %s ADD CONSTRAINT %s %s", k.table, k.name, k.definition)
	comment := ""
	if k.comment != "" {
		comment = fmt.Sprintf("; COMMENT ON CONSTRAINT %s ON %s IS %s", k.name, k.table, k.comment)
	}
	err := r.alter(ctx, add+comment)
	if err == nil {
		r.way.valid[k.table+" "+k.name] = true
		return nil
	}
	if problem := r.ownFault(ctx, err); problem != nil {
		return problem
	}
	var pe *pgconn.PgError
	if !errors.As(err, &pe) || pe.Code != "23503" {
		return (&failure{err: err}).problem()
	}
	if k.partitioned {
		return &problem.Error{Code: problem.Database, Where: "table " + k.table,
			What:    fmt.Sprintf("rows break the foreign key %s, and a role without session_replication_role cannot put it back over them", k.name),
			Excerpt: "DETAIL: " + pe.Detail, Err: err,
			Remedy: fmt.Sprintf("Mend the data in Fabricate, or let the role: GRANT SET ON PARAMETER session_replication_role TO %s (PostgreSQL 15 and later).", sqltext.QuoteName(r.session.Config().User))}
	}
	if err := r.exec(ctx, add+" NOT VALID"+comment); err != nil {
		return (&failure{err: err}).problem()
	}
	found, err := r.foreignKeys(ctx, "quote_ident(c.conname) = '"+strings.ReplaceAll(k.name, "'", "''")+"' AND c.conrelid = $1::text::regclass", k.table)
	if err != nil {
		return (&failure{err: err}).problem()
	}
	for _, key := range found {
		also := fmt.Sprintf("; it is NOT VALID now, because only the replica role leaves it valid over such rows: ALTER TABLE %s VALIDATE CONSTRAINT %s when they are mended", k.table, k.name)
		if err := r.checkForeignKey(ctx, key, also); err != nil {
			return err
		}
	}
	return nil
}

// keysStay tells whether some foreign key checks rows as they come.
func (w *ownersWay) keysStay() bool { return w != nil && w.active && len(w.staying) > 0 }

// checked tells whether the server has checked a key of late.
func (w *ownersWay) checked(k foreignKey) bool {
	return w != nil && w.valid[k.tableName()+" "+k.name]
}
