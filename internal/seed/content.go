package seed

import (
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"mime"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
)

// content is what a plain file holds.
type content string

// The contents. What is foreign, or not known, cannot be loaded.
const (
	unknown    content = ""
	psqlScript content = "sql"
	csvRows    content = "csv"
	jsonRows   content = "jsonl"
	foreign    content = "foreign"
)

// beginning is how much of a file is looked at, in bytes.
const beginning = 64 << 10

// script matches the beginning of a psql script: a comment, a meta-command, or a word that begins a statement. certainScript is
// what no header of a CSV file is like.
var (
	script = regexp.MustCompile(`(?i)^\s*(--|/\*|\\[a-z!]|(SET|TRUNCATE|INSERT|COPY|BEGIN|START|CREATE|ALTER|DROP|SELECT|DELETE|UPDATE|` +
		`DO|WITH|GRANT|REVOKE|COMMENT|LOCK|CALL|MERGE|VALUES|ANALYZE|VACUUM|SAVEPOINT|COMMIT)[\s;(])`)
	certainScript = regexp.MustCompile(`(?i)^\s*(--|/\*|SET\s+\w+\s*(=|TO)|TRUNCATE\s+(TABLE\s+)?["\w]|INSERT\s+INTO\s|COPY\s+\S+\s|BEGIN\s*;|CREATE\s+(TABLE|TYPE|SCHEMA)\s)`)
)

// contentOf tells what the beginning of a file is. The claim is what else says so: the format that was asked for, the name that
// the server gives, the content type; it decides where the bytes do not. is says it of what is foreign or not known, in words
// that fit after "this is".
func contentOf(head []byte, claim content) (c content, is string) {
	const magic = 20 // bytes: as far as rows can be told from other files by what archive knows
	text := strings.TrimLeft(strings.TrimPrefix(string(head), "\ufeff"), " \t\r\n")
	is = archive.Magic(head)
	if is == "" {
		is = archive.Dialect(head[:min(len(head), magic)])
	}
	if is != "" {
		if strings.HasPrefix(strings.ToLower(text), "<?xml") {
			is = "XML"
		}
		return foreign, is
	}
	line, _, whole := strings.Cut(text, "\n")
	switch {
	case text == "" && claim != unknown:
		return claim, ""
	case strings.HasPrefix(text, "{") && (!whole && len(head) >= beginning || json.Valid([]byte(line))):
		return jsonRows, ""
	case strings.HasPrefix(text, "{") && claim != csvRows:
		return foreign, "one JSON value, not JSON lines"
	case strings.HasPrefix(text, "[") && claim != csvRows:
		return foreign, "a JSON list, not JSON lines"
	case claim == csvRows && !certainScript.MatchString(text), claim == jsonRows:
		return claim, ""
	case !script.MatchString(text) && likeCSV(text, len(head) >= beginning):
		return csvRows, ""
	case script.MatchString(text) || claim == psqlScript || text == "":
		if is := archive.Dialect(head); is != "" {
			return foreign, is
		}
		return psqlScript, ""
	}
	return unknown, "data of a kind that is not known here, and nothing says of which"
}

// likeCSV tells whether a text is certain to be CSV: a header of several names, none of them twice, and lines with as many fields.
func likeCSV(text string, cut bool) bool {
	lines := csv.NewReader(strings.NewReader(text))
	header, err := lines.Read()
	if err != nil || len(header) < 2 {
		return false
	}
	names := slices.Clone(header)
	slices.Sort(names)
	if len(slices.Compact(names)) != len(header) || slices.ContainsFunc(header, func(name string) bool { return !columnName.MatchString(name) }) {
		return false
	}
	for {
		_, err := lines.Read() // that it has as many fields as the header is looked at there
		if err != nil {
			return errors.Is(err, io.EOF) || cut && lines.InputOffset() >= int64(len(text))
		}
	}
}

var columnName = regexp.MustCompile(`^[\pL_][\pL\pN_ $.-]*$`)

// claimOf gives what the ending of a name, or a content type, or else the format that was asked for says of a plain file.
func claimOf(format, name, contentType string) content {
	media, _, _ := mime.ParseMediaType(contentType) // one that cannot be read is an unknown one
	for _, end := range []string{strings.ToLower(path.Ext(name)), ending("", media), ending(format, "")} {
		switch end {
		case ".csv":
			return csvRows
		case ".jsonl", ".ndjson":
			return jsonRows
		case ".sql":
			return psqlScript
		}
	}
	return unknown
}

// beginningOf reads the beginning of a file.
func beginningOf(files fs.FS, name string) ([]byte, error) {
	f, err := files.Open(name)
	if err != nil {
		return nil, unreadable(name, err)
	}
	defer f.Close()
	head := make([]byte, beginning)
	n, err := io.ReadFull(f, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, unreadable(name, err)
	}
	return head[:n], nil
}
