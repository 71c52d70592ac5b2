package load

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// alter changes tables. Deferred triggers and checks that wait for the commit keep a table from being changed: they have their turn then, and
// afterwards constraints are deferred as they were.
func (x *executor) alter(ctx context.Context, sql string) error {
	err := x.session.TryAsScript(ctx, sql)
	if !inUse(err) || x.session.TxStatus() != 'T' {
		return err
	}
	if err := x.session.TryAsScript(ctx, "SET CONSTRAINTS ALL IMMEDIATE"); err != nil {
		if x.session.Ends(ctx, err) {
			return err
		}
		return x.notAltered(err, "a deferred trigger or check fails that was to wait for the commit: as long as it waits, its table cannot be altered, "+
			"which has to be done where session_replication_role is refused to the role")
	}
	if err := x.session.TryAsScript(ctx, sql); err != nil {
		if inUse(err) {
			return x.notAltered(err, "a table is in use, by a cursor that is open or by a function that is under way, and cannot be altered, "+
				"which has to be done where session_replication_role is refused to the role")
		}
		return err
	}
	if err := x.session.Change(ctx, fmt.Sprintf(`SELECT set_config('%[1]s', concat_ws(E'\n', '%[2]s', nullif(said, '')), true)
		FROM current_setting('%[1]s', true) said
		WHERE left(said, 4) IS DISTINCT FROM 'ALL ' AND left(said, length('%[2]s')) IS DISTINCT FROM '%[2]s'`, catalog.ConstraintModes, catalog.Initially), session.Handlers{}); err != nil {
		return err
	}
	return x.deferAsSaid(ctx)
}

// inUse tells of the server's error that a table cannot be altered now.
func inUse(err error) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == "55006"
}

func (x *executor) notAltered(err error, what string) error {
	var pe *pgconn.PgError
	excerpt := err.Error()
	if errors.As(err, &pe) {
		excerpt = fmt.Sprintf("%s (SQLSTATE %s)", pe.Message, pe.Code)
		if pe.Detail != "" {
			excerpt += "\nDETAIL: " + pe.Detail
		}
	}
	return &problem.Error{Code: problem.Database, At: x.placeOf(x.at), What: what, Excerpt: excerpt, Err: err, Remedy: x.letRole()}
}

// deferAsSaid has constraints deferred, or not, as was said of them: those are new to the server that were made again, and all are checked at once
// after alter.
func (x *executor) deferAsSaid(ctx context.Context) error {
	return x.withAllNames(ctx, func() error {
		statements, err := catalog.SaidConstraints(ctx, x.session)
		if err != nil || len(statements) == 0 {
			return err
		}
		return x.exec(ctx, strings.Join(statements, "; "))
	})
}

// noteDeferred notes what the script has said of when constraints are checked, where a key may have to be made again.
func (r *run) noteDeferred(ctx context.Context, s *statement) error {
	if !r.began || r.session.TxStatus() != 'T' || r.session.Parameter("is_superuser") == "on" {
		return nil
	}
	for _, one := range s.parsed {
		names, mode := one.Defers()
		if mode == "" {
			continue
		}
		if names == nil {
			if err := r.exec(ctx, "SELECT pg_catalog.set_config('"+catalog.ConstraintModes+"', 'ALL "+mode+"', true)"); err != nil {
				return err
			}
			continue
		}
		var asked []string
		for _, name := range names {
			asked = append(asked, name.String())
		}
		meant, err := catalog.Constraints(ctx, r.session, asked)
		if err != nil {
			return err
		}
		for _, name := range meant {
			if err := r.noteMode(ctx, name, mode); err != nil {
				return err
			}
		}
	}
	return nil
}

// noteMode notes that constraints of a name, schema-qualified and quoted, are DEFERRED or IMMEDIATE from here on.
func (x *executor) noteMode(ctx context.Context, name, mode string) error {
	return x.session.Change(ctx, fmt.Sprintf(`SELECT set_config('%[1]s', concat_ws(E'\n', nullif(array_to_string(array(
		SELECT line FROM unnest(string_to_array(current_setting('%[1]s', true), E'\n')) WITH ORDINALITY said(line, i)
		WHERE line NOT IN (%[2]s || ' DEFERRED', %[2]s || ' IMMEDIATE') ORDER BY i), E'\n'), ''), %[2]s || ' %[3]s'), true)`,
		catalog.ConstraintModes, sqltext.Literal(name), mode), session.Handlers{})
}
