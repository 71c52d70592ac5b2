package rowfiles

import (
	"bytes"
	"encoding/csv"
	"errors"
	"io"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// rowsOf reads all rows, each of which has to be a line of COPY's text format with so many fields. An error has to be one for
// people.
func rowsOf(t *testing.T, columns int, next func([]byte) ([]byte, error)) (rows int, err error) {
	t.Helper()
	for {
		row, err := next(nil)
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

// FuzzCSV holds the reader of CSV to its bounds, and to the rows that Go's own reader finds.
func FuzzCSV(f *testing.F) {
	for _, text := range []string{"a,b\n1,2\n", "a\n\"x\"\"y\n\"\n\n", "\ufeffa,b\r\n\"1\",\r\n", "a,b\n\"1", "a\n\t\\\n", ",\n,\n", "a,b\n1\n", "a\n1\"\n", "\"\"\n\n\n"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		_, header, err := newCSVRows("f.csv", bytes.NewReader(text), nil)
		if err != nil {
			return
		}
		columns := make([]column, len(header))
		for i, name := range header {
			columns[i].name = name
		}
		c, _, err := newCSVRows("f.csv", bytes.NewReader(text), columns)
		if err != nil {
			t.Fatal(err)
		}
		rows, err := rowsOf(t, len(columns), c.next)
		if err != nil || len(columns) == 1 { // blank lines are rows of one column here
			return
		}
		reader := csv.NewReader(bytes.NewReader(bytes.TrimPrefix(text, []byte("\ufeff"))))
		want, err := reader.ReadAll()
		if err == nil && len(want) != rows+1 {
			t.Errorf("%d rows, want %d", rows, len(want)-1)
		}
	})
}

// FuzzJSONLines holds the reader of JSON lines to its bounds: a row for each object.
func FuzzJSONLines(f *testing.F) {
	for _, text := range []string{"{\"a\":1}\n{\"b\":[1,{\"c\":null}],\"a\":\"x\\ny\\u00e9\\ud83d\\ude00\"}\n", "{}\n", "{\"a\":1,\"a\":2}", "[1]", "{\"a\":tru}", "{\"a\":1} x",
		"\n \n{\"a\":\"\\u0000\"}", "{\"a\":-0.5e+3}", "{\"\\u0061\":{}}"} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		keys, err := jsonKeys(t.Context(), "f.jsonl", bytes.NewReader(text))
		if err != nil {
			if problem.CodeOf(err) != problem.Data {
				t.Errorf("the error is no problem.Error: %v", err)
			}
			return
		}
		for _, kind := range []columnType{{}, {json: true}, {hstore: true}, {element: &columnType{}}, {fields: []column{{name: "a"}, {name: "b"}}}} {
			columns := make([]column, len(keys))
			for i, key := range keys {
				columns[i] = column{name: key, columnType: kind}
			}
			rows, err := rowsOf(t, max(len(columns), 1), newJSONRows("f.jsonl", bytes.NewReader(text), columns).next)
			if err != nil {
				continue
			}
			objects := 0
			for line := range bytes.Lines(bytes.TrimPrefix(text, []byte("\ufeff"))) {
				if line = bytes.TrimSpace(line); len(line) == 0 {
					continue
				}
				objects++
				if line[0] != '{' || line[len(line)-1] != '}' { // what is nested in it the server judges
					t.Errorf("%q is taken for an object", line)
				}
			}
			if objects != rows {
				t.Errorf("%d rows of %d objects", rows, objects)
			}
		}
	})
}
