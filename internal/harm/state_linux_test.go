package harm

import (
	"crypto/sha256"
	"fmt"
	"io/fs"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// house is what stands around one attempt: all that the program is given to write to, and what it must not touch.
type house struct {
	dir string // all of it, but for the database
	db  string
}

// Folders and files of the house. GitHub makes the files before a step and reads them after it.
const (
	homeDir   = "home"
	tempDir   = "temp"
	runnerDir = "runner"
	workDir   = "work"
	cacheDir  = "cache"
	fileEnv   = "GITHUB_ENV"
	filePath  = "GITHUB_PATH"
	fileState = "GITHUB_STATE"
	fileOut   = "GITHUB_OUTPUT"
	fileSum   = "GITHUB_STEP_SUMMARY"
)

func (h house) path(name string) string { return filepath.Join(h.dir, name) }

func (h house) build(t *testing.T) {
	t.Helper()
	for _, name := range []string{homeDir, tempDir, runnerDir, workDir, cacheDir} {
		if err := os.Mkdir(h.path(name), 0o755); err != nil {
			t.Fatal(err)
		}
	}
	for _, name := range []string{fileEnv, filePath, fileState, fileOut, fileSum} {
		if err := os.WriteFile(h.path(name), nil, 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

// environ is the environment of a program in the house.
func (h house) environ() []string {
	env := []string{"PATH=" + os.Getenv("PATH"), "HOME=" + h.path(homeDir), "TMPDIR=" + h.path(tempDir), "RUNNER_TEMP=" + h.path(runnerDir),
		"GITHUB_WORKSPACE=" + h.path(workDir)}
	for _, name := range []string{fileEnv, filePath, fileState, fileOut, fileSum} {
		env = append(env, name+"="+h.path(name))
	}
	return env
}

// state is how all is: of files the mode and the content, of the database its dump and what no dump has.
type state map[string]string

// ofServer is what a dump of a database leaves out: what the whole server has (roles, settings, transactions kept for later), and the
// catalog's own rows, of which a dump tells those of the user's.
const ofServer = `WITH shared(kind, it) AS (
	SELECT 'role', r::text FROM pg_authid r
	UNION ALL SELECT 'member', m::text FROM pg_auth_members m
	UNION ALL SELECT 'setting of a role', s::text FROM pg_db_role_setting s WHERE setdatabase IN (0, (SELECT oid FROM pg_database WHERE datname = current_database()))
	UNION ALL SELECT 'tablespace', s::text FROM pg_tablespace s
	UNION ALL SELECT 'comment', s::text FROM pg_shdescription s WHERE classoid <> 'pg_database'::regclass OR objoid = (SELECT oid FROM pg_database WHERE datname = current_database())
	UNION ALL SELECT 'label', s::text FROM pg_shseclabel s
	UNION ALL SELECT 'subscription', s.subname FROM pg_subscription s
	UNION ALL SELECT 'slot', s.slot_name FROM pg_replication_slots s WHERE NOT temporary
	UNION ALL SELECT 'setting', concat(name, '=', setting, error) FROM pg_file_settings
	UNION ALL SELECT 'prepared', gid FROM pg_prepared_xacts WHERE database = current_database()
	UNION ALL SELECT 'session', concat(application_name, ': ', query) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
	UNION ALL SELECT 'lock', l::text FROM pg_locks l WHERE locktype = 'advisory' AND database = (SELECT oid FROM pg_database WHERE datname = current_database())
	UNION ALL SELECT 'functions', md5(string_agg(x::text, ' ' ORDER BY oid)) FROM pg_proc x
	UNION ALL SELECT 'indexes', md5(string_agg(x::text, ' ' ORDER BY indexrelid)) FROM pg_index x
	UNION ALL SELECT 'triggers', md5(string_agg(x::text, ' ' ORDER BY oid)) FROM pg_trigger x
	UNION ALL SELECT 'constraints', md5(string_agg(x::text, ' ' ORDER BY oid)) FROM pg_constraint x
	UNION ALL SELECT 'types', md5(string_agg(x::text, ' ' ORDER BY oid)) FROM pg_type x
	UNION ALL SELECT 'operators', md5(string_agg(x::text, ' ' ORDER BY oid)) FROM pg_operator x
	UNION ALL SELECT 'casts', md5(string_agg(x::text, ' ' ORDER BY oid)) FROM pg_cast x
	UNION ALL SELECT 'rules', md5(string_agg(x::text, ' ' ORDER BY oid)) FROM pg_rewrite x
	UNION ALL SELECT 'columns', md5(string_agg(x::text, ' ' ORDER BY attrelid, attnum)) FROM pg_attribute x
	UNION ALL SELECT 'dependencies', md5(string_agg(x::text, ' ' ORDER BY x::text)) FROM pg_depend x
	UNION ALL SELECT 'relations', md5(string_agg(concat_ws(' ', oid, relname, relnamespace, relowner, relkind, relpersistence, relhasindex, relhasrules, relhastriggers,
		relrowsecurity, relforcerowsecurity, relreplident, relispartition, relacl, reloptions), ' ' ORDER BY oid)) FROM pg_class)
	SELECT concat(kind, ' ', it) FROM shared ORDER BY 1 COLLATE "C"`

// restricted finds the words that pg_dump makes anew for each dump.
var restricted = regexp.MustCompile(`(?m)^\\(un)?restrict .*\n`)

// look tells how all is. The rows of t, which a script may mean to change, are told apart.
func (h house) look(t *testing.T) (all state, rows string) {
	t.Helper()
	all = state{}
	all.files(t, "disk ", h.dir, func(string) bool { return true })
	data := pgtest.Shared(t).DataDir()
	all.files(t, "server's disk ", data, func(path string) bool { // what is below changes all the time
		return filepath.Dir(path) == data && filepath.Base(path) != "postmaster.pid"
	})
	all["dump"] = restricted.ReplaceAllString(pgtest.Dump(t, h.db, "--create", "--blobs", "--exclude-table-data=public.t"), "")
	shared, said, _ := pgtest.Psql(t, h.db, "-Atc", ofServer)
	all["server"] = shared + said
	rows, said, _ = pgtest.Psql(t, h.db, "-Atc", "SELECT string_agg(a, ',') FROM public.t")
	return all, strings.TrimSuffix(rows, "\n") + said
}

// files adds the files below a folder that are meant.
func (s state) files(t *testing.T, kind, dir string, meant func(path string) bool) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		if path == dir {
			return nil
		}
		if !meant(path) {
			if entry.IsDir() {
				return fs.SkipDir
			}
			return nil
		}
		info, err := entry.Info()
		if err != nil {
			return err
		}
		is := info.Mode().String()
		switch {
		case info.Mode().IsRegular():
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			is += fmt.Sprintf(" %d bytes %x", len(text), sha256.Sum256(text))
		case info.Mode()&fs.ModeSymlink != 0:
			target, err := os.Readlink(path)
			if err != nil {
				return err
			}
			is += " to " + target
		}
		s[kind+strings.TrimPrefix(path, dir+string(filepath.Separator))] = is
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// changes tells what is another than it was, but for what may be.
func (s state) changes(now state, may func(what string) bool) (all []string) {
	names := maps.Clone(s)
	maps.Copy(names, now)
	for _, name := range slices.Sorted(maps.Keys(names)) {
		if before, after := s[name], now[name]; before != after && !may(name) {
			all = append(all, name+": "+lineChanged(before, after))
		}
	}
	return all
}

// lineChanged gives the lines that one of two texts has and the other has not.
func lineChanged(before, after string) string {
	var told []string
	for _, way := range []struct{ sign, from, other string }{{"-", before, after}, {"+", after, before}} {
		there := map[string]bool{}
		for line := range strings.SplitSeq(way.other, "\n") {
			there[line] = true
		}
		for line := range strings.SplitSeq(way.from, "\n") {
			if line != "" && !there[line] {
				told = append(told, way.sign+line)
			}
		}
	}
	return fmt.Sprintf("%.600s", strings.Join(told, "\n"))
}

// outputNames are the outputs of the action, each written once by a run.
var outputNames = regexp.MustCompile(`(?m)^  ([a-z0-9-]+):`)

// declaredOutputs reads them from action.yml.
func declaredOutputs(t *testing.T) (names []string) {
	t.Helper()
	text, err := os.ReadFile("../../action.yml")
	if err != nil {
		t.Fatal(err)
	}
	_, outputs, _ := strings.Cut(string(text), "\noutputs:\n")
	outputs, _, _ = strings.Cut(outputs, "\nruns:")
	for _, found := range outputNames.FindAllStringSubmatch(outputs, -1) {
		names = append(names, found[1])
	}
	if len(names) < 5 {
		t.Fatalf("action.yml declares the outputs %q", names)
	}
	return names
}

// heredoc begins a value of several lines in GITHUB_OUTPUT.
var heredoc = regexp.MustCompile(`^([^=]*?)<<(.+)$`)

// environment looks at the files by which a step says something to GitHub: only outputs and a summary are written, outputs are those that the
// action declares, each once.
func (h house) environment(t *testing.T) (wrong []string) {
	t.Helper()
	read := func(name string) string {
		text, err := os.ReadFile(h.path(name))
		if err != nil {
			t.Fatal(err)
		}
		return string(text)
	}
	for _, name := range []string{fileEnv, filePath, fileState} {
		if text := read(name); text != "" {
			wrong = append(wrong, fmt.Sprintf("%s holds %.200q", name, text))
		}
	}
	declared, seen := declaredOutputs(t), map[string]bool{}
	lines := strings.Split(strings.TrimSuffix(read(fileOut), "\n"), "\n")
	for i := 0; i < len(lines) && lines[0] != ""; i++ { // as the runner reads them
		name, _, one := strings.Cut(lines[i], "=")
		if found := heredoc.FindStringSubmatch(lines[i]); found != nil && (!one || len(found[1]) < len(name)) {
			name = found[1]
			for i++; i < len(lines) && lines[i] != found[2]; i++ {
			}
			if i == len(lines) {
				wrong = append(wrong, "the output "+name+" has no end")
			}
		} else if !one {
			wrong = append(wrong, fmt.Sprintf("a line of outputs is %.100q", lines[i]))
		}
		if !slices.Contains(declared, name) || seen[name] {
			wrong = append(wrong, fmt.Sprintf("an output that is not declared, or comes twice: %.100q", name))
		}
		seen[name] = true
	}
	summary := read(fileSum)
	if len(summary) > 1<<20 {
		wrong = append(wrong, fmt.Sprintf("a summary of %d bytes", len(summary)))
	}
	if found := unseen.FindString(summary); found != "" {
		wrong = append(wrong, fmt.Sprintf("the summary has %q", found))
	}
	for _, file := range []string{fileOut, fileSum} {
		if text := read(file); strings.Contains(text, password) || strings.Contains(text, secretText) {
			wrong = append(wrong, file+" has a secret")
		}
	}
	return wrong
}

// unseen are signs that turn what is read, and HTML that GitHub would draw otherwise than as text.
var unseen = regexp.MustCompile("[\x00-\x08\x0b\x0c\x0e-\x1f\u200b-\u200f\u202a-\u202e\u2066-\u2069]|<script|<img|<a ")
