package load

import (
	"context"
	"errors"
	"io"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// targets reads the script through without running it, for the tables that it fills or empties. Branches that depend on
// the server's answers are taken as the variables stand now.
func (r *run) targets(ctx context.Context) ([][]string, error) {
	vars := psql.NewVars()
	for name, value := range r.o.Variables {
		_ = vars.Set(name, value)
	}
	sc, err := psql.Open(r.o.Script.FS, r.o.Script.Name, vars, psql.Options{Escapes: r.escapes(), FragmentSize: 64 << 10})
	if err != nil {
		return nil, (&failure{err: err}).problem()
	}
	defer func() { _ = sc.Close() }()
	seen := map[string]bool{}
	var found [][]string
	note := func(text []byte) statementInfo {
		info := classify(&tokens{text: text, escapes: r.escapes()})
		for _, parts := range info.tables {
			if key := quoteName(parts...); len(parts) > 0 && !seen[key] {
				seen[key] = true
				found = append(found, parts)
			}
		}
		return info
	}
	for ctx.Err() == nil {
		item, err := sc.Next()
		var e *psql.Error
		switch {
		case errors.Is(err, io.EOF):
			return found, nil
		case errors.As(err, &e) && !e.Fatal && !e.Refused:
			continue
		case err != nil:
			return nil, (&failure{err: err}).problem()
		}
		switch it := item.(type) {
		case *psql.Statement:
			if info := note(it.Text); info.copy != nil && info.copy.from && info.copy.file == "" {
				if err := skipRows(sc); err != nil {
					return nil, (&failure{err: err}).problem()
				}
			}
		case *psql.Copy:
			note([]byte(it.SQL))
			if it.From == psql.FromScript {
				if err := skipRows(sc); err != nil {
					return nil, (&failure{err: err}).problem()
				}
			}
		}
	}
	return nil, ctx.Err()
}

func skipRows(sc *psql.Script) error {
	rows, err := sc.CopyData()
	if err != nil {
		return err
	}
	return rows.Close()
}

// notEmpty gives the first of the tables that exists and has rows. Inside the one transaction it also keeps others from
// adding any until the end.
func (r *run) notEmpty(ctx context.Context, targets [][]string) (string, error) {
	for _, parts := range targets {
		name := quoteName(parts...)
		var table string
		var kind string
		err := r.conn.QueryRow(ctx, `SELECT quote_ident(n.nspname) || '.' || quote_ident(c.relname), c.relkind::text
			FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace
			WHERE c.oid = pg_catalog.to_regclass($1)`, name).Scan(&table, &kind)
		if err != nil {
			if errors.Is(err, errNoRows) {
				continue // the script makes it
			}
			return "", (&failure{err: err}).problem()
		}
		if r.began && (kind == "r" || kind == "p") {
			if err := r.exec(ctx, "LOCK TABLE "+table+" IN SHARE ROW EXCLUSIVE MODE"); err != nil {
				return "", (&failure{err: err}).problem()
			}
		}
		var rows bool
		if err := r.conn.QueryRow(ctx, "SELECT EXISTS (SELECT 1 FROM "+table+")").Scan(&rows); err != nil {
			return "", (&failure{err: err}).problem()
		}
		if rows {
			return table, nil
		}
	}
	return "", nil
}
