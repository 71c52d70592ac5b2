package config

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5"
)

// applicationName is what pg_stat_activity shows, unless the connection string or PGAPPNAME says otherwise.
const applicationName = "fabricate-seed"

// setTarget parses the connection string with pgx, which knows libpq's URL and keyword forms, service and password files.
func setTarget(s *Settings, v string) error {
	s.targetText = v
	if strayAt(v) {
		return errors.New("has an @ after the host: " + howToWrite)
	}
	config, err := pgx.ParseConfig(v)
	if err != nil {
		return targetError(v, err)
	}
	s.Target, err = withDefaults(config, "")
	return err
}

// target falls back to libpq's own variables where no connection string was given.
func (p *parser) target() {
	if p.given("database-url") || p.settings.Command == Demo || p.settings.Command == Cache {
		return
	}
	for _, name := range []string{"PGHOST", "PGHOSTADDR", "PGDATABASE", "PGUSER", "PGSERVICE", "PGPORT"} {
		if p.env[name] == "" {
			continue
		}
		config, err := pgx.ParseConfig("")
		if err != nil {
			p.find("the PG* variables (%s is set) %v", name, targetError("", err))
			return
		}
		target, err := withDefaults(config, p.env["PGHOSTADDR"])
		if err != nil {
			p.find("the PG* variables (%s is set) %v", name, err)
			return
		}
		p.settings.Target = target
		p.settings.spelling["database-url"] = name
		return
	}
}

// withDefaults names the application, and follows what libpq knows and pgx does not. pgx takes each such keyword for a setting
// of the server's, which would refuse the connection for it.
func withDefaults(config *pgx.ConnConfig, hostaddr string) (*pgx.ConnConfig, error) {
	taken := func(keyword string) string {
		value := config.RuntimeParams[keyword]
		delete(config.RuntimeParams, keyword)
		return value
	}
	for _, keyword := range []string{ // the system's defaults serve for these, and they change nothing that is seen
		"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslcompression", "gssdelegation",
		"gsslib", "load_balance_hosts",
	} {
		taken(keyword)
	}
	for _, keyword := range []string{"sslcrl", "sslcrldir", "requirepeer"} { // to pass over these would be less than was asked for
		if taken(keyword) != "" {
			return nil, fmt.Errorf("has %s, which is not supported here: leave it out", keyword)
		}
	}
	if taken("gssencmode") == "require" {
		return nil, errors.New("has gssencmode=require, which is not supported here: use TLS (sslmode)")
	}
	if config.RuntimeParams["client_encoding"] == "auto" {
		delete(config.RuntimeParams, "client_encoding")
	}
	fallback := taken("fallback_application_name")
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = cmp.Or(fallback, applicationName)
	}
	if addr := taken("hostaddr"); addr != "" {
		hostaddr = addr
	}
	if strings.Contains(hostaddr, ",") {
		return nil, errors.New("has several addresses in hostaddr, which is not supported here: give them as host")
	}
	if hostaddr != "" { // the address to connect to, while the host keeps its meaning for TLS
		if strings.HasPrefix(config.Host, "/") { // pgx's default host is the socket's folder
			config.Host = hostaddr
		}
		config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{hostaddr}, nil }
	}
	return config, tlsVersions(config, taken("ssl_min_protocol_version"), taken("ssl_max_protocol_version"))
}

// tlsVersions limits the versions of TLS, for every host that the target names.
func tlsVersions(config *pgx.ConnConfig, lowest, highest string) error {
	versions := map[string]uint16{"": 0, "tlsv1": tls.VersionTLS10, "tlsv1.1": tls.VersionTLS11, "tlsv1.2": tls.VersionTLS12, "tlsv1.3": tls.VersionTLS13}
	from, known := versions[strings.ToLower(lowest)]
	to, also := versions[strings.ToLower(highest)]
	if !known || !also {
		return errors.New("has an unknown version of TLS: they are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3")
	}
	all := []*tls.Config{config.TLSConfig}
	for _, other := range config.Fallbacks {
		all = append(all, other.TLSConfig)
	}
	for _, one := range all {
		if one != nil && lowest != "" {
			one.MinVersion = from
		}
		if one != nil && highest != "" {
			one.MaxVersion = to
		}
	}
	return nil
}

// reason takes the fixed part out of pgx's error, "cannot parse `…`: invalid port (…)". The rest may hold pieces of the
// connection string: pgx redacts as well as it can, which is not always enough.
var reason = regexp.MustCompile("(?s)^cannot parse `.*`: ([a-z][a-zA-Z/ _-]*)")

func targetError(text string, err error) error {
	scheme, _, isURL := strings.Cut(text, "://")
	scheme, _, _ = strings.Cut(scheme, "+")
	switch strings.ToLower(scheme) {
	case "mysql", "mariadb", "sqlserver", "mssql", "oracle", "sqlite", "mongodb", "file":
		if isURL {
			return fmt.Errorf("is the address of a %s database; only PostgreSQL can be loaded", strings.ToLower(scheme))
		}
	}
	why := "cannot be understood"
	if m := reason.FindStringSubmatch(err.Error()); m != nil {
		why += " (" + strings.TrimSpace(m[1]) + ")"
	}
	return errors.New(why + ": " + howToWrite)
}

const howToWrite = "write postgres://user:password@host:5432/database, with special characters in the password " +
	"percent-encoded (@ is %40, / is %2F, : is %3A, # is %23, % is %25), or host=… port=… user=… password=… dbname=…"

// strayAt finds the password that was not encoded and holds a slash: its rest would be taken for the database's name,
// which messages show.
func strayAt(text string) bool {
	_, rest, isURL := strings.Cut(text, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, database, _ := strings.Cut(rest, "/")
	return isURL && strings.Contains(database, "@")
}
