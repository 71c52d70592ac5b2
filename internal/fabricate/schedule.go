package fabricate

import (
	"math/rand/v2"
	"time"
)

// How often a task is asked about. Half of the longest gap is how late its end is noticed on average where its progress says
// nothing: 1.2 s up to 78 s, then 1.5 % of the time that has passed, up to 5 s.
const (
	shortGap    = time.Second             // at least, towards the estimated end; less with a shorter poll interval, a quarter more after each miss
	blindGap    = 2350 * time.Millisecond // at most, for the first 78 s
	blindShare  = 0.03                    // of the time that has passed, from then on
	jitterShare = 0.1                     // of a gap, up and down
	aimBehind   = 50 * time.Millisecond   // behind the estimated end, and
	aimShare    = 0.02                    // of the time until then: to ask a moment too early costs another question
	almost      = 0.99                    // progress that is not passed without an answer
)

// schedule decides when to ask about a task next: at its end, if its progress says when that is, and otherwise in gaps that grow,
// because progress can stand still, jump and end early. The zero value with a first gap is ready.
type schedule struct {
	first time.Duration // the poll interval

	gap    time.Duration // the last one, without an estimate
	at     time.Duration // since the beginning: the last answer
	done   float64       // its progress
	rate   float64       // progress a second between the last two answers; 0 when it did not move
	end    time.Duration // since the beginning: the end that this progress leads to; 0 when it leads to none
	drift  time.Duration // by how much that is later than the answer before had it
	known  bool          // there was an answer
	aimed  bool          // the last gap went to an estimated end
	misses int           // estimated ends in a row at which there was none
}

// answered notes the progress of a task that goes on.
func (s *schedule) answered(at time.Duration, done float64) {
	s.rate = 0
	if s.known && at > s.at && done > s.done {
		s.rate = (done - s.done) / (at - s.at).Seconds()
	}
	if s.misses++; !s.aimed {
		s.misses = 0
	}
	before := s.end
	s.at, s.done, s.known, s.end, s.drift = at, done, true, 0, 0
	if s.rate > 0 {
		const never = 1 << 20 // seconds
		s.end = at + time.Duration(min((1-done)/s.rate, never)*float64(time.Second))
	}
	if before > 0 && s.end > before {
		s.drift = (s.end - before) / 2 // progress slows down, and will go on to, if not as much
	}
}

// next gives the gap until the next question; at is how long it has been since the beginning.
func (s *schedule) next(at time.Duration) time.Duration {
	s.aimed = false
	if s.gap == 0 {
		s.gap = s.first
		return s.gap
	}
	longest := max(blindGap, min(time.Duration(blindShare*float64(at)), maxInterval), s.first)
	s.gap = min(2*s.gap, longest)
	gap := time.Duration(float64(s.gap) * (1 + jitterShare*(2*rand.Float64()-1))) //nolint:gosec // no secret: so that many runs do not ask at once
	if s.end > 0 {
		left := max(0, s.end+s.drift-at)
		aim := left + aimBehind + time.Duration(aimShare*float64(left))
		least := min(shortGap, s.first) * time.Duration(4+s.misses) / 4
		if aim = max(aim, least); aim < gap {
			s.aimed = true
			return aim
		}
	}
	return gap
}

// expected gives what the progress may be by now.
func (s *schedule) expected(at time.Duration) float64 {
	return min(s.done+s.rate*(at-s.at).Seconds(), max(almost, s.done))
}
