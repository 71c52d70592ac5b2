package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// What the server refuses on a fast way is sent once more as the script has it, for only so is the error psql's, or is there none. As
// little as possible goes so: of a run of INSERTs the statement whose row is at fault, of COPYs the one that was refused. What came
// before stays, by a savepoint. Where none can have been set, the load begins again: the fast way, but for what was learned.

// lessons are what tries of a load have taught about the next.
type lessons struct {
	keep  map[string]bool // indexes that stay in place, and tables whose indexes do, by qualified name: they could not be built from all rows
	first map[string]bool // places of statements that go as written, when all indexes before them are built
	taken int
	alone string // why one connection does all, "" if not
}

func newLessons() *lessons { return &lessons{keep: map[string]bool{}, first: map[string]bool{}} }

// maxLessons is how often a load is begun again before all of it goes as written. Two are needed for a row at fault; more come where
// indexes cannot be built for other reasons.
const maxLessons = 4

// otherwise says that the load is to begin once more, and what is to be otherwise.
type otherwise struct {
	keep  string        // this index stays, or this table's do; else
	alone string        // one connection does all, because of this; else
	at    psql.Position // all indexes are built before this statement
	text  string        // at, for people
}

func (o *otherwise) Error() string {
	if o.alone != "" {
		return o.alone + ": loading once more, over one connection"
	}
	if o.keep != "" && o.text != "" {
		return o.keep + ": " + o.text
	}
	if o.keep != "" {
		return fmt.Sprintf("%s: an index cannot be built from all rows; loading once more with it in place, to find the row", o.keep)
	}
	return o.text + ": the server refused this, and a row before may be at fault; loading once more, to find out"
}

// take takes a lesson. It gives false where another try would be of no use.
func (l *lessons) take(o *otherwise) bool {
	if o.alone != "" {
		l.alone = o.alone
		return true
	}
	l.taken++
	known, key := l.first, o.at.String()
	if o.keep != "" {
		known, key = l.keep, o.keep
	}
	had := known[key]
	known[key] = true
	return !had && l.taken <= maxLessons
}

// settles reports whether the statement at a place goes as written, when all indexes are built.
func (l *lessons) settles(at psql.Position) bool { return len(l.first) > 0 && l.first[at.String()] }

// unbuilt is the error of an index.
type unbuilt struct {
	what string // as rebuild has it
	err  error
}

func (u *unbuilt) Error() string { return u.err.Error() }
func (u *unbuilt) Unwrap() error { return u.err }

// refused is the error for indexes that cannot be built: which row is to blame, if one is, the server says where they are in place.
func (x *executor) refused(err error) error {
	var u *unbuilt
	if errors.As(err, &u) && mayBeRow(err) {
		return &otherwise{keep: u.what}
	}
	return problemOf(err)
}

// copyGuarded sends a COPY of our own in the one transaction behind a savepoint, all in one message. When it has failed, takeBack
// goes back there.
func (x *executor) copyGuarded(ctx context.Context, sql string, rows io.Reader) (tag pgconn.CommandTag, err error) {
	err = x.session.Do(ctx, []byte("SAVEPOINT "+runStart+"; "+sql+"; RELEASE SAVEPOINT "+runStart), session.Handlers{
		CopyIn: func() (io.Reader, error) { return rows, nil },
		Done: func(t pgconn.CommandTag) {
			if strings.HasPrefix(t.String(), "COPY") {
				tag = t
			}
		},
	})
	return tag, err
}

// takeBack goes back to the savepoint before rows, and removes it.
func (x *executor) takeBack(ctx context.Context) error {
	return x.exec(ctx, "ROLLBACK TO SAVEPOINT "+runStart+"; RELEASE SAVEPOINT "+runStart)
}

// sendAhead sends a COPY of the script in the one transaction, in another format if c is not nil. What the server refuses goes once more
// as written, when all indexes are built.
func (x *executor) sendAhead(ctx context.Context, s *statement, a *copyAhead, c *recoder) (tag pgconn.CommandTag, err error) {
	if err := x.exec(ctx, "SAVEPOINT "+runStart); err != nil {
		return tag, err
	}
	text := string(s.text)
	if a.plan.stage != nil {
		text = copyStatementFor(a.plan.stage, s.parsed[0].Copy.Columns, false)
	}
	if c != nil {
		tag, err = x.copyRecoded(ctx, text, c, c)
	} else {
		tag, err = x.session.CopyIn(ctx, text, a.text())
	}
	switch {
	case err == nil:
		if c != nil {
			c.seen.Add(tag.RowsAffected())
		}
		return tag, x.exec(ctx, "RELEASE SAVEPOINT "+runStart)
	case ctx.Err() != nil, !mayBeRow(err), x.session.IsClosed(), x.joins: // one connection alone is to find the row
		return tag, err
	}
	if c != nil {
		c.seen.Miss()
	}
	if err := x.takeBack(ctx); err != nil {
		return noTag, err
	}
	if err := x.rebuild(ctx); err != nil {
		return noTag, x.refused(err)
	}
	if err := x.emptyRest(ctx); err != nil {
		return noTag, err
	}
	rows, err := a.rows.Again()
	if err != nil {
		return noTag, err
	}
	defer func() { _ = rows.Close() }()
	s.f.rows = rows
	return x.session.CopyIn(ctx, string(s.text), rows)
}

// replay sends a run once more that the server has refused as one COPY: first by COPY the statements that are not at fault, then as
// written the one that is, and what follows. Outside a transaction each statement stands for itself, so that those before the one that
// fails stay done, as with psql.
func (run *insertRun) replay(ctx context.Context, table []string, refused error) (f *failure) {
	x := run.x
	from, f := run.sendInnocent(ctx, table, refused)
	if f != nil || from.Offset >= run.end {
		return f
	}
	x.notice(fmt.Sprintf("%s:%d: rows that cannot be copied; sending the statements from here on as written", from.File, from.Line))
	if f := x.asWritten(ctx, run.sc, from, run.end); f != nil {
		return f
	}
	for run.goesOn { // the rest of the statement that was given in part has gone with it
		item, err := x.reading.next()
		st, ok := item.(*psql.Statement)
		if err != nil || !ok {
			return &failure{at: run.first, err: cmp.Or(err, errUnsure), refused: true}
		}
		run.goesOn = st.More
	}
	return nil
}

// sendInnocent sends those statements of a run by COPY that come before the one at fault, and gives where that one begins. The server
// names the row; where it does not (a foreign key is looked up when all rows are in), halves of what is left are tried.
func (run *insertRun) sendInnocent(ctx context.Context, table []string, refused error) (psql.Position, *failure) {
	x, from, left := run.x, run.from, run.rows
	limit, certain := int64(0), true // rows to send; they are those before the one that was named
	var index *unbuilt
	switch line := rowOf(refused); {
	case run.parts || !session.MayBeRow(refused): // one statement, or one that takes too long together with others
	case line > 0:
		limit = line - 1
	case errors.As(refused, &index): // once more with the indexes in place
		limit, certain = left, false
	default:
		limit, certain = left/2, false
	}
	for limit > 0 {
		p, err := run.partOf(from, limit)
		if err != nil {
			return from, &failure{at: run.first, err: err, refused: true}
		}
		start, send := time.Now(), x.session.CopyIn
		if x.began {
			send = x.copyGuarded
		}
		tag, err := send(ctx, copyStatementFor(run.plan.target(table), p.names, p.encoder.Binary()), p)
		_ = p.again.Close()
		switch {
		case err == nil && p.rows > 0:
			x.tally.count(table, tag.RowsAffected(), p.size, time.Since(start))
			from, left = p.next, left-p.rows
			if certain || left <= 0 || from.Offset >= run.end {
				return from, nil
			}
			limit = left / 2
			continue
		case err == nil: // the first statement alone has more
			return from, nil
		case ctx.Err() != nil, !mayBeRow(err), x.session.IsClosed():
			return from, &failure{at: run.first, err: err}
		}
		if x.began {
			if err := x.takeBack(ctx); err != nil {
				return from, &failure{at: run.first, err: err}
			}
		}
		if line := rowOf(err); line > 0 {
			limit, certain = line-1, true
		} else {
			left, limit, certain = p.rows, min(p.rows, limit)/2, false
		}
	}
	return from, nil
}

// rowOf gives the row that the error of a COPY names, counted from 1; 0 if it names none.
func rowOf(err error) int64 {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return 0
	}
	row, _ := fit.CopyPlace(pe.Where)
	return int64(row)
}

// partOf reads statements of the run once more, as many as bring no more than limit rows together.
func (run *insertRun) partOf(from psql.Position, limit int64) (*runPart, error) {
	again, err := run.sc.Reread(from)
	if err != nil {
		return nil, err
	}
	names, encoder, _ := run.plan.encoder(run.columns, run.given)
	if !run.encoder.Binary() {
		encoder.AsText()
	}
	p := &runPart{run: run, again: again, names: names, encoder: encoder, limit: limit, next: from}
	if encoder.Binary() {
		p.buf = append(p.buf, copycodec.Header...)
	}
	return p, nil
}

// runPart is statements of a run as the rows of a COPY.
type runPart struct {
	run     *insertRun
	again   *psql.Script
	names   []string
	encoder *copycodec.Encoder
	limit   int64         // of rows
	rows    int64         // in buf, and before
	size    int64         // bytes of script
	next    psql.Position // of the first statement that is not among them
	buf     []byte
	sent    int
	over    bool
}

// Read implements io.Reader.
func (p *runPart) Read(b []byte) (int, error) {
	for p.sent == len(p.buf) {
		if p.over {
			return 0, io.EOF
		}
		p.buf, p.sent = p.buf[:0], 0
		if err := p.advance(); err != nil {
			return 0, err
		}
	}
	n := copy(b, p.buf[p.sent:])
	p.sent += n
	return n, nil
}

func (p *runPart) advance() error {
	if p.next.Offset < p.run.end {
		item, err := p.again.Next()
		st, ok := item.(*psql.Statement)
		if err != nil || !ok {
			return cmp.Or(err, errUnsure)
		}
		if p.next = st.From; bytes.HasPrefix(st.Text, p.run.head) {
			out, rows, ok := p.encoder.Values(p.buf, st.Text[len(p.run.head):], false)
			if ok && p.rows+int64(rows) <= p.limit {
				p.next.Offset = st.End // where the next one begins, as far as anybody asks
				p.buf, p.rows, p.size = out, p.rows+int64(rows), p.size+int64(len(st.Text))
				return nil
			}
		}
	}
	p.over = true
	p.buf = p.buf[:0]
	if p.encoder.Binary() {
		p.buf = append(p.buf, copycodec.Trailer...)
	}
	return nil
}
