package session

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"strings"
	"syscall"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgconn/ctxwatch"
)

const (
	attemptTimeout = 10 * time.Second // one attempt to connect, unless the target says otherwise
	firstWait      = 200 * time.Millisecond
	longestWait    = 3 * time.Second // between two attempts

	// gatewayTimeout is how long to try where neither this machine nor its gateway has the port open. A published port is open from
	// its container's start on, long before the server in it is.
	gatewayTimeout = 10 * time.Second
)

// dial opens a connection, trying again for as long as ConnectTimeout says while the server may still be starting.
func dial(ctx context.Context, target *pgx.ConnConfig, o Options) (*Session, error) {
	config := target.Copy()
	config.OnNotice = nil
	if o.ServerNotice != nil {
		config.OnNotice = func(_ *pgconn.PgConn, n *pgconn.Notice) {
			cutWords(&n.Message, &n.Detail, &n.Hint, &n.Where, &n.InternalQuery)
			o.ServerNotice(n)
		}
	}
	limitServer(config)
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "fabricate-seed"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = attemptTimeout
		if o.ConnectTimeout > 0 {
			config.ConnectTimeout = min(attemptTimeout, o.ConnectTimeout)
		}
	}
	// No prepared statement is left behind, so that a pooler in transaction mode does no harm.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0
	config.DialFunc = withActivity(config.DialFunc)
	// What pgx sends for us is cancelled in the server, too, when ctx ends.
	config.BuildContextWatcherHandler = func(pg *pgconn.PgConn) ctxwatch.Handler {
		return &pgconn.CancelRequestContextWatcherHandler{Conn: pg, DeadlineDelay: cancelGrace}
	}

	detour := around(config, o.HostGateway)
	start, limit := time.Now(), o.ConnectTimeout
	detoured := false // the last attempt reached something by the gateway
	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = firstWait, longestWait
	said := false
	s, err := backoff.Retry(ctx, func() (*Session, error) {
		conn, err := connect(ctx, config)
		detoured = false
		if err != nil && detour != nil && errors.Is(err, syscall.ECONNREFUSED) {
			var second error
			conn, second = connect(ctx, detour)
			switch {
			case second == nil || !notReached(second):
				err, detoured = second, true
			case time.Since(start) > gatewayTimeout:
				return nil, backoff.Permanent(err)
			}
		}
		if err == nil {
			s := &Session{o: o, target: target, conn: conn, pg: conn.PgConn()}
			if err = s.identify(ctx); err == nil {
				err = s.passedOn(ctx)
			}
			if err == nil {
				return s, nil
			}
			s.Close(ctx)
			if Transient(err) { // it was let in
				return nil, err
			}
		}
		if !mayStillStart(err) {
			err = backoff.Permanent(err)
		}
		return nil, err
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(limit), backoff.WithMaxTries(tries(limit)),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if !said {
				said = true
				o.notice(fmt.Sprintf("waiting up to %s for the database: %s", limit, Reason(err)))
			}
		}))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	if err == nil {
		if detoured && o.Warn != nil {
			o.Warn(wentAround(config, o.HostGateway))
		}
		return s, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, connectProblem(config, o, detoured, err)
}

// around gives a target that leads to the same port of the gateway, or nil where the target is not this machine itself. Names
// stay as they are, for certificates and password files.
func around(target *pgx.ConnConfig, gateway netip.Addr) *pgx.ConnConfig {
	if !gateway.IsValid() || !isLoopback(target.Host) {
		return nil
	}
	for _, other := range target.Fallbacks {
		if !isLoopback(other.Host) {
			return nil
		}
	}
	config := target.Copy()
	config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{gateway.String()}, nil }
	return config
}

func isLoopback(host string) bool {
	if ip, err := netip.ParseAddr(host); err == nil {
		return ip.IsLoopback() || ip.IsUnspecified()
	}
	return strings.EqualFold(host, "localhost")
}

// tries is 1 when there is no time for more, else no limit.
func tries(limit time.Duration) uint {
	if limit <= 0 {
		return 1
	}
	return 0
}
