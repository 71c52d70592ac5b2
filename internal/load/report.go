package load

import (
	"context"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// failure is what went wrong with one statement or meta-command.
type failure struct {
	at      psql.Position
	err     error
	text    []byte                  // the statement as it was sent, nil if none was
	enc     string                  // client encoding of text
	rows    *psql.CopyReader        // the rows under way, nil if none
	locate  func(int) psql.Position // from an offset in text to the script; nil if there is no text
	refused bool                    // ends the script whatever ON_ERROR_STOP says
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

// problem writes the failure for the person who must act on it.
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
		p.Where = f.at.String()
	}
	var se *psql.Error
	var pe *pgconn.PgError
	var lost *session.LostError
	var locked *session.LockError
	switch {
	case errors.As(f.err, &locked):
		locked.Describe(p)
	case errors.As(f.err, &se):
		p.Code, p.Remedy = problem.Data, se.Remedy
		if se.Pos.File != "" { // a refused statement has the place of f
			p.Where = se.Pos.String()
		}
	case errors.As(f.err, &pe):
		f.describe(p, pe)
	case errors.As(f.err, &lost):
		p.What = "the connection to the database was lost: " + session.Reason(lost.Err)
		p.Remedy = "The server rolls back what was not committed. Its log says why it went away."
	default: // the rows' reader, that is the archive
		p.Code = problem.Data
	}
	return p
}

// describe adds what the server says: place, detail, hint, context.
func (f *failure) describe(p *problem.Error, pe *pgconn.PgError) {
	p.What = fmt.Sprintf("%s (SQLSTATE %s)", pe.Message, pe.Code)
	var lines []string
	excerpt, offset := psql.Caret(f.text, int(pe.Position), f.enc)
	internal, _ := psql.Caret([]byte(pe.InternalQuery), int(pe.InternalPosition), "")
	switch {
	case offset >= 0 && f.locate != nil:
		p.Where = f.locate(offset).String()
		lines = append(lines, excerpt)
	case f.rows != nil && copyLine(pe.Where) > 0:
		p.Where = f.rows.Line(copyLine(pe.Where)).String()
	case offset >= 0:
		lines = append(lines, excerpt)
	case internal != "":
		lines = append(lines, internal)
	case f.text != nil:
		lines = append(lines, "STATEMENT: "+firstLine(psql.WithoutHeader(f.text)))
	}
	for _, x := range []struct{ label, text string }{
		{"DETAIL", pe.Detail}, {"HINT", pe.Hint}, {"QUERY", pe.InternalQuery}, {"CONTEXT", pe.Where},
	} {
		if x.text != "" {
			lines = append(lines, x.label+": "+cutText(x.text))
		}
	}
	p.Excerpt = strings.Join(lines, "\n")
	p.Remedy = remedy(pe)
	if pe.Code == "55P03" && strings.Contains(pe.Routine, "ProcessInterrupts") { // not NOWAIT
		p.Code = problem.Timeout
	}
}

// remedy says what to do about the errors that a first run meets.
func remedy(pe *pgconn.PgError) string {
	switch {
	case pe.Code == "42501" && strings.Contains(pe.Message, "session_replication_role"):
		return "Load as a superuser, or let one run: GRANT SET ON PARAMETER session_replication_role TO the role (PostgreSQL 15 and later)."
	case pe.Code == "42501" && strings.Contains(pe.Message, "row-level security"):
		return "Row security holds the role's rows to the table's policies: load as the table's owner, or ALTER ROLE the role BYPASSRLS."
	case pe.Code == "42P01" || pe.Code == "3F000":
		return "A data export needs its tables first: run your migrations before this step, or give a schema script with the setting before."
	case pe.Code == "25001":
		return "This statement cannot run inside the one transaction of the load; set transaction to none, or take it out of the script."
	case pe.Code == "55P03":
		return "Another session held the lock for too long: end it, or raise the setting lock-timeout (or the role's own lock_timeout)."
	case pe.Code == "40P01":
		return "Another session locks the same tables in another order: run the load while it does not, or find it in the server's log."
	case pe.Code == "53100":
		return "Free space on the server's disk, or load less."
	case pe.Code == "25006":
		return "This server only reads: it is a replica, or default_transaction_read_only is on. Give the primary's address in database-url."
	case pe.Code == "25P03", pe.Code == "57P05":
		return "The server ends sessions that are idle for a while: raise idle_in_transaction_session_timeout (or idle_session_timeout) for the role."
	case pe.Code == "57014":
		return "The server cancelled the statement; look for statement_timeout and for an administrator's hand."
	}
	return ""
}

var copyContext = regexp.MustCompile(`^COPY .*, line (\d+)`)

// copyLine reads the line of the data from the context of a COPY error, 0 if there is none.
func copyLine(context string) int {
	if m := copyContext.FindStringSubmatch(context); m != nil {
		if n, err := strconv.Atoi(m[1]); err == nil {
			return n
		}
	}
	return 0
}

const shownText = 300 // bytes of a statement, detail or context in an error

func firstLine(text []byte) string {
	line, _, more := strings.Cut(strings.TrimSpace(string(text[:min(len(text), 4*shownText)])), "\n")
	if more {
		line += " …"
	}
	return cutText(line)
}

func cutText(s string) string {
	if len(s) <= shownText {
		return s
	}
	return strings.ToValidUTF8(s[:shownText], "") + "…"
}
