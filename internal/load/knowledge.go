package load

import (
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/verify"
)

// knowledge is what a load believes of the database and of its session. All of it is made from the catalog or by looking at what
// passes by, and all of it is made anew when a statement may have made it untrue: after alone forgets.
type knowledge struct {
	single    bool                  // all is one transaction
	plans     map[string]*tablePlan // by the name that the script gives a table, quoted
	foreknown map[string]*tablePlan // plans that were read along with others and not yet asked for
	foreseen  []string              // tables that the script is known to fill or empty, quoted, until they are asked for
	own       *bool                 // some functions are the server's, see serversOwn; nil until it was asked
	observed  verify.Observed       // key values that have passed by
	names     *tally                // what names mean
	emptied   verify.Emptied        // what the script has truncated
	settings  bool                  // the session is as it was when the other connections were told of it
	drawn     bool                  // numbers may have been drawn from sequences
	forgotten int                   // how often plans were
	vain      map[string]*passed    // tables whose plans were forgotten before they were of use
}

func newKnowledge(single bool, names *tally) *knowledge {
	return &knowledge{single: single, names: names, plans: map[string]*tablePlan{}, foreknown: map[string]*tablePlan{},
		vain: map[string]*passed{}}
}

// passed is how many INSERTs into a table go as they are written, without a look at it: by that nothing is said of it.
type passed struct{ times, left int }

// mostPassed is how many INSERTs go at once without a look at their table.
const mostPassed = 1024

// due reports whether the catalog is to be asked about a table. Where it was asked in vain, twice as many INSERTs as before are passed over.
func (k *knowledge) due(table string) bool {
	p := k.vain[table]
	if p == nil || p.left == 0 {
		return true
	}
	p.left--
	return false
}

// inVain is called when what is known of a table was of no use to its INSERT, which went as it is written and made it forgotten.
func (k *knowledge) inVain(table string) {
	p := k.vain[table]
	if p == nil {
		p = &passed{}
		k.vain[table] = p
	}
	p.times = min(max(1, 2*p.times), mostPassed)
	p.left = p.times
}

// belief is one thing that is known.
type belief uint8

// The beliefs.
const (
	plansBelief    belief = 1 << iota // what the catalog says of tables and functions, and all settings on which their rows' way depends
	observedBelief                    // which rows there are
	namesBelief                       // what names mean
	emptiedBelief                     // which tables were emptied
	settingsBelief                    // what the session has set
	undrawnBelief                     // that no numbers were drawn from sequences
)

// kept says which beliefs outlive a statement, by its effect. The list is closed: an effect that is not here keeps nothing.
var kept = map[sqltext.Effect]belief{
	sqltext.Nothing:  plansBelief | observedBelief | namesBelief | emptiedBelief | settingsBelief | undrawnBelief,
	sqltext.Rows:     plansBelief | observedBelief | namesBelief | emptiedBelief | settingsBelief | undrawnBelief,
	sqltext.Numbered: plansBelief | observedBelief | namesBelief | emptiedBelief | settingsBelief,
	sqltext.Setting:  plansBelief | observedBelief | namesBelief | emptiedBelief | undrawnBelief,
	sqltext.Session:  observedBelief | emptiedBelief | undrawnBelief,
	sqltext.Sequence: plansBelief | observedBelief | namesBelief | emptiedBelief | settingsBelief | undrawnBelief, // done again it sets the same
	sqltext.Empty:    namesBelief | emptiedBelief,
	sqltext.Rewind:   undrawnBelief, // sequences are not taken back
	sqltext.Anything: emptiedBelief,
	ours:             observedBelief | namesBelief | emptiedBelief | settingsBelief | undrawnBelief,
	writing:          namesBelief | emptiedBelief,
}

// ours is the effect of changes that this package makes to tables, and takes back: what the catalog says is another, and nothing else.
const ours sqltext.Effect = 100

// writing is the effect of an INSERT, COPY, UPDATE, DELETE or MERGE that may set anything going, as by a trigger. What names mean is asked
// before or behind the first and behind the last of such statements (see nameBefore).
const writing sqltext.Effect = 101

// keepsNames reports whether what names mean outlives a statement.
func (k *knowledge) keepsNames(e sqltext.Effect) bool { return k.kept(e)&namesBelief != 0 }

func (k *knowledge) kept(e sqltext.Effect) belief {
	all := kept[e]
	if !k.single && (e == sqltext.Rows || e == sqltext.Numbered) {
		all &^= observedBelief // no counter of the server's says later whose rows they were
	}
	return all
}

// ofTables reports whether anything of the catalog's is believed.
func (k *knowledge) ofTables() bool { return len(k.plans)+len(k.foreknown) > 0 }

// after forgets what may be true no longer after a statement. No other function does.
func (k *knowledge) after(e sqltext.Effect) {
	all := k.kept(e)
	if all&plansBelief == 0 {
		if k.ofTables() {
			k.forgotten++
			k.foreseen = nil // what is asked beforehand is likely to be forgotten, too
		}
		clear(k.plans)
		clear(k.foreknown)
		k.own = nil
	}
	if all&observedBelief == 0 {
		k.observed = verify.Observed{}
	}
	switch {
	case all&namesBelief == 0:
		k.names.forgetNames()
	case e == writing:
		k.names.doubt()
	}
	if all&emptiedBelief == 0 {
		k.emptied = verify.Emptied{}
	}
	if all&settingsBelief == 0 {
		k.settings = false
	}
	if all&undrawnBelief == 0 {
		k.drawn = true
	}
}
