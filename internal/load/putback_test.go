//go:build unix

package load_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
)

// What the export's script sets decides nothing of what comes after it: the user's own scripts find the session as before had left it.
func TestPutBack(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const elsewhere = "putback_elsewhere"
	pgtest.Exec(t, server.URL("postgres"), "CREATE DATABASE "+elsewhere)
	pgtest.Exec(t, server.URL("postgres"), "CREATE ROLE putback_low; CREATE ROLE putback_of_before")
	t.Cleanup(func() {
		pgtest.Exec(t, server.URL("postgres"), "DROP DATABASE "+elsewhere)
		pgtest.Exec(t, server.URL("postgres"), "DROP ROLE putback_low; DROP ROLE putback_of_before")
	})
	// What before sets, and what after must find.
	const (
		before = "CREATE TABLE IF NOT EXISTS app.log (who text, what text);\nGRANT ALL ON SCHEMA app TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA app TO PUBLIC;\n" +
			"SET search_path = app, public;\nSET statement_timeout = 123456;\nSET bytea_output = 'escape';\n\\set target app.users\n"
		after = "\\if :{?made}\nSELECT 'made' AS x \\gset\n\\else\n\\set x none\n\\endif\n" +
			"INSERT INTO log VALUES (current_user || '/' || session_user, concat_ws('|', current_setting('search_path'), current_setting('statement_timeout'), current_setting('bytea_output'), " +
			"current_setting('session_replication_role'), current_setting('standard_conforming_strings'), current_setting('client_encoding'), current_database(), :'target', :'x', :'ON_ERROR_STOP', :'given', " +
			"current_setting('default_transaction_read_only'), current_setting('DateStyle')));\n"
	)
	scripts := map[string]string{
		"search_path":             "SET search_path = evil, app;",
		"set_config":              "SELECT pg_catalog.set_config('search_path', '', false);",
		"local":                   "BEGIN; SET LOCAL search_path = evil; COMMIT;",
		"replica role":            "SET session_replication_role = 'replica';",
		"strings":                 "SET standard_conforming_strings = off;",
		"encoding":                "\\encoding LATIN1\nSET client_encoding = 'LATIN1';",
		"limits":                  "SET statement_timeout = 0; SET bytea_output = 'hex'; SET datestyle = 'SQL, DMY';",
		"variables":               "\\set target evil.users\n\\set made 1\n\\set ON_ERROR_STOP off\n\\set given other\n\\unset x",
		"gset":                    "SELECT 'evil.users' AS target \\gset\n",
		"read only":               "SET SESSION CHARACTERISTICS AS TRANSACTION READ ONLY;",
		"all at once":             "SET search_path = evil; \\set target x\nSET session_replication_role = 'replica'; SET standard_conforming_strings = off;",
		"nothing":                 "",
		"sql: role":               "SET ROLE putback_low;",
		"sql: authorization":      "SET SESSION AUTHORIZATION putback_low;",
		"sql: both":               "SET SESSION AUTHORIZATION putback_low; SET search_path = evil; SET ROLE putback_low;",
		"sql: all":                "RESET ALL;",
		"sql: discard":            "\\set target x\nDISCARD PLANS; RESET search_path; RESET ROLE;",
		"sql: a function":         "CREATE OR REPLACE FUNCTION evil.f() RETURNS int LANGUAGE plpgsql AS $$ BEGIN PERFORM set_config('search_path', 'evil', false); RETURN 1; END $$; SELECT evil.f();",
		"none: open":              "BEGIN; INSERT INTO app.users VALUES (2);",
		"none: failed":            "BEGIN;",
		"sql: none: connect":      "\\connect " + elsewhere,
		"sql: none: connect self": "\\connect -\n",
	}
	const found = "app, public|123456ms|escape|origin|on|UTF8|%s|app.users|none|on|by the user|off|ISO, MDY"
	for _, level := range []trust.Level{trust.Schema, trust.SQL} {
		for _, mode := range []load.Mode{load.Single, load.None} {
			for role, who := range map[string]string{"": "%[1]s/%[1]s", "SET ROLE putback_of_before;": "putback_of_before/%s",
				"SET SESSION AUTHORIZATION putback_of_before;": "putback_of_before/putback_of_before%.0s"} {
				if role != "" && level != trust.SQL {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/%s", level, mode, role), func(t *testing.T) {
					t.Parallel()
					url := server.NewDatabase(t)
					pgtest.Exec(t, url, "CREATE SCHEMA app; CREATE SCHEMA evil; CREATE TABLE app.users (id int); CREATE TABLE evil.users (id int); CREATE TABLE evil.log (who text, what text); "+
						"GRANT ALL ON SCHEMA evil TO PUBLIC; GRANT ALL ON ALL TABLES IN SCHEMA evil, app TO PUBLIC")
					target := target(t, url)
					conn, err := pgx.ConnectConfig(t.Context(), target)
					if err != nil {
						t.Fatal(err)
					}
					defer func() { _ = conn.Close(context.Background()) }()
					own := fstest.MapFS{"before.sql": {Data: []byte(before + role)}, "after.sql": {Data: []byte(after)}}
					for _, name := range slices.Sorted(maps.Keys(scripts)) {
						if strings.HasPrefix(name, "sql:") && level != trust.SQL || strings.Contains(name, "none:") && mode != load.None {
							continue
						}
						_, err := load.Run(t.Context(), load.Options{Target: target, Script: load.Script{FS: fstest.MapFS{"load.sql": {Data: []byte(scripts[name] + "\n")}}, Name: "load.sql"},
							Before: []load.Script{{FS: own, Name: "before.sql"}}, After: []load.Script{{FS: own, Name: "after.sql"}}, Transaction: mode, Allow: level,
							Variables: map[string]string{"given": "by the user"}})
						if role != "" && err != nil && strings.Contains(err.Error(), "permission denied") {
							continue // the role of before may not do so
						}
						if err != nil {
							t.Errorf("%s: %v", name, err)
							continue
						}
						var gotWho, got string
						if err := conn.QueryRow(t.Context(), "SELECT who, what FROM app.log").Scan(&gotWho, &got); err != nil {
							t.Fatal(err)
						}
						if want, who := fmt.Sprintf(found, target.Database), fmt.Sprintf(who, target.User); got != want || gotWho != who {
							t.Errorf("%s: after finds\n%s as %s, want\n%s as %s", name, got, gotWho, want, who)
						}
						if _, err := conn.Exec(t.Context(), "DROP TABLE app.log"); err != nil {
							t.Fatal(err)
						}
					}
				})
			}
		}
	}
}

// The same where the replica role is refused and done without: triggers fire again before what comes after.
func TestPutBackOwner(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	url := server.NewDatabase(t)
	pgtest.Exec(t, server.URL("postgres"), "CREATE ROLE putback_owner LOGIN PASSWORD 'pw'")
	t.Cleanup(func() { pgtest.Exec(t, server.URL("postgres"), "DROP OWNED BY putback_owner; DROP ROLE putback_owner") })
	pgtest.Exec(t, url, `CREATE SCHEMA app AUTHORIZATION putback_owner; SET ROLE putback_owner; CREATE TABLE app.t (a int); CREATE TABLE app.fired (a int);
		CREATE FUNCTION app.f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO app.fired VALUES (NEW.a); RETURN NEW; END';
		CREATE TRIGGER f AFTER INSERT ON app.t FOR EACH ROW EXECUTE FUNCTION app.f()`)
	t.Cleanup(func() { pgtest.Exec(t, url, "DROP SCHEMA app CASCADE") })
	target := target(t, url)
	target.User, target.Password = "putback_owner", "pw"
	own := fstest.MapFS{"after.sql": {Data: []byte("INSERT INTO app.t VALUES (2);\n")}}
	script := "SET session_replication_role = 'replica';\nTRUNCATE app.t;\nINSERT INTO app.t VALUES (1);\n"
	if _, err := load.Run(t.Context(), load.Options{Target: target, Script: load.Script{FS: fstest.MapFS{"load.sql": {Data: []byte(script)}}, Name: "load.sql"},
		After: []load.Script{{FS: own, Name: "after.sql"}}, Allow: trust.Schema}); err != nil {
		t.Fatal(err)
	}
	rows, fired := value(t, url, "SELECT string_agg(a::text, ' ' ORDER BY a) FROM app.t"), value(t, url, "SELECT string_agg(a::text, ' ' ORDER BY a) FROM app.fired")
	if rows != "1 2" || fired != "2" {
		t.Errorf("rows %q, and the trigger fired for %q", rows, fired)
	}
}
