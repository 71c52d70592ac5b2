package load

import (
	"context"

	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// temporarySavepoint is psql's own name for it.
const temporarySavepoint = "pg_psql_temporary_savepoint"

// implicit does what psql adds to a statement: a BEGIN before it when AUTOCOMMIT is off, and a savepoint around it when
// ON_ERROR_ROLLBACK is on. (The value interactive means off in a script.)
func (r *run) implicit(ctx context.Context, s *statement, do func() *failure) *failure {
	f := s.f
	if v, _ := r.vars.Get("AUTOCOMMIT"); !r.vars.On("AUTOCOMMIT") && v != "" && !r.inTransaction() && !s.parsed[0].RunsAlone() {
		begin := func() error { return r.exec(ctx, "BEGIN") }
		if r.began {
			begin = func() error { r.inBlock = true; return r.exec(ctx, movedBlock) }
		}
		if err := begin(); err != nil {
			f.err = err
			return r.outcome(f, noTag)
		}
	}
	if !r.vars.On("ON_ERROR_ROLLBACK") || !r.inTransaction() || r.session.TxStatus() != 'T' {
		return do()
	}
	if err := r.exec(ctx, "SAVEPOINT "+temporarySavepoint); err != nil {
		f.err = err
		return r.outcome(f, noTag)
	}
	r.session.SetLast(session.Result{})
	out := do()
	after := ""
	switch {
	case r.session.TxStatus() == 'E':
		after = "ROLLBACK TO " + temporarySavepoint
		defer r.rewind()
	case r.session.TxStatus() == 'T' && r.inTransaction() && !endsSavepoint(r.session.Last().Commands):
		after = "RELEASE " + temporarySavepoint
	}
	if after == "" || r.session.IsClosed() {
		return out
	}
	if err := r.exec(ctx, after); err != nil && out == nil {
		f.err = err
		return r.outcome(f, noTag)
	}
	return out
}

// inTransaction tells whether the script is in a transaction block as psql would see it.
func (x *executor) inTransaction() bool {
	if x.began {
		return x.inBlock
	}
	return x.session.TxStatus() != 'I'
}

// endsSavepoint tells whether one of the commands may have ended the savepoint.
func endsSavepoint(commands []string) bool {
	for _, c := range commands {
		switch c {
		case "COMMIT", "SAVEPOINT", "RELEASE", "ROLLBACK":
			return true
		}
	}
	return false
}
