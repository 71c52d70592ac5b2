package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// nearTables is among how many tables the nearest name is looked for.
const nearTables = 10_000

// comparable tells whether the script is compared with the catalog before it runs: where every error ends the load with nothing
// done, where nothing of the user's own is still to come that may make what is missing, and where statements need not be just those
// of the script.
func (r *run) comparable() bool {
	return r.o.Transaction != None && !r.o.Continue && !r.o.Verbatim && (len(r.o.Before) == 0 || r.rows != nil) && !r.o.thresholds.noPreflight
}

// finding is one thing that the script needs and the database lacks, with its place in the script.
type finding struct {
	fit.Finding
	at        place
	statement []byte
	encoding  string // of the statement
}

// preflight compares what the script will touch with the catalog, so that a first run shows everything that is missing, not one
// thing a run.
func (r *run) preflight(ctx context.Context, s *survey) error {
	found, err := r.lacking(ctx, s)
	if err != nil || len(found) == 0 {
		return err
	}
	if code, err := r.runsCode(ctx, s); err != nil || code {
		return err // what is missing may be made on the way
	}
	for _, f := range found {
		r.fit.Add(f.Finding)
	}
	r.fit.Close()
	nothing := "The database is as it was: nothing was sent."
	if r.began { // scripts of the user's own were
		nothing = ""
	}
	first := found[slices.IndexFunc(found, func(f finding) bool { return f.What == r.fit.Findings[0].What })]
	return unfit(problem.Error{Code: problem.Database, At: r.placeOf(first.at.Position), What: fmt.Sprintf("%s (SQLSTATE %s)", first.What, first.State),
		Excerpt: first.excerpt()}, &r.fit, nothing)
}

// example gives a place of the script for a finding: of files of rows, the beginning of the file.
func (r *run) example(p psql.Position) []fit.Example {
	at := r.placeOf(p)
	if at.File == "" {
		return []fit.Example{}
	}
	return []fit.Example{{File: at.File, Line: max(1, at.Line)}}
}

// roleName gives the role that the session runs as, quoted where it must be.
func (x *executor) roleName() string {
	config := x.session.Config()
	return fit.Name(cmp.Or(config.RuntimeParams["role"], config.User))
}

// lacking gives all that the catalog says does not fit, in the order of the script.
func (r *run) lacking(ctx context.Context, s *survey) (found []finding, err error) {
	var tables []catalog.Named
	for _, h := range s.heads {
		add := func(at place, f fit.Finding) {
			f.Examples = r.example(at.Position)
			found = append(found, finding{f, at, h.text, h.encoding})
		}
		if h.relation != nil {
			r.compare(h, h.relation, s.quiet(), add)
			continue
		}
		if tables == nil {
			if tables, err = catalog.Tables(ctx, r.session, nearTables); err != nil {
				return nil, problemOf(err)
			}
		}
		hint, remedy := instead(h, tables)
		add(h.at, fit.MissingTable(h.parts, hint, remedy))
	}
	return found, nil
}

// filled gives the names of the tables that rows come for.
func (s *survey) filled() (names []string) {
	for _, h := range s.heads {
		if h.relation != nil && h.kind != sqltext.Truncate && !slices.Contains(names, h.relation.Name) {
			names = append(names, h.relation.Name)
		}
	}
	return names
}

// quiet reports whether all that fires triggers comes while the replica role is set.
func (s *survey) quiet() bool { return s.replica && !s.loud }

// runsCode reports whether something that the script does may run code of the user's: rows for one of the tables, or what fires triggers.
func (r *run) runsCode(ctx context.Context, s *survey) (bool, error) {
	quiet := s.quiet()
	states := []string{"O", "A"}
	if s.replica {
		states = append(states, "R")
	}
	if quiet {
		states = []string{"R", "A"}
	}
	if s.enables {
		states = []string{"O", "A", "R", "D"}
	}
	events := s.events
	if !quiet && !s.enables { // what rows fire is asked of each table
		events &^= catalog.OnInsert
	}
	if code, err := catalog.Fires(ctx, r.session, events, states, s.defining); err != nil || code {
		return code, err
	}
	if err := r.readPlans(ctx, s.filled()); err != nil {
		return false, problemOf(err)
	}
	defer r.known.after(ours)
	inside := false // of a column's type are types of the user's
	for _, h := range s.heads {
		if h.relation == nil || h.kind == sqltext.Truncate {
			continue
		}
		plan := r.known.foreknown[h.relation.Name]
		if plan == nil || slices.ContainsFunc(plan.Reasons[:len(plan.Reasons)-plan.inside], func(reason string) bool { return runs(h, reason, quiet) }) ||
			slices.ContainsFunc(plan.Columns, func(c strategy.Column) bool {
				return c.Default == strategy.Code && (h.defaults || !slices.Contains(h.columns, c.Name))
			}) {
			return true, nil
		}
		inside = inside || plan.inside > 0
	}
	if !inside {
		return false, nil
	}
	return catalog.DomainsRunCode(ctx, r.session)
}

// runs reports whether rows of a head may run code of the user's for a reason of the catalog's why they go as written.
func runs(h *head, reason string, quiet bool) bool {
	switch reason {
	case catalog.HasTrigger, catalog.HasRule:
		return !quiet
	case catalog.NoPlainTable:
		return h.relation.Kind == "v" || h.relation.Kind == "f" // others take no rows
	case catalog.HasPolicies:
		return h.kind == sqltext.Insert // the server refuses COPY
	}
	return true
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
func (r *run) compare(h *head, f *catalog.Relation, replica bool, add func(at place, f fit.Finding)) {
	user := r.roleName()
	right := func(what, remedy string, args ...any) {
		add(h.at, fit.Finding{Kind: fit.NotAllowed, Table: f.Name, State: "42501", What: what, Remedy: fmt.Sprintf(remedy, args...)})
	}
	if !f.Usage {
		schema, _, _ := strings.Cut(f.Name, ".")
		right("role "+user+" may not use the schema of "+f.Name, "Let the schema's owner run: GRANT USAGE ON SCHEMA %s TO %s.", schema, user)
		return
	}
	if h.kind == sqltext.Truncate {
		switch {
		case f.Kind != "r" && f.Kind != "p" && f.Kind != "f":
			add(h.at, fit.NoTableThere(f.Name, f.Name+" is no table, so it cannot be truncated"))
		case !f.MayTruncate:
			right(fmt.Sprintf("role %s may not truncate %s (owner %s)", user, f.Name, f.Owner), "Let the owner run: GRANT TRUNCATE ON %s TO %s.", f.Name, user)
		}
		return
	}
	if f.Kind == "m" {
		add(h.at, fit.NoTableThere(f.Name, f.Name+" is a materialized view, which takes no rows"))
		return
	}
	if f.Hidden && !f.Owned && h.kind == sqltext.Copy {
		add(h.at, fit.Finding{Kind: fit.NotAllowed, Table: f.Name, State: "0A000",
			What:   "row security of " + f.Name + " holds role " + user + " to policies, and the server takes no rows by COPY then",
			Remedy: fmt.Sprintf("Load as %s, or ALTER ROLE %s BYPASSRLS.", fit.Name(f.Owner), user)})
		return
	}
	denied := !f.MayInsert && len(h.columns) == 0 && (!slices.Contains(f.Insertable, true) || h.kind == sqltext.Copy && slices.Contains(f.Insertable, false))
	var given []string
	for c, column := range h.columns {
		i := slices.Index(f.Columns, column)
		if i < 0 {
			i = slices.Index(f.Columns, sqltext.ClipName(column, r.session.Parameter("server_encoding")))
		}
		if i >= 0 {
			given = append(given, f.Columns[i])
		}
		switch {
		case i < 0:
			add(h.columnAt[c], fit.MissingColumn(f.Name, column, nearest.Word(column, f.Columns)))
		case f.Written[i] == "generated" && !h.sparing:
			finding := fit.GeneratedColumn(f.Name, column)
			if h.kind == sqltext.Copy {
				finding.State = "42P10" // as the server says
			}
			add(h.columnAt[c], finding)
		case f.Written[i] == "identity" && !h.sparing && !h.overriding && h.kind == sqltext.Insert:
			add(h.columnAt[c], fit.IdentityColumn(f.Name, column))
		case !f.MayInsert && !f.Insertable[i]:
			denied = true
		}
	}
	if denied {
		right(fmt.Sprintf("role %s may not insert into %s (owner %s)", user, f.Name, f.Owner), "Let the owner run: GRANT INSERT ON %s TO %s.", f.Name, user)
	}
	if !h.rows || len(h.columns) == 0 || f.MayFill(replica) {
		return
	}
	required := f.Required
	if h.kind == sqltext.Insert {
		required = slices.Concat(required, f.Guarded)
	}
	for _, column := range required {
		if !slices.Contains(given, column) {
			add(h.at, fit.NotGiven(f.Name, column))
		}
	}
}

// instead says which table may have been meant, and what to do then.
func instead(h *head, tables []catalog.Named) (hint, remedy string) {
	name := h.parts[len(h.parts)-1]
	if len(tables) == 0 {
		return ": the database has no table at all", ""
	}
	var names, elsewhere []string
	for _, t := range tables {
		switch {
		case t.Name == name:
			elsewhere = append(elsewhere, fit.Name(t.Schema, t.Name))
		case strings.EqualFold(t.Name, name):
			return fmt.Sprintf("; there is %s: in double quotes, upper and lower case are not the same", fit.Name(t.Schema, t.Name)), fit.OtherName
		}
		names = append(names, t.Name)
	}
	if len(elsewhere) > 0 && len(h.parts) > 1 {
		return "; there is " + strings.Join(elsewhere[:min(3, len(elsewhere))], ", "), fit.OtherName
	}
	if len(elsewhere) > 0 {
		return "; there is " + strings.Join(elsewhere[:min(3, len(elsewhere))], ", "), fit.OtherSchema
	}
	if word := nearest.Word(name, names); word != "" {
		i := slices.IndexFunc(tables, func(t catalog.Named) bool { return t.Name == word })
		return fmt.Sprintf("; did you mean %s?", fit.Name(tables[i].Schema, word)), fit.OtherName
	}
	return "", ""
}
