package databases

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"github.com/fabricate-seed/fabricate-seed/internal/dbname"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

const (
	atOnce = 4 // clones that are made at the same time

	// fileCopyFrom is the size of a database, in bytes, from which copying its files and two checkpoints take less time than writing
	// it through the log (docs/performance.md has the measurement).
	fileCopyFrom = 96 << 20
)

// Clone makes copies of a database, several at once, and marks them. A clone of the same database that is there under a name is
// replaced; a database that is anything else is an error, before anything is done. With an error some of the clones may have been made:
// made names them, in the order of names. The error is a *problem.Error, or that of ctx.
func (s Server) Clone(ctx context.Context, source string, names []string) (made []string, err error) {
	p, err := s.planned(ctx, source, names)
	if err != nil {
		return nil, err
	}

	done := make([]bool, len(names))
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(atOnce)
	for i, name := range names {
		group.Go(func() error {
			if err := groupCtx.Err(); err != nil {
				return err
			}
			err := s.at(groupCtx, name, func(on *session.Session) error { return s.clone(groupCtx, on, p, name) })
			done[i] = err == nil
			return err
		})
	}
	err = group.Wait()
	for i, name := range names {
		if done[i] {
			made = append(made, name)
		}
	}
	if err != nil && ctx.Err() != nil {
		err = ctx.Err()
	}
	return made, err
}

// MayClone gives the error that Clone would give before it does anything, if there is one.
func (s Server) MayClone(ctx context.Context, source string, names []string) error {
	_, err := s.planned(ctx, source, names)
	return err
}

// planned checks names, and finds out what clones are made with.
func (s Server) planned(ctx context.Context, source string, names []string) (p plan, err error) {
	for i, name := range names {
		if err := dbname.Check(name); err != nil {
			return p, &problem.Error{Code: problem.Settings, Where: "clone " + name, What: "the name " + err.Error()}
		}
		if name == source || slices.Contains(names[:i], name) {
			return p, &problem.Error{Code: problem.Settings, Where: "clone " + name, What: "two databases would have this name",
				Remedy: "Choose other names with the settings clones and clone-names."}
		}
	}
	on, err := s.maintenance(ctx)
	if err != nil {
		return p, err
	}
	defer on.Close(ctx)
	p, err = s.plan(ctx, on, source, names)
	return p, explain(ctx, source, err)
}

// plan is what clones of a database are made with.
type plan struct {
	source  string
	options string   // of CREATE DATABASE
	methods []string // values of file_copy_method to try, in order; none where the server does not know it
	finish  []step   // what TEMPLATE leaves out
}

// step is a statement about a clone, whose name stands between its two parts.
type step struct {
	before, after string
	what          string // what it brings, for the warning when the role may not do it
}

func (s Server) plan(ctx context.Context, on *session.Session, source string, names []string) (plan, error) {
	p := plan{source: source}
	for _, name := range names {
		there, err := find(ctx, on, name)
		if err != nil {
			return p, err
		}
		if there != nil && (!there.ours || there.mark.CloneOf != source) {
			return p, notOurs(name, source)
		}
	}
	var size int64
	var version int
	var owner string
	var limit int
	var granted, there bool
	err := on.Ask(ctx, `SELECT pg_catalog.pg_database_size(d.oid), pg_catalog.current_setting('server_version_num')::int4,
			pg_catalog.pg_get_userbyid(d.datdba), d.datconnlimit, d.datacl IS NOT NULL
		FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) $1::pg_catalog.name`,
		[]any{source}, []any{&size, &version, &owner, &limit, &granted}, func() error { there = true; return nil })
	if err == nil && !there {
		err = &problem.Error{Code: problem.Database, Where: "database " + source, What: "there is no such database to clone"}
	}
	if err != nil {
		return p, err
	}
	const strategies, methods = 150000, 180000 // server versions that know them
	if version >= strategies {
		p.options = " STRATEGY wal_log"
		if size >= fileCopyFrom {
			p.options = " STRATEGY file_copy"
			if version >= methods {
				p.methods = []string{"clone", "copy"}
			}
		}
	}
	p.finish = append(p.finish, step{"ALTER DATABASE ", " OWNER TO " + quote(owner), "the owner " + owner})
	if limit != -1 {
		p.finish = append(p.finish, step{"ALTER DATABASE ", fmt.Sprintf(" CONNECTION LIMIT %d", limit), "the limit of connections"})
	}
	if granted {
		grants, err := grants(ctx, on, source, owner)
		if err != nil {
			return p, err
		}
		p.finish = append(p.finish, grants...)
	}
	settings, err := settings(ctx, on, source)
	p.finish = append(p.finish, settings...)
	return p, err
}

// clone makes one clone.
func (s Server) clone(ctx context.Context, on *session.Session, p plan, name string) error {
	m := mark{CloneOf: p.source, Made: now()}
	finish := func(as string) error { return s.finish(ctx, on, p, as, name) }
	var err error
	for _, method := range p.methods {
		if err = on.Exec(ctx, "SET file_copy_method = "+method); err != nil { // a system whose files cannot be cloned
			continue
		}
		err = s.make(ctx, on, name, p.source, p.options, m, finish)
		if state := session.State(err); err == nil || method == "copy" || state == "" || state == inUse {
			return err
		}
	}
	return s.make(ctx, on, name, p.source, p.options, m, finish)
}

// finish gives a clone what TEMPLATE leaves out. What the role may not do is a warning.
func (s Server) finish(ctx context.Context, on *session.Session, p plan, as, name string) error {
	for _, step := range p.finish {
		err := on.Try(ctx, step.before+quote(as)+step.after, session.Handlers{})
		if session.State(err) == notAllowed {
			s.warn(fmt.Sprintf("the clone %s lacks %s: the role of database-url may not set it", name, step.what))
			continue
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// grants gives the statements that make the grants on a database.
func grants(ctx context.Context, on *session.Session, source, owner string) ([]step, error) {
	steps := []step{{"REVOKE ALL ON DATABASE ", " FROM PUBLIC, " + quote(owner), "its grants"}}
	const query = `SELECT coalesce(pg_catalog.quote_ident(r.rolname), 'PUBLIC'), a.privilege_type, a.is_grantable
		FROM pg_catalog.pg_database d, pg_catalog.aclexplode(d.datacl) a
			LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) a.grantee
		WHERE d.datname OPERATOR(pg_catalog.=) $1::pg_catalog.name AND (r.oid IS NOT NULL OR a.grantee OPERATOR(pg_catalog.=) 0::oid)
		ORDER BY 1, 2`
	var grantee, privilege string
	var grantable bool
	err := on.Ask(ctx, query, []any{source}, []any{&grantee, &privilege, &grantable}, func() error {
		to := " TO " + grantee
		if grantable {
			to += " WITH GRANT OPTION"
		}
		steps = append(steps, step{"GRANT " + privilege + " ON DATABASE ", to, "a grant to " + grantee})
		return nil
	})
	return steps, err
}

// lists are the parameters whose stored value is a list of quoted names: each is a literal of its own where it is set again.
// (GUC_LIST_QUOTE in PostgreSQL; the list does not change within a major version, and extensions cannot add to it.)
var lists = []string{"local_preload_libraries", "search_path", "session_preload_libraries", "shared_preload_libraries", "temp_tablespaces", "unix_socket_directories"}

// settings gives the statements that set what ALTER DATABASE … SET, and ALTER ROLE … IN DATABASE … SET, have set.
func settings(ctx context.Context, on *session.Session, source string) (steps []step, err error) {
	const query = `SELECT coalesce(pg_catalog.quote_ident(r.rolname), ''), pg_catalog.unnest(s.setconfig)
		FROM pg_catalog.pg_db_role_setting s
			JOIN pg_catalog.pg_database d ON d.oid OPERATOR(pg_catalog.=) s.setdatabase
			LEFT JOIN pg_catalog.pg_roles r ON r.oid OPERATOR(pg_catalog.=) s.setrole
		WHERE d.datname OPERATOR(pg_catalog.=) $1::pg_catalog.name AND (s.setrole OPERATOR(pg_catalog.=) 0::oid OR r.oid IS NOT NULL)
		ORDER BY 1`
	var role, setting string
	err = on.Ask(ctx, query, []any{source}, []any{&role, &setting}, func() error {
		name, value, _ := strings.Cut(setting, "=")
		alter, what := "ALTER DATABASE ", "the setting "+name
		if role != "" {
			alter, what = "ALTER ROLE "+role+" IN DATABASE ", what+" of "+role
		}
		values := []string{value}
		if slices.Contains(lists, strings.ToLower(name)) {
			values = splitNames(value)
		}
		for i, v := range values {
			values[i] = literal(v)
		}
		steps = append(steps, step{alter, " SET " + parameter(name) + " TO " + strings.Join(values, ", "), what})
		return nil
	})
	return steps, err
}

// parameter quotes each part of a parameter's name, which may be an extension's: "my_extension"."level".
func parameter(name string) string { return pgx.Identifier(strings.Split(name, ".")).Sanitize() }

// splitNames splits a list of names, quoted where they need it.
func splitNames(list string) (names []string) {
	for rest := strings.TrimSpace(list); rest != ""; {
		var name string
		if strings.HasPrefix(rest, `"`) {
			end := 1
			for ; end < len(rest); end++ {
				if rest[end] != '"' {
					continue
				}
				if end+1 >= len(rest) || rest[end+1] != '"' {
					break
				}
				end++
			}
			name, rest = strings.ReplaceAll(rest[1:min(end, len(rest))], `""`, `"`), rest[min(end+1, len(rest)):]
			_, rest, _ = strings.Cut(rest, ",")
		} else {
			name, rest, _ = strings.Cut(rest, ",")
			name = strings.TrimSpace(name)
		}
		names, rest = append(names, name), strings.TrimSpace(rest)
	}
	if names == nil {
		names = []string{""}
	}
	return names
}
