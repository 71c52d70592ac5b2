// Package twophase makes one of several transactions of one database: all are prepared, then all are committed, and whoever is killed on
// the way leaves what another can finish. It knows nothing of rows.
//
// # The decision
//
// The transactions of a run are numbered. The last one, the decider, is prepared last, when all the others are, and committed last, when
// all the others are. So the decision needs no record of its own: a run is decided to be committed as long as its decider is prepared,
// and is committed whole when that is gone.
//
//	what a dead run left prepared      what that means                         what is done
//	nothing                            none was prepared, or all are committed nothing
//	others, the decider not            it was never prepared: not decided      the others are rolled back
//	the decider, and others            decided, some may be committed          the others are committed, then the decider
//	the decider alone                  decided, all others are committed       it is committed
//
// Whether the decider may still be prepared, because its run is alive, is told by a lock: the decider's transaction holds it from before
// the first is prepared until it ends, prepared or not. Who gets the lock knows that the decider is over, and that nobody can prepare it
// any more. A run that is alive is left alone, and one that is decided may be finished by several at once: all of them do the same.
package twophase

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"hash/crc32"
	"slices"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// lockClass is the upper half of the keys of the deciders' locks. Those of tables have others.
const lockClass = 0x46_41_42_55

// prefix begins the names of all transactions of ours.
const prefix = "fabricate_seed:"

// Querier is a connection without a transaction.
type Querier interface {
	Ask(ctx context.Context, sql string, args, scan []any, each func() error) error
	Exec(ctx context.Context, sql string) error
}

// Run is the transactions of one run.
type Run struct {
	Database uint32 // its oid
	ID       string // random, hexadecimal
	N        int    // how many there are
}

// New gives a run of n transactions.
func New(database uint32, n int) Run {
	var id [8]byte
	_, _ = rand.Read(id[:])
	return Run{database, hex.EncodeToString(id[:]), n}
}

// Name is the name of the i-th transaction, counted from 1; the N-th is the decider.
func (r Run) Name(i int) string {
	return fmt.Sprintf("%s%d:%s:%d/%d", prefix, r.Database, r.ID, i, r.N)
}

// Lock gives the statement that the decider's transaction must send before any is prepared.
func (r Run) Lock() string {
	return fmt.Sprintf("SELECT pg_catalog.pg_advisory_xact_lock(%d)", r.key())
}

func (r Run) key() int64 { return lockClass<<32 + int64(crc32.ChecksumIEEE([]byte(r.ID))) }

// Prepare gives the statement that prepares the i-th transaction; Commit and Rollback give those that end it afterwards.
func (r Run) Prepare(i int) string { return "PREPARE TRANSACTION '" + r.Name(i) + "'" }

// Commit gives the statement that commits the i-th transaction, which is prepared.
func (r Run) Commit(i int) string { return "COMMIT PREPARED '" + r.Name(i) + "'" }

// Rollback gives the statement that takes the i-th transaction back, which is prepared.
func (r Run) Rollback(i int) string { return "ROLLBACK PREPARED '" + r.Name(i) + "'" }

// read reads a name. It gives false for those that are not ours.
func read(name string) (r Run, i int, ok bool) {
	rest, ok := strings.CutPrefix(name, prefix)
	if !ok {
		return r, 0, false
	}
	if n, err := fmt.Sscanf(strings.ReplaceAll(rest, ":", " "), "%d %s %d/%d", &r.Database, &r.ID, &i, &r.N); err != nil || n != 4 || r.Name(i) != name || i < 1 || i > r.N {
		return r, 0, false
	}
	return r, i, true
}

// State is what became of a run.
type State uint8

// The states.
const (
	Gone       State = iota // nothing of it is prepared, and nothing was done about it
	Alive                   // not decided, and it may yet be
	RolledBack              // it was not decided, and all of it is rolled back
	Committed               // it was decided, and all of it is committed
)

// leftQuery is pg_prepared_xacts without its joins, and ofDatabase adds what keeps it to one database. Every load asks, and to plan that takes
// longer than the answer: only where the server has something of ours it is asked whose.
const (
	leftQuery  = `SELECT gid FROM pg_prepared_xact() WHERE starts_with(gid, $1::text)`
	ofDatabase = ` AND dbid = (SELECT oid FROM pg_database WHERE datname = current_database()) ORDER BY gid`
)

// left gives the transactions that are prepared, by run.
func left(ctx context.Context, q Querier, begin string) (map[Run][]int, error) {
	found := map[Run][]int{}
	var name string
	some := false
	err := q.Ask(ctx, leftQuery, []any{begin}, []any{&name}, func() error {
		some = true
		return nil
	})
	if err != nil || !some {
		return found, err
	}
	err = q.Ask(ctx, leftQuery+ofDatabase, []any{begin}, []any{&name}, func() error {
		if r, i, ok := read(name); ok {
			found[r] = append(found[r], i)
		}
		return nil
	})
	return found, err
}

// Found is a run of which something was left prepared.
type Found struct {
	Run
	State State
	Err   error // it could not be finished: of another role, say
}

// Recover finishes what earlier runs in the database have left prepared, as they had decided.
func Recover(ctx context.Context, q Querier) ([]Found, error) {
	runs, err := left(ctx, q, prefix)
	if err != nil {
		return nil, err
	}
	var all []Found
	for r := range runs {
		state, err := r.Settle(ctx, q)
		all = append(all, Found{r, state, err})
	}
	slices.SortFunc(all, func(a, b Found) int { return strings.Compare(a.ID, b.ID) })
	return all, nil
}

// tries and wait are how often, and how long apart, a run is looked at that somebody else is finishing.
const (
	tries = 40
	wait  = 250 * time.Millisecond
)

// Settle finishes what is left prepared of a run, as it was decided. The error is the server's, or that of ctx.
func (r Run) Settle(ctx context.Context, q Querier) (State, error) {
	state := Gone
	for try := 0; ; try++ {
		prepared, err := r.left(ctx, q)
		if err != nil || len(prepared) == 0 {
			return state, err
		}
		if !slices.Contains(prepared, r.N) {
			over, err := r.over(ctx, q)
			if err != nil {
				return state, err
			}
			if !over {
				return Alive, nil
			}
			if prepared, err = r.left(ctx, q); err != nil { // it may have been prepared and committed since
				return state, err
			}
			err = r.finish(ctx, q, prepared, r.Rollback)
			if err == nil && len(prepared) > 0 {
				state = RolledBack
			}
			if err != nil && !busy(err) {
				return state, err
			}
		} else {
			others := slices.DeleteFunc(prepared, func(i int) bool { return i == r.N })
			if len(others) == 0 {
				others = []int{r.N}
			}
			err := r.finish(ctx, q, others, r.Commit)
			if err != nil && !busy(err) {
				return state, err
			}
			state = Committed
		}
		if try == tries {
			return state, errors.New("another session is at work on a prepared transaction")
		}
		if try > r.N {
			select {
			case <-ctx.Done():
				return state, ctx.Err()
			case <-time.After(wait):
			}
		}
	}
}

func (r Run) left(ctx context.Context, q Querier) ([]int, error) {
	found, err := left(ctx, q, fmt.Sprintf("%s%d:%s:", prefix, r.Database, r.ID))
	return found[r], err
}

// over reports that the decider's transaction is over, or prepared.
func (r Run) over(ctx context.Context, q Querier) (over bool, err error) {
	err = q.Ask(ctx, "SELECT pg_try_advisory_xact_lock($1::int8)", []any{r.key()}, []any{&over}, nil)
	return over, err
}

// finish sends a statement for each transaction. One that is gone by then was finished by another.
func (r Run) finish(ctx context.Context, q Querier, numbers []int, statement func(i int) string) error {
	var first error
	for _, i := range numbers {
		if err := q.Exec(ctx, statement(i)); err != nil && !is(err, "42704") && first == nil {
			first = err
		}
	}
	return first
}

// busy reports that another session is finishing the transaction.
func busy(err error) bool { return is(err, "55000") }

func is(err error, state string) bool {
	var pe *pgconn.PgError
	return errors.As(err, &pe) && pe.Code == state
}
