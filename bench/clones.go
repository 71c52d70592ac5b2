package main

import (
	"context"
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/fabricate-seed/fabricate-seed/internal/databases"
)

const (
	clones   = 4 // copies that are made at once
	copied   = "copied"
	cloneWay = "ours"
)

// copying is how long copies of the loaded target take, beside loading as many.
type copying struct {
	rows   int
	size   int64     // of the database, in bytes
	load   float64   // seconds, the median of the way "ours"
	clones []float64 // seconds, of all copies together
}

// copies measures, in the target as the last load has left it, how long it takes to make copies of it.
func (b *bench) copies(ctx context.Context, r round, runs int) (*copying, error) {
	m := r.find(cloneWay)
	if m == nil {
		return nil, nil //nolint:nilnil // not measured
	}
	c := &copying{rows: r.export.size.Total(), load: m.median()}
	config, err := pgx.ParseConfig(b.server.URL(target))
	if err != nil {
		return nil, err
	}
	server := databases.Server{Target: config}
	for run := range runs {
		again := measured{way: m.way}
		if err := b.once(ctx, r.export, &again); err != nil {
			return nil, err
		}
		if err := b.admin.QueryRow(ctx, "SELECT pg_database_size($1)", target).Scan(&c.size); err != nil {
			return nil, err
		}
		start := time.Now()
		made, err := server.Clone(ctx, target, names4())
		if err != nil || len(made) != clones {
			return nil, fmt.Errorf("%d clones: %w", len(made), err)
		}
		c.clones = append(c.clones, time.Since(start).Seconds())
		b.tell("%d clones, run %d of %d: %8.3f s", clones, run+1, runs, c.clones[run])
	}
	return c, nil
}

func names4() (names []string) {
	for i := range clones {
		names = append(names, fmt.Sprintf("%s_%d", copied, i+1))
	}
	return names
}

// times gives how many times as fast as loading as many databases the copies were.
func (c *copying) times() float64 { return c.load * clones / median(c.clones) }

func (c *copying) table() table {
	return table{
		title: fmt.Sprintf("%d more databases of %s rows, %s each, %s", clones, thousands(c.rows), mebibytes(c.size), medians(len(c.clones))),
		cells: [][]string{
			{"way", "time", "times as fast"},
			{"each loaded", fmt.Sprintf("%.2f s", c.load*clones), "1.0"},
			{"ours, clones: 4", fmt.Sprintf("%.2f s", median(c.clones)), fmt.Sprintf("%.1f", c.times())},
		},
	}
}

// many measures how long loads into several databases of one server take, all begun at once: what the arithmetic of docs/scale.md is
// made from.
func (b *bench) many(ctx context.Context, size string, counts []int, runs int) (table, error) {
	ours := pick(allWays(), "ours")[0]
	x, err := b.export(size, []way{ours})
	if err != nil {
		return table{}, err
	}
	t := table{title: fmt.Sprintf("Loads of %s rows into databases of one server at once, %s", thousands(x.size.Total()), medians(runs)),
		cells: [][]string{{"databases at once", "all of them", "each, on average", "MB of rows and indexes a second"}}}
	for _, n := range counts {
		var seconds []float64
		var bytes int64
		for run := range runs {
			if err := b.fresh(ctx, schema); err != nil {
				return t, err
			}
			var names []string
			for i := range n {
				names = append(names, fmt.Sprintf("many_%d", i+1))
				if _, err := b.admin.Exec(ctx, "CREATE DATABASE "+names[i]+" TEMPLATE "+schemaTemplate); err != nil {
					return t, err
				}
			}
			syncDisks()
			time.Sleep(settle)
			var group errgroup.Group
			start := time.Now()
			for _, name := range names {
				group.Go(func() error {
					_, err := b.process(ctx, filepath.Join(x.dir, ours.folder), b.ours(), append(slices.Clone(ours.args), "--database-url=dbname="+name), &complaints{})
					return err
				})
			}
			if err := group.Wait(); err != nil {
				return t, err
			}
			seconds = append(seconds, time.Since(start).Seconds())
			b.tell("%d databases at once, run %d of %d: %8.3f s", n, run+1, runs, seconds[run])
			if err := b.admin.QueryRow(ctx, "SELECT pg_database_size('many_1')").Scan(&bytes); err != nil {
				return t, err
			}
		}
		took := median(seconds)
		t.cells = append(t.cells, []string{fmt.Sprint(n), fmt.Sprintf("%.2f s", took), fmt.Sprintf("%.2f s", took/float64(n)), fmt.Sprintf("%.0f", float64(bytes)*float64(n)/1e6/took)})
	}
	return t, nil
}

// strategyOf is a way in which the server copies a database.
type strategyOf struct{ name, options, method string }

// strategies gives what a server of a version knows.
func strategies(version string) []strategyOf {
	all := []strategyOf{{"log", "STRATEGY wal_log", ""}, {"files", "STRATEGY file_copy", ""}}
	if version >= "180000" {
		all[1].method = "copy"
		all = append(all, strategyOf{"cloned files", "STRATEGY file_copy", "clone"})
	}
	return all
}

// copiesBySize measures how long one copy and four at once take by each strategy, of databases of some sizes whose rows were just written, as
// after a load: what databases.Clone chooses by. Each cell is the median of the runs.
func (b *bench) copiesBySize(ctx context.Context, sizes []int, runs int) table {
	ways := strategies(b.facts.server)
	t := table{title: fmt.Sprintf("Copies of a database by its size, right after its rows were written; seconds, %s", medians(runs)),
		cells: [][]string{{"MiB of rows"}}}
	for _, n := range []int{1, clones} {
		for _, w := range ways {
			t.cells[0] = append(t.cells[0], fmt.Sprintf("%d by %s", n, w.name))
		}
	}
	for _, size := range sizes {
		seconds := make([][]float64, 2*len(ways))
		for run := range runs {
			for i := range seconds {
				at := (i + run) % len(seconds)
				n, w := 1, ways[at%len(ways)]
				if at >= len(ways) {
					n = clones
				}
				took, err := b.copiesOf(ctx, size, n, w)
				if err != nil {
					b.tell("%d MiB, %d by %s: %v", size, n, w.name, err)
					continue // a file system that clones no files
				}
				b.tell("%d MiB, %d by %s, run %d of %d: %8.3f s", size, n, w.name, run+1, runs, took)
				seconds[at] = append(seconds[at], took)
			}
		}
		row := []string{fmt.Sprint(size)}
		for _, s := range seconds {
			cell := "–"
			if len(s) > 0 {
				cell = fmt.Sprintf("%.2f", median(s))
			}
			row = append(row, cell)
		}
		t.cells = append(t.cells, row)
	}
	return t
}

// copiesOf makes a database of a size, and then copies of it.
func (b *bench) copiesOf(ctx context.Context, size, n int, w strategyOf) (seconds float64, err error) {
	drop := func() error {
		var all error
		for _, name := range append(names4(), copied) {
			_, err := b.admin.Exec(context.WithoutCancel(ctx), "DROP DATABASE IF EXISTS "+name)
			all = errors.Join(all, err)
		}
		return all
	}
	if err := drop(); err != nil {
		return 0, err
	}
	defer func() { err = errors.Join(err, drop()) }()
	fill := fmt.Sprintf(`CREATE TABLE rows AS SELECT g AS id, repeat(md5(g::text), 28) AS filler FROM generate_series(1, %d) g;
		ALTER TABLE rows ADD PRIMARY KEY (id)`, size*1024) // about 1 KiB each, with its part of the index
	if err := b.makeTemplate(ctx, copied, "template0", fill); err != nil {
		return 0, err
	}
	syncDisks()
	var group errgroup.Group
	start := time.Now()
	for _, name := range names4()[:n] {
		group.Go(func() error {
			return b.in(ctx, "postgres", func(conn *pgx.Conn) error {
				if w.method != "" {
					if _, err := conn.Exec(ctx, "SET file_copy_method = "+w.method); err != nil {
						return err
					}
				}
				_, err := conn.Exec(ctx, strings.Join([]string{"CREATE DATABASE", name, "TEMPLATE", copied, w.options}, " "))
				return err
			})
		})
	}
	err = group.Wait()
	return time.Since(start).Seconds(), err
}
