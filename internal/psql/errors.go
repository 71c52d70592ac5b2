package psql

import "fmt"

// Error is a fault in a script that is known without a server: a meta-command that psql would reject too, one that is
// refused here, or a file that cannot be read.
type Error struct {
	Pos     Position
	Message string
	Remedy  string
	// Refused is set for what psql would do and this package never does (a shell command, a file outside the archive).
	// It ends the script whatever ON_ERROR_STOP says.
	Refused bool
	// Fatal is set when the script cannot be read any further.
	Fatal bool
	Err   error
}

// Error gives "file:line:column: message".
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Pos, e.Message) }

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }
