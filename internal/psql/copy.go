package psql

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
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
func (s *Script) parseCopy(pos Position, line string) (*Copy, error) {
	t := &copyTokens{rest: line}
	var head []string
	word := t.next()
	if strings.EqualFold(word, "binary") {
		head = append(head, word)
		word = t.next()
	}
	switch {
	case word == "":
		return nil, errors.New("arguments required")
	case word == "(":
		query, ok := t.parens()
		if !ok {
			return nil, t.fault("")
		}
		head = append(head, query)
		word = t.next()
	default:
		relation := word
		word = t.next()
		for word == "." {
			relation += "." + t.next()
			word = t.next()
		}
		if word == "(" {
			columns, ok := t.parens()
			if !ok {
				return nil, t.fault("")
			}
			relation += " " + columns
			word = t.next()
		}
		head = append(head, relation)
	}
	var from bool
	switch {
	case strings.EqualFold(word, "from"):
		from = true
	case strings.EqualFold(word, "to"):
	default:
		return nil, t.fault(word)
	}
	c := &Copy{Pos: pos}
	place := t.place()
	switch {
	case place == "":
		return nil, t.fault("")
	case strings.EqualFold(place, "program"):
		return nil, refusal{errors.New(`\copy … program runs a shell command`)}
	case strings.HasPrefix(place, "'"):
		name, ok := dequote(place)
		if !ok {
			return nil, t.fault(place)
		}
		c.From, c.File = FromFile, name
	case from && strings.EqualFold(place, "stdin"), !from && strings.EqualFold(place, "stdout"):
	case from && strings.EqualFold(place, "pstdin"), !from && strings.EqualFold(place, "pstdout"):
		c.From = FromNothing
	case strings.EqualFold(place, "stdin"), strings.EqualFold(place, "stdout"):
	default:
		c.From, c.File = FromFile, strings.TrimSuffix(place, ";")
		if strings.HasPrefix(c.File, `"`) {
			c.File = unquoteIdentifier(c.File)
		}
	}
	direction := " FROM STDIN "
	if !from {
		if c.From == FromFile {
			return nil, refusal{fmt.Errorf(`\copy … to %q writes a file`, c.File)}
		}
		direction, c.From = " TO STDOUT ", ToNowhere
	}
	c.SQL = "COPY " + strings.Join(head, " ") + direction + strings.TrimLeft(t.rest, " \t\r\n")
	return c, nil
}

// copyTokens splits a \copy line as psql does: white space separates, the characters . , ( ) stand alone, double quotes keep
// a name together.
type copyTokens struct{ rest string }

func (t *copyTokens) fault(at string) error {
	if at == "" {
		return errors.New("parse error at end of line")
	}
	return fmt.Errorf("parse error at %q", at)
}

func (t *copyTokens) next() string {
	t.rest = strings.TrimLeft(t.rest, " \t\n\r")
	if t.rest == "" {
		return ""
	}
	end := 0
	switch c := t.rest[0]; c {
	case '.', ',', '(', ')':
		end = 1
	case '"', '\'':
		end = quotedEnd(t.rest, c)
	default:
		for end < len(t.rest) && !strings.ContainsRune(" \t\n\r.,()\"'", rune(t.rest[end])) {
			end++
		}
	}
	word := t.rest[:end]
	t.rest = t.rest[end:]
	return word
}

// place reads where rows come from or go to: a quoted name, or anything up to white space.
func (t *copyTokens) place() string {
	t.rest = strings.TrimLeft(t.rest, " \t\n\r")
	if t.rest == "" {
		return ""
	}
	end := strings.IndexAny(t.rest, " \t\n\r")
	if c := t.rest[0]; c == '\'' || c == '"' {
		end = quotedEnd(t.rest, c)
	} else if end < 0 {
		end = len(t.rest)
	}
	word := t.rest[:end]
	t.rest = t.rest[end:]
	if w := strings.TrimSuffix(word, ";"); word != w && word[0] != '\'' && strings.TrimSpace(t.rest) == "" {
		word = w
	}
	return word
}

// parens gives the text up to the closing parenthesis of the one just read, both included.
func (t *copyTokens) parens() (string, bool) {
	depth := 1
	for i := 0; i < len(t.rest); {
		switch c := t.rest[i]; c {
		case '(':
			depth++
			i++
		case ')':
			i++
			if depth--; depth == 0 {
				text := "(" + t.rest[:i]
				t.rest = t.rest[i:]
				return text, true
			}
		case '"', '\'':
			i += quotedEnd(t.rest[i:], c)
		default:
			i++
		}
	}
	return "", false
}

// quotedEnd gives the length of the quoted text that s begins with; a doubled quote stands for one.
func quotedEnd(s string, q byte) int {
	for i := 1; i < len(s); i++ {
		if s[i] == q {
			if i+1 < len(s) && s[i+1] == q {
				i++
				continue
			}
			return i + 1
		}
	}
	return len(s)
}

// dequote takes the single quotes of a file name away.
func dequote(s string) (string, bool) {
	if len(s) < 2 || s[len(s)-1] != '\'' {
		return "", false
	}
	return strings.ReplaceAll(s[1:len(s)-1], "''", "'"), true
}

// CopyData gives the rows that follow the command given last, up to the line \. or the end of the file. It must be read to
// its end before Next is called again.
func (s *Script) CopyData() (*CopyReader, error) {
	lv := s.top()
	if len(lv.over) == 0 || !lv.over[len(lv.over)-1].rest { // what is left of the command's line is read after the rows
		line, err := lv.restOfLine()
		if err != nil {
			return nil, s.fatal(lv.file.position(lv.file.r), err)
		}
		pos := lv.file.position(lv.file.r)
		lv.consume(len(line))
		lv.over = lv.over[:0]
		if len(bytes.TrimSpace(line)) > 0 {
			rest := memory(bytes.Clone(line), pos)
			rest.rest = true
			lv.over = append(lv.over, rest)
		}
		if lv.file.r < lv.file.w {
			lv.file.r++ // the newline
		}
	}
	lv.ended = false
	return newCopyReader(lv.file, lv.via, false), nil
}

// CopyFile gives the rows in a file of the archive. Like psql it stops at a line \. there too.
func (s *Script) CopyFile(pos Position, name string) (*CopyReader, error) {
	f, err := s.OpenFile(pos, name)
	if err != nil {
		return nil, err
	}
	return newCopyReader(newFileSource(name, f), nil, true), nil
}

// CopyReader reads the rows of one COPY.
type CopyReader struct {
	src   *source
	via   []Position
	start Position
	fresh bool // at the beginning of a line
	done  bool
	own   bool // closes its file
	n     int64
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
		if err == io.EOF {
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
		if _, err := src.fill(); err != nil {
			return nil, err
		}
	}
	b := src.buf[src.r:src.w]
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
			b = src.buf[src.r : src.r+1]
		}
	}
	return b[:min(len(b), limit)], nil
}

func (r *CopyReader) finish() error {
	r.done = true
	r.src.findNUL()
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
