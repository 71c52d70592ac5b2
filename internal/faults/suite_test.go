//go:build unix

package faults

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"encoding/pem"
	"flag"
	"fmt"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"runtime/pprof"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

var table = flag.Bool("table", false, "print one line a fault")

func TestMain(m *testing.M) {
	if os.Getenv(asProgram) != "" {
		os.Exit(program())
	}
	leaks.Main(pgtest.Tests{M: tests{m}})
}

// tests is the package's tests, with the server that they restart stopped at the end.
type tests struct{ m *testing.M }

func (t tests) Run() int {
	code := t.m.Run()
	if ownServer.server != nil {
		if err := ownServer.server.Stop(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = max(code, 1)
		}
	}
	return code
}

// What a run may leave in the database.
const (
	unchanged = "unchanged" // as it was before
	complete  = "complete"  // what psql leaves
	partial   = "in part"   // with transaction none, and said
	unknown   = "not known" // complete or unchanged, which the message does not claim to know
)

// fault is one row of the suite.
type fault struct {
	name  string // what goes wrong
	api   simulator.Options
	proxy []Fault
	tls   func(*httptest.Server) // the API is served over TLS, changed like this; nil means plain
	args  []string
	// url changes the address of the database.
	url func(w *world, u *url.URL)
	// prepare arranges the world before the run.
	prepare func(w *world)
	// during goes on beside the run, which ends with it at the latest where it is cancelled.
	during func(w *world)

	code  problem.Code
	says  []string              // all of these are in the log
	never []string              // none of these is
	after string                // what is in the database then; "" means unchanged, or complete for code 0
	check func(w *world) string // in place of comparing dumps: what is wrong with the database, or nothing
	data  []byte                // what was served in place of an export: complete is then what psql makes of it
	tasks int                   // started, if not one
	limit time.Duration         // for the verdict; 0 means defaultLimit
}

const defaultLimit = 12 * time.Second // with the settings below; on a machine that others use

// world is what one run has around it.
type world struct {
	t         *testing.T
	server    *pgtest.Server
	own       bool // the server is the one that is restarted
	slot      *slot
	changed   bool   // more than rows: schema, roles, server
	state     string // of the database when all is over; "" means not known
	db        string // straight to the database
	api       *simulator.Server
	apiURL    string
	web       *httptest.Server
	proxy     *Proxy
	args      []string
	env       []string
	temp, dir string
	tempDir   string // in place of temp; may be empty
	app       string // application_name of the run's sessions
	ctx       context.Context
	cancel    context.CancelFunc
	done      chan struct{} // closed when the run has ended
	before    string        // dump
	release   []func()      // what is held for the time of the run
	holder    *pgx.Conn     // of a lock
	give      func()        // lets go of something
	address   string        // host:port of what stands before the database; may be empty
	out       log
	message   string // the error, as the JSON line has it
}

// log is what a run writes.
type log struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *log) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *log) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}

// row is what a fault came to.
type row struct {
	group, name, verdict string
	code                 problem.Code
	took                 time.Duration
	before, after        string
	left                 int // goroutines, files and sessions
	failed               bool
}

var runs atomic.Int64

// server of the suite: the databases of the runs are copies of one template.
type databases struct {
	server   *pgtest.Server
	template string // its name
	dump     string
	drop     func(name string) // when all is over
	free     chan *slot        // databases to run in, as the template is
	mu       sync.Mutex
	made     int
	expected map[string]func() string // what psql leaves, by what was served
}

// slot is a database that one run after the other has, with a connection to look at it.
type slot struct {
	url  string
	conn *pgx.Conn
}

// atOnce is how many runs go on at a time: most of them wait.
const atOnce = 6

func newDatabases(t *testing.T) *databases {
	t.Helper()
	d := &databases{server: pgtest.Shared(t), template: fmt.Sprintf("faults_%d", runs.Add(1)), expected: map[string]func() string{}}
	d.drop = func(name string) {
		t.Cleanup(func() { pgtest.Exec(t, d.server.URL("postgres"), "DROP DATABASE "+name+" WITH (FORCE)") })
	}
	pgtest.Exec(t, d.server.URL("postgres"), "CREATE DATABASE "+d.template)
	d.drop(d.template)
	pgtest.Exec(t, d.server.URL(d.template), shop.Schema())
	d.psql(t, d.server.URL(d.template), exportOf(1))
	d.dump = pgtest.SortedDump(t, d.server.URL(d.template))
	d.free = make(chan *slot, atOnce)
	for range atOnce {
		d.free <- nil
	}
	t.Cleanup(func() {
		for range atOnce {
			if s := <-d.free; s != nil {
				_ = s.conn.Close(context.Background())
			}
		}
	})
	return d
}

// take gives a database that nobody else has.
func (d *databases) take(t *testing.T) *slot {
	t.Helper()
	s := <-d.free
	if s != nil {
		return s
	}
	s = &slot{url: d.copy(t)}
	var err error
	if s.conn, err = pgx.Connect(context.Background(), s.url); err != nil {
		t.Fatal(err)
	}
	return s
}

// giveBack makes a database as it was, or, where more than rows was changed, has another one made the next time.
func (d *databases) giveBack(s *slot, state string, changed bool) {
	if state != unchanged {
		_, err := s.conn.PgConn().Exec(context.Background(), string(exportOf(1))).ReadAll()
		changed = changed || err != nil
	}
	if changed {
		_ = s.conn.Close(context.Background())
		s = nil
	}
	d.free <- s
}

// copy makes a database as the template is. It is dropped with the template.
func (d *databases) copy(t *testing.T) string {
	t.Helper()
	d.mu.Lock()
	d.made++
	name := fmt.Sprintf("%s_%d", d.template, d.made)
	d.mu.Unlock()
	pgtest.Exec(t, d.server.URL("postgres"), "CREATE DATABASE "+name+" TEMPLATE "+d.template)
	d.drop(name)
	return d.server.URL(name)
}

func (d *databases) psql(t *testing.T, db string, script []byte) {
	t.Helper()
	file := filepath.Join(t.TempDir(), "load.sql")
	if err := os.WriteFile(file, script, 0o600); err != nil {
		t.Fatal(err)
	}
	if _, said, code := pgtest.Psql(t, db, "-q", "-v", "ON_ERROR_STOP=1", "-1", "-f", file); code != 0 {
		t.Errorf("psql: %s", said)
	}
}

// after gives the dump that psql leaves of a script.
func (d *databases) after(t *testing.T, script []byte) string {
	t.Helper()
	d.mu.Lock()
	once := d.expected[string(script)]
	if once == nil {
		once = sync.OnceValue(func() string {
			db := d.copy(t)
			d.psql(t, db, script)
			return pgtest.SortedDump(t, db)
		})
		d.expected[string(script)] = once
	}
	d.mu.Unlock()
	return once()
}

const exportRows = 400

func export(seed uint64) shop.Export {
	return shop.Export{Size: shop.Rows(exportRows), Seed: seed, Format: shop.SQL}
}

var exports sync.Map // of seeds, as scripts

// exportOf gives the script of an export.
func exportOf(seed uint64) []byte {
	if found, ok := exports.Load(seed); ok {
		text, _ := found.([]byte)
		return text
	}
	var b bytes.Buffer
	if err := export(seed).Write(&b); err != nil {
		panic(err)
	}
	exports.Store(seed, b.Bytes())
	return b.Bytes()
}

// settings of every run: limits that are short, so that what hangs is found soon.
func settings() []string {
	return []string{
		"--workspace=w", "--database=shop", "--poll-interval=2ms", "--request-timeout=3s", "--timeout=3s", "--connect-timeout=1500ms",
		"--lock-timeout=500ms", "--sync-sequences=false", "--output=json",
	}
}

// newWorld makes all that a run needs.
func newWorld(t *testing.T, d *databases, f fault) *world {
	t.Helper()
	w := &world{t: t, server: d.server, temp: t.TempDir(), dir: t.TempDir(), app: fmt.Sprintf("fault-%d", runs.Add(1)), done: make(chan struct{}), before: d.dump}
	w.ctx, w.cancel = context.WithCancel(context.Background())
	t.Cleanup(w.cancel)
	w.slot = d.take(t)
	t.Cleanup(func() { d.giveBack(w.slot, w.state, w.changed) }) // also of a fault that is skipped
	w.db = w.slot.url
	o := f.api
	o.TempDir = t.TempDir()
	if o.Export.Size.Total() == 0 {
		o.Export = export(2)
	}
	if f.data != nil && o.Data == nil {
		o.Data = &simulator.Data{Body: f.data, ContentType: "application/sql"}
	}
	o.Polls = cmp.Or(o.Polls, 1)
	w.api = simulator.New(o)
	w.web = httptest.NewUnstartedServer(w.api)
	w.web.Config.ErrorLog = quiet
	if f.tls != nil {
		w.web.TLS = &tls.Config{MinVersion: tls.VersionTLS12}
		f.tls(w.web)
		w.web.StartTLS()
		if err := os.WriteFile(filepath.Join(w.dir, "ca.pem"), pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: w.web.Certificate().Raw}), 0o600); err != nil {
			t.Fatal(err)
		}
	} else {
		w.web.Start()
	}
	t.Cleanup(func() {
		_ = w.api.Close()
		w.web.Close()
	})
	w.apiURL = w.web.URL + simulator.Path
	w.args = append(settings(), f.args...)
	if slices.ContainsFunc(o.Faults, func(f simulator.Fault) bool { return f.Break == simulator.Stall || f.Rate > 0 && f.Rate < 1000 }) {
		w.args = append(w.args, "--request-timeout=600ms")
	}
	if f.prepare != nil {
		f.prepare(w)
	}
	address, err := url.Parse(w.db)
	if err != nil {
		t.Fatal(err)
	}
	if f.proxy != nil && w.proxy == nil {
		w.throughProxy(f.proxy...)
	}
	if w.proxy != nil {
		address.Host = w.proxy.listener.Addr().String()
	} else if w.address != "" {
		address.Host = w.address
	}
	q := address.Query()
	q.Set("application_name", w.app)
	address.RawQuery = q.Encode()
	if f.url != nil {
		f.url(w, address)
	}
	w.env = append(w.env, "RUNNER_TEMP="+cmp.Or(w.tempDir, w.temp), "FABRICATE_API_KEY="+w.api.Key(), "FABRICATE_ALLOW=sql", "FABRICATE_API_URL="+w.apiURL, "DATABASE_URL="+address.String(), "GITHUB_WORKSPACE="+w.dir)
	return w
}

func (w *world) throughProxy(faults ...Fault) {
	u, err := url.Parse(w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	if w.proxy, err = Listen(u.Host, faults...); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(func() { _ = w.proxy.Close() })
}

// run runs the program, and gives its code, its JSON line and how long it took.
func (w *world) run(f fault) (code problem.Code, took time.Duration) {
	var beside sync.WaitGroup
	if f.during != nil {
		beside.Go(func() { f.during(w) })
	}
	start := time.Now()
	pprof.Do(w.ctx, pprof.Labels("run", w.app), func(ctx context.Context) {
		var stdout bytes.Buffer
		code = seed.Main(ctx, seed.Process{Args: w.args, Environ: w.env, Stdout: &stdout, Stderr: &w.out, Version: "v1"})
		var line struct {
			Code  *problem.Code `json:"exit-code"`
			Error string        `json:"error"`
		}
		if err := json.Unmarshal(stdout.Bytes(), &line); err != nil || line.Code == nil || *line.Code != code {
			w.t.Errorf("the JSON line is %q (%v), the exit code %d", stdout.String(), err, code)
		}
		w.message = line.Error
	})
	took = time.Since(start)
	close(w.done)
	for _, release := range w.release {
		release()
	}
	beside.Wait()
	return code, took
}

// left counts what a run has left behind, once it has had the time to go.
func (w *world) left() (all []string) {
	deadline := time.Now().Add(15 * time.Second) // goneCheck of package load, and some
	for {
		all = nil
		entries, _ := os.ReadDir(w.temp)
		for _, e := range entries {
			all = append(all, "file "+e.Name())
		}
		var stacks bytes.Buffer
		_ = pprof.Lookup("goroutine").WriteTo(&stacks, 1)
		for part := range strings.SplitSeq(stacks.String(), "\n\n") {
			if strings.Contains(part, `"run":"`+w.app+`"`) {
				all = append(all, "goroutine "+part)
			}
		}
		const sessions = "SELECT count(*) FROM pg_stat_activity WHERE application_name = '%s'"
		n := w.query(fmt.Sprintf(sessions, w.app))
		if w.own {
			out, said, _ := pgtest.Psql(w.t, w.db, "-Atc", fmt.Sprintf(sessions, w.app))
			n = strings.TrimSpace(out + said)
		}
		if n != "0" {
			all = append(all, n+" sessions")
		}
		if len(all) == 0 || time.Now().After(deadline) {
			return all
		}
		time.Sleep(5 * time.Millisecond)
	}
}

// query asks the server, over the connection that looks on.
func (w *world) query(sql string) string {
	results, err := w.slot.conn.PgConn().Exec(context.Background(), sql).ReadAll()
	if err != nil {
		return err.Error()
	}
	if len(results) == 0 || len(results[len(results)-1].Rows) == 0 {
		return ""
	}
	return string(results[len(results)-1].Rows[0][0])
}

// await waits until something is true, or the run has ended.
func (w *world) await(isTrue func() bool) bool {
	for {
		if isTrue() {
			return true
		}
		select {
		case <-w.done:
			return false
		case <-time.After(2 * time.Millisecond):
		}
	}
}

// sessionIs waits until a session of the run is as SQL says.
func (w *world) sessionIs(condition string) bool {
	return w.await(func() bool {
		return w.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = '"+w.app+"' AND "+condition) != "0"
	})
}

// suite runs faults, and notes what they come to.
type suite struct {
	databases *databases
	todo      []func(*testing.T)
	mu        sync.Mutex
	rows      []row
}

func (s *suite) add(t *testing.T, group string, faults []fault) {
	t.Helper()
	names := map[string]bool{}
	for _, f := range faults {
		if names[f.name] {
			t.Errorf("two faults are named %q", f.name)
		}
		names[f.name] = true
		s.todo = append(s.todo, func(t *testing.T) {
			t.Run(group+"/"+f.name, func(t *testing.T) { s.one(t, group, f) })
		})
	}
}

// all runs what there is to run, several at a time: more than go test would, because most of it waits.
func (s *suite) all(t *testing.T) {
	todo := make(chan func(*testing.T), len(s.todo))
	for _, one := range s.todo {
		todo <- one
	}
	close(todo)
	var work sync.WaitGroup
	for range atOnce {
		work.Go(func() {
			for one := range todo {
				one(t)
			}
		})
	}
	work.Wait()
}

func (s *suite) one(t *testing.T, group string, f fault) {
	w := newWorld(t, s.databases, f)
	code, took := w.run(f)
	r := row{group: group, name: f.name, code: code, took: took, before: "as made"}
	defer func() {
		r.failed = t.Failed()
		s.mu.Lock()
		defer s.mu.Unlock()
		s.rows = append(s.rows, r)
	}()
	said := w.out.String()
	r.verdict = verdict(code, w.message, said)
	if code != f.code {
		t.Errorf("exit code %d, want %d", code, f.code)
	}
	for _, text := range f.says {
		if !strings.Contains(said, text) {
			t.Errorf("no %q in the log", text)
		}
	}
	for _, text := range f.never {
		if strings.Contains(said, text) {
			t.Errorf("%q is in the log", text)
		}
	}
	if limit := cmp.Or(f.limit, defaultLimit); took > limit {
		t.Errorf("the verdict took %s, more than %s", took, limit)
	}
	if want := max(f.tasks, 0); f.tasks == 0 && w.api.Started() > 1 || f.tasks != 0 && w.api.Started() != want {
		t.Errorf("%d tasks were started", w.api.Started())
	}
	if w.proxy != nil {
		if w.proxy.Struck() == 0 && len(f.proxy) > 0 {
			t.Error("the fault did not happen")
		}
		_ = w.proxy.Close()
	}
	left := w.left()
	r.left = len(left)
	if len(left) > 0 {
		t.Errorf("left behind:\n%s", strings.Join(left, "\n"))
	}
	w.state = s.state(t, w, f, said)
	r.after = w.state
	if t.Failed() {
		t.Logf("the log:\n%s", said)
	}
}

// state compares the database with what it was and with what psql would have left, and that with what the fault allows.
func (s *suite) state(t *testing.T, w *world, f fault, said string) string {
	want := f.after
	if want == "" {
		want = unchanged
		if f.code == problem.OK {
			want = complete
		}
	}
	if f.check != nil {
		w.changed = true
		if wrong := f.check(w); wrong != "" {
			t.Error(wrong)
		}
		return want
	}
	if want == partial {
		if !strings.Contains(said, "stay done") {
			t.Error("it does not say that what was done stays")
		}
		return partial
	}
	got := "neither as it was nor complete"
	now := pgtest.SortedDump(t, w.db)
	switch {
	case now == w.before:
		got = unchanged
	case now == s.databases.after(t, w.served(f)):
		got = complete
	}
	if got != want && (want != unknown || got != unchanged && got != complete) {
		t.Errorf("the database is %s, want %s", got, want)
	}
	return got
}

// served gives the script that the run was given.
func (w *world) served(f fault) []byte {
	if f.data != nil {
		return f.data
	}
	seed := cmp.Or(f.api.Export.Seed, 2)
	for _, asked := range f.api.Faults {
		if asked.NewObject {
			seed++
		}
	}
	return exportOf(seed)
}

// verdict gives the last word of a run in one line.
func verdict(code problem.Code, message, said string) string {
	if code != problem.OK {
		line, _, _ := strings.Cut(message, "\n")
		return line
	}
	for _, again := range []string{"loading from the beginning", "Retrying in", "from the start again", "fresh address", "did commit", "waiting"} {
		if strings.Contains(said, again) {
			return "recovered: " + again
		}
	}
	return "withstood"
}

// print writes the table and the totals.
func (s *suite) print() {
	slices.SortFunc(s.rows, func(a, b row) int { return cmp.Or(cmp.Compare(a.group, b.group), cmp.Compare(a.name, b.name)) })
	verdicts, states, left, failed := map[problem.Code]int{}, map[string]int{}, 0, 0
	var longest row
	if *table {
		fmt.Printf("%-12s %-52s %4s %8s  %-10s %4s  %s\n", "phase", "injected", "exit", "time", "database", "left", "verdict")
	}
	for _, r := range s.rows {
		verdicts[r.code]++
		states[r.after]++
		left += r.left
		if r.failed {
			failed++
		}
		if r.took > longest.took {
			longest = r
		}
		if *table {
			fmt.Printf("%-12s %-52s %4d %8s  %-10s %4d  %.110s\n", r.group, r.name, r.code, r.took.Round(time.Millisecond), r.after, r.left, r.verdict)
		}
	}
	fmt.Printf("%d faults: ", len(s.rows))
	for _, code := range []problem.Code{problem.OK, problem.Unexpected, problem.Settings, problem.API, problem.Timeout, problem.Data, problem.Database, problem.Interrupted} {
		if verdicts[code] > 0 {
			fmt.Printf("exit %d %d times, ", code, verdicts[code])
		}
	}
	fmt.Printf("database unchanged %d, complete %d, in part with transaction none %d; %d things left behind; %d not as promised; longest %s (%s)\n",
		states[unchanged], states[complete], states[partial], left, failed, longest.took.Round(time.Millisecond), longest.name)
}

// nowhere gives an address where every connection is refused, until the test ends.
func nowhere(t *testing.T) string {
	t.Helper()
	return fmt.Sprintf("127.0.0.1:%d", pgtest.RefusingPort(t))
}
