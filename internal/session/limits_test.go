package session

import (
	"context"
	"errors"
	"fmt"
	"net"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// What a server sends has limits, and each an error that says it and is not taken for a connection to be tried again.
func TestServerLimits(t *testing.T) { // not in parallel: it keeps a processor busy, and others count milliseconds
	if testing.Short() {
		t.Skip("takes seconds: what it reads is large")
	}
	for name, tt := range map[string]struct {
		answer func(p *peer)
		says   string // "" where it is borne
	}{
		"settings": {func(p *peer) {
			for i := range maxParameters + 10 {
				p.say(&pgproto3.ParameterStatus{Name: fmt.Sprint("x.", i), Value: "v"})
			}
		}, "more than 1000 settings"},
		"one setting, often": {func(p *peer) {
			for range 3 * maxParameters {
				p.say(&pgproto3.ParameterStatus{Name: "application_name", Value: "v"})
			}
		}, ""},
		"notifications": {func(p *peer) {
			payload := strings.Repeat("x", 7000)
			for range 20_000 {
				p.say(&pgproto3.NotificationResponse{PID: 1, Channel: "c", Payload: payload})
			}
		}, ""},
		"a long error": {func(p *peer) {
			p.say(&pgproto3.ErrorResponse{Severity: "ERROR", Code: "P0001", Message: strings.Repeat("x", maxMessage+1)})
		}, "a message of 16 MiB"},
		"a long row": {func(p *peer) {
			p.say(&pgproto3.DataRow{Values: [][]byte{make([]byte, maxMessage)}})
		}, "a message of 16 MiB"},
		"commands": {func(p *peer) {
			for range maxCommands + 10 {
				p.say(&pgproto3.CommandComplete{CommandTag: []byte("SELECT 1")})
			}
		}, "more than 1000000 commands"},
		"answers that bring nothing": {func(p *peer) {
			some := make([]pgproto3.BackendMessage, 0, 4*1000)
			for range 1000 {
				some = append(some, &pgproto3.EmptyQueryResponse{}, &pgproto3.PortalSuspended{}, &pgproto3.NoData{}, &pgproto3.BindComplete{})
			}
			for range maxAside/len(some) + 1 {
				p.say(some...)
			}
		}, "more than 10000000 notices and the like"},
		"long commands": {func(p *peer) {
			tag := []byte(strings.Repeat("x", 1<<20))
			for range 100 {
				p.say(&pgproto3.CommandComplete{CommandTag: tag})
			}
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake(t)
			f.answer = func(p *peer, _ string) { tt.answer(p); p.done("SELECT 1") }
			s := f.open(Options{})
			var before, after runtime.MemStats
			runtime.GC()
			runtime.ReadMemStats(&before)
			err := s.Do(context.Background(), []byte("SELECT 1"), Handlers{})
			runtime.GC()
			runtime.ReadMemStats(&after)
			var p *problem.Error
			switch {
			case tt.says == "":
				if err != nil {
					t.Error(err)
				}
			case !errors.As(err, &p) || !strings.Contains(p.What, tt.says) || Transient(err):
				t.Errorf("%v, want %q", err, tt.says)
			}
			if kept := int64(after.HeapAlloc) - int64(before.HeapAlloc); kept > 48<<20 {
				t.Errorf("%d MiB are kept", kept>>20)
			}
		})
	}
}

// A row has the columns that the server has told of, and those that were asked for: handlers count on it.
func TestColumns(t *testing.T) {
	t.Parallel()
	row := func(n int) *pgproto3.DataRow { return &pgproto3.DataRow{Values: make([][]byte, n)} }
	told := func(names ...string) *pgproto3.RowDescription {
		var d pgproto3.RowDescription
		for _, name := range names {
			d.Fields = append(d.Fields, pgproto3.FieldDescription{Name: []byte(name)})
		}
		return &d
	}
	for name, tt := range map[string]struct {
		says []pgproto3.BackendMessage
		well bool
	}{
		"as asked":                  {[]pgproto3.BackendMessage{told("a", "b"), row(2)}, true},
		"more":                      {[]pgproto3.BackendMessage{told("a", "b", "c"), row(3)}, true},
		"around ours":               {[]pgproto3.BackendMessage{told(asked), row(1), told("a", "b"), row(2)}, true},
		"fewer than asked for":      {[]pgproto3.BackendMessage{told("a"), row(1)}, false},
		"fewer than told of":        {[]pgproto3.BackendMessage{told("a", "b"), row(1)}, false},
		"more than told of":         {[]pgproto3.BackendMessage{told("a", "b"), row(3)}, false},
		"nothing was told of":       {[]pgproto3.BackendMessage{row(2)}, false},
		"none at all":               {[]pgproto3.BackendMessage{told(), row(0)}, false},
		"of the statement before":   {[]pgproto3.BackendMessage{told("a", "b"), row(2), row(1)}, false},
		"told of again, in between": {[]pgproto3.BackendMessage{told("a", "b"), told("a"), row(2)}, false},
	} {
		f := newFake(t)
		f.answer = func(p *peer, _ string) {
			for _, m := range tt.says {
				p.say(m)
			}
			p.done("SELECT 1")
		}
		s := f.open(Options{})
		err := s.Do(context.Background(), []byte("SELECT 1"), Handlers{Columns: 2, Row: func(v [][]byte) {
			if len(v) < 2 && name != "around ours" {
				t.Errorf("%s: a row of %d", name, len(v))
			}
		}})
		if well := err == nil; well != tt.well || !well && !Lost(err) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// An answer to a question of our own has a smaller limit than those to a script, also where its rows are none that can be read.
func TestAnswerLimit(t *testing.T) {
	t.Parallel()
	row := []string{strings.Repeat("x", 1<<20)}
	for columns := 1; columns <= 2; columns++ {
		f := newFake(t)
		f.rows = func(string) (rows [][]string) {
			for range maxAnswer>>20 + 1 {
				rows = append(rows, row)
			}
			return rows
		}
		s := f.open(Options{})
		got := 0
		var text, other string
		err := s.Ask(context.Background(), "SELECT x", nil, []any{&text, &other}[:columns], func() error { got++; return nil })
		var p *problem.Error
		if !errors.As(err, &p) || !strings.Contains(p.What, "a question about its catalog with more than 16 MiB") || Transient(err) || got >= maxAnswer>>20 || !s.IsClosed() {
			t.Errorf("%d columns: %d rows, then %v", columns, got, err)
		}
	}
}

// A server that greets without an end does not get far.
func TestEndlessGreeting(t *testing.T) {
	config, err := pgx.ParseConfig("postgres://u@db/x?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	var work sync.WaitGroup
	var dialed atomic.Bool
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
	config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
		if dialed.Swap(true) { // pgx cancels what it gives up, maybe after the test
			return nil, net.ErrClosed
		}
		client, server := net.Pipe()
		work.Go(func() {
			defer server.Close()
			b := pgproto3.NewBackend(server, server)
			if _, err := b.ReceiveStartupMessage(); err != nil {
				return
			}
			b.Send(&pgproto3.AuthenticationOk{})
			for i := 0; ; i++ {
				b.Send(&pgproto3.ParameterStatus{Name: fmt.Sprint("x.", i), Value: strings.Repeat("v", 1000)})
				if b.Flush() != nil {
					return
				}
			}
		})
		return client, nil
	}
	if _, err = Open(context.Background(), config, Options{}); err == nil || !strings.Contains(err.Error(), "has sent more than 1 MiB and not let us in") {
		t.Error(err)
	}
	work.Wait()
}
