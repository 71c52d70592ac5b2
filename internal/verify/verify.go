// Package verify is what comes after the rows of a load: tables that were emptied for nothing are named, and views that show old rows;
// foreign keys are checked, sequences moved behind the rows, statistics gathered. One check a file. What can only be seen while rows
// and statements pass by is noted here too, as they do. How rows are loaded it does not know.
package verify

import (
	"cmp"
	"context"

	"golang.org/x/sync/errgroup"

	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// Setup readies a transaction for the checks. The planner takes the catalog queries as they are written: with a few rows, looking for the
// best order of their joins takes longer than all else. And the limits of a role's or database's statements are lifted for ours, which psql
// does not send.
const Setup = "SET LOCAL join_collapse_limit TO 1; SET LOCAL from_collapse_limit TO 1; " +
	`SELECT pg_catalog.set_config(name, '0', true) FROM pg_catalog.unnest('{statement_timeout,transaction_timeout,idle_in_transaction_session_timeout}'::pg_catalog.text[]) name
	WHERE pg_catalog.current_setting(name, true) <> '0'`

// Checks are those of one load. An error of one ends the load; it is a *problem.Error or as the session gives it.
type Checks struct {
	Session *session.Session
	Open    bool               // Session is in the transaction of the rows
	Others  []*session.Session // share the work, where no transaction is open
	Apart   bool               // the script has another connection, which may hold a sequence by a setval
	Role    string             // that the session runs as, quoted where it must be
	Emptied *Emptied           // by the script
	Dry     *DryRun            // in which sequences are not moved; nil in any other load
	Enforce bool               // a foreign key that rows break is an error
	Warn    func(text string)
}

// fault gives an error back if nothing can go on after it.
func (c *Checks) fault(ctx context.Context, err error) error {
	if c.Session.Ends(ctx, err) {
		return err
	}
	return nil
}

// spread does n things over all connections at once, in order. All are done; the first error is given.
func (c *Checks) spread(n int, do func(over *session.Session, i int) error) error {
	next := make(chan int, n)
	for i := range n {
		next <- i
	}
	close(next)
	var all errgroup.Group
	for _, s := range append([]*session.Session{c.Session}, c.Others...) {
		all.Go(func() (first error) {
			for i := range next {
				first = cmp.Or(first, do(s, i))
			}
			return first
		})
	}
	return all.Wait()
}
