package catalog

import "context"

// ShapeColumn is a column as values are held to it.
type ShapeColumn struct {
	Name     string
	Quoted   string
	Type     string // with its modifier, as format_type gives it
	Base     string // below domains, without a modifier: a text cast to it is what the type's input makes of it
	Collate  string // " COLLATE …" where it is not the base's own
	Domain   bool
	Enum     bool
	Row      bool // of fields
	Free     bool // the type takes every text
	Unsure   bool // what a text means for the type depends on names
	NotNull  bool
	Computed bool // the server computes it
	Always   bool // the server numbers it, always
	Default  bool // it has a default, or is numbered
}

const shapeQuery = `SELECT a.attname::text, quote_ident(a.attname), format_type(a.atttypid, a.atttypmod), format_type(b.oid, -1),
	CASE WHEN a.attcollation <> 0 AND a.attcollation <> b.typcollation THEN (SELECT format(' COLLATE %I.%I', n.nspname, c.collname)
		FROM pg_collation c JOIN pg_namespace n ON n.oid = c.collnamespace WHERE c.oid = a.attcollation) ELSE '' END,
	t.oid <> b.oid, b.typtype = 'e', b.typtype = 'c', t.oid = b.oid AND a.atttypmod < 0 AND b.oid IN (25, 1043),
	b.typname LIKE 'reg%' OR b.typtype NOT IN ('b', 'e', 'r', 'm', 'c'), a.attnotnull, a.attgenerated <> '', a.attidentity = 'a',
	a.atthasdef OR a.attidentity <> '' OR t.typdefault IS NOT NULL
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid
LEFT JOIN pg_type b1 ON t.typtype = 'd' AND b1.oid = t.typbasetype
LEFT JOIN pg_type b2 ON b1.typtype = 'd' AND b2.oid = b1.typbasetype
JOIN pg_type b ON b.oid = coalesce(b2.oid, b1.oid, t.oid)
WHERE a.attrelid = $1::oid AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum`

// Shape gives a relation's columns, in its order.
func Shape(ctx context.Context, q Querier, relation uint32) ([]ShapeColumn, error) {
	return collect(ctx, q.Ask, shapeQuery, []any{relation}, func(c *ShapeColumn) []any {
		return []any{&c.Name, &c.Quoted, &c.Type, &c.Base, &c.Collate, &c.Domain, &c.Enum, &c.Row, &c.Free, &c.Unsure, &c.NotNull, &c.Computed, &c.Always, &c.Default}
	})
}

// Rule is a constraint of a relation, or a unique index.
type Rule struct {
	Kind    string // "c" a check, "u" a unique key, "f" a foreign key, "p" the partitions' bounds, "x" an exclusion
	Name    string
	Columns []string // that it is about; empty where an expression is
	Text    string   // of a check or of bounds: the condition; of a unique key: the condition under which it counts, "" for always
	Exprs   []string // of a key: its columns or expressions, as SQL
	Parent  uint32   // of a foreign key
	To      []string // its columns there, as SQL
	Nulls   bool     // of a unique key: NULLs are the same
	Skip    bool     // what it says cannot be found out beforehand
}

const rulesQuery = `SELECT 'c', k.conname::text, array(SELECT a.attname::text FROM unnest(k.conkey) n JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n),
	pg_get_expr(k.conbin, k.conrelid), '{}'::text[], 0::oid, '{}'::text[], false,
	EXISTS (SELECT FROM regexp_matches(k.conbin::text, ':(?:opfuncid|funcid) (\d+)', 'g') m(f) JOIN pg_proc p ON p.oid = f[1]::oid WHERE p.provolatile = 'v')
FROM pg_constraint k WHERE k.conrelid = $1::oid AND k.contype = 'c'
UNION ALL
SELECT 'x', k.conname::text, '{}'::text[], '', '{}'::text[], 0::oid, '{}'::text[], false, true FROM pg_constraint k WHERE k.conrelid = $1::oid AND k.contype = 'x'
UNION ALL
SELECT 'f', k.conname::text, array(SELECT a.attname::text FROM unnest(k.conkey) WITH ORDINALITY u(n, i) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n ORDER BY i), '',
	array(SELECT quote_ident(a.attname) FROM unnest(k.conkey) WITH ORDINALITY u(n, i) JOIN pg_attribute a ON a.attrelid = k.conrelid AND a.attnum = n ORDER BY i), k.confrelid,
	array(SELECT quote_ident(a.attname) FROM unnest(k.confkey) WITH ORDINALITY u(n, i) JOIN pg_attribute a ON a.attrelid = k.confrelid AND a.attnum = n ORDER BY i),
	false, k.confmatchtype <> 's' OR NOT k.convalidated
FROM pg_constraint k WHERE k.conrelid = $1::oid AND k.contype = 'f' AND k.conparentid = 0
UNION ALL
SELECT 'u', i.relname::text, array(SELECT a.attname::text FROM unnest(x.indkey::int2[]) WITH ORDINALITY u(n, o) JOIN pg_attribute a ON a.attrelid = x.indrelid AND a.attnum = n
		WHERE o <= x.indnkeyatts AND x.indexprs IS NULL AND x.indpred IS NULL ORDER BY o),
	coalesce(pg_get_expr(x.indpred, x.indrelid), ''), array(SELECT pg_get_indexdef(x.indexrelid, o, false) FROM generate_series(1, x.indnkeyatts) o ORDER BY o), 0::oid, '{}'::text[],
	coalesce((to_jsonb(x) ->> 'indnullsnotdistinct')::bool, false), false
FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = $1::oid AND x.indisunique AND x.indisvalid
UNION ALL
SELECT 'p', '', '{}'::text[], coalesce(string_agg('(' || pg_get_partition_constraintdef(l.relid) || ')', ' OR '), ''), '{}'::text[], 0::oid, '{}'::text[], false,
	bool_or(pg_get_partition_constraintdef(l.relid) IS NULL)
FROM pg_class c, LATERAL (SELECT t.relid FROM pg_partition_tree(c.oid) t WHERE t.isleaf AND t.relid <> c.oid) l WHERE c.oid = $1::oid AND c.relkind = 'p' HAVING count(*) > 0`

// Rules gives what a relation's rows are held to beside its columns' types.
func Rules(ctx context.Context, q Querier, relation uint32) ([]Rule, error) {
	return collect(ctx, q.Ask, rulesQuery, []any{relation}, func(r *Rule) []any {
		return []any{&r.Kind, &r.Name, &r.Columns, &r.Text, &r.Exprs, &r.Parent, &r.To, &r.Nulls, &r.Skip}
	})
}
