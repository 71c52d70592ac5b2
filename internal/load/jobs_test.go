package load_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestJobsKeepTheSession loads a script whose tables are found, and whose rows are read, only with what it has set before:
// every connection must know.
func TestJobsKeepTheSession(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	schema := `CREATE SCHEMA app; CREATE TABLE app.a (id integer, at timestamptz, name text); CREATE TABLE app.b (LIKE app.a);
		CREATE TABLE a (LIKE app.a); CREATE TABLE b (LIKE app.a); CREATE TABLE app.counts (a bigint, b bigint);`
	rows := func(table string, n int) string {
		var b strings.Builder
		fmt.Fprintf(&b, "INSERT INTO %s (id, at, name) VALUES\n", table)
		for i := range n {
			fmt.Fprintf(&b, "(%d, '2025-01-01 00:00:00', 'n\xe9 %d')%s\n", i, i, map[bool]string{true: ";", false: ","}[i == n-1])
		}
		return b.String()
	}
	script := "SELECT pg_catalog.set_config('search_path', 'app', false);\n\\encoding LATIN1\nSET TIME ZONE 'Asia/Tokyo';\nSET session_replication_role = replica;\n" +
		rows("a", 2000) + rows("b", 3000) + rows("a", 500) +
		"INSERT INTO counts SELECT (SELECT count(*) FROM a), (SELECT count(*) FROM b);\nSET search_path = public;\n" + rows("b", 100)
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(dir, "load.sql"), []byte(script), 0o644); err != nil {
		t.Fatal(err)
	}
	psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
	pgtest.Exec(t, psqlURL, schema)
	pgtest.Exec(t, oursURL, schema)
	if _, stderr, code := pgtest.Psql(t, psqlURL, "-v", "ON_ERROR_STOP=1", "-q", "-f", filepath.Join(dir, "load.sql")); code != 0 {
		t.Fatalf("psql: %s", stderr)
	}
	result, err := load.Run(context.Background(), load.Options{Target: target(t, oursURL), Transaction: load.None, Jobs: 3,
		Script: load.Script{FS: os.DirFS(dir), Name: "load.sql"}, Events: events(t)})
	if err != nil {
		t.Fatal(err)
	}
	if got := fmt.Sprint(result.Tables); result.Rows != 5601 {
		t.Errorf("%d rows: %s", result.Rows, got)
	}
	sameDump(t, psqlURL, oursURL)
}
