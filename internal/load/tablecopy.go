package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// tableCopy is the rows of one table, on their way by COPY outside a transaction of the script's.
type tableCopy struct {
	table   []string
	sql     string
	rows    io.Reader
	many    bool // worth switching indexes off for
	size    func() int64
	failed  func(error) *failure             // what a refusal means for the script, by the server's error
	seen    *verify.ObservedTable            // the rows' values pass by there; nil if they do not
	columns []string                         // that the rows give
	again   func() (*psql.CopyReader, error) // the rows once more, where sql is the script's own; else nil
	recoded *recoder                         // what rows are read from, as far as they go in the binary format; nil if all go as they are

	plan    *tablePlan
	lock    bool  // it seems to be empty and has indexes: with its lock they may be switched off, and its rows be known to be ours
	expired bool  // the server's limit for one statement has ended it
	alone   bool  // the table was empty, and nobody else could write to it
	xid     int64 // of the transaction that the rows then have, its lower half
	tag     pgconn.CommandTag
	took    time.Duration
	err     error
	sent    bool // the rows were; indexes may not be built
}

// run sends the rows over a connection. Many rows go in a transaction of their own, for which the table's indexes can
// be switched off.
func (c *tableCopy) run(ctx context.Context, x *executor) {
	start := time.Now()
	c.err = x.alone(ctx, c, func() (err error) {
		c.sent = true
		if c.recoded != nil {
			c.tag, err = x.copyRecoded(ctx, c.sql, c.rows, c.recoded)
		} else {
			c.tag, err = x.session.CopyIn(ctx, c.sql, c.rows)
		}
		return err
	})
	c.expired = c.again == nil && x.timedOut(c.err, c.plan, start)
	if c.many && c.again != nil && c.sent && mayBeRow(c.err) && ctx.Err() == nil && !x.session.IsClosed() {
		c.err = c.repeat(ctx, x)
	}
	c.took = time.Since(start)
}

// repeat sends the rows as the script has them: the server says then which line it refuses, as it does to psql, or takes them
// after all. It goes over the same connection, which knows of the script's settings what counted for the rows.
func (c *tableCopy) repeat(ctx context.Context, x *executor) error {
	rows, err := c.again()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	c.alone = false
	c.tag, err = x.session.CopyIn(ctx, c.sql, rows)
	return err
}

// mayBeRow reports whether the error of rows may be that of one of them, or of the way that they went: anything but what says
// nothing of the statement.
func mayBeRow(err error) bool { return session.MayBeRow(err) || errors.Is(err, errUnsure) }

// alone runs a COPY outside the script's transaction.
func (x *executor) alone(ctx context.Context, c *tableCopy, send func() error) error {
	if !c.lock && (!c.many || c.recoded == nil) { // what is recoded may go in two parts
		return send()
	}
	if err := x.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	x.began = true
	defer func() { // what was known in the transaction, also of indexes that are off
		x.off = nil
		x.known.after(ours)
	}()
	defer x.rollback(ctx) // does nothing after COMMIT
	if c.lock {
		if err := x.lockForIndexes(ctx, c); err != nil {
			return err
		}
	}
	if err := send(); err != nil {
		return err
	}
	if err := x.rebuild(ctx); err != nil {
		return err
	}
	if err := x.session.Do(ctx, []byte("SELECT pg_catalog.int8and(pg_catalog.txid_current(), 4294967295); COMMIT"), session.Handlers{Columns: 1,
		Row: func(v [][]byte) { c.xid, _ = strconv.ParseInt(string(v[0]), 10, 64) }}); err != nil {
		return err
	}
	x.began = false
	return nil
}

// lockForIndexes locks a table that seems to be empty, and switches its indexes off where it is. It waits for nobody: where others use
// the table, the indexes stay.
func (x *executor) lockForIndexes(ctx context.Context, c *tableCopy) error {
	s := strategy.Situation{Many: c.many, Columns: c.columns, Copy: true, Binary: c.recoded != nil}
	if locked, err := x.lockNow(ctx, sqltext.QuoteName(c.table...)); err != nil || !locked {
		x.decide(c.plan, s, true)
		return err
	}
	x.known.after(ours) // with the lock there are indexes to switch off
	plan, err := x.plan(ctx, c.table)
	if err != nil || plan == nil {
		return err
	}
	c.alone = plan.Exclusive
	if d := x.decide(plan, s, true); d.Indexes == strategy.KeepIndexes {
		return nil
	}
	return x.switchOff(ctx, c.table, plan)
}

// lockNow locks a table against everybody else. It gives false where it is in use, or the role may not.
func (x *executor) lockNow(ctx context.Context, table string) (locked bool, err error) {
	err = x.session.TryAsScript(ctx, "LOCK TABLE "+table+" IN ACCESS EXCLUSIVE MODE NOWAIT")
	if state := session.State(err); state == "55P03" || state == "42501" {
		return false, nil
	}
	return err == nil, err
}

// copyAlone sends a table's rows outside a transaction.
func (x *executor) copyAlone(ctx context.Context, c *tableCopy, plan *tablePlan) *failure {
	if f := x.join(ctx); f != nil {
		return f
	}
	c.plan = plan
	c.lock = c.many && plan.lockable()
	plan.filled()
	c.run(ctx, x)
	return x.collect(ctx, c)
}

// collect counts what a copy has loaded, or says what its refusal means.
func (x *executor) collect(ctx context.Context, c *tableCopy) *failure {
	switch {
	case c.seen == nil: // by a way on which nothing is noted
		x.known.observed.Table(c.plan.oid).Miss()
	case c.err == nil && c.alone:
		c.seen.Alone(c.tag.RowsAffected(), c.xid)
	default:
		c.seen.Miss()
	}
	if c.err == nil {
		x.tally.count(c.table, c.tag.RowsAffected(), c.size(), c.took)
		return nil
	}
	if ctx.Err() == nil && (mayBeRow(c.err) || c.expired) {
		return c.failed(c.err)
	}
	return &failure{at: x.at, err: fmt.Errorf("table %s: %w", sqltext.QuoteName(c.table...), c.err)}
}
