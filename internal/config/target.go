package config

import (
	"context"
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
	s.Target = withDefaults(config, "")
	return nil
}

// target falls back to libpq's own variables where no connection string was given.
func (p *parser) target() {
	if p.given("database-url") || p.settings.Command == Demo {
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
		p.settings.Target = withDefaults(config, p.env["PGHOSTADDR"])
		p.settings.spelling["database-url"] = name
		return
	}
}

// withDefaults names the application, and follows hostaddr, which pgx does not know: the address to connect to, while
// the host keeps its meaning for TLS.
func withDefaults(config *pgx.ConnConfig, hostaddr string) *pgx.ConnConfig {
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = applicationName
	}
	if addr := config.RuntimeParams["hostaddr"]; addr != "" {
		hostaddr = addr
		delete(config.RuntimeParams, "hostaddr")
	}
	if hostaddr != "" {
		if strings.HasPrefix(config.Host, "/") { // pgx's default host is the socket's folder
			config.Host = hostaddr
		}
		config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{hostaddr}, nil }
	}
	return config
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
