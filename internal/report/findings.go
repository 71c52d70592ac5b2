package report

import (
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// actionName is how the runner names the action, and its version.
var (
	actionName    = regexp.MustCompile(`^[\w.-]+/[\w.-]+$`)
	actionVersion = regexp.MustCompile(`^[\w./-]+$`)
)

// document gives a link to what docs/errors.md says of a kind of finding; empty where the action is not one of GitHub's.
func (r *Report) document(kind fit.Kind) string {
	name, version := r.o.Getenv("GITHUB_ACTION_REPOSITORY"), r.o.Getenv("GITHUB_ACTION_REF")
	if !actionName.MatchString(name) || !actionVersion.MatchString(version) {
		return ""
	}
	return fmt.Sprintf(" [?](https://github.com/%s/blob/%s/docs/errors.md#%s)", name, version, kind)
}

// cleanFinding takes secrets out of a finding.
func (r *Report) cleanFinding(f fit.Finding) fit.Finding {
	f.Table, f.Column, f.What, f.Remedy = r.value(f.Table), r.value(f.Column), r.value(f.What), r.value(f.Remedy)
	examples := make([]fit.Example, len(f.Examples))
	for i, e := range f.Examples {
		examples[i] = fit.Example{File: r.value(e.File), Line: e.Line, Value: r.value(e.Value)}
	}
	f.Examples = examples
	return f
}

// annotateFindings tells each finding as an annotation, and those beyond the nine that GitHub has room for beside the failure's in the
// log alone. It gives what of the failure has not been told then.
func (r *Report) annotateFindings(report fit.Report, failure error) (text string) {
	const most = maxWarnings - 1
	for i, f := range report.Findings {
		told := f.Line() + "\n" + f.Remedy
		if i >= most {
			r.text(told)
			continue
		}
		fields := map[string]string{"title": "fabricate-seed: does not fit"}
		if len(f.Examples) > 0 {
			fields["file"], fields["line"] = printable(oneLine(r.message(f.Examples[0].File))), strconv.Itoa(f.Examples[0].Line)
		}
		r.action().WithFieldsMap(fields).Errorf("%s", printable(r.message(told)))
	}
	var p *problem.Error
	if !errors.As(failure, &p) {
		return failure.Error()
	}
	return strings.TrimSpace(p.Headline() + "\n" + besideFindings(report, p.Excerpt) + "\n" + besideFindings(report, p.Remedy))
}

// besideFindings gives the lines of a text that say more than the findings do.
func besideFindings(report fit.Report, text string) string {
	var lines []string
	for line := range strings.SplitSeq(text, "\n") {
		if line != "" && !slices.ContainsFunc(report.Findings, func(f fit.Finding) bool { return line == f.Line() || line == f.Remedy }) {
			lines = append(lines, line)
		}
	}
	return strings.Join(lines, "\n")
}

// summaryFindings gives the table of what does not fit, in at most half of a summary.
func (r *Report) summaryFindings(b *strings.Builder, report fit.Report) {
	if len(report.Findings) < 2 && len(report.Unfilled) == 0 {
		return
	}
	if len(report.Findings) > 0 {
		b.WriteString("| what does not fit | rows | for example | what to do |\n| :--- | ---: | :--- | :--- |\n")
	}
	left := report.Left
	for i, f := range report.Findings {
		if b.Len() > maxSummary/2 {
			left += len(report.Findings) - i
			break
		}
		places := make([]string, len(f.Examples))
		for j, e := range f.Examples {
			places[j] = r.markdown(e.String())
		}
		counted := ""
		if f.Rows > 0 {
			counted = count(f.Rows)
		}
		fmt.Fprintf(b, "| %s%s | %s | %s | %s |\n", r.markdown(f.What), r.document(f.Kind), counted, strings.Join(places, "<br>"), r.markdown(f.Remedy))
	}
	if left > 0 {
		fmt.Fprintf(b, "\n… and %s.\n", plural(int64(left), "more finding"))
	}
	if n := len(report.Unfilled); n > 0 {
		fmt.Fprintf(b, "\nThe export does not fill %s of the schema: %s\n", plural(int64(n), "table"), r.markdown(strings.Join(report.Unfilled, ", ")))
	}
	b.WriteString("\n")
}
