package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// attempts are the ways in which a script could reach beyond its archive and its database. docs/security.md has one line
// for each, by its name.
var attempts = []struct {
	name   string
	script string
	says   string // in the error; "" where the command is accepted and does nothing
}{
	{"shell", `\! touch pwned`, "shell command"},
	{"shell-without-space", `\!touch pwned`, "invalid command"},
	{"shell-alone", `\!`, "shell command"},
	{"shell-after-sql", `select 1 \! touch pwned`, "shell command"},
	{"shell-from-variable", "\\set x '\\\\! touch pwned'\n:x", "shell command"},
	{"backquotes-set", "\\set x `touch pwned`", "shell command"},
	{"backquotes-in-a-word", "\\set x a`touch pwned`b", "shell command"},
	{"backquotes-echo", "\\echo `touch pwned`", "shell command"},
	{"backquotes-include", "\\i `touch pwned`", "shell command"},
	{"backquotes-if", "\\if `touch pwned`\n\\endif", "shell command"},
	{"backquotes-connect", "\\connect `touch pwned`", "shell command"},
	{"backquotes-pset", "\\pset title `touch pwned`", "shell command"},
	{"backquotes-describe", "\\d `touch pwned`", "shell command"},
	{"backquotes-with-variable", "\\set v 'touch pwned'\n\\echo `:v`", "shell command"},
	{"backquotes-extra-argument", "\\r `touch pwned`", "shell command"},
	{"copy-from-program", `\copy t from program 'touch pwned'`, "shell command"},
	{"copy-from-program-case", `\copy t FROM PrOgRaM 'touch pwned'`, "shell command"},
	{"copy-from-program-upper", `\COPY t FROM PROGRAM 'touch pwned'`, "shell command"},
	{"copy-to-program-upper", `\Copy t to program 'touch pwned'`, "shell command"},
	{"copy-to-file-upper", `\COPY t to 'pwned'`, "writes a file"},
	{"copy-from-outside-upper", `\COPY t from '/etc/hostname'`, "outside the archive"},
	{"copy-to-program", `\copy t to program 'touch pwned'`, "shell command"},
	{"copy-query-to-program", `\copy (select 1) to program 'touch pwned'`, "shell command"},
	{"copy-program-from-variable", "\\set x '\\\\copy t from program ''touch pwned'''\n:x", "shell command"},
	{"copy-to-file", `\copy t to 'pwned'`, "writes a file"},
	{"copy-to-file-unquoted", `\copy t to pwned`, "writes a file"},
	{"copy-smuggles-a-statement", `\copy t from stdin; copy t from program 'touch pwned'`, "PROGRAM"},
	{"copy-query-reads-a-file", `\copy (select pg_read_file('/etc/hostname')) to stdout`, "pg_read_file"},
	{"copy-from-outside", `\copy t from '../outside'`, "outside the archive"},
	{"copy-from-absolute", `\copy t from '/etc/hostname'`, "outside the archive"},
	{"copy-from-through-dots", `\copy t from 'sub/../../outside'`, "outside the archive"},
	{"g-pipe", `select 1 \g |touch pwned`, "shell command"},
	{"g-pipe-space", `select 1 \g | touch pwned`, "shell command"},
	{"g-options-pipe", `select 1 \g (format=csv) |touch pwned`, "shell command"},
	{"gx-pipe", `select 1 \gx |touch pwned`, "shell command"},
	{"g-file", `select 1 \g pwned`, "writes a file"},
	{"g-file-from-variable", "\\set f pwned\nselect 1 \\g :f", "writes a file"},
	{"g-pipe-from-variable", "\\set f '|touch pwned'\nselect 1 \\g :f", "shell command"},
	{"o-pipe", `\o |touch pwned`, "shell command"},
	{"out-pipe", `\out | touch pwned`, "shell command"},
	{"o-pipe-from-variable", "\\set f '|touch pwned'\n\\o :f", "shell command"},
	{"o-file", `\o pwned`, ""},
	{"w-pipe", `\w |touch pwned`, "shell command"},
	{"w-file", `\w pwned`, "writes a file"},
	{"write-file", `\write pwned`, "writes a file"},
	{"s-file", `\s pwned`, ""},
	{"setenv", `\setenv PGHOST elsewhere`, "environment"},
	{"getenv", `\getenv x HOME`, "environment"},
	{"editor", `\e`, "editor"},
	{"edit-function", `\ef f`, "editor"},
	{"edit-view", `\ev v`, "editor"},
	{"prompt", `\prompt x`, "asks a person"},
	{"password", `\password`, "asks a person"},
	{"lo-export", `\lo_export 1 'pwned'`, "writes a file"},
	{"lo-import-outside", `\lo_import '/etc/hostname'`, "outside the archive"},
	{"include-dots", `\i ../outside`, "outside the archive"},
	{"include-relative-dots", `\ir ../outside`, "outside the archive"},
	{"include-absolute", `\i /etc/hostname`, "outside the archive"},
	{"include-quoted", `\include '/etc/hostname'`, "outside the archive"},
	{"include-from-variable", "\\set f /etc/hostname\n\\i :f", "outside the archive"},
	{"include-relative-absolute", `\ir /etc/hostname`, "outside the archive"},
	{"cd-outside", `\cd ..`, "outside the archive"},
	{"cd-absolute", `\cd /`, "outside the archive"},
	{"cd-home", `\cd`, "leaves the archive"},
	{"cd-then-include", "\\cd sub\n\\i ../../outside", "outside the archive"},
	{"include-forever", `\i load.sql`, "include one another"},
	{"connect-host", `\connect - - example.org`, "another server"},
	{"connect-port", `\connect - - - 1`, "another server"},
	{"connect-string", `\connect 'host=example.org dbname=x'`, "another server"},
	{"connect-hostaddr", `\connect 'hostaddr=10.0.0.1 dbname=x'`, "hostaddr"},
	{"connect-uri", `\connect postgres://example.org/x`, "another server"},
	{"connect-service", `\connect 'service=x'`, "connect"},
	{"connect-passfile", `\connect 'dbname=x passfile=/etc/passwd'`, "passfile"},
	{"connect-reuse", `\c -reuse-previous=on 'host=example.org'`, "another server"},
	{"server-copy-program", `copy t from program 'touch pwned';`, "PROGRAM"},
	{"server-copy-program-comment", "/* x */ copy -- y\nt from /* z */ program 'touch pwned';", "PROGRAM"},
	{"server-copy-program-case", `CoPy t FrOm PrOgRaM $$touch pwned$$;`, "PROGRAM"},
	{"server-copy-program-old", `copy binary t from program 'touch pwned';`, "PROGRAM"},
	{"server-copy-to-program", `copy (select 1) to program 'touch pwned';`, "PROGRAM"},
	{"server-copy-joined", `select 1\; copy t from program 'touch pwned';`, "PROGRAM"},
	{"server-copy-joined-file", `select 1\; copy t from '/etc/hostname';`, "reads a file of the server"},
	{"server-copy-g", `copy t from program 'touch pwned' \g`, "PROGRAM"},
	{"server-copy-gexec", `select 'copy t from program ''touch ' || 'pw' || 'ned''' \gexec`, "PROGRAM"},
	{"server-copy-bind", `copy t from program 'touch pwned' \bind \g`, "PROGRAM"},
	{"server-copy-bind-first", "\\bind\ncopy t from program 'touch pwned';", "PROGRAM"},
	{"server-copy-parse", "copy t from program 'touch pwned' \\parse p\n\\bind_named p \\g", "PROGRAM"},
	{"server-copy-gset", `copy t from program 'touch pwned' \gset`, "PROGRAM"},
	{"server-copy-variable", "\\set p program\ncopy t from :p 'touch pwned';", "PROGRAM"},
	{"server-copy-to-file", `copy t to '/tmp/pwned';`, "writes a file"},
	{"server-copy-to-file-escape", `copy t to E'/tmp/pwned';`, "writes a file"},
	{"server-copy-from-file", `copy t from '/etc/hostname';`, "outside the archive"},
	{"server-copy-from-file-dollar", `copy t from $x$/etc/hostname$x$;`, "outside the archive"},
	{"server-copy-hidden-by-begin", `create function begin() returns int language sql as 'select 1'; copy t from program 'touch pwned'; end`, "PROGRAM"},
	{"server-copy-in-do", `do $$ begin copy t from program 'touch pwned'; end $$;`, "PROGRAM"},
	{"server-copy-in-do-joined", `select 1\; do $$ begin copy t from program 'touch pwned'; end $$;`, "PROGRAM"},
	{"server-copy-in-do-padded", `do $$ begin /*` + strings.Repeat("x", 5<<20) + `*/ copy t from program 'touch pwned'; end $$;`, "PROGRAM"},
	{"server-copy-in-do-string", `do 'begin copy t from program ''touch pwned''; end';`, "PROGRAM"},
	{"server-copy-in-do-escapes", `do E'begin c\157py t from pr\x6fgram ''touch pwned''; end';`, "PROGRAM"},
	{"server-copy-in-do-execute", `do $$ begin execute 'copy t from program ''touch pwned'''; end $$;`, "PROGRAM"},
	{"server-copy-in-function", `create function f() returns void language plpgsql as $$ begin copy t from program 'touch pwned'; end $$;`, "PROGRAM"},
	{"server-copy-in-sql-function", `create function f() returns void language sql as $$ copy t to '/tmp/pwned' $$;`, "server's files"},
	{"server-read-file", `select pg_read_file('/etc/hostname');`, "pg_read_file"},
	{"server-read-file-qualified", `select pg_catalog . "pg_read_file" /* x */ ('/etc/hostname');`, "pg_read_file"},
	{"server-read-file-unicode", `select U&"pg\005fread_file"('/etc/hostname');`, "pg_read_file"},
	{"server-read-file-uescape", `select U&"pg!005fread_file" UESCAPE '!' ('/etc/hostname');`, "pg_read_file"},
	{"server-read-file-padded", `select '` + strings.Repeat("x", 5<<20) + `', pg_read_file('/etc/hostname');`, "pg_read_file"},
	{"server-read-file-as-text", `select query_to_xml('select pg_read_file(''/etc/hostname'')', true, true, '');`, "pg_read_file"},
	{"server-read-file-insert", `insert into t select 1, pg_read_file('/etc/hostname');`, "pg_read_file"},
	{"server-read-binary-file", `select pg_read_binary_file('/etc/hostname');`, "pg_read_binary_file"},
	{"server-list-folder", `select pg_ls_dir('/etc/hostname');`, "pg_ls_dir"},
	{"server-list-log", `select pg_ls_logdir();`, "pg_ls_logdir"},
	{"server-stat-file", `select pg_stat_file('/etc/hostname');`, "pg_stat_file"},
	{"server-lo-import", `select lo_import('/etc/hostname');`, "lo_import"},
	{"server-lo-export", `select lo_export(1, '/tmp/pwned');`, "lo_export"},
	{"server-dblink", `select dblink_connect('host=example.org');`, "dblink_connect"},
	{"server-foreign-table-file", `create foreign table ft (a text) server s options (filename '/etc/hostname');`, "foreign table"},
	{"server-foreign-table-program", `create foreign table ft (a text) server s options ("program" 'touch pwned');`, "foreign table"},
	{"server-alter-foreign-table", `alter foreign table ft options (set filename '/etc/hostname');`, "foreign table"},
	{"server-copy-sjis", "\\encoding SJIS\nselect '\x95\\'\\; copy t from program 'touch pwned';", "PROGRAM"},
	{"server-copy-nonstandard-strings", "set standard_conforming_strings = off;\nselect '\\''\\; copy t from program 'touch pwned';", "PROGRAM"},
}

// TestSafety tries each, in one transaction and without: it is refused, and nothing of it reaches the server.
func TestSafety(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "security.md"))
	if err != nil {
		t.Fatal(err)
	}
	documented := map[string]bool{}
	for _, m := range regexp.MustCompile("(?m)^\\|.*\\| `([a-z-]+)` \\|$").FindAllStringSubmatch(string(text), -1) {
		documented[m[1]] = true
	}
	p := newPair(t)
	p.schema(t, "safety", setup)
	dir := t.TempDir()
	archive := filepath.Join(dir, "archive")
	if err := os.MkdirAll(filepath.Join(archive, "sub"), 0o750); err != nil {
		t.Fatal(err)
	}
	write := func(name, content string) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write("outside", "1\tsecret\n")
	for _, a := range attempts {
		if !documented[a.name] {
			t.Errorf("docs/security.md does not tell of %s", a.name)
		}
		delete(documented, a.name)
		write("archive/load.sql", a.script+"\n")
		for _, m := range []mode{single, none} {
			o := byUs(t, p.ours, "safety", archive, m)
			switch {
			case a.says == "":
				if o.failed {
					t.Errorf("%s, %s: it fails: %s", a.name, m, o.text)
				}
			case !o.failed || len(o.faults) == 0:
				t.Errorf("%s, %s: it is not refused: %s", a.name, m, o.text)
			case !strings.Contains(o.text, a.says) && !strings.Contains(o.text, `\connect would leave`):
				t.Errorf("%s, %s: the error does not say %q: %s", a.name, m, a.says, o.text)
			}
			for _, s := range o.statements {
				if strings.Contains(s, "pwned") || strings.Contains(s, "hostname") || strings.Contains(s, "example.org") {
					t.Errorf("%s, %s: it reached the server: %s", a.name, m, s)
				}
			}
			if _, err := os.Stat(filepath.Join(archive, "pwned")); err == nil {
				t.Errorf("%s, %s: it has been done", a.name, m)
			}
		}
	}
	for name := range documented {
		t.Errorf("docs/security.md tells of %s, which is not tested", name)
	}
}
