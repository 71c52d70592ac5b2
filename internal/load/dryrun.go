package load

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
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
	last := r.session.Last()
	defer func() { r.session.SetLast(last) }()
	noted, err := catalog.NotedIn(ctx, r.session, sqltext.SetvalNotes)
	if err == nil {
		err = r.exec(ctx, "SET LOCAL "+sqltext.SetvalNotes+" = ''")
	}
	if err != nil {
		return r.fail(s, err)
	}
	for _, n := range noted {
		refused := &pgconn.PgError{Severity: "ERROR"}
		switch {
		case !n.Sequence:
			refused.Code, refused.Message = "42809", fmt.Sprintf("cannot open relation %q", n.Name)
			refused.Detail = "It is not a sequence."
		case !n.Allowed:
			refused.Code, refused.Message = "42501", "permission denied for sequence "+n.Name
		case n.Value < n.Min || n.Value > n.Max:
			refused.Code = "22003"
			refused.Message = fmt.Sprintf("setval: value %d is out of bounds for sequence %q (%d..%d)", n.Value, n.Name, n.Min, n.Max)
		default:
			r.wouldMove(n.OID, catalog.Stand{Name: n.Name, Last: n.Value, Called: n.Called})
			continue
		}
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

// wouldMove notes where a sequence would stand.
func (r *run) wouldMove(oid uint32, to catalog.Stand) {
	if r.moved == nil {
		r.moved = map[uint32]catalog.Stand{}
	}
	r.moved[oid] = to
}

// maxMoved is how many sequences are named in one line.
const maxMoved = 20

// sayMoved says where sequences would stand.
func (r *run) sayMoved() {
	var all []string
	for _, to := range r.moved {
		all = append(all, to.Name+" "+to.String())
	}
	if len(all) > 0 {
		slices.Sort(all)
		r.notice("left out, as no rollback takes setval back; sequences would stand at: " + fewOf(all, maxMoved))
	}
}

// fewOf joins the first of some texts.
func fewOf(all []string, most int) string {
	few := strings.Join(all[:min(len(all), most)], ", ")
	if more := len(all) - most; more > 0 {
		few += fmt.Sprintf(" and %d more", more)
	}
	return few
}

// endDry ends the transaction of a dry run: what waits for the commit has its turn, and then all is rolled back.
func (r *run) endDry(ctx context.Context) error {
	if err := r.exec(ctx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		return r.abandon(ctx, (&failure{err: err}).problem())
	}
	if err := r.stillOne(ctx, nil); err != nil {
		return r.abandon(ctx, err)
	}
	err := r.exec(ctx, "ROLLBACK")
	r.began = false
	if err == nil && slices.Equal(r.session.Last().Commands, []string{"ROLLBACK"}) {
		r.session.Ended()
		r.sayMoved()
		return nil
	}
	if ctx.Err() != nil {
		return interrupted(ctx, "rolling back", nothingCommitted)
	}
	if err != nil && r.session.Fate(ctx) == session.RolledBack {
		r.notice("the connection was lost while rolling back; the server says that it did roll back")
		r.sayMoved()
		return nil
	}
	what := "the server has not answered ROLLBACK as it should"
	if err != nil {
		what = "the connection was lost while rolling back: " + session.Reason(err)
	}
	return &problem.Error{Code: problem.Database, What: what, Remedy: nothingCommitted, Err: err}
}

const nothingCommitted = "COMMIT was never sent: the server rolls back what is open when it sees that the connection is gone."

// lookAtSequences keeps where sequences stand before the first attempt.
func (r *run) lookAtSequences(ctx context.Context) (err error) {
	if r.stands != nil {
		return nil
	}
	if r.stands, err = catalog.Stands(ctx, r.session); err != nil {
		return (&failure{err: err}).problem()
	}
	return nil
}

// seeDrawn sees which sequences stand elsewhere than when the run began: of numbers that were drawn no rollback takes one back. It is
// called when nothing is open any more.
func (r *run) seeDrawn(ctx context.Context) {
	if ctx.Err() != nil || r.session.IsClosed() || r.session.TxStatus() != 'I' {
		return
	}
	now, err := catalog.Stands(ctx, r.session)
	if err != nil {
		r.drew = "whether numbers were drawn from sequences, which stay drawn, could not be seen: " + session.Reason(err)
		return
	}
	var all []string
	for oid, stand := range now {
		if was, ok := r.stands[oid]; ok && (was.Last != stand.Last || was.Called != stand.Called) {
			all = append(all, fmt.Sprintf("%s stood at %s and stands at %s", stand.Name, was, stand))
		}
	}
	if len(all) > 0 {
		slices.Sort(all)
		r.drew = "sequences have moved during the dry run, and no rollback takes that back: " + fewOf(all, maxMoved)
	}
}

// sayDrawn says it, after the last attempt.
func (r *run) sayDrawn() {
	if r.drew != "" {
		r.warn(r.drew)
	}
}
