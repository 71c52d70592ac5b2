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
// part, which another connection takes, reads for itself from where it stands, and loads as a load with one connection would. They are
// taken in the script's order. Whatever else the script says waits until all parts before it are loaded.

// part is statements that stand one after the other and bring rows for one table.
type part struct {
	n        int // in the order of the script
	table    []string
	plan     tablePlan     // what the script's own connection knows of it
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
	end    int64 // offset behind the last statement that belongs to it; that of a COPY is 1
	closed bool  // no more will

	strange  bool          // nobody has loaded it: the session of another connection cannot be made the same
	failed   *failure      // nil if all is well
	read     int64         // bytes of it that were, of the script
	loaded   Table         // what it was
	building time.Duration // of that, for indexes
}

// crew is the other connections, and how they share what the script brings.
type crew struct {
	mu      sync.Mutex
	changed *sync.Cond
	waiting []*part // in the script's order
	under   []*part // taken
	over    []*part
	last    *part // that may still grow
	parts   int
	owners  map[uint32]*member // in whose transaction a table is, where all are one
	ended   bool

	given, outside int64 // bytes of the script that were given to parts, and that were not
	members        []*member
	done           sync.WaitGroup

	ctx      context.Context // of what they do
	cancel   context.CancelFunc
	together *together         // their transactions are to be one; nil if not
	settings map[string]string // of the script's session, as they are given them
	made     int               // how often those were read
}

// member is one of a crew: a connection over which parts are loaded, one after the other, as a load with one connection would load them.
type member struct {
	executor
	of   *crew
	made int   // which settings of the script's session it has
	none bool  // the server had no connection for it
	past int64 // bytes of the script, of the parts before the one in hand

	// Under the crew's lock.
	bytes, brought int64 // of the script, and rows into tables, that it has loaded
}

func newCrew(ctx context.Context, t *together) *crew {
	c := &crew{owners: map[uint32]*member{}, together: t}
	c.changed = sync.NewCond(&c.mu)
	c.ctx, c.cancel = context.WithCancel(ctx)
	return c
}

// handOver makes a statement a part of its own, or the beginning of one, if it may be loaded over another connection.
func (r *run) handOver(ctx context.Context, s *statement) (bool, *failure) {
	one := s.only()
	if r.crew == nil || r.reading.part != nil || one == nil || s.plan == nil || s.script == nil || s.send() != nil || !r.fast() || r.lessons.settles(s.at) ||
		s.plan.partitioned { // its rows are those of tables that may come by another connection
		return false, nil
	}
	p := &part{table: one.Relations[0], plan: *s.plan, at: s.at, commands: s.script.Commands()}
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
	if d := r.decide(s.plan, situation, false); !d.Elsewhere {
		if d.Rows == strategy.AsWritten {
			s.written = d.Because[0]
		}
		return false, nil
	}
	if f := r.answered(ctx); f != nil {
		return true, f
	}
	if !r.known.settings {
		settings, err := r.sessionSettings(ctx, false)
		if err != nil {
			return true, r.fail(s, err)
		}
		r.crew.settings, r.crew.made, r.known.settings = settings, r.crew.made+1, true
	}
	p.vars, p.settings, p.made = r.vars.Copy(), r.crew.settings, r.crew.made
	p.open = s.script.Apart(p.at, p.vars, r.o.thresholds.fragmentSize)
	if r.crew.failed() {
		return true, r.join(ctx)
	}
	r.crew.add(p)
	s.plan.filled()
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
func (x *executor) outcomeGiven(f *failure) *failure {
	if f == nil && x.together != nil {
		return &failure{at: x.at, refused: true, err: &otherwise{alone: "the script asks how many rows a statement has brought"}}
	}
	return cmp.Or(f, x.outcome(&failure{}, noTag))
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
	return r.asWritten(ctx, r.reading.Script, p.from, st.End)
}

// asWritten sends the statements of a script from a place on as they are written: those before an offset, for what stands behind that may not
// be read yet a time.
func (x *executor) asWritten(ctx context.Context, sc *psql.Script, from psql.Position, before int64) (f *failure) {
	if x.reading.held == nil { // what was given last is among them
		sc.Release()
	}
	again, err := sc.Reread(from)
	if err != nil {
		return &failure{at: from, err: err, refused: true}
	}
	defer func() { closeAfter(f, again) }()
	x.replaying = true
	defer func() { x.replaying = false }()
	for end := from.Offset; end < before; {
		item, err := again.Next()
		st, ok := item.(*psql.Statement)
		if err != nil || !ok {
			return &failure{at: from, err: cmp.Or(err, errUnsure), refused: true}
		}
		end = st.End
		if f := x.carryOut(ctx, again, st); f != nil {
			return f
		}
	}
	return nil
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
	if p.end = end; inline {
		c.given += size
	}
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

// next gives a member the first part that it may take, and waits for one; nil when there will be no more. Parts of one table follow each
// other, and where all is one transaction of several connections, they are one member's.
func (c *crew) next(m *member) *part {
	c.mu.Lock()
	defer c.mu.Unlock()
	for !c.ended {
		first := slices.IndexFunc(c.waiting, func(p *part) bool {
			owner := c.owners[p.plan.oid]
			same := func(q *part) bool { return q.plan.oid == p.plan.oid }
			return p.end > 0 && (owner == nil || owner == m) && !slices.ContainsFunc(c.under, same) && c.waiting[slices.IndexFunc(c.waiting, same)] == p
		})
		if first >= 0 {
			p := c.waiting[first]
			c.waiting = slices.Delete(c.waiting, first, first+1)
			c.under = append(c.under, p)
			if c.together != nil {
				c.owners[p.plan.oid] = m
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
		c.waiting = slices.DeleteFunc(c.waiting, func(q *part) bool { return q.n > p.n || c.together != nil })
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
		m := &member{executor: newExecutor(r.o, r.lessons), of: c}
		m.o.thresholds.keyMemory = max(minKeyMemory, r.o.thresholds.keyMemory/r.o.Jobs)
		m.rows, m.total, m.road, m.progress = r.rows, r.total, m.stages(nil), m.tellProgress
		m.tally.counting, m.joins = true, c.together != nil
		c.members = append(c.members, m)
		config := r.session.Config()
		c.done.Go(func() {
			for p := c.next(m); p != nil; p = c.next(m) {
				p.failed = m.loadPart(c.ctx, p, config)
				c.through(p)
			}
		})
	}
}

// minKeyMemory is what each of several connections may take for values of keys, however many they are, in bytes.
const minKeyMemory = 1 << 20

// loadPart loads a part.
func (m *member) loadPart(ctx context.Context, p *part, target *pgx.ConnConfig) *failure {
	before, building := m.tally.whole(), m.tally.building[p.plan.oid]
	err := m.readyFor(ctx, p, target)
	if err == nil && !p.strange {
		err = m.readPart(ctx, p, m.of)
		m.past += p.read
	}
	after := m.tally.whole()
	p.loaded = Table{Rows: after.Rows - before.Rows, Bytes: after.Bytes - before.Bytes, Elapsed: after.Elapsed - before.Elapsed}
	p.building = m.tally.building[p.plan.oid] - building
	if err != nil {
		return &failure{at: p.at, err: err, refused: true}
	}
	return nil
}

// readyFor connects, if need be, and makes the session that of the script.
func (m *member) readyFor(ctx context.Context, p *part, target *pgx.ConnConfig) error {
	together := m.of.together
	if m.none {
		p.strange = true
		return nil
	}
	if m.session == nil {
		m.o.ConnectTimeout = min(m.o.ConnectTimeout, soon)
		switch err := m.open(ctx, target); {
		case err == nil:
		case ctx.Err() != nil:
			return err
		case together != nil:
			return &otherwise{alone: "no other connection could be made (" + headline(err) + ")"}
		default:
			m.notice("jobs: no other connection could be made (" + headline(err) + "), so the script's own loads what was another's")
			m.none, p.strange = true, true
			return nil
		}
		if together != nil {
			if err := m.session.Begin(ctx, ""); err != nil {
				return problemOf(err)
			}
			m.began, m.inBlock = true, true
		}
	}
	alike, err := m.makeAlike(ctx, p.settings, p.made)
	if err != nil {
		return problemOf(err)
	}
	p.strange = !alike
	table := sqltext.QuoteName(p.table...)
	if alike && together != nil {
		return together.claim(ctx, &m.executor, table, p.plan.oid)
	}
	m.known.after(ours) // the script may have changed tables since the part before
	m.known.plans[table] = &p.plan
	return nil
}

// soon is how long a member waits for its connection at most: the server has given the script's own, and that can load all.
const soon = 5 * time.Second

// readPart reads a part and loads it.
func (x *executor) readPart(ctx context.Context, p *part, c *crew) error {
	sc, err := p.open()
	if err != nil {
		return x.problem(&failure{at: p.at, err: err})
	}
	defer func() {
		p.read = sc.BytesRead() - p.at.Offset
		_ = sc.Close()
	}()
	x.vars, x.insertsInto, x.insertsSeen = p.vars, "", 0
	if err := x.follows(ctx, reading{Script: sc, part: p, crew: c, offset: p.at.Offset}, x.carryOut); err != nil {
		return err
	}
	if err := x.rebuild(ctx); err != nil {
		return x.refused(err)
	}
	return nil
}

// next gives the next item of what is read.
func (r *reading) next() (any, error) {
	if h := r.held; h != nil {
		r.held = nil
		return h.item, h.err
	}
	if p := r.part; p != nil && (p.head == nil && r.taken || p.head != nil && !r.within && !r.crew.beyond(p, r.offset)) {
		return nil, io.EOF
	}
	item, err := r.Next()
	r.taken = true
	if st, ok := item.(*psql.Statement); ok {
		r.passed(r.Script, st)
	}
	return item, err
}

// passed notes how far it was read, if it is what a script has read.
func (r *reading) passed(sc *psql.Script, st *psql.Statement) {
	if sc == r.Script {
		r.within, r.offset = st.More, st.End
	}
}

// join awaits all parts: what comes next in the script may need them. Those whose settings no other connection takes are loaded now.
func (x *executor) join(ctx context.Context) *failure {
	c := x.crew
	if c == nil || x.reading.part != nil {
		return nil
	}
	c.close()
	c.mu.Lock()
	c.changed.Broadcast()
	for len(c.waiting)+len(c.under) > 0 {
		c.changed.Wait()
	}
	over := c.over
	c.over = nil
	c.mu.Unlock()
	slices.SortFunc(over, func(a, b *part) int { return a.n - b.n })
	for _, p := range over {
		if p.failed != nil {
			return x.whatFailed(p)
		}
		if p.strange {
			if f := x.takeStrange(ctx, p); f != nil {
				return f
			}
			continue
		}
		x.tally.count(p.table, p.loaded.Rows, p.loaded.Bytes, p.loaded.Elapsed-p.building)
		x.tally.building[p.plan.oid] += p.building
	}
	return nil
}

// whatFailed says what it means that a part could not be loaded. What the server refuses in one of several transactions, one alone is
// to find: only there it is certain that nothing before it in the script is at fault.
func (x *executor) whatFailed(p *part) *failure {
	var more *otherwise
	switch table := sqltext.QuoteName(p.table...); {
	case x.together == nil:
	case errors.Is(p.failed.err, errUnsure):
		p.failed.err = &otherwise{alone: "some rows of table " + table + " go as written"}
	case errors.As(p.failed.err, &more) && more.alone == "", session.MayBeRow(p.failed.err):
		p.failed.err = &otherwise{alone: "the server refused rows of table " + table}
	}
	return p.failed
}

// takeStrange loads a part over the script's own connection.
func (x *executor) takeStrange(ctx context.Context, p *part) *failure {
	if x.together != nil {
		return &failure{at: p.at, refused: true, err: &otherwise{alone: "the settings of the script's session cannot be made those of another"}}
	}
	vars, reading := x.vars, x.reading
	defer func() { x.vars, x.reading = vars, reading }()
	if err := x.readPart(ctx, p, x.crew); err != nil {
		return &failure{at: p.at, err: err, refused: true}
	}
	return nil
}

// tellProgress tells how far all connections have come, when one of them tells how far it has.
func (m *member) tellProgress() {
	if m.o.Events.Progress == nil {
		return
	}
	bytes, rows := m.of.progress(m, m.past+m.reading.BytesRead()-m.reading.part.at.Offset, m.tally.rows)
	if m.rows != nil {
		bytes = m.rows.BytesRead()
	}
	m.o.Events.Progress(Progress{Table: m.tally.table, Bytes: bytes, Total: m.total, Rows: rows})
}

// awaitOthers awaits what is under way over other connections before a statement goes over the script's own: it could depend on that.
func (x *executor) awaitOthers(ctx context.Context, _ *statement) *failure {
	return x.join(ctx)
}

// noteOutside notes how far the script was read ahead.
func (c *crew) noteOutside(read int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.outside = read - c.given
}

// progress notes how far a member has come, and gives how far all have.
func (c *crew) progress(m *member, bytes, rows int64) (allBytes, allRows int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	m.bytes, m.brought = bytes, rows
	allBytes = c.outside
	for _, m := range c.members {
		allBytes, allRows = allBytes+m.bytes, allRows+m.brought
	}
	return allBytes, allRows
}

// sessionSettings reads the settings of the session, or those that it has changed.
func (x *executor) sessionSettings(ctx context.Context, changed bool) (map[string]string, error) {
	all, err := catalog.Settings(ctx, x.session, changed)
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
func (m *member) makeAlike(ctx context.Context, settings map[string]string, made int) (bool, error) {
	if m.made == made {
		return true, nil
	}
	have, err := m.sessionSettings(ctx, false)
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
		err := m.exec(ctx, "SELECT "+strings.Join(set, ", "))
		if session.MayBeRow(err) {
			return false, nil
		}
		if err != nil {
			return false, err
		}
		m.known.after(sqltext.Session)
	}
	m.made = made
	return true, nil
}

// hire readies the other connections for a database, if there are to be some.
func (r *run) hire(ctx context.Context) {
	r.crew, r.known.settings = nil, false
	if r.o.Jobs > 1 && (r.o.Transaction == None || r.together != nil) {
		r.crew = newCrew(ctx, r.together)
	}
}

// connected gives those members that have a connection, while none of them is at work.
func (c *crew) connected() []*member {
	if c == nil {
		return nil
	}
	return slices.DeleteFunc(slices.Clone(c.members), func(m *member) bool { return m.session == nil })
}

// others gives the connections that can share what comes after the rows.
func (r *run) others() (all []*session.Session) {
	for _, m := range r.crew.connected() {
		all = append(all, m.session)
	}
	if r.second != nil {
		all = append(all, r.second)
	}
	return all
}

// stop ends what is under way over the members' connections, and awaits that.
func (c *crew) stop() {
	c.cancel()
	c.mu.Lock()
	c.ended, c.waiting = true, nil
	c.changed.Broadcast()
	c.mu.Unlock()
	c.done.Wait()
}

// dismiss ends the other connections, and with them whatever they still do.
func (r *run) dismiss(ctx context.Context) {
	if r.crew != nil {
		r.crew.stop()
	}
	for _, s := range r.others() {
		s.Close(ctx)
	}
	r.crew, r.second = nil, nil
}
