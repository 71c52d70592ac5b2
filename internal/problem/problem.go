// Package problem is how every part of the program says what went wrong: what happened, where, and what to do about
// it, together with the exit code. It is the lowest package: it imports nothing of this project.
package problem

import (
	"context"
	"errors"
	"io/fs"
	"strconv"
	"strings"
)

// Code is the process's exit code. Its values are part of the contract with callers; they never change.
type Code int

// The exit codes.
const (
	OK          Code = 0   // done
	Unexpected  Code = 1   // a fault of this program, or of something it did not foresee
	Settings    Code = 2   // bad settings, found before any network
	API         Code = 3   // the API said no, or the task failed
	Timeout     Code = 4   // a limit on waiting was reached
	Data        Code = 5   // download, archive, or a script that is refused
	Database    Code = 6   // the database could not be reached or refused a statement
	Interrupted Code = 130 // SIGINT or SIGTERM
)

// State is what became of the target database. The zero value says nothing of it: nobody has looked yet, or there is none.
type State int

// The states.
const (
	Untouched  State = iota + 1 // nothing was begun
	RolledBack                  // all that was begun was undone, and that was seen
	Partly                      // some of it stays
	Unknown                     // nobody could say: the answer that would have told was lost
)

// Topic is what a problem is about where its code says too little, for the words of the job summary and the section of the documents that
// it links to. The zero value leaves it to the code.
type Topic int

// The topics.
const (
	Task       Topic = iota + 1 // of generation
	Connection                  // to the database, which there never was
	Lost                        // a connection to the database
	Lock                        // that another session holds
	Download                    // of the data
	Archive                     // or a file or folder in its place
	Script                      // that is refused or cannot be read
)

// Place is a place in a script or a file of rows.
type Place struct {
	File   string // path in the export, with slashes
	Line   int    // from 1; 0 where it is about the whole file
	Column int    // in bytes, from 1; 0 where it is about the whole line
	Via    string // words behind it: from where the file is included
}

// String gives "file:line:column", as far as it is known, and what stands behind it.
func (p Place) String() string {
	text := p.File
	for _, n := range []int{p.Line, p.Column} {
		if n == 0 {
			break
		}
		text += ":" + strconv.Itoa(n)
	}
	return text + p.Via
}

// Error is one problem, written for the person who must act on it.
type Error struct {
	Code    Code
	Topic   Topic  // may be left out
	At      Place  // in the export; the zero value for none
	End     int    // the last line of what is there and was refused; 0 if that is not known
	Where   string // place in words: "table public.users", "POST /generate_tasks: HTTP 422"; empty where At says it
	What    string // what happened; one sentence without a full stop
	Excerpt string // script excerpt with a caret, or server detail and hint; whole lines, may be empty
	Remedy  string // what to do about it; may be empty
	State   State  // what became of the database, for those who decide by it; the words for people are in What and Remedy
	Err     error  // cause, for errors.Is and errors.As; its text is not printed again
}

// Error gives the whole text: "where: what", then excerpt and remedy on lines of their own.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(e.Headline())
	if e.Excerpt != "" {
		b.WriteString("\n")
		b.WriteString(strings.TrimRight(e.Excerpt, "\n"))
	}
	if e.Remedy != "" {
		b.WriteString("\n")
		b.WriteString(e.Remedy)
	}
	return b.String()
}

// Headline gives the first line of Error: place and what happened.
func (e *Error) Headline() string {
	where := e.Where
	if where == "" {
		where = e.At.String()
	}
	if where == "" {
		return e.What
	}
	return where + ": " + e.What
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// CodeOf gives the exit code for err: that of the first *Error in its chain, Interrupted or Timeout for a bare context
// error, OK for nil, Unexpected for anything else.
func CodeOf(err error) Code {
	var p *Error
	switch {
	case err == nil:
		return OK
	case errors.As(err, &p):
		return p.Code
	case errors.Is(err, context.Canceled):
		return Interrupted
	case errors.Is(err, context.DeadlineExceeded):
		return Timeout
	}
	return Unexpected
}

// WithoutPath takes the path out of a file error, where the sentence around it names it already.
func WithoutPath(err error) error {
	var p *fs.PathError
	if errors.As(err, &p) {
		return p.Err
	}
	return err
}
