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
	k.plans["t"], k.foreknown["u"] = &tablePlan{}, &tablePlan{}
	k.observed, _ = verify.Keys(context.Background(), silent{}, 0)
	k.analyzed[1] = true
	k.emptied.Tables = []uint32{1}
	k.settings = true
	return k
}

// believes gives what a knowledge still believes. It looks at the beliefs themselves, not at the list of those that are kept.
func (k *knowledge) believes() map[string]bool {
	return map[string]bool{
		"plans":    k.plans["t"] != nil && k.foreknown["u"] != nil,
		"observed": k.observed.Known() && k.analyzed[1],
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
			if k.keeps(effect, namesBelief) != (row[8:11] == "yes") {
				t.Errorf("effect %d: keeps does not say what after does", effect)
			}
			if len(k.plans)+len(k.foreknown) == 1 || !k.observed.Known() != (len(k.analyzed) == 0) {
				t.Errorf("effect %d: a part of what is forgotten is kept", effect)
			}
		}
	}
}
