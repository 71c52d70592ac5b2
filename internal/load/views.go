package load

import (
	"context"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
)

// views is what was seen of materialized views.
type views struct {
	files     map[uint32]uint32 // of those that were there before the load; see catalog.Before
	mentioned bool              // a statement makes or refreshes one
	turn      int               // of those statements
	filled    map[uint32]filledView
}

// filledView is a view that was refreshed, or made, by a statement.
type filledView struct {
	turn int              // of views.turn
	rows map[uint32]int64 // that each table had got by then
}

// seeRefreshed keeps that a statement has filled a materialized view.
func (r *run) seeRefreshed(ctx context.Context, s *statement) error {
	one := s.only()
	if one == nil || one.View == nil || r.session.TxStatus() == 'E' {
		return nil
	}
	r.views.mentioned = true
	if one.Unfilled {
		return nil
	}
	oids, err := catalog.Names(ctx, r.session, []string{one.View.String()})
	if err != nil || oids[0] == 0 {
		return err
	}
	if r.views.filled == nil {
		r.views.filled = map[uint32]filledView{}
	}
	r.views.turn++
	r.views.filled[oids[0]] = filledView{r.views.turn, r.changes()}
	return nil
}

// changes gives for each table how often it was emptied and how many rows it got, in one number.
func (r *run) changes() map[uint32]int64 {
	all := map[uint32]int64{}
	for oid, e := range r.tally.byOID {
		all[oid] = e.Rows
	}
	for _, oid := range r.known.emptied.all() {
		all[oid]++
	}
	return all
}

// warnOfOldViews names the materialized views over tables that were filled or emptied which no REFRESH was seen of since.
func (r *run) warnOfOldViews(ctx context.Context, tables []uint32) error {
	tables = append(tables, r.known.emptied.all()...)
	if len(tables) == 0 || len(r.views.files) == 0 && !r.views.mentioned {
		return nil
	}
	all, err := catalog.ViewsOver(ctx, r.session, tables)
	if err != nil {
		return err
	}
	if old := r.views.old(all, r.changes()); len(old) > 0 {
		r.warn("materialized views show what was there before, until they are refreshed: " + strings.Join(old, ", ") +
			" (REFRESH MATERIALIZED VIEW, in a script of the setting after)")
	}
	return nil
}

// old gives the names of those of the views that were not filled since what is below them has changed. Of a view that something else than a
// statement of the load has filled, such as a function, it is not known when that was.
func (v *views) old(all []catalog.View, now map[uint32]int64) (names []string) {
	old := map[uint32]bool{}
	for range all { // a view may be over another one, and so on
		for _, view := range all {
			filled, seen := v.filled[view.OID]
			if !seen {
				file, before := v.files[view.OID]
				old[view.OID] = before && file == view.File && !view.Touched
				continue
			}
			for _, below := range view.Below {
				other, isView := v.filled[below]
				old[view.OID] = old[view.OID] || old[below] || isView && other.turn > filled.turn || now[below] != filled.rows[below]
			}
		}
	}
	for _, view := range all {
		if old[view.OID] {
			names = append(names, view.Name)
		}
	}
	return names
}

// forget is called when something was taken back: what was filled may not be.
func (v *views) forget() { clear(v.filled) }
