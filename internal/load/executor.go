package load

import (
	"cmp"
	"context"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/rowfiles"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// executor carries out statements of a script over one connection, all of them by execute: it has the session, what is known over it, what is
// under way, and what came of it. The load has one, and so has each member of its crew; none knows of another but by what is said below.
type executor struct {
	o        Options
	session  *session.Session
	vars     *psql.Vars
	road     []stage // that its statements take
	known    *knowledge
	tally    *tally
	lessons  *lessons // of earlier tries
	progress func()   // tells how far it has come

	began   bool  // our own transaction is open
	inBlock bool  // Single: the script is where psql -1 would be in a transaction block
	broken  error // the script has ended the one transaction: what is said of that

	reading   reading
	at        psql.Position // of the statement in hand, for the server's notices
	posted    []*posted     // sent, not yet answered
	replaying bool          // what was refused goes once more, as written

	total     int64        // bytes of the entry script
	rows      *rowfiles.FS // where there is no script, else nil
	first     error        // what was told of the first failure
	failures  int
	word      string // with which the statement begins that the server has refused
	notices   int
	explained map[uint32]string // what was said of how a table's rows go, by its oid

	off         []*tablePlan // whose indexes are switched off
	insertsInto string       // table of the last INSERT
	insertsSeen int          // INSERTs into it, one after the other
	unasked     int          // small INSERTs that went before the catalog was asked about anything
	facts       *listFacts   // nil until they are asked for

	unguarded bool         // foreign keys were not enforced all the time
	way       *ownersWay   // taken where session_replication_role is refused, else nil
	online    online       // what Options.Online needs
	views     verify.Views // what was seen of materialized views

	crew     *crew     // to whose members it gives rows; nil if there are none
	given    bool      // one of them has the last statement
	together *together // its transaction and theirs are to be one; nil if not
	joins    bool      // it is a member's, and its transaction one of those
}

// reading is what an executor reads: a script, or a part of one.
type reading struct {
	*psql.Script
	held   *held // what a run of INSERTs has read too far
	part   *part // nil for all of the script
	crew   *crew // that has the part
	offset int64 // behind the statement of the part that was read last
	within bool  // which goes on
	taken  bool  // there was one
}

// held is an item of the script, or the error in its place.
type held struct {
	item any
	err  error
}

func newExecutor(o Options, learned *lessons) executor {
	t := &o.thresholds
	t.fragmentSize, t.largeInsert = cmp.Or(t.fragmentSize, fragmentSize), cmp.Or(t.largeInsert, largeInsert)
	t.manyInserts, t.manyRows = cmp.Or(t.manyInserts, manyInserts), cmp.Or(t.manyRows, manyRows)
	t.unasked = cmp.Or(t.unasked, unasked)
	t.runSize, t.largestCopied = cmp.Or(t.runSize, runSize), cmp.Or(t.largestCopied, largestCopied)
	t.togetherFrom = cmp.Or(t.togetherFrom, togetherFrom)
	t.manyToAnalyze, t.keyMemory = cmp.Or(t.manyToAnalyze, manyToAnalyze), cmp.Or(t.keyMemory, keyMemory)
	o.SkipAnalyze = o.SkipAnalyze || o.DryRun // no rollback takes it all back
	names := newTally()
	return executor{o: o, lessons: learned, tally: names, known: newKnowledge(o.Transaction != None, names), explained: map[uint32]string{}}
}

// several tells whether the load's one transaction is made of several.
func (x *executor) several() bool { return x.together != nil || x.joins }

// open opens the connection.
func (x *executor) open(ctx context.Context, target *pgx.ConnConfig) error {
	o := x.o.session()
	o.ServerNotice = x.serverNotice
	opened, err := session.Open(ctx, target, o)
	if err == nil {
		x.session = opened
	}
	return err
}

// rollbackTimeout is how long a rollback may take before the connection is dropped, which rolls back too.
const rollbackTimeout = 2 * time.Second

// rollback rolls back what is open, even when ctx has ended.
func (x *executor) rollback(ctx context.Context) {
	_ = x.answered(ctx)
	open := x.began && !x.session.IsClosed() && x.session.TxStatus() != 'I' // a COMMIT that fails has rolled back
	x.began = false
	if !open {
		return
	}
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	if err := x.exec(short, "ROLLBACK"); err != nil {
		x.session.Drop() // the server rolls back when it notices
	}
}

// exec sends one statement of our own.
func (x *executor) exec(ctx context.Context, sql string) error {
	return x.session.Do(ctx, []byte(sql), session.Handlers{})
}

// change sends a statement of our own that means what it means under pg_catalog alone.
func (x *executor) change(ctx context.Context, sql string) error {
	return x.session.Change(ctx, sql, session.Handlers{})
}

// placeOf gives a place of the script, or of the files that it stands for.
func (x *executor) placeOf(p psql.Position) problem.Place {
	if x.rows != nil && p.File == rowfiles.Script {
		return problem.Place{File: x.rows.Statement(p.Line)}
	}
	return p.Place()
}

// where gives a place of the script for people. A script that stands for files of rows is nobody's: its places are those files.
func (x *executor) where(p psql.Position) string {
	return x.placeOf(p).String()
}

func (x *executor) notice(text string) {
	if x.o.Events.Notice != nil {
		x.o.Events.Notice(text)
	}
}

func (x *executor) warn(text string) {
	if x.o.Events.Warn != nil {
		x.o.Events.Warn(text)
	}
}

// maxNotices is how many of the server's notices are passed on; a script can raise one a row.
const maxNotices = 50

func (x *executor) serverNotice(n *pgconn.Notice) {
	if n.Severity == "NOTICE" && strings.HasPrefix(n.Message, "truncate cascades to table") {
		return // an export empties all its tables so, and says it a dozen times
	}
	x.notices++
	switch {
	case x.notices == maxNotices+1:
		x.notice("more notices of the server are not shown")
	case x.notices <= maxNotices:
		where := ""
		if x.at.File != "" {
			where = x.place()
		}
		x.notice(where + n.Severity + ": " + n.Message)
	}
}
