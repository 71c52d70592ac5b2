package load

import (
	"context"
	"errors"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Verify does what Run does after the rows, over all tables of the database: it moves sequences, looks for rows that break a foreign
// key, and gathers statistics. It is for rows that somebody else has put there. Of the options, those about scripts mean nothing
// here. The error is a *problem.Error, or that of ctx; the rows stay whatever it is.
func Verify(ctx context.Context, o Options) error {
	o.Events = o.Events.OneAtATime()
	o.Transaction = Single
	r := newRun(o)
	r.phase("connect")
	if err := r.connect(ctx, o.Target); err != nil {
		return err
	}
	defer r.session.Close(ctx)

	r.phase("verify")
	r.began, r.unguarded = true, true
	err := r.begin(ctx, &survey{unforeseen: true})
	if err == nil {
		err = r.takeAllTables(ctx)
	}
	if err != nil {
		err = problemOf(err)
	} else {
		err = r.verify(ctx)
	}
	if err != nil {
		r.rollback(ctx)
		return stays(ctx, err)
	}
	return stays(ctx, r.commit(ctx))
}

// takeAllTables takes every table for loaded.
func (r *run) takeAllTables(ctx context.Context) error {
	oids, err := catalog.Readable(ctx, r.session)
	for _, oid := range oids {
		r.tally.byOID[oid] = &entry{oid: oid}
	}
	return err
}

// stays says in an error of the checks what became of the rows.
func stays(ctx context.Context, err error) error {
	const said = "The rows that were put there stay; what the checks had begun was rolled back."
	if ctx.Err() != nil {
		return interrupted(ctx, "checking", said)
	}
	var p *problem.Error
	if !errors.As(err, &p) {
		return err
	}
	q := *p
	q.Remedy = strings.TrimSpace(strings.ReplaceAll(q.Remedy, asItWas, "") + "\n" + said)
	return &q
}
