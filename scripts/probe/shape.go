package main

import (
	"archive/zip"
	"bytes"
	"errors"
	"fmt"
	"io"
	"mime"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
)

// plainWords are what may be told as it is: words of the API and of HTTP, of which none can be a user's own.
var plainWords = []string{
	"sql", "sqlite", "postgres-optimized", "postgres", "csv", "jsonl", "mysql", "json_array", "xml", "completed", "in_progress", "failed", "canceled", "queued", "pending",
	"rails", "active_storage", "blobs", "redirect", "proxy", "disk", "representations", "api", "v1", "download", "load.sql", "CREATED_FROM_API.zip",
}

var (
	fieldName = regexp.MustCompile(`^[a-z][a-z0-9_]{0,40}$`)
	uuid      = regexp.MustCompile(`(?i)^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)
	moment    = regexp.MustCompile(`^\d{4}-\d\d-\d\d[T ]\d\d:\d\d`)
	number    = regexp.MustCompile(`^-?\d+(\.\d+)?%?$`)
)

// known gives a word if it is one of the API's, and how long it is otherwise.
func known(word string) string {
	if slices.Contains(plainWords, word) {
		return word
	}
	return length(len(word))
}

// length says how long something is, roughly.
func length(n int) string {
	switch {
	case n == 0:
		return "empty"
	case n < 10:
		return "some bytes"
	}
	size := 10
	for size*10 <= n {
		size *= 10
	}
	return fmt.Sprintf("%d bytes or more", size)
}

// shape gives the shape of a JSON value: fields by name as deep as the API's own are, values by their kind.
func shape(v any, depth int) any {
	const apiDepth = 2 // levels of objects whose keys are the API's; further down they may be tables and columns
	switch v := v.(type) {
	case map[string]any:
		fields := map[string]any{}
		for name, value := range v {
			if depth >= apiDepth || !fieldName.MatchString(name) {
				name = "(a name)"
			}
			fields[name] = shape(value, depth+1)
		}
		return fields
	case []any:
		if len(v) == 0 {
			return "list, empty"
		}
		return []any{shape(v[0], depth+1), "list of " + length(len(v))}
	case string:
		return "text: " + kindOf(v)
	case float64:
		switch {
		case v == 0 || v == 1:
			return fmt.Sprintf("number: %.0f", v)
		case v > 0 && v < 1:
			return "number between 0 and 1"
		case v > 1 && v <= 100:
			return "number between 1 and 100"
		}
		return "number"
	case bool:
		return fmt.Sprint(v)
	}
	return "null"
}

func kindOf(s string) string {
	media, _, err := mime.ParseMediaType(s)
	switch {
	case s == "":
		return "empty"
	case slices.Contains(plainWords, s):
		return s
	case uuid.MatchString(s):
		return "UUID"
	case moment.MatchString(s):
		return "time"
	case number.MatchString(s):
		return "number"
	case strings.HasPrefix(s, "http://"):
		return "http address"
	case strings.HasPrefix(s, "https://"):
		return "https address"
	case err == nil && strings.Contains(media, "/") && !strings.ContainsAny(media, " ") && strings.HasPrefix(media, "application/"):
		return media
	}
	return length(len(s))
}

// headers gives the names of an answer's headers, and the values of those whose values are known words.
func headers(h http.Header) map[string]string {
	seen := map[string]string{}
	for name, values := range h {
		seen[name] = "set"
		switch name {
		case "Content-Encoding", "Accept-Ranges", "Retry-After", "Transfer-Encoding":
			seen[name] = values[0]
		case "Content-Type":
			seen[name], _, _ = mime.ParseMediaType(values[0])
		case "Etag":
			seen[name] = "strong"
			if strings.HasPrefix(values[0], "W/") {
				seen[name] = "weak"
			}
		case "Content-Disposition":
			kind, parameters, _ := mime.ParseMediaType(values[0])
			seen[name] = kind + ", " + known(parameters["filename"]) + ", " + ending(parameters["filename"])
		}
		if !fieldName.MatchString(strings.ReplaceAll(strings.ToLower(name), "-", "_")) {
			delete(seen, name)
		}
	}
	return seen
}

func ending(name string) string {
	end := strings.ToLower(path.Ext(name))
	if slices.Contains([]string{".zip", ".sql", ".csv", ".jsonl", ".ndjson", ".json", ".xml", ".sqlite", ".db", ".txt", ".tsv", ".gz"}, end) {
		return "ending " + end
	}
	return "another ending"
}

// addressShape gives scheme, which host, the known words of the path, and the names of the query.
func (p *probe) addressShape(address string) any {
	u, err := url.Parse(address)
	if err != nil {
		return "an address that cannot be read, " + length(len(address))
	}
	seen := map[string]any{"scheme": u.Scheme, "host": "none"}
	if u.Host != "" {
		seen["host"] = p.host(u)
		if port := u.Port(); port != "" {
			seen["port"] = "given"
			if port == p.base.Port() {
				seen["port"] = "the API's"
			}
		}
	}
	var parts []string
	for part := range strings.SplitSeq(u.Path, "/") {
		switch {
		case part == "":
		case uuid.MatchString(part):
			parts = append(parts, "UUID")
		case strings.Contains(part, "."):
			parts = append(parts, known(part)+", "+ending(part))
		default:
			parts = append(parts, known(part))
		}
	}
	var names []string
	for name := range u.Query() {
		if !regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_-]{0,40}$`).MatchString(name) {
			name = "(a name)"
		}
		names = append(names, name)
	}
	slices.Sort(names)
	seen["path"], seen["query"] = parts, names
	if u.User != nil {
		seen["user"] = "given"
	}
	return seen
}

// dataShape gives what the data is: files by their endings, scripts by the kinds of their statements.
func dataShape(r io.Reader) any {
	data, err := io.ReadAll(r)
	if err != nil {
		return "cut, after " + length(len(data))
	}
	files, err := zip.NewReader(bytes.NewReader(data), int64(len(data)))
	if err != nil {
		return map[string]any{"one file": contentShape(data), "size": length(len(data))}
	}
	const most = 20 // files that are told of
	var seen []any
	for _, f := range files.File[:min(most, len(files.File))] {
		entry := map[string]any{"name": known(path.Base(f.Name)) + ", " + ending(f.Name), "folders": strings.Count(f.Name, "/"), "method": f.Method, "size": length(int(f.UncompressedSize64))}
		if in, err := f.Open(); err == nil {
			head, err := io.ReadAll(io.LimitReader(in, mostBytes))
			if err == nil || errors.Is(err, io.ErrUnexpectedEOF) {
				entry["content"] = contentShape(head)
			}
			in.Close()
		}
		seen = append(seen, entry)
	}
	return map[string]any{"zip": seen, "files": len(files.File), "size": length(len(data))}
}

// statement matches a line that begins a statement, with as many of its words as are SQL's own.
var statement = regexp.MustCompile(`(?im)^(SET\s+(SESSION\s+|LOCAL\s+)?(session_replication_role|client_encoding|standard_conforming_strings|search_path|statement_timeout|` +
	`lock_timeout|row_security|check_function_bodies|FOREIGN_KEY_CHECKS)\b|SET\b|INSERT\s+INTO\b|TRUNCATE(\s+TABLE)?\b|COPY\b|CREATE\s+(TABLE|TYPE|DOMAIN|SCHEMA|SEQUENCE|` +
	`(UNIQUE\s+)?INDEX|EXTENSION|VIEW|FUNCTION|TRIGGER)\b|ALTER\s+(TABLE|SEQUENCE|TYPE)\b|DROP\s+\w+\b|BEGIN|COMMIT|ROLLBACK|DELETE\s+FROM\b|DO\b|SELECT\b|COMMENT\s+ON\b|` +
	`\\(copy|i|ir|connect|c|set|if|endif|restrict|unrestrict|\.)(?:\s|$)|-- fabricate-flush)`)

func contentShape(head []byte) any {
	if is := archive.Dialect(head); is != "" {
		return is
	}
	counts, order := map[string]int{}, []string{}
	for _, found := range statement.FindAllString(string(head[:min(len(head), mostBytes)]), -1) {
		found = strings.ToUpper(strings.Join(strings.Fields(found), " "))
		if counts[found]++; counts[found] == 1 {
			order = append(order, found)
		}
	}
	if len(order) > 0 {
		seen := []string{}
		for _, word := range order {
			seen = append(seen, fmt.Sprintf("%s: %s", word, times(counts[word])))
		}
		return seen
	}
	switch first := bytes.TrimLeft(head, " \t\r\n\xef\xbb\xbf"); {
	case bytes.HasPrefix(first, []byte("{")):
		return "begins like JSON lines"
	case bytes.HasPrefix(first, []byte("[")):
		return "begins like a JSON list"
	}
	line, _, _ := bytes.Cut(head, []byte("\n"))
	return fmt.Sprintf("a first line of %d fields between commas, line ends with carriage returns: %t", bytes.Count(line, []byte(","))+1, bytes.HasSuffix(line, []byte("\r")))
}

func times(n int) string {
	switch {
	case n == 1:
		return "once"
	case n < 10:
		return "some times"
	}
	return "ten times or more"
}
