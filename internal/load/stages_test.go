//go:build unix

package load

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
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
		"the first":                  {nil, 10, 1, true},
		"not quite often forgotten":  {func(r *run) { r.known.forgotten = seldom - 1 }, 10, 1, true},
		"often forgotten":            {func(r *run) { r.known.forgotten = seldom }, 10, 1, false},
		"but large":                  {func(r *run) { r.known.forgotten = seldom }, large, 1, true},
		"not quite large":            {func(r *run) { r.known.forgotten = seldom }, large - 1, 1, false},
		"but many":                   {func(r *run) { r.known.forgotten = seldom }, 10, many, true},
		"not quite many":             {func(r *run) { r.known.forgotten = seldom }, 10, many - 1, false},
		"but with jobs":              {func(r *run) { r.known.forgotten, r.crew = seldom, &crew{} }, 10, 1, true},
		"but known":                  {func(r *run) { r.known.forgotten, r.known.plans["t"] = seldom, nil }, 10, 1, true},
		"but foreknown":              {func(r *run) { r.known.forgotten, r.known.foreknown["t"] = seldom, nil }, 10, 1, true},
		"another is known":           {func(r *run) { r.known.forgotten, r.known.plans["u"] = seldom, nil }, 10, 1, false},
		"in vain":                    {func(r *run) { r.known.inVain("t") }, 10, 1, false},
		"in vain, and large":         {func(r *run) { r.known.inVain("t") }, large, 1, true},
		"in vain for another":        {func(r *run) { r.known.inVain("u") }, 10, 1, true},
		"near":                       {func(r *run) { r.session = &session.Session{} }, 10, 1, false},
		"near, the last of a few":    {func(r *run) { r.session, r.unasked = &session.Session{}, unasked-1 }, 10, 1, false},
		"near, after a few":          {func(r *run) { r.session, r.unasked = &session.Session{}, unasked }, 10, 1, true},
		"near, in vain":              {func(r *run) { r.session, r.unasked = &session.Session{}, unasked; r.known.inVain("t") }, 10, 1, false},
		"near, but large":            {func(r *run) { r.session = &session.Session{} }, large, 1, true},
		"near, but many":             {func(r *run) { r.session = &session.Session{} }, 10, many, true},
		"near, but with jobs":        {func(r *run) { r.session, r.crew = &session.Session{}, &crew{} }, 10, 1, true},
		"near, but known":            {func(r *run) { r.session, r.known.plans["t"] = &session.Session{}, nil }, 10, 1, true},
		"near, but foreknown":        {func(r *run) { r.session, r.known.foreknown["t"] = &session.Session{}, nil }, 10, 1, true},
		"near, but another is known": {func(r *run) { r.session, r.known.plans["u"] = &session.Session{}, nil }, 10, 1, true},
		"near, but owner's way":      {func(r *run) { r.session, r.way = &session.Session{}, &ownersWay{outOfWay: outOfWay{active: true}} }, 10, 1, true},
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

// TestFew holds which INSERTs are too small for another way to be worth its while.
func TestFew(t *testing.T) {
	t.Parallel()
	const large, many = 100, 3
	for name, tt := range map[string]struct {
		size, inserts int
		crew          *crew
		want          bool
	}{
		"small":            {large - 1, many - 1, nil, true},
		"large":            {large, 1, nil, false},
		"many":             {10, many, nil, false},
		"small, with jobs": {10, 1, &crew{}, false},
	} {
		r := newRun(Options{thresholds: thresholds{largeInsert: large, manyInserts: many}})
		r.insertsSeen, r.crew = tt.inserts, tt.crew
		if got := r.few(&statement{text: make([]byte, tt.size)}); got != tt.want {
			t.Errorf("%s: %t", name, got)
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

// TestWrittenEffect holds that statements of one text have the effect of each of them if it is the same, and else may do anything, as may
// what is sent with parameters.
func TestWrittenEffect(t *testing.T) {
	t.Parallel()
	const rows, empties, changes, sets = "INSERT INTO t VALUES (1)", "TRUNCATE t", "SELECT f()", "SET my.way = 'a'"
	bound := &psql.Statement{Send: &psql.Send{Kind: psql.SendG, Bind: &psql.Bind{}}}
	plain := &psql.Statement{Send: &psql.Send{Kind: psql.SendG}}
	for text, want := range map[string]sqltext.Effect{
		rows:                              sqltext.Rows,
		empties:                           sqltext.Empty,
		changes:                           sqltext.Anything,
		"SAVEPOINT a":                     sqltext.Nothing,
		"SAVEPOINT a;" + sets:             sqltext.Session,  // some may have been done and some not
		sets + ";SELECT setval('q', 1)":   sqltext.Anything, // whose function that is nobody asks
		sets + ";" + rows:                 sqltext.Anything, // nobody looks at its table
		rows + ";" + rows:                 sqltext.Anything,
		rows + ";" + empties:              sqltext.Anything,
		rows + ";" + changes + ";" + rows: sqltext.Anything,
		changes + ";" + sets:              sqltext.Anything,
		sets + ";" + changes:              sqltext.Anything,
		"ROLLBACK":                        sqltext.Rewind,
		"ROLLBACK;ROLLBACK":               sqltext.Anything,
	} {
		s := &statement{parsed: sqltext.Parse([]byte(text), sqltext.Options{Compound: true})}
		if got := s.writtenEffect(); got != want {
			t.Errorf("%s: effect %d, not %d", text, got, want)
		}
		if s.source = plain; s.writtenEffect() != want {
			t.Errorf("%s: another effect with \\g", text)
		}
		if s.source = bound; s.writtenEffect() != sqltext.Anything {
			t.Errorf("%s with parameters does nothing else", text)
		}
	}
}

// TestGivenColumns holds which columns a statement gives, or how many: what it leaves out takes its default.
func TestGivenColumns(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]struct {
		columns []string
		given   int
	}{
		"INSERT INTO t VALUES (1, (2), ARRAY[3, 4]), (5)": {nil, 3},
		"INSERT INTO t (a, b) VALUES (1, 2)":              {[]string{"a", "b"}, 2},
		"INSERT INTO t (a) VALUES ('(', ')')":             {[]string{"a"}, 2},
		"INSERT INTO t (a) VALUES (DEFAULT)":              {[]string{}, 0},
		"COPY t FROM STDIN":                               {nil, 0},
		"COPY t (b, a) FROM STDIN":                        {[]string{"b", "a"}, 0},
	} {
		parsed := sqltext.Parse([]byte(text), sqltext.Options{})
		s := &statement{text: []byte(text)}
		columns, given := s.givenColumns(&parsed[0], s.text)
		if (columns == nil) != (want.columns == nil) || !slices.Equal(columns, want.columns) || given != want.given {
			t.Errorf("%s: %#v, %d values", text, columns, given)
		}
	}
}

// TestOnly holds that a statement is the only one of its text where there is no other.
func TestOnly(t *testing.T) {
	t.Parallel()
	for text, only := range map[string]bool{"SELECT 1": true, "SELECT 1; SELECT 2": false, "": true} {
		s := &statement{parsed: sqltext.Parse([]byte(text), sqltext.Options{Compound: true})}
		if one := s.only(); (one != nil) != only || only && one != &s.parsed[0] {
			t.Errorf("%q is one statement: %t", text, !only)
		}
	}
}

// TestWrites holds which statements are taken for such that change rows and may set anything going.
func TestWrites(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"INSERT INTO t SELECT 1":                true,
		"COPY t FROM STDIN":                     true,
		"COPY t TO STDOUT":                      false,
		"UPDATE t SET a = 1":                    true,
		"DELETE FROM t":                         true,
		"MERGE INTO t USING u ON (a = b)":       true,
		"SELECT f()":                            false,
		"WITH a AS (SELECT 1) UPDATE t SET b=1": false, // not certain
		"INSERT INTO t VALUES (1);SELECT f()":   false,
	} {
		for _, effect := range []sqltext.Effect{sqltext.Anything, sqltext.Rows} {
			first := strings.ToLower(strings.Fields(text)[0])
			s := &statement{parsed: sqltext.Parse([]byte(text), sqltext.Options{Compound: true}), effect: effect, source: &psql.Statement{First: first}}
			if got := s.writes(); got != (want && effect == sqltext.Anything) {
				t.Errorf("%s with effect %d: %t", text, effect, got)
			}
			s.source = nil // a row of \gexec
			if got := s.writes(); got != (want && effect == sqltext.Anything && (first == "insert" || first == "copy")) {
				t.Errorf("%s of \\gexec with effect %d: %t", text, effect, got)
			}
		}
	}
}

// TestMembersRoad holds which stages the statements of a part pass on another connection: none that acts for the whole script, and all that a
// COPY of constants could need.
func TestMembersRoad(t *testing.T) {
	t.Parallel()
	scripts := map[string]bool{
		"leave it for another reading of the script": true, "take apart what changes the replica role, where the role may not": true,
		"pass over a SET of a parameter that only newer servers have": true, "refuse what would stop those who read": true,
		"have rows of tables outside the export go along, if that is asked for": true, "take out of the way what the replica role would": true,
		"leave rows of tables outside the export as they are": true, "hand it over to another connection": true,
		"do what several transactions can do together, or do it in one": true, "keep a dry run from what no rollback takes back": true,
		"send it with what psql adds to it, or do what it says in another way": true,
	}
	var want, got []string
	r := newRun(Options{})
	for _, stage := range r.road {
		if !scripts[stage.name] {
			want = append(want, stage.name)
		}
	}
	for _, stage := range r.stages(nil) {
		got = append(got, stage.name)
	}
	if len(want) != len(r.road)-len(scripts) || !slices.Equal(got, want) {
		t.Errorf("the statements of a part pass %q,\nnot %q", got, want)
	}
}
