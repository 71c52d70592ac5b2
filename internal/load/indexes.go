package load

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// Sorting for a new index in memory instead of in files is most of what makes one fast; two such sorts may run at once.
const maintenanceMemory = "256MB"

// switchOff makes the server leave a table's indexes alone while rows come, until rebuild. It is done only where nobody else
// can see the table until the transaction ends (it holds the table's exclusive lock), where the table is empty, and where the
// role may (the plan has seen to all three).
//
// For a superuser the catalog marks them as not ready, as CREATE INDEX CONCURRENTLY does before it has filled one, and REINDEX
// both fills them and sets the mark back. So nothing about them has to be remembered and put back: name, options, constraints,
// comments and all that depends on them stay where they are. Others may not write to the catalog: see dropIndexes.
func (r *run) switchOff(ctx context.Context, table []string, plan *tablePlan) error {
	if plan.off || len(plan.indexes) == 0 || !r.began {
		return nil
	}
	if !plan.superuser {
		return r.dropIndexes(ctx, table, plan)
	}
	if err := r.exec(ctx, fmt.Sprintf("UPDATE pg_catalog.pg_index SET indisready = false, indisvalid = false WHERE indexrelid IN ('%s'::regclass)",
		strings.Join(quoteLiterals(plan.indexes), "'::regclass, '"))); err != nil {
		return err
	}
	for _, index := range plan.indexes {
		plan.rebuild = append(plan.rebuild, "REINDEX INDEX "+index)
	}
	plan.off = true
	r.off = append(r.off, plan)
	return nil
}

// dropQuery lists those of the indexes %[1]s, and of the partitioned indexes of the table %[2]s, that their owner can drop and make
// again exactly as they were: the statement that drops one with all its partitions, and for each of these, leaves first, the
// statements that make it again and attach its own partitions to it. It runs under an empty search_path, so that definitions come
// with qualified names.
//
// Left alone are indexes of exclusion constraints (whose definition does not show their storage parameters), those that anything
// else depends on (a foreign key that stays, a view that groups by a primary key), those that belong to an extension or to a
// partitioned table above, and those that the role could not make again: that takes CREATE on the schema and on the tablespace, and
// that no deferred check of the table waits for the commit.
const dropQuery = `
WITH RECURSIVE tree(root, oid, level) AS (
	SELECT i.oid, i.oid, 0 FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid
	WHERE NOT i.relispartition AND (i.oid IN (%[1]s) OR i.relkind = 'I' AND x.indrelid IN (SELECT relid FROM pg_partition_tree(%[2]s)))
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
SELECT CASE WHEN level > 0 THEN '' WHEN con IS NULL THEN format('DROP INDEX %%I.%%I', nsp, index) ELSE format('ALTER TABLE %%I.%%I DROP CONSTRAINT %%I', nsp, rel, conname) END,
	concat_ws('; ', format('SET LOCAL default_tablespace = %%L', space),
		CASE WHEN con IS NULL OR relkind = 'i' THEN pg_get_indexdef(oid) ELSE format('ALTER TABLE ONLY %%I.%%I ADD CONSTRAINT %%I %%s', nsp, rel, conname, pg_get_constraintdef(con)) END,
		CASE WHEN con IS NOT NULL AND relkind = 'i' THEN format('ALTER TABLE %%I.%%I ADD CONSTRAINT %%I %%s USING INDEX %%I', nsp, rel, conname, key, index) END,
		format('COMMENT ON INDEX %%I.%%I IS ', nsp, index) || quote_literal(obj_description(oid, 'pg_class')),
		CASE WHEN con IS NOT NULL THEN format('COMMENT ON CONSTRAINT %%I ON %%I.%%I IS ', conname, nsp, rel) || quote_literal(obj_description(con, 'pg_constraint')) END,
		(SELECT string_agg(format('ALTER INDEX %%I.%%I ALTER COLUMN %%s SET STATISTICS %%s', nsp, index, a.attnum, a.attstattarget), '; ')
			FROM pg_attribute a WHERE a.attrelid = m.oid AND a.attstattarget >= 0),
		CASE WHEN indisclustered THEN format('ALTER TABLE %%I.%%I CLUSTER ON %%I', nsp, rel, index) END,
		CASE WHEN indisreplident THEN format('ALTER TABLE %%I.%%I REPLICA IDENTITY USING INDEX %%I', nsp, rel, index) END,
		(SELECT string_agg(format('ALTER INDEX %%I.%%I ATTACH PARTITION %%I.%%I', m.nsp, m.index, p.nsp, p.index), '; ' ORDER BY p.oid)
			FROM pg_inherits h JOIN member p ON p.oid = h.inhrelid WHERE h.inhparent = m.oid))
FROM member m
WHERE root IN (SELECT root FROM member GROUP BY root HAVING bool_and(may))
ORDER BY root, level DESC, oid`

// dropIndexes is switchOff for a table's owner: indexes, and the constraints that are made of them, are dropped and made again.
func (r *run) dropIndexes(ctx context.Context, table []string, plan *tablePlan) error {
	if w := r.way; w != nil && w.active && !w.granted { // keys that point at the table hold its primary key
		if err := r.clear(ctx, sqltext.QuoteName(table...), sqltext.Changes, false); err != nil {
			return err
		}
	}
	var drop, create []string
	if err := r.qualified(ctx, fmt.Sprintf(dropQuery, "'"+strings.Join(quoteLiterals(plan.indexes), "'::regclass, '")+"'::regclass", fmt.Sprint(plan.oid)),
		func(v [][]byte) {
			if len(v[0]) > 0 { // its partitions go with it
				drop = append(drop, string(v[0]))
			}
			create = append(create, string(v[1]))
		}); err != nil {
		return err
	}
	plan.indexes = nil
	if len(drop) == 0 {
		return nil
	}
	err := r.alter(ctx, strings.Join(drop, "; "))
	if fault := r.ownFault(ctx, err); fault != nil {
		return fault
	}
	if err != nil { // something of the database's own forbids it: the indexes stay, which takes longer and is no harm
		return nil //nolint:nilerr // as said
	}
	plan.rebuild, plan.off = create, true
	r.off = append(r.off, plan)
	r.plans[sqltext.QuoteName(table...)] = plan // clear may have forgotten it
	return nil
}

// qualified runs a query under an empty search_path, so that definitions are given with qualified names.
func (r *run) qualified(ctx context.Context, query string, row func(v [][]byte)) error {
	return r.session.Do(ctx, []byte("SAVEPOINT "+attempted+"; SET LOCAL search_path = ''; "+query+"; ROLLBACK TO SAVEPOINT "+attempted+
		"; RELEASE SAVEPOINT "+attempted), session.Handlers{Row: row})
}

// tune gives the server memory for building indexes, and no more helpers than are of use, once in the transaction.
func (r *run) tune(ctx context.Context) error {
	if r.tuned {
		return nil
	}
	r.tuned = true
	text := atLeast("maintenance_work_mem", maintenanceMemory)
	if helpers := r.helpers(); helpers >= 0 {
		text += fmt.Sprintf("; SELECT pg_catalog.set_config('max_parallel_maintenance_workers', '%d', true) WHERE pg_catalog.current_setting('max_parallel_maintenance_workers')::int > %[1]d", helpers)
	}
	return r.exec(ctx, text)
}

// helpers gives how many processes may help the server's own to build an index: where the server is on this machine, there should
// be one to a processor, or all take longer. -1 means that it is not known.
func (r *run) helpers() int {
	if !r.session.Local() {
		return -1
	}
	return max(0, runtime.NumCPU()/max(1, r.together)-1)
}

// rebuild fills the indexes that are switched off.
func (r *run) rebuild(ctx context.Context) error {
	if len(r.off) == 0 {
		return nil
	}
	if err := r.tune(ctx); err != nil {
		return err
	}
	tablespace, dropped := "", slices.ContainsFunc(r.off, func(p *tablePlan) bool { return !p.superuser })
	if dropped {
		if err := r.session.Do(ctx, []byte("SELECT pg_catalog.current_setting('default_tablespace')"), session.Handlers{
			Row: func(v [][]byte) { tablespace = string(v[0]) }}); err != nil {
			return err
		}
	}
	plans := r.off
	r.off = nil
	for _, plan := range plans {
		start := time.Now()
		for _, statement := range plan.rebuild {
			if err := r.exec(ctx, statement); err != nil {
				return plan.unbuilt(err)
			}
		}
		plan.off, plan.indexes, plan.rebuild = false, nil, nil
		r.tally.building[plan.oid] += time.Since(start)
	}
	if dropped {
		return r.exec(ctx, "SET LOCAL default_tablespace = '"+strings.ReplaceAll(tablespace, "'", "''")+"'")
	}
	return nil
}

// unbuilt is the error of an index that cannot be made again. Where the server objects to it, the load is done once more with
// the indexes left where they are. Where it lacks something or is to stop, that would help nobody.
func (p *tablePlan) unbuilt(err error) error {
	if p.superuser || session.State(err) == "" || session.Environmental(err) {
		return err
	}
	return errAgain
}

// settleIndexes is called before statements go as written: whatever could need an index that is switched off finds it in
// order. Only statements that fill other tables go on without.
func (r *run) settleIndexes(ctx context.Context, infos []sqltext.Statement) error {
	for _, info := range infos {
		if len(r.off) == 0 {
			return nil
		}
		if (info.Kind == sqltext.Copy || info.Kind == sqltext.Insert) && len(info.Relations) == 1 {
			plan, err := r.plan(ctx, info.Relations[0])
			if err != nil {
				return err
			}
			if plan != nil && plan.replica && (!plan.off || info.Kind == sqltext.Copy) {
				continue
			}
		}
		if err := r.rebuild(ctx); err != nil {
			return r.refused(err)
		}
	}
	return nil
}

func quoteLiterals(names []string) []string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = strings.ReplaceAll(n, "'", "''")
	}
	return quoted
}
