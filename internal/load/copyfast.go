package load

import (
	"bytes"
	"cmp"
	"context"
	"io"

	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// copyAhead is a COPY whose first rows were read before the server was asked for it.
type copyAhead struct {
	plan     *tablePlan
	decision strategy.Decision
	rows     *psql.CopyReader
	all      io.Reader        // all the rows, the first ones included
	many     bool             // more follow than were read ahead
	rules    []copycodec.Rule // of the columns, where values may name no moment; else nil
}

// text gives the rows as they are.
func (a *copyAhead) text() io.Reader { return copycodec.Momentless(a.all, a.rules) }

// ahead reads the first rows of a COPY, to see whether many follow. It gives nil where nothing can be gained.
func (x *executor) ahead(s *statement, open func() (*psql.CopyReader, error)) (*copyAhead, error) {
	one := s.only()
	if one == nil || one.Copy == nil || s.plan == nil || !x.fast() || x.lessons.settles(s.at) {
		return nil, nil //nolint:nilnil // as said
	}
	situation := strategy.Situation{Columns: one.Copy.Columns, Copy: true, Binary: s.plan.binary(one.Copy)}
	if x.decide(s.plan, situation, false).Rows == strategy.AsWritten || s.effect != sqltext.Rows {
		return nil, nil //nolint:nilnil // as said
	}
	rows, err := open()
	if err != nil || rows == nil {
		return nil, err
	}
	head, err := io.ReadAll(io.LimitReader(rows, int64(x.o.thresholds.manyRows)))
	if err != nil {
		_ = rows.Close()
		return nil, err
	}
	situation.Many = len(head) == x.o.thresholds.manyRows
	situation.Binary = situation.Binary && (situation.Many || x.joins) && !x.known.drawn // in that format no value names a moment
	return &copyAhead{s.plan, x.decide(s.plan, situation, true), rows, watched{io.MultiReader(bytes.NewReader(head), rows), x.progress}, situation.Many, x.rulesOfTime(s.plan, one.Copy)}, nil
}

// binary reports whether the rows of a COPY may go in the binary format, as far as their columns tell.
func (p *tablePlan) binary(c *sqltext.CopyOf) bool {
	if !c.Plain || len(c.Columns) == 0 || p.text {
		return false
	}
	_, e, ok := p.encoder(c.Columns, 0)
	return ok && e.Binary()
}

// sendAlone sends the COPY outside a transaction of the script's.
func (a *copyAhead) sendAlone(ctx context.Context, x *executor, s *statement) (tag pgconn.CommandTag, out *failure) {
	f, one := s.f, s.only()
	f.rows = a.rows
	c := &tableCopy{
		table: one.Relations[0], columns: one.Copy.Columns, sql: string(s.text), rows: a.all, many: a.many, again: a.rows.Again,
		failed: func(err error) *failure { f.err = err; return f },
	}
	c.size = func() int64 { return int64(len(c.sql)) + a.rows.Bytes() }
	recoded, err := x.recode(ctx, *one, a)
	if err == nil {
		if recoded != nil {
			c.recoded, c.rows, c.seen = recoded, recoded, recoded.seen
		}
		out = x.copyAlone(ctx, c, a.plan)
	}
	if err = cmp.Or(err, a.rows.Close()); out == nil && err != nil {
		f.err = err
		out = f
	}
	return c.tag, out
}

// beforeRows readies a table, and its indexes, for rows that give columns, inside the one transaction.
func (x *executor) beforeRows(ctx context.Context, table []string, plan *tablePlan, columns []string, d strategy.Decision) error {
	if err := x.makeRoom(ctx, plan, columns); err != nil {
		return err
	}
	if len(x.off) > 0 && !plan.replica && !plan.off { // foreign keys are looked up in the tables before
		if err := x.rebuild(ctx); err != nil {
			return x.refused(err)
		}
	}
	if x.began && d.Indexes != strategy.KeepIndexes {
		return x.switchOff(ctx, table, plan)
	}
	return nil
}
