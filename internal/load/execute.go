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
	"time"
	"unicode/utf8"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
)

// statement is a statement of a script on its way to the server, whatever has made it: a semicolon, a meta-command, \copy, a row
// of \gexec, or a second try.
type statement struct {
	at       psql.Position
	text     []byte
	compound bool            // the text may hold several statements
	source   *psql.Statement // nil for \copy and rows of \gexec
	script   *psql.Script
	rows     func() (*psql.CopyReader, error) // that follow a COPY
	command  bool                             // it is a \copy
	file     string                           // whose rows a \copy reads, "" for none
	locate   func(int) psql.Position

	parsed  []sqltext.Statement
	effect  sqltext.Effect // of all of it, as far as the tables are known
	plan    *tablePlan     // of the one table that it fills, nil if it is not known
	written string         // why its rows go as written where others would go over another connection
	held    bool           // to the list of what the script may say
	sets    bool           // a dry run: it called setval
	f       *failure
}

// only gives the statement if it is the only one in its text.
func (s *statement) only() *sqltext.Statement {
	if len(s.parsed) == 1 {
		return &s.parsed[0]
	}
	return nil
}

// send gives what a meta-command wants of the statement, nil if a semicolon has ended it.
func (s *statement) send() *psql.Send {
	if s.source == nil {
		return nil
	}
	return s.source.Send
}

// simply reports whether the statement is sent as by a semicolon.
func (s *statement) simply() bool {
	send := s.send()
	return send == nil || send.Kind == psql.SendG && send.Bind == nil
}

// stage is a part of every statement's way. done ends the way, and so does a failure.
type stage struct {
	name string
	do   func(context.Context, *statement) (done bool, f *failure)
	own  bool // of a load's own connection: the statements of a part, which bring rows of constants, it would let by
}

// unlessFailed is what a stage does that ends the way only by a failure.
func unlessFailed(do func(context.Context, *statement) *failure) func(context.Context, *statement) (bool, *failure) {
	return func(ctx context.Context, s *statement) (bool, *failure) { return false, do(ctx, s) }
}

// stages is the way that every statement takes. There is no other: what is not sent here is not sent. load is nil for a member of its crew.
func (x *executor) stages(load *run) []stage {
	all := []stage{
		{"leave it for another reading of the script", load.pass, true},
		{"refuse what is never done for a script from outside", x.refuse, false},
		{"take apart what changes the replica role, where the role may not", load.apart, true},
		{"wait for what was sent before", unlessFailed(x.await), false},
		{"pass over a SET of a parameter that only newer servers have", load.passOver, true},
		{"refuse what would stop those who read", load.letRead, true},
		{"have rows of tables outside the export go along, if that is asked for", load.take, true},
		{"take out of the way what the replica role would", load.makeWay, true},
		{"leave rows of tables outside the export as they are", load.spare, true},
		{"see what it may change", unlessFailed(x.learn), false},
		{"hand it over to another connection", load.handOver, true},
		{"do what several transactions can do together, or do it in one", load.keepTogether, true},
		{"send it with others as rows of a COPY", x.gather, false},
		{"read it to its end", unlessFailed(x.complete), false},
		{"have one transaction take what means its time", x.keepTime, false},
		{"hold it to the list of what the script may say, as it is written", x.hold, false},
		{"keep a dry run from what no rollback takes back", load.keepDry, true},
		{"wait for other connections", unlessFailed(x.awaitOthers), false},
		{"find what will not be there afterwards", unlessFailed(x.settleKnown), false},
		{"send it without waiting", x.post, false},
		{"wait for all answers, and find its file", unlessFailed(x.ready), false},
		{"send it with what psql adds to it, or do what it says in another way", load.deliver, true},
		{"send it", unlessFailed(x.send), false},
	}
	return slices.DeleteFunc(all, func(s stage) bool { return s.own && load == nil })
}

// execute has a statement take the road.
func (x *executor) execute(ctx context.Context, s *statement) *failure {
	x.read(s)
	for _, stage := range x.road {
		if done, f := stage.do(ctx, s); done || f != nil {
			return f
		}
	}
	return nil
}

// read reads the statement's text. What the server refuses for its bytes, in a comment too, is nothing that is known.
func (x *executor) read(s *statement) {
	if s.parsed = []sqltext.Statement{{}}; x.encoding() != "UTF8" || utf8.Valid(s.text) {
		s.parsed = x.parse(s.text, s.compound)
	}
	s.f = &failure{at: s.at, text: s.text, locate: s.locate}
	s.effect = s.writtenEffect()
}

// writtenEffect gives the effect of all that is in the statement's text, as far as that is certain without a look at its tables.
func (s *statement) writtenEffect() sqltext.Effect {
	if send := s.send(); send != nil && send.Bind != nil { // parameters, or a statement that was prepared before
		return sqltext.Anything
	}
	if one := s.only(); one != nil {
		return one.Effect
	}
	for _, p := range s.parsed { // of what is joined, some may be done and some not, and nobody looks at its tables
		switch p.Effect {
		case sqltext.Nothing, sqltext.Setting, sqltext.Session, sqltext.Sequence:
		default:
			return sqltext.Anything
		}
	}
	return sqltext.Session
}

// parse reads the statements in text.
func (x *executor) parse(text []byte, compound bool) []sqltext.Statement {
	all := sqltext.Parse(x.readable(text), sqltext.Options{Escapes: x.escapes(), Compound: compound, OldSpace: !x.session.ServerAtLeast(160000),
		ASCII: x.encoding() != "UTF8" || x.session.Parameter("server_encoding") != "UTF8"})
	for _, s := range all {
		x.unguarded = x.unguarded || s.Unguarded
	}
	return all
}

func (x *executor) refuse(ctx context.Context, s *statement) (bool, *failure) {
	if refused := sqltext.Refuse(x.readable(s.text), s.parsed, x.escapes()); refused != nil {
		return x.refusedAs(s, refused)
	}
	one, part := s.only(), s.source != nil && s.source.More
	if !part && (one == nil || one.Insert == nil || one.Insert.Rows == 0 || s.send() != nil || !x.fast()) {
		return x.hold(ctx, s)
	}
	// The rows of this INSERT may go as those of a COPY, and are constants then.
	if x.listed() && one != nil && len(one.Relations) == 1 {
		return x.heldTo(s, trust.RefuseRelation(one.Relations[0], x.list(ctx, s)))
	}
	return false, nil
}

// heldTo refuses what the list refuses, if it does, and says what else helps.
func (x *executor) heldTo(s *statement, refused *sqltext.Refusal) (bool, *failure) {
	if refused == nil {
		return false, nil
	}
	if x.o.AllowRemedy != "" {
		refused.Remedy += "\n" + x.o.AllowRemedy
	}
	return x.refusedAs(s, refused)
}

func (x *executor) refusedAs(s *statement, refused *sqltext.Refusal) (bool, *failure) {
	s.f.err, s.f.refused = &psql.Error{Refused: true, Message: refused.Message, Remedy: refused.Remedy}, true
	return true, s.f
}

// listed reports whether what is run now is held to a list: the user's own scripts are not.
func (x *executor) listed() bool {
	return x.o.Allow != "" && x.o.Allow != trust.SQL && x.tally.counting
}

// hold refuses what is not on the list of what the script may say.
func (x *executor) hold(ctx context.Context, s *statement) (bool, *failure) {
	if s.held || !x.listed() {
		return false, nil
	}
	s.held = true
	return x.heldTo(s, trust.Refuse(x.readable(s.text), x.list(ctx, s)))
}

// newerParameters are the parameters that pg_dump sets and not every server knows, with the server's version from which on it does.
var newerParameters = map[string]int{"default_table_access_method": 120000, "transaction_timeout": 170000}

// passOver leaves out the SET of a parameter that the server is too old for. They are those of a newer pg_dump, and without them the
// dump means the same.
func (r *run) passOver(_ context.Context, s *statement) (bool, *failure) {
	one := s.only()
	if one == nil || s.send() != nil || r.session.TxStatus() == 'E' {
		return false, nil
	}
	since, known := newerParameters[one.Sets]
	if !known || r.session.ServerAtLeast(since) {
		return false, nil
	}
	if !r.mentioned["SET "+one.Sets] {
		r.mentioned["SET "+one.Sets] = true
		r.warn(fmt.Sprintf("%s:%d: SET %s is passed over: the server is PostgreSQL %s, and the parameter came with version %d; a newer pg_dump has written it, and nothing needs to be done",
			s.at.File, s.at.Line, one.Sets, r.session.Parameter("server_version"), since/10000))
	}
	return true, r.outcome(s.f, pgconn.NewCommandTag("SET"))
}

// await awaits the answers to what was posted, unless the statement may go without them.
func (x *executor) await(ctx context.Context, s *statement) *failure {
	if x.mayPost(s) {
		return nil
	}
	return x.answered(ctx)
}

// learn finds what the statement may change besides the rows that it brings: that is certain only of a table that is known.
func (x *executor) learn(ctx context.Context, s *statement) *failure {
	one := s.only()
	if one != nil && one.Supposed != sqltext.Anything && s.send() == nil && x.fast() {
		own, err := x.serversOwn(ctx)
		if err != nil {
			return x.fail(s, err)
		}
		if own {
			s.effect = one.Supposed
		}
		return nil
	}
	if one == nil || len(one.Relations) != 1 || s.effect != sqltext.Rows && (one.Insert == nil || one.Insert.Rows == 0 || s.send() != nil) {
		return nil
	}
	if !x.fast() {
		if s.effect == sqltext.Rows && x.known.ofTables() {
			s.effect = sqltext.Anything // nobody has seen what these rows set going
		}
		return nil
	}
	table := one.Relations[0].String()
	if one.Insert != nil && !x.worthKnowing(s, table) || one.Insert == nil && x.known.plans[table] == nil && !x.known.due(table) {
		s.effect = sqltext.Anything
		return nil
	}
	plan, err := x.plan(ctx, one.Relations[0])
	if err != nil {
		return x.fail(s, err)
	}
	s.plan = plan
	if s.effect != sqltext.Rows {
		return nil
	}
	s.effect = sqltext.Anything
	if plan == nil {
		return nil
	}
	columns, given := s.givenColumns(one, x.readable(s.text))
	switch inert, draws := strategy.Inert(&plan.Table, columns, given); {
	case inert:
		s.effect = sqltext.Rows
		if one.Insert == nil {
			delete(x.known.vain, table)
		}
	case draws:
		s.effect = sqltext.Numbered
	}
	return nil
}

// givenColumns gives the columns that an INSERT or COPY names, nil for none, and how many values the first row of an INSERT has, 0 where that is not
// known. text is the statement's, for the tokens to read.
func (s *statement) givenColumns(one *sqltext.Statement, text []byte) (columns []string, given int) {
	switch {
	case one.Insert == nil:
		return one.Copy.Columns, 0
	case one.Insert.Default: // any column may take its default
		return []string{}, 0
	default:
		return one.Insert.Columns, sqltext.CountValues(text[s.firstRow(one):])
	}
}

// serversOwn reports whether setval and set_config are functions of the server's whatever the path is: nobody has made others of these names.
func (x *executor) serversOwn(ctx context.Context) (bool, error) {
	k := x.known
	if k.own == nil {
		made, err := catalog.HasFunctions(ctx, x.session, []string{"setval", "set_config"})
		if err != nil {
			return false, err
		}
		own := !made
		k.own = &own
	}
	return *k.own, nil
}

// firstRow gives the offset of an INSERT's first row.
func (s *statement) firstRow(one *sqltext.Statement) int {
	if one.Insert.Rows > 0 {
		return one.Insert.Rows
	}
	return max(0, bytes.IndexByte(s.text, '('))
}

// seldom is how often plans may have been forgotten while small INSERTs are still worth asking the catalog about their table.
const seldom = 20

// near is how soon a server answers to whom the way costs less than a question about tables.
const near = time.Millisecond

// worthKnowing reports whether the catalog is to be asked about the table of an INSERT, and counts INSERTs. The question costs tens of
// milliseconds; where the server is near, the first small INSERTs are done by then, and as long as nothing is known there is nothing that they make doubtful.
func (x *executor) worthKnowing(s *statement, table string) bool {
	if table != x.insertsInto {
		x.insertsInto, x.insertsSeen = table, 0
	}
	x.insertsSeen++
	_, known := x.known.plans[table]
	_, foreknown := x.known.foreknown[table]
	switch {
	case known || foreknown || len(s.text) >= x.o.thresholds.largeInsert:
		return true
	case !x.few(s):
	case x.known.forgotten >= seldom:
		return false
	case x.unasked < x.o.thresholds.unasked && !x.known.ofTables() && !x.o.Explain && !x.way.inForce() && x.session.Nearest() < near:
		x.unasked++
		return false
	}
	return x.known.due(table)
}

// few reports whether an INSERT is too small for another way to be worth its while.
func (x *executor) few(s *statement) bool {
	return len(s.text) < x.o.thresholds.largeInsert && x.insertsSeen < x.o.thresholds.manyInserts && x.crew == nil
}

// complete reads the rest of a statement that was given in part.
func (x *executor) complete(ctx context.Context, s *statement) *failure {
	if s.source == nil || !s.source.More {
		return nil
	}
	whole, err := s.script.Rest(s.source)
	if err != nil {
		return &failure{at: s.at, err: err, refused: true}
	}
	x.reading.passed(s.script, whole)
	s.source, s.text, s.locate = whole, whole.Text, whole.Locate
	x.read(s)
	if _, f := x.refuse(ctx, s); f != nil {
		return f
	}
	if s.effect == sqltext.Rows {
		s.effect = sqltext.Anything // larger than anybody looks at
	}
	return nil
}

// writes reports that the statement changes rows, and may set anything going.
func (s *statement) writes() bool {
	one := s.only()
	if one == nil || s.effect != sqltext.Anything {
		return false
	}
	return one.Insert != nil || one.Copy != nil && one.Copy.From || s.source != nil && slices.Contains([]string{"update", "delete", "merge"}, s.source.First)
}

// settleKnown readies what will not be known, or not be possible, after the statement: what names mean, and indexes that are to be
// filled.
func (x *executor) settleKnown(ctx context.Context, s *statement) *failure {
	leaves := s.effect == sqltext.Rows && s.plan != nil && s.plan.replica && (!s.plan.off || s.parsed[0].Copy != nil) && !x.lessons.settles(s.at)
	if len(x.off) > 0 && !leaves {
		if f := x.answered(ctx); f != nil {
			return f
		}
		if err := x.rebuild(ctx); err != nil {
			return x.fail(s, x.refused(err))
		}
	}
	if len(x.online.full) > 0 && !s.spares() && x.session.TxStatus() != 'E' {
		if f := x.answered(ctx); f != nil {
			return f
		}
		if err := x.emptyRest(ctx); err != nil {
			return x.fail(s, err)
		}
	}
	if s.writes() && x.session.TxStatus() != 'E' {
		if f := x.answered(ctx); f != nil {
			return f
		}
		if err := cmp.Or(x.nameBefore(ctx), x.lookUpEmptied(ctx)); err != nil {
			return x.fail(s, err)
		}
		s.effect = writing
	}
	if x.session.TxStatus() != 'E' && !x.known.keepsNames(s.effect) && (len(x.tally.asked) > 0 || x.known.emptied.Noted()) {
		if f := x.answered(ctx); f != nil {
			return f
		}
		if err := cmp.Or(x.settleNames(ctx), x.lookUpEmptied(ctx)); err != nil {
			return x.fail(s, err)
		}
	}
	if one := s.only(); one != nil && one.Kind == sqltext.Truncate && !x.o.Continue { // with Continue it may have failed
		for i, name := range one.Relations {
			x.known.foresee(sqltext.QuoteName(name...))
			if !one.Only[i] { // what inherits from it, and may have its sequence, stays
				x.known.emptied.Truncated(name.String())
			}
		}
	}
	return nil
}

// ready waits for all that was sent before. A file of the server's that a COPY names, if the archive holds one of that name, is read here instead.
func (x *executor) ready(ctx context.Context, s *statement) *failure {
	if c := s.parsed[0].Copy; c != nil && c.File != "" && c.From && len(s.parsed) == 1 && s.script != nil {
		s.text = []byte(string(s.text[:c.FileAt.At]) + "STDIN" + string(s.text[c.FileAt.End:]))
		file, at := c.File, s.at
		s.rows = func() (*psql.CopyReader, error) { return s.script.CopyFile(at, file) }
	}
	return x.answered(ctx)
}

// send sends the statement and handles its answer.
func (x *executor) send(ctx context.Context, s *statement) *failure {
	f := x.query(ctx, s)
	x.countBack(s, f == nil)
	return f
}

// deliver sends the statement with what psql adds to it, or does what it says in another way.
func (r *run) deliver(ctx context.Context, s *statement) (bool, *failure) {
	return true, r.implicit(ctx, s, func() *failure {
		if r.began {
			done, rewound, err := r.transactionControl(ctx, s.parsed, len(s.parsed) > 1 || s.compound && s.source != nil || s.send() != nil && s.send().Kind == psql.SendParse)
			if done {
				if rewound {
					r.rewind()
				}
				s.f.err = err
				if err == nil {
					r.tally.follow(s.parsed[0], r.inBlock, rewound)
				}
				return r.outcome(s.f, pgconn.CommandTag{})
			}
		}
		if r.o.Online && r.began && slices.ContainsFunc(s.parsed, func(one sqltext.Statement) bool { return one.Kind == sqltext.Truncate }) {
			return r.emptyOnline(ctx, s)
		}
		if one := s.only(); one != nil && one.Role != nil && s.simply() {
			if done, f := r.replicationRole(ctx, s, one.Role); done {
				r.known.after(sqltext.Session)
				return f
			}
		}
		var f *failure
		if !s.simply() {
			f = r.sendFor(ctx, s)
			r.countBack(s, f == nil)
		} else {
			f = r.send(ctx, s)
		}
		if f == nil {
			f = r.noted(ctx, s)
		}
		if f == nil {
			if err := r.noteDeferred(ctx, s); err != nil {
				f = r.fail(s, err)
			}
		}
		if f == nil && r.session.TxStatus() != 'E' {
			if err := r.views.See(ctx, r.session, s.only(), r.changes); err != nil {
				f = r.fail(s, err)
			}
		}
		return f
	})
}

// sent is called when the answer to a statement is there: what may have become untrue is forgotten, and in the one transaction it
// is seen whether that is still open.
func (x *executor) sent(ctx context.Context, s *statement) error {
	s.plan.filled()
	x.known.after(s.effect)
	if s.effect == writing && s.plan != nil {
		x.known.inVain(sqltext.QuoteName(s.parsed[0].Relations[0]...))
	}
	if s.effect == writing || !x.known.keepsNames(s.effect) {
		x.way.lookAgain()
	}
	for _, one := range s.parsed {
		if one.Effect == sqltext.Rewind {
			x.rewind()
		}
	}
	if err := x.stillOne(ctx, s.parsed); err != nil {
		return err
	}
	if one := s.only(); (s.effect == sqltext.Anything || s.effect == writing) && (one == nil || one.Kind == sqltext.Other) {
		return x.keepsReading(ctx, false)
	}
	return nil
}

// countBack has the tally follow what was sent and answered, well or not.
func (x *executor) countBack(s *statement, well bool) {
	commands := x.session.Last().Commands
	for _, one := range s.parsed {
		back := one.Kind == sqltext.Rollback || one.Kind == sqltext.Commit && (!well || len(commands) > 0 && commands[len(commands)-1] == "ROLLBACK")
		if !well {
			one = sqltext.Statement{}
		}
		x.tally.follow(one, x.inTransaction(), back)
	}
}

// rewind is called when something was taken back.
func (x *executor) rewind() {
	x.known.after(sqltext.Rewind)
	x.views.Forget()
	x.way.rolledBack()
}

// stillOne reports that a statement has ended the one transaction of the load.
func (x *executor) stillOne(ctx context.Context, parsed []sqltext.Statement) error {
	if !x.began || x.session.IsClosed() {
		return nil
	}
	if ended, committed := hasEnded(x.session.TxStatus(), x.session.Last().Commands, parsed); ended {
		return x.endedByScript(ctx, committed)
	}
	return nil
}

// hasEnded reports whether statements have ended the transaction that they were in, by the state that the server tells and by the commands
// that it has completed: one that commits and begins again ends in the same state.
func hasEnded(status byte, commands []string, parsed []sqltext.Statement) (ended, committed bool) {
	back := 0
	for _, s := range parsed {
		if s.Kind == sqltext.RollbackTo {
			back++
		}
	}
	ended = status == 'I'
	for _, command := range commands {
		switch command {
		case "COMMIT":
			ended, committed = true, true
		case "ROLLBACK":
			if back--; back < 0 {
				ended = true
			}
		}
	}
	return ended, committed
}

// whatStays says what became of what was done in a transaction that has ended.
func whatStays(committed bool) string {
	if committed {
		return "what came before was committed and stays"
	}
	return "it was rolled back, and statements after that may have been committed"
}

// endedByScript says what became of the one transaction, which the script has ended.
func (x *executor) endedByScript(ctx context.Context, committed bool) error {
	x.began = false
	if x.session.TxStatus() != 'I' {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		_ = x.exec(short, "ROLLBACK")
	}
	x.broken = &problem.Error{Code: problem.Database, At: x.placeOf(x.at), What: "the script has ended the one transaction of the load: " + whatStays(committed), State: problem.Partly,
		Remedy: "Look at the tables. Take out of the script what ends its transaction, or set transaction to none."}
	return x.broken
}

// fail gives the failure of a statement by an error of ours or of the server's.
func (x *executor) fail(s *statement, err error) *failure {
	var before *failedBefore
	if errors.As(err, &before) {
		return before.f
	}
	s.f.err = err
	return s.f
}

// query sends a statement and counts what it loads. It gives nil when all went well.
func (x *executor) query(ctx context.Context, s *statement) *failure {
	start := time.Now()
	size := int64(len(s.text))
	var tags []pgconn.CommandTag
	rows, f, infos := s.rows, s.f, s.parsed
	if given, c := rows, infos[0].Copy; c != nil && !c.Plain {
		rows = func() (*psql.CopyReader, error) {
			reader, err := given()
			switch {
			case reader == nil:
			case c.Binary:
				reader.SetBinary()
			case x.session.ServerAtLeast(180000): // \. is a row of CSV
				reader.LeaveEndToServer()
			}
			return reader, err
		}
	}
	ahead, err := x.ahead(s, rows)
	var open *psql.CopyReader
	var recoded *recoder
	switch {
	case err != nil:
		return x.outcome(x.fail(s, err), pgconn.CommandTag{})
	case ahead != nil && !x.began:
		tag, out := ahead.sendAlone(ctx, x, s) // collect sees to what is known
		if out == nil {
			out = f
		}
		return x.outcome(out, tag)
	case ahead == nil && infos[0].Copy != nil:
		if err := x.emptyRest(ctx); err != nil {
			return x.outcome(x.fail(s, err), pgconn.CommandTag{})
		}
	case ahead != nil:
		open = ahead.rows
		columns := infos[0].Copy.Columns
		if !infos[0].Copy.Plain {
			columns = nil
		}
		if err = x.beforeRows(ctx, infos[0].Relations[0], ahead.plan, columns, ahead.decision); err == nil {
			recoded, err = x.recode(ctx, infos[0], ahead)
		}
		if err != nil {
			_ = open.Close()
			f.err = err
			return f
		}
	}
	if ahead != nil && (recoded != nil || len(x.off) > 0 || ahead.plan.stage != nil) {
		var tag pgconn.CommandTag
		tag, err = x.sendAhead(ctx, s, ahead, recoded)
		tags = append(tags, tag)
	} else {
		err = x.session.Do(ctx, s.text, session.Handlers{CopyIn: func() (io.Reader, error) {
			if ahead != nil {
				return ahead.text(), nil
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
			return copycodec.Momentless(watched{open, x.progress}, x.rulesOfTime(s.plan, infos[0].Copy)), nil
		}, Done: func(tag pgconn.CommandTag) { tags = append(tags, tag) }})
	}
	if ended := x.sent(ctx, s); ended != nil {
		err = ended
	}
	if open != nil {
		if f.rows == nil {
			f.rows = open
		}
		if cerr := open.Close(); err == nil {
			err = cerr
		}
		size += open.Bytes()
	}
	for i, tag := range tags[:min(len(tags), len(infos))] {
		one := &infos[i]
		x.known.emptied.Deleted(one, tag)
		if len(one.Relations) == 1 && (one.Kind == sqltext.Insert || one.Kind == sqltext.Copy) && err == nil {
			x.tally.count(one.Relations[0], tag.RowsAffected(), size, time.Since(start))
			size, start = 0, time.Now()
		}
	}
	f.err = err
	var last pgconn.CommandTag
	if len(tags) > 0 {
		last = tags[len(tags)-1]
	}
	return x.outcome(f, last)
}

// decide says how a table's rows go. Where that is asked for, it is explained, once all is known that it depends on.
func (x *executor) decide(plan *tablePlan, s strategy.Situation, final bool) strategy.Decision {
	s.Single, s.Several, s.Drawn = x.o.Transaction != None, x.several(), x.known.drawn
	s.Crew = (x.crew != nil || x.reading.part != nil) && !plan.partitioned // rows of that go over the script's own
	d := strategy.Decide(&plan.Table, s)
	if final && (s.Single || !s.Many || plan.Exclusive || !plan.lockable()) || d.Rows == strategy.AsWritten { // else it is told when the lock is there
		x.tellWay(plan, d.String())
	}
	return d
}

// tellWay explains how a table's rows go, where that is asked for and has not been said.
func (x *executor) tellWay(plan *tablePlan, way string) {
	if x.o.Explain && x.explained[plan.oid] != way {
		x.explained[plan.oid] = way
		x.notice(fmt.Sprintf("%s: %s", plan.name, way))
	}
}
