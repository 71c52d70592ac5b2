package fit

import (
	"regexp"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/psql"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// Situation is what is known of a statement that the server has refused, beside what the server says.
type Situation struct {
	Role  string // that the session runs as, quoted
	Rows  bool   // the statement fills or empties a table
	Text  []byte // of the statement; may be nil
	At    int    // offset in Text of the server's mark, -1 if there is none
	Bytes []byte // of the file, about the place; may be nil
}

// word is what to do about one kind of refusal. A state may have several: the first whose pattern matches the server's message counts.
// A server may speak another language: then the entry without a pattern is what is left.
type word struct {
	state   string         // SQLSTATE
	pattern *regexp.Regexp // nil matches every message
	rows    bool           // only for statements that fill or empty a table
	remedy  string         // $1 … are what the pattern has matched, {role} is the role
}

func said(pattern string) *regexp.Regexp { return regexp.MustCompile(pattern) }

// What is said about more than one state.
const (
	alreadyThere = "The script makes what is there already. For data alone, dump with pg_dump --data-only; for all of it, load into an empty database " +
		"(create-database: true), or dump with --clean --if-exists."
	tooNarrow       = "Make the column wider in the schema (ALTER TABLE … ALTER COLUMN … TYPE …), or have Fabricate make shorter texts for it."
	otherType       = "Have Fabricate make values of the column's type, or give the column the type of the values."
	nullRemedy      = "Give the column a default in the schema or let it be NULL, or have Fabricate make a value for every row."
	checkRemedy     = "Have Fabricate make values that the check allows, or change the check in the schema."
	duplicateRemedy = "Have Fabricate make unique values for the key. If the row was in the table before the load, empty the table at the script's beginning (TRUNCATE)."
	orphanRemedy    = "Export the table that the key refers to as well, or have Fabricate draw the key's values from it. Where the row only comes later in the script, " +
		"write SET session_replication_role = 'replica'; at its beginning, or make the key DEFERRABLE INITIALLY DEFERRED."
	noTableRemedy  = "A data export needs its tables first: run your migrations before this step, or give a schema script with the setting before."
	noColumnRemedy = "Add the column to the schema in a migration, or take it out of the export in Fabricate."
	moreValues     = "The row has more values than the table has columns: add the missing columns to the schema, or take them out of the export."
	fewerValues    = "The row has fewer values than columns are named. A tab or line break inside a value must be written as \\t or \\n."
	noDateRemedy   = "Have Fabricate make dates that exist, as YYYY-MM-DD. If day and month are the other way round, set DateStyle for the role or database (DMY, MDY)."
	rowSecurity    = "Row security holds the role's rows to the table's policies: load as the table's owner, or ALTER ROLE {role} BYPASSRLS."
	noExtension    = "The server does not have the extension $1: use an image or package that brings it (for PostGIS postgis/postgis, for vectors pgvector/pgvector)."
	ownersOnly     = "Load as the owner of the table, or as a member of the owner's role, or dump with pg_dump --no-owner --no-privileges."
)

func labelRemedy(typ string) string {
	return "Add the label to the type (ALTER TYPE " + typ + " ADD VALUE '…') in a migration, or take it out of the values in Fabricate."
}

func partitionRemedy(table string) string {
	return "Make a partition of " + table + " for such rows, or a DEFAULT partition, or have Fabricate make values within those that there are."
}

// words is the one list of what to do about what a server refuses.
var words = []word{
	{state: "22001", remedy: tooNarrow},
	{state: "22003", pattern: said(`numeric field overflow`), remedy: "Give the column more digits in the schema (ALTER TABLE … ALTER COLUMN … TYPE numeric(…)), or have Fabricate make smaller numbers."},
	{state: "22003", remedy: "Give the column a larger type in the schema (bigint, numeric), or have Fabricate make smaller numbers."},
	{state: "22007", remedy: "Have Fabricate make dates as YYYY-MM-DD, or set DateStyle for the role or database to the order that the export has (DMY, MDY)."},
	{state: "22008", pattern: said(`date/time field value out of range`), remedy: noDateRemedy},
	{state: "22008", remedy: "Have Fabricate make dates and times that exist, as YYYY-MM-DD."},
	{state: "22P02", pattern: said(`invalid input value for enum (.+): "`), remedy: labelRemedy("$1")},
	{state: "22P02", pattern: said(`invalid input syntax for type json`), remedy: "Have Fabricate make JSON for the column, or give the column the type text."},
	{state: "22P02", remedy: otherType},
	{state: "22P03", remedy: otherType},
	{state: "22P04", pattern: said(`extra data after last expected column`), remedy: moreValues},
	{state: "22P04", pattern: said(`missing data for column`), remedy: fewerValues},
	{state: "22021", pattern: said(`0x00$`), remedy: "PostgreSQL's texts cannot hold a zero byte: have Fabricate leave it out."},
	{state: "22021", remedy: "{encoding}"},
	{state: "22P05", remedy: "The database's encoding has no such character: make the database with the encoding UTF8."},
	{state: "23502", remedy: nullRemedy},
	{state: "23503", pattern: said(`update or delete on table`), remedy: "Other rows still refer to the row: empty or load the tables that refer to it too, or give the key ON DELETE CASCADE."},
	{state: "23503", remedy: orphanRemedy},
	{state: "23505", remedy: duplicateRemedy},
	{state: "23514", pattern: said(`no partition of relation "(.+)" found`), remedy: partitionRemedy("$1")},
	{state: "23514", remedy: checkRemedy},
	{state: "23P01", remedy: "Have Fabricate make rows that do not overlap, or change the exclusion constraint in the schema."},
	{state: "25001", remedy: "This statement cannot run inside the one transaction of the load; set transaction to none, or take it out of the script."},
	{state: "25006", remedy: "Something makes the transaction read only: the script (SET TRANSACTION READ ONLY), default_transaction_read_only of the role or database, or the server, which is a replica then: give the primary's address in database-url."},
	{state: "25P03", remedy: "The server ends sessions that are idle for a while: raise idle_in_transaction_session_timeout for the role."},
	{state: "2BP01", remedy: "Other objects depend on it: dump with pg_dump --clean --if-exists from the same schema, or load into an empty database (create-database: true)."},
	{state: "3F000", rows: true, remedy: "The schema comes from your migrations: run them before this step, or give a script that makes it with the setting before."},
	{state: "3F000", remedy: "The script does not make the schema: add CREATE SCHEMA to it, or give a script with the setting before."},
	{state: "40P01", remedy: "Another session locks the same tables in another order: run the load while it does not, or find it in the server's log."},
	{state: "42501", pattern: said(`session_replication_role`), remedy: "Load as a superuser, or let one run: GRANT SET ON PARAMETER session_replication_role TO {role} (PostgreSQL 15 and later)."},
	{state: "42501", pattern: said(`row-level security`), remedy: rowSecurity},
	{state: "42501", pattern: said(`must be owner of extension (.+)`), remedy: "Take the comment or change of the extension $1 out of the script (pg_dump --no-comments), or load as the role that made the extension."},
	{state: "42501", pattern: said(`permission denied to create extension "(.+)"`), remedy: "Have a superuser run CREATE EXTENSION \"$1\" in the database once, and write CREATE EXTENSION IF NOT EXISTS in the script."},
	{state: "42501", pattern: said(`must be (?:a )?(?:owner|member) of`), remedy: ownersOnly},
	{state: "42501", pattern: said(`must be able to SET ROLE`), remedy: ownersOnly},
	{state: "42501", pattern: said(`permission denied for schema (\S+)`), remedy: "Let the owner of the schema run: GRANT USAGE, CREATE ON SCHEMA $1 TO {role}."},
	{state: "42501", pattern: said(`permission denied for database (\S+)`), remedy: "Let the owner of the database run: GRANT CREATE, TEMPORARY ON DATABASE $1 TO {role}."},
	{state: "42501", pattern: said(`permission denied for sequence (\S+)`), remedy: "Let the owner run: GRANT USAGE, UPDATE ON SEQUENCE $1 TO {role}."},
	{state: "42501", pattern: said(`permission denied for (?:table|relation) (\S+)`), remedy: "Let the owner run: GRANT SELECT, INSERT, TRUNCATE ON $1 TO {role}."},
	{state: "42501", pattern: said(`permission denied to set parameter "(.+)"`), remedy: "Take the SET out of the script, or let a superuser run: GRANT SET ON PARAMETER $1 TO {role} (PostgreSQL 15 and later)."},
	{state: "42501", pattern: said(`permission denied to create (role|database)`), remedy: "Make the $1 beforehand as a role that may, and take the statement out of the script: a dump of one database needs none."},
	{state: "42501", remedy: "The role {role} may not do this: load as the owner of the database, or take the statement out of the script."},
	{state: "42601", pattern: said(`INSERT has more expressions than target columns`), remedy: "The row has more values than columns: add the missing columns to the schema, or take them out of the export."},
	{state: "42601", pattern: said(`INSERT has more target columns than expressions`), remedy: "The row has fewer values than columns are named: generate the export again."},
	{state: "42703", rows: true, remedy: noColumnRemedy},
	{state: "42704", pattern: said(`^role "(.+)" does not exist`), remedy: "Make the role first (CREATE ROLE \"$1\", in a script of the setting before), or dump without owners and grants: pg_dump --no-owner --no-privileges."},
	{state: "42704", pattern: said(`^type "(?:.+\.)?(citext|hstore|ltree|lquery|ltxtquery|cube|seg|isbn|isbn13|ean13|issn|lo)(?:\[\])?" does not exist`), remedy: "{extension $1}"},
	{state: "42704", pattern: said(`^type "(?:.+\.)?(geometry|geography|box2d|box3d|raster|vector|halfvec|sparsevec)(?:\[\])?" does not exist`), remedy: "{extension $1}"},
	{state: "42704", pattern: said(`^type "(.+)" does not exist`), remedy: "The type comes from your migrations or from an extension: run them before this step, or give a script that makes it with the setting before."},
	{state: "42704", pattern: said(`^operator class "(gin_trgm_ops|gist_trgm_ops)"`), remedy: "{extension pg_trgm}"},
	{state: "42704", pattern: said(`^operator class "(vector|halfvec|sparsevec|bit)_.+_ops"`), remedy: "{extension vector}"},
	{state: "42704", pattern: said(`^tablespace "(.+)" does not exist`), remedy: "Dump without tablespaces (pg_dump --no-tablespaces), or make the tablespace on the server."},
	{state: "42704", pattern: said(`^(?:collation|text search configuration|text search dictionary) "(.+)"`), remedy: "The server does not have it: use the image or package that the schema was made with."},
	{state: "42704", pattern: said(`^language "(.+)" does not exist`), remedy: "Install the language on the server and run CREATE EXTENSION $1, with the setting before."},
	{state: "42704", pattern: said(`^unrecognized configuration parameter "(.+)"`), remedy: "The server does not know the parameter: take the SET out of the script, or dump with the pg_dump of the server's version."},
	{state: "42704", pattern: said(`^extension "(.+)" does not exist`), remedy: "Run CREATE EXTENSION \"$1\" first, with the setting before."},
	{state: "42704", remedy: "The script names what the database lacks: make it first, with the setting before."},
	{state: "42710", pattern: said(`^extension "(.+)" already exists`), remedy: "Write CREATE EXTENSION IF NOT EXISTS \"$1\" in the script."},
	{state: "42710", pattern: said(`^role "(.+)" already exists`), remedy: "Take CREATE ROLE out of the script: roles are the server's, not the database's."},
	{state: "42710", remedy: alreadyThere},
	{state: "42723", remedy: alreadyThere},
	{state: "42P06", pattern: said(`^schema "public" already exists`), remedy: "Every new database has the schema public: take CREATE SCHEMA public out of the script, or write IF NOT EXISTS."},
	{state: "42P06", remedy: alreadyThere},
	{state: "42P07", remedy: alreadyThere},
	{state: "42P01", rows: true, remedy: noTableRemedy},
	{state: "42P01", remedy: "The script names what neither it nor the database has: give a script that makes it with the setting before, or take the statement out."},
	{state: "42804", pattern: said(`column "(.+)" is of type (.+) but expression is of type`), remedy: "Have Fabricate make values of the type $2 for the column $1, or give the column the type of the values."},
	{state: "42804", remedy: otherType},
	{state: "42883", pattern: said(`(?:^function |\.)uuid_generate_v\w+\(`), remedy: "{extension uuid-ossp}"},
	{state: "42883", pattern: said(`(?:^function |\.)(?:crypt|gen_salt|digest|gen_random_bytes|pgp_\w+)\(`), remedy: "{extension pgcrypto}"},
	{state: "42883", pattern: said(`(?:^function |\.)st_\w+\(`), remedy: "{extension postgis}"},
	{state: "42883", pattern: said(`(?:^function |\.)(?:similarity|word_similarity)\(`), remedy: "{extension pg_trgm}"},
	{state: "42883", pattern: said(`(?:^function |\.)unaccent\(`), remedy: "{extension unaccent}"},
	{state: "42883", remedy: "The function comes from your migrations or from an extension: run them before this step, or give a script that makes it with the setting before."},
	{state: "428C9", pattern: said(`column "(.+)" is an identity column|identity column defined as GENERATED ALWAYS`), remedy: "Make the column GENERATED BY DEFAULT AS IDENTITY in the schema, or take it out of the export."},
	{state: "428C9", remedy: "The server computes the column itself: take it out of the export in Fabricate."},
	{state: "53100", remedy: "Free space on the server's disk, or load less."},
	{state: "53200", remedy: "Give the server more memory, or lower work_mem and maintenance_work_mem for the role."},
	{state: "53300", remedy: "Raise max_connections on the server, end sessions that nobody needs, or set jobs to 1."},
	{state: "53400", remedy: "A limit in the server's configuration was reached: raise it for the role or the database."},
	{state: "54000", pattern: said(`index row size|index row requires`), remedy: "A value is too long for its index: have Fabricate make shorter texts, or index a hash or prefix of the column."},
	{state: "55006", pattern: said(`pending trigger events`), remedy: "A deferred key or trigger of the table still waits for the transaction's end: write SET CONSTRAINTS ALL IMMEDIATE; before the statement, or set transaction to none."},
	{state: "55006", pattern: said(`being accessed by other users`), remedy: "Others are connected to the database: end their sessions (SELECT pg_terminate_backend(pid) …), or load into another one."},
	{state: "55006", remedy: "Something else uses it just now: end that session or cursor first, and run the load again."},
	{state: "55P03", remedy: "Another session held the lock for too long: end it, or raise the setting lock-timeout (or the role's own lock_timeout)."},
	{state: "57014", pattern: said(`statement timeout`), remedy: "statement_timeout of the role, the database or the script is too short for a load: ALTER ROLE {role} SET statement_timeout = 0."},
	{state: "57014", pattern: said(`user request`), remedy: "Somebody on the server cancelled the statement (pg_cancel_backend): run the load again, or ask the administrator why."},
	{state: "57014", remedy: "The server cancelled the statement: look for statement_timeout and for an administrator's hand."},
	{state: "25P04", remedy: "transaction_timeout of the role or the database is too short for a load: ALTER ROLE {role} SET transaction_timeout = 0."},
	{state: "57P05", remedy: "The server ends sessions that are idle for a while: raise idle_session_timeout for the role."},
	{state: "58P01", pattern: said(`extension control file.+/([^/"]+)\.control`), remedy: noExtension},
	{state: "0A000", pattern: said(`^extension "(.+)" is not available`), remedy: noExtension},
	{state: "0A000", pattern: said(`COPY FROM not supported with row-level security`), remedy: rowSecurity},
}

// extensionOf names the extension that brings a type, where that is not its own name.
var extensionOf = map[string]string{
	"geometry": "postgis", "geography": "postgis", "box2d": "postgis", "box3d": "postgis", "raster": "postgis_raster", "halfvec": "vector", "sparsevec": "vector",
	"lquery": "ltree", "ltxtquery": "ltree", "isbn": "isn", "isbn13": "isn", "ean13": "isn", "issn": "isn",
}

var extensionMark = regexp.MustCompile(`\{extension (.+)\}`)

// Remedy says what to do about what the server has refused; "" where nothing certain can be said.
func Remedy(pe *pgconn.PgError, s Situation) string {
	if pe.Code == "42601" || s.At >= 0 && len(s.Text) > 0 {
		if remedy := spelling(s); remedy != "" {
			return remedy
		}
	}
	for _, w := range words {
		if w.state != pe.Code || w.rows && !s.Rows {
			continue
		}
		remedy := w.remedy
		if w.pattern != nil {
			found := w.pattern.FindStringSubmatchIndex(pe.Message)
			if found == nil {
				continue
			}
			remedy = string(w.pattern.ExpandString(nil, remedy, pe.Message, found))
		}
		return complete(remedy, s)
	}
	return ""
}

func complete(remedy string, s Situation) string {
	if m := extensionMark.FindStringSubmatch(remedy); m != nil {
		name := m[1]
		if of := extensionOf[name]; of != "" {
			name = of
		}
		return "It comes with the extension " + name + ": run CREATE EXTENSION IF NOT EXISTS \"" + name + "\" first, with the setting before."
	}
	if remedy == "{encoding}" {
		return encodingRemedy(s.Bytes)
	}
	role := s.Role
	if role == "" {
		role = "the role"
	}
	return strings.ReplaceAll(remedy, "{role}", role)
}

var givenVariable = regexp.MustCompile(`^:(?:\{\?)?(?:([A-Za-z_\x80-\xff][\w\x80-\xff]*)|'([\w\x80-\xff]+)'|"([\w\x80-\xff]+)")`)

// spelling finds what is wrong with a statement's text where the server's mark stands: a variable without a value, or a character that
// nobody sees.
func spelling(s Situation) string {
	if s.At < 0 || s.At > len(s.Text) {
		return ""
	}
	rest := s.Text[s.At:]
	if m := givenVariable.FindSubmatch(rest); m != nil && (s.At == 0 || s.Text[s.At-1] != ':') {
		name := string(m[1]) + string(m[2]) + string(m[3])
		return "The script uses the variable " + name + ", which has no value: give it with the setting variables, as " + name + "=value."
	}
	word := rest
	if end := strings.IndexAny(string(rest[:min(len(rest), 200)]), " \t\r\n(),;"); end >= 0 {
		word = rest[:end]
	}
	if shown := psql.Visible(string(word[:min(len(word), 200)])); shown != string(word) && (strings.Contains(shown, `\u`) || strings.Contains(shown, `\U`)) {
		return invisible(shown)
	}
	return ""
}

var escapeMark = regexp.MustCompile(`\\u[0-9a-f]{4}|\\U[0-9a-f]{8}`)

func firstEscape(shown string) string { return escapeMark.FindString(shown) }

// Name writes a possibly qualified name for people.
func Name(parts ...string) string { return sqltext.ShownName(parts...) }
