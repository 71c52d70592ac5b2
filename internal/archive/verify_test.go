package archive

import (
	"archive/zip"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// What was read of an archive is held to its checksum to the last byte, also where it was not read so far, and where the directory says
// that there is none.
func TestVerify(t *testing.T) {
	t.Parallel()
	content := "SELECT 1;\n\\q\n" + strings.Repeat("-- never read by the script\n", 5000)
	for _, method := range []uint16{zip.Store, zip.Deflate} {
		stored := func(h *zip.FileHeader) { h.Method = method }
		whole := makeZip(t, entry{"load.sql", content, stored}, entry{"other.sql", content, stored})
		noSum := spoil(t, whole, directoryHeader, 16, "\x00\x00\x00\x00", false)
		for name, tc := range map[string]struct {
			zip  []byte
			says string
		}{
			"whole":                       {whole, ""},
			"a checksum of 0 for rows":    {noSum, `"load.sql" is damaged: its checksum is wrong`},
			"another checksum":            {spoil(t, whole, directoryHeader, 16, "\x01\x02\x03\x04", false), `"load.sql" is damaged: its checksum is wrong`},
			"another name than in itself": {spoil(t, whole, directoryHeader, 46, "b", false), "its own header has another name"},
			"another method":              {spoil(t, whole, "PK\x03\x04", 8, "\x63", false), "its own header has another method"},
		} {
			a, err := Open(write(t, "a.zip", tc.zip), Limits{})
			if err != nil {
				check(t, err, tc.says)
				continue
			}
			t.Cleanup(func() { _ = a.Close() })
			if err := a.VerifyRead(t.Context()); err != nil {
				t.Errorf("%s: nothing was read, and: %v", name, err)
			}
			f, err := a.FS().Open("load.sql")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(f, make([]byte, 10)); err != nil {
				t.Fatal(err)
			}
			if err := f.Close(); err != nil {
				t.Fatal(err)
			}
			for _, verify := range []func() error{func() error { return a.VerifyRead(t.Context()) }, func() error { return a.Verify(t.Context()) }} {
				if err := verify(); tc.says == "" && err != nil {
					t.Errorf("%s: %v", name, err)
				} else if tc.says != "" {
					check(t, err, tc.says)
				}
			}
			if n := len(a.zip.checked.doubtful()); tc.says == "" && n != 0 {
				t.Errorf("%s: %d entries are still in doubt", name, n)
			}
		}
	}
	dir := open(t, t.TempDir(), Limits{})
	if err := errors.Join(dir.Verify(t.Context()), dir.VerifyRead(t.Context())); err != nil {
		t.Error(err)
	}
}

// Names that git, Windows or macOS would take for something else are not kept, and can be loaded all the same.
func TestHarmfulNames(t *testing.T) {
	t.Parallel()
	for _, name := range []string{".git/config", ".GIT/config", "a/b/.git/hooks/pre-commit", ".git ", ".git.", ".git . .", "git~1/config", "GIT~2",
		".g\u200cit/config", "\ufeff.git", ".git\u202e", "CON", "con.sql", "a/NUL", "nul .txt", "Aux.tar.gz", "com1", "LPT9.csv", "COM\u00b9", "conin$"} {
		a := open(t, write(t, "a.zip", makeZip(t, entry{name, "x", nil}, entry{"load.sql", "SELECT 1", nil})), Limits{})
		dir := filepath.Join(t.TempDir(), "data")
		check(t, a.Unpack(t.Context(), dir), "is not kept in a data folder")
		if got := tree(t, filepath.Dir(dir)); got != "" {
			t.Errorf("%q: %s", name, got)
		}
		if _, err := fs.ReadFile(a.FS(), "load.sql"); err != nil {
			t.Error(err)
		}
	}
	for _, name := range []string{".gitignore", ".github/x", "git", "console.sql", "com10", "a.con", "nullable.csv", "git~a", "x.git/y"} {
		a := open(t, write(t, "a.zip", makeZip(t, entry{name, "x", nil}, entry{"load.sql", "SELECT 1", nil})), Limits{})
		if err := a.Unpack(t.Context(), t.TempDir()); err != nil {
			t.Errorf("%q: %v", name, err)
		}
	}
}

// Git's own folder is no data folder, however it is written and come to.
func TestDataFolderOfGit(t *testing.T) {
	t.Parallel()
	workspace := t.TempDir()
	if err := os.MkdirAll(filepath.Join(workspace, ".git"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(".git", filepath.Join(workspace, "link")); err != nil {
		t.Skip(err)
	}
	script := filepath.Join(t.TempDir(), "load.sql")
	if err := os.WriteFile(script, []byte("SELECT 1;"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{".git", ".GIT", "a/../.git", ".git/hooks", "a/.git/b", "git~1", ".git.", ".git ", ".git::$INDEX_ALLOCATION", ".g\u200cit", "link", "link/x", "link/x/y"} {
		err := Keep(context.Background(), script, workspace+"/"+dir, "config")
		var p *problem.Error
		if !errors.As(err, &p) || p.Code != problem.Settings || !strings.Contains(p.What, "git would take it") {
			t.Errorf("%q: %v", dir, err)
		}
	}
	if entries, err := os.ReadDir(workspace); err != nil || len(entries) != 2 {
		t.Errorf("the workspace holds %v, %v", entries, err)
	}
	for _, dir := range []string{"data", ".github", "x.git", "digit~1"} {
		if err := Keep(context.Background(), script, filepath.Join(workspace, dir), "config"); err != nil {
			t.Errorf("%q: %v", dir, err)
		}
	}
}
