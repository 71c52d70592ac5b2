package load

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// Statements that empty or fill a table do not wait for each other's answers: the one transaction fails as a whole anyway, and
// when one of them fails, the server refuses those behind it. The answers are read before anything else is done, before a
// variable that tells of them is read, and when there are many.
const (
	postedAtOnce = 64       // statements
	postedBytes  = 64 << 10 // of statements; they, and the answers, must find room in the buffers between here and the server
	postedAlone  = 1 << 20  // of one that is sent while the answers to those before it are read, where all goes as written
)

// posted is a statement that was sent and not yet answered.
type posted struct {
	st       *psql.Statement
	info     statementInfo
	truncate truncation
	together bool // it stands for several TRUNCATEs
}

// mayPost tells whether the script can go on before the statement is answered. Outside of the one transaction that is only so for
// what is kept and sent with others, for there a failure does not undo what was sent before it was heard of.
func (r *run) mayPost(st *psql.Statement) bool {
	limit := r.o.thresholds.largeInsert
	if r.o.Verbatim {
		limit = postedAlone
	}
	return (r.began && st.First == "insert" || st.First == "truncate" && (r.began || r.fast() && new(truncation).parse(st.Text))) &&
		len(st.Text) < limit && !st.More && !st.Compound && st.Send == nil && r.errorsEnd() && (r.way == nil || !r.way.active)
}

// post sends a statement. A TRUNCATE … CASCADE is kept for those that follow.
func (r *run) post(ctx context.Context, st *psql.Statement, info statementInfo) *failure {
	p := &posted{st: st, info: info}
	if st.First != "truncate" || !r.fast() || !p.truncate.parse(st.Text) {
		if f := r.truncateTogether(ctx); f != nil {
			return f
		}
		return r.dispatch(ctx, p)
	}
	if n := len(r.truncates); n == postedAtOnce || n > 0 && r.truncates[0].truncate.identity != p.truncate.identity {
		if f := r.truncateTogether(ctx); f != nil {
			return f
		}
	}
	r.truncates = append(r.truncates, p)
	return nil
}

// dispatch sends a statement behind those that were posted.
func (r *run) dispatch(ctx context.Context, p *posted) *failure {
	size := len(p.st.Text)
	for _, before := range r.posted {
		size += len(before.st.Text)
	}
	if len(r.posted) < postedAtOnce && size < postedBytes {
		if err := r.wire.post(ctx, p.st.Text); err != nil {
			return r.outcome(p.failure(err), pgconn.CommandTag{})
		}
		r.posted = append(r.posted, p)
		return nil
	}
	sent := make(chan error, 1) // while answers come, lest each side wait for the other to read
	go func() {
		defer r.wire.watch(ctx)()
		sent <- r.wire.post(ctx, p.st.Text)
	}()
	f := r.read(ctx)
	err := <-sent
	if f != nil {
		if err == nil && !r.conn.IsClosed() {
			_ = r.wire.answer(ctx, answers{}) // refused, since the transaction has failed
		}
		return f
	}
	if err != nil {
		return r.outcome(p.failure(err), pgconn.CommandTag{})
	}
	r.posted = append(r.posted, p)
	return nil
}

// answered awaits the answers to all statements that were posted, and gives the first failure.
func (r *run) answered(ctx context.Context) *failure {
	if f := r.truncateTogether(ctx); f != nil {
		return f
	}
	return r.read(ctx)
}

// read awaits the answers to what was sent.
func (r *run) read(ctx context.Context) (first *failure) {
	if len(r.posted) == 0 {
		return nil
	}
	at := r.at
	defer func() { r.at = at }()
	all, start := r.posted, time.Now()
	r.posted = nil
	for _, p := range all {
		var tag pgconn.CommandTag
		r.at = p.st.Pos
		err := r.wire.answer(ctx, answers{done: func(t pgconn.CommandTag) { tag = t }})
		if first == nil { // else the server has refused it, since the transaction has failed
			first = r.outcome(p.failure(err), tag)
		}
		if r.conn.IsClosed() {
			return first
		}
		if first == nil && p.info.kind == insertStatement {
			r.tally.count(p.info.tables[0], tag.RowsAffected(), int64(len(p.st.Text)), time.Since(start))
			start = time.Now()
		}
	}
	if first == nil && ctx.Err() != nil {
		first = all[0].failure(ctx.Err())
	}
	return first
}

// failure is what it means that the statement has failed. Nothing after it counts, a \set ON_ERROR_STOP that was read
// meanwhile included.
func (p *posted) failure(err error) *failure {
	var pe *pgconn.PgError
	if p.together && errors.As(err, &pe) && !passing(pe) {
		err = errAgain // which of them has failed is found as they are written
	}
	return &failure{at: p.st.Pos, err: err, text: p.st.Text, locate: p.st.Locate, refused: err != nil}
}

// truncation is a TRUNCATE … CASCADE.
type truncation struct {
	names    []byte // of tables, as they are written
	identity string // RESTART IDENTITY, or what is the default
}

// parse reads a TRUNCATE. It gives false for one without CASCADE: that is refused while another table that is not named refers to
// one that is, and then two are not the same as one that names the tables of both.
func (t *truncation) parse(text []byte) bool {
	tok := &tokens{text: text}
	tok.accept("truncate")
	tok.accept("table")
	tok.skipSpace()
	from, to := tok.i, tok.i
	for more := true; more; more = tok.accept(",") {
		tok.accept("only")
		if tok.relation() == nil {
			return false
		}
		to = tok.i
		if tok.accept("*") {
			to = tok.i
		}
	}
	switch {
	case tok.accept("restart"):
		t.identity = " RESTART IDENTITY"
		fallthrough
	case tok.accept("continue"):
		if !tok.accept("identity") {
			return false
		}
	}
	cascades := tok.accept("cascade")
	tok.accept(";")
	t.names = bytes.Clone(text[from:to])
	return cascades && tok.peek().kind == endToken
}

// truncateTogether sends the TRUNCATEs that were kept, as one: each by itself takes in all tables that refer to its own once
// more, and an export empties every table. Only a trigger on TRUNCATE could see the difference. It may need answers read.
func (r *run) truncateTogether(ctx context.Context) *failure {
	all := r.truncates
	r.truncates = nil
	if len(all) > 1 {
		if f := r.read(ctx); f != nil {
			return f
		}
		seen := true
		const ask = "SELECT 1 FROM pg_catalog.pg_trigger WHERE tgtype & 32 <> 0 LIMIT 1"
		if err := r.wire.query(ctx, []byte(ask), answers{done: func(t pgconn.CommandTag) { seen = t.RowsAffected() > 0 }}); err != nil {
			return all[0].failure(err)
		}
		if !seen {
			f := r.truncate(ctx, together(all))
			if f == nil || r.began || !errors.Is(f.err, errAgain) {
				return f
			}
			// Outside of the one transaction nothing was done: each goes as written.
		}
	}
	for _, p := range all {
		if f := r.truncate(ctx, p); f != nil {
			return f
		}
	}
	return nil
}

// truncate sends one that was kept. Outside of the one transaction what comes next depends on its answer.
func (r *run) truncate(ctx context.Context, p *posted) *failure {
	f := r.dispatch(ctx, p)
	if f == nil && !r.began {
		f = r.read(ctx)
	}
	return f
}

// together makes one of several.
func together(all []*posted) *posted {
	one := *all[0].st
	var names []string
	for _, p := range all {
		names = append(names, string(p.truncate.names))
	}
	one.Text = []byte("TRUNCATE TABLE " + strings.Join(names, ", ") + all[0].truncate.identity + " CASCADE")
	return &posted{st: &one, info: all[0].info, together: true}
}
