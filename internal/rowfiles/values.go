package rowfiles

import (
	"bytes"
	"errors"
	"fmt"
	"unicode/utf8"
)

// values writes JSON as the constants of types. What it is given was checked, or is checked here.
type values struct {
	in    *lines
	held  []byte // a text without its escapes
	words bool   // Python's NaN or Infinity may be among what is written
}

func newValues(in *lines) *values { return &values{in: in} }

// valueFault is what is wrong with a value, where nothing more is known of its place than the column's.
type valueFault struct {
	what  string
	field string // the field of a composite type, or list's element
}

func (e *valueFault) Error() string { return e.what }

func wrong(format string, args ...any) error {
	return &valueFault{what: fmt.Sprintf(format, args...)}
}

// text gives a JSON text to be checked, by the characters that the file's encoding lets escapes stand for.
func (v *values) text(b []byte) *jsonText {
	return &jsonText{text: b, most: v.in.enc.most, limit: v.in.enc.limit}
}

// constant writes a JSON value other than null as a column, element or field takes it that stands at a level.
func (v *values) constant(to *sink, raw []byte, k *kind, level int) error {
	switch c := raw[0]; {
	case c == '"':
		return v.string(to, raw, k, level)
	case c == 'N' || c == 'I' || c == '-' && raw[len(raw)-1] == 'y': // Python's
		if !k.float {
			return wrong("%s is no JSON, and %s has no such number", raw, k.name)
		}
	case k.json:
	case c == '[' && k.element != nil:
		return v.array(to, raw, k, level, 1)
	case c == '{' && k.hstore:
		return v.hstore(to, raw, level)
	case c == '{' && k.fields != nil:
		return v.composite(to, raw, k.fields, level)
	case c == '{' && k.element != nil:
		return wrong("this is an object, and the type %s takes a list", k.name)
	}
	if c := raw[0]; v.words && (c == '[' || c == '{') {
		j := v.text(raw)
		if _, ok := j.whole(0); ok && j.words {
			return wrong("NaN and Infinity are no JSON, and within lists and objects they can be kept in arrays of numbers alone")
		}
	}
	to.text(raw, level)
	return nil
}

// string writes a JSON string.
func (v *values) string(to *sink, raw []byte, k *kind, level int) error {
	inner := raw[1 : len(raw)-1]
	if k.json || k.holds() {
		text := v.unescaped(inner)
		done, err := v.holding(to, text, k, level)
		switch {
		case done || err != nil:
			return err
		case k.json: // a text that holds no object or list
			to.text(raw, level)
			return nil
		}
	}
	j := v.text(inner)
	for {
		i := bytes.IndexByte(inner, '\\')
		if i < 0 {
			to.text(inner, level)
			return nil
		}
		to.text(inner[:i], level)
		j.text = inner
		r, size, bad := j.escape(i)
		if bad != nil {
			return wrong("%s", bad.what)
		}
		v.character(to, r, level)
		inner = inner[i+size:]
	}
}

// character writes the character of an escape.
func (v *values) character(to *sink, r rune, level int) {
	if r < utf8.RuneSelf && escaped[r] != 0 && (r != '"' || level > 0) {
		to.special(byte(r), level)
		return
	}
	to.buf = utf8.AppendRune(to.buf, r)
}

// unescaped gives the text of a JSON string, valid until the next call.
func (v *values) unescaped(inner []byte) []byte {
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner
	}
	if cap(v.held) < len(inner) {
		v.held = make([]byte, 0, len(inner))
	}
	v.held = v.held[:0]
	j := v.text(inner)
	for i := 0; i < len(inner); {
		n := bytes.IndexByte(inner[i:], '\\')
		if n < 0 {
			v.held = append(v.held, inner[i:]...)
			break
		}
		v.held = append(v.held, inner[i:i+n]...)
		r, size, bad := j.escape(i + n)
		if bad != nil { // it was checked
			break
		}
		v.held = utf8.AppendRune(v.held, r)
		i += n + size
	}
	return v.held
}

// holding writes a text as the list or object that it holds, where that is what becomes an array, a row or an hstore of the kind, or
// JSON. Of these types none but JSON has such texts among its own.
func (v *values) holding(to *sink, text []byte, k *kind, level int) (bool, error) {
	j := v.text(text)
	i := j.space(0)
	if i == len(text) {
		return false, nil
	}
	switch c := text[i]; {
	case k.json && (c == '[' || c == '{'):
	case k.element != nil && c == '[':
	case (k.fields != nil || k.hstore) && c == '{':
	default:
		return false, nil
	}
	value, ok := j.whole(i)
	if !ok || k.json && j.words {
		return false, nil
	}
	if k.json {
		to.text(text, level)
		return true, nil
	}
	inner := *v // text may be what v holds
	inner.held, inner.words = nil, j.words
	return true, inner.constant(to, value, k, level)
}

// maxDimensions is how many lists an array may be nested in.
const maxDimensions = 6

// array writes a list as an array. depth is in how many lists it stands, with itself.
func (v *values) array(to *sink, raw []byte, k *kind, level, depth int) error {
	if depth > maxDimensions {
		return wrong("lists stand in one another more than %d deep, and no array has more dimensions", maxDimensions)
	}
	if depth == 1 && !k.element.json && k.element.element == nil && hollow(raw) {
		to.plain("{}")
		return nil
	}
	j := v.text(raw)
	to.plain("{")
	first := true
	for i := j.space(1); raw[i] != ']'; first = false {
		if !first {
			i = j.space(i + 1) // the comma
			to.buf = append(to.buf, k.delimiter)
		}
		end, bad := j.value(i, 0)
		if bad != nil {
			return wrong("%s", bad.what)
		}
		switch element := raw[i:end]; {
		case element[0] == 'n':
			to.plain("NULL")
		case element[0] == '[' && !k.element.json && k.element.element == nil:
			if err := v.array(to, element, k, level, depth+1); err != nil {
				return err
			}
		default:
			to.quote(level + 1)
			if err := v.constant(to, element, k.element, level+1); err != nil {
				return err
			}
			to.quote(level + 1)
		}
		to.pass()
		i = j.space(end)
	}
	to.plain("}")
	return nil
}

// hollow reports whether a list holds nothing but lists, as many in each, and the innermost empty: to the server that is the array without
// dimensions, whose constant is {} alone before version 17.
func hollow(raw []byte) bool {
	for _, c := range raw {
		if !bytes.ContainsRune([]byte("[], \t\r\n"), rune(c)) {
			return false
		}
	}
	list := bytes.Map(func(c rune) rune {
		if c <= ' ' {
			return -1
		}
		return c
	}, raw)
	for len(list) > len("[]") {
		inner, end, open := list[1:len(list)-1], 0, 0
		for ; end == 0 || open > 0; end++ {
			switch inner[end] {
			case '[':
				open++
			case ']':
				open--
			}
		}
		first := inner[:end]
		for rest := inner[end:]; len(rest) > 0; rest = rest[1+end:] {
			if len(rest) <= end || !bytes.Equal(rest[1:1+end], first) {
				return false
			}
		}
		list = first
	}
	return true
}

// composite writes an object as a row of a composite type. A field that the object lacks is NULL.
func (v *values) composite(to *sink, raw []byte, fields []column, level int) error {
	found := make([][]byte, len(fields))
	if err := v.members(raw, func(key, value []byte) error {
		name := v.in.enc.name(v.unescaped(key[1 : len(key)-1]))
		i := v.in.enc.columnCalled(fields, name)
		switch {
		case i < 0 && len(v.in.enc.columnsCalled(fields, name)) > 1:
			return wrong("%s", v.in.enc.noColumn(fields, name, "the column's type"))
		case i < 0:
			return wrong("the column's type has no field %s", key)
		}
		found[i] = value
		return nil
	}); err != nil {
		return err
	}
	to.plain("(")
	for i := range fields {
		if i > 0 {
			to.plain(",")
		}
		if found[i] == nil || found[i][0] == 'n' {
			continue // nothing at all is NULL
		}
		to.quote(level + 1)
		if err := v.constant(to, found[i], fields[i].kind, level+1); err != nil {
			var bad *valueFault
			if errors.As(err, &bad) && bad.field == "" {
				bad.field = fields[i].name
			}
			return err
		}
		to.quote(level + 1)
	}
	to.plain(")")
	return nil
}

// hstore writes an object as an hstore. Values that are no text become their JSON.
func (v *values) hstore(to *sink, raw []byte, level int) error {
	text, anything := &kind{}, &kind{name: "hstore"}
	first := true
	return v.members(raw, func(key, value []byte) error {
		if !first {
			to.plain(",")
		}
		first = false
		to.quote(level + 1)
		if err := v.string(to, key, text, level+1); err != nil {
			return err
		}
		to.quote(level + 1)
		to.plain("=>")
		if value[0] == 'n' {
			to.plain("NULL")
			return nil
		}
		to.quote(level + 1)
		if err := v.constant(to, value, anything, level+1); err != nil {
			return err
		}
		to.quote(level + 1)
		to.pass()
		return nil
	})
}

// members gives the keys (with quotes) and values of an object.
func (v *values) members(raw []byte, member func(key, value []byte) error) error {
	j := v.text(raw)
	for i := j.space(1); raw[i] != '}'; {
		if raw[i] == ',' {
			i = j.space(i + 1)
		}
		end, bad := j.string(i)
		if bad != nil {
			return wrong("%s", bad.what)
		}
		key := raw[i:end]
		i = j.space(j.space(end) + 1) // the colon
		if end, bad = j.value(i, 0); bad != nil {
			return wrong("%s", bad.what)
		}
		if err := member(key, raw[i:end]); err != nil {
			return err
		}
		i = j.space(end)
	}
	return nil
}

// named adds to an error which column's value is to blame, and where it stands in the record read last.
func (l *lines) named(c *column, offset int, err error) error {
	var bad *valueFault
	if !errors.As(err, &bad) {
		return err
	}
	name := fmt.Sprintf("column %q", c.name)
	if bad.field != "" {
		name += fmt.Sprintf(", field %q", bad.field)
	}
	return l.faultAt(offset, "%s: %s", name, bad.what)
}
