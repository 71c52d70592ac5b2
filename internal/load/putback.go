package load

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// leaving is how the session was when the export's script began. What that script sets must not decide what the user's own scripts
// mean that come after it, nor what our checks find.
type leaving struct {
	session  *session.Session
	config   *pgx.ConnConfig
	vars     *psql.Vars
	settings map[string]string // that it had changed; nil where a pooler gives each statement another session
	active   bool              // the replica role, where it may not be set
}

// leave notes how the session is. What a list lets a script set does no harm to our checks, so where nothing else follows, none of it
// is asked for.
func (r *run) leave(ctx context.Context) (*leaving, error) {
	l := &leaving{session: r.session, config: r.session.Config().Copy(), vars: r.vars.Copy(), active: r.way.inForce()}
	if !r.began && r.session.Pooled() || r.listed() && len(r.o.After) == 0 {
		return l, nil
	}
	if f := r.answered(ctx); f != nil {
		return nil, f.err
	}
	var err error
	l.settings, err = r.sessionSettings(ctx, true)
	return l, err
}

// putBack makes the session as it was: connection, role, settings, variables. Parameters of the script's own making (SET my.thing) are
// not known to the server by name, and stay; a list lets no script set them.
func (r *run) putBack(ctx context.Context, l *leaving) error {
	if err := r.endBlock(ctx); err != nil {
		return err
	}
	r.vars = l.vars
	if r.session != l.session { // by \connect
		config := l.config.Copy()
		config.OnNotice = nil
		if err := r.moveTo(ctx, config); err != nil {
			return problemOf(err)
		}
	}
	if l.settings == nil {
		return nil
	}
	return problemOf(r.putSettingsBack(ctx, l))
}

func (r *run) putSettingsBack(ctx context.Context, l *leaving) error {
	if w := r.way; w != nil && !w.granted {
		if err := r.followRole(ctx); err != nil {
			return err
		}
		if w.active && !l.active {
			if err := cmp.Or(r.endOwnersWay(ctx, false), r.noteWay(ctx)); err != nil {
				return err
			}
		}
	}
	now, err := r.sessionSettings(ctx, true)
	if err != nil || maps.Equal(now, l.settings) {
		return err
	}
	if err := cmp.Or(r.settleNames(ctx), r.lookUpEmptied(ctx)); err != nil { // while they mean what they meant to the script
		return err
	}
	if now["session_authorization"] != l.settings["session_authorization"] { // who it is first: what it may set depends on it
		if err := r.exec(ctx, "RESET SESSION AUTHORIZATION"); err != nil {
			return err
		}
		now["role"] = ""
		if config := r.session.Config(); l.settings["session_authorization"] != config.User {
			if err := r.exec(ctx, "SET SESSION AUTHORIZATION "+sqltext.QuoteName(l.settings["session_authorization"])); err != nil {
				return err
			}
		}
		r.known.after(sqltext.Session)
	}
	var role, set []string
	for name, value := range l.settings {
		if now[name] == value || name == "session_authorization" || name == "temp_buffers" { // that one stays once it is used
			continue
		}
		if name == "role" {
			role = append(role, setConfig(name, value))
		} else {
			set = append(set, setConfig(name, value))
		}
	}
	for name := range now {
		if _, was := l.settings[name]; !was && name != "temp_buffers" {
			set = append(set, fmt.Sprintf("pg_catalog.set_config(%s, NULL, false)", sqltext.Literal(name))) // as RESET
		}
	}
	slices.Sort(set)
	for _, some := range [][]string{role, set} {
		if len(some) == 0 {
			continue
		}
		if err := r.exec(ctx, "SELECT "+strings.Join(some, ", ")+" AS fabricate_seed_ask"); err != nil {
			return err
		}
		r.known.after(sqltext.Session)
	}
	return nil
}
