package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// A load with Options.Online lets others read the old rows until it commits. What TRUNCATE empties is emptied by DELETE, under a lock
// that keeps writers out and lets readers on. A superuser has each index built anew beside the old one, by which others go on reading,
// and the two change places. The only locks that stop readers are taken at the very end, when nothing is left to do that takes time.

// The limits of what a reader may be kept waiting. Together they stay below 250 ms, COMMIT included.
const (
	strongLocks    = 100 * time.Millisecond // for the locks of all tables
	strongWork     = 50 * time.Millisecond  // for what is done under them before COMMIT, a statement
	betweenTries   = 100 * time.Millisecond // for readers that have waited behind a try that failed; up to twice as long
	shortReader    = 50 * time.Millisecond  // a reader's transaction up to this age is waited for with the lock asked for
	lookForReaders = 5 * time.Millisecond   // between looks whether the others have ended
	lookForLocks   = 50 * time.Millisecond  // between looks whether a statement has locked what others read
	oldSnapshots   = 5 * time.Second        // for those who see old rows to end, before VACUUM
)

// scannedPages is how many pages of children may be read for deleted parents' rows, all together, where an index is missing.
const scannedPages = 2_000_000

// online is the state of a load that others read beside.
type online struct {
	catalog.Setup
	replica bool      // the role may set the replica role
	twins   []string  // indexes that have been built, and hold the old ones' files now
	built   int       // how often
	looked  time.Time // whether a statement has locked what others read
	vacuum  []string  // tables, once their rows are committed
	same    bool      // the role is the one that connections begin with
	xid     int64     // of the transaction
	last    []string  // statements that come after everything that can fail
	full    []*replaced
}

// readyOnline finds what a load needs to know that others read beside. It is called when the transaction has begun.
func (r *run) readyOnline(ctx context.Context) error {
	if !r.o.Online {
		return nil
	}
	setup, err := catalog.SetupOf(ctx, r.session)
	if err != nil {
		return problemOf(err)
	}
	if setup.Isolation != "read committed" {
		return &problem.Error{Code: problem.Database, What: fmt.Sprintf("the transaction's isolation is %s, and online needs read committed: rows that others commit "+
			"just before the tables are locked would not be seen, and would stay", setup.Isolation),
			Remedy: "Take the isolation level out of the script, or out of default_transaction_isolation of the role or the database, or leave online out."}
	}
	replica := setup.Superuser
	if !replica && r.session.ServerAtLeast(150000) {
		if replica, err = catalog.MaySet(ctx, r.session, "session_replication_role"); err != nil {
			return problemOf(err)
		}
	}
	r.online = online{Setup: setup, replica: replica}
	return nil
}

// notOnline is the error of what cannot be done while others read.
func notOnline(at problem.Place, what, remedy string) error {
	return &problem.Error{Code: problem.Database, At: at, What: what, Remedy: strings.TrimSpace(remedy + " Without online the load does it, and readers wait until it is through.")}
}

// letRead refuses a statement that would stop those who read, as far as its text shows it.
func (r *run) letRead(ctx context.Context, s *statement) (bool, *failure) {
	if !r.o.Online || r.session.TxStatus() == 'E' {
		return false, nil
	}
	for _, one := range s.parsed {
		what, relations := one.Stops()
		if what == "" {
			continue
		}
		if f := r.answered(ctx); f != nil {
			return true, f
		}
		found := ""
		if len(relations) == 0 {
			found = "what it is about"
		}
		for _, name := range relations {
			there := false
			var err error
			if what == "DROP SCHEMA" {
				there, err = catalog.HasSchema(ctx, r.session, name.String())
			} else {
				var oids []uint32
				if oids, err = catalog.Names(ctx, r.session, []string{name.String()}); err == nil {
					_, there = slices.BinarySearch(r.online.Relations, oids[0])
				}
			}
			if err != nil {
				return true, r.fail(s, err)
			}
			if there {
				found = name.String()
			}
		}
		if found != "" {
			remedy := "Have Fabricate export rows alone and keep the schema in migrations."
			if strings.HasPrefix(what, "REFRESH") {
				remedy = "Refresh it CONCURRENTLY, which needs a unique index of the view, or in a step after the load."
			}
			s.f.refused = true
			return true, r.fail(s, notOnline(s.at.Place(), fmt.Sprintf("%s would stop everybody who reads %s until the load is through, and online is true", what, found), remedy))
		}
	}
	return false, nil
}

// keepsReading finds whether a statement has locked what others read. Any that is not certain to lock nothing of the kind may have.
func (x *executor) keepsReading(ctx context.Context, always bool) error {
	if !x.o.Online || !x.began || x.session.TxStatus() != 'T' || !always && time.Since(x.online.looked) < lookForLocks {
		return nil
	}
	x.online.looked = time.Now()
	stopped, err := catalog.Stopped(ctx, x.session, x.online.Relations)
	if err != nil {
		return err
	}
	if len(stopped) > 0 {
		return notOnline(x.at.Place(), fmt.Sprintf("the script has locked %s against those who read, and online is true", strings.Join(stopped, ", ")), "Do what needs that lock in a script of its own.")
	}
	return nil
}

// emptyOnline does what a TRUNCATE says by DELETE.
func (r *run) emptyOnline(ctx context.Context, s *statement) *failure {
	one := s.only()
	if one == nil || one.Truncate == nil || s.send() != nil {
		s.f.refused = true
		return r.fail(s, notOnline(s.at.Place(), "this TRUNCATE is joined to other statements or of a form that is not read, and online is true: it cannot be done in a way that lets others read", "Write it as a statement of its own."))
	}
	err := r.emptyTables(ctx, s.at.Place(), one)
	r.known.after(s.effect)
	if err != nil {
		r.fail(s, err)
	}
	return r.outcome(s.f, pgconn.NewCommandTag("TRUNCATE TABLE"))
}

func (r *run) emptyTables(ctx context.Context, at problem.Place, one *sqltext.Statement) error {
	tables, err := r.lockReached(ctx, one)
	if err == nil && slices.ContainsFunc(r.online.full, func(t *replaced) bool { return t.staged }) {
		err = r.emptyRest(ctx)
	}
	if err != nil {
		return err
	}
	var wanted string
	if err := r.session.Ask(ctx, "SELECT current_setting('session_replication_role')", nil, []any{&wanted}, nil); err != nil {
		return err
	}
	present := wanted
	if r.way.inForce() {
		wanted = "replica"
	}
	deletes := present
	if r.online.replica {
		deletes = "replica"
	}
	tables = slices.DeleteFunc(tables, func(t catalog.Reached) bool { return t.Kind == "p" })
	for _, t := range tables {
		if err := mayEmpty(at, t, wanted, deletes, one.Truncate.Restart); err != nil {
			return err
		}
	}
	var before, after []string
	if deletes != "replica" {
		if tables, before, err = r.childrenFirst(ctx, at, tables); err != nil {
			return err
		}
	}
	if deletes != present {
		before = append(before, "SELECT set_config('session_replication_role', 'replica', true)")
		after = append(after, fmt.Sprintf("SELECT set_config('session_replication_role', '%s', true)", present))
	}
	var rows []string
	var oids []uint32
	for _, t := range tables {
		if base, is := r.known.emptied.Since[t.OID]; is && base.Inserted == t.Inserted {
			continue // it is empty already
		}
		for _, trigger := range t.DeleteTriggers {
			i := strings.LastIndex(trigger, " ")
			name, state := trigger[:i], trigger[i+1:]
			if !fires(state, deletes) {
				continue
			}
			before = append(before, fmt.Sprintf("ALTER TABLE ONLY %s DISABLE TRIGGER %s", t.Name, name))
			after = append(after, fmt.Sprintf("ALTER TABLE ONLY %s ENABLE %sTRIGGER %s", t.Name, map[string]string{"A": "ALWAYS ", "R": "REPLICA "}[state], name))
		}
		if r.replacing(t.OID) == nil {
			rows, oids = append(rows, "DELETE FROM ONLY "+t.Name), append(oids, t.OID)
		}
		if one.Truncate.Restart {
			for _, sequence := range t.Sequences {
				after = append(after, "ALTER SEQUENCE "+sequence+" RESTART")
			}
		}
	}
	if err := r.change(ctx, strings.Join(slices.Concat(before, rows, after), "; ")); err != nil {
		return err
	}
	counters, err := catalog.Counters(ctx, r.session, oids)
	if r.known.emptied.Since == nil {
		r.known.emptied.Since = map[uint32]catalog.Counter{}
	}
	for _, c := range counters {
		r.known.emptied.Since[c.OID] = c
	}
	return err
}

// lockReached gives the tables that a TRUNCATE empties, locked so that others can read them and nobody else can write.
func (r *run) lockReached(ctx context.Context, one *sqltext.Statement) ([]catalog.Reached, error) {
	var names []string
	for _, name := range one.Relations {
		names = append(names, name.String())
	}
	oids, err := catalog.Names(ctx, r.session, names)
	if err != nil {
		return nil, err
	}
	var lone []uint32
	for i, oid := range oids {
		if oid == 0 {
			return nil, &pgconn.PgError{Severity: "ERROR", Code: "42P01", Message: fmt.Sprintf("relation %q does not exist", strings.Join(one.Relations[i], "."))}
		}
		if one.Only[i] {
			lone = append(lone, oid)
		}
	}
	for locked := map[uint32]bool{}; ; {
		tables, err := catalog.ReachedBy(ctx, r.session, oids, lone, one.Truncate.Cascade)
		if err != nil {
			return nil, err
		}
		var lock []string
		for _, t := range tables {
			switch {
			case t.Kind != "r" && t.Kind != "p" && t.Kind != "f":
				return nil, &pgconn.PgError{Severity: "ERROR", Code: "42809", Message: fmt.Sprintf("%s is not a table", t.Name)}
			case !t.MayTruncate:
				return nil, &pgconn.PgError{Severity: "ERROR", Code: "42501", Message: "permission denied for table " + t.Name}
			case !locked[t.OID]:
				lock, locked[t.OID] = append(lock, "ONLY "+t.Name), true
			}
		}
		if len(lock) == 0 {
			if !one.Truncate.Cascade && slices.ContainsFunc(tables, func(t catalog.Reached) bool { return t.Outside }) {
				return nil, &pgconn.PgError{Severity: "ERROR", Code: "0A000", Message: "cannot truncate a table referenced in a foreign key constraint"}
			}
			return tables, nil
		}
		if err := r.exec(ctx, "LOCK TABLE "+strings.Join(lock, ", ")+" IN EXCLUSIVE MODE"); err != nil {
			return nil, err
		}
	}
}

// fires reports whether a trigger or a rule, by how it is enabled, fires in a replication role.
func fires(enabled, role string) bool {
	return enabled == "A" || (enabled == "R") == (role == "replica")
}

// mayEmpty refuses a table for which DELETE would do something else than TRUNCATE. wanted is the replication role that the script has set, deletes
// that in which rows are deleted.
func mayEmpty(at problem.Place, t catalog.Reached, wanted, deletes string, restart bool) error {
	no := func(why, remedy string) error {
		return notOnline(at, fmt.Sprintf("%s cannot be emptied while others read it: %s", t.Name, why), remedy)
	}
	firing := func(all []string, role string) string {
		for _, one := range all {
			if i := strings.LastIndex(one, " "); fires(one[i+1:], role) {
				return one[:i]
			}
		}
		return ""
	}
	switch {
	case t.Kind == "f":
		return no("it is a foreign table", "")
	case !t.MayDelete:
		return no("the role may truncate it and not delete its rows", fmt.Sprintf("GRANT DELETE ON %s.", t.Name))
	case t.Hidden:
		return no("row security hides rows of it from the role", "Load as its owner or with BYPASSRLS.")
	case firing(t.Triggers, wanted) != "":
		return no("its trigger "+firing(t.Triggers, wanted)+" fires on TRUNCATE, and DELETE would not fire it", "Set session_replication_role to replica in the script if it is not to fire.")
	case firing(t.Rules, deletes) != "":
		return no("its rule "+firing(t.Rules, deletes)+" makes something else of DELETE", "")
	case restart && !t.SequencesOwned:
		return &pgconn.PgError{Severity: "ERROR", Code: "42501", Message: "must be owner of a sequence of " + t.Name}
	}
	return nil
}

// childrenFirst gives tables in an order in which their rows can be deleted while foreign keys are checked, and what is to be said before.
func (r *run) childrenFirst(ctx context.Context, at problem.Place, tables []catalog.Reached) (ordered []catalog.Reached, before []string, err error) {
	var oids []uint32
	for _, t := range tables {
		oids = append(oids, t.OID)
	}
	keys, err := catalog.LiveKeys(ctx, r.session, oids)
	if err != nil {
		return nil, nil, err
	}
	grant := "or load as a superuser, or " + r.grantReplica() + "."
	var edges []catalog.LiveKey
	pages := int64(0)
	for _, k := range keys {
		if !k.Indexed {
			said := fmt.Sprintf("no index of %s begins with %s, of the foreign key %s: for each row of %s that is deleted the whole table is read", k.ChildName, k.Columns, k.Name, k.ParentName)
			remedy := fmt.Sprintf("CREATE INDEX ON %s (%s), %s", k.ChildName, k.Columns, grant)
			if !r.mentioned[said] {
				r.mentioned[said] = true
				r.warn(said + "; " + remedy)
			}
			if pages += k.ParentRows * k.ChildPages; pages > scannedPages {
				return nil, nil, notOnline(at, said, remedy)
			}
		}
		if k.Deferrable {
			before = append(before, "SET CONSTRAINTS "+k.Name+" DEFERRED")
		} else if k.Child != k.Parent {
			edges = append(edges, k)
		}
	}
	rank, circular := strategy.Rank(edges, func(k catalog.LiveKey) (first, then uint32) { return k.Child, k.Parent })
	if circular != nil {
		return nil, nil, notOnline(at, fmt.Sprintf("tables refer to each other in a circle, and their rows cannot be deleted one table after the other: foreign key %s of %s", circular.Name, circular.ChildName),
			fmt.Sprintf("Make the key DEFERRABLE, %s", grant))
	}
	ordered = slices.Clone(tables)
	slices.SortStableFunc(ordered, func(a, b catalog.Reached) int { return rank[a.OID] - rank[b.OID] })
	return ordered, before, r.keepToReplace(ctx, ordered, keys)
}

// switchToTwins makes the server leave a table's indexes alone while rows come, for us and for nobody else, until rebuild builds them
// anew beside the old ones. It is done only where nobody else can write to the table.
func (x *executor) switchToTwins(ctx context.Context, plan *tablePlan) error {
	x.online.built++
	twins, err := catalog.TwinsOf(ctx, x.session, plan.indexes, x.online.built)
	if err != nil || len(twins) == 0 {
		plan.indexes, plan.Indexes = nil, 0
		return err
	}
	var indexes []string
	for _, twin := range twins {
		indexes = append(indexes, twin.Index)
		plan.rebuild, plan.twins = append(plan.rebuild, rebuild{twin.Index, twin.Create}), append(plan.twins, twin.Other)
	}
	if err := x.markNotReady(ctx, indexes); err != nil {
		return err
	}
	plan.off = true
	x.off = append(x.off, plan)
	return nil
}

// stopReaders takes, for the moment before COMMIT, the locks that keep others from reading: what they read by has changed its place. It
// waits for those who have been reading for long without keeping others from beginning to.
func (r *run) stopReaders(ctx context.Context) error {
	if !r.o.Online {
		return nil
	}
	if err := r.exec(ctx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil { // what COMMIT would check
		return problemOf(err)
	}
	tables, twins, err := catalog.IndexesThere(ctx, r.session, r.online.twins) // the script may have taken some back
	if err != nil {
		return problemOf(err)
	}
	if len(twins) == 0 {
		return r.last(ctx, strings.Join(r.online.last, "; "))
	}
	last := append(slices.Clone(r.online.last), "SET LOCAL statement_timeout = 0; SET LOCAL lock_timeout = 0")
	tables = slices.Compact(tables)
	limits := func(d time.Duration) string {
		return fmt.Sprintf("SET LOCAL lock_timeout = %d; SET LOCAL statement_timeout = %[1]d", d.Milliseconds())
	}
	text := fmt.Sprintf("SAVEPOINT %s; %s; LOCK TABLE ONLY %s IN ACCESS EXCLUSIVE MODE; %s; DROP INDEX %s; %s", attemptedLocks, limits(strongLocks), strings.Join(tables, ", ONLY "),
		limits(strongWork), strings.Join(twins, ", "), strings.Join(last, "; "))
	wait := cmp.Or(max(r.o.LockTimeout, 0), session.DefaultLockTimeout)
	for start := time.Now(); ; {
		holders, err := catalog.Readers(ctx, r.session, tables, int(shortReader.Milliseconds()))
		if err != nil {
			return problemOf(err)
		}
		pause := lookForReaders
		if len(holders) == 0 {
			err = r.exec(ctx, text)
			var pe *pgconn.PgError
			if err == nil {
				return nil
			}
			if !errors.As(err, &pe) || pe.Code != "55P03" && pe.Code != "57014" && pe.Code != "40P01" || ctx.Err() != nil {
				return problemOf(err)
			}
			if err := r.exec(ctx, "ROLLBACK TO SAVEPOINT "+attemptedLocks+"; RELEASE SAVEPOINT "+attemptedLocks); err != nil {
				return problemOf(err)
			}
			pause = betweenTries + rand.N(betweenTries) //nolint:gosec // no secret: two loads do not try at once
		}
		if time.Since(start) > wait {
			held := "other sessions"
			if len(holders) > 0 {
				held = fmt.Sprintf("%s, which has had %s locked", holders[0], holders[0].Table)
			}
			return &problem.Error{Code: problem.Timeout, What: fmt.Sprintf("waited %s for a moment in which nobody reads the tables, which the new indexes need to take their place; there was always %s", wait, held),
				Remedy: "Wait for it to end, or end it (SELECT pg_terminate_backend(pid)), or raise the setting lock-timeout."}
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(pause):
		}
	}
}

const attemptedLocks = "fabricate_seed_locks"

// last sends the last statements before COMMIT.
func (r *run) last(ctx context.Context, sql string) error {
	if sql == "" {
		return nil
	}
	return problemOf(r.exec(ctx, sql))
}

// vacuumCommitted clears the old rows away, once the new ones are committed. The rows are safe: only the end of ctx is an error.
func (r *run) vacuumCommitted(ctx context.Context) error {
	tables := r.online.vacuum
	if len(tables) == 0 || r.o.DryRun {
		return nil
	}
	var old []catalog.Holder
	var err error
	for end := time.Now().Add(oldSnapshots); ; {
		if old, err = catalog.OldSnapshots(ctx, r.session, r.online.xid); err != nil || len(old) == 0 || time.Now().After(end) {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(10 * lookForReaders):
		}
	}
	if err == nil {
		if len(tables) > 1 && r.online.same {
			r.connectSecond(ctx)
		}
		err = r.afterRows().Vacuum(ctx, tables, !r.o.SkipAnalyze)
	}
	switch {
	case ctx.Err() != nil:
		return interrupted(ctx, "clearing old rows away", "The load is complete: it was committed before. VACUUM (ANALYZE) the tables, or leave it to autovacuum.")
	case err != nil:
		r.warn("VACUUM failed after the commit, the old rows' space is not free yet: " + session.Reason(err))
	case len(old) > 0:
		r.warn(fmt.Sprintf("the old rows stay where they are until %s has ended, for it still sees them; tables grow with each refresh until then, and VACUUM frees the space afterwards", old[0]))
	}
	return nil
}
