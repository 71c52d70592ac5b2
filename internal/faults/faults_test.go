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
// what is in the database, and what is left behind. make faults prints the table.
func TestFaults(t *testing.T) {
	t.Parallel()
	s := &suite{databases: newDatabases(t)}
	s.add(t, "api", apiFaults())
	s.add(t, "database", databaseFaults())
	s.all(t)
	s.print()
	if len(s.rows) < leastFaults {
		t.Errorf("%d faults, want %d at least", len(s.rows), leastFaults)
	}
}
