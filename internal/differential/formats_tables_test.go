package differential

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// TestFormatsTables holds which table a file is for, and that whatever may be several, or none, is refused before anything was changed.
func TestFormatsTables(t *testing.T) {
	t.Parallel()
	const one = "a\n1\n"
	const refused, ambiguous = problem.Database, problem.Data
	long, umlauts := strings.Repeat("x", 70), strings.Repeat("ü", 40)
	escaped := `U&"` + strings.Repeat(`\00fc`, 40) + `"` // the setup's own client encoding is that of the database
	twice := escaped[:len(escaped)-1] + escaped[3:]
	file := func(names ...string) map[string]string {
		files := map[string]string{}
		for _, name := range names {
			files[name] = one
			if strings.HasSuffix(name, ".jsonl") {
				files[name] = "{\"a\":1}\n"
			}
		}
		return files
	}
	// Each table has one row before: 7.
	table := func(names ...string) (setup string) {
		for _, name := range names {
			if schema, _, ok := strings.Cut(name, "."); ok && !strings.HasPrefix(name, `"a.`) {
				setup += "create schema if not exists " + schema + "; "
			}
			setup += "create table " + name + "(a int); insert into " + name + " values(7); "
		}
		return setup
	}
	in := func(name string) string { return "select string_agg(a::text, ',') from " + name }
	runFormatCases(t, []formatCase{
		// Schemas.
		{name: "a schema's folder", setup: table("t", "app.t"), files: file("app/t.csv"), query: in("app.t"), result: "1"},
		{name: "a schema's folder beside others", setup: table("t", "app.t"), files: file("app/t.csv", "t.csv"), query: in("app.t") + " union all " + in("t"), result: "1 / 1"},
		{name: "a schema's folder in a folder", setup: table("t", "app.t"), files: file("export/app/t.csv"), query: in("app.t"), result: "1"},
		{name: "a folder in a schema's folder", setup: table("t", "app.t"), files: file("app/part/t.csv"), query: in("app.t"), result: "1"},
		{name: "a folder that is no schema", setup: table("t", "app.t"), files: file("shop/t.csv"), query: in("t"), result: "1"},
		{name: "a schema's folder in another case", setup: table("t", "app.t"), files: file("App/t.csv"), query: in("app.t"), result: "1"},
		{name: "two schemas that differ in case", setup: table("t", `app.t`, `"App".t`), files: file("App/t.csv"), query: in(`"App".t`), result: "1"},
		{name: "a schema without that table", setup: table("t", "app.u"), files: file("app/t.csv"), query: in("t"), exit: refused, result: "7", says: []string{"there is no table app.t", `there is public.t`}},
		{name: "a schema in the name", setup: table("t", "app.t"), files: file("app.t.csv"), query: in("app.t"), result: "1"},
		{name: "a schema in the name and as folder", setup: table("t", "app.t"), files: file("app/app.t.csv"), query: in("app.t"), result: "1"},
		{name: "a schema in the name, another as folder", setup: table("t", "app.t", "x.u"), files: file("x/app.t.csv"), query: in("app.t"), exit: refused, result: "7", says: []string{"x.app.t"}},
		{name: "a point in the name", setup: table("t", `"a.b"`), files: file("a.b.csv"), query: in(`"a.b"`), result: "1"},
		{name: "a point in the name, or a schema", setup: table(`"a.b"`, "a.b"), files: file("a.b.csv"), query: in(`"a.b"`) + " union all " + in("a.b"), exit: refused, result: "7 / 7", says: []string{"table-map"}},
		{name: "not in the search path", setup: table("app.t"), files: file("t.csv"), query: in("app.t"), exit: refused, result: "7", says: []string{`there is app.t`}},
		{name: "first in the search path", setup: table("t", "app.t") + "do $$ begin execute format('alter database %I set search_path = app, public', current_database()); end $$", files: file("t.csv"), query: in("app.t"), result: "1"},
		{name: "a zip of a schema's folder in json", setup: table("t", "app.t"), files: file("app/t.jsonl"), query: in("app.t"), result: "1"},

		// Upper and lower case, accents, length.
		{name: "just so", setup: table("t", `"T"`), files: file("T.csv"), query: in(`"T"`), result: "1"},
		{name: "in another case", setup: table(`"Users"`), files: file("users.csv"), query: in(`"Users"`), result: "1"},
		{name: "in two other cases", setup: table(`"Users"`, `"USERS"`), files: file("users.csv"), query: in(`"Users"`), exit: refused, result: "7", says: []string{`"Users"`, `"USERS"`, "table-map"}},
		{name: "two files in two cases", setup: table("t"), files: file("t.csv", "T.csv"), query: in("t"), exit: ambiguous, result: "7", says: []string{"t.csv", "T.csv"}},
		{name: "two files in two cases, two tables", setup: table("t", `"T"`), files: file("t.csv", "T.csv"), query: in("t") + " union all " + in(`"T"`), result: "1 / 1"},
		{name: "accents taken apart", setup: table("\"caf\u00e9\""), files: file("cafe\u0301.csv"), query: in("\"caf\u00e9\""), result: "1"},
		{name: "accents put together", setup: table("\"cafe\u0301\""), files: file("caf\u00e9.csv"), query: in("\"cafe\u0301\""), result: "1"},
		{name: "both ways to write it", setup: table("\"cafe\u0301\"", "\"caf\u00e9\""), files: file("cafe\u0301.csv"), query: in("\"cafe\u0301\"") + " union all " + in("\"caf\u00e9\""), result: "1 / 7"},
		{name: "longer than a name", setup: table(long), files: file(long + ".csv"), query: in(long), result: "1"},
		{name: "longer than a name, two files", setup: table(long), files: file(long+".csv", long+"y.csv"), query: in(long), exit: ambiguous, result: "7", says: []string{"and so is"}},
		{name: "longer than a name, in the midst of a letter", setup: table(umlauts), files: file(umlauts + ".csv"), query: in(umlauts), result: "1"},
		{name: "longer than a name in LATIN1", encoding: "LATIN1", setup: table(escaped), files: file(umlauts + ".csv"), query: in(escaped), result: "1"},
		{name: "a column longer than a name", setup: `create table t("` + umlauts + `" int)`, files: map[string]string{"t.csv": umlauts + "\n1\n"}, query: "select count(*) from t", result: "1"},
		{name: "a column longer than a name in LATIN1", encoding: "LATIN1", setup: "create table t(" + twice + " int)", files: map[string]string{"t.csv": "\ufeff" + umlauts + umlauts + "\n1\n"}, query: "select count(*) from t", result: "1"},
		{name: "a key longer than a name in LATIN1", encoding: "LATIN1", setup: "create table t(" + twice + " int)", files: map[string]string{"t.jsonl": "\ufeff{\"" + umlauts + umlauts + "\":1}\n"}, query: "select count(*) from t", result: "1"},
		{name: "a script's column longer than a name in LATIN1", encoding: "LATIN1", setup: "create table t(" + twice + " int)",
			files: map[string]string{"load.sql": "set client_encoding = utf8; insert into t (\"" + umlauts + umlauts + "\") values (1);"}, query: "select count(*) from t", result: "1"},
		{name: "a letter that LATIN1 lacks", encoding: "LATIN1", setup: table("t"), files: file("日本.csv"), query: in("t"), exit: refused, result: "7", says: []string{"there is no table 日本"}},
		{name: "as a word of SQL", setup: table(`"select"`, `"or""der"`), files: file("select.csv", `or"der.csv`), query: in(`"select"`) + " union all " + in(`"or""der"`), result: "1 / 1"},
		{name: "a backslash", setup: table(`"a\b"`), files: file(`a\b.csv`), query: in(`"a\b"`), result: "1"},
		{name: "a backslash, as older servers take strings", setup: table(`"a\b"`) + "do $$ begin execute format('alter database %I set standard_conforming_strings = off', current_database()); end $$",
			files: file(`a\b.csv`), query: in(`"a\b"`), result: "1"},
		{name: "a quote and a backslash", setup: table(`"o'neil"`), files: file("o'neil.csv"), query: in(`"o'neil"`), result: "1"},

		// Two files for one table.
		{name: "csv and jsonl", setup: table("t"), files: file("t.csv", "t.jsonl"), query: in("t"), exit: ambiguous, result: "7", says: []string{"t.csv", "t.jsonl", "table-map"}},
		{name: "csv and jsonl, both said", setup: table("t"), files: file("t.csv", "t.jsonl"), options: []string{"--table-map=t.csv=t\nt.jsonl=t"}, query: in("t"), result: "1,1"},
		{name: "csv and jsonl, one said", setup: table("t"), files: file("t.csv", "t.jsonl"), options: []string{"--table-map=t.csv=t"}, query: in("t"), exit: ambiguous, result: "7"},
		{name: "csv and jsonl, one left out", setup: table("t"), files: file("t.csv", "t.jsonl"), options: []string{"--table-map=t.csv="}, query: in("t"), result: "1"},
		{name: "csv and jsonl, one asked for", setup: table("t"), files: file("t.csv", "t.jsonl"), options: []string{"--format=jsonl"}, query: in("t"), result: "1"},
		{name: "two folders", setup: table("t"), files: file("x/t.csv", "y/t.csv"), query: in("t"), exit: ambiguous, result: "7"},
		{name: "by its name and by its schema", setup: table("t"), files: file("t.csv", "public/t.csv"), query: in("t"), exit: ambiguous, result: "7"},

		// table-map.
		{name: "a blank", setup: table(`"order"`, `"order items"`), files: file("x.csv"), options: []string{"--table-map=x.csv=order items"}, query: in(`"order"`) + " union all " + in(`"order items"`), result: "7 / 1"},
		{name: "a hyphen", setup: table(`"my-table"`, "my"), files: file("x.csv"), options: []string{"--table-map=x.csv=my-table"}, query: in("my") + " union all " + in(`"my-table"`), result: "7 / 1"},
		{name: "an equals sign on both sides", setup: table(`"a=b"`), files: file("c=d.csv"), options: []string{`--table-map="c=d.csv"="a=b"`}, query: in(`"a=b"`), result: "1"},
		{name: "an equals sign in the file", setup: table("t"), files: file("c=d.csv"), options: []string{"--table-map=c=d.csv=t"}, query: in("t"), result: "1"},
		{name: "quotes in the name", setup: table(`"a""b"`), files: file("x.csv"), options: []string{`--table-map=x.csv="a""b"`}, query: in(`"a""b"`), result: "1"},
		{name: "a schema in quotes", setup: table(`"My S".t`, `"t"`), files: file("x.csv"), options: []string{`--table-map=x.csv="My S".t`}, query: in(`"My S".t`), result: "1"},
		{name: "a quote that is open", setup: table("t"), files: file("x.csv"), options: []string{`--table-map=x.csv="t`}, query: in("t"), exit: problem.Settings, result: "7"},
		{name: "three parts", setup: table("t"), files: file("x.csv"), options: []string{"--table-map=x.csv=db.public.t"}, query: in("t"), exit: anyExit, result: "7", says: []string{"db.public.t"}},
		{name: "more behind the name", setup: table("t"), files: file("x.csv"), options: []string{`--table-map=x.csv="t" u`}, query: in("t"), exit: problem.Settings, result: "7"},
		{name: "a name that is too long", setup: table(long), files: file("x.csv"), options: []string{"--table-map=x.csv=" + long}, query: in(long), result: "1"},
		{name: "nothing", setup: table("t"), files: file("x.csv"), options: []string{"--table-map=x.csv"}, query: in("t"), exit: problem.Settings, result: "7"},
		{name: "a file left out", setup: table("t"), files: file("t.csv", "readme.csv"), options: []string{"--table-map=readme.csv="}, query: in("t"), result: "1"},
		{name: "a file of a schema's folder", setup: table("t", "app.t"), files: file("app/x.csv"), options: []string{"--table-map=x.csv=t"}, query: in("t"), result: "1"},
		{name: "a file by its only folder", setup: table("t", "app.t"), files: file("app/x.csv"), options: []string{"--table-map=app/x.csv=t"}, query: in("t"), result: "1"},

		// What takes no rows.
		{name: "a view", setup: table("t") + "create view v as select a from t", files: file("v.csv"), query: in("t"), exit: refused, result: "7", says: []string{"v.csv=", "view"}, silent: []string{"generated.sql"}},
		{name: "a foreign table", setup: "create extension file_fdw; create server s foreign data wrapper file_fdw; create foreign table t(a int) server s options (filename '/dev/null')", files: file("t.csv"),
			query: "select count(*) from t", exit: refused, result: "0", says: []string{"error: cannot truncate foreign table"}, silent: []string{"generated.sql"}},
		{name: "a view left out", setup: table("t") + "create view v as select a from t", files: file("v.csv", "t.csv"), options: []string{"--table-map=v.csv="}, query: in("t"), result: "1"},
		{name: "a materialized view", setup: table("t") + "create materialized view v as select a from t", files: file("v.csv"), query: in("v"), exit: refused, result: "7", says: []string{"v.csv=", "materialized view"}, silent: []string{"generated.sql"}},
		{name: "a view and no table at all", setup: table("t") + "create view v as select a from t", files: file("v.csv", "tt.csv"), query: in("t"), exit: refused, result: "7", says: []string{"v.csv", "tt.csv", "did you mean t?"}},
		{name: "a view with triggers", setup: table("t") + "create view v as select a from t; create function f() returns trigger language plpgsql as $$ begin insert into t values(new.a + 10); return new; end $$; create trigger x instead of insert on v for each row execute function f()",
			files: file("v.csv"), query: in("t"), result: "7,11"},
		{name: "several at once", setup: table("t"), files: file("t.csv", "x.csv", "y.csv"), query: in("t"), exit: refused, result: "7", says: []string{"2 of 3 files have no table", "x.csv: ", "y.csv: ", "x.csv="}},
	})
}

// TestFormatsBefore holds that files of rows are planned by the catalog as the scripts of the setting before leave it.
func TestFormatsBefore(t *testing.T) {
	t.Parallel()
	with := func(before string, files ...string) map[string]string {
		all := map[string]string{"../b.sql": before, "t.csv": "a,b\n1,x\n"}
		for i := 0; i+1 < len(files); i += 2 {
			all[files[i]] = files[i+1]
		}
		return all
	}
	before := func(more ...string) []string { return append([]string{"--before=b.sql"}, more...) }
	const make2 = "create table t(a int primary key, b text);"
	const all = "select string_agg(t::text, ' ') from t"
	public := "grant all on schema public to own;"
	var cases []formatCase
	for _, role := range []string{"", "own"} {
		for _, mode := range []string{"single", "none"} {
			o := before("--transaction=" + mode)
			as := " as " + role + " in " + mode
			cases = append(cases,
				formatCase{name: "makes the table" + as, setup: public, role: role, files: with(make2), options: o, query: all, result: "(1,x)"},
				formatCase{name: "makes another column" + as, setup: public + "create table t(a int); insert into t values(7); alter table t owner to own;", role: role, files: with("alter table t add b text"), options: o, query: all, result: "(1,x)"},
				formatCase{name: "makes a schema" + as, setup: "do $$ begin execute format('grant create on database %I to own', current_database()); end $$", role: role, files: map[string]string{"../b.sql": "create schema app; create table app.t(a int, b text);", "app/t.csv": "a,b\n1,x\n"}, options: o, query: "select string_agg(t::text, ' ') from app.t", result: "(1,x)"},
				formatCase{name: "makes keys" + as, setup: public, role: role, files: with(make2+"create table s(t int references t);", "s.csv", "t\n1\n"), options: o, query: "select count(*) from s join t on t.a = s.t", result: "1"},
			)
		}
	}
	cases = append(cases, []formatCase{
		{name: "two scripts", files: with("create table t(a int);", "../c.sql", "alter table t add b text;"), options: []string{"--before=b.sql\nc.sql"}, query: all, result: "(1,x)"},
		{name: "drops the table", setup: "create table t(a int, b text); insert into t values(7);", files: with("drop table t"), options: before(), query: "select a from t", exit: problem.Database, result: "7", says: []string{"t.csv: there is no table t"}},
		{name: "fails", setup: "create table t(a int, b text); insert into t values(7);", files: with("drop tabel t"), options: before(), query: "select a from t", exit: problem.Database, result: "7", says: []string{"b.sql:1"}},
		{name: "sets the search path", setup: "create schema app; create table app.t(a int, b text); create table t(a int, b text);", files: with("set search_path = app"), options: before(), query: "select string_agg(t::text, ' ') from app.t", result: "(1,x)"},
		{name: "changes a type", setup: "create table t(a int, b jsonb);", files: map[string]string{"../b.sql": "alter table t alter b type text", "t.jsonl": `{"a":1,"b":"x"}`}, options: before(), query: "select b from t", result: "x"},
		{name: "changes a column to a generated one", setup: "create table t(a int, b text);", files: with("alter table t drop b; alter table t add b text generated always as (a::text || 'g') stored"), options: before(), query: "select b from t", result: "1g", says: []string{"the server computes b itself"}},
		{name: "a mistake is found behind it", setup: "create table t(a int, b text); insert into t values(7);", files: with("alter table t rename b to bb"), options: before(), query: "select a from t", exit: problem.Database, result: "7", says: []string{"no column"}, silent: []string{"nothing was sent"}},
		{name: "makes a view of it", setup: "create table t(a int, b text); insert into t values(7);", files: with("alter table t rename to s; create view t as select * from s"), options: before(), query: "select a from t", exit: problem.Database, result: "7", says: []string{"t.csv="}},
		{name: "rows outside that it makes", setup: "create table t(a int primary key, b text); insert into t values(1); grant all on t to app; grant all on schema public to app", role: "app",
			files: with("create table s(t int)"), options: before(), query: all, result: "(1,x)"},
		{name: "kept", setup: "create table t(a int, b text); insert into t values(7);", files: with("drop table t; create table t(a int, b text)"), options: before("--if-not-empty=keep"), query: "select a from t", result: "7"},
		{name: "not kept, as the table comes first", files: with(make2), options: before("--if-not-empty=keep"), query: all, result: "(1,x)"},
		{name: "refused, as the table comes first with a row", files: with(make2 + "insert into t values(7)"), options: before("--if-not-empty=fail"), query: "select to_regclass('t') is null", exit: problem.Database, result: "t"},
		{name: "fails where there are rows", setup: "create table t(a int, b text); insert into t values(7);", files: with("select 1"), options: before("--if-not-empty=fail"), query: "select a from t", exit: problem.Database, result: "7"},
		{name: "fails not where there are none", setup: "create table t(a int, b text);", files: with("select 1"), options: before("--if-not-empty=fail"), query: "select a from t", result: "1"},
		{name: "with a dry run", files: with(make2), options: before("--dry-run"), query: "select to_regclass('t') is null", result: "t"},
		{name: "rolled back with the rows", files: with(make2, "t.csv", "a,b\nx,y\n"), options: before(), query: "select to_regclass('t') is null", exit: problem.Database, result: "t"},
		{name: "as written", files: with(make2), options: before("--fast=false"), query: all, result: "(1,x)"},
		{name: "with an after script", files: with(make2, "../z.sql", "update t set b = b || 'z'"), options: before("--after=z.sql"), query: all, result: "(1,xz)"},
		{name: "leaves its transaction open", files: with("begin; " + make2), options: before(), query: all, result: "(1,x)"},
		{name: "two connections", files: with(make2, "u.csv", "a\n1\n", "../b.sql", make2+"create table u(a int)"), options: before("--jobs=2", "--transaction=none"), query: all, result: "(1,x)"},
	}...)
	runFormatCases(t, cases)
}

// TestFormatsEncodings holds that names and values mean the same in every encoding of the database and of the client.
func TestFormatsEncodings(t *testing.T) {
	t.Parallel()
	var cases []formatCase
	for _, c := range []struct{ encoding, word, bytes string }{
		{"LATIN1", "né", "n\xe9"}, {"WIN1252", "né€", "n\xe9\x80"}, {"KOI8R", "да", "\xc4\xc1"},
		{"EUC_JP", "日本", "\xc6\xfc\xcb\xdc"},
	} {
		escaped := `U&"`
		for _, r := range c.word {
			escaped += fmt.Sprintf(`\%04x`, r)
		}
		escaped += `"`
		setup := "create table " + escaped + "(a int primary key, b text); insert into " + escaped + " values (7);"
		query := fmt.Sprintf("select string_agg(a || coalesce(b, '-'), ' ' order by a) = '1%s' from %s", strings.Trim(escaped, `U&"`), escaped)
		query = strings.Replace(query, "'1", `U&'1`, 1)
		for _, client := range []string{"", c.encoding, "UTF8"} {
			file, env := "a,b\n1,"+c.bytes+"\n", []string(nil)
			if client != "" {
				env = []string{"PGCLIENTENCODING=" + client}
			}
			if client == "UTF8" {
				file = "a,b\n1," + c.word + "\n"
			}
			for _, database := range []string{c.encoding, ""} {
				if database == "" && client != c.encoding {
					continue // as UTF-8 everywhere
				}
				name := fmt.Sprintf("%s, client %s, database %s", c.encoding, client, database)
				json := strings.NewReplacer("a,b\n1,", `{"a":1,"b":"`, "\n", "\"}\n").Replace(file)
				ways := [][]string{nil}
				if c.encoding == "WIN1252" {
					ways = append(ways, []string{"--jobs=2"}, []string{"--fast=false"}, []string{"--transaction=none"})
				}
				for _, options := range ways {
					cases = append(cases, formatCase{name: "csv " + name + strings.Join(options, " "), encoding: database, env: env, setup: setup, files: map[string]string{c.word + ".csv": file}, options: options, query: query, result: "t"})
				}
				cases = append(cases,
					formatCase{name: "json " + name, encoding: database, env: env, setup: setup, files: map[string]string{c.word + ".jsonl": json}, query: query, result: "t"},
					formatCase{name: "a wrong value, " + name, encoding: database, env: env, setup: setup, files: map[string]string{c.word + ".csv": "a,b\n1,x\nx,y\n"}, query: "select a from " + escaped, exit: problem.Database, result: "7",
						says: []string{c.word + ".csv:3:1: "}})
				if c.encoding == "EUC_JP" && client != "UTF8" {
					continue // names in the file are none that are read
				}
				named := strings.NewReplacer("a,b\n1,", "a,", "\n", "\n1,x\n").Replace(file)
				cases = append(cases, formatCase{name: "a column, " + name, encoding: database, env: env, setup: "create table t(a int, " + escaped + " text)", files: map[string]string{"t.csv": named}, query: "select t::text from t", result: "(1,x)"},
					formatCase{name: "a key, " + name, encoding: database, env: env, setup: "create table t(" + escaped + " text)", files: map[string]string{"t.jsonl": `{"` + strings.TrimSuffix(named[2:], "\n1,x\n") + "\":\"x\"}\n"}, query: "select t::text from t", result: "(x)"})
			}
		}
	}
	cases = append(cases, formatCase{name: "UTF8 by its older name", env: []string{"PGCLIENTENCODING=UNICODE"}, setup: "create table t(v text)", files: map[string]string{"t.jsonl": `{"v":"é\u00e9"}`}, query: "select v from t", result: "éé"})
	runFormatCases(t, cases)
}
