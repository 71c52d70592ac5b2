package load

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// switchOff makes the server leave a table's indexes alone while rows come, until rebuild. It is done only where nobody else
// can see the table until the transaction ends (it holds the table's exclusive lock), where the table is empty, and where the
// role may (the plan has seen to all three).
//
// For a superuser the catalog marks them as not ready, as CREATE INDEX CONCURRENTLY does before it has filled one, and REINDEX
// both fills them and sets the mark back. So nothing about them has to be remembered and put back: name, options, constraints,
// comments and all that depends on them stay where they are. Others may not write to the catalog: see dropIndexes.
func (x *executor) switchOff(ctx context.Context, table []string, plan *tablePlan) error {
	if plan.off || len(plan.indexes) == 0 || !x.began {
		return nil
	}
	if plan.Online {
		return x.switchToTwins(ctx, plan)
	}
	if !plan.Superuser {
		return x.dropIndexes(ctx, table, plan)
	}
	if err := x.markNotReady(ctx, plan.indexes); err != nil {
		return err
	}
	for _, index := range plan.indexes {
		plan.rebuild = append(plan.rebuild, rebuild{index, "REINDEX INDEX " + index})
	}
	plan.off = true
	x.off = append(x.off, plan)
	return nil
}

// markNotReady has this transaction, and no other yet, leave indexes alone.
func (x *executor) markNotReady(ctx context.Context, indexes []string) error {
	return x.change(ctx, fmt.Sprintf("UPDATE pg_index SET indisready = false, indisvalid = false WHERE indexrelid IN (%s::regclass)",
		strings.Join(asLiterals(indexes), "::regclass, ")))
}

// dropIndexes is switchOff for a table's owner: indexes, and the constraints that are made of them, are dropped and made again.
func (x *executor) dropIndexes(ctx context.Context, table []string, plan *tablePlan) error {
	if x.way.emulated() { // keys that point at the table hold its primary key
		if err := x.withAllNames(ctx, func() error {
			_, err := x.clear(ctx, touched{Touch: sqltext.Touch{Change: sqltext.Changes}, oid: plan.oid, is: plan.name})
			return err
		}); err != nil {
			return err
		}
	}
	var drop []string
	var create []rebuild
	indexes, err := catalog.DroppableIndexes(ctx, x.session, plan.indexes, plan.oid)
	if err != nil {
		return err
	}
	for _, index := range indexes {
		if index.Drop != "" { // its partitions go with it
			drop = append(drop, index.Drop)
		}
		create = append(create, rebuild{plan.name, index.Create})
	}
	plan.indexes, plan.Indexes = nil, 0
	if len(drop) == 0 {
		return nil
	}
	x.known.after(ours)
	err = x.alter(ctx, strings.Join(drop, "; "))
	if x.session.Ends(ctx, err) {
		return problemOf(err)
	}
	if err != nil { // something of the database's own forbids it: the indexes stay, which takes longer and is no harm
		return nil //nolint:nilerr // as said
	}
	if x.way.emulated() {
		x.tellWayOf("indexes of tables that get many rows are dropped")
	}
	plan.rebuild, plan.off = create, true
	x.off = append(x.off, plan)
	x.known.plans[sqltext.QuoteName(table...)] = plan // clear may have forgotten it
	return nil
}

// spareHelpers lets no more processes help the server's own to build an index than are of use, for the transaction: where several connections are
// at work, and the server is on this machine, there should be one to a processor, or all take longer.
func (x *executor) spareHelpers(ctx context.Context) error {
	c := x.reading.crew
	if c == nil || !x.session.Local() {
		return nil
	}
	return x.change(ctx, fmt.Sprintf("SELECT pg_catalog.set_config('max_parallel_maintenance_workers', '%d', true) WHERE pg_catalog.current_setting('max_parallel_maintenance_workers')::int > %[1]d",
		max(0, runtime.NumCPU()/max(1, c.atWork())-1)))
}

// rebuild fills the indexes that are switched off.
func (x *executor) rebuild(ctx context.Context) error {
	if len(x.off) == 0 {
		return nil
	}
	if err := x.spareHelpers(ctx); err != nil {
		return err
	}
	tablespace, dropped := "", slices.ContainsFunc(x.off, func(p *tablePlan) bool { return !p.Superuser || len(p.twins) > 0 })
	if dropped {
		if err := x.session.Ask(ctx, "SELECT current_setting('default_tablespace')", nil, []any{&tablespace}, nil); err != nil {
			return err
		}
	}
	plans := x.off
	x.off = nil
	for _, plan := range plans {
		start := time.Now()
		for _, one := range plan.rebuild {
			if err := x.change(ctx, one.sql); err != nil { // definitions are written for that path
				return &unbuilt{one.what, err}
			}
		}
		x.online.twins = append(x.online.twins, plan.twins...)
		plan.off, plan.indexes, plan.rebuild, plan.twins = false, nil, nil, nil
		x.tally.building[plan.oid] += time.Since(start)
	}
	if dropped {
		return x.exec(ctx, "SET LOCAL default_tablespace = "+sqltext.Literal(tablespace))
	}
	return nil
}

func asLiterals(names []string) []string {
	quoted := make([]string, len(names))
	for i, n := range names {
		quoted[i] = sqltext.Literal(n)
	}
	return quoted
}
