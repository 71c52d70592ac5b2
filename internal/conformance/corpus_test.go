package conformance

import (
	"bufio"
	"context"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

const corpus = "testdata/psql"

// script is one of the corpus: a file, or a folder whose load.sql may use the other files in it.
type script struct {
	name string // topic/name
	path string
	rule rule
}

// rule is how a script is compared, if not in the plain way. testdata/psql/rules.txt gives the rules.
type rule struct {
	modes      []mode
	database   bool   // needs a database of its own
	noOutput   bool   // what is printed is not compared
	difference string // a deliberate difference, as docs/psql.md names it
	onlyIn     mode   // the mode in which it differs, "" for all
	upTo       int    // the newest server that it is compared with, 0 for every one
	used       bool
}

// setup is what every script finds.
const setup = `CREATE TABLE t (a int, b text); CREATE TABLE u (id int PRIMARY KEY, v text)`

func readRules(t testing.TB) map[string]*rule {
	t.Helper()
	f, err := os.Open(filepath.Join(corpus, "rules.txt"))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = f.Close() }()
	rules := map[string]*rule{}
	for s := bufio.NewScanner(f); s.Scan(); {
		words := strings.Fields(s.Text())
		if len(words) == 0 || strings.HasPrefix(words[0], "#") {
			continue
		}
		r := &rule{}
		for _, w := range words[1:] {
			key, value, _ := strings.Cut(w, "=")
			switch key {
			case "database":
				r.database = true
			case "no-output":
				r.noOutput = true
			case "modes":
				for _, m := range strings.Split(value, ",") {
					r.modes = append(r.modes, mode(m))
				}
			case "up-to":
				version, err := strconv.Atoi(value)
				if err != nil {
					t.Fatalf("rules.txt: %s: %v", s.Text(), err)
				}
				r.upTo = version
			case "differs":
				name, in, _ := strings.Cut(value, ":")
				r.difference, r.onlyIn = name, mode(in)
			default:
				t.Fatalf("rules.txt: %s", s.Text())
			}
		}
		rules[words[0]] = r
	}
	return rules
}

func readCorpus(t testing.TB) []script {
	t.Helper()
	rules := readRules(t)
	var all []script
	err := filepath.WalkDir(corpus, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(corpus, path)
		if err != nil {
			return err
		}
		if rel = filepath.ToSlash(rel); strings.Count(rel, "/") != 1 {
			return nil
		}
		s := script{name: strings.TrimSuffix(rel, ".sql"), path: path}
		if r := rules[s.name]; r != nil {
			r.used = true
			s.rule = *r
		}
		if s.rule.modes == nil {
			s.rule.modes = modes
		}
		all = append(all, s)
		if d.IsDir() {
			return fs.SkipDir
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	for name, r := range rules {
		if !r.used {
			t.Errorf("rules.txt: there is no script %s", name)
		}
	}
	return all
}

// folder gives a folder with the script as load.sql.
func (s script) folder(t testing.TB) string {
	t.Helper()
	if info, err := os.Stat(s.path); err != nil {
		t.Fatal(err)
	} else if info.IsDir() {
		return s.path
	}
	text, err := os.ReadFile(s.path)
	if err != nil {
		t.Fatal(err)
	}
	return writeScript(t, string(text))
}

// writeScript gives a folder with the text as load.sql, and with further files: their names and texts.
func writeScript(t testing.TB, text string, files ...string) string {
	t.Helper()
	dir := t.TempDir()
	files = append(files, "load.sql", text)
	for i := 0; i < len(files); i += 2 {
		if err := os.WriteFile(filepath.Join(dir, files[i]), []byte(files[i+1]), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// pair is two databases, one for each side, in which every script has a schema of its own.
type pair struct {
	psql, ours string
	setUp      []*pgx.Conn
}

func newPair(t testing.TB) pair {
	t.Helper()
	p := pair{psql: database(t), ours: database(t)}
	for _, db := range []string{p.psql, p.ours} {
		conn, err := pgx.Connect(context.Background(), server.URL(db))
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		p.setUp = append(p.setUp, conn)
	}
	return p
}

func database(t testing.TB) string {
	t.Helper()
	config := server.NewDatabase(t)
	name := config[strings.LastIndex(config, "/")+1:]
	name, _, _ = strings.Cut(name, "?")
	return name
}

func (p pair) schema(t testing.TB, name, setup string) {
	t.Helper()
	for _, conn := range p.setUp {
		if _, err := conn.PgConn().Exec(context.Background(), "CREATE SCHEMA "+name+"; SET search_path TO "+name+"; "+setup).ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
}

func (p pair) drop(t testing.TB, schema string) {
	t.Helper()
	for _, conn := range p.setUp {
		if _, err := conn.PgConn().Exec(context.Background(), "DROP SCHEMA "+schema+" CASCADE").ReadAll(); err != nil {
			t.Fatal(err)
		}
	}
}

// sameDump compares the two databases.
func (p pair) sameDump(t testing.TB) {
	t.Helper()
	want, got := pgtest.Dump(t, server.URL(p.psql)), pgtest.Dump(t, server.URL(p.ours))
	if want == got {
		return
	}
	a, b := strings.Split(want, "\n"), strings.Split(got, "\n")
	for i := range a {
		if i >= len(b) || a[i] != b[i] {
			place := i
			for place > 0 && !strings.Contains(a[place], "; Schema: ") {
				place--
			}
			t.Logf("%s", a[place])
			t.Errorf("dumps differ at line %d:\npsql:\n%s\nours:\n%s", i+1, strings.Join(a[max(0, i-12):min(len(a), i+5)], "\n"),
				strings.Join(b[max(0, min(i, len(b))-12):min(len(b), i+5)], "\n"))
			return
		}
	}
	t.Errorf("our dump has more than psql's")
}

// TestCorpus runs every script of testdata/psql, one construct each, by psql and by us, in three modes.
func TestCorpus(t *testing.T) {
	t.Parallel()
	needsOracle(t)
	all := readCorpus(t)
	const least = 300
	if len(all) < least {
		t.Errorf("the corpus holds %d scripts, fewer than %d", len(all), least)
	}
	const workers = 2
	var shared [workers]pair
	for i := range shared {
		shared[i] = newPair(t)
	}
	free := make(chan pair, workers)
	for _, p := range shared {
		free <- p
	}
	names := map[string]string{} // of schemas
	var mu sync.Mutex
	t.Run("scripts", func(t *testing.T) {
		for i, s := range all {
			t.Run(s.name, func(t *testing.T) {
				t.Parallel()
				if s.rule.upTo > 0 && server.Version() > s.rule.upTo {
					t.Skipf("not compared with PostgreSQL %d: docs/psql.md says why", server.Version())
				}
				dir := s.folder(t)
				faultless := false
				for k, m := range s.rule.modes {
					if m == none && faultless {
						continue // where nothing fails, ON_ERROR_STOP makes no difference
					}
					schema := fmt.Sprintf("c%d_%d", i, k)
					mu.Lock()
					names[schema] = s.name + " " + string(m)
					mu.Unlock()
					func() {
						p := <-free
						defer func() { free <- p }()
						faultless = s.check(t, p, schema, dir, m) && m == onward
					}()
				}
			})
		}
	})
	for _, p := range shared {
		p.sameDump(t)
	}
	if t.Failed() && testing.Verbose() {
		for schema, name := range names {
			t.Log(schema, name)
		}
	}
}

// check compares one run. It tells whether psql found nothing wrong with the script.
func (s script) check(t *testing.T, p pair, schema, dir string, m mode) (faultless bool) {
	if s.rule.database {
		p = newPair(t)
	}
	p.schema(t, schema, setup)
	want := byPsql(t, p.psql, schema, dir, m)
	got := byUs(t, p.ours, schema, dir, m)
	if s.rule.noOutput {
		want.output, got.output = "", ""
	}
	faultless = len(want.faults) == 0 && !want.failed
	if s.rule.difference != "" && (s.rule.onlyIn == "" || s.rule.onlyIn == m) {
		differ(t, s, want, got, m)
		p.drop(t, schema) // what it left behind may differ too
		return faultless
	}
	if diffs := compare(want, got, m, dir); len(diffs) > 0 {
		t.Errorf("%s:\n    %s\npsql said: %s\nwe said: %s", m, strings.Join(diffs, "\n    "), want.text, got.text)
	}
	if s.rule.database {
		p.sameDump(t)
	}
	return faultless
}
