package sqltext

import (
	"bytes"
	"slices"
	"strings"
)

// Asking is what a statement asks the server about itself, and what else it does.
type Asking struct {
	Keys    bool     // about foreign keys, triggers or rules, or when these are enabled
	Role    bool     // what session_replication_role is
	Query   bool     // it is a SELECT, SHOW or the like
	Rows    bool     // it changes rows, too
	Defines bool     // it changes constraints that may be foreign keys, too: only a DO block can do both
	Calls   []string // functions that it calls; what these do its text does not show
}

// askedOfKeys are the names in whose presence a statement asks about keys, triggers or rules, and those that do so in the information schema.
var (
	askedOfKeys = []string{"pg_constraint", "pg_trigger", "pg_rewrite", "pg_rules", "pg_depend", "pg_get_constraintdef", "pg_get_triggerdef", "pg_get_ruledef",
		"relhastriggers", "relhasrules", "relforcerowsecurity", "hastriggers", "hasrules"}
	askedOfSchema = []string{"table_constraints", "referential_constraints", "key_column_usage", "constraint_column_usage", "constraint_table_usage",
		"triggers", "triggered_update_columns"}
)

// Asks reads the statement, and the code in its strings, for what it asks; strings of a statement that brings, changes or deletes rows are values.
func (s *Statement) Asks() (a Asking) {
	text := s.text[:min(len(s.text), readForTables)]
	lower := bytes.ToLower(text)
	first := (&Tokens{Text: text, Escapes: s.escapes}).Peek()
	block := first.Text == "do"
	if !block && !slices.ContainsFunc([]string{"pg_", "hastriggers", "hasrules", "relforce", "information_schema", replicationRole},
		func(w string) bool { return bytes.Contains(lower, []byte(w)) }) {
		return a
	}
	code := first.Kind == WordToken && !slices.Contains(changingRows, first.Text)
	all := (&Tokens{Text: text, Escapes: s.escapes}).tokens(code)
	has := func(words ...string) bool {
		return slices.ContainsFunc(all, func(tok Token) bool {
			return (tok.Kind == WordToken || tok.Kind == QuotedToken) && slices.Contains(words, tok.Text)
		})
	}
	a.Keys = has(askedOfKeys...) || has("information_schema") && has(askedOfSchema...)
	a.Role = first.Text == "show" && has(replicationRole)
	a.Query = slices.Contains([]string{"select", "show", "with", "values", "table", "("}, first.Text)
	var before, ahead Token // the last one, and the one ahead of that
	for _, tok := range all {
		switch {
		case called(before, tok):
			a.Calls = append(a.Calls, before.Text)
		case tok.Kind == StringToken && strings.EqualFold(tok.Text, replicationRole):
			a.Role = a.Role || before.Text == "(" && ahead.Text == "current_setting" || has("pg_settings")
		case block && tok.Kind == WordToken && slices.Contains(changingRows, tok.Text):
			a.Rows = a.Rows || !slices.Contains([]string{"on", "for", "or", "before", "after"}, before.Text) // ON DELETE, FOR UPDATE, of triggers
		}
		before, ahead = tok, before
	}
	if !block {
		touches, _ := s.Touches()
		a.Rows = len(touches) > 0
	}
	a.Defines = block && has("constraint") && (has("comment") || has("alter") && has("drop", "rename", "foreign", "validate"))
	return a
}

// tokens gives the tokens of the text, and behind each string, if it is code, those in it.
func (t *Tokens) tokens(code bool) (all []Token) {
	for tok := t.Next(); tok.Kind != EndToken; tok = t.Next() {
		all = append(all, tok)
		if content := t.content(tok); code && tok.Kind == StringToken && len(content) < tok.End-tok.At {
			all = append(all, (&Tokens{Text: content, Escapes: t.Escapes}).tokens(code)...)
		}
	}
	return all
}
