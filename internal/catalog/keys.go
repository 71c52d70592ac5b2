package catalog

import (
	"context"
	"fmt"
	"strings"
)

// ForeignKey is one constraint, as a check needs it. Names are quoted.
type ForeignKey struct {
	OID                 uint32
	Name, Table, Parent string   // the tables with ONLY before them where their children are none of theirs
	Full                bool     // MATCH FULL
	Hidden              bool     // row security hides rows of one of the two, or the role may not read one
	From, To, Equal     []string // columns of Table, columns of Parent, operators parent = table
	Collate             []string // " COLLATE …" behind the table's column where the parent's column has another collation
}

// TableName is the key's table without ONLY.
func (k *ForeignKey) TableName() string { return strings.TrimPrefix(k.Table, "ONLY ") }

// ParentName is the table that it refers to, without ONLY.
func (k *ForeignKey) ParentName() string { return strings.TrimPrefix(k.Parent, "ONLY ") }

// Match is the condition under which a row f of the key's table refers to a row p of the other.
func (k *ForeignKey) Match() string {
	match := make([]string, len(k.From))
	for i := range k.From {
		match[i] = fmt.Sprintf("p.%s %s f.%s%s", k.To[i], k.Equal[i], k.From[i], k.Collate[i])
	}
	return strings.Join(match, " AND ")
}

// foreignKeyQuery finds foreign keys. A key of a partitioned table is there once, not for each partition. ONLY is what the server's
// own triggers use: a plain inheritance child's rows belong to neither side. The columns are those of a ForeignKey.
const foreignKeyColumns = `c.oid, quote_ident(c.conname),
	CASE WHEN f.relkind = 'r' THEN 'ONLY ' ELSE '' END || f.relnamespace::regnamespace || '.' || quote_ident(f.relname),
	CASE WHEN p.relkind = 'r' THEN 'ONLY ' ELSE '' END || p.relnamespace::regnamespace || '.' || quote_ident(p.relname),
	c.confmatchtype = 'f',
	row_security_active(f.oid) OR row_security_active(p.oid) OR NOT has_schema_privilege(f.relnamespace, 'USAGE') OR NOT has_schema_privilege(p.relnamespace, 'USAGE')
	OR pairs.hidden, pairs.froms, pairs.tos, pairs.equals, pairs.collates`

const foreignKeyTables = `FROM pg_constraint c
JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class p ON p.oid = c.confrelid
CROSS JOIN LATERAL (
	SELECT bool_or(pair.hidden) AS hidden, array_agg(pair.froms) AS froms, array_agg(pair.tos) AS tos, array_agg(pair.equals) AS equals, array_agg(pair.collates) AS collates
	FROM (
		SELECT NOT has_column_privilege(f.oid, fa.attnum, 'SELECT') OR NOT has_column_privilege(p.oid, pa.attnum, 'SELECT') AS hidden,
			quote_ident(fa.attname) AS froms, quote_ident(pa.attname) AS tos,
			(SELECT format('OPERATOR(%s.%s)', o.oprnamespace::regnamespace, o.oprname) FROM pg_operator o WHERE o.oid = k.equal) AS equals,
			CASE WHEN pa.attcollation <> 0 AND pa.attcollation <> fa.attcollation
				THEN (SELECT format(' COLLATE %s.%I', co.collnamespace::regnamespace, co.collname) FROM pg_collation co WHERE co.oid = pa.attcollation) ELSE '' END AS collates
		FROM unnest(c.conkey, c.confkey, c.conpfeqop) WITH ORDINALITY k(fromn, ton, equal, i)
		JOIN pg_attribute fa ON fa.attrelid = c.conrelid AND fa.attnum = k.fromn
		JOIN pg_attribute pa ON pa.attrelid = c.confrelid AND pa.attnum = k.ton ORDER BY k.i
	) pair
) pairs`

const foreignKeyQuery = `SELECT ` + foreignKeyColumns + `
` + foreignKeyTables + `
WHERE c.contype = 'f' AND c.conparentid = 0 AND `

func foreignKeys(ctx context.Context, q Querier, condition string, args ...any) ([]ForeignKey, error) {
	return collect(ctx, q.Ask, foreignKeyQuery+condition+" ORDER BY 2, 1", args, (*ForeignKey).scan)
}

func (k *ForeignKey) scan() []any {
	return []any{&k.OID, &k.Name, &k.Table, &k.Parent, &k.Full, &k.Hidden, &k.From, &k.To, &k.Equal, &k.Collate}
}

// ForeignKeys gives the keys of tables and those that point at them. Keys marked NOT VALID promise nothing and are left out.
func ForeignKeys(ctx context.Context, q Querier, oids []uint32) ([]ForeignKey, error) {
	return foreignKeys(ctx, q, "c.convalidated AND (c.conrelid = ANY ($1::oid[]) OR c.confrelid = ANY ($1::oid[]))", oids)
}

// ForeignKeyOf gives a key by its oid, valid or not; nothing where it is gone.
func ForeignKeyOf(ctx context.Context, q Querier, oid uint32) ([]ForeignKey, error) {
	return foreignKeys(ctx, q, "c.oid = $1::oid", oid)
}

// Constraint gives the oid of a table's constraint by its name, the table's schema-qualified, both quoted; 0 where there is none.
func Constraint(ctx context.Context, q Querier, table, name string) (oid uint32, err error) {
	return oid, q.Ask(ctx, "SELECT coalesce((SELECT oid FROM pg_constraint WHERE conrelid = to_regclass($1::text) AND conname = (parse_ident($2::text))[1]::name), 0)",
		[]any{table, name}, []any{&oid}, nil)
}

// InheritedKey is what a partition, or one of its partitions, has of a foreign key of the partitioned table.
type InheritedKey struct {
	Of          uint32 // the partition
	Table, Name string // quoted, the table's schema-qualified
	Comment     string // as a literal; "" for none
}

const inheritedKeysQuery = `WITH RECURSIVE keys(oid, parent) AS (
	SELECT oid, 0::oid FROM pg_constraint WHERE oid = $1::oid
	UNION ALL
	SELECT k.oid, k.conparentid FROM keys JOIN pg_constraint k ON k.conparentid = keys.oid WHERE k.contype = 'f'
)
SELECT k.conrelid, format('%I.%I', n.nspname, c.relname), quote_ident(k.conname), coalesce(quote_literal(obj_description(k.oid, 'pg_constraint')), '')
FROM keys JOIN pg_constraint k ON k.oid = keys.oid JOIN pg_constraint top ON top.oid = $1::oid
JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE keys.parent <> 0 AND k.confrelid = top.confrelid ORDER BY keys.oid`

// InheritedKeys gives what partitions have of a foreign key; what it has for each partition of the table that it refers to is not among it.
func InheritedKeys(ctx context.Context, q Querier, key uint32) ([]InheritedKey, error) {
	return collect(ctx, q.Ask, inheritedKeysQuery, []any{key}, func(k *InheritedKey) []any { return []any{&k.Of, &k.Table, &k.Name, &k.Comment} })
}

// Reference is a foreign key between two tables.
type Reference struct {
	Child, Parent uint32
	Name          string // of the key and its table, for people
}

const referenceQuery = `SELECT k.conrelid, k.confrelid, format('%I of %I.%I', k.conname, n.nspname, c.relname)
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE k.contype = 'f' AND k.conrelid = ANY ($1::oid[]) AND k.confrelid = ANY ($1::oid[]) AND k.conrelid <> k.confrelid`

// FirmReferences gives the foreign keys between different ones of the tables that cannot be deferred, and belong to a table that is not the
// role's.
func FirmReferences(ctx context.Context, q Querier, oids []uint32) ([]Reference, error) {
	return references(ctx, q, referenceQuery+" AND NOT k.condeferrable AND NOT pg_has_role(c.relowner, 'USAGE')", oids)
}

// UndeferredReferences gives the foreign keys between different ones of the tables that cannot be deferred.
func UndeferredReferences(ctx context.Context, q Querier, oids []uint32) ([]Reference, error) {
	return references(ctx, q, referenceQuery+" AND NOT k.condeferrable", oids)
}

func references(ctx context.Context, q Querier, sql string, oids []uint32) ([]Reference, error) {
	return collect(ctx, q.Ask, sql, []any{oids}, func(r *Reference) []any { return []any{&r.Child, &r.Parent, &r.Name} })
}

// Emptying is what decides how a table is emptied together with others.
type Emptying struct {
	OID       uint32
	Kind      string   // pg_class.relkind
	Inherited bool     // tables inherit from it that are no partitions of it
	Outside   bool     // a table that is not emptied refers to it, or to a partition of it
	Referring []uint32 // those of the others that refer to it, they or a partition of theirs
}

// families gives the tables of $1, each with its partitions below.
const families = `WITH RECURSIVE family(root, oid) AS (
	SELECT oid, oid FROM unnest($1::oid[]) oid
	UNION
	SELECT f.root, i.inhrelid FROM family f JOIN pg_inherits i ON i.inhparent = f.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
)
`

const emptyingQuery = families + `
SELECT c.oid, c.relkind::text, c.relkind = 'r' AND EXISTS (SELECT 1 FROM pg_inherits i WHERE i.inhparent = c.oid),
	EXISTS (SELECT 1 FROM family f JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = f.oid
		WHERE f.root = c.oid AND NOT EXISTS (SELECT 1 FROM family o WHERE o.oid = k.conrelid)),
	array(SELECT DISTINCT o.root FROM family f JOIN pg_constraint k ON k.contype = 'f' AND k.confrelid = f.oid JOIN family o ON o.oid = k.conrelid
		WHERE f.root = c.oid AND o.root <> c.oid ORDER BY 1)
FROM pg_class c WHERE c.oid = ANY ($1::oid[]) ORDER BY 1`

// EmptyingOf says of each of the tables how it is emptied together with all the others, sorted by oid.
func EmptyingOf(ctx context.Context, q Querier, oids []uint32) ([]Emptying, error) {
	return collect(ctx, q.Ask, emptyingQuery, []any{oids}, func(e *Emptying) []any { return []any{&e.OID, &e.Kind, &e.Inherited, &e.Outside, &e.Referring} })
}

// OutsideKey is a foreign key that acts when rows of a table go, and belongs to a table whose rows are to stay.
type OutsideKey struct {
	ForeignKey
	Action     string // ON DELETE: NO ACTION, RESTRICT, CASCADE, SET NULL or SET DEFAULT
	Deferrable bool
}

// Referring gives the rows f of the key's table that refer to any of the other, those in tables of inside left out: what stands from FROM on.
func (k *OutsideKey) Referring(inside []uint32) string {
	return fmt.Sprintf("FROM %s f WHERE f.tableoid <> ALL ('{%s}'::oid[]) AND EXISTS (SELECT 1 FROM %s p WHERE %s)", k.Table, numbers(inside), k.Parent, k.Match())
}

const deleteAction = `CASE c.confdeltype WHEN 'r' THEN 'RESTRICT' WHEN 'c' THEN 'CASCADE' WHEN 'n' THEN 'SET NULL' WHEN 'd' THEN 'SET DEFAULT' ELSE 'NO ACTION' END`

// outsideKeysQuery finds those that would act now, by the session's role of replication. Of a key and those that partitions have of it, the
// topmost is enough.
const outsideKeysQuery = families + `, acting AS (
	SELECT k.oid, k.conparentid FROM pg_constraint k
	WHERE k.contype = 'f' AND k.confrelid IN (SELECT oid FROM family) AND k.conrelid NOT IN (SELECT oid FROM family) AND k.conrelid <> ALL ($2::oid[])
		AND EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgrelid = k.confrelid AND t.tgtype & 8 <> 0
			AND t.tgenabled IN ('A', CASE WHEN current_setting('session_replication_role') = 'replica' THEN 'R' ELSE 'O' END))
)
SELECT ` + foreignKeyColumns + `, ` + deleteAction + `, c.condeferrable
` + foreignKeyTables + `
WHERE c.oid IN (SELECT oid FROM acting WHERE conparentid NOT IN (SELECT oid FROM acting)) ORDER BY 3, 2, 1`

// OutsideKeys gives the foreign keys that would act if rows of the tables went, or of their partitions, and that belong to none of them,
// nor to a table of inside; sorted by table and name.
func OutsideKeys(ctx context.Context, q Querier, oids, inside []uint32) ([]OutsideKey, error) {
	return collect(ctx, q.Ask, outsideKeysQuery, []any{oids, inside}, func(k *OutsideKey) []any {
		return append(k.scan(), &k.Action, &k.Deferrable)
	})
}

// Family gives the tables with their partitions.
func Family(ctx context.Context, q Querier, oids []uint32) ([]uint32, error) {
	return collect(ctx, q.Ask, families+"SELECT DISTINCT oid FROM family ORDER BY 1", []any{oids}, func(oid *uint32) []any { return []any{oid} })
}

// PlainKey is a foreign key of one column whose values are compared as numbers or UUIDs are.
type PlainKey struct {
	OID           uint32
	Table         uint32
	Column        string
	Parent        uint32
	ParentColumn  string
	ParentName    string // schema-qualified and quoted
	ParentColumnQ string // quoted
}

const plainKeyQuery = `
SELECT c.oid, c.conrelid, fa.attname::text, c.confrelid, pa.attname::text, format('%I.%I', n.nspname, p.relname), quote_ident(pa.attname)
FROM pg_constraint c
JOIN pg_class f ON f.oid = c.conrelid JOIN pg_class p ON p.oid = c.confrelid
JOIN pg_namespace n ON n.oid = p.relnamespace
JOIN pg_attribute fa ON fa.attrelid = f.oid AND fa.attnum = c.conkey[1]
JOIN pg_attribute pa ON pa.attrelid = p.oid AND pa.attnum = c.confkey[1]
JOIN pg_operator o ON o.oid = c.conpfeqop[1]
WHERE c.contype = 'f' AND c.convalidated AND c.conparentid = 0 AND array_length(c.conkey, 1) = 1 AND f.relkind = 'r' AND p.relkind = 'r'
	AND NOT f.relispartition AND NOT p.relispartition -- rows come to those by other names
	AND o.oprname = '=' AND o.oprnamespace = 'pg_catalog'::regnamespace
	AND (fa.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype) AND pa.atttypid IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype)
		OR fa.atttypid = 'uuid'::regtype AND pa.atttypid = 'uuid'::regtype)`

// PlainKeys gives all of them.
func PlainKeys(ctx context.Context, q Querier) ([]PlainKey, error) {
	return collect(ctx, q.Ask, plainKeyQuery, nil, func(k *PlainKey) []any {
		return []any{&k.OID, &k.Table, &k.Column, &k.Parent, &k.ParentColumn, &k.ParentName, &k.ParentColumnQ}
	})
}
