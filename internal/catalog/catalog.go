// Package catalog is every question to pg_catalog: one function for each, facts for answers, and no decision. Questions run with
// nothing but pg_catalog in the path (see session.Session.Ask), so they name no schema; what the script's own names mean is asked
// under the script's path, by questions that name the schema of everything.
package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"
)

// Querier asks questions. It is a session.Session.
type Querier interface {
	// Ask runs a question under pg_catalog alone.
	Ask(ctx context.Context, sql string, args, scan []any, each func() error) error
	// Resolve runs a question under the script's path.
	Resolve(ctx context.Context, sql string, args, scan []any, each func() error) error
}

// collect asks, and gives a value for each row.
func collect[T any](ctx context.Context, ask func(ctx context.Context, sql string, args, scan []any, each func() error) error, sql string, args []any,
	scan func(row *T) []any) ([]T, error) {
	var all []T
	var row T
	err := ask(ctx, sql, args, scan(&row), func() error {
		all = append(all, row)
		row = *new(T) // lists are not shared
		return nil
	})
	return all, err
}

// namesQuery asks what names mean under the script's path. to_regclass itself fails for a name in another database, for one of more than
// three parts, and for one in a schema that the role may not look into: these mean nothing, and the server says so of the statement. It is
// asked in every load, and is written so that to plan it, which takes longer than to answer it, takes little: no join of catalogs, OFFSET 0 holds
// the planner from asking for each name twice, and names of one part, as nearly all are, go without a look at their parts.
const (
	namesQuery          = meantFirst + meantOID + ` AS oid` + meantFrom + meantLast
	qualifiedNamesQuery = meantFirst + `CASE WHEN pg_catalog.cardinality(parts) OPERATOR(pg_catalog.>) 3
		OR pg_catalog.cardinality(parts) OPERATOR(pg_catalog.=) 3 AND parts[1]::pg_catalog.name OPERATOR(pg_catalog.<>) pg_catalog.current_database()
		OR NOT pg_catalog.has_schema_privilege(pg_catalog.to_regnamespace(pg_catalog.quote_ident(parts[pg_catalog.cardinality(parts) OPERATOR(pg_catalog.-) 1])), 'USAGE')
		THEN NULL ELSE ` + meantOID + ` END AS oid` + meantFrom + `, pg_catalog.parse_ident(asked.name) parts` + meantLast

	meantFirst = `SELECT coalesce(meant.oid, 0::pg_catalog.oid), coalesce((SELECT pg_catalog.format('%s.%I', c.relnamespace::pg_catalog.regnamespace, c.relname)
	FROM pg_catalog.pg_class c WHERE c.oid OPERATOR(pg_catalog.=) meant.oid), '')
FROM (SELECT asked.i, `
	meantOID  = `pg_catalog.to_regclass(asked.name)::pg_catalog.oid`
	meantFrom = `
	FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY asked(name, i)`
	meantLast = ` OFFSET 0) meant ORDER BY meant.i`
)

// Meaning is what a name means: a relation and its name, schema-qualified and quoted where PostgreSQL needs it; or neither, where the server
// would name none.
type Meaning struct {
	OID  uint32
	Name string
}

// Meanings gives what names mean under the script's path, in their order.
func Meanings(ctx context.Context, q Querier, names []string) ([]Meaning, error) {
	if len(names) == 0 {
		return nil, nil
	}
	query := namesQuery
	if slices.ContainsFunc(names, func(name string) bool { return strings.Contains(name, ".") }) { // be it in quotes
		query = qualifiedNamesQuery
	}
	all, err := collect(ctx, q.Resolve, query, []any{names}, func(m *Meaning) []any { return []any{&m.OID, &m.Name} })
	if err == nil && len(all) != len(names) {
		err = fmt.Errorf("%d answers to %d names", len(all), len(names))
	}
	for i := range all {
		if all[i].Name == "" { // made by another session since the question began
			all[i].OID = 0
		}
	}
	return all, err
}

// Names gives the relations that names mean under the script's path, in their order, or 0.
func Names(ctx context.Context, q Querier, names []string) ([]uint32, error) {
	all, err := Meanings(ctx, q, names)
	var oids []uint32
	for _, m := range all {
		oids = append(oids, m.OID)
	}
	return oids, err
}

// visibleQuery asks what can be called without a schema.
const visibleQuery = `SELECT c.oid FROM pg_catalog.pg_class c WHERE pg_catalog.pg_table_is_visible(c.oid)`

// Visible gives the relations that need no schema under the script's path.
func Visible(ctx context.Context, q Querier) (map[uint32]bool, error) {
	visible := map[uint32]bool{}
	var oid uint32
	return visible, q.Resolve(ctx, visibleQuery, nil, []any{&oid}, func() error {
		visible[oid] = true
		return nil
	})
}

// Trusted reports whether the server marks an extension as trusted, in every version: whoever may create things in the database may
// have it.
func Trusted(ctx context.Context, q Querier, extension string) (trusted bool, err error) {
	err = q.Ask(ctx, "SELECT coalesce(bool_and(trusted), false) FROM pg_available_extension_versions WHERE name = $1::name", []any{extension}, []any{&trusted}, nil)
	return trusted, err
}

// AsItself reports whether the session runs as the role that has connected, and no setting makes it another.
func AsItself(ctx context.Context, q Querier, user string) (as bool, err error) {
	err = q.Ask(ctx, "SELECT current_setting('role') = 'none' AND session_user = $1::name AND current_user = session_user", []any{user}, []any{&as}, nil)
	return as, err
}

// Foreigner is a relation, or with Name "" a schema, that is not the user's.
type Foreigner struct {
	Schema, Name, Of string // Of is the extension, "" for the server's own
}

const foreignQuery = `SELECT n.nspname::text, c.relname::text, coalesce(e.extname::text, '') FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
LEFT JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.objsubid = 0 AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
LEFT JOIN pg_extension e ON e.oid = d.refobjid WHERE e.oid IS NOT NULL OR n.nspname = 'information_schema' AND c.relkind IN ('r', 'v')
UNION ALL SELECT n.nspname::text, '', e.extname::text FROM pg_namespace n
JOIN pg_depend d ON d.classid = 'pg_namespace'::regclass AND d.objid = n.oid AND d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
JOIN pg_extension e ON e.oid = d.refobjid`

// Foreign lists what of a database is an extension's, and what of the information schema has a name that a table of the user's may have
// as well. (What begins with pg_ needs no list.)
func Foreign(ctx context.Context, q Querier) ([]Foreigner, error) {
	return collect(ctx, q.Ask, foreignQuery, nil, func(f *Foreigner) []any { return []any{&f.Schema, &f.Name, &f.Of} })
}

// callableQuery finds functions that take a row: of a composite type, of any type, or of one that somebody's implicit cast makes of a
// row.
const callableQuery = `SELECT DISTINCT p.proname::text FROM pg_proc p JOIN pg_type t ON t.oid = p.proargtypes[0]
LEFT JOIN pg_type base ON t.typtype = 'd' AND base.oid = t.typbasetype
WHERE p.prokind = 'f' AND (t.typtype = 'c' OR base.typtype IN ('c', 'd')
	OR t.typname IN ('record', 'any', 'anyelement', 'anynonarray', 'anycompatible', 'anycompatiblenonarray')
	OR EXISTS (SELECT FROM pg_cast c JOIN pg_type s ON s.oid = c.castsource WHERE c.casttarget = t.oid AND c.castcontext = 'i' AND s.typtype = 'c'))`

// Callable gives the names of functions that may be called as a column of a table is named, t.f for f(t).
func Callable(ctx context.Context, q Querier) ([]string, error) {
	return collect(ctx, q.Ask, callableQuery, nil, func(name *string) []any { return []any{name} })
}

// Reach is what a role may do beyond the database: run programs on the server, or read or write its files.
func Reach(ctx context.Context, q Querier) (superuser, files bool, err error) {
	err = q.Ask(ctx, `SELECT rolsuper, pg_has_role(rolname, 'pg_execute_server_program', 'USAGE') OR pg_has_role(rolname, 'pg_read_server_files', 'USAGE')
		OR pg_has_role(rolname, 'pg_write_server_files', 'USAGE') FROM pg_roles WHERE rolname = current_user`, nil, []any{&superuser, &files}, nil)
	return superuser, files, err
}
