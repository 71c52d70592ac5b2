package seed

import (
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// rowFormat gives the format of a file of rows by its name; "" if it is none.
func rowFormat(name string) string {
	switch strings.ToLower(path.Ext(name)) {
	case ".csv":
		return "csv"
	case ".jsonl", ".ndjson":
		return "jsonl"
	}
	return ""
}

// rowsToLoad gives the files of an export that has no script: by the format that was asked for, or else by their names where
// there is no script at all. nil means that it is no such export.
func (r *run) rowsToLoad(files *archive.Archive, found data) (*load.Rows, error) {
	asked := found.format == "csv" || found.format == "jsonl"
	if !asked && (found.format != "" || r.Script != "") {
		return nil, nil //nolint:nilnil // as said
	}
	rows := &load.Rows{FS: files.FS(), Tables: r.TableMap, Table: r.Entity}
	if files.Kind() == archive.File {
		name, err := files.Entry("")
		if err != nil {
			return nil, err
		}
		rows.Files, rows.Format = []string{name}, found.format
		if asked || rowFormat(name) != "" && r.GivenArchive() {
			return r.mapped(rows)
		}
		return nil, nil //nolint:nilnil // as said
	}
	scripts := false
	err := fs.WalkDir(files.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		if first, _, _ := strings.Cut(name, "/"); first == "__MACOSX" || strings.HasPrefix(path.Base(name), ".") {
			return nil
		}
		scripts = scripts || strings.EqualFold(path.Ext(name), ".sql")
		if format := rowFormat(name); format != "" && (!asked || format == found.format) {
			rows.Files = append(rows.Files, name)
		}
		return nil
	})
	if err != nil {
		return nil, unreadable(".", err)
	}
	slices.Sort(rows.Files)
	switch {
	case len(rows.Files) == 0 && asked:
		return nil, &problem.Error{Code: problem.Data, What: "the export holds no ." + found.format + " file",
			Remedy: "Look at what it holds with the setting data-dir, or generate again."}
	case len(rows.Files) == 0, scripts && !asked:
		return nil, nil //nolint:nilnil // as said
	}
	return r.mapped(rows)
}

// mapped takes out the files that table-map leaves out. A line of it that matches no file is refused: it was meant for one.
func (r *run) mapped(rows *load.Rows) (*load.Rows, error) {
	all, used := rows.Files, map[string]bool{}
	rows.Files = nil
	for _, file := range all {
		line := file
		table, ok := r.TableMap[line]
		if !ok {
			line = path.Base(file)
			table, ok = r.TableMap[line]
		}
		used[line] = ok || used[line]
		if !ok || table != "" {
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
	const shown = 10
	holds := "The export is a script, which names its tables itself: leave the line out, or choose the format csv or jsonl."
	if len(files) > 0 {
		holds = "The export holds " + strings.Join(files[:min(shown, len(files))], ", ")
		if len(files) > shown {
			holds += fmt.Sprintf(" and %d more", len(files)-shown)
		}
		holds += ": correct the name, with its folder or without, or leave the line out."
	}
	return &problem.Error{Code: problem.Data, Where: "table-map", What: fmt.Sprintf("no file of the export matches %d of its lines", len(missing)),
		Excerpt: strings.Join(missing, "\n"), Remedy: holds + "\nNothing was loaded."}
}
