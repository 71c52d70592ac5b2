package seed

import (
	"bytes"
	"encoding/json"
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// offline is the same world without a key, and without an API.
func (w world) offline() world {
	w.env = slices.DeleteFunc(slices.Clone(w.env), func(v string) bool { return strings.HasPrefix(v, "FABRICATE_API_KEY=") })
	return w
}

// fill is a run that keeps what it generates, and loads nothing.
func fill(t *testing.T, w world, args ...string) {
	t.Helper()
	before := w.api.Started()
	res, log := w.run(t, append([]string{"--cache-dir=cache", "--load=false"}, args...)...)
	if res.ExitCode != 0 || res.CacheHit || w.api.Started() != before+1 {
		t.Fatalf("got %+v, %d tasks\n%s", res, w.api.Started()-before, log)
	}
}

// What was generated once is loaded again without a task, a key or a word with the API; it is the same, and said to be the same.
func TestCacheHit(t *testing.T) {
	t.Parallel()
	for name, args := range map[string][]string{
		"zip": nil, "sql of an entity": {"--entity=users"}, "csv": {"--format=csv"}, "csv of an entity": {"--format=csv", "--entity=users"},
		"jsonl of an entity": {"--format=jsonl", "--entity=users"}, "postgres-optimized": {"--format=postgres-optimized"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, simulator.Options{})
			run := func(w world, keep string) (result, string, string) {
				db := pgtest.Shared(t).NewDatabase(t)
				pgtest.Exec(t, db, shop.Schema())
				res, log := w.run(t, append([]string{"--cache-dir=cache", "--data-dir=" + keep, "--foreign-keys=off", "--database-url=" + db}, args...)...)
				if res.ExitCode != 0 || res.Rows == 0 {
					t.Fatalf("got %+v\n%s", res, log)
				}
				return res, log, pgtest.SortedDump(t, db)
			}
			first, _, want := run(w, "first")
			asked := len(w.api.Requests(simulator.AnyRoute))
			second, log, got := run(w.offline(), "second")
			if first.CacheHit || !second.CacheHit || w.api.Started() != 1 || len(w.api.Requests(simulator.AnyRoute)) != asked {
				t.Errorf("first %+v, second %+v, %d tasks, %d requests after the first run", first, second, w.api.Started(), len(w.api.Requests(simulator.AnyRoute))-asked)
			}
			if got != want {
				t.Error("other rows were loaded")
			}
			if second.TaskID != first.TaskID || second.SHA256 != first.SHA256 || second.ContentType != first.ContentType || second.SHA256 == "" {
				t.Errorf("first %+v, second %+v", first, second)
			}
			if !strings.Contains(log, "found in cache: generated") {
				t.Errorf("not told:\n%s", log)
			}
			one, err := filepath.Glob(filepath.Join(w.workspace, "first", "*"))
			if err != nil {
				t.Fatal(err)
			}
			for _, path := range one {
				a, _ := os.ReadFile(path)
				b, err := os.ReadFile(filepath.Join(w.workspace, "second", filepath.Base(path)))
				if err != nil || !bytes.Equal(a, b) {
					t.Errorf("%s is not the same (%v)", filepath.Base(path), err)
				}
			}
		})
	}
}

// Every setting that decides the data separates; how it is written, and what does not decide it, does not.
func TestCacheKey(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	overrides := `--overrides={"entities":{"users":{"record_count":5},"orders":{"record_count":7}}}`
	if err := os.WriteFile(filepath.Join(w.workspace, "o.yaml"),
		[]byte("# as people write it\nentities:\n  orders: {record_count: 7}\n  users:\n    record_count: 5\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	second := httptest.NewServer(w.api) // the same data, at another address
	t.Cleanup(second.Close)
	for i, args := range [][]string{
		{}, {"--workspace=w2"}, {"--database=shop2"}, {"--format=csv"}, {"--entity=users"}, {overrides},
		{strings.Replace(overrides, "5", "6", 1)}, {overrides, "--format=jsonl"}, {overrides, "--entity=users"}, {`--overrides={"variables":{"a":1}}`},
		{`--overrides={"variables":{"a":1.0}}`}, {`--overrides={"variables":{"a":"1"}}`}, {"--api-url=" + second.URL + simulator.Path},
	} {
		fill(t, w, args...)
		if w.api.Started() != i+1 {
			t.Fatalf("%q: %d tasks after %d runs", args, w.api.Started(), i+1)
		}
	}
	started := w.api.Started()
	for _, args := range [][]string{
		{}, {"--format=SQL"}, {"--overrides={}"}, {"--data-dir=elsewhere", "--max-age=0"}, {"--request-timeout=7s"},
		{`--overrides={ "entities": {"orders": {"record_count": 7}, "users": {"record_count": 5}}, }`},
		{"--overrides=@o.yaml"}, {"--overrides=entities: {users: {record_count: 5}, orders: {'record_count': 7}}"},
		{`--overrides={"entities":{"\u0075sers":{"record_count":5},"orders":{"record_count":7}}}`},
		{"--overrides=variables:\n  a: 1"},
		{"--api-url=" + strings.ToUpper(second.URL[:4]) + second.URL[4:] + simulator.Path + "/"},
	} {
		res, log := w.run(t, append([]string{"--cache-dir=cache", "--load=false"}, args...)...)
		if res.ExitCode != 0 || !res.CacheHit {
			t.Errorf("%q: got %+v\n%s", args, res, log)
		}
	}
	if w.api.Started() != started {
		t.Errorf("%d tasks more", w.api.Started()-started)
	}
}

// What is too old is generated anew; with 0 any age will do; and nothing that is not there can be had without a key.
func TestCacheAge(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	res, log := w.offline().run(t, "--cache-dir=cache", "--load=false")
	if res.ExitCode != problem.Settings || !strings.Contains(log, "there is nothing here for this request, and without an API key nothing can be generated") ||
		len(w.api.Requests(simulator.AnyRoute)) > 0 {
		t.Errorf("no key: got %+v\n%s", res, log)
	}
	fill(t, w)
	time.Sleep(2 * time.Millisecond)
	res, log = w.offline().run(t, "--cache-dir=cache", "--load=false", "--max-age=1ms")
	if res.ExitCode != problem.Settings || !strings.Contains(log, "max-age is 1ms, and without an API key nothing can be generated") {
		t.Errorf("too old, no key: got %+v\n%s", res, log)
	}
	fill(t, w, "--max-age=1ms")
	res, log = w.offline().run(t, "--cache-dir=cache", "--load=false", "--max-age=0")
	if res.ExitCode != 0 || !res.CacheHit || res.TaskID == "" {
		t.Errorf("any age: got %+v\n%s", res, log)
	}
}

// Damage is noticed by the SHA-256, told, and mended.
func TestCacheDamaged(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	fill(t, w)
	zips, err := filepath.Glob(filepath.Join(w.workspace, "cache", "*", "*", "*.zip"))
	if err != nil || len(zips) != 1 {
		t.Fatal(zips, err)
	}
	data, err := os.ReadFile(zips[0])
	if err != nil {
		t.Fatal(err)
	}
	data[len(data)/2] ^= 4
	if err := os.WriteFile(zips[0], data, 0o600); err != nil {
		t.Fatal(err)
	}
	res, log := w.run(t, "--cache-dir=cache", "--load=false")
	if res.ExitCode != 0 || res.CacheHit || w.api.Started() != 2 || !strings.Contains(log, "warning: the archive of ") || !strings.Contains(log, "SHA-256 is not what it was") {
		t.Errorf("got %+v, %d tasks\n%s", res, w.api.Started(), log)
	}
	res, log = w.offline().run(t, "--cache-dir=cache", "--load=false")
	if !res.CacheHit || strings.Contains(log, "warning") {
		t.Errorf("got %+v\n%s", res, log)
	}
}

// What cannot be used is not kept, and what a run without the folder makes is as good.
func TestCacheIsNotForEverything(t *testing.T) {
	t.Parallel()
	db := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, db, shop.Schema())
	bad := newWorld(t, simulator.Options{Data: &simulator.Data{Body: []byte("SET FOREIGN_KEY_CHECKS = 0;\nINSERT INTO `a` (`b`) VALUES (1);\n"), ContentType: "text/plain"}})
	for i := range 2 {
		res, log := bad.run(t, "--cache-dir=cache", "--database-url="+db)
		if res.ExitCode != problem.Data || bad.api.Started() != i+1 {
			t.Errorf("got %+v, %d tasks\n%s", res, bad.api.Started(), log)
		}
	}
	failing := newWorld(t, simulator.Options{TaskError: "no rows"})
	if res, log := failing.run(t, "--cache-dir=cache", "--load=false"); res.ExitCode != problem.API {
		t.Errorf("got %+v\n%s", res, log)
	}
	for _, w := range []world{bad, failing} {
		left, err := filepath.Glob(filepath.Join(w.workspace, "cache", "*"))
		if err != nil || len(left) != 1 || !strings.HasSuffix(left[0], ".lock") {
			t.Errorf("left in the cache: %q (%v)", left, err)
		}
	}

	w := newWorld(t, simulator.Options{})
	if err := os.WriteFile(filepath.Join(w.workspace, "file"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	res, log := w.run(t, "--cache-dir=file/cache", "--database-url="+db)
	if res.ExitCode == problem.Settings { // on some systems the way through a file is no way at all
		t.Skip(log)
	}
	if res.ExitCode != 0 || res.Rows == 0 || !strings.Contains(log, "file/cache cannot be used as a cache") {
		t.Errorf("got %+v\n%s", res, log)
	}
}

// An error about data that came from the cache says how to have new ones; one about the way to the database does not.
func TestCachedDataThatDoesNotFit(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	fill(t, w)
	db := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, db, shop.Schema()+";ALTER TABLE users DROP COLUMN email")
	const renew = "with max-age: 1s they are generated anew"
	if res, log := w.run(t, "--cache-dir=cache", "--database-url="+db); res.ExitCode != problem.Database || !strings.Contains(log, renew) {
		t.Errorf("got %+v\n%s", res, log)
	}
	nowhere := "--database-url=postgres://u@127.0.0.1:1/d"
	if res, log := w.run(t, "--cache-dir=cache", "--connect-timeout=1s", nowhere); res.ExitCode != problem.Database || strings.Contains(log, renew) {
		t.Errorf("got %+v\n%s", res, log)
	}
	if w.api.Started() != 1 {
		t.Errorf("%d tasks", w.api.Started())
	}
}

// Nothing that is kept tells a secret, and only its owner can read it.
func TestCacheTellsNoSecrets(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{OtherOrigin: true})
	fill(t, w, `--overrides={"variables":{"token":"0ver-r1des"}}`, "--database-url=postgres://u:pa55w0rd@127.0.0.1:1/d")
	secrets := []string{w.api.Key(), "0ver-r1des", "pa55w0rd", "signature", "http://127"}
	files := 0
	err := filepath.WalkDir(filepath.Join(w.workspace, "cache"), func(path string, entry os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if err != nil || info.Mode().Perm()&0o077 != 0 {
			t.Errorf("%s: %s (%v)", path, info.Mode(), err)
		}
		if strings.HasSuffix(path, ".json") {
			files++
			text, _ := os.ReadFile(path)
			for _, secret := range secrets[:4] {
				if bytes.Contains(text, []byte(secret)) {
					t.Errorf("%s tells %s:\n%s", path, secret, text)
				}
			}
		}
		return nil
	})
	if err != nil || files != 1 {
		t.Errorf("%d JSON files (%v)", files, err)
	}
}

// The command cache lists and clears.
func TestCacheCommand(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	command := func(args ...string) (string, problem.Code) {
		var stdout, stderr bytes.Buffer
		code := Main(t.Context(), Process{Args: append([]string{"cache"}, args...), Environ: append(w.env, "FABRICATE_CACHE_DIR=cache"), Stdout: &stdout, Stderr: &stderr})
		return stdout.String() + stderr.String(), code
	}
	if out, code := command("list"); code != 0 || out != "0 archives, 0 B in cache\n" {
		t.Errorf("exit code %d: %s", code, out)
	}
	fill(t, w)
	fill(t, w, "--entity=users")
	if out, code := command("list"); code != 0 || !strings.Contains(out, "w/shop") || !strings.Contains(out, "users") || !strings.Contains(out, "\n2 archives, ") {
		t.Errorf("exit code %d: %s", code, out)
	}
	var line struct {
		Entries, Removed, Left []cachedEntry
		Bytes, Freed           int64
	}
	out, code := command("list", "--output=json")
	if err := json.Unmarshal([]byte(out), &line); err != nil || code != 0 || len(line.Entries) != 2 || line.Bytes == 0 || line.Entries[0].Entity != "users" ||
		line.Entries[0].Task == "" || line.Entries[0].Created == nil || line.Entries[0].SHA256 == "" {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := command("prune"); code != 0 || !strings.HasPrefix(out, "0 archives, 0 B removed from cache; 2 archives") {
		t.Errorf("exit code %d: %s", code, out)
	}
	if out, code := command("prune", "--max-size=1"); code != 0 || !strings.Contains(out, "too much") || !strings.Contains(out, "2 archives") || !strings.Contains(out, "; 0 archives, 0 B left\n") {
		t.Errorf("exit code %d: %s", code, out)
	}
	fill(t, w)
	time.Sleep(2 * time.Millisecond)
	out, code = command("prune", "--max-age=1ms", "--output=json")
	if err := json.Unmarshal([]byte(out), &line); err != nil || code != 0 || len(line.Removed) != 1 || len(line.Left) != 0 || line.Freed == 0 {
		t.Errorf("exit code %d: %s", code, out)
	}
	if left, err := os.ReadDir(filepath.Join(w.workspace, "cache")); err != nil || len(left) > 0 {
		t.Errorf("left: %v (%v)", left, err)
	}
}

// Two runs at once start one task; the second waits for it, and for no longer than the limit.
func TestCacheGeneratesOnce(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	hold := make(chan struct{})
	slow := httptest.NewServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if request.Method == http.MethodPost {
			<-hold
		}
		w.api.ServeHTTP(writer, request)
	}))
	t.Cleanup(slow.Close)
	address := "--api-url=" + slow.URL + simulator.Path
	var group sync.WaitGroup
	results := make([]result, 3)
	for i := range results {
		group.Go(func() {
			other := w
			if i == 2 {
				for len(w.api.Requests(simulator.AnyRoute)) == 0 { // the first has begun
					time.Sleep(time.Millisecond)
				}
				other = w.offline() // to wait one needs no key
			}
			results[i], _ = other.run(t, "--cache-dir=cache", "--load=false", address)
		})
	}
	for len(w.api.Requests(simulator.AnyRoute)) == 0 {
		time.Sleep(time.Millisecond)
	}
	res, log := w.run(t, "--cache-dir=cache", "--load=false", "--timeout=300ms", address)
	if res.ExitCode != problem.Timeout || !strings.Contains(log, "another run has been generating the same data for 300ms") {
		t.Errorf("got %+v\n%s", res, log)
	}
	close(hold)
	group.Wait()
	hits := 0
	for _, res := range results {
		if res.ExitCode != 0 {
			t.Errorf("got %+v", res)
		}
		if res.CacheHit {
			hits++
		}
	}
	if w.api.Started() != 1 || hits != 2 {
		t.Errorf("%d tasks, %d hits", w.api.Started(), hits)
	}
}

// A wrong name costs no task, and the right one is told.
func TestTypoCostsNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{Workspace: "w", Database: "shop"})
	if res, log := w.run(t, "--load=false"); res.ExitCode != 0 {
		t.Errorf("got %+v\n%s", res, log)
	}
	for setting, want := range map[string]string{
		"--database=shpo": `setting database: there is no database "shpo" in the workspace "w"` + "\n" + `Did you mean "shop"?`,
		"--workspace=v":   `setting workspace: there is no workspace "v" for this key`,
	} {
		res, log := w.run(t, "--load=false", setting)
		if res.ExitCode != problem.API || !strings.Contains(log, want) {
			t.Errorf("got %+v\n%s", res, log)
		}
	}
	if n := len(w.api.Requests(simulator.Create)); n != 1 {
		t.Errorf("%d tasks were asked for", n)
	}
}

// Nor do settings that only a look at the disk shows to be wrong; the database, which nobody would answer for, is not asked either.
func TestWrongFilesCostNothing(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	if err := os.WriteFile(filepath.Join(w.workspace, "junk.pem"), []byte("junk"), 0o600); err != nil {
		t.Fatal(err)
	}
	for setting, want := range map[string]string{
		"--data-dir=.git/data":   "git would take it for its own",
		"--api-ca-file=junk.pem": "the file holds no certificate authority",
	} {
		res, log := w.run(t, setting, "--database-url=postgres://u:p@127.0.0.1:1/d", "--connect-timeout=1s")
		if res.ExitCode != problem.Settings || !strings.Contains(log, want) {
			t.Errorf("%s: got %+v\n%s", setting, res, log)
		}
	}
	if n := len(w.api.Requests(simulator.Create)); n != 0 {
		t.Errorf("%d tasks were asked for", n)
	}
}

// An archive comes from an address as a download does: over TLS, resumed, without the key, checked, and without its address being told.
func TestArchiveByAddress(t *testing.T) {
	t.Parallel()
	w := newWorld(t, simulator.Options{})
	if res, log := w.run(t, "--load=false", "--data-dir=kept", "--entity=users"); res.ExitCode != 0 {
		t.Fatalf("got %+v\n%s", res, log)
	}
	script, err := os.ReadFile(filepath.Join(w.workspace, "kept", "users.sql"))
	if err != nil {
		t.Fatal(err)
	}
	csv := []byte("id,name\n1,a\n2,b\n")
	const signature = "S1gnature-of-the-st0re"
	var mu sync.Mutex
	cuts := 1
	store := httptest.NewTLSServer(http.HandlerFunc(func(writer http.ResponseWriter, request *http.Request) {
		if request.Header.Get("Authorization") != "" || request.URL.Query().Get("sig") != signature {
			t.Errorf("asked for %s with %v", request.URL, request.Header)
		}
		writer.Header().Set("ETag", `"1"`)
		body := script
		if strings.HasSuffix(request.URL.Path, ".csv") {
			body = csv
		}
		mu.Lock()
		cut := cuts > 0
		cuts--
		mu.Unlock()
		if cut {
			writer.Header().Set("Content-Length", "100000")
			_, _ = writer.Write(body[:len(body)/2])
			panic(http.ErrAbortHandler)
		}
		http.ServeContent(writer, request, "", time.Time{}, bytes.NewReader(body))
	}))
	t.Cleanup(store.Close)
	ca := filepath.Join(w.workspace, "ca.pem")
	if err := os.WriteFile(ca, pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: store.Certificate().Raw}), 0o600); err != nil {
		t.Fatal(err)
	}
	db := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, db, shop.Schema())
	w.env = append(w.env, "FABRICATE_API_CA_FILE="+ca, "DATABASE_URL="+db)
	address := store.URL + "/seed/users.sql?sig=" + signature
	load := func(address string, args ...string) (result, string) {
		other := w
		other.env = append(slices.Clone(w.env), "FABRICATE_ARCHIVE="+address)
		res, log := other.run(t, append(args, "--foreign-keys=off")...)
		if strings.Contains(log, signature) || strings.Contains(log, "/seed/") {
			t.Errorf("the log tells the address:\n%s", log)
		}
		return res, log
	}
	res, log := load(address)
	if res.ExitCode != 0 || res.Rows == 0 || res.SHA256 == "" || res.CacheHit || res.TaskID != "" {
		t.Fatalf("got %+v\n%s", res, log)
	}
	if res, log := load(address + "#sha256=" + strings.ToUpper(res.SHA256)); res.ExitCode != 0 || res.Rows == 0 {
		t.Errorf("with its sum: got %+v\n%s", res, log)
	}
	if res, log := load(address + "#sha256=" + strings.Repeat("0", 64)); res.ExitCode != problem.Data || !strings.Contains(log, "its SHA-256 is "+res.SHA256) {
		t.Errorf("with another sum: got %+v\n%s", res, log)
	}
	if res, log := load(address, "--load=false", "--data-dir=there"); res.ExitCode != 0 || res.DataPath != "there/users.sql" {
		t.Errorf("kept: got %+v\n%s", res, log)
	}
	if res, log := load(address, "--max-size=10"); res.ExitCode != problem.Data {
		t.Errorf("too large: got %+v\n%s", res, log)
	}
	pgtest.Exec(t, db, "CREATE TABLE things (id int, name text)")
	if res, log := load(store.URL + "/seed/things.csv?sig=" + signature); res.ExitCode != 0 || res.Rows != 2 {
		t.Errorf("csv: got %+v\n%s", res, log)
	}
	if w.api.Started() != 1 {
		t.Errorf("%d tasks", w.api.Started())
	}
}
