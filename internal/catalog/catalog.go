// Package catalog is every question to pg_catalog: one function for each, facts for answers, and no decision. Questions run with
// nothing but pg_catalog in the path (see session.Session.Ask), so they name no schema; what the script's own names mean is asked
// under the script's path, by questions that name the schema of everything.
package catalog

import (
	"context"
	"fmt"
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

// namesQuery asks what names mean under the script's path.
const namesQuery = `SELECT coalesce(pg_catalog.to_regclass(asked.name)::pg_catalog.oid, 0::pg_catalog.oid)
FROM pg_catalog.unnest($1::pg_catalog.text[]) WITH ORDINALITY asked(name, i) ORDER BY asked.i`

// Names gives what names mean under the script's path, in their order: the relation, or 0.
func Names(ctx context.Context, q Querier, names []string) ([]uint32, error) {
	if len(names) == 0 {
		return nil, nil
	}
	oids, err := collect(ctx, q.Resolve, namesQuery, []any{names}, func(oid *uint32) []any { return []any{oid} })
	if err == nil && len(oids) != len(names) {
		err = fmt.Errorf("%d answers to %d names", len(oids), len(names))
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

// Trusted reports whether the server marks an extension as trusted: whoever may create things in the database may have it.
func Trusted(ctx context.Context, q Querier, extension string) (trusted bool, err error) {
	err = q.Ask(ctx, "SELECT coalesce(bool_or(trusted), false) FROM pg_available_extension_versions WHERE name = $1::name", []any{extension}, []any{&trusted}, nil)
	return trusted, err
}

// Reach is what a role may do beyond the database: run programs on the server, or read or write its files.
func Reach(ctx context.Context, q Querier) (superuser, files bool, err error) {
	err = q.Ask(ctx, `SELECT rolsuper, pg_has_role(rolname, 'pg_execute_server_program', 'USAGE') OR pg_has_role(rolname, 'pg_read_server_files', 'USAGE')
		OR pg_has_role(rolname, 'pg_write_server_files', 'USAGE') FROM pg_roles WHERE rolname = current_user`, nil, []any{&superuser, &files}, nil)
	return superuser, files, err
}
