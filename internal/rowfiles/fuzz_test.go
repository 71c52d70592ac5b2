package rowfiles

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"regexp"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// rowsOf reads all rows, each of which has to be a line of COPY's text format with so many fields. An error has to be one for
// people.
func rowsOf(t *testing.T, columns int, r rowReader) (rows int, err error) {
	t.Helper()
	for {
		var out bytes.Buffer
		to := &sink{w: &out}
		err := r.next(to)
		to.flush()
		row := out.Bytes()
		switch {
		case errors.Is(err, io.EOF):
			return rows, nil
		case err != nil:
			if problem.CodeOf(err) != problem.Data {
				t.Errorf("the error is no problem.Error: %v", err)
			}
			return rows, err
		case bytes.Count(row, []byte("\t")) != columns-1 || bytes.IndexByte(row, '\n') != len(row)-1:
			t.Errorf("%q is no row of %d fields", row, columns)
		}
		rows++
	}
}

// utf8File is the encoding of a file that is UTF-8, by its beginning.
func utf8File(t *testing.T, text []byte) (encoding, int) {
	t.Helper()
	enc, mark, err := encodingOf(text, utf8Name, utf8Name)
	if err != nil {
		t.Skip(err)
	}
	return enc, mark
}

// FuzzCSV holds the reader of CSV to its bounds, and to the rows that Go's own reader finds.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"a,b\n1,2\n", "a\n\"x\"\"y\n\"\n\n", "\ufeffa,b\r\n\"1\",\r\n", "a,b\n\"1", "a\n\t\\\n", ",\n,\n", "a,b\n1\n", "a\n1\"\n", "\"\"\n\n\n",
		"a,b\r1,2\r", "a\n1 \"x, y\" z\n", "\xff\xfea\x00\n\x001\x00\n\x00", "a\n\"{1}\"\n[1]\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		enc, mark := utf8File(t, text)
		open := func(columns []column) (*csvRows, []field, error) {
			c := newCSVRows(newLines("f.csv", bytes.NewReader(text), enc, mark, true), columns)
			header, err := c.header()
			return c, header, err
		}
		_, header, err := open(nil)
		if err != nil {
			return
		}
		columns := make([]column, len(header))
		for i := range header {
			columns[i].kind = []*kind{{}, {name: "int4[]", element: &kind{}, delimiter: ','}, {hstore: true}}[i%3]
		}
		c, _, err := open(columns)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := rowsOf(t, len(columns), c)
		if err != nil || len(columns) == 1 || enc.reads != asIs || c.in.end != '\n' { // blank lines are rows of one column here
			return
		}
		reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
		want, err := reader.ReadAll()
		if err == nil && len(want) != rows+1 {
			t.Errorf("%d rows, want %d", rows, len(want)-1)
		}
	})
}

// FuzzJSONLines holds the reader of JSON lines to its bounds, and to what Go takes for JSON: a row for each object.
func FuzzJSONLines(f *testing.F) {
	for _, text := range []string{"{\"a\":1}\n{\"b\":[1,{\"c\":null}],\"a\":\"x\\ny\\u00e9\\ud83d\\ude00\"}\n", "{}\n", "{\"a\":1,\"a\":2}", "[1]", "{\"a\":tru}", "{\"a\":1} x",
		"\n \n{\"a\":\"\\u0000\"}", "{\"a\":-0.5e+3}", "{\"\\u0061\":{}}", "{\"a\":NaN,\"b\":[-Infinity]}", "{\"a\":\"\\ud800\"}", "{\"a\":[[1,\"\\\"\"],null]}"} {
		f.Add([]byte(text))
	}
	kinds := []*kind{{}, {json: true}, {hstore: true}, {element: &kind{}, delimiter: ';'}, {fields: []column{{name: "a", kind: &kind{}}, {name: "b", kind: &kind{json: true}}}}, {float: true}}
	kinds = append(kinds, &kind{element: kinds[4], delimiter: ','}, &kind{fields: []column{{name: "a", kind: kinds[3]}}})
	f.Fuzz(func(t *testing.T, text []byte) {
		enc, mark := utf8File(t, text)
		lines := func() *lines { return newLines("f.jsonl", bytes.NewReader(text), enc, mark, false) }
		k, err := readKeys(lines(), nil, func() error { return nil })
		if err != nil {
			if problem.CodeOf(err) != problem.Data {
				t.Errorf("the error is no problem.Error: %v", err)
			}
			return
		}
		if enc.reads == asIs && lines().end == '\n' {
			objects := int64(0)
			for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
				if line = bytes.TrimSpace(line); len(line) == 0 {
					continue
				}
				objects++
				if line = words.ReplaceAll(line, []byte("1")); line[0] != '{' || !json.Valid(line) {
					t.Errorf("%q is taken for an object", line)
				}
			}
			if objects != k.rows {
				t.Errorf("%d rows of %d objects", k.rows, objects)
			}
		}
		for _, kind := range kinds {
			columns := make([]column, len(k.unknown))
			for i, key := range k.unknown {
				columns[i] = column{name: key.name, kind: kind}
			}
			unknown := func(key string, offset int) error { return lines().faultAt(offset, "%q is new", key) }
			rows, err := rowsOf(t, max(len(columns), 1), newJSONRows(lines(), columns, unknown))
			if err == nil && int64(rows) != k.rows {
				t.Errorf("%d rows of %d", rows, k.rows)
			}
		}
	})
}

// words are what Python writes that is no JSON.
var words = regexp.MustCompile(`NaN|-?Infinity`)
