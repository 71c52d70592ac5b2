package seed

import (
	"io/fs"
	"path"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
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
			return rows, nil
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
	return rows, nil
}
