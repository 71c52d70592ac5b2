//go:build unix

package load_test

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// writeExport writes an export's files into a folder, for psql and for us.
func writeExport(t testing.TB, export shop.Export) string {
	t.Helper()
	dir := t.TempDir()
	if err := os.Chmod(dir, 0o755); err != nil {
		t.Fatal(err)
	}
	for _, file := range export.Files() {
		path := filepath.Join(dir, filepath.FromSlash(file.Name))
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		f, err := os.Create(path)
		if err != nil {
			t.Fatal(err)
		}
		if err := file.Write(f); err != nil {
			t.Fatal(err)
		}
		if err := f.Close(); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// TestExportsAsPsql loads whole exports with psql and with us: the dumps are the same to the byte.
func TestExportsAsPsql(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for name, tt := range map[string]struct {
		export  shop.Export
		options load.Options
	}{
		"inserts":               {export: shop.Export{Format: shop.SQL}},
		"inserts verbatim":      {export: shop.Export{Format: shop.SQL}, options: load.Options{Verbatim: true}},
		"inserts of one":        {export: shop.Export{Format: shop.SQL, RowsPerInsert: 1, Size: shop.Rows(3000)}},
		"no transaction":        {export: shop.Export{Format: shop.SQL, Size: shop.Rows(5000)}, options: load.Options{Transaction: load.None}},
		"no transaction, large": {export: shop.Export{Format: shop.SQL, Size: shop.Rows(120_000)}, options: load.Options{Transaction: load.None}},
		"two jobs":              {export: shop.Export{Format: shop.SQL, Size: shop.Rows(120_000)}, options: load.Options{Transaction: load.None, Jobs: 2}},
		"two jobs, copy":        {export: shop.Export{Format: shop.PostgresOptimized, Size: shop.Rows(120_000)}, options: load.Options{Transaction: load.None, Jobs: 2}},
		"three jobs, \\copy":    {export: shop.Export{Format: shop.PostgresOptimized, Layout: shop.Copied, Size: shop.Rows(120_000)}, options: load.Options{Transaction: load.None, Jobs: 3}},
		"copy":                  {export: shop.Export{Format: shop.PostgresOptimized}},
		"\\copy":                {export: shop.Export{Format: shop.PostgresOptimized, Layout: shop.Copied}},
		"included":              {export: shop.Export{Format: shop.PostgresOptimized, Layout: shop.Included}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			if tt.export.Size == (shop.Size{}) {
				tt.export.Size = shop.Rows(60_000)
			}
			dir := writeExport(t, tt.export)
			psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
			pgtest.Exec(t, psqlURL, shop.Schema())
			pgtest.Exec(t, oursURL, shop.Schema())
			// psql resolves \copy and \i from the folder that it is started in.
			t.Logf("%s", dir)
			if _, stderr, code := pgtest.Psql(t, psqlURL, "-v", "ON_ERROR_STOP=1", "-1", "-q", "-c", `\cd `+dir, "-f", "load.sql"); code != 0 {
				t.Fatalf("psql: %s", stderr)
			}
			o := tt.options
			o.Target, o.Script = target(t, oursURL), load.Script{FS: os.DirFS(dir), Name: "load.sql"}
			o.KeepSequences, o.Events = true, events(t)
			result, err := load.Run(context.Background(), o)
			if err != nil {
				t.Fatal(err)
			}
			if len(result.Tables) != len(shop.Tables()) {
				t.Errorf("%d tables were counted, not %d: %v", len(result.Tables), len(shop.Tables()), result.Tables)
			}
			sameDump(t, psqlURL, oursURL)
		})
	}
}
