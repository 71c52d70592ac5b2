package session

import (
	"context"
	"errors"
	"net"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgproto3"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// A server that asks for the password in clear text over a connection without TLS does not get it, unless the connection string says so.
func TestClearText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		url  string
		gets bool
	}{
		{"postgres://u:hunter22@db/x?sslmode=disable", false},
		{"postgres://u:hunter22@db/x?sslmode=prefer", false},
		{"postgres://u:hunter22@db/x?sslmode=allow", false},
		{"postgres://u:hunter22@localhost/x?sslmode=disable", false},
		{"postgres://u:hunter22@db,other/x?sslmode=disable", false},
		{"postgres://u:hunter22@db/x?sslmode=disable&require_auth=password", true},
		{"postgres://u:hunter22@db/x?sslmode=prefer&require_auth=scram-sha-256,password", true},
		{"postgres://u:hunter22@db/x?sslmode=disable&require_auth=scram-sha-256", false},
		{"postgres:///x?host=/run/postgresql&user=u&password=hunter22", true},
	} {
		t.Run(tt.url, func(t *testing.T) {
			t.Parallel()
			config, err := pgx.ParseConfig(tt.url)
			if err != nil {
				t.Fatal(err)
			}
			var mu sync.Mutex
			var got []string
			var work sync.WaitGroup
			config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{"127.0.0.1"}, nil }
			config.DialFunc = func(context.Context, string, string) (net.Conn, error) {
				client, server := net.Pipe()
				work.Go(func() {
					if password, ok := askInClear(server); ok {
						mu.Lock()
						defer mu.Unlock()
						got = append(got, password)
					}
				})
				return client, nil
			}
			_, err = Open(context.Background(), config, Options{})
			var p *problem.Error
			if !errors.As(err, &p) || p.Code != problem.Database {
				t.Fatal(err)
			}
			work.Wait()
			if sent := len(got) > 0; sent != tt.gets || sent && got[0] != "hunter22" {
				t.Errorf("the server got %q", got)
			}
			if !tt.gets && config.RequireAuth == "" && (!strings.Contains(p.What, "in clear text, and the connection has no TLS") || !strings.Contains(p.Remedy, "require_auth=password")) {
				t.Error(p)
			}
		})
	}
}

// askInClear is a server that asks for a password, and lets nobody in.
func askInClear(conn net.Conn) (password string, ok bool) {
	defer conn.Close()
	b := pgproto3.NewBackend(conn, conn)
	for {
		first, err := b.ReceiveStartupMessage()
		if err != nil {
			return "", false
		}
		if _, tls := first.(*pgproto3.SSLRequest); !tls {
			break
		}
		if _, err := conn.Write([]byte{'N'}); err != nil {
			return "", false
		}
	}
	b.Send(&pgproto3.AuthenticationCleartextPassword{})
	if b.Flush() != nil || b.SetAuthType(pgproto3.AuthTypeCleartextPassword) != nil {
		return "", false
	}
	msg, err := b.Receive()
	if err != nil {
		return "", false
	}
	m, ok := msg.(*pgproto3.PasswordMessage)
	if !ok {
		return "", false
	}
	b.Send(&pgproto3.ErrorResponse{Severity: "FATAL", Code: "28P01", Message: "no"})
	_ = b.Flush()
	return m.Password, true
}
