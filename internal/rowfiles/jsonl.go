package rowfiles

import (
	"bytes"
	"errors"
	"io"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// jsonRows reads JSON lines: an object a line.
type jsonRows struct {
	in      *lines
	columns []column
	unknown func(key string, offset int) error // a key that no column has
	values  *values
	index   map[string]int // of a column, by a key as it is written; -1 for none
	usual   []usualKey     // the keys of the line before, in their order
	found   []span         // of the row in hand, by column
}

// span is a key and its value in a line. Where there is none, the end is 0.
type span struct {
	key, keyEnd int // with quotes
	at, end     int
}

type usualKey struct {
	text   string // with quotes
	column int
}

func newJSONRows(in *lines, columns []column, unknown func(key string, offset int) error) *jsonRows {
	return &jsonRows{in: in, columns: columns, unknown: unknown, values: newValues(in), index: map[string]int{}, found: make([]span, len(columns))}
}

const (
	maxKeys     = 1600         // of all lines of a file: no table has more columns
	maxSpelling = 10 * maxKeys // ways to write keys, with escapes, that are remembered
)

// read reads the next object, so that found has its values. At the end the error is io.EOF.
func (j *jsonRows) read() error {
	t := j.values.text(nil)
	var i int
	for {
		line, err := j.in.read(false)
		if err != nil {
			return err
		}
		t.text = line
		if i = t.space(0); i < len(line) {
			break
		}
	}
	clear(j.found)
	bad, err := j.object(t, i)
	if bad != nil {
		err = j.in.faultAt(bad.at, "%s", bad.what)
	}
	j.values.words = t.words
	return err
}

// object reads the object that begins at an offset.
func (j *jsonRows) object(t *jsonText, i int) (*fault, error) {
	switch t.text[i] {
	case '{':
	case '[':
		return t.fault(i, "this line is no JSON object: it begins a list. A file of JSON lines has one object a line, which jq -c '.[]' makes of a list"), nil
	default:
		return t.fault(i, "this line is no JSON object: %s", t.shown(i)), nil
	}
	begin := i
	i = t.space(i + 1)
	if i < len(t.text) && t.text[i] == '}' {
		return j.ended(t, i+1), nil
	}
	for n := 0; ; n++ {
		key := i
		if i == len(t.text) {
			return t.fault(begin, "this object is not closed on its line: a file of JSON lines has one object a line, whole"), nil
		}
		value, bad := t.key(i)
		if bad != nil {
			return bad, nil
		}
		keyEnd := bytes.LastIndexByte(t.text[:value], '"') + 1
		if i, bad = t.value(value, 1); bad != nil {
			bad.what = "the value of " + string(t.text[key:keyEnd]) + " is no JSON: " + bad.what
			return bad, nil
		}
		if err := j.member(t, n, span{key, keyEnd, value, i}); err != nil {
			return nil, err
		}
		switch i = t.space(i); {
		case i == len(t.text):
			return t.fault(begin, "this object is not closed on its line: a file of JSON lines has one object a line, whole"), nil
		case t.text[i] == '}':
			return j.ended(t, i+1), nil
		case t.text[i] != ',':
			return t.fault(i, "a comma or } was expected here: %s", t.shown(i)), nil
		}
		i = t.space(i + 1)
	}
}

func (*jsonRows) ended(t *jsonText, i int) *fault {
	if i = t.space(i); i < len(t.text) {
		return t.fault(i, "something follows the object: %s", t.shown(i))
	}
	return nil
}

// member finds the column of the n-th key of a line, and keeps the value.
func (j *jsonRows) member(t *jsonText, n int, s span) error {
	key := t.text[s.key:s.keyEnd]
	var column int
	if n < len(j.usual) && j.usual[n].text == string(key) {
		column = j.usual[n].column
	} else {
		column = j.columnOf(key)
		j.usual = append(j.usual[:min(n, len(j.usual))], usualKey{string(key), column})
	}
	if column < 0 {
		return j.unknown(j.name(key), s.key)
	}
	if before := j.found[column]; before.end > 0 {
		first := j.name(t.text[before.key:before.keyEnd])
		if second := j.name(key); first != second { // of one key twice the last counts, as to the server
			return j.in.faultAt(s.key, "the keys %q and %q of this line are both those of the column %q", first, second, j.columns[column].name)
		}
	}
	j.found[column] = s
	return nil
}

// columnOf finds a key's column, -1 if there is none.
func (j *jsonRows) columnOf(key []byte) int {
	column, known := j.index[string(key)]
	if !known {
		column = j.in.enc.columnCalled(j.columns, j.name(key))
		if len(j.index) == maxSpelling {
			clear(j.index)
		}
		j.index[string(key)] = column
	}
	return column
}

// name gives the name that a key, with its quotes, is.
func (j *jsonRows) name(key []byte) string {
	return j.in.enc.name(j.values.unescaped(key[1 : len(key)-1]))
}

// next writes the next row.
func (j *jsonRows) next(to *sink) error {
	if err := j.read(); err != nil {
		return err
	}
	first := true
	for i := range j.columns {
		c := &j.columns[i]
		if c.generated {
			continue
		}
		if !first {
			to.buf = append(to.buf, '\t')
		}
		first = false
		s := j.found[i]
		if s.end == 0 || j.in.record[s.at] == 'n' {
			to.plain(null)
			continue
		}
		if err := j.values.constant(to, j.in.record[s.at:s.end], c.kind, 0); err != nil {
			return j.in.named(c, s.at, err)
		}
	}
	to.buf = append(to.buf, '\n')
	to.pass()
	return to.err
}

// place gives the place of a column's value in the row read last.
func (j *jsonRows) place(column int) problem.Place { return j.in.place(j.found[column].at) }

// keys is what the lines of a file have in all.
type keys struct {
	columns []int // of the table, in the order of their first appearance
	unknown []key // that no column has
	rows    int64
}

type key struct {
	name string
	at   problem.Place
}

// readKeys reads all lines.
func readKeys(in *lines, columns []column, interrupted func() error) (k keys, err error) {
	seen, missing := make([]bool, len(columns)), map[string]bool{}
	j := newJSONRows(in, columns, nil)
	j.unknown = func(name string, offset int) error {
		if missing[name] {
			return nil
		}
		if len(k.unknown) == maxKeys {
			return in.faultAt(offset, "there are more than %d keys, and no table has as many columns", maxKeys)
		}
		missing[name] = true
		k.unknown = append(k.unknown, key{name, in.place(offset)})
		return nil
	}
	for err := interrupted(); err == nil; err = interrupted() {
		if err := j.read(); errors.Is(err, io.EOF) {
			return k, nil
		} else if err != nil {
			return k, err
		}
		k.rows++
		for i, s := range j.found {
			if s.end > 0 && !seen[i] {
				seen[i] = true
				k.columns = append(k.columns, i)
			}
		}
	}
	return k, interrupted()
}
