package rowfiles

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// readAllColumns reads which columns the files have, and what they are in their tables. The error tells of all files that do not fit. With
// o.Failed those are left out, as long as they are told.
func (f *FS) readAllColumns(ctx context.Context, q catalog.Querier, o Options) error {
	var tables []uint32
	for _, file := range f.files {
		tables = append(tables, file.table.OID)
	}
	known, err := columnsOf(ctx, q, tables)
	if err != nil {
		return err
	}
	var misfits []*problem.Error
	var fit []*rowFile
	for _, file := range f.files {
		err := f.readColumns(ctx, file, known[file.table.OID], o)
		var misfit *problem.Error
		switch {
		case err == nil:
			fit = append(fit, file)
		case !errors.As(err, &misfit):
			return err
		case o.Failed != nil:
			o.Failed(err)
			if lacks := (*LacksError)(nil); o.Partly && errors.As(err, &lacks) {
				fit = append(fit, file)
			}
		default:
			misfits = append(misfits, misfit)
		}
	}
	f.files = fit
	return together(misfits)
}

// together makes one error of several.
func together(all []*problem.Error) error {
	const shown = 50
	switch len(all) {
	case 0:
		return nil
	case 1:
		return all[0]
	}
	var lines []string
	lacks, lacking := &LacksError{}, true
	for _, p := range all {
		var one *LacksError
		if lacking = lacking && errors.As(p.Err, &one); lacking {
			lacks.All = append(lacks.All, one.All...)
		}
	}
	for _, p := range all[:min(len(all), shown)] {
		lines = append(lines, p.Headline())
		if p.Excerpt != "" {
			lines = append(lines, p.Excerpt)
		}
	}
	if more := len(all) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	p := &problem.Error{Code: all[0].Code, What: fmt.Sprintf("%d files cannot be loaded as they are", len(all)), Excerpt: strings.Join(lines, "\n"), Remedy: all[0].Remedy}
	if lacking {
		p.Err = lacks
	}
	return p
}

// unsent ends what to do about a file that does not fit its table.
const unsent = "The database is as it was: nothing was sent."

// readColumns reads which columns a file has, and what they are in its table, whose columns are known.
func (f *FS) readColumns(ctx context.Context, file *rowFile, known []column, o Options) error {
	in, err := f.rows.FS.Open(file.name)
	if err != nil {
		return &problem.Error{Code: problem.Data, At: problem.Place{File: file.name}, What: "this cannot be opened: " + err.Error(), Err: err}
	}
	defer func() { _ = in.Close() }()
	buffered := bufio.NewReaderSize(in, rowBuffer)
	head, err := buffered.Peek(rowBuffer)
	if err != nil && !errors.Is(err, io.EOF) {
		return &problem.Error{Code: problem.Data, At: problem.Place{File: file.name}, What: "this cannot be read: " + err.Error(), Err: err}
	}
	if file.enc, file.mark, err = encodingOf(head, o.Client, o.Database); err != nil {
		return &problem.Error{Code: problem.Data, At: problem.Place{File: file.name}, What: err.Error()}
	}
	if is := o.Client; file.mark == 0 && file.enc.reads != littleUTF16 && file.enc.reads != bigUTF16 && is != utf8Name && is != noEncoding && looksUTF8(head) {
		o.Warn(fmt.Sprintf("%s is read in the client encoding %s, as psql reads it, but it looks like UTF-8: if it is, make client_encoding UTF8 (PGCLIENTENCODING, or in database-url)", file.name, is))
	}
	if file.json {
		err = file.jsonColumns(ctx, buffered, known)
	} else {
		err = file.csvColumns(ctx, buffered, known)
	}
	if err != nil {
		return err
	}
	if len(file.columns) == 0 && file.count == 0 {
		o.Notice(file.name + " is empty: it brings no rows")
	}
	var left []string
	for _, c := range file.columns {
		if c.generated {
			left = append(left, c.name)
		}
	}
	if len(left) > 0 {
		o.Notice(fmt.Sprintf("%s: the server computes %s itself; the file's values are left out", file.name, strings.Join(left, ", ")))
	}
	return nil
}

// leftOut stands for a column that the table does not have: its values are left out.
func leftOut(name string) column { return column{name: name, generated: true, kind: &kind{}} }

// defaults reports whether nothing of the file's rows goes to the table: they are rows of defaults.
func (file *rowFile) defaults() bool {
	for _, c := range file.columns {
		if !c.generated {
			return false
		}
	}
	return true
}

// jsonColumns reads the keys of all lines.
func (file *rowFile) jsonColumns(ctx context.Context, in io.Reader, known []column) error {
	k, err := readKeys(newLines(file.name, in, file.enc, file.mark, false), known, ctx.Err)
	if err != nil {
		return err
	}
	for _, i := range k.columns {
		file.columns = append(file.columns, known[i])
	}
	file.count = k.rows
	if len(k.unknown) == 0 {
		return nil
	}
	for _, key := range k.unknown {
		file.columns = append(file.columns, leftOut(key.name))
	}
	return file.misfit(k.unknown, nil, known)
}

// csvColumns reads the header, and counts the rows where they are all that there is to know of them.
func (file *rowFile) csvColumns(ctx context.Context, in io.Reader, known []column) error {
	lines := newLines(file.name, in, file.enc, file.mark, true)
	c := newCSVRows(lines, nil)
	header, err := c.header()
	if errors.Is(err, io.EOF) { // no rows, as in a file of JSON lines
		return nil
	}
	if err != nil {
		return err
	}
	if what := lines.enc.strange(lines.record, header, known); what != "" {
		return &problem.Error{Code: problem.Data, At: problem.Place{File: file.name, Line: 1}, What: what, Remedy: unsent}
	}
	var unknown []key
	var others []told
	by := map[int]string{}
	for n, f := range header {
		name := lines.enc.name(f.text)
		i := lines.enc.columnCalled(known, name)
		switch before, twice := by[i]; {
		case name == "":
			others = append(others, told{lines.place(f.at), fmt.Sprintf("column %d of the header has no name", n+1)})
			continue
		case i < 0:
			unknown = append(unknown, key{name, lines.place(f.at)})
			file.columns = append(file.columns, leftOut(name))
			continue
		case twice:
			others = append(others, told{lines.place(f.at), fmt.Sprintf("the header names the column %q twice: %q and %q", known[i].name, before, name)})
		}
		by[i] = name
		file.columns = append(file.columns, known[i])
	}
	if len(unknown) > 0 || len(others) > 0 {
		if len(by) == 0 && len(header) > 1 {
			return &problem.Error{Code: problem.Data, At: problem.Place{File: file.name, Line: 1}, What: "none of the names in the first line is that of a column of the table " + file.table.called() + ": is the header missing? A CSV file begins with the names of its columns",
				Excerpt: "The table has " + names(known) + ".", Remedy: unsent}
		}
		return file.misfit(unknown, others, known)
	}
	for c.columns = file.columns; file.defaults(); {
		if err := c.next(&sink{w: io.Discard}); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if file.count++; ctx.Err() != nil {
			return ctx.Err()
		}
	}
	return nil
}

// strange tells a first line that is no header in a way that people meet; "" if it is none.
func (e *encoding) strange(record []byte, header []field, known []column) string {
	line := string(record)
	const excel = "sep=" // and one character
	if len(line) <= len(excel)+1 && len(line) >= len(excel) && strings.EqualFold(line[:len(excel)], excel) {
		return fmt.Sprintf("the first line is %q, which is meant for Excel: take it out, so that the file begins with the names of its columns", line)
	}
	if strings.HasPrefix(line, "{") || strings.HasPrefix(line, "[") {
		return "the first line begins like JSON, but the file is taken for CSV: say what it is with its name (.jsonl) or the setting format"
	}
	if len(header) > 1 || e.columnCalled(known, line) >= 0 {
		return ""
	}
	for _, delimiter := range []struct{ is, called string }{{";", "semicolons"}, {"\t", "tabs"}, {"|", "vertical bars"}, {":", "colons"}} {
		if parts := strings.Split(line, delimiter.is); len(parts) > 1 {
			for _, part := range parts {
				if e.columnCalled(known, strings.Trim(strings.TrimSpace(part), `"`)) >= 0 {
					return fmt.Sprintf("the names in the first line are divided by %s, and CSV is read with commas alone: save the file with commas", delimiter.called)
				}
			}
		}
	}
	return ""
}

// told is what is wrong at one place.
type told struct {
	at   problem.Place
	what string
}

// misfit is the error of names that are no column's.
func (file *rowFile) misfit(unknown []key, all []told, known []column) error {
	const shown = 20
	lacks := &LacksError{}
	for _, k := range unknown {
		if len(file.enc.columnsCalled(known, k.name)) == 0 {
			lacks.All = append(lacks.All, Lack{File: file.name, Line: k.at.Line, Table: file.table.called(), Column: k.name, Near: nearest.Word(k.name, namesOf(known))})
		}
		all = append(all, told{k.at, file.enc.noColumn(known, k.name, "table "+file.table.called())})
	}
	p := &problem.Error{Code: problem.Database, At: problem.Place{File: file.name}, Remedy: "Add the column to the schema in a migration, or take it out of the export in Fabricate.\n" + unsent}
	switch len(lacks.All) {
	case 0:
		p.Code, p.Remedy = problem.Data, unsent
	case len(all):
		p.Err = lacks
	}
	if len(all) == 1 {
		p.At, p.What = all[0].at, all[0].what
		if len(lacks.All) > 0 {
			p.What += " (SQLSTATE 42703)"
		}
		return p
	}
	p.What = fmt.Sprintf("%d of its columns do not fit the table %s", len(all), file.table.called())
	var lines []string
	for _, one := range all[:min(len(all), shown)] {
		lines = append(lines, one.at.String()+": "+one.what)
	}
	if more := len(all) - shown; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	p.Excerpt = strings.Join(lines, "\n") + "\nThe table has " + names(known) + "."
	return p
}

func namesOf(columns []column) []string {
	all := make([]string, len(columns))
	for i, c := range columns {
		all[i] = c.name
	}
	return all
}

// names lists the names of columns for a message.
func names(columns []column) string {
	const shown = 20
	all := namesOf(columns)
	text := strings.Join(all[:min(len(all), shown)], ", ")
	if more := len(all) - shown; more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
