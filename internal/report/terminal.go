package report

import (
	"io"
	"os"
	"time"

	"golang.org/x/term"
)

// Terminal says whether a file is a terminal, and how many columns it has (0 when that is not known).
func Terminal(f *os.File) (terminal bool, width int) {
	if !term.IsTerminal(int(f.Fd())) {
		return false, 0
	}
	width, _, err := term.GetSize(int(f.Fd()))
	if err != nil {
		return true, 0
	}
	return true, width
}

// Print writes text to standard output as it is, but for control characters: help, version, the list of what is cached.
func (r *Report) Print(text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	_, _ = io.WriteString(r.o.Stdout, r.redactor.text(printable(text)))
}

// Rows words how much was loaded: "1,200 rows in 3 tables".
func Rows(rows int64, tables int) string {
	return plural(rows, "row") + " in " + plural(int64(tables), "table")
}

// Size words a number of bytes: "4.5 MiB".
func Size(bytes int64) string { return size(bytes) }

// Elapsed words a duration with a precision that people care for: "3h12m".
func Elapsed(d time.Duration) string { return elapsed(d) }
