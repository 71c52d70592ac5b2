package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// attempted is the savepoint of statements of our own that may fail without harm to the load.
const attempted = "fabricate_seed_attempt"

// planAsWritten makes the planner take the catalog queries of this package's checks as they are written: with a few rows, looking
// for the best order of their joins takes longer than all else.
const planAsWritten = "SET LOCAL join_collapse_limit TO 1; SET LOCAL from_collapse_limit TO 1"

// verify makes the loaded tables ready for an application: statistics, foreign keys, sequences. Sequences come last because
// no rollback takes them back.
func (r *run) verify(ctx context.Context) error {
	if err := r.endOwnersWay(ctx); err != nil {
		return err
	}
	if r.began {
		if err := r.exec(ctx, planAsWritten); err != nil {
			return (&failure{err: err}).problem()
		}
	}
	if err := firstError(r.settleNames(ctx), r.lookUpEmptied(ctx)); err != nil {
		return (&failure{err: err}).problem()
	}
	r.warnOfEmptied()
	reached, err := r.reached(ctx)
	if err != nil {
		return (&failure{err: err}).problem()
	}
	if len(reached.oids) == 0 {
		return r.closeOwnersWay(ctx)
	}
	switch {
	case r.o.SkipAnalyze:
	case r.began && reached.ownRole && len(reached.analyze) > 1 && r.tally.rows >= int64(r.o.thresholds.manyToAnalyze):
		r.toAnalyze = reached.analyze
	default:
		if err := r.analyze(ctx, reached.analyze, ""); err != nil {
			return err
		}
	}
	if r.o.ForeignKeys != Off && r.unguarded {
		if err := r.checkForeignKeys(ctx, reached.oids); err != nil {
			return err
		}
	}
	if !r.o.KeepSequences {
		if err := r.syncSequences(ctx, reached.oids); err != nil {
			return (&failure{err: err}).problem()
		}
	}
	return r.closeOwnersWay(ctx)
}

// reached is what the load has put rows into.
type reached struct {
	oids    []uint32 // tables, with the partitioned tables above them and the partitions below
	analyze []string // tables to ANALYZE, as far as the role may, those with the most data first
	ownRole bool     // the role is the one that connections begin with
}

// reachedQuery asks for the tables that the script named ($1), and in one transaction ($2) also for those that the server's
// own counters know: rows come through views, rules, triggers and functions as well. ANALYZE of a partitioned table includes
// its partitions. Who may ANALYZE: the table's owner, the database's, and from PostgreSQL 17 on who has MAINTAIN ($3).
const reachedQuery = `
WITH RECURSIVE seen AS (
	SELECT c.oid FROM pg_catalog.pg_class c
	WHERE c.oid = ANY ($1::oid[]) OR ($2 AND c.relkind = 'r' AND c.relpersistence <> 't'
		AND c.relnamespace NOT IN ('pg_catalog'::regnamespace, 'information_schema'::regnamespace) AND pg_catalog.pg_stat_get_xact_tuples_inserted(c.oid) > 0)
), viewed(oid) AS (
	SELECT oid FROM seen
	UNION
	SELECT d.refobjid FROM viewed JOIN pg_catalog.pg_class v ON v.oid = viewed.oid AND v.relkind = 'v'
	JOIN pg_catalog.pg_rewrite w ON w.ev_class = v.oid
	JOIN pg_catalog.pg_depend d ON d.classid = 'pg_catalog.pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_catalog.pg_class'::regclass
), up(oid) AS (
	SELECT oid FROM viewed
	UNION
	SELECT i.inhparent FROM up JOIN pg_catalog.pg_inherits i ON i.inhrelid = up.oid
), family(oid) AS (
	SELECT oid FROM up
	UNION
	SELECT i.inhrelid FROM family JOIN pg_catalog.pg_inherits i ON i.inhparent = family.oid JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
), above(oid, ancestor) AS (
	SELECT i.inhrelid, i.inhparent FROM viewed JOIN pg_catalog.pg_inherits i ON i.inhrelid = viewed.oid JOIN pg_catalog.pg_class c ON c.oid = i.inhrelid AND c.relispartition
	UNION
	SELECT above.oid, i.inhparent FROM above JOIN pg_catalog.pg_inherits i ON i.inhrelid = above.ancestor
)
SELECT c.oid, pg_catalog.format('%I.%I', n.nspname, c.relname),
	c.oid IN (SELECT oid FROM viewed) AND c.relkind IN ('r', 'p')
	AND NOT EXISTS (SELECT 1 FROM above WHERE above.oid = c.oid AND above.ancestor IN (SELECT oid FROM viewed))
	AND (pg_catalog.pg_has_role(c.relowner, 'USAGE') OR CASE WHEN $3 THEN pg_catalog.has_table_privilege(c.oid, 'MAINTAIN') ELSE false END
		OR (SELECT pg_catalog.pg_has_role(b.datdba, 'USAGE') FROM pg_catalog.pg_database b WHERE b.datname = pg_catalog.current_database())),
	current_user = $4
FROM family JOIN pg_catalog.pg_class c ON c.oid = family.oid JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
WHERE c.relkind IN ('r', 'p', 'f')
ORDER BY 2`

func (r *run) reached(ctx context.Context) (reached, error) {
	rows, err := r.session.Conn().Query(ctx, reachedQuery, oidList(append(r.tally.oids(), r.emptied.oids...)), r.began, r.serverAtLeast(170000), r.session.Config().User)
	if err != nil {
		return reached{}, err
	}
	var all reached
	var oid uint32
	var name string
	var analyze bool
	size := map[string]int64{}
	_, err = pgx.ForEachRow(rows, []any{&oid, &name, &analyze, &all.ownRole}, func() error {
		all.oids = append(all.oids, oid)
		if analyze && !r.analyzed[oid] {
			all.analyze = append(all.analyze, name)
			size[name] = r.tally.bytes(oid)
		}
		return nil
	})
	slices.SortStableFunc(all.analyze, func(a, b string) int { return cmp.Compare(size[b], size[a]) })
	return all, err
}

// analyze gives the planner statistics of the tables, so that an application's first queries are not planned blindly. That
// it fails (an index's function can) is no reason to give up the rows.
func (r *run) analyze(ctx context.Context, tables []string, options string) error {
	if len(tables) == 0 {
		return nil
	}
	var err error
	if len(r.workers) > 0 && !r.began {
		err = r.spread(len(tables), func(s *run, i int) error { return s.exec(ctx, "ANALYZE "+options+tables[i]) })
	} else {
		err = r.tryExec(ctx, "ANALYZE "+options+strings.Join(tables, ", "))
	}
	if problem := r.ownFault(ctx, err); problem != nil {
		return problem
	}
	if err != nil {
		r.warn("ANALYZE failed, statistics are as they were: " + session.Reason(err))
	}
	return nil
}

// manyToAnalyze is from how many rows on ANALYZE waits until they are committed: then two connections can share it.
const manyToAnalyze = 100_000

// skipLocked has ANALYZE pass by a table that somebody has locked. It may be autovacuum, which does the same.
const skipLocked = "(SKIP_LOCKED) "

// analyzeCommitted does what verify has put off. The rows are safe: only the end of ctx is an error.
func (r *run) analyzeCommitted(ctx context.Context) error {
	if len(r.toAnalyze) == 0 {
		return nil
	}
	second := newRun(r.o)
	second.o.Events, second.o.ConnectTimeout = Events{}, 0 // tried once
	if second.connect(ctx, r.session.Config()) == nil {    // otherwise it takes longer
		r.workers = append(r.workers, second)
	}
	err := r.analyze(ctx, r.toAnalyze, skipLocked)
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, "gathering statistics", "The load is complete: it was committed before. ANALYZE the tables, or leave it to autovacuum.")
	case err != nil:
		r.warn("ANALYZE failed after the commit, statistics are as they were: " + headline(err))
	}
	return nil
}

// tryExec sends a statement of our own whose failure leaves the transaction, if there is one, as it was before.
func (r *run) tryExec(ctx context.Context, sql string) error {
	return r.try(ctx, sql, session.Handlers{})
}

func (r *run) try(ctx context.Context, sql string, h session.Handlers) error {
	if !r.began {
		return r.session.Do(ctx, []byte(sql), h)
	}
	err := r.session.Do(ctx, []byte("SAVEPOINT "+attempted+"; "+sql+"; RELEASE SAVEPOINT "+attempted), h)
	if err != nil && r.session.TxStatus() == 'E' {
		if back := r.exec(ctx, "ROLLBACK TO SAVEPOINT "+attempted+"; RELEASE SAVEPOINT "+attempted); back != nil {
			return back
		}
	}
	return err
}

// ownFault tells whether err ends the load: the connection or the context has ended, or the transaction cannot go on.
func (r *run) ownFault(ctx context.Context, err error) error {
	if err != nil && (ctx.Err() != nil || session.Lost(err) || r.session.IsClosed() || r.session.TxStatus() == 'E') {
		return (&failure{err: err}).problem()
	}
	return nil
}

// serverAtLeast compares the server's version with one such as 150000.
func (r *run) serverAtLeast(version int) bool {
	var major int
	_, _ = fmt.Sscanf(r.session.Parameter("server_version"), "%d", &major)
	return major >= version/10000
}

// oidList writes an array constant: pgx has no encoding for []uint32 as oid[] without asking the server.
func oidList(oids []uint32) string {
	texts := make([]string, len(oids))
	for i, o := range oids {
		texts[i] = fmt.Sprint(o)
	}
	return "{" + strings.Join(texts, ",") + "}"
}
