package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// planAsWritten makes the planner take the catalog queries of this package's checks as they are written: with a few rows, looking
// for the best order of their joins takes longer than all else.
const planAsWritten = "SET LOCAL join_collapse_limit TO 1; SET LOCAL from_collapse_limit TO 1"

// withoutLimits lifts the limits of a role's or database's statements for ours, which psql does not send.
const withoutLimits = `SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.pg_settings
	WHERE name IN ('statement_timeout', 'transaction_timeout', 'idle_in_transaction_session_timeout') AND setting <> '0'`

// verify makes the loaded tables ready for an application: statistics, foreign keys, sequences. Sequences come last because
// no rollback takes them back.
func (r *run) verify(ctx context.Context) error {
	if err := r.emptyRest(ctx); err != nil {
		return (&failure{err: err}).problem()
	}
	if err := r.endOwnersWay(ctx); err != nil {
		return err
	}
	if r.began {
		var xid int64 // of the last row
		if err := r.session.Change(ctx, planAsWritten+"; "+withoutLimits+"; SELECT txid_current()", session.Handlers{Columns: 1,
			Row: func(v [][]byte) { _, _ = fmt.Sscan(string(v[0]), &xid) }}); err != nil {
			return (&failure{err: err}).problem()
		}
		if xid != r.session.XID() {
			return r.endedByScript(ctx, true)
		}
	}
	if err := firstError(r.settleNames(ctx), r.lookUpEmptied(ctx)); err != nil {
		return (&failure{err: err}).problem()
	}
	if err := r.notedLater(ctx); err != nil {
		return err
	}
	r.warnOfEmptied()
	reached, err := r.reached(ctx)
	if err != nil {
		return (&failure{err: err}).problem()
	}
	if err := r.warnOfOldViews(ctx, reached.oids); err != nil {
		return (&failure{err: err}).problem()
	}
	switch {
	case r.o.Online && r.began:
		r.online.vacuum, r.online.same = reached.analyze, reached.ownRole
	case r.o.SkipAnalyze, len(reached.analyze) == 0:
	case r.together != nil:
		r.toAnalyze = reached.analyze
	case r.began && reached.ownRole && len(reached.analyze) > 1 && r.tally.rows >= int64(r.o.thresholds.manyToAnalyze):
		r.toAnalyze = reached.analyze
	default:
		if err := r.analyze(ctx, reached.analyze, ""); err != nil {
			return err
		}
	}
	if r.o.ForeignKeys != Off && r.unguarded {
		lost, err := catalog.LostBy(ctx, r.session, r.known.emptied.all(), r.began)
		if err != nil {
			return (&failure{err: err}).problem()
		}
		if err := r.checkForeignKeys(ctx, append(lost, reached.oids...)); err != nil {
			return err
		}
	}
	if r.together != nil {
		return r.verifyTogether(ctx)
	}
	if !r.o.KeepSequences && len(reached.oids) > 0 {
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

func (r *run) reached(ctx context.Context) (reached, error) {
	filled, err := catalog.FilledBy(ctx, r.session, append(r.tally.oids(), r.known.emptied.oids...), r.began, r.serverAtLeast(170000), r.session.Config().User)
	var all reached
	size := map[string]int64{}
	for _, f := range filled {
		all.oids = append(all.oids, f.OID)
		all.ownRole = f.OwnRole
		if f.Analyze && !r.known.analyzed[f.OID] {
			all.analyze = append(all.analyze, f.Name)
			size[f.Name] = r.tally.bytes(f.OID)
		}
	}
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
		text := "ANALYZE " + options + strings.Join(tables, ", ")
		if r.session.TxStatus() == 'I' { // each table on its own
			err = r.exec(ctx, text)
		} else {
			err = r.tryExec(ctx, text)
		}
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
	if r.together == nil {
		r.connectSecond(ctx)
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

// connectSecond opens a second connection to share with what comes after the commit. Without it that takes longer.
func (r *run) connectSecond(ctx context.Context) {
	second := newRun(r.o)
	second.o.Events, second.o.ConnectTimeout = Events{}, 0 // tried once
	if second.connect(ctx, r.session.Config()) == nil {
		r.workers = append(r.workers, second)
	}
}

// tryExec sends a statement of our own whose failure leaves the transaction, if there is one, as it was before.
func (r *run) tryExec(ctx context.Context, sql string) error {
	return r.try(ctx, sql, session.Handlers{})
}

func (r *run) try(ctx context.Context, sql string, h session.Handlers) error {
	return r.session.Try(ctx, sql, h)
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
