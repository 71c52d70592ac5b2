// Package overrides reads what people write for the setting overrides, and makes the JSON of it that the API gets: JSON with
// comments where the text begins as an object does, YAML 1.2 otherwise. What has more than one reading is refused, with its place.
// It knows neither settings nor the API.
package overrides

import (
	"bytes"
	"encoding/json"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"unicode/utf8"

	"github.com/tailscale/hujson"
)

// Error says what cannot be read, and where. What holds nothing of the text.
type Error struct {
	Line, Column int // from 1; the column counts characters
	What         string
}

func (e *Error) Error() string {
	return fmt.Sprintf("line %d, column %d: %s", e.Line, e.Column, e.What)
}

// NotAnObject is what an Error says of a text that is read, and is a list or a mere value.
const NotAnObject = "this is no object"

// NotJSON is what an Error says of a text that begins as an object of JSON and is none.
const NotJSON = "this is not JSON"

// deepest is how many objects and lists may lie in one another.
const deepest = 100

// What both languages are refused for.
var (
	twiceInOne = "this name stands twice in one object"
	tooDeep    = fmt.Sprintf("objects and lists lie in one another more than %d deep", deepest)
)

// Read gives the JSON object that the text means. Names, numbers and texts of JSON stay as they are written, comments and trailing
// commas go. The error is an *Error.
func Read(text string) (json.RawMessage, error) {
	text = strings.TrimPrefix(text, "\ufeff")
	if at := invalid(text); at >= 0 {
		what := "these bytes are not UTF-8"
		if strings.ContainsRune(text, 0) {
			what = "this is not UTF-8 but looks like UTF-16: save it as UTF-8"
		}
		return nil, errorAt(text, at, what)
	}
	var object json.RawMessage
	var err error
	if beginsObject(text) {
		object, err = readJSON(text)
	} else {
		object, err = readYAML(text)
	}
	if err != nil {
		return nil, err
	}
	if !bytes.HasPrefix(bytes.TrimLeft(object, " \t\r\n"), []byte("{")) {
		return nil, &Error{1, 1, NotAnObject}
	}
	return object, nil
}

// invalid gives the offset of the first byte that is not UTF-8, or -1.
func invalid(text string) int {
	for at, r := range text {
		if r == utf8.RuneError && !strings.HasPrefix(text[at:], "\ufffd") {
			return at
		}
	}
	return -1
}

// errorAt makes an Error for an offset in bytes.
func errorAt(text string, offset int, what string) *Error {
	before := text[:min(offset, len(text))]
	return &Error{
		Line:   1 + strings.Count(before, "\n"),
		Column: 1 + utf8.RuneCountInString(before[strings.LastIndex(before, "\n")+1:]),
		What:   what,
	}
}

// beginsObject says whether an object's brace comes first, behind blanks and JSON's comments.
func beginsObject(text string) bool {
	return strings.HasPrefix(text[skipExtra(text, 0):], "{")
}

// skipExtra gives the offset behind blanks and comments.
func skipExtra(text string, at int) int {
	for at < len(text) {
		rest := text[at:]
		switch {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			at++
		case strings.HasPrefix(rest, "//"):
			end := strings.IndexByte(rest, '\n')
			if end < 0 {
				return len(text)
			}
			at += end + 1
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return at // what is left is no comment
			}
			at += 2 + end + 2
		default:
			return at
		}
	}
	return at
}

// readJSON reads JSON with comments, trailing commas, and names without quotes as JavaScript has them.
func readJSON(text string) (json.RawMessage, error) {
	quoted, added, err := quoteNames(text)
	if err != nil {
		return nil, err
	}
	original := func(offset int) int {
		n := 0
		for n < len(added) && added[n] < offset {
			n++
		}
		return offset - n
	}
	quoted += "\n" // a comment ends at the end of a line
	value, err := hujson.Parse([]byte(quoted))
	if err != nil {
		return nil, errorAt(text, original(offsetOf(quoted, err)), NotJSON)
	}
	if twice := firstTwice(&value); twice >= 0 {
		return nil, errorAt(text, original(twice), twiceInOne)
	}
	value.Standardize()
	return bytes.TrimSpace(value.Pack()), nil
}

// placeInError is how package hujson says where. The rest of its error may hold pieces of the text.
var placeInError = regexp.MustCompile(`line (\d+), column (\d+)`)

// offsetOf gives the offset in bytes that an error of hujson names; it counts columns in bytes.
func offsetOf(text string, err error) int {
	place := placeInError.FindStringSubmatch(err.Error())
	if place == nil {
		return 0
	}
	line, _ := strconv.Atoi(place[1])
	column, _ := strconv.Atoi(place[2])
	at := 0
	for range line - 1 {
		at += strings.IndexByte(text[at:], '\n') + 1
	}
	return at + column - 1
}

// bareName is a name of JavaScript, as its objects have it without quotes.
var bareName = regexp.MustCompile(`^[A-Za-z_$][A-Za-z0-9_$]*`)

// quoteNames puts the names of objects into quotes where they have none: the vendor's pages and clients write them so. Such a name
// stands behind a brace or a comma and before a colon, where nothing else is possible. added are the offsets of the quotes in the
// text that is given back. It refuses what is nested too deeply to be walked.
func quoteNames(text string) (quoted string, added []int, err error) {
	var b strings.Builder
	depth, copied := 0, 0
	for at := 0; at < len(text); {
		at = skipExtra(text, at)
		if at >= len(text) {
			break
		}
		switch c := text[at]; c {
		case '"':
			at = skipString(text, at)
		case '{', '[', ',':
			if c != ',' {
				depth++
			}
			if depth > deepest {
				return "", nil, errorAt(text, at, tooDeep)
			}
			at++
			start := skipExtra(text, at)
			end := start + len(bareName.FindString(text[start:]))
			if colon := skipExtra(text, end); end == start || colon >= len(text) || text[colon] != ':' {
				continue
			}
			b.WriteString(text[copied:start])
			added = append(added, b.Len())
			b.WriteString(`"` + text[start:end])
			added = append(added, b.Len())
			b.WriteByte('"')
			at, copied = end, end
		case '}', ']':
			depth--
			at++
		default:
			at++
		}
	}
	b.WriteString(text[copied:])
	return b.String(), added, nil
}

// skipString gives the offset behind a string that begins at at.
func skipString(text string, at int) int {
	for at++; at < len(text); at++ {
		switch text[at] {
		case '\\':
			at++
		case '"':
			return at + 1
		}
	}
	return len(text)
}

// firstTwice gives the offset of the first name that its object has already, or -1: readers differ in which of the two counts.
func firstTwice(value *hujson.Value) int {
	switch v := value.Value.(type) {
	case *hujson.Array:
		for i := range v.Elements {
			if at := firstTwice(&v.Elements[i]); at >= 0 {
				return at
			}
		}
	case *hujson.Object:
		seen := map[string]bool{}
		for i := range v.Members {
			m := &v.Members[i]
			name, _ := m.Name.Value.(hujson.Literal)
			if seen[name.String()] {
				return m.Name.StartOffset
			}
			seen[name.String()] = true
			if at := firstTwice(&m.Value); at >= 0 {
				return at
			}
		}
	}
	return -1
}
