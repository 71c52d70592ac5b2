package differential

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

var (
	misfitSeed  = flag.Uint64("misfit-seed", builtInSeed, "seed of the random misfits")
	misfitCases = flag.Int("misfit-cases", 15, "how many scripts, and folders of each format; 15 have each kind of misfit once")
	misfitFirst = flag.Int("misfit-first", 0, "the number of the first of them: with -misfit-cases 1 it is repeated alone")
)

// TestRandomMisfitScripts has nothing told of scripts that load, whatever they are; and of scripts with one thing in them that does not fit
// just that, with its table, column, count and place, both by a comparison and by the load that fails for it.
func TestRandomMisfitScripts(t *testing.T) {
	t.Parallel()
	needServer(t)
	seen := newMisfitCount(t, "scripts")
	shareOut(*misfitFirst, *misfitCases, func() bool { return false }, func() func(int) {
		b := newMisfitBench(t)
		return func(n int) {
			free := generate(*misfitSeed, n)
			if load, said := b.fits(free); load {
				seen.good("any", n, said, free)
			}
			p := &plant{kind: plantKinds[n%len(plantKinds)], at: -1}
			c := generateWith(*misfitSeed, n, p)
			load, said := b.fits(c)
			if !load {
				seen.left(n, said)
				return
			}
			seen.good("foreseen", n, said, c)
			first := spared(p.kind)
			if p.n <= first {
				return // no row of the table, or no statement
			}
			at := first + int(*misfitSeed+uint64(n)*7919)%(p.n-first)
			p = &plant{kind: p.kind, at: at}
			c = generateWith(*misfitSeed, n, p)
			for _, how := range []string{"check", c.mode} {
				seen.planted(p.kind, n, how, b.misfit(c, p, how), c)
			}
		}
	})
	seen.judge(*misfitSeed)
}

// spared gives how many rows of a table come before the first that a misfit can be planted into: a duplicate needs one before it.
func spared(kind fit.Kind) int {
	if kind == fit.Duplicate {
		return 1
	}
	return 0
}

// rowPlantKinds are the kinds that are planted into files of rows. What the server computes or numbers is none there: it is left out.
var rowPlantKinds = slices.DeleteFunc(slices.Clone(plantKinds), func(k fit.Kind) bool { return k == fit.Generated || k == fit.Identity })

// TestRandomMisfitRows does the same for folders of csv and of jsonl, by the program.
func TestRandomMisfitRows(t *testing.T) {
	t.Parallel()
	needServer(t)
	for _, format := range []string{"csv", "jsonl"} {
		t.Run(format, func(t *testing.T) {
			seen := newMisfitCount(t, format)
			shareOut(*misfitFirst, *misfitCases, func() bool { return false }, func() func(int) {
				b := newRowBench(t)
				return func(n int) {
					free := randomRows(*misfitSeed, n, format)
					if load, said := b.fits(free); load {
						seen.good("any", n, said, free)
					}
					kind := rowPlantKinds[n%len(rowPlantKinds)]
					c := randomRowsWith(*misfitSeed, n, format, &plant{kind: kind, at: -1})
					if kind != fit.NoTable {
						load, said := b.fits(c)
						if !load {
							seen.left(n, said)
							return
						}
						seen.good("foreseen", n, said, c)
					}
					first := spared(kind)
					rows := c.tables[0].rows
					if rows <= first {
						return
					}
					p := &plant{kind: kind, at: first + int(*misfitSeed+uint64(n)*7919)%(rows-first)}
					c = randomRowsWith(*misfitSeed, n, format, p)
					p.foundIn(c.tables[0])
					for _, how := range []string{"check", "load"} {
						seen.planted(kind, n, how, b.misfit(c, p, how), c)
					}
				}
			})
			seen.judge(*misfitSeed)
		})
	}
}

// misfitCount is what was seen.
type misfitCount struct {
	t          *testing.T
	what       string
	start      time.Time
	mu         sync.Mutex
	fits       map[string]int
	kinds      map[fit.Kind]int
	notGood    int
	wrong      int
	whyNotGood string
}

func newMisfitCount(t *testing.T, what string) *misfitCount {
	t.Helper()
	return &misfitCount{t: t, what: what, start: time.Now(), fits: map[string]int{}, kinds: map[fit.Kind]int{}}
}

// left counts a case that does not load as it is.
func (s *misfitCount) left(n int, why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.notGood++
	s.whyNotGood = fmt.Sprintf("case %d: %s", n, why)
}

// good counts a case that loads. said is what was told of it, "" for nothing.
func (s *misfitCount) good(which string, n int, said string, c fmt.Stringer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.fits[which]++
	if said != "" {
		s.tell("case %d (%s) of seed %d loads, and yet is said not to fit: %s\n%s", n, which, *misfitSeed, said, c)
	}
}

// planted counts a case with a misfit. said is what was told otherwise than it should be, "" for nothing.
func (s *misfitCount) planted(kind fit.Kind, n int, how, said string, c fmt.Stringer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.kinds[kind]++
	if said != "" {
		s.tell("case %d of seed %d with %s, by %s: %s\n%s", n, *misfitSeed, kind, how, said, c)
	}
}

func (s *misfitCount) tell(format string, args ...any) {
	const shown = 3
	s.wrong++
	said := fmt.Sprintf(format, args...)
	if s.wrong > shown {
		said, _, _ = strings.Cut(said, "\n")
	}
	s.t.Error(said)
}

func (s *misfitCount) judge(seed uint64) {
	s.t.Helper()
	s.t.Logf("%s of seed %d in %s: said to fit as they should: %v; %d do not load as they are; %d wrong", s.what, seed, time.Since(s.start).Round(time.Second), s.fits, s.notGood, s.wrong)
	for _, kind := range slices.Sorted(maps.Keys(s.kinds)) {
		s.t.Logf("%-14s %6d", kind, s.kinds[kind])
	}
	all := s.notGood
	for which, n := range s.fits {
		if which != "any" {
			all += n
		}
	}
	if s.notGood > all/5 {
		s.t.Errorf("%d of %d do not load as they are: the generator is off (%s)", s.notGood, all, s.whyNotGood)
	}
}

// misfitBench is a database and a folder.
type misfitBench struct {
	t     *testing.T
	url   string
	admin *pgx.Conn
	dir   string
}

func newMisfitBench(t *testing.T) *misfitBench {
	t.Helper()
	b := &misfitBench{t: t, url: server.NewDatabase(t), dir: t.TempDir()}
	b.admin = connect(t, b.url)
	_, err := b.admin.PgConn().Exec(context.Background(), helpers+"; SET client_min_messages = warning").ReadAll()
	must(t, err)
	return b
}

// String is what a case does.
func (c generated) String() string { return script(c.setup) + "-- the script:\n" + script(c.items) }

// setUp makes the schema of a case, and its script.
func (b *misfitBench) setUp(c generated) (cleanUp func()) {
	ctx := context.Background()
	create := ""
	for _, s := range c.schemas() {
		create += "DROP SCHEMA IF EXISTS " + s + " CASCADE; CREATE SCHEMA " + s + ";"
	}
	if c.mode == "owner" {
		create += "GRANT ALL ON SCHEMA " + strings.Join(c.schemas(), ", ") + " TO own1; SET ROLE own1;"
	}
	_, err := b.admin.PgConn().Exec(ctx, create+"SET search_path = "+c.schemas()[0]+";"+script(c.setup)+"; RESET ROLE; RESET search_path").ReadAll()
	must(b.t, err)
	must(b.t, os.WriteFile(filepath.Join(b.dir, "load.sql"), []byte(script(c.items)), 0o644))
	return func() {
		_, err := b.admin.PgConn().Exec(ctx, "DROP SCHEMA "+strings.Join(c.schemas(), ", ")+" CASCADE").ReadAll()
		must(b.t, err)
	}
}

func (b *misfitBench) options(c generated) load.Options {
	role := superuser
	if c.mode == "owner" {
		role = "own1"
	}
	config, err := pgx.ParseConfig(as(b.t, b.url, role))
	must(b.t, err)
	o := load.Options{Target: config, Script: load.Script{FS: os.DirFS(b.dir), Name: "load.sql"}, ForeignKeys: load.Enforce, SkipAnalyze: true}
	o.Eager(c.small)
	return o
}

// fits loads a case in a dry run. Where that is possible, said is what of it is said not to fit.
func (b *misfitBench) fits(c generated) (loads bool, said string) {
	defer b.setUp(c)()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o := b.options(c)
	o.DryRun = true
	result, err := load.Run(ctx, o)
	if err != nil {
		return false, err.Error()
	}
	compared, err := load.Compare(ctx, b.options(c))
	if err != nil {
		return true, "it cannot be compared: " + err.Error()
	}
	return true, findingsOf(result.Fit) + findingsOf(compared)
}

// misfit compares a case, or loads it, and gives what is wrong with what is said of it; "" if nothing is.
func (b *misfitBench) misfit(c generated, p *plant, how string) string {
	defer b.setUp(c)()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	o := b.options(c)
	if how == "check" {
		found, err := load.Compare(ctx, o)
		if err != nil {
			return "it cannot be compared: " + err.Error()
		}
		return differs(found, p.found)
	}
	switch how {
	case "none":
		o.Transaction = load.None
	case "jobs":
		o.Transaction, o.Jobs = load.None, 2
	}
	result, err := load.Run(ctx, o)
	var told *problem.Error
	switch {
	case !errors.As(err, &told):
		return fmt.Sprintf("it loads: %v", err)
	case p.ofStatement() && o.Transaction == load.None:
		return "" // the server alone says it
	}
	want := *p.found
	if p.ofStatement() {
		want.rows = 0 // nothing was looked at but the catalog
	}
	if said := differs(result.Fit, &want); said != "" {
		return said + "\n" + err.Error()
	}
	return ""
}

// toldOf is the JSON line of a run.
type toldOf struct {
	Code     problem.Code  `json:"exit-code"`
	Error    string        `json:"error"`
	Findings []fit.Finding `json:"findings"`
}

// say has the program do a command with a case.
func (b *rowBench) say(c rowCase, command string, args ...string) (told toldOf) {
	ctx, conn := context.Background(), b.admin[c.encoding][1]
	_, err := conn.PgConn().Exec(ctx, c.schema()).ReadAll()
	must(b.t, err)
	dir, err := os.MkdirTemp(b.dir, "case")
	must(b.t, err)
	defer func() { _ = os.RemoveAll(dir) }()
	must(b.t, os.Mkdir(filepath.Join(dir, "export"), 0o755))
	for _, t := range c.tables {
		must(b.t, os.WriteFile(filepath.Join(dir, "export", t.file), []byte(t.text), 0o600))
	}
	var stdout, stderr bytes.Buffer
	args = append([]string{command, "export", "--output=json", "--database-url=" + as(b.t, b.urls[c.encoding].ours, c.role), "--analyze=false", "--foreign-keys=enforce"}, args...)
	seed.Main(ctx, seed.Process{Args: args, Environ: []string{"GITHUB_WORKSPACE=" + dir, "PATH=" + os.Getenv("PATH")}, Stdout: &stdout, Stderr: &stderr, Version: "test"})
	if err := json.Unmarshal(stdout.Bytes(), &told); err != nil {
		b.t.Errorf("%v: %s%s", err, stdout.String(), stderr.String())
	}
	return told
}

// fits loads a case in a dry run. Where that is possible, said is what of it is said not to fit.
func (b *rowBench) fits(c rowCase) (loads bool, said string) {
	c.before = ""
	if dry := b.say(c, "load", "--dry-run"); dry.Code != problem.OK || len(dry.Findings) > 0 {
		return dry.Code == problem.OK, dry.Error
	}
	told := b.say(c, "check")
	if told.Code != problem.OK || len(told.Findings) > 0 {
		return true, fmt.Sprint(told.Code, told.Error, told.Findings)
	}
	return true, ""
}

// TestFitsInTheClientsEncoding compares rows that are in the client encoding from the first on, with a script's and with files.
func TestFitsInTheClientsEncoding(t *testing.T) {
	t.Parallel()
	needServer(t)
	b := newRowBench(t)
	for _, c := range []rowCase{{role: "lat", encoding: "UTF8"}, {role: "lat", encoding: "LATIN1"}, {role: superuser, encoding: "LATIN1"}, {role: superuser, encoding: "SQL_ASCII"}} {
		c.setup = "CREATE TABLE t1 (id int PRIMARY KEY, c1 varchar(3)); GRANT ALL ON t1 TO lat;"
		for _, file := range []rowTable{
			{file: "t1.csv", text: "id,c1\n1,\xe9\xe8\xe0\n"},
			{file: "load.sql", text: "INSERT INTO t1 VALUES (1, '\xe9\xe8\xe0');\nINSERT INTO t1 VALUES (2, '\xe9');\n"},
			{file: "load.sql", text: "COPY t1 FROM stdin;\n1\t\xe9\xe8\xe0\n\\.\n"},
		} {
			c.tables = []rowTable{file}
			if loads, said := b.fits(c); !loads || said != "" {
				t.Errorf("%s in %s: %q loads: %t, and is said not to fit: %s", c.role, c.encoding, file.text, loads, said)
			}
		}
	}
}

// misfit compares a case, or loads it, and gives what is wrong with what is said of it; "" if nothing is.
func (b *rowBench) misfit(c rowCase, p *plant, how string) string {
	told := b.say(c, how)
	if told.Code != problem.Database {
		return fmt.Sprintf("exit code %d: %s", told.Code, told.Error)
	}
	if said := differs(fit.Report{Findings: told.Findings}, p.found); said != "" {
		return said + "\n" + told.Error
	}
	return ""
}

// foundIn says what is to be found in a table's file.
func (p *plant) foundIn(t rowTable) {
	p.found = &misfound{p.kind, "public." + p.name, "planted", 1, t.file, p.item}
	switch p.kind {
	case fit.NoTable:
		p.found.table, p.found.column, p.found.rows, p.found.line = p.name, "", 0, 1
	case fit.NoColumn:
		p.found.rows = 0
		if strings.HasSuffix(t.file, ".csv") {
			p.found.line = 1
		} else {
			p.found.line = -1 // the first line that has the key
		}
	case fit.NoDefault:
		p.found.rows, p.found.line = int64(t.rows), -1
	default:
		if !t.single {
			p.found.line = -1
		}
	}
}

// differs compares findings with the one that there is to be.
func differs(have fit.Report, want *misfound) string {
	var all []misfound
	for _, f := range have.Findings {
		one := misfound{f.Kind, f.Table, f.Column, f.Rows, "", 0}
		if len(f.Examples) > 0 {
			one.file, one.line = f.Examples[0].File, f.Examples[0].Line
		}
		all = append(all, one)
	}
	if len(all) == 1 {
		if want.line < 0 { // it is not known
			all[0].line = -1
		}
		if all[0] == *want {
			return ""
		}
	}
	return fmt.Sprintf("found %v, want %v; %s", all, *want, strings.Join(have.Unknown, "; "))
}

// findingsOf gives the findings alone.
func findingsOf(r fit.Report) string {
	r.Unknown = nil
	return r.Text()
}
