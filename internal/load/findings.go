package load

import (
	"context"
	"errors"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// unnoticed is how large an export may be, in bytes, that is compared with the schema before anybody waits for what the server has refused.
// Comparing takes longer than loading.
const unnoticed = 4 << 20

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
	if r.total > unnoticed {
		r.notice(headline(err) + "; comparing all rows with the schema, to name everything that does not fit")
	}
	look := newRun(r.o)
	look.o.Events = Events{}
	if failed := look.holdValues(ctx); failed != nil && ctx.Err() == nil {
		r.notice("what else does not fit could not be found: " + headline(failed))
	}
	if result.Fit = look.fit; len(look.fit.Findings) == 0 {
		return err
	}
	return look.fit.Describe(p, state, errors.Is(p, errBrokenKey), r.other)
}
