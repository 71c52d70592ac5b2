package catalog

import "context"

// Obstacle is something that the replica role would keep from happening when rows come to a table, or when it is emptied.
type Obstacle struct {
	Kind    string // "trigger", "rule", "view rule", "view trigger", "security", "key" or "partitioned key"
	Table   string // schema-qualified and quoted
	Name    string // quoted; of a view trigger the event, in lower case
	State   string // of a trigger or rule whether it is enabled, of a view's rule and of a key the definition, of a view trigger the event
	Comment string // as a literal; "" for none
	Allowed bool   // the role may take it out of the way
	Other   string // the table's owner; of a key the table that it refers to, or "" where the role does not own its own
}

// obstacleQuery lists what stands in the way for the table $1; $2 follows foreign keys as TRUNCATE … CASCADE does; $3 includes keys of
// others that point at the table. A key of partitions is that of the topmost table.
const obstacleQuery = `
WITH RECURSIVE named AS (SELECT $1::oid AS oid
), reached(oid) AS (
	SELECT oid FROM named
	UNION
	SELECT next.oid FROM reached JOIN LATERAL (
		SELECT i.inhrelid AS oid FROM pg_inherits i JOIN pg_class p ON p.oid = i.inhrelid WHERE i.inhparent = reached.oid AND (p.relispartition OR $2::bool)
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
SELECT 'trigger', rels.name, quote_ident(t.tgname), t.tgenabled::text, '', rels.owned, rels.owner
FROM pg_trigger t JOIN rels ON rels.oid = t.tgrelid
WHERE NOT t.tgisinternal AND t.tgenabled IN ('O', 'R') AND rels.relkind IN ('r', 'p', 'f') AND (NOT $2::bool OR t.tgtype & 32 <> 0)
UNION ALL
SELECT 'rule', rels.name, quote_ident(w.rulename), w.ev_enabled::text, '', rels.owned, rels.owner
FROM pg_rewrite w JOIN rels ON rels.oid = w.ev_class
WHERE w.ev_type <> '1' AND w.ev_enabled IN ('O', 'R') AND rels.relkind IN ('r', 'p') AND NOT $2::bool
UNION ALL
SELECT 'view rule', rels.name, quote_ident(w.rulename), overlay(pg_get_ruledef(w.oid) PLACING 'CREATE OR REPLACE' FROM 1 FOR 6),
	coalesce(quote_literal(obj_description(w.oid, 'pg_rewrite')), ''), rels.owned, rels.owner
FROM pg_rewrite w JOIN rels ON rels.oid = w.ev_class
WHERE w.ev_type <> '1' AND rels.relkind = 'v' AND w.rulename NOT LIKE 'fabricate\_seed\_%'
UNION ALL
SELECT 'view trigger', rels.name, lower(event), event, '', rels.owned, rels.owner
FROM rels JOIN (VALUES (4, 'INSERT'), (8, 'DELETE'), (16, 'UPDATE')) e(bit, event)
	ON EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = rels.oid AND t.tgtype & 64 <> 0 AND t.tgtype & e.bit <> 0)
WHERE rels.relkind = 'v'
UNION ALL
SELECT 'security', rels.name, '', '', '', rels.owned, rels.owner FROM rels WHERE rels.forced AND rels.owned
UNION ALL
SELECT CASE c.relkind WHEN 'p' THEN 'partitioned key' ELSE 'key' END, format('%I.%I', n.nspname, c.relname), quote_ident(k.conname),
	pg_get_constraintdef(k.oid), coalesce(quote_literal(obj_description(k.oid, 'pg_constraint')), ''),
	pg_has_role(c.relowner, 'USAGE') AND (has_table_privilege(k.confrelid, 'REFERENCES')
		OR NOT EXISTS (SELECT 1 FROM unnest(k.confkey) a(n) WHERE NOT has_column_privilege(k.confrelid, a.n, 'REFERENCES'))),
	CASE WHEN pg_has_role(c.relowner, 'USAGE') THEN k.confrelid::regclass::text ELSE '' END
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.oid IN (SELECT oid FROM keys WHERE parent = 0)
ORDER BY 1, 2, 3`

// Obstacles gives what stands in the way for rows into a table, sorted by kind, table and name; with truncated for emptying it with all
// that refers to it; with changed also the keys of other tables that point at it.
func Obstacles(ctx context.Context, q Querier, table uint32, truncated, changed bool) ([]Obstacle, error) {
	return collect(ctx, q.Ask, obstacleQuery, []any{table, truncated, changed}, func(o *Obstacle) []any {
		return []any{&o.Kind, &o.Table, &o.Name, &o.State, &o.Comment, &o.Allowed, &o.Other}
	})
}
