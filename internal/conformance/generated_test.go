package conformance

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
)

// generator makes random scripts from the pieces of the language. Some of them fail; then they must fail alike.
type generator struct {
	*rand.Rand
	files map[string]string
	depth int
}

func (g *generator) pick(of ...string) string { return of[g.IntN(len(of))] }

// text is what stands within quotes.
func (g *generator) text() string {
	var b strings.Builder
	for range g.IntN(5) {
		b.WriteString(g.pick("a", "b c", ";", "--", "/*", "*/", "''", "\n", "\n\n", "$$", "$x$", ":v", ":'v'", "(", ")", "ż", `"`, "\t", `\\`, `\x`, "\r\n", "begin", "\\.\n"))
	}
	return b.String()
}

// value is an expression of type text, mostly.
func (g *generator) value() string {
	t := g.text()
	switch g.IntN(12) {
	case 0:
		return "E'" + strings.ReplaceAll(strings.ReplaceAll(t, `\`, `\\`), "''", `\'`) + "'"
	case 1:
		return "$q$" + t + "$q$"
	case 2:
		return "$$" + strings.ReplaceAll(t, "$", "") + "$$"
	case 3:
		return ":'v'"
	case 4:
		return "U&'" + strings.ReplaceAll(t, `\`, "") + "'"
	case 5:
		return "(select " + g.value() + g.space() + ")"
	case 6:
		return "'" + t + "'" + g.pick("\n", " -- c;\n", "\n\n") + "'x'"
	case 7:
		return "case when true then 'x' else 'y' end"
	case 8:
		return ":w"
	case 9:
		return ":{?v}::text"
	case 10:
		return "'" + t + "'::text"
	}
	return "'" + t + "'"
}

func (g *generator) space() string {
	return g.pick(" ", " ", " ", "\n", "\n\n", "\t", " /* c ; ' */ ", " -- c ; '\n", " /* a /* b */ ; */ ", "\r\n", "  ")
}

func (g *generator) statement() string {
	end := g.pick(";\n", ";\n", ";\n", "; ", ";", " \\g\n", "\n;\n", ";;\n", ";\r\n", "\\;")
	switch g.IntN(20) {
	case 0:
		return "select" + g.space() + g.value() + " as v" + g.pick("", "", ", 'x' as w", ", null as w") + " \\gset\n"
	case 1:
		return "select" + g.space() + "1/" + g.pick("1", "1", "0") + end
	case 2:
		return "do $do$ begin insert into t values (3, 'x;'); end $do$" + end
	case 3:
		return fmt.Sprintf("create%s%sf%d()%sreturns int language sql begin atomic; select case when true then 1 end; %send", g.space(),
			g.pick("function ", "or replace function ", "or replace"+g.space()+"function "), g.IntN(1000), g.space(),
			g.pick("", "select case when false then 1 else case when true then 2 end end;", "select 'end;';")) + end
	case 4:
		return "update t set b =" + g.space() + g.value() + " where a = " + g.pick("1", "2") + end
	case 5:
		return "select format('insert into t values (%s, %L)', i, " + g.value() + ")" + g.pick("", ", 'select 1/0'", ", null, 'select 2'") +
			" from generate_series(1, 2) i \\gexec\n"
	case 6, 7:
		return g.pick("begin", "commit", "rollback", "savepoint s", "rollback to s", "release s", "end and chain",
			"set standard_conforming_strings = off", "set standard_conforming_strings = on", "set local standard_conforming_strings = off") + ";\n"
	case 8:
		return fmt.Sprintf("create%srule r%d as on insert to u do also (insert into t values (9, %s);%sdelete from t where a = 9)", g.space(), g.IntN(1000),
			g.value(), g.space()) + end
	case 9:
		return `select U&"\0061" from t` + g.pick("", `, (select 1 as U&"d!0061" uescape '!') x`) + end
	case 10:
		return "select (array[1,2,3])[1:2], 1::int, '{}'::text[]," + g.space() + "$1$a$" + g.pick(";", "'", ":v") + "$a$" + end
	case 11:
		return "select " + g.pick("1 \\gx\n", "5 as five \\gset p_\n", "1 \\g (format=csv)\n", "1 where false \\gset\n", "n from generate_series(1,2) n \\gset\n")
	}
	return "insert" + g.space() + "into t" + g.space() + "values (" + g.pick("1", "2", "(3)") + "," + g.space() + g.value() + g.space() + ")" + end
}

// rows are those of a COPY, its end marker included.
func (g *generator) rows() string {
	var b strings.Builder
	for range g.IntN(4) {
		b.WriteString(g.pick("1\ta\n", "2\t\\N\n", "3\tx;'y\n", "4\t--\n", "5\t\\\\d\n", "6\t:v\n", "x\tbad\n", "7\t\\.x\n", "8\t\\\n.\n"))
	}
	all := b.String() + "\\.\n"
	if g.IntN(8) == 0 {
		all = strings.ReplaceAll(all, "\n", "\r\n")
	}
	return all
}

// csv are rows in that format.
func (g *generator) csv() string {
	var b strings.Builder
	for range g.IntN(4) {
		b.WriteString(g.pick("1,a\n", "2,\n", "3,\"x;'y\"\n", "4,\"a\nb\"\n", "5,\"\"\"\"\n", "6,:v\n", "x,bad\n", "7,\\N\n"))
	}
	return b.String() + "\\.\n"
}

// copy is a COPY or \copy of some form.
func (g *generator) copy() string {
	name := g.pick("t", "t", "t (a, b)", `"t" ( a , "b" )`)
	switch g.IntN(9) {
	case 0, 1:
		return "copy " + name + " from stdin" + g.pick(";\n", ";\n", " ;\n", ";  \n", "; select 1;\n", " \\g\n", g.space()+";\n") + g.rows()
	case 2:
		return "\n\\copy " + name + " from stdin" + g.pick("", "", " ", " where a < 3") + "\n" + g.rows()
	case 3:
		return "copy" + g.space() + name + g.space() + "from stdin" + g.space() + g.pick("with (format csv)", "csv", "(format 'csv', null '\\N')") + ";\n" + g.csv()
	case 4:
		return "\n\\copy " + name + " from stdin " + g.pick("csv", "with (format csv)", "(format csv) where a <> 4", "with csv null ':v'") + "\n" + g.csv()
	case 5:
		file := fmt.Sprintf("rows%d.%s", len(g.files), g.pick("csv", "'x"))
		g.files[file] = strings.TrimSuffix(g.csv(), "\\.\n")
		return "\n\\copy " + name + " from '" + strings.ReplaceAll(file, "'", "''") + "' " + g.pick("csv", "with (format csv)", "(format csv);") + "\n"
	case 6:
		return "\n\\copy (select " + g.pick("1", "'a)'", "'('''''", `"a" from t`) + ") to " + g.pick("stdout", "STDOUT", "stdout csv") + "\n"
	case 7:
		return "select 1\\; copy t from stdin;\n" + g.rows()
	}
	return "\n\\copy t from " + g.pick("pstdin", "'nothing.csv'", "stdin badly\n"+g.rows(), "", "nowhere") + "\n"
}

func (g *generator) piece() string {
	switch g.IntN(20) {
	case 0, 1, 2:
		return g.copy()
	case 3:
		return "\n\\set v " + g.pick("1", "'a b'", "'it''s'", "'x\\\\y'", "':w'", "a b", "", "'sel\\\\;'") + "\n"
	case 4:
		return "\n\\set w " + g.pick("1", "'''x'''", ":v", "'(1)'", "'''a;b'''", "'1; select 2'") + "\n"
	case 5:
		return "\n\\echo " + g.pick("x", ":v", ":'v'", "'a''b'", ":{?v}", ":ERROR", ":ROW_COUNT", ":SQLSTATE", `:"v"`, "a \\echo b", ":p_five") + "\n"
	case 6, 7:
		if g.depth++; g.depth < 6 {
			s := "\n\\if " + g.pick("true", "false", "1", "0", ":{?v}", "maybe", "not") + "\n" + g.script(3)
			for range g.IntN(3) {
				s += "\n\\elif " + g.pick("true", "false", ":w") + "\n" + g.script(2)
			}
			if g.IntN(2) == 0 {
				s += "\n\\else\n" + g.script(2)
			}
			return s + g.pick("\n", "\n", "\n", " ") + "\\endif\n"
		}
	case 8, 9:
		if g.depth++; g.depth < 6 {
			name := fmt.Sprintf("file%d.sql", len(g.files))
			command := g.pick("\\i ", "\\ir ", "\\include ")
			if g.IntN(3) == 0 {
				name = "sub/" + name
			}
			g.files[name] = ""
			g.files[name] = g.script(3)
			return "\n" + command + g.pick(name, "'"+name+"'", "./"+name, name+";") + "\n"
		}
	case 10:
		return g.space()
	case 11:
		return "\n" + g.pick("\\unset v", "\\r", "\\p", "\\nothing", "\\t", "\\echo -n x \\echo y", "\\g", "\\gset q_", "\\q") + "\n"
	case 12:
		return "\n" + g.pick("\\set ON_ERROR_ROLLBACK on", "\\set ON_ERROR_ROLLBACK off", "\\set AUTOCOMMIT off", "\\set AUTOCOMMIT on", "\\set ON_ERROR_STOP on",
			"\\set ON_ERROR_STOP off", "\\set ON_ERROR_STOP maybe", "\\encoding LATIN1", "\\encoding UTF8", "\\encoding SJIS") + "\n"
	}
	return g.statement()
}

func (g *generator) script(most int) string {
	var b strings.Builder
	for range 1 + g.IntN(most) {
		b.WriteString(g.piece())
	}
	return b.String()
}

// TestGenerated compares random scripts. The seed of each is in its name: -seed and -scripts choose others.
func TestGenerated(t *testing.T) {
	t.Parallel()
	needsOracle(t)
	if newest := 17; server.Version() > newest {
		t.Skipf("psql %d and PostgreSQL %d do not agree on the end of CSV rows", oracleVersion, server.Version())
	}
	first := *seed
	if first == 0 {
		first = 20250101
	}
	t.Logf("-seed=%d -scripts=%d", first, *scripts)
	p, third := newPair(t), newPair(t)
	p.setUp = append(p.setUp, third.setUp[1])
	quick := pair{psql: p.psql, ours: third.ours} // ours the fast way
	different := 0
	differs := func(n uint64, g *generator, m mode, how string, want, got outcome, dir string) {
		diffs := compare(want, got, m, dir)
		if len(diffs) == 0 {
			return
		}
		t.Errorf("seed %d, %s%s:\n    %s\nscript: %q\npsql said: %s\nwe said: %s", n, m, how, strings.Join(diffs, "\n    "), g.files, want.text, got.text)
		if different++; different == 5 {
			t.Fatal("enough")
		}
	}
	for i := range *scripts {
		n := first + uint64(i)
		g := &generator{Rand: rand.New(rand.NewPCG(n, 0)), files: map[string]string{}}
		g.files["load.sql"] = g.script(8)
		dir := t.TempDir()
		for name, text := range g.files {
			path := filepath.Join(dir, filepath.FromSlash(name))
			if err := errors.Join(os.MkdirAll(filepath.Dir(path), 0o750), os.WriteFile(path, []byte(text), 0o600)); err != nil {
				t.Fatal(err)
			}
		}
		m := []mode{none, onward, single}[i%3]
		if all := strings.Join(filesOf(g), ""); strings.Contains(all, `\;`) || strings.Contains(all, "ON_ERROR_STOP") {
			m = []mode{none, onward}[i%2] // in one transaction these may differ: joined-transaction, and a failed one cannot succeed
		}
		schema := fmt.Sprintf("g%d", n)
		p.schema(t, schema, setup)
		want, got := byPsql(t, p.psql, schema, dir, m), byUs(t, p.ours, schema, dir, m)
		fast := byUs(t, quick.ours, schema, dir, m, func(o *load.Options) { o.Verbatim = false })
		want.output = strings.ReplaceAll(want.output, "Query buffer is empty.\n", "")
		if strings.Contains(strings.Join(filesOf(g), ""), "\\p\n") || strings.Contains(want.text, "CONTEXT:  COPY t") {
			want.output, got.output, fast.output = "", "", "" // \p prints the statement; after a row that is refused the variables differ (copy-error-variables)
		}
		for _, faults := range [][]fault{got.faults, fast.faults} {
			for i, f := range faults {
				if _, rows := g.files[f.file]; rows && strings.HasPrefix(f.file, "rows") && i < len(want.faults) {
					faults[i].file, faults[i].line = want.faults[i].file, want.faults[i].line // row-place
				}
				if i < len(want.faults) && strings.Contains(want.faults[i].excerpt, "ż") && strings.Contains(strings.Join(filesOf(g), ""), "\\encoding") {
					faults[i].excerpt = want.faults[i].excerpt // excerpt-encoding
				}
				if strings.Contains(f.text, "reached EOF") && !strings.HasSuffix(g.files[f.file], "\n") && i < len(want.faults) {
					faults[i].line = want.faults[i].line // psql does not count a last line that has no newline, if it was a row
				}
			}
		}
		differs(n, g, m, "", want, got, dir)
		want.statements, fast.statements = nil, nil
		differs(n, g, m, ", fast", want, fast, dir)
		if m == single {
			p.drop(t, schema) // what the script itself has committed is kept by psql alone
		}
	}
	p.sameDump(t)
	quick.sameDump(t)
}

func filesOf(g *generator) []string {
	var all []string
	for _, text := range g.files {
		all = append(all, text)
	}
	return all
}
