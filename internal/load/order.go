package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
	"github.com/fabricate-seed/fabricate-seed/internal/strategy"
)

// order is the order in which rows go to tables whose foreign keys stay on while they are loaded: where the replica role is
// refused and the tables belong to another role. The script is read once for each rank and gives the rows of that rank alone.
// What stands before the first rows runs in the first reading, what stands behind the last in the last.
type order struct {
	ranks   map[string]int // by name as the script writes it, quoted: 0 for tables that refer to none of the others
	last    int
	present int
	rows    bool // this reading has come to rows
}

// planOrder decides whether the script has to be read in another order than its own.
func (r *run) planOrder(ctx context.Context, s *survey) error {
	if !s.complete || !s.replica || s.unforeseen || s.mixed || r.o.Transaction == None || r.o.Verbatim || r.session.Parameter("is_superuser") == "on" {
		return nil
	}
	var oids []uint32
	names := map[uint32][]string{}
	for _, h := range s.heads {
		if f := h.relation; f != nil && h.kind != sqltext.Truncate {
			oids = append(oids, f.OID)
			names[f.OID] = append(names[f.OID], sqltext.QuoteName(h.parts...))
		}
	}
	if r.session.ServerAtLeast(150000) {
		if may, err := catalog.MaySet(ctx, r.session, "session_replication_role"); err != nil || may {
			return err
		}
	}
	// Keys that can be deferred are, and those of tables that the role owns are dropped.
	references, because := catalog.FirmReferences, "as their tables belong to another role"
	if r.o.Online {
		references, because = catalog.UndeferredReferences, "because others read meanwhile"
	}
	r.fills = oids
	edges, err := references(ctx, r.session, oids)
	if err != nil || len(edges) == 0 {
		return err
	}
	rank, circular := strategy.Rank(edges, func(e catalog.Reference) (first, then uint32) { return e.Parent, e.Child })
	if circular != nil {
		return &problem.Error{Code: problem.Database, Where: "foreign key " + circular.Name, What: "tables refer to each other in a circle, and the role may not take this key out of the way",
			Remedy: r.missingGrant()}
	}
	o := &order{ranks: map[string]int{}}
	for oid, all := range names {
		for _, name := range all {
			o.ranks[name] = rank[oid]
		}
		o.last = max(o.last, rank[oid])
	}
	r.order = o
	r.notice(fmt.Sprintf("foreign keys stay on, %s: rows go to their tables parents first, in %d readings of the script", because, o.last+1))
	return nil
}

// missingGrant says what would let the role load as it is.
func (r *run) missingGrant() string {
	as := "the tables' owner"
	if r.o.Online { // who would have to take keys out of the way
		as = "a superuser"
	}
	return fmt.Sprintf("Load as %s, or %s, or make the key DEFERRABLE.", as, r.grantReplica())
}

// mainScript runs the export's script, as often as its order asks for.
func (r *run) mainScript(ctx context.Context, script Script) error {
	if r.order == nil {
		return r.script(ctx, script)
	}
	for r.order.present = 0; r.order.present <= r.order.last; r.order.present++ {
		r.order.rows = false
		if err := r.script(ctx, script); err != nil {
			return err
		}
		if err := r.finish(ctx); err != nil {
			return err
		}
	}
	r.order = nil
	return nil
}

// pass leaves a statement for another reading of the script; the rows that follow it, and its further parts, have been read then.
func (r *run) pass(_ context.Context, s *statement) (bool, *failure) {
	o := r.order
	if o == nil || s.script == nil {
		return false, nil
	}
	one := s.only()
	if one == nil || (one.Kind != sqltext.Insert && one.Kind != sqltext.Copy) || len(one.Relations) != 1 {
		if o.rows {
			return o.present != o.last, nil
		}
		return o.present != 0, nil
	}
	o.rows = true
	if o.ranks[one.Relations[0].String()] == o.present {
		return false, nil
	}
	if one.Copy.FromStdin() {
		rows, err := s.rows()
		if err == nil && rows != nil {
			err = rows.Close()
		}
		if err != nil {
			s.f.err, s.f.refused = err, true
			return true, s.f
		}
		return true, nil
	}
	for st := s.source; st != nil && st.More; {
		item, err := s.script.Next()
		part, ok := item.(*psql.Statement)
		if err != nil || !ok {
			s.f.err, s.f.refused = cmp.Or(err, io.ErrUnexpectedEOF), true
			return true, s.f
		}
		st = part
	}
	return true, nil
}

// explain adds to the error of a foreign key that stays on why it does.
func (r *run) explain(err error) error {
	var p *problem.Error
	var pe *pgconn.PgError
	if r.way == nil || len(r.way.staying) == 0 || !errors.As(err, &p) || !errors.As(err, &pe) || pe.Code != "23503" {
		return err
	}
	i := slices.IndexFunc(r.way.staying, func(k stayingKey) bool { return strings.Trim(k.name, `"`) == pe.ConstraintName })
	if i < 0 {
		return err
	}
	q := *p
	q.Remedy = fmt.Sprintf("The foreign key %s stays on while rows come, because %s. %s\n%s", r.way.staying[i].name, r.way.staying[i].reason, r.missingGrant(), p.Remedy)
	return &q
}
