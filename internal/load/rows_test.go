//go:build unix

package load_test

import (
	"context"
	"io/fs"
	"os"
	"path"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
)

// rowsOf lists the files of rows in a folder.
func rowsOf(t testing.TB, files fs.FS) *load.Rows {
	t.Helper()
	rows := &load.Rows{FS: files}
	if err := fs.WalkDir(files, ".", func(name string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() && (path.Ext(name) == ".csv" || path.Ext(name) == ".jsonl") {
			rows.Files = append(rows.Files, name)
		}
		return err
	}); err != nil {
		t.Fatal(err)
	}
	return rows
}

// TestEveryFormatEndsInTheSameTables loads one database's exports as SQL, CSV and JSON lines, as a superuser and as an owner.
func TestEveryFormatEndsInTheSameTables(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	size := shop.Rows(20_000)
	want := ""
	for _, format := range []shop.Format{shop.SQL, shop.CSV, shop.JSONL} {
		dir := writeExport(t, shop.Export{Format: format, Size: size})
		for _, as := range []string{"superuser", "owner", "no transaction"} {
			url := server.NewDatabase(t)
			roleURL := prepare(t, url, map[string]string{"schema.sql": shop.Schema()})
			o := load.Options{Target: target(t, url), Events: events(t), ForeignKeys: load.Enforce}
			switch as {
			case "owner":
				o.Target = target(t, roleURL)
			case "no transaction":
				o.Transaction, o.ForeignKeys = load.None, load.Check
			}
			if format == shop.SQL {
				o.Script = load.Script{FS: os.DirFS(dir), Name: "load.sql"}
			} else {
				o.Rows = rowsOf(t, os.DirFS(dir))
			}
			var last load.Progress
			o.Events.Progress = func(p load.Progress) { last = p }
			result, err := load.Run(context.Background(), o)
			if err != nil {
				t.Fatalf("%s, %s: %v", format, as, err)
			}
			if len(result.Tables) != len(shop.Tables()) || last.Bytes == 0 || last.Bytes > last.Total {
				t.Errorf("%s, %s: %d tables, progress %+v", format, as, len(result.Tables), last)
			}
			got := pgtest.SortedDump(t, url, "-O", "-x")
			if want == "" {
				want = got
			}
			if got != want {
				t.Fatalf("%s, %s:\n%s", format, as, difference(want, got))
			}
		}
	}
}

// TestRows holds how files find their tables and values their columns.
func TestRows(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for name, tt := range map[string]struct {
		schema string
		files  map[string]string
		rows   load.Rows
		query  string
		want   string
	}{
		"empty and NULL": {"CREATE TABLE t (a text, b text, n int)", map[string]string{"t.csv": "a,b,n\n,\"\",\"\"\nx,\"y\"\"z\",1\n"}, load.Rows{},
			"SELECT string_agg(format('%L %L %L', a, b, n), '; ' ORDER BY n NULLS FIRST) FROM t", `NULL '' NULL; 'x' 'y"z' '1'`},
		"lines, quotes and escapes": {"CREATE TABLE t (a text)", map[string]string{"t.csv": "\ufeffa\r\n\"x\r\ny\"\r\n\\N\r\n\\.\r\n\"\t\"\r\n"}, load.Rows{},
			`SELECT string_agg(replace(replace(a, E'\r', '<r>'), E'\n', '<n>'), '|' ORDER BY a) FROM t`, "\t|\\.|\\N|x<r><n>y"},
		"header in another order and case": {`CREATE TABLE t (id int, "eMail" text, up text GENERATED ALWAYS AS (upper("eMail")) STORED)`,
			map[string]string{"T.csv": "email,UP,ID\na,ignored,1\n"}, load.Rows{}, "SELECT t::text FROM t", "(1,a,A)"},
		"schema by name":        {"CREATE SCHEMA app; CREATE TABLE app.t (a int)", map[string]string{"app.t.csv": "a\n1\n"}, load.Rows{}, "SELECT count(*) FROM app.t", "1"},
		"schema by folder":      {"CREATE SCHEMA app; CREATE TABLE app.t (a int); CREATE TABLE t (a int)", map[string]string{"app/t.jsonl": "{\"a\": 1}\n"}, load.Rows{}, "SELECT count(*) FROM app.t", "1"},
		"mapped":                {`CREATE SCHEMA app; CREATE TABLE app."Some.T" (a int)`, map[string]string{"x/t.csv": "a\n1\n"}, load.Rows{Tables: map[string]string{"x/t.csv": `app."Some.T"`}}, `SELECT count(*) FROM app."Some.T"`, "1"},
		"entity":                {`CREATE TABLE users (a int)`, map[string]string{"download": "a\n1\n"}, load.Rows{Table: "Users", Format: "csv"}, `SELECT count(*) FROM users`, "1"},
		"entity is all":         {`CREATE TABLE u (a int PRIMARY KEY); CREATE TABLE o (u int REFERENCES u); INSERT INTO u VALUES (1), (2); INSERT INTO o VALUES (1)`, map[string]string{"u.csv": "a\n1\n"}, load.Rows{}, `SELECT (SELECT count(*) FROM u) || ' ' || (SELECT count(*) FROM o)`, "1 1"},
		"parents after in name": {"CREATE TABLE z (id int PRIMARY KEY); CREATE TABLE a (z int REFERENCES z)", map[string]string{"a.csv": "z\n1\n", "z.csv": "id\n1\n"}, load.Rows{}, "SELECT count(*) FROM a", "1"},
		"json types": {"CREATE TABLE t (i int, n numeric, b bool, s text, j jsonb, k json, a text[], m int[], x text, ja jsonb[])",
			map[string]string{"t.jsonl": `{"i":1,"n":1e2,"b":true,"s":"a\n\u00e9\"","j":{"k":[1,"x"]},"k":"text","a":["p,q","r\"s",null],"m":[[1,2],[3,4]],"x":{"y":1},"ja":[{"a":1},"s"]}` + "\n\n" +
				`{"j":"{\"held\": true}","late":null,"s":""}`}, load.Rows{}, "SELECT NULL", ""},
		"keys that are missing or late": {"CREATE TABLE t (a int, b text, c text)", map[string]string{"t.jsonl": "{\"a\":1}\n{\"b\":\"x\",\"a\":2}\n{}\n{\"c\":\"y\"}\n"}, load.Rows{},
			"SELECT string_agg(t::text, ' ' ORDER BY a, c) FROM t", "(1,,) (2,x,) (,,y) (,,)"},
		"composite types": {`CREATE TYPE place AS (street text, "No" int, tags text[]); CREATE TYPE stay AS (at place, since date, doc jsonb); CREATE DOMAIN home AS place;
			CREATE TABLE t (id int, p place, l stay[], h home)`,
			map[string]string{"t.jsonl": `{"id":1,"p":{"street":"a \"b\", (c)\\","no":5,"tags":["x,y",null]},"l":[{"at":{"street":"","tags":[]},"doc":{"k":[1]}},null,{"since":"2024-01-02","doc":"text"}],"h":{"No":1}}` + "\n" +
				`{"id":2,"p":"(s,2,{a})","l":[],"h":null}`}, load.Rows{}, `SELECT string_agg(t::text, ' | ' ORDER BY id) FROM (SELECT id, (p).street, (p)."No", (p).tags, l[1].at.street = '' AS empty, l[1].at.tags, l[1].doc, l[2] IS NULL AS none, l[3], (h)."No" AS h FROM t) t`,
			`(1,"a ""b"", (c)\\",5,"{""x,y"",NULL}",t,{},"{""k"": [1]}",t,"(,2024-01-02,""""""text"""""")",1) | (2,s,2,{a},,,,t,,)`},
		"a view with triggers": {`CREATE TABLE b (id int, up int); CREATE TABLE z (id int PRIMARY KEY); ALTER TABLE b ADD FOREIGN KEY (up) REFERENCES z; CREATE VIEW a AS SELECT id, up FROM b;
			CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO b VALUES (NEW.id + 100, NEW.up); RETURN NEW; END $$;
			CREATE TRIGGER x INSTEAD OF INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()`,
			map[string]string{"a.csv": "id,up\n1,7\n", "z.csv": "id\n7\n"}, load.Rows{}, "SELECT string_agg(b::text, ' ') FROM b", "(101,7)"},
		"hstore": {"CREATE EXTENSION hstore; CREATE TABLE t (h hstore)", map[string]string{"t.jsonl": `{"h":{"a":"1","b":null,"c \"d":2}}`}, load.Rows{}, "SELECT h FROM t", `"a"=>"1", "b"=>NULL, "c \"d"=>"2"`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.NewDatabase(t)
			pgtest.Exec(t, url, tt.schema)
			files := fstest.MapFS{}
			for name, text := range tt.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
				tt.rows.Files = append(tt.rows.Files, name)
			}
			tt.rows.FS = files
			_, err := load.Run(context.Background(), load.Options{Target: target(t, url), Rows: &tt.rows, Events: events(t)})
			if name == "json types" { // the key that no column has
				if err == nil {
					t.Fatal("loaded")
				}
				mustContainAll(t, err.Error(), `no column "late"`)
				files["t.jsonl"].Data = []byte(strings.ReplaceAll(tt.files["t.jsonl"], `"late":null,`, ""))
				_, err = load.Run(context.Background(), load.Options{Target: target(t, url), Rows: &tt.rows, Events: events(t)})
				tt.query = `SELECT string_agg(t::text, ' ' ORDER BY i) FROM t`
				tt.want = "(1,100,t,\"a\né\"\"\",\"{\"\"k\"\": [1, \"\"x\"\"]}\",\"\"\"text\"\"\",\"{\"\"p,q\"\",\"\"r\\\\\"\"s\"\",NULL}\",\"{{1,2},{3,4}}\",\"{\"\"y\"\":1}\",\"{\"\"{\\\\\"\"a\\\\\"\": 1}\"\",\"\"\\\\\"\"s\\\\\"\"\"\"}\") (,,,\"\",\"{\"\"held\"\": true}\",,,,,)"
			}
			if err != nil {
				t.Fatal(err)
			}
			if got := value(t, url, tt.query); got != tt.want {
				t.Errorf("\n%s, not\n%s", got, tt.want)
			}
		})
	}
}

// TestRowsRefused holds what is said of files that cannot be loaded, and where.
func TestRowsRefused(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for name, tt := range map[string]struct {
		files map[string]string
		code  problem.Code
		want  []string
	}{
		"no table":            {map[string]string{"orderz.csv": "a\n1\n", "nowhere.csv": "a\n"}, problem.Database, []string{"2 of 2 files have no table", "did you mean orders?", "table-map"}},
		"no column":           {map[string]string{"orders.csv": "id,tota\n1,2\n"}, problem.Database, []string{`no column "tota"; did you mean "total"?`}},
		"too few fields":      {map[string]string{"orders.csv": "id,total\n1,2\n\n3\n"}, problem.Data, []string{"orders.csv:4: this row has 1 fields, the header 2"}},
		"open quote":          {map[string]string{"orders.csv": "id,total\n1,\"2\n3,4\n"}, problem.Data, []string{"orders.csv:2:3: a double quote is never closed"}},
		"quote inside":        {map[string]string{"orders.csv": "id,total\n1,2\"3\"4\n"}, problem.Data, []string{"orders.csv:2:4: field 2 has a double quote"}},
		"after the quote":     {map[string]string{"orders.csv": "id,total\n\"1\"x,2\n"}, problem.Data, []string{"orders.csv:2:4: field 1 goes on"}},
		"value":               {map[string]string{"orders.csv": "id,note\n1,\"a\nb\nc\"\n2,\"x\ny\"\nbad,z\n"}, problem.Database, []string{"orders.csv:7:1: ", `"bad"`, "22P02", "column id", "COPY orders, row 3"}},
		"value in JSON":       {map[string]string{"orders.jsonl": "{\"id\":1}\n\n{\"id\":\"bad\"}\n"}, problem.Database, []string{"orders.jsonl:3:7: ", `"bad"`}},
		"no object":           {map[string]string{"orders.jsonl": "[1]\n"}, problem.Data, []string{"orders.jsonl:1:1: this line is no JSON object", "jq"}},
		"broken JSON":         {map[string]string{"orders.jsonl": "{\"id\":1}\n{\"id\":tru}\n"}, problem.Data, []string{"orders.jsonl:2:7: the value of \"id\" is no JSON"}},
		"unclosed":            {map[string]string{"orders.jsonl": "{\"id\":1\n"}, problem.Data, []string{"orders.jsonl:1:1: this object is not closed on its line"}},
		"more than an object": {map[string]string{"orders.jsonl": "{\"id\":1}{}\n"}, problem.Data, []string{"orders.jsonl:1:9: something follows"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.NewDatabase(t)
			pgtest.Exec(t, url, "CREATE TABLE orders (id int, total int, note text); INSERT INTO orders VALUES (9)")
			before := pgtest.Dump(t, url)
			files := fstest.MapFS{}
			rows := &load.Rows{FS: files}
			for name, text := range tt.files {
				files[name] = &fstest.MapFile{Data: []byte(text)}
				rows.Files = append(rows.Files, name)
			}
			_, err := load.Run(context.Background(), load.Options{Target: target(t, url), Rows: rows})
			if problem.CodeOf(err) != tt.code {
				t.Fatalf("%v", err)
			}
			mustContainAll(t, err.Error(), tt.want...)
			if pgtest.Dump(t, url) != before {
				t.Error("the database has changed")
			}
		})
	}
}

// Rows never go to the server's own tables, nor to an extension's that the user has not named.
func TestRowsOfOthers(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, `CREATE TABLE orders (id int); CREATE SCHEMA cron; CREATE TABLE cron.job (command text); CREATE TABLE public.spots (command text);
		ALTER EXTENSION plpgsql ADD TABLE cron.job; ALTER EXTENSION plpgsql ADD TABLE public.spots; ALTER ROLE CURRENT_USER IN DATABASE `+target(t, url).Database+` SET search_path = public, cron, information_schema`)
	before := pgtest.Dump(t, url)
	for name, code := range map[string]problem.Code{
		"pg_authid.csv": problem.Database, "pg_catalog.pg_authid.csv": problem.Database, "pg_catalog/pg_authid.jsonl": problem.Database, "PG_PROC.csv": problem.Database,
		"information_schema.sql_parts.csv": problem.Database, "sql_parts.csv": problem.Database, "information_schema/sql_parts.jsonl": problem.Database,
		"cron.job.csv": problem.Data, "job.csv": problem.Data, "cron/job.csv": problem.Data, "CRON.JOB.csv": problem.Data, "job.jsonl": problem.Data, "spots.csv": problem.Data,
	} {
		text := "command\nx\n"
		if strings.HasSuffix(name, "jsonl") {
			text = `{"command": "x"}` + "\n"
		}
		for _, mode := range []load.Mode{load.Single, load.None} {
			_, err := load.Run(t.Context(), load.Options{Target: target(t, url), Transaction: mode, Allow: trust.SQL,
				Rows: &load.Rows{FS: fstest.MapFS{name: {Data: []byte(text)}, "orders.csv": {Data: []byte("id\n1\n")}}, Files: []string{name, "orders.csv"}}})
			if problem.CodeOf(err) != code || !strings.Contains(err.Error(), "nothing was sent") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if pgtest.Dump(t, url) != before {
		t.Error("the database has changed")
	}
	for _, level := range []trust.Level{trust.Data, trust.SQL} {
		_, err := load.Run(t.Context(), load.Options{Target: target(t, url), Allow: level, // said by the user
			Rows: &load.Rows{FS: fstest.MapFS{"a.csv": {Data: []byte("command\nx\n")}}, Files: []string{"a.csv"}, Tables: map[string]string{"a.csv": "public.spots"}}})
		if err != nil {
			t.Error(err)
		}
	}
}
