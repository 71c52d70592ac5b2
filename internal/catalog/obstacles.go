package catalog

import (
	"context"
	"strings"
)

// Obstacle is something that the replica role would keep from happening when rows come to a table, or when it is emptied; or a trigger or rule
// that would happen under it, too.
type Obstacle struct {
	OID     uint32 // of a trigger, rule or key; 0 for others
	Of      uint32 // of a key: its table
	Refers  uint32 // of a key: the table that it refers to
	Kind    string // "trigger", "rule", "view rule", "view trigger", "security", "key" or "partitioned key"
	Table   string // schema-qualified and quoted
	Name    string // quoted; of a view trigger the event, in lower case
	State   string // of a trigger or rule whether it is enabled, of a view's rule and of a key the definition, of a view trigger the event
	Comment string // as a literal; "" for none
	Allowed bool   // the role may take it out of the way
	Other   string // the table's owner; of a key what keeps the role from making it again ("lacks REFERENCES on s.t"), "" for nothing
	Odd     bool   // a key of which some triggers, and not all, are not as they are made: it would not come back as it is
}

// obstacleQuery lists what stands in the way for the table $1; $2 follows foreign keys as TRUNCATE … CASCADE does; $3 includes keys of
// others that point at the table, and what the tables have that inherit from it. A key of partitions is that of the topmost table; one whose triggers are all disabled is no obstacle.
const obstacleQuery = `
WITH RECURSIVE named AS (SELECT $1::oid AS oid
), reached(oid) AS (
	SELECT oid FROM named
	UNION
	SELECT next.oid FROM reached JOIN LATERAL (
		SELECT i.inhrelid AS oid FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = reached.oid AND (p.relispartition OR $2::bool OR $3::bool)
		UNION ALL
		SELECT k.conrelid FROM pg_constraint k WHERE $2::bool AND k.contype = 'f' AND k.confrelid = reached.oid
		UNION ALL
		SELECT d.refobjid FROM pg_class v JOIN pg_rewrite w ON w.ev_class = v.oid AND w.ev_type = '1'
		JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
		WHERE v.oid = reached.oid AND v.relkind = 'v'
	) next ON true
), rels AS (
	SELECT c.oid, c.relkind, format('%I.%I', n.nspname, c.relname) AS name, pg_has_role(c.relowner, 'USAGE') AS owned, c.relowner::regrole::text AS owner,
		c.relrowsecurity AND c.relforcerowsecurity AND row_security_active(c.oid) AS forced
	FROM reached JOIN pg_class c ON c.oid = reached.oid JOIN pg_namespace n ON n.oid = c.relnamespace
), keys(oid, parent) AS (
	SELECT k.oid, k.conparentid FROM pg_constraint k WHERE NOT $2::bool AND k.contype = 'f'
		AND (k.conrelid IN (SELECT oid FROM rels) OR $3::bool AND k.confrelid IN (SELECT oid FROM rels))
	UNION
	SELECT k.oid, k.conparentid FROM keys JOIN pg_constraint k ON k.oid = keys.parent
)
SELECT t.oid, 0, 0, 'trigger', rels.name, quote_ident(t.tgname), t.tgenabled::text, '', rels.owned, rels.owner, false
FROM pg_trigger t JOIN rels ON rels.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled <> 'D' AND rels.relkind IN ('r', 'p', 'f') AND (NOT $2::bool OR t.tgtype & 32 <> 0)
UNION ALL
SELECT w.oid, 0, 0, 'rule', rels.name, quote_ident(w.rulename), w.ev_enabled::text, '', rels.owned, rels.owner, false
FROM pg_rewrite w JOIN rels ON rels.oid = w.ev_class
WHERE w.ev_type <> '1' AND w.ev_enabled <> 'D' AND rels.relkind IN ('r', 'p') AND NOT $2::bool
UNION ALL
SELECT 0, 0, 0, 'view rule', rels.name, quote_ident(w.rulename), overlay(pg_get_ruledef(w.oid) PLACING 'CREATE OR REPLACE' FROM 1 FOR 6),
	coalesce(quote_literal(obj_description(w.oid, 'pg_rewrite')), ''), rels.owned, rels.owner, false
FROM pg_rewrite w JOIN rels ON rels.oid = w.ev_class
WHERE w.ev_type <> '1' AND rels.relkind = 'v' AND w.rulename NOT LIKE 'fabricate\_seed\_%'
UNION ALL
SELECT 0, 0, 0, 'view trigger', rels.name, lower(event), event, '', rels.owned, rels.owner, false
FROM rels JOIN (VALUES (4, 'INSERT'), (8, 'DELETE'), (16, 'UPDATE')) e(bit, event)
	ON EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = rels.oid AND t.tgtype & 64 <> 0 AND t.tgtype & e.bit <> 0)
WHERE rels.relkind = 'v'
UNION ALL
SELECT 0, 0, 0, 'security', rels.name, '', '', '', rels.owned, rels.owner, false FROM rels WHERE rels.forced AND rels.owned
UNION ALL
SELECT k.oid, k.conrelid, k.confrelid, CASE c.relkind WHEN 'p' THEN 'partitioned key' ELSE 'key' END, format('%I.%I', n.nspname, c.relname), quote_ident(k.conname),
	CASE WHEN byprimary.columns IS NULL THEN pg_get_constraintdef(k.oid)
		ELSE replace(pg_get_constraintdef(k.oid), format(' REFERENCES %I.%I(%s)', pn.nspname, p.relname, byprimary.columns), format(' REFERENCES %I.%I', pn.nspname, p.relname)) END,
	coalesce(quote_literal(obj_description(k.oid, 'pg_constraint')), ''),
	lacks.what IS NULL, coalesce(lacks.what, ''),
	EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'O')
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace pn ON pn.oid = p.relnamespace
CROSS JOIN LATERAL (SELECT CASE WHEN NOT pg_has_role(c.relowner, 'USAGE') THEN format('does not own %I.%I', n.nspname, c.relname)
	WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN format('lacks USAGE on the schema %I', n.nspname)
	WHEN NOT has_schema_privilege(pn.oid, 'USAGE') THEN format('lacks USAGE on the schema %I', pn.nspname)
	WHEN NOT has_table_privilege(p.oid, 'REFERENCES') AND EXISTS (SELECT 1 FROM unnest(k.confkey) a(n) WHERE NOT has_column_privilege(p.oid, a.n, 'REFERENCES'))
		THEN format('lacks REFERENCES on %I.%I', pn.nspname, p.relname) END) lacks(what)
CROSS JOIN LATERAL (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY f.i) FROM unnest(k.confkey) WITH ORDINALITY f(n, i)
	JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = f.n
	WHERE EXISTS (SELECT 1 FROM pg_index i JOIN pg_index o ON o.indrelid = i.indrelid AND o.indexrelid < i.indexrelid AND o.indisunique
		WHERE i.indexrelid = k.conindid AND i.indisprimary AND (ARRAY(SELECT unnest(i.indkey)))[1:i.indnkeyatts] = k.confkey)) byprimary(columns)
WHERE k.oid IN (SELECT oid FROM keys WHERE parent = 0) AND EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgenabled <> 'D')
ORDER BY 4, 5, 6`

// Obstacles gives what stands in the way for rows into a table, sorted by kind, table and name; with truncated for emptying it with all
// that refers to it; with changed also the keys of other tables that point at it. A foreign key that rests on the primary key, where another unique
// index was made before, is told without the columns that it refers to: by these, the server would take that other index.
func Obstacles(ctx context.Context, q Querier, table uint32, truncated, changed bool) ([]Obstacle, error) {
	return collect(ctx, q.Ask, obstacleQuery, []any{table, truncated, changed}, func(o *Obstacle) []any {
		return []any{&o.OID, &o.Of, &o.Refers, &o.Kind, &o.Table, &o.Name, &o.State, &o.Comment, &o.Allowed, &o.Other, &o.Odd}
	})
}

const ownTablesQuery = `SELECT c.oid, format('%I.%I', n.nspname, c.relname) FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f', 'v') AND pg_has_role(c.relowner, 'USAGE') AND n.nspname !~ '^pg_' AND n.nspname <> 'information_schema'
	AND (c.relhastriggers OR EXISTS (SELECT 1 FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type <> '1')) ORDER BY n.nspname, c.relname`

// OwnTables gives the tables and views of the role's that have triggers, foreign keys, or rules for other than SELECT.
func OwnTables(ctx context.Context, q Querier) ([]Meaning, error) {
	return collect(ctx, q.Ask, ownTablesQuery, nil, func(t *Meaning) []any { return []any{&t.OID, &t.Name} })
}

// Firing is the state (pg_trigger.tgenabled) of a trigger or rule, and where it is by now.
type Firing struct{ State, Table, Name string } // quoted, the table's schema-qualified

// FiringOf gives the state of a trigger or rule (kind); a zero Firing where there is none any more.
func FiringOf(ctx context.Context, q Querier, kind string, oid uint32) (f Firing, err error) {
	some, err := collect(ctx, q.Ask, `SELECT p.enabled::text, format('%I.%I', n.nspname, c.relname), quote_ident(p.name) FROM (
		SELECT 'trigger' AS kind, oid, tgrelid AS rel, tgname AS name, tgenabled AS enabled FROM pg_trigger UNION ALL SELECT 'rule', oid, ev_class, rulename, ev_enabled FROM pg_rewrite) p
		JOIN pg_class c ON c.oid = p.rel JOIN pg_namespace n ON n.oid = c.relnamespace WHERE p.kind = $1::text AND p.oid = $2::oid`, []any{kind, oid},
		func(f *Firing) []any { return []any{&f.State, &f.Table, &f.Name} })
	if len(some) > 0 {
		f = some[0]
	}
	return f, err
}

// EventTriggers gives the names of those that see what a session changes in tables.
func EventTriggers(ctx context.Context, q Querier) ([]string, error) {
	return collect(ctx, q.Ask, "SELECT evtname::text FROM pg_event_trigger WHERE evtenabled IN ('O', 'A') AND evtevent <> 'login' ORDER BY 1", nil,
		func(name *string) []any { return []any{name} })
}

// Setting is a setting of a session.
type Setting struct{ Name, Value string }

// settingsQuery and whoQuery ask what a session has set, in whatever way: the values of all settings, and who it is. They name the schema of
// everything, so that they can be asked under the script's own path.
const settingsQuery, whoQuery = `SELECT s.name, s.setting, s.context FROM pg_catalog.pg_settings s`, `
UNION ALL SELECT 'role', pg_catalog.current_setting('role'), 'user' UNION ALL SELECT 'session_authorization', session_user::pg_catalog.text, 'user'`

// changedSettings are those that are asked for where only what the session itself has changed matters: a few in place of hundreds.
const changedSettings = ` WHERE s.source OPERATOR(pg_catalog.=) 'session' AND (s.setting OPERATOR(pg_catalog.<>) s.reset_val) IS NOT FALSE`

// Settings gives the settings of the session, the search_path included, or, with changed, who it is and those that it has given another value than
// RESET would.
func Settings(ctx context.Context, q Querier, changed bool) ([]Setting, error) {
	var all []Setting
	var name, context string
	var value *string
	query := settingsQuery
	if changed {
		query += changedSettings
	}
	err := q.Resolve(ctx, query+whoQuery, nil, []any{&name, &value, &context}, func() error {
		if value != nil && (context == "user" || context == "superuser") && !strings.HasPrefix(name, "transaction_") && !strings.HasPrefix(name, "fabricate_seed.") {
			all = append(all, Setting{Name: name, Value: *value})
		}
		return nil
	})
	return all, err
}
