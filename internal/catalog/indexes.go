package catalog

import "context"

// Droppable is an index that its owner can drop and make again exactly as it was.
type Droppable struct {
	Drop   string // the statement that drops it with all its partitions; "" for a partition, which goes with it
	Create string // the statements that make it again, and attach its own partitions to it
}

// droppableQuery lists those of the indexes $1, and of the partitioned indexes of the table $2, that their owner can drop and make
// again exactly as they were. Definitions come with qualified names, and are to be run under the same path.
//
// Left alone are indexes of exclusion constraints (whose definition does not show their storage parameters), those that anything
// else depends on (a foreign key that stays, a view that groups by a primary key), those that belong to an extension or to a
// partitioned table above, and those that the role could not make again: that takes CREATE on the schema and on the tablespace, and
// that no deferred check of the table waits for the commit.
const droppableQuery = `
WITH RECURSIVE tree(root, oid, level) AS (
	SELECT i.oid, i.oid, 0 FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
	WHERE NOT i.relispartition AND (i.oid IN (SELECT name::regclass FROM unnest($1::text[]) name) OR i.relkind = 'I' AND x.indrelid IN (SELECT relid FROM pg_partition_tree($2::oid::regclass)))
	UNION ALL
	SELECT tree.root, h.inhrelid, tree.level + 1 FROM tree JOIN pg_inherits h ON h.inhparent = tree.oid
), member AS (
	SELECT tree.*, i.relkind, i.relname AS index, t.relname AS rel, n.nspname AS nsp, k.oid AS con, k.conname, coalesce(s.spcname, '') AS space,
		CASE k.contype WHEN 'p' THEN 'PRIMARY KEY' ELSE 'UNIQUE' END AS key, x.indisclustered, x.indisreplident,
		pg_has_role(t.relowner, 'USAGE') AND has_schema_privilege(n.oid, 'CREATE') AND (s.oid IS NULL OR has_tablespace_privilege(s.oid, 'CREATE'))
		AND x.indisvalid AND x.indisready AND x.indislive AND x.indimmediate
		AND (k.oid IS NULL OR k.contype IN ('p', 'u') AND am.amname = 'btree' AND (i.relkind = 'i' OR i.reloptions IS NULL))
		AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.refclassid = 'pg_class'::regclass AND d.refobjid = i.oid AND d.deptype NOT IN ('P', 'S'))
		AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.refclassid = 'pg_constraint'::regclass AND d.refobjid = k.oid AND d.objid <> i.oid AND d.deptype NOT IN ('P', 'S'))
		AND NOT EXISTS (SELECT 1 FROM pg_depend d WHERE d.deptype IN ('e', 'x')
			AND (d.classid = 'pg_class'::regclass AND d.objid = i.oid OR d.classid = 'pg_constraint'::regclass AND d.objid = k.oid))
		AND (current_setting('session_replication_role') = 'replica'
			OR NOT EXISTS (SELECT 1 FROM pg_constraint f WHERE f.contype = 'f' AND f.conrelid = t.oid AND f.condeferrable)) AS may
	FROM tree JOIN pg_index x ON x.indexrelid = tree.oid
	JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_am am ON am.oid = i.relam
	JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace n ON n.oid = t.relnamespace
	LEFT JOIN pg_tablespace s ON s.oid = i.reltablespace
	LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = t.oid AND k.contype IN ('p', 'u', 'x')
)
SELECT CASE WHEN level > 0 THEN '' WHEN con IS NULL THEN format('DROP INDEX %I.%I', nsp, index) ELSE format('ALTER TABLE %I.%I DROP CONSTRAINT %I', nsp, rel, conname) END,
	concat_ws('; ', format('SET LOCAL default_tablespace = %L', space),
		CASE WHEN con IS NULL OR relkind = 'i' THEN pg_get_indexdef(oid) ELSE format('ALTER TABLE ONLY %I.%I ADD CONSTRAINT %I %s', nsp, rel, conname, pg_get_constraintdef(con)) END,
		CASE WHEN con IS NOT NULL AND relkind = 'i' THEN format('ALTER TABLE %I.%I ADD CONSTRAINT %I %s USING INDEX %I', nsp, rel, conname, key, index) END,
		format('COMMENT ON INDEX %I.%I IS ', nsp, index) || quote_literal(obj_description(oid, 'pg_class')),
		CASE WHEN con IS NOT NULL THEN format('COMMENT ON CONSTRAINT %I ON %I.%I IS ', conname, nsp, rel) || quote_literal(obj_description(con, 'pg_constraint')) END,
		(SELECT string_agg(format('ALTER INDEX %I.%I ALTER COLUMN %s SET STATISTICS %s', nsp, index, a.attnum, a.attstattarget), '; ')
			FROM pg_attribute a WHERE a.attrelid = m.oid AND a.attstattarget >= 0),
		CASE WHEN indisclustered THEN format('ALTER TABLE %I.%I CLUSTER ON %I', nsp, rel, index) END,
		CASE WHEN indisreplident THEN format('ALTER TABLE %I.%I REPLICA IDENTITY USING INDEX %I', nsp, rel, index) END,
		(SELECT string_agg(format('ALTER INDEX %I.%I ATTACH PARTITION %I.%I', m.nsp, m.index, p.nsp, p.index), '; ' ORDER BY p.oid)
			FROM pg_inherits h JOIN member p ON p.oid = h.inhrelid WHERE h.inhparent = m.oid))
FROM member m
WHERE root IN (SELECT root FROM member GROUP BY root HAVING bool_and(may))
ORDER BY root, level DESC, oid`

// DroppableIndexes gives those of the indexes, by their qualified names, and of the partitioned indexes of the table, that can be
// dropped and made again; of each those of partitions before itself.
func DroppableIndexes(ctx context.Context, q Querier, indexes []string, table uint32) ([]Droppable, error) {
	return collect(ctx, q.Ask, droppableQuery, []any{indexes, table}, func(d *Droppable) []any { return []any{&d.Drop, &d.Create} })
}
