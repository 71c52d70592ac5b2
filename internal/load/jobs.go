package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// With several connections the script is read ahead: what brings rows of constants for a table, and depends on nothing else, becomes a
// part, which another connection takes, reads for itself from where it stands, and loads as a load with one connection would. The
// longest part is taken first. Whatever else the script says waits until all parts before it are loaded.

// readAhead is how much of a script must be read before the first part is taken, so that the longest may be among those known: 30 ms.
const readAhead = 16 << 20

// part is statements that stand one after the other and bring rows for one table.
type part struct {
	n        int // in the order of the script
	table    []string
	oid      uint32
	at       psql.Position // of the first one
	open     func() (*psql.Script, error)
	vars     *psql.Vars
	settings map[string]string // of the session in which the script has them
	made     int               // which these are
	head     []byte            // what all its INSERTs begin with; nil for a single COPY
	commands int               // meta-commands before it
	whole    bool              // the INSERT that was read last: it has nothing but literals so far
	from     psql.Position     // of that INSERT
	goesOn   bool              // that INSERT does

	// Under the crew's lock.
	size   int64 // bytes of rows
	end    int64 // offset behind the last statement that belongs to it; that of a COPY is 1
	closed bool  // no more will

	by       *run
	strange  bool          // nobody has loaded it: the session of another connection cannot be made the same
	failed   *failure      // nil if all is well
	loaded   Table         // what it was
	building time.Duration // of that, for indexes
	analyzed bool
}

// crew is the other connections, each a run of its own.
type crew struct {
	mu      sync.Mutex
	changed *sync.Cond
	waiting []*part // in the script's order
	under   []*part // taken
	over    []*part
	last    *part // that may still grow
	parts   int
	owners  map[uint32]*run // in whose transaction a table is, where all are one
	begun   bool            // enough was read
	read    int64           // bytes that were given to parts since all were loaded
	ended   bool

	given, outside int64          // bytes of the script that were given to parts, and that were not
	bytes, rows    map[*run]int64 // that each member has loaded, of the script and into tables
	members        []*run
	done           sync.WaitGroup
}

func newCrew() *crew {
	c := &crew{owners: map[uint32]*run{}, bytes: map[*run]int64{}, rows: map[*run]int64{}}
	c.changed = sync.NewCond(&c.mu)
	return c
}

// handOver makes a statement a part of its own, or the beginning of one, if it may be loaded over another connection.
func (r *run) handOver(ctx context.Context, s *statement) (bool, *failure) {
	one := s.only()
	if r.crew == nil || r.part != nil || one == nil || s.plan == nil || s.script == nil || s.send() != nil || !r.fast() || r.lessons.settles(s.at) ||
		s.plan.partitioned { // its rows are those of tables that may come by another connection
		return false, nil
	}
	p := &part{table: one.Relations[0], oid: s.plan.oid, at: s.at, commands: s.script.Commands()}
	var situation strategy.Situation
	switch {
	case one.Insert != nil:
		if one.Insert.Rows == 0 || s.source == nil || len(s.text) > r.o.thresholds.largestCopied || !s.source.Seekable || s.source.Compound || s.source.Odd > one.Insert.Rows {
			return false, nil
		}
		names, encoder, ok := s.plan.encoder(one.Insert.Columns, sqltext.CountValues(s.text[one.Insert.Rows:]))
		if !ok {
			return false, nil
		}
		situation = strategy.Situation{Columns: names, Binary: encoder.Binary()}
		p.at, p.head = s.source.From, slices.Clone(s.text[:one.Insert.Rows])
	case one.Copy != nil && s.effect == sqltext.Rows && (s.command || s.source != nil && s.source.Seekable && !s.source.Compound):
		situation = strategy.Situation{Columns: one.Copy.Columns, Copy: true, Binary: s.plan.binary(one.Copy)}
		if !s.command {
			p.at = s.source.From
		}
	default:
		return false, nil
	}
	if !r.decide(s.plan, situation, false).Elsewhere {
		return false, nil
	}
	if f := r.answered(ctx); f != nil {
		return true, f
	}
	if err := r.readSettings(ctx); err != nil {
		return true, r.fail(s, err)
	}
	p.vars, p.settings, p.made = r.vars.Copy(), r.settings, r.settingsMade
	p.open = s.script.Apart(p.at, p.vars, r.o.thresholds.fragmentSize)
	if r.crew.failed() {
		return true, r.join(ctx)
	}
	r.crew.add(p)
	r.enlist()
	r.given = true
	if p.head != nil {
		return true, r.grow(ctx, p, s.source)
	}
	size, inline, err := s.passRows(one)
	if err != nil {
		return true, &failure{at: s.at, err: err, refused: true}
	}
	r.crew.grow(p, size, 1, inline)
	r.crew.close()
	return true, nil
}

// outcomeGiven says what is known of a statement that another connection has, when the script asks for it: not how many rows it was.
func (r *run) outcomeGiven(f *failure) *failure {
	if f == nil && r.together != nil {
		return &failure{at: r.at, refused: true, err: &otherwise{alone: "the script asks how many rows a statement has brought"}}
	}
	return cmp.Or(f, r.outcome(&failure{}, noTag))
}

// passRows reads over the rows of a COPY, or looks how large their file is.
func (s *statement) passRows(one *sqltext.Statement) (size int64, inline bool, err error) {
	if name := cmp.Or(s.file, one.Copy.File); name != "" {
		f, err := s.script.OpenFile(s.at, name)
		if err != nil {
			return 0, false, err
		}
		if info, err := f.Stat(); err == nil {
			size = info.Size()
		}
		return size, false, f.Close()
	}
	rows, err := s.rows()
	if err != nil || rows == nil {
		return 0, true, err
	}
	err = rows.Close()
	return rows.Bytes(), true, err
}

// extend adds a statement to the part before it, if it is of its kind and nothing stands between.
func (r *run) extend(ctx context.Context, sc *psql.Script, st *psql.Statement) (bool, *failure) {
	if r.crew == nil || r.crew.last == nil {
		return false, nil
	}
	p := r.crew.last
	if p.goesOn {
		return true, r.grow(ctx, p, st)
	}
	if len(st.Text) > r.o.thresholds.largestCopied || !st.Seekable || st.Compound || st.Send != nil || st.Pos.File != p.at.File || sc.Commands() != p.commands || st.Odd > len(p.head) ||
		!strings.HasPrefix(string(st.Text[:min(len(st.Text), len(p.head))]), string(p.head)) {
		r.crew.close()
		return false, nil
	}
	return true, r.grow(ctx, p, st)
}

// grow notes what was read of an INSERT. One that turns out to have more than literals, or a long row, late, goes as written over the
// script's own connection.
func (r *run) grow(ctx context.Context, p *part, st *psql.Statement) *failure {
	r.given = true
	if inside := p.goesOn; !inside {
		p.from, p.whole = st.From, true
	} else {
		p.whole = p.whole && st.Odd == 0 && len(st.Text) <= r.o.thresholds.largestCopied
	}
	p.goesOn = st.More
	if st.More {
		return nil
	}
	if p.whole {
		r.crew.grow(p, st.End-p.from.Offset, st.End, true)
		return nil
	}
	r.crew.close()
	if f := r.join(ctx); f != nil {
		return f
	}
	return r.asWritten(ctx, p.from, st.End)
}

// asWritten sends the statement at a place as it is written.
func (r *run) asWritten(ctx context.Context, from psql.Position, end int64) (f *failure) {
	r.reading.Release()
	again, err := r.reading.Reread(from)
	if err != nil {
		return &failure{at: from, err: err, refused: true}
	}
	defer func() { closeAfter(f, again) }()
	r.replaying = true
	defer func() { r.replaying = false }()
	item, err := again.Next()
	st, ok := item.(*psql.Statement)
	if err != nil || !ok || st.From.Offset >= end {
		return &failure{at: from, err: firstError(err, errUnsure), refused: true}
	}
	return r.item(ctx, again, st)
}

// add gives a part to whoever takes it.
func (c *crew) add(p *part) {
	c.close()
	c.mu.Lock()
	defer c.mu.Unlock()
	p.n = c.parts
	c.parts++
	c.waiting, c.last = append(c.waiting, p), p
}

// grow says that a part reaches further than was known.
func (c *crew) grow(p *part, size, end int64, inline bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p.size, p.end = p.size+size, end
	if c.read += size; inline {
		c.given += size
	}
	c.begun = c.begun || c.read >= readAhead
	c.changed.Broadcast()
}

// close says that the last part is complete.
func (c *crew) close() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if p := c.last; p != nil {
		p.closed, c.last = true, nil
		if p.end == 0 { // its first statement is none of ours
			c.waiting = slices.DeleteFunc(c.waiting, func(q *part) bool { return q == p })
		}
		c.changed.Broadcast()
	}
}

// failed reports that a part could not be loaded.
func (c *crew) failed() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.ContainsFunc(c.over, func(p *part) bool { return p.failed != nil })
}

// beyond reports whether statements of a part stand behind an offset, and waits until that is known.
func (c *crew) beyond(p *part, offset int64) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !p.closed && p.end <= offset && !c.ended {
		c.changed.Wait()
	}
	return p.end > offset && !c.ended
}

// next gives a member the longest part that it may take, and waits for one; nil when there will be no more. Parts of one table follow each
// other, and where all is one transaction of several connections, they are one member's.
func (c *crew) next(w *run) *part {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.ended {
		best := -1
		for i, p := range c.waiting {
			owner := c.owners[p.oid]
			same := func(q *part) bool { return q.oid == p.oid }
			if !c.begun || p.end == 0 || owner != nil && owner != w || slices.ContainsFunc(c.under, same) || slices.IndexFunc(c.waiting, same) < i {
				continue
			}
			if best < 0 || p.size > c.waiting[best].size {
				best = i
			}
		}
		if best >= 0 {
			p := c.waiting[best]
			c.waiting = slices.Delete(c.waiting, best, best+1)
			c.under = append(c.under, p)
			if p.by = w; w.together != nil {
				c.owners[p.oid] = w
			}
			return p
		}
		c.changed.Wait()
	}
	return nil
}

// through says that a part is done with. When one has failed, those behind it are not begun.
func (c *crew) through(p *part) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.under = slices.DeleteFunc(c.under, func(q *part) bool { return q == p })
	c.over = append(c.over, p)
	if p.failed != nil {
		c.waiting = slices.DeleteFunc(c.waiting, func(q *part) bool { return q.n > p.n || p.by.together != nil })
	}
	c.changed.Broadcast()
}

// atWork gives how many members have something to do.
func (c *crew) atWork() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.under)
}

// members gives how many connections may load at once: more than there are processors take longer.
func (r *run) members() int { return min(r.o.Jobs, max(minMembers, runtime.NumCPU())) }

// minMembers are of use whatever there are of processors: one is at work while the other waits for the disk.
const minMembers = 2

// enlist has as many members at work as are of use.
func (r *run) enlist() {
	c := r.crew
	c.mu.Lock()
	defer c.mu.Unlock()
	for len(c.members) < min(r.members(), len(c.waiting)+len(c.under)) {
		w := newRun(r.o)
		w.o.Jobs, w.o.Before, w.o.After, w.o.Events.Output = 1, nil, nil, nil
		w.o.thresholds.keyMemory = max(minKeyMemory, r.o.thresholds.keyMemory/r.o.Jobs)
		w.o.Events.Progress = r.memberProgress(w)
		w.lessons, w.rows, w.fellow, w.together, w.total = r.lessons, r.rows, c, r.together, r.total
		w.tally.counting = true
		c.members = append(c.members, w)
		config := r.session.Config()
		c.done.Go(func() {
			for p := c.next(w); p != nil; p = c.next(w) {
				p.failed = w.loadPart(r.jobs, p, config)
				c.through(p)
			}
		})
	}
}

// minKeyMemory is what each of several connections may take for values of keys, however many they are, in bytes.
const minKeyMemory = 1 << 20

// loadPart loads a part.
func (r *run) loadPart(ctx context.Context, p *part, target *pgx.ConnConfig) *failure {
	before, building := r.tally.whole(), r.tally.building[p.oid]
	err := r.readyFor(ctx, p, target)
	if err == nil && !p.strange {
		err = r.readPart(ctx, p)
	}
	after := r.tally.whole()
	p.loaded = Table{Rows: after.Rows - before.Rows, Bytes: after.Bytes - before.Bytes, Elapsed: after.Elapsed - before.Elapsed}
	p.building, p.analyzed = r.tally.building[p.oid]-building, r.known.analyzed[p.oid]
	if err != nil {
		return &failure{at: p.at, err: err, refused: true}
	}
	return nil
}

// readyFor connects, if need be, and makes the session that of the script.
func (r *run) readyFor(ctx context.Context, p *part, target *pgx.ConnConfig) error {
	if r.session == nil {
		if err := r.connect(ctx, target); err != nil {
			if r.together != nil && ctx.Err() == nil {
				return &otherwise{alone: "no other connection could be made (" + headline(err) + ")"}
			}
			return err
		}
		if r.together != nil {
			if err := r.session.Begin(ctx, ""); err != nil {
				return (&failure{err: err}).problem()
			}
			r.began, r.inBlock = true, true
		}
	}
	alike, err := r.makeAlike(ctx, p.settings, p.made)
	if err != nil {
		return (&failure{err: err}).problem()
	}
	p.strange = !alike
	if alike && r.together != nil {
		return r.together.claim(ctx, r, sqltext.QuoteName(p.table...), p.oid)
	}
	return nil
}

// readPart reads a part and loads it.
func (r *run) readPart(ctx context.Context, p *part) error {
	sc, err := p.open()
	if err != nil {
		return r.problem(&failure{at: p.at, err: err})
	}
	r.vars, r.part, r.reading, r.taken, r.offset, r.within = p.vars, p, sc, false, p.at.Offset, false
	r.insertsInto, r.insertsSeen, r.held = "", 0, nil
	defer func() {
		r.part = nil
		r.before += sc.BytesRead() - p.at.Offset
		_ = sc.Close()
	}()
	if err := r.follows(ctx, sc); err != nil {
		return err
	}
	if err := r.rebuild(ctx); err != nil {
		return r.refused(err)
	}
	return nil
}

// following gives the next item of a script, within the part that is being read.
func (r *run) following(sc *psql.Script) (any, error) {
	p := r.part
	if p == nil || sc != r.reading {
		return sc.Next()
	}
	if p.head == nil && r.taken || p.head != nil && !r.within && !r.fellow.beyond(p, r.offset) {
		return nil, io.EOF
	}
	item, err := sc.Next()
	r.taken = true
	if st, ok := item.(*psql.Statement); ok {
		r.passed(sc, st)
	}
	return item, err
}

// passed notes how far the part was read.
func (r *run) passed(sc *psql.Script, st *psql.Statement) {
	if r.part != nil && sc == r.reading {
		r.within, r.offset = st.More, st.End
	}
}

// join awaits all parts: what comes next in the script may need them. Those whose settings no other connection takes are loaded now.
func (r *run) join(ctx context.Context) *failure {
	c := r.crew
	if c == nil || r.part != nil {
		return nil
	}
	c.close()
	c.mu.Lock()
	c.begun = true
	c.changed.Broadcast()
	for len(c.waiting)+len(c.under) > 0 {
		c.changed.Wait()
	}
	over := c.over
	c.over, c.begun, c.read = nil, false, 0
	r.workers = slices.DeleteFunc(slices.Clone(c.members), func(w *run) bool { return w.session == nil })
	c.mu.Unlock()
	slices.SortFunc(over, func(a, b *part) int { return a.n - b.n })
	for _, p := range over {
		if p.failed != nil {
			return r.whatFailed(p)
		}
		if p.strange {
			if f := r.takeStrange(ctx, p); f != nil {
				return f
			}
			continue
		}
		r.known.analyzed[p.oid] = p.analyzed
		r.tally.count(p.table, p.loaded.Rows, p.loaded.Bytes, p.loaded.Elapsed-p.building)
		r.tally.building[p.oid] += p.building
	}
	return nil
}

// whatFailed says what it means that a part could not be loaded. What the server refuses in one of several transactions, one alone is
// to find: only there it is certain that nothing before it in the script is at fault.
func (r *run) whatFailed(p *part) *failure {
	var more *otherwise
	if r.together != nil && (errors.As(p.failed.err, &more) && more.alone == "" || session.MayBeRow(p.failed.err) || errors.Is(p.failed.err, errUnsure)) {
		p.failed.err = &otherwise{alone: "the server refused rows of table " + sqltext.QuoteName(p.table...)}
	}
	return p.failed
}

// takeStrange loads a part over the script's own connection.
func (r *run) takeStrange(ctx context.Context, p *part) *failure {
	if r.together != nil {
		return &failure{at: p.at, refused: true, err: &otherwise{alone: "the settings of the script's session cannot be made those of another"}}
	}
	vars, reading, held := r.vars, r.reading, r.held
	defer func() { r.vars, r.reading, r.held = vars, reading, held }()
	r.fellow = r.crew
	if err := r.readPart(ctx, p); err != nil {
		return &failure{at: p.at, err: err, refused: true}
	}
	return nil
}

// memberProgress tells how far all connections have come, when one of them tells how far it has.
func (r *run) memberProgress(w *run) func(Progress) {
	tell := r.o.Events.Progress
	if tell == nil {
		return nil
	}
	c, total, rows := r.crew, r.total, r.rows
	return func(p Progress) {
		bytes, all := c.progress(w, w.reading.BytesRead()-w.part.at.Offset, p.Rows)
		if rows != nil {
			bytes = rows.BytesRead()
		}
		tell(Progress{Table: p.Table, Bytes: bytes, Total: total, Rows: all})
	}
}

// noteOutside notes how far the script was read ahead.
func (c *crew) noteOutside(read int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outside = read - c.given
}

// awaitOthers awaits what is under way over other connections before a statement goes over the script's own: it could depend on that.
func (r *run) awaitOthers(ctx context.Context, _ *statement) (bool, *failure) {
	f := r.join(ctx)
	return f != nil, f
}

// progress notes how far a member has come with its part, and gives how far all have.
func (c *crew) progress(w *run, bytes, rows int64) (allBytes, allRows int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.bytes[w], c.rows[w] = w.before+bytes, rows
	allBytes = c.outside
	for _, n := range c.bytes {
		allBytes += n
	}
	for _, n := range c.rows {
		allRows += n
	}
	return allBytes, allRows
}

// readSettings reads those of the script's session, if they may have changed.
func (r *run) readSettings(ctx context.Context) error {
	if r.known.settings {
		return nil
	}
	settings, err := r.sessionSettings(ctx)
	if err != nil {
		return err
	}
	r.settings, r.known.settings = settings, true
	r.settingsMade++
	return nil
}

func (r *run) sessionSettings(ctx context.Context) (map[string]string, error) {
	all, err := catalog.Settings(ctx, r.session)
	settings := map[string]string{}
	for _, s := range all {
		settings[s.Name] = s.Value
	}
	return settings, err
}

// setConfig gives the expression that gives a session's setting a value.
func setConfig(name, value string) string {
	return fmt.Sprintf("pg_catalog.set_config(%s, %s, false)", sqltext.Literal(name), sqltext.Literal(value))
}

// makeAlike gives the session settings of the script's, as the server says what they are. It reports false where that cannot be done.
func (r *run) makeAlike(ctx context.Context, settings map[string]string, made int) (bool, error) {
	if r.settingsMade == made {
		return true, nil
	}
	have, err := r.sessionSettings(ctx)
	if err != nil {
		return false, err
	}
	var set []string
	for name, value := range settings {
		if have[name] == value {
			continue
		}
		if name == "session_authorization" {
			return false, nil
		}
		set = append(set, setConfig(name, value))
	}
	if len(set) > 0 {
		slices.Sort(set)
		err := r.exec(ctx, "SELECT "+strings.Join(set, ", "))
		if session.MayBeRow(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		r.known.after(sqltext.Session)
	}
	r.settingsMade = made
	return true, nil
}

// hire readies the other connections for a database, if there are to be some.
func (r *run) hire(ctx context.Context) {
	if r.cancelJobs != nil {
		r.cancelJobs()
	}
	r.jobs, r.cancelJobs = context.WithCancel(ctx)
	r.crew, r.known.settings = nil, false
	if r.o.Jobs > 1 && (r.o.Transaction == None || r.together != nil) {
		r.crew = newCrew()
	}
}

// dismiss ends what is under way over the other connections, and awaits that.
func (r *run) dismiss() {
	if r.crew == nil {
		return
	}
	r.cancelJobs()
	r.crew.mu.Lock()
	r.crew.ended, r.crew.waiting = true, nil
	r.crew.changed.Broadcast()
	r.crew.mu.Unlock()
	r.crew.done.Wait()
	r.workers = slices.DeleteFunc(r.crew.members, func(w *run) bool { return w.session == nil })
	r.crew = nil
}

// closeWorkers ends the other connections, and with them whatever they still do.
func (r *run) closeWorkers(ctx context.Context) {
	r.cancelJobs()
	r.dismiss()
	for _, w := range r.workers {
		w.close(ctx)
	}
	r.workers = nil
}
