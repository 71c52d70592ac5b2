package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// afterRows gives the checks over the connection of r, as it is now.
func (r *run) afterRows() *verify.Checks {
	c := &verify.Checks{Session: r.session, Open: r.began, Apart: r.together != nil, Role: r.roleName(), Emptied: &r.known.emptied, Enforce: r.o.ForeignKeys == Enforce, Warn: r.warn}
	if r.o.DryRun {
		c.Dry = &r.dry
	}
	if !r.began {
		c.Others = r.others()
	}
	return c
}

// verify makes the loaded tables ready for an application: statistics, foreign keys, sequences. Sequences come last because
// no rollback takes them back.
func (r *run) verify(ctx context.Context) error {
	if err := r.emptyRest(ctx); err != nil {
		return problemOf(err)
	}
	if err := r.endOwnersWay(ctx, true); err != nil {
		return err
	}
	if r.began {
		var xid int64 // of the last row
		if err := r.session.Change(ctx, verify.Setup+"; SELECT txid_current()", session.Handlers{Columns: 1,
			Row: func(v [][]byte) { _, _ = fmt.Sscan(string(v[0]), &xid) }}); err != nil {
			return problemOf(err)
		}
		if xid != r.session.XID() {
			return r.endedByScript(ctx, true)
		}
	}
	if err := cmp.Or(r.settleNames(ctx), r.lookUpEmptied(ctx)); err != nil {
		return problemOf(err)
	}
	if err := r.notedLater(ctx); err != nil {
		return err
	}
	checks := r.afterRows()
	checks.Unfilled(func(table uint32) bool { return r.tally.byOID[table] != nil && r.tally.byOID[table].Rows > 0 }, r.rows.FilesOf)
	tables, analyze, ownRole, err := checks.Reached(ctx, slices.Concat(r.tally.oids(), r.known.emptied.Tables), r.tally.bytes)
	if err == nil {
		err = checks.Views(ctx, &r.views, tables, r.changes())
	}
	if err != nil {
		return problemOf(err)
	}
	switch {
	case r.o.Online && r.began:
		r.online.vacuum, r.online.same = analyze, ownRole
	case r.o.SkipAnalyze, len(analyze) == 0:
	case r.together != nil:
		r.toAnalyze = analyze
	case r.began && ownRole && len(analyze) > 1 && r.tally.rows >= int64(r.o.thresholds.manyToAnalyze):
		r.toAnalyze = analyze
	default:
		if err := checks.Analyze(ctx, analyze, ""); err != nil {
			return problemOf(err)
		}
	}
	if r.o.ForeignKeys != Off && r.unguarded {
		if err := r.checkForeignKeys(ctx, tables); err != nil {
			return err
		}
	}
	if r.together != nil {
		return r.verifyTogether(ctx)
	}
	if !r.o.KeepSequences && len(tables) > 0 {
		if err := r.syncSequences(ctx, &r.executor, tables); err != nil {
			return problemOf(err)
		}
	}
	return r.closeOwnersWay(ctx)
}

// checkForeignKeys looks for rows that break a foreign key of, or to, the tables.
func (r *run) checkForeignKeys(ctx context.Context, tables []uint32) error {
	lost, err := catalog.LostBy(ctx, r.session, r.known.emptied.All(), r.began)
	if err != nil {
		return problemOf(err)
	}
	keys, err := catalog.ForeignKeys(ctx, r.session, append(lost, tables...))
	if err != nil {
		return problemOf(err)
	}
	kept, err := r.keptKeys(ctx)
	if err != nil {
		return problemOf(err)
	}
	keys = slices.DeleteFunc(keys, func(k catalog.ForeignKey) bool { return kept[k.OID] || r.way.checked(k) })
	if r.together != nil {
		return r.leaveUnchecked(keys)
	}
	return r.foreignKeys(ctx, keys)
}

// foreignKeys looks for rows that break one of the keys.
func (r *run) foreignKeys(ctx context.Context, keys []catalog.ForeignKey) error {
	broken, err := r.afterRows().ForeignKeys(ctx, keys)
	r.brokenRows += broken
	return problemOf(err)
}

// keptKeys gives the foreign keys that all rows are known to keep, by what passed by over all connections.
func (r *run) keptKeys(ctx context.Context) (map[uint32]bool, error) {
	known := &r.known.observed
	for _, m := range r.crew.connected() {
		if !m.known.observed.Any() {
			continue
		}
		if err := r.readKeys(ctx); err != nil {
			return nil, err
		}
		known.Merge(&m.known.observed, m.session)
		m.known.observed = verify.Observed{}
	}
	return r.afterRows().Kept(ctx, known)
}

// readKeys asks once which foreign keys can be compared as their values pass by.
func (x *executor) readKeys(ctx context.Context) (err error) {
	if !x.known.observed.Known() {
		x.known.observed, err = verify.Keys(ctx, x.session, x.o.thresholds.keyMemory)
	}
	return err
}

// observe readies an encoder, which gives the binary format, to note the values of foreign keys as they pass by, and gives the table
// whose rows they are; nil if none of its columns matters.
func (x *executor) observe(ctx context.Context, plan *tablePlan, names []string, e *copycodec.Encoder) (*verify.ObservedTable, error) {
	if x.o.ForeignKeys == Off || !plan.replica || !e.Binary() || x.way != nil {
		return nil, nil //nolint:nilnil // as said
	}
	if err := x.readKeys(ctx); err != nil {
		return nil, err
	}
	_, emptied := x.known.emptied.Since[plan.oid]
	others := x.began && !plan.Exclusive && !(plan.Online && emptied) // else it is known later
	return x.known.observed.Observe(plan.oid, others, names, e.Observe), nil
}

// changes gives for each table how often it was emptied and how many rows it got, in one number.
func (r *run) changes() map[uint32]int64 {
	all := map[uint32]int64{}
	for oid, e := range r.tally.byOID {
		all[oid] = e.Rows
	}
	for _, oid := range r.known.emptied.All() {
		all[oid]++
	}
	return all
}

// syncSequences lets sequences go on behind the rows of the tables. over is in their transaction.
func (r *run) syncSequences(ctx context.Context, over *executor, tables []uint32) error {
	checks := r.afterRows()
	checks.Session, checks.Role = over.session, over.roleName()
	taken, lasting, err := checks.Sequences(ctx, tables)
	if err != nil || len(taken)+len(lasting) == 0 {
		return err
	}
	if r.o.Online && r.began { // what no rollback takes back comes when nothing is left that may fail
		r.online.last = append(r.online.last, lasting...)
		lasting = nil
	}
	moves := slices.Concat(taken, lasting)
	if r.began { // what may still fail must fail before: no rollback takes setval back
		moves = append([]string{"SET CONSTRAINTS ALL IMMEDIATE"}, moves...)
	}
	return over.exec(ctx, strings.Join(moves, "; "))
}

// manyToAnalyze is from how many rows on ANALYZE waits until they are committed: then two connections can share it.
const manyToAnalyze = 100_000

// keyMemory is what the values of keys that pass by may take, in bytes.
const keyMemory = 8 << 20

// analyzeCommitted does what verify has put off. The rows are safe: only the end of ctx is an error.
func (r *run) analyzeCommitted(ctx context.Context) error {
	if len(r.toAnalyze) == 0 {
		return nil
	}
	if r.together == nil {
		r.connectSecond(ctx)
	}
	err := r.afterRows().Analyze(ctx, r.toAnalyze, verify.SkipLocked)
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, "gathering statistics", "The load is complete: it was committed before. ANALYZE the tables, or leave it to autovacuum.")
	case err != nil:
		r.warn("ANALYZE failed after the commit, statistics are as they were: " + headline(problemOf(err)))
	}
	return nil
}

// connectSecond opens a second connection to share with what comes after the commit. Without it that takes longer.
func (r *run) connectSecond(ctx context.Context) {
	o := r.o
	o.Events, o.ConnectTimeout = Events{}, 0 // tried once
	if second, err := session.Open(ctx, r.session.Config(), o.session()); err == nil {
		r.second = second
	}
}
