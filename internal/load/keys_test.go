//go:build unix

package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/keyset"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestSeenKeys loads random rows, some of which break foreign keys, with random statements in between: whether keys are
// compared as rows pass by or by the server, what is said of them is the same.
func TestSeenKeys(t *testing.T) {
	t.Parallel()
	cases := fromEnvironment(t, "RANDOM_KEYS", 30)
	seed := fromEnvironment(t, "RANDOM_SEED", 31)
	t.Logf("RANDOM_KEYS=%d RANDOM_SEED=%d", cases, seed)
	url := pgtest.Shared(t).NewDatabase(t)
	kept, broken, failed := 0, 0, 0
	for n := range cases {
		g := &keyGenerator{dice: newDice(seed, n)}
		schema, script := g.generate()
		o := Options{KeepSequences: true}
		o.thresholds = thresholds{largeInsert: 1, manyInserts: 1, manyRows: 1, fragmentSize: 4 << 10, manyToAnalyze: 1}
		if g.IntN(4) == 0 {
			o.thresholds.keyMemory = keyset.PageSize * (1 + g.IntN(4))
		}
		if g.IntN(2) == 0 {
			o.Transaction, o.Jobs = None, 1+g.IntN(3)
		}
		pgtest.Exec(t, url, schema)
		got, keys, gotErr := keyWarnings(t, url, script, o)
		if more := (*otherwise)(nil); errors.As(gotErr, &more) {
			o.Verbatim = true
			got, _, gotErr = keyWarnings(t, url, script, o)
		}
		pgtest.Exec(t, url, schema)
		o.Verbatim = true
		want, _, wantErr := keyWarnings(t, url, script, o)
		if (gotErr == nil) != (wantErr == nil) || gotErr == nil && !slices.Equal(got, want) {
			t.Fatalf("case %d of RANDOM_SEED=%d, %s, %d jobs:\n%s\n%s\nsays %q, %v\nnot  %q, %v", n, seed, o.Transaction, o.Jobs, schema, script, got, gotErr, want, wantErr)
		}
		if gotErr != nil {
			failed++
			continue
		}
		kept += keys
		broken += len(want)
	}
	t.Logf("%d keys known to be kept without the server, %d broken ones, %d scripts failed", kept, broken, failed)
	if kept < cases/2 || broken < cases/2 || failed > cases/2 {
		t.Error("the generator is off")
	}
}

// TestSeenKeysUndone takes away, in every way that does not show in the script, what passed by.
func TestSeenKeysUndone(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	rows := func(table string, n int, copied bool) string {
		var values []string
		for i := range n {
			values = append(values, map[bool]string{true: fmt.Sprintf("%d\t%d\n", i, i), false: fmt.Sprintf("(%d, %d)", i, i)}[copied])
		}
		if copied {
			columns := map[string]string{"p": "id, n", "c": "id, p"}[table]
			return fmt.Sprintf("COPY k.%s (%s) FROM stdin;\n%s\\.\n", table, columns, strings.Join(values, ""))
		}
		return fmt.Sprintf("INSERT INTO k.%s VALUES %s;\n", table, strings.Join(values, ", "))
	}
	const schema = `DROP SCHEMA IF EXISTS k CASCADE; CREATE SCHEMA k; CREATE TABLE k.p (id int PRIMARY KEY, n int); CREATE TABLE k.c (id int PRIMARY KEY, p int REFERENCES k.p); CREATE TABLE k.log (n int);
		CREATE FUNCTION k.swap() RETURNS int LANGUAGE sql AS 'DELETE FROM k.p WHERE id = 3; INSERT INTO k.p VALUES (77, 3); SELECT 1';
		CREATE FUNCTION k.renew() RETURNS int LANGUAGE sql AS 'ALTER TABLE k.c DROP CONSTRAINT c_p_fkey; TRUNCATE k.p; INSERT INTO k.p SELECT i, i FROM generate_series(10, 59) i; ALTER TABLE k.c ADD CONSTRAINT c_p_fkey FOREIGN KEY (p) REFERENCES k.p NOT VALID; UPDATE pg_constraint SET convalidated = true WHERE conname = ''c_p_fkey''; SELECT 1';`
	var few []string
	for i := range 50 {
		few = append(few, fmt.Sprintf("(%d)", i))
	}
	fewParents := fmt.Sprintf("INSERT INTO k.p (id) VALUES %s;\n", strings.Join(few, ", "))
	const fewer = 700 // bytes: those parents are less, children more
	for name, tt := range map[string]struct {
		before, between, after string
		parents                string // "" means rows that go as COPY
		transaction            Mode
		first                  string // before the script, which then empties nothing
		few                    bool   // too few rows to switch indexes off for
		jobs, many             int
		meanwhile              string // before the checks, in another session
		want                   int    // warnings
		kept                   int    // keys that the server need not look at
	}{
		"nothing":                            {kept: 1},
		"nothing, transaction none":          {transaction: None, kept: 1},
		"a row as written":                   {after: "INSERT  INTO k.c VALUES (99, 99) ON CONFLICT DO NOTHING;", want: 1},
		"a row as written, transaction none": {after: "INSERT  INTO k.c VALUES (99, 99) ON CONFLICT DO NOTHING;", transaction: None, want: 1},
		"a row changed":                      {after: "INSERT INTO k.p VALUES (3, 3) ON CONFLICT ON CONSTRAINT p_pkey DO UPDATE SET id = 77;", want: 1},
		"rows that stay":                     {first: "SET session_replication_role = replica; INSERT INTO k.c VALUES (99, 99)", want: 1},
		"by a function":                      {after: "INSERT INTO k.log SELECT k.swap();", want: 1},
		"by a function, transaction none":    {after: "INSERT INTO k.log SELECT k.swap();", transaction: None, want: 1},
		"as many other rows":                 {after: "INSERT INTO k.log SELECT k.renew();", few: true, want: 1},
		"rolled back":                        {before: "SAVEPOINT s;", between: "ROLLBACK TO s;", want: 1},
		"by somebody else, transaction none": {transaction: None, meanwhile: "SET session_replication_role = replica; DELETE FROM k.p WHERE id = 3", want: 1},
		"rows of others, transaction none":   {transaction: None, meanwhile: "INSERT INTO k.p VALUES (99, 99); INSERT INTO k.c VALUES (99, 99)", kept: 1},
		"few parents, jobs":                  {parents: fewParents, jobs: 2, many: fewer, transaction: None, kept: 0},
		"few parents, jobs, by somebody":     {parents: fewParents, jobs: 2, many: fewer, transaction: None, meanwhile: "SET session_replication_role = replica; DELETE FROM k.p WHERE id = 3", want: 1},
		"few parents":                        {parents: fewParents, many: fewer, transaction: None, kept: 0},
		"rows that were there":               {before: "INSERT INTO k.c VALUES (99, 99);", want: 1},
		"looked up in the server":            {parents: "INSERT INTO k.p SELECT i, i FROM generate_series(0, 49) i;", kept: 1},
		"looked up in the server in vain":    {parents: "INSERT INTO k.p SELECT i, i FROM generate_series(0, 48) i;", want: 1},
		"emptied between":                    {between: "TRUNCATE k.p CASCADE;", want: 1},
		"the role is set back between":       {between: "SET session_replication_role = 'origin';", kept: 0},
		"the role is back, transaction none": {between: "SET session_replication_role = 'origin';", transaction: None, kept: 0},
		"rows as written between":            {between: "INSERT INTO k.p VALUES (70, 70); INSERT INTO k.c VALUES (70, 70);", kept: 0},
	} {
		for _, copied := range []bool{false, true} {
			if copied && tt.many > 0 {
				continue // fewer bytes
			}
			pgtest.Exec(t, url, schema)
			empty := "TRUNCATE k.p, k.c;\n"
			if tt.first != "" {
				empty = ""
				pgtest.Exec(t, url, tt.first)
			}
			script := "SET session_replication_role = 'replica';\n" + empty + tt.before + cmp.Or(tt.parents, rows("p", 50, copied)) + tt.between + rows("c", 50, copied) + tt.after
			o := Options{Transaction: tt.transaction, KeepSequences: true, Jobs: tt.jobs}
			o.thresholds = thresholds{manyRows: max(tt.many, 1), largeInsert: 200, manyInserts: 100}
			if tt.few {
				o.thresholds.manyRows = 1 << 20
			}
			if tt.meanwhile != "" {
				o.Events.Phase = func(phase string) {
					if phase == "verify" {
						pgtest.Exec(t, url, tt.meanwhile)
					}
				}
			}
			warnings, kept, err := keyWarnings(t, url, script, o)
			if err != nil || len(warnings) != tt.want || kept != tt.kept {
				t.Errorf("%s, copied is %t: %d keys are kept, not %d; %q, %v", name, copied, kept, tt.kept, warnings, err)
			}
		}
	}
}

// keyWarnings loads a script once, and gives what was warned of, sorted, and how many keys were found to be kept as rows passed by.
func keyWarnings(t *testing.T, url, script string, o Options) (warnings []string, kept int, err error) {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	must(t, err)
	dir := t.TempDir()
	must(t, os.WriteFile(filepath.Join(dir, "load.sql"), []byte(script), 0o600))
	o.Target, o.Script = config, Script{FS: os.DirFS(dir), Name: "load.sql"}
	o.Events.Warn = func(text string) { warnings = append(warnings, text) }
	r := newRun(o)
	_, err = r.attempt(context.Background(), nil)
	slices.Sort(warnings)
	return warnings, r.known.observed.Kept(), err
}

// keyGenerator makes schemas with foreign keys, and scripts that fill them.
type keyGenerator struct {
	dice
	tables []keyTable
}

type keyTable struct {
	name    string
	typ     string // of its key
	columns int    // that refer to a table
}

func (g *keyGenerator) generate() (schema, script string) {
	var b strings.Builder
	b.WriteString("DROP SCHEMA IF EXISTS k CASCADE; CREATE SCHEMA k; SET search_path = k;\n")
	b.WriteString("CREATE FUNCTION refill() RETURNS int LANGUAGE plpgsql AS $$ BEGIN CREATE TEMP TABLE kept AS SELECT * FROM t0; TRUNCATE t0 CASCADE; INSERT INTO t0 SELECT * FROM kept ORDER BY 1 LIMIT 3; DROP TABLE kept; RETURN 1; END $$;\n")
	kind := g.pick("int", "int", "uuid")
	for i := range 2 + g.IntN(3) {
		table := keyTable{name: fmt.Sprintf("t%d", i), typ: kind}
		if kind == "int" {
			table.typ = g.pick("smallint", "integer", "bigint")
		}
		fmt.Fprintf(&b, "CREATE TABLE %s (id %s PRIMARY KEY", table.name, table.typ)
		table.columns = g.IntN(3)
		for c := range table.columns {
			parent := g.IntN(i + 1)
			typ := kind
			if kind == "int" {
				typ = g.pick("smallint", "integer", "bigint")
			}
			fmt.Fprintf(&b, ", c%[1]d %[2]s CONSTRAINT %[3]s_c%[1]d REFERENCES t%[4]d%[5]s", c, typ, table.name, parent, g.pick("", "", " MATCH FULL", " DEFERRABLE"))
		}
		b.WriteString(", note text DEFAULT 'none');\n")
		g.tables = append(g.tables, table)
	}
	if g.IntN(3) == 0 { // rows that are there, and may stay
		fmt.Fprintf(&b, "INSERT INTO t0 (id) VALUES (%s), (%s);\n", g.key(kind, 3), g.key(kind, 4))
	}
	return b.String(), g.script(kind)
}

// key is a value of either kind.
func (g *keyGenerator) key(kind string, n int) string {
	if kind == "uuid" {
		return fmt.Sprintf("'%08d-0000-4000-8000-000000000000'", n)
	}
	return fmt.Sprint(n)
}

func (g *keyGenerator) script(kind string) string {
	var b strings.Builder
	b.WriteString("SET search_path = k;\nSET session_replication_role = 'replica';\n")
	for i := range g.tables {
		if g.IntN(16) > 0 {
			fmt.Fprintf(&b, "TRUNCATE TABLE t%d CASCADE;\n", i)
		}
	}
	order := g.Perm(len(g.tables))
	breaks := g.IntN(2) > 0 // some rows may break a key
	for _, i := range order {
		b.WriteString(g.rows(kind, i, breaks))
		if g.IntN(8) == 0 {
			b.WriteString(g.aside(kind))
		}
	}
	b.WriteString("SET session_replication_role = 'origin';\n")
	return b.String()
}

// rows fill a table: by INSERTs or COPY, once or in two parts.
func (g *keyGenerator) rows(kind string, i int, breaks bool) string {
	table := g.tables[i]
	columns := []string{"id"}
	for c := range table.columns {
		if g.IntN(20) > 0 {
			columns = append(columns, fmt.Sprintf("c%d", c))
		}
	}
	const limit = 100 // keys from 0 on
	var b strings.Builder
	for part := range 1 + g.IntN(2) {
		copied := g.IntN(2) == 0
		var rows []string
		for n := part * limit / 2; n < (part+1)*limit/2; n++ {
			values := []string{g.key(kind, n)}
			for range columns[1:] {
				to := g.IntN(limit / 2)
				if breaks && g.IntN(40) == 0 {
					to = limit*2 + g.IntN(5)
				}
				value := g.key(kind, to)
				if g.IntN(15) == 0 {
					value = "NULL"
				}
				values = append(values, value)
			}
			if copied {
				rows = append(rows, strings.ReplaceAll(strings.ReplaceAll(strings.Join(values, "\t"), "'", ""), "NULL", `\N`))
			} else {
				rows = append(rows, "("+strings.Join(values, ", ")+")")
			}
		}
		list := strings.Join(columns, ", ")
		switch {
		case copied:
			fmt.Fprintf(&b, "COPY %s (%s) FROM stdin;\n%s\n\\.\n", table.name, list, strings.Join(rows, "\n"))
		case g.IntN(3) == 0: // two statements, of which the second may be one that cannot be copied
			odd := g.pick("", "", " ON CONFLICT DO NOTHING", " RETURNING 1")
			fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES %s;\nINSERT INTO %[1]s (%[2]s) VALUES %[4]s%s;\n", table.name, list, strings.Join(rows[:20], ", "), strings.Join(rows[20:], ", "), odd)
		default:
			fmt.Fprintf(&b, "INSERT INTO %s (%s) VALUES\n%s;\n", table.name, list, strings.Join(rows, ",\n"))
		}
	}
	return b.String()
}

// aside is a statement that makes what has passed by untrue, or could.
func (g *keyGenerator) aside(kind string) string {
	t := g.tables[g.IntN(len(g.tables))]
	some := g.key(kind, g.IntN(50))
	switch g.IntN(10) {
	case 0:
		return fmt.Sprintf("DELETE FROM %s WHERE id = %s;\n", t.name, some)
	case 1:
		return fmt.Sprintf("UPDATE %s SET id = %s WHERE id = %s;\n", t.name, g.key(kind, 900), some)
	case 2:
		return fmt.Sprintf("DELETE FROM %s WHERE id = %s; INSERT INTO %[1]s (id) VALUES (%s);\n", t.name, some, g.key(kind, 901))
	case 3:
		return fmt.Sprintf("BEGIN; SAVEPOINT s; DELETE FROM %s; ROLLBACK TO s; COMMIT;\n", t.name)
	case 4:
		return fmt.Sprintf("BEGIN; SAVEPOINT s; INSERT INTO %s (id) VALUES (%s); ROLLBACK TO s; COMMIT;\n", t.name, g.key(kind, 902))
	case 5:
		return fmt.Sprintf("TRUNCATE %s CASCADE;\n", t.name)
	case 6:
		return fmt.Sprintf("INSERT INTO %s (id) SELECT id FROM %[1]s WHERE false;\n", t.name)
	case 7:
		return "SELECT pg_catalog.set_config('search_path', (SELECT 'k' FROM (SELECT refill()) x), false);\n"
	case 8:
		return fmt.Sprintf("INSERT INTO %s (id) VALUES (%s);\n", t.name, g.key(kind, 903))
	}
	return fmt.Sprintf("ALTER TABLE %s ALTER note SET DEFAULT 'some';\n", t.name)
}
