package harm

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

var table = flag.Bool("table", false, "make every attempt, and print one line for each")

// The roles in which harm is tried.
const (
	byScript   = "script"
	byHost     = "API, host"
	byWorkflow = "workflow"
	byReader   = "reader" // of what is written
)

const (
	// What is called can be seen afterwards: a sequence keeps its number whatever is rolled back.
	setUp = `CREATE TABLE t (a text); INSERT INTO t VALUES ('old'); CREATE SEQUENCE called;
		CREATE FUNCTION evil() RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''called'')';
		CREATE FUNCTION evil_of(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''called''); RETURN $1; END';
		CREATE FUNCTION evil_row(t) RETURNS bigint LANGUAGE sql AS 'SELECT nextval(''called'')';
		CREATE FUNCTION evil_trigger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''called''); RETURN NEW; END';
		CREATE PROCEDURE evil_procedure() LANGUAGE plpgsql AS 'BEGIN PERFORM nextval(''called''); END';
		CREATE SCHEMA cron; CREATE TABLE cron.job (command text); CREATE SEQUENCE cron.seq; ALTER EXTENSION plpgsql ADD TABLE cron.job;
		ALTER EXTENSION plpgsql ADD SEQUENCE cron.seq; SELECT lo_from_bytea(4711, 'a large object')`
	rowsBefore = "old"           // of t
	most       = 96 << 10        // KiB of memory
	longest    = 3 * time.Minute // for one attempt, on a machine that others use
)

// attempt is one that must come to nothing.
type attempt struct {
	role, name string
	files      map[string]string // of the archive, or
	zip        []byte            // the archive itself
	args, env  []string
	code       int    // exit code; -1 for any
	says       string // in what is written
	never      string // a pattern of what is not written
	leaves     string // the rows of t where it is carried out, which is with exit 0; "" for what there was
	keeps      bool   // what the API gave is kept in the cache
	may        string // a pattern of what else it may change then
	liar       bool   // it is carried out whatever the exit code: what is said is what a server has said, and untrue
	refused    bool   // nothing of it is carried out: exit 5 or 6
	api        http.HandlerFunc
	own        bool                                         // it has a password of its own, which must not reach the server in clear
	strikes    bool                                         // it answers something otherwise than the true one
	server     func(t *testing.T, database string) *hostile // in place of the database's own; database is its address
}

func attempts(t *testing.T) []attempt {
	t.Helper()
	var all []attempt
	paths, err := filepath.Glob("testdata/hostile/*.sql")
	if err != nil || len(paths) == 0 {
		t.Fatal(paths, err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		a := attempt{role: byScript, name: strings.TrimSuffix(filepath.Base(path), ".sql"), files: map[string]string{"load.sql": string(text)}, code: -1}
		switch a.name {
		case "connect-dev-zero":
			a.args, a.code, a.says = []string{"--transaction=none"}, 5, "sslmode"
		case "nbsp-workflow-command":
			a.role, a.env, a.code = byReader, []string{"GITHUB_ACTIONS=true"}, 0
		case "benign-load": // is about functions that another role has made; here it has no tables
			a.code = 6
		case "notify-memory":
			a.code = 0
		case "var_double", "var_laughs":
			a.code, a.says = 5, "32 times as long"
		case "gexec_rows":
			a.code, a.says = 5, "larger than 16 MiB"
		case "upper-inject":
			a.args, a.code, a.may = []string{"--transaction=none", "--on-error=continue"}, 0, "^(dump|server)$"
		}
		all = append(all, a)
		if a.role == byScript { // and as if it were the API's
			a.name, a.code, a.says, a.refused = a.name+", schema", -1, "", true
			a.args = append(slices.Clone(a.args), "--allow=schema")
			if a.name == "upper-inject, schema" { // its rows look like a statement, and are rows
				a.code, a.refused = 0, false
			}
			all = append(all, a)
		}
	}
	script := func(name, text string, code int, says string, args ...string) {
		all = append(all, attempt{role: byScript, name: name, files: map[string]string{"load.sql": text}, code: code, says: says, args: args})
	}
	for name, text := range map[string]string{
		"\\copy in capitals": "\\COPY t FROM PROGRAM 'touch @PWNED@'", "\\copy to program": "\\Copy t TO Program 'touch @PWNED@'", "\\!": "\\! touch @PWNED@",
		"\\g |": "select 1 \\g |touch @PWNED@", "\\o |": "\\o |touch @PWNED@", "\\w |": "\\w |touch @PWNED@", "backquotes": "\\set x `touch @PWNED@`",
		"copy program": "copy t from program 'touch @PWNED@';", "\\setenv": "\\setenv X y", "\\i outside": "\\i /etc/passwd", "\\copy outside": "\\copy t from '/etc/passwd'",
		"lo_export": "select lo_export(1, '@PWNED@');", "nested code": "do $$ begin execute $a$ copy t from program 'touch @PWNED@' $a$; end $$;",
		"\\connect elsewhere": "\\connect - - example.org", "\\startpipeline": "\\startpipeline",
	} {
		script(name, text, 5, "", "--transaction=none")
	}
	for _, key := range []string{"sslrootcert", "sslcert", "sslkey", "passfile", "service", "servicefile", "hostaddr", "sslcrl"} {
		script("\\connect with "+key, "\\c 'dbname=x "+key+"=/dev/zero'", 5, "never done for a script", "--transaction=none")
	}
	script("\\connect by address with sslrootcert", "\\c 'postgres:///x?sslrootcert=/dev/zero&sslmode=verify-ca'", 5, "never done for a script", "--transaction=none")
	deep := "select 1"
	for i := range 2000 {
		deep = fmt.Sprintf(" begin execute $q%d$ %s $q%[1]d$; end ", i, deep)
	}
	script("code in code in code", "do $$"+deep+"$$;", 5, "more than 8 deep")
	script("a result of gigabytes, \\gset", "select repeat('x', 10000) from generate_series(1, 100000) \\gset x", 5, "larger than 16 MiB")
	script("a row of gigabytes", "select repeat('x', 200000000);", 6, "16 MiB is the most")
	script("an error of a hundred MiB", "do $$ begin raise exception '%', repeat('x', 100000000); end $$;", 6, "16 MiB is the most")
	script("conditions", strings.Repeat("\\if true\n", 20_000), 5, `more than 10000 \if`)
	script("a variable in a variable", "\\set a 'select 1;'\n"+strings.Repeat("\\set a :a:a\n", 30), 5, "")
	script("notices", "do $$ begin for i in 1..300000 loop raise notice 'x'; end loop; end $$;", 0, "are not shown")
	tree := map[string]string{"load.sql": "\\i f0.sql\n", "f30.sql": ""}
	for i := range 30 {
		tree[fmt.Sprintf("f%d.sql", i)] = fmt.Sprintf("\\i f%d.sql\n\\i f%[1]d.sql\n", i+1)
	}
	all = append(all, attempt{role: byScript, name: "a tree of includes", files: tree, code: 5, says: "included more than 100000 times"})
	wide := "{"
	for i := range 20_000 {
		wide += fmt.Sprintf(`"k%d": 1, `, i)
	}
	all = append(all,
		attempt{role: byScript, name: "a wide object", files: map[string]string{"t.jsonl": wide + `"a": 1}` + "\n"}, code: 5, says: "more than 1600 keys"},
		attempt{role: byScript, name: "lists in lists", files: map[string]string{"t.jsonl": `{"a": ` + strings.Repeat("[", 1<<20) + strings.Repeat("]", 1<<20) + "}\n"}, code: 5, says: "10000 deep"})

	// Archives, as a host could serve them.
	archive := func(name string, code int, says string, args []string, files map[string]string, spoil func([]byte) []byte) {
		var packed []byte
		var b bytes.Buffer
		w := zip.NewWriter(&b)
		for _, name := range slices.Sorted(mapKeys(files)) {
			f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: zip.Store})
			if err != nil {
				t.Fatal(err)
			}
			if _, err := f.Write([]byte(files[name])); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		if packed = b.Bytes(); spoil != nil {
			packed = spoil(packed)
		}
		all = append(all, attempt{role: byHost, name: name, zip: packed, code: code, says: says, args: args})
	}
	rows := map[string]string{"load.sql": "insert into t values ('row that was');\n\\q\n-- behind the end\n"}
	spoiled := func(p []byte) []byte { return bytes.Replace(p, []byte("row that was"), []byte("row that is!"), 1) }
	archive("a damaged row before \\q", 5, "checksum", nil, rows, spoiled)
	archive("a damaged row, no transaction", 5, "checksum", []string{"--transaction=none"}, rows, spoiled)
	archive("damage behind \\q", 5, "checksum", nil, rows, func(p []byte) []byte { return bytes.Replace(p, []byte("behind the end"), []byte("behind the End"), 1) })
	archive("a damaged statement", 5, "checksum", nil, rows, func(p []byte) []byte { return bytes.Replace(p, []byte("insert into"), []byte("insert onto"), 1) })
	archive("another name in itself", 5, "another name", nil, rows, func(p []byte) []byte { return bytes.Replace(p, []byte("load.sql"), []byte("loae.sql"), 1) })
	for _, name := range []string{".git/config", "a/.GIT/hooks/x", ".g\u200cit/config", ".git. /x", "git~1/x", "NUL", "con.sql"} {
		archive("keeps "+name, 5, "is not kept in a data folder", []string{"--data-dir=kept"}, map[string]string{"load.sql": "select 1;", name: "x"}, nil)
	}
	for _, name := range []string{"../x", "/x", "C:x", "a\x01b"} {
		archive(fmt.Sprintf("an entry %q", name), 5, "", nil, map[string]string{"load.sql": "select 1;", name: "x"}, nil)
	}

	// Settings, as a workflow's input from outside could have them.
	setting := func(name string, code int, never string, env []string, args ...string) {
		all = append(all, attempt{role: byWorkflow, name: name, args: args, env: env, code: code, never: never})
	}
	generating := []string{"FABRICATE_API_KEY=k", "FABRICATE_WORKSPACE=w", "FABRICATE_DATABASE=d", "FABRICATE_API_URL=@API@"}
	setting("overrides: @/etc/passwd", 2, "root:", append(generating, "GITHUB_ACTIONS=true"), "--overrides=@/etc/passwd")
	setting("overrides: @ of the environment", 2, "FABRICATE_API_KEY=", append(generating, "GITHUB_ACTIONS=true"), "--overrides=@/proc/self/environ")
	setting("overrides: @/dev/zero", 2, "", append(generating, "GITHUB_ACTIONS=true"), "--overrides=@/dev/zero")
	setting("overrides: a bomb of aliases", -1, "", generating, "--overrides=a: &a [x,x]\nb: &b [*a,*a]\nc: &c [*b,*b]\nd: [*c,*c]")
	setting("task-id that is a path", -1, "", append(generating, "GITHUB_ACTIONS=true"), "--task-id=../../secrets", "--timeout=1s")
	setting("a task id that ends an output", -1, "", append(generating, "GITHUB_ACTIONS=true"), "--task-id=_GitHubActionsFileCommandDelimeter_", "--timeout=1s")

	// What is read.
	for i, text := range []string{"\u00a0::error::x", "\u3000::set-output name=rows::9", "##[error]x", "\u202e::x::y", ":\u200b:error::x", "\x1b[2J::error::x", "a\r::error::x"} {
		all = append(all, attempt{role: byReader, name: fmt.Sprintf("command %d", i+1), env: []string{"GITHUB_ACTIONS=true"}, code: 0,
			files: map[string]string{"load.sql": "\\echo '" + text + "'\ndo $$ begin raise notice '%', E'a\\n" + text + "'; end $$;"}})
	}
	all = append(all, attempt{role: byReader, name: "an echo of 8 MiB", code: 0, says: "bytes more)", files: map[string]string{"load.sql": "\\echo '" + strings.Repeat("x", 8<<20) + "'\n"}})
	all = append(all, scriptAttempts()...)
	return append(append(all, hostAttempts()...), serverAttempts()...)
}

func mapKeys(m map[string]string) func(func(string) bool) {
	return func(yield func(string) bool) {
		for k := range m {
			if !yield(k) {
				return
			}
		}
	}
}

var built struct {
	once sync.Once
	path string
	err  error
}

// released builds the program as people have it: the race detector needs several times the memory.
func released(t *testing.T) string {
	t.Helper()
	built.once.Do(func() {
		built.path = filepath.Join(os.TempDir(), fmt.Sprintf("fabricate-seed-harm-%d", os.Getpid()))
		cmd := exec.Command("go", "build", "-race=false", "-buildvcs=false", "-o", built.path, "../..")
		if said, err := cmd.CombinedOutput(); err != nil {
			built.err = fmt.Errorf("go build: %w\n%s", err, said)
		}
	})
	if built.err != nil {
		t.Fatal(built.err)
	}
	return built.path
}

// asCommand finds lines that GitHub's runner could take for a command and that are not the program's own.
var asCommand = regexp.MustCompile(`(?m)^[\p{Z}\p{C}]*:[\p{Cf}\p{Mn}]*:.*$|#[\p{Cf}\p{Mn}]*#[\p{Cf}\p{Mn}]*\[`)

var ownCommand = regexp.MustCompile(`^::(group::|endgroup::|add-mask::|(warning|error) )`)

var ofCache = regexp.MustCompile(`^disk cache/[0-9a-f]{32}(\.lock|-[0-9]+(/about\.json|/data|/data/d\.sql)?)$`)

// TestHarm makes attempts, and looks that each comes to nothing: exit code, words, memory, time, database and disk.
func TestHarm(t *testing.T) {
	t.Parallel()
	pgtest.Shared(t) // without one the program is not built in vain
	program := released(t)
	t.Cleanup(func() { _ = os.Remove(program) })
	todo := attempts(t)
	if !*table { // every third is enough, make harm makes all
		var some []attempt
		for i := 0; i < len(todo); i += 3 {
			some = append(some, todo[i])
		}
		todo = some
	}
	var mu sync.Mutex
	var lines []string
	t.Run("attempts", func(t *testing.T) {
		for _, a := range todo {
			t.Run(a.role+"/"+a.name, func(t *testing.T) {
				t.Parallel()
				line := a.run(t, program)
				mu.Lock()
				defer mu.Unlock()
				lines = append(lines, line)
			})
		}
	})
	slices.Sort(lines)
	if *table {
		fmt.Printf("%-10s %-40s %-9s %4s %8s %8s  %s\n%s\n%d attempts\n", "role", "attempt", "verdict", "exit", "memory", "time", "afterwards",
			strings.Join(lines, "\n"), len(lines))
	}
}

func (a attempt) run(t *testing.T, program string) string {
	h := house{dir: t.TempDir(), db: pgtest.Shared(t).NewDatabase(t)}
	pwned, secret := h.path("pwned"), h.path("secret")
	pgtest.Exec(t, h.db, setUp)
	if err := os.WriteFile(secret, []byte(secretText+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for above := h.dir; above != os.TempDir() && len(above) > 1; above = filepath.Dir(above) {
		_ = os.Chmod(above, 0o777)
	}
	h.build(t)

	handler := a.api
	if handler == nil {
		handler = http.NotFound
	}
	api := httptest.NewServer(handler)
	defer func() {
		api.CloseClientConnections()
		api.Close()
	}()
	var args []string
	switch {
	case a.zip != nil:
		args = []string{"load", h.path("export.zip")}
		if err := os.WriteFile(args[1], a.zip, 0o600); err != nil {
			t.Fatal(err)
		}
	case a.files != nil:
		args = []string{"load", h.path("export")}
		if err := os.Mkdir(args[1], 0o755); err != nil {
			t.Fatal(err)
		}
		for name, text := range a.files {
			text = strings.NewReplacer("@PWNED@", pwned, "@SECRET@", secret).Replace(text)
			if err := os.WriteFile(filepath.Join(args[1], name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	ctx, cancel := context.WithTimeout(context.Background(), longest)
	defer cancel()
	address := h.db
	var against *hostile
	if a.server != nil {
		u, err := url.Parse(h.db)
		if err != nil {
			t.Fatal(err)
		}
		against = a.server(t, u.Host)
		address = against.at(t, h.db, a.own)
	}
	cmd := exec.CommandContext(ctx, program, append(args, append([]string{"--database-url=" + address}, a.args...)...)...)
	cmd.Dir = h.path(workDir)
	cmd.Env = h.environ()
	if a.api != nil {
		cmd.Env = append(cmd.Env, "FABRICATE_CACHE_DIR="+h.path(cacheDir))
	}
	for _, env := range a.env {
		cmd.Env = append(cmd.Env, strings.ReplaceAll(env, "@API@", api.URL))
	}
	before, _ := h.look(t)
	start := time.Now()
	var out bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &out
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	peak := make(chan int64, 1)
	go func() { peak <- leaks.PeakMemory(cmd.Process.Pid) }()
	err := cmd.Wait()
	took := time.Since(start)
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	log, code := out.String(), cmd.ProcessState.ExitCode()
	memory := <-peak >> 10

	var wrong []string
	fault := func(format string, args ...any) { wrong = append(wrong, fmt.Sprintf(format, args...)) }
	if ctx.Err() != nil {
		fault("it did not end in %s", longest)
	}
	if a.refused && code != 5 && code != 6 {
		fault("exit %d, want 5", code)
	}
	if a.code >= 0 && code != a.code || code == 1 || code == 2 && a.role != byWorkflow {
		fault("exit %d, want %d", code, a.code)
	}
	if !strings.Contains(log, a.says) {
		fault("it does not say %q", a.says)
	}
	if a.never != "" && regexp.MustCompile(a.never).MatchString(log) {
		fault("it says %q", a.never)
	}
	if memory > most+inputs(a) {
		fault("%d MiB of memory", memory>>10)
	}
	after, rows := h.look(t)
	may := func(what string) bool { // environment looks at the files of GitHub; a lock in the cache is an empty file that stays
		return what == "disk "+fileOut || what == "disk "+fileSum || ofCache.MatchString(what) && (a.keeps || strings.HasSuffix(what, ".lock"))
	}
	want := rowsBefore
	if code == 0 || a.liar {
		want = cmp.Or(a.leaves, want)
		if a.may != "" {
			pattern, files := regexp.MustCompile(a.may), may
			may = func(what string) bool { return files(what) || pattern.MatchString(what) }
		}
	}
	state := "as it was"
	if want != rowsBefore || a.may != "" && code == 0 {
		state = "as asked"
	}
	if rows != want {
		fault("the table holds %.200q, want %q", rows, want)
	}
	wrong = append(wrong, before.changes(after, may)...)
	wrong = append(wrong, h.environment(t)...)
	if rows != rowsBefore && strings.Contains(log, "everything was rolled back") && !a.liar {
		fault("it says that everything was rolled back")
	}
	if len(wrong) > 0 {
		state = "HARMED"
	}
	if against != nil && strings.Contains(against.heard.String(), password) {
		fault("the password was sent in clear")
	}
	if strings.Contains(after["dump"]+rows+log, secretText) {
		fault("the server's file was read")
	}
	if against != nil && a.strikes && len(against.struck()) == 0 {
		fault("what the server does instead was never its turn")
	}
	if a.name == "upper-inject" && !strings.Contains(after["dump"], "keepme") {
		fault("the table was dropped")
	}
	if slices.Contains(a.env, "GITHUB_ACTIONS=true") {
		for _, line := range asCommand.FindAllString(log, -1) {
			if !ownCommand.MatchString(line) {
				fault("a command: %q", line)
			}
		}
	}
	verdict := "nothing"
	switch {
	case len(wrong) > 0:
		verdict = "HARM"
		t.Errorf("%s\n%.2000s", strings.Join(wrong, "; "), log)
	case code != 0 && a.role != byReader:
		verdict = "refused"
	}
	return fmt.Sprintf("%-10s %-40.40s %-9s %4d %5d MiB %7.1fs  %s", a.role, a.name, verdict, code, memory>>10, took.Seconds(), state)
}

// inputs gives the size of an attempt's largest statement, more or less, in KiB.
func inputs(a attempt) (n int64) {
	for _, text := range a.files {
		n = max(n, int64(len(text))>>10)
	}
	return n
}
