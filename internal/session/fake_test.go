package session

import (
	"context"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"
	"github.com/jackc/pgx/v5/pgtype"
)

// fake is a PostgreSQL in memory. It lets everybody in, says who it is, and answers the watcher's questions by status; what it does
// with the statements of the session under test is the test's to say.
type fake struct {
	t       testing.TB
	answer  func(p *peer, sql string)   // a simple query of the session under test; nil means that it succeeds
	rows    func(sql string) [][]string // of a question by the extended protocol; nil for none
	connect func(n int32) error         // what the connection with that number meets; may be nil
	silent  func(p *peer) bool          // the connection is not answered any more; may be nil

	conns   atomic.Int32
	cancels atomic.Int32
	state   atomic.Pointer[lockStatus] // what the watcher is told
	server  atomic.Int64               // when it was started
	mu      sync.Mutex
	over    bool // nobody is let in any more: pgx goes on closing connections that were lost
	work    sync.WaitGroup
}

// peer is the server's end of a connection.
type peer struct {
	*pgproto3.Backend
	f      *fake
	n      int32 // 0 for the first connection
	pid    uint32
	status byte
	in     chan message
	ended  chan struct{} // the client is gone
}

// message is what the client has sent.
type message struct {
	kind byte // as the protocol has it
	text string
}

func newFake(t testing.TB) *fake {
	f := &fake{t: t}
	f.server.Store(1000)
	f.state.Store(&lockStatus{})
	t.Cleanup(func() {
		f.mu.Lock()
		f.over = true
		f.mu.Unlock()
		f.work.Wait()
	})
	return f
}

// open gives a session with the fake.
func (f *fake) open(o Options) *Session {
	f.t.Helper()
	s, err := Open(context.Background(), f.config(), o)
	if err != nil {
		f.t.Fatal(err)
	}
	f.t.Cleanup(func() { s.Close(context.Background()) })
	return s
}

func (f *fake) config() *pgx.ConnConfig {
	config, err := pgx.ParseConfig("postgres://somebody@here/x?sslmode=disable")
	if err != nil {
		f.t.Fatal(err)
	}
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"here"}, nil }
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		f.mu.Lock()
		defer f.mu.Unlock()
		if f.over {
			return nil, net.ErrClosed
		}
		client, server := net.Pipe()
		f.work.Go(func() { f.serve(server) })
		return client, nil
	}
	return config
}

// serve is one connection. A goroutine of its own reads, so that the client's writes do not wait for ours.
func (f *fake) serve(conn net.Conn) {
	defer conn.Close()
	p := &peer{Backend: pgproto3.NewBackend(conn, conn), f: f, status: 'I', in: make(chan message, 1<<12), ended: make(chan struct{})}
	first, err := p.ReceiveStartupMessage()
	if err != nil {
		return
	}
	if _, is := first.(*pgproto3.CancelRequest); is {
		f.cancels.Add(1)
		return
	}
	p.n = f.conns.Add(1) - 1
	p.pid = 100 + uint32(p.n)
	if f.connect != nil && f.connect(p.n) != nil {
		_, _ = conn.Read(make([]byte, 1)) // nothing comes of it
		return
	}
	f.work.Go(func() {
		defer close(p.ended)
		defer close(p.in)
		for {
			msg, err := p.Receive()
			if err != nil {
				return
			}
			switch m := msg.(type) {
			case *pgproto3.Query:
				p.in <- message{'Q', m.String}
			case *pgproto3.Parse:
				p.in <- message{'P', m.Query}
			case *pgproto3.Execute:
				p.in <- message{kind: 'E'}
			case *pgproto3.Sync:
				p.in <- message{kind: 'S'}
			case *pgproto3.CopyData:
				p.in <- message{'d', string(m.Data)}
			case *pgproto3.CopyDone:
				p.in <- message{kind: 'c'}
			case *pgproto3.CopyFail:
				p.in <- message{'f', m.Message}
			}
		}
	})
	p.say(&pgproto3.AuthenticationOk{}, &pgproto3.ParameterStatus{Name: "client_encoding", Value: "UTF8"},
		&pgproto3.BackendKeyData{ProcessID: p.pid, SecretKey: []byte{1, 2, 3, 4}}, &pgproto3.ReadyForQuery{TxStatus: 'I'})
	question := ""
	for m := range p.in {
		if f.silent != nil && f.silent(p) {
			<-p.ended
			return
		}
		switch m.kind {
		case 'Q':
			p.query(m.text)
		case 'P':
			question = m.text
		case 'E':
			p.result(f.answerTo(p, question))
		case 'S':
			p.ready()
		}
	}
}

// query answers a simple query. Those of the package's own are followed as far as the transaction's state goes.
func (p *peer) query(sql string) {
	own := strings.Contains(sql, asked) || strings.HasPrefix(sql, askAlone) || sql == "ROLLBACK"
	switch {
	case strings.HasPrefix(sql, "BEGIN"), strings.HasPrefix(sql, "START"):
		p.status = 'T'
	case sql == "ROLLBACK", sql == "COMMIT":
		p.status = 'I'
	case strings.HasPrefix(sql, "ROLLBACK TO"):
		p.status = 'T'
	}
	switch {
	case strings.Contains(sql, "txid_current"): // Begin and Ready
		p.result([][]string{{"100", "1000", "2000", "7"}})
		p.ready()
	case own || p.n > 0 || p.f.answer == nil:
		p.done("SELECT 0")
	default:
		p.f.answer(p, sql)
	}
}

// answerTo gives the rows of a question.
func (f *fake) answerTo(p *peer, sql string) [][]string {
	switch {
	case sql == whoServes:
		return [][]string{{itoa(int64(p.pid)), itoa(f.server.Load()), "2000"}}
	case sql == pollQuery:
		s := f.state.Load()
		kind := map[bool]string{true: "relation"}[s.lock != ""]
		return [][]string{{itoa(f.server.Load()), truth(!s.gone), truth(s.awaits), kind, s.lock, truth(s.own), "17", "psql", "ana", "active", "1.5", "1.5"}}
	case f.rows != nil:
		return f.rows(sql)
	}
	return nil
}

func itoa(n int64) string { return strconv.FormatInt(n, 10) }

func truth(b bool) string { return map[bool]string{true: "t", false: "f"}[b] }

// say sends messages in one write.
func (p *peer) say(messages ...pgproto3.BackendMessage) {
	for _, m := range messages {
		p.Send(m)
	}
	_ = p.Flush()
}

// result says rows, without ReadyForQuery.
func (p *peer) result(rows [][]string) {
	if len(rows) > 0 {
		var d pgproto3.RowDescription
		for _, v := range rows[0] {
			d.Fields = append(d.Fields, pgproto3.FieldDescription{Name: []byte("c"), DataTypeOID: typeOf(v)})
		}
		p.Send(&d)
	}
	for _, row := range rows {
		var r pgproto3.DataRow
		for _, v := range row {
			r.Values = append(r.Values, []byte(v))
		}
		p.Send(&r)
	}
	p.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT " + itoa(int64(len(rows))))})
}

// typeOf gives a type for what a value looks like: truth value, whole number, number, text.
func typeOf(v string) uint32 {
	if v == "t" || v == "f" {
		return pgtype.BoolOID
	}
	if _, err := strconv.ParseInt(v, 10, 64); err == nil {
		return pgtype.Int8OID
	}
	if _, err := strconv.ParseFloat(v, 64); err == nil {
		return pgtype.Float8OID
	}
	return pgtype.TextOID
}

func (p *peer) ready() { p.say(&pgproto3.ReadyForQuery{TxStatus: p.status}) }

func (p *peer) done(tag string) {
	p.Send(&pgproto3.CommandComplete{CommandTag: []byte(tag)})
	p.ready()
}

// refuse says an error, without ReadyForQuery.
func (p *peer) refuse(code, text string) {
	p.say(&pgproto3.ErrorResponse{Severity: "ERROR", SeverityUnlocalized: "ERROR", Code: code, Message: text})
}

// within fails the test when something takes longer: what is tested has an end.
func within(t testing.TB, limit time.Duration, do func()) {
	t.Helper()
	start := time.Now()
	done := make(chan struct{})
	go func() {
		defer close(done)
		do()
	}()
	select {
	case <-done:
	case <-time.After(limit):
		t.Fatalf("it goes on after %s", limit)
	}
	t.Logf("it took %s", time.Since(start).Round(time.Millisecond))
}
