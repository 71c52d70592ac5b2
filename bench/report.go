package main

import (
	"cmp"
	"fmt"
	"slices"
	"strings"
	"text/tabwriter"
)

// report is all that was measured.
type report struct {
	facts  facts
	flags  []string // that it was measured with
	main   round
	tiny   round    // without ways if it was not measured
	even   round    // the same
	growth []round  // by size; empty if it was not measured
	cached *cached  // nil if it was not measured
	copies *copying // nil if it was not measured
}

// median gives the middle of the sorted values; between two of them, their mean.
func median(values []float64) float64 {
	sorted := slices.Sorted(slices.Values(values))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

func (m *measured) median() float64 { return median(m.seconds) }

// untilTold gives the seconds until the error was told; those of a whole run where the program goes on after errors.
func (m *measured) untilTold() []float64 {
	if len(m.told) > 0 {
		return m.told
	}
	return m.seconds
}

// table is a heading and rows of cells, the first row being the columns' names.
type table struct {
	title string
	cells [][]string
}

func (r report) tables() []table {
	var tables []table
	for _, s := range []shape{inserts, copies, files} {
		if t := r.main.table(s); len(t.cells) > 1 {
			tables = append(tables, t)
		}
	}
	if len(r.even.ways) > 0 {
		tables = append(tables, r.even.table(even))
	}
	if t := r.errors(); len(t.cells) > 1 {
		tables = append(tables, t)
	}
	if r.copies != nil {
		tables = append(tables, r.copies.table())
	}
	if len(r.tiny.ways) > 0 {
		tables = append(tables, r.small())
	}
	if len(r.growth) > 0 {
		tables = append(tables, r.growing())
	}
	if r.cached != nil {
		tables = append(tables, r.cached.table())
	}
	return tables
}

// table gives what the ways of a shape took.
func (r round) table(s shape) table {
	size := r.export
	title := fmt.Sprintf("%s rows, %.0f MB of SQL with %s", thousands(size.size.Total()), size.megabytes(way{shape: s}), s)
	switch s {
	case files:
		title = fmt.Sprintf("%s rows in files; times as fast as psql -1 with \\copy and indexes in place", thousands(size.size.Total()))
	case even:
		title = fmt.Sprintf("%s rows in four tables that take about as long as each other, %.0f MB of SQL", thousands(size.size.Total()), size.megabytes(way{shape: s}))
	case inserts, copies, tiny, refused:
	}
	t := table{
		title: title,
		cells: [][]string{{"way", "median", "min to max", "times as fast", "rows/s", "MB/s", "peak memory"}},
	}
	for _, m := range r.ways {
		if m.shape != s {
			continue
		}
		seconds := m.median()
		t.cells = append(t.cells, []string{
			m.label,
			fmt.Sprintf("%.2f s", seconds),
			fmt.Sprintf("%.2f to %.2f", slices.Min(m.seconds), slices.Max(m.seconds)),
			r.faster(m),
			thousands(int(float64(size.size.Total()) / seconds)),
			fmt.Sprintf("%.1f", size.megabytes(m.way)/seconds),
			mebibytes(m.memory),
		})
	}
	return t
}

// errors is how long it takes until an error is told.
func (r report) errors() table {
	t := table{title: "Until an error is told", cells: [][]string{{"way", "told after", "min to max", "times as long", "until the end"}}}
	for _, m := range r.main.ways {
		if m.shape != refused {
			continue
		}
		times := ""
		if good := r.main.find(m.base); good != nil {
			times = fmt.Sprintf("%.2f as %s", median(m.untilTold())/good.median(), good.label)
		}
		t.cells = append(t.cells, []string{m.label, fmt.Sprintf("%.2f s", median(m.untilTold())),
			fmt.Sprintf("%.2f to %.2f", slices.Min(m.untilTold()), slices.Max(m.untilTold())), times, fmt.Sprintf("%.2f s", m.median())})
	}
	return t
}

// faster gives how many times as fast as its base a way was.
func (r round) faster(m measured) string {
	base := r.find(m.base)
	if base == nil {
		return ""
	}
	return fmt.Sprintf("%.2f", base.median()/m.median())
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

func (r report) small() table {
	t := table{
		title: fmt.Sprintf("An export of %d rows, the whole process, %s", r.tiny.export.size.Total(), medians(len(r.tiny.ways[0].seconds))),
		cells: [][]string{{"way", "median", "min to max", "longer by"}},
	}
	for _, m := range r.tiny.ways {
		t.cells = append(t.cells, []string{
			m.label,
			fmt.Sprintf("%.1f ms", 1000*m.median()),
			fmt.Sprintf("%.1f to %.1f", 1000*slices.Min(m.seconds), 1000*slices.Max(m.seconds)),
			fmt.Sprintf("%.1f ms", 1000*(m.median()-r.tiny.find(m.base).median())),
		})
	}
	return t
}

func (r report) growing() table {
	t := table{
		title: "How it grows",
		cells: [][]string{{"rows", "MB of SQL", "psql -1 -f", "ours", "times as fast", "ours, s per million rows", "ours, peak memory"}},
	}
	for _, at := range r.growth {
		total := at.export.size.Total()
		cells := []string{thousands(total), fmt.Sprintf("%.1f", at.export.megabytes(way{shape: inserts}))}
		base, ours := at.find(baseWay), at.find("ours")
		if base == nil || ours == nil {
			continue
		}
		t.cells = append(t.cells, append(cells,
			fmt.Sprintf("%.2f s", base.median()),
			fmt.Sprintf("%.2f s", ours.median()),
			fmt.Sprintf("%.2f", base.median()/ours.median()),
			fmt.Sprintf("%.2f", ours.median()/float64(total)*1e6),
			mebibytes(ours.memory)))
	}
	return t
}

// grown tells how the time and memory of ours grow from each size to the next.
func grown(rounds []round) table {
	t := table{title: "How it grows, ours", cells: [][]string{{"rows", "MB of SQL", "median", "min to max", "s per million rows", "for each row, as the size before", "peak memory"}}}
	before := 0.0
	for _, at := range rounds {
		ours := at.find("ours")
		each := ours.median() / float64(at.export.size.Total()) * 1e6
		times := ""
		if before > 0 {
			times = fmt.Sprintf("%.2f times", each/before)
		}
		before = each
		t.cells = append(t.cells, []string{thousands(at.export.size.Total()), fmt.Sprintf("%.0f", at.export.megabytes(way{shape: inserts})), fmt.Sprintf("%.2f s", ours.median()),
			fmt.Sprintf("%.2f to %.2f", slices.Min(ours.seconds), slices.Max(ours.seconds)), fmt.Sprintf("%.2f", each), times, mebibytes(ours.memory)})
	}
	return t
}

// text gives the tables for a terminal.
func (r report) text() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s\n", r.circumstances())
	for _, t := range r.tables() {
		fmt.Fprintf(&b, "\n%s\n", t.title)
		w := tabwriter.NewWriter(&b, 0, 0, 2, ' ', 0)
		for _, cells := range t.cells {
			fmt.Fprintln(w, strings.Join(cells, "\t"))
		}
		_ = w.Flush() // a strings.Builder takes everything
	}
	return b.String()
}

// readme gives the README's table, between the marks that it has there.
func (r report) readme() string {
	return "<!-- bench -->\n" + r.main.table(inserts).markdown() + "<!-- /bench -->\n"
}

// page gives all tables in Markdown, under the picture.
func (r report) page(picture string) string {
	var b strings.Builder
	fmt.Fprintf(&b, "# How fast it loads\n\nWritten by `%s`. %s\n\n![Seconds to load, by way](%s)\n",
		strings.Join(append([]string{"go run ./bench"}, r.flags...), " "), r.circumstances(), picture)
	for _, t := range r.tables() {
		fmt.Fprintf(&b, "\n## %s\n\n%s", t.title, t.markdown())
	}
	b.WriteString(`
Every way runs as a process, in turns with the others (each round begins with another way, every other one goes backwards, and
the slow ones do not follow each other), on a server that was just made, as for a job in CI, in a database with the tables, their
keys, foreign keys and secondary indexes, after a checkpoint. "Times as fast" is against ` + "`psql -1 -f`" + ` of the same export. Indexes
by hand means: dropped before and built after by statements around ` + "`\\copy`" + `, but for those of keys. Ours also checks foreign
keys, moves sequences and runs ANALYZE, unless it says no checks. Peak memory is of the client (of pg_restore's processes, one). The
rows that each way leaves were compared with psql's.
`)
	if len(r.growth) > 0 {
		b.WriteString(`
How it grows was measured in three more runs, all sizes in turns; psql has one run at the largest.
`)
	}
	if r.copies != nil {
		b.WriteString(`
More databases are copies of the one that was just loaded, made as with the setting clones, several at once.
`)
	}
	if r.cached != nil {
		b.WriteString(`
From start to loaded is the whole way against a simulated API: the task, the download, the load. What is found in the cache is loaded without the
first two.
`)
	}
	return b.String()
}

func (t table) markdown() string {
	var b strings.Builder
	for i, cells := range t.cells {
		if i > 0 && isOurs(cells) {
			cells = append([]string{"**" + cells[0] + "**"}, cells[1:]...)
		}
		fmt.Fprintf(&b, "| %s |\n", strings.Join(cells, " | "))
		if i == 0 {
			b.WriteString("| --- |" + strings.Repeat(" ---: |", len(cells)-1) + "\n")
		}
	}
	return b.String()
}

// isOurs tells whether a row is about this project's program.
func isOurs(cells []string) bool { return strings.HasPrefix(cells[0], "ours") }

// circumstances gives in a sentence what the numbers depend on.
func (r report) circumstances() string {
	runs := 0
	for _, m := range r.main.ways {
		runs = max(runs, len(m.seconds))
	}
	return fmt.Sprintf("%s; %s.", r.facts, medians(runs))
}

func (f facts) String() string {
	// Since version 10 server_version_num is the major version, and the minor in four digits.
	major, _, _ := strings.Cut(f.server, "0")
	if len(f.server) == 6 {
		major = f.server[:2]
	}
	return fmt.Sprintf("PostgreSQL %s with default settings on the same machine, %s, %d cores", major, f.system, f.cores)
}

func medians(runs int) string {
	if runs == 1 {
		return "one run"
	}
	return fmt.Sprintf("medians of %d runs", runs)
}

// promise is something that the numbers have to show.
type promise struct {
	what string
	got  string
	kept bool
}

func (p promise) String() string {
	return fmt.Sprintf("%-7s %s: %s", map[bool]string{true: "kept", false: "MISSED"}[p.kept], p.what, p.got)
}

// memoryLimit is what no load may need more of, in bytes.
const memoryLimit = 64 << 20

// promises gives those that can be told from what was measured.
func (r report) promises() []promise {
	var all []promise
	atLeast := func(name, than string, least float64, what string) {
		if m, base := r.find(name), r.find(than); m != nil && base != nil {
			times := base.median() / m.median()
			all = append(all, promise{what, fmt.Sprintf("%.2f times as fast", times), times >= least})
		}
	}
	atLeast("ours", baseWay, 5.8, "one connection, one transaction: at least 5.8 times as fast as psql -1")
	atLeast("ours", "hand", 1.3, "one connection: at least 1.3 times as fast as indexes by hand")
	atLeast("ours-jobs2", "ours", 1.15, "jobs 2: at least 1.15 times as fast as one connection")
	atLeast("ours-together2", "ours", 1.15, "jobs 2, all or nothing: the same")
	atLeast("even-jobs2", "even-ours", 1.4, "jobs 2, four equal tables: at least 1.4 times as fast as one connection")
	atLeast("even-together2", "even-ours", 1.4, "jobs 2, all or nothing, four equal tables: the same")
	atLeast("copies-ours", "copies-psql-1", 2.5, "COPY export: at least 2.5 times as fast as psql -1")
	atLeast("csv-ours", "hand", 1, "csv: at least as fast as indexes by hand")
	atLeast("jsonl-ours", "hand", 1/1.5, "jsonl: at most 1.5 of the time of indexes by hand")
	atLeast("csv-ours", "copy", 2, "csv, beside psql -1 \\copy: at most half the time")
	atLeast("jsonl-ours", "copy", 1/0.6, "jsonl, beside psql -1 \\copy: at most 0.6 of the time")
	atLeast("verbatim", baseWay, 1, "fast: false is no slower than psql -1")

	for _, name := range []string{"late", "twice"} {
		if m, good := r.main.find(name), r.main.find("ours"); m != nil && good != nil {
			times := median(m.untilTold()) / good.median()
			all = append(all, promise{m.label + ": told within twice a good load", fmt.Sprintf("%.2f times", times), times <= 2})
		}
	}
	atLeast("failing-ours", "failing-psql", 1, "thousands of statements that fail: no slower than psql")
	if ours, base := r.find("tiny-ours"), r.find("tiny-psql-1"); ours != nil && base != nil {
		longer := 1000 * (ours.median() - base.median())
		all = append(all, promise{"ten rows: within 20 ms of psql -1", fmt.Sprintf("%.1f ms longer", longer), longer <= 20})
	}
	if r.copies != nil {
		times := r.copies.times()
		all = append(all, promise{"four clones in a tenth of the time of four loads", fmt.Sprintf("%.1f times as fast", times), times >= 10})
	}
	if r.cached != nil {
		saved := r.cached.miss.median() - r.cached.hit.median()
		all = append(all, promise{"what is found in a cache saves the whole task", fmt.Sprintf("%.1f s of %g s", saved, r.cached.task.Seconds()), saved >= r.cached.task.Seconds()})
	}
	if ours := r.largest(); ours.memory > 0 {
		all = append(all, promise{"peak memory under 64 MiB at any size", mebibytes(ours.memory), ours.memory < memoryLimit})
	}
	if len(r.growth) > 1 {
		last := r.growth[len(r.growth)-2:]
		if a, b := last[0].find("ours"), last[1].find("ours"); a != nil && b != nil {
			times := b.median() / a.median()
			all = append(all, promise{"ten times the rows take at most 11 times as long", fmt.Sprintf("%.2f times as long", times), times <= 11})
		}
	}
	return all
}

// find gives what a way took, in whichever round; nil if it was not measured.
func (r report) find(name string) *measured {
	for _, one := range []round{r.main, r.tiny, r.even} {
		if m := one.find(name); m != nil {
			return m
		}
	}
	return nil
}

// largest gives the one of ours that needed most memory.
func (r report) largest() measured {
	var all []measured
	for _, one := range append([]round{r.main, r.tiny, r.even}, r.growth...) {
		all = append(all, one.ways...)
	}
	all = slices.DeleteFunc(all, func(m measured) bool { return !m.ours })
	if len(all) == 0 {
		return measured{}
	}
	return slices.MaxFunc(all, func(a, b measured) int { return cmp.Compare(a.memory, b.memory) })
}

// thousands writes a number with commas.
func thousands(n int) string {
	digits := fmt.Sprint(n)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	return digits
}
