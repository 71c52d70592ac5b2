// Package shop makes exports of an invented shop's database in the shapes that Fabricate's have. They are deterministic
// (the same seed, size and table give the same rows, in every format), of any size, and written as a stream: memory does
// not grow with the rows. The texts in them hold everything that has ever broken a reader of scripts.
package shop

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
)

// Format is a format of exports, by the API's name.
type Format string

// The formats.
const (
	SQL               Format = "sql"                // load.sql of INSERTs, for psql
	PostgresOptimized Format = "postgres-optimized" // load.sql of COPY with inline rows, for psql
	CSV               Format = "csv"                // a file for each table, RFC 4180 with a header
	JSONL             Format = "jsonl"              // a file for each table, one object a line
	MySQL             Format = "mysql"              // load.sql, for mysql: to be recognised, not loaded
	SQLite            Format = "sqlite"             // a database file: to be recognised, not loaded
	Postgres          Format = "postgres"           // one script, of a Data Agent database, for psql
)

// Formats gives every format.
func Formats() []Format { return []Format{SQL, PostgresOptimized, CSV, JSONL, MySQL, SQLite, Postgres} }

// Layout says how an export of format PostgresOptimized is spread over files. The others have one layout each.
type Layout string

// The layouts.
const (
	Inline   Layout = ""         // all rows in load.sql
	Copied   Layout = "copied"   // load.sql with \copy from a file for each table, in COPY's text format
	Included Layout = "included" // load.sql with \ir of a script for each table
)

// Export is one export. The zero value of every field but Format and Size is useful.
type Export struct {
	Format        Format
	Size          Size
	Seed          uint64
	RowsPerInsert int    // 0 means 1000
	Layout        Layout // of PostgresOptimized
	Definitions   bool   // of Postgres: the script makes types and tables before it fills them
	// BrokenKeys is in how many rows, in each of the two, orders.user_id and order_items.product_id refer to a row that
	// does not exist. Otherwise every foreign key holds.
	BrokenKeys int
}

// File is one file of an export.
type File struct {
	Name  string
	Write func(io.Writer) error
}

// Files gives the export's files in the order in which they are packed. An unknown format has none.
func (x Export) Files() []File {
	switch x.Format {
	case SQL, MySQL:
		return []File{{"load.sql", x.whole(x.writeInserts)}}
	case PostgresOptimized:
		return x.optimizedFiles()
	case CSV, JSONL:
		var files []File
		for _, t := range tables() {
			files = append(files, x.tableFile(t, t.name+"."+string(x.Format)))
		}
		return files
	case SQLite:
		return []File{{"database.sqlite", writeSQLite}}
	case Postgres:
		return []File{{"shop.sql", x.writePostgres}}
	}
	return nil
}

// writePostgres writes one plain script: what makes the tables, if that is asked for, and rows, parents before children, without
// anything that needs more than an owner's rights.
func (x Export) writePostgres(w io.Writer) error {
	b := &buffer{w: w}
	b.data = append(b.data, "-- PostgreSQL\n\n"...)
	if x.Definitions {
		b.data = append(b.data, "CREATE TYPE shop_season AS ENUM ('spring', 'summer', 'autumn', 'winter');\n"+
			"CREATE TABLE seasons (season shop_season PRIMARY KEY, note text);\n"...)
		b.data = append(append(b.data, schema...), '\n')
	}
	for _, t := range tables() {
		if err := x.writeInserts(b, t); err != nil {
			return err
		}
	}
	if x.Definitions {
		b.data = append(b.data, "INSERT INTO \"seasons\" (\"season\", \"note\") VALUES\n('spring', NULL),\n('winter', 'cold');\n"...)
	}
	return b.flush()
}

func (x Export) optimizedFiles() []File {
	switch x.Layout {
	case Copied:
		files := []File{{"load.sql", x.whole(writeCopyCommand)}}
		for _, t := range exportOrder() {
			files = append(files, x.rowsFile(t, t.name+".tsv", x.writeCopyRows))
		}
		return files
	case Included:
		files := []File{{"load.sql", x.whole(func(b *buffer, t table) error {
			b.data = append(append(append(b.data, `\ir tables/`...), t.name...), ".sql\n"...)
			return nil
		})}}
		for _, t := range exportOrder() {
			files = append(files, x.rowsFile(t, "tables/"+t.name+".sql", x.writeCopy))
		}
		return files
	case Inline:
	}
	return []File{{"load.sql", x.whole(x.writeCopy)}}
}

// Table gives the one plain file that an export of a single table (an entity) is. The error names an unknown table, or
// a format that has no plain text.
func (x Export) Table(name string) (File, error) {
	all := tables()
	i := slices.IndexFunc(all, func(t table) bool { return t.name == name })
	if i < 0 {
		return File{}, fmt.Errorf("no table %q", name)
	}
	switch x.Format {
	case SQL, PostgresOptimized, MySQL, Postgres:
		return x.tableFile(all[i], name+".sql"), nil
	case CSV, JSONL:
		return x.tableFile(all[i], name+"."+string(x.Format)), nil
	case SQLite:
	}
	return File{}, fmt.Errorf("format %q has no plain file of one table", x.Format)
}

// Write writes the export's first file: load.sql, where the format has one.
func (x Export) Write(w io.Writer) error {
	files := x.Files()
	if len(files) == 0 {
		return fmt.Errorf("unknown format %q", x.Format)
	}
	return files[0].Write(w)
}

// WriteFolder writes every file of the export into a folder, which exists.
func (x Export) WriteFolder(dir string) error {
	for _, file := range x.Files() {
		path := filepath.Join(dir, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		f, err := os.Create(path)
		if err != nil {
			return err
		}
		if err := file.Write(f); err != nil {
			_ = f.Close()
			return err
		}
		if err := f.Close(); err != nil {
			return err
		}
	}
	return nil
}

// buffer collects what is written, to write it in large pieces.
type buffer struct {
	w       io.Writer
	data    []byte
	scratch []byte // for putting one value together
}

// spill writes what has been collected when it is much.
func (b *buffer) spill() error {
	const enough = 64 << 10
	if len(b.data) < enough {
		return nil
	}
	return b.flush()
}

func (b *buffer) flush() error {
	_, err := b.w.Write(b.data)
	b.data = b.data[:0]
	return err
}

// tableFile gives the file of one table in the export's format: for scripts with head and foot.
func (x Export) tableFile(t table, name string) File {
	switch x.Format {
	case CSV:
		return x.rowsFile(t, name, x.writeCSV)
	case JSONL:
		return x.rowsFile(t, name, x.writeJSONL)
	case PostgresOptimized:
		return File{name, x.script([]table{t}, x.writeCopy)}
	case SQL, MySQL, SQLite, Postgres:
	}
	return File{name, x.script([]table{t}, x.writeInserts)}
}

// rowsFile gives a file that holds one table's rows and nothing else.
func (x Export) rowsFile(t table, name string, body func(*buffer, table) error) File {
	return File{name, func(w io.Writer) error {
		b := &buffer{w: w}
		if err := body(b, t); err != nil {
			return err
		}
		return b.flush()
	}}
}

// whole gives the script of all tables.
func (x Export) whole(body func(*buffer, table) error) func(io.Writer) error {
	return x.script(exportOrder(), body)
}

// script gives a writer of a script: head, TRUNCATE of all tables first, body of each table, foot.
func (x Export) script(of []table, body func(*buffer, table) error) func(io.Writer) error {
	head, foot := "SET session_replication_role = 'replica';\n\n", "SET session_replication_role = 'origin';\n"
	truncate := "TRUNCATE TABLE \"%s\" CASCADE;\n"
	if x.Format == MySQL {
		head, foot = "SET FOREIGN_KEY_CHECKS = 0;\n\n", "SET FOREIGN_KEY_CHECKS = 1;\n"
		truncate = "TRUNCATE TABLE `%s`;\n"
	}
	return func(w io.Writer) error {
		b := &buffer{w: w}
		b.data = append(b.data, head...)
		for _, t := range slices.Backward(of) {
			b.data = fmt.Appendf(b.data, truncate, t.name)
		}
		b.data = append(b.data, '\n')
		for _, t := range of {
			if err := body(b, t); err != nil {
				return err
			}
		}
		b.data = append(b.data, foot...)
		return b.flush()
	}
}

// rows calls write for every row of a table and writes out what has been collected now and then.
func (x Export) rows(b *buffer, t table, write func(i int, cells []cell)) error {
	r := &row{}
	number := number(t.name)
	for i := range x.Size.Table(t.name) {
		r.begin(x.Seed, number, i)
		t.fill(r, &x, i)
		write(i, r.cells)
		if err := b.spill(); err != nil {
			return err
		}
	}
	return nil
}

// writeInserts writes a table as INSERTs, a tuple a line, a marker after each.
func (x Export) writeInserts(b *buffer, t table) error {
	quote, literal := byte('"'), appendSQL
	if x.Format == MySQL {
		quote, literal = '`', appendMySQL
	}
	perInsert := x.RowsPerInsert
	if perInsert <= 0 {
		perInsert = 1000
	}
	head := appendQuoted([]byte("INSERT INTO "), []byte(t.name), quote)
	head = append(appendColumns(append(head, ' '), t.columns, quote), " VALUES\n"...)
	last := x.Size.Table(t.name) - 1
	return x.rows(b, t, func(i int, cells []cell) {
		if i%perInsert == 0 {
			b.data = append(b.data, head...)
		}
		b.data = append(b.data, '(')
		for j := range cells {
			if j > 0 {
				b.data = append(b.data, ',', ' ')
			}
			b.data, b.scratch = literal(b.data, b.scratch, &cells[j])
		}
		if i == last || i%perInsert == perInsert-1 {
			b.data = append(b.data, ");\n\n\n-- fabricate-flush\n\n\n"...)
		} else {
			b.data = append(b.data, "),\n"...)
		}
	})
}

func (x Export) writeCopy(b *buffer, t table) error {
	b.data = append(appendQuoted(append(b.data, "COPY "...), []byte(t.name), '"'), ' ')
	b.data = append(appendColumns(b.data, t.columns, '"'), " FROM stdin;\n"...)
	if err := x.writeCopyRows(b, t); err != nil {
		return err
	}
	b.data = append(b.data, "\\.\n\n\n-- fabricate-flush\n\n\n"...)
	return nil
}

func writeCopyCommand(b *buffer, t table) error {
	b.data = append(appendQuoted(append(b.data, `\copy `...), []byte(t.name), '"'), ' ')
	b.data = append(appendColumns(b.data, t.columns, '"'), " from '"...)
	b.data = append(append(b.data, t.name...), ".tsv'\n"...)
	return nil
}

func (x Export) writeCopyRows(b *buffer, t table) error {
	return x.rows(b, t, func(_ int, cells []cell) {
		for j := range cells {
			if j > 0 {
				b.data = append(b.data, '\t')
			}
			b.data, b.scratch = appendCopy(b.data, b.scratch, &cells[j])
		}
		b.data = append(b.data, '\n')
	})
}

func (x Export) writeCSV(b *buffer, t table) error {
	for j, column := range t.columns {
		if j > 0 {
			b.data = append(b.data, ',')
		}
		b.data = append(b.data, column...)
	}
	b.data = append(b.data, "\r\n"...)
	return x.rows(b, t, func(_ int, cells []cell) {
		for j := range cells {
			if j > 0 {
				b.data = append(b.data, ',')
			}
			b.data, b.scratch = appendCSV(b.data, b.scratch, &cells[j])
		}
		b.data = append(b.data, "\r\n"...)
	})
}

func (x Export) writeJSONL(b *buffer, t table) error {
	return x.rows(b, t, func(_ int, cells []cell) {
		b.data = append(b.data, '{')
		for j := range cells {
			if j > 0 {
				b.data = append(b.data, ',')
			}
			b.data = strconv.AppendQuote(b.data, t.columns[j])
			b.data = appendJSON(append(b.data, ':'), &cells[j])
		}
		b.data = append(b.data, "}\n"...)
	})
}

func appendColumns(b []byte, columns []string, quote byte) []byte {
	b = append(b, '(')
	for j, column := range columns {
		if j > 0 {
			b = append(b, ',', ' ')
		}
		b = appendQuoted(b, []byte(column), quote)
	}
	return append(b, ')')
}

// writeSQLite writes an empty database file (SQLite's file format, sections 1.3 and 1.6): a header and a root page
// without cells.
func writeSQLite(w io.Writer) error {
	page := make([]byte, 4096)
	copy(page, "SQLite format 3\x00")
	page[16], page[17] = 0x10, 0x00           // page size
	page[18], page[19] = 1, 1                 // file format versions
	page[21], page[22], page[23] = 64, 32, 32 // payload fractions
	page[31] = 1                              // size in pages
	page[47], page[59] = 4, 1                 // schema format, UTF-8
	page[100] = 13                            // a leaf of a table b-tree
	page[105], page[106] = 0x10, 0x00         // where its cells begin
	_, err := w.Write(page)
	return err
}
