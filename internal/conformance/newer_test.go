package conformance

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// notCompared is no psql's version. By its source, psql uses the parameters of a \bind … \gexec for the first statement that the
// query makes too, which then fails; here they are the query's alone.
const notCompared = 1000

// newerCommands are scripts with commands that psql 15 does not know, by the manual of the psql that brought them. Each has
// its meaning in the words of an older psql, and the real psql runs that.
var newerCommands = []struct {
	name  string
	since int // psql's major version
	newer string
	older string
}{
	{"bind", 16, `insert into t values ($1, $2) \bind 1 'it''s' \g`, `insert into t values (1, 'it''s');`},
	{"bind-semicolon", 16, "\\bind 1 a\ninsert into t values ($1, $2);\ninsert into t values (2, 'b');", `insert into t values (1, 'a'), (2, 'b');`},
	{"bind-once", 16, "insert into t values ($1, 'x') \\bind 1 \\g\n\\set ON_ERROR_STOP off\ninsert into t values ($1, 'x') \\g\n\\echo :SQLSTATE",
		"insert into t values (1, 'x');\n\\echo 42P02"},
	{"bind-end-of-file", 16, "\\bind 1 a\ninsert into t values ($1, $2)", `insert into t values (1, 'a');`},
	{"bind-none", 16, `insert into t values (1, 'a') \bind \g`, `insert into t values (1, 'a');`},
	{"bind-empty", 16, `insert into t values (1, $1) \bind '' \g`, `insert into t values (1, '');`},
	{"bind-variable", 16, "\\set v 'a b'\ninsert into t values (1, $1) \\bind :v \\g", `insert into t values (1, 'a b');`},
	{"bind-variable-quoted", 16, "\\set v ab\ninsert into t values (1, $1) \\bind :'v' \\g", `insert into t values (1, '''ab''');`},
	{"bind-quotes", 16, `insert into t values (1, $1) \bind "a b" \g`, `insert into t values (1, '"a b"');`},
	{"bind-replaced", 16, "insert into t values (1, $1) \\bind a \\bind b \\g", `insert into t values (1, 'b');`},
	{"bind-gset", 16, "select $1::int + 1 as n \\bind 41 \\gset\n\\echo :n :ROW_COUNT :SQLSTATE", "select 42 as n \\gset\n\\echo :n :ROW_COUNT :SQLSTATE"},
	{"bind-gexec", notCompared, `select format('insert into t values (%s, %L)', $1::int, $2::text) \bind 5 'it''s' \gexec`, `insert into t values (5, 'it''s');`},
	{"bind-gx", 16, `insert into t values (1, $1) returning * \bind a \gx`, `insert into t values (1, 'a');`},
	{"bind-again", 16, "insert into t values (1, $1) \\bind a \\g\n\\bind b\n\\g", "insert into t values (1, 'a');\ninsert into t values (1, 'b');"},
	{"bind-row-count", 16, "insert into t select g, 'x' from generate_series(1, $1) g \\bind 7 \\g\n\\echo :ROW_COUNT", "insert into t select g, 'x' from generate_series(1, 7) g;\n\\echo :ROW_COUNT"},
	{"bind-skipped", 16, "\\if false\n\\bind 1\n\\endif\ninsert into t values (1, 'a');", `insert into t values (1, 'a');`},
	{"bind-in-include-level", 16, "\\bind 1 a\n\\i more.sql", `insert into t values (1, 'a');`},
	{"bind-copy", 16, "copy t from stdin \\bind \\g\n1\ta\n\\.\ninsert into t values (2, 'b');", "copy t from stdin;\n1\ta\n\\.\ninsert into t values (2, 'b');"},
	{"bind-error", 16, "\\set ON_ERROR_STOP off\ninsert into t values ($1, 'a') \\bind x \\g\n\\echo :ERROR :SQLSTATE :LAST_ERROR_MESSAGE",
		"\\set ON_ERROR_STOP off\ninsert into t values ('x', 'a');\n\\echo :ERROR :SQLSTATE :LAST_ERROR_MESSAGE"},
	{"bind-several-statements", 16, "\\set ON_ERROR_STOP off\nselect 1\\; select 2 \\bind \\g\n\\echo :SQLSTATE", "\\echo 42601"},
	{"parse", 18, "insert into t values ($1, $2) \\parse p\n\\bind_named p 1 a \\g\n\\bind_named p 2 'b c'\n\\g\n", "insert into t values (1, 'a'), (2, 'b c');"},
	{"parse-unnamed", 18, "insert into t values ($1, 'a') \\parse ''\n\\bind_named '' 3 \\g", "insert into t values (3, 'a');"},
	{"parse-does-not-run", 18, `insert into t values (1, 'a') \parse p`, ``},
	{"parse-previous", 18, "insert into t values (1, 'a');\n\\parse p\n\\bind_named p \\g", "insert into t values (1, 'a'), (1, 'a');"},
	{"parse-then-execute", 18, "insert into t values ($1, 'a') \\parse p\nexecute p(4);", "insert into t values (4, 'a');"},
	{"parse-twice", 18, "\\set ON_ERROR_STOP off\nselect 1 \\parse p\nselect 2 \\parse p\n\\echo :SQLSTATE", "\\echo 42P05"},
	{"prepare-then-bind", 18, "prepare p(int) as insert into t values ($1, 'a');\n\\bind_named p 4 \\g", "insert into t values (4, 'a');"},
	{"bind-named-gset", 18, "select $1 || 'y' as n \\parse p\n\\bind_named p x \\gset\n\\echo :n", "\\echo xy"},
	{"bind-named-unknown", 18, "\\set ON_ERROR_STOP off\n\\bind_named p 1 \\g\n\\echo :SQLSTATE", "\\echo 26000"},
	{"bind-named-no-name", 18, "\\set ON_ERROR_STOP off\n\\bind 1\n\\bind_named\ninsert into t values (1, 'a');", "insert into t values (1, 'a');"},
	{"close-prepared", 18, "\\set ON_ERROR_STOP off\nselect 1 \\parse p\n\\close_prepared p\n\\bind_named p \\g\n\\echo :SQLSTATE", "\\echo 26000"},
	{"close-prepared-unknown", 18, "\\close_prepared p\n\\echo :SQLSTATE", "\\echo 00000"},
	{"close-prepared-drops-the-text", 18, "insert into t values (1, 'a') \\close_prepared p\nselect 1;", ""},
}

// TestNewer holds the commands of newer psqls to their meaning. Where the installed psql knows them, it runs them too.
func TestNewer(t *testing.T) {
	t.Parallel()
	_, installed := psql(t)
	p := newPair(t)
	for i, tt := range newerCommands {
		for _, m := range []mode{single, none} {
			schema := fmt.Sprintf("newer%d_%s", i, m)
			p.schema(t, schema, setup)
			ours := writeScript(t, tt.newer+"\n", "more.sql", "insert into t values ($1, $2);\n")
			mode := m
			if strings.Contains(tt.newer, "ON_ERROR_STOP off") {
				if m == single {
					continue // the one transaction would be lost with the error
				}
				mode = onward
			}
			got := byUs(t, p.ours, schema, ours, mode)
			want := byPsql(t, p.psql, schema, writeScript(t, tt.older+"\n"), mode)
			if want.output != got.output || want.failed != got.failed {
				t.Errorf("%s, %s: psql says %q, we say %q\n%s\n%s", tt.name, m, want.output, got.output, want.text, got.text)
			}
			if installed < tt.since {
				continue
			}
			p.schema(t, schema+"_n", setup)
			if theirs := byPsql(t, p.psql, schema+"_n", ours, mode); theirs.output != got.output || theirs.failed != got.failed {
				t.Errorf("%s, %s: psql %d says %q, we say %q\n%s\n%s", tt.name, m, installed, theirs.output, got.output, theirs.text, got.text)
			}
			byUs(t, p.ours, schema+"_n", ours, mode)
		}
	}
	p.sameDump(t)
}

// TestPreparedCommit looks that no prepared statement ends the one transaction.
func TestPreparedCommit(t *testing.T) {
	t.Parallel()
	p := newPair(t)
	p.schema(t, "prepared", setup)
	got := byUs(t, p.ours, "prepared", writeScript(t, "insert into t values (1, 'a');\ncommit \\parse c\n\\bind_named c \\g\n"), single)
	if !got.failed || !strings.Contains(got.text, "load.sql:2:1") {
		t.Error(got.text)
	}
	pgtest.Exec(t, server.URL(p.ours), `do $$ begin if exists (select from prepared.t) then raise 'a row is left'; end if; end $$`)
}
