// Package rowfiles shows an export without a script, files of rows in csv or jsonl, as an export with one: an fs.FS of a script and of
// rows in COPY's text format.
package rowfiles

import (
	"context"
	"io/fs"
	"path"
	"strings"
	"sync/atomic"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
)

// Rows is an export without a script: files of rows, each for one table. It is loaded as an export's script would: emptied
// first (with Replace), under the replica role, by COPY.
//
// A file belongs to the table of its name without the ending: users.csv, app.users.csv or app/users.csv. A folder that is named after a
// schema is the schema. Upper and lower case, and how accents are written, decide only between names that differ in nothing else.
//
// In CSV (RFC 4180, a header of column names, UTF-8) an empty field is NULL, and a quoted empty field ("") is the empty text;
// for types without an empty value (numbers, dates, booleans, arrays, JSON, UUIDs and the like) it is NULL as well. In JSON
// lines each line is an object: null is NULL, a key that a line lacks is NULL, objects and lists become JSON, lists arrays where
// the column is one, and a text that holds a JSON object or list becomes that where the column is JSON.
type Rows struct {
	FS     fs.FS
	Files  []string          // slash-separated paths in FS
	Folder string            // the only folder around them, which is no part of those paths; may be empty
	Format string            // "csv" or "jsonl"; "" means by each file's ending
	Tables map[string]string // file, as in Files -> table, as SQL writes it
	Table  string            // for a single file: the table, as it is called in Fabricate; "" means by the file's name
}

// Script is the name of the script that stands for an export without one.
const Script = "generated.sql"

// rowFile is one file on its way into its table.
type rowFile struct {
	name    string
	json    bool
	table   table
	columns []column // those of the file, in its order
	enc     encoding
	mark    int   // bytes of the mark of an encoding that it begins with
	count   int64 // of rows, where nothing of them goes to the table
	line    int   // of the script, of the statement that loads it
}

// FS shows the script and the files, as rows in COPY's text format.
type FS struct {
	rows   Rows
	script []byte
	files  []*rowFile
	plan   plan
	size   int64        // of the files, in bytes
	read   atomic.Int64 // bytes of them
}

// Options say how rows are to be loaded.
type Options struct {
	Replica bool              // triggers do not fire, and foreign keys are not checked, while rows come to tables
	Replace bool              // tables are emptied first
	Block   bool              // all of them in one transaction of their own, or none
	Notice  func(text string) // worth a line in the log
	Warn    func(text string) // worth a warning

	// Client is the client encoding that files are in, unless they say of themselves that they are in another; Database is that of the
	// database. Questions are asked, and the script is run, in Session, the client encoding meanwhile.
	Client, Database, Session string

	// Failed is told of files that cannot be loaded, where that ends nothing. It may be nil. With Partly those of which the table only lacks columns
	// come all the same, without what is for these.
	Failed func(error)
	Partly bool
}

// Open finds the table of each file and the columns of each table, and writes the script. The error is a *problem.Error,
// or that of a question.
func Open(ctx context.Context, q catalog.Querier, rows Rows, o Options) (*FS, error) {
	f := &FS{rows: rows}
	for _, name := range f.rows.Files {
		json := f.rows.Format == "jsonl" || f.rows.Format == "" && !strings.EqualFold(path.Ext(name), ".csv")
		f.files = append(f.files, &rowFile{name: name, json: json})
		if info, err := fs.Stat(f.rows.FS, name); err == nil {
			f.size += info.Size()
		}
	}
	if err := f.findTables(ctx, q); err != nil {
		return nil, err
	}
	if err := f.readAllColumns(ctx, q, o); err != nil {
		return nil, err
	}
	if err := f.makePlan(ctx, q, o); err != nil {
		return nil, err
	}
	f.script = f.writeScript(o)
	return f, nil
}

// Size is that of the files, in bytes.
func (f *FS) Size() int64 { return f.size }

// BytesRead is how much of the files was read.
func (f *FS) BytesRead() int64 { return f.read.Load() }
