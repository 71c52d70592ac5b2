package report

import (
	"errors"
	"fmt"
	"os"
	"regexp"
	"strings"
	"time"

	"github.com/sethvargo/go-githubactions"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// GitHub refuses a step's summary as a whole when it is larger than 1 MiB.
const (
	maxSummary        = 1<<20 - 4<<10 // bytes, with room to spare
	maxSummaryExcerpt = 16 << 10      // bytes of an error
	maxSummaryWarning = 100           // warnings, each of maxSummaryValue at most
	maxSummaryValue   = 500           // characters of one warning, fact or setting
	maxSummaryOpen    = 30            // tables; a longer list is folded
)

// What is drawn as a chart: a run that took as long, of which at least two phases took this share.
const (
	leastCharted = 3 * time.Second
	chartShare   = 0.1
	chartLeft    = 200      // pixels for the names of phases
	unnamed      = "\u2800" // a task has to have a name: a braille pattern without dots
)

// writeSummary appends the job summary. Warnings after it can only be about itself.
func (r *Report) writeSummary(o Outcome, failure error, took time.Duration) {
	file := r.o.Getenv("GITHUB_STEP_SUMMARY")
	if file == "" || !r.o.Summary {
		return
	}
	room := int64(maxSummary)
	if info, err := os.Stat(file); err == nil {
		room -= info.Size() // of steps before, where several share a file
	}
	text := r.redactor.text(r.summary(o, failure, took, int(room)))
	if int64(len(text)) > room {
		r.warn("the job summary is full; this run is not in it")
		return
	}
	r.toFile("job summary", "GITHUB_STEP_SUMMARY", func(action *githubactions.Action) { action.AddStepSummary(text) })
}

// summary gives the job summary as GitHub-flavoured Markdown: what came of it, warnings, tables, where the time went, and
// folded what it was. The list of tables is cut so that it all fits into room.
func (r *Report) summary(o Outcome, failure error, took time.Duration, room int) string {
	var head, tail strings.Builder
	if failure != nil {
		r.summaryFailure(&head, o, failure, took)
	} else {
		mark := "✅"
		if len(r.warnings) > 0 {
			mark = "⚠️"
		}
		fmt.Fprintf(&head, "### %s %s in %s\n\n", mark, r.markdown(o.Headline), elapsed(took))
	}
	if o.DryRun && failure == nil {
		head.WriteString("> [!NOTE]\n> A dry run: everything below was rolled back.\n\n")
	}
	r.summaryFindings(&head, o.Fit)
	r.summaryWarnings(&head)
	r.summaryPhases(&tail, failure != nil)
	r.summaryFacts(&tail, "Run", linkTo("The task", o.TaskURL, " in the API, which asks for the key."), o.Facts)
	r.summaryFacts(&tail, "Settings", "The rest are the defaults.", o.Settings)
	return head.String() + r.summaryTables(o.Tables, room-head.Len()-tail.Len()) + tail.String()
}

func (r *Report) summaryFailure(b *strings.Builder, o Outcome, failure error, took time.Duration) {
	p := &problem.Error{}
	if !errors.As(failure, &p) {
		p = &problem.Error{What: failure.Error()}
	}
	after := ""
	if len(r.phases) > 0 {
		after = " after " + elapsed(took)
	}
	fmt.Fprintf(b, "### ❌ Failed%s: %s\n\n> [!CAUTION]\n> %s\n\n", after, r.markdown(kindOf(failure).words), r.markdown(p.Headline()))
	advice, shown := p.Remedy, p.Excerpt
	if len(o.Fit.Findings) > 1 { // a table says it
		advice, shown = besideFindings(o.Fit, advice), besideFindings(o.Fit, shown)
	}
	if shown != "" {
		excerpt := r.redactor.text(strings.TrimRight(shown, "\n"))
		if len(excerpt) > maxSummaryExcerpt {
			excerpt = strings.ToValidUTF8(excerpt[:maxSummaryExcerpt], "") + "\n…"
		}
		fence := "```"
		for strings.Contains(excerpt, fence) {
			fence += "`"
		}
		fmt.Fprintf(b, "%stext\n%s\n%s\n\n", fence, printable(excerpt), fence)
	}
	if advice != "" {
		fmt.Fprintf(b, "> [!TIP]\n> %s\n\n", r.markdown(advice))
	}
	links := linkTo("What the documents say of this", r.documents(kindOf(failure)), "")
	if task := linkTo("The task", o.TaskURL, " in the API, which asks for the key"); task != "" {
		links += " · " + task
	}
	b.WriteString(links + "\n\n")
}

// released matches a version that has a tag.
var released = regexp.MustCompile(`^\d+\.\d+\.\d+$`)

// documents gives the address of what the documents of this version say of a kind of failure.
func (r *Report) documents(k kind) string {
	const repository = "https://github.com/fabricate-seed/fabricate-seed"
	switch {
	case k.section == "":
		return repository + "/issues/new/choose"
	case released.MatchString(r.o.Version):
		return repository + "/blob/v" + r.o.Version + "/" + k.section
	}
	return repository + "/blob/main/" + k.section
}

// linkTo gives a link of ours, and what follows it, or nothing where there is no address or one that would not stay in its place.
func linkTo(text, address, after string) string {
	if address == "" || strings.ContainsFunc(address, func(c rune) bool { return c <= ' ' || c >= 0x7f || strings.ContainsRune("()<>[]`\\|@\"", c) }) {
		return ""
	}
	return "[" + text + "](" + address + ")" + after
}

func (r *Report) summaryWarnings(b *strings.Builder) {
	if len(r.warnings) == 0 {
		return
	}
	b.WriteString("> [!WARNING]\n")
	for i, w := range r.warnings {
		if i == maxSummaryWarning {
			fmt.Fprintf(b, "> - and %d more, which are in the log\n", len(r.warnings)-i)
			break
		}
		fmt.Fprintf(b, "> - %s\n", r.markdown(w))
	}
	b.WriteString("\n")
}

// summaryTables gives the list of tables in at most room bytes, with a note in place of what does not fit. A long list is folded.
func (r *Report) summaryTables(tables []Table, room int) string {
	if len(tables) == 0 {
		return ""
	}
	const rest = 400 // bytes kept for the last row, the note and the end
	var b strings.Builder
	folded := len(tables) > maxSummaryOpen
	if folded {
		fmt.Fprintf(&b, "<details><summary>%s</summary>\n\n", plural(int64(len(tables)), "table"))
	}
	b.WriteString("| table | rows | size | time |\n| :--- | ---: | ---: | ---: |\n")
	var rows, bytes, left int64 // of all, of all, and of those that do not fit
	shown := len(tables)
	for i, t := range tables {
		rows, bytes = rows+t.Rows, bytes+t.Bytes
		row := fmt.Sprintf("| %s | %s | %s | %s |\n", r.markdown(t.Name), count(t.Rows), size(t.Bytes), elapsed(t.Elapsed))
		if shown == len(tables) && b.Len()+len(row)+rest > room {
			shown = i
		}
		if shown < len(tables) {
			left += t.Rows
			continue
		}
		b.WriteString(row)
	}
	if len(tables) > 1 {
		fmt.Fprintf(&b, "| **%s** | **%s** | **%s** | |\n", plural(int64(len(tables)), "table"), count(rows), size(bytes))
	}
	if more := int64(len(tables) - shown); more > 0 {
		fmt.Fprintf(&b, "\n… and %s with %s, which would not fit here.\n", plural(more, "more table"), plural(left, "row"))
	}
	if folded {
		b.WriteString("\n</details>\n")
	}
	b.WriteString("\n")
	return b.String()
}

// summaryPhases tells where the time went. A chart takes a third of the page, which it is worth where the run took a while and more than
// one phase had its part in that; else it is a line. Times are milliseconds since the start, on the axis as well: a clock would be
// that of the reader's time zone. The last phase of a run that failed is red.
func (r *Report) summaryPhases(b *strings.Builder, failed bool) {
	if len(r.phases) == 0 {
		return
	}
	since := func(t time.Time) int64 {
		if t.IsZero() {
			t = r.o.Now()
		}
		return t.Sub(r.started).Milliseconds()
	}
	total := since(r.phases[len(r.phases)-1].end)
	long := 0
	var line []string
	for _, p := range r.phases {
		took := since(p.end) - since(p.start)
		if float64(took) >= chartShare*float64(total) {
			long++
		}
		line = append(line, r.markdown(p.name)+" "+elapsed(time.Duration(took)*time.Millisecond))
	}
	if long < 2 || total < leastCharted.Milliseconds() {
		fmt.Fprintf(b, "Where the time went: %s\n\n", strings.Join(line, ", "))
		return
	}
	tick, axis := ticks(time.Duration(total) * time.Millisecond)
	// Names and times are the sections', left of the chart: a task's own name lies upon the lines of the grid.
	fmt.Fprintf(b, "```mermaid\n%%%%{init: {\"gantt\": {\"leftPadding\": %d}}}%%%%\ngantt\n    title Where the time went\n    dateFormat x\n    axisFormat %s\n    tickInterval %s\n",
		chartLeft, axis, tick)
	for i, p := range r.phases {
		from, to := since(p.start), since(p.end)
		mark := ""
		if failed && i == len(r.phases)-1 {
			mark = "crit, "
		}
		name := strings.Map(func(c rune) rune {
			if strings.ContainsRune(":;#,`", c) { // these mean something to Mermaid
				return ' '
			}
			return c
		}, p.name)
		fmt.Fprintf(b, "    section %s %s\n    %s :%s%d, %d\n", name, elapsed(time.Duration(to-from)*time.Millisecond), unnamed, mark, from, max(to, from+1))
	}
	b.WriteString("```\n\n")
}

// ticks gives Mermaid's interval between two ticks of an axis as long as total, at most maxTicks of them, and what is written
// at each: milliseconds or seconds.
func ticks(total time.Duration) (interval, format string) {
	const maxTicks = 10
	for _, unit := range []struct {
		name   string
		length time.Duration
		steps  []int64
		format string
	}{
		{"millisecond", time.Millisecond, []int64{1, 10, 50, 100}, "%Q ms"},
		{"second", time.Second, []int64{1, 2, 5, 10, 30}, "%s s"},
		{"minute", time.Minute, []int64{1, 2, 5, 10, 30}, "%s s"},
	} {
		for _, step := range unit.steps {
			if total.Nanoseconds() <= maxTicks*step*unit.length.Nanoseconds() {
				return fmt.Sprintf("%d%s", step, unit.name), unit.format
			}
		}
	}
	return fmt.Sprintf("%dhour", total/(maxTicks*time.Hour)+1), "%s s"
}

// summaryFacts lists facts, folded.
func (r *Report) summaryFacts(b *strings.Builder, title, note string, facts []Fact) {
	if len(facts) == 0 {
		return
	}
	fmt.Fprintf(b, "<details><summary>%s</summary>\n\n| | |\n| --- | --- |\n", title)
	for _, f := range facts {
		fmt.Fprintf(b, "| %s | %s |\n", r.markdown(f.Name), r.markdown(f.Value))
	}
	if note != "" {
		fmt.Fprintf(b, "\n%s\n", note)
	}
	b.WriteString("\n</details>\n\n")
}

// markdown gives text from anywhere as one line of Markdown that shows it as it is: no markup, no HTML, no table cell
// that ends early. Secrets are taken out first, while they still look like themselves.
func (r *Report) markdown(text string) string {
	text = unlinked(cut(printable(oneLine(r.message(text))), maxSummaryValue))
	var b strings.Builder
	for _, c := range text {
		switch c {
		case '&':
			b.WriteString("&amp;")
			continue
		case '<':
			b.WriteString("&lt;")
			continue
		case '>':
			b.WriteString("&gt;")
			continue
		case '@':
			b.WriteString("&#64;")
			continue
		}
		if string(c) == unseenSpace {
			b.WriteString("&#8203;") // where it is seen by those who read the file
			continue
		}
		if strings.ContainsRune("\\`*_{}[]()#+!|~$", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
