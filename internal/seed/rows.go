package seed

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// source is what to load: a script, or files of rows.
type source struct {
	script load.Script
	rows   *load.Rows

	// Of an export of rows, files that are no part of them: scripts, rows in another format than was said, and the first of others.
	scripts, unasked, others []string
}

func (s source) none() bool { return s.script.FS == nil && s.rows == nil }

// toLoad decides whether to load, and what; or nothing, and why. What came decides by its content; that it cannot be loaded is an
// error.
func (r *run) toLoad(files *archive.Archive, found data) (s source, why string, err error) {
	switch {
	case r.Load == config.LoadFalse:
		return source{}, "the setting load is false", nil
	case r.Target == nil:
		return source{}, "there is no database to load into (the setting database-url)", nil
	case files.Kind() == archive.File:
		s, err = r.fileToLoad(files, found)
	default:
		s, err = r.filesToLoad(files, found)
	}
	if err != nil {
		return source{}, "", found.again(err)
	}
	if s.rows == nil {
		return s, "", r.unmatched(nil, nil)
	}
	if s.rows, err = r.mapped(s.rows, found); err == nil {
		r.tellBeside(s)
	}
	return s, "", err
}

// tellBeside says which files of an export of rows are not loaded.
func (r *run) tellBeside(s source) {
	if len(s.scripts) > 0 {
		r.report.Warn(fmt.Sprintf("not run, because the export holds files of rows and no load.sql: %s; name it in the setting script to run it instead of them, or set format to sql",
			list(s.scripts)))
	}
	if len(s.unasked) > 0 {
		r.report.Warn(fmt.Sprintf("not loaded, because the setting format is another: %s; leave it out to load them as well", list(s.unasked)))
	}
	if len(s.others) > 0 {
		r.report.Info("not loaded, because they are neither csv nor jsonl: %s", list(s.others))
	}
}

// again adds to an error how to have the data all the same, where a task was spent on it.
func (found data) again(err error) error {
	p, ok := err.(*problem.Error) //nolint:errorlint // it is ours, just made
	if !ok || found.task == "" {
		return err
	}
	q := *p
	q.Remedy = strings.TrimSpace(fmt.Sprintf("%s\nThe data can be had again without another task: set task-id to %s, and data-dir with load: false to look at it.", q.Remedy, found.task))
	return &q
}

// fileToLoad gives what the one plain file is. One of the user's own is what its name says, as to psql.
func (r *run) fileToLoad(files *archive.Archive, found data) (source, error) {
	name, err := files.Entry(r.Script)
	if err != nil {
		return source{}, err
	}
	head, err := beginningOf(files.FS(), name)
	if err != nil {
		return source{}, err
	}
	claim := found.claim
	if !found.generated {
		claim = cmp.Or(claimOf(found.format, "", ""), claimOf("", name, ""), psqlScript)
	}
	c, is := contentOf(head, claim)
	if !found.generated && c != foreign {
		c = claim
	}
	switch c {
	case psqlScript:
		return source{script: load.Script{FS: files.FS(), Name: name}}, nil
	case csvRows, jsonRows:
		return source{rows: &load.Rows{FS: files.FS(), Files: []string{name}, Format: string(c), Table: r.Entity}}, nil
	}
	return source{}, r.notLoadable(name, is, found)
}

// notLoadable is the error for a file that is something else than what can be loaded; found has it, or it is in it.
func (r *run) notLoadable(name, is string, found data) error {
	path := found.path
	if found.generated {
		path = name
	}
	if remedy := archive.MakePlain(is, r.relative(path)); remedy != "" {
		return &problem.Error{Code: problem.Data, Where: name, What: "this is " + is, Remedy: remedy}
	}
	remedy := "Choose PostgreSQL as the type of the Fabricate database, and generate with the format sql, postgres-optimized, csv or jsonl."
	if strings.HasPrefix(is, "data of a kind") {
		remedy = "Say what it is with the setting format (sql, csv or jsonl)."
	}
	return &problem.Error{Code: problem.Data, Where: name, What: "this is " + is + ", which cannot be loaded into PostgreSQL", Remedy: remedy}
}

// mostLookedAt is how many files of an archive without an entry script are opened to say what is there in its place. A zip can hold
// 50,000, and opening one takes memory.
const mostLookedAt = 10

// filesToLoad gives what to load of a zip or folder: its entry script, or its files of rows where it has no script or rows are what
// was asked for.
func (r *run) filesToLoad(files *archive.Archive, found data) (source, error) {
	rows := map[content][]string{}
	var scripts, others []string
	err := fs.WalkDir(files.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		hidden := strings.HasPrefix(path.Base(name), ".") && name != "." || name == "__MACOSX"
		switch {
		case err != nil:
			return err
		case entry.IsDir() && hidden:
			return fs.SkipDir
		case entry.IsDir() || hidden:
			return nil
		}
		if !entry.Type().IsRegular() {
			if info, err := fs.Stat(files.FS(), name); err == nil && !info.Mode().IsRegular() { // a pipe would be waited for; of a link that leads outside an error tells
				return nil
			}
		}
		switch c := claimOf("", name, ""); c {
		case psqlScript:
			scripts = append(scripts, name)
		case csvRows, jsonRows:
			rows[c] = append(rows[c], name)
		default:
			if len(others) < mostLookedAt {
				others = append(others, name)
			}
		}
		return nil
	})
	if err != nil {
		return source{}, unreadable(".", err)
	}
	all := slices.Concat(rows[csvRows], rows[jsonRows])
	said := claimOf(found.format, "", "")
	if said == psqlScript && found.generated {
		said = unknown // what was asked for; what came may be something else, and is then loaded as it is by whoever knows only that
	}
	entry, noEntry := files.Entry(r.Script)
	if is, ok := archive.DirectoryDump(files.FS()); ok && noEntry != nil && r.Script == "" {
		return source{}, r.notLoadable(filepath.Base(found.path), is, found)
	}
	switch {
	case len(rows[said]) > 0 && r.Script == "":
		all, entry = rows[said], ""
	case noEntry == nil:
	case len(all) > 0 && r.Script == "" && (said != psqlScript || len(scripts) == 0):
		entry = ""
	case len(scripts) == 1 && r.Script == "":
		entry = scripts[0]
	default:
		return source{}, r.without(files, noEntry, scripts, others)
	}
	if entry == "" {
		slices.Sort(all)
		s := source{rows: &load.Rows{FS: files.FS(), Files: all, Folder: files.Folder(), Table: r.Entity}, scripts: scripts, others: others}
		for c := range rows {
			if len(rows[said]) > 0 && c != said {
				s.unasked = append(s.unasked, rows[c]...)
			}
		}
		return s, nil
	}
	head, err := beginningOf(files.FS(), entry)
	if err != nil {
		return source{}, err
	}
	if is := archive.Dialect(head); is != "" {
		return source{}, r.notLoadable(entry, is, found)
	}
	return source{script: load.Script{FS: files.FS(), Name: entry}}, nil
}

// without says in the error for an archive without an entry script what there is in its place.
func (r *run) without(files *archive.Archive, noEntry error, scripts, others []string) error {
	var p *problem.Error
	if len(scripts) > 0 || !errors.As(noEntry, &p) {
		return noEntry
	}
	for _, name := range others {
		head, err := beginningOf(files.FS(), name)
		if err != nil {
			continue
		}
		if c, is := contentOf(head, unknown); c == foreign {
			q := *p
			q.What += "; " + name + " is " + is
			return &q
		}
	}
	return noEntry
}

// mapped takes out the files that table-map leaves out. A line of it that matches no file is refused: it was meant for one. So is one that
// matches several, and two that match the same.
func (r *run) mapped(rows *load.Rows, found data) (*load.Rows, error) {
	all, by := rows.Files, map[string]string{} // the line that says what a file is
	used := map[string]bool{}
	rows.Files, rows.Tables = nil, map[string]string{}
	for _, called := range r.waysToCall(rows.Folder, len(all) == 1, found) {
		taken := maps.Clone(by) // in a surer way
		for _, line := range slices.Sorted(maps.Keys(r.TableMap)) {
			if used[line] {
				continue
			}
			matched := slices.DeleteFunc(slices.Clone(all), func(file string) bool { return taken[file] != "" || !slices.Contains(called(file), line) })
			if len(matched) > 1 {
				return nil, unclearLine(line+" may be "+list(matched), "Write a line for each of them that is meant, with its folder.")
			}
			for _, file := range matched {
				if other := by[file]; other != "" {
					return nil, unclearLine(fmt.Sprintf("%s and %s are both %s", other, line, file), "Leave one of the lines out.")
				}
				by[file], used[line], rows.Tables[file] = line, true, r.TableMap[line]
			}
		}
	}
	for _, file := range all {
		if by[file] == "" || rows.Tables[file] != "" {
			rows.Files = append(rows.Files, file)
		}
	}
	if err := r.unmatched(used, all); err != nil {
		return nil, err
	}
	if len(rows.Files) == 0 {
		return nil, &problem.Error{Code: problem.Data, Where: "table-map", What: "every file of the export is left out", Remedy: "Name at least one with its table."}
	}
	return rows, nil
}

func unclearLine(what, remedy string) error {
	return &problem.Error{Code: problem.Data, Where: "table-map", What: what, Remedy: remedy + "\nNothing was loaded."}
}

// waysToCall gives the ways in which table-map may call a file, the surest first: by its path in the archive, with the only folder around all
// files or without; by its name alone. The one plain file of a task is called by us; the server, and who knows the database, call it
// otherwise.
func (r *run) waysToCall(folder string, only bool, found data) []func(file string) []string {
	return []func(file string) []string{
		func(file string) []string { return []string{path.Join(folder, file)} },
		func(file string) []string { return []string{file} },
		func(file string) []string { return []string{path.Base(file)} },
		func(file string) (names []string) {
			if !only || !found.generated {
				return nil
			}
			for _, base := range []string{r.Entity, r.Database, "data"} {
				names = append(names, base+path.Ext(file))
			}
			return append(names, found.served)
		},
	}
}

// list names some files.
func list(files []string) string {
	const shown = 10
	text := strings.Join(files[:min(shown, len(files))], ", ")
	if len(files) > shown {
		text += fmt.Sprintf(" and %d more", len(files)-shown)
	}
	return text
}

// unmatched finds the lines of table-map that match no file.
func (r *run) unmatched(used map[string]bool, files []string) error {
	var missing []string
	for _, file := range slices.Sorted(maps.Keys(r.TableMap)) {
		if used[file] {
			continue
		}
		line := fmt.Sprintf("%s=%s", file, r.TableMap[file])
		if near := nearest.Word(file, files); near != "" {
			line += ": did you mean " + near + "?"
		}
		missing = append(missing, line)
	}
	if len(missing) == 0 {
		return nil
	}
	holds := "The export is a script, which names its tables itself: leave the line out, or choose the format csv or jsonl."
	if len(files) > 0 {
		holds = "The export holds " + list(files) + ": correct the name, with its folder or without, or leave the line out."
	}
	return &problem.Error{Code: problem.Data, Where: "table-map", What: fmt.Sprintf("no file of the export matches %d of its lines", len(missing)),
		Excerpt: strings.Join(missing, "\n"), Remedy: holds + "\nNothing was loaded."}
}
