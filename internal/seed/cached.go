package seed

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
	"github.com/fabricate-seed/fabricate-seed/internal/cache"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
)

// tellWaiting is how often it is told that another run generates.
const tellWaiting = 10 * time.Second

// cached is an archive of the same request from the cache, or what is generated and kept there. What is found needs neither key nor
// network. Where the folder cannot be used a warning says so, and the run goes on without it.
func (r *run) cached(ctx context.Context) (data, error) {
	r.begin("Cache", "looking into the cache", "Nothing was generated.")
	folder := cache.Open(r.CacheDir, r.report.Warn)
	request := r.request()
	fresh := cache.Fresh{MaxAge: r.MaxAge, Since: time.Now()}
	connect := sync.OnceValue(func() error { return r.reach(ctx) }) // before a task is started, and once
	for {
		held, old, err := folder.Find(ctx, request, fresh, r.report.Download)
		switch {
		case held != nil:
			return r.found(held), nil
		case ctx.Err() != nil:
			return data{}, ctx.Err()
		case err != nil:
			return r.uncached(ctx, connect, err)
		case old != nil:
			r.report.Info("what is in %s for this request is %s old, and max-age is %s", r.relative(r.CacheDir), age(old.Created), r.MaxAge)
		default:
			r.report.Info("nothing in %s for this request", r.relative(r.CacheDir))
		}
		if r.APIKey != "" {
			if err := connect(); err != nil {
				return data{}, err
			}
		}
		turn, err := r.turn(ctx, folder, request, fresh)
		switch {
		case ctx.Err() != nil, problem.CodeOf(err) == problem.Timeout:
			return data{}, err
		case err != nil:
			return r.uncached(ctx, connect, err)
		case turn != nil:
			return r.intoCache(ctx, turn, old)
		}
	}
}

// request is what an archive of the cache was generated for.
func (r *run) request() cache.Request {
	return cache.Request{
		APIURL: r.APIURL, Workspace: r.Workspace, Database: r.Database, Format: r.Format, Entity: r.Entity, Overrides: r.Overrides,
	}
}

// turn waits for the turn to generate; nil when another run has generated meanwhile.
func (r *run) turn(ctx context.Context, folder *cache.Folder, request cache.Request, fresh cache.Fresh) (*cache.Turn, error) {
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	told := time.Duration(-1)
	turn, err := folder.Turn(limited, request, fresh, func(waited time.Duration) {
		if told < 0 {
			r.begin("Wait", "waiting for another run to generate the same data", "Nothing was generated.")
		}
		if told < 0 || waited-told >= tellWaiting {
			told = waited
			r.report.Info("another run is generating the same data: waiting, %s so far", waited.Round(time.Second))
		}
	})
	if err != nil && limited.Err() != nil && ctx.Err() == nil {
		return nil, &problem.Error{
			Code:   problem.Timeout,
			Where:  r.relative(r.CacheDir),
			What:   fmt.Sprintf("another run has been generating the same data for %s, and is not through", r.Timeout),
			Remedy: "Look at that run: it holds the lock in this folder until it ends. Raise the setting timeout if it only takes long.",
			Err:    err,
		}
	}
	return turn, err
}

// found is an archive of the cache.
func (r *run) found(held *cache.Held) data {
	r.outcome.CacheHit = true
	r.outcome.TaskID, r.outcome.ContentType, r.outcome.SHA256 = held.Task, held.ContentType, held.SHA256
	r.report.Info("found in %s: generated %s ago by task %s", r.relative(r.CacheDir), age(held.Created), held.Task)
	r.report.Info("sha256 %s", held.SHA256)
	for _, fact := range [][2]string{
		{"Workspace", r.Workspace}, {"Database", r.Database}, {"Format", r.Format}, {"Entity", r.Entity}, {"Task", held.Task},
		{"From the cache", "generated " + age(held.Created) + " ago"}, {"SHA-256", held.SHA256},
	} {
		r.fact(fact[0], fact[1])
	}
	name := filepath.Base(held.Path)
	return data{
		path: held.Path, format: r.Format, name: name, isZip: held.Zip, size: held.Size, cached: true, done: held.Release,
		generated: true, task: held.Task, served: name, claim: claimOf(r.Format, name, held.ContentType),
	}
}

// intoCache generates, and keeps what comes if it is of use.
func (r *run) intoCache(ctx context.Context, turn *cache.Turn, old *cache.About) (data, error) {
	end := func() {
		if err := turn.End(); err != nil {
			r.report.Warn("what was downloaded could not be removed: " + err.Error())
		}
	}
	kept := false
	defer func() {
		if !kept {
			end()
		}
	}()
	if err := r.needsKey(old); err != nil {
		return data{}, err
	}
	found, err := r.generated(ctx, func() (string, error) { return turn.Dir(), nil })
	if err != nil {
		return data{}, err
	}
	if err := r.usable(ctx, found); err != nil {
		return data{}, err
	}
	kept = true
	held, err := turn.Put(cache.About{
		Created: time.Now().UTC(), Task: r.outcome.TaskID, File: filepath.Base(found.path), Zip: found.isZip,
		ContentType: r.outcome.ContentType, Size: found.size, SHA256: r.outcome.SHA256,
	})
	if err != nil {
		r.report.Warn(fmt.Sprintf("what was generated could not be kept in %s: %v", r.relative(r.CacheDir), err))
		found.done = end
		return found, nil
	}
	end()
	r.report.Info("kept in %s", r.relative(r.CacheDir))
	found.path, found.cached, found.done = held.Path, true, held.Release
	return found, nil
}

// usable refuses what cannot be used before it is kept: the next runs would be given it again.
func (r *run) usable(ctx context.Context, found data) error {
	files, err := archive.Open(found.path, archive.Limits{})
	if err != nil {
		return err
	}
	defer files.Close()
	if _, _, err = r.toLoad(files, found); err != nil {
		return err
	}
	return files.Verify(ctx)
}

// uncached generates as if there were no cache, and says why.
func (r *run) uncached(ctx context.Context, connect func() error, why error) (data, error) {
	r.report.Warn(fmt.Sprintf("%s cannot be used as a cache: %v; what is generated is not kept", r.relative(r.CacheDir), why))
	if err := r.needsKey(nil); err != nil {
		return data{}, err
	}
	if err := connect(); err != nil {
		return data{}, err
	}
	return r.generated(ctx, r.temporary)
}

// needsKey says that there is no key, where it has turned out that one is needed. Old is what is too old, if there is such.
func (r *run) needsKey(old *cache.About) error {
	if r.APIKey != "" {
		return nil
	}
	p := &problem.Error{
		Code:  problem.Settings,
		Where: r.relative(r.CacheDir),
		What:  "there is nothing here for this request, and without an API key nothing can be generated",
		Remedy: "Set api-key (FABRICATE_API_KEY), or have a run that has one fill the cache first. In a workflow for a pull request from a fork " +
			"there are no secrets: what it needs is restored from the default branch's cache.",
	}
	if old != nil {
		p.What = fmt.Sprintf("what is here for this request is %s old, max-age is %s, and without an API key nothing can be generated",
			age(old.Created), r.MaxAge)
		p.Remedy = "Set api-key (FABRICATE_API_KEY), or a longer max-age (0: any age)."
	}
	return p
}

// fromCache adds to an error that speaks of data how to have new data, where they came from the cache.
func (r *run) fromCache(err error) error {
	var p *problem.Error
	if !r.outcome.CacheHit || !errors.As(err, &p) || p.Code != problem.Data && p.At.File == "" {
		return err
	}
	p.Remedy = strings.TrimSpace(p.Remedy + " The data are from " + r.relative(r.CacheDir) + ": with max-age: 1s they are generated anew.")
	return err
}

// age words how long ago something was.
func age(then time.Time) string {
	d := max(0, time.Since(then))
	if days := int(d.Hours() / 24); days > 1 {
		return fmt.Sprintf("%d days", days)
	}
	return report.Elapsed(d)
}
