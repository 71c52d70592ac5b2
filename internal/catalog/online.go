package catalog

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Setup is what a load that others read beside needs to know of the server and of itself.
type Setup struct {
	Isolation  string // of the transaction
	MinimalWAL bool   // wal_level is minimal
	Superuser  bool
	Relations  []uint32 // that there are, which others may read
}

const setupQuery = `SELECT current_setting('transaction_isolation'), current_setting('wal_level') = 'minimal',
	(SELECT rolsuper FROM pg_roles WHERE rolname = current_user),
	ARRAY(SELECT oid FROM pg_class WHERE relnamespace <> 'pg_catalog'::regnamespace AND relpersistence <> 't' ORDER BY oid)::int8[]`

// SetupOf gives it.
func SetupOf(ctx context.Context, q Querier) (s Setup, err error) {
	var relations []int64
	err = q.Ask(ctx, setupQuery, nil, []any{&s.Isolation, &s.MinimalWAL, &s.Superuser, &relations}, nil)
	for _, oid := range relations {
		s.Relations = append(s.Relations, uint32(oid))
	}
	return s, err
}

const stoppedQuery = `SELECT DISTINCT l.relation::regclass::text FROM pg_locks l
WHERE l.pid = pg_backend_pid() AND l.locktype = 'relation' AND l.mode = 'AccessExclusiveLock' AND l.granted
	AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database()) AND l.relation = ANY ($1::oid[]) ORDER BY 1`

// Stopped gives those of the relations that nobody else can read, because the transaction has locked them.
func Stopped(ctx context.Context, q Querier, relations []uint32) ([]string, error) {
	return collect(ctx, q.Ask, stoppedQuery, []any{relations}, func(name *string) []any { return []any{name} })
}

// Reached is a table that a TRUNCATE empties.
type Reached struct {
	OID                    uint32
	Name                   string // schema-qualified and quoted
	Kind                   string // pg_class.relkind
	MayTruncate, MayDelete bool
	Hidden                 bool     // row security applies to the role
	Triggers               []string // on TRUNCATE, enabled for the replication role in any way, with how: "name O"
	Rules                  []string // on DELETE, likewise
	DeleteTriggers         []string // on DELETE, quoted, likewise
	Sequences              []string // that its columns own, schema-qualified and quoted
	SequencesOwned         bool
	Inserted               int64 // rows that the transaction has put into it
	Outside                bool  // a table that is not emptied refers to it
}

// reachedQuery follows what TRUNCATE follows: of a named table ($1) all that inherit from it, unless it is among those named with ONLY ($2), and
// with CASCADE ($3) all tables that refer to one of them, and their partitions.
const reachedQuery = `
WITH RECURSIVE reached(oid, family) AS (
	SELECT named.oid, named.oid <> ALL ($2::oid[]) FROM unnest($1::oid[]) named(oid)
	UNION
	SELECT next.oid, next.family FROM reached JOIN LATERAL (
		SELECT i.inhrelid, reached.family FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid WHERE i.inhparent = reached.oid AND (reached.family OR c.relispartition)
		UNION ALL
		SELECT k.conrelid, false FROM pg_constraint k WHERE $3::bool AND k.contype = 'f' AND k.confrelid = reached.oid
	) next(oid, family) ON true
)
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relkind::text,
	has_table_privilege(c.oid, 'TRUNCATE'), has_table_privilege(c.oid, 'DELETE'), row_security_active(c.oid),
	ARRAY(SELECT quote_ident(t.tgname) || ' ' || t.tgenabled::text FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 32 <> 0 AND t.tgenabled <> 'D' ORDER BY t.tgname),
	ARRAY(SELECT quote_ident(w.rulename) || ' ' || w.ev_enabled::text FROM pg_rewrite w WHERE w.ev_class = c.oid AND w.ev_type = '4' AND w.ev_enabled <> 'D' ORDER BY w.rulename),
	ARRAY(SELECT quote_ident(t.tgname) || ' ' || t.tgenabled::text FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal AND t.tgtype & 8 <> 0 AND t.tgenabled <> 'D' ORDER BY t.tgname),
	ARRAY(SELECT format('%I.%I', sn.nspname, s.relname) FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S' JOIN pg_namespace sn ON sn.oid = s.relnamespace
		WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') ORDER BY 1),
	NOT EXISTS (SELECT 1 FROM pg_depend d JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
		WHERE d.classid = 'pg_class'::regclass AND d.refclassid = 'pg_class'::regclass AND d.refobjid = c.oid AND d.refobjsubid > 0 AND d.deptype IN ('a', 'i') AND NOT pg_has_role(s.relowner, 'USAGE')),
	pg_stat_get_xact_tuples_inserted(c.oid),
	EXISTS (SELECT 1 FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = c.oid AND k.conrelid NOT IN (SELECT oid FROM reached))
FROM (SELECT DISTINCT oid FROM reached) r JOIN pg_class c ON c.oid = r.oid JOIN pg_namespace n ON n.oid = c.relnamespace
ORDER BY c.oid`

// ReachedBy gives the tables that a TRUNCATE of the relations empties, in the order of their numbers. Of those that are among
// lone only the table itself was named; cascade says that what refers to them is emptied too.
func ReachedBy(ctx context.Context, q Querier, relations, lone []uint32, cascade bool) ([]Reached, error) {
	return collect(ctx, q.Ask, reachedQuery, []any{relations, lone, cascade}, func(r *Reached) []any {
		return []any{&r.OID, &r.Name, &r.Kind, &r.MayTruncate, &r.MayDelete, &r.Hidden, &r.Triggers, &r.Rules, &r.DeleteTriggers, &r.Sequences, &r.SequencesOwned, &r.Inserted, &r.Outside}
	})
}

// LiveKey is a foreign key that the server checks when rows of the table that it refers to are deleted.
type LiveKey struct {
	Child, Parent          uint32
	Name                   string // of the key, schema-qualified as SET CONSTRAINTS takes it, quoted
	ChildName, ParentName  string // schema-qualified and quoted
	Columns                string // of the child, as CREATE INDEX takes them
	Deferrable, Indexed    bool
	Vacant                 bool  // the table that it refers to has never had a row
	ParentRows, ChildPages int64 // as the server's statistics have it
}

const liveKeyQuery = `SELECT k.conrelid, k.confrelid, format('%I.%I', kn.nspname, k.conname), format('%I.%I', cn.nspname, c.relname), format('%I.%I', pn.nspname, p.relname),
	(SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY u.i) FROM unnest(k.conkey) WITH ORDINALITY u(n, i) JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = u.n),
	k.condeferrable,
	c.relkind = 'p' OR EXISTS (SELECT 1 FROM pg_index x WHERE x.indrelid = c.oid AND x.indisvalid AND x.indpred IS NULL AND x.indkey[0] = ANY (k.conkey)),
	p.relkind = 'r' AND pg_relation_size(p.oid) = 0, greatest(p.reltuples, 0)::int8, c.relpages::int8
FROM pg_constraint k JOIN pg_class c ON c.oid = k.conrelid JOIN pg_class p ON p.oid = k.confrelid JOIN pg_namespace kn ON kn.oid = k.connamespace
JOIN pg_namespace cn ON cn.oid = c.relnamespace JOIN pg_namespace pn ON pn.oid = p.relnamespace
WHERE k.contype = 'f' AND k.confrelid = ANY ($1::oid[]) AND EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgconstraint = k.oid AND t.tgrelid = p.oid AND t.tgenabled IN ('O', 'A')) ORDER BY 3, 1`

// LiveKeys gives the foreign keys that point at one of the tables and are checked.
func LiveKeys(ctx context.Context, q Querier, tables []uint32) ([]LiveKey, error) {
	return collect(ctx, q.Ask, liveKeyQuery, []any{tables}, func(k *LiveKey) []any {
		return []any{&k.Child, &k.Parent, &k.Name, &k.ChildName, &k.ParentName, &k.Columns, &k.Deferrable, &k.Indexed, &k.Vacant, &k.ParentRows, &k.ChildPages}
	})
}

// Twin is an index that can have another built beside it, which then takes its place.
type Twin struct {
	Index  string // schema-qualified and quoted
	Create string // the statements that build the other one, of the name in Other, and have the two change places
	Other  string
}

// twinsQuery asks of indexes ($1, by their names) for what builds each anew beside itself. The two change places by their files, as in
// CLUSTER and VACUUM FULL a table and its copy do: number, name, constraint, comments and all that depends on the index stay. $2 tells
// the twins of one load apart. Left alone are indexes of exclusion constraints: only the constraint's own index compares rows.
const twinsQuery = `
WITH found AS (
	SELECT x.indexrelid AS oid, format('%I.%I', n.nspname, i.relname) AS index,
		format('%I.%I', n.nspname, 'fabricate_seed_twin_' || i.oid || '_' || $2::int8) AS other, quote_ident('fabricate_seed_twin_' || i.oid || '_' || $2::int8) AS bare,
		format('CREATE %sINDEX %I ON ', CASE WHEN x.indisunique THEN 'UNIQUE ' ELSE '' END, i.relname) AS head,
		pg_get_indexdef(i.oid) AS definition, x.indisunique, coalesce(s.spcname, '') AS space
	FROM unnest($1::text[]) name JOIN pg_index x ON x.indexrelid = name::regclass JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_namespace n ON n.oid = i.relnamespace
	JOIN pg_class t ON t.oid = x.indrelid LEFT JOIN pg_tablespace s ON s.oid = i.reltablespace
	WHERE NOT x.indisexclusion AND t.relkind = 'r' AND NOT starts_with(i.relname, 'fabricate_seed_twin_')
)
SELECT f.index, concat_ws('; ', format('SET LOCAL default_tablespace = %L', space),
	format('CREATE %sINDEX %s ON ', CASE WHEN indisunique THEN 'UNIQUE ' ELSE '' END, bare) || substr(definition, length(head) + 1),
	format('UPDATE pg_class c SET relfilenode = o.relfilenode, relpages = o.relpages, reltuples = o.reltuples, relallvisible = o.relallvisible FROM pg_class o WHERE %s', pair.classes),
	format('UPDATE pg_index c SET indisready = c.indexrelid = %s, indisvalid = c.indexrelid = %1$s, indcheckxmin = c.indexrelid = %1$s AND o.indcheckxmin FROM pg_index o WHERE %s', f.oid, pair.indexes)),
	other
FROM found f, LATERAL (SELECT
	format('c.oid IN (%s, %L::regclass) AND o.oid IN (%1$s, %2$L::regclass) AND c.oid <> o.oid', f.oid, other) AS classes,
	format('c.indexrelid IN (%s, %L::regclass) AND o.indexrelid IN (%1$s, %2$L::regclass) AND c.indexrelid <> o.indexrelid', f.oid, other) AS indexes) pair
WHERE starts_with(definition, head) ORDER BY f.oid`

// TwinsOf gives those of the indexes that can have a twin. n tells the twins of one load apart.
func TwinsOf(ctx context.Context, q Querier, indexes []string, n int) ([]Twin, error) {
	return collect(ctx, q.Ask, twinsQuery, []any{indexes, n}, func(t *Twin) []any { return []any{&t.Index, &t.Create, &t.Other} })
}

const thereQuery = `SELECT format('%I.%I', tn.nspname, t.relname), format('%I.%I', n.nspname, i.relname)
FROM unnest($1::text[]) name JOIN pg_class i ON i.oid = to_regclass(name) JOIN pg_namespace n ON n.oid = i.relnamespace
JOIN pg_index x ON x.indexrelid = i.oid JOIN pg_class t ON t.oid = x.indrelid JOIN pg_namespace tn ON tn.oid = t.relnamespace ORDER BY t.oid, i.oid`

// IndexesThere gives those of the indexes that there are, with their tables, all schema-qualified and quoted.
func IndexesThere(ctx context.Context, q Querier, names []string) (tables, indexes []string, err error) {
	var table, index string
	err = q.Ask(ctx, thereQuery, []any{names}, []any{&table, &index}, func() error {
		tables, indexes = append(tables, table), append(indexes, index)
		return nil
	})
	return tables, indexes, err
}

// Holder is a session that keeps others from something.
type Holder struct {
	PID               uint32
	Application, User string
	State             string  // of its statement: active, idle in transaction; "" where the role may not see it
	Table             string  // whose lock it holds; "" where it is about its snapshot
	Seconds           float64 // since its transaction began
}

// String names the session, or what else it is.
func (h Holder) String() string {
	if h.PID == 0 {
		return strings.TrimSpace(h.Application)
	}
	name := h.Application
	if strings.TrimSpace(name) == "" {
		name = "-"
	}
	return fmt.Sprintf("%s (pid %d, user %s), %s since %s", name, h.PID, h.User, h.State, time.Duration(h.Seconds*float64(time.Second)).Round(100*time.Millisecond))
}

const readersQuery = `SELECT coalesce(l.pid, 0), coalesce(a.application_name, ''), coalesce(a.usename::text, ''), coalesce(a.state, ''), min(l.relation::regclass::text),
	coalesce(extract(epoch FROM clock_timestamp() - a.xact_start)::float8, 0)
FROM pg_locks l LEFT JOIN pg_stat_activity a ON a.pid = l.pid
WHERE l.locktype = 'relation' AND l.granted AND l.pid IS DISTINCT FROM pg_backend_pid() AND l.relation = ANY (SELECT name::regclass FROM unnest($1::text[]) name)
	AND l.database = (SELECT oid FROM pg_database WHERE datname = current_database())
	AND (a.xact_start IS NULL OR clock_timestamp() - a.xact_start > $2::int8 * interval '1 ms' OR a.state <> 'active')
GROUP BY 1, 2, 3, 4, a.xact_start ORDER BY a.xact_start LIMIT 1`

// Readers gives the session that has had one of the tables, by their names, locked for the longest time in a transaction that is older than some
// milliseconds, or does nothing; none if there is none.
func Readers(ctx context.Context, q Querier, tables []string, older int) ([]Holder, error) {
	return holders(ctx, q, readersQuery, tables, older)
}

const snapshotsQuery = `SELECT pid, coalesce(application_name, ''), coalesce(usename::text, ''), coalesce(state, ''), '', coalesce(extract(epoch FROM clock_timestamp() - xact_start)::float8, 0)
FROM pg_stat_activity WHERE backend_xmin IS NOT NULL AND age(backend_xmin) >= age(($1::int8 % 4294967296)::text::xid) AND pid <> pg_backend_pid()
	AND backend_type <> 'walsender' AND (datname = current_database() OR datname IS NULL)
UNION ALL
SELECT 0, 'the replication slot ' || slot_name, '', '', '', 0 FROM pg_replication_slots WHERE xmin IS NOT NULL AND age(xmin) >= age(($1::int8 % 4294967296)::text::xid)
UNION ALL
SELECT 0, 'the prepared transaction ' || gid, owner::text, '', '', extract(epoch FROM clock_timestamp() - prepared)::float8 FROM pg_prepared_xacts
WHERE database = current_database() AND age(transaction) >= age(($1::int8 % 4294967296)::text::xid)
UNION ALL
SELECT 0, 'a standby (hot_standby_feedback) ' || application_name, usename::text, '', '', 0 FROM pg_stat_replication WHERE backend_xmin IS NOT NULL AND age(backend_xmin) >= age(($1::int8 % 4294967296)::text::xid)
ORDER BY 6 DESC`

// OldSnapshots gives what still sees rows as they were before a transaction, by its number: VACUUM keeps what it has deleted.
func OldSnapshots(ctx context.Context, q Querier, xid int64) ([]Holder, error) {
	return holders(ctx, q, snapshotsQuery, xid)
}

func holders(ctx context.Context, q Querier, sql string, args ...any) ([]Holder, error) {
	return collect(ctx, q.Ask, sql, args, func(h *Holder) []any { return []any{&h.PID, &h.Application, &h.User, &h.State, &h.Table, &h.Seconds} })
}

// HasSchema reports whether there is a schema of a name, quoted.
func HasSchema(ctx context.Context, q Querier, name string) (has bool, err error) {
	return has, q.Ask(ctx, "SELECT to_regnamespace($1::text) IS NOT NULL", []any{name}, []any{&has}, nil)
}

// Replaceable is a table whose rows can be replaced one by one, by its primary key, without anybody noticing: those that keep their key stay
// what other rows refer to.
type Replaceable struct {
	OID     uint32
	Stage   string // a temporary table for the new rows
	Columns int    // how many of the table's take values; the new rows must have all of them

	Create string // makes the stage
	Merge  string // deletes the rows that are not there, and brings over those that are others, or new; in reverse where they refer to each other
	Refill string // brings all of them over, where the table is empty
}

// replaceableQuery looks for tables ($1) with a primary key of plain types that is what keys of other tables point at, and with nothing that
// an UPDATE would set going and a TRUNCATE with INSERTs would not. Rows are the same if all their bytes are. Left out is where a row that goes
// could take new rows along, by what ON DELETE says: it is there longer than they, or they may have come before.
const replaceableQuery = `
WITH found AS (
	SELECT c.oid, format('%I.%I', n.nspname, c.relname) AS name, 'pg_temp.fabricate_seed_rows_' || c.oid AS stage, x.indkey::int2[] AS key
	FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace JOIN pg_index x ON x.indrelid = c.oid AND x.indisprimary AND x.indisvalid AND x.indimmediate
	WHERE c.oid = ANY ($1::oid[]) AND c.relkind = 'r' AND c.relpersistence = 'p' AND NOT c.relispartition AND NOT c.relrowsecurity
		AND NOT EXISTS (SELECT 1 FROM pg_trigger t WHERE t.tgrelid = c.oid AND NOT t.tgisinternal) AND NOT EXISTS (SELECT 1 FROM pg_rewrite w WHERE w.ev_class = c.oid)
		AND NOT EXISTS (SELECT 1 FROM pg_inherits i WHERE c.oid IN (i.inhrelid, i.inhparent))
		AND has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT') AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')
		AND has_database_privilege(current_database(), 'TEMPORARY')
		AND EXISTS (SELECT 1 FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = c.oid)
		AND NOT EXISTS (SELECT 1 FROM pg_constraint k WHERE k.contype = 'f' AND k.confrelid = c.oid AND (k.conindid <> x.indexrelid OR k.condeferrable OR k.conrelid = c.oid AND k.confdeltype NOT IN ('a', 'r')))
		AND NOT EXISTS (SELECT 1 FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attgenerated <> '')
		AND NOT EXISTS (SELECT 1 FROM pg_attribute a LEFT JOIN pg_collation l ON l.oid = a.attcollation WHERE a.attrelid = c.oid AND a.attnum = ANY (x.indkey::int2[])
			AND (a.atttypid NOT IN ('int2'::regtype, 'int4'::regtype, 'int8'::regtype, 'uuid'::regtype, 'text'::regtype, 'varchar'::regtype) OR NOT coalesce(l.collisdeterministic, true)))
), told AS (
	SELECT f.oid, f.name, f.stage, count(*) AS columns, string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) AS names,
		string_agg(quote_ident(a.attname), ', ' ORDER BY a.attnum) FILTER (WHERE a.attnum = ANY (f.key)) AS keys,
		string_agg(format('t.%I = s.%1$I', a.attname), ' AND ') FILTER (WHERE a.attnum = ANY (f.key)) AS same,
		string_agg(format('%I = s.%1$I', a.attname), ', ') FILTER (WHERE a.attnum <> ALL (f.key)) AS set
	FROM found f JOIN pg_attribute a ON a.attrelid = f.oid AND a.attnum > 0 AND NOT a.attisdropped
	GROUP BY f.oid, f.name, f.stage
)
SELECT oid, stage, columns::int4,
	format('CREATE TEMPORARY TABLE %s ON COMMIT DROP AS SELECT %s FROM %s WITH NO DATA', stage, names, name),
	concat_ws('; ', format('CREATE UNIQUE INDEX ON %s (%s)', stage, keys), CASE WHEN own THEN new || '; ' || old || '; ' || gone ELSE gone || '; ' || old || '; ' || new END, format('DROP TABLE %s', stage)),
	format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM %s; DROP TABLE %3$s', name, names, stage)
FROM told, LATERAL (SELECT
	EXISTS (SELECT 1 FROM pg_constraint k WHERE k.contype = 'f' AND k.conrelid = told.oid AND k.confrelid = told.oid) AS own,
	format('DELETE FROM ONLY %s t WHERE NOT EXISTS (SELECT 1 FROM %s s WHERE %s)', name, stage, same) AS gone,
	format('UPDATE ONLY %s t SET %s FROM %s s WHERE %s AND t.* *<> s.*', name, set, stage, same) AS old,
	format('INSERT INTO %s (%s) OVERRIDING SYSTEM VALUE SELECT %2$s FROM %s s WHERE NOT EXISTS (SELECT 1 FROM ONLY %1$s t WHERE %4$s)', name, names, stage, same) AS new) step
WHERE set IS NOT NULL ORDER BY oid`

// ReplaceableOf gives those of the tables.
func ReplaceableOf(ctx context.Context, q Querier, tables []uint32) ([]Replaceable, error) {
	return collect(ctx, q.Ask, replaceableQuery, []any{tables}, func(r *Replaceable) []any {
		return []any{&r.OID, &r.Stage, &r.Columns, &r.Create, &r.Merge, &r.Refill}
	})
}
