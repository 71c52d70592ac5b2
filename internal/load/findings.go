package load

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// withFindings completes the error of a load that the server has refused a row of: with all that does not fit, not the first thing alone. It is
// looked for only now, since a good load is to pay nothing for it.
func (r *run) withFindings(ctx context.Context, err error, result *Result) error {
	var p *problem.Error
	state := session.State(err)
	if !errors.As(err, &p) || ctx.Err() != nil || r.broken != nil || len(state) != 5 || state[:2] != "22" && state[:2] != "23" {
		return err
	}
	r.notice("looking for all that does not fit")
	look := newRun(r.o)
	look.o.Events = Events{}
	if failed := look.holdValues(ctx); failed != nil && ctx.Err() == nil {
		r.notice("what else does not fit could not be found: " + headline(failed))
	}
	if result.Fit = look.fit; len(look.fit.Findings) == 0 {
		return err
	}
	return describeFit(p, &look.fit, state)
}

// describeFit adds findings to the error of the statement in which the server has met the first of them.
func describeFit(p *problem.Error, found *fit.Report, state string) error {
	q := *p
	file, line := placeOf(p.Where)
	i := slices.IndexFunc(found.Findings, func(f fit.Finding) bool { return f.State == state })
	if i >= 0 {
		f := found.Findings[i]
		after := slices.IndexFunc(f.Examples, func(e fit.Example) bool { return e.File == file && e.Line >= line })
		if after >= 0 && f.Examples[after].Line > line {
			q.Where = f.Examples[after].Place()
		}
		if len(found.Findings) == 1 && f.Rows <= 1 && (strings.HasPrefix(q.What, "table ") || strings.Contains(q.What, `relation "`) || strings.Contains(q.What, `table "`)) {
			return &q // it says it all
		}
	}
	q.Excerpt = strings.TrimSpace(q.Excerpt + "\n" + found.Text())
	lines := strings.Split(p.Remedy, "\n")
	database := lines[len(lines)-1] // what became of it
	q.Remedy = strings.Join(append(found.Remedies(), database), "\n")
	return &q
}

var scriptPlace = regexp.MustCompile(`^(.+?):(\d+)(?::\d+)?(?: |$)`)

// placeOf reads file and line of an error's place.
func placeOf(where string) (file string, line int) {
	m := scriptPlace.FindStringSubmatch(where)
	if m == nil {
		return "", 0
	}
	line, _ = strconv.Atoi(m[2])
	return m[1], line
}
