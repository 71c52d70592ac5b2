package report

import (
	"fmt"
	"strings"
	"time"

	"github.com/schollz/progressbar/v3"
)

const (
	firstLine    = time.Second            // after which a phase without a terminal tells how far it is
	lineInterval = 5 * time.Second        // between lines of progress without a terminal
	barInterval  = 100 * time.Millisecond // between two pictures of the bar
	barSteps     = 1000                   // of the whole bar
	barColumns   = 20                     // width of the bar itself
	barRest      = barColumns + 16        // columns that bar, percentage and margins take
)

// progress is how far the phase in hand has come.
type progress struct {
	start time.Time // of the phase
	told  time.Time // when the last line was written
	last  string    // what it would say now
	dirty bool      // last was not written yet
	bar   *progressbar.ProgressBar
}

// Generation tells how far a task is: a fraction from 0 to 1, and what the API calls its phase and context (both may be
// empty).
func (r *Report) Generation(fraction float64, phase, context string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	what := name(phase + " " + context)
	r.tell(fraction, join(what, r.elapsed()+" so far"))
}

// Download tells how many bytes are here. A total of 0 or less means that it is not known.
func (r *Report) Download(done, total int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rate := size(perSecond(done, r.sinceStart())) + "/s"
	r.tell(share(done, total), join(amount(done, total), rate))
}

// Load tells how far a load is: the table in hand (may be empty), bytes of script read and in all (0 or less: not
// known), and rows loaded.
func (r *Report) Load(table string, bytes, total, rows int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	rate := size(perSecond(bytes, r.sinceStart())) + "/s, " + count(perSecond(rows, r.sinceStart())) + " rows/s"
	r.tell(share(bytes, total), join(name(table), plural(rows, "row"), amount(bytes, total), rate))
}

func amount(done, total int64) string {
	if total <= 0 {
		return size(done)
	}
	return size(done) + " of " + size(total)
}

// share gives done of total as a fraction, or -1 when the total is not known.
func share(done, total int64) float64 {
	if total <= 0 {
		return -1
	}
	return float64(done) / float64(total)
}

func join(parts ...string) string {
	var kept []string
	for _, part := range parts {
		if part != "" {
			kept = append(kept, part)
		}
	}
	return strings.Join(kept, ", ")
}

func (r *Report) sinceStart() time.Duration { return r.o.Now().Sub(r.progress.start) }

func (r *Report) elapsed() string { return elapsed(r.sinceStart()) }

// remaining guesses from the whole phase so far; it says nothing in its first second and at its end.
func (r *Report) remaining(fraction float64) string {
	passed := r.sinceStart()
	if fraction <= 0 || fraction >= 1 || passed < time.Second {
		return ""
	}
	return elapsed(time.Duration(float64(passed)*(1-fraction)/fraction)) + " left"
}

// tell shows progress: on the bar, or as a line now and then. A fraction below 0 is an unknown one.
func (r *Report) tell(fraction float64, text string) {
	p := &r.progress
	if p.start.IsZero() { // outside any phase there is nothing to show progress of
		return
	}
	fraction = min(fraction, 1)
	text = r.redactor.text(oneLine(join(text, r.remaining(fraction))))
	p.last = text
	if fraction >= 0 {
		p.last = fmt.Sprintf("%3.0f%%  %s", fraction*100, text)
	}
	p.dirty = true
	if r.o.Terminal {
		r.drawBar(fraction, text)
		return
	}
	now := r.o.Now()
	soon := p.told.IsZero() && now.Sub(p.start) >= firstLine
	again := !p.told.IsZero() && now.Sub(p.told) >= lineInterval
	if soon || again {
		p.told = now
		p.dirty = false
		r.line(p.last)
	}
}

// endProgress writes where the phase ended, if that was not written.
func (r *Report) endProgress() {
	r.hideBar()
	if r.progress.dirty {
		r.progress.dirty = false
		r.line(r.progress.last)
	}
	r.progress = progress{}
}

func (r *Report) drawBar(fraction float64, text string) {
	p := &r.progress
	if p.bar == nil {
		steps := barSteps
		if fraction < 0 {
			steps = -1
		}
		p.bar = progressbar.NewOptions(steps,
			progressbar.OptionSetWriter(redacting{r}),
			progressbar.OptionSetWidth(barColumns),
			progressbar.OptionSetPredictTime(false),
			progressbar.OptionSetElapsedTime(false),
			progressbar.OptionThrottle(barInterval),
			progressbar.OptionSpinnerType(14),
			progressbar.OptionSetSpinnerChangeInterval(0), // no goroutine that turns it
			progressbar.OptionShowDescriptionAtLineEnd(),
			progressbar.OptionClearOnFinish(),
		)
	}
	if room := r.o.Width - barRest; r.o.Width > 0 {
		text = cut(text, max(room, 0))
	}
	p.bar.Describe(printable(text))
	if fraction < 0 {
		_ = p.bar.Add(1)
		return
	}
	_ = p.bar.Set(min(int(fraction*barSteps), barSteps-1)) // at its end the bar would take no more
}

// hideBar clears the bar's line; the next progress draws it again.
func (r *Report) hideBar() {
	if r.progress.bar != nil {
		_ = r.progress.bar.Clear()
	}
}

// cut shortens text to so many characters.
func cut(text string, room int) string {
	runes := []rune(text)
	if len(runes) <= room {
		return text
	}
	if room < 1 {
		return ""
	}
	return string(runes[:room-1]) + "…"
}
