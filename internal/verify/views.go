package verify

import (
	"context"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// Views is what was seen of materialized views.
type Views struct {
	Files     map[uint32]uint32 // of those that were there before the load; see catalog.Before
	mentioned bool              // a statement makes or refreshes one
	turn      int               // of those statements
	filled    map[uint32]filledView
}

// filledView is a view that was refreshed, or made, by a statement.
type filledView struct {
	turn int              // of Views.turn
	rows map[uint32]int64 // the changes of each table by then
}

// See keeps that a statement was carried out, which may have filled a materialized view. changes gives for each table how often it was emptied and
// how many rows it got, in one number.
func (v *Views) See(ctx context.Context, q catalog.Querier, s *sqltext.Statement, changes func() map[uint32]int64) error {
	if s == nil || s.View == nil {
		return nil
	}
	v.mentioned = true
	if s.Unfilled {
		return nil
	}
	oids, err := catalog.Names(ctx, q, []string{s.View.String()})
	if err != nil || oids[0] == 0 {
		return err
	}
	if v.filled == nil {
		v.filled = map[uint32]filledView{}
	}
	v.turn++
	v.filled[oids[0]] = filledView{v.turn, changes()}
	return nil
}

// Views warns of the materialized views over tables that were filled, or emptied, which no REFRESH was seen of since.
func (c *Checks) Views(ctx context.Context, v *Views, filled []uint32, changes map[uint32]int64) error {
	tables := slices.Concat(filled, c.Emptied.All())
	if len(tables) == 0 || len(v.Files) == 0 && !v.mentioned {
		return nil
	}
	all, err := catalog.ViewsOver(ctx, c.Session, tables)
	if err != nil {
		return err
	}
	if old := v.old(all, changes); len(old) > 0 {
		c.Warn("materialized views show what was there before, until they are refreshed: " + strings.Join(old, ", ") +
			" (REFRESH MATERIALIZED VIEW, in a script of the setting after)")
	}
	return nil
}

// old gives the names of those of the views that were not filled since what is below them has changed. Of a view that something else than a
// statement of the load has filled, such as a function, it is not known when that was.
func (v *Views) old(all []catalog.View, now map[uint32]int64) (names []string) {
	old := map[uint32]bool{}
	for range all { // a view may be over another one, and so on
		for _, view := range all {
			filled, seen := v.filled[view.OID]
			if !seen {
				file, before := v.Files[view.OID]
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

// Forget is called when something was taken back: what was filled may not be.
func (v *Views) Forget() { clear(v.filled) }
