package session

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// What a script, a role or a database sets as search_path decides what the names and operators of a statement mean. PostgreSQL takes
// the function that fits the arguments best, wherever in the path it is: whoever may create functions in a schema of the path can
// have one called in place of a function of pg_catalog, with the rights of who loads. So statements of our own run with nothing but
// pg_catalog in the path, and the script sees its own path before and behind them. What the script's names mean is asked by
// statements that call nothing without its schema: see Do.

// ownPath is the search_path of statements of our own. Without pg_temp at its end, temporary tables would come first.
const ownPath = "pg_catalog, pg_temp"

// askAlone opens the transaction of a question where there is none. It waits for nobody, whatever is the default for transactions.
const askAlone = "START TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY"

const (
	asked     = "fabricate_seed_ask"     // the savepoint around a question
	attempted = "fabricate_seed_attempt" // that of statements that may fail without harm to the load
	pathSaved = "fabricate_seed.path"    // the parameter that keeps the script's path meanwhile
)

// Path takes the search_path for the transaction, and puts the script's own back. What ends with the statement is not compiled either: of a
// catalog without statistics, as a database just made has it, the planner expects so much that to compile a question takes seconds.
const (
	takePath = "SELECT pg_catalog.set_config('" + pathSaved + "', pg_catalog.current_setting('search_path'), true) AS " + asked +
		", pg_catalog.set_config('search_path', '" + ownPath + "', true)"
	givePathBack = "SELECT pg_catalog.set_config('search_path', pg_catalog.current_setting('" + pathSaved + "'), true) AS " + asked
	setPath      = "SELECT pg_catalog.set_config('search_path', '" + ownPath + "', true) AS " + asked + ", pg_catalog.set_config('jit', 'off', true)"
)

// Ask runs a question of our own: one statement that leaves nothing behind. It is under way in one message, in a transaction of its
// own or behind a savepoint, so that it fails without harm to the transaction. Parameters are texts, numbers, truth values, and
// lists of them; their types are what the statement says. Each row is scanned into scan, and then each is called; each may be nil.
// Errors are as Do's.
func (s *Session) Ask(ctx context.Context, sql string, args []any, scan []any, each func() error) error {
	return s.ask(ctx, "; "+setPath, sql, args, scan, each)
}

// Resolve is Ask under the script's own path, for what its names mean. So the question must name the schema of all that it calls, and
// use no operator.
func (s *Session) Resolve(ctx context.Context, sql string, args []any, scan []any, each func() error) error {
	return s.ask(ctx, "", sql, args, scan, each)
}

// AtOnce is a session whose questions fail with 55P03 (lock_not_available) where they would have to wait for a lock.
type AtOnce struct{ *Session }

// Ask is Session.Ask.
func (s AtOnce) Ask(ctx context.Context, sql string, args []any, scan []any, each func() error) error {
	return s.ask(ctx, "; "+setPath+", pg_catalog.set_config('lock_timeout', '1', true)", sql, args, scan, each)
}

func (s *Session) ask(ctx context.Context, path, sql string, args []any, scan []any, each func() error) error {
	before, after := "SAVEPOINT "+asked+path, "ROLLBACK TO SAVEPOINT "+asked+"; RELEASE SAVEPOINT "+asked
	status := s.TxStatus()
	if status == 'I' {
		before, after = askAlone+path, "ROLLBACK"
	}
	params := make([][]byte, len(args))
	for i, arg := range args {
		var err error
		if params[i], err = encodeParam(arg); err != nil {
			return err
		}
	}
	s.o.trace(before + "; " + sql + "; " + after)
	s.buf = s.buf[:0]
	for _, m := range []pgproto3.FrontendMessage{
		&pgproto3.Query{String: before},
		&pgproto3.Parse{Query: sql}, &pgproto3.Bind{Parameters: params}, &pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{}, &pgproto3.Sync{},
		&pgproto3.Query{String: after},
	} {
		var err error
		if s.buf, err = m.Encode(s.buf); err != nil {
			return err
		}
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.until(ctx, true)()
	last := s.last
	defer func() { s.last = last }() // psql knows of no such statement
	start := time.Now()
	if _, err := s.pg.Conn().Write(s.buf); err != nil {
		return s.because(ctx, s.broken(ctx, err))
	}
	s.asides.asked = true
	defer func() { s.asides.asked = false }()
	var bad error // a row that cannot be read
	var types []uint32
	rows := Handlers{
		Types: func(oids []uint32) { types = oids },
		Row: func(values [][]byte) {
			if bad != nil {
				return
			}
			if len(scan) > 0 && len(scan) != len(values) {
				bad = otherwise(fmt.Errorf("a row of %d columns for %d variables", len(values), len(scan)))
				return
			}
			for i, to := range scan {
				if err := s.conn.TypeMap().Scan(types[i], pgtype.TextFormatCode, values[i], to); err != nil {
					bad = otherwise(fmt.Errorf("column %d: %w", i+1, err))
					return
				}
			}
			if each != nil {
				bad = each()
			}
		},
	}
	var first error
	for i, h := range []Handlers{{}, rows, {}} {
		err := s.receive(ctx, h)
		if took := time.Since(start); i == 0 && (s.nearest == 0 || took < s.nearest) {
			s.nearest = took
		}
		if want := [...]byte{'T', 'T', status}[i]; err == nil && s.TxStatus() != want {
			err = otherwise(fmt.Errorf("its transaction is in the state %c, not %c", s.TxStatus(), want))
		}
		if first == nil {
			first = err
		}
		if Lost(first) || ctx.Err() != nil && first != nil && State(first) == "" {
			break
		}
	}
	if first != nil {
		return s.because(ctx, first)
	}
	return bad
}

// otherwise is the error of an answer that is none to what was asked.
func otherwise(err error) error {
	return &problem.Error{Code: problem.Database, What: "the server answers a question about its catalog otherwise than PostgreSQL does: " + err.Error(), Err: err,
		Remedy: "database-url must name a PostgreSQL server, or a proxy or pooler that changes nothing."}
}

// Probe is Ask for several statements, which have no parameters. Rows are handled as Do's.
func (s *Session) Probe(ctx context.Context, sql string, h Handlers) error {
	if s.TxStatus() == 'I' {
		err := s.Do(ctx, []byte(askAlone+"; "+setPath+"; "+sql+"; ROLLBACK"), withoutPath(h))
		return s.back(ctx, err, "ROLLBACK")
	}
	const undo = "ROLLBACK TO SAVEPOINT " + asked + "; RELEASE SAVEPOINT " + asked
	err := s.Do(ctx, []byte("SAVEPOINT "+asked+"; "+setPath+"; "+sql+"; "+undo), withoutPath(h))
	return s.back(ctx, err, undo)
}

// back undoes what an error has left, and gives the error.
func (s *Session) back(ctx context.Context, err error, undo string) error {
	if err != nil && s.TxStatus() == 'E' {
		if failed := s.Exec(ctx, undo); failed != nil {
			return failed
		}
	}
	return err
}

// encodeParam gives a parameter in text format, nil for NULL.
func encodeParam(v any) ([]byte, error) {
	switch v := v.(type) {
	case nil:
		return nil, nil //nolint:nilnil // NULL
	case string:
		return []byte(v), nil
	case bool, int, int32, int64, uint32:
		return fmt.Append(nil, v), nil
	case []string:
		return list(v, quoted), nil
	case []uint32:
		return list(v, func(oid uint32) string { return fmt.Sprint(oid) }), nil
	case []int64:
		return list(v, func(n int64) string { return fmt.Sprint(n) }), nil
	}
	return nil, fmt.Errorf("a parameter of type %T", v)
}

// list gives an array constant.
func list[T any](values []T, element func(T) string) []byte {
	dst := []byte{'{'}
	for i, v := range values {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, element(v)...)
	}
	return append(dst, '}')
}

func quoted(s string) string {
	return `"` + strings.ReplaceAll(strings.ReplaceAll(s, `\`, `\\`), `"`, `\"`) + `"`
}

// Change runs statements of our own that last, as Do does: what they set or change is there until the transaction ends. Rows are
// handled as Do's.
func (s *Session) Change(ctx context.Context, sql string, h Handlers) error {
	if s.TxStatus() == 'I' { // the message is a transaction
		return s.Do(ctx, []byte(setPath+"; "+sql), withoutPath(h))
	}
	return s.Do(ctx, []byte(takePath+"; "+sql+"; "+givePathBack), withoutPath(h))
}

// Try is Change for statements whose failure leaves the transaction, if there is one, as it was before.
func (s *Session) Try(ctx context.Context, sql string, h Handlers) error {
	if s.TxStatus() == 'I' {
		return s.Change(ctx, sql, h)
	}
	err := s.Do(ctx, []byte("SAVEPOINT "+attempted+"; "+takePath+"; "+sql+"; "+givePathBack+"; RELEASE SAVEPOINT "+attempted), withoutPath(h))
	return s.back(ctx, err, "ROLLBACK TO SAVEPOINT "+attempted+"; RELEASE SAVEPOINT "+attempted)
}

// Ends reports whether nothing can go on after an error: the connection or ctx has ended, or the transaction has failed.
func (s *Session) Ends(ctx context.Context, err error) bool {
	return err != nil && (ctx.Err() != nil || Lost(err) || s.IsClosed() || s.TxStatus() == 'E')
}

// Raise gives the statement that raises a setting of memory for the transaction, if it is lower.
func Raise(setting, size string) string {
	return fmt.Sprintf(`SELECT pg_catalog.set_config('%s', '%s', true)
		WHERE pg_catalog.pg_size_bytes(pg_catalog.current_setting('%[1]s')) < pg_catalog.pg_size_bytes('%[2]s')`, setting, size)
}

// TryAsScript is Try under the script's own path, which functions that an event trigger calls may count on. So the statements must
// name the schema of all that they call.
func (s *Session) TryAsScript(ctx context.Context, sql string) error {
	if s.TxStatus() == 'I' {
		return s.Exec(ctx, sql)
	}
	err := s.Exec(ctx, "SAVEPOINT "+attempted+"; "+sql+"; RELEASE SAVEPOINT "+attempted)
	return s.back(ctx, err, "ROLLBACK TO SAVEPOINT "+attempted+"; RELEASE SAVEPOINT "+attempted)
}

// withoutPath keeps the rows of the statements around ours from the handlers.
func withoutPath(h Handlers) Handlers {
	around, row, fields, done := false, h.Row, h.Fields, h.Done
	h.Fields = func(names []string) {
		around = len(names) > 0 && names[0] == asked
		if fields != nil && !around {
			fields(names)
		}
	}
	h.Row = func(values [][]byte) {
		if row != nil && !around {
			row(values)
		}
	}
	h.Done = func(tag pgconn.CommandTag) {
		if done != nil && !around {
			done(tag)
		}
		around = false
	}
	return h
}
