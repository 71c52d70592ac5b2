package load

import (
	"bytes"
	"context"
	"io"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// ahead reads the first rows of a COPY before the server is asked for it, to see whether many follow: then the table's
// indexes are switched off. It gives all the rows; nil where that is not to be done.
func (r *run) ahead(ctx context.Context, infos []statementInfo, open func() (*psql.CopyReader, error)) (rows *psql.CopyReader, all io.Reader, err error) {
	if len(infos) != 1 || infos[0].copy == nil || !infos[0].copy.from || len(infos[0].tables) != 1 || !r.began || !r.fast() {
		return nil, nil, nil
	}
	plan, err := r.plan(ctx, infos[0].tables[0])
	if err != nil || plan == nil || !plan.asCopy {
		return nil, nil, err
	}
	if rows, err = open(); err != nil || rows == nil {
		return nil, nil, err
	}
	head, err := io.ReadAll(io.LimitReader(rows, manyRows))
	if err != nil {
		return rows, nil, err
	}
	if err := r.beforeRows(ctx, plan, len(head) == manyRows); err != nil {
		return rows, nil, err
	}
	return rows, io.MultiReader(bytes.NewReader(head), rows), nil
}

// beforeRows readies the indexes for rows into a table.
func (r *run) beforeRows(ctx context.Context, plan *tablePlan, many bool) error {
	if len(r.off) > 0 && !plan.replica && !plan.off { // foreign keys are looked up in the tables before
		if err := r.rebuild(ctx); err != nil {
			return r.refused(err)
		}
	}
	if many {
		return r.switchOff(ctx, plan)
	}
	return nil
}
