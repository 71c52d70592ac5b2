package load

import (
	"context"
	"io/fs"
	"net/netip"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/events"
	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/rowfiles"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
)

// Mode says how the script is divided into transactions.
type Mode string

// The transaction modes.
const (
	Single Mode = "single" // all or nothing
	None   Mode = "none"   // each statement on its own, as psql -f without -1
)

// IfNotEmpty says what to do when a table to be loaded already has rows.
type IfNotEmpty string

// What to do about rows already there.
const (
	Replace IfNotEmpty = "replace" // as the script says
	Keep    IfNotEmpty = "keep"    // load nothing and succeed
	Fail    IfNotEmpty = "fail"    // fail before any change
)

// ForeignKeys says what to do about foreign keys after the load.
type ForeignKeys string

// What to do about rows that break a foreign key.
const (
	Check   ForeignKeys = "check"   // warn
	Enforce ForeignKeys = "enforce" // fail and roll back
	Off     ForeignKeys = "off"
)

// Script is one entry script and the files that it may read.
type Script struct {
	FS   fs.FS
	Name string // slash-separated path in FS
}

// Rows is an export without a script: files of rows. See rowfiles.Rows.
type Rows = rowfiles.Rows

// Options is what a load needs. The zero value of every field but Target and Script is useful.
type Options struct {
	Target         *pgx.ConnConfig
	ConnectTimeout time.Duration // how long to keep trying to reach the server; 0 means try once
	HostGateway    netip.Addr    // of a container of a workflow: where the machine around it is, whose ports are tried for localhost
	LockTimeout    time.Duration // how long to wait for locks of others, other loads among them; 0 means session.DefaultLockTimeout
	Script         Script
	Rows           *Rows    // instead of Script: files of rows
	Before, After  []Script // the user's own scripts, in the same transaction; may read their own FS
	Transaction    Mode     // "" means Single
	Continue       bool     // go on after an error, as psql without ON_ERROR_STOP; needs Transaction None
	Verbatim       bool     // send every statement as written (the setting fast, turned off)
	Jobs           int      // connections that load at once, committed together where all is one transaction; 0 means 1
	Variables      map[string]string
	IfNotEmpty     IfNotEmpty  // "" means Replace
	TakeOutside    bool        // rows outside an export go along with those that they refer to (outside-rows: take)
	KeepSequences  bool        // do not move sequences (the setting sync-sequences, turned off)
	ForeignKeys    ForeignKeys // "" means Check
	SkipAnalyze    bool        // do not ANALYZE (the setting analyze, turned off)
	Allow          trust.Level // what Script may say; "" means trust.SQL. Before and After are the user's own, and not held to it
	AllowRemedy    string      // what else helps where a script says more than that; may be empty
	Online         bool        // others read the old rows until the commit; needs Transaction Single
	Explain        bool        // say of each table how its rows are loaded, and why
	DryRun         bool        // roll everything back at the end, setval and ANALYZE left out; needs Transaction Single
	Events         Events

	// BeforeCommit is called when all was loaded and checked, before the one transaction is committed; an error of it rolls back. With
	// Transaction None there is nothing to call it before. It may be nil.
	BeforeCommit func(context.Context) error

	// Accept is asked when all was loaded, and nothing checked or committed yet, whether so many rows may be all; its error is that of
	// the load. nil accepts.
	Accept func(rows int64) error

	thresholds thresholds       // for tests
	trace      func(sql string) // for tests: what is sent to the server
}

// thresholds say from when on a faster way pays. 0 means the constant of the same name.
type thresholds struct {
	fragmentSize, largeInsert, manyInserts, manyRows, manyToAnalyze, keyMemory, runSize, togetherFrom, largestCopied, unasked int
	noPreflight                                                                                                               bool // errors are to be psql's own
}

// session gives the options of a connection.
func (o *Options) session() session.Options {
	return session.Options{ConnectTimeout: o.ConnectTimeout, LockTimeout: o.LockTimeout, HostGateway: o.HostGateway, Notice: o.Events.Notice, Warn: o.Events.Warn, Trace: o.trace}
}

// Reach connects to the target as Run does, and disconnects: to find out that it cannot be done before something costly is done
// for it. It uses Target, ConnectTimeout, HostGateway and Events of o. The error is a *problem.Error, or that of ctx.
func Reach(ctx context.Context, o Options) error {
	return session.Reach(ctx, o.Target, o.session())
}

// Events are told what happens as it happens.
type Events = events.Events

// Progress is how far a load has come.
type Progress = events.Progress

// Table is what was loaded into one table.
type Table struct {
	Name    string // schema-qualified, quoted where PostgreSQL needs it, as in "public.users"
	Rows    int64
	Bytes   int64 // bytes of script that made them
	Elapsed time.Duration
}

// Result is what a load did.
type Result struct {
	Tables  []Table    // sorted by name
	Rows    int64      // total
	Skipped bool       // IfNotEmpty was Keep and there were rows
	Fit     fit.Report // what of the export does not fit: also where the load failed
	Broken  int64      // rows that break a foreign key, of those that were warned of
}
