package session

import (
	"context"
	"errors"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
)

// connect makes one connection. Where neither TLS nor a Unix socket is around it, whoever answers could ask for the password in clear
// text, and whoever listens could read it: it is sent so only if require_auth in the connection string says that it may be.
func connect(ctx context.Context, config *pgx.ConnConfig) (*pgx.Conn, error) {
	encrypted, open := overTLS(config)
	if !open || config.RequireAuth != "" {
		return pgx.ConnectConfig(ctx, config)
	}
	careful := config.Copy()
	careful.RequireAuth = "!password"
	conn, err := pgx.ConnectConfig(ctx, careful)
	if err == nil || !strings.Contains(err.Error(), "require_auth check failed") { // pgconn has no type for it
		return conn, err
	}
	if encrypted != nil { // it may have been asked for over TLS, where it does no harm
		conn, second := pgx.ConnectConfig(ctx, encrypted)
		var pe *pgconn.PgError
		if second == nil || errors.As(second, &pe) {
			return conn, second
		}
	}
	return nil, &clearTextError{err}
}

// clearTextError says that the server asked for the password in clear text.
type clearTextError struct{ err error }

func (e *clearTextError) Error() string {
	return "the server asks for the password in clear text, and the connection has no TLS"
}

func (e *clearTextError) Unwrap() error { return e.err }

// overTLS gives the target without the attempts that are made without TLS, nil if there are no others; open tells whether there are any
// over a network.
func overTLS(config *pgx.ConnConfig) (encrypted *pgx.ConnConfig, open bool) {
	var kept []*pgconn.FallbackConfig
	for _, way := range append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port, TLSConfig: config.TLSConfig}}, config.Fallbacks...) {
		switch {
		case way.TLSConfig != nil:
			kept = append(kept, way)
		case !strings.HasPrefix(way.Host, "/"):
			open = true
		}
	}
	if len(kept) == 0 {
		return nil, open
	}
	encrypted = config.Copy()
	encrypted.Host, encrypted.Port, encrypted.TLSConfig, encrypted.Fallbacks = kept[0].Host, kept[0].Port, kept[0].TLSConfig, kept[1:]
	return encrypted, open
}
