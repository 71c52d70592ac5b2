package config

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/nearest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

func TestMain(m *testing.M) { leaks.Main(m) }

// generate is the least that a generation needs.
func generate(more ...string) []string {
	return append([]string{"FABRICATE_API_KEY=key-1234", "FABRICATE_WORKSPACE=acme", "FABRICATE_DATABASE=shop"}, more...)
}

// into is a database to load into, which every run needs that does not say otherwise.
const into = "DATABASE_URL=postgres://app@db/shop"

// aimed adds a database to load into, unless the test's name says that there is none.
func aimed(name string, env []string) []string {
	if strings.Contains(name, "no target") || strings.Contains(name, "PG*") {
		return env
	}
	return append([]string{into}, env...)
}

// workspace makes a folder with the files that the tests name, and gives the variable that points at it.
func workspace(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range map[string]string{
		"schema.sql": "select 1;", "grants.sql": "select 2;", "export.zip": "PK",
		"over.yaml": "entities:\n  users:\n    record_count: 5\n", "broken.yaml": "key: hunter22\nbroken: [", "folder/load.sql": "select 3;", "empty/notes.txt": "none",
	} {
		file := filepath.Join(dir, name)
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "GITHUB_WORKSPACE=" + dir
}

func TestParseAccepts(t *testing.T) {
	t.Parallel()
	ws := workspace(t)
	dir := strings.TrimPrefix(ws, "GITHUB_WORKSPACE=")
	const target = "--database-url=postgres://app@db/shop"
	tests := []struct {
		name string
		args []string
		env  []string
		got  func(Settings) any
		want any
	}{
		{"default command", nil, nil, func(s Settings) any { return s.Command }, Run},
		{"run", []string{"run"}, nil, func(s Settings) any { return s.Command }, Run},
		{"default format", nil, nil, func(s Settings) any { return s.Format }, "sql"},
		{"default timeout", nil, nil, func(s Settings) any { return s.Timeout }, 30 * time.Minute},
		{"default poll interval", nil, nil, func(s Settings) any { return s.PollInterval }, time.Second},
		{"default max size", nil, nil, func(s Settings) any { return s.MaxSize }, int64(64 << 30)},
		{"max size in MB", []string{"--max-size=1.5 MB"}, nil, func(s Settings) any { return s.MaxSize }, int64(1_500_000)},
		{"max size in bytes", []string{"--max-size=4096"}, nil, func(s Settings) any { return s.MaxSize }, int64(4096)},
		{"allow http", []string{"--allow-http"}, nil, func(s Settings) any { return s.AllowHTTP }, true},
		{"default request timeout", nil, nil, func(s Settings) any { return s.RequestTimeout }, 30 * time.Second},
		{"default connect timeout", nil, nil, func(s Settings) any { return s.ConnectTimeout }, time.Minute},
		{"default jobs", nil, nil, func(s Settings) any { return s.Jobs }, 1},
		{"default fast", nil, nil, func(s Settings) any { return s.Fast }, true},
		{"default address", nil, nil, func(s Settings) any { return s.APIURL }, "https://fabricate.tonic.ai/api/v1"},
		{"flag beats input", []string{"--entity=flag"}, []string{"INPUT_ENTITY=input", "FABRICATE_ENTITY=env"},
			func(s Settings) any { return s.Entity }, "flag"},
		{"input beats environment", nil, []string{"INPUT_ENTITY=input", "FABRICATE_ENTITY=env"},
			func(s Settings) any { return s.Entity }, "input"},
		{"environment beats default", nil, []string{"FABRICATE_TIMEOUT=2h"}, func(s Settings) any { return s.Timeout }, 2 * time.Hour},
		{"empty flag is absent", []string{"--entity="}, []string{"INPUT_ENTITY=input"}, func(s Settings) any { return s.Entity }, "input"},
		{"empty input is absent", nil, []string{"INPUT_ENTITY=", "FABRICATE_ENTITY=env"}, func(s Settings) any { return s.Entity }, "env"},
		{"blank input is absent", nil, []string{"INPUT_ENTITY= \n"}, func(s Settings) any { return s.Entity }, ""},
		{"empty variable is absent", nil, []string{"FABRICATE_TIMEOUT="}, func(s Settings) any { return s.Timeout }, 30 * time.Minute},
		{"hyphens kept by GitHub", nil, []string{"INPUT_POLL-INTERVAL=3s"}, func(s Settings) any { return s.PollInterval }, 3 * time.Second},
		{"underscore form of an input", nil, []string{"INPUT_POLL_INTERVAL=4s"}, func(s Settings) any { return s.PollInterval }, 4 * time.Second},
		{"flags after the command", []string{"run", "--jobs", "3", "--transaction", "none"}, nil, func(s Settings) any { return s.Jobs }, 3},
		{"flags before the command", []string{"--jobs=3", "--transaction=none", "run"}, nil, func(s Settings) any { return s.Jobs }, 3},
		{"bare boolean flag", []string{"--fast"}, []string{"FABRICATE_FAST=false"}, func(s Settings) any { return s.Fast }, true},
		{"boolean with its value behind", []string{"--fast", "false", "run", "--analyze", "--summary", "no"}, nil,
			func(s Settings) any { return s.Command + fmt.Sprint(s.Fast, s.Analyze, s.Summary) }, "runfalse true false"},
		{"-v", []string{"-v"}, nil, func(s Settings) any { return s.Command }, Version},
		{"no", nil, []string{"INPUT_ANALYZE=no"}, func(s Settings) any { return s.Analyze }, false},
		{"0", nil, []string{"INPUT_SUMMARY=0"}, func(s Settings) any { return s.Summary }, false},
		{"False", nil, []string{"INPUT_SYNC-SEQUENCES=False"}, func(s Settings) any { return s.SyncSequences }, false},
		{"load yes", []string{target}, []string{"INPUT_LOAD=yes"}, func(s Settings) any { return s.Load }, LoadTrue},
		{"load 0", nil, []string{"INPUT_LOAD=0"}, func(s Settings) any { return s.Load }, LoadFalse},
		{"key with the line break of a secret file", nil, []string{"INPUT_API-KEY=abc\n"}, func(s Settings) any { return s.APIKey }, "abc"},
		{"slash at the end of the address", []string{"--api-url=https://f.example.com/api/v1/"}, nil,
			func(s Settings) any { return s.APIURL }, "https://f.example.com/api/v1"},
		{"overrides, JSON byte for byte", []string{`--overrides={"variables": {"n":1.0,  "big":12345678901234567890}}`}, nil,
			func(s Settings) any { return string(s.Overrides) }, `{"variables": {"n":1.0,  "big":12345678901234567890}}`},
		{"overrides, YAML", []string{"--overrides=entities: {users: {record_count: 7}}"}, nil,
			func(s Settings) any { return string(s.Overrides) }, `{"entities":{"users":{"record_count":7}}}`},
		{"overrides, file", []string{"--overrides=@over.yaml"}, []string{ws},
			func(s Settings) any { return string(s.Overrides) }, `{"entities":{"users":{"record_count":5}}}`},
		{"connection, name", []string{"--connection=prod \"eu\""}, nil, func(s Settings) any { return string(s.Connection) }, `"prod \"eu\""`},
		{"connection, object", []string{`--connection={"host":"h", "port": 5432}`}, nil,
			func(s Settings) any { return string(s.Connection) }, `{"host":"h", "port": 5432}`},
		{"connection has no format", []string{"--connection=prod"}, nil, func(s Settings) any { return s.Format }, ""},
		{"format in capitals", []string{"--format=CSV"}, nil, func(s Settings) any { return s.Format }, "csv"},
		{"unknown format as written", []string{"--format=Delta"}, nil, func(s Settings) any { return s.Format }, "Delta"},
		{"task with a format and a table", []string{"--task-id=t-1", "--format=csv", "--entity=users"}, nil,
			func(s Settings) any { return s.Format + s.Entity + s.TaskID }, "csvuserst-1"},
		{"task with a connection, no target", []string{"--task-id=t-1", "--connection=prod"}, nil,
			func(s Settings) any { return string(s.Connection) }, `"prod"`},
		{"sqlite is downloaded, no target", []string{"--format=sqlite", "--data-dir=x"}, nil, func(s Settings) any { return s.Format }, "sqlite"},
		{"sqlite is downloaded", []string{"--format=sqlite", "--load=false"}, nil, func(s Settings) any { return s.Format }, "sqlite"},
		{"indented overrides", nil, []string{"INPUT_OVERRIDES=\n  entities:\n    a: {b: 1}\n  variables: {}\n"},
			func(s Settings) any { return string(s.Overrides) }, `{"entities":{"a":{"b":1}},"variables":{}}`},
		{"overrides of a file in the workspace by its root", []string{"--overrides=@" + dir + "/over.yaml"}, []string{ws, "GITHUB_ACTIONS=true"},
			func(s Settings) any { return string(s.Overrides) }, `{"entities":{"users":{"record_count":5}}}`},
		{"task has no format", []string{"--task-id=t-1"}, nil, func(s Settings) any { return s.Format }, ""},
		{"variables", []string{"--variables", "a=1", "--variables", "b= two words "}, nil,
			func(s Settings) any { return s.Variables["a"] + "|" + s.Variables["b"] }, "1| two words "},
		{"variables of an input", nil, []string{"INPUT_VARIABLES=a=1\n\nü_2=x=y\r\n"},
			func(s Settings) any { return s.Variables["a"] + "|" + s.Variables["ü_2"] }, "1|x=y"},
		{"before", []string{target}, []string{ws, "INPUT_BEFORE=schema.sql\n  grants.sql\n"},
			func(s Settings) any { return strings.Join(s.Before, "|") }, dir + "/schema.sql|" + dir + "/grants.sql"},
		{"data folder that is not there yet", []string{"--data-dir=new"}, []string{ws}, func(s Settings) any { return s.DataDir }, dir + "/new"},
		{"load", []string{"load", "export.zip", target}, []string{ws}, func(s Settings) any { return s.Command + " " + s.Archive },
			"load " + dir + "/export.zip"},
		{"archive", []string{"--archive=folder", target}, []string{ws}, func(s Settings) any { return s.Archive + s.Format }, dir + "/folder"},
		{"script with backslashes", []string{`--script=a\b.sql`}, nil, func(s Settings) any { return s.Script }, "a/b.sql"},
		{"json", []string{"--output", "json"}, nil, func(s Settings) any { return s.JSON }, true},
		{"target", []string{"--database-url=postgres://u:p%40ss@db:5433/shop?sslmode=disable"}, nil,
			func(s Settings) any { return s.Target.User + s.Target.Password + s.Target.Host + s.Target.Database }, "up@ssdbshop"},
		{"target, keyword form", []string{"--database-url=host=db user=u dbname=d"}, nil, func(s Settings) any { return s.Target.Host }, "db"},
		{"target, DATABASE_URL", nil, []string{"DATABASE_URL=postgres://u@other/d"}, func(s Settings) any { return s.Target.Host }, "other"},
		{"FABRICATE_DATABASE_URL beats DATABASE_URL", nil,
			[]string{"DATABASE_URL=postgres://u@other/d", "FABRICATE_DATABASE_URL=postgres://u@mine/d"},
			func(s Settings) any { return s.Target.Host }, "mine"},
		{"hostaddr", []string{"--database-url=host=db hostaddr=127.0.0.9 user=u dbname=d"}, nil, func(s Settings) any {
			addrs, err := s.Target.LookupFunc(t.Context(), "db")
			_, sent := s.Target.RuntimeParams["hostaddr"]
			return err == nil && !sent && addrs[0] == "127.0.0.9"
		}, true},
		{"application name", []string{target}, nil, func(s Settings) any { return s.Target.RuntimeParams["application_name"] }, "fabricate-seed"},
		{"no target but a folder", []string{"--data-dir=x"}, nil, func(s Settings) any { return s.Target == nil }, true},
		{"no target and no load", []string{"--load=false"}, nil, func(s Settings) any { return s.Target == nil }, true},
		{"no target but a connection", []string{"--connection=prod"}, nil, func(s Settings) any { return s.Target == nil }, true},
		{"PG* variables", nil, []string{"PGDATABASE=shop"}, func(s Settings) any { return s.Target != nil }, true},
		{"empty PG* variables", []string{"--load=false"}, []string{"PGHOST="}, func(s Settings) any { return s.Target == nil }, true},
		{"PGPASSWORD alone is no target", []string{"--data-dir=x"}, []string{"PGPASSWORD=x"}, func(s Settings) any { return s.Target == nil }, true},
		{"a service of Kubernetes", nil, []string{"FABRICATE_SERVICE_HOST=10.0.0.1", "FABRICATE_SERVICE_PORT_HTTP=80",
			"FABRICATE_PORT=tcp://10.0.0.1:80", "FABRICATE_PORT_80_TCP_ADDR=10.0.0.1", "FABRICATE_SEED_PORT_80_TCP=tcp://10.0.0.1:80"},
			func(s Settings) any { return len(s.Warnings) }, 0},
		{"inputs of GitHub's own", nil, []string{"GITHUB_ACTIONS=true", "INPUT_ARGS=x", "INPUT_ENTRYPOINT=y"},
			func(s Settings) any { return s.Command }, Run},
		{"unknown input elsewhere", nil, []string{"INPUT_FILE=x"}, func(s Settings) any { return s.Command }, Run},
		{"jobs in a load without transaction", []string{"--jobs=64", "--transaction=NONE"}, nil, func(s Settings) any { return s.Jobs }, 64},
		{"version needs nothing", []string{"version"}, []string{"FABRICATE_NONSENSE=1"}, func(s Settings) any { return s.Command }, Version},
		{"--version", []string{"--version"}, nil, func(s Settings) any { return s.Command }, Version},
		{"help despite errors", []string{"load", "--help", "--nonsense"}, nil, func(s Settings) any { return s.Command + s.Topic }, "helpload"},
		{"help load", []string{"help", "load"}, nil, func(s Settings) any { return s.Command + s.Topic }, "helpload"},
		{"-h", []string{"-h"}, nil, func(s Settings) any { return s.Command + s.Topic }, "help"},
		{"demo needs no key", []string{"demo"}, nil, func(s Settings) any { return s.Command }, Demo},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			env := aimed(test.name, generate(test.env...))
			if s := strings.Fields(test.name)[0]; s == "demo" || s == "version" { // these need nothing
				env = test.env
			}
			s, err := Parse(test.args, env)
			if err != nil {
				t.Fatal(err)
			}
			if got := test.got(s); got != test.want {
				t.Errorf("got %v, want %v", got, test.want)
			}
		})
	}
}

func TestParseRefuses(t *testing.T) {
	t.Parallel()
	ws := workspace(t)
	const target = "--database-url=postgres://app@db/shop"
	github := "GITHUB_ACTIONS=true"
	tests := []struct {
		name string
		args []string
		env  []string
		want string // all of the error that is not the usual remedy
	}{
		{"unknown flag", []string{"--poll-intervall=1s"}, nil, "unknown flag --poll-intervall: did you mean --poll-interval?"},
		{"unknown flag with a value", []string{"--databse", "shop"}, nil, "unknown flag --databse: did you mean --database?"},
		{"unknown flag, nothing near", []string{"--zzz"}, nil, "unknown flag --zzz"},
		{"unknown short flag", []string{"-x"}, nil, "unknown flag -x"},
		{"unknown input", nil, []string{github, "INPUT_POLL-INTERVALL=1s"}, "unknown input poll-intervall: did you mean poll-interval?"},
		{"unknown variable", nil, []string{"FABRICATE_WORKSPASE=x"},
			"unknown environment variable FABRICATE_WORKSPASE: did you mean FABRICATE_WORKSPACE?"},
		{"unknown command", []string{"laod", "x"}, nil, "unknown command laod: did you mean load?"},
		{"argument too many", []string{"run", "x"}, nil, "unexpected argument x"},
		{"boolean that is none", []string{"run", "--fast", "falsch"}, nil, "unexpected argument falsch"},
		{"help for what is not there", []string{"help", "laod"}, nil, "unknown command laod: did you mean load?"},
		{"help for nonsense", []string{"help", "nonsense"}, []string{"INPUT_JOBS=x"}, "unknown command nonsense"},
		{"another program's word", []string{"--db-url=x"}, nil, "unknown flag --db-url: did you mean --database-url?"},
		{"another program's word, input", nil, []string{github, "INPUT_CONNECTION-STRING=x"}, "unknown input connection-string: did you mean database-url?"},
		{"another program's word, variable", nil, []string{"FABRICATE_DB_URL=x"}, "unknown environment variable FABRICATE_DB_URL: did you mean FABRICATE_DATABASE_URL?"},
		{"flag without its value", []string{"--timeout"}, nil, "--timeout needs a value: write --timeout VALUE"},
		{"output", []string{"--output=xml"}, nil, `--output "xml" is neither text nor json`},
		{"duration", nil, []string{github, "INPUT_TIMEOUT=soon"},
			`input timeout "soon" is not a duration: write it like 500ms, 90s, 30m or 1h30m`},
		{"duration without a unit", nil, []string{"FABRICATE_TIMEOUT=30"},
			`FABRICATE_TIMEOUT "30" has no unit: write 30s for seconds or 30m for minutes`},
		{"duration, zero", []string{"--timeout=0s"}, nil,
			`--timeout "0s" must be longer than nothing: write it like 500ms, 90s, 30m or 1h30m`},
		{"duration, negative", []string{"--timeout=-1m"}, nil,
			`--timeout "-1m" must be longer than nothing: write it like 500ms, 90s, 30m or 1h30m`},
		{"boolean", []string{"--fast=maybe"}, nil, `--fast "maybe" is neither true nor false`},
		{"load", []string{"--load=sometimes"}, nil, `--load "sometimes" is not one of auto, true, false`},
		{"choice", []string{"--transaction=singel"}, nil, `--transaction "singel" is not one of single, none: did you mean single?`},
		{"jobs, 0", []string{"--jobs=0"}, nil, `--jobs "0" is not a whole number from 1 to 64`},
		{"jobs, 65", []string{"--jobs=65"}, nil, `--jobs "65" is not a whole number from 1 to 64`},
		{"jobs, 1.5", []string{"--jobs=1.5"}, nil, `--jobs "1.5" is not a whole number from 1 to 64`},
		{"address, relative", []string{"--api-url=fabricate.example.com"}, nil, `--api-url "fabricate.example.com" is not an ` +
			"absolute http or https address, such as https://fabricate.example.com/api/v1"},
		{"address, scheme", []string{"--api-url=ftp://x/y"}, nil, `--api-url "ftp://x/y" is not an absolute http or https ` +
			"address, such as https://fabricate.example.com/api/v1"},
		{"address, password", []string{"--api-url=https://u:hunter22@x/y"}, nil,
			"--api-url must not hold a user or password; the key belongs in api-key"},
		{"address, query", []string{"--api-url=https://x/y?token=hunter22"}, nil, "--api-url must not hold a query or a fragment"},
		{"key in two lines", []string{"--api-key=hunter22\nb"}, nil,
			"--api-key has a space, a line break or a character outside ASCII in it; was it copied whole?"},
		{"overrides, neither", []string{"--overrides=[}"}, nil,
			`--overrides "[}" cannot be read: line 1, column 2: this is not YAML`},
		{"overrides, list", []string{"--overrides=[1]"}, nil,
			`--overrides "[1]" is not an object: it should be like {"variables": {…}, "entities": {"orders": {…}}}`},
		{"overrides, no file", []string{"--overrides=@none.yaml"}, nil, `--overrides "@none.yaml" cannot be read: no such file or directory`},
		{"connection, broken", []string{`--connection={"password":"hunter22"`}, nil, "--connection begins like a JSON object but is " +
			`not one; it should be like {"host": "db.example.com", "port": 5432, "database_name": "…", "username": "…", "password": "…", "tls": true}`},
		{"connection, URL", []string{"--connection=postgres://u:hunter22@db.example.com:6543/d?sslmode=disable"}, nil, "--connection is a connection string, where the " +
			"name of a connection that is stored in Fabricate is meant, or an object: write {\"host\": \"db.example.com\", \"port\": 6543, \"database_name\": \"d\", " +
			"\"username\": \"u\", \"password\": \"…\", \"tls\": false}"},
		{"connection, .NET", []string{"--connection=Host=localhost;Username=u;Password=hunter22;Database=d"}, nil, "--connection is a connection string, where the " +
			"name of a connection that is stored in Fabricate is meant, or an object: write {\"host\": \"localhost\", \"port\": 5432, \"database_name\": \"d\", " +
			"\"username\": \"u\", \"password\": \"…\", \"tls\": true}; it " + notFromHere},
		{"connection, broken URL", []string{"--connection=postgres://u:hunt@er22@db/d"}, nil, "--connection is a connection string, where the " +
			"name of a connection that is stored in Fabricate is meant, or an object: write {\"host\": \"db.example.com\", \"port\": 5432, \"database_name\": \"…\", " +
			"\"username\": \"…\", \"password\": \"…\", \"tls\": true}"},
		{"variables, no =", []string{"--variables=a"}, nil, `--variables has a line without =, beginning with "a"; write name=value`},
		{"variables, name", []string{"--variables=a-b=1"}, nil,
			`--variables has the name "a-b", where psql allows letters, digits and underscores only`},
		{"variables, twice", []string{"--variables=a=1\na=2"}, nil, "--variables sets a twice"},
		{"script outside", []string{"--script=../x.sql"}, nil, `--script "../x.sql" is not a path inside the archive: ` +
			"write it like folder/load.sql, without .. and without a slash before it"},
		{"before, missing", []string{"--before=nope.sql", target}, []string{ws},
			"--before names nope.sql, which cannot be read: no such file or directory"},
		{"before, folder", []string{"--before=empty", target}, []string{ws}, "--before names empty, which is a folder without .sql files"},
		{"data folder is a file", []string{"--data-dir=schema.sql"}, []string{ws}, `--data-dir "schema.sql" is a file, where a folder is meant`},
		{"archive, missing", []string{"load", "none.zip", target}, []string{ws}, `load "none.zip" cannot be read: no such file or directory`},
		{"load without a path", []string{"load", target}, nil,
			"load needs a path: fabricate-seed load PATH, where PATH is a zip, a folder or a .sql file"},
		{"load with an archive", []string{"load", "export.zip", "--archive=folder", target}, []string{ws},
			"load export.zip and --archive both name what to load; give one"},
		{"load, no target", []string{"load", "export.zip"}, []string{ws}, "load has no database to load into: " + usualCauses},
		{"load, load false", []string{"load", "export.zip", "--load=false", target}, []string{ws},
			"--load is false, but the command is load; leave it out"},

		{"format and connection", []string{"--format=csv"}, []string{github, "INPUT_CONNECTION=prod"}, "--format and input connection " +
			"exclude each other: with a connection Fabricate pushes the rows itself, and there is no file that could have a format; give one"},
		{"continue in one transaction", []string{"--on-error=continue"}, nil, "--on-error continue needs transaction none: in a " +
			"single transaction PostgreSQL refuses everything after the first error; set transaction to none, or on-error to stop"},
		{"archive and task", []string{"--archive=export.zip", "--task-id=t", target}, []string{ws},
			"--task-id says how to generate, but --archive loads what is already here; give one"},
		{"archive and overrides", []string{"--archive=export.zip", "--overrides={}", target}, []string{ws},
			"--overrides says how to generate, but --archive loads what is already here; give one"},
		{"archive, no target", []string{"--archive=export.zip"}, []string{ws},
			"--archive has nowhere to go: set database-url to load it, or data-dir to unpack it"},
		{"archive, load false", []string{"--archive=export.zip", "--load=false", target}, []string{ws},
			"--load is false and there is no data-dir: there is nothing to do with --archive"},
		{"archive, load true, no target", []string{"--archive=export.zip", "--load=true", "--data-dir=x"}, []string{ws},
			"--load is true, but there is no database to load into: " + usualCauses},
		{"archive into itself", []string{"--archive=folder", "--data-dir=folder/x", target}, []string{ws},
			"--data-dir lies in --archive: it would be unpacked into itself; choose another folder"},
		{"script of one script", []string{"--archive=schema.sql", "--script=x.sql", target}, []string{ws},
			"--script names a file in the archive, but --archive is one script itself; leave it out"},
		{"data folder and connection", []string{"--connection=prod", "--data-dir=x"}, nil, "--data-dir has no effect with --connection: " +
			"Fabricate pushes the rows itself, nothing is downloaded or loaded here; leave it out"},
		{"load true and connection", []string{"--connection=prod", "--load=true", target}, nil, "--load is true, but with --connection " +
			"Fabricate pushes the rows itself and there is nothing to load; leave one out"},
		{"load true, no target", []string{"--load=true"}, nil, "--load is true, but there is no database to load into: " + usualCauses},
		{"load true, xml", []string{"--load=true", "--format=xml", target}, nil,
			"an export in --format xml cannot be loaded into PostgreSQL; use sql, postgres-optimized, csv or jsonl, or set load to false to download it"},
		{"sqlite beside a target", []string{"--format=SQLite", "--data-dir=x"}, nil,
			"an export in --format sqlite cannot be loaded into PostgreSQL; use sql, postgres-optimized, csv or jsonl, or set load to false to download it"},
		{"task of a format that cannot be loaded", []string{"--task-id=t", "--format=mysql"}, nil,
			"an export in --format mysql cannot be loaded into PostgreSQL; use sql, postgres-optimized, csv or jsonl, or set load to false to download it"},
		{"no target", nil, nil, "there is no database to load into: " + usualCauses + ". To download only, set data-dir, or load to false"},
		{"task, no target", []string{"--task-id=t"}, []string{"DATABASE_URL= ", "INPUT_DATABASE-URL="},
			"there is no database to load into: " + usualCauses + ". To download only, set data-dir, or load to false"},
		{"task and overrides", []string{"--task-id=t", "--overrides={}"}, nil,
			"--overrides cannot change the task that --task-id joins: it is already started; give one"},
		{"task, format and connection", []string{"--task-id=t", "--format=csv", "--connection=c"}, nil, "--format and --connection " +
			"exclude each other: with a connection Fabricate pushes the rows itself, and there is no file that could have a format; give one"},
		{"table-map for a script", []string{"--table-map=a.csv=b"}, nil, "--table-map says which file is which table, but an export in " +
			"format sql is a script; set format to csv or jsonl, or leave it out"},
		{"literal expression", nil, []string{"INPUT_WORKSPACE=${{ vars.WORKSPACE }}"}, "input workspace begins with a literal ${{: " +
			"only GitHub puts something in its place, and only in a workflow's or an action's file"},
		{"overrides outside the workspace", nil, []string{github, ws, "INPUT_OVERRIDES=@../over.yaml\n"},
			`input overrides "@../over.yaml" is not in the workspace: name the file by its path from there, as in @overrides.yaml`},
		{"overrides outside the workspace by its root", []string{"--overrides=@/etc/hostname"}, []string{github, ws},
			`--overrides "@/etc/hostname" is not in the workspace: name the file by its path from there, as in @overrides.yaml`},
		{"overrides, a folder", []string{"--overrides=@folder"}, []string{ws}, `--overrides "@folder" is not a file`},
		{"overrides of a broken file", []string{"--overrides=@broken.yaml"}, []string{ws},
			`--overrides "@broken.yaml" cannot be read: line 3, column 1: this is not YAML`},
		{"before, no target", []string{"--before=schema.sql", "--data-dir=x"}, []string{ws}, "--before needs a database to load into: set database-url"},
		{"polls too rarely", []string{"--poll-interval=2m", "--timeout=1m"}, nil,
			"--poll-interval is longer than --timeout (1m0s): the task would never be looked at"},
		{"requirepeer", []string{"--database-url=host=h requirepeer=postgres"}, nil, "--database-url has requirepeer, which is not supported here: leave it out"},
		{"revoked certificates", []string{"--database-url=postgres://h/d?sslcrl=%2Fx"}, nil, "--database-url has sslcrl, which is not supported here: leave it out"},
		{"gssencmode", []string{"--database-url=host=h gssencmode=require"}, nil, "--database-url has gssencmode=require, which is not supported here: use TLS (sslmode)"},
		{"several addresses", []string{"--database-url=hostaddr=10.0.0.1,10.0.0.2"}, nil, "--database-url has several addresses in hostaddr, which is not supported here: give them as host"},
		{"version of TLS", []string{"--database-url=host=h ssl_min_protocol_version=SSLv3"}, nil,
			"--database-url has an unknown version of TLS: they are TLSv1, TLSv1.1, TLSv1.2 and TLSv1.3"},
		{"mysql", []string{"--database-url=mysql://u:hunter22@h/d"}, nil,
			"--database-url is the address of a mysql database; only PostgreSQL can be loaded"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(test.args, aimed(test.name, generate(test.env...)))
			refused(t, err, test.want+"\nfabricate-seed --help lists every setting.")
			if err != nil && strings.Contains(err.Error(), "hunter22") {
				t.Errorf("the error tells a secret: %v", err)
			}
		})
	}
}

func refused(t *testing.T, err error, want string) {
	t.Helper()
	var p *problem.Error
	if !errors.As(err, &p) || p.Code != problem.Settings {
		t.Fatalf("got %v, want a problem with code 2", err)
	}
	if got := err.Error(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
}

func TestParseTellsAllMissing(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		args []string
		env  []string
		want string
	}{
		{"nothing", nil, nil, "2 things are wrong with the settings\n" +
			"- api-key, workspace and database are needed to generate: set the input api-key, " +
			"the flag --api-key or the variable FABRICATE_API_KEY (the others likewise)\n" +
			"- there is no database to load into: " + usualCauses + ". To download only, set data-dir, or load to false"},
		{"one", []string{"--workspace=a", "--database=b"}, []string{into}, "api-key is needed to generate: set the input api-key, " +
			"the flag --api-key or the variable FABRICATE_API_KEY"},
		{"to join a task", []string{"--task-id=t"}, []string{into}, "api-key is needed to join a task: set the input api-key, " +
			"the flag --api-key or the variable FABRICATE_API_KEY"},
		{"several findings", []string{"--jobs=x", "--nonsensical", "--timeout=5"}, generate(into), "3 things are wrong with the settings\n" +
			"- unknown flag --nonsensical\n" +
			"- --jobs \"x\" is not a whole number from 1 to 64\n" +
			"- --timeout \"5\" has no unit: write 5s for seconds or 5m for minutes"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			_, err := Parse(test.args, test.env)
			refused(t, err, test.want+"\nfabricate-seed --help lists every setting.")
		})
	}
}

func TestParseWarns(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, arg, want string
	}{
		{"unknown format", "--format=postgres-optimised",
			`format "postgres-optimised" is not one known here: did you mean postgres-optimized?; it is sent on, the API decides`},
		{"http", "--api-url=http://sim:8080/api/v1",
			"api-url http://sim:8080/api/v1 is not encrypted: the API key can be read on its way; use https"},
		{"http on this machine", "--api-url=http://127.0.0.1:8080/api/v1", ""},
		{"overrides", `--overrides={"entites":{}}`,
			`overrides has "entites" at its top, where the API knows variables and entities: did you mean entities?; it is sent on`},
		{"connection to this machine", `--connection={"host":"localhost","port":5432,"database":"d"}`, "connection has \"database\" at its top, where the API " +
			"knows host, port, database_name, username, password and tls; it is sent on\nconnection " + notFromHere},
		{"connection elsewhere", `--connection={"host":"db.example.com"}`, ""},
		{"password as a flag", "--database-url=host=db user=u dbname=d password=hunter22",
			"--database-url can be read in the process list while this runs; set FABRICATE_DATABASE_URL in the environment instead"},
		{"no password in a flag", "--database-url=postgres://u@db:5432/d", ""},
		{"key as a flag", "--api-key=hunter22",
			"--api-key can be read in the process list while this runs; set FABRICATE_API_KEY in the environment instead"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse([]string{test.arg}, generate(into))
			if err != nil {
				t.Fatal(err)
			}
			if got := strings.Join(s.Warnings, "\n"); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

// Every sort of broken connection string is refused without a byte of its password.
func TestBrokenTargetKeepsItsPassword(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"postgres://u:hun@ter/22secret@db/shop", "postgres://u:hunter22secret@db:port/shop", "postgres://u:hunter22secret%zz@db/shop",
		"postgres://u:hunter22secret@[::1/shop", "postgres://u:@hunter22secret:x@db:99999999/shop", "host=db password=hunter22secret port",
		"host=db password='hunter22secret", "postgres:// u:hunter22secret@db/shop?sslmode=perhaps", "hunter22secret",
		"postgres://u:p@db/shop?password=hunter22secret&connect_timeout=x", "host=db password = hunter22secret sslmode=x",
		"postgres://u:a:hunter22secret", "u:hunter22secret@db/shop", "postgres://u:x@db:hunter22secret/shop",
	} {
		s, err := Parse([]string{"--database-url", text}, generate())
		if err == nil {
			t.Errorf("%s: accepted", text)
			continue
		}
		if strings.Contains(err.Error(), "22secret") {
			t.Errorf("%s: told in %v", text, err)
		}
		if secrets := s.Secrets(); len(secrets) == 0 {
			t.Errorf("%s: no secrets", text)
		}
	}
}

func TestSecrets(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, arg string
		want      []string
		never     string
	}{
		{"key", "--api-key=key/9+", []string{"key/9+", "key%2F9%2B"}, ""},
		{"URL", "--database-url=postgres://u:p%40s%2fs+w@db/shop",
			[]string{"postgres://u:p%40s%2fs+w@db/shop", "p%40s%2fs+w", "p@s/s+w", "p%40s%2Fs%2Bw", "p%40s%2Fs+w"}, "db"},
		{"keyword form", `--database-url=host=db user=u password='it\'s me'`, []string{"it's me", `it\'s me`, "it%27s+me", "it%27s%20me"}, "u"},
		{"password in the query", "--database-url=postgres://u@db/shop?password=p%2Bq1", []string{"p%2Bq1", "p+q1"}, ""},
		{"connection", `--connection={"host":"h","password":"s3 cret"}`, []string{"s3 cret", "s3+cret", "s3%20cret"}, "h"},
		{"password like the user's name", "--database-url=postgres://postgres:postgres@postgres/app",
			[]string{"postgres://postgres:postgres@postgres/app"}, "postgres"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			s, err := Parse([]string{test.arg}, generate(into))
			if err != nil {
				t.Fatal(err)
			}
			got := "\n" + strings.Join(s.Secrets(), "\n") + "\n"
			for _, want := range test.want {
				if !strings.Contains(got, "\n"+want+"\n") {
					t.Errorf("no %q in:%s", want, got)
				}
			}
			if test.never != "" && strings.Contains(got, "\n"+test.never+"\n") {
				t.Errorf("%q is no secret, in:%s", test.never, got)
			}
			for _, used := range s.Used {
				for _, secret := range s.Secrets() {
					if strings.Contains(used.Value, secret) {
						t.Errorf("the settings used tell a secret: %+v", used)
					}
				}
			}
		})
	}
}

// A link in the workspace does not lead out of it: what is checked out there may be somebody else's.
func TestOverridesByALink(t *testing.T) {
	t.Parallel()
	ws := workspace(t)
	dir := strings.TrimPrefix(ws, "GITHUB_WORKSPACE=")
	outside := filepath.Join(t.TempDir(), "secret.yaml")
	if err := os.WriteFile(outside, []byte("variables: {a: hunter22}"), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(os.Symlink(outside, filepath.Join(dir, "out.yaml")), os.Symlink("over.yaml", filepath.Join(dir, "in.yaml"))); err != nil {
		t.Skip(err) // Windows asks for a privilege
	}
	_, err := Parse([]string{"--overrides=@out.yaml"}, generate(into, ws, "GITHUB_ACTIONS=true"))
	refused(t, err, `--overrides "@out.yaml" cannot be read: path escapes from parent`+"\nfabricate-seed --help lists every setting.")
	if _, err := Parse([]string{"--overrides=@in.yaml"}, generate(into, ws, "GITHUB_ACTIONS=true")); err != nil {
		t.Error(err)
	}
	if _, err := Parse([]string{"--overrides=@out.yaml"}, generate(into, ws)); err != nil { // a developer's own
		t.Error(err)
	}
}

// table-map is read whole, into what SQL writes.
func TestTableMap(t *testing.T) {
	t.Parallel()
	for line, want := range map[string]string{
		`users.csv=app.users`: `users.csv -> "app"."users"`, `users.csv = Users`: `users.csv -> "users"`, `x.csv=order items`: `x.csv -> "order items"`,
		`x.csv=my-table`: `x.csv -> "my-table"`, `x.csv="My Table"`: `x.csv -> "My Table"`, `x.csv="a""b"."c.d"`: `x.csv -> "a""b"."c.d"`,
		`a=b.csv=t`: `a=b.csv -> "t"`, `"a=b"=t`: `a=b -> "t"`, `x.csv="a=b"`: `x.csv -> "a=b"`, `"we""ird.csv"=t`: `we"ird.csv -> "t"`, `readme.csv=`: `readme.csv -> `,
		`./app\users.csv=app . "Users"`: `app/users.csv -> "app"."Users"`, `x.csv=Ä$1`: `x.csv -> "Ä$1"`, `x.csv=1st`: `x.csv -> "1st"`, `x.csv=Order Items`: `x.csv -> "Order Items"`,
		`x.csv`:            `--table-map has the line "x.csv", which has no =; write file=table, such as users.csv=app.users`,
		`=t`:               `--table-map has the line "=t", which names no file; write file=table, such as users.csv=app.users`,
		`x.csv="t`:         `--table-map has the line "x.csv=\"t", which has a double quote that is not closed; one in a name is doubled`,
		`x.csv="t"x`:       `--table-map has the line "x.csv=\"t\"x", which has a table's name in quotes with something beside it, or nothing in it`,
		`x.csv=t"x"`:       `--table-map has the line "x.csv=t\"x\"", which has a double quote within a table's name; the whole name stands in quotes, and one in it is doubled`,
		`x.csv=a..b`:       `--table-map has the line "x.csv=a..b", which has a point with no name beside it; write schema.table, with names that hold a point in double quotes`,
		`x.csv=a.`:         `--table-map has the line "x.csv=a.", which has a point with no name beside it; write schema.table, with names that hold a point in double quotes`,
		`x.csv=a.b.c`:      `--table-map has the line "x.csv=a.b.c", which has more than a schema and a table; names that hold a point stand in double quotes`,
		`"x.csv"y=t`:       `--table-map has the line "\"x.csv\"y=t", which has a file's name in quotes with something beside it, or nothing in it`,
		"x.csv=a\nx.csv=b": `--table-map names the file x.csv twice`,
	} {
		s, err := Parse([]string{"--format=csv", "--table-map=" + line}, generate(into))
		got := ""
		if err != nil {
			got, _, _ = strings.Cut(err.Error(), "\n")
		}
		for file, table := range s.TableMap {
			if err == nil {
				got = file + " -> " + table
			}
		}
		if got != want {
			t.Errorf("%s\ngot  %s\nwant %s", line, got, want)
		}
	}
}

func TestUsed(t *testing.T) {
	t.Parallel()
	s, err := Parse([]string{"--entity=users", "--variables=token=hunter22", `--overrides={"variables":{}}`}, generate("FABRICATE_LOAD=false"))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, u := range s.Used {
		got = append(got, u.Name+"="+u.Value+" from "+u.Spelling)
	}
	want := "api-key=*** from FABRICATE_API_KEY, workspace=acme from FABRICATE_WORKSPACE, database=shop from FABRICATE_DATABASE, " +
		"entity=users from --entity, overrides=(16 bytes) from --overrides, load=false from FABRICATE_LOAD, variables=token from --variables"
	if strings.Join(got, ", ") != want {
		t.Errorf("got  %s\nwant %s", strings.Join(got, ", "), want)
	}
}

// The examples of the help are settings that can be meant, three for each command.
func TestExamples(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	for name, text := range map[string]string{"seed-data.zip": "PK", "exports/shop/load.sql": "", "db/schema.sql": "", "overrides.yaml": "variables: {}", ".cache/fabricate/x": ""} {
		if err := os.MkdirAll(filepath.Dir(filepath.Join(dir, name)), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for _, topic := range []string{"", Run, Load, Cache, Demo, Version} {
		_, text, _ := strings.Cut(HelpText(topic), "\nExamples")
		text, _, _ = strings.Cut(text, "\n\n")
		n := 0
		for line := range strings.Lines(text) {
			words, ok := strings.CutPrefix(line, "  fabricate-seed")
			if !ok {
				continue
			}
			n++
			words, _, _ = strings.Cut(words, " 2>")
			if s, err := Parse(strings.Fields(words), generate(into, "GITHUB_WORKSPACE="+dir)); err != nil || topic != "" && s.Command != topic {
				t.Errorf("%s: %s %v", line, s.Command, err)
			}
		}
		if n != 3 {
			t.Errorf("%d examples for %q", n, topic)
		}
	}
}

func TestNearest(t *testing.T) {
	t.Parallel()
	words := []string{"timeout", "poll-interval", "jobs", "fast"}
	for written, want := range map[string]string{
		"timeuot": "timeout", "Timeout": "timeout", "pollinterval": "poll-interval", "job": "jobs", "fsat": "fast", "xyz": "", "": "",
		strings.Repeat("timeout", 1000): "",
	} {
		if got := nearest.Word(written, words); got != want {
			t.Errorf("%.20s: got %q, want %q", written, got, want)
		}
	}
}

// FuzzParse holds that no input makes Parse panic or tell the key, and that every refusal has exit code 2.
func FuzzParse(f *testing.F) {
	f.Add("--timeout", "5s", "INPUT_JOBS", "2")
	f.Add("--overrides", "a: [1, {b: c}]", "FABRICATE_CONNECTION", `{"password": "x"}`)
	f.Add("--variables", "a=b\nc=d", "DATABASE_URL", "postgres://u:hunter22@h:1/d?sslmode=x")
	f.Add("load", "--", "GITHUB_ACTIONS", "true")
	f.Add("--database-url", "host=h password='hunter22", "INPUT_X", "-")
	f.Fuzz(func(t *testing.T, arg1, arg2, name, text string) {
		if strings.HasPrefix(text, "@") || strings.Contains(arg1+arg2, "@") || strings.ContainsRune(name, 0) {
			t.Skip("reads files")
		}
		s, err := Parse([]string{arg1, arg2}, []string{"FABRICATE_API_KEY=k3y-of-the-test", name + "=" + text})
		s.Secrets()
		if err == nil {
			return
		}
		if problem.CodeOf(err) != problem.Settings {
			t.Fatalf("code %d: %v", problem.CodeOf(err), err)
		}
		if strings.Contains(err.Error(), "k3y-of-the-test") && !strings.Contains(arg1+arg2+name+text, "k3y") {
			t.Fatalf("the error tells the key: %v", err)
		}
	})
}

// Whatever a connection object's password is made of, each text and number of it is a secret.
func TestSecretsOfConnectionObjects(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct{ password, secret string }{
		{`"hunter22"`, "hunter22"}, {`"hunt\u0065r22"`, "hunter22"}, {`12345678`, "12345678"}, {`1.5e30`, "1500000000000000000000000000000"},
		{`["hunter22", {"a": "another"}]`, "another"}, {`{"value": ["hunter22"]}`, "hunter22"}, {`"a\"b\\c"`, `a"b\c`},
	} {
		s, err := Parse([]string{"--workspace=w", "--database=d", "--api-key=k", `--connection={"host": "db.example.com", "schema": "public", "password": ` + tt.password + `}`}, nil)
		if err != nil {
			t.Fatal(err)
		}
		if secrets := s.Secrets(); !slices.Contains(secrets, tt.secret) || slices.Contains(secrets, "public") || slices.Contains(secrets, "value") {
			t.Errorf("%s: %q", tt.password, secrets)
		}
	}
}
