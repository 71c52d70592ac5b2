package load

import (
	"context"
	"encoding/binary"
	"errors"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
)

const (
	cancelGrace   = 2 * time.Second // from asking the server to cancel to dropping the connection
	copyFrameSize = 256 << 10       // bytes of one CopyData message
	wholeMessage  = 64 << 10        // bytes of a statement up to which its message is put together, so that it goes at once
)

// wire sends SQL by the simple query protocol, which is psql's, over a connection that pgconn has made. pgconn's own Exec
// does not serve: it must know before whether the server will ask for COPY rows, and only the server can tell.
type wire struct {
	pg       *pgconn.PgConn
	buf      []byte
	commands []string // first words of what completed in the last query
	gaveRows bool     // the last command gave rows
	syncs    bool     // the query under way goes by the extended protocol

	cause func(error) error // gives the reason in place of an error, if somebody has ended the query; may be nil
}

// answers say what to do with what the server sends. Any of them may be nil.
type answers struct {
	fields func(names []string)        // a result set begins
	row    func(values [][]byte)       // one row; nil for NULL; valid during the call
	copyIn func() (io.Reader, error)   // the server wants COPY rows
	done   func(tag pgconn.CommandTag) // a command has completed
}

// query sends text and handles the answers up to the next ReadyForQuery. The error is a *pgconn.PgError when the server
// reports one (the first, if several), the copyIn reader's own error if that failed, or that of the connection. When ctx
// ends, the server is asked to cancel.
func (w *wire) query(ctx context.Context, text []byte, a answers) error {
	return w.send(ctx, a, w.encode(text))
}

// post sends text without waiting for the answer, which answer gives: in the order of the posts, and before any query.
func (w *wire) post(ctx context.Context, text []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	parts := net.Buffers(w.encode(text))
	if _, err := parts.WriteTo(w.pg.Conn()); err != nil {
		return w.because(ctx, w.broken(ctx, err))
	}
	return nil
}

// answer handles the answers to what was posted first. It does so, too, when ctx has ended: the server is asked to cancel.
func (w *wire) answer(ctx context.Context, a answers) error {
	if w.pg.TxStatus() != 'E' { // there is nothing to cancel in a transaction that has failed
		defer w.watch(ctx)()
	}
	w.commands, w.gaveRows = nil, false
	return w.because(ctx, w.receive(ctx, a))
}

// encode gives the message that asks for text, in parts that are sent one behind the other.
func (w *wire) encode(text []byte) [][]byte {
	w.buf = append(w.buf[:0], 'Q')
	w.buf = binary.BigEndian.AppendUint32(w.buf, uint32(4+len(text)+1))
	if len(text) > wholeMessage {
		return [][]byte{w.buf, text, {0}}
	}
	w.buf = append(append(w.buf, text...), 0)
	return [][]byte{w.buf}
}

// extended does what \bind, \bind_named, \parse and \close_prepared ask for, by the extended query protocol. It is as query
// otherwise.
func (w *wire) extended(ctx context.Context, st *psql.Statement, a answers) error {
	bind := st.Send.Bind
	var messages []pgproto3.FrontendMessage
	if st.Send.Kind == psql.SendClose {
		messages = append(messages, &pgproto3.Close{ObjectType: 'S', Name: bind.Name})
	} else {
		if !bind.Prepared {
			messages = append(messages, &pgproto3.Parse{Name: bind.Name, Query: string(st.Text)})
		}
		if st.Send.Kind != psql.SendParse {
			params := make([][]byte, len(bind.Params))
			for i, p := range bind.Params {
				params[i] = []byte(p)
			}
			messages = append(messages, &pgproto3.Bind{PreparedStatement: bind.Name, Parameters: params},
				&pgproto3.Describe{ObjectType: 'P'}, &pgproto3.Execute{})
		}
	}
	w.buf = w.buf[:0]
	for _, m := range append(messages, &pgproto3.Sync{}) {
		var err error
		if w.buf, err = m.Encode(w.buf); err != nil {
			return err
		}
	}
	w.syncs = true
	defer func() { w.syncs = false }()
	return w.send(ctx, a, net.Buffers{w.buf})
}

// send sends the parts, one behind the other, and handles the answers.
func (w *wire) send(ctx context.Context, a answers, parts net.Buffers) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer w.watch(ctx)()
	w.commands, w.gaveRows = nil, false
	if _, err := parts.WriteTo(w.pg.Conn()); err != nil {
		return w.because(ctx, w.broken(ctx, err))
	}
	return w.because(ctx, w.receive(ctx, a))
}

// because gives the reason for an error, if somebody has ended the query.
func (w *wire) because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil && w.cause != nil {
		return w.cause(err)
	}
	return err
}

// producing tells the watcher that there are rows to send, and not an answer to wait for.
func (w *wire) producing(rows bool) {
	if p := pulseOf(w.pg.Conn()); p != nil {
		p.producing.Store(rows)
	}
}

func (w *wire) receive(ctx context.Context, a answers) error {
	var first error
	var copyOut, described bool
	keep := func(err error) {
		if first == nil {
			first = err
		}
	}
	var pending pgproto3.BackendMessage // what arrived while COPY rows were sent
	for {
		msg := pending
		pending = nil
		if msg == nil {
			var err error
			if msg, err = w.pg.ReceiveMessage(context.Background()); err != nil {
				return w.broken(ctx, err)
			}
		}
		switch m := msg.(type) {
		case *pgproto3.CopyOutResponse:
			copyOut = true
		case *pgproto3.RowDescription:
			described = true
			if a.fields != nil {
				names := make([]string, len(m.Fields))
				for i, f := range m.Fields {
					names[i] = string(f.Name)
				}
				a.fields(names)
			}
		case *pgproto3.DataRow:
			if a.row != nil {
				a.row(m.Values)
			}
		case *pgproto3.CommandComplete:
			tag := string(m.CommandTag)
			word, _, _ := strings.Cut(tag, " ")
			w.commands, w.gaveRows = append(w.commands, word), described
			if copyOut {
				tag = "COPY 0" // psql counts no rows that it was given
			}
			copyOut, described = false, false
			if a.done != nil {
				a.done(pgconn.NewCommandTag(tag))
			}
		case *pgproto3.ErrorResponse:
			keep(pgconn.ErrorResponseToPgError(m))
		case *pgproto3.CopyInResponse:
			var failed, err error
			if pending, failed, err = w.copyIn(a.copyIn); err != nil {
				return w.broken(ctx, err)
			}
			if failed != nil {
				keep(failed)
			}
		case *pgproto3.ReadyForQuery:
			return first
		}
	}
}

// copyIn sends the rows while another goroutine listens: the server may refuse a row long before the last is sent. It gives
// the message that ended the listening. failed is an error of the rows' reader; err is one of the connection.
func (w *wire) copyIn(open func() (io.Reader, error)) (next pgproto3.BackendMessage, failed, err error) {
	type heard struct {
		msg pgproto3.BackendMessage
		err error
	}
	ears := make(chan heard, 1)
	go func() {
		for {
			msg, err := w.pg.ReceiveMessage(context.Background())
			switch msg.(type) {
			case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus, *pgproto3.NotificationResponse:
				if err == nil {
					continue // pgconn has seen to it
				}
			}
			ears <- heard{msg, err}
			return
		}
	}()
	w.producing(true)
	defer w.producing(false)
	failed = errors.New("no rows follow")
	if open != nil {
		var rows io.Reader
		if rows, failed = open(); failed == nil {
			buf := make([]byte, 5+copyFrameSize)
			buf[0] = 'd'
			for {
				n, rerr := readSome(rows, buf[5:])
				if n > 0 {
					binary.BigEndian.PutUint32(buf[1:], uint32(4+n))
					if _, err := w.pg.Conn().Write(buf[:5+n]); err != nil {
						rerr = err
					}
				}
				if rerr != nil && !errors.Is(rerr, io.EOF) {
					failed = rerr
				}
				if rerr != nil {
					break
				}
				select {
				case h := <-ears: // refused: the server throws away what is still under way
					return h.msg, nil, h.err
				default:
				}
			}
		}
	}
	end := []byte{'c', 0, 0, 0, 4}
	if failed != nil {
		end = append(binary.BigEndian.AppendUint32([]byte{'f'}, uint32(4+len(failed.Error())+1)), failed.Error()...)
		end = append(end, 0)
	}
	if w.syncs { // the one before was for nothing: a COPY under way ignores it
		end = append(end, 'S', 0, 0, 0, 4)
	}
	if _, werr := w.pg.Conn().Write(end); werr != nil && failed == nil {
		failed = werr
	}
	w.producing(false)
	h := <-ears
	return h.msg, failed, h.err
}

// readSome fills buf as far as the reader gives something, so that frames are few.
func readSome(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf)/2 && err == nil {
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	return n, err
}

// watch asks the server to cancel when ctx ends, and drops the connection if that does not help. Call the result when the
// query is over.
func (w *wire) watch(ctx context.Context) (stop func()) {
	over := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		asked, done := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
		defer done()
		_ = w.pg.CancelRequest(asked)
		select {
		case <-over:
		case <-time.After(cancelGrace):
			_ = w.pg.Conn().SetDeadline(time.Unix(1, 0))
		}
	})
	return func() {
		cancel()
		close(over)
	}
}

// broken is the error for a connection that has failed.
func (w *wire) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe
	}
	return &lostError{err}
}

// lostError says that the connection is gone and the fate of what was under way is not known from here.
type lostError struct{ err error }

func (e *lostError) Error() string { return e.err.Error() }
func (e *lostError) Unwrap() error { return e.err }
