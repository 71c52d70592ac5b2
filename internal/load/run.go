package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/rowfiles"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// Run loads a script into the target database and checks the result: the whole job of this package, in order. With
// Transaction Single an error means that the database is as it was, unless the message says otherwise. The error is a
// *problem.Error, or that of ctx.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.DryRun && o.Transaction == None {
		return Result{}, &problem.Error{Code: problem.Settings, What: "a dry run rolls its one transaction back, and there is none"}
	}
	o.Events = o.Events.OneAtATime()
	again := func() {}
	if o.Transaction != None {
		o.Events, again = o.Events.Once()
	}
	learned := newLessons()
	var before *run
	var last error
	r := &run{}
	defer func() {
		if r.dry.Drawn != "" {
			r.warn(r.dry.Drawn)
		}
	}()
	for try := 1; ; again() {
		stands := r.dry.Before
		r = newRun(o)
		r.dry.Before, r.lessons = stands, learned
		result, err := r.attempt(ctx, before)
		var more *otherwise
		switch {
		case errors.As(err, &more):
			r.notice(more.Error())
			before = nil
			if !learned.take(more) {
				o.Verbatim = true // where every statement goes as written, every error is psql's
			}
		case errors.Is(err, errNumbersGone):
			return result, last
		case r.again && try < maxTries && ctx.Err() == nil:
			try++
			before, last = r, err
			r.notice(fmt.Sprintf("%s; nothing was committed: loading from the beginning, attempt %d of %d", headline(err), try, maxTries))
		case r.again && try > 1:
			return result, triedAgain(err, try)
		default:
			return result, r.explain(r.withFindings(ctx, err, &result))
		}
	}
}

// errNumbersGone says that numbers were drawn from sequences in a load that failed, which a second one would not get again.
var errNumbersGone = errors.New("sequences do not stand where they stood")

// maxTries is how often a load in one transaction is tried when the connection dies on the way.
const maxTries = 3

func headline(err error) string {
	var p *problem.Error
	if errors.As(err, &p) {
		return p.Headline()
	}
	return err.Error()
}

// triedAgain adds to an error that it is the last of several.
func triedAgain(err error, tries int) error {
	var p *problem.Error
	if !errors.As(err, &p) {
		return err
	}
	q := *p
	q.What = fmt.Sprintf("%s (after %d attempts)", p.What, tries)
	return &q
}

// attempt is one load. before is the one whose connection died, if any.
func (r *run) attempt(ctx context.Context, before *run) (Result, error) {
	o := r.o
	for name, value := range o.Variables {
		if err := r.vars.Set(name, value); err != nil {
			return Result{}, &problem.Error{Code: problem.Settings, Where: "setting variables", What: err.Error()}
		}
	}
	if !o.Continue {
		r.vars.Put("ON_ERROR_STOP", "on")
	}
	if o.Script.FS != nil {
		if info, err := fs.Stat(o.Script.FS, o.Script.Name); err == nil {
			r.total = info.Size()
		}
	}

	r.phase("connect")
	if err := r.connect(ctx, o.Target); err != nil {
		return Result{}, before.notBack(err)
	}
	defer func() { r.session.Close(ctx) }()
	if o.DryRun {
		if err := r.dry.Begin(ctx, r.session); err != nil {
			return Result{}, problemOf(err)
		}
		defer func() { r.dry.End(ctx, r.session) }()
	}
	if r.previous = before; before != nil {
		r.session.Terminate(ctx, before.session)
	}
	if !o.DryRun {
		if err := r.recoverOthers(ctx, r.session); err != nil {
			return Result{}, r.abandon(ctx, err)
		}
	}
	r.hire(ctx)
	defer r.dismiss(ctx)

	r.phase("load")
	if o.Explain && (o.Verbatim || o.Continue) {
		r.notice("every statement goes as written")
	}
	skipped, err := r.load(ctx)
	if err != nil {
		return r.result(), r.abandon(ctx, err)
	}
	if skipped {
		r.rollback(ctx)
		return Result{Skipped: true}, nil
	}
	if o.Accept != nil {
		if err := o.Accept(r.tally.rows); err != nil {
			return r.result(), r.abandon(ctx, err)
		}
	}
	r.phase("verify")
	if err := r.verify(ctx); err != nil {
		return r.result(), r.abandon(ctx, err)
	}
	if o.BeforeCommit != nil && r.began {
		if err := o.BeforeCommit(ctx); err != nil {
			return r.result(), r.abandon(ctx, err)
		}
	}
	if err := r.commit(ctx); err != nil {
		return r.result(), err
	}
	err = cmp.Or(r.checkUnchecked(ctx), r.analyzeCommitted(ctx), r.vacuumCommitted(ctx))
	return r.result(), err
}

// openRows makes a script of an export without one, by the catalog as it is then. What there is to be told is told, or is left for later.
func (r *run) openRows(ctx context.Context, told bool) error {
	if r.o.Rows == nil {
		return nil
	}
	o := rowfiles.Options{Replica: true, Replace: r.o.IfNotEmpty == Replace || r.o.IfNotEmpty == "", Block: r.o.Transaction == None, Notice: r.notice, Warn: r.warn}
	if r.o.Continue {
		o.Failed = func(err error) { r.failures++; r.warn(err.Error()) }
	}
	var other error
	if !told {
		o.Notice, o.Warn, o.Partly = func(string) {}, func(string) {}, true
		o.Failed = func(err error) {
			if !r.lacks(err) {
				other = cmp.Or(other, err)
			}
		}
	}
	if r.o.Transaction == None { // there the owner's way is not open
		if err := r.exec(ctx, "SET session_replication_role = 'replica'; RESET session_replication_role"); err != nil {
			o.Replica = false
			o.Notice("session_replication_role is refused: triggers fire, and foreign keys are checked row by row")
		}
	}
	o.Client, o.Database = r.encoding(), r.session.Parameter("server_encoding")
	o.Session = rowfiles.SessionEncoding(o.Client, o.Database)
	if err := r.encode(ctx, o.Session); err != nil {
		return problemOf(err)
	}
	files, err := rowfiles.Open(ctx, r.session, *r.o.Rows, o)
	if err = cmp.Or(err, other); err == nil {
		err = r.encode(ctx, o.Client)
	}
	if err != nil {
		r.lacks(err)
		return r.nothingSent(problemOf(err))
	}
	r.total = files.Size()
	r.o.Script, r.rows = Script{FS: files, Name: rowfiles.Script}, files
	return nil
}

// lacks notes what the database lacks for files of rows, and reports whether that is all that an error says.
func (r *run) lacks(err error) bool {
	var lacks *rowfiles.LacksError
	if !errors.As(err, &lacks) {
		return false
	}
	for _, l := range lacks.All {
		f := fit.MissingColumn(l.Table, l.Column, l.Near)
		switch {
		case l.NoRows != "":
			f = fit.NoTableThere(l.Table, l.NoRows)
		case l.Column == "":
			f = fit.MissingTable(strings.Split(l.Table, "."), l.Hint, fmt.Sprintf(rowfiles.NoTable, l.File))
		}
		f.Examples = []fit.Example{{File: l.File, Line: l.Line}}
		r.fit.Add(f)
	}
	r.fit.Close()
	return true
}

// nothingSent says in the error of a plan that nothing was changed, where that is so: scripts of the user's own may have come first.
func (r *run) nothingSent(err error) error {
	var p *problem.Error
	if !errors.As(err, &p) {
		return err
	}
	const nothing = "The database is as it was: nothing was sent."
	q := *p
	q.Remedy = strings.TrimSpace(strings.TrimSuffix(q.Remedy, nothing))
	if len(r.o.Before) == 0 {
		q.Remedy = strings.TrimSpace(q.Remedy + "\n" + nothing)
	}
	return &q
}

// encode changes the client encoding.
func (r *run) encode(ctx context.Context, encoding string) error {
	if r.encoding() == encoding {
		return nil
	}
	return r.exec(ctx, "SET client_encoding = '"+encoding+"'")
}

// run is one load: its story, and the connection that it tells it over, which is the script's own.
type run struct {
	executor

	mentioned  map[string]bool // commands that were said to be skipped
	level      string          // Single: how the script wants the transaction isolated, as it has begun
	readOnly   bool            // Single: the script has made its block read only
	fills      []uint32        // tables that the script brings rows for, where that is known and foreign keys stay on
	order      *order          // of the rows, where the script's own does not do, else nil
	brokenRows int64           // that break a foreign key, of those that were warned of
	previous   *run            // whose connection died, if any
	mayDie     bool            // another load was under way that could leave something prepared

	took   bool     // rows outside the export went along, as outside-rows says
	spared bool     // rows outside the export are safe from what files of rows replace
	inside []uint32 // tables that the script is known to fill or empty, as far as it was read ahead

	toAnalyze []string         // tables, once their rows are committed
	second    *session.Session // shares the work then; nil if there is none

	stand  string        // where sequences stood when the load began
	dry    verify.DryRun // a dry run: what sequences would do, and have done
	noting bool          // a dry run: statements note what setval would do

	checks bool       // nothing is loaded: what would be is compared and explained
	asked  Options    // then: those of the load
	fit    fit.Report // what of the export does not fit the database

	again bool // the load failed in a way that may pass, and nothing of it is left
}

func newRun(o Options) *run {
	r := &run{executor: newExecutor(o, newLessons()), mentioned: map[string]bool{}}
	r.vars, r.road, r.progress = psql.NewVars(), r.stages(r), r.tellProgress
	return r
}

// connect opens the connection that the script goes over.
func (r *run) connect(ctx context.Context, target *pgx.ConnConfig) error {
	if err := r.open(ctx, target); err != nil {
		return err
	}
	r.vars.Put("DBNAME", target.Database)
	r.vars.Put("USER", target.User)
	r.vars.Put("HOST", target.Host)
	r.vars.Put("PORT", fmt.Sprint(target.Port))
	r.vars.Put("ENCODING", r.session.Parameter("client_encoding"))
	name, num := serverVersion(r.session.Parameter("server_version"))
	r.vars.Put("SERVER_VERSION_NAME", name)
	r.vars.Put("SERVER_VERSION_NUM", num)
	return nil
}

// load runs the scripts. skipped means that there were rows and Keep was asked for.
func (r *run) load(ctx context.Context) (skipped bool, err error) {
	seen, planned, err := r.planAhead(ctx)
	if err != nil {
		return false, err
	}
	// Before the transaction begins: a sequence that is looked at stays locked as one that was drawn from.
	if r.stand, r.views.Files, err = catalog.Before(ctx, r.session); err != nil {
		return false, problemOf(err)
	}
	if r.o.Transaction != None {
		if b := r.previous; b != nil && b.known.drawn && b.stand != r.stand {
			r.notice("the attempt is given up: numbers were drawn from sequences meanwhile, and its rows would get others")
			return false, errNumbersGone
		}
	}
	if r.o.Transaction != None {
		r.began, r.inBlock = true, true
		r.level = r.firstLevel()
	}
	if err := r.begin(ctx, seen); err != nil {
		return false, problemOf(err)
	}
	if err := r.recoverLate(ctx); err != nil {
		return false, err
	}
	if err := r.readyOnline(ctx); err != nil {
		return false, err
	}
	if keep, err := r.keepRows(ctx, seen); keep || err != nil {
		return keep, err
	}
	if r.began {
		if err := r.exec(ctx, "SAVEPOINT "+blockStart); err != nil {
			return false, problemOf(err)
		}
	}
	if r.o.Allow == trust.SQL && r.lessons.taken == 0 { // once: not when all is loaded once more
		r.sayReach(ctx)
	}
	if err := r.ownScripts(ctx, r.o.Before); err != nil {
		return false, err
	}
	if !planned { // the scripts may have made the tables
		asked := len(seen.heads) > 0 // what if-not-empty asks
		if err := r.openRows(ctx, true); err != nil {
			return false, err
		}
		if seen, err = r.lookAhead(ctx); err != nil {
			return false, err
		}
		if !asked {
			if keep, err := r.keepRows(ctx, seen); keep || err != nil {
				return keep, err
			}
		}
	}
	if err := r.comeTogether(ctx, seen); err != nil {
		return false, err
	}
	r.tally.counting, r.tally.open = true, r.inTransaction()
	left, err := r.leave(ctx)
	if err != nil {
		return false, problemOf(err)
	}
	if err := r.mainScript(ctx, r.o.Script); err != nil {
		return false, err
	}
	if err := r.finish(ctx); err != nil {
		return false, err
	}
	if err := r.putBack(ctx, left); err != nil {
		return false, err
	}
	r.tally.counting = false
	if err := r.ownScripts(ctx, r.o.After); err != nil {
		return false, err
	}
	return false, r.settle(ctx)
}

// planAhead finds out before the first change what the export will touch. Files of rows are planned by the catalog: where scripts of the
// user's own come first, planned is false, and the plan is made behind them. What if-not-empty asks is asked of the tables that are there
// before, as with a script.
func (r *run) planAhead(ctx context.Context) (seen *survey, planned bool, err error) {
	r.warnOfPooler()
	if r.o.Rows == nil || len(r.o.Before) == 0 {
		if err := r.openRows(ctx, true); err != nil {
			return nil, false, err
		}
		seen, err = r.lookAhead(ctx)
		return seen, true, err
	}
	guarded := r.o.IfNotEmpty == Keep || r.o.IfNotEmpty == Fail
	if !guarded || r.openRows(ctx, false) != nil {
		return &survey{}, false, ctx.Err()
	}
	seen, err = r.survey(ctx, 0)
	if err == nil {
		err = r.lookUp(ctx, seen)
	}
	if err != nil {
		return nil, false, problemOf(err)
	}
	return seen, false, nil
}

// ownScripts runs scripts of the user's own.
func (r *run) ownScripts(ctx context.Context, scripts []Script) error {
	for _, script := range scripts {
		if err := r.script(ctx, script); err != nil {
			return err
		}
		if err := r.finish(ctx); err != nil {
			return err
		}
	}
	return nil
}

// sayReach says what a script may do beyond the database, where it may say any SQL.
func (r *run) sayReach(ctx context.Context) {
	var files bool
	var err error
	superuser := !r.session.Pooled() && r.session.Parameter("is_superuser") == "on" // as the server tells unasked
	if !superuser {
		superuser, files, err = catalog.Reach(ctx, r.session)
	}
	switch {
	case err != nil:
	case superuser:
		r.notice("allow is sql and the role is a superuser: what the script says is limited by nothing but the server's rights")
	case files:
		r.notice("allow is sql and the role may run programs on the server or reach its files: so may what the script says")
	}
}

// finish awaits what a script has set going.
func (r *run) finish(ctx context.Context) error {
	if f := r.join(ctx); f != nil {
		return r.problem(f)
	}
	if err := r.rebuild(ctx); err != nil {
		return r.refused(err)
	}
	if err := r.keepsReading(ctx, true); err != nil {
		return problemOf(err)
	}
	return nil
}

// endBlock sees to what a script left behind: a failed or an open transaction.
func (r *run) endBlock(ctx context.Context) error {
	switch status := r.session.TxStatus(); {
	case r.began && status == 'E':
		if r.first != nil {
			return r.first
		}
		return &problem.Error{Code: problem.Database, What: "the script left its transaction failed"}
	case !r.began && status != 'I':
		r.warn("the script left a transaction open; it was rolled back, as when psql ends")
		if err := r.exec(ctx, "ROLLBACK"); err != nil {
			return problemOf(err)
		}
		r.tally.follow(sqltext.Statement{}, false, true)
	}
	return nil
}

// settle sees to what the scripts left behind.
func (r *run) settle(ctx context.Context) error {
	if err := r.endBlock(ctx); err != nil {
		return err
	}
	if r.failures > 0 {
		r.warn(fmt.Sprintf("%d statements failed; on-error is continue", r.failures))
	}
	return nil
}

// commit ends the transaction. When the connection breaks just then, the server is asked what became of it.
func (r *run) commit(ctx context.Context) error {
	if !r.began {
		return nil
	}
	if ctx.Err() != nil { // COMMIT has not been sent
		return r.abandon(ctx, ctx.Err())
	}
	if r.o.DryRun {
		return r.endDry(ctx)
	}
	if r.together != nil && len(r.crew.connected()) > 0 {
		return r.commitTogether(ctx)
	}
	r.online.xid = r.session.XID()
	if err := r.stopReaders(ctx); err != nil {
		return r.abandon(ctx, err)
	}
	answer := ""
	err := r.session.Do(ctx, []byte(r.commitText()), session.Handlers{Done: func(tag pgconn.CommandTag) { answer = tag.String() }})
	var pe *pgconn.PgError
	what := "the connection was lost while committing"
	switch {
	case err == nil && answer == "COMMIT" && r.session.TxStatus() == 'I':
		r.began = false
		r.session.Ended()
		return nil
	case err == nil:
		what = fmt.Sprintf("the server answers COMMIT with %q", answer)
		err = errors.New(what)
	case errors.As(err, &pe) && pe.Severity != "FATAL" && pe.Severity != "PANIC" && answer != "COMMIT":
		return r.abandon(ctx, problemOf(err))
	case pe != nil && answer == "COMMIT":
		what = "the server answers COMMIT with COMMIT and an error"
	}
	r.began = false
	fate := session.NotKnown
	if ctx.Err() == nil {
		fate = r.session.Fate(ctx)
	}
	switch fate {
	case session.Committed:
		r.notice(what + "; the server says that it did commit")
		return nil
	case session.RolledBack:
		r.again = true
		return &problem.Error{Code: problem.Database, Topic: problem.Lost, What: what + ", and the server did not commit: " + session.Reason(err), Err: err,
			Remedy: asItWas}
	}
	p := &problem.Error{Code: problem.Database, Topic: problem.Lost, Err: err,
		What: what + ": the load is either complete or not there at all, and which is not known",
		Remedy: fmt.Sprintf("Ask the server: SELECT txid_status(%d) says committed, aborted or in progress. Or look at the tables, or run the step again: "+
			"it replaces what it loads.", r.session.XID())}
	if ctx.Err() != nil {
		p.Code = problem.Interrupted
	}
	return p
}

const asItWas = "The database is as it was: everything was rolled back."

// notBack says of a connection that could not be made again that the load had begun.
func (r *run) notBack(err error) error {
	var p *problem.Error
	if r == nil || !errors.As(err, &p) {
		return err
	}
	q := *p
	q.What += "; the load had begun, and its connection was lost"
	q.Remedy = strings.TrimSpace(q.Remedy + "\n" + asItWas)
	return &q
}

// abandon rolls back and says in the error what became of the database.
func (r *run) abandon(ctx context.Context, err error) error {
	began, block := r.began, !r.session.IsClosed() && r.session.TxStatus() != 'I'
	r.again = r.o.Transaction != None && ctx.Err() == nil && session.Transient(err) && r.broken == nil
	r.rollback(ctx)
	if r.broken != nil {
		return r.broken
	}
	said := asItWas
	if !began {
		said = "Statements before this one stay done (transaction is none)."
		switch {
		case r.o.Transaction != None:
			said = "The database is as it was: nothing was begun."
		case block:
			said = "The transaction block that the script had begun was rolled back; statements before it stay done (transaction is none)."
		}
		if r.crew != nil && r.crew.parts > 0 {
			said += " Rows behind it may have come to other tables (jobs)."
		}
	}
	if ctx.Err() != nil {
		return interrupted(ctx, "loading", said)
	}
	var p *problem.Error
	if !errors.As(err, &p) {
		return err
	}
	q := *p
	if strings.Contains(q.Remedy, "The database is as it was") {
		return err
	}
	if q.Remedy != "" {
		q.Remedy += "\n"
	}
	q.Remedy += said
	return &q
}

// interrupted is the error of a ctx that has ended.
func interrupted(ctx context.Context, while, remedy string) error {
	code := problem.Interrupted
	if errors.Is(ctx.Err(), context.DeadlineExceeded) {
		code = problem.Timeout
	}
	return &problem.Error{Code: code, What: "interrupted while " + while, Remedy: remedy, Err: ctx.Err()}
}

// rollback rolls back what is open, over all connections whose transactions are one.
func (r *run) rollback(ctx context.Context) {
	if r.together != nil && r.crew != nil {
		r.crew.stop()
		for _, m := range r.crew.connected() {
			m.rollback(ctx)
		}
	}
	r.executor.rollback(ctx)
}

func (r *run) result() Result {
	result := r.tally.result()
	result.Broken, result.Fit = r.brokenRows, r.fit
	return result
}

func (r *run) phase(name string) {
	if r.o.Events.Phase != nil {
		r.o.Events.Phase(name)
	}
}
