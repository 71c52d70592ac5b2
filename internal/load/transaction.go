package load

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// blockStart is the savepoint at the place where the script's present transaction block began.
const blockStart = "fabricate_seed_block"

// movedBlock moves it here.
const movedBlock = "RELEASE SAVEPOINT " + blockStart + "; SAVEPOINT " + blockStart

var noTag pgconn.CommandTag

// transactionControl lets a script's own BEGIN, COMMIT and ROLLBACK mean inside the one transaction what they mean to
// psql -1, without ending it. psql sends BEGIN before the script and COMMIT after it, and what the script does in between
// ends that transaction; here a savepoint stands where the block in question began, ROLLBACK goes back to it, and COMMIT
// moves it forward. done means that the statement has been dealt with. compound says that it is not sent by itself: it is joined to
// others, or prepared.
func (r *run) transactionControl(ctx context.Context, infos []statementInfo, compound bool) (done bool, err error) {
	if compound {
		for _, info := range infos {
			switch info.kind {
			case beginStatement, commitStatement, rollbackStatement, prepareTransaction:
				return true, &psql.Error{Pos: r.at, Message: `BEGIN, COMMIT and ROLLBACK that are joined to other statements or prepared cannot be carried out inside one transaction`,
					Remedy: "Set transaction to none."}
			}
		}
		return false, nil
	}
	info := infos[0]
	switch info.kind {
	case beginStatement:
		if r.inBlock {
			r.notice(r.place() + "WARNING: there is already a transaction in progress")
			return true, nil
		}
		r.inBlock = true
		return true, r.exec(ctx, movedBlock)
	case commitStatement, rollbackStatement:
		if !r.inBlock {
			if info.chain {
				return true, errors.New("COMMIT AND CHAIN can only be used in transaction blocks")
			}
			r.notice(r.place() + "WARNING: there is no transaction in progress")
			return true, nil
		}
		r.inBlock = info.chain
		if info.kind == rollbackStatement || r.wire.pg.TxStatus() == 'E' {
			return true, r.exec(ctx, "ROLLBACK TO SAVEPOINT "+blockStart)
		}
		return true, r.exec(ctx, movedBlock)
	case prepareTransaction:
		return true, &psql.Error{Pos: r.at, Message: "PREPARE TRANSACTION would end the one transaction of the load", Remedy: "Set transaction to none."}
	}
	return false, nil
}

func (r *run) place() string { return fmt.Sprintf("%s:%d: ", r.at.File, r.at.Line) }
