package psql

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"path"
	"strings"
)

// CopyFrom says where the rows of a \copy come from.
type CopyFrom uint8

// Sources of a \copy.
const (
	FromScript  CopyFrom = iota // from stdin: the lines after the command, up to \.
	FromFile                    // from 'file'
	FromNothing                 // from pstdin: psql's own standard input, which is empty here
	ToNowhere                   // to stdout, to pstdout: run the query, show nothing
)

// Copy is a \copy: SQL is the COPY statement that psql sends for it.
type Copy struct {
	Pos  Position
	SQL  string
	From CopyFrom
	File string // FromFile
}

// parseCopy reads the rest of a \copy line by its grammar in psql's manual:
//
//	{ table [ ( column_list ) ] } from { 'filename' | program 'command' | stdin | pstdin } [ [ with ] ( option [, ...] ) ] [ where condition ]
//	{ table [ ( column_list ) ] | ( query ) } to { 'filename' | program 'command' | stdout | pstdout } [ [ with ] ( option [, ...] ) ]
//
// What stands before FROM or TO is put together again from its tokens with psql's own spacing; what stands after the place
// goes to the server as it is.
func (s *Script) parseCopy(pos Position, line string) (*Copy, error) {
	t := &copyTokens{rest: line, escapes: s.escapes}
	if strings.TrimSpace(line) == "" {
		return nil, errors.New("arguments required")
	}
	var head strings.Builder
	word := t.next(".,()", `"`)
	if equalFold(word, "binary") {
		head.WriteString(word)
		word = t.next(".,()", `"`)
	}
	if word == "(" {
		for depth := 1; depth > 0 && word != ""; {
			head.WriteString(" " + word)
			switch word = t.next("()", `"'`); word {
			case "(":
				depth++
			case ")":
				depth--
			}
		}
	}
	head.WriteString(" " + word)
	word = t.next(".,()", `"`)
	if word == "." {
		head.WriteString(word + t.next(".,()", `"`))
		word = t.next(".,()", `"`)
	}
	if word == "(" {
		for word != "" && word != ")" {
			head.WriteString(" " + word)
			word = t.next("()", `"`)
		}
		head.WriteString(" " + word)
		word = t.next(".,()", `"`)
	}
	from := equalFold(word, "from")
	if !from && !equalFold(word, "to") {
		return nil, t.fault(word)
	}
	place := t.next(";", "'")
	c := &Copy{Pos: pos}
	switch {
	case place == "":
		return nil, t.fault("")
	case equalFold(place, "program"):
		return nil, refusal{errors.New(`\copy … program runs a shell command`)}
	case equalFold(place, "stdin"), equalFold(place, "stdout"):
	case equalFold(place, "pstdin"), equalFold(place, "pstdout"):
		c.From = FromNothing
	default:
		c.From, c.File = FromFile, dequote(place)
	}
	direction := " FROM STDIN "
	if !from {
		if c.From == FromFile {
			return nil, refusal{fmt.Errorf(`\copy … to %q writes a file`, c.File)}
		}
		direction, c.From = " TO STDOUT ", ToNowhere
	}
	c.SQL = "COPY " + head.String() + direction + t.rest
	return c, nil
}

// copyTokens splits a \copy line as psql does.
type copyTokens struct {
	rest    string
	escapes bool // backslashes in '…' are escapes
}

func (t *copyTokens) fault(at string) error {
	if at == "" {
		return errors.New("parse error at end of line")
	}
	return fmt.Errorf("parse error at %q", at)
}

// next gives the next word, "" at the end. Each of the alone characters is a word of its own; the quotes keep a word
// together. One white space after the word is dropped with it.
func (t *copyTokens) next(alone, quotes string) string {
	const white = " \t\n\r"
	t.rest = strings.TrimLeft(t.rest, white)
	if t.rest == "" {
		return ""
	}
	end, from := 1, 0
	escapes := false
	if strings.Contains(quotes, "'") && strings.Contains(quotes, `"`) { // in a query
		escapes = t.escapes
		if len(t.rest) > 1 && t.rest[0]|0x20 == 'e' && t.rest[1] == '\'' {
			from, escapes = 1, true
		}
	}
	switch c := t.rest[from]; {
	case strings.IndexByte(alone, t.rest[0]) >= 0:
	case strings.IndexByte(quotes, c) >= 0:
		end = from + quotedEnd(t.rest[from:], c, escapes)
	default:
		if end = strings.IndexAny(t.rest, white+alone+quotes); end < 0 {
			end = len(t.rest)
		}
	}
	word := t.rest[:end]
	t.rest = t.rest[end:]
	if t.rest != "" && strings.IndexByte(white, t.rest[0]) >= 0 {
		t.rest = t.rest[1:]
	}
	return word
}

// quotedEnd gives the length of the quoted text that s begins with; a doubled quote stands for one.
func quotedEnd(s string, q byte, escapes bool) int {
	for i := 1; i < len(s); i++ {
		switch {
		case escapes && s[i] == '\\' && i+1 < len(s), s[i] == q && i+1 < len(s) && s[i+1] == q:
			i++
		case s[i] == q:
			return i + 1
		}
	}
	return len(s)
}

// dequote takes the single quotes of a file name away, if it has any.
func dequote(s string) string {
	if s[0] != '\'' {
		return s
	}
	return strings.ReplaceAll(strings.TrimSuffix(s[1:], "'"), "''", "'")
}

// CopyData gives the rows that follow the command given last, up to the line \. or the end of the file. It
// must be read to its end before Next is called again.
func (s *Script) CopyData() (*CopyReader, error) {
	lv := s.top()
	f := lv.file
	if f.base+int64(f.r) != lv.copied { // what is left of the command's line is read after the rows
		line, err := lv.restOfLine()
		if err != nil {
			return nil, s.fatal(f.position(f.r), err)
		}
		pos := f.position(f.r)
		lv.consume(len(line.masked))
		lv.over = lv.over[:0]
		if len(bytes.TrimSpace(line.masked)) > 0 {
			rest := memory(bytes.Clone(line.masked), bytes.Clone(line.raw), pos)
			rest.rest = true
			lv.over = append(lv.over, rest)
		}
		if f.r < f.w {
			f.r++                                                        // the newline
			if s.given == nil && len(lv.text) > 0 && len(lv.over) == 0 { // a statement goes on after a \copy
				lv.text = append(lv.text, '\n')
				lv.newlineAt = len(lv.text)
			}
		}
	}
	r := newCopyReader(f, lv.via, false)
	r.open = func() (fs.File, error) { return s.fsys.Open(f.name) }
	r.ended = func() {
		lv.copied = f.base + int64(f.r)
		if len(lv.text) > 0 && s.given == nil && len(lv.over) == 0 {
			for f.r < f.w || !f.eof { // empty lines leave no trace
				if f.r < f.w && f.buf[f.r] != '\n' {
					break
				}
				if f.r < f.w {
					f.r++
				} else if err := f.fill(); err != nil {
					break
				}
			}
			lv.copied = f.base + int64(f.r)
			lv.mark(f, f.r)
		}
	}
	return r, nil
}

// CopyFile gives the rows in a file of the archive. Like psql up to 17 it stops at a line \. there too, if
// the rows are not to be left to the server as they are.
func (s *Script) CopyFile(pos Position, name string) (*CopyReader, error) {
	f, err := s.OpenFile(pos, name)
	if err != nil {
		return nil, err
	}
	r, full := newCopyReader(newFileSource(name, f), nil, true), path.Join(s.cwd, name)
	r.open = func() (fs.File, error) { return s.fsys.Open(full) }
	return r, nil
}

// CopyReader reads the rows of one COPY.
type CopyReader struct {
	src   *source
	via   []Position
	start Position
	fresh bool // at the beginning of a line
	done  bool
	own   bool // closes its file
	raw   bool // no line ends them
	ended func()
	n     int64
	open  func() (fs.File, error) // the file once more
}

func newCopyReader(src *source, via []Position, own bool) *CopyReader {
	start := src.position(src.r)
	start.Via = via
	src.nul = math.MaxInt
	return &CopyReader{src: src, via: via, start: start, fresh: true, own: own}
}

// Start is the place of the first row.
func (r *CopyReader) Start() Position { return r.start }

// Line gives the place of the row's first byte, for the number that the server's error message gives (from 1, counted as
// lines of the data).
func (r *CopyReader) Line(n int) Position {
	p := r.start
	p.Line += n - 1
	p.Column = 1
	return p
}

// SetBinary says that the rows are binary: no line ends them, and those in a script go on to the end of the file.
func (r *CopyReader) SetBinary() { r.raw = true }

// LeaveEndToServer says that the server knows which line ends the rows, if any does: a file of rows goes to it as it is. Rows in a
// script end at \. all the same: more of the script follows.
func (r *CopyReader) LeaveEndToServer() { r.raw = r.raw || r.own }

// Again reads the same rows once more, from their first on, beside whatever reads the script.
func (r *CopyReader) Again() (*CopyReader, error) {
	f, err := r.open()
	if err != nil {
		return nil, err
	}
	if _, err := io.CopyN(io.Discard, f, r.start.Offset); err != nil {
		_ = f.Close()
		return nil, err
	}
	again := newCopyReader(newFileSource(r.start.File, f), r.via, true)
	again.start, again.raw, again.open = r.start, r.raw, r.open
	return again, nil
}

// Bytes is how many bytes of rows were read.
func (r *CopyReader) Bytes() int64 { return r.n }

// Close closes the file of CopyFile; on rows that follow a command it reads to their end.
func (r *CopyReader) Close() error {
	if r.own {
		r.done = true
		return r.src.rd.Close()
	}
	_, err := r.WriteTo(io.Discard)
	return err
}

// Read implements io.Reader.
func (r *CopyReader) Read(p []byte) (int, error) {
	b, err := r.chunk(len(p))
	n := copy(p, b)
	r.advance(b[:n])
	return n, err
}

// WriteTo implements io.WriterTo.
func (r *CopyReader) WriteTo(w io.Writer) (total int64, err error) {
	for {
		b, err := r.chunk(math.MaxInt)
		if errors.Is(err, io.EOF) {
			return total, nil
		}
		if err != nil {
			return total, err
		}
		n, werr := w.Write(b)
		r.advance(b[:n])
		total += int64(n)
		if werr != nil {
			return total, werr
		}
	}
}

func (r *CopyReader) advance(b []byte) {
	if len(b) > 0 {
		r.fresh = b[len(b)-1] == '\n'
		r.src.r += len(b)
		r.n += int64(len(b))
	}
}

// chunk gives rows in the window, at most limit bytes.
func (r *CopyReader) chunk(limit int) ([]byte, error) {
	if r.done {
		return nil, io.EOF
	}
	src := r.src
	const marker = 4 // the longest line that ends the rows: \. and \r\n
	for src.w-src.r < marker && !src.eof {
		if err := src.fill(); err != nil {
			return nil, err
		}
	}
	b := src.raw()[src.r:src.w]
	if r.raw {
		if len(b) == 0 {
			return nil, r.finish()
		}
		return b[:min(len(b), limit)], nil
	}
	if r.fresh {
		if n := endMarker(b, src.eof); n > 0 {
			src.r += n
			return nil, r.finish()
		}
	}
	if len(b) == 0 {
		return nil, r.finish()
	}
	// A marker later in the window stands after a newline.
	for i := 0; ; {
		j := bytes.Index(b[i:], []byte("\n\\."))
		if j < 0 {
			break
		}
		i += j + 1
		if len(b)-i < marker && !src.eof {
			b = b[:i]
			break
		}
		if endMarker(b[i:], src.eof) > 0 {
			b = b[:i]
			break
		}
	}
	if !src.eof && len(b) == src.w-src.r {
		b = b[:len(b)-marker+1] // its end could be the marker's beginning
		if len(b) == 0 {
			b = src.raw()[src.r : src.r+1]
		}
	}
	return b[:min(len(b), limit)], nil
}

func (r *CopyReader) finish() error {
	r.done = true
	r.src.findNUL()
	if r.ended != nil {
		r.ended()
	}
	return io.EOF
}

// endMarker gives the length of the line \. that b begins with, 0 if it does not.
func endMarker(b []byte, eof bool) int {
	if !bytes.HasPrefix(b, []byte(`\.`)) {
		return 0
	}
	switch {
	case len(b) > 2 && b[2] == '\n':
		return 3
	case len(b) > 3 && b[2] == '\r' && b[3] == '\n':
		return 4
	case len(b) == 2 && eof:
		return 2
	}
	return 0
}
