package session

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync/atomic"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Limits of what a server may send: one that means harm, or a script that has it do so, could take all memory or go on for ever.
const (
	maxMessage    = 16 << 20   // bytes of one message: a row, an error; the driver has it three times for a moment, once in a power of two
	maxGreeting   = 1 << 20    // bytes until the connection is ready
	maxParameters = 1000       // settings that the server tells of
	maxAside      = 10_000_000 // messages that bring nothing, such as notices, between two that are for us
	maxRows       = 1 << 30    // bytes of rows that one text is answered with
	maxAnswer     = 16 << 20   // bytes of rows that a question of ours is answered with
	maxWords      = 1 << 20    // bytes of each part of an error
	maxCommands   = 1_000_000  // commands that one text is answered with
	maxCommand    = 16         // bytes of the first word of one
)

// limitServer has a configuration's connections keep the limits that are below this package, and no notifications: nobody asks for
// them, and pgx would hold them all.
func limitServer(config *pgx.ConnConfig) {
	config.OnNotification = func(*pgconn.PgConn, *pgconn.Notification) {}
	config.MaxProtocolMessageBodyLen = maxMessage
	var last atomic.Pointer[greeting] // a configuration connects once at a time
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		g := &greeting{Reader: r}
		last.Store(g)
		return pgproto3.NewFrontend(g, w)
	}
	validate := config.ValidateConnect
	config.ValidateConnect = func(ctx context.Context, pg *pgconn.PgConn) error {
		if g := last.Load(); g != nil {
			g.over.Store(true)
		}
		if validate != nil {
			return validate(ctx, pg)
		}
		return nil
	}
}

// greeting reads what the server sends before the connection is ready.
type greeting struct {
	io.Reader
	n    int
	over atomic.Bool
}

func (g *greeting) Read(p []byte) (int, error) {
	n, err := g.Reader.Read(p)
	if !g.over.Load() {
		if g.n += n; g.n > maxGreeting {
			return 0, fmt.Errorf("the server has sent more than %d MiB and not let us in", maxGreeting>>20)
		}
	}
	return n, err
}

// asides counts what the server says that is for nobody.
type asides struct {
	n, rows    int
	asked      bool // the rows answer a question of ours
	parameters map[string]struct{}
}

// take counts a message. The error is that of a limit.
func (a *asides) take(msg pgproto3.BackendMessage) error {
	switch m := msg.(type) {
	case *pgproto3.ParameterStatus:
		if a.parameters == nil {
			a.parameters = map[string]struct{}{}
		}
		if a.parameters[m.Name] = struct{}{}; len(a.parameters) > maxParameters {
			return overLimit(fmt.Sprintf("the server tells of more than %d settings", maxParameters))
		}
	case *pgproto3.DataRow:
		const row = 4 // bytes, also of one without columns
		a.n, a.rows = 0, a.rows+row
		for _, value := range m.Values {
			a.rows += len(value) + 4
		}
		return a.tooMany()
	case *pgproto3.CopyData:
		a.n, a.rows = 0, a.rows+4+len(m.Data)
		return a.tooMany()
	case *pgproto3.ReadyForQuery:
		a.n, a.rows = 0, 0
		return nil
	case *pgproto3.CommandComplete: // which are counted by themselves
		a.n = 0
		return nil
	}
	if a.n++; a.n > maxAside {
		return overLimit(fmt.Sprintf("the server has sent more than %d notices and the like, and no answer", maxAside))
	}
	return nil
}

func (a *asides) tooMany() error {
	if a.asked && a.rows > maxAnswer {
		return overLimit(fmt.Sprintf("the server has answered a question about its catalog with more than %d MiB", maxAnswer>>20))
	}
	if a.rows > maxRows {
		return overLimit(fmt.Sprintf("the server has answered with more than %d MiB of rows", maxRows>>20))
	}
	return nil
}

// refusal gives a server's error, cut to what somebody may read: the message that it came in is let go.
func refusal(m *pgproto3.ErrorResponse) *pgconn.PgError {
	pe := pgconn.ErrorResponseToPgError(m)
	*m = pgproto3.ErrorResponse{}
	cutWords(&pe.Message, &pe.Detail, &pe.Hint, &pe.Where, &pe.InternalQuery)
	return pe
}

func cutWords(parts ...*string) {
	for _, part := range parts {
		if len(*part) > maxWords {
			*part = strings.Clone((*part)[:maxWords]) + "…"
		}
	}
}

func overLimit(what string) error {
	return &problem.Error{Code: problem.Database, What: what,
		Remedy: "The connection was ended. Nothing that is meant well sends as much: look at the script, and at the server that database-url names."}
}

// tooLong gives the error of a message beyond maxMessage in place of pgconn's.
func tooLong(err error) (error, bool) { //nolint:revive // an error that is a value
	var long *pgproto3.ExceededMaxBodyLenErr
	if !errors.As(err, &long) {
		return nil, false
	}
	return overLimit(fmt.Sprintf("the server has sent a message of %d MiB, and %d MiB is the most for a row or an error", long.ActualBodyLen>>20, maxMessage>>20)), true
}
