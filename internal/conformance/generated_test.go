package conformance

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
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
		b.WriteString(g.pick("a", "b c", ";", "--", "/*", "*/", "''", "\n", "\n\n", "$$", "$x$", ":v", ":'v'", "(", ")", "ż", `"`, "\t", `\\`, `\d`, "\r\n", "begin", "\\.\n"))
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
	switch g.IntN(12) {
	case 0:
		return "select" + g.space() + g.value() + " as v \\gset\n"
	case 1:
		return "select" + g.space() + "1/" + g.pick("1", "1", "0") + end
	case 2:
		return "do $do$ begin insert into t values (3, 'x;'); end $do$" + end
	case 3:
		return fmt.Sprintf("create%sfunction f%d()%sreturns int language sql begin atomic; select case when true then 1 end; end", g.space(), g.IntN(1000), g.space()) + end
	case 4:
		return "update t set b =" + g.space() + g.value() + " where a = " + g.pick("1", "2") + end
	case 5:
		return "select format('insert into t values (%s, %L)', i, " + g.value() + ") from generate_series(1, 2) i \\gexec\n"
	case 6:
		return g.pick("begin", "commit", "rollback", "savepoint s", "set standard_conforming_strings = off", "set standard_conforming_strings = on") + ";\n"
	}
	return "insert" + g.space() + "into t" + g.space() + "values (" + g.pick("1", "2", "(3)") + "," + g.space() + g.value() + g.space() + ")" + end
}

func (g *generator) rows() string {
	var b strings.Builder
	for range g.IntN(4) {
		b.WriteString(g.pick("1\ta\n", "2\t\\N\n", "3\tx;'y\n", "4\t--\n", "5\t\\\\d\n", "6\t:v\n", "x\tbad\n"))
	}
	return b.String() + "\\.\n"
}

func (g *generator) piece() string {
	switch g.IntN(16) {
	case 0:
		return "copy t from stdin;\n" + g.rows()
	case 1:
		return "\n\\copy t from stdin\n" + g.rows()
	case 2:
		return "\n\\set v " + g.pick("1", "'a b'", "'it''s'", "'x\\\\y'", "':w'", "a b", "") + "\n"
	case 3:
		return "\n\\set w " + g.pick("1", "'''x'''", ":v", "'(1)'", "'''a;b'''") + "\n"
	case 4:
		return "\n\\echo " + g.pick("x", ":v", ":'v'", "'a''b'", ":{?v}", ":ERROR", ":ROW_COUNT") + "\n"
	case 5, 6:
		if g.depth++; g.depth < 5 {
			s := "\n\\if " + g.pick("true", "false", "1", "0", ":{?v}", "maybe") + "\n" + g.script(3)
			if g.IntN(2) == 0 {
				s += "\n\\elif " + g.pick("true", "false") + "\n" + g.script(2)
			}
			if g.IntN(2) == 0 {
				s += "\n\\else\n" + g.script(2)
			}
			return s + "\n\\endif\n"
		}
	case 7:
		if g.depth++; g.depth < 5 {
			name := fmt.Sprintf("file%d.sql", len(g.files))
			g.files[name] = ""
			g.files[name] = g.script(3)
			return "\n" + g.pick("\\i ", "\\ir ") + name + "\n"
		}
	case 8:
		return g.space()
	case 9:
		return "\n" + g.pick("\\unset v", "\\r", "\\p", "\\nothing", "\\set ON_ERROR_ROLLBACK on", "\\set ON_ERROR_ROLLBACK off", "\\t", "\\echo -n x \\echo y") + "\n"
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
	first := *seed
	if first == 0 {
		first = 20250101
	}
	t.Logf("-seed=%d -scripts=%d", first, *scripts)
	p := newPair(t)
	different := 0
	for i := range *scripts {
		n := first + uint64(i)
		g := &generator{Rand: rand.New(rand.NewPCG(n, 0)), files: map[string]string{}}
		g.files["load.sql"] = g.script(8)
		dir := t.TempDir()
		for name, text := range g.files {
			if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		m := []mode{none, onward}[i%2]
		schema := fmt.Sprintf("g%d", n)
		p.schema(t, schema, setup)
		want, got := byPsql(t, p.psql, schema, dir, m), byUs(t, p.ours, schema, dir, m)
		want.output = strings.ReplaceAll(want.output, "Query buffer is empty.\n", "")
		if strings.Contains(g.files["load.sql"]+strings.Join(filesOf(g), ""), "\\p\n") {
			want.output, got.output = "", "" // \p prints the statement
		}
		if diffs := compare(want, got, m, dir); len(diffs) > 0 {
			different++
			t.Errorf("seed %d, %s:\n    %s\nscript: %q\npsql said: %s\nwe said: %s", n, m, strings.Join(diffs, "\n    "), g.files, want.text, got.text)
			if different == 5 {
				t.Fatal("enough")
			}
		}
	}
	p.sameDump(t)
}

func filesOf(g *generator) []string {
	var all []string
	for _, text := range g.files {
		all = append(all, text)
	}
	return all
}
