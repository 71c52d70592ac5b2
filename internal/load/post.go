package load

import (
	"context"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// Statements that empty or fill a table do not wait for each other's answers: the one transaction fails as a whole anyway, and
// when one of them fails, the server refuses those behind it. The answers are read before anything else is done, before a
// variable that tells of them is read, and when there are many. Where the script goes on after errors, and each statement is a transaction,
// none depends on what became of those before it either.
const (
	postedAtOnce = 64       // statements
	postedBytes  = 64 << 10 // of statements; they, and the answers, must find room in the buffers between here and the server
	postedAlone  = 1 << 20  // of one that is sent while the answers to those before it are read, where all goes as written
)

// posted is a statement that was sent and not yet answered.
type posted struct {
	st     *psql.Statement
	parsed []sqltext.Statement
	goesOn bool // the script does, if it fails
}

// mayPost reports whether the script can go on before the statement is answered. Outside of the one transaction it cannot where an error
// ends it, for there a failure does not undo what was sent before it was heard of.
func (x *executor) mayPost(s *statement) bool {
	st := s.source
	limit := x.o.thresholds.largeInsert
	if x.o.Verbatim || x.goesOn() {
		limit = postedAlone
	}
	return st != nil && (x.began && x.errorsEnd() || x.goesOn()) && (st.First == "insert" || st.First == "truncate") && len(st.Text) < limit && !st.More && !st.Compound && st.Send == nil &&
		!x.replaying && !x.way.inForce() && (!x.o.Online || st.First != "truncate") &&
		!(x.o.DryRun && s.effect == sqltext.Anything) // which may call setval
}

// goesOn reports that a statement is a transaction, and that the script goes on when it fails.
func (x *executor) goesOn() bool {
	return x.o.Continue && !x.began && x.session.TxStatus() == 'I' && !x.reading.Stops() && x.vars.On("AUTOCOMMIT")
}

// post sends a statement without waiting for its answer, where it may.
func (x *executor) post(ctx context.Context, s *statement) (bool, *failure) {
	if !x.mayPost(s) || !x.known.keepsNames(s.effect) || s.effect == writing || len(x.off) > 0 && s.effect != sqltext.Rows {
		return false, nil
	}
	s.plan.filled()
	x.known.after(s.effect)
	return true, x.dispatch(ctx, &posted{st: s.source.Clone(), parsed: s.parsed, goesOn: x.goesOn()})
}

// dispatch sends a statement behind those that were posted.
func (x *executor) dispatch(ctx context.Context, p *posted) *failure {
	size := len(p.st.Text)
	for _, before := range x.posted {
		size += len(before.st.Text)
	}
	if len(x.posted) < postedAtOnce && size < postedBytes {
		if err := x.session.Queue(ctx, p.st.Text); err != nil {
			return x.outcome(p.failure(err), pgconn.CommandTag{})
		}
		x.posted = append(x.posted, p)
		return nil
	}
	sent := make(chan error, 1) // while answers come, lest each side wait for the other to read
	go func() { sent <- x.session.Queue(ctx, p.st.Text) }()
	f := x.answered(ctx)
	err := <-sent
	if f != nil {
		if err == nil && !x.session.IsClosed() {
			_ = x.session.Next(ctx, session.Handlers{}) // refused, since the transaction has failed
		}
		return f
	}
	if err != nil {
		return x.outcome(p.failure(err), pgconn.CommandTag{})
	}
	x.posted = append(x.posted, p)
	return nil
}

// answered awaits the answers to all statements that were posted, and gives the first failure.
func (x *executor) answered(ctx context.Context) (first *failure) {
	if len(x.posted) == 0 {
		return nil
	}
	at := x.at
	defer func() { x.at = at }()
	all, start := x.posted, time.Now()
	x.posted = nil
	for _, p := range all {
		var tag pgconn.CommandTag
		x.at = p.st.Pos
		err := x.session.Next(ctx, session.Handlers{Done: func(t pgconn.CommandTag) { tag = t }})
		if ended := x.stillOne(ctx, p.parsed); ended != nil {
			err = ended
		}
		if first == nil { // else the server has refused it, since the transaction has failed
			first = x.outcome(p.failure(err), tag)
		}
		if first != nil && p.goesOn && !x.ends(ctx, first) {
			x.goOn(first)
			first = nil
			continue
		}
		if x.session.IsClosed() {
			return first
		}
		if first == nil && p.parsed[0].Kind == sqltext.Insert {
			x.tally.count(p.parsed[0].Relations[0], tag.RowsAffected(), int64(len(p.st.Text)), time.Since(start))
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
	return &failure{at: p.st.Pos, err: err, text: p.st.Text, locate: p.st.Locate, refused: err != nil && !p.goesOn}
}
