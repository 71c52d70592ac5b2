package config

import (
	"maps"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
)

// synonyms are what other programs call a setting.
var synonyms = map[string][]string{
	"database-url": {"db-url", "db-uri", "database-uri", "connection-string", "connection-url", "connection-uri", "conninfo", "connstr", "conn-str", "conn-string", "dsn", "url", "uri", "db-dsn",
		"postgres-url", "postgresql-url", "pg-url", "postgres-uri", "jdbc-url", "target", "target-url", "host"},
	"api-key":         {"key", "token", "api-token", "access-token", "secret", "fabricate-key", "auth-token"},
	"api-url":         {"base-url", "endpoint", "api-endpoint", "api-base", "api-base-url", "fabricate-url", "server-url"},
	"api-ca-file":     {"ca-file", "ca-cert", "cacert", "ca-bundle", "ca"},
	"workspace":       {"workspace-name", "workspace-id", "project", "org"},
	"database":        {"db", "dbname", "db-name", "database-name", "database-id"},
	"entity":          {"table", "entity-name", "tables", "table-name"},
	"overrides":       {"override", "override-file", "overrides-file", "vars-file"},
	"task-id":         {"task", "job-id", "generate-task-id", "generation-id"},
	"archive":         {"file", "zip", "path", "input", "source", "archive-path"},
	"script":          {"sql", "sql-file", "entry", "entrypoint-script"},
	"data-dir":        {"output-dir", "out-dir", "out", "dir", "dest", "destination", "download-dir", "data-path", "output-path", "data-folder"},
	"transaction":     {"single-transaction", "tx", "atomic"},
	"on-error":        {"on-error-stop", "continue-on-error", "error-mode"},
	"jobs":            {"parallel", "parallelism", "workers", "threads", "concurrency", "connections"},
	"variables":       {"vars", "var", "set", "variable"},
	"table-map":       {"mapping", "table-mapping", "tables-map", "map"},
	"before":          {"pre", "pre-sql", "before-sql", "schema", "schema-file", "init-script", "migrations"},
	"after":           {"post", "post-sql", "after-sql", "post-script"},
	"if-not-empty":    {"if-exists", "on-existing", "not-empty", "skip-if-not-empty", "truncate"},
	"outside-rows":    {"cascade", "truncate-cascade", "outside", "orphans"},
	"sync-sequences":  {"sequences", "reset-sequences", "fix-sequences"},
	"foreign-keys":    {"fk", "fks", "check-foreign-keys", "constraints", "fk-check"},
	"timeout":         {"wait", "max-wait", "wait-timeout", "generation-timeout", "task-timeout"},
	"poll-interval":   {"interval", "poll", "polling-interval", "poll-seconds"},
	"connect-timeout": {"connection-timeout", "db-timeout", "database-timeout", "wait-for-db"},
	"cache-dir":       {"cache", "cache-path", "cache-folder"},
	"max-age":         {"cache-ttl", "ttl", "cache-max-age"},
	"summary":         {"job-summary", "step-summary"},
}

// didYouMean gives `: did you mean x?` for the word nearest to the one written, by letters or by meaning, or nothing if none is near.
func didYouMean(written string, words []string) string {
	word := nearest.Word(written, words)
	for _, candidate := range words {
		if slices.Contains(synonyms[plain(candidate)], plain(written)) {
			word = candidate
			break
		}
	}
	if word != "" {
		return ": did you mean " + word + "?"
	}
	return ""
}

// plain gives a setting's name, however it is spelt.
func plain(spelling string) string {
	name := strings.ToLower(strings.TrimPrefix(strings.TrimPrefix(spelling, "--"), "FABRICATE_"))
	return strings.ReplaceAll(name, "_", "-")
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }
