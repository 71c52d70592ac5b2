package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// cached is how long the whole way takes, from the start of the process to the committed load, without a cache and with a hit in one.
type cached struct {
	task      time.Duration // of the generation task
	rows      int
	miss, hit measured
}

// cache measures the whole way against a simulated API whose tasks take a while: as often without a cache as with a hit.
func (b *bench) cache(ctx context.Context, task time.Duration, size string, runs int) (_ *cached, err error) {
	api := simulator.New(simulator.Options{Duration: task, Export: shop.Export{Size: rows(size)}, TempDir: b.dir})
	defer func() { err = errors.Join(err, api.Close()) }()
	address, err := api.Listen("127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	folder := filepath.Join(b.dir, "cache")
	args := []string{"--api-url=" + address, "--api-key=" + api.Key(), "--workspace=w", "--database=shop", "--max-age=0"}
	c := &cached{task: task, rows: rows(size).Total()}
	c.miss.way = way{name: "miss", label: "ours, without a cache", args: args, folder: "."}
	c.hit.way = way{name: "hit", label: "ours, found in the cache", args: append(args, "--cache-dir="+folder), folder: "."}
	here := &export{name: "whole way", dir: b.dir}
	filled := c.hit // makes what is found then
	if err := b.once(ctx, here, &filled); err != nil {
		return nil, err
	}
	for run := range runs {
		for _, m := range []*measured{&c.miss, &c.hit} {
			if err := b.once(ctx, here, m); err != nil {
				return nil, err
			}
			b.tell("%s, run %d of %d: %-14s %8.3f s", here.name, run+1, runs, m.name, m.seconds[run])
		}
	}
	if started := api.Started(); started != runs+1 {
		return nil, fmt.Errorf("%d tasks were started, not %d", started, runs+1)
	}
	return c, os.RemoveAll(folder)
}

// table gives the times.
func (c *cached) table() table {
	t := table{
		title: fmt.Sprintf("From start to loaded, with a task of %g s, %s rows, %s", c.task.Seconds(), thousands(c.rows), medians(len(c.hit.seconds))),
		cells: [][]string{{"way", "median", "min to max", "times as fast"}},
	}
	for _, m := range []measured{c.miss, c.hit} {
		low, high := slices.Min(m.seconds), slices.Max(m.seconds)
		t.cells = append(t.cells, []string{
			m.label, fmt.Sprintf("%.2f s", m.median()), fmt.Sprintf("%.2f to %.2f", low, high), fmt.Sprintf("%.1f", c.miss.median()/m.median()),
		})
	}
	return t
}
