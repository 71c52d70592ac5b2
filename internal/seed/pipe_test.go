//go:build unix

package seed

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// A pipe in a folder is none of the export: nobody may ever write to it.
func TestPipesInFolders(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for _, pipe := range []string{"u.csv", "load.sql"} {
		db := server.NewDatabase(t)
		pgtest.Exec(t, db, "CREATE TABLE t (a int); CREATE TABLE u (a int)")
		w := newWorld(t, simulator.Options{})
		folder := filepath.Join(w.workspace, "export")
		if err := os.Mkdir(folder, 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, "t.csv"), []byte("a\n1\n"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := syscall.Mkfifo(filepath.Join(folder, pipe), 0o600); err != nil {
			t.Fatal(err)
		}
		res, log := w.run(t, "load", "export", "--database-url="+db)
		if got, _, _ := pgtest.Psql(t, db, "-Atc", "SELECT count(*) FROM t"); res.ExitCode != problem.OK || strings.TrimSpace(got) != "1" {
			t.Errorf("%s: exit code %d, %s\n%s", pipe, res.ExitCode, got, log)
		}
	}
}
