package load

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// sendFor sends a statement for a meta-command that wants its result, or that sends it by the extended protocol.
func (r *run) sendFor(ctx context.Context, s *statement) *failure {
	f, send := s.f, s.send()
	if send.Kind == psql.SendGdesc {
		return nil
	}
	var last resultSet
	collect := session.Handlers{
		Fields: func(names []string) { last = resultSet{names: names, given: true} },
		Row: func(v [][]byte) {
			if send.Kind == psql.SendG {
				return
			}
			last.keep(v)
		},
		Done: func(t pgconn.CommandTag) {
			if last.ended { // a command that gives no rows
				last = resultSet{}
			}
			last.tag, last.ended = t, true
		},
		CopyIn: func() (io.Reader, error) { return s.rows() },
	}
	if send.Bind != nil {
		first, messages := extended(s.text, send)
		f.err = r.session.Extended(ctx, collect, first, messages...)
	} else {
		f.err = r.session.Do(ctx, s.text, collect)
	}
	if ended := r.sent(ctx, s); ended != nil {
		f.err = ended
	}
	if last.size > maxResult && ctx.Err() == nil {
		f.err, f.refused = tooLarge(send.Pos), true
		return r.outcome(f, last.tag)
	}
	if f.err == nil && last.given && send.Kind == psql.SendGset {
		if err := r.gset(send, last); err != nil {
			return &failure{at: send.Pos, err: &psql.Error{Pos: send.Pos, Message: err.Error()}}
		}
	}
	if out := r.outcome(f, last.tag); out != nil || !last.given || send.Kind != psql.SendGexec {
		return out
	}
	failures := r.failures
	if out := r.gexec(ctx, s, last.rows); out != nil || r.failures > failures {
		return out
	}
	return r.outcome(f, last.tag) // the variables tell of the query, not of what it made
}

// resultSet is the last result of a statement.
type resultSet struct {
	given bool // it has columns
	ended bool
	names []string
	rows  [][][]byte
	size  int // bytes of the rows; of no more than maxResult they are kept
	tag   pgconn.CommandTag
}

// maxResult is how many bytes the result of a \gset or \gexec may have, with what it costs to hold it.
const maxResult = 16 << 20

// keep takes a row.
func (s *resultSet) keep(values [][]byte) {
	const cost = 64 // bytes of a value and of a row, beside what it holds
	for _, v := range values {
		s.size += cost + len(v)
	}
	if s.size += cost; s.size > maxResult {
		s.rows = nil
		return
	}
	row := make([][]byte, len(values))
	for i, v := range values {
		if v != nil {
			row[i] = append([]byte{}, v...)
		}
	}
	s.rows = append(s.rows, row)
}

// tooLarge is the error of a result beyond maxResult.
func tooLarge(pos psql.Position) error {
	return &psql.Error{Pos: pos, Refused: true, Message: fmt.Sprintf("the result is larger than %d MiB, which a \\gset or \\gexec may have at most", maxResult>>20),
		Remedy: "Have the query give fewer rows, or run what it makes in a DO block."}
}

// gset makes variables of the one row of a result. Those that psql acts upon are left alone.
func (r *run) gset(send *psql.Send, result resultSet) error {
	switch len(result.rows) {
	case 0:
		return errors.New(`no rows returned for \gset`)
	case 1:
	default:
		return errors.New(`more than one row returned for \gset`)
	}
	for i, column := range result.names {
		name := send.Prefix + column
		if psql.Special(name) {
			r.notice(fmt.Sprintf(`%s: \gset leaves %s alone, which psql acts upon`, send.Pos, name))
			continue
		}
		var err error
		if v := result.rows[0][i]; v != nil {
			err = r.vars.Set(name, string(v))
		} else {
			err = r.vars.Unset(name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gexec runs each column of each row as a statement.
func (r *run) gexec(ctx context.Context, s *statement, values [][][]byte) *failure {
	last := r.session.Last()
	defer func() { r.session.SetLast(last) }()
	for _, row := range values {
		for _, text := range row {
			if text == nil {
				continue
			}
			f := r.execute(ctx, &statement{at: s.send().Pos, text: text, compound: true, script: s.script, rows: s.rows})
			if f == nil {
				continue
			}
			if r.ends(ctx, f) || r.vars.On("ON_ERROR_STOP") {
				return f
			}
			r.failures++
			r.warn(r.problem(f).Error())
		}
	}
	return nil
}

// extended gives the messages of the extended protocol that \bind, \bind_named, \parse and \close_prepared ask for.
func extended(text []byte, send *psql.Send) (first *session.Prepare, messages []pgproto3.FrontendMessage) {
	bind := send.Bind
	if send.Kind == psql.SendClose {
		return nil, []pgproto3.FrontendMessage{&pgproto3.Close{ObjectType: 'S', Name: bind.Name}}
	}
	if !bind.Prepared {
		first = &session.Prepare{Name: bind.Name, Text: text}
	}
	if send.Kind != psql.SendParse {
		params := make([][]byte, len(bind.Params))
		for i, p := range bind.Params {
			params[i] = []byte(p)
		}
		messages = append(messages, &pgproto3.Bind{PreparedStatement: bind.Name, Parameters: params}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{})
	}
	return first, messages
}
