package seed

import (
	"mime"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/session"
)

// ending gives the ending of a plain file: by its format, or else by its content type.
func ending(format, contentType string) string {
	switch format {
	case "sql", "postgres", "postgres-optimized", "mysql":
		return ".sql"
	case "sqlite", "csv", "jsonl", "xml":
		return "." + format
	case "json_array":
		return ".json"
	}
	media, _, _ := mime.ParseMediaType(contentType) // one that cannot be read is an unknown one
	switch media {
	case "application/sql", "text/x-sql", "application/x-sql":
		return ".sql"
	case "text/csv":
		return ".csv"
	case "application/json":
		return ".json"
	case "application/jsonl", "application/x-ndjson", "application/x-jsonlines":
		return ".jsonl"
	case "application/vnd.sqlite3", "application/x-sqlite3":
		return ".sqlite"
	case "application/xml", "text/xml":
		return ".xml"
	case "application/zip":
		return ".zip"
	}
	return ".txt"
}

// known says whether a file's ending is one of those above.
func known(extension string) bool {
	return slices.Contains([]string{".sql", ".sqlite", ".csv", ".jsonl", ".ndjson", ".json", ".xml", ".txt", ".zip"}, strings.ToLower(extension))
}

func unreadable(name string, err error) error {
	if problem.CodeOf(err) == problem.Data {
		return err
	}
	return &problem.Error{Code: problem.Data, Where: name, What: "this cannot be read: " + err.Error(), Err: err}
}

// describe names a database without its password: "shop on db:5432".
func describe(target *pgx.ConnConfig) string {
	database := target.Database
	if database == "" {
		database = target.User // as the server would choose
	}
	return database + " on " + session.Hosts(target)
}

// own are the user's own scripts with the folders that they may read.
type own struct {
	scripts []load.Script
	roots   []*os.Root
}

func (o own) close() {
	for _, root := range o.roots {
		root.Close()
	}
}

// ownScripts opens scripts of the user's own. They may read files in the workspace, or, where they are not in it, in
// their own folder.
func (r *run) ownScripts(paths []string) (own, error) {
	var o own
	for _, path := range paths {
		dir, name := filepath.Split(path)
		if rel, err := filepath.Rel(r.Base, path); err == nil && filepath.IsLocal(rel) {
			dir, name = r.Base, rel
		}
		root, err := os.OpenRoot(dir)
		if err != nil {
			o.close()
			return own{}, unreadable(path, err)
		}
		o.roots = append(o.roots, root)
		o.scripts = append(o.scripts, load.Script{FS: root.FS(), Name: filepath.ToSlash(name)})
	}
	return o, nil
}
