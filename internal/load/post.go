package load

import (
	"context"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

// Small statements that empty or fill a table do not wait for each other's answers: the one transaction fails as a whole
// anyway, and when one of them fails, the server refuses those behind it. The answers are read before anything else is done,
// before a variable that tells of them is read, and when there are many.
const (
	postedAtOnce = 64       // statements
	postedBytes  = 64 << 10 // of statements; they, and the answers, must find room in the buffers between here and the server
)

// posted is a statement that was sent and not yet answered.
type posted struct {
	st   *psql.Statement
	info statementInfo
}

// mayPost tells whether the script can go on before the statement is answered.
func (r *run) mayPost(st *psql.Statement) bool {
	return r.began && (st.First == "truncate" || st.First == "insert") && len(st.Text) < r.o.thresholds.largeInsert &&
		!st.More && !st.Compound && st.Send == nil && r.fast() && (r.way == nil || !r.way.active)
}

// post sends a statement.
func (r *run) post(ctx context.Context, st *psql.Statement, info statementInfo) *failure {
	p := &posted{st: st, info: info}
	if err := r.wire.post(ctx, st.Text); err != nil {
		return r.outcome(p.failure(err), pgconn.CommandTag{})
	}
	r.posted = append(r.posted, p)
	size := 0
	for _, p := range r.posted {
		size += len(p.st.Text)
	}
	if len(r.posted) >= postedAtOnce || size >= postedBytes {
		return r.answered(ctx)
	}
	return nil
}

// answered awaits the answers to all statements that were posted, and gives the first failure.
func (r *run) answered(ctx context.Context) (first *failure) {
	if len(r.posted) == 0 {
		return nil
	}
	at := r.at
	defer func() { r.at = at }()
	all, start := r.posted, time.Now()
	r.posted = nil
	for _, p := range all {
		var tag pgconn.CommandTag
		r.at = p.st.Pos
		err := r.wire.answer(ctx, answers{done: func(t pgconn.CommandTag) { tag = t }})
		if first == nil { // else the server has refused it, since the transaction has failed
			first = r.outcome(p.failure(err), tag)
		}
		if r.conn.IsClosed() {
			return first
		}
		if first == nil && p.info.kind == insertStatement {
			r.tally.count(p.info.tables[0], tag.RowsAffected(), int64(len(p.st.Text)), time.Since(start))
			start = time.Now()
		}
	}
	if first == nil && ctx.Err() != nil {
		first = all[0].failure(ctx.Err())
	}
	return first
}

// failure is what it means that the statement has failed. Nothing after it counts, a \set ON_ERROR_STOP that was read
// meanwhile included.
func (p *posted) failure(err error) *failure {
	return &failure{at: p.st.Pos, err: err, text: p.st.Text, locate: p.st.Locate, refused: err != nil}
}
