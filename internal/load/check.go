package load

import (
	"context"
	"fmt"
	"slices"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// Compare compares a script, or files of rows, with the target database, and says of each table how it would be loaded. It changes nothing:
// rows are held to the schema in temporary tables, in a transaction that is rolled back. Of the options Before and After are not run. The
// error is a *problem.Error, or that of ctx; what does not fit is none.
func Compare(ctx context.Context, o Options) (fit.Report, error) {
	o.Events, o.Before, o.After = o.Events.OneAtATime(), nil, nil
	o.Explain, o.Transaction = true, Single
	r := newRun(o)
	r.phase("connect")
	r.checks = true
	err := r.holdValues(ctx)
	if err != nil && ctx.Err() != nil {
		return r.fit, interrupted(ctx, "comparing", "Nothing was changed.")
	}
	if err != nil {
		err = (&failure{err: err}).problem()
	}
	return r.fit, err
}

// explainTables says of each table of a survey how its rows would go, and which tables no rows come for.
func (r *run) explainTables(ctx context.Context, s *survey, held *fit.Values) error {
	names := s.filled()
	columns, copied := map[string][]string{}, map[string]bool{}
	filled := map[uint32]bool{}
	emptied := map[uint32]bool{}
	for _, h := range s.heads {
		switch {
		case h.relation == nil:
		case h.kind == sqltext.Truncate:
			emptied[h.relation.OID] = true
		case !filled[h.relation.OID]:
			filled[h.relation.OID] = true
			columns[h.relation.Name], copied[h.relation.Name] = h.columns, h.kind == sqltext.Copy
		}
	}
	for _, oid := range r.left {
		filled[oid] = true
	}
	if err := r.readPlans(ctx, names); err != nil {
		return err
	}
	slices.Sort(names)
	for _, name := range names {
		plan := r.known.foreknown[name]
		if plan == nil {
			continue
		}
		rows, bytes := held.Count(plan.oid)
		plan.Empty = plan.Empty || emptied[plan.oid]
		plan.Exclusive = plan.Empty && emptied[plan.oid]
		_, encoder, ok := plan.encoder(columns[name], len(plan.columns))
		s := strategy.Situation{Single: true, Columns: columns[name], Copy: copied[name], Binary: ok && encoder.Binary(), Many: bytes >= int64(r.o.thresholds.manyRows)}
		if s.Copy { // it is sent in another format only where that is worth it
			s.Binary = s.Binary && s.Many && len(s.Columns) > 0
		}
		way := strategy.Decide(&plan.Table, s)
		r.notice(fmt.Sprintf("%s: %d rows, %s", name, rows, way))
	}
	all, err := catalog.Tables(ctx, r.session, nearTables)
	for _, t := range all {
		if (t.Kind == "r" || t.Kind == "p") && !filled[t.OID] {
			r.fit.Unfilled = append(r.fit.Unfilled, fit.Name(t.Schema, t.Name))
		}
	}
	return err
}
