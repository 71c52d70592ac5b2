package report

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/sethvargo/go-githubactions"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const maxListed = 50 // tables at the end of the log

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
	DataPath    string // relative to the workspace, with slashes
	ContentType string
	SHA256      string
	Rows        int64
	Tables      []Table
	Skipped     bool
	CacheHit    bool
	Facts       []Fact // what was generated, and into what it was loaded
	Settings    []Fact // what the user set
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
	r.setOutputs(o, took)
	r.writeSummary(o, failure, took)
	r.moreWarnings()
	if failure != nil {
		r.fail(failure)
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
	name, rows := len("table"), len("rows")
	for _, t := range listed {
		name = max(name, utf8.RuneCountInString(oneLine(t.Name)))
		rows = max(rows, len(count(t.Rows)))
	}
	r.text(fmt.Sprintf("%-*s  %*s", name, "table", rows, "rows"))
	for _, t := range listed {
		r.text(fmt.Sprintf("%-*s  %*s", name, oneLine(t.Name), rows, count(t.Rows)))
	}
	if more := int64(len(tables) - len(listed)); more > 0 {
		var rest int64
		for _, t := range tables[maxListed:] {
			rest += t.Rows
		}
		r.text(fmt.Sprintf("and %s with %s", plural(more, "more table"), plural(rest, "row")))
	}
}

// scriptPlace is how a problem names a place in a script: file:line or file:line:column.
var scriptPlace = regexp.MustCompile(`^(\S[^:\n]*):(\d+)(?::(\d+))?(?:$|[:, ])`)

// fail tells the error: as the one annotation under GitHub, whose text the runner shows in the log as well, and in the
// log elsewhere.
func (r *Report) fail(failure error) {
	text := strings.TrimRight(r.redactor.text(failure.Error()), "\n")
	if !r.github {
		r.text(r.paint(red, "error: ") + text)
		return
	}
	fields := map[string]string{"title": "fabricate-seed: " + kind(problem.CodeOf(failure))}
	var p *problem.Error
	if errors.As(failure, &p) {
		if m := scriptPlace.FindStringSubmatch(r.redactor.text(p.Where)); m != nil {
			fields["file"], fields["line"] = m[1], m[2]
			if m[3] != "" {
				fields["col"] = m[3]
			}
		}
	}
	r.action().WithFieldsMap(fields).Errorf("%s", printable(text))
}

// kind names an exit code.
func kind(code problem.Code) string {
	switch code {
	case problem.OK:
		return "done"
	case problem.Settings:
		return "settings"
	case problem.API:
		return "Fabricate API"
	case problem.Timeout:
		return "timeout"
	case problem.Data:
		return "download, archive or script"
	case problem.Database:
		return "database"
	case problem.Interrupted:
		return "interrupted"
	case problem.Unexpected:
	}
	return "unexpected"
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
	CacheHit    bool        `json:"cache-hit"`
	DurationMS  int64       `json:"duration-ms"`
	ExitCode    int         `json:"exit-code"`
	Error       string      `json:"error,omitempty"`
}

// result takes secrets out of the values, one by one: names and numbers of ours stay whole, whatever the secrets are.
func (r *Report) result(o Outcome, failure error, took time.Duration) result {
	clean := func(s string) string { return oneLine(r.redactor.text(s)) }
	res := result{
		TaskID: clean(o.TaskID), DataPath: r.redactor.text(o.DataPath), ContentType: clean(o.ContentType), SHA256: clean(o.SHA256),
		Rows: o.Rows, Tables: make([]tableRows, 0, len(o.Tables)), Skipped: o.Skipped, CacheHit: o.CacheHit, DurationMS: took.Milliseconds(),
		ExitCode: int(problem.CodeOf(failure)),
	}
	for _, t := range o.Tables {
		res.Tables = append(res.Tables, tableRows{r.redactor.text(t.Name), t.Rows})
	}
	if failure != nil {
		res.Error = r.redactor.text(failure.Error())
	}
	return res
}

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
func (r *Report) setOutputs(o Outcome, took time.Duration) {
	if r.o.Getenv("GITHUB_OUTPUT") == "" {
		return
	}
	res := r.result(o, nil, took)
	r.toFile("outputs", func(action *githubactions.Action) {
		// One line each: a value with line breaks could end its own block and begin another output.
		action.SetOutput("task-id", res.TaskID)
		action.SetOutput("data-path", oneLineKeepingSpaces(res.DataPath))
		action.SetOutput("content-type", res.ContentType)
		action.SetOutput("sha256", res.SHA256)
		action.SetOutput("rows", strconv.FormatInt(res.Rows, 10))
		action.SetOutput("tables", compactJSON(res.Tables))
		action.SetOutput("skipped", strconv.FormatBool(res.Skipped))
		action.SetOutput("cache-hit", strconv.FormatBool(res.CacheHit))
		action.SetOutput("duration-ms", strconv.FormatInt(res.DurationMS, 10))
	})
}

func oneLineKeepingSpaces(s string) string {
	return strings.NewReplacer("\n", " ", "\r", " ").Replace(s)
}

// toFile runs what writes one of GitHub's files. go-githubactions panics where that fails; here it is a warning.
func (r *Report) toFile(what string, write func(*githubactions.Action)) {
	defer func() {
		if cause := recover(); cause != nil {
			r.warn(fmt.Sprintf("the %s could not be written: %v", what, cause))
		}
	}()
	write(r.action())
}
