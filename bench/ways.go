package main

import (
	"fmt"
	"slices"
	"strings"
)

// shape is the form of the export that a way loads.
type shape string

const (
	inserts shape = "INSERT"  // load.sql of INSERTs, and other ways to bring in the same rows
	copies  shape = "COPY"    // load.sql of COPY with inline rows
	files   shape = "rows"    // files of rows: csv and JSON lines
	tiny    shape = "tiny"    // load.sql of INSERTs with ten rows
	even    shape = "even"    // load.sql of INSERTs for four tables that take about as long as each other
	refused shape = "refused" // load.sql of INSERTs that the server refuses: what counts is when the error is told
)

// at reports whether ways of the shape load the export of a size.
func (s shape) at(size string) bool {
	switch {
	case size == "tiny":
		return s == tiny
	case strings.HasPrefix(size, evenly):
		return s == even
	}
	return s != tiny && s != even
}

// baseWay is what the others are compared with; it is always measured, and its rows are the right ones.
const baseWay = "psql-1"

// way is one way to load.
type way struct {
	name  string // for -ways
	label string
	shape shape
	base  string // the way that it is compared with; a way that names itself is a base
	ours  bool
	start template // the database before
	runs  int      // at most so many; 0 means no limit

	fails   string   // what the error says; "" for a load that succeeds
	program string   // one of PostgreSQL's; "" means ours
	folder  string   // of the export, to run it in
	args    []string // %d stands for the database's name

	built   string  // another build of ours, to run in its place
	network network // between it and the server
	times   int     // that it loads in one run, one after the other; 0 means once
}

// allWays gives every way, in the order of a round.
func allWays() []way {
	// What psql does not do either, to compare like with like.
	bare := []string{"--sync-sequences=false", "--foreign-keys=off", "--analyze=false"}
	psql := func(args ...string) []string {
		return append([]string{"-X", "-q", "-v", "ON_ERROR_STOP=1"}, args...)
	}
	ours := func(args ...string) []string {
		return append([]string{"load", "load.sql"}, args...)
	}
	return []way{
		{name: "psql-1", label: "psql -1 -f", shape: inserts, base: baseWay,
			program: "psql", folder: "inserts", args: psql("-1", "-f", "load.sql")},
		{name: "psql", label: "psql -f", shape: inserts, base: baseWay,
			program: "psql", folder: "inserts", args: psql("-f", "load.sql")},
		{name: "verbatim", label: "ours, fast: false", shape: inserts, base: baseWay, ours: true,
			folder: "inserts", args: ours("--fast=false")},
		{name: "verbatim-bare", label: "ours, fast: false, no checks after", shape: inserts, base: baseWay, ours: true,
			folder: "inserts", args: ours(append([]string{"--fast=false"}, bare...)...)},
		{name: "copy", label: `psql -1, \copy, indexes in place`, shape: inserts, base: baseWay,
			program: "psql", folder: "files", args: psql("-1", "-f", "load.sql")},
		{name: "restore", label: "pg_restore -j 2, empty database", shape: inserts, base: baseWay, start: nothing,
			program: "pg_restore", folder: ".", args: []string{"-j", "2", "--dbname=%d", "dump"}},
		{name: "hand", label: `psql -1, \copy, indexes by hand`, shape: inserts, base: baseWay,
			program: "psql", folder: "files", args: psql("-1", "-f", "hand.sql")},
		{name: "ours", label: "ours", shape: inserts, base: baseWay, ours: true,
			folder: "inserts", args: ours()},
		{name: "ours-bare", label: "ours, no checks after", shape: inserts, base: baseWay, ours: true,
			folder: "inserts", args: ours(bare...)},
		{name: "ours-jobs2", label: "ours, jobs: 2", shape: inserts, base: baseWay, ours: true,
			folder: "inserts", args: ours("--transaction=none", "--jobs=2")},
		{name: "ours-together2", label: "ours, jobs: 2, all or nothing", shape: inserts, base: baseWay, ours: true,
			folder: "inserts", args: ours("--jobs=2")},
		{name: "floor", label: `psql -1, \copy, no indexes at all`, shape: inserts, base: baseWay, start: keyless,
			program: "psql", folder: "files", args: psql("-1", "-f", "load.sql")},

		{name: "late", label: "ours, the last row is no number", shape: refused, base: "ours", ours: true, fails: "22P02",
			folder: "late", args: ours()},
		{name: "twice", label: "ours, the last row of the largest table has the first one's key", shape: refused, base: "ours", ours: true, fails: "23505",
			folder: "twice", args: ours()},
		{name: "failing-psql", label: "psql -f, 4,784 statements that fail", shape: refused, base: "failing-psql",
			program: "psql", folder: "failing", args: []string{"-X", "-q", "-f", "load.sql"}},
		{name: "failing-ours", label: "ours, on-error: continue, the same", shape: refused, base: "failing-psql", ours: true,
			folder: "failing", args: ours("--transaction=none", "--on-error=continue")},

		{name: "copies-psql-1", label: "psql -1 -f", shape: copies, base: "copies-psql-1",
			program: "psql", folder: "copies", args: psql("-1", "-f", "load.sql")},
		{name: "copies-ours", label: "ours", shape: copies, base: "copies-psql-1", ours: true,
			folder: "copies", args: ours()},
		{name: "copies-ours-bare", label: "ours, no checks after", shape: copies, base: "copies-psql-1", ours: true,
			folder: "copies", args: ours(bare...)},
		{name: "copies-ours-jobs2", label: "ours, jobs: 2", shape: copies, base: "copies-psql-1", ours: true,
			folder: "copies", args: ours("--transaction=none", "--jobs=2")},

		{name: "csv-ours", label: "ours, csv", shape: files, base: "copy", ours: true,
			folder: "csv", args: []string{"load", "."}},
		{name: "jsonl-ours", label: "ours, jsonl", shape: files, base: "copy", ours: true,
			folder: "jsonl", args: []string{"load", "."}},

		{name: "tiny-psql-1", label: "psql -1 -f", shape: tiny, base: "tiny-psql-1",
			program: "psql", folder: "inserts", args: psql("-1", "-f", "load.sql")},
		{name: "tiny-ours", label: "ours", shape: tiny, base: "tiny-psql-1", ours: true,
			folder: "inserts", args: ours()},
		{name: "tiny-ours-bare", label: "ours, no checks after", shape: tiny, base: "tiny-psql-1", ours: true,
			folder: "inserts", args: ours(bare...)},

		{name: "even-psql-1", label: "psql -1 -f", shape: even, base: "even-psql-1",
			program: "psql", folder: "inserts", args: psql("-1", "-f", "load.sql")},
		{name: "even-ours", label: "ours", shape: even, base: "even-psql-1", ours: true,
			folder: "inserts", args: ours()},
		{name: "even-jobs2", label: "ours, jobs: 2", shape: even, base: "even-psql-1", ours: true,
			folder: "inserts", args: ours("--transaction=none", "--jobs=2")},
		{name: "even-together2", label: "ours, jobs: 2, all or nothing", shape: even, base: "even-psql-1", ours: true,
			folder: "inserts", args: ours("--jobs=2")},
	}
}

// choose gives the ways that a list names, and those that they are compared with; all for an empty list.
func choose(list string) ([]way, error) {
	all := allWays()
	if list == "" {
		return all, nil
	}
	wanted := []string{baseWay}
	for name := range strings.SplitSeq(list, ",") {
		found := pick(all, strings.TrimSpace(name))
		if len(found) == 0 {
			return nil, fmt.Errorf("-ways: there is no %q; there are %s", name, strings.Join(names(all), ", "))
		}
		wanted = append(wanted, found[0].name, found[0].base)
	}
	return pick(all, wanted...), nil
}

// pick gives the ways of these names, in their own order.
func pick(ways []way, wanted ...string) []way {
	var picked []way
	for _, w := range ways {
		if slices.Contains(wanted, w.name) {
			picked = append(picked, w)
		}
	}
	return picked
}

func ofShape(ways []way, s shape) []way {
	return slices.DeleteFunc(slices.Clone(ways), func(w way) bool { return w.shape != s })
}

func names(ways []way) []string {
	var all []string
	for _, w := range ways {
		all = append(all, w.name)
	}
	return all
}
