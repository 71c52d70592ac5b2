package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// tableCopy is the rows of one table, on their way by COPY outside a transaction of the script's.
type tableCopy struct {
	table   []string
	sql     string
	rows    io.Reader
	many    bool // worth switching indexes off for
	size    func() int64
	failed  func(error) *failure             // what a refusal means for the script
	seen    *seenTable                       // the rows' values pass by there; nil if they do not
	again   func() (*psql.CopyReader, error) // the rows once more, where sql is the script's own; else nil
	recoded *recoder                         // what rows are read from, as far as they go in the binary format; nil if all go as they are

	oid                uint32
	owned, partitioned bool  // the table, as its plan says
	alone              bool  // the table was empty, and nobody else could write to it
	xid                int64 // of the transaction that the rows then have, its lower half
	analyzed           bool
	tag                pgconn.CommandTag
	took               time.Duration
	err                error
	pipe               *io.PipeReader // nil when rows are read where they are sent
	over               chan struct{}  // closed when a worker is through with it
	by                 *run
	sent               chan struct{} // closed when the rows are in; indexes may still be under way
}

// run sends the rows over the connection of r. Many rows go in a transaction of their own, for which the table's indexes can
// be switched off.
func (c *tableCopy) run(ctx context.Context, r *run) {
	start := time.Now()
	c.err = r.alone(ctx, c, func() (err error) {
		defer close(c.sent)
		if c.recoded != nil {
			c.tag, err = r.copyRecoded(ctx, c.sql, c.rows, c.recoded)
		} else {
			c.tag, err = r.session.CopyIn(ctx, c.sql, c.rows)
		}
		return err
	})
	if c.many && c.again != nil && c.isSent() && mayBeRow(c.err) && ctx.Err() == nil && !r.session.IsClosed() {
		c.err = c.repeat(ctx, r)
	}
	c.took = time.Since(start)
	if c.pipe != nil {
		_ = c.pipe.CloseWithError(firstError(c.err, io.ErrClosedPipe)) // nobody reads on
	}
}

// repeat sends the rows as the script has them: the server says then which line it refuses, as it does to psql, or takes them
// after all. It goes over the same connection, which knows of the script's settings what counted for the rows.
func (c *tableCopy) repeat(ctx context.Context, r *run) error {
	rows, err := c.again()
	if err != nil {
		return err
	}
	defer func() { _ = rows.Close() }()
	c.alone = false
	c.tag, err = r.session.CopyIn(ctx, c.sql, rows)
	return err
}

func (c *tableCopy) isSent() bool {
	select {
	case <-c.sent:
		return true
	default:
		return false
	}
}

// mayBeRow tells whether the error of a COPY may be that of a row.
func mayBeRow(err error) bool { return session.MayBeRow(err) || errors.Is(err, errAgain) }

// alone runs a COPY outside the script's transaction.
func (r *run) alone(ctx context.Context, c *tableCopy, send func() error) error {
	if !c.many || !c.owned && c.recoded == nil { // what is recoded may go in two parts
		return send()
	}
	if err := r.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	r.began, r.tuned = true, false
	defer func() { // what was known in the transaction, also of indexes that are off
		r.off = nil
		clear(r.plans)
	}()
	defer r.rollback(ctx) // does nothing after COMMIT
	if c.owned {
		if err := r.exec(ctx, "LOCK TABLE "+sqltext.QuoteName(c.table...)+" IN ACCESS EXCLUSIVE MODE"); err != nil {
			return err
		}
		r.forgetPlans() // with the lock there are indexes to switch off
		plan, err := r.plan(ctx, c.table)
		if err != nil {
			return err
		}
		c.alone = plan.alone
		if err := r.switchOff(ctx, c.table, plan); err != nil {
			return err
		}
	}
	if err := send(); err != nil {
		return err
	}
	if err := r.rebuild(ctx); err != nil {
		return err
	}
	if err := r.session.Do(ctx, []byte("SELECT pg_catalog.int8and(pg_catalog.txid_current(), 4294967295); COMMIT"), session.Handlers{
		Row: func(v [][]byte) { c.xid, _ = strconv.ParseInt(string(v[0]), 10, 64) }}); err != nil {
		return err
	}
	r.began = false
	if !r.o.SkipAnalyze && c.owned && !c.partitioned { // while others load; if it fails, it is done again with the rest
		c.analyzed = r.exec(ctx, "ANALYZE "+skipLocked+sqltext.QuoteName(c.table...)) == nil
	}
	return nil
}

// copyAlone sends a table's rows outside a transaction: over a connection of its own, while the script is read on, if there
// are jobs and the order of tables does not matter; otherwise at once.
func (r *run) copyAlone(ctx context.Context, c *tableCopy, plan *tablePlan) *failure {
	c.oid, c.owned, c.partitioned, c.sent = plan.oid, plan.owned, plan.partitioned, make(chan struct{})
	if r.o.Jobs <= 1 || !plan.free {
		if f := r.join(ctx); f != nil {
			return f
		}
		c.run(ctx, r)
		return r.collect(ctx, c)
	}
	worker, f := r.worker(ctx, sqltext.QuoteName(c.table...))
	if f != nil || worker == nil {
		return f
	}
	rows := c.rows
	pr, pw := io.Pipe()
	c.rows, c.pipe, c.over, c.by = pr, pr, make(chan struct{}), worker
	r.copies = append(r.copies, c)
	go func() {
		defer close(c.over)
		c.run(r.jobs, worker)
	}()
	_, err := io.CopyBuffer(pw, struct{ io.Reader }{rows}, make([]byte, session.CopyFrame))
	_ = pw.CloseWithError(err)
	if err == nil {
		if c.recoded != nil && c.recoded.left {
			<-c.sent // the worker reads them itself
		}
		return nil // whether all is well is found when the copy is collected
	}
	// The rows were not read to their end: what becomes of them must be settled before the script is read on.
	<-c.over
	r.copies = r.copies[:len(r.copies)-1]
	return r.collect(ctx, c)
}

// settleCopies is called before a statement goes over the script's own connection: what it could depend on is awaited. What SET says
// is told to the other connections too; it waits because INSERTs before it may have to be sent once more, without it.
func (r *run) settleCopies(ctx context.Context, infos []sqltext.Statement, text []byte) *failure {
	if r.o.Jobs <= 1 || r.began {
		return nil
	}
	info, one := infos[0], len(infos) == 1
	if one && info.Kind == sqltext.Copy && len(info.Relations) == 1 {
		return nil // copyAlone sees to it, or the plan says that it matters
	}
	f := r.join(ctx)
	if one && (info.Effect == sqltext.Session || info.Effect == sqltext.Setting) {
		r.settings = append(r.settings, string(text))
	}
	return f
}

// worker gives a connection that is free, and has been told what the script has set in its session. Before that, copies into
// the same table and copies that hold all connections are awaited.
func (r *run) worker(ctx context.Context, table string) (*run, *failure) {
	for {
		var free *run
		busy := map[*run]bool{}
		same, loading := false, 0
		for _, c := range r.copies {
			busy[c.by] = true
			if !c.isSent() {
				loading++
			}
			same = same || sqltext.QuoteName(c.table...) == table
		}
		for _, w := range r.workers {
			if !busy[w] {
				free = w
			}
		}
		switch {
		case same || loading >= r.o.Jobs || free == nil && len(r.workers) > r.o.Jobs: // one more than jobs, for indexes
			if f := r.joinOne(ctx); f != nil {
				return nil, f
			}
			continue
		case free == nil:
			free = newRun(r.o)
			free.o.Events, free.o.Jobs, free.together = Events{}, 1, r.o.Jobs
			if err := free.connect(ctx, r.session.Config()); err != nil {
				return nil, &failure{err: err, refused: true}
			}
			r.workers = append(r.workers, free)
		}
		for ; free.sentSettings < len(r.settings); free.sentSettings++ {
			if err := free.exec(ctx, r.settings[free.sentSettings]); err != nil {
				return nil, &failure{err: err, refused: true}
			}
		}
		return free, nil
	}
}

// joinOne awaits one copy: the first that is through.
func (r *run) joinOne(ctx context.Context) *failure {
	through := make(chan int, len(r.copies))
	for i, c := range r.copies {
		go func() {
			<-c.over
			through <- i
		}()
	}
	i := <-through
	c := r.copies[i]
	r.copies = append(r.copies[:i:i], r.copies[i+1:]...)
	return r.collect(ctx, c)
}

// join awaits all copies that are under way: what comes next in the script may need them.
func (r *run) join(ctx context.Context) *failure {
	var first *failure
	for len(r.copies) > 0 {
		if f := r.joinOne(ctx); first == nil {
			first = f
		}
	}
	return first
}

// collect counts what a copy has loaded, or says what its refusal means.
func (r *run) collect(ctx context.Context, c *tableCopy) *failure {
	r.analyzed[c.oid] = c.analyzed
	switch {
	case c.seen == nil: // by a way on which nothing is noted
		r.seen.tables[c.oid].miss()
	case c.err == nil && c.alone:
		c.seen.rows, c.seen.xid = c.tag.RowsAffected(), c.xid
	default:
		c.seen.missed = true
	}
	if c.err == nil {
		r.tally.count(c.table, c.tag.RowsAffected(), c.size(), c.took)
		return nil
	}
	if ctx.Err() == nil && mayBeRow(c.err) {
		return c.failed(c.err)
	}
	return &failure{at: r.at, err: fmt.Errorf("table %s: %w", sqltext.QuoteName(c.table...), c.err)}
}

// spread does n things over all connections at once, in order. All are done; the first error is given.
func (r *run) spread(n int, do func(over *run, i int) error) error {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	sessions := append([]*run{r}, r.workers...)
	failed := make(chan error, len(sessions))
	for _, s := range sessions {
		go func() {
			var first error
			for i := range next {
				first = firstError(first, do(s, i))
			}
			failed <- first
		}()
	}
	var first error
	for range sessions {
		first = firstError(first, <-failed)
	}
	return first
}

// resetWorkers is called when the script goes to another database.
func (r *run) resetWorkers(ctx context.Context) {
	r.closeWorkers(ctx)
	r.settings = nil
	r.jobs, r.cancelJobs = context.WithCancel(ctx)
}

// closeWorkers ends the other connections, and with them whatever they still do.
func (r *run) closeWorkers(ctx context.Context) {
	r.cancelJobs()
	for _, c := range r.copies {
		_ = c.pipe.CloseWithError(context.Canceled)
		<-c.over
	}
	r.copies = nil
	for _, w := range r.workers {
		w.close(ctx)
	}
	r.workers = nil
}
