package load

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// lookedAt is how much of a script's rows is held to the schema after a failure, in bytes: they need as much room on the server's disk.
const lookedAt = 2 << 30

// meaning are the parameters on which it depends what a text means as a value. Rows are held to them as they stand when all have come.
var meaning = []string{"datestyle", "intervalstyle", "timezone", "xmloption", "array_nulls", "extra_float_digits"}

// valueReader reads a script's rows without running it.
type valueReader struct {
	*run
	s      *surveyor
	v      *fit.Values
	heads  map[string]*head // as the survey has found them
	set    map[string]string
	inside *insertHead // of the statement that goes on; nil where its rows are not looked at
	maybe  bool        // tables of which no rows have come yet may have been emptied, or changed
}

// insertHead is what the first part of an INSERT says.
type insertHead struct {
	t         *fit.Table
	set       int
	positions []int
}

// comparing is what the connection calls itself over which rows are compared with the schema.
const comparing = "fabricate-seed: comparing rows with the schema"

// holdValues compares what the script brings with the catalog, and its rows with what the server takes, over a connection of its own. What
// the script changes itself cannot be known beforehand, and then nothing is said. It needs r to be connected to nothing.
func (r *run) holdValues(ctx context.Context) error {
	target := r.o.Target.Copy()
	if target.RuntimeParams == nil {
		target.RuntimeParams = map[string]string{}
	}
	target.RuntimeParams["application_name"] = comparing
	if err := r.connect(ctx, target); err != nil {
		return err
	}
	defer r.session.Close(ctx)
	if r.checks {
		r.phase("compare")
	}
	if len(r.asked.Before) > 0 {
		r.fit.Unknown = append(r.fit.Unknown, "the scripts of the setting \"before\" were not run, and what they make is missing here: run them before the check, or load with dry-run: true, which runs them and takes all back")
	}
	if err := r.openRows(ctx, false); err != nil {
		if r.lacks(err) {
			return nil // there is no table to compare rows with
		}
		return err
	}
	survey, err := r.survey(ctx, 0)
	if err == nil {
		err = r.lookUp(ctx, survey)
	}
	if err != nil {
		return err
	}
	if survey.unforeseen || survey.unsure || len(r.o.Before) > 0 {
		r.fit.Unknown = append(r.fit.Unknown, "the script changes more than rows, so its rows were not compared with the schema, and how tables would be loaded is not known")
		return nil
	}
	found, err := r.lacking(ctx, survey)
	if err != nil {
		return err
	}
	switch code, err := r.runsCode(ctx, survey); {
	case err != nil:
		return err
	case code && len(found) > 0:
		r.fit.Unknown = append(r.fit.Unknown, "rows run code in the database (triggers, rules, or defaults that call functions), which may make what is missing: tables and columns were not compared")
	default:
		for _, f := range found {
			r.fit.Add(f.Finding)
		}
	}
	line := func(_ string, line int) int { return line }
	if r.rows != nil {
		line = func(file string, row int) int {
			if at, ok := r.rows.Place(file, row, ""); ok {
				return at.Line
			}
			return row
		}
	}
	v, err := fit.NewValues(ctx, r.session, &r.fit, fit.Options{Keys: r.o.ForeignKeys != Off, Begun: !r.checks && r.o.Transaction == None, Line: line})
	if err == nil {
		err = r.readValues(ctx, survey, v)
	}
	var unlooked unlookedError
	switch {
	case errors.As(err, &unlooked):
		r.fit.Unknown = append(r.fit.Unknown, unlooked.Error())
		err = nil
	case err == nil:
		err = v.Finish(ctx)
	}
	v.Close(context.WithoutCancel(ctx))
	if err == nil && r.checks {
		err = r.explainTables(ctx, survey, v)
	}
	r.fit.Close()
	return err
}

// unlookedError says why rows are not held to the schema.
type unlookedError string

func (e unlookedError) Error() string {
	return string(e) + ", so its rows were not compared with the schema"
}

func headKey(h *head) string {
	return fmt.Sprint(h.kind, sqltext.QuoteName(h.parts...), sqltext.QuoteName(h.columns...), h.path)
}

// readValues gives all rows of the script to v.
func (r *run) readValues(ctx context.Context, found *survey, v *fit.Values) error {
	sc, err := psql.Open(r.o.Script.FS, r.o.Script.Name, r.startVars(), psql.Options{Escapes: r.escapes(), Encoding: r.encoding(), FragmentSize: 256 << 10})
	if err != nil {
		return err
	}
	defer func() { _ = sc.Close() }()
	read := &valueReader{run: r, v: v, heads: map[string]*head{}, set: map[string]string{},
		s: &surveyor{survey: &survey{}, sc: sc, session: r.encoding(), escapes: r.escapes(), seen: map[string]*head{}}}
	for _, h := range found.heads {
		read.heads[headKey(h)] = h
	}
	for ctx.Err() == nil {
		if sc.BytesRead() > lookedAt {
			v.Cut()
			r.fit.Unknown = append(r.fit.Unknown, fmt.Sprintf("of the script the first %d GiB were compared", lookedAt>>30))
			return nil
		}
		item, err := sc.Next()
		var e *psql.Error
		switch {
		case errors.Is(err, io.EOF):
			return nil
		case errors.As(err, &e) && !e.Fatal && !e.Refused:
			continue
		case err != nil:
			return err
		}
		switch it := item.(type) {
		case *psql.Statement:
			err = read.statement(ctx, sc, it)
		case *psql.Copy:
			err = read.copy(ctx, sc, it)
		case *psql.Encoding:
			sc.SetEncoding(psql.EncodingName(it.Name))
		}
		if err == nil {
			err = v.SetEncoding(ctx, sc.Encoding())
		}
		if err != nil {
			return err
		}
	}
	return ctx.Err()
}

// headOf finds the head of a statement as the survey has it; nil where it has none.
func (read *valueReader) headOf(kind sqltext.Kind, name sqltext.Name, columns []string) *head {
	h := &head{kind: kind, parts: name, columns: columns, path: read.s.path}
	if !read.s.readNames(h) {
		return nil
	}
	return read.heads[headKey(h)]
}

// table gives the table of a head; nil where its rows are not looked at.
func (read *valueReader) table(ctx context.Context, h *head) (*fit.Table, error) {
	if h == nil || h.relation == nil || !h.relation.Usage {
		return nil, nil //nolint:nilnil // as said
	}
	t, err := read.v.Table(ctx, h.relation, read.s.replica)
	if t != nil {
		t.Maybe = t.Maybe || read.maybe && !t.HasRows()
	}
	return t, err
}

// named finds a table that the script fills, by its name; nil where it fills none of that name.
func (read *valueReader) named(ctx context.Context, name sqltext.Name) (*fit.Table, error) {
	h := &head{parts: name, path: read.s.path}
	if len(name) == 0 || !read.s.readNames(h) {
		return nil, nil //nolint:nilnil // as said
	}
	for _, known := range read.heads {
		if known.path == h.path && slices.Equal(known.parts, h.parts) {
			return read.table(ctx, known)
		}
	}
	return nil, nil //nolint:nilnil // as said
}

func (read *valueReader) statement(ctx context.Context, sc *psql.Script, st *psql.Statement) error {
	if read.s.inside {
		read.s.statement(st)
		return read.rowsOf(ctx, st, st.Text, 0, read.inside)
	}
	fromScript := read.s.statement(st)
	one := sqltext.Parse(st.Text, sqltext.Options{Escapes: read.s.escapes})[0]
	switch {
	case one.Kind == sqltext.Insert && len(one.Relations) == 1:
		return read.insert(ctx, st, one)
	case one.Copy != nil && one.Copy.From && len(one.Relations) == 1:
		open := sc.CopyData
		if !fromScript {
			open = func() (*psql.CopyReader, error) { return sc.CopyFile(st.Pos, one.Copy.File) }
		}
		return read.copied(ctx, one, open)
	}
	if parameter, how := settingOf(one, st.Text, read.s.escapes); parameter != "" {
		return read.sets(ctx, parameter, how, string(st.Text))
	}
	return read.changes(ctx, one)
}

// settingOf gives the parameter of meaning that a SET or RESET is about, "all" for all of them, "" for none, and how: set, local or reset.
func settingOf(one sqltext.Statement, text []byte, escapes bool) (parameter, how string) {
	t := &sqltext.Tokens{Text: text, Escapes: escapes}
	how = t.Next().Text
	if one.Kind != sqltext.Other || how != "set" && how != "reset" {
		return "", ""
	}
	if how == "set" && !t.Accept("session") && t.Accept("local") {
		how = "local"
	}
	switch parameter = strings.ToLower(t.Next().Text); {
	case parameter == "time" && t.Accept("zone"):
		return "timezone", how
	case slices.Contains(meaning, parameter), how == "reset" && parameter == "all":
		return parameter, how
	}
	return "", ""
}

// sets notes that the script sets a parameter: once for all rows, or it is not known what a text means.
func (read *valueReader) sets(ctx context.Context, parameter, how, text string) error {
	was, again := read.set[parameter]
	switch {
	case again && was == text, how == "reset" && len(read.set) == 0:
		return nil
	case again, how != "set", slices.ContainsFunc(read.v.All(), (*fit.Table).HasRows):
		return unlookedError("the script sets " + parameter + " among its rows")
	}
	read.set[parameter] = text
	_ = read.v.Set(ctx, text) // a failure is the load's to tell
	return nil
}

// changes notes what a statement does to rows that have come, or were there.
func (read *valueReader) changes(ctx context.Context, one sqltext.Statement) error {
	empties := one.Relations
	switch {
	case one.DeletesAll:
		empties = []sqltext.Name{one.Deletes}
	case one.Kind != sqltext.Truncate:
		empties = nil
	}
	for _, name := range empties {
		t, err := read.named(ctx, name)
		if err != nil {
			return err
		}
		if t != nil {
			t.Emptied = true
		}
	}
	touches, whole := one.Touches()
	if len(touches) == 0 && whole {
		return nil
	}
	cascade := one.Mentions("cascade") || one.Kind != sqltext.Truncate
	read.maybe = read.maybe || cascade
	for _, t := range read.v.All() {
		t.Maybe = t.Maybe || cascade
		t.Moved = t.Moved || t.HasRows()
	}
	return nil
}

func (read *valueReader) insert(ctx context.Context, st *psql.Statement, one sqltext.Statement) error {
	read.inside = nil
	h := read.headOf(sqltext.Insert, one.Relations[0], one.Insert.Columns)
	t, err := read.table(ctx, h)
	if err != nil || t == nil {
		return err
	}
	if one.Insert.Rows == 0 || read.s.escapes {
		t.Partial = true
		return nil
	}
	set, positions := t.Columns(h.columns, sqltext.CountValues(st.Text[one.Insert.Rows:]))
	t.Brought(len(st.Text))
	into := &insertHead{t, set, positions}
	read.inside = into
	return read.rowsOf(ctx, st, st.Text[one.Insert.Rows:], one.Insert.Rows, into)
}

// largestCompared is how large a row, or a part of an INSERT, may be that is compared with the schema, in bytes: it is held several times.
const largestCompared = 4 << 20

// rowsOf reads the rows of an INSERT, or of a part of one; from is where text begins in the statement.
func (read *valueReader) rowsOf(ctx context.Context, st *psql.Statement, text []byte, from int, into *insertHead) error {
	if into == nil {
		return nil
	}
	if len(text) > largestCompared {
		into.t.Partial = true
		return nil
	}
	start := st.Locate(from)
	line, counted := start.Line, 0
	var failed error
	tail, ok := fit.Rows(text, func(offset int, row []fit.Value) {
		line += bytes.Count(text[counted:offset], []byte{'\n'})
		counted = offset
		switch {
		case failed != nil:
		case row == nil:
			into.t.Partial = true
		default:
			failed = read.v.Row(ctx, into.t, into.set, into.positions, start.File, line, row)
		}
	})
	into.t.Partial = into.t.Partial || !ok
	into.t.Merged = into.t.Merged || tail != ""
	return failed
}

func (read *valueReader) copy(ctx context.Context, sc *psql.Script, c *psql.Copy) error {
	read.s.text([]byte(c.SQL), func(int) psql.Position { return c.Pos })
	one := sqltext.Parse([]byte(c.SQL), sqltext.Options{Escapes: read.s.escapes})[0]
	open := sc.CopyData
	switch {
	case one.Copy == nil || !one.Copy.From || len(one.Relations) != 1 || c.From == psql.FromNothing:
		return nil
	case c.From == psql.FromFile:
		open = func() (*psql.CopyReader, error) { return sc.CopyFile(c.Pos, c.File) }
	}
	return read.copied(ctx, one, open)
}

// copied reads the rows of a COPY.
func (read *valueReader) copied(ctx context.Context, one sqltext.Statement, open func() (*psql.CopyReader, error)) error {
	h := read.headOf(sqltext.Copy, one.Relations[0], one.Copy.Columns)
	t, err := read.table(ctx, h)
	if err != nil {
		return err
	}
	reader, err := open()
	if err != nil || reader == nil {
		return nil // the load has told it
	}
	defer func() { _ = reader.Close() }()
	if t == nil {
		return nil
	}
	columns := h.columns
	if columns == nil {
		columns = t.Copied()
	}
	if !one.Copy.Plain {
		t.Partial = true
		return nil
	}
	set, positions := t.Columns(columns, 0)
	lines := bufio.NewReaderSize(reader, 64<<10)
	var row []byte
	for number := 0; ; {
		part, err := lines.ReadSlice('\n')
		if len(row) <= largestCompared {
			row = append(row, part...)
		}
		if errors.Is(err, bufio.ErrBufferFull) {
			continue
		}
		if err != nil && !errors.Is(err, io.EOF) {
			return err
		}
		switch {
		case len(row) > largestCompared:
			t.Partial = true
			number++
		case len(row) > 0:
			place := reader.Line(number + 1)
			if err := read.v.CopyRow(ctx, t, set, positions, place.File, place.Line, bytes.TrimSuffix(bytes.TrimSuffix(row, []byte{'\n'}), []byte{'\r'})); err != nil {
				return err
			}
			number++
		}
		if err != nil {
			return nil
		}
		row = row[:0]
	}
}
