package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// script runs one script.
func (r *run) script(ctx context.Context, script Script) error {
	o := psql.Options{Escapes: r.escapes(), Encoding: r.encoding(), Warn: func(pos psql.Position, text string) { r.notice(r.where(pos) + ": " + text) }}
	if !r.o.Verbatim {
		o.FragmentSize = r.o.thresholds.fragmentSize
	}
	sc, err := psql.Open(script.FS, script.Name, r.vars, o)
	if err != nil {
		return problemOf(err)
	}
	defer func() { _ = sc.Close() }()
	return r.follows(ctx, reading{Script: sc}, r.item)
}

// follows has each thing that a script says, or a part of one, done, to its end or to the first failure that stops it.
func (x *executor) follows(ctx context.Context, read reading, do func(context.Context, *psql.Script, any) *failure) error {
	x.reading = read
	sc := read.Script
	var late *failure // of a statement whose answer a variable was waiting for
	x.vars.Await(func() {
		f := x.answered(ctx)
		if x.given {
			f = x.outcomeGiven(f)
		}
		if late == nil {
			late = f
		}
	})
	defer x.vars.Await(nil)
	for {
		item, err := x.reading.next()
		f := late
		if _, ok := item.(*psql.Statement); f == nil && (!ok || err != nil) {
			f = x.answered(ctx)
		}
		switch {
		case f != nil:
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			f = &failure{err: err}
			var e *psql.Error
			if errors.As(err, &e) {
				f.at, f.refused = e.Pos, e.Refused || e.Fatal
			}
		default:
			f = do(ctx, sc, item)
		}
		if f != nil {
			if x.together == nil { // what the script says before that is done, or has failed itself
				f = cmp.Or(x.join(ctx), f)
			}
			if stop := x.failed(ctx, f); stop != nil {
				return stop
			}
		}
		x.follow(sc)
		x.progress()
	}
}

// failed decides what a failure means: an error ends the script, nil goes on with it.
func (x *executor) failed(ctx context.Context, f *failure) error {
	defer f.told()
	var more *otherwise
	if errors.As(f.err, &more) {
		return more
	}
	if len(x.off) > 0 && ctx.Err() == nil && x.broken == nil { // an earlier row may have broken a unique key
		var own *psql.Error
		switch {
		case mayBeRow(f.err):
			return &otherwise{at: f.at, text: x.where(f.at)}
		case errors.As(f.err, &own):
			if err := x.rebuild(ctx); err != nil && errors.As(x.refused(err), &more) {
				return more
			}
		}
	}
	if x.ends(ctx, f) || x.reading.Failed() {
		told := x.problem(f)
		x.first = cmp.Or(x.first, told)
		return told
	}
	x.goOn(f)
	return nil
}

// goOn tells of a failure after which the script goes on.
func (x *executor) goOn(f *failure) {
	told := x.problem(f)
	x.first = cmp.Or(x.first, told)
	x.failures++
	x.warn(told.Error())
}

// ends tells whether nothing can follow a failure, whatever ON_ERROR_STOP says.
func (x *executor) ends(ctx context.Context, f *failure) bool {
	return ctx.Err() != nil || f.refused || x.broken != nil || session.Lost(f.err) || x.session.IsClosed()
}

// follow tells the reader of settings that the last statement may have changed.
func (x *executor) follow(sc *psql.Script) {
	sc.SetEscapes(x.escapes())
	if now := x.encoding(); now != sc.Encoding() {
		sc.SetEncoding(now)
		x.vars.Put("ENCODING", now)
	}
}

// carryOut does one thing that a script says of what goes to the server.
func (x *executor) carryOut(ctx context.Context, sc *psql.Script, item any) *failure {
	switch it := item.(type) {
	case *psql.Statement:
		x.at = it.Pos
		return x.execute(ctx, &statement{at: it.Pos, text: it.Text, compound: it.Compound, source: it, script: sc, rows: sc.CopyData, locate: it.Locate})
	case *psql.Copy:
		x.at = it.Pos
		return x.copy(ctx, sc, it)
	}
	return &failure{err: fmt.Errorf("the script reader gave a %T", item), refused: true}
}

// item does one thing that the script says.
func (r *run) item(ctx context.Context, sc *psql.Script, item any) *failure {
	switch it := item.(type) {
	case *psql.Statement:
		r.at = it.Pos
		if done, f := r.extend(ctx, sc, it); done || f != nil {
			return f
		}
		return r.carryOut(ctx, sc, it)
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
		if f := r.join(ctx); f != nil { // as before a SET
			return f
		}
		set := "set client_encoding to " + sqltext.Literal(it.Name)
		if f := r.holdCommand(ctx, it.Pos, set); f != nil {
			return f
		}
		err := r.exec(ctx, set)
		var pe *pgconn.PgError
		if !r.began && errors.As(err, &pe) { // psql complains of the name and goes on
			r.notice(fmt.Sprintf(`%s: \encoding: %s`, it.Pos, pe.Message))
			return nil
		}
		if err != nil {
			return &failure{at: it.Pos, err: err}
		}
		r.known.after(sqltext.Session)
		r.noteSettled()
	case *psql.Connect:
		if f := r.join(ctx); f != nil {
			return f
		}
		return r.reconnect(ctx, it)
	case *psql.LargeObject:
		return r.largeObject(ctx, sc, it)
	default:
		return r.carryOut(ctx, sc, item)
	}
	return nil
}

// outcome sets the variables that tell a script how its last statement went, and gives f back if it failed.
func (x *executor) outcome(f *failure, tag pgconn.CommandTag) *failure {
	x.given = false
	f.enc = x.encoding()
	if f.err != nil {
		f.role = x.roleName() // not after each statement: all that the connection was made with is copied for it
		state := f.sqlState()
		x.vars.Put("ERROR", "true")
		x.vars.Put("SQLSTATE", state)
		x.vars.Put("ROW_COUNT", "0")
		x.vars.Put("LAST_ERROR_SQLSTATE", state)
		x.vars.Put("LAST_ERROR_MESSAGE", f.message())
		return f
	}
	x.vars.Put("ERROR", "false")
	x.vars.Put("SQLSTATE", "00000")
	x.vars.Put("ROW_COUNT", strconv.FormatInt(tag.RowsAffected(), 10))
	if !x.session.Last().GaveRows || tag.Insert() || tag.Update() || tag.Delete() {
		x.vars.Put("LASTOID", "0")
	}
	return nil
}

// copy runs a \copy.
func (x *executor) copy(ctx context.Context, sc *psql.Script, c *psql.Copy) *failure {
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
	return x.execute(ctx, &statement{at: c.Pos, text: []byte(c.SQL), compound: true, script: sc, rows: rows, command: true, file: c.File})
}

// reconnect carries out \connect. Only another database of the same server may be meant, and not inside the one transaction.
func (r *run) reconnect(ctx context.Context, c *psql.Connect) *failure {
	f := &failure{at: c.Pos, refused: true}
	if r.began {
		f.err = &psql.Error{Pos: c.Pos, Message: `the script's own \connect would leave the one transaction of the load`,
			Remedy: "Take the command out of the script: database-url already names the database that is loaded. If the script must change databases, set transaction to none."}
		return f
	}
	config := r.session.Config().Copy()
	config.OnNotice = nil
	name := c.Database
	if strings.Contains(name, "=") || strings.Contains(name, "://") {
		keys := connectionKeys(c.Database)
		for _, key := range keys { // before it is parsed: some name files, which are read then
			if !connectKeys[key] {
				f.err = &psql.Error{Pos: c.Pos, Refused: true, Remedy: "Name the database alone.",
					Message: fmt.Sprintf(`\connect with %s is never done for a script from outside`, key)}
				return f
			}
		}
		var o pgconn.ParseConfigOptions
		o.ConnStringAllowedKeys = slices.Collect(maps.Keys(connectKeys)) // whatever this package has taken for keys
		parsed, err := pgconn.ParseConfigWithOptions(name, o)
		if err != nil {
			f.err = &psql.Error{Pos: c.Pos, Message: `\connect: the connection string cannot be read`}
			return f
		}
		name = parsed.Database
		for _, key := range keys {
			switch key {
			case "dbname", "application_name":
			case "user":
				c.User = parsed.User
			case "host":
				c.Host = parsed.Host
			case "port":
				c.Port = strconv.Itoa(int(parsed.Port))
			}
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
	if f.err = r.holdConnect(c.Pos, config.Database, config.User); f.err != nil {
		return f
	}
	if err := r.moveTo(ctx, config); err != nil {
		f.err = err // psql, too, ends here: it has no connection any more
		var p *problem.Error
		if errors.As(err, &p) {
			placed := *p
			placed.Where, placed.At, placed.What = "", c.Pos.Place(), `the script's own \connect: `+p.Headline()
			placed.Remedy = "This is the script's own connection, not the one of database-url, which worked: take the command out of the script, or make the database that it names."
			f.err = &placed
		}
		return f
	}
	return nil
}

// moveTo has the load go on over another connection.
func (r *run) moveTo(ctx context.Context, target *pgx.ConnConfig) error {
	old := r.session
	r.dismiss(ctx)
	err := r.settleNames(ctx)
	if err == nil {
		err = r.connect(ctx, target)
	}
	if err != nil {
		return err
	}
	r.facts = nil
	r.tally.leave()
	old.Close(ctx)
	r.hire(ctx)
	return nil
}

// connectKeys are what a connection string of a script's may say.
var connectKeys = map[string]bool{"dbname": true, "application_name": true, "user": true, "host": true, "port": true}

// connectionKeys gives the names of the parameters in a connection string.
func connectionKeys(s string) (keys []string) {
	if u, err := url.Parse(s); err == nil && strings.Contains(s, "://") {
		for key, set := range map[string]bool{"user": u.User != nil, "host": u.Hostname() != "", "port": u.Port() != ""} {
			if set {
				keys = append(keys, key)
			}
		}
		for key := range u.Query() {
			keys = append(keys, key)
		}
		return keys
	}
	for _, m := range connectionKey.FindAllStringSubmatch(s, -1) {
		keys = append(keys, m[1])
	}
	return keys
}

var connectionKey = regexp.MustCompile(`([A-Za-z_]+)\s*=`)

// encoding is the client encoding.
func (x *executor) encoding() string { return x.session.Parameter("client_encoding") }

// readable is text for the tokens to read: in an encoding whose characters may hold any byte, without those bytes.
func (x *executor) readable(text []byte) []byte { return psql.Masked(text, x.encoding()) }

// escapes tells whether backslashes in '…' are escapes.
func (x *executor) escapes() bool {
	return x.session.Parameter("standard_conforming_strings") == "off"
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

// tellProgress tells how far the load has come. Of a script that members of its crew load, they do.
func (r *run) tellProgress() {
	switch bytes := r.reading.BytesRead(); {
	case r.o.Events.Progress == nil || !r.tally.counting:
	case r.crew != nil && r.rows == nil:
		r.crew.noteOutside(bytes)
	default:
		if r.rows != nil {
			bytes = r.rows.BytesRead()
		}
		r.o.Events.Progress(Progress{Table: r.tally.table, Bytes: bytes, Total: r.total, Rows: r.tally.rows})
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
