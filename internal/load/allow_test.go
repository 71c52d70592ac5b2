//go:build unix

package load_test

import (
	"cmp"
	"errors"
	"fmt"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
)

// attacks are statements that no list allows. Each calls evil(), or does something else that can be seen.
var attacks = []string{
	"SELECT evil()",
	"DO $$ BEGIN PERFORM evil(); END $$",
	"INSERT INTO t (a) VALUES (evil()::text)",
	"INSERT INTO t (a) SELECT evil()::text",
	"INSERT INTO t (a) VALUES (('x'::text).evil_of)",
	"UPDATE t SET a = evil()::text",
	"CREATE TABLE made AS SELECT evil()",
	"CREATE TABLE made (a int DEFAULT evil())",
	"CREATE FUNCTION made() RETURNS int LANGUAGE sql AS 'SELECT evil()'",
	"CREATE VIEW made AS SELECT evil()",
	"INSERT INTO pg_catalog.pg_description VALUES (1, 1, 1, 'x')",
	"ALTER TABLE t ADD b int DEFAULT evil()",
	"CREATE INDEX ON t ((evil_of(a)))",
	"SET ROLE postgres",
	"CREATE MATERIALIZED VIEW made AS SELECT t.evil_row FROM t",
	"SELECT setval('t_id_seq', (SELECT max(t.evil_row) FROM t))",
	"INSERT INTO cron.job VALUES ('x')",
	"CREATE VIEW made AS SELECT * FROM cron.job",
}

// ways are how a script can have a statement sent; %s stands for it, %q for it as a constant.
var ways = map[string]string{
	"semicolon":    "%[1]s;\n",
	"g":            "%[1]s \\g\n",
	"gset":         "%[1]s \\gset\n",
	"gdesc":        "%[1]s \\gdesc\n",
	"bind":         "%[1]s \\bind \\g\n",
	"parse":        "%[1]s \\parse x\n\\bind_named x \\g\n",
	"gexec":        "SELECT %[2]s \\gexec\n",
	"joined":       "SELECT 1\\; %[1]s;\n",
	"joined after": "INSERT INTO t (a) VALUES ('x')\\; %[1]s;\n",
	"variable":     "\\set x %[2]s\n:x;\n",
	"include":      "\\ir other.sql\n",
	"if":           "\\if true\n%[1]s;\n\\endif\n",
}

// Whatever way a statement is sent, it is held to the list.
func TestAllowHoldsInEveryWay(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, `CREATE TABLE t (id int GENERATED ALWAYS AS IDENTITY, a text); CREATE TABLE pwned (x int);
		CREATE FUNCTION evil() RETURNS int LANGUAGE sql AS 'INSERT INTO pwned VALUES (1) RETURNING 1';
		CREATE FUNCTION evil_of(text) RETURNS text IMMUTABLE LANGUAGE plpgsql AS 'BEGIN INSERT INTO pwned VALUES (1); RETURN $1; END';
		CREATE FUNCTION evil_row(t) RETURNS int LANGUAGE sql AS 'INSERT INTO pwned VALUES (1) RETURNING 1';
		CREATE SCHEMA cron; CREATE TABLE cron.job (command text); ALTER EXTENSION plpgsql ADD SCHEMA cron; ALTER EXTENSION plpgsql ADD TABLE cron.job`)
	target, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	for _, mode := range []load.Mode{load.Single, load.None} {
		for way, form := range ways {
			for i, attack := range attacks {
				script := "INSERT INTO t (a) VALUES ('harmless');\n" + fmt.Sprintf(form, attack, "$q$"+attack+"$q$")
				if way == "variable" {
					script = "INSERT INTO t (a) VALUES ('harmless');\n" + fmt.Sprintf(form, attack, "'"+strings.ReplaceAll(attack, "'", "''")+"'")
				}
				files := fstest.MapFS{"load.sql": {Data: []byte(script)}, "other.sql": {Data: []byte(attack + ";\n")}}
				_, err := load.Run(t.Context(), load.Options{Target: target, Script: load.Script{FS: files, Name: "load.sql"},
					Transaction: mode, Allow: trust.Schema, AllowRemedy: "task-id"})
				var p *problem.Error
				if !errors.As(err, &p) || p.Code != problem.Data || !strings.Contains(p.Remedy, "allow: sql") && !strings.Contains(p.What, "never done") {
					t.Errorf("%s, %s, attack %d: %v\n%s", mode, way, i, err, script)
				}
			}
		}
	}
	conn, err := pgx.Connect(t.Context(), url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(t.Context()) }()
	var pwned int
	if err := conn.QueryRow(t.Context(), "SELECT count(*) FROM pwned").Scan(&pwned); err != nil || pwned != 0 {
		t.Errorf("evil() was called %d times (%v)", pwned, err)
	}
}

// The user's own scripts are not held to the list, files of rows hold no SQL, and a trusted extension is what the server says it is.
func TestAllowLetsThrough(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	target, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	own := fstest.MapFS{"own.sql": {Data: []byte("DO $$ BEGIN END $$;")}}
	script := "CREATE TABLE t (id serial PRIMARY KEY, a text);\n" +
		"INSERT INTO t (a) VALUES " + strings.Repeat("('x'),\n", 5000) + "(lower('Y'));\nCOPY t (a) FROM stdin;\nz\n\\.\n" +
		"SELECT pg_catalog.setval('t_id_seq', (SELECT max(id) FROM t));\n"
	for _, fast := range []bool{true, false} {
		pgtest.Exec(t, url, "DROP TABLE IF EXISTS t")
		result, err := load.Run(t.Context(), load.Options{Target: target, Script: load.Script{FS: fstest.MapFS{"load.sql": {Data: []byte(script)}}, Name: "load.sql"},
			Before: []load.Script{{FS: own, Name: "own.sql"}}, After: []load.Script{{FS: own, Name: "own.sql"}}, Verbatim: !fast, Allow: trust.Schema})
		if err != nil || result.Rows != 5002 {
			t.Errorf("fast %v: %d rows, %v", fast, result.Rows, err)
		}
	}
	for extension, want := range map[string]bool{"hstore": true, "file_fdw": false, "no_such_one": false} {
		text := "CREATE EXTENSION " + extension + ";"
		_, err := load.Run(t.Context(), load.Options{Target: target, Script: load.Script{FS: fstest.MapFS{"load.sql": {Data: []byte(text)}}, Name: "load.sql"}, Allow: trust.Schema})
		refused := problem.CodeOf(err) == problem.Data
		if refused == want {
			t.Errorf("%s: %v", extension, err)
		}
	}
}

// A dump of pg_dump --disable-triggers begins as the role that has connected, which is no way out of another.
func TestAllowKeepsTheRole(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	url := server.NewDatabase(t)
	pgtest.Exec(t, server.URL("postgres"), "CREATE ROLE allow_low")
	pgtest.Exec(t, url, "CREATE TABLE t (a int); ALTER TABLE t OWNER TO allow_low")
	plain := target(t, url)
	set := plain.Copy()
	set.RuntimeParams = map[string]string{"role": "allow_low"}
	before := []load.Script{{FS: fstest.MapFS{"role.sql": {Data: []byte("SET ROLE allow_low;")}}, Name: "role.sql"}}
	for _, words := range []string{"SET SESSION AUTHORIZATION DEFAULT", "RESET SESSION AUTHORIZATION"} {
		script := load.Script{FS: fstest.MapFS{"load.sql": {Data: []byte(words + ";\nALTER TABLE t DISABLE TRIGGER ALL;\nCOPY t FROM stdin;\n1\n\\.\nALTER TABLE t ENABLE TRIGGER ALL;\n")}}, Name: "load.sql"}
		for name, test := range map[string]struct {
			o  load.Options
			ok bool
		}{
			"as itself":       {load.Options{Target: plain}, true},
			"as itself, data": {load.Options{Target: plain, Allow: trust.Data}, true},
			"with a role":     {load.Options{Target: set}, false},
			"behind before":   {load.Options{Target: plain, Before: before}, false},
		} {
			test.o.Script, test.o.Allow = script, cmp.Or(test.o.Allow, trust.Schema)
			_, err := load.Run(t.Context(), test.o)
			if test.ok && err != nil || !test.ok && problem.CodeOf(err) != problem.Data {
				t.Errorf("%s, %s: %v", words, name, err)
			}
		}
	}
}

// Tables of extensions and of the server's own are no tables of the user's, whatever they are called and wherever the path leads.
func TestAllowKnowsExtensions(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, `CREATE TABLE t (a text); CREATE TABLE job (command text); CREATE TABLE sql_parts (a text); CREATE TABLE tables (a text);
		CREATE SCHEMA cron; CREATE TABLE cron.job (command text); CREATE TABLE cron."Job" (command text); CREATE VIEW cron.jobs AS SELECT * FROM cron.job;
		ALTER EXTENSION plpgsql ADD SCHEMA cron; ALTER EXTENSION plpgsql ADD TABLE cron.job; ALTER EXTENSION plpgsql ADD TABLE cron."Job"; ALTER EXTENSION plpgsql ADD VIEW cron.jobs;
		CREATE SEQUENCE cron.seq; ALTER EXTENSION plpgsql ADD SEQUENCE cron.seq; CREATE SEQUENCE seq`)
	config := target(t, url)
	rows := strings.Repeat("('x'),\n", 5000) + "('y');"
	refused := []string{
		"INSERT INTO cron.job VALUES ('x');", "INSERT INTO cron.job VALUES " + rows, "INSERT INTO cron . \"Job\" VALUES ('x');", "INSERT INTO cron.jobs VALUES ('x');",
		"COPY cron.job FROM stdin;\nx\n\\.\n", "\\copy cron.job from stdin\nx\n\\.\n", "\\copy cron.job (command) from 'job.txt'", "COPY cron.job FROM 'job.txt';",
		"SET search_path = cron;\nINSERT INTO job VALUES ('x');", "SET search_path = cron;\nINSERT INTO job VALUES " + rows, "SELECT setval('cron.seq', 9);", "SELECT setval('cron.seq'::regclass, 9) \\gset", "INSERT INTO t VALUES (nextval('cron.seq'));", "INSERT INTO t VALUES " + strings.Repeat("(nextval('cron.seq')),\n", 500) + "('y');",
		"SET search_path = cron;\nSELECT setval('seq', 9);", "ALTER TABLE t ALTER a SET DEFAULT nextval('cron.seq')::text;", "\\copy t from stdin\nx\n\\.\nSELECT setval('cron.'\n'seq', 9);",
		"SET search_path = cron, public;\n\\copy job from stdin\nx\n\\.\n",
		"SET search_path = cron\\; INSERT INTO job VALUES ('x');", "SELECT pg_catalog.set_config('search_path', 'cron', false);\nTRUNCATE job;",
		"BEGIN;\nSET LOCAL search_path = cron;\nDELETE FROM job;", "SET search_path = information_schema;\nINSERT INTO sql_parts (feature_id) VALUES ('x');",
		"INSERT INTO t VALUES ('x')\\; SELECT set_config('search_path', 'cron', false)\\; INSERT INTO job VALUES ('x');",
		"ALTER TABLE cron.job RENAME TO other;", "ALTER SCHEMA cron RENAME TO other;", "TRUNCATE t, cron.job;",
		"SET standard_conforming_strings = off;\n\\encoding 'x\\\\\\';insert into cron.job values(''x'');--'",
		"\\lo_unlink 1", "\\lo_import job.txt", "\\encoding SJIS", "\\connect postgres", "\\connect - somebody", "SET search_path = pg_catalog;\nINSERT INTO pg_authid (rolname) VALUES ('x');",
	}
	allowed := []string{"INSERT INTO job VALUES ('x');", "INSERT INTO job VALUES " + rows, "INSERT INTO sql_parts VALUES ('x');", "COPY tables FROM stdin;\nx\n\\.\n",
		"SET search_path = cron, public;\nINSERT INTO t VALUES ('x');", "SELECT setval('seq', 9), setval('public.seq'::regclass, 10);", "INSERT INTO t VALUES (nextval('seq'));", "INSERT INTO t VALUES ('x')\\; INSERT INTO job VALUES ('x');", "\\encoding UTF8", "INSERT INTO public.job VALUES ('x');"}
	try := func(text string, fast bool, mode load.Mode) error {
		_, err := load.Run(t.Context(), load.Options{Target: config, Script: load.Script{FS: fstest.MapFS{"load.sql": {Data: []byte(text + "\n")}, "job.txt": {Data: []byte("x\n")}}, Name: "load.sql"},
			Verbatim: !fast, Transaction: mode, Allow: trust.Schema})
		return err
	}
	for _, mode := range []load.Mode{load.Single, load.None} {
		for _, fast := range []bool{true, false} {
			for _, text := range refused {
				var p *problem.Error
				if err := try(text, fast, mode); (!errors.As(err, &p) || p.Code != problem.Data) && (mode != load.Single || !strings.Contains(text, "connect") && !strings.Contains(text, "encoding x") && !strings.Contains(text, "sql_parts") && !strings.Contains(text, "pg_authid") || err == nil) {
					t.Errorf("%s, fast %v: %v\n%.200s", mode, fast, err, text)
				}
			}
			for _, text := range allowed {
				if err := try(text, fast, mode); err != nil {
					t.Errorf("%s, fast %v: %v\n%.200s", mode, fast, err, text)
				}
			}
		}
	}
	if n := value(t, url, `SELECT (SELECT count(*) FROM cron.job) + (SELECT count(*) FROM cron."Job") + (SELECT last_value - 1 FROM cron.seq)`); n != "0" {
		t.Errorf("the extension's tables have %s rows", n)
	}
}
