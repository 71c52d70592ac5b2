//go:build unix

package load

import (
	"context"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// silent is a server that has no rows for any question.
type silent struct{ catalog.Querier }

func (silent) Ask(context.Context, string, []any, []any, func() error) error { return nil }

// everythingKnown is a knowledge in which nothing is missing.
func everythingKnown(single bool) *knowledge {
	names := newTally()
	names.counting = true
	names.count([]string{"t"}, 1, 1, 0)
	k := newKnowledge(single, names)
	k.plans["t"], k.foreknown["u"], k.own = &tablePlan{}, &tablePlan{}, new(bool)
	k.observed, _ = verify.Keys(context.Background(), silent{}, 0)
	k.emptied.Tables = []uint32{1}
	k.settings = true
	return k
}

// believes gives what a knowledge still believes. It looks at the beliefs themselves, not at the list of those that are kept.
func (k *knowledge) believes() map[string]bool {
	return map[string]bool{
		"plans":    k.plans["t"] != nil && k.foreknown["u"] != nil && k.own != nil,
		"observed": k.observed.Known(),
		"names":    len(k.names.byName) > 0 && len(k.names.asked) > 0,
		"emptied":  len(k.emptied.Tables) > 0,
		"settings": k.settings,
		"undrawn":  !k.drawn,
	}
}

// TestKnowledge holds every cell of effect and belief: what outlives a statement, and that nothing else does, not in part either.
func TestKnowledge(t *testing.T) {
	t.Parallel()
	columns := []string{"plans", "observed", "names", "emptied", "settings", "undrawn"}
	tables := map[bool]map[sqltext.Effect]string{
		true: { // in the one transaction
			sqltext.Nothing:  "yes yes yes yes yes yes",
			sqltext.Rows:     "yes yes yes yes yes yes",
			sqltext.Numbered: "yes yes yes yes yes no ",
			sqltext.Setting:  "yes yes yes yes no  yes",
			sqltext.Session:  "no  yes no  yes no  yes",
			sqltext.Sequence: "yes yes yes yes yes yes",
			sqltext.Empty:    "no  no  yes yes no  no ",
			sqltext.Rewind:   "no  no  no  no  no  yes",
			sqltext.Anything: "no  no  no  yes no  no ",
			ours:             "no  yes yes yes yes yes",
			writing:          "no  no  yes yes no  no ",
			99:               "no  no  no  no  no  no ", // one that nobody has thought of
		},
	}
	tables[false] = map[sqltext.Effect]string{}
	for effect, row := range tables[true] {
		tables[false][effect] = row
	}
	tables[false][sqltext.Rows] = "yes no  yes yes yes yes"
	tables[false][sqltext.Numbered] = "yes no  yes yes yes no "
	for _, effect := range sqltext.Effects() {
		if tables[true][effect] == "" {
			t.Errorf("effect %d is not in the table", effect)
		}
	}
	for single, table := range tables {
		for effect, row := range table {
			k := everythingKnown(single)
			for what, believed := range k.believes() {
				if !believed {
					t.Fatalf("%s is not known to begin with", what)
				}
			}
			k.after(effect)
			for i, column := range columns {
				if want, got := row[i*4:i*4+3] == "yes", k.believes()[column]; got != want {
					t.Errorf("one transaction %t, effect %d: %s is kept: %t", single, effect, column, got)
				}
			}
			if k.keepsNames(effect) != (row[8:11] == "yes") {
				t.Errorf("effect %d: keeps does not say what after does", effect)
			}
			if some := len(k.plans) + len(k.foreknown); some == 1 || (some == 0) != (k.own == nil) {
				t.Errorf("effect %d: a part of what is forgotten is kept", effect)
			}
		}
	}
}

// TestForgotten holds that it is counted how often plans were forgotten, and that nothing is counted where there were none.
func TestForgotten(t *testing.T) {
	t.Parallel()
	k := everythingKnown(true)
	for _, tt := range []struct {
		effect sqltext.Effect
		times  int
	}{{sqltext.Rows, 0}, {sqltext.Anything, 1}, {sqltext.Anything, 1}} {
		if k.after(tt.effect); k.forgotten != tt.times {
			t.Errorf("plans were forgotten %d times, not %d", k.forgotten, tt.times)
		}
	}
	for _, of := range []map[string]*tablePlan{k.plans, k.foreknown} {
		of["t"] = &tablePlan{}
		times := k.forgotten
		if k.after(sqltext.Anything); k.forgotten != times+1 {
			t.Errorf("a plan alone was forgotten, and %d times are counted after %d", k.forgotten, times)
		}
	}
}

// TestDoubted holds that what a name was found to mean is asked for again after rows that may set anything going, and only then.
func TestDoubted(t *testing.T) {
	t.Parallel()
	for effect, kept := range map[sqltext.Effect]bool{sqltext.Rows: true, sqltext.Empty: true, writing: false, sqltext.Anything: false} {
		k := everythingKnown(true)
		name := sqltext.QuoteName("t")
		k.names.byName[name].oid = 1
		if k.after(effect); (k.names.byName[name] != nil) != kept {
			t.Errorf("effect %d: what is known of a name is kept: %t", effect, !kept)
		}
	}
}

// TestInVain holds how many INSERTs into a table go without a look at it, each time that it was looked at in vain.
func TestInVain(t *testing.T) {
	t.Parallel()
	k := newKnowledge(true, newTally())
	for i, want := range []int{0, 1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 1024} {
		passed := 0
		for ; !k.due("t"); passed++ {
		}
		if passed != want {
			t.Errorf("before look %d %d INSERTs are passed over, not %d", i, passed, want)
		}
		if !k.due("t") || !k.due("u") {
			t.Error("a table that is due is no more so, or another's INSERTs are passed over")
		}
		k.inVain("t")
	}
}
