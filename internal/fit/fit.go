// Package fit is what of an export does not fit a database: findings, in one type, and the words for them. It compares what an export
// brings with what the catalog says, and its values with what the server takes; and it says what to do about what a server refuses.
package fit

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Kind is what is wrong. It is part of the JSON that is printed, and the anchor in docs/errors.md.
type Kind string

// The kinds, worst first: what concerns a whole table, a column, a value, the rows of two tables.
const (
	NoTable     Kind = "no-table"     // the export fills it, and it is not there
	NotATable   Kind = "not-a-table"  // it is something that takes no rows
	NotAllowed  Kind = "not-allowed"  // the role lacks a right
	NoColumn    Kind = "no-column"    // the export gives it, and the table lacks it
	NoDefault   Kind = "no-default"   // the table wants it, and the export does not give it
	Generated   Kind = "generated"    // the server computes it
	Identity    Kind = "identity"     // the server numbers it, always
	RowShape    Kind = "row-shape"    // rows have more values than columns, or fewer
	Encoding    Kind = "encoding"     // texts are none in the encoding
	EnumLabel   Kind = "enum-label"   // the type lacks the label
	TooLong     Kind = "too-long"     // texts, for the column
	OutOfRange  Kind = "out-of-range" // numbers, for the column's type or scale
	NoDate      Kind = "no-date"      // dates and times that are none
	WrongType   Kind = "wrong-type"   // values that are none of the column's type
	Null        Kind = "null"         // NULL in a column that is NOT NULL
	Domain      Kind = "domain"       // values that the column's domain refuses
	Refused     Kind = "check"        // rows that a CHECK refuses
	NoPartition Kind = "no-partition" // rows that no partition takes
	Duplicate   Kind = "duplicate"    // of a unique key
	NoParent    Kind = "no-parent"    // rows whose foreign key has no row
)

// worst has the kinds in the order in which findings are told.
var worst = []Kind{NoTable, NotATable, NotAllowed, NoColumn, NoDefault, Generated, Identity, RowShape, Encoding, EnumLabel, TooLong, OutOfRange, NoDate,
	WrongType, Null, Domain, Refused, NoPartition, Duplicate, NoParent}

// The limits of a report.
const (
	MostFindings = 200 // in one report
	MostExamples = 5   // of one finding
	mostShown    = 50  // findings in an error
	longestValue = 60  // characters of a value that is shown
)

// Finding is one thing that does not fit.
type Finding struct {
	Kind     Kind      `json:"kind"`
	Table    string    `json:"table"`            // as people write it
	Column   string    `json:"column,omitempty"` // or several, of a key; empty where the table is meant
	What     string    `json:"what"`             // one sentence without a full stop, which names table and column
	State    string    `json:"sqlstate"`         // that the server has for it
	Rows     int64     `json:"rows,omitempty"`   // that have it; 0 where rows were not looked at
	Examples []Example `json:"examples"`         // the first ones
	Remedy   string    `json:"remedy"`           // what to do: in the schema, in Fabricate, or what to set
}

// Example is a place of a finding.
type Example struct {
	File  string `json:"file"`
	Line  int    `json:"line"`
	Value string `json:"value,omitempty"` // shortened; empty where the place alone says it
}

// Place gives the place as an error has it.
func (e Example) Place() problem.Place { return problem.Place{File: e.File, Line: e.Line} }

// String gives "file:line (value)".
func (e Example) String() string {
	text := e.Place().String()
	if e.Value != "" {
		text += " (" + e.Value + ")"
	}
	return text
}

// Report is all that does not fit.
type Report struct {
	Findings []Finding
	Left     int      // findings beyond MostFindings
	Unfilled []string // tables of the schema that the export does not fill, where that was asked for
	Unknown  []string // what was not looked at, and why
}

// Add takes a finding. Those of one kind, table and column are one.
func (r *Report) Add(f Finding) {
	i := slices.IndexFunc(r.Findings, func(have Finding) bool {
		return have.Kind == f.Kind && have.Table == f.Table && have.Column == f.Column && have.What == f.What
	})
	if i < 0 {
		r.Findings = append(r.Findings, f)
		return
	}
	have := &r.Findings[i]
	have.Rows += f.Rows
	for _, e := range f.Examples {
		if len(have.Examples) < MostExamples && !slices.Contains(have.Examples, e) {
			have.Examples = append(have.Examples, e)
		}
	}
}

// Close puts the worst first and keeps MostFindings.
func (r *Report) Close() {
	slices.SortStableFunc(r.Findings, func(a, b Finding) int {
		return cmp.Or(cmp.Compare(slices.Index(worst, a.Kind), slices.Index(worst, b.Kind)), cmp.Compare(b.Rows, a.Rows), cmp.Compare(a.Table, b.Table))
	})
	if over := len(r.Findings) - MostFindings; over > 0 {
		r.Findings, r.Left = r.Findings[:MostFindings], r.Left+over
	}
}

// Text gives a line for each finding, as an error lists them: what, how many rows, and where.
func (r *Report) Text() string {
	var b strings.Builder
	for _, f := range r.Findings[:min(mostShown, len(r.Findings))] {
		b.WriteString(f.Line() + "\n")
	}
	if more := len(r.Findings) + r.Left - mostShown; more > 0 {
		fmt.Fprintf(&b, "and %d more\n", more)
	}
	for _, text := range r.Unknown {
		b.WriteString(text + "\n")
	}
	return strings.TrimRight(b.String(), "\n")
}

// Line gives the finding in a line. Where rows were not looked at, its place leads, as in an error.
func (f Finding) Line() string {
	switch {
	case f.Rows == 0 && len(f.Examples) == 0:
		return f.What
	case f.Rows == 0:
		return f.Examples[0].String() + ": " + f.What
	}
	text := fmt.Sprintf("%s, in %s", f.What, several(int(f.Rows), "row"))
	if len(f.Examples) > 0 {
		places := make([]string, len(f.Examples))
		for i, e := range f.Examples {
			places[i] = e.String()
		}
		text += ": " + strings.Join(places, ", ")
		if f.Rows > int64(len(f.Examples)) {
			text += ", …"
		}
	}
	return text
}

func several(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// Remedies gives what to do about all findings, each once, the worst first.
func (r *Report) Remedies() []string {
	var all []string
	for _, f := range r.Findings {
		if f.Remedy != "" && !slices.Contains(all, f.Remedy) {
			all = append(all, f.Remedy)
		}
	}
	return all
}

// Shorten gives a value as it is shown.
func Shorten(value string) string {
	runes := []rune(strings.NewReplacer("\n", `\n`, "\r", `\r`).Replace(value))
	if len(runes) > longestValue {
		return string(runes[:longestValue-1]) + "…"
	}
	return string(runes)
}
