package load

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// shownFindings is how many findings an error lists.
const shownFindings = 50

// nearTables is among how many tables the nearest name is looked for.
const nearTables = 10_000

// comparable tells whether the script is compared with the catalog before it runs: where every error ends the load with nothing
// done, where nothing of the user's own is still to come that may make what is missing, and where statements need not be just those
// of the script.
func (r *run) comparable() bool {
	return r.o.Transaction != None && !r.o.Continue && !r.o.Verbatim && (len(r.o.Before) == 0 || r.rows != nil) && !r.o.thresholds.noPreflight
}

// finding is one thing that the script needs and the database lacks.
type finding struct {
	at          place
	text, state string
	statement   []byte
	encoding    string // of the statement
}

// preflight compares what the script will touch with the catalog, so that a first run shows everything that is missing, not one
// thing a run.
func (r *run) preflight(ctx context.Context, s *survey) error {
	var found []finding
	said := map[string]bool{}
	add := func(h *head, at place, state, format string, args ...any) {
		text := fmt.Sprintf(format, args...)
		if !said[text] {
			said[text] = true
			found = append(found, finding{at, text, state, h.text, h.encoding})
		}
	}
	var tables []catalog.Named
	for _, h := range s.heads {
		f := h.relation
		if f == nil {
			if tables == nil {
				var err error
				if tables, err = catalog.Tables(ctx, r.session, nearTables); err != nil {
					return (&failure{err: err}).problem()
				}
			}
			add(h, h.at, "42P01", "there is no table %s%s", sqltext.QuoteName(h.parts...), instead(h, tables))
			continue
		}
		r.compare(h, f, func(at place, state, format string, args ...any) { add(h, at, state, format, args...) })
	}
	if len(found) == 0 {
		return nil
	}
	if code, err := r.runsCode(ctx, s); err != nil || code {
		return err // what is missing may be made on the way
	}
	p := &problem.Error{Code: problem.Database, Where: found[0].at.String(), What: fmt.Sprintf("%s (SQLSTATE %s)", found[0].text, found[0].state),
		Excerpt: found[0].excerpt(),
		Remedy:  "Compare the export with the schema: run your migrations before this step, or change the Fabricate database to match.\nThe database is as it was: nothing was sent."}
	if len(found) > 1 {
		p.What = fmt.Sprintf("the database lacks %d things that the script needs (SQLSTATE %s)", len(found), found[0].state)
		var lines []string
		for _, f := range found[:min(len(found), shownFindings)] {
			lines = append(lines, f.at.String()+": "+f.text)
		}
		if more := len(found) - shownFindings; more > 0 {
			lines = append(lines, fmt.Sprintf("and %d more", more))
		}
		p.Excerpt = strings.Join(lines, "\n")
	}
	return p
}

// runsCode reports whether rows for one of the tables run code of the user's.
func (r *run) runsCode(ctx context.Context, s *survey) (bool, error) {
	var names []string
	for _, h := range s.heads {
		if h.relation != nil && h.kind != sqltext.Truncate && !slices.Contains(names, h.relation.Name) && len(names) < maxForeseen {
			names = append(names, h.relation.Name)
		}
	}
	if err := r.readPlans(ctx, names); err != nil {
		return false, (&failure{err: err}).problem()
	}
	defer r.known.after(ours)
	for _, plan := range r.known.foreknown {
		if plan == nil {
			continue
		}
		for _, reason := range plan.Reasons {
			if strings.Contains(reason, "function") || !s.replica && (strings.Contains(reason, "trigger") || strings.Contains(reason, "rule")) {
				return true, nil
			}
		}
		if slices.ContainsFunc(plan.Columns, func(c strategy.Column) bool { return c.Default == strategy.Code }) {
			return true, nil
		}
	}
	return false, nil
}

// excerpt shows the place as the server's errors do.
func (f finding) excerpt() string {
	if f.encoding != "UTF8" || f.at.offset > len(f.statement) {
		return ""
	}
	text, _ := psql.Caret(f.statement, utf8.RuneCount(f.statement[:f.at.offset])+1, f.encoding)
	return text
}

// compare looks at one statement's head and the table that it means.
func (r *run) compare(h *head, f *catalog.Relation, add func(at place, state, format string, args ...any)) {
	user := sqltext.QuoteName(r.session.Config().User)
	if !f.Usage {
		schema, _, _ := strings.Cut(f.Name, ".")
		add(h.at, "42501", "the role may not look into the schema of %s: GRANT USAGE ON SCHEMA %s TO %s", f.Name, schema, user)
		return
	}
	if h.kind == sqltext.Truncate {
		switch {
		case f.Kind != "r" && f.Kind != "p" && f.Kind != "f":
			add(h.at, "42809", "%s is no table, so it cannot be truncated", f.Name)
		case !f.MayTruncate:
			add(h.at, "42501", "the role may not truncate %s (owner %s): GRANT TRUNCATE ON %[1]s TO %[3]s", f.Name, f.Owner, user)
		}
		return
	}
	if f.Kind == "m" {
		add(h.at, "42809", "%s is a materialized view, which takes no rows", f.Name)
		return
	}
	if f.Hidden && !f.Owned && h.kind == sqltext.Copy {
		add(h.at, "0A000", "row security of %s holds the role's rows to policies, and the server takes none by COPY then: load as %s, or ALTER ROLE %s BYPASSRLS", f.Name, sqltext.QuoteName(f.Owner), user)
		return
	}
	denied := !f.MayInsert && len(h.columns) == 0
	for c, column := range h.columns {
		i := slices.Index(f.Columns, clipName(column))
		switch {
		case i < 0:
			near := ""
			if word := nearest.Word(column, f.Columns); word != "" {
				near = fmt.Sprintf("; did you mean %s?", sqltext.QuoteName(word))
			}
			add(h.columnAt[c], "42703", "table %s has no column %s%s", f.Name, sqltext.QuoteName(column), near)
		case h.defaults:
		case f.Written[i] == "generated":
			add(h.columnAt[c], "428C9", "column %s of %s is generated from others and takes no value", sqltext.QuoteName(column), f.Name)
		case f.Written[i] == "identity" && !h.overriding && h.kind == sqltext.Insert:
			add(h.columnAt[c], "428C9", "column %s of %s is GENERATED ALWAYS AS IDENTITY and takes no value: make it GENERATED BY DEFAULT", sqltext.QuoteName(column), f.Name)
		case !f.MayInsert && !f.Insertable[i]:
			denied = true
		}
	}
	if denied {
		add(h.at, "42501", "the role may not insert into %s (owner %s): GRANT INSERT ON %[1]s TO %[3]s", f.Name, f.Owner, user)
	}
}

// instead says which table may have been meant.
func instead(h *head, tables []catalog.Named) string {
	name := h.parts[len(h.parts)-1]
	if len(tables) == 0 {
		return ", and none at all"
	}
	var names, elsewhere []string
	for _, t := range tables {
		switch {
		case t.Name == name:
			elsewhere = append(elsewhere, sqltext.QuoteName(t.Schema, t.Name))
		case strings.EqualFold(t.Name, name):
			return fmt.Sprintf("; there is %s: a name in double quotes is looked for just as it is written, upper and lower case included", sqltext.QuoteName(t.Schema, t.Name))
		}
		names = append(names, t.Name)
	}
	if len(elsewhere) > 0 {
		return fmt.Sprintf("; there is %s: set the search_path of the role or the database, as in database-url?options=-csearch_path%%3D…", strings.Join(elsewhere[:min(3, len(elsewhere))], ", "))
	}
	if word := nearest.Word(name, names); word != "" {
		i := slices.IndexFunc(tables, func(t catalog.Named) bool { return t.Name == word })
		return fmt.Sprintf("; did you mean %s?", sqltext.QuoteName(tables[i].Schema, word))
	}
	return ""
}
