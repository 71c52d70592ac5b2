package load

import (
	"context"
	"errors"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// withFindings completes the error of a load that the server has refused a row of: with all that does not fit, not the first thing alone. It is
// looked for only now, since a good load is to pay nothing for it.
func (r *run) withFindings(ctx context.Context, err error, result *Result) error {
	var p *problem.Error
	state := session.State(err)
	if errors.Is(err, errBrokenKey) {
		state = "23503"
	}
	if !errors.As(err, &p) || ctx.Err() != nil || r.broken != nil || len(state) != 5 || state[:2] != "22" && state[:2] != "23" && state != "428C9" {
		return err
	}
	r.notice(headline(err) + "; comparing all rows with the schema, to name everything that does not fit") // which takes longer than the load
	look := newRun(r.o)
	look.o.Events = Events{}
	if failed := look.holdValues(ctx); failed != nil && ctx.Err() == nil {
		r.notice("what else does not fit could not be found: " + headline(failed))
	}
	if result.Fit = look.fit; len(look.fit.Findings) == 0 {
		return err
	}
	return describeFit(p, &look.fit, state, r.other)
}

// describeFit adds findings to the error of the statement in which the server has met the first of them. other says that it was another
// statement, which brings no rows of the script's.
func describeFit(p *problem.Error, found *fit.Report, state string, other bool) error {
	q := *p
	f, e := firstOf(found, p, state)
	if other {
		f = nil
	}
	if f != nil {
		if e.File != p.At.File || e.Line != p.At.Line {
			q.At = e.Place()
		}
		if errors.Is(p, errBrokenKey) { // the error says what to do
			q.Excerpt = found.Text()
			return &q
		}
	}
	if f == nil || len(found.Findings) > 1 || f.Rows > 1 || !strings.HasPrefix(q.What, "table ") && !strings.Contains(q.What, `relation "`) && !strings.Contains(q.What, `table "`) {
		q.Excerpt = strings.TrimSpace(q.Excerpt + "\n" + found.Text()) // else the error says it all
	}
	lines := strings.Split(p.Remedy, "\n")
	last := len(lines) - 1 // says what became of the database
	remedies := found.Remedies()
	if f == nil { // of what the server has refused nothing was found
		remedies = slices.Concat(lines[:last], slices.DeleteFunc(remedies, func(r string) bool { return slices.Contains(lines, r) }))
	}
	q.Remedy = strings.Join(append(remedies, lines[last]), "\n")
	return &q
}

// firstOf gives the finding that a server's error is about, and the row of it that the server has met first: at the error's place or behind
// it, in a statement of many rows. A key is known by its values. One that was deferred is refused at no place of a row.
func firstOf(found *fit.Report, p *problem.Error, state string) (first *fit.Finding, at fit.Example) {
	var pe *pgconn.PgError
	keyed := errors.As(p, &pe) && (state == "23503" || state == "23505")
	for i, f := range found.Findings {
		for _, e := range f.Examples {
			meant := p.At.File == "" || e.File == p.At.File && e.Line >= p.At.Line
			if keyed {
				meant = strings.Contains(pe.Detail, "=("+e.Value+")")
			}
			if f.State == state && meant && (first == nil || e.File == at.File && e.Line < at.Line) {
				first, at = &found.Findings[i], e
			}
		}
	}
	return first, at
}
