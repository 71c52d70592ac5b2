package sqltext

import (
	"bytes"
	"slices"
	"strings"
)

// Kind is what a statement is, as far as a load must treat it in a way of its own.
type Kind uint8

// The kinds of statements.
const (
	Other Kind = iota
	Insert
	Copy
	Truncate
	Begin
	Commit
	Rollback
	Savepoint
	Release    // a savepoint
	RollbackTo // a savepoint
	PrepareTransaction
	SetTransaction
)

// Effect is what a statement may change besides the rows that it is plainly about. The lists are closed: whatever is not surely of
// one of the others is Anything.
type Effect uint8

// The effects of statements.
const (
	Anything Effect = iota // it may run code of anybody's
	Nothing                // BEGIN, SAVEPOINT, SHOW: nothing that is known changes
	Rows                   // constants for a relation; what else happens is the relation's affair
	Numbered               // as Rows, and numbers are drawn from sequences; only who knows the relation can tell
	Setting                // a setting of the session by which no row and no name means anything else
	Session                // any other setting of the session
	Sequence               // setval of constants
	Empty                  // TRUNCATE
	Rewind                 // what was done is taken back, as far as it can be
)

// Effects lists all effects.
func Effects() []Effect {
	return []Effect{Anything, Nothing, Rows, Numbered, Setting, Session, Sequence, Empty, Rewind}
}

// Name is a possibly qualified name: its parts.
type Name []string

// String writes the name so that PostgreSQL reads just that.
func (n Name) String() string { return QuoteName(n...) }

// Statement is what the text of one statement says.
type Statement struct {
	Kind       Kind
	Effect     Effect
	Supposed   Effect // what Effect is if the function that it names without a schema is the server's own; Anything where it names none so
	Relations  []Name // it fills or empties
	At         []int  // offsets of their names
	Command    string // what needs a transaction block, as the server calls it
	Savepoint  string // SAVEPOINT, RELEASE and ROLLBACK TO: its name
	Chain      bool   // COMMIT or ROLLBACK … AND CHAIN
	Level      string // BEGIN and SET TRANSACTION: how the transaction is isolated, "" if not said
	Access     string // BEGIN and SET TRANSACTION: READ ONLY or READ WRITE, "" if not said
	Insert     *InsertInto
	Copy       *CopyOf
	Role       *RoleChange
	Only       []bool // TRUNCATE: that ONLY stands before the relation
	Deletes    Name   // DELETE FROM: the table that loses rows; nil otherwise
	DeletesAll bool   // all of them, and it says nothing else
	Sets       string // SET: the parameter, in lower case
	View       Name   // the materialized view that it makes or refreshes
	Unfilled   bool   // WITH NO DATA
	Truncate   *TruncateOf
	// Unguarded says that foreign keys are not enforced from here on: session_replication_role or triggers are changed.
	Unguarded bool

	text    []byte
	escapes bool
}

// InsertInto is the head of an INSERT INTO.
type InsertInto struct {
	Columns    []string // nil if none are named
	ColumnAt   []int    // offsets of their names
	Overriding bool
	Rows       int  // of INSERT INTO table [(columns)] VALUES the offset of the first row, of any other form 0
	Default    bool // DEFAULT stands among the first rows
}

// CopyOf is what a COPY says of where its rows come from.
type CopyOf struct {
	From     bool
	Program  bool
	Binary   bool
	Filtered bool     // COPY … WHERE
	Columns  []string // nil if none are named
	ColumnAt []int
	Plain    bool   // text, without any options
	File     string // server-side file, "" for STDIN and STDOUT
	FileAt   Token  // its place in the text
}

// TruncateOf is what a TRUNCATE says besides the relations.
type TruncateOf struct {
	Cascade bool // with all that refers to them
	Restart bool // their sequences begin anew
}

// FromStdin reports whether rows for the statement follow.
func (c *CopyOf) FromStdin() bool { return c != nil && c.From && c.File == "" && !c.Program }

// EndsOrBegins reports whether the statement begins or ends a transaction, or prepares its end.
func (s *Statement) EndsOrBegins() bool {
	return slices.Contains([]Kind{Begin, Commit, Rollback, PrepareTransaction}, s.Kind)
}

// RoleChange is a change of session_replication_role.
type RoleChange struct {
	Value string // origin, replica or local
	All   bool   // RESET ALL: of all other settings, too
}

// Options says how text is to be read.
type Options struct {
	Escapes  bool // backslashes in '…' are escapes
	Compound bool // the text may hold several statements
	OldSpace bool // a vertical tab is no white space: to a server before version 16
	ASCII    bool // what is not ASCII in a comment may be refused: it is converted
}

// Parse reads the statements of a text, one if it is not compound.
func Parse(text []byte, o Options) []Statement {
	if !o.Compound {
		return []Statement{parse(text, 0, o)}
	}
	whole := &Tokens{Text: text, Escapes: o.Escapes}
	var all []Statement
	for more := true; more; more = whole.Peek().Kind != EndToken {
		from := whole.I
		whole.SkipStatement()
		all = append(all, parse(text[:whole.I], from, o))
	}
	return all
}

func parse(text []byte, from int, o Options) Statement {
	t := &Tokens{Text: text, I: from, Escapes: o.Escapes, between: &between{o: o}}
	first := t.Next()
	paren := first.Kind == OtherToken && first.Text == "("
	for first.Kind == OtherToken && first.Text == "(" {
		first = t.Next()
	}
	s := Statement{text: text, escapes: o.Escapes}
	switch {
	case paren && (first.Kind != WordToken || first.Text != "select"): // the server takes nothing else in parentheses that is of interest
	case first.Kind == EndToken:
		s.Effect = Nothing
	case first.Kind == WordToken:
		s.read(t, first)
	}
	if t.SkipSpace(); t.between.refused {
		s.doubt()
	}
	s.text = text[from:]
	return s
}

// doubt leaves of what is known of a statement what is true of it if the server takes it: it must be sent to see.
func (s *Statement) doubt() {
	known := *s
	*s = Statement{Relations: known.Relations, At: known.At, Copy: known.Copy, Only: known.Only, Unguarded: known.Unguarded, text: known.text, escapes: known.escapes}
	if slices.Contains([]Kind{Insert, Copy, Truncate}, known.Kind) {
		s.Kind = known.Kind
	}
	if known.Insert != nil {
		s.Insert = &InsertInto{}
	}
}

func (s *Statement) read(t *Tokens, first Token) {
	switch first.Text {
	case "insert":
		s.insert(t)
	case "copy":
		s.copy(t)
	case "truncate":
		s.truncate(t)
	case "delete":
		s.remove(t)
	case "begin":
		if !t.Accept("work") {
			t.Accept("transaction")
		}
		s.begin(t)
	case "start":
		if t.Accept("transaction") {
			s.begin(t)
		}
	case "commit", "end", "rollback", "abort":
		s.end(t, first.Text)
	case "savepoint":
		s.savepoint(t, Savepoint, "SAVEPOINT", Nothing)
	case "release":
		t.Accept("savepoint")
		s.savepoint(t, Release, "RELEASE SAVEPOINT", Nothing)
	case "prepare":
		if t.Accept("transaction") && t.Next().Kind == StringToken && t.ends() {
			s.Kind = PrepareTransaction
		}
	case "show":
		s.Effect = Nothing
	case "set":
		if s.set(*t); s.Kind == Other {
			s.Unguarded = unguards(t)
		}
	case "reset":
		s.reset(*t)
		s.Unguarded = unguards(t)
	case "select":
		s.choose(*t)
		s.Unguarded = unguards(t)
	case "alter":
		s.Unguarded = unguards(t)
	case "create", "refresh":
		s.materialize(*t)
	}
}

// materialize reads CREATE or REFRESH MATERIALIZED VIEW.
func (s *Statement) materialize(t Tokens) {
	if !t.Accept("materialized") || !t.Accept("view") {
		return
	}
	t.Accept("concurrently")
	if t.Accept("if") {
		t.Accept("not")
		t.Accept("exists")
	}
	s.View = t.Relation()
	var last [3]Token
	for tok := t.Next(); tok.Kind != EndToken; tok = t.Next() {
		if tok.Text != ";" {
			last = [3]Token{last[1], last[2], tok}
		}
	}
	s.Unfilled = last[0].Text == "with" && last[1].Text == "no" && last[2].Text == "data"
}

func (s *Statement) insert(t *Tokens) {
	s.Kind, s.Insert = Insert, &InsertInto{}
	into := t.Accept("into")
	name, at, escaped := t.table()
	if name != nil {
		s.Relations, s.At = []Name{name}, []int{at}
	}
	alias := t.Accept("as") && t.Next().Kind != EndToken
	before := t.I
	s.Insert.Columns, s.Insert.ColumnAt = t.Names()
	odd := escaped || s.Insert.Columns == nil && t.I == before && t.Peek().Text == "(" // a subscript, or a query in parentheses
	for _, at := range s.Insert.ColumnAt {
		odd = odd || escapedName(t.Text, at)
	}
	s.Insert.Overriding = t.Accept("overriding")
	if s.Insert.Overriding {
		t.Next()
		t.Accept("value")
	}
	if !t.Accept("values") || !into || len(s.Relations) == 0 {
		return
	}
	t.SkipSpace()
	rows := t.I
	if !odd && !alias && !s.Insert.Overriding {
		s.Insert.Rows = rows
	}
	var literal bool
	if literal, s.Insert.Default = t.constants(); literal && !odd {
		s.Effect = Rows
	}
}

// escapedName reports whether the name at an offset is written U&"…".
func escapedName(text []byte, at int) bool {
	return text[at]|0x20 == 'u' && bytes.HasPrefix(text[at+1:], []byte("&"))
}

// maxConstants is up to which size rows are looked at, in bytes: larger ones are looked at on their way.
const maxConstants = 64 << 10

// constants reports whether rows of constants and nothing else follow, and whether DEFAULT is one of them.
func (t Tokens) constants() (literal, hasDefault bool) {
	text := t.Text
	t.Text = text[:min(len(text), t.I+maxConstants)]
	for {
		if !t.Accept("(") {
			return false, hasDefault
		}
		for more := true; more; more = t.Accept(",") {
			if !t.Accept("-") {
				t.Accept("+")
			}
			switch tok := t.Next(); {
			case tok.Kind == StringToken:
			case tok.Kind == OtherToken && (IsDigit(tok.Text[0]) || tok.Text == "." && IsDigit((t.Peek().Text + " ")[0])):
				t.number(tok)
			case tok.Kind == WordToken && (tok.Text == "null" || tok.Text == "true" || tok.Text == "false"):
			case tok.Kind == WordToken && tok.Text == "default":
				hasDefault = true
			default:
				return false, hasDefault
			}
		}
		if !t.Accept(")") {
			return false, hasDefault
		}
		if t.Accept(",") {
			continue
		}
		t.Accept(";")
		return t.Peek().Kind == EndToken && len(t.Text) == len(text), hasDefault
	}
}

// number moves behind a number of which the first token was read: one with an exponent that has a sign is several.
func (t *Tokens) number(tok Token) {
	if tok.Text == "." {
		tok = t.Next()
	}
	if last := tok.Text[len(tok.Text)-1] | 0x20; last == 'e' && len(tok.Text) > 1 {
		if !t.Accept("-") {
			t.Accept("+")
		}
		t.Next()
	}
}

// truncate reads a TRUNCATE. What it says is given only where it was read to its end.
func (s *Statement) truncate(t *Tokens) {
	s.Kind, s.Effect = Truncate, Empty
	t.Accept("table")
	of, odd := &TruncateOf{}, false
	for more := true; more; more = t.Accept(",") {
		only := t.Accept("only")
		paren := only && t.Accept("(")
		name, at, escaped := t.table()
		if name == nil {
			return
		}
		odd = odd || escaped || paren && !t.Accept(")") || t.Accept("*") && only
		s.Relations, s.At, s.Only = append(s.Relations, name), append(s.At, at), append(s.Only, only)
	}
	if of.Restart = t.Accept("restart"); of.Restart || t.Accept("continue") {
		odd = !t.Accept("identity") || odd
	}
	if of.Cascade = t.Accept("cascade"); !of.Cascade {
		t.Accept("restrict")
	}
	if t.ends() && !odd {
		s.Truncate = of
	}
}

func (s *Statement) remove(t *Tokens) {
	if !t.Accept("from") {
		return
	}
	t.Accept("only")
	paren := t.Accept("(")
	s.Deletes = t.Relation()
	if paren {
		t.Accept(")")
	}
	t.Accept("*")
	s.DeletesAll = len(s.Deletes) > 0 && t.ends()
}

// begin reads what follows on BEGIN or START TRANSACTION. What may be written is another matter behind READ ONLY.
func (s *Statement) begin(t *Tokens) {
	if !s.modes(t) {
		return
	}
	if s.Kind, s.Effect = Begin, Nothing; s.Access != "" {
		s.Effect = Session
	}
}

// modes reads the modes of a transaction to the end, by the grammar of BEGIN and SET TRANSACTION. What is none of them makes it a statement
// like any other, which the server refuses.
func (s *Statement) modes(t *Tokens) bool {
	var levels []string
	for more := false; more || !t.ends(); more = t.Accept(",") {
		switch {
		case t.Accept("read"):
			switch {
			case t.Accept("only"):
				s.Access = "READ ONLY"
			case t.Accept("write"):
				s.Access = "READ WRITE"
			default:
				return false
			}
			continue
		case t.all([]string{"isolation", "level"}):
			i := slices.IndexFunc(isolationLevels, func(words []string) bool { return t.all(words) })
			if i < 0 {
				return false
			}
			levels = append(levels, "ISOLATION LEVEL "+strings.ToUpper(strings.Join(isolationLevels[i], " ")))
		case t.Accept("deferrable"):
			levels = append(levels, "DEFERRABLE")
		case t.all([]string{"not", "deferrable"}):
			levels = append(levels, "NOT DEFERRABLE")
		default:
			return false
		}
	}
	s.Level = strings.Join(levels, ", ")
	return true
}

var isolationLevels = [][]string{{"read", "uncommitted"}, {"read", "committed"}, {"repeatable", "read"}, {"serializable"}}

// savepoint reads the name of one, and the statement's end.
func (s *Statement) savepoint(t *Tokens, kind Kind, command string, effect Effect) {
	if name := t.Next(); name.isName() && t.ends() {
		s.Kind, s.Command, s.Effect, s.Savepoint = kind, command, effect, name.Text
	}
}

// end reads what ends a transaction, or goes back to a savepoint. What is not of its grammar is a statement like any other.
func (s *Statement) end(t *Tokens, word string) {
	rollback := word == "rollback" || word == "abort"
	if !t.Accept("work") {
		t.Accept("transaction")
	}
	if word == "rollback" && t.Accept("to") {
		t.Accept("savepoint")
		s.savepoint(t, RollbackTo, "ROLLBACK TO SAVEPOINT", Rewind)
		return
	}
	chain := t.Accept("and")
	no := chain && t.Accept("no")
	if chain && !t.Accept("chain") || !t.ends() {
		return
	}
	s.Kind, s.Command, s.Chain = Commit, "COMMIT", chain && !no // deferred triggers run
	if rollback {
		s.Kind, s.Command, s.Effect = Rollback, "ROLLBACK", Rewind
	}
}

// copy follows the grammar of COPY, the old one included.
func (s *Statement) copy(t *Tokens) {
	c, escaped := &CopyOf{}, false
	s.Kind, s.Copy = Copy, c
	c.Binary = t.Accept("binary")
	if t.Parens() == nil {
		var name Name
		var at int
		if name, at, escaped = t.table(); name != nil {
			s.Relations, s.At = []Name{name}, []int{at}
		}
		if c.Columns, c.ColumnAt = t.Names(); c.Columns == nil {
			t.Parens()
		} else if slices.ContainsFunc(c.ColumnAt, func(at int) bool { return escapedName(t.Text, at) }) {
			c.Columns = nil
		}
	}
	c.From = t.Accept("from")
	if !c.From {
		s.Relations, s.At = nil, nil
		t.Accept("to")
	}
	c.Program = t.Accept("program")
	tok := t.Next()
	if tok.Kind == StringToken {
		c.File, c.FileAt = t.Content(tok), tok
	}
	c.Plain = !c.Binary && !escaped && (c.File != "" || tok.Kind == WordToken && (tok.Text == "stdin" || tok.Text == "stdout"))
	for tok := t.Next(); tok.Kind != EndToken && (tok.Kind != OtherToken || tok.Text != ";"); tok = t.Next() {
		c.Plain = false
		c.Binary = c.Binary || tok.Kind != OtherToken && strings.EqualFold(tok.Text, "binary")
		c.Filtered = c.Filtered || tok.Kind == WordToken && tok.Text == "where"
	}
	if c.From && !c.Filtered && !c.Program && len(s.Relations) == 1 {
		s.Effect = Rows
	}
}

// settings are those by which no row, no name, no error and no privilege means anything else.
var settings = []string{"application_name", "check_function_bodies", "client_min_messages", "default_table_access_method", "default_tablespace",
	"extra_float_digits", "bytea_output", "log_min_messages", "log_statement", "maintenance_work_mem", "synchronous_commit", "work_mem"}

func settingEffect(name string) Effect {
	if slices.Contains(settings, strings.ToLower(name)) {
		return Setting
	}
	return Session
}

func (s *Statement) set(t Tokens) {
	if t.Accept("transaction") {
		if !t.ends() && s.modes(&t) {
			s.Kind, s.Effect = SetTransaction, Session
		}
		return
	}
	if t.Peek().Text == "constraints" {
		return // deferred triggers run
	}
	if !t.Accept("session") {
		t.Accept("local")
	}
	name := t.Next()
	s.Effect = settingEffect(name.Text)
	if !t.Accept("to") && !t.Accept("=") {
		return
	}
	value := t.Next()
	if value.Kind == EndToken || value.Text == ";" || !t.ends() {
		return
	}
	s.Sets = strings.ToLower(name.Text)
	if s.Sets == replicationRole {
		s.role(value)
	}
}

func (s *Statement) reset(t Tokens) {
	name := t.Next()
	s.Effect = settingEffect(name.Text)
	if all := name.Text == "all"; t.ends() && (all || strings.EqualFold(name.Text, replicationRole)) {
		s.Role = &RoleChange{Value: "origin", All: all}
	}
}

const replicationRole = "session_replication_role"

func (s *Statement) role(value Token) {
	switch v := strings.ToLower(value.Text); v {
	case "replica", "origin", "local":
		s.Role = &RoleChange{Value: v}
	case "default":
		s.Role = &RoleChange{Value: "origin"}
	}
}

// choose reads a SELECT of set_config or setval of constants, as pg_dump writes it. Without the schema the name may be that of a function of
// the user's.
func (s *Statement) choose(t Tokens) {
	servers := t.Accept("pg_catalog")
	if servers && !t.Accept(".") {
		return
	}
	called := t.Next()
	if called.Kind != WordToken && called.Kind != QuotedToken || !t.Accept("(") {
		return
	}
	var arguments []Token
	for more := true; more; more = t.Accept(",") {
		t.Accept("-")
		tok := t.Next()
		word := tok.Kind == WordToken && (tok.Text == "true" || tok.Text == "false" || tok.Text == "null")
		number := tok.Kind == OtherToken && tok.Text != "" && IsDigit(tok.Text[0])
		if tok.Kind != StringToken && !word && !number {
			return
		}
		arguments = append(arguments, tok)
	}
	if !t.Accept(")") || !t.ends() {
		return
	}
	effect := &s.Supposed
	if servers {
		effect = &s.Effect
	}
	switch {
	case called.Text == "set_config" && len(arguments) == 3:
		*effect = settingEffect(t.Content(arguments[0]))
		if strings.EqualFold(t.Content(arguments[0]), replicationRole) {
			s.role(arguments[1])
		}
	case called.Text == "setval":
		*effect = Sequence
	}
}

// unguards reports whether a statement that t stands within turns foreign keys off: by the replica role, or by disabling
// triggers.
func unguards(t *Tokens) bool {
	const looked = 64 << 10 // bytes
	t.Text = t.Text[:min(len(t.Text), looked)]
	for range 200 {
		switch tok := t.Next(); tok.Kind {
		case EndToken:
			return false
		case WordToken:
			if tok.Text == replicationRole {
				return true
			}
			if tok.Text == "disable" && t.Peek().Text == "trigger" {
				return true
			}
		case StringToken, QuotedToken:
			if strings.EqualFold(tok.Text, replicationRole) {
				return true
			}
		}
	}
	return false
}

// RunsAlone reports whether a statement must not, or need not, have a BEGIN before it: psql's own list.
func (s *Statement) RunsAlone() bool {
	t := &Tokens{Text: s.text}
	words := make([]string, 0, 4)
	for len(words) < cap(words) {
		tok := t.Next()
		if tok.Kind != WordToken {
			break
		}
		words = append(words, tok.Text)
	}
	said := strings.Join(words, " ") + " "
	for _, alone := range []string{
		"abort", "begin", "start", "commit", "end", "rollback", "prepare transaction", "vacuum",
		"create database", "create tablespace", "create index concurrently", "create unique index concurrently",
		"alter system", "drop database", "drop system", "drop tablespace", "drop index concurrently",
		"reindex database", "reindex system", "reindex index concurrently", "reindex table concurrently",
		"reindex schema concurrently", "discard all",
	} {
		if strings.HasPrefix(said, alone+" ") {
			return true
		}
	}
	return said == "cluster "
}

// CountValues counts the values of the first row in text.
func CountValues(text []byte) int {
	t := &Tokens{Text: text}
	if !t.Accept("(") {
		return 0
	}
	for n, depth := 1, 0; ; {
		switch tok := t.Next(); {
		case tok.Kind == EndToken:
			return 0
		case tok.Kind != OtherToken:
		case tok.Text == "(" || tok.Text == "[":
			depth++
		case tok.Text == ")" && depth == 0:
			return n
		case tok.Text == ")" || tok.Text == "]":
			depth--
		case tok.Text == "," && depth == 0:
			n++
		}
	}
}
