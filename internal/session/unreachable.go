package session

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// lastAttempt gives the error of the last of the attempts that pgconn made: it tries each address of each host, and with
// sslmode=prefer each with and without TLS. Addresses that this machine has no way to, as ::1 in many containers, say little: they
// are passed over while there is another.
func lastAttempt(err error) error {
	var failed *pgconn.ConnectError
	if !errors.As(err, &failed) {
		return err
	}
	all, ok := failed.Unwrap().(interface{ Unwrap() []error })
	if !ok || len(all.Unwrap()) == 0 {
		return err
	}
	attempts := all.Unwrap()
	for _, attempt := range slices.Backward(attempts) {
		if !errors.Is(attempt, syscall.EADDRNOTAVAIL) && !errors.Is(attempt, syscall.ENETUNREACH) {
			return attempt
		}
	}
	return attempts[len(attempts)-1]
}

// notReached says whether no connection came about at all.
func notReached(err error) bool {
	var op *net.OpError
	return errors.As(lastAttempt(err), &op) && op.Op == "dial"
}

// closedAtOnce says whether something took the connection and closed it without a word, as the proxy of a published port does
// while nothing listens in the container.
func closedAtOnce(err error) bool {
	err = lastAttempt(err)
	return errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

// What pgconn says, which has no types for it, of what did answer.
var (
	noAgreement = regexp.MustCompile(`^(failed SASL auth|failed GSS auth|require_auth check failed|channel binding check failed|sslcertmode check failed|` +
		`failed to receive message: (unknown authentication type|AuthType))`)
	notPostgreSQL = regexp.MustCompile(`^(failed to receive message: (invalid body length|unknown message type)|received unexpected message|protocol error)`)
	otherRole     = regexp.MustCompile(`^ValidateConnect failed`)
	failedTLS     = regexp.MustCompile(`^tls error`)
)

// answered gives what pgconn says of an attempt, without the address that it begins with.
func answered(err error) string {
	last := lastAttempt(err)
	if inner := errors.Unwrap(last); inner != nil && strings.HasSuffix(last.Error(), inner.Error()) {
		last = inner
	}
	return last.Error()
}

// isFinal says whether what answered will not answer otherwise a moment later.
func isFinal(err error) bool {
	return !closedAtOnce(err) && (isNoAgreement(err) || notPostgreSQL.MatchString(answered(err)))
}

// isNoAgreement says whether server and client know no way to log in that both take. One that has asked and then said nothing more may.
func isNoAgreement(err error) bool { return !timedOut(err) && noAgreement.MatchString(answered(err)) }

func timedOut(err error) bool {
	var op *net.OpError
	last := lastAttempt(err)
	return errors.Is(last, context.DeadlineExceeded) || errors.As(last, &op) && op.Timeout()
}

// refusedTLS is the text of pgconn's error for a server without TLS, which it does not export.
const refusedTLS = "server refused TLS connection"

func isRefusedTLS(err error) bool { return strings.Contains(lastAttempt(err).Error(), refusedTLS) }

func isTLS(err error) bool {
	var (
		record    tls.RecordHeaderError
		verify    *tls.CertificateVerificationError
		authority x509.UnknownAuthorityError
		host      x509.HostnameError
		invalid   x509.CertificateInvalidError
	)
	err = lastAttempt(err)
	return isRefusedTLS(err) || errors.As(err, &record) || errors.As(err, &verify) || errors.As(err, &authority) || errors.As(err, &host) ||
		errors.As(err, &invalid)
}

// Reason says in a few words why an attempt to connect, or a statement, failed.
func Reason(err error) string {
	var (
		pe  *pgconn.PgError
		op  *net.OpError
		dns *net.DNSError
	)
	last := lastAttempt(err)
	switch {
	case errors.As(err, &pe):
		return pe.Message
	case closedAtOnce(err):
		return "the connection was closed without an answer"
	case isRefusedTLS(err):
		return "the server offers no TLS"
	case timedOut(err):
		return "no answer in time"
	case notPostgreSQL.MatchString(answered(err)):
		return "what answers there does not speak PostgreSQL"
	case errors.As(last, &op):
		return op.Err.Error()
	case errors.As(last, &dns):
		return dns.Error()
	}
	return answered(err)
}

// wantsTLS matches what servers and poolers say to a client without TLS.
var wantsTLS = regexp.MustCompile(`(?i)no encryption|SSL off|(SSL|TLS)( connection)? (is )?required|insecure|sslmode=require`)

// startupSetting matches what PgBouncer says of a setting that it does not pass on.
var startupSetting = regexp.MustCompile(`unsupported startup parameter`)

// withoutTLS says whether no attempt is made with TLS.
func withoutTLS(config *pgx.ConnConfig) bool {
	return config.TLSConfig == nil && !slices.ContainsFunc(config.Fallbacks, func(f *pgconn.FallbackConfig) bool { return f.TLSConfig != nil })
}

// connectProblem words why there is no connection, and what to change. detoured means that the last attempt was by the gateway.
func connectProblem(config *pgx.ConnConfig, o Options, detoured bool, err error) error {
	p := &problem.Error{
		Code:  problem.Database,
		Topic: problem.Connection,
		Where: fmt.Sprintf("database %q on %s", config.Database, Hosts(config)),
		What:  "cannot connect: " + Reason(err),
		Err:   err,
	}
	if detoured {
		p.Where += fmt.Sprintf(" (by the port published on %s)", o.HostGateway)
	}
	workflow := o.HostGateway.IsValid()
	var pe *pgconn.PgError
	if errors.As(err, &pe) {
		p.What += fmt.Sprintf(" (SQLSTATE %s)", pe.Code)
		p.Remedy = refusedRemedy(config, o, pe)
		return p
	}
	var dropped *notPassedOn
	if errors.As(err, &dropped) {
		p.Remedy = poolersSettings(config)
		return p
	}
	var (
		dns  *net.DNSError
		last = lastAttempt(err)
	)
	var inClear *clearTextError
	switch {
	case errors.As(err, &inClear):
		p.What = "cannot connect: " + inClear.Error()
		p.Remedy = "Ask for TLS with sslmode in database-url, or have the server ask in another way (scram-sha-256 in its pg_hba.conf). If the network between is " +
			"to be trusted, add require_auth=password to database-url."
	case isRefusedTLS(err):
		p.Remedy = "The sslmode of database-url asks for TLS. If no TLS is meant to be there, as in a service container, write sslmode=disable; " +
			"otherwise turn it on in the server (ssl = on)."
	case isTLS(err):
		p.Remedy = "The server's certificate is not trusted, or is not for this host. Name the authority's file with sslrootcert in database-url, and the host " +
			"as it is in the certificate."
	case errors.As(last, &dns) && workflow:
		p.What = fmt.Sprintf("cannot connect: there is no host %q on the job's network", config.Host)
		p.Remedy = "The host is the label of the service, as it stands below services: in the job. " + howToNameIt(config)
	case errors.As(last, &dns):
		p.Remedy = "Check the host in database-url. In a container it must be a name that is known there: another container's or service's name."
	case closedAtOnce(err):
		p.Remedy = fmt.Sprintf("Something is there but has not spoken as PostgreSQL within %s: the server may still be starting (a health check of the service makes "+
			"the job wait for it; connect-timeout gives it more time), or the port belongs to something else.", o.ConnectTimeout)
	case isNoAgreement(err):
		p.Remedy = "The server answered, but it asks for a way to log in that is not known here, or that channel_binding, require_auth or sslcertmode in " +
			"database-url rules out. Known are scram-sha-256, md5, a password and a certificate: see the server's pg_hba.conf."
	case otherRole.MatchString(answered(err)):
		p.Remedy = "The server answered, but it is not what target_session_attrs in database-url asks for."
	case notPostgreSQL.MatchString(answered(err)):
		p.Remedy = "Check host and port in database-url: a web server or another kind of database has this port."
	case failedTLS.MatchString(answered(err)):
		p.Remedy = "Something answered, and TLS with it failed: check sslmode and sslnegotiation in database-url, and that this is a PostgreSQL server's port."
	case strings.HasPrefix(config.Host, "/") && notReached(err):
		p.Remedy = "No server has its Unix socket there. In a container it must be mounted; over a network, database-url names a host."
	case !notReached(err):
		p.Remedy = fmt.Sprintf("Something took the connection, and did not answer as PostgreSQL within %s: check host and port in database-url, and the server's log.", o.ConnectTimeout)
	case isLoopback(config.Host) && workflow && notReached(err):
		p.What = fmt.Sprintf("cannot connect: nothing listens on %s in this container, and port %d is not published on the job's machine (%s)",
			Hosts(config), config.Port, o.HostGateway)
		p.Remedy = "In a container, localhost is the container itself. " + howToNameIt(config)
	case isLoopback(config.Host):
		p.Remedy = fmt.Sprintf("Nothing answered within %s: is the server running, and on this port? In a container, localhost is the container itself: "+
			"there, the host is the name of the server's container or service.", o.ConnectTimeout)
	default:
		p.Remedy = fmt.Sprintf("Nothing answered within %s. Check host and port in database-url, that the server runs, and that no firewall is in between.", o.ConnectTimeout)
	}
	return p
}

// refusedRemedy says what to change where the server itself says no.
func refusedRemedy(config *pgx.ConnConfig, o Options, pe *pgconn.PgError) string {
	switch {
	case withoutTLS(config) && wantsTLS.MatchString(pe.Message):
		return "The server takes encrypted connections only: write sslmode=require in database-url, or verify-full with sslrootcert to be sure of the server."
	case pe.Code == wrongPassword && config.Password == "":
		return fmt.Sprintf("database-url holds no password, and the server wants one for user %q: write it there or in PGPASSWORD.", config.User)
	case pe.Code == wrongPassword:
		return fmt.Sprintf("Check the password of user %q in database-url; a service container has it from POSTGRES_PASSWORD. In a URL, special characters are "+
			"percent-encoded (@ is %%40, / is %%2F, # is %%23, %% is %%25).", config.User)
	case pe.Code == notAuthorized:
		return fmt.Sprintf("Check that user %q exists and may log in, and what the server's pg_hba.conf allows for this host, user, database and sslmode.", config.User)
	case pe.Code == noSuchDatabase:
		return fmt.Sprintf("Correct the database's name in database-url, or make database %q first; in a service container, POSTGRES_DB names it.", config.Database)
	case pe.Code == cannotConnectNow:
		return fmt.Sprintf("The server was not ready within %s. Give the service a health check (options: --health-cmd \"pg_isready -h localhost\"), so that the job waits for it, "+
			"or set a longer connect-timeout.", o.ConnectTimeout)
	case pe.Code == tooManyConnections:
		return fmt.Sprintf("No connection became free within %s: end others, raise the server's max_connections, or set a longer connect-timeout.", o.ConnectTimeout)
	case startupSetting.MatchString(pe.Message):
		return poolersSettings(config)
	case pe.Code == badValue || pe.Code == noSuchSetting:
		return "Check the settings of the session in database-url, and the variables PGDATESTYLE, PGCLIENTENCODING, PGTZ, PGGEQO and PGOPTIONS."
	}
	return ""
}

// poolersSettings says how a session gets what a pooler does not pass on.
func poolersSettings(config *pgx.ConnConfig) string {
	path := config.RuntimeParams["search_path"]
	if path == "" {
		return "A pooler takes few settings with the connection: give the server's own address, or leave them out of database-url and the PG* variables."
	}
	return fmt.Sprintf("A pooler takes few settings with the connection: give the server's own address, or set the schema once in the server and leave it out "+
		"of database-url: ALTER ROLE %s IN DATABASE %s SET search_path = %s.",
		pgx.Identifier{config.User}.Sanitize(), pgx.Identifier{config.Database}.Sanitize(), path)
}

// Hosts gives host and port as they were written, for people; where there are several, all of them.
func Hosts(config *pgx.ConnConfig) string {
	var all []string
	for _, way := range append([]*pgconn.FallbackConfig{{Host: config.Host, Port: config.Port}}, config.Fallbacks...) {
		host := way.Host
		if !strings.HasPrefix(host, "/") {
			host = net.JoinHostPort(host, strconv.Itoa(int(way.Port)))
		}
		if !slices.Contains(all, host) {
			all = append(all, host)
		}
	}
	return strings.Join(all, " or ")
}

// howToNameIt says how a container of a workflow names a service, with the user's own values.
func howToNameIt(config *pgx.ConnConfig) string {
	return fmt.Sprintf("For a service that stands below services: as postgres:, write database-url: %s, with the port inside its container, not the published one.",
		ideal(config))
}

// ideal is the target with a label for its host; the password is left out.
func ideal(config *pgx.ConnConfig) string {
	user := url.User(config.User).String()
	return fmt.Sprintf("postgresql://%s:PASSWORD@postgres:5432/%s", user, url.PathEscape(config.Database))
}

// wentAround tells that localhost was taken for the machine around the container, and how to write what was meant.
func wentAround(config *pgx.ConnConfig, gateway netip.Addr) string {
	return fmt.Sprintf("nothing listens on %s in this container, so port %d published on the job's machine (%s) was used; write the service's label and the port "+
		"inside its container instead, such as %s", Hosts(config), config.Port, gateway, ideal(config))
}
