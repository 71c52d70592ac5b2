// Package report is all that the program says: progress, log, annotations, outputs and the job summary. No other package
// writes to standard output or standard error, or to GitHub's files. Every byte goes through a redactor on its way.
package report

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/sethvargo/go-githubactions"
)

const maxWarnings = 10 // annotations of one kind that GitHub keeps of a step

// Options says where to write, and how.
type Options struct {
	Stdout, Stderr io.Writer
	Getenv         func(string) string
	Terminal       bool // Stderr is a terminal
	Width          int  // columns of the terminal
	Now            func() time.Time
	JSON           bool   // one JSON line on Stdout, all else on Stderr
	Summary        bool   // write the job summary where GitHub asks for one
	Version        string // as in 1.2.3, whose documents are linked to; else those of the main branch are
}

// Report writes. Its methods can be called from several goroutines.
type Report struct {
	mu       sync.Mutex
	o        Options
	log      io.Writer // Stdout under GitHub without JSON, otherwise Stderr
	github   bool
	color    bool
	redactor redactor
	started  time.Time
	phases   []phase
	progress progress
	warnings []string
	seen     map[string]bool // warnings, so that none is told twice
	masked   map[string]bool // what the runner was told to mask
}

// phase is one part of the run, for the summary.
type phase struct {
	name       string
	start, end time.Time // end is zero while it goes on
}

// New makes a report and writes nothing.
func New(o Options) *Report {
	r := &Report{
		o:      o,
		log:    o.Stderr,
		github: o.Getenv("GITHUB_ACTIONS") == "true",
		color:  o.Terminal && o.Getenv("NO_COLOR") == "" && o.Getenv("TERM") != "dumb",
		seen:   map[string]bool{},
		masked: map[string]bool{},
	}
	r.started = o.Now()
	if r.github {
		r.o.Terminal = false
		r.color = false
		if !o.JSON { // the runner reads commands from both, but keeps the order only within one
			r.log = o.Stdout
		}
	}
	return r
}

// Secret hides these values from now on, in everything that is written, in every spelling. Under GitHub the runner is
// told to mask them as well, a line at a time, as it works, and each once. It is to be called before anything else is said of
// them.
func (r *Report) Secret(values ...string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.github {
		// The only bytes that are written with a secret in them: the runner takes such lines out of the log.
		action := githubactions.New(githubactions.WithWriter(lenient{r.log}), githubactions.WithGetenv(r.o.Getenv))
		for _, value := range values {
			for line := range strings.Lines(value) {
				if line = strings.TrimSpace(line); len(line) >= minSecret && !r.masked[line] {
					r.masked[line] = true
					action.AddMask(line)
				}
			}
		}
	}
	r.redactor.add(values...)
}

// Phase ends the phase before it and begins a new one: a group of the log under GitHub, a heading elsewhere.
func (r *Report) Phase(name string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.endPhase()
	name = printable(oneLine(r.message(name)))
	now := r.o.Now()
	r.phases = append(r.phases, phase{name: name, start: now})
	r.progress = progress{start: now}
	if r.github {
		r.action().Group(name)
		return
	}
	r.line(r.paint(bold, "── "+name))
}

// endPhase writes the last line of progress and closes the group.
func (r *Report) endPhase() {
	if len(r.phases) == 0 || !r.phases[len(r.phases)-1].end.IsZero() {
		return
	}
	r.endProgress()
	r.phases[len(r.phases)-1].end = r.o.Now()
	if r.github {
		r.action().EndGroup()
	}
}

// Info writes to the log.
func (r *Report) Info(format string, args ...any) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.text(fmt.Sprintf(format, args...))
}

// Warn writes a warning: to the log, as an annotation under GitHub (nine of them, and one for the rest), and into the
// summary. A warning that was written before is not written again.
func (r *Report) Warn(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.warn(text)
}

func (r *Report) warn(text string) {
	text = r.message(text)
	if r.seen[text] {
		return
	}
	r.seen[text] = true
	r.warnings = append(r.warnings, text)
	if r.github && len(r.warnings) < maxWarnings {
		r.action().WithFieldsMap(map[string]string{"title": "fabricate-seed"}).Warningf("%s", printable(text))
		return
	}
	r.text(r.paint(yellow, "warning: ") + text)
}

// moreWarnings writes the tenth annotation: the tenth warning, or how many there are from there on.
func (r *Report) moreWarnings() {
	rest := len(r.warnings) - (maxWarnings - 1)
	if !r.github || rest < 1 {
		return
	}
	text := r.warnings[maxWarnings-1]
	if rest > 1 {
		text = fmt.Sprintf("and %d more warnings: see the log and the job summary", rest)
	}
	r.action().WithFieldsMap(map[string]string{"title": "fabricate-seed"}).Warningf("%s", printable(text))
}

// action gives GitHub's commands, with redaction.
func (r *Report) action() *githubactions.Action {
	return githubactions.New(githubactions.WithGetenv(r.o.Getenv), githubactions.WithWriter(redacting{r}))
}

// redacting is a writer of whole lines.
type redacting struct{ r *Report }

func (w redacting) Write(p []byte) (int, error) {
	_, _ = io.WriteString(w.r.log, w.r.redactor.text(string(p)))
	return len(p), nil
}

// lenient is a writer that never fails: go-githubactions panics where a write fails, and a log that nobody reads is no
// reason to stop a load.
type lenient struct{ io.Writer }

func (w lenient) Write(p []byte) (int, error) {
	_, _ = w.Writer.Write(p)
	return len(p), nil
}

// text writes whole lines of text that may come from anywhere. Secrets are looked for before it is cut into lines.
func (r *Report) text(text string) {
	for line := range strings.SplitSeq(strings.TrimRight(r.message(text), "\n"), "\n") {
		r.line(line)
	}
}

// line writes one line, and takes the progress bar out of its way.
func (r *Report) line(line string) {
	r.hideBar()
	line = printable(line)
	if r.github {
		line = noCommand(line)
	}
	_, _ = io.WriteString(r.log, r.redactor.text(line)+"\n")
}

// The colours, and the character that begins them.
const (
	escape = '\x1b'
	bold   = "\x1b[1m"
	red    = "\x1b[31m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

// ownColours takes out every escape that does not begin one of our colours.
func ownColours(text string) string {
	if !strings.ContainsRune(text, escape) {
		return text
	}
	var b strings.Builder
	for i := range len(text) {
		own := false
		for _, colour := range []string{bold, red, yellow, plain} {
			own = own || strings.HasPrefix(text[i:], colour)
		}
		if text[i] == escape && !own {
			b.WriteRune('\ufffd')
			continue
		}
		b.WriteByte(text[i])
	}
	return b.String()
}

func (r *Report) paint(colour, text string) string {
	if !r.color {
		return text
	}
	return colour + text + plain
}

func oneLine(s string) string { return strings.Join(strings.Fields(s), " ") }
