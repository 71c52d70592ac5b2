package load

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"unicode"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// foreseenBytes is how much of a script is read ahead to compare it with the catalog, in bytes: 20 ms of reading. An export
// empties its tables first, so their names at least are among what is seen.
const foreseenBytes = 16 << 20

// survey is what a script will touch, read without running it. Branches that depend on the server's answers are taken as the
// variables stand now.
type survey struct {
	heads      []*head
	complete   bool // it was read to its end
	replica    bool // it sets session_replication_role
	mixed      bool // other statements stand between those that give rows
	unforeseen bool // something in the script may make tables or change names, roles or privileges
	unsure     bool // something in it may do anything, or an error may not end it: what it needs may be there in time, or not be needed

	supposes bool          // it calls functions that are taken for the server's
	events   catalog.Event // that fire triggers
	loud     bool          // some of them come while the replica role is not set
	enables  bool          // it enables triggers
	defining bool          // event triggers may fire
}

// head is the beginning of a statement that fills or empties a table.
type head struct {
	kind       sqltext.Kind
	parts      []string          // the table's name
	columns    []string          // nil if none are named
	overriding bool              // INSERT … OVERRIDING
	rows       bool              // it is certain that rows come
	defaults   bool              // DEFAULT may stand among the rows of a statement that begins so
	sparing    bool              // of the first one: it may name a generated column
	encoding   string            // of its text
	path       string            // the search_path that the script has set, as set_config takes it; "" for the session's own
	text       []byte            // its beginning
	at         place             // of the table's name
	columnAt   []place           // of the columns' names
	relation   *catalog.Relation // that the name means, nil if none
}

// place is where something stands in the script.
type place struct {
	offset int // in the statement's text
	psql.Position
}

// lookedForCalls is how much of a statement is searched for calls of functions, in bytes.
const lookedForCalls = 32 << 10

// shownHead is how much of a statement is kept to be shown, in bytes.
const shownHead = 4 << 10

// survey reads the script, up to a limit in bytes unless that is 0.
func (r *run) survey(ctx context.Context, limit int64) (*survey, error) {
	sc, err := psql.Open(r.o.Script.FS, r.o.Script.Name, r.startVars(), psql.Options{Escapes: r.escapes(), Encoding: r.encoding(), FragmentSize: 64 << 10})
	if err != nil {
		return nil, err
	}
	defer func() { _ = sc.Close() }()
	s := &surveyor{survey: &survey{}, sc: sc, session: r.encoding(), escapes: r.escapes(), seen: map[string]*head{}, own: r.rows != nil}
	for (limit == 0 || sc.BytesRead() < limit) && ctx.Err() == nil {
		item, err := sc.Next()
		var e *psql.Error
		switch {
		case errors.Is(err, io.EOF):
			s.complete = true
			return s.survey, nil
		case errors.As(err, &e) && !e.Fatal && !e.Refused:
			s.unforeseen = true
			continue
		case err != nil:
			return nil, err
		}
		var rows bool
		s.unsure = s.unsure || !sc.Vars().On("ON_ERROR_STOP") || sc.Vars().On("ON_ERROR_ROLLBACK")
		switch it := item.(type) {
		case *psql.Statement:
			rows = s.statement(it)
		case *psql.Copy:
			s.text([]byte(it.SQL), func(int) psql.Position { return it.Pos })
			rows = it.From == psql.FromScript
		case *psql.Encoding:
			sc.SetEncoding(psql.EncodingName(it.Name))
		case *psql.Connect, *psql.LargeObject:
			s.unforeseen = true
		}
		if rows {
			some, err := skipRows(sc)
			if err != nil {
				return nil, err
			}
			if s.latest != nil && some {
				s.latest.rows = true
			}
		}
	}
	return s.survey, ctx.Err()
}

// startVars are the variables as a script finds them, for reading it without running it.
func (r *run) startVars() *psql.Vars {
	vars := psql.NewVars()
	for name, value := range r.o.Variables {
		_ = vars.Set(name, value)
	}
	vars.Put("ON_ERROR_STOP", "on")
	return vars
}

// skipRows reads over the rows of a COPY, and says whether there were some.
func skipRows(sc *psql.Script) (some bool, err error) {
	rows, err := sc.CopyData()
	if err != nil {
		return false, err
	}
	err = rows.Close()
	return rows.Bytes() > 0, err
}

// surveyor is the state of a survey.
type surveyor struct {
	*survey
	sc      *psql.Script
	session string // client encoding of the connection, in which the catalog is asked
	escapes bool
	seen    map[string]*head
	latest  *head  // of the statement in hand, nil if it has none
	last    []byte // the beginning of the last INSERT, up to its rows
	into    *head  // of that INSERT
	again   bool   // another began so
	silent  bool   // the replica role is set
	inside  bool   // the statement before goes on
	path    string
	local   bool // the path was set for a transaction
	rows    bool // rows have come
	between bool // and something else since
	own     bool // the script is of our own making, and stands for files of rows
}

// statement notes what a statement touches; rows says that rows for COPY follow it.
func (s *surveyor) statement(st *psql.Statement) (rows bool) {
	inside := s.inside
	s.inside = st.More
	if inside {
		s.more(st, 0)
		return false
	}
	if len(s.last) > 0 && s.into.path == s.path && bytes.HasPrefix(st.Text, s.last) && !st.Compound && st.Send == nil {
		s.mixed, s.again = s.mixed || s.between, true
		s.fire(catalog.OnInsert)
		s.more(st, len(s.last))
		return false
	}
	if st.Compound || st.Send != nil {
		s.unforeseen = true
	}
	rows = s.text(st.Text, st.Locate)
	if st.Odd > lookedForCalls && bytes.HasPrefix(st.Text, s.last) {
		s.more(st, len(s.last))
	}
	return rows
}

// more looks at rows of the last INSERT, which stand in a statement from an offset on, where they are not literals alone.
func (s *surveyor) more(st *psql.Statement, from int) {
	if st.Odd <= from {
		return
	}
	s.unsure = s.unsure || sqltext.Calls(st.Text[from:], s.escapes)
	if s.into != nil { // one of the words may be DEFAULT
		s.into.defaults, s.into.sparing = true, s.into.sparing || !s.again
	}
}

// fire notes that a statement may fire triggers.
func (s *surveyor) fire(events catalog.Event) {
	s.events, s.loud = s.events|events, s.loud || !s.silent
}

func (s *surveyor) text(text []byte, locate func(offset int) psql.Position) (rows bool) {
	st, before := sqltext.Parse(text, sqltext.Options{Escapes: s.escapes})[0], s.unsure
	s.latest = nil
	s.replica = s.replica || st.Unguarded
	if st.Kind == sqltext.Insert || st.Kind == sqltext.Copy {
		s.mixed, s.rows = s.mixed || s.between, true
	} else {
		s.between = s.rows
	}
	if st.Supposed != sqltext.Anything {
		s.supposes = true
	} else if st.Effect == sqltext.Anything && st.Kind != sqltext.Commit {
		start := sqltext.Parse(text[:min(len(text), lookedForCalls)], sqltext.Options{Escapes: s.escapes})[0]
		_, shown := start.Touches()
		s.unsure = s.unsure || (!shown || st.Copy != nil) && !s.own // a COPY of this kind holds a query, or a condition
	}
	if st.Role != nil {
		s.silent = st.Role.Value == "replica"
	}
	switch st.Kind {
	case sqltext.Insert, sqltext.Copy:
		s.fire(catalog.OnInsert)
	case sqltext.Truncate:
		s.fire(catalog.OnTruncate)
	}
	switch st.Kind {
	case sqltext.Insert, sqltext.Copy, sqltext.Truncate:
		for i, name := range st.Relations {
			s.head(text, locate, &head{kind: st.Kind, parts: name}, st, st.At[i])
		}
	case sqltext.Rollback, sqltext.RollbackTo: // a search_path may be what it was
		s.unforeseen = true
	case sqltext.Commit:
		s.unforeseen = s.unforeseen || s.local
	case sqltext.Other:
		s.other(&sqltext.Tokens{Text: text, Escapes: s.escapes}, before)
	case sqltext.PrepareTransaction:
		s.unforeseen = true
	}
	return st.Copy.FromStdin()
}

func (s *surveyor) head(text []byte, locate func(offset int) psql.Position, h *head, st sqltext.Statement, at int) {
	var offsets []int
	h.path = s.path
	switch {
	case st.Insert != nil:
		h.rows = st.Insert.Rows > 0
		h.columns, offsets, h.overriding = st.Insert.Columns, st.Insert.ColumnAt, st.Insert.Overriding
		h.defaults = st.Insert.Default || st.Insert.Rows == 0 && bytes.Contains(bytes.ToLower(text[:min(len(text), shownHead)]), []byte("default"))
	case st.Copy != nil:
		h.columns, offsets = st.Copy.Columns, st.Copy.ColumnAt
	}
	if !s.readNames(h) {
		s.unforeseen = true
		return
	}
	key := headKey(h)
	h.sparing = h.defaults
	known := s.seen[key]
	if s.again = known != nil; s.again {
		known.defaults = known.defaults || h.defaults
		s.latest = known
	} else {
		s.seen[key], s.latest = h, h
	}
	if st.Insert != nil && st.Insert.Rows > 0 {
		s.last, s.into = append(s.last[:0], text[:st.Insert.Rows]...), s.latest
	}
	if s.latest != h {
		return
	}
	h.at = place{at, locate(at)}
	for _, offset := range offsets {
		h.columnAt = append(h.columnAt, place{offset, locate(offset)})
	}
	h.text = bytes.Clone(text[:min(len(text), shownHead)])
	s.heads = append(s.heads, h)
}

// readNames gives the head's names in the encoding in which the catalog is asked. It reports false if that cannot be done.
func (s *surveyor) readNames(h *head) bool {
	if h.encoding = s.sc.Encoding(); h.encoding == s.session {
		return true
	}
	h.parts = slices.Clone(h.parts)
	for _, names := range [][]string{h.parts, h.columns} {
		for i, name := range names {
			read, ok := sqltext.ToUTF8(name, h.encoding)
			if !ok || s.session != "UTF8" && strings.ContainsFunc(read, func(c rune) bool { return c > unicode.MaxASCII }) {
				return false
			}
			names[i] = read
		}
	}
	return true
}

// harmless are other statements that neither make tables nor change what names mean or who may do what.
var harmless = []string{"lock", "analyze", "vacuum", "show", "checkpoint", "notify", "listen"}

// other looks at a statement that names no table to fill.
func (s *surveyor) other(t *sqltext.Tokens, before bool) {
	switch first := t.Next(); first.Text {
	case "set", "reset":
		local := false
		if !t.Accept("session") {
			local = t.Accept("local")
		}
		switch setting := t.Next(); setting.Text {
		case "search_path", "schema":
			if setting.Text == "search_path" && !t.Accept("to") {
				t.Accept("=")
			}
			s.path, s.local = pathOf(t), s.local || local
		case "role", "authorization":
			s.unforeseen = true
		case "names":
			s.sc.SetEncoding(psql.EncodingName(t.Next().Text))
		case "client_encoding":
			if !t.Accept("to") {
				t.Accept("=")
			}
			s.sc.SetEncoding(psql.EncodingName(t.Next().Text))
		case "all":
			s.path = ""
		case "constraints":
			s.unsure = before
		}
	case "select":
		if t.Accept("pg_catalog") {
			t.Accept(".")
		}
		switch name := t.Next(); name.Text {
		case "set_config":
			t.Accept("(")
			parameter := strings.ToLower(t.Next().Text)
			s.unforeseen = s.unforeseen || slices.Contains(meaning, parameter)
			if parameter != "search_path" || !t.Accept(",") {
				return
			}
			value := t.Next()
			if s.path = cmp.Or(value.Text, `""`); value.Kind != sqltext.StringToken || !t.Accept(",") {
				s.unforeseen = true // it is computed
			}
			s.local = s.local || t.Next().Text != "false"
		case "setval":
		default:
			s.unforeseen = true
		}
	case "alter":
		s.defining = true
		if switches, enables := switchesTrigger(t); switches {
			s.unsure, s.enables = before, s.enables || enables
		} else {
			s.unforeseen = true
		}
	case "update": // its keys may have it go on to others
		s.fire(catalog.OnUpdate)
	case "delete":
		s.fire(catalog.OnDelete | catalog.OnUpdate)
	case "comment":
		s.defining = true
	default:
		s.unforeseen = s.unforeseen || first.Kind != sqltext.EndToken && !slices.Contains(harmless, first.Text)
	}
}

// switchesTrigger reports whether what t stands within is ALTER TABLE … ENABLE or DISABLE TRIGGER and nothing else, and whether it enables one.
func switchesTrigger(t *sqltext.Tokens) (switches, enables bool) {
	if !t.Accept("table") {
		return false, false
	}
	if t.Accept("if") {
		t.Accept("exists")
	}
	t.Accept("only")
	t.Relation()
	if enables = t.Accept("enable"); !enables && !t.Accept("disable") {
		return false, false
	}
	if !t.Accept("replica") {
		t.Accept("always")
	}
	return t.Accept("trigger") && t.Next().Kind != sqltext.EndToken && (t.Accept(";") || t.Peek().Kind == sqltext.EndToken), enables
}

// pathOf reads the value of SET search_path.
func pathOf(t *sqltext.Tokens) string {
	var names []string
	for {
		switch name := t.Next(); {
		case name.Kind == sqltext.WordToken && name.Text == "default" && len(names) == 0, name.Kind == sqltext.EndToken:
			return strings.Join(names, ", ")
		case name.Kind == sqltext.WordToken || name.Kind == sqltext.QuotedToken || name.Kind == sqltext.StringToken:
			names = append(names, sqltext.QuoteName(name.Text))
		}
	}
}

// lookUp finds the relations of a survey's heads. It must be called outside a transaction.
func (r *run) lookUp(ctx context.Context, s *survey) error {
	if s.supposes && !s.unsure {
		own, err := r.serversOwn(ctx)
		if err != nil {
			return err
		}
		s.unsure = !own
	}
	byPath := map[string][]*head{}
	var paths []string
	for _, h := range s.heads {
		if byPath[h.path] == nil {
			paths = append(paths, h.path)
		}
		byPath[h.path] = append(byPath[h.path], h)
	}
	for _, path := range paths {
		if err := r.lookUpAlong(ctx, s, path, byPath[path]); err != nil {
			return err
		}
	}
	return nil
}

func (r *run) lookUpAlong(ctx context.Context, s *survey, path string, heads []*head) error {
	if path != "" { // in a transaction of its own, so that a pooler cannot part the two
		defer func() { _ = r.exec(ctx, "ROLLBACK") }()
		if err := r.exec(ctx, "BEGIN; SELECT pg_catalog.set_config('search_path', "+sqltext.Literal(path)+", true)"); err != nil {
			s.unforeseen = true // the script will come to the same error
			return nil
		}
	}
	var schemas, tables []string
	for _, h := range heads {
		schema := ""
		if n := len(h.parts); n > 1 {
			schema = h.parts[n-2]
		}
		schemas, tables = append(schemas, schema), append(tables, h.parts[len(h.parts)-1])
	}
	relations, err := catalog.Relations(ctx, r.session, schemas, tables, sqltext.QuoteName)
	for i, relation := range relations {
		heads[i].relation = relation
	}
	return err
}

// lookAhead reads the script before anything is changed: for what if-not-empty asks, and for what the database lacks.
func (r *run) lookAhead(ctx context.Context) (*survey, error) {
	guarded := r.o.IfNotEmpty == Keep || r.o.IfNotEmpty == Fail
	compared := r.comparable()
	if !guarded && !compared {
		return &survey{}, nil
	}
	limit := int64(foreseenBytes)
	if guarded {
		limit = 0
	}
	s, err := r.survey(ctx, limit)
	if err != nil && guarded {
		return nil, problemOf(err)
	}
	if err != nil {
		return &survey{}, ctx.Err() // the load itself will come to it
	}
	if err := r.lookUp(ctx, s); err != nil {
		return nil, problemOf(err)
	}
	if !s.complete && r.session.Parameter("is_superuser") != "on" && (r.o.Online || slices.ContainsFunc(s.heads, func(h *head) bool { return h.relation != nil && !h.relation.Owned })) {
		whole, err := r.survey(ctx, 0) // foreign keys may have to stay on, and then the order of all rows matters
		if err != nil {
			return s, ctx.Err()
		}
		if err := r.lookUp(ctx, whole); err != nil {
			return nil, problemOf(err)
		}
		s = whole
	}
	if compared && !s.unforeseen && !s.unsure {
		if err := r.preflight(ctx, s); err != nil {
			return nil, err
		}
	}
	r.warnOfViews(s)
	r.foresee(s)
	for _, h := range s.heads {
		if h.relation != nil {
			r.inside = append(r.inside, h.relation.OID)
		}
	}
	if err := r.planOrder(ctx, s); err != nil {
		return nil, problemOf(err)
	}
	return s, nil
}

// warnOfViews tells of rows that are lost, as they are with psql.
func (r *run) warnOfViews(s *survey) {
	said := map[string]bool{}
	for _, h := range s.heads {
		if f := h.relation; f != nil && f.Instead && s.replica && r.rows == nil && !said[f.Name] {
			said[f.Name] = true
			r.warn(fmt.Sprintf("rows for the view %s go nowhere: its INSTEAD OF triggers do not fire while session_replication_role is replica; export the tables behind it", f.Name))
		}
	}
}

// keepRows decides what if-not-empty asks: true means that there are rows, and nothing is to be loaded. In the one transaction
// the tables are locked first, so that nobody adds rows after they were found empty.
func (r *run) keepRows(ctx context.Context, s *survey) (bool, error) {
	if r.o.IfNotEmpty != Keep && r.o.IfNotEmpty != Fail {
		return false, nil
	}
	var names, lock []string
	only := map[string]bool{} // what inherits from a table of a file is none of the export
	for _, h := range s.heads {
		f := h.relation
		if f == nil || slices.Contains(names, f.Name) {
			continue // the script makes it
		}
		names = append(names, f.Name)
		only[f.Name] = r.rows != nil && f.Kind == "r"
		if f.MayLock && (f.Kind == "r" || f.Kind == "p") {
			lock = append(lock, f.Name)
		} // else it is known at least that no other load is under way
	}
	if len(names) == 0 {
		return false, nil
	}
	slices.Sort(lock) // two loads that wait for each other would be a deadlock
	if r.began && len(lock) > 0 {
		if err := r.exec(ctx, "LOCK TABLE "+strings.Join(lock, ", ")+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
			return false, problemOf(err)
		}
	}
	for _, name := range names {
		var rows bool
		from := name
		if only[name] {
			from = "ONLY " + name
		}
		ask := "SET LOCAL row_security = off; SELECT EXISTS (SELECT 1 FROM " + from + ")" // an error where policies hide rows
		if err := r.session.Probe(ctx, ask, session.Handlers{Columns: 1, Row: func(v [][]byte) { rows = string(v[0]) == "t" }}); err != nil {
			return false, problemOf(err)
		}
		switch {
		case rows && r.o.IfNotEmpty == Keep:
			r.notice(fmt.Sprintf("table %s has rows and if-not-empty is keep: nothing was loaded", name))
			return true, nil
		case rows:
			return false, &problem.Error{Code: problem.Database, Where: "table " + name, What: "it has rows, and if-not-empty is fail: nothing was changed",
				Remedy: "Empty it, or set if-not-empty to replace or keep."}
		}
	}
	return false, nil
}
