package load

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// blockStart is the savepoint at the place where the script's present transaction block began.
const blockStart = "fabricate_seed_block"

// ownSavepoint begins the names of all savepoints that are the load's own.
const ownSavepoint = "fabricate_seed_"

// movedBlock moves it here.
const movedBlock = "RELEASE SAVEPOINT " + blockStart + "; SAVEPOINT " + blockStart

var noTag pgconn.CommandTag

// transactionControl lets a script's own BEGIN, COMMIT and ROLLBACK mean inside the one transaction what they mean to
// psql -1, without ending it. psql sends BEGIN before the script and COMMIT after it, and what the script does in between
// ends that transaction; here a savepoint stands where the block in question began, ROLLBACK goes back to it, and COMMIT
// moves it forward. done means that the statement has been dealt with, rewound that something was taken back. compound says that it is not sent by itself: it is joined to
// others, or prepared.
func (r *run) transactionControl(ctx context.Context, infos []sqltext.Statement, compound bool) (done, rewound bool, err error) {
	for _, info := range infos {
		if strings.HasPrefix(info.Savepoint, ownSavepoint) {
			return true, false, &psql.Error{Pos: r.at, Message: fmt.Sprintf("the savepoint %q has a name of those that the load itself makes", info.Savepoint), Remedy: "Give it another name."}
		}
	}
	if compound {
		for _, info := range infos {
			if info.EndsOrBegins() {
				return true, false, &psql.Error{Pos: r.at, Message: `BEGIN, COMMIT and ROLLBACK that are joined to other statements or prepared cannot be carried out inside one transaction`,
					Remedy: "Set transaction to none."}
			}
		}
		return false, false, nil
	}
	info := infos[0]
	switch info.Kind {
	case sqltext.Begin:
		if r.inBlock {
			r.notice(r.place() + "WARNING: there is already a transaction in progress")
			return true, false, r.setModes(ctx, info) // as the server does
		}
		r.inBlock = true
		if info.Level != "" {
			r.notice(fmt.Sprintf("%sthe one transaction of the load is under way, so its %s stays as it is", r.place(), info.Level))
			info.Level = ""
		}
		if err := r.exec(ctx, movedBlock); err != nil {
			return true, false, err
		}
		return true, false, r.setModes(ctx, info)
	case sqltext.SetTransaction:
		if !r.inBlock {
			r.notice(r.place() + "WARNING: SET TRANSACTION can only be used in transaction blocks")
			return true, false, nil
		}
		return true, false, r.setModes(ctx, info)
	case sqltext.Commit, sqltext.Rollback:
		if !r.inBlock {
			if info.Chain {
				return true, false, outsideBlock(info.Command + " AND CHAIN")
			}
			r.notice(r.place() + "WARNING: there is no transaction in progress")
			return true, false, nil
		}
		r.inBlock = info.Chain
		move := movedBlock
		if rewound = info.Kind == sqltext.Rollback || r.session.TxStatus() == 'E'; rewound {
			move = "ROLLBACK TO SAVEPOINT " + blockStart
		}
		if r.readOnly = r.readOnly && info.Chain; r.readOnly {
			move += "; SET TRANSACTION READ ONLY"
		}
		return true, rewound, r.exec(ctx, move)
	case sqltext.Savepoint, sqltext.Release, sqltext.RollbackTo:
		if !r.inBlock {
			return true, false, outsideBlock(info.Command)
		}
	case sqltext.PrepareTransaction:
		return true, false, &psql.Error{Pos: r.at, Message: "PREPARE TRANSACTION would end the one transaction of the load", Remedy: "Set transaction to none."}
	}
	return false, false, nil
}

// outsideBlock is the server's error for what needs a transaction block, where the script has none as psql -1 would see it.
func outsideBlock(what string) error {
	return &pgconn.PgError{Severity: "ERROR", Code: "25P01", Message: what + " can only be used in transaction blocks"}
}

// firstLevel gives how the first script isolates its transaction, if it says so before anything but settings: BEGIN must know it, since
// PostgreSQL lets nobody choose it after a query or within a savepoint.
func (r *run) firstLevel() string {
	script := append(append([]Script(nil), r.o.Before...), r.o.Script)[0]
	if script.FS == nil {
		return ""
	}
	sc, err := psql.Open(script.FS, script.Name, r.startVars(), psql.Options{Escapes: r.escapes(), Encoding: r.encoding(), FragmentSize: fragmentSize})
	if err != nil {
		return "" // the load itself will come to it
	}
	defer func() { _ = sc.Close() }()
	for {
		item, err := sc.Next()
		switch st, ok := item.(*psql.Statement); {
		case err != nil:
			return ""
		case ok && !st.Compound && (st.First == "begin" || st.First == "start" || st.First == "set"):
			if level := r.parse(st.Text, false)[0].Level; level != "" {
				return level
			}
		case ok:
			return ""
		}
	}
}

// setModes sets the modes of the one transaction as a script asks for them. That it is read only ends with the savepoint, that is
// with the script's block.
func (r *run) setModes(ctx context.Context, info sqltext.Statement) error {
	if info.Level != "" && info.Level != r.level {
		if err := r.exec(ctx, "SET TRANSACTION "+info.Level); err != nil {
			return err
		}
	}
	if info.Access == "" {
		return nil
	}
	r.readOnly = info.Access == "READ ONLY"
	return r.exec(ctx, "SET TRANSACTION "+info.Access)
}

// place begins a message about the statement in hand.
func (x *executor) place() string {
	at := x.placeOf(x.at)
	if at.File == "" {
		return ""
	}
	return problem.Place{File: at.File, Line: at.Line}.String() + ": "
}
