// Package strategy decides how a table's rows go to the server. It asks nobody: facts about the table and the situation go in, one
// decision comes out with its reasons. What is not certain goes as the script has it.
package strategy

import (
	"fmt"
	"slices"
	"strings"
)

// Default is what gives a column its value when the script does not, as far as a load must know.
type Default uint8

// The kinds of defaults.
const (
	Constant    Default = iota // none, a constant, or functions that give the same whenever they are called
	Transaction                // the same for all of a transaction, or nothing that anybody could expect: now(), gen_random_uuid()
	Drawn                      // a number from a sequence
	Code                       // anything else: it may read tables or know the session
	Guarded                    // its domain may refuse it
)

// Column is what is known of a column.
type Column struct {
	Name    string
	Default Default
}

// Table is what the catalog says of a table, as far as the way of its rows depends on it.
type Table struct {
	Reasons         []string // what keeps rows from going another way than as written
	Columns         []Column
	AnyOrder        bool   // no foreign key is checked row by row: tables may be loaded in any order
	SelfReferencing bool   // its rows refer to each other, and are checked at the end of each statement
	Superuser       bool   // the role is one
	Owned           bool   // the role may do what the table's owner may
	Temporary       bool   // other connections do not see it
	Names           bool   // nor what its values may name: temporary tables
	Empty           bool   // there is no row in it
	Exclusive       bool   // it is empty, and nobody else can see it until the transaction ends
	Online          bool   // others go on reading it as it was, and nobody else can write to it until the transaction ends
	Indexes         int    // that could be built after the rows
	Watched         string // what would notice that, "" for nothing
	TransactionEnds bool   // the server limits how long a transaction may take
}

// Situation is what is known of the moment.
type Situation struct {
	Verbatim string   // why nothing goes another way than as written, "" if something may
	Single   bool     // all is one transaction
	Several  bool     // which is made of several: each has a time and a number of its own
	Drawn    bool     // numbers of sequences may have been drawn in it: it cannot be done again with the same
	Many     bool     // rows are many enough for indexes to be built after them
	Crew     bool     // other connections may load at once
	Columns  []string // that the rows give, in order; nil if they are not named
	Given    int      // how many values the first row has, where columns are not named and fewer may be given; 0 for all
	Copy     bool     // the script brings them by COPY
	Binary   bool     // COPY's binary format is certain for each of them
}

// RowsWay is how rows go.
type RowsWay uint8

// The ways of rows.
const (
	AsWritten RowsWay = iota
	CopyText
	CopyBinary
)

// IndexWay is what happens to indexes while rows come.
type IndexWay uint8

// The ways of indexes.
const (
	KeepIndexes IndexWay = iota
	SwitchOffIndexes
	DropIndexes
	TwinIndexes // each is built anew beside the old one, by which others read
)

// Decision is how a table's rows go to the server, and why.
type Decision struct {
	Rows      RowsWay
	Indexes   IndexWay
	Elsewhere bool // over a connection of their own, while the script is read on
	Because   []string
}

// Decide decides.
func Decide(t *Table, s Situation) Decision {
	var d Decision
	because := func(format string, args ...any) { d.Because = append(d.Because, fmt.Sprintf(format, args...)) }
	if s.Verbatim != "" {
		because("%s", s.Verbatim)
		return d
	}
	for _, reason := range t.Reasons {
		because("%s", reason)
	}
	if t.SelfReferencing {
		because("its rows refer to each other, and are checked statement by statement")
	}
	if !s.Single && t.TransactionEnds {
		because("transaction_timeout counts for each statement alone")
	}
	for i, c := range t.Columns {
		if s.Columns != nil && slices.Contains(s.Columns, c.Name) || s.Columns == nil && (s.Given == 0 || i < s.Given) {
			continue
		}
		switch {
		case c.Default == Code, c.Default == Guarded:
			because("column %q is left out, and its default or domain is the server's affair", c.Name)
		case c.Default == Drawn:
			because("column %q is left out, and draws numbers from a sequence", c.Name)
		case c.Default == Transaction && (!s.Single || s.Several):
			because("column %q is left out, and its default is another in each transaction", c.Name)
		}
	}
	if len(d.Because) > 0 {
		return d
	}
	d.Rows = CopyText
	switch {
	case s.Binary:
		d.Rows = CopyBinary
	case s.Copy && (!s.Many || s.Drawn || s.Columns == nil): // it is text already, and nothing is to be gained
	default:
		because("some column or value has a type or spelling for which only text is certain")
	}
	switch {
	case t.Indexes == 0:
	case t.Online && !t.Superuser:
		because("indexes stay: others read by them, and only a superuser can build others beside them that take their place")
	case !t.Exclusive && !t.Online:
		because("indexes stay: the table has rows, or others may write to it meanwhile")
	case t.Watched != "":
		because("indexes stay: %s", t.Watched)
	case s.Single && s.Drawn:
		because("indexes stay: numbers were drawn from a sequence, so the load could not be done again")
	case !s.Many:
		because("indexes stay: the rows are few")
	case t.Online:
		d.Indexes = TwinIndexes
	case t.Superuser:
		d.Indexes = SwitchOffIndexes
	case t.Owned:
		d.Indexes = DropIndexes
	default:
		because("indexes stay: the role does not own the table")
	}
	switch {
	case !s.Crew:
	case t.Temporary:
		because("over the script's own connection: other connections do not see a temporary table")
	case t.Names:
		because("over the script's own connection: values may name temporary tables, which other connections do not see")
	case !t.AnyOrder:
		because("over the script's own connection: foreign keys are checked row by row")
	default:
		d.Elsewhere = true
	}
	return d
}

// Inert reports whether rows that give the columns run no code of the user's and draw no numbers. draws means that they do the
// latter alone.
func Inert(t *Table, columns []string, given int) (inert, draws bool) {
	if len(t.Reasons) > 0 {
		return false, false
	}
	for i, c := range t.Columns {
		if columns != nil && slices.Contains(columns, c.Name) || columns == nil && (given == 0 || i < given) {
			continue
		}
		switch c.Default {
		case Code, Guarded:
			return false, false
		case Drawn:
			draws = true
		case Constant, Transaction:
		}
	}
	return !draws, draws
}

// String says the decision in a line.
func (d Decision) String() string {
	parts := []string{map[RowsWay]string{AsWritten: "as written", CopyText: "COPY text", CopyBinary: "COPY binary"}[d.Rows]}
	switch d.Indexes {
	case SwitchOffIndexes:
		parts = append(parts, "indexes filled after the rows")
	case TwinIndexes:
		parts = append(parts, "indexes built beside the old ones after the rows")
	case DropIndexes:
		parts = append(parts, "indexes made again after the rows")
	case KeepIndexes:
	}
	if d.Elsewhere {
		parts = append(parts, "over a connection of its own")
	}
	text := strings.Join(parts, ", ")
	if len(d.Because) > 0 {
		text += " (" + strings.Join(d.Because, "; ") + ")"
	}
	return text
}
