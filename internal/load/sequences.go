package load

import (
	"context"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
)

// sequence is one sequence and the columns that it feeds.
type sequence struct {
	catalog.Sequence
	columns  []string // scalar subqueries, one a column of a loaded table: the value that is furthest on
	replaced bool     // every table that it feeds was emptied by the script
}

// sequencesTogether is how many sequences one query asks for.
const sequencesTogether = 50

// syncSequences lets each sequence that feeds a column of the tables go on behind the furthest value there (the largest, or
// the smallest if it counts down), so that the next insert with a default does not collide. Where all tables of a sequence
// were emptied by the script it goes exactly there; else it never goes back.
func (r *run) syncSequences(ctx context.Context, oids []uint32) error {
	sequences, err := r.fedSequences(ctx, oids)
	if err != nil {
		return err
	}
	var asked []sequence
	var forbidden []string
	for _, s := range sequences {
		switch {
		case len(s.columns) == 0:
		case s.Allowed:
			asked = append(asked, s)
		default:
			forbidden = append(forbidden, s.Name)
		}
	}
	if len(forbidden) > 0 {
		names := strings.Join(forbidden, ", ")
		r.warn(fmt.Sprintf("the role may not move the sequence %s, so the next default value may collide with a loaded row: GRANT SELECT, UPDATE ON SEQUENCE %[1]s TO %s",
			names, r.roleName()))
	}
	var whole, moves []string // those that a rollback takes back come first
	for part := range slices.Chunk(asked, sequencesTogether) {
		some, others, err := r.moves(ctx, part)
		if err != nil {
			return err
		}
		whole, moves = append(whole, some...), append(moves, others...)
	}
	if len(whole)+len(moves) == 0 || r.o.DryRun {
		return nil
	}
	if r.o.Online && r.began { // what no rollback takes back comes when nothing is left that may fail
		r.online.last = append(r.online.last, moves...)
		moves = nil
	}
	moves = append(whole, moves...)
	if r.began { // what may still fail must fail before: no rollback takes setval back
		moves = append([]string{"SET CONSTRAINTS ALL IMMEDIATE"}, moves...)
	}
	return r.exec(ctx, strings.Join(moves, "; "))
}

// fedSequences gives the sequences that feed columns of the tables.
func (r *run) fedSequences(ctx context.Context, oids []uint32) ([]sequence, error) {
	sequences, err := catalog.SequencesOf(ctx, r.session, oids)
	var found []sequence
	for _, q := range sequences {
		s := sequence{Sequence: q, replaced: true}
		for _, fed := range q.Feeds {
			s.replaced = s.replaced && slices.Contains(r.known.emptied.oids, fed.Table)
			if !fed.Visible {
				continue
			}
			if fed.Hidden {
				r.warn(fmt.Sprintf("row security hides rows of %s from the role, so the sequence %s may not be past the largest of them: ALTER ROLE %s BYPASSRLS, or load as the table's owner",
					fed.TableName, s.Name, r.roleName()))
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
		found = append(found, s)
	}
	return found, err
}

// moves asks where the sequences and their columns stand, and gives the statements that move those that must be. A rollback takes back
// what whole does, and nothing of moves.
func (r *run) moves(ctx context.Context, sequences []sequence) (whole, moves []string, err error) {
	var names, furthest []string
	for _, s := range sequences {
		far := "greatest"
		if s.Increment < 0 {
			far = "least"
		}
		names = append(names, s.Name)
		furthest = append(furthest, fmt.Sprintf("(SELECT CASE WHEN f.far IS NOT NULL THEN least(greatest(trunc(f.far), %d), %d)::bigint END FROM (SELECT %s(%s)::numeric) f(far))",
			math.MinInt64, math.MaxInt64, far, strings.Join(s.columns, ", ")))
	}
	states, err := catalog.States(ctx, r.session, names, furthest)
	if err != nil {
		return nil, nil, err
	}
	for i, state := range states {
		s := sequences[i]
		if to, ok := r.moved[s.OID]; ok {
			state.Last, state.Called = to.Last, to.Called
		}
		far, last, called := state.Far, state.Last, state.Called
		if far == nil {
			continue // no rows: the sequence stays
		}
		target, use := s.target(*far)
		if s.usedUp(*far) {
			r.warn(fmt.Sprintf("sequence %s has no value left after %d, the furthest that its tables hold", s.Name, *far))
		}
		setval := fmt.Sprintf("SELECT pg_catalog.setval(%d, %d, %t)", s.OID, target, use)
		switch forward := s.further(target, last) || target == last && use && !called; {
		case !forward && (target == last && use == called || !s.replaced || r.began && !s.Owned):
		case r.o.DryRun:
			r.wouldMove(s.OID, catalog.Stand{Name: s.Name, Last: target, Called: use})
		case forward || !r.began || r.together != nil: // the script's own connection may hold the sequence by a setval
			moves = append(moves, setval)
		default: // RESTART gives the sequence a new file, which a rollback throws away together with the setval
			whole = append(whole, "ALTER SEQUENCE "+s.Name+" RESTART", setval)
		}
	}
	return whole, moves, nil
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
