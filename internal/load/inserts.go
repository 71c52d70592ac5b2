package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

const (
	// fragmentSize is from which size on an INSERT is read in parts, in bytes.
	fragmentSize = 1 << 20
	// largeInsert is from which size on a single INSERT goes as COPY, in bytes: asking the catalog costs as much as a
	// few small ones.
	largeInsert = 8 << 10
	// manyInserts is how many INSERTs into one table, one after the other, go as COPY whatever their size.
	manyInserts = 5
	// runSize is after how many bytes of script a run ends in the one transaction, lest all of a large table go twice for one row.
	runSize = 16 << 20
	// largestCopied is how large a part of an INSERT may be that goes as rows of a COPY, in bytes: there are the text and the rows at once. What is
	// larger is one long row, of which the server gets no faster than it reads it.
	largestCopied = 16 << 20
	// manyRows is how many bytes of rows must come before indexes are switched off for them.
	manyRows = 256 << 10
)

// unasked is how many small INSERTs of a script go as written before a server that is near is asked about any table: each of them waits a tenth of a
// millisecond for its answer, and the question takes a hundred times that.
var unasked = 100

// runStart is the savepoint before a run.
const runStart = "fabricate_seed_run"

// errUnsure says that rows which are on their way to become those of a COPY turn out to be some that only the statement as written
// says.
var errUnsure = copycodec.ErrUnsure

// fast tells whether statements may go another way than as written. Where errors do not end the script they may not:
// a second try would take values of sequences twice.
func (x *executor) fast() bool {
	return !x.o.Verbatim && !x.replaying && !x.escapes() && x.errorsEnd() &&
		(x.began || x.session.TxStatus() == 'I') && !sqltext.UnsafeEncoding(x.session.Parameter("client_encoding"))
}

// errorsEnd tells whether the script ends at an error.
func (x *executor) errorsEnd() bool {
	return x.vars.On("ON_ERROR_STOP") && x.vars.On("AUTOCOMMIT") && !x.vars.On("ON_ERROR_ROLLBACK")
}

// insertRun is a run of INSERTs of literals into the same columns of one table, read as the rows of one COPY. The item that
// ends it is held for the script's loop.
type insertRun struct {
	x        *executor
	sc       *psql.Script
	head     []byte // what the statements begin with, up to the first row
	encoder  *copycodec.Encoder
	plan     *tablePlan
	seen     *verify.ObservedTable // nil if the values of no column matter
	columns  []string              // that the statements name, nil if none
	given    int                   // values in a row
	rows     int64                 // so far
	goesOn   bool                  // the statement that was encoded last does
	first    psql.Position         // of the run
	from     psql.Position         // where its text begins
	parts    bool                  // it is one statement, given in parts
	commands int                   // meta-commands before it: none stands within it, since it may be read again
	end      int64                 // offset in the file behind the last statement
	last     int64                 // rows of the last statement
	size     int64                 // bytes of script
	buf      []byte                // rows to be sent
	sent     int                   // bytes of buf that were
	decision strategy.Decision
	start    time.Time
	over     bool // no further statement belongs to it
	ended    bool // all its rows are in buf
	err      error
}

// fewInserts is how rows go for which nothing else is worth its while.
const fewInserts = "as written (a few small INSERTs)"

// gather sends an INSERT, and those after it that fit, as one COPY. done is false if it must go as written.
func (x *executor) gather(ctx context.Context, s *statement) (done bool, f *failure) {
	st, one, plan := s.source, s.only(), s.plan
	if st == nil || one == nil || one.Insert == nil || one.Insert.Rows == 0 || plan == nil || !x.fast() || st.Compound || st.Send != nil || !st.Seekable ||
		len(st.Text) > x.o.thresholds.largestCopied || x.lessons.settles(s.at) {
		return false, nil
	}
	name, from := one.Relations[0], one.Insert.Rows
	if few := x.few(s); few && (!x.way.keysStay() || !plan.together) {
		if x.o.Explain && x.decide(plan, strategy.Situation{Columns: one.Insert.Columns}, false).Rows != strategy.AsWritten {
			x.tellWay(plan, fewInserts)
		}
		return false, nil
	}
	run := &insertRun{x: x, sc: s.script, head: bytes.Clone(st.Text[:from]), plan: plan, first: st.Pos, from: st.From, parts: st.More, commands: s.script.Commands(), start: time.Now(),
		columns: one.Insert.Columns, given: sqltext.CountValues(st.Text[from:])}
	names, encoder, ok := plan.encoder(run.columns, run.given)
	if !ok {
		return false, nil
	}
	if st.More {
		encoder.AsText() // nobody has seen its other rows, and text takes more spellings
	}
	situation := strategy.Situation{Columns: names, Binary: encoder.Binary()}
	if x.decide(plan, situation, false).Rows == strategy.AsWritten {
		return false, nil
	}
	if f := x.answered(ctx); f != nil {
		return true, f
	}
	var err error
	if run.seen, err = x.observe(ctx, plan, names, encoder); err != nil {
		return true, x.fail(s, err)
	}
	if run.encoder = encoder; !run.encode(st, from) {
		if !encoder.Binary() {
			return false, nil
		}
		plan.text = true
		encoder.AsText()
		if run.seen = nil; !run.encode(st, from) {
			return false, nil
		}
	}
	for run.more() && len(run.buf) < x.o.thresholds.manyRows {
		run.advance()
	}
	situation.Binary, situation.Many = encoder.Binary(), run.more()
	run.decision = x.decide(plan, situation, true)
	if err := x.beforeRows(ctx, name, plan, names, run.decision); err != nil {
		return true, x.fail(s, err)
	}
	f = run.send(ctx, name, names)
	if key := sqltext.QuoteName(name...); run.size >= int64(x.o.thresholds.largeInsert) || run.rows >= int64(x.o.thresholds.manyInserts) {
		delete(x.known.vain, key)
	} else {
		x.known.inVain(key)
	}
	return true, f
}

// send sends the run as COPY.
func (run *insertRun) send(ctx context.Context, table, columns []string) *failure {
	x, start := run.x, time.Now()
	text := copyStatementFor(run.plan.target(table), columns, run.encoder.Binary())
	if run.encoder.Binary() {
		run.buf = slices.Insert(run.buf, 0, copycodec.Header...)
	}
	if !x.began {
		return x.copyAlone(ctx, &tableCopy{table: table, columns: columns, sql: text, rows: run, many: run.more(), seen: run.seen, size: func() int64 { return run.size },
			failed: func(err error) *failure { return run.replay(ctx, table, err) }}, run.plan)
	}
	tag, err := x.copyGuarded(ctx, text, run)
	again := mayBeRow(err) || x.timedOut(err, run.plan, start)
	f := &failure{at: run.first, err: err}
	switch {
	case err == nil:
		x.tally.count(table, tag.RowsAffected(), run.size, time.Since(start))
		run.seen.Add(tag.RowsAffected())
		_ = x.outcome(f, pgconn.NewCommandTag(fmt.Sprintf("INSERT 0 %d", run.last)))
		return nil
	case ctx.Err() != nil, !again, x.session.IsClosed():
		return x.outcome(f, tag)
	}
	if f.err = x.takeBack(ctx); f.err != nil {
		return x.outcome(f, noTag)
	}
	run.seen.Miss()
	return run.replay(ctx, table, err)
}

// timedOut reports that the server has ended a COPY by statement_timeout, which the INSERTs that it stands for may keep.
func (x *executor) timedOut(err error, plan *tablePlan, start time.Time) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "57014" && plan.limit > 0 && time.Since(start) >= plan.limit
}

// target is where rows of a table go by COPY.
func (p *tablePlan) target(table []string) []string {
	if p.stage != nil {
		return p.stage
	}
	return table
}

// copyStatementFor gives the COPY for rows that an encoder gives.
func copyStatementFor(table, columns []string, binary bool) string {
	quoted := make([]string, len(columns))
	for i, c := range columns {
		quoted[i] = sqltext.QuoteName(c)
	}
	text := fmt.Sprintf("COPY %s (%s) FROM STDIN", sqltext.QuoteName(table...), strings.Join(quoted, ", "))
	if binary {
		text += " WITH (FORMAT binary)"
	}
	return text
}

// more tells whether the run may go on.
func (run *insertRun) more() bool { return !run.over && run.err == nil }

// Read implements io.Reader: the rows in the format that the COPY names.
func (run *insertRun) Read(p []byte) (int, error) {
	for run.sent == len(run.buf) {
		if run.err != nil {
			return 0, run.err
		}
		if run.ended {
			return 0, io.EOF
		}
		if run.over {
			run.ended = true
			if !run.encoder.Binary() {
				return 0, io.EOF
			}
			run.buf, run.sent = append(run.buf[:0], copycodec.Trailer...), 0
			break
		}
		run.buf, run.sent = run.buf[:0], 0
		run.advance()
		run.x.progress()
	}
	n := copy(p, run.buf[run.sent:])
	run.sent += n
	return n, nil
}

// advance encodes the next statement, or part of one. What does not belong to the run is held.
func (run *insertRun) advance() {
	inside := run.goesOn
	if limit := run.plan.limit; !inside && limit > 0 && time.Since(run.start) > limit/4 {
		run.over = true // as one statement all of them might take longer than the server lets one
		return
	}
	if !inside && run.x.o.Transaction != None && run.size > int64(run.x.o.thresholds.runSize) {
		run.over = true
		return
	}
	if !inside { // what the script reads next may tell of it; when it fails, all is loaded again
		_ = run.x.outcome(&failure{}, pgconn.NewCommandTag(fmt.Sprintf("INSERT 0 %d", run.last)))
	}
	item, err := run.x.reading.next()
	st, ok := item.(*psql.Statement)
	if inside {
		if err == nil && ok {
			run.goesOn = st.More
		}
		if err != nil || !ok || len(st.Text) > run.x.o.thresholds.largestCopied || !run.encode(st, 0) {
			run.err = cmp.Or(err, errUnsure) // its first rows are on their way
		}
		return
	}
	if err == nil && ok && !st.More && len(st.Text) <= run.x.o.thresholds.largestCopied && st.Seekable && !st.Compound && st.Send == nil && st.Pos.File == run.first.File && run.sc.Commands() == run.commands &&
		bytes.HasPrefix(st.Text, run.head) && !run.x.lessons.settles(st.Pos) && run.encode(st, len(run.head)) {
		return
	}
	run.over = true
	run.x.reading.held = &held{item, err}
	if ok && run.encoder.Binary() {
		run.plan.text = run.plan.text || st.First == "insert" && bytes.HasPrefix(st.Text, run.head)
	}
}

// encode appends the rows of a statement, from offset on.
func (run *insertRun) encode(st *psql.Statement, offset int) bool {
	before := len(run.buf)
	out, rows, ok := run.encoder.Values(run.buf, st.Text[offset:], st.More)
	if !ok {
		run.seen.Miss() // values have passed by that are not sent
		run.buf = run.buf[:before]
		return false
	}
	run.buf = out
	if offset > 0 {
		run.last = 0
	}
	run.goesOn, run.end = st.More, st.End
	run.last += int64(rows)
	run.rows += int64(rows)
	run.size += int64(len(st.Text))
	return true
}
