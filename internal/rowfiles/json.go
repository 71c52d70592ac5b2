package rowfiles

import (
	"fmt"
	"unicode/utf16"
	"unicode/utf8"
)

// jsonText is a JSON text that is being checked: by the grammar of RFC 8259, as the server has it, with two exceptions. Half a
// character (a lone surrogate) and \u0000 are refused as the server refuses them where it needs the text; NaN, Infinity and
// -Infinity, which Python writes, are taken for numbers.
type jsonText struct {
	text  []byte
	most  rune   // the last character that an escape may stand for
	limit string // why
	words bool   // one of Python's was there
}

// fault is what is wrong with a JSON text, and where.
type fault struct {
	at   int
	what string
}

func (j *jsonText) fault(at int, format string, args ...any) *fault {
	return &fault{at, fmt.Sprintf(format, args...)}
}

// maxNesting is how deep lists and objects may stand in one another. The server takes some 6,000 in its own JSON types.
const maxNesting = 10_000

// space gives the offset of what follows white space.
func (j *jsonText) space(i int) int {
	for i < len(j.text) && (j.text[i] == ' ' || j.text[i] == '\t' || j.text[i] == '\n' || j.text[i] == '\r') {
		i++
	}
	return i
}

// value gives the end of the value that begins at an offset.
func (j *jsonText) value(i, depth int) (end int, bad *fault) {
	if i >= len(j.text) {
		return i, j.fault(i, "a JSON value is missing at the end")
	}
	switch c := j.text[i]; {
	case c == '"':
		return j.string(i)
	case c == '{' || c == '[':
		return j.nested(i, depth)
	case c == '-' || c >= '0' && c <= '9':
		return j.number(i)
	}
	for _, word := range [...]string{"null", "true", "false", "NaN", "Infinity"} {
		if j.word(i, word) {
			j.words = j.words || word[0] < 'a'
			return i + len(word), nil
		}
	}
	return i, j.fault(i, "this is no JSON value: %s", j.shown(i))
}

// word reports whether a word stands at an offset, as a whole.
func (j *jsonText) word(i int, word string) bool {
	end := i + len(word)
	return end <= len(j.text) && string(j.text[i:end]) == word && (end == len(j.text) || !inWord(j.text[end]))
}

func inWord(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c >= utf8.RuneSelf
}

// nested gives the end of a list or object.
func (j *jsonText) nested(i, depth int) (end int, bad *fault) {
	if depth == maxNesting {
		return i, j.fault(i, "lists and objects stand in one another more than %d deep", maxNesting)
	}
	begin, closing := i, j.text[i]+2 // ] and } are two behind [ and {
	i = j.space(i + 1)
	for first := true; ; first = false {
		switch {
		case i >= len(j.text):
			return i, j.fault(begin, "this is not closed: %s", j.shown(begin))
		case j.text[i] == closing && first:
			return i + 1, nil
		}
		if closing == '}' {
			if i, bad = j.key(i); bad != nil {
				return i, bad
			}
		}
		if i, bad = j.value(i, depth+1); bad != nil {
			return i, bad
		}
		switch i = j.space(i); {
		case i >= len(j.text):
		case j.text[i] == closing:
			return i + 1, nil
		case j.text[i] != ',':
			return i, j.fault(i, "a comma or %c was expected here: %s", closing, j.shown(i))
		default:
			if i = j.space(i + 1); i < len(j.text) && j.text[i] == closing {
				return i, j.fault(i, "a value was expected after the comma: %s", j.shown(i))
			}
		}
	}
}

// key gives the beginning of the value whose key begins at an offset.
func (j *jsonText) key(i int) (value int, bad *fault) {
	if i >= len(j.text) || j.text[i] != '"' {
		return i, j.fault(i, "a key in double quotes was expected here: %s", j.shown(i))
	}
	end, bad := j.string(i)
	if bad != nil {
		return i, bad
	}
	colon := j.space(end)
	if colon >= len(j.text) || j.text[colon] != ':' {
		return i, j.fault(colon, "a colon is missing behind the key %s", j.text[i:end])
	}
	return j.space(colon + 1), nil
}

// stops are the bytes of a string that are not just its text.
var stops = func() (stops [256]bool) {
	for c := range byte(' ') {
		stops[c] = true
	}
	stops['"'], stops['\\'] = true, true
	return stops
}()

// string gives the end of a string.
func (j *jsonText) string(begin int) (end int, bad *fault) {
	text := j.text
	for i := begin + 1; i < len(text); i++ {
		if !stops[text[i]] {
			continue
		}
		switch c := text[i]; {
		case c == '"':
			return i + 1, nil
		case c != '\\':
			return i, j.fault(i, `the character 0x%02x must be written with a backslash`, c)
		}
		_, size, bad := j.escape(i)
		if bad != nil {
			return i, bad
		}
		i += size - 1
	}
	return len(text), j.fault(begin, "a text is not closed: %s", j.shown(begin))
}

// simple are the escapes of one letter.
var simple = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escape gives the character of an escape, and how many bytes it is written with.
func (j *jsonText) escape(i int) (r rune, size int, bad *fault) {
	const short, long = 2, 6 // bytes
	if i+1 < len(j.text) && simple[j.text[i+1]] != 0 {
		return rune(simple[j.text[i+1]]), short, nil
	}
	r = j.unit(i)
	switch {
	case r < 0:
		return 0, 0, j.fault(i, "this is no escape of JSON: %s", j.shown(i))
	case r == 0:
		return 0, 0, j.fault(i, `unsupported Unicode escape sequence: \u0000 cannot be converted to text`)
	case utf16.IsSurrogate(r):
		whole := utf16.DecodeRune(r, j.unit(i+long))
		if whole == utf8.RuneError {
			return 0, 0, j.fault(i, `half a character: %s is one of two surrogates that only together stand for one`, j.text[i:i+long])
		}
		r, size = whole, 2*long
	default:
		size = long
	}
	if r > j.most {
		return 0, 0, j.fault(i, `the escape %s stands for a character that %s`, j.text[i:i+size], j.limit)
	}
	return r, size, nil
}

// unit gives what \uXXXX says at an offset, -1 if there is no such escape.
func (j *jsonText) unit(i int) (r rune) {
	const length = 6 // bytes
	if i+length > len(j.text) || j.text[i] != '\\' || j.text[i+1] != 'u' {
		return -1
	}
	for _, c := range j.text[i+2 : i+length] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}

// number gives the end of a number.
func (j *jsonText) number(begin int) (end int, bad *fault) {
	text, i := j.text, begin
	digits := func() bool {
		from := i
		for i < len(text) && text[i] >= '0' && text[i] <= '9' {
			i++
		}
		return i > from
	}
	if text[i] == '-' {
		i++
		const infinity = "Infinity"
		if j.word(i, infinity) {
			j.words = true
			return i + len(infinity), nil
		}
	}
	ok := true
	if i < len(text) && text[i] == '0' {
		i++
	} else {
		ok = digits()
	}
	if ok && i < len(text) && text[i] == '.' {
		i++
		ok = digits()
	}
	if ok && i < len(text) && text[i]|0x20 == 'e' {
		if i++; i < len(text) && (text[i] == '+' || text[i] == '-') {
			i++
		}
		ok = digits()
	}
	if !ok || i < len(text) && (inWord(text[i]) || text[i] == '.') {
		return i, j.fault(begin, "this is no number of JSON: %s", j.shown(begin))
	}
	return i, nil
}

// shown gives some of the text from an offset on, for a message.
func (j *jsonText) shown(i int) string {
	const most = 40 // bytes
	if i >= len(j.text) {
		return "the end"
	}
	return fmt.Sprintf("%.*q", most, j.text[i:min(len(j.text), i+most)])
}

// whole gives the value that begins at an offset, if nothing follows it.
func (j *jsonText) whole(i int) (value []byte, ok bool) {
	end, bad := j.value(i, 0)
	if bad != nil || j.space(end) < len(j.text) {
		return nil, false
	}
	return j.text[i:end], true
}
