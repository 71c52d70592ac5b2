package catalog

import "context"

// Event is what fires a trigger, as pg_trigger.tgtype has it; several together.
type Event int16

// The events.
const (
	OnInsert   Event = 1 << 2
	OnDelete   Event = 1 << 3
	OnUpdate   Event = 1 << 4
	OnTruncate Event = 1 << 5
)

// Fires reports whether the database has, on any table, a trigger or rule of the user's in one of the states (as pg_trigger.tgenabled has them) for
// one of the events; or an event trigger that is not disabled, where definitions count too.
func Fires(ctx context.Context, q Querier, events Event, states []string, definitions bool) (fires bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_trigger WHERE NOT tgisinternal AND tgtype & $1 <> 0 AND tgenabled::text = ANY ($2))
	OR EXISTS (SELECT 1 FROM pg_catalog.pg_rewrite WHERE oid >= 16384 AND ev_enabled::text = ANY ($2)
		AND CASE ev_type WHEN '2' THEN 16 WHEN '3' THEN 4 WHEN '4' THEN 8 ELSE 0 END & $1 <> 0)
	OR $3 AND EXISTS (SELECT 1 FROM pg_catalog.pg_event_trigger WHERE evtenabled <> 'D')`
	err = q.Ask(ctx, query, []any{int32(events), states, definitions}, []any{&fires}, nil)
	return fires, err
}

// HasFunctions reports whether the database has functions of some names outside of the server's own schema.
func HasFunctions(ctx context.Context, q Querier, names []string) (has bool, err error) {
	const query = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_proc WHERE proname::text = ANY ($1) AND pronamespace <> 'pg_catalog'::regnamespace)"
	err = q.Ask(ctx, query, []any{names}, []any{&has}, nil)
	return has, err
}

// DomainsRunCode reports whether the database has a domain with a check that may run code of a language in which tables can be made: it may be
// inside of other types.
func DomainsRunCode(ctx context.Context, q Querier) (runs bool, err error) {
	const query = `SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_constraint k, LATERAL (SELECT k.conbin::text) t(tree)
	WHERE k.contypid <> 0 AND (` + callsMore + ` OR EXISTS (SELECT 1 FROM ` + calledFunctions + ` WHERE p.oid IS NULL OR p.prolang NOT IN (12, 13))))`
	err = q.Ask(ctx, query, nil, []any{&runs}, nil)
	return runs, err
}
