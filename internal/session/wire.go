package session

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// CopyFrame is the size of one CopyData message, in bytes: what rows are best given in.
const CopyFrame = 256 << 10

// wholeMessage is up to which size a statement's message is put together, so that it goes at once; in bytes.
const wholeMessage = 64 << 10

// Handlers say what to do with what the server sends. Any of them may be nil.
type Handlers struct {
	Fields func(names []string)        // a result set begins
	Types  func(oids []uint32)         // the same: its columns' types
	Row    func(values [][]byte)       // one row, of as many values as Fields had names; nil for NULL; valid during the call
	CopyIn func() (io.Reader, error)   // the server wants COPY rows
	Done   func(tag pgconn.CommandTag) // a command has completed

	Columns int // what a row of a statement of our own has at least
}

// Result is what the last message came to.
type Result struct {
	Commands []string // first words of what completed
	GaveRows bool     // the last command gave rows
}

// Last gives the result of the last message that was answered.
func (s *Session) Last() Result { return s.last }

// SetLast puts back the result of an earlier message, where what was sent meanwhile is not to count.
func (s *Session) SetLast(r Result) { s.last = r }

// Do sends sql as one simple query and handles the answers up to the next ReadyForQuery. The error is a *pgconn.PgError when the
// server reports one (the first, if several), the CopyIn reader's own error if that failed, a *LockError when others' locks were
// waited for too long, a *LostError when the connection is gone, or that of ctx. When ctx ends, the server is asked to cancel.
func (s *Session) Do(ctx context.Context, sql []byte, h Handlers) error {
	if s.o.Trace != nil {
		s.o.Trace(string(sql))
	}
	return s.send(ctx, h, s.encode(sql))
}

// Exec sends a statement whose answer is of no interest, as Do does.
func (s *Session) Exec(ctx context.Context, sql string) error {
	return s.Do(ctx, []byte(sql), Handlers{})
}

// CopyIn sends rows for a COPY … FROM STDIN. Errors are as Do's.
func (s *Session) CopyIn(ctx context.Context, sql string, rows io.Reader) (tag pgconn.CommandTag, err error) {
	err = s.Do(ctx, []byte(sql), Handlers{
		CopyIn: func() (io.Reader, error) { return rows, nil },
		Done:   func(t pgconn.CommandTag) { tag = t },
	})
	return tag, err
}

// Prepare is a Parse message without types of parameters. Its text is sent from where it is.
type Prepare struct {
	Name string
	Text []byte
}

// Extended sends messages of the extended protocol, the first to prepare a statement if there is one to prepare, and Sync behind them. It is
// as Do otherwise.
func (s *Session) Extended(ctx context.Context, h Handlers, first *Prepare, messages ...pgproto3.FrontendMessage) error {
	s.buf = s.buf[:0]
	text := 0 // where that of first goes
	if first != nil {
		s.buf = binary.BigEndian.AppendUint32(append(s.buf, 'P'), uint32(4+len(first.Name)+1+len(first.Text)+1+2))
		s.buf = append(append(s.buf, first.Name...), 0)
		text = len(s.buf)
		s.buf = append(s.buf, 0, 0, 0)
	}
	for _, m := range append(messages, &pgproto3.Sync{}) {
		var err error
		if s.buf, err = m.Encode(s.buf); err != nil {
			return err
		}
	}
	s.sync = true
	defer func() { s.sync = false }()
	parts := net.Buffers{s.buf}
	if first != nil {
		parts = net.Buffers{s.buf[:text], first.Text, s.buf[text:]}
	}
	return s.send(ctx, h, parts)
}

// Queue sends sql without waiting for the answer, which Next gives: in the order of the queue, and before any Do. It may be called
// while another goroutine is in Next.
func (s *Session) Queue(ctx context.Context, sql []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if s.o.Trace != nil {
		s.o.Trace(string(sql))
	}
	defer s.until(ctx, true)()
	parts := net.Buffers(s.encode(sql))
	if _, err := parts.WriteTo(s.pg.Conn()); err != nil {
		return s.because(ctx, s.broken(ctx, err))
	}
	return nil
}

// Next handles the answers to what was queued first. It does so, too, when ctx has ended: the server is asked to cancel.
func (s *Session) Next(ctx context.Context, h Handlers) error {
	// In a transaction that has failed there is nothing to cancel.
	defer s.until(ctx, s.pg.TxStatus() != 'E')()
	s.last = Result{}
	return s.because(ctx, s.receive(ctx, h))
}

// encode gives the message that asks for sql, in parts that are sent one behind the other.
func (s *Session) encode(sql []byte) [][]byte {
	s.buf = append(s.buf[:0], 'Q')
	s.buf = binary.BigEndian.AppendUint32(s.buf, uint32(4+len(sql)+1))
	if len(sql) > wholeMessage {
		return [][]byte{s.buf, sql, {0}}
	}
	s.buf = append(append(s.buf, sql...), 0)
	return [][]byte{s.buf}
}

// send sends the parts, one behind the other, and handles the answers.
func (s *Session) send(ctx context.Context, h Handlers, parts net.Buffers) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	defer s.until(ctx, true)()
	s.last = Result{}
	if _, err := parts.WriteTo(s.pg.Conn()); err != nil {
		return s.because(ctx, s.broken(ctx, err))
	}
	return s.because(ctx, s.receive(ctx, h))
}

// because gives the reason for an error, if the watcher has ended the query.
func (s *Session) because(ctx context.Context, err error) error {
	if err != nil && ctx.Err() == nil {
		return s.watcher.because(err)
	}
	return err
}

// producing tells the watcher that there are rows to send, and not an answer to wait for.
func (s *Session) producing(rows bool) {
	if a := activityOf(s.pg.Conn()); a != nil {
		a.producing.Store(rows)
	}
}

func (s *Session) receive(ctx context.Context, h Handlers) error {
	var first error
	var copyOut, described, around bool
	columns := -1 // that the rows have, by what the server has said of them
	before := s.pg.TxStatus()
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
			if msg, err = s.pg.ReceiveMessage(context.Background()); err != nil {
				return s.broken(ctx, err)
			}
		}
		if err := s.asides.take(msg); err != nil {
			s.Drop()
			return err
		}
		switch m := msg.(type) {
		case *pgproto3.CopyOutResponse:
			copyOut = true
		case *pgproto3.RowDescription:
			described, columns = true, len(m.Fields)
			around = columns > 0 && string(m.Fields[0].Name) == asked
			if h.Fields != nil {
				names := make([]string, len(m.Fields))
				for i, f := range m.Fields {
					names[i] = string(f.Name)
				}
				h.Fields(names)
			}
			if h.Types != nil {
				types := make([]uint32, len(m.Fields))
				for i, f := range m.Fields {
					types[i] = f.DataTypeOID
				}
				h.Types(types)
			}
		case *pgproto3.DataRow:
			if h.Row == nil {
				continue
			}
			if n := len(m.Values); n != columns || n < h.Columns && !around {
				s.Drop()
				return &LostError{errNoColumns}
			}
			h.Row(m.Values)
		case *pgproto3.CommandComplete:
			tag := string(m.CommandTag)
			word, _, _ := strings.Cut(tag, " ")
			word = strings.Clone(word[:min(len(word), maxCommand)]) // the message is let go
			if s.last.Commands, s.last.GaveRows = append(s.last.Commands, word), described; len(s.last.Commands) > maxCommands {
				s.Drop()
				return overLimit(fmt.Sprintf("the server has answered with more than %d commands", maxCommands))
			}
			if copyOut {
				tag = "COPY 0" // psql counts no rows that it was given
			}
			copyOut, described = false, false
			if h.Done != nil {
				h.Done(pgconn.NewCommandTag(tag))
			}
		case *pgproto3.ErrorResponse:
			keep(refusal(m))
		case *pgproto3.CopyInResponse:
			var failed, err error
			if pending, failed, err = s.copyIn(h.CopyIn); err != nil {
				return s.broken(ctx, err)
			}
			if failed != nil {
				keep(failed)
			}
		case *pgproto3.ReadyForQuery:
			if m.TxStatus != 'I' && m.TxStatus != 'T' && m.TxStatus != 'E' {
				s.Drop()
				return &LostError{errNoState}
			}
			if first == nil && m.TxStatus == 'E' && before != 'E' {
				return &LostError{errNoReason}
			}
			return first
		}
	}
}

// copyIn sends the rows while another goroutine listens: the server may refuse a row long before the last is sent. It gives
// the message that ended the listening. failed is an error of the rows' reader; err is one of the connection.
func (s *Session) copyIn(open func() (io.Reader, error)) (next pgproto3.BackendMessage, failed, err error) {
	type message struct {
		msg pgproto3.BackendMessage
		err error
	}
	incoming := make(chan message, 1)
	go func() {
		for {
			msg, err := s.pg.ReceiveMessage(context.Background())
			switch msg.(type) {
			case *pgproto3.NoticeResponse, *pgproto3.ParameterStatus, *pgproto3.NotificationResponse:
				if err == nil {
					err = s.asides.take(msg)
				}
				if err == nil {
					continue // pgconn has seen to it
				}
			}
			incoming <- message{msg, err}
			return
		}
	}()
	s.producing(true)
	defer s.producing(false)
	failed = errors.New("no rows follow")
	if open != nil {
		var rows io.Reader
		if rows, failed = open(); failed == nil {
			buf := make([]byte, 5+CopyFrame)
			buf[0] = 'd'
			for {
				n, rerr := readSome(rows, buf[5:])
				if n > 0 {
					binary.BigEndian.PutUint32(buf[1:], uint32(4+n))
					if _, err := s.pg.Conn().Write(buf[:5+n]); err != nil {
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
				case m := <-incoming: // refused: the server throws away what is still under way
					return m.msg, nil, m.err
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
	if s.sync { // the one before was for nothing: a COPY under way ignores it
		end = append(end, 'S', 0, 0, 0, 4)
	}
	if _, werr := s.pg.Conn().Write(end); werr != nil && failed == nil {
		failed = werr
	}
	s.producing(false)
	m := <-incoming
	return m.msg, failed, m.err
}

// readSome fills buf as far as the reader gives something, so that frames are fes.
func readSome(r io.Reader, buf []byte) (n int, err error) {
	for n < len(buf)/2 && err == nil {
		var k int
		k, err = r.Read(buf[n:])
		n += k
	}
	return n, err
}

// until asks the server to cancel (where that is of use) when ctx ends, and drops the connection if that does not help. Call the
// result when the query is over.
func (s *Session) until(ctx context.Context, cancels bool) (stop func()) {
	over := make(chan struct{})
	cancel := context.AfterFunc(ctx, func() {
		if cancels {
			asked, done := context.WithTimeout(context.WithoutCancel(ctx), cancelGrace)
			defer done()
			_ = s.pg.CancelRequest(asked)
		}
		select {
		case <-over:
		case <-time.After(cancelGrace):
			_ = s.pg.Conn().SetDeadline(longAgo)
		}
	})
	return func() {
		cancel()
		close(over)
	}
}

// longAgo is the deadline that ends whatever waits for a connection.
var longAgo = time.Unix(1, 0)

// broken is the error for a connection that has failed.
func (s *Session) broken(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe
	}
	var p *problem.Error
	if long, ok := tooLong(err); ok {
		s.Drop()
		return long
	} else if errors.As(err, &p) { // a limit of ours
		s.Drop()
		return p
	}
	return &LostError{err}
}
