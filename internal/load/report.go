package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// failure is what went wrong with one statement or meta-command.
type failure struct {
	at      psql.Position
	err     error
	text    []byte                  // the statement as it was sent, nil if none was
	enc     string                  // client encoding of text
	rows    *psql.CopyReader        // the rows under way, nil if none
	locate  func(int) psql.Position // from an offset in text to the script; nil if there is no text
	script  *psql.Script            // that text is of, if it is to be closed when the failure was told
	refused bool                    // ends the script whatever ON_ERROR_STOP says
	role    string                  // that the session runs as, quoted; may be empty
	over    *executor               // that knows what places are called; set when it is told
}

// closeAfter closes a script: now, or when the failure of a statement of it, if there is one, was told.
func closeAfter(f *failure, sc *psql.Script) {
	if f == nil {
		_ = sc.Close()
		return
	}
	f.script = sc
}

// told closes what was kept open for the failure to be told.
func (f *failure) told() {
	if f.script != nil {
		_ = f.script.Close()
	}
}

// place says in an error which place of the script, or of the files that it stands for, it is about.
func (f *failure) place(p *problem.Error, at psql.Position) {
	p.At = at.Place()
	if f.over != nil {
		p.At = f.over.placeOf(at)
	}
}

// sqlState gives the server's code, "" if it is not the server that complained.
func (f *failure) sqlState() string { return session.State(f.err) }

// message is the one-line text, as LAST_ERROR_MESSAGE has it.
func (f *failure) message() string {
	var pe *pgconn.PgError
	if errors.As(f.err, &pe) {
		return pe.Message
	}
	var se *psql.Error
	if errors.As(f.err, &se) {
		return se.Message
	}
	return f.err.Error()
}

// problem writes a failure for the person who must act on it, with the places of the run's files.
func (x *executor) problem(f *failure) error {
	f.over = x
	return f.problem()
}

// problemOf writes an error that is of no place.
func problemOf(err error) error {
	if err == nil {
		return nil
	}
	return (&failure{err: err}).problem()
}

// problem writes a failure that is of no place.
func (f *failure) problem() error {
	if errors.Is(f.err, context.Canceled) || errors.Is(f.err, context.DeadlineExceeded) {
		return f.err
	}
	var already *problem.Error
	if errors.As(f.err, &already) {
		return already
	}
	p := &problem.Error{Code: problem.Database, What: f.message(), Err: f.err}
	if f.at.File != "" {
		f.place(p, f.at)
	}
	var se *psql.Error
	var pe *pgconn.PgError
	var lost *session.LostError
	var locked *session.LockError
	switch {
	case errors.As(f.err, &locked):
		locked.Describe(p)
	case errors.As(f.err, &se):
		p.Code, p.Topic, p.Remedy = problem.Data, problem.Script, se.Remedy
		if se.Pos.File != "" { // a refused statement has the place of f
			f.place(p, se.Pos)
		}
	case errors.As(f.err, &pe):
		f.describe(p, pe)
	case errors.As(f.err, &lost):
		p.Topic, p.What = problem.Lost, "the connection to the database was lost: "+session.Reason(lost.Err)
		p.Remedy = "The server rolls back what was not committed. Its log says why it went away."
	default: // the rows' reader, that is the archive
		p.Code, p.Topic = problem.Data, problem.Archive
	}
	return p
}

// describe adds what the server says: place, table, detail, hint, context; and what to do.
func (f *failure) describe(p *problem.Error, pe *pgconn.PgError) {
	p.What = fmt.Sprintf("%s%s (SQLSTATE %s)", fit.Subject(pe), psql.Visible(pe.Message), pe.Code)
	var lines []string
	row, column := fit.CopyPlace(pe.Where)
	context := pe.Where
	excerpt, offset := psql.Caret(f.text, int(pe.Position), f.enc)
	internal, _ := psql.Caret([]byte(pe.InternalQuery), int(pe.InternalPosition), "")
	switch {
	case offset >= 0 && f.locate != nil:
		f.place(p, f.locate(offset))
		p.End = p.At.Line
		lines = append(lines, excerpt)
	case f.rows != nil && row > 0:
		f.place(p, f.rows.Line(row))
		if f.over != nil && f.over.rows != nil {
			context = f.inFile(p, row, column, context)
		}
		p.End = p.At.Line
	case offset >= 0:
		lines = append(lines, excerpt)
	case internal != "":
		lines = append(lines, internal)
	case f.text != nil:
		lines = append(lines, "STATEMENT: "+firstLine(psql.WithoutHeader(f.text)))
	}
	if p.End == 0 && f.rows == nil && f.locate != nil && p.At.Line > 0 {
		p.End = f.locate(len(f.text)).Line
	}
	situation := f.situation(pe, offset)
	if f.over != nil {
		f.over.word = (&sqltext.Tokens{Text: psql.WithoutHeader(f.text)}).Next().Text
	}
	p.Remedy = fit.Remedy(pe, situation)
	hint := pe.Hint
	if p.Remedy != "" { // one is enough
		hint = ""
	}
	for _, x := range []struct{ label, text string }{
		{"DETAIL", pe.Detail}, {"HINT", hint}, {"QUERY", pe.InternalQuery}, {"CONTEXT", context},
	} {
		if x.text != "" {
			lines = append(lines, x.label+": "+psql.Visible(cutText(x.text)))
		}
	}
	p.Excerpt = strings.Join(lines, "\n")
	if pe.Code == "55P03" && strings.Contains(pe.Routine, "ProcessInterrupts") { // not NOWAIT
		p.Code, p.Topic = problem.Timeout, problem.Lock
	}
}

// situation is what the words for an error depend on.
func (f *failure) situation(pe *pgconn.PgError, offset int) fit.Situation {
	s := fit.Situation{Role: f.role, Text: f.text, At: offset}
	if f.text != nil {
		switch sqltext.Parse(psql.Masked(f.text, f.enc), sqltext.Options{})[0].Kind {
		case sqltext.Insert, sqltext.Copy, sqltext.Truncate:
			s.Rows = true
		}
	}
	if pe.Code == "22021" {
		s.Bytes = f.text
		if f.rows != nil {
			s.Bytes = f.sample()
		}
	}
	return s
}

// sampled is how much of a file is looked at to guess its encoding, in bytes.
const sampled = 1 << 20

// sample gives the beginning of the rows under way.
func (f *failure) sample() []byte {
	again, err := f.rows.Again()
	if err != nil {
		return nil
	}
	defer func() { _ = again.Close() }()
	head, _ := io.ReadAll(io.LimitReader(again, sampled)) // what there is of it does
	return head
}

// inFile says in an error which place of a file of rows it is about, and gives the context without the server's count of rows, which is
// none of lines.
func (f *failure) inFile(p *problem.Error, row int, column, context string) string {
	at, ok := f.over.rows.Place(f.rows.Start().File, row, column)
	if !ok {
		return context
	}
	p.At = at
	return fit.CountingRows(context)
}

const shownText = 300 // bytes of a statement, detail or context in an error

func firstLine(text []byte) string {
	line, _, more := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 4*shownText)])), "\n")
	if more {
		line = strings.TrimRight(line, "\r") + " …"
	}
	return cutText(line)
}

func cutText(s string) string {
	if len(s) <= shownText {
		return s
	}
	return strings.ToValidUTF8(s[:shownText], "") + "…"
}
