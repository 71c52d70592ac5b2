package cache

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
)

// writerFolder names, in the environment of this test binary, the folder that it is to write archives into until it is killed.
const writerFolder = "CACHE_TEST_WRITER"

func TestMain(m *testing.M) {
	if dir := os.Getenv(writerFolder); dir != "" {
		write(dir)
		return
	}
	leaks.Main(m)
}

var request = Request{APIURL: "https://api.example.com/v1", Workspace: "w", Database: "shop", Format: "sql"}

// folder is a folder of archives that does not exist yet, and what it warned of.
func folder(t *testing.T) (f *Folder, warnings *[]string) {
	t.Helper()
	return open(filepath.Join(t.TempDir(), "a", "cache"))
}

func open(path string) (f *Folder, warnings *[]string) {
	warnings = new([]string)
	return Open(path, func(text string) { *warnings = append(*warnings, text) }), warnings
}

// put keeps a text as the archive of a request.
func put(t *testing.T, f *Folder, r Request, text string, created time.Time) {
	t.Helper()
	turn, err := f.Turn(t.Context(), r, Fresh{MaxAge: time.Nanosecond}, func(time.Duration) { t.Error("waited") })
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(turn.Dir(), "shop.sql"), []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	held, err := turn.Put(aboutOf(text, created))
	if err != nil {
		t.Fatal(err)
	}
	held.Release()
	if err := turn.End(); err != nil {
		t.Fatal(err)
	}
}

func aboutOf(text string, created time.Time) About {
	sum := sha256.Sum256([]byte(text))
	return About{
		Created: created, Task: "task-1", File: "shop.sql", ContentType: "text/plain", Size: int64(len(text)), SHA256: hex.EncodeToString(sum[:]),
	}
}

// found gives what Find finds, and its text; "" when there is nothing.
func found(t *testing.T, f *Folder, r Request, maxAge time.Duration) (About, string) {
	t.Helper()
	held, _, err := f.Find(t.Context(), r, Fresh{MaxAge: maxAge}, func(_, _ int64) {})
	if err != nil {
		t.Fatal(err)
	}
	if held == nil {
		return About{}, ""
	}
	defer held.Release()
	text, err := os.ReadFile(held.Path)
	if err != nil {
		t.Fatal(err)
	}
	return held.About, string(text)
}

// left gives everything in the folder but locks, by path.
func left(t *testing.T, f *Folder) []string {
	t.Helper()
	var names []string
	err := filepath.WalkDir(f.path, func(path string, entry fs.DirEntry, err error) error {
		if err == nil && !entry.IsDir() && !strings.HasSuffix(path, lockEnding) {
			names = append(names, filepath.Base(path))
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return names
}

func TestKeys(t *testing.T) {
	t.Parallel()
	with := func(change func(*Request)) Request {
		r := request
		r.Entity = "users"
		r.Overrides = json.RawMessage(`{"entities":{"users":{"record_count":10,"fields":{"a":{"min":1.5,"of":["x","y"]}}}}}`)
		change(&r)
		return r
	}
	key := func(r Request) Key {
		k, err := r.Key()
		if err != nil {
			t.Fatal(err)
		}
		return k
	}
	whole := key(with(func(*Request) {}))
	seen := map[Key]string{whole: "nothing"}
	for name, change := range map[string]func(*Request){
		"api-url":          func(r *Request) { r.APIURL = "https://api.example.org/v1" },
		"api-url's path":   func(r *Request) { r.APIURL = "https://api.example.com/v2" },
		"api-url's port":   func(r *Request) { r.APIURL = "https://api.example.com:8443/v1" },
		"api-url's scheme": func(r *Request) { r.APIURL = "http://api.example.com/v1" },
		"workspace":        func(r *Request) { r.Workspace = "W" },
		"database":         func(r *Request) { r.Database = "shop2" },
		"workspace, moved": func(r *Request) { r.Workspace, r.Database = "ws", "hop" },
		"format":           func(r *Request) { r.Format = "csv" },
		"entity":           func(r *Request) { r.Entity = "orders" },
		"no entity":        func(r *Request) { r.Entity = "" },
		"no overrides":     func(r *Request) { r.Overrides = nil },
		"a number":         func(r *Request) { r.Overrides = bytes.Replace(r.Overrides, []byte("10"), []byte("11"), 1) },
		"a decimal":        func(r *Request) { r.Overrides = bytes.Replace(r.Overrides, []byte("10"), []byte("10.0"), 1) },
		"a number as text": func(r *Request) { r.Overrides = bytes.Replace(r.Overrides, []byte("10"), []byte(`"10"`), 1) },
		"a column's name":  func(r *Request) { r.Overrides = bytes.Replace(r.Overrides, []byte(`"a"`), []byte(`"A"`), 1) },
		"a list's order":   func(r *Request) { r.Overrides = bytes.Replace(r.Overrides, []byte(`"x","y"`), []byte(`"y","x"`), 1) },
		"a table's name":   func(r *Request) { r.Overrides = bytes.Replace(r.Overrides, []byte("users"), []byte("Users"), 1) },
		"large numbers": func(r *Request) {
			r.Overrides = bytes.Replace(r.Overrides, []byte("10"), []byte("9007199254740993"), 1)
		},
		"larger by one": func(r *Request) {
			r.Overrides = bytes.Replace(r.Overrides, []byte("10"), []byte("9007199254740992"), 1)
		},
		"an unknown member": func(r *Request) { r.Overrides = json.RawMessage(`{"variables":{},"other":{}}`) },
	} {
		k := key(with(change))
		if other, twice := seen[k]; twice {
			t.Errorf("%s and %s have the same key", name, other)
		}
		seen[k] = name
		if len(k) != keyLength || !isKey(string(k)) {
			t.Errorf("%s: key %q", name, k)
		}
	}
	for _, same := range []func(*Request){
		func(r *Request) { r.APIURL = "HTTPS://API.example.com:443/v1/" },
		func(r *Request) { r.Format = "SQL" },
		func(r *Request) {
			r.Overrides = json.RawMessage("{ \"entities\" : {\n\"users\":{\"fields\":{\"\\u0061\":{\"of\":[\"x\",\"\\u0079\"],\"min\":15e-1}},\"record_count\":10}}, \"variables\":{} }\n")
		},
		func(r *Request) { r.Overrides = bytes.Replace(r.Overrides, []byte("1.5"), []byte("0.0150E+2"), 1) },
	} {
		if r := with(same); key(r) != whole {
			t.Errorf("another key for %+v", r)
		}
	}
	for _, none := range []string{"", " ", "{}", `{"variables": {}}`, `{"entities":{},"variables":{}}`} {
		r := request
		r.Overrides = json.RawMessage(none)
		if key(r) != key(request) {
			t.Errorf("another key for the overrides %q", none)
		}
	}
	for _, broken := range []string{"{", "{} {}", "a: 1"} {
		if _, err := (Request{Overrides: json.RawMessage(broken)}).Key(); err == nil {
			t.Errorf("a key for the overrides %q", broken)
		}
	}
}

func TestCanonicalNumbers(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"0": "0", "-0": "0", "10": "10", "-7": "-7", "123456789012345678901234567890": "123456789012345678901234567890",
		"0.0": "0e0", "-0.0": "0e0", "1.0": "1e0", "1e0": "1e0", "10.0": "1e1", "1E+1": "1e1", "1.50": "15e-1", "15e-1": "15e-1",
		"-0.015e2": "-15e-1", "1e400": "1e400", "1e-99999999999999999999": "1e-99999999999999999999",
	} {
		if got := canonicalNumber(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestRoundTrip(t *testing.T) {
	t.Parallel()
	f, warnings := folder(t)
	if _, text := found(t, f, request, 0); text != "" {
		t.Errorf("found %q where there is no folder", text)
	}
	created := time.Now().Add(-time.Hour).UTC()
	put(t, f, request, "first", created)
	other := request
	other.Entity, other.Overrides = "users", json.RawMessage(`{"variables":{"token":"not-to-be-told"}}`)
	put(t, f, other, "of another request", created)

	about, text := found(t, f, request, 2*time.Hour)
	if text != "first" || about.Task != "task-1" || !about.Created.Equal(created) || about.File != "shop.sql" || about.ContentType != "text/plain" || about.Zip {
		t.Errorf("found %q: %+v", text, about)
	}
	if about, _ := found(t, f, other, 0); about.Request.Entity != "users" || about.Request.Overrides == "" || about.Request.Workspace != "w" {
		t.Errorf("found %+v", about)
	}
	put(t, f, request, "second", created.Add(time.Minute))
	if _, text := found(t, f, request, 0); text != "second" {
		t.Errorf("found %q, want what came last", text)
	}
	if names := left(t, f); len(names) != 4 {
		t.Errorf("in the folder: %q", names)
	}
	if len(*warnings) > 0 {
		t.Errorf("warnings: %q", *warnings)
	}
	err := filepath.WalkDir(f.path, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err == nil && info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s can be reached by others: %s", path, info.Mode())
		}
		if text, _ := os.ReadFile(path); bytes.Contains(text, []byte("not-to-be-told")) {
			t.Errorf("%s tells of overrides: %s", path, text)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}

func TestAge(t *testing.T) {
	t.Parallel()
	now := time.Now()
	for name, test := range map[string]struct {
		created time.Time
		fresh   Fresh
		want    bool
	}{
		"younger":                        {now.Add(-time.Hour), Fresh{MaxAge: 61 * time.Minute}, true},
		"of that age":                    {now.Add(-time.Hour), Fresh{MaxAge: time.Hour}, false},
		"any age":                        {now.Add(-10000 * time.Hour), Fresh{}, true},
		"since the run began":            {now.Add(-time.Minute), Fresh{MaxAge: time.Second, Since: now.Add(-2 * time.Minute)}, true},
		"before the run began":           {now.Add(-3 * time.Minute), Fresh{MaxAge: time.Second, Since: now.Add(-2 * time.Minute)}, false},
		"another machine's clock":        {now.Add(30 * time.Minute), Fresh{MaxAge: time.Second}, true},
		"from the future":                {now.Add(2 * time.Hour), Fresh{MaxAge: 24 * time.Hour, Since: now}, false},
		"from the future, but no matter": {now.Add(2 * time.Hour), Fresh{}, true},
	} {
		if got := test.fresh.enough(test.created); got != test.want {
			t.Errorf("%s: %v", name, got)
		}
	}
	f, _ := folder(t)
	put(t, f, request, "text", now.Add(-time.Hour))
	held, old, err := f.Find(t.Context(), request, Fresh{MaxAge: time.Minute}, func(_, _ int64) {})
	if held != nil || err != nil || old == nil || old.Task != "task-1" {
		t.Errorf("found %v, old %v (%v)", held, old, err)
	}
}

// Whatever byte is another one, the archive is not used.
func TestEveryByteCounts(t *testing.T) {
	t.Parallel()
	text := strings.Repeat("INSERT INTO a VALUES (1);\n", 10)
	f, _ := folder(t)
	put(t, f, request, text, time.Now())
	damage := func(name string, change func([]byte) []byte, want string) {
		t.Helper()
		paths, err := filepath.Glob(filepath.Join(f.path, "*", name))
		if err != nil || len(paths) != 1 {
			t.Fatal(paths, err)
		}
		before, err := os.ReadFile(paths[0])
		if err != nil {
			t.Fatal(err)
		}
		after := change(bytes.Clone(before))
		if err := os.WriteFile(paths[0], after, 0o600); err != nil {
			t.Fatal(err)
		}
		again, warnings := open(f.path)
		for range 2 { // warned of once
			if _, got := found(t, again, request, 0); got != "" || len(*warnings) != 1 || !strings.Contains((*warnings)[0], want) {
				t.Fatalf("found %q, warned of %q after this change:\n%s\n%s", got, *warnings, before, after)
			}
		}
		if err := os.WriteFile(paths[0], before, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for i := range len(text) {
		damage("data/shop.sql", func(b []byte) []byte { b[i] ^= 1; return b }, "SHA-256")
	}
	damage("data/shop.sql", func(b []byte) []byte { return b[:len(b)-1] }, "another length")
	damage("data/shop.sql", func(b []byte) []byte { return append(b, 'x') }, "another length")
	damage(aboutFile, func([]byte) []byte { return nil }, aboutFile)
	for i := range len(aboutOf(text, time.Now()).text()) {
		damage(aboutFile, func(b []byte) []byte { b[min(i, len(b)-2)] ^= 1; return b }, aboutFile) // the last is a line break
	}
	if _, got := found(t, f, request, 0); got != text {
		t.Fatalf("found %q", got)
	}

	// What is damaged makes room for a new one.
	paths, err := filepath.Glob(filepath.Join(f.path, "*", "data", "shop.sql"))
	if err != nil || len(paths) != 1 {
		t.Fatal(paths, err)
	}
	if err := os.Truncate(paths[0], 1); err != nil {
		t.Fatal(err)
	}
	put(t, f, request, "made anew", time.Now())
	if _, got := found(t, f, request, 0); got != "made anew" {
		t.Errorf("found %q", got)
	}
	if _, err := os.Stat(paths[0]); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("what is damaged is still there (%v)", err)
	}
}

// What is in the folder without having been put there by one who may is not used: links, and files of others.
func TestPlanted(t *testing.T) {
	t.Parallel()
	plant := func(t *testing.T, change func(t *testing.T, data string), want string) {
		t.Helper()
		f, warnings := folder(t)
		put(t, f, request, "text", time.Now())
		paths, err := filepath.Glob(filepath.Join(f.path, "*", dataFolder, "shop.sql"))
		if err != nil || len(paths) != 1 {
			t.Fatal(paths, err)
		}
		change(t, paths[0])
		if _, got := found(t, f, request, 0); got != "" || len(*warnings) != 1 || !strings.Contains((*warnings)[0], want) {
			t.Errorf("found %q, warned of %q", got, *warnings)
		}
	}
	plant(t, func(t *testing.T, data string) {
		t.Helper()
		elsewhere := filepath.Join(t.TempDir(), "elsewhere")
		if err := errors.Join(os.Rename(data, elsewhere), os.Symlink(elsewhere, data)); err != nil {
			t.Fatal(err)
		}
	}, "not a plain file")
	if os.Geteuid() == 0 {
		plant(t, func(t *testing.T, data string) {
			t.Helper()
			if err := os.Chown(data, 12345, 12345); err != nil {
				t.Fatal(err)
			}
		}, "another user")
	}
}

// Who comes second waits, and finds what the first has made.
func TestTurns(t *testing.T) {
	t.Parallel()
	f, _ := folder(t)
	first, err := f.Turn(t.Context(), request, Fresh{}, func(time.Duration) {})
	if err != nil || first == nil {
		t.Fatal(first, err)
	}
	other := request
	other.Database = "other"
	if turn, err := f.Turn(t.Context(), other, Fresh{}, func(time.Duration) { t.Error("waited for another request") }); err != nil {
		t.Error(err)
	} else if err := turn.End(); err != nil {
		t.Error(err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	second, _ := open(f.path)
	if turn, err := second.Turn(ctx, request, Fresh{}, func(time.Duration) { cancel() }); turn != nil || !errors.Is(err, context.Canceled) {
		t.Errorf("got %v (%v)", turn, err)
	}

	waits := make(chan bool)
	var group sync.WaitGroup
	group.Go(func() {
		third, _ := open(f.path)
		once := sync.OnceFunc(func() { close(waits) })
		if turn, err := third.Turn(t.Context(), request, Fresh{}, func(time.Duration) { once() }); turn != nil || err != nil {
			t.Errorf("got %v (%v)", turn, err)
		}
	})
	<-waits
	if err := os.WriteFile(filepath.Join(first.Dir(), "shop.sql"), []byte("text"), 0o600); err != nil {
		t.Fatal(err)
	}
	held, err := first.Put(aboutOf("text", time.Now()))
	if err != nil {
		t.Fatal(err)
	}
	held.Release()
	group.Wait() // it need not wait for the first turn's end
	if err := first.End(); err != nil {
		t.Error(err)
	}

	// A turn that ends without an archive is the next one's.
	for range 2 {
		turn, err := f.Turn(t.Context(), other, Fresh{}, func(time.Duration) { t.Error("waited") })
		if err != nil {
			t.Fatal(err)
		}
		if err := turn.End(); err != nil {
			t.Error(err)
		}
	}
	if names := left(t, f); len(names) != 2 {
		t.Errorf("left: %q", names)
	}
}

// An archive that a run loads stays, whatever comes after it; then it goes.
func TestHeld(t *testing.T) {
	t.Parallel()
	f, warnings := folder(t)
	put(t, f, request, "first", time.Now().Add(-time.Hour))
	held, _, err := f.Find(t.Context(), request, Fresh{}, func(_, _ int64) {})
	if err != nil {
		t.Fatal(err)
	}
	put(t, f, request, "second", time.Now())
	removed, left, err := f.Prune(Limits{MaxAge: time.Minute})
	if err != nil || len(removed) != 1 || !errors.Is(removed[0].Err, ErrInUse) || len(left) != 1 {
		t.Errorf("removed %+v, left %+v (%v)", removed, left, err)
	}
	if text, err := os.ReadFile(held.Path); err != nil || string(text) != "first" {
		t.Errorf("%q (%v)", text, err)
	}
	held.Release()
	removed, left, err = f.Prune(Limits{MaxAge: time.Minute})
	if err != nil || len(removed) != 1 || removed[0].Err != nil || len(left) != 1 || left[0].Why != "" {
		t.Errorf("removed %+v, left %+v (%v)", removed, left, err)
	}
	if _, err := os.Stat(held.Path); !errors.Is(err, fs.ErrNotExist) {
		t.Error("it is still there")
	}
	if len(*warnings) > 0 {
		t.Errorf("warnings: %q", *warnings)
	}
}

func TestPrune(t *testing.T) {
	t.Parallel()
	f, _ := folder(t)
	if removed, left, err := f.Prune(Limits{}); err != nil || len(removed)+len(left) > 0 {
		t.Errorf("no folder: %v %v %v", removed, left, err)
	}
	now := time.Now()
	for i, database := range []string{"a", "b", "c", "d"} { // each an hour older than the one before
		r := request
		r.Database = database
		put(t, f, r, strings.Repeat("x", 10_000), now.Add(-time.Duration(i)*time.Hour))
	}
	names := func(all []Listed) string {
		var b strings.Builder
		for _, l := range all {
			b.WriteString(l.Request.Database)
			if l.Err != nil {
				t.Error(l.Err)
			}
		}
		return b.String()
	}
	for _, step := range []struct {
		limits  Limits
		removed string
	}{
		{Limits{}, ""},
		{Limits{MaxAge: 4 * time.Hour, MaxBytes: 1 << 20}, ""},
		{Limits{MaxAge: 150 * time.Minute}, "d"},
		{Limits{MaxBytes: 25_000}, "c"},
		{Limits{MaxBytes: 1}, "ab"},
	} {
		removed, left, err := f.Prune(step.limits)
		if err != nil || len(removed) != len(step.removed) || strings.Trim(names(removed), step.removed) != "" { // in order of their keys
			t.Errorf("%+v removed %q, left %q (%v)", step.limits, names(removed), names(left), err)
		}
	}
	if all, err := os.ReadDir(f.path); err != nil || len(all) > 0 {
		t.Errorf("left: %v (%v)", all, err)
	}

	// What killed runs left, unless somebody is at it; and nothing that is not ours.
	key, err := request.Key()
	if err != nil {
		t.Fatal(err)
	}
	own := filepath.Join(f.path, "notes.part")
	part := filepath.Join(f.path, string(key)+".1"+partEnding)
	unfinished := filepath.Join(f.path, string(key)+"-1", dataFolder)
	if err := errors.Join(os.WriteFile(own, nil, 0o600), os.MkdirAll(part, 0o700), os.MkdirAll(unfinished, 0o700)); err != nil {
		t.Fatal(err)
	}
	turn, err := f.Turn(t.Context(), request, Fresh{}, func(time.Duration) {})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(part); err == nil {
		t.Error("what a killed run left is there after the next one's turn")
	}
	second, _ := open(f.path)
	if _, _, err := second.Prune(Limits{}); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(turn.Dir()); err != nil {
		t.Error("prune took away what is being downloaded:", err)
	}
	if err := turn.End(); err != nil {
		t.Error(err)
	}
	if removed, _, err := f.Prune(Limits{}); err != nil || len(removed) != 1 {
		t.Errorf("removed %v (%v)", removed, err)
	}
	if all, err := os.ReadDir(f.path); err != nil || len(all) != 1 || all[0].Name() != "notes.part" {
		t.Errorf("left: %v (%v)", all, err)
	}
}

// A folder that cannot be written is an error of the turn alone.
func TestFolderThatCannotBe(t *testing.T) {
	t.Parallel()
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	f, _ := open(filepath.Join(file, "cache"))
	if turn, err := f.Turn(t.Context(), request, Fresh{}, func(time.Duration) {}); turn != nil || err == nil {
		t.Errorf("got %v (%v)", turn, err)
	}
}

// write puts one archive after another into a folder, until it is killed.
func write(dir string) {
	f := Open(dir, func(string) {})
	for {
		turn, err := f.Turn(context.Background(), request, Fresh{MaxAge: time.Nanosecond}, func(time.Duration) {})
		if err != nil {
			panic(err)
		}
		text := bytes.Repeat([]byte{byte(rand.N(256))}, 2<<20)
		file, err := os.Create(filepath.Join(turn.Dir(), "shop.sql"))
		if err != nil {
			panic(err)
		}
		for piece := range bytes.SplitAfterSeq(text, text[:64<<10]) { // as a download comes
			if _, err := file.Write(piece); err != nil {
				panic(err)
			}
		}
		if err := file.Close(); err != nil {
			panic(err)
		}
		held, err := turn.Put(aboutOf(string(text), time.Now()))
		if err != nil {
			panic(err)
		}
		held.Release()
		if err := turn.End(); err != nil {
			panic(err)
		}
	}
}

// Fifty times a process is killed while it writes: what is there is whole, and who comes next can write at once.
func TestKilled(t *testing.T) {
	t.Parallel()
	dir := filepath.Join(t.TempDir(), "cache")
	whole, halves := 0, 0
	span := 80 * time.Millisecond // within which it is killed
	for range 50 {
		writer := exec.CommandContext(t.Context(), os.Args[0])
		writer.Env = append(os.Environ(), writerFolder+"="+dir)
		if err := writer.Start(); err != nil {
			t.Fatal(err)
		}
		wait(t, func() bool { // until it has begun
			_, err := os.Stat(dir)
			return err == nil
		})
		time.Sleep(rand.N(span))
		if err := writer.Process.Kill(); err != nil {
			t.Fatal(err)
		}
		_ = writer.Wait() // its error is that it was killed
		f, warnings := open(dir)
		if about, text := found(t, f, request, 0); about.Task != "" {
			whole++
			span = max(span*3/4, 80*time.Millisecond)
			if len(text) != 2<<20 {
				t.Errorf("%d bytes", len(text))
			}
		}
		if whole == 0 && span < 2*time.Second { // a busy machine writes slowly
			span *= 2
		}
		if len(*warnings) > 0 {
			t.Errorf("warnings: %q", *warnings)
		}
		if parts, _ := filepath.Glob(filepath.Join(dir, "*"+partEnding)); len(parts) > 0 {
			halves++
		}
	}
	if whole == 0 || halves == 0 {
		t.Errorf("of 50 processes %d were killed while they wrote, and %d archives were found: that shows nothing", halves, whole)
	}
	f, warnings := open(dir)
	put(t, f, request, "after that", time.Now())
	if _, text := found(t, f, request, 0); text != "after that" || len(*warnings) > 0 {
		t.Errorf("found %q, warned of %q", text, *warnings)
	}
	if _, _, err := f.Prune(Limits{}); err != nil {
		t.Error(err)
	}
	if names := left(t, f); len(names) != 2 {
		t.Errorf("left: %q", names)
	}
	t.Logf("%d of 50 were killed while they wrote; %d times there was a whole archive", halves, whole)
}

func wait(t *testing.T, isTrue func() bool) {
	t.Helper()
	for deadline := time.Now().Add(30 * time.Second); !isTrue(); time.Sleep(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("that took too long")
		}
	}
}
