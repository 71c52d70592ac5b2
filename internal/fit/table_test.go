//go:build unix

package fit_test

import (
	"github.com/fabricate-seed/fabricate-seed/internal/fit"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// misfit is an input that does not fit, and what must be said of it. docs/errors.md is made of these.
type misfit struct {
	name  string // its anchor in docs/errors.md
	group string // the heading there
	title string // what is wrong, in the words of who looks it up

	schema string            // of the database, made beforehand by a superuser
	script string            // load.sql
	files  map[string]string // beside it, or in its place
	load   string            // what is given to load, in the place of the folder
	args   []string
	role   bool // it is loaded by the role loader, who is no superuser
	below  int  // servers of this version and later have no such misfit
	http   int  // the API's answer to the task, where nothing is loaded

	code   problem.Code
	says   string // stands in the error or in a warning
	where  string // what the error begins with
	remedy string // stands in the error, and nothing else is advised

	finds []found // all of the findings, the worst first
}

// found is a finding as it must be.
type found struct {
	kind          fit.Kind
	table, column string
	rows          int64
	places        string // lines of load.sql
}

const (
	values   = "Values that a column does not take"
	lacks    = "What the schema lacks, or has already"
	rights   = "Rights"
	server   = "The server"
	scripts  = "The script"
	archives = "The file that was given"
	api      = "Fabricate's API"
)

const people = "CREATE TABLE people (id int PRIMARY KEY, name varchar(5), age smallint, born date, price numeric(5,2), mood text NOT NULL DEFAULT 'ok');"

var misfits = []misfit{
	{name: "22001", group: values, title: "A text is too long for its column", schema: people,
		script: "INSERT INTO people (id, name)\nVALUES (1, 'Bob'),\n(2, 'Gwendolyn');",
		code:   problem.Database, says: "value too long for type character varying(5)", where: "load.sql", remedy: "Make the column wider in the schema"},
	{name: "22001-copy", group: values, title: "A text is too long for its column", schema: people,
		script: "COPY people (id, name) FROM stdin;\n1\tBob\n2\tGwendolyn\n\\.\n",
		code:   problem.Database, says: "table people, column name: value too long for type character varying(5) (SQLSTATE 22001)", where: "load.sql:3:1", remedy: "Make the column wider in the schema"},
	{name: "22003", group: values, title: "A number is too large for its column", schema: people,
		script: "COPY people (id, age) FROM stdin;\n1\t40000\n\\.\n",
		code:   problem.Database, says: `table people, column age: value "40000" is out of range for type smallint`, where: "load.sql:2:1", remedy: "Give the column a larger type"},
	{name: "22003-numeric", group: values, title: "A number has too many digits for its column", schema: people,
		script: "INSERT INTO people (id, price) VALUES (1, 123456.7);",
		code:   problem.Database, says: "numeric field overflow", where: "load.sql:1", remedy: "Give the column more digits"},
	{name: "22007", group: values, title: "A date is none", schema: people,
		script: "INSERT INTO people (id, born) VALUES (1, 'yesterday morning');",
		code:   problem.Database, says: `invalid input syntax for type date: "yesterday morning"`, where: "load.sql:1:42", remedy: "Have Fabricate make dates as YYYY-MM-DD"},
	{name: "22008", group: values, title: "A date does not exist", schema: people,
		script: "INSERT INTO people (id, born) VALUES (1, '2025-13-45');",
		code:   problem.Database, says: `date/time field value out of range: "2025-13-45"`, where: "load.sql:1:42", remedy: "Have Fabricate make dates that exist"},
	{name: "22P02", group: values, title: "A value is not of the column's type", schema: people,
		script: "COPY people (id, age) FROM stdin;\n1\tforty\n\\.\n",
		code:   problem.Database, says: `table people, column age: invalid input syntax for type smallint: "forty"`, where: "load.sql:2:1", remedy: "Have Fabricate make values of the column's type"},
	{name: "22P02-enum", group: values, title: "An enum lacks the label", schema: "CREATE TYPE mood AS ENUM ('sad', 'ok'); CREATE TABLE people (id int, mood mood);",
		script: "INSERT INTO people VALUES (1, 'happy');",
		code:   problem.Database, says: `invalid input value for enum mood: "happy"`, where: "load.sql:1:31", remedy: "Add the label to the type (ALTER TYPE mood ADD VALUE"},
	{name: "22P02-json", group: values, title: "A value is no JSON", schema: "CREATE TABLE docs (doc jsonb);",
		script: "COPY docs FROM stdin;\n{a: 1}\n\\.\n",
		code:   problem.Database, says: "table docs, column doc: invalid input syntax for type json", where: "load.sql:2:1", remedy: "Have Fabricate make JSON"},
	{name: "22P04-more", group: values, title: "A row has more values than the table has columns", schema: "CREATE TABLE pair (a int, b int);",
		script: "COPY pair FROM stdin;\n1\t2\t3\n\\.\n",
		code:   problem.Database, says: "table pair: extra data after last expected column", where: "load.sql:2:1", remedy: "The row has more values than the table has columns"},
	{name: "22P04-fewer", group: values, title: "A row has fewer values than columns", schema: "CREATE TABLE pair (a int, b int);",
		script: "COPY pair FROM stdin;\n1\n\\.\n",
		code:   problem.Database, says: `table pair: missing data for column "b"`, where: "load.sql:2:1", remedy: "The row has fewer values than columns are named"},
	{name: "22021", group: values, title: "The file is not in UTF-8", schema: people,
		script: "INSERT INTO people (id, name) VALUES (1, 'Ren\xe9');",
		code:   problem.Database, says: "invalid byte sequence for encoding \"UTF8\": 0xe9", where: "load.sql:1", remedy: "The file seems to be in LATIN1: write SET client_encoding = 'LATIN1';"},
	{name: "22021-windows", group: values, title: "The file comes from Windows", schema: people,
		script: "COPY people (id, name) FROM stdin;\n1\t5 \x80\n2\tRen\xe9\n\\.\n",
		code:   problem.Database, says: "invalid byte sequence for encoding \"UTF8\": 0x80", where: "load.sql:2:1", remedy: "The file seems to be in WIN1252"},
	{name: "22021-cyrillic", group: values, title: "The file is in a Cyrillic encoding", schema: people,
		script: "COPY people (id, name) FROM stdin;\n1\t\xcf\xe5\xf2\xff\n\\.\n",
		code:   problem.Database, says: "invalid byte sequence for encoding \"UTF8\"", where: "load.sql:2:1", remedy: "The file seems to be in WIN1251"},
	{name: "23502", group: values, title: "A value is missing", schema: people,
		script: "COPY people (id, mood) FROM stdin;\n1\tok\n2\t\\N\n\\.\n",
		code:   problem.Database, says: `null value in column "mood" of relation "people" violates not-null constraint`, where: "load.sql:3:1", remedy: "Give the column a default in the schema or let it be NULL"},
	{name: "23503", group: values, title: "A foreign key has no row to refer to", schema: "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int, a_id int REFERENCES a);",
		script: "INSERT INTO b VALUES (1, 7);",
		code:   problem.Database, says: `insert or update on table "b" violates foreign key constraint "b_a_id_fkey"`, where: "load.sql:1", remedy: "Export the table that the key refers to as well"},
	{name: "23505", group: values, title: "A unique key has a duplicate", schema: people,
		script: "COPY people (id) FROM stdin;\n1\n2\n1\n\\.\n",
		code:   problem.Database, says: `table public.people: duplicate key value violates unique constraint "people_pkey"`, where: "load.sql:4:1", remedy: "Have Fabricate make unique values for the key"},
	{name: "23514", group: values, title: "A CHECK refuses a value", schema: "CREATE TABLE item (price int CHECK (price > 0));",
		script: "COPY item FROM stdin;\n1\n-1\n\\.\n",
		code:   problem.Database, says: `new row for relation "item" violates check constraint "item_price_check"`, where: "load.sql:3:1", remedy: "Have Fabricate make values that the check allows"},
	{name: "23514-domain", group: values, title: "A domain refuses a value", schema: "CREATE DOMAIN zip AS text CHECK (VALUE ~ '^[0-9]{5}$'); CREATE TABLE place (zip zip);",
		script: "COPY place FROM stdin;\n12345\nABC\n\\.\n",
		code:   problem.Database, says: `value for domain zip violates check constraint "zip_check"`, where: "load.sql:3:1", remedy: "Have Fabricate make values that the check allows"},
	{name: "23514-partition", group: values, title: "No partition takes a row", schema: "CREATE TABLE sale (day date) PARTITION BY RANGE (day); CREATE TABLE sale_2025 PARTITION OF sale FOR VALUES FROM ('2025-01-01') TO ('2026-01-01');",
		script: "COPY sale FROM stdin;\n2024-05-05\n\\.\n",
		code:   problem.Database, says: `no partition of relation "sale" found for row`, where: "load.sql:2:1", remedy: "Make a partition of sale for such rows"},
	{name: "42804", group: values, title: "A number for a date, or the like", schema: people,
		script: "INSERT INTO people (id, born) VALUES (1, 20250101);",
		code:   problem.Database, says: `column "born" is of type date but expression is of type integer`, where: "load.sql:1:42", remedy: "Have Fabricate make values of the type date for the column born"},

	{name: "no-table", group: lacks, title: "The export fills a table that is not there", schema: "CREATE TABLE users (id int);",
		script: "INSERT INTO orders VALUES (1);",
		finds:  []found{{fit.NoTable, "orders", "", 0, "1"}},
		code:   problem.Database, says: "there is no table orders", where: "load.sql:1:13", remedy: "run your migrations before this step"},
	{name: "no-table-case", group: lacks, title: "The name of the table has capital letters", schema: "CREATE TABLE users (id int);",
		script: `INSERT INTO "Users" VALUES (1);`,
		finds:  []found{{fit.NoTable, `"Users"`, "", 0, "1"}},
		code:   problem.Database, says: "a name in double quotes is looked for just as it is written", where: "load.sql:1:13", remedy: "run your migrations before this step"},
	{name: "no-table-invisible", group: lacks, title: "A blank in the name of the table is none", schema: "CREATE TABLE users (id int);",
		script: "COPY\u00a0users FROM stdin;\n1\n\\.\n",
		code:   problem.Database, says: `syntax error at or near "COPY\u00a0users"`, where: "load.sql:1:1", remedy: `There is a character that cannot be seen, written here as \u00a0`},
	{name: "no-column", group: lacks, title: "The export gives a column that the table does not have", schema: people,
		script: "INSERT INTO people (id, nickname) VALUES (1, 'Bob');",
		finds:  []found{{fit.NoColumn, "public.people", "nickname", 0, "1"}},
		code:   problem.Database, says: "table public.people has no column nickname", where: "load.sql:1:25", remedy: "Add the column to the schema in a migration, or take it out of the export in Fabricate"},
	{name: "no-default", group: lacks, title: "The table wants a column that the export does not give", schema: "CREATE TABLE users (id int, email text NOT NULL);",
		script: "COPY users (id) FROM stdin;\n1\n\\.\n",
		finds:  []found{{fit.NoDefault, "public.users", "email", 0, "1"}},
		code:   problem.Database, says: "column email of public.users is NOT NULL and has no default, and the export does not give it", where: "load.sql:1:6", remedy: "Give the column a default in the schema or let it be NULL, or add it to the table in Fabricate"},
	{name: "generated", group: lacks, title: "The export gives a column that the server computes", schema: "CREATE TABLE item (net int, gross int GENERATED ALWAYS AS (net * 2) STORED);",
		script: "INSERT INTO item (net, gross) VALUES (1, 2);",
		finds:  []found{{fit.Generated, "public.item", "gross", 0, "1"}},
		code:   problem.Database, says: "column gross of public.item is generated from others and takes no value", where: "load.sql:1:24", remedy: "Take the column out of the export in Fabricate: the server computes it"},
	{name: "identity", group: lacks, title: "The export gives a column that the server always numbers", schema: "CREATE TABLE item (id int GENERATED ALWAYS AS IDENTITY);",
		script: "INSERT INTO item (id) VALUES (1);",
		finds:  []found{{fit.Identity, "public.item", "id", 0, "1"}},
		code:   problem.Database, says: "column id of public.item is GENERATED ALWAYS AS IDENTITY and takes no value", where: "load.sql:1:19", remedy: "Make the column GENERATED BY DEFAULT AS IDENTITY in the schema"},
	{name: "not-a-table", group: lacks, title: "The export fills what takes no rows", schema: "CREATE MATERIALIZED VIEW totals AS SELECT 1 AS n;",
		script: "INSERT INTO totals VALUES (1);",
		finds:  []found{{fit.NotATable, "public.totals", "", 0, "1"}},
		code:   problem.Database, says: "public.totals is a materialized view, which takes no rows", where: "load.sql:1:13", remedy: "Take it out of the export in Fabricate, and export the tables behind it"},
	{name: "mixed-catalog", group: lacks, title: "Several of these at once", schema: "CREATE TABLE users (id int, email text NOT NULL); CREATE TABLE item (net int, gross int GENERATED ALWAYS AS (net * 2) STORED);",
		script: "INSERT INTO item (net, gross) VALUES (1, 2);\nINSERT INTO users (id, nick) VALUES (1, 'x');\nINSERT INTO orders VALUES (1);\nINSERT INTO users (id) VALUES (2);",
		finds: []found{{fit.NoTable, "orders", "", 0, "3"}, {fit.NoColumn, "public.users", "nick", 0, "2"}, {fit.NoDefault, "public.users", "email", 0, "2 4"},
			{fit.Generated, "public.item", "gross", 0, "1"}},
		code: problem.Database, says: "4 things of the export do not fit the database (SQLSTATE 42P01)", where: "load.sql:3:13", remedy: "run your migrations before this step"},
	{name: "42P01-sequence", group: lacks, title: "There is no such sequence", schema: "CREATE TABLE users (id int);",
		script: "INSERT INTO users VALUES (1);\nSELECT setval('users_id_seq', 1);",
		code:   problem.Database, says: `relation "users_id_seq" does not exist`, where: "load.sql:2:15", remedy: "The script names what neither it nor the database has"},
	{name: "3F000", group: lacks, title: "There is no such schema", schema: "",
		script: "CREATE TABLE shop.users (id int);",
		code:   problem.Database, says: `schema "shop" does not exist`, where: "load.sql:1:14", remedy: "The script does not make the schema"},
	{name: "42704-role", group: lacks, title: "There is no such role", schema: "",
		script: "CREATE TABLE t (id int);\nALTER TABLE t OWNER TO webapp;",
		code:   problem.Database, says: `role "webapp" does not exist`, where: "load.sql:2", remedy: `Make the role first (CREATE ROLE "webapp"`},
	{name: "42704-extension", group: lacks, title: "The type of an extension is missing", schema: "",
		script: "CREATE TABLE users (email citext);",
		code:   problem.Database, says: `type "citext" does not exist`, where: "load.sql:1:27", remedy: `It comes with the extension citext: run CREATE EXTENSION IF NOT EXISTS "citext"`},
	{name: "42704-postgis", group: lacks, title: "PostGIS is missing", schema: "",
		script: "CREATE TABLE place (at public.geometry(Point,4326));",
		code:   problem.Database, says: `type "public.geometry" does not exist`, where: "load.sql:1", remedy: `It comes with the extension postgis`},
	{name: "42704-type", group: lacks, title: "A type of your own is missing", schema: "",
		script: "CREATE TABLE users (mood mood);",
		code:   problem.Database, says: `type "mood" does not exist`, where: "load.sql:1:26", remedy: `The type comes from your migrations or from an extension`},
	{name: "42704-tablespace", group: lacks, title: "There is no such tablespace", schema: "",
		script: "CREATE TABLE users (id int) TABLESPACE fast;",
		code:   problem.Database, says: `tablespace "fast" does not exist`, where: "load.sql:1", remedy: `pg_dump --no-tablespaces`},
	{name: "42883", group: lacks, title: "The function of an extension is missing", schema: "",
		script: "CREATE TABLE users (id uuid DEFAULT uuid_generate_v4());",
		code:   problem.Database, says: `function uuid_generate_v4() does not exist`, where: "load.sql:1:37", remedy: `It comes with the extension uuid-ossp`},
	{name: "extension-not-available", group: lacks, title: "The server does not have an extension", schema: "",
		script: "CREATE EXTENSION postgis_of_nobody;",
		code:   problem.Database, says: `extension "postgis_of_nobody"`, where: "load.sql:1", remedy: `The server does not have the extension postgis_of_nobody`},
	{name: "42P06", group: lacks, title: "The schema is there already", schema: "CREATE SCHEMA shop;",
		script: "CREATE SCHEMA shop;",
		code:   problem.Database, says: `schema "shop" already exists`, where: "load.sql:1", remedy: "The script makes what is there already"},
	{name: "42P06-public", group: lacks, title: "Schema public is there already", schema: "",
		script: "CREATE SCHEMA public;",
		code:   problem.Database, says: `schema "public" already exists`, where: "load.sql:1", remedy: "Every new database has the schema public"},
	{name: "42P07", group: lacks, title: "The table is there already", schema: "CREATE TABLE users (id int);",
		script: "CREATE TABLE users (id int);\nINSERT INTO users VALUES (1);",
		code:   problem.Database, says: `relation "users" already exists`, where: "load.sql:1", remedy: "The script makes what is there already"},
	{name: "42710", group: lacks, title: "The type is there already", schema: "CREATE TYPE mood AS ENUM ('ok');",
		script: "CREATE TYPE mood AS ENUM ('ok');",
		code:   problem.Database, says: `type "mood" already exists`, where: "load.sql:1", remedy: "The script makes what is there already"},
	{name: "42710-extension", group: lacks, title: "The extension is there already", schema: "",
		script: "CREATE EXTENSION plpgsql;",
		code:   problem.Database, says: `extension "plpgsql" already exists`, where: "load.sql:1", remedy: `Write CREATE EXTENSION IF NOT EXISTS "plpgsql"`},
	{name: "42710-role", group: lacks, title: "The role is there already", schema: "",
		script: "CREATE ROLE loader;", args: []string{"--allow=sql"},
		code: problem.Database, says: `role "loader" already exists`, where: "load.sql:1", remedy: "Take CREATE ROLE out of the script"},

	{name: "not-allowed", group: rights, title: "The role may not fill a table", schema: "CREATE TABLE users (id int);", role: true,
		script: "INSERT INTO users VALUES (1);",
		finds:  []found{{fit.NotAllowed, "public.users", "", 0, "1"}},
		code:   problem.Database, says: "the role may not insert into public.users", where: "load.sql:1:13", remedy: "Let the owner run: GRANT INSERT ON public.users TO loader"},
	{name: "42501-schema", group: rights, title: "The role may make nothing in a schema", schema: "REVOKE CREATE ON SCHEMA public FROM PUBLIC;", role: true,
		script: "CREATE TABLE users (id int);",
		code:   problem.Database, says: "permission denied for schema public", where: "load.sql:1:14", remedy: "GRANT USAGE, CREATE ON SCHEMA public TO loader"},
	{name: "42501-sequence", group: rights, title: "The role may not move a sequence", schema: "CREATE SEQUENCE users_id_seq;", role: true,
		script: "SELECT setval('users_id_seq', 10);",
		code:   problem.Database, says: "permission denied for sequence users_id_seq", where: "load.sql:1", remedy: "GRANT USAGE, UPDATE ON SEQUENCE users_id_seq TO loader"},
	{name: "42501-owner", group: rights, title: "The role does not own the table", schema: "CREATE TABLE users (id int);", role: true,
		script: "ALTER TABLE users ADD COLUMN name text;",
		code:   problem.Database, says: "must be owner of table users", where: "load.sql:1", remedy: "Load as the owner of the table"},
	{name: "42501-comment", group: rights, title: "The comment on an extension of a dump", schema: "", role: true,
		script: "COMMENT ON EXTENSION plpgsql IS 'PL/pgSQL procedural language';",
		code:   problem.Database, says: "must be owner of extension plpgsql", where: "load.sql:1", remedy: "Take the comment or change of the extension plpgsql out of the script (pg_dump --no-comments)"},
	{name: "42501-extension", group: rights, title: "The role may not make an extension", schema: "", role: true,
		script: "CREATE EXTENSION file_fdw;", args: []string{"--allow=sql"},
		code: problem.Database, says: `permission denied to create extension "file_fdw"`, where: "load.sql:1", remedy: `Have a superuser run CREATE EXTENSION "file_fdw"`},
	{name: "42501-parameter", group: rights, title: "The role may not set a parameter", schema: "", role: true,
		script: "SET log_statement = 'none';",
		code:   problem.Database, says: `permission denied to set parameter "log_statement"`, where: "load.sql:1", remedy: "Take the SET out of the script"},
	{name: "42501-role", group: rights, title: "The role may not make roles", schema: "", role: true,
		script: "CREATE ROLE another;", args: []string{"--allow=sql"},
		code: problem.Database, says: "permission denied to create role", where: "load.sql:1", remedy: "Make the role beforehand"},

	{name: "transaction_timeout", group: server, title: "A newer pg_dump sets what the server does not know", schema: "CREATE TABLE users (id int);",
		below:  17,
		script: "SET transaction_timeout = 0;\nINSERT INTO users VALUES (1);",
		code:   problem.OK, says: "load.sql:1: SET transaction_timeout is passed over", remedy: "a newer pg_dump has written it"},
	{name: "42704-parameter", group: server, title: "The server does not know a parameter", schema: "",
		script: "SET shared_nothing = 0;",
		code:   problem.Database, says: `unrecognized configuration parameter "shared_nothing"`, where: "load.sql:1", remedy: "The server does not know the parameter"},
	{name: "53100", group: server, title: "The server's disk is full", schema: "",
		script: "DO $$ BEGIN RAISE 'could not extend file' USING ERRCODE = '53100'; END $$;",
		code:   problem.Database, says: "could not extend file (SQLSTATE 53100)", where: "load.sql:1", remedy: "Free space on the server's disk"},
	{name: "53300", group: server, title: "The server has no connection left", schema: "",
		script: "DO $$ BEGIN RAISE 'too many connections' USING ERRCODE = '53300'; END $$;",
		code:   problem.Database, says: "too many connections (SQLSTATE 53300)", where: "load.sql:1", remedy: "Raise max_connections on the server"},
	{name: "55006", group: server, title: "A deferred key still waits", schema: "CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int REFERENCES a DEFERRABLE INITIALLY DEFERRED);",
		script: "INSERT INTO a VALUES (1);\nINSERT INTO b VALUES (1);\nALTER TABLE b ADD COLUMN c int;",
		code:   problem.Database, says: "because it has pending trigger events", where: "load.sql:3", remedy: "write SET CONSTRAINTS ALL IMMEDIATE;"},
	{name: "57014", group: server, title: "A statement takes longer than statement_timeout", schema: "",
		script: "SET statement_timeout = '20ms';\nSELECT pg_sleep(60);",
		code:   problem.Database, says: "canceling statement due to statement timeout", where: "load.sql:2", remedy: "statement_timeout of the role, the database or the script is too short"},

	{name: "variable", group: scripts, title: "A variable was not given", schema: "CREATE TABLE users (id int);",
		script: "INSERT INTO users VALUES (:start);",
		code:   problem.Database, says: `syntax error at or near ":"`, where: "load.sql:1:27", remedy: "The script uses the variable start, which has no value: give it with the setting variables, as start=value"},
	{name: "invisible", group: scripts, title: "A character that nobody sees", schema: "CREATE TABLE users (id int);",
		script: "INSERT INTO users VALUES (\u200b1);",
		code:   problem.Database, says: `column "\u200b1" does not exist`, where: "load.sql:1:27", remedy: `There is a character that cannot be seen, written here as \u200b`},
	{name: "connect", group: scripts, title: `The script goes to another database (\connect)`, schema: "",
		script: `\connect shop`,
		code:   problem.Data, says: `the script's own \connect would leave the one transaction`, where: "load.sql:1:1", remedy: "Take the command out of the script: database-url says already where the rows go"},
	{name: "connect-nowhere", group: scripts, title: `The script goes to a database that is not there (\connect)`, schema: "", args: []string{"--transaction=none"},
		script: `\connect shop_of_nobody`,
		code:   problem.Database, says: `the script's own \connect: database "shop_of_nobody"`, where: "load.sql:1:1", remedy: "This is the script's own connection, not the one of database-url"},
	{name: "25001", group: scripts, title: "A statement that stands alone", schema: "CREATE TABLE users (id int);",
		script: "VACUUM users;",
		code:   problem.Database, says: "VACUUM cannot run inside a transaction block", where: "load.sql:1", remedy: "set transaction to none"},

	{name: "beside", group: archives, title: `\ir of a script that was given alone`, files: map[string]string{"load.sql": "\\ir users.sql\n", "users.sql": "SELECT 1;"}, load: "load.sql",
		code: problem.Data, says: "the file lies beside load.sql, but only load.sql was given", where: "load.sql:1:1", remedy: "Give the folder that holds both, and set script to load.sql"},
	{name: "custom-dump", group: archives, title: "A dump in pg_dump's custom format", files: map[string]string{"shop.dump": "PGDMP\x01\x0e\x00\x04\x08"}, load: "shop.dump",
		code: problem.Data, says: "this is a dump of pg_dump in its custom format", where: "shop.dump", remedy: "pg_restore --no-owner --file=load.sql "},
	{name: "directory-dump", group: archives, title: "A dump in pg_dump's directory format", files: map[string]string{"toc.dat": "PGDMP\x01\x0e\x00\x04\x08", "3456.dat.gz": "\x1f\x8b"},
		code: problem.Data, says: "this is a dump of pg_dump in its directory format", remedy: "pg_restore --no-owner --file=load.sql "},
	{name: "tar-dump", group: archives, title: "A dump in pg_dump's tar format", files: map[string]string{"shop.tar": tarOf("toc.dat", "PGDMP")}, load: "shop.tar",
		code: problem.Data, says: "this is a dump of pg_dump in its tar format", where: "shop.tar", remedy: "pg_restore --no-owner --file=load.sql "},
	{name: "tar", group: archives, title: "A tar archive", files: map[string]string{"shop.tgz": gzipOf(tarOf("load.sql", "SELECT 1;"))}, load: "shop.tgz",
		code: problem.Data, says: "this is a tar archive", where: "shop.tar", remedy: "Unpack it and give the folder: mkdir export && tar -xf"},
	{name: "xz", group: archives, title: "A file packed by xz", files: map[string]string{"load.sql.xz": "\xfd7zXZ\x00\x00"}, load: "load.sql.xz",
		code: problem.Data, says: "this is an xz file", where: "load.sql.xz", remedy: "Unpack it first: xz -d"},
	{name: "bzip2", group: archives, title: "A file packed by bzip2", files: map[string]string{"load.sql.bz2": "BZh91AY&SY"}, load: "load.sql.bz2",
		code: problem.Data, says: "this is a bzip2 file", where: "load.sql.bz2", remedy: "Unpack it first: bunzip2"},
	{name: "gzip-damaged", group: archives, title: "A packed file is damaged", files: map[string]string{"load.sql.gz": gzipOf("SELECT 1;\nSELECT 2;")[:24]}, load: "load.sql.gz",
		code: problem.Data, says: "it is damaged", remedy: "Generate or download the archive again"},
	{name: "mysql", group: archives, title: "A script for MySQL", script: "SET FOREIGN_KEY_CHECKS=0;\nINSERT INTO `users` VALUES (1);",
		code: problem.Data, says: "this is a MySQL script, which cannot be loaded into PostgreSQL", where: "load.sql", remedy: "Choose PostgreSQL as the type of the Fabricate database"},

	{name: "http-402", group: api, title: "The plan does not allow it", http: 402,
		code: problem.API, says: "HTTP 402", remedy: "The account's plan does not allow it, or what it includes is used up"},
	{name: "http-422", group: api, title: "The API does not accept the request", http: 422,
		code: problem.API, says: "HTTP 422", remedy: "check the settings database, entity, format and overrides"},
}
