package seed

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
	"github.com/fabricate-seed/fabricate-seed/internal/cache"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
)

// check is the command check: it compares an archive that is there with the database, and changes nothing.
func (r *run) check(ctx context.Context) error {
	found, err := r.toCheck(ctx)
	if found.done != nil {
		defer found.done()
	}
	if err != nil {
		return err
	}
	files, err := archive.Open(found.path, archive.Limits{})
	if err != nil {
		return err
	}
	defer files.Close()
	from, _, err := r.toLoad(files, found)
	if err != nil {
		return err
	}
	target := describe(r.Target)
	r.fact("Target", target)
	r.at("comparing", "Nothing was changed.")
	o := r.optionsFor(from)
	o.Before, o.After = make([]load.Script, len(r.Before)), make([]load.Script, len(r.After)) // they are not run: that there are some is what counts
	r.outcome.Fit, err = load.Compare(ctx, o)
	if err != nil {
		return err
	}
	for _, text := range r.outcome.Fit.Unknown {
		r.report.Warn(text)
	}
	if unfilled := r.outcome.Fit.Unfilled; len(unfilled) > 0 {
		r.report.Info("tables that the export does not fill: %s", strings.Join(unfilled, ", "))
	}
	if len(r.outcome.Fit.Findings) == 0 {
		r.outcome.Headline = "The export fits " + target + ", as far as can be seen without loading it; nothing was changed"
		return nil
	}
	return misfits(&r.outcome)
}

// toCheck gives the archive: that of the setting, or the last one in the cache, whatever its age.
func (r *run) toCheck(ctx context.Context) (data, error) {
	if r.ArchiveURL != "" || r.Archive != "" {
		return r.obtain(ctx)
	}
	r.begin("Cache", "looking into the cache", "Nothing was changed.")
	folder := cache.Open(r.CacheDir, r.report.Warn)
	held, _, err := folder.Find(ctx, r.request(), cache.Fresh{Since: time.Now()}, r.report.Download)
	switch {
	case err != nil:
		return data{}, err
	case held == nil:
		return data{}, &problem.Error{Code: problem.Data, Where: r.relative(r.CacheDir), What: "there is no archive of this request in the cache",
			Remedy: "Run with the same settings and cache-dir first, where the key is: workspace, database, format, entity and overrides say which archive is meant."}
	}
	return r.found(held), nil
}

// misfits is the error for what does not fit.
func misfits(o *report.Outcome) error {
	all := o.Fit
	first := all.Findings[0]
	p := &problem.Error{Code: problem.Database, What: fmt.Sprintf("%s (SQLSTATE %s)", first.Line(), first.State),
		Remedy: strings.Join(all.Remedies(), "\n") + "\nThe database is as it was: nothing was changed."}
	if n := len(all.Findings) + all.Left; n > 1 {
		p.What, p.Excerpt = fmt.Sprintf("%d things of the export do not fit the database", n), all.Text()
	}
	return p
}
