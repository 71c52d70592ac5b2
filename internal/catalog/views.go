package catalog

import (
	"context"
)

// View is a materialized view whose rows come from some tables.
type View struct {
	OID     uint32
	Name    string   // schema-qualified and quoted
	File    uint32   // see Before
	Touched bool     // this transaction has put rows into it, or taken some
	Below   []uint32 // the relations that its rows come from: tables, partitions, views
}

// viewsQuery finds the materialized views above the tables $1, and all that is below these views. Partitions and children, and what
// is above them, belong together. Views that were never filled show nothing, and say so themselves.
const viewsQuery = `
WITH RECURSIVE edge(above, below) AS (
	SELECT w.ev_class, d.refobjid FROM pg_class v JOIN pg_rewrite w ON w.ev_class = v.oid AND w.rulename = '_RETURN'
	JOIN pg_depend d ON d.classid = 'pg_rewrite'::regclass AND d.objid = w.oid AND d.refclassid = 'pg_class'::regclass AND d.refobjid <> v.oid
	WHERE v.relkind IN ('v', 'm')
	UNION SELECT inhparent, inhrelid FROM pg_inherits
	UNION SELECT inhrelid, inhparent FROM pg_inherits
), up(oid) AS (
	SELECT oid FROM unnest($1::oid[]) oid
	UNION SELECT e.above FROM up JOIN edge e ON e.below = up.oid
), down(view, oid) AS (
	SELECT c.oid, c.oid FROM up JOIN pg_class c ON c.oid = up.oid WHERE c.relkind = 'm' AND c.relispopulated
	UNION SELECT down.view, e.below FROM down JOIN edge e ON e.above = down.oid
)
SELECT c.oid, format('%I.%I', n.nspname, c.relname), c.relfilenode,
	pg_stat_get_xact_tuples_inserted(c.oid) + pg_stat_get_xact_tuples_deleted(c.oid) + pg_stat_get_xact_tuples_updated(c.oid) > 0, down.oid
FROM down JOIN pg_class c ON c.oid = down.view JOIN pg_namespace n ON n.oid = c.relnamespace
WHERE down.oid <> down.view ORDER BY 2, down.oid`

// ViewsOver gives the materialized views above tables, by their names.
func ViewsOver(ctx context.Context, q Querier, tables []uint32) (views []View, err error) {
	var v View
	var below uint32
	return views, q.Ask(ctx, viewsQuery, []any{tables}, []any{&v.OID, &v.Name, &v.File, &v.Touched, &below}, func() error {
		if n := len(views); n == 0 || views[n-1].OID != v.OID {
			views = append(views, v)
		}
		last := &views[len(views)-1]
		last.Below = append(last.Below, below)
		return nil
	})
}
