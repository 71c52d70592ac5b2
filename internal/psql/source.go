package psql

import (
	"bytes"
	"fmt"
	"io"
	"math"
)

const (
	windowSize = 256 << 10 // bytes of a file held at once; a token or a command line may make it grow
	lookahead  = 128       // bytes that the scanner may look ahead without asking
	maxCommand = 16 << 20  // bytes of one line that holds a meta-command, or of one token
)

// source is text being read: a file through a window, or a piece of memory (a variable's value, the rest of a line).
type source struct {
	name string // file name for positions

	rd io.ReadCloser // nil for memory

	buf  []byte
	r, w int   // buf[r:w] is not read yet
	base int64 // offset in the file of buf[0]
	eof  bool  // nothing after buf[w]
	nul  int   // index in buf of the first NUL from r on, beyond w when there is none

	line    int   // line number at buf[counted], from 1
	lineAt  int64 // offset in the file where that line begins
	counted int

	at       Position // memory: where it stands in the script
	variable string   // memory: the variable whose value this is
	rest     bool     // memory: the rest of a file's line, set aside because COPY data follow
}

func newFileSource(name string, rd io.ReadCloser) *source {
	return &source{name: name, rd: rd, buf: make([]byte, windowSize), nul: math.MaxInt, line: 1}
}

// fill makes room and reads at least one more byte, unless the text has ended. It reports whether there is more.
func (s *source) fill() (bool, error) {
	if s.eof {
		return false, nil
	}
	if s.r > 0 {
		s.countTo(s.r)
		copy(s.buf, s.buf[s.r:s.w])
		s.base += int64(s.r)
		s.w -= s.r
		s.r, s.counted = 0, 0
	}
	if s.w == len(s.buf) {
		if len(s.buf) > maxCommand {
			return false, fmt.Errorf("a line or name is longer than %d MiB", maxCommand>>20)
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
	}
	defer s.findNUL()
	for range 100 {
		n, err := s.rd.Read(s.buf[s.w:])
		s.w += n
		if err == io.EOF {
			s.eof = true
			return n > 0, nil
		}
		if err != nil {
			return n > 0, err
		}
		if n > 0 {
			return true, nil
		}
	}
	return false, io.ErrNoProgress
}

// findNUL must be called when r has moved past nul, or w has moved.
func (s *source) findNUL() {
	s.nul = math.MaxInt
	if j := bytes.IndexByte(s.buf[s.r:s.w], 0); j >= 0 {
		s.nul = s.r + j
	}
}

// memory makes a source of text that stands at one place of the script.
func memory(text []byte, at Position) *source {
	return &source{buf: text, w: len(text), eof: true, nul: math.MaxInt, at: at}
}

// fillLine reads until the window holds the rest of the line, and returns the index just before its end.
func (s *source) fillLine() (int, error) {
	from := s.r
	for {
		if j := bytes.IndexByte(s.buf[from:s.w], '\n'); j >= 0 {
			return from + j, nil
		}
		if s.eof {
			return s.w, nil
		}
		searched := s.w - s.r
		if _, err := s.fill(); err != nil {
			return 0, err
		}
		from = s.r + searched
	}
}

// countTo brings the line number up to buf[i].
func (s *source) countTo(i int) {
	if i <= s.counted {
		return
	}
	seg := s.buf[s.counted:i]
	if n := bytes.Count(seg, []byte{'\n'}); n > 0 {
		s.line += n
		s.lineAt = s.base + int64(s.counted+bytes.LastIndexByte(seg, '\n')+1)
	}
	s.counted = i
}

// position is that of buf[i]. For a file i must not lie before the last one asked for.
func (s *source) position(i int) Position {
	if s.rd == nil {
		return s.at
	}
	s.countTo(i)
	offset := s.base + int64(i)
	return Position{File: s.name, Line: s.line, Column: int(offset-s.lineAt) + 1, Offset: offset}
}
