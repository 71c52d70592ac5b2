// Package rowfiles shows an export without a script, files of rows in csv or jsonl, as an export with one: an fs.FS of a script and of
// rows in COPY's text format.
package rowfiles

import (
	"bytes"
	"context"
	"fmt"
	"io/fs"
	"path"
	"slices"
	"strings"
	"sync/atomic"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// Rows is an export without a script: files of rows, each for one table. It is loaded as an export's script would: emptied
// first (with Replace), under the replica role, by COPY.
//
// A file belongs to the table of its name without the ending: users.csv, app.users.csv or app/users.csv. Upper and lower case
// decide only between names that differ in nothing else.
//
// In CSV (RFC 4180, a header of column names, UTF-8) an empty field is NULL, and a quoted empty field ("") is the empty text;
// for types without an empty value (numbers, dates, booleans, arrays, JSON, UUIDs and the like) it is NULL as well. In JSON
// lines each line is an object: null is NULL, a key that a line lacks is NULL, objects and lists become JSON, lists arrays where
// the column is one, and a text that holds a JSON object or list becomes that where the column is JSON.
type Rows struct {
	FS     fs.FS
	Files  []string          // slash-separated paths in FS
	Format string            // "csv" or "jsonl"; "" means by each file's ending
	Tables map[string]string // file (as in Files, or its base name) -> table, as SQL writes it
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
}

// table is a table that a file may belong to.
type table struct {
	oid          uint32
	schema, name string
	visible      bool
	view         bool
}

// FS shows the script and the files, as rows in COPY's text format.
type FS struct {
	rows   Rows
	script []byte
	files  []*rowFile
	size   int64        // of the files, in bytes
	read   atomic.Int64 // bytes of them
}

// Options say how rows are to be loaded.
type Options struct {
	Replica bool              // triggers do not fire, and foreign keys are not checked, while rows come to tables
	Replace bool              // tables are emptied first
	Notice  func(text string) // worth a line in the log
}

// Open finds the table of each file and the columns of each table, and writes the script. Call it outside a transaction. The error is
// a *problem.Error, or that of a question.
func Open(ctx context.Context, q catalog.Querier, rows Rows, o Options) (*FS, error) {
	f := &FS{rows: rows}
	tables, err := tablesOf(ctx, q)
	if err != nil {
		return nil, err
	}
	var missing []string
	for _, name := range f.rows.Files {
		file := &rowFile{name: name, json: f.rows.Format == "jsonl" || f.rows.Format == "" && !strings.EqualFold(path.Ext(name), ".csv")}
		found, wanted := f.rows.tableOf(name, tables)
		if found == nil {
			missing = append(missing, fmt.Sprintf("%s: there is no table %s%s", name, wanted, nearTable(wanted, tables)))
			continue
		}
		file.table = *found
		f.files = append(f.files, file)
		if info, err := fs.Stat(f.rows.FS, name); err == nil {
			f.size += info.Size()
		}
	}
	if len(missing) > 0 {
		return nil, &problem.Error{Code: problem.Database, What: fmt.Sprintf("%d of %d files have no table", len(missing), len(f.rows.Files)), Excerpt: strings.Join(missing, "\n"),
			Remedy: "Run your migrations before this step, or say which file belongs to which table with the setting table-map (users.csv=app.users).\nThe database is as it is: nothing was sent."}
	}
	for _, file := range f.files {
		if err := f.readColumns(ctx, q, file, o.Notice); err != nil {
			return nil, err
		}
	}
	if err := f.orderRows(ctx, q); err != nil {
		return nil, err
	}
	f.script, err = f.writeScript(ctx, q, o)
	return f, err
}

// Size is that of the files, in bytes.
func (f *FS) Size() int64 { return f.size }

// BytesRead is how much of the files was read.
func (f *FS) BytesRead() int64 { return f.read.Load() }

// tablesOf lists the tables that rows can go to.
func tablesOf(ctx context.Context, q catalog.Querier) ([]table, error) {
	tables, err := catalog.Tables(ctx, q, 0)
	if err != nil {
		return nil, err
	}
	visible, err := catalog.Visible(ctx, q)
	all := make([]table, len(tables))
	for i, t := range tables {
		all[i] = table{oid: t.OID, schema: t.Schema, name: t.Name, view: t.View, visible: visible[t.OID]}
	}
	return all, err
}

// tableOf finds a file's table; wanted is what was looked for.
func (rows Rows) tableOf(file string, tables []table) (found *table, wanted string) {
	base := path.Base(file)
	if mapped, ok := rows.Tables[file]; ok {
		return tableCalled((&sqltext.Tokens{Text: []byte(mapped)}).Relation(), tables), mapped
	} else if mapped, ok := rows.Tables[base]; ok {
		return tableCalled((&sqltext.Tokens{Text: []byte(mapped)}).Relation(), tables), mapped
	}
	name := strings.TrimSuffix(base, path.Ext(base))
	if rows.Table != "" && len(rows.Files) == 1 {
		name = rows.Table
	}
	candidates := [][]string{{name}}
	if schema, table, ok := strings.Cut(name, "."); ok {
		candidates = append([][]string{{schema, table}}, candidates...)
	}
	if dir := path.Base(path.Dir(file)); dir != "." && rows.Table == "" {
		candidates = append([][]string{{dir, name}}, candidates...)
	}
	for _, parts := range candidates {
		if t := tableCalled(parts, tables); t != nil {
			return t, name
		}
	}
	return nil, name
}

// tableCalled finds the table of a name: as it is written, or else without regard to case if there is only one.
func tableCalled(parts []string, tables []table) *table {
	if len(parts) == 0 {
		return nil
	}
	equal := func(same func(a, b string) bool) []table {
		var all []table
		for _, t := range tables {
			if !same(t.name, parts[len(parts)-1]) {
				continue
			}
			if len(parts) > 1 && same(t.schema, parts[len(parts)-2]) || len(parts) == 1 && t.visible {
				all = append(all, t)
			}
		}
		return all
	}
	for _, same := range []func(a, b string) bool{func(a, b string) bool { return a == b }, strings.EqualFold} {
		if all := equal(same); len(all) == 1 {
			return &all[0]
		}
	}
	return nil
}

func nearTable(wanted string, tables []table) string {
	var names, elsewhere []string
	for _, t := range tables {
		names = append(names, t.name)
		if t.name == wanted {
			elsewhere = append(elsewhere, sqltext.QuoteName(t.schema, t.name))
		}
	}
	if len(elsewhere) > 0 {
		return "; there is " + strings.Join(elsewhere[:min(3, len(elsewhere))], ", ") + ": name it in table-map, or set the search_path"
	}
	if word := nearest.Word(wanted, names); word != "" {
		return "; did you mean " + word + "?"
	}
	return ""
}

// orderRows puts files whose tables are referred to first. Only roles that cannot take foreign keys out of the way need it.
func (f *FS) orderRows(ctx context.Context, q catalog.Querier) error {
	var oids []uint32
	for _, file := range f.files {
		oids = append(oids, file.table.oid)
	}
	references, err := catalog.References(ctx, q, oids)
	if err != nil {
		return err
	}
	parents := map[uint32][]uint32{}
	for _, k := range references {
		parents[k.Child] = append(parents[k.Child], k.Parent)
	}
	slices.SortFunc(f.files, func(a, b *rowFile) int { return strings.Compare(a.name, b.name) })
	var ordered []*rowFile
	seen := map[uint32]bool{}
	var visit func(oid uint32)
	visit = func(oid uint32) {
		if seen[oid] {
			return // also what closes a circle
		}
		seen[oid] = true
		for _, p := range parents[oid] {
			visit(p)
		}
		for _, file := range f.files {
			if file.table.oid == oid {
				ordered = append(ordered, file)
			}
		}
	}
	for _, file := range f.files {
		visit(file.table.oid)
	}
	f.files = ordered
	return nil
}

// writeScript writes what a script of the export would say.
func (f *FS) writeScript(ctx context.Context, q catalog.Querier, o Options) ([]byte, error) {
	var b bytes.Buffer
	if o.Replica {
		b.WriteString("SET session_replication_role = 'replica';\n")
	}
	if o.Replace {
		var oids []uint32
		for _, file := range f.files {
			oids = append(oids, file.table.oid)
		}
		// TRUNCATE would have to take in what refers to the tables from outside: such tables are emptied row by row.
		deleted, err := catalog.NotTruncated(ctx, q, oids)
		if err != nil {
			return nil, err
		}
		var truncated []string
		for _, file := range f.files {
			name := sqltext.QuoteName(file.table.schema, file.table.name)
			switch {
			case slices.Contains(deleted, file.table.oid):
				fmt.Fprintf(&b, "DELETE FROM %s;\n", name)
			case !slices.Contains(truncated, name):
				truncated = append(truncated, name)
			}
		}
		if len(truncated) > 0 {
			fmt.Fprintf(&b, "TRUNCATE TABLE %s;\n", strings.Join(truncated, ", "))
		}
	}
	for _, file := range f.files {
		if !file.table.view {
			file.writeCopy(&b)
		}
	}
	if o.Replica {
		b.WriteString("SET session_replication_role = 'origin';\n")
	}
	for _, file := range f.files {
		if file.table.view { // COPY into a view is what its triggers do
			file.writeCopy(&b)
		}
	}
	return b.Bytes(), nil
}

// writeCopy writes the statement that loads the file.
func (file *rowFile) writeCopy(b *bytes.Buffer) {
	var columns []string
	for _, c := range file.columns {
		if !c.generated {
			columns = append(columns, sqltext.QuoteName(c.name))
		}
	}
	if len(columns) > 0 {
		fmt.Fprintf(b, "COPY %s (%s) FROM '%s';\n", sqltext.QuoteName(file.table.schema, file.table.name), strings.Join(columns, ", "), strings.ReplaceAll(file.name, "'", "''"))
	}
}
