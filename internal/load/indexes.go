package load

import (
	"context"
	"fmt"
	"strings"
	"time"
)

// Sorting for a new index in memory instead of in files is most of what makes one fast; two such sorts may run at once.
const maintenanceMemory = "256MB"

// switchOff makes the server leave a table's indexes alone while rows come, until rebuild. The catalog marks them as not
// ready, as CREATE INDEX CONCURRENTLY does before it has filled one, and REINDEX both fills them and sets the mark back. So
// nothing about them has to be remembered and put back: name, options, constraints, comments and all that depends on them
// stay where they are. It is done only where nobody else can see the table until the transaction ends (it holds the table's
// exclusive lock), where the table is empty, and where the role may (the plan has seen to all three).
func (r *run) switchOff(ctx context.Context, plan *tablePlan) error {
	if plan.off || len(plan.indexes) == 0 || !r.began {
		return nil
	}
	if err := r.exec(ctx, fmt.Sprintf("UPDATE pg_catalog.pg_index SET indisready = false, indisvalid = false WHERE indexrelid IN ('%s'::regclass)",
		strings.Join(quoteLiterals(plan.indexes), "'::regclass, '"))); err != nil {
		return err
	}
	plan.off = true
	r.off = append(r.off, plan)
	return nil
}

// rebuild fills the indexes that are switched off.
func (r *run) rebuild(ctx context.Context) error {
	if len(r.off) == 0 {
		return nil
	}
	if !r.tuned {
		r.tuned = true
		if err := r.exec(ctx, fmt.Sprintf(`SELECT pg_catalog.set_config('maintenance_work_mem', '%s', true)
			WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('maintenance_work_mem')) < pg_catalog.pg_size_bytes('%[1]s')`, maintenanceMemory)); err != nil {
			return err
		}
	}
	plans := r.off
	r.off = nil
	for _, plan := range plans {
		start := time.Now()
		for _, index := range plan.indexes {
			if err := r.exec(ctx, "REINDEX INDEX "+index); err != nil {
				return err
			}
		}
		plan.off, plan.indexes = false, nil
		if e := r.tally.byOID[plan.oid]; e != nil {
			e.Elapsed += time.Since(start)
		}
	}
	return nil
}

// settleIndexes is called before statements go as written: whatever could need an index that is switched off finds it in
// order. Only statements that fill other tables go on without.
func (r *run) settleIndexes(ctx context.Context, infos []statementInfo) error {
	for _, info := range infos {
		if len(r.off) == 0 {
			return nil
		}
		if (info.kind == copyStatement || info.kind == insertStatement) && len(info.tables) == 1 {
			plan, err := r.plan(ctx, info.tables[0])
			if err != nil {
				return err
			}
			if plan != nil && plan.replica && (!plan.off || info.kind == copyStatement) {
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
