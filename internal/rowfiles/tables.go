package rowfiles

import (
	"context"
	"fmt"
	"path"
	"slices"
	"strings"

	"golang.org/x/text/unicode/norm"

	"github.com/fabricate-seed/fabricate-seed/internal/catalog"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/sqltext"
)

// NoTable is what to do about a file, in the place of %s, that has no table.
const NoTable = "Run your migrations before this step, or say in the setting table-map which file belongs to which table (%s=app.users), or that it is left out (%[1]s=)."

// table is a table, or a view, that a file may belong to.
type table struct {
	catalog.Named
	visible bool // its name alone means it
}

func (t *table) String() string { return sqltext.QuoteName(t.Schema, t.Name) }

// called gives the table's name for a message.
func (t *table) called() string { return sqltext.ShownName(t.Schema, t.Name) }

// view reports whether rows for it are what its triggers do.
func (t *table) view() bool { return t.Kind == "v" }

// takesNone says why it takes no rows; "" if it does.
func (t *table) takesNone() string {
	switch {
	case t.Kind == "m":
		return "a materialized view, which takes no rows"
	case t.Kind == "v" && !t.Instead:
		return "a view without an INSTEAD OF trigger, which takes no rows of a file"
	}
	return ""
}

// spelled is how names are compared that are not the same: without regard to upper and lower case, and to how a letter with an accent is
// put together (macOS takes it apart in names of files).
func spelled(name string) string {
	return norm.NFC.String(strings.ToLower(strings.ToUpper(norm.NFC.String(name))))
}

// finder finds the tables of files.
type finder struct {
	tables    []table
	exact     map[string][]*table // by name
	like      map[string][]*table // by the name as it is spelled
	schemas   []string
	clipped   map[string]string // what the server makes of long names
	nameOfAll []string
}

// newFinder asks for what there is. names are those of the files.
func newFinder(ctx context.Context, q catalog.Querier, names []string) (*finder, error) {
	all, err := catalog.Tables(ctx, q, 0)
	if err != nil {
		return nil, err
	}
	visible, err := catalog.Visible(ctx, q)
	if err != nil {
		return nil, err
	}
	f := &finder{exact: map[string][]*table{}, like: map[string][]*table{}, tables: make([]table, len(all))}
	for i, named := range all {
		t := &f.tables[i]
		*t = table{named, visible[named.OID]}
		f.exact[t.Name] = append(f.exact[t.Name], t)
		f.like[spelled(t.Name)] = append(f.like[spelled(t.Name)], t)
		f.nameOfAll = append(f.nameOfAll, t.Name)
	}
	if f.schemas, err = catalog.Schemas(ctx, q); err != nil {
		return nil, err
	}
	f.clipped, err = clip(ctx, q, names)
	return f, err
}

// clip gives what the server makes of those of the names that are too long for it.
func clip(ctx context.Context, q catalog.Querier, names []string) (map[string]string, error) {
	clipped := map[string]string{}
	for _, name := range names {
		if len(name) <= sqltext.LongestName {
			continue
		}
		short, err := catalog.Clipped(ctx, q, []string{name})
		if ctx.Err() != nil {
			return nil, err
		}
		if err == nil { // else it holds what the database cannot write, and is nobody's name
			clipped[name] = short[0]
		}
	}
	return clipped, nil
}

// called gives the tables that a name may mean, in a schema or, if that is "", among those whose names alone mean them: that of just this
// name, or else those whose names are spelled otherwise.
func (f *finder) called(schema, name string) []*table {
	in := func(all []*table) []*table {
		var kept []*table
		for _, t := range all {
			if t.Schema == schema || schema == "" && t.visible {
				kept = append(kept, t)
			}
		}
		return kept
	}
	short, long := f.clipped[name]
	if !long {
		short = name
	}
	for _, all := range [][]*table{f.exact[name], f.exact[short], f.like[spelled(short)]} {
		if all = in(all); len(all) > 0 {
			return all
		}
	}
	return nil
}

// schema gives the schema that a name means, "" for none.
func (f *finder) schema(name string) string {
	if slices.Contains(f.schemas, name) {
		return name
	}
	var like []string
	for _, schema := range f.schemas {
		if spelled(schema) == spelled(name) {
			like = append(like, schema)
		}
	}
	if len(like) == 1 {
		return like[0]
	}
	return ""
}

// folderSchema gives the schema that a folder of the file is named after, the nearest one; "" for none.
func (f *finder) folderSchema(rows *Rows, file string) string {
	for dir := path.Dir(path.Join(rows.Folder, file)); dir != "." && dir != "/"; dir = path.Dir(dir) {
		if schema := f.schema(path.Base(dir)); schema != "" {
			return schema
		}
	}
	return ""
}

// tableOf finds a file's table, or says what is in the way.
func (f *finder) tableOf(rows *Rows, file string) (found *table, not Lack) {
	if mapped, ok := rows.Tables[file]; ok {
		parts := (&sqltext.Tokens{Text: []byte(mapped)}).Relation()
		switch len(parts) {
		case 1:
			return f.one(f.called("", parts[0]), mapped, parts[0])
		case 2:
			return f.one(f.called(parts[0], parts[1]), mapped, parts[1])
		}
		return nil, Lack{NoRows: mapped + " in table-map is no table's name"}
	}
	name := strings.TrimSuffix(path.Base(file), path.Ext(file))
	schema := f.folderSchema(rows, file)
	if rows.Table != "" && len(rows.Files) == 1 {
		name, schema = rows.Table, ""
	}
	all, wanted := f.called(schema, name), name
	if schema != "" {
		wanted = schema + "." + name
	}
	for i, c := range name { // app.users
		if c != '.' {
			continue
		}
		before := f.schema(name[:i])
		if before == "" || schema != "" && schema != before {
			continue
		}
		for _, t := range f.called(before, name[i+1:]) {
			if !slices.Contains(all, t) {
				all = append(all, t)
			}
		}
	}
	return f.one(all, wanted, name[strings.LastIndexByte(name, '.')+1:])
}

// one gives the one table that was found. wanted is how the file calls it, name that without a schema.
func (f *finder) one(all []*table, wanted, name string) (found *table, not Lack) {
	switch len(all) {
	case 1:
		if why := all[0].takesNone(); why != "" {
			return nil, Lack{Table: all[0].called(), NoRows: fmt.Sprintf("%s is %s", all[0].called(), why)}
		}
		return all[0], Lack{}
	case 0:
		return nil, Lack{Table: wanted, Hint: f.near(wanted, name)}
	}
	return nil, Lack{NoRows: fmt.Sprintf("%s may be %s: say in table-map which", wanted, list(all))}
}

func list(all []*table) string {
	const shown = 3
	var names []string
	for _, t := range all[:min(shown, len(all))] {
		names = append(names, t.called())
	}
	return strings.Join(names, " or ")
}

// near says which table may have been meant.
func (f *finder) near(wanted, name string) string {
	elsewhere := f.exact[name]
	if len(elsewhere) == 0 {
		elsewhere = f.like[spelled(name)]
	}
	if len(elsewhere) > 0 {
		return "; there is " + list(elsewhere) + ": name it in table-map, or set the search_path"
	}
	if word := nearest.Word(wanted, f.nameOfAll); word != "" {
		return "; did you mean " + word + "?"
	}
	return ""
}

// why says it in words.
func (l Lack) why() string {
	if l.NoRows != "" {
		return l.NoRows
	}
	return "there is no table " + l.Table + l.Hint
}

// findTables finds the table of each file. Nothing is guessed: what may be several tables, or none, is refused, all of it at once.
func (f *FS) findTables(ctx context.Context, q catalog.Querier) error {
	var names []string
	for _, name := range f.rows.Files {
		names = append(names, strings.TrimSuffix(path.Base(name), path.Ext(name)))
	}
	for _, mapped := range f.rows.Tables {
		names = append(names, (&sqltext.Tokens{Text: []byte(mapped)}).Relation()...)
	}
	finder, err := newFinder(ctx, q, append(names, f.rows.Table))
	if err != nil {
		return err
	}
	var without []Lack
	for _, file := range f.files {
		found, not := finder.tableOf(&f.rows, file.name)
		if found == nil {
			not.File, not.Line = file.name, 1
			without = append(without, not)
			continue
		}
		if _, said := f.rows.Tables[file.name]; found.Extension != "" && !said {
			return ofExtension(file.name, found)
		}
		file.table = *found
	}
	if len(without) > 0 {
		return f.withoutTable(without)
	}
	return f.onceEach()
}

// ofExtension is the error for a file whose name is that of an extension's table.
func ofExtension(file string, found *table) error {
	return &problem.Error{Code: problem.Data, At: problem.Place{File: file},
		What:   fmt.Sprintf("rows for %s, a table of the extension %s, are not taken by the name of a file: what extensions keep in tables is often run", found.called(), found.Extension),
		Remedy: fmt.Sprintf("If they are to go there, say so with the setting table-map: %s=%s", file, found.called())}
}

// shownFiles is how many files an error lists.
const shownFiles = 50

// withoutTable is the error for files that have no table, or one that takes no rows.
func (f *FS) withoutTable(all []Lack) error {
	var lines []string
	views, unclear := 0, false
	for i, l := range all {
		if i < shownFiles {
			lines = append(lines, l.File+": "+l.why())
		}
		if l.Table != "" && l.NoRows != "" {
			views++
		}
		unclear = unclear || l.Table == ""
	}
	if more := len(all) - shownFiles; more > 0 {
		lines = append(lines, fmt.Sprintf("and %d more", more))
	}
	have, first := "have no table", all[0].File
	remedy := fmt.Sprintf(NoTable, first)
	if views == len(all) {
		have = "are for what takes no rows"
		remedy = fmt.Sprintf("Leave them out, a line for each in the setting table-map (%s=), or name the table that is meant (%[1]s=app.users).", first)
	}
	p := &problem.Error{Code: problem.Database, What: fmt.Sprintf("%d of %d files %s", len(all), len(f.rows.Files), have), Excerpt: strings.Join(lines, "\n"),
		Remedy: remedy}
	if !unclear {
		p.Err = &LacksError{all}
	}
	return p
}

// onceEach refuses two files for one table: one would be added to the other, or they are the same rows twice. That they are meant says
// table-map, if it names both.
func (f *FS) onceEach() error {
	first := map[uint32]*rowFile{}
	for _, file := range f.files {
		before := first[file.table.OID]
		if before == nil {
			first[file.table.OID] = file
			continue
		}
		_, said := f.rows.Tables[file.name]
		if _, also := f.rows.Tables[before.name]; said && also {
			continue
		}
		return &problem.Error{Code: problem.Data, At: problem.Place{File: file.name}, What: fmt.Sprintf("this is for the table %s, and so is %s", file.table.called(), before.name),
			Remedy: fmt.Sprintf("Leave one of them out with a line of the setting table-map (%s=), or say there that both are meant: a line for each (%[1]s=%s).",
				file.name, file.table.called())}
	}
	return nil
}
