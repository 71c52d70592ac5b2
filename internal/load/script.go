package load

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// script runs one script to its end, or to the first failure that stops it.
func (r *run) script(ctx context.Context, script Script) error {
	o := psql.Options{Escapes: r.escapes()}
	if !r.o.Verbatim {
		o.FragmentSize = r.o.thresholds.fragmentSize
	}
	sc, err := psql.Open(script.FS, script.Name, r.vars, o)
	if err != nil {
		return (&failure{err: err}).problem()
	}
	defer func() { _ = sc.Close() }()
	r.reading = sc
	for {
		item, err := r.next(sc)
		if errors.Is(err, io.EOF) {
			return nil
		}
		var f *failure
		if err != nil {
			f = &failure{err: err}
			var e *psql.Error
			if errors.As(err, &e) {
				f.at, f.refused = e.Pos, e.Refused || e.Fatal
			}
		} else {
			f = r.item(ctx, sc, item)
		}
		if f != nil {
			if stop := r.failed(ctx, f); stop != nil {
				return stop
			}
		}
		sc.SetEscapes(r.escapes())
		r.progress()
	}
}

// next gives the script's next item.
func (r *run) next(sc *psql.Script) (any, error) {
	if h := r.held; h != nil {
		r.held = nil
		return h.item, h.err
	}
	return sc.Next()
}

// failed decides what a failure means: an error ends the script, nil goes on with it.
func (r *run) failed(ctx context.Context, f *failure) error {
	if r.first == nil {
		r.first = f
	}
	var lost *lostError
	if errors.Is(f.err, errAgain) || len(r.off) > 0 && f.sqlState() != "" && ctx.Err() == nil {
		return errAgain // with indexes switched off, an earlier row may have broken a unique key
	}
	if ctx.Err() != nil || f.refused || errors.As(f.err, &lost) || r.conn.IsClosed() || r.vars.On("ON_ERROR_STOP") {
		return f.problem()
	}
	r.failures++
	r.warn(f.problem().Error())
	return nil
}

// item does one thing that the script says.
func (r *run) item(ctx context.Context, sc *psql.Script, item any) *failure {
	switch it := item.(type) {
	case *psql.Statement:
		r.at = it.Pos
		return r.statement(ctx, sc, it)
	case *psql.Copy:
		r.at = it.Pos
		return r.copy(ctx, sc, it)
	case *psql.Print:
		if r.o.Events.Output != nil {
			r.o.Events.Output(it.Text)
		}
	case *psql.Ignored:
		if !r.mentioned[it.Command] {
			r.mentioned[it.Command] = true
			r.notice(fmt.Sprintf("%s:%d: %s is for people who look at a screen; it is skipped wherever it stands", it.Pos.File, it.Pos.Line, it.Command))
		}
	case *psql.Encoding:
		name := strings.ReplaceAll(it.Name, "'", "''")
		if err := r.exec(ctx, "SET client_encoding TO '"+name+"'"); err != nil {
			return &failure{at: it.Pos, err: err}
		}
		r.vars.Put("ENCODING", r.wire.pg.ParameterStatus("client_encoding"))
	case *psql.Connect:
		return r.reconnect(ctx, it)
	case *psql.LargeObject:
		return r.largeObject(ctx, sc, it)
	default:
		return &failure{err: fmt.Errorf("the script reader gave a %T", item), refused: true}
	}
	return nil
}

// statement runs one statement, as psql's SendQuery does.
func (r *run) statement(ctx context.Context, sc *psql.Script, st *psql.Statement) *failure {
	if err := r.makeWay(ctx, st.Text); err != nil {
		return &failure{at: st.Pos, err: err}
	}
	if st.First == "insert" {
		if done, f := r.inserts(ctx, sc, st); done {
			return f
		}
	}
	if st.More {
		var err error
		if st, err = sc.Rest(st); err != nil {
			return &failure{at: r.at, err: err, refused: true}
		}
	}
	f := &failure{at: st.Pos, text: st.Text, locate: st.Locate}
	infos := r.classify(st.Text, st.Compound)
	if out := r.settleCopies(ctx, infos, st.Text); out != nil {
		return out
	}
	if err := r.settleIndexes(ctx, infos); err != nil {
		f.err = err
		return f
	}
	if err := r.noteEmptied(ctx, infos); err != nil {
		return &failure{at: st.Pos, err: err}
	}
	var rows func() (*psql.CopyReader, error)
	if err := guard(st.Text, infos, r.escapes()); err != nil {
		f.err, f.refused = err, true
		return f
	}
	text := st.Text
	if c := infos[0].copy; c != nil && c.file != "" && c.from && !st.Compound {
		// A file of the server's, if the archive holds one of that name, is read here instead.
		text = []byte(string(text[:c.fileAt.at]) + "STDIN" + string(text[c.fileAt.end:]))
		rows = func() (*psql.CopyReader, error) { return sc.CopyFile(st.Pos, c.file) }
	}
	if r.began {
		done, err := r.transactionControl(ctx, infos, st.Compound)
		if done || err != nil {
			f.err = err
			return r.outcome(f, pgconn.CommandTag{})
		}
	}
	if infos[0].unguarded && !st.Compound {
		if done, failed := r.replicationRole(ctx, text, f); done {
			return failed
		}
	}
	if st.Send != nil {
		return r.send(ctx, st, f)
	}
	if rows == nil {
		rows = sc.CopyData
	}
	return r.query(ctx, text, infos, rows, f)
}

// classify reads the heads of the statements in text.
func (r *run) classify(text []byte, compound bool) []statementInfo {
	t := &tokens{text: text, escapes: r.escapes()}
	infos := []statementInfo{classify(t)}
	for compound {
		t.skipStatement()
		if t.peek().kind == endToken {
			break
		}
		infos = append(infos, classify(t))
	}
	for _, info := range infos {
		r.unguarded = r.unguarded || info.unguarded
		switch info.kind {
		case insertStatement, copyStatement:
		default:
			r.tally.forgetNames()
			r.forgetPlans()
		}
	}
	return infos
}

// query sends text and counts what it loads. It gives nil when all went well.
func (r *run) query(ctx context.Context, text []byte, infos []statementInfo, rows func() (*psql.CopyReader, error), f *failure) *failure {
	start := time.Now()
	size := int64(len(text))
	var tags []pgconn.CommandTag
	ahead, err := r.ahead(ctx, infos, rows)
	var open *psql.CopyReader
	switch {
	case err != nil:
		f.err = err
		return r.outcome(f, pgconn.CommandTag{})
	case ahead != nil && !r.began:
		if out := ahead.sendAlone(ctx, r, text, infos[0].tables[0], f); out != nil {
			return r.outcome(out, pgconn.CommandTag{})
		}
		return nil
	case ahead != nil:
		open = ahead.rows
		if err := r.beforeRows(ctx, ahead.plan, ahead.many); err != nil {
			_ = open.Close()
			f.err = err
			return f
		}
	}
	err = r.wire.query(ctx, text, answers{
		copyIn: func() (io.Reader, error) {
			if ahead != nil {
				return ahead.all, nil
			}
			if open != nil {
				_ = open.Close()
			}
			var err error
			if open, err = rows(); err != nil {
				open = nil
				return nil, err
			}
			if open == nil {
				return strings.NewReader(""), nil
			}
			return watched{open, r.progress}, nil
		},
		done: func(tag pgconn.CommandTag) { tags = append(tags, tag) },
	})
	if open != nil {
		f.rows = open
		if cerr := open.Close(); err == nil {
			err = cerr
		}
		size += open.Bytes()
	}
	for i, tag := range tags {
		if i < len(infos) && len(infos[i].tables) == 1 && (infos[i].kind == insertStatement || infos[i].kind == copyStatement) && err == nil {
			r.count(ctx, infos[i].tables[0], tag.RowsAffected(), size, time.Since(start))
			size, start = 0, time.Now()
		}
	}
	f.err = err
	var last pgconn.CommandTag
	if len(tags) > 0 {
		last = tags[len(tags)-1]
	}
	return r.outcome(f, last)
}

// outcome sets the variables that tell a script how its last statement went, and gives f back if it failed.
func (r *run) outcome(f *failure, tag pgconn.CommandTag) *failure {
	if f.err != nil {
		state := f.sqlState()
		r.vars.Put("ERROR", "true")
		r.vars.Put("SQLSTATE", state)
		r.vars.Put("ROW_COUNT", "0")
		r.vars.Put("LAST_ERROR_SQLSTATE", state)
		r.vars.Put("LAST_ERROR_MESSAGE", f.message())
		return f
	}
	r.vars.Put("ERROR", "false")
	r.vars.Put("SQLSTATE", "00000")
	r.vars.Put("ROW_COUNT", strconv.FormatInt(tag.RowsAffected(), 10))
	return nil
}

// send runs a statement that a meta-command, not a semicolon, has sent.
func (r *run) send(ctx context.Context, st *psql.Statement, f *failure) *failure {
	if st.Send.Kind == psql.SendGdesc {
		return nil
	}
	var names []string
	var values [][][]byte
	var tag pgconn.CommandTag
	keep := st.Send.Kind == psql.SendGset || st.Send.Kind == psql.SendGexec
	collect := answers{
		fields: func(n []string) { names, values = n, nil },
		row: func(v [][]byte) {
			if keep {
				row := make([][]byte, len(v))
				for i, b := range v {
					if b != nil {
						row[i] = append([]byte{}, b...)
					}
				}
				values = append(values, row)
			}
		},
		done: func(t pgconn.CommandTag) { tag = t },
	}
	if st.Send.Bind != nil {
		f.err = r.bound(ctx, st, collect)
	} else {
		f.err = r.wire.query(ctx, st.Text, collect)
	}
	if f.err == nil && st.Send.Kind == psql.SendGset {
		if err := r.gset(st.Send.Prefix, names, values); err != nil {
			return &failure{at: st.Send.Pos, err: &psql.Error{Pos: st.Send.Pos, Message: err.Error()}}
		}
	}
	if out := r.outcome(f, tag); out != nil || st.Send.Kind != psql.SendGexec {
		return out
	}
	return r.gexec(ctx, st, values)
}

// bound runs a statement with parameters by the extended protocol.
func (r *run) bound(ctx context.Context, st *psql.Statement, a answers) error {
	params := make([][]byte, len(st.Send.Bind))
	for i, p := range st.Send.Bind {
		params[i] = []byte(p)
	}
	res := r.wire.pg.ExecParams(ctx, string(st.Text), params, nil, nil, nil)
	var names []string
	for _, d := range res.FieldDescriptions() {
		names = append(names, d.Name)
	}
	a.fields(names)
	for res.NextRow() {
		a.row(res.Values())
	}
	tag, err := res.Close()
	a.done(tag)
	return err
}

// gset makes variables of the one row of a result.
func (r *run) gset(prefix string, names []string, rows [][][]byte) error {
	switch len(rows) {
	case 0:
		return errors.New(`no rows returned for \gset`)
	case 1:
	default:
		return errors.New(`more than one row returned for \gset`)
	}
	for i, name := range names {
		var err error
		if v := rows[0][i]; v != nil {
			err = r.vars.Set(prefix+name, string(v))
		} else {
			err = r.vars.Unset(prefix + name)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// gexec runs each column of each row as a statement.
func (r *run) gexec(ctx context.Context, st *psql.Statement, rows [][][]byte) *failure {
	for _, row := range rows {
		for _, text := range row {
			if text == nil {
				continue
			}
			f := &failure{at: st.Send.Pos, text: text}
			infos := r.classify(text, true)
			if err := guard(text, infos, r.escapes()); err != nil {
				f.err, f.refused = err, true
				return f
			}
			if r.began {
				done, err := r.transactionControl(ctx, infos, len(infos) > 1)
				if done || err != nil {
					if f.err = err; err != nil {
						return r.outcome(f, pgconn.CommandTag{})
					}
					continue
				}
			}
			nothing := func() (*psql.CopyReader, error) { return nil, errors.New(`COPY FROM STDIN in \gexec has no rows`) }
			if f := r.query(ctx, text, infos, nothing, f); f != nil {
				if r.vars.On("ON_ERROR_STOP") {
					return f
				}
				if stop := r.failed(ctx, f); stop != nil {
					return f
				}
			}
		}
	}
	return nil
}

// copy runs a \copy.
func (r *run) copy(ctx context.Context, sc *psql.Script, c *psql.Copy) *failure {
	text := []byte(c.SQL)
	if err := r.makeWay(ctx, text); err != nil {
		return &failure{at: c.Pos, err: err}
	}
	infos := r.classify(text, false)
	if err := r.settleIndexes(ctx, infos); err != nil {
		return &failure{at: c.Pos, err: err}
	}
	rows := sc.CopyData
	switch c.From {
	case psql.FromFile:
		file, err := sc.CopyFile(c.Pos, c.File) // psql opens it before it asks the server
		if err != nil {
			var e *psql.Error
			return &failure{at: c.Pos, err: err, refused: errors.As(err, &e) && e.Refused}
		}
		defer func() { _ = file.Close() }()
		rows = func() (*psql.CopyReader, error) { return file, nil }
	case psql.FromNothing:
		rows = func() (*psql.CopyReader, error) { return nil, nil } //nolint:nilnil // no rows
	}
	return r.query(ctx, text, infos, rows, &failure{at: c.Pos, text: text})
}

// reconnect carries out \connect. Only another database of the same server may be meant, and not inside the one transaction.
func (r *run) reconnect(ctx context.Context, c *psql.Connect) *failure {
	f := &failure{at: c.Pos, refused: true}
	if r.began {
		f.err = &psql.Error{Pos: c.Pos, Message: `\connect would leave the one transaction of the load`,
			Remedy: "Set transaction to none, or take the command out of the script and name the database in database-url."}
		return f
	}
	config := r.conn.Config().Copy()
	config.OnNotice = nil
	name := c.Database
	if strings.Contains(name, "=") || strings.Contains(name, "://") {
		parsed, err := pgconn.ParseConfig(name)
		if err != nil {
			f.err = &psql.Error{Pos: c.Pos, Message: `\connect: the connection string cannot be read`}
			return f
		}
		if strings.Contains(name, "host") || strings.Contains(name, "port") || strings.Contains(name, "service") || strings.Contains(name, "://") {
			c.Host = parsed.Host
			c.Port = strconv.Itoa(int(parsed.Port))
		}
		name = parsed.Database
		if strings.Contains(c.Database, "user") {
			c.User = parsed.User
		}
	}
	if c.Host != "" && c.Host != config.Host || c.Port != "" && c.Port != strconv.Itoa(int(config.Port)) {
		f.err = &psql.Error{Pos: c.Pos, Refused: true, Message: fmt.Sprintf(`\connect to another server (%s) is never done for a script from outside`, c.Host),
			Remedy: "Name the server in database-url."}
		return f
	}
	if name != "" {
		config.Database = name
	}
	if c.User != "" {
		config.User = c.User
	}
	old := r.conn
	if err := r.connect(ctx, config); err != nil {
		f.err, f.refused = err, false
		return f
	}
	r.tally.forgetNames()
	short, cancel := context.WithTimeout(ctx, rollbackTimeout)
	defer cancel()
	_ = old.Close(short)
	return nil
}

// escapes tells whether backslashes in '…' are escapes.
func (r *run) escapes() bool {
	return r.wire.pg.ParameterStatus("standard_conforming_strings") == "off"
}

// watched reads rows and reports progress as it goes.
type watched struct {
	io.Reader
	progress func()
}

func (w watched) Read(p []byte) (int, error) {
	w.progress()
	return w.Reader.Read(p)
}

func (r *run) progress() {
	if r.o.Events.Progress != nil && r.tally.counting {
		r.o.Events.Progress(Progress{Table: r.tally.table, Bytes: r.reading.BytesRead(), Total: r.total, Rows: r.tally.rows})
	}
}

// serverVersion makes psql's SERVER_VERSION_NAME and SERVER_VERSION_NUM of what the server says.
func serverVersion(s string) (name, num string) {
	var major, minor int
	if n, _ := fmt.Sscanf(s, "%d.%d", &major, &minor); n == 0 {
		return s, ""
	}
	return s, strconv.Itoa(major*10000 + minor)
}
