package catalog

import "context"

// Emptied is a table that TRUNCATE … CASCADE reaches.
type Emptied struct {
	OID  uint32
	Name string // schema-qualified and quoted
	Rows int64  // that it held, by the server's own statistics, which know what was committed
}

const emptiedQuery = `
WITH RECURSIVE reached(oid) AS (
	SELECT oid FROM unnest($1::oid[]) oid WHERE oid <> 0
	UNION
	SELECT next.oid FROM reached JOIN LATERAL (
		SELECT i.inhrelid AS oid FROM pg_inherits i WHERE i.inhparent = reached.oid
		UNION ALL
		SELECT c.conrelid FROM pg_constraint c WHERE c.contype = 'f' AND c.confrelid = reached.oid
	) next ON true
)
SELECT c.oid, c.oid::regclass::text, CASE WHEN c.relkind = 'r' AND NOT c.relispartition THEN pg_stat_get_live_tuples(c.oid) ELSE 0 END
FROM reached JOIN pg_class c ON c.oid = reached.oid ORDER BY 2`

// EmptiedBy gives the tables that TRUNCATE … CASCADE reaches from those named: partitions, children, and what refers to them.
// (Without CASCADE it reaches no more, or it fails.)
func EmptiedBy(ctx context.Context, q Querier, oids []uint32) ([]Emptied, error) {
	return collect(ctx, q.Ask, emptiedQuery, []any{oids}, func(e *Emptied) []any { return []any{&e.OID, &e.Name, &e.Rows} })
}

// Filled is a table that a load may have put rows into, or a table above or below such a one.
type Filled struct {
	OID     uint32
	Name    string // schema-qualified and quoted
	Analyze bool   // the role may ANALYZE it, and no table above it that is filled too includes it
	OwnRole bool   // the role is the one asked for
}

// filledQuery asks for the tables that the script named ($1), and in one transaction ($2) also for those that the server's own
// counters know: rows come through views, rules, triggers and functions as well. ANALYZE of a partitioned table includes its
// partitions. Who may ANALYZE: the table's owner, the database's, and from PostgreSQL 17 on who has MAINTAIN ($3).
const filledQuery = `
WITH RECURSIVE seen AS (
	SELECT c.oid FROM pg_class c
	WHERE c.oid = ANY ($1::oid[]) OR ($2::bool AND c.relkind = 'r' AND c.relpersistence <> 't'
		AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND pg_stat_get_xact_tuples_inserted(c.oid) > 0)
), viewed(oid) AS (
	SELECT oid FROM seen
	UNION
	SELECT d.refobjid FROM viewed JOIN pg_class v ON v.oid = viewed.oid AND v.relkind = 'v'
	JOIN pg_rewrite w ON w.ev_class = v.oid
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass
), up(oid) AS (
	SELECT oid FROM viewed
	UNION
	SELECT i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.oid
), family(oid) AS (
	SELECT oid FROM up
	UNION
	SELECT i.inhrelid FROM family JOIN pg_inherits i ON i.inhparent = family.oid JOIN pg_class c ON c.oid = i.inhrelid AND c.relispartition
)
SELECT c.oid, c.relnamespace::regnamespace || '.' || quote_ident(c.relname),
	c.oid IN (SELECT oid FROM viewed) AND c.relkind IN ('r', 'p')
	AND NOT EXISTS (SELECT 1 FROM pg_partition_ancestors(c.oid) above WHERE above.relid <> c.oid AND above.relid IN (SELECT oid FROM viewed))
	AND (pg_has_role(c.relowner, 'USAGE') OR CASE WHEN $3::bool THEN has_table_privilege(c.oid, 'MAINTAIN') ELSE false END
		OR (SELECT pg_has_role(b.datdba, 'USAGE') FROM pg_database b WHERE b.datname = current_database())),
	current_user = $4::name
FROM family JOIN pg_class c ON c.oid = family.oid
WHERE c.relkind IN ('r', 'p', 'f')
ORDER BY 2`

// FilledBy gives the tables that a load has put rows into, with the partitioned tables above them and the partitions below: the
// named ones, and with counted also those that the server has counted rows into since the transaction began. maintain says that
// the server knows the privilege MAINTAIN; role is whom OwnRole is about.
func FilledBy(ctx context.Context, q Querier, named []uint32, counted, maintain bool, role string) ([]Filled, error) {
	return collect(ctx, q.Ask, filledQuery, []any{named, counted, maintain, role}, func(f *Filled) []any {
		return []any{&f.OID, &f.Name, &f.Analyze, &f.OwnRole}
	})
}

// lostQuery asks for tables by name ($1), and with $2 for those of which the server has counted rows deleted or changed since the
// transaction began.
const lostQuery = `
WITH RECURSIVE up(oid) AS (
	SELECT c.oid FROM pg_class c
	WHERE c.oid = ANY ($1::oid[]) OR ($2::bool AND c.relkind = 'r' AND c.relpersistence <> 't'
		AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace)
		AND pg_stat_get_xact_tuples_deleted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid) > 0)
	UNION
	SELECT i.inhparent FROM up JOIN pg_inherits i ON i.inhrelid = up.oid
)
SELECT oid FROM up ORDER BY 1`

// LostBy gives the tables that rows may have gone from, with the tables above them: the named ones, and with counted also those from
// which the server has counted that since the transaction began.
func LostBy(ctx context.Context, q Querier, named []uint32, counted bool) ([]uint32, error) {
	return collect(ctx, q.Ask, lostQuery, []any{named, counted}, func(oid *uint32) []any { return []any{oid} })
}
