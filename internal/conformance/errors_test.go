package conformance

import (
	"flag"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write the golden files anew")

// TestErrors holds the text of errors to golden files: testdata/errors/NAME.txtar has the script's files, and in "error" what
// is said.
func TestErrors(t *testing.T) {
	t.Parallel()
	names, err := filepath.Glob("testdata/errors/*.txtar")
	if err != nil || len(names) == 0 {
		t.Fatal(names, err)
	}
	p := newPair(t)
	p.schema(t, "errors", setup)
	for _, name := range names {
		archive, err := txtar.ParseFile(name)
		if err != nil {
			t.Fatal(err)
		}
		dir, want, files := t.TempDir(), "", archive.Files[:0:0]
		for _, f := range archive.Files {
			if f.Name == "error" {
				want = string(f.Data)
				continue
			}
			files = append(files, f)
			path := filepath.Join(dir, f.Name)
			if err := os.MkdirAll(filepath.Dir(path), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, f.Data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got := byUs(t, p.ours, "errors", dir, single).text + "\n"
		if *update {
			archive.Files = slices.Concat(files, []txtar.File{{Name: "error", Data: []byte(got)}})
			if err := os.WriteFile(name, txtar.Format(archive), 0o600); err != nil {
				t.Fatal(err)
			}
		} else if got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", name, got, want)
		}
	}
}
