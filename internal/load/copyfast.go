package load

import (
	"bytes"
	"context"
	"io"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// copyAhead is a COPY whose first rows were read before the server was asked for it.
type copyAhead struct {
	plan *tablePlan
	rows *psql.CopyReader
	all  io.Reader // all the rows, the first ones included
	many bool      // more follow than were read ahead
}

// ahead reads the first rows of a COPY, to see whether many follow. It gives nil where nothing can be gained.
func (r *run) ahead(ctx context.Context, infos []sqltext.Statement, open func() (*psql.CopyReader, error)) (*copyAhead, error) {
	if len(infos) != 1 || infos[0].Copy == nil || !infos[0].Copy.From || len(infos[0].Relations) != 1 || !r.fast() {
		return nil, nil //nolint:nilnil // as said
	}
	plan, err := r.plan(ctx, infos[0].Relations[0])
	if err != nil || plan == nil || !plan.asCopy {
		return nil, err
	}
	rows, err := open()
	if err != nil || rows == nil {
		return nil, err
	}
	head, err := io.ReadAll(io.LimitReader(rows, int64(r.o.thresholds.manyRows)))
	if err != nil {
		_ = rows.Close()
		return nil, err
	}
	return &copyAhead{plan, rows, watched{io.MultiReader(bytes.NewReader(head), rows), r.progress}, len(head) == r.o.thresholds.manyRows}, nil
}

// sendAlone sends the COPY outside a transaction of the script's. How many rows it was is not known when they are still under
// way over another connection: then the tag says none.
func (a *copyAhead) sendAlone(ctx context.Context, r *run, text []byte, info sqltext.Statement, f *failure) (tag pgconn.CommandTag, out *failure) {
	f.rows, f.text = a.rows, bytes.Clone(f.text) // the script may have gone on when it fails
	c := &tableCopy{
		table: info.Relations[0], sql: string(text), rows: a.all, many: a.many, again: a.rows.Again,
		failed: func(err error) *failure { f.err = err; return f },
	}
	c.size = func() int64 { return int64(len(c.sql)) + a.rows.Bytes() }
	recoded, err := r.recode(ctx, info, a)
	if err == nil {
		if recoded != nil {
			c.recoded, c.rows, c.seen = recoded, recoded, recoded.seen
		}
		out = r.copyAlone(ctx, c, a.plan)
	}
	if err = firstError(err, a.rows.Close()); out == nil && err != nil {
		f.err = err
		out = f
	}
	if c.pipe == nil {
		tag = c.tag
	}
	return tag, out
}

// beforeRows readies the indexes for rows into a table, inside the one transaction.
func (r *run) beforeRows(ctx context.Context, table []string, plan *tablePlan, many bool) error {
	if len(r.off) > 0 && !plan.replica && !plan.off { // foreign keys are looked up in the tables before
		if err := r.rebuild(ctx); err != nil {
			return r.refused(err)
		}
	}
	if many && r.began {
		return r.switchOff(ctx, table, plan)
	}
	return nil
}
