// Package config reads every setting of the program, from flags, action inputs and the environment, and refuses what
// is unknown, wrong or contradictory before anything is done with it. It opens no connection.
package config

import (
	"encoding/json"
	"time"

	"github.com/jackc/pgx/v5"
)

// The commands.
const (
	Run     = "run"     // generate, wait, download, load
	Load    = "load"    // load a zip, folder or .sql file that is already here
	Cache   = "cache"   // show or clear cache-dir: see Settings.Action
	Check   = "check"   // compare an archive with the database, and change nothing
	Create  = "create"  // make the database of database-url
	Drop    = "drop"    // drop it and its clones, if this program has made them
	Demo    = "demo"    // the whole path on this machine, without an account
	Version = "version" // print the version
	Help    = "help"    // print how to use it
)

// What the setting load can be.
const (
	LoadAuto  = "auto"  // load when there is a target
	LoadTrue  = "true"  // a target is needed
	LoadFalse = "false" // never load
)

// DefaultDataDir is where the data is kept, below the base folder, when it is not to be loaded and there is no data-dir: it
// would vanish otherwise.
const DefaultDataDir = "fabricate-data"

// Settings is everything that a run was told. Parse makes it; it is not changed after that.
type Settings struct {
	Command string // one of the commands above
	Topic   string // for Help: the command it is about, or empty
	Action  string // for Cache: CacheList or CachePrune
	JSON    bool   // --output json: one JSON line on standard output
	Base    string // folder that relative paths start from: GITHUB_WORKSPACE, or the current one

	APIKey     string
	APIURL     string // absolute, without a slash at its end
	APICAFile  string // absolute path, or empty
	Workspace  string
	Database   string
	Format     string          // empty when Connection, TaskID or Archive is set
	Connection json.RawMessage // a JSON string (the name of a stored connection) or a JSON object; nil when absent
	Entity     string
	Overrides  json.RawMessage // a JSON object; nil when absent
	TaskID     string
	AllowHTTP  bool  // the data may come over http from another host than the API's
	MaxSize    int64 // bytes of one download

	Archive       string // absolute path; also the PATH of the command load
	ArchiveURL    string // or an address, a secret
	ArchiveSHA256 string // that what is at the address must have, in lower case; may be empty

	CacheDir string        // absolute path
	MaxAge   time.Duration // of an archive in CacheDir; 0 means any

	Script  string // slash-separated path in the archive; empty means: find load.sql
	DataDir string // absolute path

	Target         *pgx.ConnConfig // nil when there is no database to load into
	CreateDatabase bool            // make Target's database where it does not exist
	Template       string          // what it is then made from; may be empty
	Clones         []string        // names of copies to make after the load
	Load           string          // LoadAuto, LoadTrue or LoadFalse
	Timeout        time.Duration   // generation, from start to completed
	PollInterval   time.Duration
	RequestTimeout time.Duration
	ConnectTimeout time.Duration
	LockTimeout    time.Duration // for each lock that another session holds

	Transaction   string // single or none
	OnError       string // stop or continue
	Jobs          int    // 1 to 64
	Fast          bool
	Online        bool // others read the old rows until the load is committed
	Explain       bool
	DryRun        bool
	Variables     map[string]string
	TableMap      map[string]string // file of a csv or jsonl export -> table, as SQL writes it, or "" to leave the file out
	Before, After []string          // absolute paths of files that exist
	IfNotEmpty    string            // replace, keep or fail
	OutsideRows   string            // keep or take
	SyncSequences bool
	ForeignKeys   string // check, enforce or off
	Analyze       bool
	Summary       bool
	Allow         string // data, schema or sql; empty means: schema for what the API gave or an address, sql for files of the user's own
	Role          string // SET ROLE for the load; may be empty

	Warnings []string // worth telling, no reason to stop; free of secrets
	Notices  []string // how something was understood; free of secrets
	Used     []Used   // what the user set, in the order of List; free of secrets

	getenv       func(string) string
	workflow     bool              // this is a step of a workflow of GitHub
	cloneCount   int               // clones as a number
	clonePattern string            // clone-names
	targetText   string            // the connection string as given, for Secrets
	spelling     map[string]string // setting -> how the user wrote it: "--jobs", "input jobs", "FABRICATE_JOBS"
	secrets      []string          // secrets found on the way, apart from those that can be had from the fields above
}

// Used is one setting that the user gave, for the job summary. Secret values are shown as ***.
type Used struct {
	Name, Value string
	Spelling    string // where it came from: "--jobs", "input jobs", "FABRICATE_JOBS", "DATABASE_URL"
}

// Setting is the declaration of one setting: the only place that knows its name, default and help.
type Setting struct {
	Name    string // as an action input and, with two dashes before it, as a flag
	Default string // literal default value; empty means absent
	Note    string // in place of a literal default, for people
	Values  string // what can be written, for the help: "DURATION", "true|false"
	Group   string // heading in the help
	Help    string // one sentence or two, without a full stop at the end

	secret bool                          // the value is never shown
	list   bool                          // one value a line; the flag can be repeated
	input  bool                          // an input of the actions alone: elsewhere it is written as a word
	whole  bool                          // blanks around the value belong to it
	set    func(*Settings, string) error // puts a value in its place; the error completes "jobs 900 …"
}

// Shown gives the default as a person reads it: the literal one, or the note.
func (d Setting) Shown() string {
	if d.Note != "" {
		return d.Note
	}
	return d.Default
}

// Env gives the name of the setting's environment variable.
func (d Setting) Env() string { return "FABRICATE_" + screaming(d.Name) }

// trueOrFalse are the values of a setting whose flag can stand alone.
const trueOrFalse = "true|false"

// The headings of the help, in the order of List.
const (
	groupGenerate = "Generate"
	groupData     = "Data"
	groupTarget   = "Target"
	groupLoad     = "Load"
	groupAfter    = "After loading"
	groupWaiting  = "Waiting"
	groupReport   = "Report"
)

// List gives every setting there is, in the order in which help and documentation show them.
func List() []Setting {
	return []Setting{
		{
			Name: "api-key", Values: "KEY", Group: groupGenerate, secret: true,
			Help: "API key of your Fabricate account; needed to generate. Keep it in the environment or in a secret: " +
				"flags can be seen in the process list",
			set: oneWord(func(s *Settings) *string { return &s.APIKey }),
		},
		{
			Name: "api-url", Default: "https://fabricate.tonic.ai/api/v1", Values: "URL", Group: groupGenerate,
			Help: "Address of the Fabricate API, for older accounts and self-hosted installations",
			set:  setAPIURL,
		},
		{
			Name: "api-ca-file", Values: "PATH", Group: groupGenerate,
			Help: "PEM file of certificate authorities to trust for the API in addition to the system's, for self-hosted installations",
			set:  path(func(s *Settings) *string { return &s.APICAFile }, mustFile),
		},
		{
			Name: "workspace", Values: "NAME", Group: groupGenerate,
			Help: "Fabricate workspace that holds the database; needed to generate",
			set:  oneLine(func(s *Settings) *string { return &s.Workspace }),
		},
		{
			Name: "database", Values: "NAME", Group: groupGenerate,
			Help: "Fabricate database to generate; needed to generate",
			set:  oneLine(func(s *Settings) *string { return &s.Database }),
		},
		{
			Name: "format", Note: "sql when neither format nor connection is given", Values: "FORMAT", Group: groupGenerate,
			Help: "Export format, in any case: sql, postgres-optimized, csv and jsonl can be loaded; sqlite, mysql and the like " +
				"need load false, or no database. With load PATH or archive it says which of several kinds to load. Excludes connection",
			set: setFormat,
		},
		{
			Name: "connection", Values: "NAME|JSON", Group: groupGenerate,
			Help: "Let Fabricate push the rows itself: the name of a connection stored there, or a JSON object with host, " +
				"port, database_name, username, password and tls; not a URL. Nothing is downloaded. Excludes format",
			set: setConnection,
		},
		{
			Name: "entity", Values: "TABLE", Group: groupGenerate,
			Help: "Generate only this table",
			set:  oneLine(func(s *Settings) *string { return &s.Entity }),
		},
		{
			Name: "overrides", Values: "JSON|YAML|@FILE", Group: groupGenerate, whole: true,
			Help: "Variables and entities to override for this run, inline or from a file (@path, in a workflow within the " +
				"workspace): JSON, also with comments, or YAML 1.2. Sent as written; what is ambiguous is refused",
			set: setOverrides,
		},
		{
			Name: "task-id", Values: "ID", Group: groupGenerate,
			Help: "Join a generation task that was already started instead of starting one; entity, format or connection may " +
				"say what it makes",
			set: oneWord(func(s *Settings) *string { return &s.TaskID }),
		},

		{
			Name: "archive", Values: "PATH|URL", Group: groupData,
			Help: "Load this zip, folder or .sql file instead of generating; or an https address of one, which may end in " +
				"#sha256= and the expected SHA-256",
			set: setArchive,
		},
		{
			Name: "cache-dir", Values: "PATH", Group: groupData,
			Help: "Look in this folder first for an archive of the same request, which then needs no key; what is generated is kept there",
			set:  path(func(s *Settings) *string { return &s.CacheDir }, noFile),
		},
		{
			Name: "max-age", Default: "24h", Values: "DURATION", Group: groupData,
			Help: "An older archive in cache-dir is not used, and the data is generated again; 0: any age",
			set:  setMaxAge,
		},
		{
			Name: "max-size", Default: "64GiB", Values: "SIZE", Group: groupData,
			Help: "Limit for one download",
			set:  size(func(s *Settings) *int64 { return &s.MaxSize }),
		},
		{
			Name: "allow-http", Default: "false", Values: trueOrFalse, Group: groupData,
			Help: "Let the data come over http from a host other than the API's, for the stores of self-hosted installations; it " +
				"can then be read and changed in transit",
			set: boolean(func(s *Settings) *bool { return &s.AllowHTTP }),
		},
		{
			Name: "script", Note: "load.sql at the root or in the only folder", Values: "PATH", Group: groupData,
			Help: "Entry script in the archive",
			set:  setScript,
		},
		{
			Name: "data-dir", Values: "PATH", Group: groupData,
			Help: "Keep the data in this folder: the unpacked zip, or the one file. With load false and neither this nor cache-dir, the " +
				"folder is " + DefaultDataDir,
			set: path(func(s *Settings) *string { return &s.DataDir }, noFile),
		},

		{
			Name: "database-url", Note: "DATABASE_URL, else libpq's PG* variables", Values: "URL|DSN", Group: groupTarget,
			secret: true,
			Help: "PostgreSQL to load into, as postgres://user:password@host:5432/database or as host=… user=… " +
				"dbname=…, or as JDBC, .NET, Prisma, SQLAlchemy and others write it. Needed unless data-dir, load false or " +
				"connection is set",
			set: setTarget,
		},
		{
			Name: "load", Default: LoadAuto, Values: "auto|true|false", Group: groupTarget,
			Help: "auto: load when there is a database, and fail if what came cannot be loaded; true: a database is needed; " +
				"false: never",
			set: setLoad,
		},

		{
			Name: "create-database", Default: "false", Values: trueOrFalse, Group: groupTarget,
			Help: "Make the database if it does not exist; before runs only if it was made, and a run that fails drops it again",
			set:  boolean(func(s *Settings) *bool { return &s.CreateDatabase }),
		},
		{
			Name: "template", Values: "NAME", Group: groupTarget,
			Help: "Database of the same server from which create-database or the command create makes the new one",
			set:  oneLine(func(s *Settings) *string { return &s.Template }),
		},
		{
			Name: "clones", Values: "NUMBER|NAMES", Group: groupTarget, list: true,
			Help: "Copies of the database to make after the load, for parallel tests: a number, or names, one per line. Older clones of the " +
				"same database are replaced",
			set: setClones,
		},
		{
			Name: "clone-names", Default: "{database}_{n}", Values: "PATTERN", Group: groupTarget,
			Help: "How clones are named where clones is a number",
			set:  setClonePattern,
		},

		{
			Name: "transaction", Default: "single", Values: "single|none", Group: groupLoad,
			Help: "single: all or nothing; none: each statement on its own, as psql -f without -1",
			set:  choice(func(s *Settings) *string { return &s.Transaction }, "single", "none"),
		},
		{
			Name: "on-error", Default: "stop", Values: "stop|continue", Group: groupLoad,
			Help: "stop: at the first error; continue: as psql does by default (needs transaction none)",
			set:  choice(func(s *Settings) *string { return &s.OnError }, "stop", "continue"),
		},
		{
			Name: "jobs", Default: "1", Values: "1..64", Group: groupLoad,
			Help: "Connections that load tables at once; in a single transaction only where the tables were empty and the server can prepare transactions",
			set:  setJobs,
		},
		{
			Name: "fast", Default: "true", Values: trueOrFalse, Group: groupLoad,
			Help: "false: send every statement as it is written",
			set:  boolean(func(s *Settings) *bool { return &s.Fast }),
		},
		{
			Name: "online", Default: "false", Values: trueOrFalse, Group: groupLoad,
			Help: "Others read the old rows until the load is committed, and no lock of the load stops them for longer than 250 ms; false: readers wait for the whole load",
			set:  boolean(func(s *Settings) *bool { return &s.Online }),
		},
		{
			Name: "explain", Default: "false", Values: trueOrFalse, Group: groupLoad,
			Help: "Say for each table how its rows are loaded and why; a runner's debug logging (RUNNER_DEBUG=1) does so, too",
			set:  boolean(func(s *Settings) *bool { return &s.Explain }),
		},
		{
			Name: "dry-run", Default: "false", Values: trueOrFalse, Group: groupLoad,
			Help: "Do everything, and roll it back at the end: outputs and summary tell what the load would have done. setval is reported, " +
				"not sent; numbers that rows draw from sequences stay drawn, which a warning says. Needs transaction single",
			set: boolean(func(s *Settings) *bool { return &s.DryRun }),
		},
		{
			Name: "allow", Note: "schema for what the API gave, sql for files of your own", Values: "data|schema|sql", Group: groupLoad,
			Help: "What the script may contain: data: rows only; schema: also definitions without code; sql: any SQL. before and after are " +
				"your own, and not limited by it",
			set: choice(func(s *Settings) *string { return &s.Allow }, "data", "schema", "sql"),
		},
		{
			Name: "role", Values: "NAME", Group: groupLoad,
			Help: "SET ROLE to this for the whole load; with allow data or schema the script cannot leave it",
			set:  oneLine(func(s *Settings) *string { return &s.Role }),
		},
		{
			Name: "variables", Values: "NAME=VALUE", Group: groupLoad, list: true, whole: true,
			Help: "Variables for the script, as psql -v; one per line",
			set:  setVariables,
		},
		{
			Name: "table-map", Values: "FILE=TABLE", Group: groupLoad, list: true,
			Help: "Which file of a csv or jsonl export belongs to which table, where its name does not say so; one per line, " +
				"such as users.csv=app.users or x.csv=\"order items\". With nothing after the = the file is left out",
			set: setTableMap,
		},
		{
			Name: "before", Values: "PATH", Group: groupLoad, list: true,
			Help: "psql scripts of your own to run before the load, in its transaction, such as a schema: a file, a folder (its .sql files in natural order) or a pattern, one per line",
			set:  paths(func(s *Settings) *[]string { return &s.Before }),
		},
		{
			Name: "after", Values: "PATH", Group: groupLoad, list: true,
			Help: "psql scripts of your own to run after the load, in its transaction, such as grants: a file, a folder or a pattern, one per line",
			set:  paths(func(s *Settings) *[]string { return &s.After }),
		},
		{
			Name: "if-not-empty", Default: "replace", Values: "replace|keep|fail", Group: groupLoad,
			Help: "If a table to be loaded has rows: replace them as the script says, keep them (load nothing and " +
				"succeed), or fail before any change",
			set: choice(func(s *Settings) *string { return &s.IfNotEmpty }, "replace", "keep", "fail"),
		},
		{
			Name: "outside-rows", Default: "keep", Values: "keep|take", Group: groupLoad,
			Help: "Rows of tables outside the export that refer to deleted rows: keep them, or refuse the load where that is impossible; take: delete " +
				"them as well, and what refers to them. TRUNCATE … CASCADE in a script deletes them in any case",
			set: choice(func(s *Settings) *string { return &s.OutsideRows }, "keep", "take"),
		},

		{
			Name: "sync-sequences", Default: "true", Values: trueOrFalse, Group: groupAfter,
			Help: "Move every sequence owned by a loaded table past its largest value",
			set:  boolean(func(s *Settings) *bool { return &s.SyncSequences }),
		},
		{
			Name: "foreign-keys", Default: "check", Values: "check|enforce|off", Group: groupAfter,
			Help: "Find rows that break a foreign key of a loaded table: check warns, enforce fails and rolls back, off does not look",
			set:  choice(func(s *Settings) *string { return &s.ForeignKeys }, "check", "enforce", "off"),
		},
		{
			Name: "analyze", Default: "true", Values: trueOrFalse, Group: groupAfter,
			Help: "ANALYZE the loaded tables",
			set:  boolean(func(s *Settings) *bool { return &s.Analyze }),
		},

		{
			Name: "timeout", Default: "30m", Values: "DURATION", Group: groupWaiting,
			Help: "Limit for generation, from its start to completed",
			set:  duration(func(s *Settings) *time.Duration { return &s.Timeout }),
		},
		{
			Name: "poll-interval", Default: "1s", Values: "DURATION", Group: groupWaiting,
			Help: "First interval between two polls of the task; the next ones come at its estimated end, or after intervals that grow to 10s",
			set:  duration(func(s *Settings) *time.Duration { return &s.PollInterval }),
		},
		{
			Name: "request-timeout", Default: "30s", Values: "DURATION", Group: groupWaiting,
			Help: "Limit for one API request; for a download, the longest time without data",
			set:  duration(func(s *Settings) *time.Duration { return &s.RequestTimeout }),
		},
		{
			Name: "connect-timeout", Default: "60s", Values: "DURATION", Group: groupWaiting,
			Help: "Keep trying to reach the database this long: a service container may still be booting",
			set:  duration(func(s *Settings) *time.Duration { return &s.ConnectTimeout }),
		},
		{
			Name: "lock-timeout", Default: "60s", Values: "DURATION", Group: groupWaiting,
			Help: "Wait this long for a lock that another session holds, another load of the same tables included",
			set:  duration(func(s *Settings) *time.Duration { return &s.LockTimeout }),
		},

		{
			Name: "command", Default: Run, Values: "run|create|drop|check", Group: groupReport, input: true,
			Help: "What the action does: run, create (make the database of database-url), drop (drop it and its clones, if made by " +
				"fabricate-seed) or check (compare an archive, or the last one in the cache, with the database, and change nothing); on the command line a word: fabricate-seed check",
			set: choice(func(s *Settings) *string { return &s.Command }, Run, Create, Drop, Check),
		},
		{
			Name: "summary", Default: "true", Values: trueOrFalse, Group: groupReport,
			Help: "Write the job summary on GitHub",
			set:  boolean(func(s *Settings) *bool { return &s.Summary }),
		},
	}
}
