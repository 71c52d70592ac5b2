//go:build unix

package load

import (
	"errors"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// TestWorthKnowing holds of which INSERTs the catalog is asked about their table: of all until plans were forgotten often, and from
// then on of large ones and of many.
func TestWorthKnowing(t *testing.T) {
	t.Parallel()
	const large, many = 100, 3
	for name, tt := range map[string]struct {
		prepare func(*run)
		size    int
		inserts int // into the same table, with this one
		want    bool
	}{
		"the first":                 {nil, 10, 1, true},
		"not quite often forgotten": {func(r *run) { r.known.forgotten = seldom - 1 }, 10, 1, true},
		"often forgotten":           {func(r *run) { r.known.forgotten = seldom }, 10, 1, false},
		"but large":                 {func(r *run) { r.known.forgotten = seldom }, large, 1, true},
		"not quite large":           {func(r *run) { r.known.forgotten = seldom }, large - 1, 1, false},
		"but many":                  {func(r *run) { r.known.forgotten = seldom }, 10, many, true},
		"not quite many":            {func(r *run) { r.known.forgotten = seldom }, 10, many - 1, false},
		"but with jobs":             {func(r *run) { r.known.forgotten, r.crew = seldom, &crew{} }, 10, 1, true},
		"but known":                 {func(r *run) { r.known.forgotten, r.known.plans["t"] = seldom, nil }, 10, 1, true},
		"but foreknown":             {func(r *run) { r.known.forgotten, r.known.foreknown["t"] = seldom, nil }, 10, 1, true},
		"another is known":          {func(r *run) { r.known.forgotten, r.known.plans["u"] = seldom, nil }, 10, 1, false},
		"in vain":                   {func(r *run) { r.known.inVain("t") }, 10, 1, false},
		"in vain, and large":        {func(r *run) { r.known.inVain("t") }, large, 1, true},
		"in vain for another":       {func(r *run) { r.known.inVain("u") }, 10, 1, true},
	} {
		r := newRun(Options{thresholds: thresholds{largeInsert: large, manyInserts: many}})
		if tt.prepare != nil {
			tt.prepare(r)
		}
		r.insertsInto, r.insertsSeen = "before", 2*many // is of no account
		if tt.inserts > 1 {
			r.insertsInto, r.insertsSeen = "t", tt.inserts-1
		}
		if got := r.worthKnowing(&statement{text: make([]byte, tt.size)}, "t"); got != tt.want {
			t.Errorf("%s: %t", name, got)
		}
		if r.insertsInto != "t" || r.insertsSeen != tt.inserts {
			t.Errorf("%s: %d INSERTs into %s are counted", name, r.insertsSeen, r.insertsInto)
		}
	}
}

// TestHeldTo holds what is told where the list refuses a statement, and what else helps behind it.
func TestHeldTo(t *testing.T) {
	t.Parallel()
	for remedy, want := range map[string]string{"": "Leave it out.", "Set allow.": "Leave it out.\nSet allow."} {
		r := newRun(Options{AllowRemedy: remedy})
		if done, f := r.heldTo(&statement{f: &failure{}}, nil); done || f != nil {
			t.Errorf("what is not refused ends its way: %v", f)
		}
		done, f := r.heldTo(&statement{f: &failure{}}, &sqltext.Refusal{Message: "no", Remedy: "Leave it out."})
		var told *psql.Error
		if !done || f == nil || !f.refused || !errors.As(f.err, &told) || !told.Refused || told.Message != "no" || told.Remedy != want {
			t.Errorf("done %t, failure %+v", done, f)
		}
	}
}

// TestFirstRow holds where the first row of an INSERT begins: where it was read to, or else at its first parenthesis.
func TestFirstRow(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]int{
		"INSERT INTO t (a) VALUES (1)":          25,
		"INSERT INTO t SELECT * FROM (TABLE u)": 28,
		"INSERT INTO t SELECT 1":                0,
	} {
		parsed := sqltext.Parse([]byte(text), sqltext.Options{})
		if got := (&statement{text: []byte(text)}).firstRow(&parsed[0]); got != want {
			t.Errorf("%s: %d, not %d", text, got, want)
		}
	}
}
