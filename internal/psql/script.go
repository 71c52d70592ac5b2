package psql

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"slices"
)

var errNUL = errors.New("a NUL byte, which no SQL text may hold")

// Options say how a script is read. The zero value of each field is useful.
type Options struct {
	// FragmentSize, if not 0, lets Next give an INSERT in parts: whenever the text in hand has reached this many bytes at a
	// comma outside parentheses. So a statement of any size takes little memory.
	FragmentSize int
	// Escapes says that backslashes in '…' are escapes: standard_conforming_strings is off. SetEscapes changes it later.
	Escapes bool
	// Encoding is the client encoding, as PostgreSQL calls it; "" means UTF8. SetEncoding changes it later.
	Encoding string
	// Warn, if not nil, is told what psql would say without taking it for an error.
	Warn func(pos Position, text string)
}

// Script reads one psql script and the files that it includes. It is not safe for use by several goroutines.
type Script struct {
	fsys     fs.FS
	cwd      string // of \cd, in fsys
	vars     *Vars
	levels   []*level
	given    *Statement // what Next gave last, if its text is still in the level's buffer
	only     Statement  // the one that is given, time and again
	firsts   map[string]string
	fragment int
	escapes  bool
	encoding string
	enc      clientEncoding
	utf8     bool
	warnings func(pos Position, text string)
	at       Position // of the meta-command in hand
	commands int      // meta-commands so far
	end      error    // sticky: io.EOF or a fatal error
	read     int64    // bytes read of files that were left
	large    largeTexts
	longest  int // bytes of a statement

	included map[string]bool // files that were included so far
	includes int             // how often
	repeated int64           // bytes of those that had been included before
	expanded int64           // bytes that variables have put into the script

	restrictKey string // of \restrict, "" outside
	bind        *Bind  // of \bind and \bind_named: how the next query is sent, nil if simply
}

// level is one file being read.
type level struct {
	lexer
	given string // the file's name as the script has it
	file  *source
	over  []*source // what is read instead of file for now: values of variables, rests of lines; the last one first
	prev  []byte    // the statement before, for \g with nothing in the buffer
	conds []cond
	via   []Position
	begun bool // past a byte-order mark
	again bool // the file was included before

	forgot bool // the statement before was too long to be kept

	ended bool // all text was given
	quit  bool // by \q

	copied int64 // offset of the line after the rows read last

	// ON_ERROR_STOP counts as it was when the line began.
	stop, stopBefore bool
	stopLine         int // the line in which it changed from stopBefore to stop, 0 for none
}

func (lv *level) source() *source {
	if n := len(lv.over); n > 0 {
		return lv.over[n-1]
	}
	return lv.file
}

// pop leaves a source that is used up. It reports false for the file itself.
func (lv *level) pop() bool {
	n := len(lv.over)
	if n == 0 {
		return false
	}
	rest := lv.over[n-1].rest
	lv.over = lv.over[:n-1]
	if src := lv.source(); len(lv.text) > 0 && !rest {
		lv.mark(src, src.r)
	}
	if lv.state == inDashes && !rest {
		lv.state = inInitial // such a comment ends with the variable's value
	}
	if rest && len(lv.text) > 0 {
		lv.text = append(lv.text, '\n')
		lv.newlineAt = len(lv.text)
		lv.mark(lv.file, lv.file.r)
	}
	return true
}

// expanding tells whether the value of a variable is being read: psql does not expand it again within itself.
func (lv *level) expanding(name string) bool {
	for _, o := range lv.over {
		if o.variable == name {
			return true
		}
	}
	return false
}

// Open begins to read the script called name (a slash-separated path) in fsys. \i and \copy resolve paths as psql does when
// it is started in fsys's root; nothing outside fsys can be reached.
func Open(fsys fs.FS, name string, vars *Vars, o Options) (*Script, error) {
	s := &Script{fsys: fsys, cwd: ".", vars: vars, fragment: o.FragmentSize, longest: maxStatement, escapes: o.Escapes, warnings: o.Warn}
	s.SetEncoding(o.Encoding)
	if s.fragment == 0 {
		s.fragment = math.MaxInt
	}
	f, err := fsys.Open(name)
	if err != nil {
		return nil, &Error{Pos: Position{File: name, Line: 1, Column: 1}, Message: "cannot be opened: " + reason(err), Fatal: true, Err: err}
	}
	s.push(name, name, f, nil)
	return s, nil
}

func (s *Script) push(name, given string, f io.ReadCloser, via []Position) {
	lv := &level{given: given, file: newFileSource(name, f), via: via, copied: -1}
	lv.stdStrings, lv.newlineAt, lv.large = !s.escapes, -1, &s.large
	lv.stop = s.vars.On("ON_ERROR_STOP")
	lv.file.setEncoding(s.enc)
	s.levels = append(s.levels, lv)
}

func (s *Script) top() *level { return s.levels[len(s.levels)-1] }

// Close closes the files that are open.
func (s *Script) Close() error {
	var err error
	for _, lv := range s.levels {
		err = errors.Join(err, lv.file.rd.Close())
	}
	s.levels, s.end = s.levels[:0], io.EOF
	s.large.sweep(nil)
	return err
}

// Vars gives the script's variables, which the program may set between two calls of Next.
func (s *Script) Vars() *Vars { return s.vars }

// SetEscapes says that standard_conforming_strings has changed: on means that backslashes in '…' are escapes. As in psql it
// takes effect on the next line.
func (s *Script) SetEscapes(on bool) { s.escapes = on }

// SetEncoding says that the client encoding has changed. As in psql it takes effect on the next line.
func (s *Script) SetEncoding(name string) {
	if name == "" {
		name = "UTF8"
	}
	if name == s.encoding {
		return
	}
	s.encoding, s.enc, s.utf8 = name, encodingOf(name), name == "UTF8"
	for _, lv := range s.levels {
		lv.file.setEncoding(s.enc)
	}
}

// Encoding is the client encoding.
func (s *Script) Encoding() string { return s.encoding }

func (s *Script) warn(text string) {
	if s.warnings != nil {
		s.warnings(s.at, text)
	}
}

// Failed must be told when a statement or command has failed. It leaves the files that ON_ERROR_STOP ends, and reports
// whether that is all of them. As in psql the variable counts as it was when the line in hand began: in a file that
// another includes, the line with the \i too.
func (s *Script) Failed() (stop bool) {
	if s.end != nil {
		return !errors.Is(s.end, io.EOF) || s.vars.On("ON_ERROR_STOP")
	}
	s.release()
	for {
		lv := s.top()
		if !s.stops(lv) {
			return false
		}
		if len(s.levels) == 1 {
			return true
		}
		s.drop(lv)
		_ = lv.file.rd.Close()
	}
}

// Stops reports whether a failure now would leave the file in hand.
func (s *Script) Stops() bool { return s.end != nil || s.stops(s.top()) }

func (s *Script) stops(lv *level) bool {
	s.noteStop(lv)
	if lv.stopLine == lv.lineNumber() {
		return lv.stopBefore
	}
	return lv.stop
}

// drop leaves the file in hand.
func (s *Script) drop(lv *level) {
	n := lv.file.base + int64(lv.file.r)
	if s.read += n; lv.again {
		s.repeated += n
	}
	s.levels = s.levels[:len(s.levels)-1]
}

// lineNumber is that of the line in hand: at the end of the file its last one.
func (lv *level) lineNumber() int {
	p := lv.file.position(lv.file.r)
	if lv.ended && p.Column == 1 && p.Line > 1 {
		return p.Line - 1
	}
	return p.Line
}

// noteStop sees whether the line in hand has changed ON_ERROR_STOP.
func (s *Script) noteStop(lv *level) {
	if now := s.vars.On("ON_ERROR_STOP"); now != lv.stop {
		if at := lv.lineNumber(); lv.stopLine != at {
			lv.stopBefore, lv.stopLine = lv.stop, at
		}
		lv.stop = now
	}
}

// BytesRead is how many bytes of all files were read so far, as far as statements were given.
func (s *Script) BytesRead() int64 {
	n := s.read
	for _, lv := range s.levels {
		n += lv.file.base + int64(lv.file.r)
	}
	return n
}

// Statement is SQL text to be sent to the server. It is valid until the next call of Next, Rest, Release or Close: the memory that a large
// text stands in is gone then.
type Statement struct {
	// Text is what psql would send, to the byte.
	Text []byte
	// First is the statement's first word in lower case (its first 16 bytes), "" if it begins with something else.
	First string
	// More says that the statement goes on: Next gives its next part, Rest the whole remainder. Set only for INSERTs, and
	// only when FragmentSize is given.
	More bool
	// Pos is where the statement is for people: its first word, behind comments that the text begins with.
	Pos Position
	// From is where the text begins, End the offset in the same file just after it.
	From Position
	End  int64
	// Odd is the offset in Text behind the last thing that rows of plain literals do not have: a word, a name, an operator, a quote with
	// a letter before it.
	Odd int
	// Seekable says that the text between From.Offset and End in From.File, read again, gives the same statement, and nothing else.
	Seekable bool
	// Compound says that the text holds several statements, joined by \;.
	Compound bool
	// Send says what to do with the result, when a meta-command and not a semicolon ended the statement.
	Send *Send

	anchors []anchor
	via     []Position
	again   bool // the one before, sent once more: all of it is where the command is
}

// Locate gives the place in the script of the byte at offset in Text.
func (st *Statement) Locate(offset int) Position {
	if st.again {
		offset = 0
	}
	p := locate(st.anchors, st.Text, offset)
	p.Via = st.via
	return p
}

// Clone gives a copy that stays valid.
func (st *Statement) Clone() *Statement {
	c := *st
	c.Text, c.anchors = bytes.Clone(st.Text), slices.Clone(st.anchors)
	return &c
}

// SendKind is which meta-command sends the query buffer.
type SendKind uint8

// The commands that send the query buffer.
const (
	SendG     SendKind = iota // \g, \gx, \watch, \crosstabview: run it; the result is not shown
	SendGset                  // \gset: the one row's columns become variables
	SendGexec                 // \gexec: each column of each row is a statement to run
	SendGdesc                 // \gdesc: describe it, do not run it
	SendParse                 // \parse: make a prepared statement of it
	SendClose                 // \close_prepared: drop a prepared statement; there is no text
)

// Send is how a meta-command sends the query buffer.
type Send struct {
	Kind   SendKind
	Prefix string // \gset: before each column's name
	Bind   *Bind  // of the extended protocol, nil to send it simply
	Pos    Position
}

// Bind is what the extended protocol needs beside the text.
type Bind struct {
	Prepared bool     // run the prepared statement called Name (\bind_named); there is no text then
	Name     string   // of the prepared statement that is made, run or dropped; "" is the unnamed one
	Params   []string // sent as text
}

// Next gives the next thing to do: a *Statement, *Copy, *Connect, *Encoding, *Print, *Ignored or *LargeObject. At the end the
// error is io.EOF. Any other error is an *Error; after one that is not Fatal, Next may be called again and goes on as psql
// does without ON_ERROR_STOP.
func (s *Script) Next() (any, error) {
	if s.end != nil {
		return nil, s.end
	}
	s.Release()
	for {
		lv := s.top()
		if lv.ended {
			done, err := s.leave()
			if err != nil || done {
				return nil, err
			}
			continue
		}
		ev, err := s.scan()
		if err != nil {
			return nil, err
		}
		switch ev {
		case atSemicolon, atFragment:
			if !lv.active() {
				lv.discard()
				continue
			}
			return s.give(lv, ev == atFragment, s.bound(lv)), nil
		case atBackslash:
			item, err := s.command(lv)
			s.noteStop(lv)
			if item != nil || err != nil {
				return item, err
			}
			if lv.quit && len(lv.text) > 0 && lv.active() {
				return s.give(lv, false, s.bound(lv)), nil // psql sends what is there
			}
		case atEnd:
			lv.ended = true
			lv.dropLastNewline()
			if len(lv.text) > 0 && lv.active() {
				return s.give(lv, false, s.bound(lv)), nil
			}
		}
	}
}

// bound gives how a statement that no meta-command sends is sent: simply (nil), but after a \bind.
func (s *Script) bound(lv *level) *Send {
	if s.bind == nil {
		return nil
	}
	send := &Send{Bind: s.bind, Pos: lv.file.position(lv.file.r)}
	send.Pos.Via, s.bind = lv.via, nil
	return send
}

// dropLastNewline takes back the newline at the file's end: psql joins lines only when another follows.
func (lv *level) dropLastNewline() {
	if n := len(lv.text); n > 0 && lv.text[n-1] == '\n' && lv.file.position(lv.file.r).Column == 1 {
		lv.text = lv.text[:n-1]
	}
}

// give makes the query buffer a statement.
func (s *Script) give(lv *level, more bool, send *Send) *Statement {
	st := &s.only
	*st = Statement{Text: lv.text, More: more, Send: send, Compound: lv.joined, anchors: lv.anchors, via: lv.via, First: s.firstWord(lv.first), Odd: lv.odd}
	if len(lv.anchors) > 0 {
		st.From = st.Locate(0)
		st.Pos = st.Locate(leadingComments(lv.text))
	}
	if send != nil && send.Bind != nil && (send.Bind.Prepared || send.Kind == SendClose) {
		st.Text, st.First, st.Pos, st.From = nil, "", send.Pos, send.Pos
	}
	src := lv.source()
	st.Seekable = len(lv.over) == 0 && send == nil && src.rd != nil && !lv.parted
	for _, a := range lv.anchors {
		st.Seekable = st.Seekable && a.pos.File == src.name
	}
	st.End = lv.file.base + int64(lv.file.r)
	s.given = st
	return st
}

// firstWord makes a string of a word, once for most.
func (s *Script) firstWord(w []byte) string {
	const kept = 256
	word, ok := s.firsts[string(w)]
	if !ok {
		word = string(w)
		if s.firsts == nil {
			s.firsts = map[string]string{}
		}
		if len(s.firsts) < kept {
			s.firsts[word] = word
		}
	}
	return word
}

// release takes back the buffer of the statement that was given last.
func (s *Script) release() {
	st := s.given
	if st == nil {
		return
	}
	s.given = nil
	lv := s.top()
	if st.More {
		lv.text, lv.anchors, lv.newlineAt, lv.odd = lv.text[:0], lv.anchors[:0], -1, 0
	} else {
		lv.text, lv.prev, lv.forgot = lv.prev, lv.text, false
		if len(lv.prev) > maxPrevious {
			lv.forgetPrevious()
		}
		lv.clear()
	}
	if cap(lv.text) > maxKept {
		lv.text = nil // one huge statement must not cost its size for good
	}
}

// Release takes back the memory of the statement that was given last, before Next does.
func (s *Script) Release() {
	s.release()
	s.large.sweep(s.levels)
}

// Rest reads a statement that was given in part to its end, and gives the text from the last part's beginning on.
func (s *Script) Rest(st *Statement) (*Statement, error) {
	if !st.More || s.given != st {
		return st, nil
	}
	lv, fragment := s.top(), s.fragment
	s.fragment = math.MaxInt
	defer func() { s.fragment = fragment }()
	ev, err := s.scan()
	switch {
	case err != nil:
		return nil, err
	case ev == atBackslash:
		// A meta-command inside an INSERT longer than a fragment: psql allows it, nobody writes it.
		return nil, s.fatal(lv.file.position(lv.file.r), errors.New("a meta-command inside a very long INSERT statement"))
	case ev == atEnd:
		lv.ended = true
		lv.dropLastNewline()
	}
	return s.give(lv, false, nil), nil
}

// leave ends the file in hand and goes back to the one that includes it. done means that there is none.
func (s *Script) leave() (done bool, err error) {
	lv := s.top()
	pos := lv.file.position(lv.file.r)
	pos.Line, pos.Via = lv.lineNumber(), lv.via
	if len(lv.conds) > 0 && !lv.quit {
		lv.conds = nil
		return false, &Error{Pos: pos, Message: `reached EOF without finding closing \endif(s)`}
	}
	s.drop(lv)
	if cerr := lv.file.rd.Close(); cerr != nil {
		err = s.fatal(pos, cerr)
	}
	if len(s.levels) == 0 && err == nil {
		s.end = io.EOF
		done, err = true, io.EOF
	}
	if len(s.levels) > 0 {
		s.noteStop(s.top())
	}
	return done, err
}

// fatal ends the script.
func (s *Script) fatal(pos Position, err error) error {
	s.end = &Error{Pos: pos, Message: "cannot be read on: " + reason(err), Fatal: true, Err: err}
	return s.end
}

// resolve gives the path in the archive that a script's path means: relative to dir. A path that leaves the archive is
// refused.
func (s *Script) resolve(pos Position, dir, name string) (string, error) {
	full := path.Join(dir, name)
	if path.IsAbs(name) || !fs.ValidPath(full) {
		return "", &Error{Pos: pos, Refused: true,
			Message: fmt.Sprintf("%q is outside the archive", name),
			Remedy:  "A script may read only files of the archive that it came in; put the file there, or load it with a script of your own (setting before or after)."}
	}
	return full, nil
}

// OpenFile opens the file of a \copy or \lo_import.
func (s *Script) OpenFile(pos Position, name string) (fs.File, error) {
	full, err := s.resolve(pos, s.cwd, name)
	if err != nil {
		return nil, err
	}
	f, err := s.fsys.Open(full)
	if err != nil {
		return nil, &Error{Pos: pos, Message: fmt.Sprintf("%s: %s", name, reason(err)), Remedy: remedyOf(err), Err: err}
	}
	if info, err := f.Stat(); err == nil && info.IsDir() {
		_ = f.Close()
		return nil, &Error{Pos: pos, Message: fmt.Sprintf("%s: cannot copy from/to a directory", name)}
	}
	return f, nil
}

// Commands is how many meta-commands were read so far.
func (s *Script) Commands() int { return s.commands }

// Reread opens the file of a statement again at its beginning, to read it, and those that follow in the file, once more. The
// new script shares the variables.
func (s *Script) Reread(pos Position) (*Script, error) {
	again, err := s.Apart(pos, s.vars, math.MaxInt)()
	if err != nil {
		return nil, s.fatal(pos, err)
	}
	return again, nil
}

// Apart gives what opens the file of a statement at its beginning, as this script would read it now, with variables and a size of
// fragments of its own. That may be called while this script is read on.
func (s *Script) Apart(pos Position, vars *Vars, fragment int) func() (*Script, error) {
	again := &Script{fsys: s.fsys, cwd: s.cwd, vars: vars, fragment: fragment, longest: maxStatement, escapes: s.escapes, encoding: s.encoding, enc: s.enc, utf8: s.utf8}
	return func() (*Script, error) {
		f, err := again.fsys.Open(pos.File)
		if err != nil {
			return nil, err
		}
		if err := skip(f, pos.Offset); err != nil {
			_ = f.Close()
			return nil, err
		}
		again.push(pos.File, pos.File, f, pos.Via)
		src := again.top().file
		again.top().begun = true
		src.base, src.line, src.lineAt = pos.Offset, pos.Line, pos.Offset-int64(pos.Column-1)
		return again, nil
	}
}

// skip goes to an offset of a file that was just opened.
func skip(f io.Reader, offset int64) error {
	if seeker, ok := f.(io.Seeker); ok {
		_, err := seeker.Seek(offset, io.SeekStart)
		return err
	}
	_, err := io.CopyN(io.Discard, f, offset)
	return err
}

// remedyOf gives what to do about an error of the archive's, where that says so.
func remedyOf(err error) string {
	var known interface{ Remedy() string }
	if errors.As(err, &known) {
		return known.Remedy()
	}
	return ""
}

// reason gives an error's text without the path and operation that Go puts before it.
func reason(err error) string {
	var pe *fs.PathError
	if errors.As(err, &pe) {
		err = pe.Err
	}
	if errors.Is(err, fs.ErrNotExist) && remedyOf(err) == "" {
		return "No such file or directory"
	}
	return err.Error()
}
