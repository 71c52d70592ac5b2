package fit

import (
	"errors"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Describe adds findings to the error of the statement in which the server has met the first of them, with its SQLSTATE. complete says that
// the error says itself what to do, other that it was another statement, which brings no rows of the script's.
func (r *Report) Describe(p *problem.Error, state string, complete, other bool) error {
	q := *p
	f, e := r.firstOf(p, state)
	if other {
		f = nil
	}
	if f != nil {
		if e.File != p.At.File || e.Line != p.At.Line {
			q.At = e.Place()
		}
		if complete {
			q.Excerpt = r.Text()
			return &q
		}
	}
	if f == nil || len(r.Findings) > 1 || f.Rows > 1 || !strings.HasPrefix(q.What, "table ") && !strings.Contains(q.What, `relation "`) && !strings.Contains(q.What, `table "`) {
		q.Excerpt = strings.TrimSpace(q.Excerpt + "\n" + r.Text()) // else the error says it all
	}
	lines := strings.Split(p.Remedy, "\n")
	last := len(lines) - 1 // says what became of the database
	remedies := r.Remedies()
	if f == nil { // of what the server has refused nothing was found
		remedies = slices.Concat(lines[:last], slices.DeleteFunc(remedies, func(one string) bool { return slices.Contains(lines, one) }))
	}
	q.Remedy = strings.Join(append(remedies, lines[last]), "\n")
	return &q
}

// firstOf gives the finding that a server's error is about, and the row of it that the server has met first: at the error's place or behind
// it, in a statement of many rows, and not behind that statement. A key is known by its values. One that was deferred is refused at no place of a row.
func (r *Report) firstOf(p *problem.Error, state string) (first *Finding, at Example) {
	var pe *pgconn.PgError
	keyed := errors.As(p, &pe) && (state == "23503" || state == "23505")
	for i, f := range r.Findings {
		for _, e := range f.Examples {
			meant := p.At.File == "" || e.File == p.At.File && e.Line >= p.At.Line && (p.End == 0 || e.Line <= p.End)
			if keyed {
				meant = strings.Contains(pe.Detail, "=("+e.Value+")") && !(e.File == p.At.File && p.End > 0 && e.Line > p.End)
			}
			if f.State == state && meant && (first == nil || e.File == at.File && e.Line < at.Line) {
				first, at = &r.Findings[i], e
			}
		}
	}
	return first, at
}

// Subject names the table and column that an error is about, where its message does not.
func Subject(pe *pgconn.PgError) string {
	table, column := "", ""
	if pe.TableName != "" {
		table, column = Name(pe.SchemaName, pe.TableName), pe.ColumnName
	} else if m := copyContext.FindStringSubmatch(pe.Where); m != nil {
		table, column = m[1], m[3]
	}
	if table == "" || strings.Contains(pe.Message, `"`+pe.TableName+`"`) && pe.TableName != "" {
		return ""
	}
	if column != "" && !strings.Contains(pe.Message, `"`+column+`"`) {
		table += ", column " + column
	}
	return "table " + table + ": "
}

// copyContext is what the server says of a row of COPY, behind what functions and types say that it called.
var copyContext = regexp.MustCompile(`(?m)^COPY (.*?), line (\d+)(?:, column ([^:]+))?`)

// CopyPlace reads the row of the data, from 1, and the column from the context of a COPY error, 0 and "" where it has none.
func CopyPlace(context string) (row int, column string) {
	m := copyContext.FindStringSubmatch(context)
	if m == nil {
		return 0, ""
	}
	row, err := strconv.Atoi(m[2])
	if err != nil {
		return 0, ""
	}
	return row, m[3]
}

// CountingRows gives the context of a COPY error with rows in place of lines, which are those of what was sent, and none of a file.
func CountingRows(context string) string {
	m := copyContext.FindStringSubmatchIndex(context)
	if m == nil {
		return context
	}
	return context[:m[3]] + ", row " + context[m[4]:]
}
