// Package conninfo reads connection strings of PostgreSQL as people have them: what libpq takes means what it means there, what other
// tools write (JDBC, .NET, ODBC, Prisma, SQLAlchemy and more) is translated where its meaning is certain, and all else is refused
// before anything is asked of a network. It knows no settings; pgx makes the connection.
//
// A password can stand anywhere in a string that is not as it should be. So nothing of the text is repeated but words of closed
// lists, and unknown keywords where no password can reach them.
package conninfo

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// ApplicationName is what pg_stat_activity shows, unless the connection string or PGAPPNAME says otherwise.
const ApplicationName = "fabricate-seed"

// Target is what a connection string means.
type Target struct {
	Config   *pgx.ConnConfig
	Notices  []string // how it was understood where psql would not have understood it; free of secrets
	Warnings []string // what it leaves open; free of secrets
	Secrets  []string // its passwords, as they are and as they are written
}

// Faults are all that is wrong with a connection string, each completing a sentence that begins with its name. They are free of
// secrets.
type Faults []string

func (f Faults) Error() string { return strings.Join(f, "; it ") }

// HowToWrite is how it should be.
const HowToWrite = "write postgres://user:password@host:5432/database, with special characters in the password " +
	"percent-encoded (@ is %40, / is %2F, : is %3A, # is %23, ? is %3F, % is %25), or host=… port=… user=… password=… dbname=…"

// Parse reads a connection string, and for what it leaves open the PG* variables, as libpq does: an empty one means the variables
// alone. The error is Faults. Files that it names are read.
func Parse(text string, getenv func(string) string) (Target, error) {
	r := &reader{getenv: getenv, settings: map[string]string{}, runtime: map[string]string{}}
	if text != "" {
		r.read(text)
	}
	if r.runtime["search_path"] == "public" && slices.Contains(r.passed, "pgbouncer") { // which takes no search_path with the connection
		delete(r.runtime, "search_path")
		r.taken = append(slices.DeleteFunc(r.taken, func(text string) bool { return strings.HasSuffix(text, " as search_path") }),
			"search_path is left as it is, for a pooler passes none on, and public is in it")
	}
	r.environment()
	r.check()
	if len(r.faults) > 0 {
		return Target{Secrets: r.secrets}, r.faults
	}
	config, err := r.config()
	if err != nil {
		return Target{Secrets: r.secrets}, err
	}
	target := Target{Config: config, Notices: r.notices(), Secrets: r.secrets}
	if text != "" {
		target.Warnings, err = r.open(config)
	}
	return target, err
}

// reader is a connection string on its way to settings.
type reader struct {
	getenv   func(string) string
	as       string            // what it was read as, if not as libpq's: "JDBC"
	dialect  dialect           // whose keywords they are
	settings map[string]string // libpq's keywords

	hostPorts []string          // ports that stand behind the hosts; nil if none does
	runtime   map[string]string // the server's settings
	taken     []string          // what was taken as something else: "schema as search_path"
	passed    []string          // what was passed over: keywords of other programs
	secrets   []string
	faults    Faults
}

func (r *reader) fault(text string) {
	if !slices.Contains(r.faults, text) {
		r.faults = append(r.faults, text)
	}
}

func (r *reader) notices() []string {
	var all []string
	if r.as != "" {
		all = append(all, "read as "+r.as)
	}
	if len(r.taken) > 0 {
		all = append(all, strings.Join(r.taken, ", "))
	}
	if len(r.passed) > 0 {
		all = append(all, "passed over, being for other programs: "+strings.Join(r.passed, ", "))
	}
	if len(all) == 0 {
		return nil
	}
	return []string{strings.Join(all, "; ")}
}

// variables are libpq's environment variables that pgx does not read, by their keywords (libpq's fe-connect.c).
var variables = map[string]string{
	"hostaddr": "PGHOSTADDR", "client_encoding": "PGCLIENTENCODING", "sslcrl": "PGSSLCRL", "sslcrldir": "PGSSLCRLDIR", "requirepeer": "PGREQUIREPEER",
	"ssl_min_protocol_version": "PGSSLMINPROTOCOLVERSION", "ssl_max_protocol_version": "PGSSLMAXPROTOCOLVERSION", "gssencmode": "PGGSSENCMODE",
}

// environment takes what libpq takes from the environment and pgx does not. PGDATESTYLE, PGGEQO and PGTZ have no keyword: they
// are sent as settings of the session. A service, which goes before variables, is not known yet.
func (r *reader) environment() {
	if file := r.getenv("PGSERVICEFILE"); file != "" && r.service() != "" && r.settings["servicefile"] == "" {
		r.settings["servicefile"] = file
	}
	for keyword, name := range variables {
		if _, given := r.settings[keyword]; !given && r.getenv(name) != "" && r.service() == "" {
			r.settings[keyword] = r.getenv(name)
		}
	}
	for parameter, name := range map[string]string{"datestyle": "PGDATESTYLE", "geqo": "PGGEQO", "timezone": "PGTZ"} {
		if _, given := r.runtime[parameter]; !given && r.getenv(name) != "" {
			r.runtime[parameter] = r.getenv(name)
		}
	}
}

func (r *reader) service() string { return cmp.Or(r.settings["service"], r.getenv("PGSERVICE")) }

// check finds what can be known to be wrong.
func (r *reader) check() {
	r.checkHosts(cmp.Or(r.settings["host"], r.getenv("PGHOST")))
	r.checkPorts(r.settings["port"])
	for _, called := range [][2]string{{"dbname", "PGDATABASE"}, {"user", "PGUSER"}} { // which messages name
		if strings.Contains(cmp.Or(r.settings[called[0]], r.getenv(called[1])), "://") {
			r.fault("has a connection string as " + called[0] + " (or " + called[1] + "): it is read in database-url alone")
		}
	}
	for _, keyword := range []string{"sslmode", "target_session_attrs", "channel_binding", "gssencmode", "sslnegotiation", "sslcertmode"} {
		value, called := r.settings[keyword], "has "+keyword+" with a value that"
		if value == "" && r.service() == "" { // a service goes before variables
			value, called = r.getenv(variableOf[keyword]), "is used with "+variableOf[keyword]+", whose value"
		}
		if value != "" && !slices.Contains(choices[keyword], value) {
			r.fault(fmt.Sprintf("%s is none of %s%s", called, strings.Join(choices[keyword], ", "), didYouMean(value, choices[keyword])))
		}
	}
	if value := r.settings["connect_timeout"]; value != "" {
		if _, err := strconv.Atoi(strings.TrimSpace(value)); err != nil {
			r.fault("has a connect_timeout that is not a whole number of seconds")
		}
	}
	for _, keyword := range []string{"sslrootcert", "sslcert", "sslkey"} {
		if name := r.settings[keyword]; name != "" && (keyword != "sslrootcert" || name != "system") {
			if _, err := os.ReadFile(name); err != nil {
				r.fault(fmt.Sprintf("names a file as %s that cannot be read: %v", keyword, problem.WithoutPath(err)))
			}
		}
	}
	cert, key := cmp.Or(r.settings["sslcert"], r.getenv("PGSSLCERT")), cmp.Or(r.settings["sslkey"], r.getenv("PGSSLKEY"))
	if (cert == "") != (key == "") && r.service() == "" {
		r.fault("has one of sslcert and sslkey, which go together: they are this client's certificate and key. The authority that the " +
			"server's certificate comes from is sslrootcert (Prisma calls that sslcert)")
	}
	if value := r.settings["replication"]; value != "" && !slices.Contains([]string{"false", "off", "no", "0"}, value) {
		r.fault("asks for a replication connection, by which nothing can be loaded: leave replication out")
	}
	delete(r.settings, "replication")
}

// variableOf are libpq's environment variables for the keywords of choices.
var variableOf = map[string]string{
	"sslmode": "PGSSLMODE", "target_session_attrs": "PGTARGETSESSIONATTRS", "channel_binding": "PGCHANNELBINDING", "gssencmode": "PGGSSENCMODE",
	"sslnegotiation": "PGSSLNEGOTIATION", "sslcertmode": "PGSSLCERTMODE",
}

// choices are the values of libpq's keywords that have few.
var choices = map[string][]string{
	"sslmode":              {"disable", "allow", "prefer", "require", "verify-ca", "verify-full"},
	"target_session_attrs": {"any", "read-write", "read-only", "primary", "standby", "prefer-standby"},
	"channel_binding":      {"disable", "prefer", "require"},
	"gssencmode":           {"disable", "prefer", "require"},
	"sslnegotiation":       {"postgres", "direct"},
	"sslcertmode":          {"disable", "allow", "require"},
}

// unfit matches what no host's name, address or socket's folder has. It is looked for so that no part of a password is asked of a
// name server.
var unfit = regexp.MustCompile("[\x00-\x20!\"#$&'()*+;<=>?@\\\\^`{|}\x7f]")

const stray = "has an @ after the host, which mostly is a password that is not encoded: " + HowToWrite

func (r *reader) checkHosts(hosts string) {
	for host := range strings.SplitSeq(hosts, ",") {
		switch {
		case isSocket(host):
			if strings.HasPrefix(host, "@") {
				r.fault("names an abstract Unix socket, or has " + strings.TrimPrefix(stray, "has "))
			}
		case strings.Contains(host, "@"):
			r.fault(stray)
		case unfit.MatchString(host) || strings.Contains(host, "/"):
			r.fault("has a character in the host that no host has, which mostly is a part of a password that is not encoded: " + HowToWrite)
		}
	}
}

// isSocket says whether a host is the folder of a Unix socket, as libpq does.
func isSocket(host string) bool {
	return strings.HasPrefix(host, "/") || strings.HasPrefix(host, "@") || len(host) > 2 && host[1:3] == `:\`
}

func (r *reader) checkPorts(ports string) {
	n := 0
	for port := range strings.SplitSeq(ports, ",") {
		n++
		number, err := strconv.Atoi(strings.TrimSpace(port))
		if port != "" && (err != nil || number < 1 || number > 65535) {
			r.fault("has a port that is not a number from 1 to 65535 (a : or / in the password that is not encoded looks like this, too): " + HowToWrite)
		}
	}
	if hosts := strings.Count(r.settings["host"], ",") + 1; n > 1 && n != hosts {
		r.fault(fmt.Sprintf("has %d ports for %d hosts", n, hosts))
	}
}

// reason takes the fixed part out of pgx's error, "cannot parse `…`: invalid port (…)". The rest may hold pieces of the text.
var reason = regexp.MustCompile("(?s)^cannot parse `.*`: ([a-z][a-zA-Z/ _-]*)")

// config has pgx make the configuration.
func (r *reader) config() (*pgx.ConnConfig, error) {
	var text strings.Builder
	for _, keyword := range slices.Sorted(maps.Keys(r.settings)) {
		fmt.Fprintf(&text, "%s='%s' ", keyword, strings.NewReplacer(`\`, `\\`, `'`, `\'`).Replace(r.settings[keyword]))
	}
	config, err := pgx.ParseConfig(text.String())
	if err != nil {
		why := ""
		if m := reason.FindStringSubmatch(err.Error()); m != nil {
			why = strings.TrimSpace(m[1])
		}
		switch why {
		case "failed to read service":
			return nil, Faults{"names a service that is in no service file: those are ~/.pg_service.conf and what PGSERVICEFILE or servicefile names"}
		case "failed to configure TLS":
			return nil, Faults{"names files for TLS that cannot be used: sslrootcert, sslcert and sslkey are PEM files, and the key fits the certificate"}
		}
		return nil, Faults{strings.TrimSuffix("cannot be understood ("+why+")", " ()")}
	}
	if r.service() != "" {
		r.checkHosts(config.Host)
		for keyword, name := range variables {
			if config.RuntimeParams[keyword] == "" && r.getenv(name) != "" {
				config.RuntimeParams[keyword] = r.getenv(name)
			}
		}
	}
	maps.Copy(config.RuntimeParams, r.runtime)
	if err := follow(config); err != nil {
		return nil, Faults{err.Error()}
	}
	if len(r.faults) > 0 {
		return nil, r.faults
	}
	return config, nil
}

// follow does what libpq knows and pgx does not, and names the application. pgx takes each keyword that it does not know for a
// setting of the server's, which would refuse the connection for it.
func follow(config *pgx.ConnConfig) error {
	taken := func(keyword string) string {
		value := config.RuntimeParams[keyword]
		delete(config.RuntimeParams, keyword)
		return value
	}
	for _, keyword := range []string{ // the system's defaults serve for these, and they change nothing that is seen
		"keepalives", "keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout", "sslcompression", "gssdelegation",
		"gsslib", "load_balance_hosts", "authtype", "tty", "requiressl", "sslkeylogfile",
	} {
		taken(keyword)
	}
	for _, keyword := range []string{ // to pass over these would be less than was asked for
		"sslcrl", "sslcrldir", "requirepeer", "scram_client_key", "scram_server_key", "oauth_issuer", "oauth_client_id", "oauth_client_secret", "oauth_scope",
	} {
		if taken(keyword) != "" {
			return fmt.Errorf("has %s, which is not supported here: leave it out", keyword)
		}
	}
	if taken("gssencmode") == "require" {
		return errors.New("has gssencmode=require, which is not supported here: use TLS (sslmode)")
	}
	if config.RuntimeParams["client_encoding"] == "auto" {
		delete(config.RuntimeParams, "client_encoding")
	}
	fallback := taken("fallback_application_name")
	if config.RuntimeParams["application_name"] == "" {
		config.RuntimeParams["application_name"] = cmp.Or(fallback, ApplicationName)
	}
	addr := taken("hostaddr")
	if strings.Contains(addr, ",") {
		return errors.New("has several addresses in hostaddr, which is not supported here: give them as host")
	}
	if addr != "" { // the address to connect to, while the host keeps its meaning for TLS
		if strings.HasPrefix(config.Host, "/") { // pgx's default host is the socket's folder
			config.Host = addr
		}
		config.LookupFunc = func(context.Context, string) ([]string, error) { return []string{addr}, nil }
	}
	if err := tlsVersions(config, taken("ssl_min_protocol_version"), taken("ssl_max_protocol_version")); err != nil {
		return err
	}
	for keyword := range config.RuntimeParams { // of a service; those of the text are checked already
		if !slices.Contains(sessionSettings, keyword) && keyword != "options" && keyword != "application_name" && keyword != "client_encoding" {
			return errors.New("names a service with a keyword that is not libpq's")
		}
	}
	return nil
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

// open says what the text leaves open, and takes for it what libpq takes.
func (r *reader) open(config *pgx.ConnConfig) (warnings []string, err error) {
	given := func(keyword, variable string) bool {
		return r.settings[keyword] != "" || r.getenv(variable) != "" || r.service() != ""
	}
	switch {
	case config.User == "":
		return nil, Faults{"names no user: " + HowToWrite}
	case !given("user", "PGUSER"):
		warnings = append(warnings, fmt.Sprintf("names no user: %q is taken, the name on this system", config.User))
	}
	if !given("host", "PGHOST") && r.settings["hostaddr"] == "" {
		warnings = append(warnings, fmt.Sprintf("names no host: %s is taken", config.Host))
	}
	if config.Database == "" {
		config.Database = config.User
		warnings = append(warnings, fmt.Sprintf("names no database: %q is taken, the user's name", config.Database))
	}
	return warnings, nil
}
