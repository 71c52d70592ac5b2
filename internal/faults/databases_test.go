//go:build unix

package faults

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

// asProgram in the environment has this test's binary be the program, which can be killed then.
const asProgram = "FAULTS_AS_PROGRAM"

func program() int {
	if os.Getenv(asLoad) != "" {
		return loadProgram()
	}
	return int(seed.Main(context.Background(), seed.Process{Args: os.Args[1:], Environ: os.Environ(), Stdout: os.Stdout, Stderr: os.Stderr, Version: "v1"}))
}

// house is a server with databases of others, among which those of ours are made, loaded, cloned and dropped.
type house struct {
	*testing.T
	server  *pgtest.Server
	look    *pgx.Conn
	dir     string            // with the script
	foreign map[string]string // names and oids of what is nobody's business of ours
	via     *Proxy            // through which the program goes, nil for none
}

const (
	houseRows   = 20_000
	houseClones = 4
	houseName   = "made"
)

// emptyHouse starts a server, and looks on.
func emptyHouse(t *testing.T, options pgtest.Options) *house {
	t.Helper()
	server, err := pgtest.Start(context.Background(), options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Stop(); err != nil {
			t.Error(err)
		}
	})
	h := &house{T: t, server: server, dir: t.TempDir(), foreign: map[string]string{}}
	h.connect()
	return h
}

// newHouse makes one with databases of others; the template of ours lies in the folder, which may be on a disk of its own.
func newHouse(t *testing.T, folder string) *house {
	t.Helper()
	h := emptyHouse(t, pgtest.Options{})
	text := fmt.Sprintf("TRUNCATE rows;\nINSERT INTO rows SELECT i, repeat('x', 100) FROM generate_series(1, %d) AS i;\n", houseRows)
	if err := os.WriteFile(filepath.Join(h.dir, "rows.sql"), []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	in := ""
	if folder != "" {
		owned(t, folder, h.server.DataDir())
		h.ask("CREATE TABLESPACE small LOCATION '" + folder + "'")
		in = " TABLESPACE small"
	}
	h.ask("CREATE DATABASE template" + in)
	pgtest.Exec(t, h.server.URL("template"), "CREATE TABLE rows (id int PRIMARY KEY, text text)")
	for _, name := range []string{houseName + "_5", houseName + "x", "fabricate_seed_unfinished_somebodys", "shop"} { // as near to ours as may be
		h.ask("CREATE DATABASE " + name)
	}
	h.ask(`COMMENT ON DATABASE ` + houseName + `_5 IS 'made by fabricate-seed: {}'`)
	h.must("other", "create", "--template=template")
	h.must("other", "load", "rows.sql", "--clones=1")
	for _, name := range h.databases() {
		h.foreign[name] = h.ask("SELECT oid::text FROM pg_database WHERE datname = '" + name + "'")
	}
	return h
}

// connect opens the connection that looks on.
func (h *house) connect() {
	h.Helper()
	look, err := pgx.Connect(context.Background(), h.server.URL("postgres"))
	if err != nil {
		h.Fatal(err)
	}
	h.look = look
	h.Cleanup(func() { _ = look.Close(context.Background()) })
}

// owned gives a folder to whom another one belongs.
func owned(t *testing.T, folder, as string) {
	t.Helper()
	info, err := os.Stat(as)
	if err != nil {
		t.Fatal(err)
	}
	if s, ok := info.Sys().(*syscall.Stat_t); ok {
		err = os.Chown(folder, int(s.Uid), int(s.Gid))
	}
	if err != nil {
		t.Fatal(err)
	}
}

// ask gives the values of the first column, one a line.
func (h *house) ask(sql string) string {
	h.Helper()
	results, err := h.look.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		h.Fatalf("%s: %v", sql, err)
	}
	var lines []string
	for _, row := range results[len(results)-1].Rows {
		lines = append(lines, string(row[0]))
	}
	return strings.Join(lines, "\n")
}

func (h *house) databases() []string {
	return strings.Split(h.ask("SELECT datname FROM pg_database ORDER BY 1"), "\n")
}

// environ is that of a run about a database.
func (h *house) environ(database string) []string {
	address := h.server.URL(database)
	if h.via != nil {
		var err error
		if address, err = h.via.URL(address); err != nil {
			h.Fatal(err)
		}
	}
	u, err := url.Parse(address)
	if err != nil {
		h.Fatal(err)
	}
	q := u.Query()
	q.Set("application_name", "house")
	u.RawQuery = q.Encode()
	return []string{asProgram + "=1", "DATABASE_URL=" + u.String(), "GITHUB_WORKSPACE=" + h.dir, "PATH=" + os.Getenv("PATH"), "TMPDIR=" + os.TempDir()}
}

// run runs the program.
func (h *house) run(database string, args ...string) (code problem.Code, said string) {
	h.Helper()
	var stdout, stderr bytes.Buffer
	code = seed.Main(context.Background(), seed.Process{Args: append(args, "--output=json"), Environ: h.environ(database)[1:], Stdout: &stdout, Stderr: &stderr, Version: "v1"})
	return code, stderr.String() + stdout.String()
}

func (h *house) must(database string, args ...string) {
	h.Helper()
	if code, said := h.run(database, args...); code != problem.OK {
		h.Fatalf("%q: exit code %d\n%s", args, code, said)
	}
}

// killed runs the program in a process of its own and kills it after a while; false if it had ended.
func (h *house) killed(after time.Duration, database string, args ...string) bool {
	h.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Dir, cmd.Env = h.dir, h.environ(database)
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		if err != nil {
			h.Fatalf("%q: %v", args, err)
		}
		return false
	case <-time.After(after):
	}
	_ = cmd.Process.Kill()
	<-ended //nolint:errcheck // killed
	h.await("SELECT count(*) = 0 FROM pg_stat_activity WHERE application_name = 'house'", "sessions of who was killed stay")
	return true
}

// lasts runs the program in a process of its own to its end, and gives how long that takes.
func (h *house) lasts(database string, args ...string) time.Duration {
	h.Helper()
	start := time.Now()
	if h.killed(time.Hour, database, args...) {
		h.Fatal("killed")
	}
	return time.Since(start)
}

// await waits until the server says that something is true; it says otherwise if that never comes.
func (h *house) await(sql, otherwise string) {
	h.Helper()
	for deadline := time.Now().Add(time.Minute); h.ask("SELECT ("+sql+")::text") != "true"; time.Sleep(5 * time.Millisecond) {
		if time.Now().After(deadline) {
			h.Fatal(otherwise)
		}
	}
}

// crash has the server crash, and waits until it is back.
func (h *house) crash() {
	h.Helper()
	conn, err := pgx.Connect(context.Background(), h.server.URL("postgres"))
	if err != nil {
		h.Fatal(err)
	}
	if err := syscall.Kill(int(conn.PgConn().PID()), syscall.SIGKILL); err != nil {
		h.Fatal(err)
	}
	_ = conn.Close(context.Background())
	for deadline := time.Now().Add(time.Minute); ; time.Sleep(10 * time.Millisecond) {
		if h.look.Ping(context.Background()) != nil { // all sessions ended
			if conn, err := pgx.Connect(context.Background(), h.server.URL("postgres")); err == nil {
				_ = conn.Close(context.Background())
				break
			}
		}
		if time.Now().After(deadline) {
			h.Fatal("the server does not come back")
		}
	}
	_ = h.look.Close(context.Background())
	h.connect()
}

// whole looks that databases of others are as they were, and that each of ours which has its name is marked, open and complete. It gives
// the names of ours, and how many have no name yet, or are marked by the server as dropped in part: nobody can connect to them.
func (h *house) whole(rows ...int) (ours []string, unfinished int) {
	h.Helper()
	for name, oid := range h.foreign {
		if now := h.ask("SELECT oid::text FROM pg_database WHERE datname = '" + name + "'"); now != oid {
			h.Errorf("the foreign database %s was %s and is %q", name, oid, now)
		}
	}
	for _, name := range h.databases() {
		if h.foreign[name] != "" {
			continue
		}
		const of = " FROM pg_database WHERE datname = '%s'"
		open := h.ask(fmt.Sprintf("SELECT datallowconn::text"+of, name)) == "true"
		if strings.HasPrefix(name, "fabricate_seed_unfinished_") {
			if unfinished++; open {
				h.Errorf("%s is open", name)
			}
			continue
		}
		if h.ask(fmt.Sprintf("SELECT (datconnlimit = -2)::text"+of, name)) == "true" {
			unfinished++
			continue
		}
		ours = append(ours, name)
		var mark struct {
			CloneOf string `json:"clone-of"`
			Made    string `json:"made"`
		}
		comment := h.ask(fmt.Sprintf("SELECT coalesce(shobj_description(oid, 'pg_database'), '')"+of, name))
		text, marked := strings.CutPrefix(comment, "made by fabricate-seed: ")
		if !marked || json.Unmarshal([]byte(text), &mark) != nil || (mark.CloneOf == houseName) != (name != houseName) {
			h.Errorf("%s is marked %q", name, comment)
		}
		if !open {
			h.Errorf("%s is closed", name)
			continue
		}
		if n := h.rows(name); !slices.Contains(rows, n) {
			h.Errorf("%s has %d rows, want one of %v", name, n, rows)
		}
	}
	return ours, unfinished
}

// rows counts those of a database.
func (h *house) rows(database string) (n int) {
	h.Helper()
	conn, err := pgx.Connect(context.Background(), h.server.URL(database))
	if err != nil {
		h.Fatal(err)
	}
	defer func() { _ = conn.Close(context.Background()) }()
	if err := conn.QueryRow(context.Background(), "SELECT count(*) FROM rows").Scan(&n); err != nil {
		h.Fatal(err)
	}
	return n
}

// tell prints a line for make faults.
func (h *house) tell(name, verdict string) {
	if *table {
		fmt.Printf("%-12s %-52s %s\n", "databases", name, verdict)
	}
}

// TestFaultsOfDatabases: whoever is killed while a database is made, cloned or dropped leaves no database of others touched and none of
// ours in part, and the next run does what that one was to do.
func TestFaultsOfDatabases(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	var all []string
	for i := range houseClones {
		all = append(all, fmt.Sprintf("%s_%d", houseName, i+1))
	}
	clones := fmt.Sprintf("--clones=%d", houseClones)
	clean := func() { h.must(houseName, "drop") }
	create := func() { h.must(houseName, "create", "--template=template") }
	load := func() { h.must(houseName, "load", "rows.sql", clones) }
	for _, what := range []struct {
		name  string
		ready func()
		args  []string
		rows  []int
		ours  []string // when it is done
	}{
		{"killed while a database is made", clean, []string{"create", "--template=template"}, []int{0}, []string{houseName}},
		{"killed while a database is made and loaded", clean, []string{"load", "rows.sql", "--create-database", "--template=template"}, []int{0, houseRows}, []string{houseName}},
		{"killed while clones are made", func() { clean(); create() }, []string{"load", "rows.sql", clones}, []int{0, houseRows}, append([]string{houseName}, all...)},
		{"killed while clones are replaced", func() { clean(); create(); load() }, []string{"load", "rows.sql", clones}, []int{houseRows}, append([]string{houseName}, all...)},
		{"killed while databases are dropped", func() { clean(); create(); load() }, []string{"drop"}, []int{houseRows}, nil},
	} {
		t.Run(what.name, func(t *testing.T) {
			h := &house{T: t, server: h.server, look: h.look, dir: h.dir, foreign: h.foreign}
			moments := 2
			if *table {
				moments = 15
			}
			what.ready()
			long := h.lasts(houseName, what.args...)
			killed, halves := 0, 0
			for i := range moments {
				what.ready()
				if h.killed(long*time.Duration(i+1)/time.Duration(moments+1), houseName, what.args...) {
					killed++
				}
				_, unfinished := h.whole(what.rows...)
				halves += min(1, unfinished)
				if i%3 == 2 { // dropped, and nothing is left
					h.must(houseName, "drop")
					if ours, unfinished := h.whole(); len(ours) > 0 || unfinished > 0 {
						t.Errorf("moment %d: left %q, and %d without names", i, ours, unfinished)
					}
					continue
				}
				h.must(houseName, what.args...)
				ours, unfinished := h.whole(what.rows[len(what.rows)-1])
				if !slices.Equal(ours, what.ours) || unfinished > 0 {
					t.Errorf("moment %d: there are %q, and %d without names", i, ours, unfinished)
				}
			}
			if killed == 0 {
				t.Error("never killed")
			}
			h.tell(what.name, fmt.Sprintf("%d moments, left without a name %d times, and removed", killed, halves))
		})
	}
}

// TestFaultsOfSources: who is connected to what is copied is waited for and named, and what was loaded stays.
func TestFaultsOfSources(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	till := func(database string) *pgx.Conn {
		config, err := pgx.ParseConfig(h.server.URL(database))
		if err != nil {
			t.Fatal(err)
		}
		config.RuntimeParams["application_name"] = "the till"
		conn, err := pgx.ConnectConfig(context.Background(), config)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = conn.Close(context.Background()) })
		return conn
	}
	h.must(houseName, "create", "--template=template")
	at := till(houseName)
	code, said := h.run(houseName, "load", "rows.sql", "--clones=2", "--lock-timeout=500ms")
	for _, want := range []string{"the till", "postgres", "The load is committed. No clone was made.", "lock-timeout"} {
		if code != problem.Timeout || !strings.Contains(said, want) {
			t.Errorf("exit code %d, without %q:\n%s", code, want, said)
		}
	}
	if ours, unfinished := h.whole(houseRows); !slices.Equal(ours, []string{houseName}) || unfinished > 0 {
		t.Errorf("there are %q, and %d without names", ours, unfinished)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		code, said = h.run(houseName, "load", "rows.sql", "--clones=2", "--lock-timeout=1m")
	}()
	// CREATE DATABASE locks what it copies, and looks then who is connected to that.
	h.await(`SELECT count(*) > 0 FROM pg_locks l JOIN pg_stat_activity a ON a.pid = l.pid WHERE a.application_name = 'house' AND l.classid = 'pg_database'::regclass
		AND l.mode = 'ShareLock' AND l.granted AND l.objid = (SELECT oid FROM pg_database WHERE datname = '`+houseName+`')`, "no clone is under way")
	_ = at.Close(context.Background())
	<-ended
	if code != problem.OK {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if ours, _ := h.whole(houseRows); len(ours) != 3 {
		t.Errorf("there are %q", ours)
	}
	h.tell("a clone's source in use", "named, waited for; the load stays")

	till("template")
	code, said = h.run("made_from", "load", "rows.sql", "--create-database", "--template=template", "--lock-timeout=500ms")
	if code != problem.Timeout || !strings.Contains(said, "the till") || strings.Contains(said, "committed") {
		t.Errorf("exit code %d\n%s", code, said)
	}
	if ours, unfinished := h.whole(houseRows); len(ours) != 3 || unfinished > 0 {
		t.Errorf("there are %q, and %d without names", ours, unfinished)
	}
	h.tell("a template in use", "named, waited for; nothing is made")
}

// TestFaultsOfAFullDisk: a clone that finds no room is not there, older ones stay, and what was loaded stays. (PostgreSQL may find that a
// disk is full only when it writes what a clone is made of, which is later: then nobody can connect to it until there is room.)
func TestFaultsOfAFullDisk(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	for dir := folder; dir != os.TempDir() && dir != "/"; dir = filepath.Dir(dir) { // the server is another user
		_ = os.Chmod(dir, 0o755)
	}
	if err := mountSmall(folder, "size=64m"); err != nil {
		t.Skipf("no small disk can be mounted here (it needs root): %v", err)
	}
	t.Cleanup(func() { _ = syscall.Unmount(folder, 0) })
	h := newHouse(t, folder)
	h.must(houseName, "create", "--template=template")
	h.must(houseName, "load", "rows.sql", "--clones="+houseName+"_old")
	code, said := h.run(houseName, "load", "rows.sql", "--clones=made_1\nmade_2\nmade_3\nmade_4\nmade_6\nmade_7\nmade_8\nmade_9\nmade_old")
	switch { // PostgreSQL copies small databases through the log, and finds room for that
	case code == problem.OK && strings.Contains(said, "could not be dropped, which the next run does"):
	case code == problem.Database && strings.Contains(said, "The load is committed.") && strings.Contains(said, "disk"):
	default:
		t.Errorf("exit code %d:\n%s", code, said)
	}
	if err := remountSmall(folder, "size=512m"); err != nil {
		t.Fatal(err)
	}
	h.ask("CHECKPOINT")
	ours, unfinished := h.whole(houseRows)
	if !slices.Contains(ours, houseName+"_old") || unfinished > 0 != strings.Contains(said, "could not be dropped") {
		t.Errorf("there are %q, and %d without names", ours, unfinished)
	}
	made := 0
	for i := range 9 {
		name := fmt.Sprintf("%s_%d", houseName, i+1)
		there, told := slices.Contains(ours, name), strings.Contains(said, "clone "+name+"\n")
		if told {
			made++
		}
		if there != told {
			t.Errorf("%s: said to be made: %v, there: %v\n%s", name, told, there, said)
		}
	}
	h.tell("a full disk while cloning", fmt.Sprintf("%d of 9 clones made, the others not there; the load stays", made))
	h.must(houseName, "drop")
	if ours, unfinished := h.whole(); len(ours) > 0 || unfinished > 0 {
		t.Errorf("left: %q, and %d without names", ours, unfinished)
	}
}

// TestFaultsOfAFullDiskInOneFile: the same where the server may make no file as large as one of the source's.
func TestFaultsOfAFullDiskInOneFile(t *testing.T) {
	t.Parallel()
	h := newHouse(t, "")
	h.must(houseName, "create", "--template=template")
	h.must(houseName, "load", "rows.sql", "--clones=1")
	pgtest.Exec(t, h.server.URL(houseName), "CREATE TABLE large AS SELECT repeat(md5(i::text), 200) AS a FROM generate_series(1, 60000) i; ALTER TABLE large ALTER a SET STORAGE EXTERNAL;"+
		"UPDATE large SET a = a; UPDATE large SET a = a; CHECKPOINT")
	if err := h.server.RestartUnder(context.Background(), smallFiles); err != nil {
		t.Fatal(err)
	}
	h.connect()
	code, said := h.run(houseName, "load", "rows.sql", "--clones=2")
	for _, want := range []string{"The load is committed. No clone was made.", "File too large"} {
		if code != problem.Database || !strings.Contains(said, want) {
			t.Errorf("exit code %d, without %q:\n%s", code, want, said)
		}
	}
	if ours, unfinished := h.whole(houseRows); !slices.Equal(ours, []string{houseName, houseName + "_1"}) || unfinished > 0 {
		t.Errorf("there are %q, and %d without names", ours, unfinished)
	}
	h.tell("no room for a file of a clone", "no clone made, the older one and the load stay")
	h.must(houseName, "drop")
	if ours, unfinished := h.whole(); len(ours) > 0 || unfinished > 0 {
		t.Errorf("left: %q, and %d without names", ours, unfinished)
	}
}
