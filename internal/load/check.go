package load

import (
	"context"
	"fmt"
	"io/fs"
	"slices"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// Compare compares a script, or files of rows, with the target database, and says of each table how it would be loaded. It changes nothing:
// rows are held to the schema in temporary tables, in a transaction that is rolled back. Before and After are not run, and it
// says so of Before, which may make what is missing. The error is a *problem.Error, or that of ctx; what does not fit is none.
func Compare(ctx context.Context, o Options) (fit.Report, error) {
	asked := o
	o.Events, o.Before, o.After = o.Events.OneAtATime(), nil, nil
	o.Transaction = Single
	r := newRun(o)
	r.asked = asked
	r.phase("connect")
	r.checks = true
	err := r.holdValues(ctx)
	if err != nil && ctx.Err() != nil {
		return r.fit, interrupted(ctx, "comparing", "Nothing was changed.")
	}
	if err != nil {
		err = problemOf(err)
	}
	return r.fit, err
}

// explainTables says of each table of a survey how its rows would go in the load that was asked for, as far as the catalog and the script
// tell, and which tables no rows come for.
func (r *run) explainTables(ctx context.Context, s *survey, held *fit.Values) error {
	if err := r.exec(ctx, "BEGIN"); err != nil {
		return err
	}
	defer r.rollback(ctx)
	r.began = true
	if s.replica && r.session.TryAsScript(ctx, "SET LOCAL session_replication_role = 'replica'") != nil {
		r.way = &ownersWay{outOfWay: outOfWay{active: true}}
	}
	if r.asked.Online {
		setup, err := catalog.SetupOf(ctx, r.session)
		if err != nil {
			return err
		}
		r.online.Setup = setup
	}
	jobs, err := r.explainJobs(ctx, s)
	if err != nil {
		return err
	}
	if err := r.readPlans(ctx, s.filled()); err != nil {
		return err
	}
	emptied, err := r.emptiedBy(ctx, s)
	if err != nil {
		return err
	}
	filled := map[uint32]bool{}
	drawn := false
	for _, h := range s.heads {
		if h.relation == nil || h.kind == sqltext.Truncate {
			continue
		}
		told := filled[h.relation.OID]
		filled[h.relation.OID] = true
		plan := r.known.foreknown[h.relation.Name]
		if plan == nil {
			continue
		}
		if !told {
			r.expect(plan, emptied[plan.oid])
			r.notice(r.explainTable(plan, h, held, jobs, drawn))
		}
		_, draws := strategy.Inert(&plan.Table, h.columns, 0)
		drawn = drawn || draws
	}
	all, err := catalog.Tables(ctx, r.session, nearTables)
	for _, t := range all {
		if (t.Kind == "r" || t.Kind == "p") && !filled[t.OID] {
			r.fit.Unfilled = append(r.fit.Unfilled, fit.Name(t.Schema, t.Name))
		}
	}
	return err
}

// explainJobs gives over how many connections rows would go.
func (r *run) explainJobs(ctx context.Context, s *survey) (jobs int, err error) {
	if r.asked.Jobs <= 1 || r.asked.Transaction == None {
		return max(1, r.asked.Jobs), nil
	}
	if info, err := fs.Stat(r.o.Script.FS, r.o.Script.Name); err == nil && r.rows == nil {
		r.total = info.Size()
	}
	why := "scripts of before and after run in the same transaction"
	if len(r.asked.Before)+len(r.asked.After) == 0 {
		if why, err = r.whyAlone(ctx, s); err != nil {
			return 0, err
		}
	}
	if why == "" {
		r.notice(fmt.Sprintf("jobs: %d connections would load, if the tables are empty when they are filled", r.asked.Jobs))
		return r.asked.Jobs, nil
	}
	r.notice("jobs: one connection would load all, since " + why)
	return 1, nil
}

// emptiedBy gives the tables that the script truncates.
func (r *run) emptiedBy(ctx context.Context, s *survey) (map[uint32]bool, error) {
	var names []string
	for _, h := range s.heads {
		if h.relation != nil && h.kind == sqltext.Truncate {
			names = append(names, h.relation.Name)
		}
	}
	emptied := map[uint32]bool{}
	oids, err := catalog.Names(ctx, r.session, names)
	if err != nil {
		return nil, err
	}
	reached, err := catalog.EmptiedBy(ctx, r.session, oids)
	for _, t := range reached {
		emptied[t.OID] = true
	}
	return emptied, err
}

// expect makes a plan what it will be when rows come, as far as that can be foreseen.
func (r *run) expect(plan *tablePlan, emptied bool) {
	plan.Empty = plan.Empty || emptied
	switch {
	case r.asked.Transaction == None:
		plan.Exclusive = plan.lockable()
	case r.asked.Online:
		plan.Online = emptied
	default:
		plan.Exclusive = emptied
	}
	if r.way.emulated() && plan.Owned { // they are disabled before
		plan.Reasons = slices.DeleteFunc(plan.Reasons, func(reason string) bool { return reason == catalog.HasRule || reason == catalog.HasTrigger })
	}
}

// explainTable says how the rows of a table would go.
func (r *run) explainTable(plan *tablePlan, h *head, held *fit.Values, jobs int, drawn bool) string {
	come := held.Count(plan.oid)
	_, encoder, ok := plan.encoder(h.columns, len(plan.columns))
	s := strategy.Situation{Single: r.asked.Transaction != None, Drawn: drawn, Crew: jobs > 1 && !plan.partitioned, Columns: h.columns, Copy: h.kind == sqltext.Copy, Binary: ok && encoder.Binary(),
		Many: come.Bytes >= int64(r.o.thresholds.manyRows)}
	switch {
	case r.asked.Verbatim:
		s.Verbatim = "fast is false"
	case r.asked.Continue:
		s.Verbatim = "on-error is continue"
	}
	if s.Copy { // it is sent in another format only where that is worth it
		s.Binary = s.Binary && s.Many && len(s.Columns) > 0 && !drawn
	}
	d := strategy.Decide(&plan.Table, s)
	way := d.String()
	if few := h.kind == sqltext.Insert && come.Inserts < r.o.thresholds.manyInserts && come.Largest < r.o.thresholds.largeInsert; few && jobs == 1 && d.Rows != strategy.AsWritten {
		way = fewInserts
	}
	return fmt.Sprintf("%s: %s, %s", plan.name, come, way)
}
