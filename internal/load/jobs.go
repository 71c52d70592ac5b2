package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// tableCopy is the rows of one table, on their way by COPY outside a transaction of the script's.
type tableCopy struct {
	table   []string
	sql     string
	rows    io.Reader
	many    bool // worth switching indexes off for
	size    func() int64
	failed  func(error) *failure             // what a refusal means for the script, by the server's error
	seen    *seenTable                       // the rows' values pass by there; nil if they do not
	columns []string                         // that the rows give
	again   func() (*psql.CopyReader, error) // the rows once more, where sql is the script's own; else nil
	recoded *recoder                         // what rows are read from, as far as they go in the binary format; nil if all go as they are

	oid                uint32
	plan               *tablePlan
	owned, partitioned bool  // the table, as its plan says
	lock               bool  // it seems to be empty and has indexes: with its lock they may be switched off
	expired            bool  // the server's limit for one statement has ended it
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
	c.expired = c.again == nil && r.timedOut(c.err, c.plan, start)
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

// mayBeRow reports whether the error of rows may be that of one of them, or of the way that they went: anything but what says
// nothing of the statement.
func mayBeRow(err error) bool { return session.MayBeRow(err) || errors.Is(err, errUnsure) }

// alone runs a COPY outside the script's transaction.
func (r *run) alone(ctx context.Context, c *tableCopy, send func() error) error {
	if !c.many || !c.lock && c.recoded == nil { // what is recoded may go in two parts
		return send()
	}
	if err := r.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	r.began, r.tuned = true, false
	defer func() { // what was known in the transaction, also of indexes that are off
		r.off = nil
		r.known.after(ours)
	}()
	defer r.rollback(ctx) // does nothing after COMMIT
	if c.lock {
		if err := r.lockForIndexes(ctx, c); err != nil {
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

// lockForIndexes locks a table that seems to be empty, and switches its indexes off where it is. It waits for nobody: where others use
// the table, the indexes stay.
func (r *run) lockForIndexes(ctx context.Context, c *tableCopy) error {
	err := r.session.TryAsScript(ctx, "LOCK TABLE "+sqltext.QuoteName(c.table...)+" IN ACCESS EXCLUSIVE MODE NOWAIT")
	var pe *pgconn.PgError
	if errors.As(err, &pe) && (pe.Code == "55P03" || pe.Code == "42501") {
		return nil
	}
	if err != nil {
		return err
	}
	r.known.after(ours) // with the lock there are indexes to switch off
	plan, err := r.plan(ctx, c.table)
	if err != nil || plan == nil {
		return err
	}
	c.alone = plan.Exclusive
	if d := r.decide(plan, strategy.Situation{Many: true, Columns: c.columns, Copy: true, Binary: c.recoded != nil}, false); d.Indexes == strategy.KeepIndexes {
		return nil
	}
	return r.switchOff(ctx, c.table, plan)
}

// copyAlone sends a table's rows outside a transaction: over a connection of its own, while the script is read on, or at once.
func (r *run) copyAlone(ctx context.Context, c *tableCopy, plan *tablePlan, d strategy.Decision) *failure {
	c.oid, c.owned, c.partitioned, c.sent = plan.oid, plan.Owned, plan.partitioned, make(chan struct{})
	c.lock = plan.Owned && plan.Empty && plan.Indexes > 0 && plan.Watched == ""
	c.plan = plan
	var worker *run
	if d.Elsewhere {
		var f *failure
		if worker, f = r.worker(ctx, plan.oid); f != nil {
			return f
		}
	}
	if worker == nil {
		if f := r.join(ctx); f != nil {
			return f
		}
		c.run(ctx, r)
		return r.collect(ctx, c)
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
		if c.recoded != nil && c.recoded.Left() {
			<-c.sent // the worker reads them itself
		}
		return nil // whether all is well is found when the copy is collected
	}
	// The rows were not read to their end: what becomes of them must be settled before the script is read on.
	<-c.over
	r.copies = r.copies[:len(r.copies)-1]
	return r.collect(ctx, c)
}

// settleCopies awaits what is under way over other connections before a statement goes over the script's own: it could depend on that.
func (r *run) settleCopies(ctx context.Context, s *statement) (bool, *failure) {
	if r.o.Jobs <= 1 || r.began {
		return false, nil
	}
	if one := s.only(); one != nil && one.Kind == sqltext.Copy && len(one.Relations) == 1 {
		return false, nil // copyAlone sees to it, or the plan says that it matters
	}
	return false, r.join(ctx)
}

// worker gives a connection that is free, and whose session has the settings of the script's. Before that, copies into the same table
// and copies that hold all connections are awaited. nil means that there is none: its session cannot be made the same.
func (r *run) worker(ctx context.Context, table uint32) (*run, *failure) {
	for {
		var free *run
		busy := map[*run]bool{}
		same, loading := false, 0
		for _, c := range r.copies {
			busy[c.by] = true
			if !c.isSent() {
				loading++
			}
			same = same || c.oid == table
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
		alike, err := r.makeAlike(ctx, free)
		if err != nil {
			return nil, &failure{err: err, refused: true}
		}
		if !alike {
			return nil, nil
		}
		return free, nil
	}
}

func (r *run) sessionSettings(ctx context.Context) (map[string]string, error) {
	all, err := catalog.Settings(ctx, r.session)
	settings := map[string]string{}
	for _, s := range all {
		settings[s.Name] = s.Value
	}
	return settings, err
}

// setConfig gives the expression that gives a session's setting a value.
func setConfig(name, value string) string {
	return fmt.Sprintf("pg_catalog.set_config(%s, %s, false)", sqltext.Literal(name), sqltext.Literal(value))
}

// makeAlike gives a worker's session the settings of the script's, as the server says what they are. It reports false where that
// cannot be done.
func (r *run) makeAlike(ctx context.Context, worker *run) (bool, error) {
	if !r.known.settings {
		settings, err := r.sessionSettings(ctx)
		if err != nil {
			return false, err
		}
		r.settings, r.known.settings = settings, true
		r.settingsMade++
	}
	if worker.settingsMade == r.settingsMade {
		return true, nil
	}
	have, err := worker.sessionSettings(ctx)
	if err != nil {
		return false, err
	}
	var set []string
	for name, value := range r.settings {
		if have[name] == value {
			continue
		}
		if name == "session_authorization" {
			return false, nil
		}
		set = append(set, setConfig(name, value))
	}
	if len(set) > 0 {
		slices.Sort(set)
		err := worker.exec(ctx, "SELECT "+strings.Join(set, ", "))
		if session.MayBeRow(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		worker.known.after(sqltext.Session)
	}
	worker.settingsMade = r.settingsMade
	return true, nil
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
	r.known.analyzed[c.oid] = c.analyzed
	switch {
	case c.seen == nil: // by a way on which nothing is noted
		r.known.observed.tables[c.oid].miss()
	case c.err == nil && c.alone:
		c.seen.rows, c.seen.xid = c.tag.RowsAffected(), c.xid
	default:
		c.seen.missed = true
	}
	if c.err == nil {
		r.tally.count(c.table, c.tag.RowsAffected(), c.size(), c.took)
		return nil
	}
	if ctx.Err() == nil && (mayBeRow(c.err) || c.expired) {
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
	r.known.settings = false
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
