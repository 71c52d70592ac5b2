package seed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/databases"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// How long dropping the database of a run that has failed may take: a server writes all that it has in memory to its disk first. An
// interrupted process has 4 seconds in all.
const (
	unmakeTimeout     = time.Minute
	unmakeInterrupted = 2500 * time.Millisecond
)

// targetName is the name of the database of database-url.
func (r *run) targetName() string { return cmp.Or(r.Target.Database, r.Target.User) } // as the server would choose

// server is the server of database-url, to make databases on.
func (r *run) server() databases.Server {
	return databases.Server{Target: r.Target, Options: session.Options{
		ConnectTimeout: r.ConnectTimeout, HostGateway: r.gateway, LockTimeout: r.LockTimeout,
		Notice: func(text string) { r.report.Info("%s", text) }, Warn: r.report.Warn,
	}}
}

// reachable makes sure that the database can be reached.
func (r *run) reachable(ctx context.Context) error {
	return load.Reach(ctx, load.Options{Target: r.Target, ConnectTimeout: r.ConnectTimeout, HostGateway: r.gateway,
		Events: load.Events{Notice: func(text string) { r.report.Info("%s", text) }, Warn: r.report.Warn}})
}

// create is the command create.
func (r *run) create(ctx context.Context) error {
	r.begin("Create", "making the database", "")
	made, err := r.server().Create(ctx, r.targetName(), r.Template)
	if err != nil {
		return err
	}
	r.outcome.Headline = fmt.Sprintf("Database %s made", describe(r.Target))
	if !made {
		r.outcome.Headline = fmt.Sprintf("Database %s is there already; nothing made", describe(r.Target))
	}
	return nil
}

// drop is the command drop.
func (r *run) drop(ctx context.Context) error {
	r.begin("Drop", "dropping the database", "What was dropped before the interruption is gone; drop can be run again.")
	dropped, err := r.server().Drop(ctx, r.targetName())
	for _, name := range dropped {
		r.report.Info("dropped %s", name)
	}
	if err != nil {
		return err
	}
	r.outcome.Headline = fmt.Sprintf("Database %s is not there; nothing dropped", describe(r.Target))
	if len(dropped) > 0 {
		r.outcome.Headline = "Dropped " + strings.Join(dropped, ", ")
	}
	return nil
}

// ready makes the database where it does not exist, or makes sure that it can be reached.
func (r *run) ready(ctx context.Context) (err error) {
	r.begin("Connect", "making the database", "")
	if r.made, err = r.server().Create(ctx, r.targetName(), r.Template); err != nil {
		return err
	}
	if !r.made {
		return r.reachable(ctx)
	}
	r.report.Info("database %s made", r.targetName())
	return nil
}

// unmake drops the database that this run has made, because it failed, and says so in the error.
func (r *run) unmake(ctx context.Context, failure error) error {
	within, cancel := context.WithTimeout(ctx, unmakeTimeout)
	defer cancel()
	late, cancelLate := session.Outlive(within, unmakeInterrupted)
	defer cancelLate()
	said := "The database " + r.targetName() + ", which this run had made, was dropped again."
	server := r.server()
	server.Options.LockTimeout = unmakeTimeout
	if _, err := server.Drop(late, r.targetName()); err != nil {
		said = "The database " + r.targetName() + ", which this run had made, could not be dropped again (" + session.Reason(err) + "): fabricate-seed drop does that."
	}
	var p *problem.Error
	if !errors.As(r.worded(ctx, failure), &p) {
		return failure
	}
	q := *p
	q.Remedy = strings.TrimSpace(q.Remedy + "\n" + said)
	return &q
}

// unmakeDry drops the database that a dry run has made.
func (r *run) unmakeDry(ctx context.Context) error {
	r.begin("Drop", "dropping the database that this run has made", "fabricate-seed drop drops it.")
	if _, err := r.server().Drop(ctx, r.targetName()); err != nil {
		return err
	}
	r.outcome.Headline += "; the database, which this run had made, was dropped again"
	return nil
}

// clone makes the copies that were asked for.
func (r *run) clone(ctx context.Context) error {
	if len(r.Clones) == 0 {
		return nil
	}
	if r.DryRun {
		r.report.Info("a dry run makes no clones: %s", strings.Join(r.Clones, ", "))
		return r.server().MayClone(ctx, r.targetName(), r.Clones)
	}
	r.begin("Clone", "making clones", "The load is committed; clones that were not made can be made by another run.")
	made, err := r.server().Clone(ctx, r.targetName(), r.Clones)
	r.outcome.Clones = made
	for _, name := range made {
		r.report.Info("clone %s", name)
	}
	r.fact("Clones", strings.Join(made, ", "))
	var p *problem.Error
	if !errors.As(err, &p) {
		return err
	}
	said := "The load is committed. "
	switch {
	case len(made) > 0:
		said += "These clones were made: " + strings.Join(made, ", ") + "."
	case session.Lost(err):
		said += "No clone is known to have been made."
	default:
		said += "No clone was made."
	}
	q := *p
	q.State, q.Remedy = problem.Partly, strings.TrimSpace(q.Remedy+"\n"+said)
	return &q
}
