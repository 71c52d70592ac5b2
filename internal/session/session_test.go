package session

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// endless gives rows for ever.
type endless struct{ given atomic.Int64 }

func (e *endless) Read(b []byte) (int, error) {
	n := copy(b, bytes.Repeat([]byte("row\n"), len(b)/4+1))
	e.given.Add(int64(n))
	return n, nil
}

// TestCopyRefused holds that rows are sent no further when the server has refused one, and that the connection is of use then.
func TestCopyRefused(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(p *peer, sql string) {
		if !strings.HasPrefix(sql, "COPY") {
			p.done("SELECT 7")
			return
		}
		p.say(&pgproto3.CopyInResponse{})
		for range 3 {
			<-p.in
		}
		p.refuse("23505", "duplicate key")
		p.ready()
		for m := range p.in { // what was under way
			if m.kind == 'c' || m.kind == 'f' {
				return
			}
			if m.kind == 'Q' {
				p.done("SELECT 7")
				return
			}
		}
	}
	s := f.open(Options{})
	rows := &endless{}
	within(t, 20*time.Second, func() {
		_, err := s.CopyIn(t.Context(), "COPY t FROM STDIN", rows)
		if State(err) != "23505" {
			t.Errorf("got %v", err)
		}
	})
	given := rows.given.Load()
	var tag pgconn.CommandTag
	if err := s.Do(t.Context(), []byte("SELECT 1"), Handlers{Done: func(t pgconn.CommandTag) { tag = t }}); err != nil || tag.RowsAffected() != 7 {
		t.Errorf("the next statement gives %v %v", tag, err)
	}
	if rows.given.Load() != given {
		t.Error("rows are read on")
	}
}

// TestCopyGivenUp holds that the rows' own error ends a COPY, and that it is what is told.
func TestCopyGivenUp(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	told := make(chan string, 1)
	f.answer = func(p *peer, _ string) {
		p.say(&pgproto3.CopyInResponse{})
		for m := range p.in {
			if m.kind == 'f' {
				told <- m.text
				p.refuse("57014", "COPY from stdin failed")
				p.ready()
				return
			}
		}
	}
	s := f.open(Options{})
	broken := errors.New("the archive is damaged")
	_, err := s.CopyIn(t.Context(), "COPY t FROM STDIN", io.MultiReader(strings.NewReader("1\n"), failing{broken}))
	if !errors.Is(err, broken) || <-told != broken.Error() {
		t.Errorf("got %v", err)
	}
}

type failing struct{ err error }

func (f failing) Read([]byte) (int, error) { return 0, f.err }

// TestNoticesWhileRowsGo holds that what the server says beside its answers is heard while rows are on their way.
func TestNoticesWhileRowsGo(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(p *peer, _ string) {
		p.say(&pgproto3.CopyInResponse{})
		n := 0
		for m := range p.in {
			if m.kind == 'c' {
				p.done(fmt.Sprintf("COPY %d", n))
				return
			}
			n++
			p.say(&pgproto3.NoticeResponse{Severity: "NOTICE", Message: fmt.Sprint(n)}, &pgproto3.ParameterStatus{Name: "TimeZone", Value: fmt.Sprint("zone", n)},
				&pgproto3.NotificationResponse{Channel: "c"})
		}
	}
	var said []string
	s := f.open(Options{ServerNotice: func(n *pgconn.Notice) { said = append(said, n.Message) }})
	const frames = 20
	tag, err := s.CopyIn(t.Context(), "COPY t FROM STDIN", io.LimitReader(&endless{}, frames*CopyFrame))
	if err != nil || tag.RowsAffected() < frames {
		t.Fatalf("%v %v", tag, err)
	}
	if int64(len(said)) != tag.RowsAffected() || s.Parameter("TimeZone") != fmt.Sprint("zone", tag.RowsAffected()) {
		t.Errorf("%d notices of %s, zone %s", len(said), tag, s.Parameter("TimeZone"))
	}
}

// TestCancel holds what comes of a statement whose ctx ends: the server is asked to cancel, its answer is awaited for a moment, and
// what comes after that is not taken for it.
func TestCancel(t *testing.T) {
	t.Parallel()
	t.Run("answered", func(t *testing.T) {
		t.Parallel()
		f := newFake(t)
		f.answer = func(p *peer, sql string) {
			if sql == "slow" {
				for f.cancels.Load() == 0 {
					time.Sleep(time.Millisecond)
				}
				p.refuse("57014", "canceling statement due to user request")
				p.ready()
				return
			}
			p.done("SELECT 5")
		}
		s := f.open(Options{})
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
		defer cancel()
		if err := s.Exec(ctx, "slow"); State(err) != "57014" {
			t.Errorf("got %v", err)
		}
		var tag pgconn.CommandTag
		if err := s.Do(t.Context(), []byte("SELECT 1"), Handlers{Done: func(t pgconn.CommandTag) { tag = t }}); err != nil || tag.RowsAffected() != 5 {
			t.Errorf("the next statement gives %v %v", tag, err)
		}
	})
	for _, name := range []string{"not answered", "in a failed transaction"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.answer = func(p *peer, sql string) {
				if sql == "fails" {
					p.status = 'E'
					p.refuse("22012", "division by zero")
					p.ready()
				}
			}
			s := f.open(Options{})
			ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
			defer cancel()
			if name == "in a failed transaction" {
				if err := s.Exec(ctx, "fails"); State(err) != "22012" {
					t.Fatalf("got %v", err)
				}
			}
			if err := s.Queue(ctx, []byte("slow")); err != nil {
				t.Fatal(err)
			}
			within(t, 20*time.Second, func() {
				if err := s.Next(ctx, Handlers{}); !errors.Is(err, context.DeadlineExceeded) {
					t.Errorf("got %v", err)
				}
			})
			if asked := f.cancels.Load() > 0; asked != (name == "not answered") {
				t.Errorf("cancel was asked for: %t", asked)
			}
		})
	}
}

// TestSilentServer holds that a server that says nothing is given up at every point at which nobody can look after the connection.
func TestSilentServer(t *testing.T) {
	t.Parallel()
	for name, change := range map[string]func(f *fake){
		"at the start":          func(f *fake) { f.connect = func(int32) error { return errors.New("silence") } },
		"when asked who it is":  func(f *fake) { f.silent = func(*peer) bool { return true } },
		"at the end":            nil,
		"when asked for a fate": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			if change != nil {
				change(f)
				within(t, 20*time.Second, func() {
					_, err := Open(t.Context(), f.config(), Options{ConnectTimeout: 50 * time.Millisecond})
					var p *problem.Error
					if !errors.As(err, &p) || p.Code != problem.Database {
						t.Errorf("got %v", err)
					}
				})
				return
			}
			silent := atomic.Bool{}
			f.silent = func(*peer) bool { return silent.Load() }
			s := f.open(Options{ConnectTimeout: 50 * time.Millisecond})
			if err := s.Begin(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
			silent.Store(true)
			within(t, 20*time.Second, func() {
				if name == "at the end" {
					s.Close(t.Context())
				} else if fate := s.Fate(t.Context()); fate != NotKnown {
					t.Errorf("fate %d", fate)
				}
			})
		})
	}
}

// TestWatcher holds how each kind of silence ends while a statement is not answered.
func TestWatcher(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		state  lockStatus
		server int64 // when the server was started that answers the watcher; 0 for the same
		deaf   bool  // nobody else is let in
		obeys  bool  // the server cancels when asked
		want   string
		locked bool
	}{
		"lock":                  {state: lockStatus{lock: "t"}, obeys: true, want: "waited 100ms for the lock of t, held by psql (pid 17, user ana)", locked: true},
		"cancel without effect": {state: lockStatus{lock: "t"}, want: "waited 100ms for the lock of t", locked: true},
		"another load":          {state: lockStatus{lock: "t", own: true}, obeys: true, want: "waited 100ms for the end of another load", locked: true},
		"both wait":             {state: lockStatus{awaits: true}, want: "the server has been waiting for us, and we for it, for 100ms"},
		"gone":                  {state: lockStatus{gone: true}, want: "the server has no such session any more"},
		"started anew":          {server: 3000, want: "the server was started anew"},
		"not reached":           {deaf: true, want: "the server has not been reachable, for 100ms"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			f.connect = func(n int32) error {
				if n > 0 && tt.deaf {
					return errors.New("deaf")
				}
				return nil
			}
			f.answer = func(p *peer, _ string) {
				for tt.obeys {
					if f.cancels.Load() > 0 {
						p.refuse("57014", "canceling statement due to user request")
						p.ready()
						return
					}
					time.Sleep(time.Millisecond)
				}
			}
			s := f.open(Options{ConnectTimeout: 100 * time.Millisecond, LockTimeout: 100 * time.Millisecond})
			f.state.Store(&tt.state)
			if tt.server != 0 {
				f.server.Store(tt.server)
			}
			within(t, 30*time.Second, func() {
				err := s.Exec(t.Context(), "SELECT wait")
				var locked *LockError
				if err == nil || !strings.Contains(err.Error(), tt.want) || errors.As(err, &locked) != tt.locked || Lost(err) == tt.locked {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}

// TestBusyServer holds that a server that works, however long, is left alone.
func TestBusyServer(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(p *peer, _ string) {
		time.Sleep(2 * time.Second) // longer than either limit
		p.done("SELECT 1")
	}
	s := f.open(Options{ConnectTimeout: time.Second, LockTimeout: 50 * time.Millisecond}) // a busy machine may take half a second to let a look in
	if err := s.Exec(t.Context(), "REINDEX"); err != nil {
		t.Error(err)
	}
	if f.conns.Load() < 2 {
		t.Error("nobody has looked after the connection: the test shows nothing")
	}
}

// TestLostReason holds that a transaction which has failed without a word of why is no success: the word was lost on its way.
func TestLostReason(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.answer = func(p *peer, _ string) {
		p.status = 'E'
		p.ready()
	}
	s := f.open(Options{})
	if err := s.Exec(t.Context(), "BEGIN; SELECT 1"); !Lost(err) {
		t.Errorf("got %v", err)
	}
}

// TestDirectWrites holds what the package's comment says of SyncConn: what pgconn has read ahead, or goes on reading in the background
// because its own write was slow, is not lost when messages are then written to its net.Conn.
func TestDirectWrites(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	slow := atomic.Bool{}
	f.rows = func(sql string) [][]string { return [][]string{{sql}} }
	f.answer = func(p *peer, sql string) {
		p.Send(&pgproto3.NoticeResponse{Severity: "NOTICE", Message: "before " + sql})
		p.Send(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
		p.Send(&pgproto3.ReadyForQuery{TxStatus: p.status})
		// Behind the answer, in the same write: it is read ahead.
		p.say(&pgproto3.NoticeResponse{Severity: "NOTICE", Message: "after " + sql}, &pgproto3.ParameterStatus{Name: "TimeZone", Value: sql})
	}
	f.silent = func(*peer) bool {
		if slow.Load() {
			time.Sleep(40 * time.Millisecond) // longer than pgconn waits before it reads in the background
		}
		return false
	}
	var said []string
	s := f.open(Options{ServerNotice: func(n *pgconn.Notice) { said = append(said, n.Message) }})
	var want []string
	for i := range 50 {
		sql := fmt.Sprint("s", i)
		switch i % 3 {
		case 0:
			slow.Store(i%2 == 0)
			if _, err := s.pg.Exec(t.Context(), sql).ReadAll(); err != nil {
				t.Fatal(err)
			}
			slow.Store(false)
		case 1:
			if err := s.Exec(t.Context(), sql); err != nil {
				t.Fatal(err)
			}
		default:
			for range 2 {
				if err := s.Queue(t.Context(), []byte(sql)); err != nil {
					t.Fatal(err)
				}
			}
			want = append(want, "before "+sql, "after "+sql)
			for range 2 {
				if err := s.Next(t.Context(), Handlers{}); err != nil {
					t.Fatal(err)
				}
			}
		}
		want = append(want, "before "+sql, "after "+sql)
	}
	var got string
	if err := s.Ask(t.Context(), "SELECT 'last'", nil, []any{&got}, nil); err != nil || got != "SELECT 'last'" {
		t.Errorf("%q %v", got, err)
	}
	if !slices.Equal(said, want) {
		t.Errorf("heard %q", said)
	}
}

// TestFate holds what is made of the server's word on a transaction whose COMMIT was not answered.
func TestFate(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		words []string // one after the other; the last goes on
		anew  bool
		want  Fate
	}{
		"committed":               {words: []string{"committed"}, want: Committed},
		"aborted":                 {words: []string{"aborted"}, want: RolledBack},
		"under way, then aborted": {words: []string{"in progress", "in progress", "aborted"}, want: RolledBack},
		"not known any more":      {words: []string{""}, want: NotKnown},
		"another server":          {words: []string{"aborted"}, anew: true, want: NotKnown},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFake(t)
			asked, ended := 0, 0
			f.rows = func(sql string) [][]string {
				if strings.Contains(sql, "pg_terminate_backend") {
					ended++
					return nil
				}
				word := tt.words[min(asked, len(tt.words)-1)]
				asked++
				return [][]string{{word, itoa(f.server.Load())}}
			}
			s := f.open(Options{})
			if err := s.Begin(t.Context(), "ISOLATION LEVEL SERIALIZABLE"); err != nil {
				t.Fatal(err)
			}
			if s.XID() != 7 {
				t.Errorf("transaction %d", s.XID())
			}
			if tt.anew {
				f.server.Store(5000)
			}
			s.Drop()
			if got := s.Fate(t.Context()); got != tt.want {
				t.Errorf("fate %d, want %d", got, tt.want)
			}
			if (ended > 0) != (tt.words[0] == "in progress" || tt.words[0] == "") {
				t.Errorf("the lost session was ended %d times", ended)
			}
		})
	}
}

// TestAsk holds that questions run under no path but our own, leave nothing behind and fail without harm, in every state.
func TestAsk(t *testing.T) {
	t.Parallel()
	f := newFake(t)
	f.rows = func(string) [][]string { return [][]string{{"1", "t", "a"}, {"2", "f", ""}} }
	s := f.open(Options{})
	for _, state := range []string{"", "BEGIN"} {
		if state != "" {
			if err := s.Begin(t.Context(), ""); err != nil {
				t.Fatal(err)
			}
		}
		before, last := s.TxStatus(), s.Last()
		var n int64
		var is bool
		var text string
		var got []string
		err := s.Ask(t.Context(), "SELECT", []any{"x", 1, true, []string{`a"b\`}, []uint32{1, 2}, nil}, []any{&n, &is, &text}, func() error {
			got = append(got, fmt.Sprintf("%d %t %q", n, is, text))
			return nil
		})
		if err != nil || !slices.Equal(got, []string{"1 true \"a\"", "2 false \"\""}) {
			t.Errorf("%q %v", got, err)
		}
		if err := s.Ask(t.Context(), "SELECT", nil, []any{&n}, nil); err == nil {
			t.Error("rows that do not fit are taken")
		}
		mine := errors.New("mine")
		if err := s.Ask(t.Context(), "SELECT", nil, nil, func() error { return mine }); !errors.Is(err, mine) {
			t.Errorf("got %v", err)
		}
		if s.TxStatus() != before || len(s.Last().Commands) != len(last.Commands) {
			t.Errorf("state %c, was %c", s.TxStatus(), before)
		}
	}
	if got, _ := encodeParam([]string{`a"b\`, ""}); string(got) != `{"a\"b\\",""}` {
		t.Errorf("list %s", got)
	}
}

// TestTraits goes through the table of SQLSTATEs.
func TestTraits(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]string{
		"08006": "transient", "40001": "transient environmental", "40P01": "transient environmental", "40002": "environmental",
		"53100": "environmental", "53300": "environmental starting", "55P03": "environmental", "55006": "", "57014": "environmental",
		"57P01": "transient environmental unreached", "57P02": "transient environmental unreached",
		"57P03": "transient environmental starting unreached", "58030": "environmental", "XX000": "environmental", "25P02": "environmental",
		"23505": "", "42501": "", "22P02": "", "28P01": "", "P0001": "", "": "",
	} {
		err := fmt.Errorf("wrapped: %w", &pgconn.PgError{Code: code, Severity: "ERROR"})
		var got []string
		for _, x := range []struct {
			name string
			is   bool
		}{{"transient", Transient(err)}, {"environmental", Environmental(err)}, {"starting", code != "" && mayStillStart(err)}, {"unreached", code != "" && !isAnswer(err)}} {
			if x.is {
				got = append(got, x.name)
			}
		}
		if strings.Join(got, " ") != want {
			t.Errorf("%s is %q, want %q", code, got, want)
		}
		if MayBeRow(err) != (code != "" && !strings.Contains(want, "environmental")) || State(err) != code || Lost(err) {
			t.Errorf("%s is told wrongly", code)
		}
	}
	if lost := error(&LostError{io.EOF}); !Transient(lost) || Environmental(lost) || MayBeRow(lost) || !errors.Is(lost, io.EOF) {
		t.Error("a lost connection is told wrongly")
	}
}
