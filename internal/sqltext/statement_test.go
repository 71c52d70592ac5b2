package sqltext

import (
	"fmt"
	"reflect"
	"strings"
	"testing"
)

var effectNames = map[Effect]string{Anything: "anything", Nothing: "nothing", Rows: "rows", Setting: "setting", Session: "session", Sequence: "sequence", Empty: "empty", Rewind: "rewind"}

// TestEffects holds what each form of a statement may change. All that is not on a closed list is anything.
func TestEffects(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Effect{
		"INSERT INTO t VALUES (1, -2.5, 'a', NULL, true, DEFAULT, E'\\n', $$x$$, 1e-5, .5, +3), (2)": Rows,
		`INSERT INTO "s"."T" (a, "B") VALUES ('a'
			'b');`: Rows,
		"INSERT INTO t OVERRIDING SYSTEM VALUE VALUES (1)":                 Rows,
		"INSERT INTO t AS x VALUES (1)":                                    Rows,
		"INSERT INTO t VALUES (f())":                                       Anything,
		"INSERT INTO t VALUES (1 + 2)":                                     Anything,
		"INSERT INTO t VALUES ('1'::money)":                                Anything,
		"INSERT INTO t VALUES (date '2024-01-01')":                         Anything,
		"INSERT INTO t VALUES (current_user)":                              Anything,
		"INSERT INTO t VALUES (1) RETURNING f(a)":                          Anything,
		"INSERT INTO t VALUES (1) ON CONFLICT DO NOTHING":                  Anything,
		"INSERT INTO t (a[1]) VALUES (1)":                                  Anything,
		"INSERT INTO t SELECT set_config('TimeZone', 'Asia/Tokyo', false)": Anything,
		"INSERT INTO t DEFAULT VALUES":                                     Anything,
		"INSERT INTO t VALUES (1), (2),":                                   Anything,
		"WITH x AS (SELECT f()) INSERT INTO t VALUES (1)":                  Anything,
		"COPY t FROM stdin":                                                Rows,
		"COPY t (a) FROM STDIN WITH (FORMAT csv, HEADER)":                  Rows,
		"COPY t FROM stdin WHERE f(a)":                                     Anything,
		"COPY t TO stdout":                                                 Anything,
		"COPY (SELECT f()) TO stdout":                                      Anything,
		"TRUNCATE t, ONLY u * CASCADE":                                     Empty,
		"BEGIN":                                                            Nothing,
		"START TRANSACTION ISOLATION LEVEL SERIALIZABLE, DEFERRABLE":       Nothing,
		"START TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY":        Session,
		"BEGIN READ ONLY READ WRITE":                                       Session,
		"COMMIT":                                                           Anything, // deferred triggers run
		"ROLLBACK":                                                         Rewind,
		"ABORT WORK AND CHAIN":                                             Rewind,
		"ROLLBACK TO SAVEPOINT a":                                          Rewind,
		"ROLLBACK PREPARED 'x'":                                            Anything,
		"SAVEPOINT a":                                                      Nothing,
		"SAVEPOINT a b":                                                    Anything,
		"SAVEPOINT":                                                        Anything,
		"SAVEPOINT select":                                                 Anything,
		"RELEASE SAVEPOINT a b":                                            Anything,
		"ROLLBACK TO a b":                                                  Anything,
		"(INSERT INTO t VALUES (1)":                                        Anything,
		"(BEGIN":                                                           Anything,
		"((COMMIT":                                                         Anything,
		"(":                                                                Anything,
		"INSERT INTO t. VALUES (1)":                                        Anything,
		"INSERT INTO t.\"\" VALUES (1)":                                    Anything,
		"COPY t. FROM stdin":                                               Anything,
		"INSERT INTO t VALUES (1) /* open":                                 Anything,
		"INSERT INTO t VALUES (1) /* /* open */":                           Anything,
		"INSERT INTO t VALUES (1) /* not /* open */*/":                     Rows,
		"BEGIN /* open":                                                    Anything,
		"/* open":                                                          Anything,
		"SET client_min_messages = warning /* open":                        Anything,
		"INSERT INTO user VALUES (1)":                                      Anything,
		"INSERT INTO t (a, left) VALUES (1)":                               Anything,
		"INSERT INTO \"user\" (\"left\") VALUES (1)":                       Rows,
		"INSERT INTO public.user VALUES (1)":                               Rows,
		"COPY user FROM stdin":                                             Anything,
		"RELEASE a":                                                        Nothing,
		"SET client_min_messages = warning":                                Setting,
		"SET LOCAL work_mem = '1MB'":                                       Setting,
		"SET TimeZone = 'UTC'":                                             Session,
		"SET TIME ZONE 'UTC'":                                              Session,
		"SET search_path TO a, b":                                          Session,
		"SET ROLE x":                                                       Session,
		"SET SESSION AUTHORIZATION x":                                      Session,
		"SET my.own = 'x'":                                                 Session,
		"SET TRANSACTION READ ONLY":                                        Session,
		"RESET ALL":                                                        Session,
		"SET CONSTRAINTS ALL IMMEDIATE":                                    Anything,
		"SELECT pg_catalog.set_config('search_path', '', false);":          Session,
		"SELECT set_config('search_path', lower('S1'), false)":             Anything,
		"SELECT set_config('work_mem', '1MB', false), f()":                 Anything,
		"SELECT pg_catalog.setval('s', 7, true)":                           Sequence,
		"SELECT pg_catalog.setval('s', -7)":                                Sequence,
		"SELECT setval('s', 7, true)":                                      Anything, // see TestSupposed
		"SELECT set_config('work_mem', '1MB', false)":                      Anything,
		"SELECT setval('s', (SELECT max(id) FROM t))":                      Anything,
		"SELECT nextval('s')":                                              Anything,
		"SELECT 1":                                                         Anything,
		"SHOW TimeZone":                                                    Nothing,
		"DO $$ BEGIN END $$":                                               Anything,
		"CALL f()":                                                         Anything,
		"CREATE TABLE t (a int)":                                           Anything,
		"ANALYZE":                                                          Anything,
		"DISCARD ALL":                                                      Anything,
		"garbage":                                                          Anything,
		"":                                                                 Nothing,
		"-- nothing":                                                       Nothing,
		"INSERT INTO t VALUES (" + strings.Repeat("1, ", maxConstants) + "1)": Anything, // not looked at to its end
	} {
		if got := Parse([]byte(text), Options{}); len(got) != 1 || got[0].Effect != want {
			t.Errorf("%.80s: %s, not %s", text, effectNames[got[0].Effect], effectNames[want])
		}
	}
}

// TestParse holds what is read of statements.
func TestParse(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`INSERT INTO a."B c" (x, "Y") VALUES (1)`:         `Insert ["a"."B c"] columns [x Y] rows 36`,
		`INSERT INTO t VALUES (1)`:                        `Insert ["t"] columns [] rows 21`,
		`INSERT INTO t AS u VALUES (1)`:                   `Insert ["t"] columns [] rows 0`,
		`INSERT INTO t (U&"\0061") VALUES (1)`:            `Insert ["t"] columns [a] rows 0`,
		`INSERT INTO t OVERRIDING USER VALUE VALUES (1)`:  `Insert ["t"] columns [] rows 0`,
		`INSERT INTO t SELECT 1`:                          `Insert ["t"] columns [] rows 0`,
		`COPY s.t (a, b) FROM '/x' (FORMAT binary)`:       `Copy ["s"."t"] columns [a b] from true file /x binary true plain false`,
		`COPY BINARY t FROM stdin`:                        `Copy ["t"] columns [] from true file  binary true plain false`,
		`INSERT INTO public.U&"t" VALUES (1)`:             `Insert ["public"."t"] columns [] rows 0`,
		`COPY U&"\0074" (a) FROM stdin`:                   `Copy ["t"] columns [a] from true file  binary false plain false`,
		`COPY t (a) FROM stdni;`:                          `Copy ["t"] columns [a] from true file  binary false plain false`,
		`COPY t (a, order) FROM stdin`:                    `Copy ["t"] columns [] from true file  binary false plain true`,
		`TRUNCATE user`:                                   `Truncate [] only []`,
		`TRUNCATE c, ONLY d *`:                            `Truncate ["c" "d"] only [false true]`,
		`TRUNCATE (c)`:                                    `Truncate [] only []`,
		`TRUNCATE ONLY (c`:                                `Truncate ["c"] only [true]`,
		`COPY t (a) FROM stdin;`:                          `Copy ["t"] columns [a] from true file  binary false plain true`,
		`COPY t TO stdout`:                                `Copy [] columns [] from false file  binary false plain true`,
		`TRUNCATE TABLE ONLY (a.b), c * RESTART IDENTITY`: `Truncate ["a"."b" "c"] only [true false] cascade false restart true`,
		`TRUNCATE c`:                                      `Truncate ["c"] only [false] cascade false restart false`,
		`TRUNCATE c CONTINUE IDENTITY RESTRICT;`:          `Truncate ["c"] only [false] cascade false restart false`,
		`TRUNCATE c, ONLY d RESTART IDENTITY CASCADE`:     `Truncate ["c" "d"] only [false true] cascade true restart true`,
		`TRUNCATE c CASCADE RESTART IDENTITY`:             `Truncate ["c"] only [false]`, // which the server does not read either
		`TRUNCATE U&"\0063"`:                              `Truncate ["c"] only [false]`,
		`DELETE FROM ONLY (a."B")`:                        `Other deletes "a"."B" all true`,
		`DELETE FROM c *;`:                                `Other deletes "c" all true`,
		`DELETE FROM c WHERE d`:                           `Other deletes "c" all false`,
		`DELETE FROM c RETURNING *`:                       `Other deletes "c" all false`,
		`SET session_replication_role = replica`:          `Other role replica`,
		`SET LOCAL "session_replication_role" TO DEFAULT`: `Other role origin`,
		`RESET session_replication_role`:                  `Other role origin`,
		`RESET ALL`:                                       `Other role origin all`,
		`SET session_replication_role = bogus`:            `Other`,
		`SELECT pg_catalog.set_config('session_replication_role', 'local', false)`: `Other role local`,
	} {
		s := Parse([]byte(text), Options{})[0]
		got := map[Kind]string{Other: "Other", Insert: "Insert", Copy: "Copy", Truncate: "Truncate"}[s.Kind]
		if s.Kind != Other {
			got += fmt.Sprintf(" %v", s.Relations)
		}
		switch {
		case s.Insert != nil:
			got += fmt.Sprintf(" columns %v rows %d", s.Insert.Columns, s.Insert.Rows)
		case s.Copy != nil:
			got += fmt.Sprintf(" columns %v from %t file %s binary %t plain %t", s.Copy.Columns, s.Copy.From, s.Copy.File, s.Copy.Binary, s.Copy.Plain)
		case s.Kind == Truncate:
			got += fmt.Sprintf(" only %v", s.Only)
			if of := s.Truncate; of != nil {
				got += fmt.Sprintf(" cascade %t restart %t", of.Cascade, of.Restart)
			}
		case s.Deletes != nil:
			got += fmt.Sprintf(" deletes %v all %t", s.Deletes, s.DeletesAll)
		case s.Role != nil:
			got += " role " + s.Role.Value
			if s.Role.All {
				got += " all"
			}
		}
		if got != want {
			t.Errorf("%s:\n%s, not\n%s", text, got, want)
		}
	}
}

// TestTransactions holds that what begins or ends a transaction is read by the server's grammar to its end: what is not of it is a statement like
// any other.
func TestTransactions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"BEGIN":       "Begin",
		"BEGIN WORK;": "Begin",
		"begin transaction read only, isolation level repeatable read not deferrable": "Begin READ ONLY ISOLATION LEVEL REPEATABLE READ, NOT DEFERRABLE",
		"START TRANSACTION READ WRITE":                            "Begin READ WRITE",
		"SET TRANSACTION ISOLATION LEVEL SERIALIZABLE, READ ONLY": "SetTransaction READ ONLY ISOLATION LEVEL SERIALIZABLE",
		"COMMIT WORK":                   "Commit",
		"END TRANSACTION AND NO CHAIN;": "Commit",
		"COMMIT AND CHAIN":              "Commit chain",
		"ABORT AND CHAIN":               "Rollback chain",
		"ROLLBACK /* so */ ; -- all":    "Rollback",
		"START":                         "Other", "START WORK": "Other", "BEGIN TRANSACTION WORK": "Other", "BEGIN WORK TRANSACTION": "Other", "BEGIN foo": "Other", "BEGIN READ": "Other",
		"BEGIN ISOLATION": "Other", "BEGIN ISOLATION DEFERRABLE": "Other", "BEGIN ISOLATION LEVEL foo": "Other", "BEGIN ISOLATION LEVEL READ": "Other",
		"BEGIN , READ ONLY": "Other", "BEGIN READ ONLY,": "Other", "BEGIN READ ONLY,, READ WRITE": "Other", "BEGIN NOT": "Other",
		"SET TRANSACTION": "Other", "SET TRANSACTION SNAPSHOT 'x'": "Other",
		"COMMIT foo": "Other", "COMMIT AND": "Other", "COMMIT AND NO": "Other", "COMMIT AND CHAIN foo": "Other", "COMMIT PREPARED 'x'": "Other", "END IF": "Other",
		"ROLLBACK foo": "Other", "ABORT TO a": "Other", "ROLLBACK WORK WORK": "Other",
	} {
		s := Parse([]byte(text), Options{})[0]
		got := strings.Join(strings.Fields(map[Kind]string{Begin: "Begin", SetTransaction: "SetTransaction", Commit: "Commit", Rollback: "Rollback"}[s.Kind]+" "+s.Access+" "+s.Level), " ")
		if s.Kind == Other {
			got = "Other"
		}
		if s.Chain {
			got += " chain"
		}
		if got != want {
			t.Errorf("%s: %s, not %s", text, got, want)
		}
	}
	for text, want := range map[string]string{
		"SET session_replication_role = replica;": "replica", "SET session_replication_role TO DEFAULT": "origin", "RESET session_replication_role": "origin",
		"SET session_replication_role = replica foo": "", "SET session_replication_role = replica, origin": "", "SET session_replication_role = ;": "",
		"RESET session_replication_role foo": "", "RESET ALL foo": "",
	} {
		got := ""
		if s := Parse([]byte(text), Options{})[0]; s.Role != nil {
			got = s.Role.Value
		}
		if got != want {
			t.Errorf("%s: %q, not %q", text, got, want)
		}
	}
	for text, want := range map[string]string{"SET transaction_timeout = 0": "transaction_timeout", "SET transaction_timeout TO '5s';": "transaction_timeout", "SET transaction_timeout = 0 foo": "", "SET transaction_timeout": ""} {
		if s := Parse([]byte(text), Options{})[0]; s.Sets != want {
			t.Errorf("%s sets %q, not %q", text, s.Sets, want)
		}
	}
}

// TestCompound holds how joined statements are cut, and that nothing is certain of them.
func TestCompound(t *testing.T) {
	t.Parallel()
	kinds := func(text string) (kinds []Kind) {
		for _, s := range Parse([]byte(text), Options{Compound: true}) {
			kinds = append(kinds, s.Kind)
		}
		return kinds
	}
	for text, want := range map[string][]Kind{
		"INSERT INTO t VALUES (1); COMMIT; BEGIN":                              {Insert, Commit, Begin},
		"COPY t FROM stdin; commit":                                            {Copy, Commit},
		"CREATE RULE r AS ON INSERT TO t DO ALSO (SELECT 1; SELECT 2); COMMIT": {Other, Commit},
		"SELECT 1); COMMIT":                                                    {Other, Commit},
		"SELECT E'a'\n'\\'' ; commit ; select ''":                              {Other, Commit, Other}, // a string that goes on is of the first one's kind
		"SELECT 'a' 'b\\' ; commit":                                            {Other, Commit},
		"CREATE FUNCTION f() RETURNS int BEGIN ATOMIC SELECT CASE WHEN true THEN 1 END; SELECT 2; END; COMMIT": {Other, Commit},
		"SELECT * FROM begin atomic ; commit":               {Other, Commit},
		"SELECT $$;$$, $a$ ; $a$, \";\" /* ; /* ; */ */; ;": {Other, Other},
	} {
		if got := kinds(text); !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %v, not %v", text, got, want)
		}
	}
}

// TestDefines holds which statements are about definitions and not about rows.
func TestDefines(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"ALTER TABLE t DROP CONSTRAINT c, ADD n int GENERATED BY DEFAULT AS IDENTITY": true,
		"COMMENT ON CONSTRAINT c ON t IS 'same as before, refreshed'":                 true,
		"SET CONSTRAINTS ALL DEFERRED":                                                true,
		"SET work_mem = 1":                                                            false,
		"CREATE VIEW v AS SELECT 1":                                                   true,
		"CREATE FUNCTION f() RETURNS int AS 'select 1' LANGUAGE sql":                  true,
		"CREATE TABLE t (a int GENERATED BY DEFAULT AS IDENTITY)":                     true,
		"CREATE TEMP TABLE t (a) AS SELECT f()":                                       false,
		"CREATE UNLOGGED TABLE t AS SELECT f()":                                       false,
		"CREATE MATERIALIZED VIEW v AS SELECT f()":                                    false,
		"DO $$ BEGIN ALTER TABLE t ADD FOREIGN KEY (a) REFERENCES p ON DELETE\n CASCADE ON UPDATE SET NULL; END $$": true,
		"DO $$ BEGIN EXECUTE 'DROP TABLE t'; END $$":                                                                true,
		"DO $$ BEGIN ALTER TABLE t ADD a int; UPDATE t SET a = 1; END $$":                                           false,
		"DO $$ BEGIN ALTER TABLE t ADD a int; PERFORM f(); END $$":                                                  false,
		"DO $$ BEGIN DELETE FROM t; END $$":                                                                         false,
		"DO $$ BEGIN NULL; END $$":                                                                                  false,
		"INSERT INTO t VALUES ('alter table')":                                                                      false,
		"SELECT 'drop'":                                                                                             false,
	} {
		if s := Parse([]byte(text), Options{})[0]; s.Defines() != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
}

// TestMentions holds where a word counts: in strings of what may run them, and never in comments or in values.
func TestMentions(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"TRUNCATE t":                                  true,
		"SELECT f('Truncate t')":                      true,
		"DO $$ BEGIN truncate t; END $$":              true,
		"SELECT 1 /* truncate */ -- truncate":         false,
		"INSERT INTO t VALUES ('truncate', now())":    false,
		"INSERT INTO t SELECT truncate FROM u":        true,
		"UPDATE t SET a = 'truncate'":                 false,
		"WITH a AS (SELECT f('truncate t')) SELECT 1": true,
		"SELECT truncated":                            false,
	} {
		if s := Parse([]byte(text), Options{})[0]; s.Mentions("truncate") != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
}

// TestAsks holds what asks about keys, triggers, rules and the replica role; sequences are ordinary.
func TestAsks(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"SELECT format('alter table %s', conrelid::regclass) FROM pg_constraint":                                  "keys query [format]",
		"INSERT INTO m SELECT conname FROM pg_catalog.pg_constraint":                                              "keys rows []",
		"CREATE TABLE m AS SELECT tgenabled FROM \"pg_trigger\"":                                                  "keys []",
		"SELECT 1 FROM information_schema.referential_constraints":                                                "keys query []",
		"SELECT 1 FROM information_schema.columns":                                                                "query []",
		"SELECT to_regclass('pg_constraint')":                                                                     "keys query [to_regclass]",
		"INSERT INTO t VALUES ('pg_constraint', now())":                                                           "rows [now]",
		"INSERT INTO t VALUES (nextval(pg_get_serial_sequence('t', 'id')))":                                       "rows [nextval pg_get_serial_sequence]",
		"SELECT pg_catalog.setval(pg_get_serial_sequence('t', 'id'), max(id)) FROM t":                             "query [setval pg_get_serial_sequence max]",
		"INSERT INTO t SELECT current_setting('session_replication_role')":                                        "role rows [current_setting]",
		"SHOW session_replication_role":                                                                           "role query []",
		"SELECT set_config('session_replication_role', 'replica', false)":                                         "query [set_config]",
		"DO $$ BEGIN PERFORM 1 FROM pg_constraint WHERE conname = 'k'; END $$":                                    "keys []",
		"DO 'BEGIN EXECUTE ''INSERT INTO t SELECT 1 FROM pg_constraint''; END'":                                   "keys rows []",
		"DO $$ BEGIN INSERT INTO t VALUES (1); ALTER TABLE t DROP CONSTRAINT k; END $$":                           "rows defines []",
		"DO $$ BEGIN INSERT INTO t VALUES (1) ON CONFLICT ON CONSTRAINT k DO NOTHING; END $$":                     "rows []",
		"DO $$ BEGIN ALTER TABLE t ADD CONSTRAINT k FOREIGN KEY (a) REFERENCES p ON DELETE CASCADE; END $$":       "defines [key]",
		"DO $$ BEGIN IF current_setting('session_replication_role') <> 'replica' THEN RAISE 'no'; END IF; END $$": "role [current_setting]",
	} {
		a, got := func() Asking { s := Parse([]byte(text), Options{})[0]; return s.Asks() }(), ""
		for _, part := range []struct {
			is   bool
			word string
		}{{a.Keys, "keys "}, {a.Role, "role "}, {a.Query, "query "}, {a.Rows, "rows "}, {a.Defines, "defines "}} {
			if part.is {
				got += part.word
			}
		}
		if got += fmt.Sprint(a.Calls); got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// TestNames holds where a name counts: as a word, in any case, and anywhere in a string.
func TestNames(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]bool{
		"COMMENT ON TABLE chk IS ''":                    true,
		`ALTER TABLE t DROP CONSTRAINT "Chk"`:           true,
		"DO $$ BEGIN EXECUTE 'DROP TABLE chk2'; END $$": true,
		"COMMENT ON TABLE chk2 IS ''":                   false,
		"COMMENT ON TABLE t IS '' -- chk":               false,
	} {
		if s := Parse([]byte(text), Options{})[0]; s.Names("chk", "other") != want {
			t.Errorf("%s: %t", text, !want)
		}
	}
}

func TestValidates(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"ALTER TABLE t VALIDATE CONSTRAINT k":                         `"t" k`,
		`alter table if exists only a."T" * validate constraint "K";`: `"a"."T" K`,
		"ALTER TABLE t VALIDATE CONSTRAINT k, ALTER a SET NOT NULL":   "",
		"ALTER TABLE t ALTER a SET NOT NULL, VALIDATE CONSTRAINT k":   "",
		"ALTER DOMAIN t VALIDATE CONSTRAINT k":                        "",
	} {
		s, got := Parse([]byte(text), Options{})[0], ""
		if table, key := s.Validates(); table != nil {
			got = table.String() + " " + key
		}
		if got != want {
			t.Errorf("%s: %s", text, got)
		}
	}
}

// TestTouches holds which tables a statement changes, and whether its text shows all of them.
func TestTouches(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"INSERT INTO a.b VALUES (1)": `"a"."b" rows; true`,
		"COPY t FROM stdin":          `"t" rows copied; true`,
		"TRUNCATE a, b":              `"a" truncate "b" truncate; true`,
		"UPDATE ONLY t SET a = 1":    `"t" changes; true`,
		"INSERT INTO t VALUES (1) ON CONFLICT (a) DO UPDATE SET a = 2":            `"t" rows "t" rows "t" changes; true`,
		"DELETE FROM t WHERE a IN (SELECT 1)":                                     `"t" changes; true`,
		"DELETE FROM t WHERE f(a)":                                                `"t" changes; false`,
		"WITH x AS (DELETE FROM t RETURNING *) INSERT INTO u (a) SELECT * FROM x": `"t" changes "u" rows; true`,
		"INSERT INTO t SELECT 1 FROM u":                                           `"t" rows "t" rows; true`,
		"MERGE INTO t USING u ON (t.a = u.a) WHEN MATCHED THEN DELETE":            `"t" changes; true`,
		"DO $$ BEGIN DELETE FROM t; END $$":                                       `; false`,
		"SELECT f()":                                                              `; false`,
		"SELECT count(*) FROM t":                                                  `; false`, // whose count?
		"SELECT coalesce(a, 1) FROM t":                                            `; true`,
		"DELETE FROM t RETURNING set_config('search_path', a, false)":             `"t" changes; false`,
		"CALL p()":                   `; false`,
		"EXECUTE x":                  `; false`,
		"CREATE TABLE x AS SELECT 1": `; false`,
		"SET work_mem = 1":           `; true`,
	} {
		s := Parse([]byte(text), Options{})[0]
		touches, whole := s.Touches()
		var got []string
		for _, touch := range touches {
			text := touch.Name.String() + " " + string(touch.Change)
			if touch.Copied {
				text += " copied"
			}
			got = append(got, text)
		}
		if shown := fmt.Sprintf("%s; %t", strings.Join(got, " "), whole); shown != want {
			t.Errorf("%s: %s, not %s", text, shown, want)
		}
	}
}

// FuzzParse looks for texts at which reading does not end or goes beyond the text.
func FuzzParse(f *testing.F) {
	for _, text := range []string{"INSERT INTO t VALUES (1, 'a'), (2e-", "COPY t FROM '", "E'a'\n'\\", "$a$ $a", "U&\"x\" UESCAPE '!'", "/* /*", "BEGIN; CREATE FUNCTION f() BEGIN ATOMIC"} {
		f.Add([]byte(text), true)
	}
	f.Fuzz(func(t *testing.T, text []byte, escapes bool) {
		for _, compound := range []bool{false, true} {
			statements := Parse(text, Options{Escapes: escapes, Compound: compound})
			for _, s := range statements {
				s.Touches()
				s.RunsAlone()
				if s.Insert != nil && s.Insert.Rows > len(text) {
					t.Fatal("rows begin behind the text")
				}
			}
			Refuse(text, statements, escapes)
		}
	})
}

// TestSupposed holds which calls are those of the server's functions if nobody has made others of their names.
func TestSupposed(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]Effect{
		"SELECT setval('s', -7)":                               Sequence,
		`select "setval"('s', 7, true);`:                       Sequence,
		"SELECT set_config('work_mem', '1MB', false)":          Setting,
		"SELECT set_config('search_path', '', false)":          Session,
		"SELECT pg_catalog.setval('s', 7)":                     Anything, // it is
		"SELECT app.setval('s', 7)":                            Anything,
		"SELECT setval('s', (SELECT max(id) FROM t))":          Anything,
		"SELECT setval('s', 7), set_config('a.b', 'c', false)": Anything,
		"SELECT now()": Anything,
	} {
		if got := Parse([]byte(text), Options{})[0].Supposed; got != want {
			t.Errorf("%s: %d, not %d", text, got, want)
		}
	}
}

// TestBetween holds what becomes of a statement between whose tokens something stands that the server may refuse: it counts as one of which nothing is
// known, but for the table that it fills and what it would be refused for.
func TestBetween(t *testing.T) {
	t.Parallel()
	old, ascii := Options{OldSpace: true}, Options{ASCII: true}
	for _, tt := range []struct {
		text string
		o    Options
		odd  bool
	}{
		{"COMMIT\v;", Options{}, false},
		{"COMMIT\v;", old, true},
		{"COMMIT;\v", old, true},
		{"INSERT\vINTO t VALUES (1)", Options{}, false},
		{"INSERT\vINTO t VALUES (1)", old, true},
		{"INSERT INTO t VALUES (1\v)", old, true},
		{"INSERT INTO t VALUES ('\v')", old, false},
		{"COPY t\vFROM stdin", old, true},
		{"COPY t FROM\vPROGRAM 'x'", old, true},
		{"TRUNCATE t\v", old, true},
		{"BEGIN -- é\n", Options{}, false},
		{"BEGIN -- é\n", ascii, true},
		{"BEGIN -- e\n", ascii, false},
		{"BEGIN /* é */", ascii, true},
		{"INSERT INTO t /* é */ VALUES (1)", ascii, true},
		{"INSERT INTO t VALUES (1, 'é') -- e", ascii, false},
		{"INSERT INTO é VALUES (1)", ascii, false}, // no name of the server's is converted twice
	} {
		want, got := Parse([]byte(strings.NewReplacer("\v", " ", "é", "e").Replace(tt.text)), Options{})[0], Parse([]byte(tt.text), tt.o)[0]
		known := got.Kind != Other
		switch want.Kind {
		case Insert, Copy, Truncate:
			known = got.Effect != Anything || got.Insert != nil && got.Insert.Rows > 0 || got.Truncate != nil
			if len(got.Relations) != len(want.Relations) || got.Kind != want.Kind || (got.Copy == nil) != (want.Copy == nil) || got.Copy != nil && got.Copy.Program != want.Copy.Program {
				t.Errorf("%q with %+v: %+v", tt.text, tt.o, got)
			}
		}
		if known == tt.odd {
			t.Errorf("%q with %+v: known %t: %+v", tt.text, tt.o, known, got)
		}
	}
}
