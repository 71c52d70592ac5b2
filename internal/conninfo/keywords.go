package conninfo

import (
	"regexp"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
)

// libpqKeywords are those of libpq 18 and before, from its manual's chapter on connection strings.
var libpqKeywords = strings.Fields(`
	service servicefile user password passfile channel_binding connect_timeout dbname host hostaddr port client_encoding options application_name
	fallback_application_name keepalives keepalives_idle keepalives_interval keepalives_count tcp_user_timeout sslmode sslnegotiation sslcompression
	sslcert sslkey sslkeylogfile sslpassword sslcertmode sslrootcert sslcrl sslcrldir sslsni requirepeer require_auth min_protocol_version
	max_protocol_version ssl_min_protocol_version ssl_max_protocol_version gssencmode krbsrvname gsslib gssdelegation replication
	target_session_attrs load_balance_hosts scram_client_key scram_server_key oauth_issuer oauth_client_id oauth_client_secret oauth_scope
	authtype tty requiressl`)

// sessionSettings are the server's settings that connection strings of other tools have, and those of libpq's variables. psql takes
// none of them in the string itself; it has options for them.
var sessionSettings = []string{"search_path", "timezone", "statement_timeout", "lock_timeout", "idle_in_transaction_session_timeout", "client_min_messages",
	"datestyle", "intervalstyle", "geqo"}

// keywords are other words for libpq's keywords and for settings of the session, squashed.
var keywords = map[string]string{
	"username": "user", "userid": "user", "uid": "user", "pwd": "password", "psw": "password", "passwd": "password", "pass": "password",
	"server": "host", "servername": "host", "hostname": "host", "datasource": "host", "database": "dbname", "databasename": "dbname", "db": "dbname", "location": "dbname",
	"rootcertificate": "sslrootcert", "sslca": "sslrootcert", "sslcertificate": "sslcert", "timezone": "timezone", "tz": "timezone",
	"encoding": "client_encoding", "charset": "client_encoding", "characterencoding": "client_encoding", "schema": "search_path",
	"currentschema": "search_path", "schemasearchpath": "search_path", "minmessages": "client_min_messages", "logintimeout": "connect_timeout",
	"targetsessionattributes": "target_session_attrs", "targetservertype": "target_session_attrs", "gssencryptionmode": "gssencmode",
	"kerberosservicename": "krbsrvname", "kerberosservername": "krbsrvname", "applicationintent": "target_session_attrs",
}

// others are the keywords of pools, caches and clients, squashed: here they mean nothing.
var others = strings.Fields(`
	connectionlimit pooltimeout pgbouncer statementcachesize sockettimeout singleuseconnections
	poolmaxconns poolminconns poolminidleconns poolmaxconnlifetime poolmaxconnlifetimejitter poolmaxconnidletime poolhealthcheckperiod poolpingtimeout
	defaultqueryexecmode statementcachecapacity descriptioncachecapacity statementcachemode prefersimpleprotocol binaryparameters disablepreparedbinaryresult
	rewritebatchedinserts stringtype preparethreshold preparedstatementcachequeries preparedstatementcachesizemib cancelsignaltimeout tcpkeepalive tcpnodelay
	binarytransfer binarytransferenable binarytransferdisable defaultrowfetchsize fetchsize loglevel loggerlevel loggerfile hostrecheckseconds readonly readonlymode
	autosave cleanupsavepoints preferquerymode assumeminserverversion allowencodingchanges logunclosedconnections reportwarnings databasemetadatacachefields
	databasemetadatacachefieldsmib escapesyntaxcallmode maxresultbuffer adaptivefetch adaptivefetchminimum adaptivefetchmaximum quotereturningidentifiers
	logservererrordetail sendbuffersize receivebuffersize unknownlength disablecolumnsanitiser raiseexceptiononsilentrollback hideunprivilegedobjects useunicode
	autodetectextensions forcebinary
	pooling minpoolsize minimumpoolsize maxpoolsize maximumpoolsize connectionidlelifetime connectionpruninginterval connectionlifetime loadbalancetimeout
	commandtimeout internalcommandtimeout cancellationtimeout includeerrordetail includeerrordetails includefailedbatchedcommand persistsecurityinfo enlist
	multiplexing noresetonclose maxautoprepare autoprepareminusages logparameters readbuffersize writebuffersize socketreceivebuffersize socketsendbuffersize
	arraynullabilitymode servercompatibilitymode trustservercertificate useperfcounters useextendedtypes preloadreader convertinfinitydatetime keepalive
	tcpkeepalivetime tcpkeepaliveinterval includerealm writecoalescingbufferthresholdbytes loadtablecomposites entityadmindatabase entitytemplatedatabase
	protocol driver provider integratedsecurity syncnotification loadbalancehosts
	pool poolsize maxpool checkouttimeout reapingfrequency idletimeout preparedstatements statementlimit advisorylocks maxconnections minconnections
	connmaxage connhealthchecks disableserversidecursors atomicrequests autocommit serverversion persistent defaultdbname
	preparedstatementcachesize preparedstatementnamefunc asyncfallback maxoverflow poolrecycle poolpreping poolclass echo maxcachedstatementlifetime
	maxcacheablestatementsize executemanymode executemanybatchpagesize
	uselibpqcompat max min idletimeoutmillis connectiontimeoutmillis querytimeout keepaliveinitialdelaymillis maxuses allowexitonidle maxlifetimeseconds
	initialsize maxsize minidle maxidletime maxacquiretime maxcreateconnectiontime maxvalidationtime acquireretry validationquery validationdepth
	backgroundevictioninterval
	maxlifetime prepare fetchtypes supa workaround poolcount queuetarget queueinterval socketoptions adapter`)

// squash makes one spelling of connect_timeout, connectTimeout, Connect Timeout and connect-timeout.
func squash(name string) string {
	return strings.ToLower(strings.NewReplacer("_", "", "-", "", " ", "").Replace(name))
}

// keyword gives what a name means: libpq's keyword, or a setting of the session; "" if it is neither.
func keyword(name string) string {
	if slices.Contains(libpqKeywords, name) {
		return name
	}
	squashed := squash(name)
	if other, ok := keywords[squashed]; ok {
		return other
	}
	for _, all := range [][]string{libpqKeywords, sessionSettings} {
		for _, one := range all {
			if squash(one) == squashed {
				return one
			}
		}
	}
	return ""
}

// known says whether put can do something with a name.
func known(name string) bool {
	return keyword(name) != "" || slices.Contains(others, squash(name)) || slices.Contains(special, squash(name)) || strings.HasPrefix(name, "x-")
}

// special are names that put treats one by one.
var special = []string{"ssl", "sslfactory", "sslaccept", "sslidentity", "checkcertificaterevocation", "timeout"}

// word is what an unknown keyword looks like that may be shown.
var word = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_. -]{0,39}$`)

// sqlxOption is how Rust's sqlx writes a setting of the server.
var sqlxOption = regexp.MustCompile(`^options\[(\w+)\]$`)

// put takes one keyword with its value. An unknown one is named only if it is shown to be no part of a password.
func (r *reader) put(name, value string, show bool) {
	if m := sqlxOption.FindStringSubmatch(name); m != nil && slices.Contains(sessionSettings, m[1]) {
		name = m[1]
	}
	meant, squashed := keyword(name), squash(name)
	switch {
	case slices.Contains(special, squashed):
		r.putSpecial(name, squashed, value)
	case meant != "" && strings.ContainsAny(value, "\r\n"):
		r.fault("has a line break in the value of " + meant)
	case meant != "":
		r.putKeyword(name, meant, value)
	case slices.Contains(others, squashed) || strings.HasPrefix(name, "x-"):
		r.passed = append(r.passed, name)
	case show && word.MatchString(name):
		r.fault("has the unknown keyword " + name + didYouMean(name, libpqKeywords))
	default:
		r.fault("has an unknown keyword, or a password that is neither quoted nor encoded: " + HowToWrite)
	}
}

func (r *reader) putKeyword(name, meant, value string) {
	written := value
	if choices[meant] != nil {
		value = strings.ToLower(value)
	}
	switch meant {
	case "host":
		value = r.hostsAndPorts(value)
	case "sslmode":
		value = sslMode(value)
	case "target_session_attrs":
		value = sessionAttrs(value)
	case "client_encoding":
		if slices.Contains([]string{"utf8mb4", "unicode", "utf8", "utf-8"}, strings.ToLower(value)) {
			value = "UTF8"
		}
		if squash(name) == "characterencoding" && value == "" {
			return
		}
	case "search_path":
		if squash(name) == "schema" {
			value = schema(value)
		}
	}
	if name != meant || meant == "sslmode" && value != written || meant == "target_session_attrs" && value != written {
		r.take(name, meant)
	}
	if slices.Contains(sessionSettings, meant) {
		if value != "" {
			r.runtime[meant] = value
		}
		return
	}
	if meant == "password" && value != "" {
		r.secrets = append(r.secrets, value)
	}
	r.settings[meant] = value
}

// take notes what is taken as something else, in words of closed lists alone. Spellings of one word are not worth a line.
func (r *reader) take(name, meant string) {
	text := squash(name) + " as " + meant
	if squash(name) == squash(meant) {
		if meant != "sslmode" && meant != "target_session_attrs" {
			return
		}
		text = meant + " as " + "libpq has it"
	}
	if r.dialect != adoNET && !slices.Contains(r.taken, text) {
		r.taken = append(r.taken, text)
	}
}

func (r *reader) putSpecial(name, squashed, value string) {
	lower := strings.ToLower(value)
	switch squashed {
	case "ssl":
		r.ssl(lower)
	case "sslfactory":
		if !strings.HasSuffix(lower, "nonvalidatingfactory") {
			r.fault("has sslfactory, a class of Java's: write sslmode, and sslrootcert with it")
			return
		}
		r.settings["sslmode"] = "require"
		r.taken = append(r.taken, "sslfactory as sslmode=require")
	case "sslaccept":
		if lower == "strict" {
			r.settings["sslmode"] = "verify-full"
			r.taken = append(r.taken, "sslaccept=strict as sslmode=verify-full")
			return
		}
		r.passed = append(r.passed, "sslaccept")
	case "sslidentity":
		r.fault("has sslidentity, a PKCS#12 file, which is not supported here: write sslcert and sslkey with PEM files")
	case "checkcertificaterevocation":
		if lower == "true" {
			r.fault("has Check Certificate Revocation, which is not supported here: leave it out")
		}
	case "timeout":
		if r.dialect == adoNET {
			r.settings["connect_timeout"] = value
			return
		}
		r.passed = append(r.passed, name)
	}
}

// ssl reads ssl=…, which libpq knows as ssl=true alone, for JDBC's sake; a value of sslmode's is one everywhere.
func (r *reader) ssl(value string) {
	mode := sslMode(value)
	switch value {
	case "true", "1", "yes", "on", "":
		mode = "require"
		if _, given := r.settings["sslmode"]; given {
			return // both are written, and the longer word says more
		}
	case "false", "0", "no", "off":
		mode = "disable"
		if r.dialect == jdbc { // there it is the default
			mode = "prefer"
		}
	}
	if !slices.Contains(choices["sslmode"], mode) {
		r.fault("has ssl with a value that is neither true nor false: write sslmode=require, or sslmode=disable")
		return
	}
	r.settings["sslmode"] = mode
	r.taken = append(r.taken, "ssl as sslmode="+mode)
}

// sslMode gives libpq's word for what others write.
func sslMode(value string) string {
	switch word := squash(value); word {
	case "noverify", "required", "preferred", "disabled":
		return map[string]string{"noverify": "require", "required": "require", "preferred": "prefer", "disabled": "disable"}[word]
	case "verifyca":
		return "verify-ca"
	case "verifyfull":
		return "verify-full"
	}
	return strings.ToLower(value)
}

// sessionAttrs gives libpq's word for what JDBC and .NET write.
func sessionAttrs(value string) string {
	switch word := squash(value); word {
	case "master", "primary", "readwrite":
		return map[string]string{"master": "primary", "primary": "primary", "readwrite": "read-write"}[word]
	case "slave", "secondary", "standby":
		return "standby"
	case "preferslave", "prefersecondary", "preferstandby":
		return "prefer-standby"
	case "preferprimary":
		return "any"
	case "readonly":
		return "read-only"
	}
	return strings.ToLower(value)
}

// plainName is a name that means itself without quotes.
var plainName = regexp.MustCompile(`^[a-z_][a-z0-9_$]*$`)

// schema gives the search_path for Prisma's schema, which is the one name as it is written, capitals included. One that stands in
// quotes already, or is a list, is left as it is.
func schema(value string) string {
	if value == "" || plainName.MatchString(value) || strings.Contains(value, ",") || strings.HasPrefix(value, `"`) && strings.HasSuffix(value, `"`) {
		return value
	}
	return `"` + strings.ReplaceAll(value, `"`, `""`) + `"`
}

func didYouMean(written string, words []string) string {
	if word := nearest.Word(written, words); word != "" {
		return ": did you mean " + word + "?"
	}
	return ""
}
