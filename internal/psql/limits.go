package psql

import "fmt"

// Limits of what a script may take. psql has none of them, and a small script can take any amount of memory or time from it; no script
// that means well comes near.
const (
	maxIncludes   = 64        // files that include one another
	maxIncluded   = 100_000   // files that are included in all, each time it is
	maxRepeated   = 64 << 30  // bytes of files that were included before
	maxHeld       = 32 << 20  // bytes of lines and statements begun, in files that others are included from
	maxConditions = 10_000    // \if within \if
	maxVariables  = 8 << 20   // bytes of all variables
	maxArguments  = 100_000   // of one command
	maxExpansion  = 16 << 20  // bytes that values of variables put into one statement or command
	maxExpanded   = 8 << 20   // bytes that they put into the whole script, and
	expandedRatio = 32        // bytes more for each byte of the script that was read
	maxAnchors    = 64 << 10  // places of one statement that are kept; it is 5 MiB of them
	maxKept       = 8 << 20   // bytes of a buffer that is kept for the next statement
	maxPrevious   = 32 << 20  // bytes of a statement that a \g may send once more
	maxStatement  = 1<<30 - 7 // bytes of one: PostgreSQL reads no longer message
	maxCommand    = 16 << 20  // bytes of one line that holds a meta-command, or of one token

	variableCost = 64 // bytes of a variable, or of one that is put in place, beside its value
)

// limitError says that a script takes more than it may. It ends the script, whatever ON_ERROR_STOP says.
type limitError struct{ what string }

func (e *limitError) Error() string { return e.what }

func limit(format string, args ...any) error { return &limitError{fmt.Sprintf(format, args...)} }

const limitRemedy = "Nothing that is meant well needs as much: look at who wrote the script. If it is yours, divide it."

// limited is the error of a script that has reached a limit.
func (s *Script) limited(pos Position, err error) error {
	return &Error{Pos: pos, Message: err.Error(), Remedy: limitRemedy, Refused: true, Err: err}
}

// spend counts bytes that the value of a variable puts into the script.
func (s *Script) spend(lv *level, n int) error {
	n += variableCost
	lv.expansion += n
	s.expanded += int64(n)
	switch {
	case lv.expansion > maxExpansion:
		return limit("variables put more than %d MiB into one statement or command", maxExpansion>>20)
	case s.expanded > maxExpanded+expandedRatio*s.BytesRead():
		return limit("variables make the script more than %d times as long as it is written", expandedRatio)
	}
	return nil
}

// held is how many bytes of memory the levels take that others are included from.
func (s *Script) held() (n int) {
	for _, lv := range s.levels {
		n += len(lv.file.buf) + len(lv.file.orig) + len(lv.text) + len(lv.prev)
		for _, o := range lv.over {
			n += len(o.buf) + len(o.orig)
		}
	}
	return n
}

// setAside gives back the memory that a level does not need while another file is read: a long window, and the statement before.
func (lv *level) setAside() {
	if lv.file.shrink(); cap(lv.prev) > windowSize {
		lv.forgetPrevious()
	}
	if len(lv.text) == 0 {
		lv.text = nil
	}
}

// forgetPrevious drops the statement before: a \g with nothing in the buffer is an error then.
func (lv *level) forgetPrevious() { lv.prev, lv.forgot = nil, true }
