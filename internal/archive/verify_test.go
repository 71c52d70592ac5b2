package archive

import (
	"archive/zip"
	"errors"
	"io"
	"io/fs"
	"path/filepath"
	"strings"
	"testing"
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
