package load

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// tablePlan is what the catalog says of a table, and what has become of it in the meantime.
type tablePlan struct {
	strategy.Table
	oid         uint32
	name        string // schema-qualified and quoted
	replica     bool   // the present replication role is replica: no foreign key is checked row by row
	partitioned bool
	together    bool          // its rows refer to each other, and are checked at the end of each statement: they must come in one, however few
	limit       time.Duration // that the server sets for each statement, 0 for none
	inside      int           // how many of Reasons, the last, are that a column's type has types of the user's inside

	columns []planColumn
	indexes []string // those that may be switched off while rows come, as REINDEX takes them
	text    bool     // some value was not one that the binary format is sure of: COPY in text from now on
	off     bool     // the indexes are switched off
	rebuild []rebuild
	twins   []string // indexes that these build beside those in use
	stage   []string // where its rows go first, nil for the table itself
}

// lockable tells whether many rows, as a transaction of their own, are worth the table's lock: it seems to be empty, and indexes may be
// switched off then.
func (p *tablePlan) lockable() bool {
	return p.Owned && p.Empty && p.Indexes > 0 && p.Watched == ""
}

// filled is called when rows are on their way to the table, if there is one.
func (p *tablePlan) filled() {
	if p != nil {
		p.Empty = false
	}
}

// rebuild brings back an index that is switched off.
type rebuild struct {
	what string // the index, by its qualified name, where it can be kept by itself, else the table
	sql  string
}

type planColumn struct {
	name   string
	rule   copycodec.Rule
	binary copycodec.Codec // nil if there is none
	// given is false for a column that COPY would take a value for and INSERT would not: GENERATED ALWAYS.
	given bool
}

// plan asks the catalog about a table once, and with it about others that the script is known to fill, for that takes little
// longer. nil means that there is no such table. Answers to what was posted come first.
func (x *executor) plan(ctx context.Context, parts []string) (*tablePlan, error) {
	key := sqltext.QuoteName(parts...)
	k := x.known
	if p, ok := k.plans[key]; ok {
		return p, nil
	}
	if _, ok := k.foreknown[key]; !ok {
		if f := x.answered(ctx); f != nil {
			return nil, &failedBefore{f}
		}
		if x.together != nil {
			if p, err := x.planElsewhere(ctx, key); p != nil || err != nil {
				k.plans[key] = p
				return p, err
			}
		}
		next := k.foreseen[:min(len(k.foreseen), foreseenAtOnce)]
		k.foreseen = k.foreseen[len(next):]
		if err := x.readPlans(ctx, append(slices.Clone(next), key)); err != nil {
			return nil, err
		}
	}
	p := k.foreknown[key]
	delete(k.foreknown, key)
	for _, other := range k.plans {
		if p != nil && other != nil && other.oid == p.oid {
			p = other // another spelling of the same table
		}
	}
	k.plans[key] = p
	return p, nil
}

// planElsewhere gives the plan of a table that another connection may have locked by now, in its part of the one transaction: to ask about it
// would be to wait for ourselves. nil means that none has.
func (x *executor) planElsewhere(ctx context.Context, key string) (*tablePlan, error) {
	if x.together.settled {
		return nil, &otherwise{alone: fmt.Sprintf("rows at %s follow on settings behind others", x.at)}
	}
	oids, err := catalog.Names(ctx, x.session, []string{key})
	if err != nil || oids[0] == 0 || !x.crew.gives(oids[0]) {
		return nil, err
	}
	for _, p := range x.known.plans {
		if p != nil && p.oid == oids[0] {
			return p, nil // another spelling of the same table
		}
	}
	return nil, &otherwise{alone: "more rows of table " + key + " follow on what may change how they are read"}
}

// failedBefore is the failure of a statement that was sent before the one in hand.
type failedBefore struct{ f *failure }

func (e *failedBefore) Error() string { return e.f.err.Error() }
func (e *failedBefore) Unwrap() error { return e.f.err }

// foresee keeps the names of tables for the first plan. Where other statements stand between their rows, what is asked beforehand
// would be forgotten.
func (r *run) foresee(s *survey) {
	if s.mixed || s.unforeseen {
		return
	}
	for _, h := range s.heads {
		r.known.foresee(sqltext.QuoteName(h.parts...))
	}
}

// foresee keeps the name of a table that rows are likely to come to.
func (k *knowledge) foresee(name string) {
	if len(k.foreseen) < maxForeseen && !slices.Contains(k.foreseen, name) {
		k.foreseen = append(k.foreseen, name)
	}
}

// Of the tables that a script is likely to fill so many are remembered, and so many asked for at once, at half a millisecond each. One asked for alone
// takes twenty times as long.
const maxForeseen, foreseenAtOnce = 2000, 200

// readPlans asks for plans, which are then foreknown; those of tables that there are not, as the server will say, are nil.
func (x *executor) readPlans(ctx context.Context, keys []string) error {
	oids, err := catalog.Names(ctx, x.session, keys)
	if err != nil {
		return err
	}
	for _, key := range keys {
		x.known.foreknown[key] = nil
	}
	zone := x.session.Parameter("TimeZone")
	utc := zone == "UTC" || zone == "Etc/UTC" || zone == "GMT" || zone == "Etc/GMT"
	owners := x.way.inForce()
	drawn := false
	all, err := x.factsOf(ctx, keys, oids)
	if err != nil {
		return err
	}
	for _, f := range all {
		drawn = drawn || f.Drawn
		p := &tablePlan{oid: f.OID, name: f.Name, replica: f.Replica || owners, partitioned: f.Partitioned, together: f.SelfReferencing, limit: time.Duration(f.Limit) * time.Millisecond,
			Table: strategy.Table{AnyOrder: f.AnyOrder, Superuser: f.Superuser, Owned: f.Owned, Temporary: f.Temporary, Reasons: f.Reasons, Empty: f.Empty, Watched: f.Watched,
				TransactionEnds: f.TransactionEnds}}
		p.indexes = slices.DeleteFunc(f.Indexes, func(index string) bool { return x.lessons.keep[index] })
		p.Exclusive, p.Indexes = p.Empty && f.Exclusive, len(p.indexes)
		p.Online = x.o.Online && f.Closed && !p.Exclusive
		if p.Online && x.online.MinimalWAL && p.Watched == "" {
			p.Watched = "wal_level is minimal" // what is written to a new file is then not logged, and only under its own name
		}
		readOnly := f.ReadOnly
		if x.session.TxStatus() == 'I' { // it was asked in one of our own
			readOnly = f.NextReadOnly
		}
		if readOnly && p.Watched == "" {
			p.Watched = "the transaction is read only" // which a temporary table may be filled in
		}
		if x.lessons.keep[p.name] && p.Watched == "" {
			p.Watched = "one of them could not be built from the rows"
		}
		p.SelfReferencing = p.together && !owners // there a key of its own stays on that the replica role would not check
		for i, name := range f.Columns {
			c := planColumn{name: name, rule: copycodec.RuleFor(f.Types[i]), given: f.Types[i] != "always", binary: copycodec.CodecFor(f.Types[i], utc)}
			switch f.Elements[i] {
			case "text", "varchar", "int4", "int8", "uuid", "bool":
				c.binary = nil
				if f.Nulls {
					c.binary = copycodec.ArrayCodec(uint32(f.ElementOIDs[i]), copycodec.CodecFor(f.Elements[i], utc))
				}
			}
			if x.o.Transaction == None || x.several() {
				c.rule = c.rule.WithoutMoments(f.Types[i], f.Elements[i])
			}
			p.columns = append(p.columns, c)
			p.Columns = append(p.Columns, strategy.Column{Name: name, Default: strategy.Default(f.Defaults[i] - 1)})
			if slices.Contains(namesOfObjects, cmp.Or(f.Elements[i], f.Types[i])) {
				p.Names = true
			}
			if f.Types[i] == "modified" {
				p.Reasons = append(p.Reasons, fmt.Sprintf("the type of column %q takes other ways by COPY", name))
				p.inside++
			}
		}
		x.known.foreknown[f.Asked] = p
	}
	x.known.drawn = x.known.drawn && (drawn || len(all) == 0) // the server holds a lock on each sequence that the transaction has used
	return nil
}

// factsOf asks the catalog about tables. One that a member of the crew has locked, as rows' table or as a partition, is asked about when it is done:
// to wait for its lock would be to wait for ourselves, without an end where the member waits for what comes behind its rows, or until lock_timeout.
func (x *executor) factsOf(ctx context.Context, keys []string, oids []uint32) ([]catalog.Facts, error) {
	if x.crew == nil || x.together != nil {
		return catalog.FactsOf(ctx, x.session, keys, oids)
	}
	all, err := catalog.FactsOf(ctx, session.AtOnce{Session: x.session}, keys, oids)
	if session.State(err) != "55P03" {
		return all, err
	}
	if f := x.join(ctx); f != nil {
		return nil, &failedBefore{f}
	}
	return catalog.FactsOf(ctx, x.session, keys, oids)
}

// namesOfObjects are types whose values are names, which may mean temporary tables of the session.
var namesOfObjects = []string{"regclass", "regtype", "regproc", "regprocedure", "regoper", "regoperator", "regconfig", "regdictionary", "regcollation", "regnamespace"}

// encoder gives the columns that an INSERT names, or the first n if it names none, and how their values are encoded. ok is
// false when one does not exist, takes no value or comes twice.
func (p *tablePlan) encoder(named []string, n int) (names []string, e *copycodec.Encoder, ok bool) {
	var columns []planColumn
	if named == nil {
		if n > len(p.columns) {
			return nil, nil, false
		}
		columns = p.columns[:n]
	}
	for _, name := range named {
		i := slices.IndexFunc(p.columns, func(c planColumn) bool { return c.name == name })
		if i < 0 {
			return nil, nil, false
		}
		columns = append(columns, p.columns[i])
	}
	var how []copycodec.Column
	binary := !p.text
	for _, c := range columns {
		if !c.given || slices.Contains(names, c.name) {
			return nil, nil, false
		}
		names, how = append(names, c.name), append(how, copycodec.Column{Rule: c.rule, Codec: c.binary})
		binary = binary && c.binary != nil
	}
	return names, copycodec.NewEncoder(how, binary), len(columns) > 0
}
