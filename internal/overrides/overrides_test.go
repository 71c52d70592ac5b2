package overrides

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/overrides/texts"
)

func TestRead(t *testing.T) {
	t.Parallel()
	for _, test := range texts.All() {
		object, err := Read(test.Text)
		var compact bytes.Buffer
		got := ""
		if err != nil {
			got = err.Error()
		} else if err := json.Compact(&compact, object); err != nil { // as it is sent
			t.Errorf("%q: %v", test.Text, err)
		} else {
			got = compact.String()
		}
		if got != test.Want {
			t.Errorf("%q\ngot  %s\nwant %s", test.Text, got, test.Want)
		}
	}
}

// What is written in JSON that has one reading only means the same behind the reader, and a refusal tells nothing of the text.
func FuzzRead(f *testing.F) {
	for _, test := range texts.All() {
		f.Add(test.Text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		object, err := Read(text)
		var e *Error
		switch {
		case err != nil && !errors.As(err, &e):
			t.Fatalf("error %v", err)
		case err != nil:
			if e.Line < 1 || e.Column < 1 || e.Line > 2+strings.Count(text, "\n")+strings.Count(text, "\r") {
				t.Fatalf("place %d:%d", e.Line, e.Column)
			}
			return
		case !json.Valid(object):
			t.Fatalf("not JSON: %q", object)
		}
		var plain any
		if beginsObject(text) && json.Unmarshal([]byte(text), &plain) == nil && string(object) != strings.TrimSpace(strings.TrimPrefix(text, "\ufeff")) {
			t.Fatalf("%q was changed to %q", text, object)
		}
	})
}
