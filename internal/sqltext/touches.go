package sqltext

import (
	"slices"
	"strings"
)

// Change is what a statement does to a table.
type Change string

// The changes.
const (
	Fills   Change = "rows"     // rows come
	Empties Change = "truncate" // it is truncated, with what CASCADE reaches
	Changes Change = "changes"  // rows may be changed or deleted
)

// Touch is a table that a statement changes.
type Touch struct {
	Name   Name
	Change Change
	Copied bool // its rows come by COPY
}

// readForTables is how much of a statement that is no plain INSERT, COPY or TRUNCATE is searched for tables, in bytes.
const readForTables = 64 << 10

// Touches finds the tables that the statement changes. whole is false when it may change others that its text does not show.
func (s *Statement) Touches() (all []Touch, whole bool) {
	switch s.Kind {
	case Insert, Copy:
		for _, name := range s.Relations {
			all = append(all, Touch{name, Fills, s.Kind == Copy})
		}
	case Truncate:
		for _, name := range s.Relations {
			all = append(all, Touch{Name: name, Change: Empties})
		}
	}
	if s.Kind != Other && s.Kind != Insert || s.Effect != Anything {
		return all, true
	}
	most := readForTables
	if s.Kind == Insert { // of which no more comes at once than is read in one piece
		most = len(s.text)
	}
	t := &Tokens{Text: s.text[:min(len(s.text), most)], Escapes: s.escapes}
	whole = len(s.text) <= most
	first := t.Peek()
	plain := first.Kind == WordToken && slices.Contains(shown, first.Text)
	var before Token
	var filled Name
	for tok := t.Next(); tok.Kind != EndToken; before, tok = tok, t.Next() {
		plain = plain && !called(before, tok) // perhaps of a function that changes tables
		if tok.Kind != WordToken {
			continue
		}
		change := Changes
		switch tok.Text {
		case "insert":
			if change = Fills; !t.Accept("into") {
				continue
			}
		case "merge":
			if !t.Accept("into") {
				continue
			}
		case "delete":
			if !t.Accept("from") {
				continue
			}
		case "update":
		default:
			continue
		}
		t.Accept("only")
		switch name := t.Relation(); {
		case len(name) == 0:
		case before.Text == "do" && change == Changes: // ON CONFLICT DO UPDATE SET
			if filled != nil {
				all = append(all, Touch{Name: filled, Change: change})
			}
		default:
			if change == Fills {
				filled = name
			}
			all = append(all, Touch{Name: name, Change: change})
		}
		t.Names() // no call
	}
	return all, whole && plain
}

// shown are the first words of statements whose text shows what they change, if they call no function.
var shown = []string{"insert", "update", "delete", "merge", "with", "select", "values", "table", "lock", "analyze", "comment", "vacuum", "explain", "declare", "fetch",
	"move", "close", "notify", "listen", "unlisten", "checkpoint"}

// noCall are words behind which a parenthesis is no call of a function of the user's.
var noCall = []string{"as", "and", "or", "not", "in", "values", "where", "on", "using", "select", "from", "exists", "any", "all", "some", "over", "distinct",
	"union", "except", "intersect", "when", "then", "else", "case", "array", "row", "conflict", "returning", "set", "by", "analyze", "explain", "with", "materialized",
	"coalesce", "varchar", "char", "character", "numeric", "decimal", "timestamp", "time", "interval", "bit"}

// Calls reports whether text, a part of a statement, calls what may be a function of the user's.
func Calls(text []byte, escapes bool) bool {
	t := &Tokens{Text: text, Escapes: escapes}
	for before, tok := (Token{}), t.Next(); tok.Kind != EndToken; before, tok = tok, t.Next() {
		if called(before, tok) {
			return true
		}
	}
	return false
}

// called reports whether a name stands before a parenthesis as that of a function does.
func called(before, tok Token) bool {
	return tok.Kind == OtherToken && tok.Text == "(" && (before.Kind == QuotedToken || before.Kind == WordToken && !slices.Contains(noCall, before.Text))
}

// Defines reports whether the statement is about definitions, not about rows: what it changes are tables, triggers, privileges, or when
// constraints are checked.
func (s *Statement) Defines() bool {
	t := &Tokens{Text: s.text, Escapes: s.escapes}
	first := t.Next()
	switch {
	case s.Kind != Other || first.Kind != WordToken:
		return false
	case first.Text == "set":
		return t.Accept("constraints")
	case first.Text == "create":
		return !s.makesRows(t)
	case first.Text == "do":
		return s.definesInside()
	}
	return slices.Contains([]string{"alter", "drop", "comment", "grant", "revoke", "reassign", "security"}, first.Text)
}

// definesInside reports whether a DO block is about definitions: it mentions some, and nothing that changes rows or may do so.
func (s *Statement) definesInside() bool {
	if len(s.text) > readForTables {
		return false
	}
	text := strings.Join(strings.Fields(strings.ToLower(string(s.text))), " ")
	text = strings.NewReplacer("on delete", "", "on update", "", "commit delete rows", "").Replace(text)
	has := func(words ...string) bool {
		return slices.ContainsFunc(words, func(w string) bool { return strings.Contains(text, w) })
	}
	return has("alter ", "create ", "drop ", "comment on ") && !has("insert", "delete", "update", "merge", "truncate", "copy", "perform", "call")
}

// makesRows reports whether a CREATE, of which t is behind that word, runs a query: of a table with AS, or of a materialized view.
func (s *Statement) makesRows(t *Tokens) bool {
	for _, word := range []string{"global", "local", "temporary", "temp", "unlogged"} {
		t.Accept(word)
	}
	if t.Accept("materialized") {
		return true
	}
	if !t.Accept("table") {
		return false
	}
	for t.Peek().Kind != EndToken {
		if t.Accept("as") {
			return true
		}
		if t.Parens() == nil {
			t.Next()
		}
	}
	return false
}

// changingRows are the words with which statements begin that bring, change or delete rows.
var changingRows = []string{"insert", "update", "delete", "merge", "copy"}

// Mentions reports whether one of the words, in lower case, stands in the statement, but for comments; in a string too, unless it is one
// that brings, changes or deletes rows, whose strings are values.
func (s *Statement) Mentions(words ...string) bool {
	text := s.text[:min(len(s.text), readForTables)]
	t := &Tokens{Text: text, Escapes: s.escapes}
	first := t.Peek()
	rows := slices.Contains(changingRows, first.Text)
	for tok := t.Next(); tok.Kind != EndToken; tok = t.Next() {
		said := strings.ToLower(tok.Text)
		if tok.Kind == WordToken && slices.Contains(words, said) || tok.Kind == StringToken && !rows && slices.ContainsFunc(words, func(w string) bool { return strings.Contains(said, w) }) {
			return true
		}
	}
	return false
}

// Defers gives the mode that SET CONSTRAINTS says, DEFERRED or IMMEDIATE, and the constraints that it names, nil for ALL; "" for any other statement.
func (s *Statement) Defers() (names []Name, mode string) {
	t := &Tokens{Text: s.text, Escapes: s.escapes}
	if !t.Accept("set") || !t.Accept("constraints") {
		return nil, ""
	}
	if !t.Accept("all") {
		for more := true; more; more = t.Accept(",") {
			names = append(names, t.Relation())
		}
	}
	return names, strings.ToUpper(t.Next().Text)
}

// Validates gives the table and the constraint of ALTER TABLE … VALIDATE CONSTRAINT, where the statement does nothing else; nil for any other.
func (s *Statement) Validates() (table Name, constraint string) {
	t := &Tokens{Text: s.text, Escapes: s.escapes}
	if !t.Accept("alter") || !t.Accept("table") {
		return nil, ""
	}
	if t.Accept("if") {
		t.Accept("exists")
	}
	t.Accept("only")
	table = t.Relation()
	t.Accept("*")
	if !t.Accept("validate") || !t.Accept("constraint") {
		return nil, ""
	}
	constraint = t.Next().Text
	if t.Accept(";"); t.Peek().Kind != EndToken {
		return nil, ""
	}
	return table, constraint
}

// Verb is the first word of the statement, in lower case.
func (s *Statement) Verb() string { return (&Tokens{Text: s.text, Escapes: s.escapes}).Peek().Text }

// Names reports whether one of the names stands in the statement, in any case, but for comments; in a string also as a part of it.
func (s *Statement) Names(names ...string) bool {
	t := &Tokens{Text: s.text, Escapes: s.escapes}
	for tok := t.Next(); tok.Kind != EndToken; tok = t.Next() {
		for _, name := range names {
			if tok.Kind != OtherToken && strings.EqualFold(tok.Text, name) || tok.Kind == StringToken && strings.Contains(strings.ToLower(tok.Text), strings.ToLower(name)) {
				return true
			}
		}
	}
	return false
}

// Stops gives what the statement is, where its text shows that it keeps others from reading until the transaction ends: "DROP TABLE", and of
// what, as far as that shows; of DROP SCHEMA these are schemas. "" means that it does not show.
func (s *Statement) Stops() (what string, of []Name) {
	t := &Tokens{Text: s.text[:min(len(s.text), readForTables)], Escapes: s.escapes}
	first := t.Next()
	what = strings.ToUpper(first.Text)
	if first.Kind != WordToken {
		return "", nil
	}
	list := func() []Name {
		var all []Name
		for more := true; more; more = t.Accept(",") {
			t.Accept("only")
			if name := t.Relation(); len(name) > 0 {
				all = append(all, name)
			}
			t.Accept("*")
		}
		return all
	}
	kind := func(kinds ...string) string {
		if t.Accept("materialized") || t.Accept("foreign") {
			return strings.ToUpper(t.Next().Text)
		}
		if k := t.Peek(); k.Kind == WordToken && slices.Contains(kinds, k.Text) {
			return strings.ToUpper(t.Next().Text)
		}
		return ""
	}
	switch first.Text {
	case "alter":
		k := kind("table", "index", "view")
		if k == "" {
			return "", nil
		}
		if t.Accept("if") {
			t.Accept("exists")
		}
		if of = list(); t.Accept("enable") || t.Accept("disable") { // of triggers: that lets read on
			if !t.Accept("replica") {
				t.Accept("always")
			}
			if t.Accept("trigger") {
				return "", nil
			}
		} else if t.Accept("validate") {
			return "", nil
		}
		return what + " " + k, of
	case "drop":
		k := kind("table", "index", "view", "schema", "sequence")
		if k == "" || k == "INDEX" && t.Accept("concurrently") {
			return "", nil
		}
		if t.Accept("if") {
			t.Accept("exists")
		}
		return what + " " + k, list()
	case "create":
		if t.Accept("policy") {
			what += " POLICY"
			t.Next()
		} else {
			replace := t.Accept("or") && t.Accept("replace")
			if t.Accept("rule") {
				what += " RULE"
				for tok := t.Next(); tok.Kind != EndToken && tok.Text != "to"; tok = t.Next() { // AS ON event TO table
				}
				return what, list()
			}
			if !replace || !t.Accept("view") {
				return "", nil
			}
			return "CREATE OR REPLACE VIEW", list()
		}
		if !t.Accept("on") {
			return "", nil
		}
		return what, list()
	case "refresh":
		if t.Accept("materialized") && t.Accept("view") && !t.Accept("concurrently") {
			return "REFRESH MATERIALIZED VIEW without CONCURRENTLY", list()
		}
	case "lock":
		t.Accept("table")
		of = list()
		if !t.Accept("in") || t.Accept("access") && t.Accept("exclusive") {
			return "LOCK", of
		}
	case "reindex", "cluster":
		return what, nil
	}
	return "", nil
}
