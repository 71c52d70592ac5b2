// Package databases makes, copies and drops whole databases of a server. It touches only those that this program has made,
// which it knows by a comment on the database.
//
// CREATE DATABASE cannot be part of a transaction, so a database is made under a name that nobody uses and open to nobody; one
// transaction then marks it, gives it what it is to have, and its name. Who is killed on the way leaves no database without a
// mark, and what is left is removed by whoever makes one of that name next, or drops it. Two at work on one name take turns.
package databases

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/dbname"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// Server is a PostgreSQL server to make databases on.
type Server struct {
	Target  *pgx.ConnConfig // how to reach it; the database it names does not matter
	Options session.Options // LockTimeout is how long sessions of others in a database, and runs of ours at work on it, are waited for
}

// The SQLSTATEs that mean something here.
const (
	noSuchDatabase   = "3D000"
	notAllowed       = "42501"
	alreadyThere     = "42P04"
	notUnique        = "23505" // the same, met by two at once
	inUse            = "55006"
	isTemplate       = "42809" // of what is to be dropped
	diskFull         = "53100"
	lockNotAvailable = "55P03"
	notAuthorized    = "28000"
)

// mark is what the comment on a database of ours says, after markPrefix, as JSON.
type mark struct {
	CloneOf string `json:"clone-of,omitempty"` // the database it is a copy of
	Made    string `json:"made"`               // time, RFC 3339
}

const markPrefix = "made by fabricate-seed: "

func (m mark) String() string {
	text, err := json.Marshal(m)
	if err != nil { // two strings can always be encoded
		panic(err)
	}
	return markPrefix + string(text)
}

// readMark reads a comment; ok is false for one that is not ours.
func readMark(comment string) (m mark, ok bool) {
	text, found := strings.CutPrefix(comment, markPrefix)
	if !found || json.Unmarshal([]byte(text), &m) != nil {
		return mark{}, false
	}
	return m, m.Made != ""
}

// unfinished is the name that a database has while it is made. family is the database that it is a clone of, or its own name: who drops
// that finds what is left by family, and by the rest whom to take turns with.
func unfinished(family, name string) string {
	sum := sha256.Sum256([]byte(name))
	return unfinishedOf(family) + hex.EncodeToString(sum[:12])
}

// unfinishedOf is how the names begin of all that is unfinished in a family.
func unfinishedOf(family string) string {
	sum := sha256.Sum256([]byte(family))
	return "fabricate_seed_unfinished_" + hex.EncodeToString(sum[:4]) + "_"
}

// found is a database that is there.
type found struct {
	mark    mark
	ours    bool
	invalid bool // DROP DATABASE was interrupted: nothing can be done with it but to drop it
}

// Create makes a database where it does not exist, from template if that is not empty, and marks it. made is false where it
// was there already, whoever made it. The error is a *problem.Error, or that of ctx.
func (s Server) Create(ctx context.Context, name, template string) (made bool, err error) {
	err = s.at(ctx, name, func(on *session.Session) error {
		there, err := find(ctx, on, name)
		if err == nil && there != nil && there.invalid {
			if !there.ours {
				return &problem.Error{Code: problem.Database, Where: "database " + name, What: "dropping this database was interrupted, and it cannot be used any more",
					Remedy: "Drop it yourself: it was not made by fabricate-seed."}
			}
			there, err = nil, s.drop(ctx, on, name)
		}
		if err != nil || there != nil {
			return err
		}
		m := mark{Made: now()}
		made = true
		return s.make(ctx, on, name, template, "", m, nil)
	})
	return made && err == nil, err
}

// Drop drops a database and its clones, whoever is connected, if this program has made them, and gives the names of those that
// were there. None is no error. One that others have made stays, and is an error.
func (s Server) Drop(ctx context.Context, name string) (dropped []string, err error) {
	err = s.at(ctx, name, func(on *session.Session) error {
		there, err := find(ctx, on, name)
		if err != nil {
			return err
		}
		if there != nil && !there.ours {
			return &problem.Error{Code: problem.Database, Where: "database " + name,
				What:   "this database was not made by fabricate-seed, so it is not dropped",
				Remedy: "It drops what it has made itself (the command create, the settings create-database and clones), and marks that with a comment on the database."}
		}
		names, err := clonesOf(ctx, on, name)
		if err != nil {
			return err
		}
		if there != nil {
			names = append(names, name)
		}
		for _, n := range names {
			if err := s.drop(ctx, on, n); err != nil {
				return err
			}
			dropped = append(dropped, n)
		}
		return s.dropLeft(ctx, on, name)
	})
	return dropped, err
}

// dropLeft removes what those who were killed have left unfinished: a database and its clones. Whoever is at work on one is waited for.
func (s Server) dropLeft(ctx context.Context, on *session.Session, name string) error {
	var left []string
	var one string
	err := on.Ask(ctx, `SELECT datname FROM pg_catalog.pg_database WHERE pg_catalog.starts_with(datname::text, $1) AND NOT datallowconn ORDER BY 1`,
		[]any{unfinishedOf(name)}, []any{&one}, func() error { left = append(left, one); return nil })
	if err != nil {
		return err
	}
	for _, temporary := range left {
		if sum, err := hex.DecodeString(strings.TrimSuffix(strings.TrimPrefix(temporary, unfinishedOf(name)), replaced)); err == nil && len(sum) == 12 {
			if err := s.turn(ctx, on, name, sum); err != nil {
				return err
			}
			if err := s.dropUnfinished(ctx, on, temporary); err != nil {
				return err
			}
		}
	}
	return nil
}

// at connects to a database of the server that is not name, and does something about name there when nobody else of us does.
func (s Server) at(ctx context.Context, name string, do func(*session.Session) error) error {
	if err := dbname.Check(name); err != nil {
		return &problem.Error{Code: problem.Settings, Where: "database " + name, What: "the name " + err.Error()}
	}
	on, err := s.maintenance(ctx)
	if err != nil {
		return err
	}
	defer on.Close(ctx)
	if err = s.lock(ctx, on, name); err == nil {
		err = do(on)
	}
	return explain(ctx, name, err)
}

// ownSettings keep what a role or a database has set from changing what is meant here.
const ownSettings = `SET search_path = pg_catalog; SET standard_conforming_strings = on; SET statement_timeout = 0; SET lock_timeout = 0;
	SET idle_in_transaction_session_timeout = 0; SET default_transaction_read_only = off`

// maintenance connects to a database that is there on every server, as createdb does.
func (s Server) maintenance(ctx context.Context) (*session.Session, error) {
	var first error
	for _, database := range []string{"postgres", "template1"} {
		target := s.Target.Copy()
		target.Database = database
		on, err := session.Open(ctx, target, s.Options)
		if err == nil {
			if err = on.Exec(ctx, ownSettings); err != nil {
				on.Close(ctx)
				return nil, explain(ctx, database, err)
			}
			return on, nil
		}
		if first == nil {
			first = err
		}
		if !slices.Contains([]string{noSuchDatabase, notAllowed, notAuthorized}, session.State(err)) {
			break
		}
	}
	return nil, first
}

// lockClass is the first key of our advisory locks on names of databases.
const lockClass = 0x66616273 // "fabs"

// lock waits until nobody else of us works on the name. The lock goes with the session.
func (s Server) lock(ctx context.Context, on *session.Session, name string) error {
	sum := sha256.Sum256([]byte(name))
	return s.turn(ctx, on, name, sum[:])
}

// turn is lock by the hash of a name.
func (s Server) turn(ctx context.Context, on *session.Session, name string, sum []byte) error {
	key := int32(binary.BigEndian.Uint32(sum[:4]))
	err := on.Exec(ctx, fmt.Sprintf("SET lock_timeout = %d", s.wait().Milliseconds()))
	if err == nil {
		err = on.Exec(ctx, fmt.Sprintf("SELECT pg_catalog.pg_advisory_lock(%d, %d)", int32(lockClass), key))
	}
	if session.State(err) == lockNotAvailable {
		return &problem.Error{Code: problem.Timeout, Where: "database " + name, Err: err,
			What:   fmt.Sprintf("another fabricate-seed has been making or dropping this database for %s", s.wait()),
			Remedy: "Wait for it, or set lock-timeout higher."}
	}
	return err
}

// find gives a database, or nil where there is none of that name.
func find(ctx context.Context, on *session.Session, name string) (there *found, err error) {
	var f found
	var comment string
	err = on.Ask(ctx, `SELECT coalesce(pg_catalog.shobj_description(d.oid, 'pg_database'), ''), d.datconnlimit OPERATOR(pg_catalog.=) -2
		FROM pg_catalog.pg_database d WHERE d.datname OPERATOR(pg_catalog.=) $1::pg_catalog.name`, []any{name}, []any{&comment, &f.invalid}, func() error {
		f.mark, f.ours = readMark(comment)
		there = &f
		return nil
	})
	return there, err
}

// clonesOf gives the names of the clones of a database, whether it is there or not.
func clonesOf(ctx context.Context, on *session.Session, name string) (names []string, err error) {
	var database, comment string
	err = on.Ask(ctx, `SELECT d.datname, pg_catalog.shobj_description(d.oid, 'pg_database') FROM pg_catalog.pg_database d
		WHERE pg_catalog.starts_with(pg_catalog.shobj_description(d.oid, 'pg_database'), $1) ORDER BY d.datname`,
		[]any{markPrefix}, []any{&database, &comment}, func() error {
			if m, ok := readMark(comment); ok && m.CloneOf == name {
				names = append(names, database)
			}
			return nil
		})
	return names, err
}

// make makes a database under its unfinished name, has finish give it what it is to have (or nil), and names it. The database of
// that name that it takes the place of, if any, must be one that may be dropped.
func (s Server) make(ctx context.Context, on *session.Session, name, template, options string, m mark, finish func(as string) error) error {
	temporary := unfinished(cmp.Or(m.CloneOf, name), name)
	for _, left := range []string{temporary, temporary + replaced} {
		if err := s.dropUnfinished(ctx, on, left); err != nil {
			return err
		}
	}
	create := "CREATE DATABASE " + quote(temporary) + " ALLOW_CONNECTIONS false"
	if template != "" {
		create += " TEMPLATE " + quote(template)
	}
	if err := s.patiently(ctx, on, template, func() error { return on.Exec(ctx, create+options) }); err != nil {
		return err
	}
	var made uint32
	err := on.Ask(ctx, "SELECT oid FROM pg_catalog.pg_database WHERE datname OPERATOR(pg_catalog.=) $1::pg_catalog.name", []any{temporary}, []any{&made}, nil)
	if err == nil {
		err = s.name(ctx, on, temporary, name, m, finish)
	}
	if session.Lost(err) && ctx.Err() == nil {
		err = s.named(ctx, made, temporary, name, err)
	}
	if err != nil {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), 3*time.Second)
		defer cancel()
		_ = s.dropUnfinished(short, on, temporary) // what cannot be dropped now, the next one drops
	}
	return err
}

// named finds out, over a new connection, whether a database had got its name when the connection was lost. If it has, what is left to be
// done is done, and nil given; if not, lost is.
func (s Server) named(ctx context.Context, made uint32, temporary, name string, lost error) error {
	var now string
	err := s.at(ctx, name, func(on *session.Session) error { // not before the other session has ended
		err := on.Ask(ctx, "SELECT datname FROM pg_catalog.pg_database WHERE oid OPERATOR(pg_catalog.=) $1::oid", []any{made}, []any{&now}, nil)
		if err == nil && now == name {
			s.notice("the connection was lost; the server says that the database " + name + " has its name")
			s.dropReplaced(ctx, on, temporary, name)
		}
		return err
	})
	switch {
	case ctx.Err() != nil:
		return ctx.Err()
	case err == nil && now == name:
		return nil
	case err == nil && now == temporary:
		return lost
	}
	return &problem.Error{Code: problem.Database, Topic: problem.Lost, Where: "database " + name, Err: lost,
		What:   "the connection to the server was lost, and whether the database has been made is not known: " + session.Reason(lost),
		Remedy: "Look whether it is there. fabricate-seed drop drops what was made."}
}

func (s Server) name(ctx context.Context, on *session.Session, temporary, name string, m mark, finish func(string) error) error {
	there, err := find(ctx, on, name)
	if err != nil {
		return err
	}
	if there != nil && (!there.ours || m.CloneOf == "" || there.mark.CloneOf != m.CloneOf) {
		return notOurs(name, m.CloneOf)
	}
	if there != nil && there.invalid {
		if err := s.drop(ctx, on, name); err != nil {
			return err
		}
		there = nil
	}
	err = s.patiently(ctx, on, name, func() error {
		if there != nil {
			if err := endSessions(ctx, on, name); err != nil {
				return err
			}
		}
		return s.swap(ctx, on, temporary, name, m, there != nil, finish)
	})
	if err != nil || there == nil {
		return err
	}
	s.dropReplaced(ctx, on, temporary, name)
	return nil
}

// dropReplaced drops the database that another one has taken the place of.
func (s Server) dropReplaced(ctx context.Context, on *session.Session, temporary, name string) {
	said := "could not be dropped, which the next run does"
	err := s.dropUnfinished(ctx, on, temporary+replaced)
	if session.Lost(err) {
		said = "was being dropped when the connection was lost; the next run does the rest"
	}
	if err != nil {
		s.warn(fmt.Sprintf("the database that had the name %s before %s: %s", name, said, session.Reason(err)))
	}
}

// replaced is what the unfinished name of a database ends in that another one has taken the place of.
const replaced = "o"

// endSessions ends the sessions of clients in a database, as DROP DATABASE … WITH (FORCE) does. The server ends its own, such as autovacuum's,
// itself, before it gives a database another name.
func endSessions(ctx context.Context, on *session.Session, name string) error {
	return on.Ask(ctx, `SELECT pg_catalog.pg_terminate_backend(pid) FROM pg_catalog.pg_stat_activity
		WHERE datname OPERATOR(pg_catalog.=) $1::pg_catalog.name AND backend_type OPERATOR(pg_catalog.=) 'client backend'`, []any{name}, nil, nil)
}

// swap gives a database what it is to have, and its name, in one transaction with taking the name from the one that has it. So there is
// the one or the other under it at any moment, and what fails later takes nothing away.
func (s Server) swap(ctx context.Context, on *session.Session, temporary, name string, m mark, taken bool, finish func(string) error) error {
	return transaction(ctx, on, func() error {
		if err := on.Exec(ctx, "COMMENT ON DATABASE "+quote(temporary)+" IS "+literal(m.String())); err != nil {
			return err
		}
		if finish != nil {
			if err := finish(temporary); err != nil {
				return err
			}
		}
		if err := on.Exec(ctx, "ALTER DATABASE "+quote(temporary)+" ALLOW_CONNECTIONS true"); err != nil {
			return err
		}
		if taken {
			if err := on.Exec(ctx, "ALTER DATABASE "+quote(name)+" RENAME TO "+quote(temporary+replaced)); err != nil {
				return err
			}
			if err := on.Exec(ctx, "ALTER DATABASE "+quote(temporary+replaced)+" ALLOW_CONNECTIONS false"); err != nil {
				return err
			}
		}
		return on.Exec(ctx, "ALTER DATABASE "+quote(temporary)+" RENAME TO "+quote(name))
	})
}

// transaction does something in a transaction of its own.
func transaction(ctx context.Context, on *session.Session, do func() error) error {
	if err := on.Exec(ctx, "BEGIN"); err != nil {
		return err
	}
	if err := do(); err != nil {
		short, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
		defer cancel()
		if on.Exec(short, "ROLLBACK") != nil {
			on.Drop()
		}
		return err
	}
	late, cancel := session.Outlive(ctx, commitGrace) // what became of it is to be known
	defer cancel()
	return on.Exec(late, "COMMIT")
}

// commitGrace is how long a COMMIT that is under way when the run is interrupted may go on.
const commitGrace = 2 * time.Second

// rollbackTimeout is how long a rollback may take before the connection is dropped, which rolls back too.
const rollbackTimeout = 2 * time.Second

func notOurs(name, source string) error {
	what := "there is a database of this name that is not a clone of " + source + " made by fabricate-seed, so it stays as it is"
	if source == "" {
		what = "a database of this name was made in the meantime"
	}
	return &problem.Error{Code: problem.Database, Where: "database " + name, What: what,
		Remedy: "Choose other names with the settings clones and clone-names, or drop it yourself."}
}

// dropUnfinished removes what somebody who was killed has left. Nobody has ever been able to connect to it.
func (s Server) dropUnfinished(ctx context.Context, on *session.Session, temporary string) error {
	var left bool
	err := on.Ask(ctx, `SELECT pg_catalog.count(*) OPERATOR(pg_catalog.>) 0 FROM pg_catalog.pg_database
		WHERE datname OPERATOR(pg_catalog.=) $1::pg_catalog.name AND NOT datallowconn`, []any{temporary}, []any{&left}, nil)
	if err == nil && left {
		err = erase(ctx, on, temporary, "")
	}
	return err
}

// drop drops a database, whoever is connected.
func (s Server) drop(ctx context.Context, on *session.Session, name string) error {
	return s.patiently(ctx, on, name, func() error {
		return erase(ctx, on, name, " WITH (FORCE)")
	})
}

// erase drops a database, also one that somebody has made a template since.
func erase(ctx context.Context, on *session.Session, name, how string) error {
	drop := "DROP DATABASE IF EXISTS " + quote(name) + how
	err := on.Exec(ctx, drop)
	if session.State(err) != isTemplate {
		return err
	}
	if err = on.Exec(ctx, "ALTER DATABASE "+quote(name)+" IS_TEMPLATE false"); err == nil {
		err = on.Exec(ctx, drop)
	}
	return err
}

// retryAfter is between two tries of what others stand in the way of. The server itself waits five seconds each time.
const retryAfter = 200 * time.Millisecond

// patiently tries again while sessions in a database stand in the way, up to Wait, and then names them.
func (s Server) patiently(ctx context.Context, on *session.Session, database string, do func() error) error {
	start, said := time.Now(), false
	for {
		err := do()
		if session.State(err) != inUse {
			return err
		}
		sessions := sessionsIn(ctx, on, database)
		if time.Since(start) > s.wait() {
			return &problem.Error{Code: problem.Timeout, Where: "database " + database, Err: err,
				What:   fmt.Sprintf("others have been connected to it for %s: %s", s.wait(), sessions),
				Remedy: "Have them disconnect (a pooler keeps connections open), or set lock-timeout higher."}
		}
		if !said {
			said = true
			s.notice(fmt.Sprintf("waiting up to %s for those who are connected to %s: %s", s.wait(), database, sessions))
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-time.After(retryAfter):
		}
	}
}

// sessionsIn names who is connected to a database.
func sessionsIn(ctx context.Context, on *session.Session, database string) string {
	var names string
	err := on.Ask(ctx, `SELECT coalesce(pg_catalog.string_agg(pg_catalog.format('%s (%s, pid %s)', usename,
		coalesce(pg_catalog."left"(nullif(application_name, ''), 40), backend_type), pid), ', '), '') FROM
		(SELECT * FROM pg_catalog.pg_stat_activity WHERE datname OPERATOR(pg_catalog.=) $1::pg_catalog.name
			AND pid OPERATOR(pg_catalog.<>) pg_catalog.pg_backend_pid() LIMIT 5) AS first`, []any{database}, []any{&names}, nil)
	if err != nil || names == "" {
		return "sessions that have ended meanwhile, or cannot be seen"
	}
	return names
}

// explain makes an error that a person can act on.
func explain(ctx context.Context, name string, err error) error {
	var p *problem.Error
	var pe *pgconn.PgError
	var locked *session.LockError
	switch {
	case err == nil || errors.As(err, &p):
		return err
	case ctx.Err() != nil:
		return ctx.Err()
	}
	p = &problem.Error{Code: problem.Database, Where: "database " + name, What: err.Error(), Err: err}
	switch {
	case errors.As(err, &locked):
		locked.Describe(p)
	case !errors.As(err, &pe):
		p.What = "the connection to the server was lost: " + session.Reason(err)
	default:
		p.What = pe.Message
		if strings.HasPrefix(pe.Message, "checkpoint request failed") {
			p.Remedy = "The server's log says why; often its disk is full."
		}
		switch pe.Code {
		case notAllowed:
			p.Remedy = "The role of database-url needs the right to create databases (ALTER ROLE … CREATEDB), has to own what is copied or dropped, and, " +
				"to end sessions of other roles, be a member of them or of pg_signal_backend."
		case noSuchDatabase:
			p.Remedy = "Look at the setting template: it names a database of the same server."
		case diskFull:
			p.Remedy = "Free space on the server's disk: each database needs as much as the one that it is made from."
		case alreadyThere, notUnique:
			p.Remedy = "Somebody else has made it at the same moment; run this again."
		}
	}
	return p
}

func (s Server) wait() time.Duration {
	return cmp.Or(s.Options.LockTimeout, session.DefaultLockTimeout)
}

func now() string { return time.Now().UTC().Format(time.RFC3339) }

func (s Server) notice(text string) {
	if s.Options.Notice != nil {
		s.Options.Notice(text)
	}
}

func (s Server) warn(text string) {
	if s.Options.Warn != nil {
		s.Options.Warn(text)
	}
}

func quote(name string) string { return pgx.Identifier{name}.Sanitize() }

// literal quotes a text for SQL; standard_conforming_strings is on.
func literal(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }
