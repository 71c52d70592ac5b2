package psql

import (
	"bytes"
	"fmt"
	"strings"
	"unicode/utf8"
)

// Position is a place in a script.
type Position struct {
	File   string     // slash-separated path in the archive
	Line   int        // from 1
	Column int        // in bytes, from 1
	Offset int64      // in bytes, from 0
	Via    []Position // the \i or \ir commands that led here, outermost first
}

// String gives "file:line:column", followed by the files that include it.
func (p Position) String() string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s:%d:%d", p.File, p.Line, p.Column)
	for i := len(p.Via) - 1; i >= 0; i-- {
		fmt.Fprintf(&b, " (included at %s:%d)", p.Via[i].File, p.Via[i].Line)
	}
	return b.String()
}

// anchor says where the text of a statement from offset on was read.
type anchor struct {
	offset int
	pos    Position
}

// locate finds the place in the script of text[offset].
func locate(anchors []anchor, text []byte, offset int) Position {
	if len(anchors) == 0 {
		return Position{}
	}
	a := anchors[0]
	for _, next := range anchors[1:] {
		if next.offset > offset {
			break
		}
		a = next
	}
	p := a.pos
	span := text[a.offset:min(max(offset, a.offset), len(text))]
	if n := bytes.Count(span, []byte{'\n'}); n > 0 {
		p.Line += n
		p.Column = len(span) - bytes.LastIndexByte(span, '\n')
	} else {
		p.Column += len(span)
	}
	p.Offset += int64(len(span))
	return p
}

// Caret gives the line of text that holds the character at position (counted in characters from 1, as the server's error
// messages count), with a caret under it, in psql's layout:
//
//	LINE 2: SELECT * FROM nowhere;
//	                      ^
//
// Long lines are cut around the caret. It returns the byte offset of that character too, -1 when there is none.
func Caret(text []byte, position int) (excerpt string, offset int) {
	if position <= 0 {
		return "", -1
	}
	offset = 0
	for n := 1; n < position && offset < len(text); n++ {
		_, size := utf8.DecodeRune(text[offset:])
		offset += size
	}
	start := bytes.LastIndexByte(text[:offset], '\n') + 1
	end := len(text)
	if j := bytes.IndexByte(text[offset:], '\n'); j >= 0 {
		end = offset + j
	}
	const before, width = 40, 76 // characters shown before the caret, and in all
	line, at := []rune(cut(text[start:end], 4*width+offset-start)), utf8.RuneCount(text[start:offset])
	prefix := fmt.Sprintf("LINE %d: ", 1+bytes.Count(text[:start], []byte{'\n'}))
	from := 0
	if len(line) > width && at > before {
		from = at - before
		prefix += "..."
	}
	to := min(len(line), from+width)
	suffix := ""
	if to < len(line) {
		suffix = "..."
	}
	shown := strings.Map(func(r rune) rune {
		if r == '\t' || r == '\r' {
			return ' '
		}
		return r
	}, string(line[from:to]))
	return fmt.Sprintf("%s%s%s\n%s^", prefix, shown, suffix, strings.Repeat(" ", len(prefix)+at-from)), offset
}

func cut(b []byte, n int) string {
	if len(b) > n {
		b = b[:n]
	}
	return strings.ToValidUTF8(string(b), "?")
}
