package load

import (
	"cmp"
	"context"
	"fmt"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
)

// listFacts is what the server says that the lists of what a script may say depend on. It is asked for once, and again where the script
// has brought an extension or is in another database.
type listFacts struct {
	foreign  map[catalog.Foreigner]string // what is not the user's, by schema and name
	names    map[string]bool              // of relations among it
	callable map[string]bool              // names that a column may have and be a call
	err      error
}

// list gives the list that a statement is held to, with the server's word where it is wanted.
func (x *executor) list(ctx context.Context, s *statement) trust.Options {
	o := trust.Options{Level: x.o.Allow, Escapes: x.escapes()}
	o.Trusted = func(extension string) bool {
		x.facts = nil // it may bring tables and functions
		if x.session.TxStatus() == 'E' {
			return false
		}
		trusted, err := catalog.Trusted(ctx, x.session, extension)
		return err == nil && trusted
	}
	if x.session.TxStatus() == 'E' && s.only() != nil {
		return o // the server refuses all but what ends the transaction
	}
	if x.rows == nil { // that script is of our own making, and its tables were chosen with this in mind
		o.Foreign = func(parts []string, certain bool) string { return x.foreign(ctx, parts, certain) }
	}
	o.AsItself = func() bool {
		as, err := catalog.AsItself(ctx, x.session, x.session.Config().User)
		return err == nil && as
	}
	o.Called = func(name string) bool {
		facts := x.listFacts(ctx)
		return facts.err != nil || facts.callable[name]
	}
	return o
}

// foreign says what a relation is part of that is not the user's, for trust.Options.
func (x *executor) foreign(ctx context.Context, parts []string, certain bool) string {
	facts := x.listFacts(ctx)
	if facts.err != nil {
		return "nobody knows what (" + facts.err.Error() + ")"
	}
	name := parts[len(parts)-1]
	if len(parts) > 1 {
		return facts.foreign[catalog.Foreigner{Schema: parts[len(parts)-2], Name: name}]
	}
	if !facts.names[name] {
		return ""
	}
	if certain && x.session.TxStatus() != 'E' {
		means, err := catalog.Names(ctx, x.session, []string{sqltext.QuoteName(name)})
		if err == nil && means[0] == 0 {
			return ""
		}
		var called map[uint32]catalog.Named
		if err == nil {
			called, err = catalog.Called(ctx, x.session, means)
		}
		if err == nil {
			meant := called[means[0]]
			return facts.foreign[catalog.Foreigner{Schema: meant.Schema, Name: meant.Name}]
		}
	}
	return "an extension, or of the server's own, as it may be"
}

// listFacts asks the server, if it was not asked before.
func (x *executor) listFacts(ctx context.Context) *listFacts {
	if x.facts != nil {
		return x.facts
	}
	f := &listFacts{foreign: map[catalog.Foreigner]string{}, names: map[string]bool{}, callable: map[string]bool{}}
	all, err := catalog.Foreign(ctx, x.session)
	for _, one := range all {
		of := "the server's own catalog"
		if one.Of != "" {
			of = "the extension " + one.Of
		}
		f.foreign[catalog.Foreigner{Schema: one.Schema, Name: one.Name}] = of
		f.names[one.Name] = true
	}
	callable, err2 := catalog.Callable(ctx, x.session)
	for _, name := range callable {
		f.callable[name] = true
	}
	if f.err = cmp.Or(err, err2); f.err == nil {
		x.facts = f
	}
	return f
}

// holdCommand refuses a meta-command that sends something of its own, where the script is held to a list: text is what it comes to.
func (r *run) holdCommand(ctx context.Context, at psql.Position, text string) *failure {
	if !r.listed() {
		return nil
	}
	s := &statement{at: at, text: []byte(text)}
	r.read(s)
	if _, f := r.heldTo(s, trust.Refuse(r.readable(s.text), r.list(ctx, s))); f != nil {
		return f
	}
	return nil
}

// holdConnect refuses to go to another database, or to come back as another role, where the script is held to a list.
func (r *run) holdConnect(at psql.Position, database, user string) error {
	config := r.session.Config()
	if !r.listed() || database == config.Database && user == config.User {
		return nil
	}
	return &psql.Error{Pos: at, Refused: true, Message: fmt.Sprintf(`\connect to another database, or as another role, is not on the list that allow: %s stands for`, r.o.Allow),
		Remedy: "Name the database in database-url."}
}
