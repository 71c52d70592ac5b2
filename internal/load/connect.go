package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"strings"
	"time"

	"github.com/cenkalti/backoff/v5"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

const (
	attemptTimeout = 10 * time.Second // one attempt to connect, unless the target says otherwise
	firstWait      = 200 * time.Millisecond
	longestWait    = 3 * time.Second // between two attempts
)

// connect opens a connection, trying again for as long as limit says while the server may still be starting.
func connect(ctx context.Context, target *pgx.ConnConfig, limit time.Duration, notice func(string)) (*pgx.Conn, error) {
	config := target.Copy()
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = "fabricate-seed"
	}
	if config.ConnectTimeout == 0 {
		config.ConnectTimeout = attemptTimeout
	}
	// No prepared statement is left behind, so that a pooler in transaction mode does no harm.
	config.DefaultQueryExecMode = pgx.QueryExecModeExec
	config.StatementCacheCapacity, config.DescriptionCacheCapacity = 0, 0

	waits := backoff.NewExponentialBackOff()
	waits.InitialInterval, waits.MaxInterval = firstWait, longestWait
	said := false
	conn, err := backoff.Retry(ctx, func() (*pgx.Conn, error) {
		conn, err := pgx.ConnectConfig(ctx, config)
		if err != nil && !mayStillStart(err) {
			err = backoff.Permanent(err)
		}
		return conn, err
	}, backoff.WithBackOff(waits), backoff.WithMaxElapsedTime(limit), backoff.WithMaxTries(tries(limit)),
		backoff.WithNotify(func(err error, _ time.Duration) {
			if !said && notice != nil {
				said = true
				notice(fmt.Sprintf("waiting up to %s for the database: %s", limit, shortReason(err)))
			}
		}))
	var permanent *backoff.PermanentError
	if errors.As(err, &permanent) {
		err = permanent.Unwrap()
	}
	if err == nil {
		return conn, nil
	}
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	return nil, connectProblem(config, limit, err)
}

// tries is 1 when there is no time for more, else no limit.
func tries(limit time.Duration) uint {
	if limit <= 0 {
		return 1
	}
	return 0
}

// mayStillStart tells a server that is not there yet from one that says no.
func mayStillStart(err error) bool {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		switch pe.Code {
		case "57P03", // cannot_connect_now: starting up, shutting down, in recovery
			"53300": // too_many_connections
			return true
		}
		return false
	}
	return !isTLS(err)
}

func isTLS(err error) bool {
	var (
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	return errors.As(err, &record) || errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid) || strings.Contains(err.Error(), refusedTLS)
}

// refusedTLS is the text of pgconn's error for a server without TLS, which it does not export.
const refusedTLS = "server refused TLS connection"

// shortReason says in a few words why an attempt failed.
func shortReason(err error) string {
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		return pe.Message
	}
	var op *net.OpError
	if errors.As(err, &op) {
		return op.Err.Error()
	}
	var dns *net.DNSError
	if errors.As(err, &dns) {
		return dns.Error()
	}
	if strings.Contains(err.Error(), refusedTLS) {
		return refusedTLS
	}
	return err.Error()
}

func connectProblem(config *pgx.ConnConfig, limit time.Duration, err error) error {
	p := &problem.Error{
		Code:  problem.Database,
		Where: fmt.Sprintf("database %q on %s:%d", config.Database, config.Host, config.Port),
		What:  "cannot connect: " + shortReason(err),
		Err:   err,
	}
	var pe *pgconn.PgError
	var dns *net.DNSError
	switch {
	case errors.As(err, &pe):
		p.What += fmt.Sprintf(" (SQLSTATE %s)", pe.Code)
		switch pe.Code {
		case "28P01", "28000":
			p.Remedy = "Check user and password in database-url, and what the server's pg_hba.conf allows for this host."
		case "3D000":
			p.Remedy = "Create the database first, or correct its name in database-url."
		case "57P03", "53300":
			p.Remedy = fmt.Sprintf("The server did not accept a connection within %s; a longer connect-timeout gives it more time.", limit)
		}
	case isTLS(err):
		p.Remedy = "Check sslmode (and sslrootcert) in database-url against what the server offers."
	case errors.As(err, &dns):
		p.Remedy = "Check the host in database-url. In a workflow it is the service's label when the job or the action runs in a container."
	default:
		p.Remedy = fmt.Sprintf("Nothing answered within %s. Check host and port in database-url; inside a container, localhost is the container itself, "+
			"and a service is reached by its label.", limit)
	}
	return p
}

// Reach connects to the target as Run does, and disconnects: to find out that it cannot be done before something costly is done
// for it. It uses Target, ConnectTimeout and Events of o. The error is a *problem.Error, or that of ctx.
func Reach(ctx context.Context, o Options) error {
	conn, err := connect(ctx, o.Target, o.ConnectTimeout, o.Events.Notice)
	if err != nil {
		return err
	}
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), rollbackTimeout)
	defer cancel()
	_ = conn.Close(short)
	return nil
}
