package load

import (
	"context"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// recoder is the rows of a COPY on their way in the binary format.
type recoder struct {
	*copycodec.Reader
	sql   string                // the COPY that takes them
	seen  *verify.ObservedTable // nil if the values of no column matter
	rules []copycodec.Rule      // of the columns, where values may name no moment; else nil
}

// Read implements io.Reader. Rows that are left have not passed by.
func (c *recoder) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	if c.Left() {
		c.seen.Miss()
	}
	return n, err
}

// recode gives a recoder for the rows of a COPY, nil where they go as they are.
func (x *executor) recode(ctx context.Context, info sqltext.Statement, a *copyAhead) (*recoder, error) {
	if a.decision.Rows != strategy.CopyBinary {
		return nil, nil //nolint:nilnil // as said
	}
	columns := info.Copy.Columns
	names, e, ok := a.plan.encoder(columns, 0)
	if !ok || !e.Binary() {
		return nil, nil //nolint:nilnil // as said
	}
	seen, err := x.observe(ctx, a.plan, names, e)
	if err != nil {
		return nil, err
	}
	return &recoder{Reader: copycodec.NewReader(a.all, e), seen: seen, sql: copyStatementFor(a.plan.target(info.Relations[0]), columns, true), rules: a.rules}, nil
}

// copyRecoded sends what c encodes, which comes by way of rows, and what it leaves as text. Call it in a transaction, for that is
// one COPY to the script.
func (x *executor) copyRecoded(ctx context.Context, text string, rows io.Reader, c *recoder) (pgconn.CommandTag, error) {
	tag, err := x.session.CopyIn(ctx, c.sql, rows)
	if err != nil || !c.Left() {
		return tag, err
	}
	rest, err := x.session.CopyIn(ctx, text, copycodec.Momentless(c.Rest(), c.rules))
	return pgconn.NewCommandTag(fmt.Sprintf("COPY %d", tag.RowsAffected()+rest.RowsAffected())), err
}
