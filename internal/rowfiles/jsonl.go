package rowfiles

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strings"
)

// jsonRows reads JSON lines: an object a line.
type jsonRows struct {
	in      *lines
	columns []column
	index   map[string]int // of a column, by a key as it is written
	values  [][]byte       // of the row in hand, raw; nil for none
}

func newJSONRows(name string, in io.Reader, columns []column) *jsonRows {
	j := &jsonRows{in: newLines(name, in), columns: columns, index: map[string]int{}, values: make([][]byte, len(columns))}
	return j
}

const (
	maxKeys     = 1600         // of all lines of a file: no table has more columns
	maxSpelling = 10 * maxKeys // ways to write keys, with escapes, that are remembered
	maxNesting  = 6            // of lists: no array has more dimensions
)

// jsonKeys reads the keys of all lines, in the order of their first appearance.
func jsonKeys(ctx context.Context, name string, in io.Reader) ([]string, error) {
	l := newLines(name, in)
	var keys []string
	known, written := map[string]bool{}, map[string]bool{}
	for ctx.Err() == nil {
		line, err := l.object()
		if errors.Is(err, io.EOF) {
			return keys, nil
		}
		if err != nil {
			return nil, err
		}
		if err := l.members(line, func(key, _ []byte) error {
			if written[string(key)] {
				return nil
			}
			name, err := l.text(key)
			if err != nil {
				return err
			}
			if len(written) == maxSpelling {
				clear(written)
			}
			written[string(key)] = true
			if known[string(name)] {
				return nil
			}
			if len(keys) == maxKeys {
				return l.fault("there are more than %d keys, and no table has as many columns", maxKeys)
			}
			known[string(name)] = true
			keys = append(keys, string(name))
			return nil
		}); err != nil {
			return nil, err
		}
	}
	return nil, ctx.Err()
}

func (j *jsonRows) next(dst []byte) ([]byte, error) {
	line, err := j.in.object()
	if err != nil {
		return dst, err
	}
	clear(j.values)
	at := 0
	if err := j.in.members(line, func(key, value []byte) error {
		i, known := j.index[string(key)]
		if !known {
			name, err := j.in.text(key)
			if err != nil {
				return err
			}
			if i = j.column(string(name), at); i < 0 {
				return j.in.fault("the key %q was not there when the file was read first", name)
			}
			if len(j.index) == maxSpelling {
				clear(j.index)
			}
			j.index[string(key)] = i
		}
		at++
		j.values[i] = value
		return nil
	}); err != nil {
		return dst, err
	}
	before, first := len(dst), true
	for i, c := range j.columns {
		if c.generated {
			continue
		}
		if !first {
			dst = append(dst, '\t')
		}
		first = false
		if dst, err = j.in.value(dst, j.values[i], c); err != nil {
			return dst[:before], err
		}
	}
	return append(dst, '\n'), nil
}

// column finds a key's column, whose name may differ in case.
func (j *jsonRows) column(key string, guess int) int {
	if guess < len(j.columns) && j.columns[guess].name == key {
		return guess
	}
	return columnCalled(j.columns, key)
}

// object reads the next line that is not blank.
func (l *lines) object() ([]byte, error) {
	for {
		line, err := l.record(false)
		if err != nil {
			return nil, err
		}
		if line = bytes.Trim(line, " \t\r"); len(line) > 0 {
			return line, nil
		}
	}
}

// members gives the keys (raw, with quotes) and values (raw) of an object.
func (l *lines) members(line []byte, member func(key, value []byte) error) error {
	if line[0] != '{' {
		return l.fault("this line is no JSON object")
	}
	rest := skipJSONSpace(line[1:])
	if len(rest) > 0 && rest[0] == '}' {
		return l.ended(rest[1:])
	}
	for {
		n := jsonValue(rest)
		if n < 0 || rest[0] != '"' {
			return l.fault("a key was expected here: %.40q", rest)
		}
		key := rest[:n]
		if rest = skipJSONSpace(rest[n:]); len(rest) == 0 || rest[0] != ':' {
			return l.fault("a colon is missing behind the key %s", key)
		}
		rest = skipJSONSpace(rest[1:])
		if n = jsonValue(rest); n < 0 {
			return l.fault("the value of %s is no JSON", key)
		}
		if err := member(key, rest[:n]); err != nil {
			return err
		}
		rest = skipJSONSpace(rest[n:])
		switch {
		case len(rest) > 0 && rest[0] == ',':
			rest = skipJSONSpace(rest[1:])
		case len(rest) > 0 && rest[0] == '}':
			return l.ended(rest[1:])
		default:
			return l.fault("the object is not closed")
		}
	}
}

func (l *lines) ended(rest []byte) error {
	if len(skipJSONSpace(rest)) > 0 {
		return l.fault("something follows the object: %.40q", rest)
	}
	return nil
}

// value appends a JSON value as COPY takes it for a column.
func (l *lines) value(dst, raw []byte, c column) ([]byte, error) {
	if raw == nil || raw[0] == 'n' {
		return append(dst, `\N`...), nil
	}
	text, err := l.constant(raw, &c.columnType)
	return appendField(dst, text), err
}

// constant gives a JSON value, other than null, as the constant of a type.
func (l *lines) constant(raw []byte, t *columnType) ([]byte, error) {
	switch {
	case raw[0] == '"':
		text, err := l.text(raw)
		if err == nil && t.json && !holdsJSON(text) {
			return raw, nil
		}
		return text, err
	case t.json:
	case raw[0] == '[' && t.element != nil:
		return l.array(nil, raw, t.element, 1)
	case raw[0] == '{' && t.hstore:
		return l.hstore(raw)
	case raw[0] == '{' && t.fields != nil:
		return l.composite(raw, t.fields)
	}
	return raw, nil
}

// holdsJSON tells whether a text is a JSON object or list: exports write JSON columns in either way.
func holdsJSON(text []byte) bool {
	inner := bytes.TrimLeft(text, " \t\r\n")
	return len(inner) > 0 && (inner[0] == '{' || inner[0] == '[') && json.Valid(text)
}

// array appends a JSON list as an array constant. depth is how many lists it stands in, with itself.
func (l *lines) array(dst, raw []byte, of *columnType, depth int) ([]byte, error) {
	if depth > maxNesting {
		return dst, l.fault("lists stand in one another more than %d deep, and no array has more dimensions", maxNesting)
	}
	dst = append(dst, '{')
	rest := skipJSONSpace(raw[1:])
	for first := true; len(rest) > 0 && rest[0] != ']'; first = false {
		if !first {
			if rest[0] != ',' {
				return dst, l.fault("a list is not well formed: %.40q", raw)
			}
			rest = skipJSONSpace(rest[1:])
			dst = append(dst, ',')
		}
		n := jsonValue(rest)
		if n < 0 {
			return dst, l.fault("a list is not well formed: %.40q", raw)
		}
		element, err := rest[:n], error(nil)
		switch {
		case element[0] == 'n':
			dst = append(dst, "NULL"...)
		case element[0] == '[' && !of.json:
			dst, err = l.array(dst, element, of, depth+1)
		default:
			var text []byte
			text, err = l.constant(element, of)
			dst = appendElement(dst, text)
		}
		if err != nil {
			return dst, err
		}
		rest = skipJSONSpace(rest[n:])
	}
	return append(dst, '}'), nil
}

// composite gives an object as the constant of a composite type. A field that the object lacks is NULL.
func (l *lines) composite(raw []byte, fields []column) ([]byte, error) {
	values, n := make([][]byte, len(fields)), 0
	if err := l.members(raw, func(key, value []byte) error {
		if n++; n > len(fields) {
			return l.fault("the object has more keys than the column's type has fields")
		}
		name, err := l.text(key)
		if err != nil {
			return err
		}
		i := columnCalled(fields, string(name))
		if i < 0 {
			return l.fault("the column's type has no field %q", name)
		}
		values[i] = value
		return nil
	}); err != nil {
		return nil, err
	}
	dst := []byte{'('}
	for i := range fields {
		if i > 0 {
			dst = append(dst, ',')
		}
		if values[i] == nil || values[i][0] == 'n' {
			continue // nothing at all is NULL
		}
		text, err := l.constant(values[i], &fields[i].columnType)
		if err != nil {
			return nil, err
		}
		dst = appendElement(dst, text)
	}
	return append(dst, ')'), nil
}

// columnCalled finds a column by its name, whose upper and lower case may differ.
func columnCalled(columns []column, name string) int {
	if i := slices.IndexFunc(columns, func(c column) bool { return c.name == name }); i >= 0 {
		return i
	}
	return slices.IndexFunc(columns, func(c column) bool { return strings.EqualFold(c.name, name) })
}

// hstore gives an object as an hstore constant. Values that are no text become their JSON.
func (l *lines) hstore(raw []byte) ([]byte, error) {
	var dst []byte
	err := l.members(raw, func(key, value []byte) error {
		if len(dst) > 0 {
			dst = append(dst, ',')
		}
		name, err := l.text(key)
		if err != nil {
			return err
		}
		dst = append(appendElement(dst, name), "=>"...)
		switch value[0] {
		case 'n':
			dst = append(dst, "NULL"...)
		case '"':
			if value, err = l.text(value); err != nil {
				return err
			}
			dst = appendElement(dst, value)
		default:
			dst = appendElement(dst, value)
		}
		return nil
	})
	return dst, err
}

// appendElement appends an element of an array or hstore constant, in quotes.
func appendElement(dst, value []byte) []byte {
	dst = append(dst, '"')
	for _, c := range value {
		if c == '"' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return append(dst, '"')
}

// text gives the content of a JSON string.
func (l *lines) text(raw []byte) ([]byte, error) {
	inner := raw[1 : len(raw)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, nil
	}
	var s string
	if err := json.Unmarshal(raw, &s); err != nil {
		return nil, l.fault("a text is not well formed: %.40q", raw)
	}
	return []byte(s), nil
}

func skipJSONSpace(b []byte) []byte {
	for len(b) > 0 && (b[0] == ' ' || b[0] == '\t' || b[0] == '\n' || b[0] == '\r') {
		b = b[1:]
	}
	return b
}

// jsonValue gives the length of the JSON value that b begins with, -1 if there is none. Of objects and lists it sees that
// brackets and quotes close; the rest is for who reads them.
func jsonValue(b []byte) int {
	if len(b) == 0 {
		return -1
	}
	switch c := b[0]; {
	case c == '"':
		return jsonText(b)
	case c == '{' || c == '[':
		depth := 0
		for i := 0; i < len(b); i++ {
			switch b[i] {
			case '"':
				n := jsonText(b[i:])
				if n < 0 {
					return -1
				}
				i += n - 1
			case '{', '[':
				depth++
			case '}', ']':
				if depth--; depth == 0 {
					return i + 1
				}
			}
		}
		return -1
	}
	n := bytes.IndexAny(b, ",}] \t\r\n")
	if n < 0 {
		n = len(b)
	}
	if word := b[:n]; !json.Valid(word) {
		return -1
	}
	return n
}

// jsonText gives the length of the JSON string that b begins with, -1 if it is not closed.
func jsonText(b []byte) int {
	for i := 1; i < len(b); i++ {
		switch b[i] {
		case '\\':
			i++
		case '"':
			return i + 1
		}
	}
	return -1
}
