package harm

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"time"
)

// task is what an API answers that has finished a task with this address of its data.
func task(address string) map[string]any {
	return map[string]any{"id": "t1", "completed": true, "data_url": address, "content_type": "application/sql"}
}

// answers makes an API that answers every request for a task with this, as JSON; @API@ stands for its own address.
func answers(v any) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.ReplaceAll(text, []byte("@API@"), []byte("http://"+r.Host)))
	}
}

// serves makes an API that finishes at once, and whose data is served so.
func serves(data http.HandlerFunc) http.HandlerFunc {
	ask := answers(task("@API@/data"))
	return func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/data" {
			data(w, r)
			return
		}
		ask(w, r)
	}
}

// endless writes the same until nobody reads it.
func endless(w io.Writer, p []byte) {
	for {
		if _, err := w.Write(p); err != nil {
			return
		}
	}
}

// packed answers with a million zeroes again and again, as gzip.
func packed(w http.ResponseWriter, _ *http.Request) {
	w.Header().Set("Content-Encoding", "gzip")
	endless(gzip.NewWriter(w), make([]byte, 1<<20))
}

// drips answers with a byte a second.
func drips(p string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = w.Write([]byte(p))
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(time.Second):
			}
		}
	}
}

// hostAttempts are those of APIs and download hosts.
func hostAttempts() (all []attempt) {
	inActions := []string{"FABRICATE_API_KEY=" + password, "FABRICATE_WORKSPACE=w", "FABRICATE_DATABASE=d", "FABRICATE_API_URL=@API@", "GITHUB_ACTIONS=true"}
	quick := []string{"--timeout=4s", "--request-timeout=2s", "--poll-interval=50ms", "--format=sql"}
	host := func(name string, code int, says string, api http.HandlerFunc, args ...string) {
		all = append(all, attempt{role: byHost, name: name, api: api, env: inActions, args: slices.Concat(quick, args), code: code, says: says})
	}
	mb := bytes.Repeat([]byte("x"), 1<<20)
	host("an answer without an end", -1, "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		endless(w, append([]byte(`{"id": "`), mb...))
	})
	host("an answer of lists in lists", -1, "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = w.Write(bytes.Repeat([]byte("["), 4<<20))
	})
	host("an answer that comes a byte a second", -1, "", drips("{"))
	host("an error without an end", -1, "", func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusBadRequest)
		endless(w, mb)
	})
	host("an answer packed a thousandfold", -1, "", packed)
	host("a task that is never done", 4, "", answers(map[string]any{"id": "t1", "completed": false, "progress": -1e308}))
	host("progress of a million per cent", 4, "", answers(map[string]any{"id": "t1", "completed": false, "progress": 1e300, "phase": "\u00a0::error::x\n::error::y", "context": "[x](https://example.org)\u202e"}))
	host("an error that commands the runner", 3, "", answers(map[string]any{"id": "t1", "completed": true, "error": "x\n\u3000::add-path::/tmp\r##[error]y\x1b[2J" + password}))
	host("an id that is a path", -1, "", answers(map[string]any{"id": "../../../etc/passwd?x#\n::error::", "completed": false}))
	host("an id of a megabyte", -1, "", answers(map[string]any{"id": strings.Repeat("x", 1<<20), "completed": false}))
	host("an id that ends an output", -1, "", answers(map[string]any{"id": "x\n_GitHubActionsFileCommandDelimeter_\nrows=9", "completed": false}))
	host("asks to wait for a year", -1, "", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Retry-After", "31536000")
		w.WriteHeader(http.StatusServiceUnavailable)
	})
	host("words that nobody asked for", 5, "HTTP 204", serves(func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer conn.Close()
		_, _ = fmt.Fprintf(conn, "HTTP/1.1 204 No Content\r\n\r\n::error::%s", password)
		_, _ = io.Copy(io.Discard, conn)
	}))
	host("redirects round and round", -1, "", func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/api/v1/x"+r.URL.Path, http.StatusTemporaryRedirect)
	})
	host("takes the key elsewhere", -1, "", func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.Host, "localhost") {
			if r.Header.Get("Authorization") != "" {
				endless(w, []byte("taken"))
			}
			return
		}
		http.Redirect(w, r, "http://"+strings.Replace(r.Host, "127.0.0.1", "localhost", 1)+"/", http.StatusTemporaryRedirect)
	})
	for name, address := range map[string]string{"a file": "file:///etc/passwd", "a file of the host's": "http://127.0.0.1:1/etc/passwd", "no address": "\x00", "gopher": "gopher://127.0.0.1:70/x", "a command": "javascript:alert(1)",
		"a name and password": "http://user:" + password + "@127.0.0.1:1/"} {
		host("data at "+name, -1, "", answers(task(address)))
		all[len(all)-1].never = "root:"
	}
	host("data that is never the whole", -1, "", serves(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "1000000")
		_, _ = w.Write([]byte("insert into t values ('x');\n"))
	}))
	host("data without an end", -1, "", serves(func(w http.ResponseWriter, _ *http.Request) { endless(w, mb) }), "--max-size=32MiB")
	host("data a byte a second", -1, "", serves(drips("-")))
	host("data packed a thousandfold", -1, "", serves(packed), "--max-size=32MiB")
	host("another range than was asked for", -1, "", serves(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", "bytes 5-9/99999999999")
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write([]byte("drop table t;"))
	}))
	host("a name that is a path", 0, "", serves(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Disposition", `attachment; filename="../../pwned"`)
		_, _ = w.Write([]byte("insert into t values ('x');\n"))
	}))
	all[len(all)-1].leaves, all[len(all)-1].keeps = "old,x", true
	host("code, for what asks for rows", 5, "not on the list", serves(func(w http.ResponseWriter, _ *http.Request) {
		_, _ = w.Write([]byte("insert into t values ('x');\ndo $$ begin delete from t; end $$;\n"))
	}))
	all[len(all)-1].keeps = true // a task was spent on it
	host("headers without an end", -1, "", serves(func(w http.ResponseWriter, _ *http.Request) {
		for i := range 200_000 {
			w.Header().Set(fmt.Sprint("X-", i), "x")
		}
	}))
	host("a page for people", -1, "", serves(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", "text/html")
		_, _ = w.Write([]byte("<html><script>alert(1)</script>" + strings.Repeat("<b>", 100_000)))
	}))
	return all
}

// scriptAttempts are texts that no list allows, in spellings of all kinds. What they call counts in the sequence "called".
func scriptAttempts() (all []attempt) {
	for name, text := range map[string]string{
		"a cast of one's own":             "CREATE CAST (text AS int) WITH INOUT AS IMPLICIT;",
		"an operator of one's own":        "CREATE OPERATOR + (LEFTARG = text, RIGHTARG = text, FUNCTION = evil_of);",
		"an operator of another schema":   "INSERT INTO t VALUES ('a' OPERATOR(public.||) 'b');",
		"a type with code":                "CREATE TYPE x (INPUT = evil_in, OUTPUT = evil_out);",
		"a range with code":               "CREATE TYPE x AS RANGE (SUBTYPE = int, CANONICAL = evil_of);",
		"a domain with code":              "CREATE DOMAIN x AS text CHECK (evil_of(VALUE) IS NULL);",
		"a domain with code, later":       "CREATE DOMAIN x AS text\\; ALTER DOMAIN x ADD CHECK (evil_of(VALUE) IS NULL);",
		"a default with code":             "ALTER TABLE t ALTER a SET DEFAULT evil();",
		"a generated column with code":    "ALTER TABLE t ADD b text GENERATED ALWAYS AS (evil_of(a)) STORED;",
		"an index with code":              "CREATE INDEX ON t (evil_of(a));",
		"an index with code, in brackets": "CREATE INDEX ON t ((t.*::text || evil_of(a)));",
		"a condition with code":           "CREATE INDEX ON t (a) WHERE evil_of(a) IS NULL;",
		"statistics with code":            "CREATE STATISTICS s ON (evil_of(a)), a FROM t;",
		"a partition with code":           "CREATE TABLE p (a text) PARTITION BY LIST (evil_of(a));",
		"a policy with code":              "CREATE POLICY p ON t USING (evil_of(a) IS NULL);",
		"a rule":                          "CREATE RULE r AS ON INSERT TO t DO ALSO SELECT evil();",
		"a trigger":                       "CREATE TRIGGER x AFTER INSERT ON t EXECUTE FUNCTION evil_trigger();",
		"a constraint trigger":            "CREATE CONSTRAINT TRIGGER x AFTER INSERT ON t FOR EACH ROW EXECUTE FUNCTION evil_trigger();",
		"an event trigger":                "CREATE EVENT TRIGGER x ON ddl_command_end EXECUTE FUNCTION evil_trigger();",
		"a view of a row's function":      "CREATE MATERIALIZED VIEW v AS SELECT t.evil_row FROM t;",
		"a view with a lateral call":      "CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t, LATERAL evil() x;",
		"a view with ROWS FROM":           "CREATE MATERIALIZED VIEW v AS SELECT 1 FROM ROWS FROM (evil(), evil()) x;",
		"a view with a sample":            "CREATE MATERIALIZED VIEW v AS SELECT 1 FROM t TABLESAMPLE evil_sample (1);",
		"a view that sorts by its own":    "CREATE MATERIALIZED VIEW v AS SELECT a FROM t ORDER BY a USING OPERATOR(public.<);",
		"a view that writes":              "CREATE MATERIALIZED VIEW v AS WITH x AS (INSERT INTO t VALUES ('x') RETURNING a) SELECT a FROM x;",
		"a table of a query":              "CREATE TABLE x AS SELECT evil();",
		"a table of a prepared one":       "CREATE TABLE x AS EXECUTE p;",
		"a temporary table in front":      "CREATE TEMP TABLE t (a text);",
		"a temporary table by its schema": "CREATE TABLE pg_temp.t (a text);",
		"a table of the catalog":          "CREATE TABLE pg_catalog.x (a int);",
		"rows of the catalog":             "INSERT INTO pg_catalog.pg_authid (rolname, rolsuper) VALUES ('x', true);",
		"rows of the catalog, by path":    "SET search_path = pg_catalog;\nINSERT INTO pg_authid (rolname) VALUES ('x');",
		"rows of the information schema":  "SET search_path = information_schema;\nINSERT INTO sql_parts (feature_id) VALUES ('x');",
		"rows of an extension":            "INSERT INTO cron.job VALUES ('x');",
		"rows of an extension, by path":   "SET search_path = cron;\nCOPY job FROM stdin;\nx\n\\.\n",
		"a number of an extension":        "SELECT setval('cron.seq', 9);",
		"a number of an extension, cast":  "INSERT INTO t VALUES (nextval(CAST('cron.seq' AS regclass)));",
		"a number of an extension, later": "ALTER TABLE t ALTER a SET DEFAULT nextval('cron.seq')::text;",
		"a label":                         "SECURITY LABEL FOR x ON TABLE t IS 'y';",
		"rights on code":                  "GRANT EXECUTE ON FUNCTION pg_read_file(text) TO PUBLIC;",
		"rights on all code":              "GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA pg_catalog TO PUBLIC;",
		"rights on settings":              "GRANT SET ON PARAMETER log_statement TO PUBLIC;",
		"rights of a role":                "GRANT pg_read_server_files TO CURRENT_USER;",
		"rights on code to come":          "ALTER DEFAULT PRIVILEGES GRANT EXECUTE ON FUNCTIONS TO PUBLIC;",
		"a comment on the database":       "COMMENT ON DATABASE postgres IS 'made by fabricate-seed';",
		"row security off":                "ALTER TABLE t DISABLE ROW LEVEL SECURITY;",
		"a program in U&":                 "COPY t FROM PROGRAM U&'\\0074ouch @PWNED@';",
		"a program in pieces":             "COPY t FROM PROGRAM 'touch '\n'@PWNED@';",
		"a program between comments":      "COPY/**/t/*\n/* */*/FROM--\nPROGRAM$x$touch @PWNED@$x$;",
		"a program with strings turned":   "SET standard_conforming_strings = off;\nINSERT INTO t VALUES ('\\'')\\;COPY t FROM PROGRAM 'touch @PWNED@'; --');",
		"a file in U& of another sign":    "SELECT U&\"pg!005fread_file\" UESCAPE '!' ('@SECRET@');",
		"a file by a variable":            "\\set f pg_read_file\nINSERT INTO t VALUES (:f('@SECRET@'));",
		"a file by a quoted variable":     "\\set f pg_read_file\nINSERT INTO t VALUES (:\"f\"('@SECRET@'));",
		"a file by a large object":        "SELECT lo_import('@SECRET@');",
		"a file by \\lo_import":           "\\lo_import /etc/passwd",
		"\\lo_unlink":                     "\\lo_unlink 1",
		"a file as XML":                   "INSERT INTO t VALUES (xmlparse(document '<!DOCTYPE x [<!ENTITY y SYSTEM \"@SECRET@\">]><x>&y;</x>')::text);",
		"a file by a field":               "INSERT INTO t VALUES (('@SECRET@'::text).pg_read_file);",
		"a statement by \\gexec":          "SELECT 'SELECT evil()' \\gexec",
		"a statement by \\bind":           "SELECT evil() \\bind \\g",
		"a statement by \\parse":          "SELECT evil() \\parse p",
		"a statement by \\gdesc":          "SELECT evil() \\gdesc",
		"a statement by \\watch":          "SELECT evil() \\watch 1",
		"a statement by \\crosstabview":   "SELECT evil(), 1, 2 \\crosstabview",
		"a statement behind \\copy":       "\\copy t from stdin; select evil()\n\\.\n",
		"a query by \\copy":               "\\copy (select evil()) to stdout",
		"\\COPY of a program":             "\\COPY t FROM\tPROGRAM 'touch @PWNED@'",
		"an encoding that hides":          "\\encoding SJIS\nINSERT INTO t VALUES ('\x95\\'), (evil()) --');",
		"an encoding by SET":              "SET client_encoding = 'GB18030';",
		"an encoding by SET NAMES":        "SET NAMES 'SJIS';",
		"an encoding by set_config":       "SELECT set_config('client_' || 'encoding', 'SJIS', false);",
		"another role":                    "SET LOCAL ROLE pg_read_server_files;",
		"another role by set_config":      "SELECT set_config('role', 'pg_read_server_files', true);",
		"another user":                    "SET SESSION AUTHORIZATION somebody;",
		"another database":                "\\connect postgres",
		"another user by \\connect":       "\\connect - somebody",
		"a library":                       "LOAD '@PWNED@';",
		"a preloaded library":             "SET session_preload_libraries = 'x';",
		"a setting of the server":         "ALTER SYSTEM SET archive_command = 'touch @PWNED@';",
		"a setting of the role":           "ALTER ROLE CURRENT_USER SET session_preload_libraries = 'x';",
		"a subscription":                  "CREATE SUBSCRIPTION s CONNECTION 'host=127.0.0.1' PUBLICATION p;",
		"a publication":                   "CREATE PUBLICATION p FOR ALL TABLES;",
		"a foreign table":                 "IMPORT FOREIGN SCHEMA x FROM SERVER s INTO public;",
		"a transaction for later":         "PREPARE TRANSACTION 'x';",
		"a cursor":                        "DECLARE c CURSOR WITH HOLD FOR SELECT evil();",
		"a notification":                  "NOTIFY x, 'y';",
		"a procedure":                     "CALL evil_procedure();",
		"a merge":                         "MERGE INTO t USING t u ON true WHEN MATCHED THEN UPDATE SET a = evil_of(t.a);",
		"an update on conflict":           "INSERT INTO t VALUES ('x') ON CONFLICT DO UPDATE SET a = evil_of(excluded.a);",
		"a returned call":                 "INSERT INTO t VALUES ('x') RETURNING evil();",
		"a returned field":                "INSERT INTO t VALUES ('x') RETURNING t.evil_row;",
		"a word in another case":          "sELECT EvIL();",
		"a word in quotes":                "SELECT \"evil\"();",
		"a word with a schema":            "SELECT public . /* */ evil ( );",
		"a word of another alphabet":      "SELECT \uff45vil();",
		"a call behind a byte order mark": "\ufeffSELECT evil();",
		"a call behind a NUL":             "SELECT 1;\x00SELECT evil();",
		"a call behind \\q":               "\\if false\n\\endif\n\\if true\nSELECT evil();\n\\endif\n\\q\n",
	} {
		all = append(all, attempt{role: byScript, name: name, files: map[string]string{"load.sql": text + "\n"}, code: -1, args: []string{"--allow=schema", "--transaction=none"}, refused: true})
	}
	return all
}
