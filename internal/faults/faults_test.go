//go:build unix

package faults

import (
	"io"
	stdlog "log"
	"testing"
)

// quiet is for servers whose clients leave.
var quiet = stdlog.New(io.Discard, "", 0)

// leastFaults is how many distinct faults the suite has at least.
const leastFaults = 120

// TestFaults makes everything go wrong that we know of, and looks what is kept: the exit code, what is said, how long it takes,
// what is in the database, and what is left behind. make faults does all of it and prints the table; without the flag every third
// fault is enough.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := &suite{databases: newDatabases(t)}
	s.add(t, "api", apiFaults())
	s.add(t, "download", downloadFaults())
	s.add(t, "data", archiveFaults())
	s.add(t, "database", databaseFaults())
	if len(s.todo) < leastFaults {
		t.Errorf("%d faults, want %d at least", len(s.todo), leastFaults)
	}
	if !*table {
		var some []func(*testing.T)
		for i := 0; i < len(s.todo); i += 3 {
			some = append(some, s.todo[i])
		}
		s.todo = some
	}
	s.all(t)
	s.print()
}
