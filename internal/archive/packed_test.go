package archive

import (
	"bytes"
	"compress/gzip"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/klauspost/compress/zstd"
)

func packed(t *testing.T, how, text string, options ...zstd.EOption) []byte {
	t.Helper()
	var b bytes.Buffer
	var w io.WriteCloser = gzip.NewWriter(&b)
	if how == ".zst" {
		var err error
		if w, err = zstd.NewWriter(&b, options...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// A file that is packed is read as if it were not, under its name without the ending, and held to its checksum.
func TestPacked(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("SELECT 1;\n", 100_000)
	for _, how := range []string{".gz", ".zst"} {
		for _, name := range []string{"dump.sql" + how, "DUMP.SQL" + strings.ToUpper(how), "dump"} {
			a := open(t, write(t, name, packed(t, how, text)), Limits{})
			want := name[:len(name)-len(how)]
			if name == "dump" {
				want = name
			}
			entry, err := a.Entry("")
			if err != nil || entry != want || a.Kind() != File {
				t.Fatalf("%s: %q, %v, %s", name, entry, err, a.Kind())
			}
			for range 2 { // an export may be read more than once
				have, err := fs.ReadFile(a.FS(), entry)
				if err != nil || string(have) != text {
					t.Fatalf("%s: %d bytes, %v", name, len(have), err)
				}
			}
			if err := a.VerifyRead(t.Context()); err != nil {
				t.Error(err)
			}
		}
		t.Run("damaged"+how, func(t *testing.T) {
			t.Parallel()
			bytes := packed(t, how, text)
			bytes[len(bytes)-3] ^= 1 // of the checksum, which only the end holds
			a := open(t, write(t, "dump.sql"+how, bytes), Limits{})
			f, err := a.FS().Open("dump.sql")
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(f, make([]byte, 100)); err != nil {
				t.Fatal(err)
			}
			_ = f.Close()
			for what, err := range map[string]error{"read in part": a.VerifyRead(t.Context()), "before the first row": a.Verify(t.Context())} {
				if err == nil || !strings.Contains(err.Error(), "it is damaged") {
					t.Errorf("%s: %v", what, err)
				}
			}
		})
	}
}

// What unpacks to more than any data would is refused, and so is what memory has no room for.
func TestPackedTooLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: what it reads is large")
	}
	t.Parallel()
	zeros := strings.Repeat("\x00", 120<<20)
	for _, how := range []string{".gz", ".zst"} {
		a := open(t, write(t, "bomb.sql"+how, packed(t, how, zeros)), Limits{})
		if err := a.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "only malicious archives") {
			t.Errorf("%s: %v", how, err)
		}
	}
	a := open(t, write(t, "long.sql.zst", packed(t, ".zst", strings.Repeat("SELECT 1;\n", 100_000), zstd.WithWindowSize(64<<20))), Limits{})
	if err := a.Verify(t.Context()); err == nil || !strings.Contains(err.Error(), "window larger than 16 MiB") {
		t.Error(err)
	}
}

// A file beside the one that was given is said to be there.
func TestBeside(t *testing.T) {
	t.Parallel()
	path := write(t, "load.sql", []byte(`\ir users.sql`))
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "users.sql"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	a := open(t, path, Limits{})
	for name, want := range map[string]string{"users.sql": "lies beside load.sql", "orders.sql": "file does not exist"} {
		if _, err := a.FS().Open(name); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// Each file that is no text is told with the command that makes one of it.
func TestMakePlain(t *testing.T) {
	t.Parallel()
	for head, want := range map[string]string{
		"PGDMP\x01": "pg_restore --no-owner --file=load.sql x", "\xfd7zXZ\x00": "xz -d x", "BZh9": "bunzip2 x", "7z\xbc\xaf\x27\x1c": "7z x -oexport x",
		"Rar!\x1a\x07": "unrar x x", "\x04\x22\x4d\x18": "lz4 -d x", "\xff\xfes\x00": "iconv -f UTF-16 -t UTF-8 x > load.sql", "\x1f\x8b": "gunzip x",
		"\x28\xb5\x2f\xfd": "zstd -d x",
	} {
		if have := MakePlain(Magic([]byte(head)), "x"); !strings.HasSuffix(have, want) {
			t.Errorf("%q: %q, want %q", head, have, want)
		}
	}
	if have := MakePlain(customDump, "my dump's"); !strings.HasSuffix(have, `'my dump'\''s'`) {
		t.Error(have)
	}
}
