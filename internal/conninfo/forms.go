package conninfo

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// dialect is whose keywords a text has.
type dialect int

const (
	libpq  dialect = iota // host=… user=…
	uri                   // postgres://…, libpq's and everybody's
	jdbc                  // jdbc:postgresql:…, also R2DBC
	adoNET                // Host=…;Username=…, also ODBC and PHP's PDO
)

// Is says whether a text is meant as a connection string, right or wrong.
func Is(text string) bool {
	first, _, ok := strings.Cut(text, "=")
	return strings.Contains(text, "://") || javaPrefix.MatchString(text) || pdo.MatchString(text) || ok && known(strings.TrimSpace(first))
}

// read takes the text apart by its form.
func (r *reader) read(text string) {
	text = r.unwrap(text)
	if r.placeholder(text) {
		return
	}
	if strings.IndexFunc(text, func(c rune) bool { return unicode.IsControl(c) && !strings.ContainsRune("\t\r\n", c) }) >= 0 {
		r.fault("has a control character in it; was it copied whole?")
		return
	}
	prefix, rest, isURL := strings.Cut(text, "://")
	switch {
	case foreign(text) != "":
		r.fault("is the address of a " + foreign(text) + " database; only PostgreSQL can be loaded")
	case javaPrefix.MatchString(text):
		r.java(text[:len(javaPrefix.FindString(text))], text[len(javaPrefix.FindString(text)):])
	case isURL && schemeOnly.MatchString(prefix):
		r.url(prefix, rest)
	case noSlashes.MatchString(text):
		r.fault("has no // behind the scheme: " + HowToWrite)
	case strings.HasPrefix(text, "//"):
		r.fault("has no scheme: write postgres: before it")
	case strings.HasPrefix(text, "{"):
		r.fault("is a JSON object: " + HowToWrite)
	case pdo.MatchString(text):
		r.as = "PDO's string"
		r.semicolons(text[len(pdo.FindString(text)):])
	case semicolons(text):
		r.as = ".NET's string"
		r.semicolons(text)
	case bareAddress(text):
		r.fault("has no scheme: write postgres:// before it, as in postgres://user:password@host:5432/database")
	default:
		r.keywords(text)
	}
	r.portsOfHosts()
}

var (
	javaPrefix = regexp.MustCompile(`(?i)^(jdbc|r2dbcs?):((pool|p6spy|otel|aws-wrapper|log4jdbc|proxy|tc):)*`)
	javaScheme = regexp.MustCompile(`(?i)^(pgsql|postgres|postgresql):`)
	sqlite     = regexp.MustCompile(`^(data source|filename)\s*=\s*(:memory:|[^;]*\.(db|db3|sqlite|sqlite3))\s*(;|$)`)
	noSlashes  = regexp.MustCompile(`(?i)^postgres(ql)?:/[^/]`)
	schemeOnly = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+._:-]*$`)
	pdo        = regexp.MustCompile(`(?i)^(pgsql|dbi:pg):`)

	// assigned is a line of a .env file or a shell, or of YAML, where its value alone is wanted.
	assigned = regexp.MustCompile(`(?s)^(?:(?:export|set|SET|ENV)\s+)?(?:[A-Z][A-Z0-9_]*\s*=|[A-Za-z_-]*(?:url|URL)\s*:)\s*(["']?[a-z][a-z0-9+:._-]*://.*)$`)
	command  = regexp.MustCompile(`(?s)^psql\s+(?:-d\s+)?(["']?\S.*)$`)
)

// unwrap takes off what comes along when a connection string is copied: blanks, quotes, the command or the variable before it.
func (r *reader) unwrap(text string) string {
	trim := func(s string) string {
		return strings.TrimFunc(s, func(c rune) bool { return unicode.IsSpace(c) || c == '\ufeff' || c == '\u200b' || c == 0 })
	}
	text = trim(text)
	for _, before := range []*regexp.Regexp{command, assigned} {
		if m := before.FindStringSubmatch(text); m != nil {
			text = trim(m[1])
			r.taken = append(r.taken, "taken without what stands before it")
		}
	}
	quotes := map[rune]rune{'"': '"', '\'': '\'', '`': '`', '“': '”', '‘': '’', '„': '“', '«': '»'}
	runes := []rune(text)
	if n := len(runes); n > 2 && quotes[runes[0]] != 0 && quotes[runes[0]] == runes[n-1] {
		text = trim(string(runes[1 : n-1]))
		r.taken = append(r.taken, "taken without the quotes around it")
	}
	return text
}

// Placeholders that something should have been put in the place of.
var (
	expression = regexp.MustCompile(`\$\{\{|\{\{.*\}\}`)
	variable   = regexp.MustCompile(`^(\$[A-Za-z_]\w*|\$env:\w+|%\w+%|\$\(.*\)|<[^<>]*>)$|\$\{[A-Za-z_]\w*(:?[-?+][^{}]*)?\}`)
	password   = regexp.MustCompile(`(?i)\[YOUR[-_ ]PASSWORD\]|<(YOUR[-_ ])?(DB[-_ ])?PASSWORD>|\{YOUR_\w+\}|(:|(password|pwd)\s*=\s*)(YOUR[-_]PASSWORD|\*{3,}|•{3,}|…)(@|;|&|\s|$)`)
)

func (r *reader) placeholder(text string) bool {
	switch {
	case expression.MatchString(text):
		r.fault("holds a literal ${{ … }} or {{ … }}: nothing has put a value in its place. GitHub does so in a workflow's or an action's file only")
	case variable.MatchString(text):
		r.fault("holds the name of a variable, such as $NAME: nothing has put its value in its place. In a workflow write ${{ secrets.NAME }}; a $ that is meant is written %24 in a URL")
	case password.MatchString(text):
		r.fault("holds a placeholder where the password belongs, such as [YOUR-PASSWORD] or ***: put the password there")
	case strings.Trim(text, "*") == "":
		r.fault("is nothing but ***, which a log shows in place of a secret: put the connection string there")
	default:
		return false
	}
	return true
}

// schemes are those that mean PostgreSQL: libpq's, and what libraries call it.
var schemes = []string{"postgres", "postgresql", "pgsql", "pg", "postgis", "timescale", "timescaledb", "timescalegis", "ecto", "pdo-pgsql", "pdo_pgsql", "psql"}

// foreign names the database that is not PostgreSQL, or "".
func foreign(text string) string {
	lower := strings.ToLower(text)
	lower = lower[len(javaPrefix.FindString(lower)):]
	scheme, _, ok := strings.Cut(lower, ":")
	scheme, _, _ = strings.Cut(scheme, "+")
	names := []string{"mysql", "mysql2", "mariadb", "sqlserver", "mssql", "oracle", "sqlite", "sqlite3", "mongodb", "redis", "h2", "db2", "snowflake", "redshift",
		"cockroach", "cockroachdb", "bigquery", "clickhouse", "cassandra"}
	if ok && slices.Contains(names, scheme) {
		return scheme
	}
	if ok && scheme == "file" {
		return "file"
	}
	for _, mark := range []string{"initial catalog=", "multipleactiveresultsets=", "attachdbfilename=", "server=tcp:", "driver={odbc driver", "driver={sql server"} {
		if strings.Contains(strings.ReplaceAll(lower, " =", "="), mark) && strings.Contains(lower, ";") {
			return "SQL Server"
		}
	}
	if sqlite.MatchString(lower) {
		return "SQLite"
	}
	if strings.HasPrefix(lower, "driver={mysql") || strings.HasPrefix(lower, "driver={mariadb") {
		return "MySQL"
	}
	return ""
}

// java reads an address of JDBC's, or of R2DBC's. There host and database have defaults of their own, and a + in the query is a
// blank.
func (r *reader) java(prefix, rest string) {
	r.as, r.dialect = "JDBC's address", jdbc
	scheme := javaScheme.FindString(rest)
	switch rest = rest[len(scheme):]; {
	case scheme == "":
		r.fault("is an address of JDBC's, but not of PostgreSQL; only PostgreSQL can be loaded")
		return
	case strings.Contains(strings.ToLower(prefix), ":tc:"):
		r.fault("is an address of Testcontainers, which starts a database of its own: take that of the database that is meant")
		return
	case strings.HasPrefix(rest, "//"):
		r.address(rest[2:])
	default:
		r.address("/" + strings.TrimPrefix(rest, "/"))
	}
	if r.settings["host"] == "" {
		r.settings["host"] = "localhost"
	}
}

func (r *reader) url(scheme, rest string) {
	r.dialect = uri
	lower := strings.ToLower(scheme)
	base, _, _ := strings.Cut(lower, "+")
	switch {
	case base == "prisma":
		r.fault("is an address of Prisma's own service, which speaks no PostgreSQL: take the database's own address (DIRECT_URL)")
	case base == "http" || base == "https" || base == "ws" || base == "wss":
		r.fault("is the address of a web service, not of a database: " + HowToWrite)
	case !slices.Contains(schemes, base):
		r.fault("does not begin with postgres://: " + HowToWrite)
	default:
		if scheme != "postgres" && scheme != "postgresql" {
			r.as = "postgresql://"
		}
		r.address(rest)
	}
}

// address reads user:password@host:port,…/database?name=value&…, divided as libpq divides it (conninfo_uri_parse_options).
func (r *reader) address(rest string) {
	if strings.ContainsAny(rest, "\t\r\n") {
		r.fault("has a line break or a tab in it; was it copied whole?")
		return
	}
	if i := strings.IndexAny(rest, "@/"); i >= 0 && rest[i] == '@' {
		user, password, _ := strings.Cut(rest[:i], ":")
		r.add("user", r.decoded(user, "user"))
		if password != "" {
			r.secrets = append(r.secrets, password)
		}
		r.add("password", r.decoded(password, "password"))
		rest = rest[i+1:]
	}
	rest, query, _ := strings.Cut(rest, "?")
	hosts, database, _ := strings.Cut(rest, "/")
	if strings.Contains(hosts, "@") || strings.Contains(database, "@") {
		r.fault(stray)
		return
	}
	if pairs.MatchString(database) {
		r.fault("has name=value in the database's name: the first such pair stands behind a ?, and the others behind an &")
		return
	}
	r.hosts(hosts)
	r.add("dbname", r.decoded(database, "database"))
	if query != "" {
		r.query(query)
	}
}

// pairs finds parameters that no ? divides from the database's name, a password perhaps among them.
var pairs = regexp.MustCompile(`[;&]\s*[A-Za-z_]+=`)

// hosts reads host:port,host:port.
func (r *reader) hosts(list string) {
	var hosts, ports []string
	for one := range strings.SplitSeq(list, ",") {
		host, port, _ := strings.Cut(one, ":")
		if strings.HasPrefix(one, "[") {
			end := strings.Index(one, "]")
			if end < 2 || len(one) > end+1 && one[end+1] != ':' {
				r.fault("has a [ that is closed by no ], or not around an IPv6 address")
				return
			}
			host, port = one[1:end], strings.TrimPrefix(one[end+1:], ":")
		} else if strings.Contains(port, ":") {
			r.fault("has more than one : in the host: an IPv6 address stands in brackets, as in [::1]:5432; a : in the password is %3A, an @ is %40")
			return
		}
		hosts, ports = append(hosts, r.decoded(host, "host")), append(ports, r.decoded(port, "port"))
	}
	r.add("host", strings.Join(hosts, ","))
	if slices.ContainsFunc(ports, func(port string) bool { return port != "" }) {
		r.add("port", strings.Join(ports, ","))
	}
}

// query reads name=value&name=value.
func (r *reader) query(query string) {
	var all []pair
	for one := range strings.SplitSeq(query, "&") {
		name, value, ok := strings.Cut(one, "=")
		if r.dialect == jdbc {
			name, value = strings.ReplaceAll(name, "+", " "), strings.ReplaceAll(value, "+", " ")
			if !ok && name != "" {
				value, ok = "true", true
			}
		}
		name = r.decoded(name, "query")
		switch {
		case one == "":
		case !ok:
			r.fault("has something between ? and its end that is no name=value")
		case strings.Contains(value, "@") && !known(name):
			r.fault(stray)
		default:
			if keyword(name) == "password" {
				r.secrets = append(r.secrets, value)
			}
			all = append(all, pair{name, r.decoded(value, "query")})
		}
	}
	show := !strings.Contains(query, "@") // else it may be the rest of a password
	hosts := ""
	for _, p := range all {
		if keyword(p.name) == "host" && r.as != "" { // SQLAlchemy's way to give several; libpq takes the last
			hosts = strings.TrimPrefix(hosts+","+p.value, ",")
			p.value = hosts
		}
		r.put(p.name, p.value, show)
		show = show && keyword(p.name) != "password"
	}
}

// decoded undoes percent-encoding.
func (r *reader) decoded(text, where string) string {
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] != '%' {
			b.WriteByte(text[i])
			continue
		}
		var code uint64
		err := strconv.ErrSyntax
		if i+3 <= len(text) {
			code, err = strconv.ParseUint(text[i+1:i+3], 16, 8)
		}
		if err != nil || code == 0 {
			r.fault("has a % in the " + where + " that two hexadecimal digits do not follow: a % that is meant as such is written %25")
			return ""
		}
		b.WriteByte(byte(code))
		i += 2
	}
	return b.String()
}

// add keeps a setting that is not empty.
func (r *reader) add(keyword, value string) {
	if value == "" {
		return
	}
	r.settings[keyword] = value
	if keyword == "password" {
		r.secrets = append(r.secrets, value)
	}
}

// blank is what separates in libpq's form.
const blank = " \t\n\r\v\f"

// pair is one keyword with its value.
type pair struct{ name, value string }

// putAll takes the keywords of a text. An unknown one is named only where others are known, and before the password: it could be a
// part of one.
func (r *reader) putAll(all []pair) {
	show := slices.ContainsFunc(all, func(p pair) bool { return known(p.name) })
	for _, p := range all {
		r.put(p.name, p.value, show)
		show = show && keyword(p.name) != "password"
	}
}

// keywords reads libpq's form (conninfo_parse).
func (r *reader) keywords(text string) {
	var all []pair
	for text = strings.TrimLeft(text, blank); text != ""; text = strings.TrimLeft(text, blank) {
		equal := strings.IndexByte(text, '=')
		name := text[:max(0, equal)]
		if name = strings.Trim(name, blank); equal < 0 || strings.ContainsAny(name, blank) {
			if len(all) > 0 && keyword(all[len(all)-1].name) == "password" {
				r.fault("has words behind the password that are no keyword=value: a password with blanks stands in quotes, as in password='two words'")
			} else {
				r.fault("cannot be understood: " + HowToWrite)
			}
			return
		}
		value, rest, ok := keywordValue(strings.TrimLeft(text[equal+1:], blank))
		if !ok {
			r.fault("has a quote that is not closed: ' in a value is written \\', and \\ is written \\\\")
			return
		}
		text = rest
		all = append(all, pair{name, value})
	}
	r.putAll(all)
}

// keywordValue reads one value, quoted or not.
func keywordValue(text string) (value, rest string, ok bool) {
	quoted := strings.HasPrefix(text, "'")
	if quoted {
		text = text[1:]
	}
	var b strings.Builder
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			if i++; i < len(text) {
				b.WriteByte(text[i])
			}
		case quoted && c == '\'':
			return b.String(), text[i+1:], true
		case !quoted && strings.IndexByte(blank, c) >= 0:
			return b.String(), text[i:], true
		default:
			b.WriteByte(c)
		}
	}
	return b.String(), "", !quoted
}

// bareAddress says whether a text is like user:password@host/database, with no scheme before it.
func bareAddress(text string) bool {
	before, _, _ := strings.Cut(text, "=")
	return strings.ContainsAny(before, "@/") && !strings.ContainsAny(before, blank)
}

// separated finds a keyword behind a semicolon.
var separated = regexp.MustCompile(`;\s*([A-Za-z][A-Za-z _-]*?)\s*=`)

// semicolons says whether a text is keywords with semicolons between them. psql would take a semicolon for a part of a value, so one
// that is followed by no known keyword is left to it.
func semicolons(text string) bool {
	first, _, _ := strings.Cut(text, "=")
	if !known(strings.TrimSpace(first)) {
		return strings.Contains(text, ";")
	}
	if value, ok := strings.CutSuffix(text, ";"); ok && !strings.Contains(value, " ") {
		return true
	}
	for _, m := range separated.FindAllStringSubmatch(text, -1) {
		if known(m[1]) {
			return true
		}
	}
	return false
}

// semicolons reads the form of .NET, ODBC and PDO: values may stand in quotes, doubled within, ODBC's in braces.
func (r *reader) semicolons(text string) {
	r.dialect = adoNET
	var all []pair
	for text = strings.TrimLeft(text, "; \t\r\n"); text != ""; text = strings.TrimLeft(text, "; \t\r\n") {
		name, rest, ok := strings.Cut(text, "=")
		if name = strings.TrimSpace(name); !ok || strings.Contains(name, ";") {
			if len(all) > 0 && keyword(all[len(all)-1].name) == "password" {
				r.fault("has words behind the password that are no keyword=value: a password with a semicolon stands in quotes, as in Password=\"a;b\"")
			} else {
				r.fault("has words that are no keyword=value; write them as in Host=…;Port=5432;Database=…;Username=…;Password=…")
			}
			return
		}
		value, rest, ok := semicolonValue(strings.TrimLeft(rest, " \t\r\n"))
		if !ok {
			r.fault("has a quote that is not closed, or something behind it: quotes within quotes are doubled")
			return
		}
		text = rest
		all = append(all, pair{name, value})
	}
	r.putAll(all)
}

func semicolonValue(text string) (value, rest string, ok bool) {
	closing := map[byte]string{'\'': "'", '"': `"`, '{': "}"}
	end := ""
	if text != "" {
		end = closing[text[0]]
	}
	if end == "" {
		value, rest, _ = strings.Cut(text, ";")
		return strings.TrimRight(value, " \t\r\n"), rest, true
	}
	var b strings.Builder
	for text = text[1:]; ; text = text[2:] {
		i := strings.Index(text, end)
		if i < 0 {
			return "", "", false
		}
		b.WriteString(text[:i])
		if text = text[i:]; !strings.HasPrefix(text, end+end) {
			rest = strings.TrimLeft(text[1:], " \t\r\n")
			return b.String(), rest, rest == "" || rest[0] == ';'
		}
		b.WriteString(end)
	}
}

// hostsAndPorts takes the ports out of host:port,host:port: .NET and SQLAlchemy have them. An address of IPv6 with a port stands in brackets.
func (r *reader) hostsAndPorts(list string) string {
	var hosts, ports []string
	for one := range strings.SplitSeq(list, ",") {
		one = strings.TrimSpace(one)
		host, port := one, ""
		if before, after, ok := strings.Cut(one, "]"); ok && strings.HasPrefix(one, "[") && (after == "" || after[0] == ':') {
			host, port = before[1:], strings.TrimPrefix(after, ":")
		} else if strings.Count(one, ":") == 1 && !isSocket(one) {
			host, port, _ = strings.Cut(one, ":")
		}
		hosts, ports = append(hosts, host), append(ports, port)
	}
	r.hostPorts = nil
	if slices.ContainsFunc(ports, func(port string) bool { return port != "" }) {
		r.hostPorts = ports
	}
	return strings.Join(hosts, ",")
}

// portsOfHosts puts the ports that stand behind hosts in the place of those beside them, which are for the hosts that have none.
func (r *reader) portsOfHosts() {
	if r.hostPorts == nil {
		return
	}
	beside := strings.Split(r.settings["port"], ",")
	for i, port := range r.hostPorts {
		switch {
		case port != "":
		case len(beside) == len(r.hostPorts):
			r.hostPorts[i] = beside[i]
		case len(beside) == 1:
			r.hostPorts[i] = beside[0]
		}
	}
	r.settings["port"] = strings.Join(r.hostPorts, ",")
}
