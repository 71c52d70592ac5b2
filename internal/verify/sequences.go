package verify

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// sequence is one sequence and the columns that it feeds.
type sequence struct {
	catalog.Sequence
	columns  []string // scalar subqueries, one a column of a loaded table: the value that is furthest on
	replaced bool     // every table that it feeds was emptied by the script
}

// sequencesTogether is how many sequences one query asks for.
const sequencesTogether = 50

// Sequences gives the statements by which each sequence that feeds a column of the tables goes on behind the furthest value there (the
// largest, or the smallest if it counts down), so that the next insert with a default does not collide. Where all tables of a sequence
// were emptied by the script it goes exactly there; else it never goes back. A rollback takes back what taken does, and nothing of
// lasting.
func (c *Checks) Sequences(ctx context.Context, tables []uint32) (taken, lasting []string, err error) {
	all, err := catalog.SequencesOf(ctx, c.Session, tables)
	if err != nil {
		return nil, nil, err
	}
	var asked []sequence
	var forbidden []string
	for _, q := range all {
		switch s := c.fed(q); {
		case len(s.columns) == 0:
		case s.Allowed:
			asked = append(asked, s)
		default:
			forbidden = append(forbidden, s.Name)
		}
	}
	if len(forbidden) > 0 {
		names := strings.Join(forbidden, ", ")
		c.Warn(fmt.Sprintf("the role may not move the sequence %s, so the next default value may collide with a loaded row: GRANT SELECT, UPDATE ON SEQUENCE %[1]s TO %s",
			names, c.Role))
	}
	for part := range slices.Chunk(asked, sequencesTogether) {
		some, others, err := c.moves(ctx, part)
		if err != nil {
			return nil, nil, err
		}
		taken, lasting = append(taken, some...), append(lasting, others...)
	}
	return taken, lasting, nil
}

// fed gives the columns that a sequence feeds.
func (c *Checks) fed(q catalog.Sequence) sequence {
	s := sequence{Sequence: q, replaced: true}
	for _, fed := range q.Feeds {
		s.replaced = s.replaced && slices.Contains(c.Emptied.Tables, fed.Table)
		if !fed.Visible {
			continue
		}
		if fed.Hidden {
			c.Warn(fmt.Sprintf("row security hides rows of %s from the role, so the sequence %s may not be past the largest of them: ALTER ROLE %s BYPASSRLS, or load as the table's owner",
				fed.TableName, s.Name, c.Role))
		}
		far, filter := "max", ""
		if s.Increment < 0 {
			far = "min"
		}
		if fed.Numeric { // NaN and infinities are no numbers to go on from
			filter = fmt.Sprintf(" FILTER (WHERE abs(%s) < 1e19)", fed.Column)
		}
		s.columns = append(s.columns, fmt.Sprintf("(SELECT %s(%s)%s FROM %s)", far, fed.Column, filter, fed.TableName))
	}
	return s
}

// moves asks where the sequences and their columns stand, and gives the statements that move those that must be.
func (c *Checks) moves(ctx context.Context, sequences []sequence) (taken, lasting []string, err error) {
	var names, furthest []string
	for _, s := range sequences {
		far := "greatest"
		if s.Increment < 0 {
			far = "least"
		}
		names = append(names, s.Name)
		all := fmt.Sprintf("%s(%s)", far, strings.Join(s.columns, ", "))
		if slices.ContainsFunc(s.Feeds, func(f catalog.Fed) bool { return f.Numeric }) {
			all = fmt.Sprintf("(SELECT CASE WHEN f.far IS NOT NULL THEN least(greatest(trunc(f.far), %d), %d) END FROM (SELECT %s::numeric) f(far))", math.MinInt64, math.MaxInt64, all)
		}
		furthest = append(furthest, all+"::bigint")
	}
	states, err := catalog.States(ctx, c.Session, names, furthest)
	if err != nil {
		return nil, nil, err
	}
	for i, state := range states {
		s := sequences[i]
		if c.Dry != nil {
			if to, ok := c.Dry.moved[s.OID]; ok {
				state.Last, state.Called = to.Last, to.Called
			}
		}
		far, last, called := state.Far, state.Last, state.Called
		if far == nil {
			continue // no rows: the sequence stays
		}
		target, use := s.target(*far)
		if s.usedUp(*far) {
			c.Warn(fmt.Sprintf("sequence %s has no value left after %d, the furthest that its tables hold", s.Name, *far))
		}
		setval := fmt.Sprintf("SELECT pg_catalog.setval(%d, %d, %t)", s.OID, target, use)
		switch forward := s.further(target, last) || target == last && use && !called; {
		case !forward && (target == last && use == called || !s.replaced || c.Open && !s.Owned):
		case c.Dry != nil:
			c.Dry.move(s.OID, catalog.Stand{Name: s.Name, Last: target, Called: use})
		case forward || !c.Open || c.Apart:
			lasting = append(lasting, setval)
		default: // RESTART gives the sequence a new file, which a rollback throws away together with the setval
			taken = append(taken, "ALTER SEQUENCE "+s.Name+" RESTART", setval)
		}
	}
	return taken, lasting, nil
}

// further tells whether a comes later in the sequence than b.
func (s sequence) further(a, b int64) bool {
	if s.Increment < 0 {
		return a < b
	}
	return a > b
}

// target is what the sequence has to be set to when its columns have come as far as far; use says that this value is taken.
func (s sequence) target(far int64) (value int64, use bool) {
	switch {
	case s.further(s.Start, far): // only values before the first: nothing to collide with
		return s.Start, false
	case far > s.Max:
		return s.Max, true
	case far < s.Min:
		return s.Min, true
	}
	return far, true
}

// usedUp tells whether there is no value behind far.
func (s sequence) usedUp(far int64) bool {
	if s.Cycle {
		return false
	}
	if s.Increment < 0 {
		return far < s.Min-s.Increment // min is small enough for this not to overflow where it matters
	}
	return far > s.Max-s.Increment
}

// DryRun is what is known of sequences in a load that ends in ROLLBACK, which takes back no setval and no number that was drawn.
type DryRun struct {
	Before map[uint32]catalog.Stand // where they stood before the first attempt; nil until that was asked
	Drawn  string                   // what is to be said of numbers that were drawn, "" if nothing

	moved map[uint32]catalog.Stand // where setval would have set them
}

// move notes where a sequence would stand.
func (d *DryRun) move(sequence uint32, to catalog.Stand) {
	if d.moved == nil {
		d.moved = map[uint32]catalog.Stand{}
	}
	d.moved[sequence] = to
}

// Note notes what setval would have set, where statements call what stands for it. refused is the error that it would have failed with.
func (d *DryRun) Note(ctx context.Context, s *session.Session) (refused *pgconn.PgError, err error) {
	last := s.Last()
	defer func() { s.SetLast(last) }()
	noted, err := catalog.NotedIn(ctx, s, sqltext.SetvalNotes)
	if err == nil {
		err = s.Exec(ctx, "SET LOCAL "+sqltext.SetvalNotes+" = ''")
	}
	if err != nil {
		return nil, err
	}
	for _, n := range noted {
		refused := &pgconn.PgError{Severity: "ERROR"}
		switch {
		case !n.Sequence:
			refused.Code, refused.Message = "42809", fmt.Sprintf("cannot open relation %q", n.Name)
			refused.Detail = "It is not a sequence."
		case !n.Allowed:
			refused.Code, refused.Message = "42501", "permission denied for sequence "+n.Name
		case n.Value < n.Min || n.Value > n.Max:
			refused.Code = "22003"
			refused.Message = fmt.Sprintf("setval: value %d is out of bounds for sequence %q (%d..%d)", n.Value, n.Name, n.Min, n.Max)
		default:
			d.move(n.OID, catalog.Stand{Name: n.Name, Last: n.Value, Called: n.Called})
			continue
		}
		return refused, nil
	}
	return nil, nil
}

// SayMoved says where sequences would stand.
func (d *DryRun) SayMoved(notice func(text string)) {
	var all []string
	for _, to := range d.moved {
		all = append(all, to.Name+" "+to.String())
	}
	if len(all) > 0 {
		notice("left out, as no rollback takes setval back; sequences would stand at: " + some(all))
	}
}

// Begin sees where sequences stand before the first attempt.
func (d *DryRun) Begin(ctx context.Context, q catalog.Querier) (err error) {
	if d.Before == nil {
		d.Before, err = catalog.Stands(ctx, q)
	}
	return err
}

// End sees which sequences stand elsewhere than before: of numbers that were drawn no rollback takes one back. Call it when nothing is open
// any more.
func (d *DryRun) End(ctx context.Context, s *session.Session) {
	if ctx.Err() != nil || s.IsClosed() || s.TxStatus() != 'I' {
		return
	}
	now, err := catalog.Stands(ctx, s)
	if err != nil {
		d.Drawn = "whether numbers were drawn from sequences, which stay drawn, could not be seen: " + session.Reason(err)
		return
	}
	var all []string
	for oid, stand := range now {
		if was, ok := d.Before[oid]; ok && (was.Last != stand.Last || was.Called != stand.Called) {
			all = append(all, fmt.Sprintf("%s stood at %s and stands at %s", stand.Name, was, stand))
		}
	}
	if len(all) > 0 {
		d.Drawn = "sequences have moved during the dry run, and no rollback takes that back: " + some(all)
	}
}

// some sorts texts, and joins the first of them.
func some(all []string) string {
	const most = 20
	slices.Sort(all)
	few := strings.Join(all[:min(len(all), most)], ", ")
	if more := len(all) - most; more > 0 {
		few += fmt.Sprintf(" and %d more", more)
	}
	return few
}
