package psql

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
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
func (p Position) String() string { return p.Place().String() }

// Place gives the place as an error has it.
func (p Position) Place() problem.Place {
	at := problem.Place{File: p.File, Line: p.Line, Column: p.Column}
	for i := len(p.Via) - 1; i >= 0; i-- {
		at.Via += fmt.Sprintf(" (included at %s:%d)", p.Via[i].File, p.Via[i].Line)
	}
	return at
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

// leadingComments gives the length of the comments and white space that text begins with, 0 if there is nothing else.
func leadingComments(text []byte) int {
	for i := 0; i < len(text); {
		switch rest := text[i:]; {
		case class[rest[0]] == space || rest[0] == '\n':
			i++
		case bytes.HasPrefix(rest, []byte("/*")):
			x := lexer{state: inComment}
			i += 2 + x.inside(rest[2:], true)
		case bytes.HasPrefix(rest, []byte("--")):
			x := lexer{state: inDashes}
			i += x.inside(rest, true)
		default:
			return i
		}
	}
	return 0
}

// WithoutHeader gives the text of a statement without the comments that it begins with.
func WithoutHeader(text []byte) []byte { return text[leadingComments(text):] }

// The part of a long line that an excerpt shows, in screen columns, as in libpq.
const (
	shownColumns   = 60
	columnsToRight = 10 // kept to the right of the caret, if there are as many
)

// Caret gives the line of text that holds the character at position (counted in characters from 1, as the server's error
// messages count), with a caret under it, just as psql shows it:
//
//	LINE 2: SELECT * FROM nowhere;
//	                      ^
//
// It returns the byte offset of that character too, -1 when there is none. The text is in the client encoding.
func Caret(text []byte, position int, encoding string) (excerpt string, offset int) {
	if position <= 0 {
		return "", -1
	}
	enc := encodingOf(encoding)
	offset = 0
	for n := 1; n < position; n++ {
		if offset >= len(text) {
			return "", -1
		}
		offset += enc.length(text[offset:])
	}
	offset = min(offset, len(text))
	number, start := 1, 0 // of the line
	for i := range offset {
		if c := text[i]; c == '\r' || c == '\n' {
			if c == '\r' || i == 0 || text[i-1] != '\r' {
				number++
			}
			start = i + 1
		}
	}
	line := text[start:]
	if j := bytes.IndexAny(line[offset-start:], "\r\n"); j >= 0 {
		line = line[:offset-start+j]
	}
	// Characters by their bytes and their screen columns; one more of each for the end.
	var bytesAt, columnAt []int
	at, i, column := 0, 0, 0
	for ; i < len(line); i += enc.length(line[i:]) {
		if i <= offset-start {
			at = len(bytesAt)
		}
		if column > 1<<14 && i > offset-start+4*shownColumns {
			line = line[:i]
			break // more than can be shown
		}
		bytesAt, columnAt = append(bytesAt, i), append(columnAt, column)
		column += enc.columns(line[i:])
	}
	bytesAt, columnAt = append(bytesAt, len(line)), append(columnAt, column)
	if offset-start >= len(line) {
		at = len(bytesAt) - 1
	}
	from, to := 0, len(bytesAt)-1
	before, after := "", ""
	if columnAt[to]-columnAt[from] > shownColumns {
		if columnAt[from]+shownColumns >= columnAt[at]+columnsToRight {
			for columnAt[to]-columnAt[from] > shownColumns {
				to--
			}
			after = "..."
		} else {
			for columnAt[at]+columnsToRight < columnAt[to] {
				to--
				after = "..."
			}
			for columnAt[to]-columnAt[from] > shownColumns {
				from++
				before = "..."
			}
		}
	}
	prefix := fmt.Sprintf("LINE %d: %s", number, before)
	shown := strings.ReplaceAll(enc.decode(line[bytesAt[from]:bytesAt[to]]), "\t", " ")
	return prefix + shown + after + "\n" + strings.Repeat(" ", len(prefix)+columnAt[at]-columnAt[from]) + "^", offset
}
