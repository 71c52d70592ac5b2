package session

import (
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// trait is what an SQLSTATE says beyond its name.
type trait uint8

const (
	transient     trait = 1 << iota // a load in one transaction may succeed when it is begun anew
	environmental                   // it says nothing of the statement or its rows
	startingUp                      // of a server that may let us in a little later
	notServing                      // of a server that takes no questions: it counts as not reached
)

// The SQLSTATEs that this program asks for by name.
const (
	wrongPassword      = "28P01"
	notAuthorized      = "28000" // by pg_hba.conf, or no such role
	noSuchDatabase     = "3D000"
	cannotConnectNow   = "57P03" // starting up, shutting down, in recovery
	tooManyConnections = "53300"
	queryCanceled      = "57014"
	badValue           = "22023" // of a setting, among others
	noSuchSetting      = "42704" // likewise
)

// traits is the one table of what errors mean: by state, else by class. What is in neither is the statement's own fault.
var traits = map[string]trait{
	"08":    transient,     // connection exception
	"25":    environmental, // invalid transaction state
	"25006": 0,             // but a read-only transaction refuses this statement, and says what it is
	"40":    environmental,
	"40001": environmental | transient, // serialization failure
	"40P01": environmental | transient, // deadlock detected
	"53":    environmental,             // insufficient resources
	"53300": environmental | startingUp,
	"55P03": environmental,                          // lock not available
	"57":    environmental,                          // operator intervention, a cancelled statement among them
	"57P01": environmental | transient | notServing, // admin shutdown: also of a backend that was terminated
	"57P02": environmental | transient | notServing, // crash shutdown
	"57P03": environmental | transient | notServing | startingUp,
	"58":    environmental, // system error
	"XX":    environmental, // internal error
}

// has reports whether the server sent an error with a trait.
func has(err error, t trait) bool {
	var pe *pgconn.PgError
	if !errors.As(err, &pe) {
		return false
	}
	known, ok := traits[pe.Code]
	if !ok {
		known = traits[pe.Code[:min(2, len(pe.Code))]]
	}
	return known&t != 0
}

// Transient reports whether an error is of a kind that a load in one transaction may be tried again after, as a whole: the
// connection died, or the server took the transaction back for the sake of others.
func Transient(err error) bool { return Lost(err) || has(err, transient) }

// Environmental reports whether the server's error says nothing of the statement: a deadlock, no more space, a lock not got,
// cancelled, broken.
func Environmental(err error) bool { return has(err, environmental) }

// Lost reports whether the connection is gone, and with it the answer to what was under way.
func Lost(err error) bool {
	var lost *LostError
	return errors.As(err, &lost)
}

// MayBeRow reports whether the error of a COPY may be that of a row, or of the way that it went: the server has sent it, and it says
// something of the statement.
func MayBeRow(err error) bool { return State(err) != "" && !Environmental(err) }

// State gives the server's code, "" if it is not the server that complained.
func State(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Code
	}
	return ""
}

// mayStillStart tells a server that is not there yet from one that says no.
func mayStillStart(err error) bool {
	if State(err) != "" {
		return has(err, startingUp)
	}
	var inClear *clearTextError
	return !isTLS(err) && !isFinal(err) && !errors.As(err, &inClear)
}

// isAnswer reports whether an error is one that the server has sent while it serves: it can be reached.
func isAnswer(err error) bool { return State(err) != "" && !has(err, notServing) }

// What a question came to that was answered otherwise than can be.
var (
	errNoReason      = errors.New("the transaction has failed, and the server's word of why is lost")
	errNoState       = errors.New("the server tells of a state of the transaction that there is not")
	errNoTransaction = errors.New("the server says that no transaction is open after BEGIN")
	errNoRow         = errors.New("the answer has no row")
	errNoColumns     = errors.New("a row of the answer has other columns than were told of or asked for")
	errAnotherServer = errors.New("another server answers, or the same one after a restart")
)

// LostError says that the connection is gone and the fate of what was under way is not known from here.
type LostError struct{ Err error }

func (e *LostError) Error() string { return e.Err.Error() }

// Unwrap gives the cause.
func (e *LostError) Unwrap() error { return e.Err }

// LockError says that another session's lock was waited for too long.
type LockError struct {
	limit time.Duration
	seen  lockStatus
}

func (e *LockError) Error() string {
	return fmt.Sprintf("waited %s for %s, held by %s", e.limit, e.seen.lock, e.seen.who)
}

// Describe completes the problem.
func (e *LockError) Describe(p *problem.Error) {
	p.Code, p.Topic, p.What, p.Excerpt = problem.Timeout, problem.Lock, e.Error(), "HOLDER: "+e.seen.doing
	p.Remedy = "Wait for it to end, or end it (SELECT pg_terminate_backend(pid)), or raise the setting lock-timeout."
	if e.seen.own {
		p.Remedy = "Loads of the same tables run one after the other: run it again when the other one is through, or raise the setting lock-timeout."
	}
}
