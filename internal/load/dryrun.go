package load

import (
	"context"
	"slices"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// A dry run is a load that ends in ROLLBACK. What no rollback takes back is left out of it: setval, which is noted instead, and
// ANALYZE, which writes a table's size where others see it. Numbers that rows draw from sequences stay drawn, and are told.

// keepDry keeps a statement from what no rollback takes back.
func (r *run) keepDry(ctx context.Context, s *statement) (bool, *failure) {
	if !r.o.DryRun {
		return false, nil
	}
	if one := s.only(); one != nil && one.IsAnalyze() {
		if !r.mentioned["analyze"] {
			r.mentioned["analyze"] = true
			r.notice(s.at.String() + ": ANALYZE is left out of a dry run: no rollback takes all of it back")
		}
		return true, r.answered(ctx)
	}
	const atMost = 8 // calls of setval within each other
	for range atMost {
		calls, hidden := sqltext.Setvals(r.readable(s.text), r.escapes())
		if hidden {
			break
		}
		if len(calls) == 0 {
			return false, nil
		}
		written, back := sqltext.WithoutSetval(s.text, calls)
		s.text, s.f.text = written, written
		if before := s.locate; before != nil {
			s.locate = func(offset int) psql.Position { return before(back(offset)) }
			s.f.locate = s.locate
		}
		s.sets = true
	}
	return r.refusedAs(s, &sqltext.Refusal{Message: "this code calls setval, which no rollback takes back, in a way that cannot be left out of a dry run",
		Remedy: "Call setval by itself, in a statement of its own."})
}

// noted notes what setval would have set, and fails where it would have: after each statement that calls it, and at the end for those
// that run what was prepared or made before.
func (r *run) noted(ctx context.Context, s *statement) *failure {
	if !s.sets || r.session.TxStatus() == 'E' {
		return nil
	}
	r.noting = true
	refused, err := r.dry.Note(ctx, r.session)
	switch {
	case err != nil:
		return r.fail(s, err)
	case refused != nil:
		s.f.err = refused
		return r.outcome(s.f, noTag)
	}
	return nil
}

// notedLater notes what no statement that calls setval itself has noted.
func (r *run) notedLater(ctx context.Context) error {
	if f := r.noted(ctx, &statement{sets: r.noting, f: &failure{}}); f != nil {
		return r.problem(f)
	}
	return nil
}

// endDry ends the transaction of a dry run: what waits for the commit has its turn, and then all is rolled back.
func (r *run) endDry(ctx context.Context) error {
	if err := r.exec(ctx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return r.abandon(ctx, problemOf(err))
	}
	if err := r.stillOne(ctx, nil); err != nil {
		return r.abandon(ctx, err)
	}
	err := r.exec(ctx, "ROLLBACK")
	r.began = false
	if err == nil && slices.Equal(r.session.Last().Commands, []string{"ROLLBACK"}) {
		r.session.Ended()
		r.dry.SayMoved(r.notice)
		return nil
	}
	if ctx.Err() != nil {
		return interrupted(ctx, "rolling back", nothingCommitted)
	}
	if err != nil && r.session.Fate(ctx) == session.RolledBack {
		r.notice("the connection was lost while rolling back; the server says that it did roll back")
		r.dry.SayMoved(r.notice)
		return nil
	}
	what := "the server has not answered ROLLBACK as it should"
	if err != nil {
		what = "the connection was lost while rolling back: " + session.Reason(err)
	}
	return &problem.Error{Code: problem.Database, What: what, Remedy: nothingCommitted, Err: err}
}

const nothingCommitted = "COMMIT was never sent: the server rolls back what is open when it sees that the connection is gone."
