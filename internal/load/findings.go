package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// unnoticed is how large an export may be, in bytes, that is compared with the schema before anybody waits for what the server has refused.
// Comparing takes longer than loading.
const unnoticed = 4 << 20

// withFindings completes the error of a load of which a row was refused, or before any row what the database lacks for them: with all that does
// not fit, not the first thing alone. It is looked for only now, since a good load is to pay nothing for it.
func (r *run) withFindings(ctx context.Context, err error, result *Result) error {
	var p *problem.Error
	state := session.State(err)
	if errors.Is(err, verify.ErrBrokenKey) {
		state = "23503"
	}
	lacking := len(r.fit.Findings) > 0 && r.fit.Findings[0].Kind != fit.NotAllowed
	if !errors.As(err, &p) || ctx.Err() != nil || r.broken != nil || !lacking && !r.misfit(state) {
		return err
	}
	if r.total > unnoticed {
		r.notice(headline(err) + "; comparing all rows with the schema, to name everything that does not fit")
	}
	look := newRun(r.o)
	look.o.Events = Events{}
	if failed := look.holdValues(ctx); failed != nil && ctx.Err() == nil {
		r.notice("what else does not fit could not be found: " + headline(failed))
	}
	if lacking && len(look.fit.Findings) <= len(r.fit.Findings) {
		return err
	}
	if result.Fit = look.fit; len(look.fit.Findings) == 0 {
		return err
	}
	if lacking {
		lines := strings.Split(p.Remedy, "\n")
		return unfit(*p, &look.fit, lines[len(lines)-1]) // which says that nothing was sent
	}
	return look.fit.Describe(p, state, errors.Is(p, verify.ErrBrokenKey), slices.Contains(changes, r.word))
}

// misfit reports whether an SQLSTATE says that rows do not fit: a value, a constraint, a column that takes none, or, of a statement that brings
// rows, a column or a table that is not there.
func (r *run) misfit(state string) bool {
	return len(state) == 5 && (state[:2] == "22" || state[:2] == "23" || state == "428C9" || slices.Contains([]string{"insert", "copy"}, r.word) && (state == "42703" || state == "42P01"))
}

// changes begin statements that bring no rows of the script's.
var changes = []string{"update", "delete", "merge", "select", "with", "do", "call", "execute"}

// unfit gives an error as that of all that a report has found, worst first. state says what became of the database; it may be empty.
func unfit(p problem.Error, found *fit.Report, state string) *problem.Error {
	worst := found.Findings[0]
	if n := len(found.Findings) + found.Left; n > 1 {
		p.What = fmt.Sprintf("%d things of the export do not fit the database (SQLSTATE %s)", n, worst.State)
		p.Excerpt = found.Text()
		if len(worst.Examples) > 0 && (worst.Examples[0].File != p.At.File || worst.Examples[0].Line != p.At.Line) {
			p.At = worst.Examples[0].Place()
		}
	}
	p.Remedy = strings.TrimRight(strings.Join(found.Remedies(), "\n")+"\n"+state, "\n")
	return &p
}
