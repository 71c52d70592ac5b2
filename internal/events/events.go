// Package events is what a load tells while it runs.
package events

import "sync"

// Events are told what happens as it happens. Any may be nil. They are called one at a time.
type Events struct {
	Phase    func(name string)    // "connect", "load", "verify": a new phase begins
	Progress func(Progress)       // often; the receiver thins it out
	Output   func(text string)    // what the script prints (\echo, \qecho, \warn)
	Notice   func(message string) // worth a line in the log
	Warn     func(warning string) // worth an annotation and a place in the summary
}

// Progress is how far a load has come.
type Progress struct {
	Table string // table in hand, schema-qualified; may be empty
	Bytes int64  // bytes of script read so far
	Total int64  // bytes of the entry script, 0 when not known
	Rows  int64  // rows loaded so far
}

// OneAtATime makes events wait for one another: those who look after the connection tell things too.
func (e Events) OneAtATime() Events {
	var mu sync.Mutex
	return Events{Phase: serial(&mu, e.Phase), Progress: serial(&mu, e.Progress), Output: serial(&mu, e.Output),
		Notice: serial(&mu, e.Notice), Warn: serial(&mu, e.Warn)}
}

// Once gives events of which a load that is begun again tells nothing twice: what the script prints, by its number, and warnings, by
// their text. Call again when it begins again.
func (e Events) Once() (all Events, again func()) {
	printed, now := 0, 0
	warned, warns := map[string]int{}, map[string]int{}
	all = e
	if e.Output != nil {
		all.Output = func(text string) {
			if now++; now > printed {
				printed = now
				e.Output(text)
			}
		}
	}
	if e.Warn != nil {
		var mu sync.Mutex // who looks after a connection warns, too
		all.Warn = func(text string) {
			mu.Lock()
			warns[text]++
			first := warns[text] > warned[text]
			warned[text] = max(warned[text], warns[text])
			mu.Unlock()
			if first {
				e.Warn(text)
			}
		}
		return all, func() {
			mu.Lock()
			defer mu.Unlock()
			now, warns = 0, map[string]int{}
		}
	}
	return all, func() { now = 0 }
}

func serial[T any](mu *sync.Mutex, event func(T)) func(T) {
	if event == nil {
		return nil
	}
	return func(v T) {
		mu.Lock()
		defer mu.Unlock()
		event(v)
	}
}
