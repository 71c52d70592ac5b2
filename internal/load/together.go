package load

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"golang.org/x/sync/errgroup"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/twophase"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// together is a load in one transaction that is made of several, each with tables of its own. Every table was empty and is locked; the
// script's own connection has none of the rows, and commits nothing. What else the script says is on a closed list: at anything that
// is not, all is rolled back, and loaded over one connection.
type together struct {
	database  uint32
	mu        sync.Mutex
	claimed   map[uint32]bool // tables that are locked and were seen to be empty
	emptied   []uint32        // tables that the script truncates
	unchecked []catalog.ForeignKey
	settled   bool // the script has changed what rows and names may mean: no rows may follow
}

// togetherFrom is from how many bytes of script on several transactions are worth their while.
const togetherFrom = 16 << 20

// comeTogether decides whether several connections load in one transaction, and says why not.
func (r *run) comeTogether(ctx context.Context, s *survey) error {
	if r.o.Jobs <= 1 || r.o.Transaction == None {
		return nil
	}
	why, err := r.whyAlone(ctx, s)
	if err != nil {
		return problemOf(err)
	}
	if why == "" {
		r.hire(ctx)
		return nil
	}
	r.together = nil
	r.notice("jobs: one connection loads all, since " + why)
	return nil
}

func (r *run) whyAlone(ctx context.Context, s *survey) (why string, err error) {
	switch {
	case r.lessons.alone != "":
		return r.lessons.alone, nil
	case len(r.o.Before)+len(r.o.After) > 0:
		return "scripts of before and after run in the same transaction", nil
	case r.o.DryRun:
		return "a dry run is rolled back", nil
	case r.o.TakeOutside:
		return "rows of tables outside the export go along (outside-rows)", nil
	case r.o.Online:
		return "others read meanwhile (online)", nil
	case r.o.Verbatim:
		return "every statement is sent as written", nil
	case r.session.Pooled():
		return "a pooler shares its connections", nil
	case r.level != "" || r.order != nil:
		return "the script asks for more than one reading, or for an isolation level", nil
	case s.unforeseen || s.unsure || r.session.Parameter("standard_conforming_strings") == "off":
		return "the script does more than bring rows", nil
	case r.total < int64(r.o.thresholds.togetherFrom):
		return fmt.Sprintf("less than %d MiB are loaded faster so", togetherFrom>>20), nil
	}
	var tables []uint32
	for _, h := range s.heads {
		if h.relation == nil {
			return "tables of the script are not there", nil
		}
		tables = append(tables, h.relation.OID)
	}
	database, most, err := catalog.Preparable(ctx, r.session)
	if err != nil {
		return "", err
	}
	if n := r.members(); most < n {
		return fmt.Sprintf("the server's max_prepared_transactions is %d, and %d are needed for all or nothing: with the official image from 16 on set "+
			"POSTGRES_INITDB_ARGS: -c max_prepared_transactions=16; or set transaction to none", most, n), nil
	}
	if name, what, err := catalog.NotBare(ctx, r.session, tables); err != nil || name != "" {
		return "table " + name + " " + what, err
	}
	sequences, err := catalog.SequencesOf(ctx, r.session, tables)
	if err != nil {
		return "", err
	}
	for _, q := range sequences {
		if slices.ContainsFunc(q.Feeds, func(f catalog.Fed) bool { return f.Table != q.Feeds[0].Table }) {
			return "the sequence " + q.Name + " feeds several tables", nil
		}
	}
	r.together = &together{database: database, claimed: map[uint32]bool{}}
	return "", r.exec(ctx, "SELECT pg_catalog.set_config('idle_in_transaction_session_timeout', '0', true)") // it waits for the others
}

// inOne is the failure of what several transactions cannot do together: the load begins again, with one.
func (r *run) inOne(s *statement, why string) (bool, *failure) {
	s.f.err, s.f.refused = &otherwise{alone: why}, true
	return true, s.f
}

// keepTogether lets by what several transactions can do together: rows that no other connection takes are not among it.
func (r *run) keepTogether(ctx context.Context, s *statement) (bool, *failure) {
	if r.together == nil {
		return false, nil
	}
	if r.crew.failed() {
		return true, r.join(ctx)
	}
	one := s.only()
	switch {
	case r.way != nil:
		return r.inOne(s, "the role may not set session_replication_role")
	case one == nil || s.send() != nil || s.command:
	case one.Kind == sqltext.Truncate:
		return r.passTruncate(ctx, s, one)
	case s.effect == sqltext.Session && one.Kind == sqltext.Other:
		r.noteSettled()
		return false, nil
	case one.Kind == sqltext.Begin, one.Kind == sqltext.Commit, s.effect == sqltext.Nothing && one.Kind == sqltext.Other, s.effect == sqltext.Setting, s.effect == sqltext.Sequence:
		return false, nil
	}
	if s.written != "" {
		return r.inOne(s, fmt.Sprintf("rows at %s go as written: %s", s.at, s.written))
	}
	return r.inOne(s, fmt.Sprintf("the statement at %s may depend on rows of several tables", s.at))
}

// keepTime keeps a value such as 'now' from a transaction that is one of several: each of them has a time of its own. Those of a COPY are seen as
// they pass, if the columns are known by their place.
func (x *executor) keepTime(_ context.Context, s *statement) (bool, *failure) {
	if !x.joins || s.plan == nil {
		return false, nil
	}
	may := func(c planColumn) bool { return c.rule.MayMean(s.text) }
	if one := s.only(); one != nil && one.Copy != nil {
		if one.Copy.Plain && (one.Copy.Columns != nil || !slices.ContainsFunc(s.plan.columns, func(c planColumn) bool { return !c.given })) {
			return false, nil
		}
		may = func(c planColumn) bool { return c.rule.Moments() }
	}
	if !slices.ContainsFunc(s.plan.columns, may) {
		return false, nil
	}
	s.f.err, s.f.refused = errUnsure, true
	return true, s.f
}

// rulesOfTime gives the rules for the columns of a COPY, in order, where it is one of several transactions; else nil.
func (x *executor) rulesOfTime(plan *tablePlan, c *sqltext.CopyOf) (rules []copycodec.Rule) {
	if !x.joins || plan == nil {
		return nil
	}
	for _, column := range plan.columns {
		if c.Columns == nil {
			rules = append(rules, column.rule)
		}
	}
	for _, name := range c.Columns {
		if i := slices.IndexFunc(plan.columns, func(column planColumn) bool { return column.name == name }); i >= 0 {
			rules = append(rules, plan.columns[i].rule)
		}
	}
	return rules
}

// noteSettled notes, where several transactions are one, that the script has changed settings by which rows and names may mean something else.
func (r *run) noteSettled() {
	if r.together != nil {
		r.together.settled = r.together.settled || r.crew.parts > 0
	}
}

// passTruncate looks at a TRUNCATE, and sends nothing: the tables that it reaches are empty, and stay so until they are filled, or else
// locked at the end.
func (r *run) passTruncate(ctx context.Context, s *statement, one *sqltext.Statement) (bool, *failure) {
	if f := r.answered(ctx); f != nil {
		return true, f
	}
	if one.Truncate == nil || one.Truncate.Restart {
		return r.inOne(s, "the script's TRUNCATE has sequences begin anew")
	}
	var names []string
	for _, name := range one.Relations {
		names = append(names, name.String())
	}
	oids, err := catalog.Names(ctx, r.session, names)
	if err != nil {
		return true, r.fail(s, err)
	}
	reached, err := catalog.ReachedBy(ctx, r.session, oids, nil, one.Truncate.Cascade)
	if err != nil {
		return true, r.fail(s, err)
	}
	var tables []uint32
	for _, t := range reached {
		if !t.MayTruncate || len(t.Triggers) > 0 || t.Outside || r.crew.gives(t.OID) {
			return r.inOne(s, "the TRUNCATE at "+s.at.String()+" is not without an effect")
		}
		tables = append(tables, t.OID)
	}
	name, what, err := catalog.NotBare(ctx, r.session, tables)
	switch {
	case err != nil:
		return true, r.fail(s, err)
	case name != "" || slices.Contains(oids, 0):
		return r.inOne(s, "table "+name+" "+what)
	}
	r.together.emptied = append(r.together.emptied, tables...)
	r.known.emptied.Truncated(names...)
	return true, r.outcome(s.f, pgconn.NewCommandTag("TRUNCATE TABLE"))
}

// gives reports whether rows of a table were given to a member.
func (c *crew) gives(table uint32) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.owners[table] != nil || slices.ContainsFunc(slices.Concat(c.waiting, c.under, c.over), func(p *part) bool { return p.plan.oid == table })
}

// claim locks a table for the transaction of its connection, and sees that it is empty. It waits for nobody: who holds one of the tables may wait for
// another of them, which the server could not see.
func (t *together) claim(ctx context.Context, x *executor, name string, table uint32) error {
	t.mu.Lock()
	claimed := t.claimed[table]
	t.mu.Unlock()
	if claimed {
		return nil
	}
	locked, err := x.lockNow(ctx, name)
	if err != nil {
		return problemOf(err)
	}
	if !locked {
		return &otherwise{alone: fmt.Sprintf("table %s is in use, or the role may not lock it", name)}
	}
	what, why, err := catalog.NotBare(ctx, x.session, []uint32{table})
	switch {
	case err != nil:
		return problemOf(err)
	case why != "":
		return &otherwise{alone: "table " + what + " " + why}
	}
	x.known.after(ours) // with the lock there are indexes to switch off
	t.mu.Lock()
	defer t.mu.Unlock()
	t.claimed[table] = true
	return nil
}

// claimRest locks, for the script's own transaction, the tables that were to be emptied and got no rows.
func (r *run) claimRest(ctx context.Context) error {
	names, err := catalog.Qualified(ctx, r.session, r.together.emptied)
	if err != nil {
		return problemOf(err)
	}
	for _, oid := range r.together.emptied {
		if err := r.together.claim(ctx, &r.executor, names[oid], oid); err != nil {
			return err
		}
	}
	return nil
}

// verifyTogether does in each transaction what is to be done for its tables.
func (r *run) verifyTogether(ctx context.Context) error {
	if err := r.claimRest(ctx); err != nil {
		return err
	}
	for _, m := range r.crew.connected() {
		if err := m.session.Change(ctx, verify.Setup, session.Handlers{}); err != nil {
			return problemOf(err)
		}
		if r.o.KeepSequences {
			continue
		}
		var tables []uint32
		for oid, owner := range r.crew.owners {
			if owner == m {
				tables = append(tables, oid)
			}
		}
		if err := r.syncSequences(ctx, &m.executor, tables); err != nil {
			return problemOf(err)
		}
	}
	return nil
}

// leaveUnchecked puts off the foreign keys that were not compared on the way: no transaction sees the rows of all.
func (r *run) leaveUnchecked(keys []catalog.ForeignKey) error {
	if len(keys) > 0 && r.o.ForeignKeys == Enforce {
		return &otherwise{alone: "foreign key " + keys[0].Name + " can only be checked where all rows are in one transaction"}
	}
	r.together.unchecked = keys
	return nil
}

// checkUnchecked checks those keys once the rows are committed.
func (r *run) checkUnchecked(ctx context.Context) error {
	if r.together == nil {
		return nil
	}
	err := r.foreignKeys(ctx, r.together.unchecked)
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, "checking foreign keys", "The load is complete: it was committed before.")
	case err != nil:
		r.warn("foreign keys could not be checked after the commit: " + headline(err))
	}
	return nil
}

// finishGrace is how long a load that is interrupted while it commits may take to end that: it must not be left half done.
const finishGrace = 3 * time.Second

// commitTogether prepares all transactions, and then commits all. See package twophase.
func (r *run) commitTogether(ctx context.Context) error {
	all := r.crew.connected()
	n := len(all)
	phase := twophase.New(r.together.database, n)
	decider := all[n-1]
	asked := false // the decider's transaction may be prepared
	err := decider.exec(ctx, phase.Lock())
	for i := 0; err == nil && i < n; i++ {
		if err = ctx.Err(); err != nil {
			break
		}
		asked = i == n-1
		err = all[i].prepare(ctx, phase.Prepare(i+1))
	}
	decided := err == nil
	if decided { // nothing ends it now
		late, cancel := session.Outlive(ctx, finishGrace)
		defer cancel()
		err = commitPrepared(late, all, phase)
	}
	if err == nil {
		r.began = false
		_ = r.exec(context.WithoutCancel(ctx), "COMMIT") // it has nothing but locks, and settings
		r.session.Ended()
		return nil
	}
	return r.settleTogether(ctx, phase, asked, decided, err)
}

// prepare prepares its transaction.
func (m *member) prepare(ctx context.Context, sql string) error {
	late, cancel := session.Outlive(ctx, finishGrace)
	defer cancel()
	answer := ""
	err := m.session.Do(late, []byte(sql), session.Handlers{Done: func(tag pgconn.CommandTag) { answer = tag.String() }})
	if err == nil && answer != "PREPARE TRANSACTION" {
		err = fmt.Errorf("the server answers PREPARE TRANSACTION with %q", answer)
	}
	if err == nil {
		m.began = false
	}
	return err
}

// commitPrepared commits all but the decider at once, and then that.
func commitPrepared(ctx context.Context, all []*member, phase twophase.Run) error {
	var others errgroup.Group
	for i, m := range all[:len(all)-1] {
		others.Go(func() error { return m.exec(ctx, phase.Commit(i+1)) })
	}
	if err := others.Wait(); err != nil {
		return err
	}
	return all[len(all)-1].exec(ctx, phase.Commit(len(all)))
}

// settleTogether finds out, over a new connection, what a load has come to whose committing has failed somewhere, and finishes it.
func (r *run) settleTogether(ctx context.Context, phase twophase.Run, asked, decided bool, err error) error {
	var pe *pgconn.PgError
	refused := !decided && errors.As(err, &pe) && pe.Severity != "FATAL" && pe.Severity != "PANIC"
	late, cancel := session.Outlive(ctx, finishGrace)
	defer cancel()
	members := r.crew.connected()
	decider := members[len(members)-1]
	r.rollback(late)
	state, settled := twophase.Gone, error(nil)
	o := r.o.session()
	if other, opened := session.Open(late, r.session.Config(), o); opened != nil {
		settled = opened
	} else {
		defer other.Close(late)
		other.Terminate(late, decider.session)
		for range settleTries {
			if state, settled = phase.Settle(late, other); settled != nil || state != twophase.Alive {
				break
			}
			select {
			case <-late.Done():
			case <-time.After(settleWait):
			}
		}
	}
	what := "committing over several connections failed: " + session.Reason(err)
	switch {
	case settled != nil || state != twophase.Gone || decided:
	case !asked: // the server, which may have crashed, need not know the number any more
		state = twophase.RolledBack
	default:
		switch decider.session.Fate(late) {
		case session.Committed:
			state = twophase.Committed
		case session.RolledBack:
			state = twophase.RolledBack
		case session.NotKnown:
			settled = errors.New("the server does not know any more")
		}
	}
	switch {
	case settled == nil && (state == twophase.Committed || decided && state == twophase.Gone):
		r.notice(what + "; all of it is committed")
		return nil
	case settled == nil && state == twophase.RolledBack:
		if refused {
			return &otherwise{alone: "the server refused to prepare a transaction (" + session.Reason(err) + ")"}
		}
		if ctx.Err() != nil {
			return interrupted(ctx, "committing", asItWas)
		}
		r.again = session.Transient(err)
		return &problem.Error{Code: problem.Database, Topic: problem.Lost, What: what, Err: err, Remedy: asItWas}
	}
	p := &problem.Error{Code: problem.Database, Topic: problem.Lost, Err: err, State: problem.Partly,
		What: what + ": the load is either complete or not there at all, and which is not known yet",
		Remedy: fmt.Sprintf("Run the step again: it finishes first what is left. Until then SELECT * FROM pg_prepared_xacts shows what is, by names with %s; "+
			"as long as the last one of them (%s) is there, all are to be committed, in their order, else rolled back.", phase.ID, phase.Name(phase.N))}
	if decided {
		p.What = what + ": the load is decided, and some of it may not be committed yet"
	}
	if ctx.Err() != nil {
		p.Code = problem.Interrupted
	}
	return p
}

// settleTries and settleWait are how often, and how long apart, it is looked whether the decider's transaction is over.
const (
	settleTries = 20
	settleWait  = 250 * time.Millisecond
)

// recoverOthers finishes, over a session without a transaction, what a load over several connections that has died has left behind.
func (r *run) recoverOthers(ctx context.Context, s *session.Session) error {
	found, err := twophase.Recover(ctx, s)
	if err != nil {
		return problemOf(err)
	}
	r.mayDie = false
	for _, f := range found {
		r.mayDie = r.mayDie || f.State == twophase.Alive
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case f.Err != nil && (session.Lost(f.Err) || s.IsClosed()):
			return problemOf(f.Err)
		case f.Err != nil:
			r.warn(fmt.Sprintf("a load that died has left transactions prepared, and they cannot be finished: %s; they hold locks on their tables (SELECT * FROM pg_prepared_xacts)", session.Reason(f.Err)))
		case f.State == twophase.Committed:
			r.notice("a load that died while it committed was finished: all of it is committed")
		case f.State == twophase.RolledBack:
			r.notice("a load that died before it could commit was cleared away: all of it is rolled back")
		}
	}
	return nil
}

// recoverLate looks again, over a connection of its own, at loads that were alive before: this one has waited for them, and one may have
// died meanwhile, or had and the server did not know yet.
func (r *run) recoverLate(ctx context.Context) error {
	for try := 0; r.mayDie && try < settleTries; try++ {
		other, err := session.Open(ctx, r.session.Config(), r.o.session())
		if err != nil {
			return err
		}
		err = r.recoverOthers(ctx, other)
		other.Close(ctx)
		if err != nil || !r.mayDie {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(settleWait):
		}
	}
	return nil
}
