package archive

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"io/fs"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"testing/fstest"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// entry is one entry of a zip to be made; change spoils it before it is written.
type entry struct {
	name, content string
	change        func(*zip.FileHeader)
}

func makeZip(t testing.TB, entries ...entry) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, e := range entries {
		header := &zip.FileHeader{Name: e.name, Method: zip.Deflate}
		if e.change != nil {
			e.change(header)
		}
		f, err := w.CreateHeader(header)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := io.WriteString(f, e.content); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func files(names ...string) []entry {
	var entries []entry
	for _, name := range names {
		content := "-- " + name + "\n"
		if strings.HasSuffix(name, "/") {
			content = ""
		}
		entries = append(entries, entry{name: name, content: content})
	}
	return entries
}

func write(t testing.TB, name string, content []byte) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, content, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func open(t testing.TB, path string, limits Limits) *Archive {
	t.Helper()
	a, err := Open(path, limits)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close() })
	return a
}

func check(t *testing.T, err error, says string) {
	t.Helper()
	if problem.CodeOf(err) != problem.Data || !strings.Contains(err.Error(), says) {
		t.Errorf("want code 5 and %q, got %d and %v", says, problem.CodeOf(err), err)
	}
}

// Every kind of archive is an fs.FS as package fs defines it, seen from its only folder if there is one.
func TestFS(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for _, name := range []string{"load.sql", "data/users.csv"} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(folder, name)), 0o750); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(folder, name), []byte("-- "+name+"\n"), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	nested := t.TempDir()
	if err := os.CopyFS(filepath.Join(nested, "only"), os.DirFS(folder)); err != nil {
		t.Fatal(err)
	}
	both := []string{"load.sql", "data/users.csv"}
	for name, tc := range map[string]struct {
		path string
		kind Kind
		want []string
	}{
		"zip":                {write(t, "a.zip", makeZip(t, files("load.sql", "data/", "data/users.csv")...)), Zip, both},
		"zip by its magic":   {write(t, "a.part", makeZip(t, files(both...)...)), Zip, both},
		"zip in one folder":  {write(t, "a.zip", makeZip(t, files("shop/load.sql", "shop/data/users.csv")...)), Zip, both},
		"zip with a dot":     {write(t, "a.zip", makeZip(t, files("./load.sql", "./data/users.csv")...)), Zip, both},
		"zip from Windows":   {write(t, "a.zip", makeZip(t, files(`shop\load.sql`, `shop\data\users.csv`)...)), Zip, both},
		"zip from macOS":     {write(t, "a.zip", makeZip(t, files("shop/load.sql", "__MACOSX/shop/._load.sql", ".DS_Store", "shop/data/users.csv")...)), Zip, both},
		"zip with two roots": {write(t, "a.zip", makeZip(t, files("a/x.sql", "b/x.sql")...)), Zip, []string{"a/x.sql", "b/x.sql"}},
		"empty zip":          {write(t, "a.zip", makeZip(t)), Zip, nil},
		"folder":             {folder, Folder, both},
		"folder in a folder": {nested, Folder, both},
		"file":               {filepath.Join(folder, "load.sql"), File, []string{"load.sql"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t, tc.path, Limits{})
			if a.Kind() != tc.kind {
				t.Errorf("kind %s", a.Kind())
			}
			if err := fstest.TestFS(a.FS(), tc.want...); err != nil {
				t.Error(err)
			}
			for _, name := range tc.want {
				content, err := fs.ReadFile(a.FS(), name)
				if err != nil || !strings.HasSuffix(string(content), filepath.Base(name)+"\n") || a.Size(name) != int64(len(content)) {
					t.Errorf("%s: %q, size %d, %v", name, content, a.Size(name), err)
				}
			}
			if a.Size("missing") != 0 || a.Size(".") != 0 {
				t.Error("sizes of what is no file")
			}
		})
	}
}

func TestEntry(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		files        []string
		script, want string
		says         string
	}{
		"at the root":          {[]string{"load.sql", "a.sql"}, "", "load.sql", ""},
		"in the only folder":   {[]string{"x/load.sql", "x/a.sql"}, "", "load.sql", ""},
		"named":                {[]string{"load.sql", "a.sql"}, "a.sql", "a.sql", ""},
		"named with a dot":     {[]string{"load.sql", "d/a.sql"}, "./d/a.sql", "d/a.sql", ""},
		"named from Windows":   {[]string{"load.sql", "d/a.sql"}, `d\a.sql`, "d/a.sql", ""},
		"named with folder":    {[]string{"x/a.sql"}, "x/a.sql", "a.sql", ""},
		"named without folder": {[]string{"x/a.sql"}, "a.sql", "a.sql", ""},
		"none":                 {[]string{"a.csv"}, "", "", "no .sql file at all"},
		"nothing":              {nil, "", "", "no .sql file at all"},
		"others":               {[]string{"a.sql", "d/B.SQL"}, "", "", "there are: a.sql, d/B.SQL"},
		"ambiguous":            {[]string{"a/load.sql", "b/load.sql"}, "", "", "there are: a/load.sql, b/load.sql"},
		"named and missing":    {[]string{"load.sql"}, "x.sql", "", "there is no x.sql"},
		"outside":              {[]string{"load.sql"}, "../load.sql", "", "there is no ../load.sql"},
		"absolute":             {[]string{"load.sql"}, "/load.sql", "", "there is no /load.sql"},
		"a folder":             {[]string{"load.sql/x.sql", "y"}, "", "", "there are: load.sql/x.sql"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t, write(t, "a.zip", makeZip(t, files(tc.files...)...)), Limits{})
			got, err := a.Entry(tc.script)
			if got != tc.want {
				t.Errorf("got %q, want %q", got, tc.want)
			}
			if tc.says != "" {
				check(t, err, tc.says)
			} else if err != nil {
				t.Error(err)
			}
		})
	}
	t.Run("single file", func(t *testing.T) {
		t.Parallel()
		a := open(t, write(t, "dump.sql", nil), Limits{})
		if got, err := a.Entry(""); got != "dump.sql" || err != nil {
			t.Error(got, err)
		}
	})
	t.Run("many", func(t *testing.T) {
		t.Parallel()
		var names []string
		for i := range 30 {
			names = append(names, fmt.Sprintf("%02d.sql", i))
		}
		_, err := open(t, write(t, "a.zip", makeZip(t, files(names...)...)), Limits{}).Entry("")
		check(t, err, "among others there are: 00.sql, 01.sql")
	})
}

// spoil changes bytes of a zip at the first place where the pattern is found, counted from the last if last.
func spoil(t testing.TB, content []byte, pattern string, offset int, to string, last bool) []byte {
	t.Helper()
	at := bytes.Index(content, []byte(pattern))
	if last {
		at = bytes.LastIndex(content, []byte(pattern))
	}
	if at < 0 {
		t.Fatalf("no %q", pattern)
	}
	changed := bytes.Clone(content)
	copy(changed[at+offset:], to)
	return changed
}

const (
	directoryHeader = "PK\x01\x02"
	directoryEnd    = "PK\x05\x06"
)

func TestRefused(t *testing.T) {
	t.Parallel()
	good := makeZip(t, entry{"load.sql", strings.Repeat("INSERT INTO t VALUES (1);\n", 1000), nil}, entry{"b.sql", "SELECT 1;", nil})
	one := func(name string, change func(*zip.FileHeader)) []byte { return makeZip(t, entry{name, "x", change}) }
	mode := func(mode fs.FileMode) func(*zip.FileHeader) {
		return func(h *zip.FileHeader) { h.SetMode(mode) }
	}
	deep := strings.Repeat("d/", maxDepth+1) + "f"
	for name, tc := range map[string]struct {
		content []byte
		limits  Limits
		says    string
	}{
		"empty file":            {nil, Limits{}, "empty"},
		"web page":              {[]byte("<!DOCTYPE html><html><title>Login</title>"), Limits{}, "not a zip but a web page"},
		"something else":        {[]byte("hello"), Limits{}, "not a zip"},
		"magic alone":           {[]byte("PK\x03\x04"), Limits{}, "truncated or damaged"},
		"truncated":             {good[:len(good)-40], Limits{}, "truncated or damaged"},
		"truncated in the data": {good[:100], Limits{}, "truncated or damaged"},
		"a part missing":        {append(bytes.Clone(good[:50]), good[80:]...), Limits{}, "damaged"},
		"wrong directory":       {spoil(t, good, directoryHeader, 0, "XX", false), Limits{}, "truncated or damaged"},
		"wrong position":        {spoil(t, good, directoryHeader, 42, "\xf0", false), Limits{}, "damaged"},
		"beyond the end":        {spoil(t, good, directoryHeader, 20, "\xff\xff\xff\x7f", false), Limits{}, "beyond the end"},
		"wrong count":           {spoil(t, good, directoryEnd, 10, "\x07", true), Limits{}, "truncated or damaged"},
		"two of a position":     {spoil(t, good, directoryHeader, 42, "\x00\x00\x00\x00", true), Limits{}, "overlap"},
		"encrypted":             {spoil(t, good, directoryHeader, 8, "\x09", false), Limits{}, "encrypted"},
		"bzip2":                 {spoil(t, good, directoryHeader, 10, "\x0c", false), Limits{}, "method"},
		"stored in two sizes":   {spoil(t, good, directoryHeader, 10, "\x00", false), Limits{}, "two sizes"},
		"absolute":              {one("/etc/passwd", nil), Limits{}, "absolute"},
		"absolute on Windows":   {one(`\\server\share`, nil), Limits{}, "absolute"},
		"outside":               {one("../x", nil), Limits{}, "leads outside"},
		"outside in the middle": {one("a/../../x", nil), Limits{}, "leads outside"},
		"outside on Windows":    {one(`a\..\..\x`, nil), Limits{}, "leads outside"},
		"drive letter":          {one(`C:\x`, nil), Limits{}, "drive letter"},
		"NUL":                   {one("a\x00b", nil), Limits{}, "control character"},
		"line break":            {one("a\nb", nil), Limits{}, "control character"},
		"empty name":            {one("", nil), Limits{}, "not a path"},
		"empty part":            {one("a//b", nil), Limits{}, "not a path"},
		"dot":                   {one("a/./b", nil), Limits{}, "not a path"},
		"not UTF-8":             {one("caf\xe9.sql", nil), Limits{}, "not UTF-8"},
		"long name":             {one(strings.Repeat("n", maxName+1), nil), Limits{}, "longer than"},
		"deep name":             {one(deep, nil), Limits{}, "longer than"},
		"link":                  {one("l", mode(fs.ModeSymlink|0o777)), Limits{}, "link"},
		"device":                {one("d", mode(fs.ModeDevice|0o600)), Limits{}, "device"},
		"pipe":                  {one("p", mode(fs.ModeNamedPipe|0o600)), Limits{}, "device"},
		"folder with contents":  {spoil(t, makeZip(t, entry{"d.", "x", nil}), "d.", 1, "/", true), Limits{}, "folder with contents"},
		"twice":                 {makeZip(t, files("a", "b", "a")...), Limits{}, "twice"},
		"twice by slashes":      {makeZip(t, files("d/a", `d\a`)...), Limits{}, "twice"},
		"differ in case":        {makeZip(t, files("a.sql", "A.sql")...), Limits{}, "in case alone"},
		"folders in case":       {makeZip(t, files("d/a", "D/b")...), Limits{}, "in case alone"},
		"folder entry in case":  {makeZip(t, files("d/", "D/b")...), Limits{}, "in case alone"},
		"file and folder":       {makeZip(t, files("a", "a/b")...), Limits{}, "a file and a folder"},
		"many entries":          {makeZip(t, files("a", "b", "c")...), Limits{Entries: 2}, "limit of 2"},
		"many folders":          {makeZip(t, files("a/b/c/d/e")...), Limits{Entries: 4}, "limit of 4 entries and folders"},
		"large":                 {good, Limits{Bytes: 1000}, "limit of 1000 bytes"},
		"bomb":                  {spoil(t, good, directoryHeader, 24, "\x00\x00\x00\xf0", false), Limits{}, "more than 200 times"},
		"bomb in 64 bits":       {zip64Claiming(t, 1<<50), Limits{}, "limit of"},
		"size overflow":         {zip64Claiming(t, 1<<63+5), Limits{}, "limit of"},
		"huge directory":        {hugeDirectory(), Limits{}, "directory is longer"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a, err := Open(write(t, "a.zip", tc.content), tc.limits)
			if err == nil {
				a.Close()
			}
			check(t, err, tc.says)
		})
	}
}

// zip64Claiming makes a zip with one entry of one byte that claims to be of a size beyond 32 bits.
func zip64Claiming(t testing.TB, size uint64) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	f, err := w.CreateRaw(&zip.FileHeader{
		Name: "a", Method: zip.Deflate, UncompressedSize64: size, CompressedSize64: 1, CRC32: crc32.ChecksumIEEE([]byte("x")),
	})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.Write([]byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// hugeDirectory makes a zip that is nothing but a directory, of a million entries.
func hugeDirectory() []byte {
	const entries = 1 << 20
	record := make([]byte, 47)
	copy(record, directoryHeader)
	binary.LittleEndian.PutUint16(record[28:], 1) // length of the name
	record[46] = 'a'
	directory := bytes.Repeat(record, entries)
	end := make([]byte, 22)
	copy(end, directoryEnd)
	binary.LittleEndian.PutUint16(end[8:], entries&0xffff)
	binary.LittleEndian.PutUint16(end[10:], entries&0xffff)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(directory)))
	binary.LittleEndian.PutUint32(end[16:], 4)
	return append(append([]byte("PK\x03\x04"), directory...), end...)
}

// Damage to the contents shows when they are read, in words that name the entry, and never as a plain end.
func TestDamagedContents(t *testing.T) {
	t.Parallel()
	random := make([]byte, 10_000)
	generator := rand.NewChaCha8([32]byte{1})
	_, _ = generator.Read(random)
	stored := makeZip(t, entry{"load.sql", string(random), func(h *zip.FileHeader) { h.Method = zip.Store }})
	deflated := makeZip(t, entry{"load.sql", strings.Repeat("INSERT INTO t VALUES (1);\n", 1000) + fmt.Sprintf("%x", random[:2000]), nil})
	for name, tc := range map[string]struct {
		content []byte
		says    string
	}{
		"stored, other byte":      {spoil(t, stored, string(random[5000:5010]), 0, "x", false), "checksum"},
		"deflated, other bytes":   {spoil(t, deflated, "load.sql", 300, "\x00\x00\x00\x00\x00\x00", false), "damaged"},
		"checksum in directory":   {spoil(t, deflated, directoryHeader, 16, "\x01\x02", false), "checksum"},
		"more than it claims":     {spoil(t, deflated, directoryHeader, 24, "\x01\x00\x00\x00", false), "damaged"},
		"less than it claims":     {spoil(t, deflated, directoryHeader, 24, "\xff\xff\xff\x00", false), "damaged"},
		"compressed part missing": {spoil(t, deflated, directoryHeader, 20, "\x10\x00\x00\x00", false), "damaged"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			a := open(t, write(t, "a.zip", tc.content), Limits{})
			content, err := fs.ReadFile(a.FS(), "load.sql")
			check(t, err, tc.says)
			check(t, err, `"load.sql"`)
			if len(content) > 64<<10 {
				t.Errorf("%d bytes came out", len(content))
			}
			dir := filepath.Join(t.TempDir(), "data")
			check(t, a.Unpack(t.Context(), dir), tc.says)
			if _, err := os.Stat(dir); !errors.Is(err, fs.ErrNotExist) {
				t.Errorf("the folder is there: %v", err)
			}
		})
	}
}

func TestZip64(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: what it reads is large")
	}
	t.Parallel()
	// A zip with more than 65,535 entries needs zip64 records.
	var entries []entry
	store := func(h *zip.FileHeader) { h.Method = zip.Store } // a thousand times faster to make than empty deflated ones
	for i := range 66_000 {
		entries = append(entries, entry{fmt.Sprintf("d%d/f%d", i%100, i), "", store})
	}
	entries = append(entries, entry{name: "load.sql", content: "SELECT 1;"})
	path := write(t, "a.zip", makeZip(t, entries...))
	a := open(t, path, Limits{Entries: 70_000})
	if content, err := fs.ReadFile(a.FS(), "load.sql"); string(content) != "SELECT 1;" || err != nil {
		t.Error(string(content), err)
	}
	_, err := Open(path, Limits{})
	check(t, err, "limit of 50000")
}

func TestCompressibleIsNoBomb(t *testing.T) {
	t.Parallel()
	var b strings.Builder
	for i := 0; b.Len() < 2<<20; i++ {
		fmt.Fprintf(&b, "(%d%s),\n", i, strings.Repeat(", NULL", 60))
	}
	content := makeZip(t, entry{"load.sql", b.String(), nil})
	if ratio := b.Len() / len(content); ratio > DefaultRatio/2 {
		t.Errorf("rows that differ in an id alone are compressed %d times: the limit of %d is too near", ratio, DefaultRatio)
	}
	open(t, write(t, "zeros.zip", makeZip(t, entry{"load.sql", strings.Repeat("0", 4<<20), nil})), Limits{})
}

func TestConcurrentReads(t *testing.T) {
	t.Parallel()
	want := strings.Repeat("INSERT INTO t VALUES (1);\n", 100_000)
	a := open(t, write(t, "a.zip", makeZip(t, entry{"load.sql", want, nil})), Limits{})
	var group sync.WaitGroup
	for range 8 {
		group.Go(func() {
			if content, err := fs.ReadFile(a.FS(), "load.sql"); err != nil || string(content) != want {
				t.Error(len(content), err)
			}
		})
	}
	group.Wait()
}

func TestFolderHasNoWayOut(t *testing.T) {
	t.Parallel()
	outside := write(t, "secret", []byte("secret"))
	dir := t.TempDir()
	for link, to := range map[string]string{"abs": outside, "up": "..", "loop": "loop"} {
		if err := os.Symlink(to, filepath.Join(dir, link)); err != nil {
			t.Fatal(err)
		}
	}
	a := open(t, dir, Limits{})
	for _, name := range []string{"abs", "up/x", "loop", "../secret", outside} {
		if f, err := a.FS().Open(name); err == nil {
			f.Close()
			t.Errorf("%s can be opened", name)
		}
	}
	check(t, a.Unpack(t.Context(), t.TempDir()), "link")
}

func TestOpenNothing(t *testing.T) {
	t.Parallel()
	_, err := Open(filepath.Join(t.TempDir(), "missing.zip"), Limits{})
	check(t, err, "no such file")
	_, err = Open(os.DevNull, Limits{})
	check(t, err, "neither a file nor a folder")
}

func tree(t *testing.T, dir string) string {
	t.Helper()
	var lines []string
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil || path == dir {
			return err
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		name, _ := filepath.Rel(dir, path)
		content := ""
		if info.Mode().IsRegular() {
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			content = "=" + strings.TrimSpace(string(text))
		}
		lines = append(lines, fmt.Sprintf("%s %s%s", info.Mode(), name, content))
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return strings.Join(lines, "\n")
}

func TestUnpack(t *testing.T) {
	t.Parallel()
	path := write(t, "a.zip", makeZip(t, files("shop/load.sql", "shop/d/a.csv", "__MACOSX/x")...))
	const want = "drwxr-xr-x d\n-rw-r--r-- d/a.csv=-- shop/d/a.csv\n-rw-r--r-- load.sql=-- shop/load.sql"
	outside := t.TempDir()
	link := func(to, name string) func(t *testing.T, dir string) {
		return func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Symlink(to, filepath.Join(dir, name)); err != nil {
				t.Fatal(err)
			}
		}
	}
	for name, tc := range map[string]struct {
		before func(t *testing.T, dir string)
		want   string // "" means as before
		says   string
	}{
		"into nothing": {func(*testing.T, string) {}, want, ""},
		"over its own": {func(t *testing.T, dir string) {
			t.Helper()
			if err := open(t, path, Limits{}).Unpack(t.Context(), dir); err != nil {
				t.Fatal(err)
			}
		}, want, ""},
		"beside another file": {func(t *testing.T, dir string) {
			t.Helper()
			if err := os.WriteFile(filepath.Join(dir, "z"), []byte("mine"), 0o600); err != nil {
				t.Fatal(err)
			}
		}, want + "\n-rw------- z=mine", ""},
		"a link for a file":   {link(filepath.Join(outside, "x"), "load.sql"), "", "in the way"},
		"a link for a folder": {link(outside, "d"), "", "in the way"},
		"a link at home":      {link("other", "d"), "", "in the way"},
		"a folder for a file": {func(t *testing.T, dir string) {
			t.Helper()
			if err := os.Mkdir(filepath.Join(dir, "load.sql"), 0o700); err != nil {
				t.Fatal(err)
			}
		}, "", "in the way"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			dir := t.TempDir()
			tc.before(t, dir)
			before := tree(t, dir)
			err := open(t, path, Limits{}).Unpack(t.Context(), dir)
			if tc.says == "" {
				if err != nil || tree(t, dir) != tc.want {
					t.Errorf("%v\n%s", err, tree(t, dir))
				}
				return
			}
			check(t, err, tc.says)
			if tree(t, dir) != before || tree(t, outside) != "" {
				t.Errorf("left behind:\n%s\n%s", tree(t, dir), tree(t, outside))
			}
		})
	}
	t.Run("cancelled", func(t *testing.T) {
		t.Parallel()
		ctx, cancel := context.WithCancel(t.Context())
		cancel()
		dir := t.TempDir()
		if err := open(t, path, Limits{}).Unpack(ctx, dir); !errors.Is(err, context.Canceled) || tree(t, dir) != "" {
			t.Errorf("%v\n%s", err, tree(t, dir))
		}
	})
	t.Run("into a file", func(t *testing.T) {
		t.Parallel()
		check(t, open(t, path, Limits{}).Unpack(t.Context(), path), "cannot be written")
	})
	t.Run("a folder onto itself", func(t *testing.T) {
		t.Parallel()
		dir := t.TempDir()
		if err := os.WriteFile(filepath.Join(dir, "load.sql"), []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		before := tree(t, dir)
		if err := open(t, dir, Limits{}).Unpack(t.Context(), dir); err != nil || tree(t, dir) != before {
			t.Errorf("%v\n%s", err, tree(t, dir))
		}
		inside := filepath.Join(dir, "data")
		if err := open(t, dir, Limits{}).Unpack(t.Context(), inside); err != nil || tree(t, inside) != "-rw-r--r-- load.sql=x" {
			t.Errorf("%v\n%s", err, tree(t, inside))
		}
	})
}

func TestKeep(t *testing.T) {
	t.Parallel()
	src := write(t, "fabricate-1.part", []byte("a,b"))
	dir := filepath.Join(t.TempDir(), "deep", "data")
	if err := Keep(t.Context(), src, dir, "users.csv"); err != nil || tree(t, dir) != "-rw-r--r-- users.csv=a,b" {
		t.Errorf("%v\n%s", err, tree(t, dir))
	}
	for _, name := range []string{"", ".", "..", "../x", "a/b", "/x"} {
		check(t, Keep(t.Context(), src, dir, name), "not a name")
	}
	check(t, Keep(t.Context(), src+"x", dir, "y"), "no such file")
	if tree(t, dir) != "-rw-r--r-- users.csv=a,b" {
		t.Errorf("left behind:\n%s", tree(t, dir))
	}
}

func TestDialect(t *testing.T) {
	t.Parallel()
	const (
		mySQL     = "a MySQL script"
		sqlServer = "a SQL Server script"
		oracle    = "an Oracle script"
	)
	for _, tc := range []struct{ text, want string }{
		{"SET FOREIGN_KEY_CHECKS = 0;\n\nTRUNCATE TABLE `users`;", mySQL},
		{"INSERT INTO `users` (`id`) VALUES (1);", mySQL},
		{"-- MySQL dump\n/*!40101 SET NAMES utf8 */;\nDROP TABLE IF EXISTS `a`;", mySQL},
		{"LOCK TABLES users WRITE;", mySQL},
		{"/* x */ set @a = 1;", mySQL},
		{"USE [shop]\nGO\n", sqlServer},
		{"SET IDENTITY_INSERT dbo.users ON;", sqlServer},
		{"INSERT INTO [dbo].[users] VALUES (N'x');", sqlServer},
		{"\ufeffcreate table [users] (id int);", sqlServer},
		{"SET DEFINE OFF;\nINSERT INTO users VALUES (1);", oracle},
		{"INSERT ALL\n INTO users VALUES (1)\nSELECT 1 FROM dual;", oracle},
		{"PRAGMA foreign_keys=OFF;\nBEGIN TRANSACTION;", "an SQLite script"},
		{"SQLite format 3\x00 and more", "an SQLite database file"},
		{"PGDMP\x01\x0e", "a dump of pg_dump in its custom format"},
		{"\n<!doctype HTML>\n", "a web page"},
		{"<html><head>", "a web page"},
		{"PK\x03\x04", "a zip"},
		{"\x1f\x8b\x08", "a gzip file"},
		{"\xff\xfeS\x00", "text in UTF-16"},

		{"", ""},
		{"SET session_replication_role = 'replica';\n\nTRUNCATE TABLE \"orders\" CASCADE;\n", ""},
		{"INSERT INTO t VALUES ('`a` [dbo].[x] GO\nGO\n');", ""},
		{"INSERT INTO t VALUES (E'it\\'s `a`');", ""},
		{"INSERT INTO t VALUES ('it\\'s', '`a`');", ""},
		{"INSERT INTO t VALUES ('C:\\', '`a`');", ""},
		{"-- `a`\n/* `a` /* `b` */ `c` */ SELECT 1;", ""},
		{"SELECT $$`a`$$, $x$ $$ `b` $x$;", ""},
		{`SELECT "` + "`a`" + `" FROM "[b]";`, ""},
		{"COPY t (a) FROM stdin;\n`a`\nSET FOREIGN_KEY_CHECKS = 0;\n\\.\nSELECT 1;", ""},
		{"COPY t FROM stdin WITH (DELIMITER ';');\n`a`\n\\.\nSELECT 1;", ""},
		{"COPY t FROM stdin;\n\\.\nSELECT 1;", ""},
		{"\\copy t from stdin\n`a`\n\\.\nSELECT 1;", ""},
		{"\\set x `date`\nSELECT 1;", ""},
		{"SELECT 1 AS x \\gset `a`\nSELECT 2;", ""},
		{"SELECT a[1], ARRAY[1] FROM t; LOCK tables IN SHARE MODE;", ""},
		{"SELECT 1 ` 2;", ""},
		{"UPDATE t SET a = 1; SELECT 'x' go\n;", ""},
		{"SELECT 'never closed `a`", ""},
		{"SELECT $$ never closed `a`", ""},
		{"/* never closed `a`", ""},
	} {
		if got := Dialect([]byte(tc.text)); got != tc.want {
			t.Errorf("%q: %q, want %q", tc.text, got, tc.want)
		}
	}
}

func FuzzOpenZip(f *testing.F) {
	good := makeZip(f, entry{"load.sql", strings.Repeat("SELECT 1;\n", 100), nil}, entry{"d/a.csv", "a,b", nil})
	f.Add(good)
	f.Add(zip64Claiming(f, 1<<50))
	f.Add(spoil(f, good, directoryHeader, 24, "\x00\x00\x00\xf0", false))
	f.Add([]byte(directoryEnd + strings.Repeat("\x00", 18)))
	f.Fuzz(func(t *testing.T, content []byte) {
		const limit = 1 << 20 // bytes
		a, err := openZip(bytes.NewReader(content), int64(len(content)), "a.zip", Limits{Entries: 1000, Bytes: limit})
		if err != nil {
			if problem.CodeOf(err) != problem.Data {
				t.Fatalf("code %d: %v", problem.CodeOf(err), err)
			}
			return
		}
		_, _ = a.Entry("")
		names, err := a.regularFiles("")
		if err != nil {
			t.Fatalf("listing: %v", err)
		}
		total := int64(0)
		for _, name := range names {
			if !fs.ValidPath(name) {
				t.Fatalf("name %q", name)
			}
			file, err := a.FS().Open(name)
			if err != nil {
				continue
			}
			n, err := io.Copy(io.Discard, file)
			file.Close()
			if err == nil && n != a.Size(name) {
				t.Fatalf("%s: %d bytes, size %d", name, n, a.Size(name))
			}
			total += n
		}
		if total > limit {
			t.Fatalf("%d bytes came out", total)
		}
	})
}

func FuzzDialect(f *testing.F) {
	f.Add("COPY t FROM stdin;\n\\.\n$a$ 'x' E'\\'' /* */ -- \n`a`")
	f.Fuzz(func(_ *testing.T, text string) { Dialect([]byte(text)) })
}
