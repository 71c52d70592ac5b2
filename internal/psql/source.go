package psql

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"math"
	"slices"
)

const (
	windowSize       = 256 << 10 // bytes of a file held at once; a token or a command line may make it grow
	smallWindow      = 4 << 10   // bytes of a small file
	lookahead        = 128       // bytes that the scanner may look ahead without asking
	longestCharacter = 4         // bytes, in the unsafe encodings
)

// source is text being read: a file through a window, or a piece of memory (a variable's value, the rest of a line).
type source struct {
	name string // file name for positions

	rd io.ReadCloser // nil for memory

	buf  []byte
	r, w int    // buf[r:w] is not read yet
	orig []byte // in an unsafe encoding the text itself, where buf has 0xff for the later bytes of each character; else nil
	enc  clientEncoding
	mask int   // buf[:mask] is masked
	base int64 // offset in the file of buf[0]
	eof  bool  // nothing after buf[w]
	nul  int   // index in buf of the first NUL from r on, beyond w when there is none

	lineEnd int64 // offset in the file of the line's end that fillLine found last: a line may hold many commands

	line    int   // line number at buf[counted], from 1
	lineAt  int64 // offset in the file where that line begins
	counted int

	at       Position // memory: where it stands in the script
	variable string   // memory: the variable whose value this is
	rest     bool     // memory: the rest of a file's line, set aside because COPY data follow
}

func newFileSource(name string, rd io.ReadCloser) *source {
	size := int64(windowSize)
	if f, ok := rd.(fs.File); ok {
		if info, err := f.Stat(); err == nil && info.Size() > 0 {
			size = min(size, max(info.Size()+1, smallWindow)) // a script may include thousands of small files
		}
	}
	return &source{name: name, rd: rd, buf: make([]byte, size), nul: math.MaxInt, line: 1}
}

// fill makes room and reads at least one more byte, unless the text has ended.
func (s *source) fill() error {
	if s.eof {
		return nil
	}
	if s.r > 0 {
		s.countTo(s.r)
		copy(s.buf, s.buf[s.r:s.w])
		if s.orig != nil {
			copy(s.orig, s.orig[s.r:s.w])
			s.mask = max(0, s.mask-s.r) // rows of a COPY are read without regard to characters
		}
		s.base += int64(s.r)
		s.w -= s.r
		s.r, s.counted = 0, 0
	}
	if s.w == len(s.buf) {
		if len(s.buf) > maxCommand {
			return fmt.Errorf("a line or name is longer than %d MiB", maxCommand>>20)
		}
		s.buf = append(s.buf, make([]byte, len(s.buf))...)
		if s.orig != nil {
			s.orig = append(s.orig, make([]byte, len(s.orig))...)
		}
	}
	defer s.findNUL()
	if s.orig != nil {
		defer func(from int) {
			copy(s.orig[from:s.w], s.buf[from:s.w])
			s.maskCharacters()
		}(s.w)
	}
	for range 100 {
		n, err := s.rd.Read(s.buf[s.w:])
		s.w += n
		if err == io.EOF {
			s.eof = true
			return nil
		}
		if err != nil {
			return err
		}
		if n > 0 {
			return nil
		}
	}
	return io.ErrNoProgress
}

// findNUL must be called when r has moved past nul, or w has moved.
func (s *source) findNUL() {
	s.nul = math.MaxInt
	if j := bytes.IndexByte(s.buf[s.r:s.w], 0); j >= 0 {
		s.nul = s.r + j
	}
}

// setEncoding changes the encoding from the next line on.
func (s *source) setEncoding(e clientEncoding) {
	if s.rd == nil || !e.unsafe && s.orig == nil {
		return
	}
	from := s.r
	if s.base+int64(s.r) != s.lineStart() {
		if j := bytes.IndexByte(s.buf[s.r:s.w], '\n'); j >= 0 {
			from += j
		} else {
			from = s.w
		}
	}
	if s.orig != nil {
		copy(s.buf[from:s.w], s.orig[from:s.w])
	}
	if !e.unsafe {
		s.mask, s.enc = 0, clientEncoding{}
		if from == s.r {
			s.orig = nil
		}
		return
	}
	if s.orig == nil {
		s.orig = bytes.Clone(s.buf)
	}
	s.enc, s.mask = e, from
	s.maskCharacters()
}

// lineStart is the offset of the line that buf[r] is in.
func (s *source) lineStart() int64 {
	s.countTo(s.r)
	return s.lineAt
}

// maskCharacters hides the later bytes of each character, which an unsafe encoding lets look like anything, from the
// scanner. psql does the same.
func (s *source) maskCharacters() {
	if s.enc.length == nil {
		s.mask = s.w
		return
	}
	for s.mask < s.w {
		n := 1
		if s.orig[s.mask] >= 0x80 {
			more := s.w-s.mask < longestCharacter && !s.eof // of this character may come
			if more && bytes.IndexByte(s.orig[s.mask:s.w], '\n') < 0 {
				return
			}
			n = s.enc.length(s.orig[s.mask:s.w])
		}
		for i := 1; i < n; i++ {
			if s.orig[s.mask+i] == '\n' { // psql splits into lines first
				n = i
				break
			}
			s.buf[s.mask+i] = 0xff
		}
		s.mask += n
	}
}

// end is where the text ends that the scanner may look at: a character of an unsafe encoding may be in hand in part.
func (s *source) end() int {
	if s.enc.length == nil || s.eof {
		return s.w
	}
	return s.mask
}

// raw is the text itself, by the indexes of buf.
func (s *source) raw() []byte {
	if s.orig != nil {
		return s.orig
	}
	return s.buf
}

// memory makes a source of text that stands at one place of the script. raw is text before it was masked.
func memory(text, raw []byte, at Position) *source {
	return &source{buf: text, orig: raw, w: len(text), eof: true, nul: math.MaxInt, at: at}
}

// masked hides the later bytes of characters in an unsafe encoding. It gives the text itself where it has none.
func (e clientEncoding) masked(text []byte) []byte {
	if !e.unsafe || !slices.ContainsFunc(text, func(c byte) bool { return c >= 0x80 }) {
		return text
	}
	s := &source{buf: bytes.Clone(text), orig: text, w: len(text), eof: true, enc: e}
	s.maskCharacters()
	return s.buf
}

// fillLine reads until the window holds the rest of the line, and returns the index just before its end.
func (s *source) fillLine() (int, error) {
	from := s.r
	for s.lineEnd <= s.base+int64(s.r) {
		if j := bytes.IndexByte(s.buf[from:s.w], '\n'); j >= 0 {
			s.lineEnd = s.base + int64(from+j)
			return from + j, nil
		}
		if s.eof {
			s.lineEnd = s.base + int64(s.w)
			return s.w, nil
		}
		searched := s.w - s.r
		if err := s.fill(); err != nil {
			return 0, err
		}
		from = s.r + searched
	}
	return int(s.lineEnd - s.base), nil
}

// shrink gives a window that a long line has made grow its usual size again, if what is left of it fits.
func (s *source) shrink() {
	if n := s.w - s.r; len(s.buf) > windowSize && n <= windowSize && s.orig == nil {
		s.countTo(s.r)
		buf := make([]byte, windowSize)
		copy(buf, s.buf[s.r:s.w])
		s.base += int64(s.r)
		s.buf, s.r, s.w, s.counted = buf, 0, n, 0
		s.findNUL()
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
