package report

import (
	"errors"
	"fmt"
	"os"
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
	r.toFile("job summary", func(action *githubactions.Action) { action.AddStepSummary(text) })
}

// summary gives the job summary as GitHub-flavoured Markdown. The list of tables is cut so that it all fits into room.
func (r *Report) summary(o Outcome, failure error, took time.Duration, room int) string {
	var head, tail strings.Builder
	if failure != nil {
		r.summaryFailure(&head, failure)
	} else {
		fmt.Fprintf(&head, "### ✅ %s in %s\n\n", r.markdown(o.Headline), elapsed(took))
	}
	r.summaryFacts(&head, o.Facts)
	r.summaryPhases(&tail)
	r.summaryWarnings(&tail)
	r.summarySettings(&tail, o.Settings)
	return head.String() + r.summaryTables(o.Tables, room-head.Len()-tail.Len()) + tail.String()
}

func (r *Report) summaryFailure(b *strings.Builder, failure error) {
	code := problem.CodeOf(failure)
	p := &problem.Error{}
	if !errors.As(failure, &p) {
		p = &problem.Error{What: failure.Error()}
	}
	fmt.Fprintf(b, "### ❌ Failed: %s\n\n%s\n\n", kind(code), r.markdown(p.Headline()))
	if p.Excerpt != "" {
		excerpt := r.redactor.text(strings.TrimRight(p.Excerpt, "\n"))
		if len(excerpt) > maxSummaryExcerpt {
			excerpt = strings.ToValidUTF8(excerpt[:maxSummaryExcerpt], "") + "\n…"
		}
		fence := "```"
		for strings.Contains(excerpt, fence) {
			fence += "`"
		}
		fmt.Fprintf(b, "%stext\n%s\n%s\n\n", fence, printable(excerpt), fence)
	}
	if p.Remedy != "" {
		fmt.Fprintf(b, "> [!TIP]\n> %s\n\n", r.markdown(p.Remedy))
	}
	fmt.Fprintf(b, "Exit code %d.\n\n", code)
}

func (r *Report) summaryFacts(b *strings.Builder, facts []Fact) {
	if len(facts) == 0 {
		return
	}
	b.WriteString("| | |\n| --- | --- |\n")
	for _, f := range facts {
		fmt.Fprintf(b, "| %s | %s |\n", r.markdown(f.Name), r.markdown(f.Value))
	}
	b.WriteString("\n")
}

// summaryTables gives the list of tables in at most room bytes, with a note in place of what does not fit.
func (r *Report) summaryTables(tables []Table, room int) string {
	if len(tables) == 0 {
		return ""
	}
	const note = 200 // bytes kept for the note
	var b strings.Builder
	b.WriteString("| table | rows | size | time |\n| :--- | ---: | ---: | ---: |\n")
	for i, t := range tables {
		row := fmt.Sprintf("| %s | %s | %s | %s |\n", r.markdown(t.Name), count(t.Rows), size(t.Bytes), elapsed(t.Elapsed))
		if b.Len()+len(row)+note > room {
			var rest int64
			for _, left := range tables[i:] {
				rest += left.Rows
			}
			fmt.Fprintf(&b, "\n… and %s with %s, which would not fit here.\n", plural(int64(len(tables)-i), "more table"), plural(rest, "row"))
			break
		}
		b.WriteString(row)
	}
	b.WriteString("\n")
	return b.String()
}

// summaryPhases draws where the time went. Times are milliseconds since the start, so that no time zone comes in.
func (r *Report) summaryPhases(b *strings.Builder) {
	if len(r.phases) == 0 {
		return
	}
	b.WriteString("```mermaid\ngantt\n    title Where the time went\n    dateFormat x\n    axisFormat %M:%S\n")
	for _, p := range r.phases {
		end := p.end
		if end.IsZero() {
			end = r.o.Now()
		}
		from, to := p.start.Sub(r.started).Milliseconds(), end.Sub(r.started).Milliseconds()
		name := strings.Map(func(c rune) rune {
			if strings.ContainsRune(":;#,`", c) { // these mean something to Mermaid
				return ' '
			}
			return c
		}, p.name)
		fmt.Fprintf(b, "    %s (%s) :%d, %d\n", name, elapsed(end.Sub(p.start)), from, max(to, from+1))
	}
	b.WriteString("```\n\n")
}

func (r *Report) summaryWarnings(b *strings.Builder) {
	if len(r.warnings) == 0 {
		return
	}
	fmt.Fprintf(b, "#### ⚠️ %s\n\n", plural(int64(len(r.warnings)), "warning"))
	for i, w := range r.warnings {
		if i == maxSummaryWarning {
			fmt.Fprintf(b, "- and %d more, which are in the log\n", len(r.warnings)-i)
			break
		}
		fmt.Fprintf(b, "- %s\n", r.markdown(w))
	}
	b.WriteString("\n")
}

func (r *Report) summarySettings(b *strings.Builder, settings []Fact) {
	if len(settings) == 0 {
		return
	}
	b.WriteString("<details><summary>Settings</summary>\n\n| setting | value |\n| --- | --- |\n")
	for _, s := range settings {
		fmt.Fprintf(b, "| %s | %s |\n", r.markdown(s.Name), r.markdown(s.Value))
	}
	b.WriteString("\n</details>\n\n")
}

// markdown gives text from anywhere as one line of Markdown that shows it as it is: no markup, no HTML, no table cell
// that ends early. Secrets are taken out first, while they still look like themselves.
func (r *Report) markdown(text string) string {
	text = cut(printable(oneLine(r.redactor.text(text))), maxSummaryValue)
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
		case '@': // so that it names nobody
			b.WriteString("&#64;")
			continue
		}
		if strings.ContainsRune("\\`*_{}[]()#+!|~$", c) {
			b.WriteByte('\\')
		}
		b.WriteRune(c)
	}
	return b.String()
}
