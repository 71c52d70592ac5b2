package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sethvargo/go-githubactions"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const (
	maxListed = 50   // tables at the end of the log
	maxValue  = 1000 // characters of an output that others have chosen
)

// Table is what was loaded into one table.
type Table struct {
	Name    string // schema-qualified
	Rows    int64
	Bytes   int64 // of script
	Elapsed time.Duration
}

// Fact is one line of what a run did, or of the settings it had.
type Fact struct{ Name, Value string }

// Outcome is what a run did, as far as it came.
type Outcome struct {
	Headline    string // of a run that succeeded: one sentence without a full stop
	TaskID      string
	TaskURL     string // address of the task in the API; empty if there is none
	DataPath    string // relative to the workspace, with slashes
	ContentType string
	SHA256      string
	Rows        int64
	Tables      []Table
	Skipped     bool
	DryRun      bool // all was rolled back
	CacheHit    bool
	Broken      int64 // rows that break a foreign key
	Fit         fit.Report
	Clones      []string // names of copies of the database
	Facts       []Fact   // what was generated, and into what it was loaded
	Settings    []Fact   // what the user set
}

// Finish closes the last phase and tells how the run ended: the list of tables or the error in the log, outputs, one
// JSON line if asked for, and the job summary. Where GitHub's files cannot be written it warns; that is no reason for
// a run to fail.
func (r *Report) Finish(o Outcome, failure error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endPhase()
	o.Tables = slices.Clone(o.Tables)
	slices.SortFunc(o.Tables, func(a, b Table) int { return strings.Compare(a.Name, b.Name) })
	took := r.o.Now().Sub(r.started)

	if failure == nil {
		r.listTables(o.Tables)
		r.text(r.paint(bold, o.Headline) + " in " + elapsed(took))
	}
	r.setOutputs(o, failure, took)
	r.writeSummary(o, failure, took)
	r.moreWarnings()
	if failure != nil {
		r.fail(o, failure)
	}
	if r.o.JSON {
		r.writeJSON(o, failure, took)
	}
}

// listTables writes tables and rows in columns.
func (r *Report) listTables(tables []Table) {
	if len(tables) == 0 {
		return
	}
	listed := tables[:min(len(tables), maxListed)]
	width, rows := len("table"), len("rows")
	for _, t := range listed {
		width = max(width, utf8.RuneCountInString(name(t.Name)))
		rows = max(rows, len(count(t.Rows)))
	}
	r.text(fmt.Sprintf("%-*s  %*s", width, "table", rows, "rows"))
	for _, t := range listed {
		r.text(fmt.Sprintf("%-*s  %*s", width, name(t.Name), rows, count(t.Rows)))
	}
	if more := int64(len(tables) - len(listed)); more > 0 {
		var rest int64
		for _, t := range tables[maxListed:] {
			rest += t.Rows
		}
		r.text(fmt.Sprintf("and %s with %s", plural(more, "more table"), plural(rest, "row")))
	}
}

// fail tells the error: as the one annotation under GitHub, whose text the runner shows in the log as well, and in the
// log elsewhere.
func (r *Report) fail(o Outcome, failure error) {
	text := strings.TrimRight(r.message(failure.Error()), "\n")
	if !r.github {
		r.text(r.paint(red, "error: ") + text)
		return
	}
	if len(o.Fit.Findings) > 1 {
		text = strings.TrimRight(r.message(r.annotateFindings(o.Fit, failure)), "\n")
	}
	fields := map[string]string{"title": "fabricate-seed: " + kindOf(failure).words}
	var p *problem.Error
	if errors.As(failure, &p) && p.At.File != "" {
		fields["file"] = printable(oneLine(r.message(p.At.File)))
		for name, n := range map[string]int{"line": p.At.Line, "col": p.At.Column} {
			if n > 0 {
				fields[name] = strconv.Itoa(n)
			}
		}
	}
	r.action().WithFieldsMap(fields).Errorf("%s", printable(text))
}

// tableRows is a table in the output tables.
type tableRows struct {
	Table string `json:"table"`
	Rows  int64  `json:"rows"`
}

// result is the JSON line; without error and exit code it holds what the outputs hold.
type result struct {
	TaskID      string      `json:"task-id"`
	DataPath    string      `json:"data-path"`
	ContentType string      `json:"content-type"`
	SHA256      string      `json:"sha256"`
	Rows        int64       `json:"rows"`
	Tables      []tableRows `json:"tables"`
	Skipped     bool        `json:"skipped"`
	DryRun      bool        `json:"dry-run"`
	CacheHit    bool        `json:"cache-hit"`
	Clones      []string    `json:"clones"`
	Warnings    []string    `json:"warnings"`
	Broken      int64       `json:"broken-foreign-keys"`

	Findings []fit.Finding `json:"findings"`           // what of the export does not fit the database, worst first
	Left     int           `json:"more-findings"`      // beyond those
	Unfilled []string      `json:"unfilled,omitempty"` // check: tables that the export does not fill

	DurationMS int64  `json:"duration-ms"`
	ExitCode   int    `json:"exit-code"`
	ErrorKind  string `json:"error-kind,omitempty"` // name of a kind
	Error      string `json:"error,omitempty"`
}

// result takes secrets out of the values, one by one: names and numbers of ours stay whole, whatever the secrets are.
func (r *Report) result(o Outcome, failure error, took time.Duration) result {
	res := result{
		TaskID: r.value(o.TaskID), DataPath: r.message(o.DataPath), ContentType: r.value(o.ContentType), SHA256: r.value(o.SHA256),
		Rows: o.Rows, Tables: make([]tableRows, 0, len(o.Tables)), Skipped: o.Skipped, DryRun: o.DryRun, CacheHit: o.CacheHit,
		Clones: make([]string, 0, len(o.Clones)), Warnings: make([]string, 0, len(r.warnings)), Broken: o.Broken,
		Findings: make([]fit.Finding, 0, len(o.Fit.Findings)), Left: o.Fit.Left, DurationMS: took.Milliseconds(),
		ExitCode: int(problem.CodeOf(failure)),
	}
	for _, t := range o.Tables {
		res.Tables = append(res.Tables, tableRows{cut(r.message(t.Name), maxValue), t.Rows})
	}
	for _, f := range o.Fit.Findings {
		res.Findings = append(res.Findings, r.cleanFinding(f))
	}
	for _, name := range o.Fit.Unfilled {
		res.Unfilled = append(res.Unfilled, cut(r.message(name), maxValue))
	}
	for _, name := range o.Clones {
		res.Clones = append(res.Clones, cut(r.message(name), maxValue))
	}
	for _, text := range r.warnings[:min(len(r.warnings), maxSummaryWarning)] {
		res.Warnings = append(res.Warnings, cut(oneLine(r.redactor.text(text)), maxValue))
	}
	if failure != nil {
		res.ErrorKind = kindOf(failure).name
		res.Error = r.message(failure.Error())
	}
	return res
}

// value gives a text that others have chosen as an output has it: on one line, cut, without secrets.
func (r *Report) value(s string) string { return cut(oneLine(r.message(s)), maxValue) }

func (r *Report) writeJSON(o Outcome, failure error, took time.Duration) {
	_, _ = io.WriteString(r.o.Stdout, compactJSON(r.result(o, failure, took))+"\n")
}

// compactJSON writes a value on one line, with < and > as they are.
func compactJSON(v any) string {
	var b bytes.Buffer
	encoder := json.NewEncoder(&b)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(v); err != nil { // strings, numbers and slices of them can always be encoded
		panic(err)
	}
	return strings.TrimSpace(b.String())
}

// setOutputs writes every output, also after a failure: the task's id is how to go on.
func (r *Report) setOutputs(o Outcome, failure error, took time.Duration) {
	if r.o.Getenv("GITHUB_OUTPUT") == "" {
		return
	}
	res := r.result(o, failure, took)
	r.toFile("outputs", "GITHUB_OUTPUT", func(action *githubactions.Action) {
		for _, out := range [][2]string{
			{"task-id", res.TaskID}, {"data-path", oneLineKeepingSpaces(res.DataPath)}, {"content-type", res.ContentType}, {"sha256", res.SHA256},
			{"rows", strconv.FormatInt(res.Rows, 10)}, {"tables", compactJSON(res.Tables)}, {"skipped", strconv.FormatBool(res.Skipped)},
			{"dry-run", strconv.FormatBool(res.DryRun)},
			{"cache-hit", strconv.FormatBool(res.CacheHit)}, {"clones", compactJSON(res.Clones)},
			{"warnings", compactJSON(res.Warnings)}, {"broken-foreign-keys", strconv.FormatInt(res.Broken, 10)},
			{"error-kind", res.ErrorKind}, {"duration-ms", strconv.FormatInt(res.DurationMS, 10)},
		} {
			r.setOutput(action, out[0], out[1])
		}
	})
}

// endOfValue is the line with which go-githubactions ends an output's value.
const endOfValue = "_GitHubActionsFileCommandDelimeter_"

// setOutput writes one output. Its value is one line: with line breaks, or as the line that ends one, it could be the end of its own block,
// and what follows another output.
func (r *Report) setOutput(action *githubactions.Action, name, value string) {
	if strings.TrimSpace(value) == endOfValue {
		r.warn("the output " + name + " is left out: its value is what ends an output")
		value = ""
	}
	action.SetOutput(name, value)
}

func oneLineKeepingSpaces(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(s)
}

// toFile runs what writes one of GitHub's files, which a variable names. go-githubactions panics where that fails; here it is a
// warning, as is a pipe: to open one waits for a reader, who may never come.
func (r *Report) toFile(what, variable string, write func(*githubactions.Action)) {
	if info, err := os.Stat(r.o.Getenv(variable)); err == nil && info.Mode()&os.ModeNamedPipe != 0 {
		r.warn(fmt.Sprintf("the %s could not be written: %s names a pipe and no file", what, variable))
		return
	}
	defer func() {
		if cause := recover(); cause != nil {
			r.warn(fmt.Sprintf("the %s could not be written: %v", what, cause))
		}
	}()
	write(r.action())
}
