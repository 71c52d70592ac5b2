//go:build unix

package load

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// loadOnline loads a script while others may read, and gives what was told.
func loadOnline(t *testing.T, target *pgx.ConnConfig, script string, change func(*Options)) (told []string, err error) {
	t.Helper()
	o := Options{Target: target, Online: true}
	if change != nil {
		change(&o)
	}
	return loadTold(t, o, script)
}

// TestOnlineIndexesComeBack loads while others may read, as every kind of role, and looks at everything that the catalog says of indexes,
// their numbers included: a superuser's are built anew and take the place of the old ones, all others stay.
func TestOnlineIndexesComeBack(t *testing.T) {
	t.Parallel()
	all := []string{`"the key"`, "code_key", "never", `"iden""tity"`, "expr", "doc", "trgm", "hash", "brin", "part", "held", "child_pkey", "child_t_id_idx", "grouped_pkey", "grouped_name_idx",
		"named", "own", "split_1_pkey", "split_2_a_pkey", "split_2_b_pkey", "split_1_k_id_idx", "split_2_a_k_id_idx", "split_2_b_k_id_idx", "split_2_a_k_id_idx1", "split_2_b_k_id_idx1",
		"split_1_expr_idx", "split_2_a_expr_idx", "split_2_b_expr_idx", "split_2_a_k_idx", "split_2_b_k_idx", "kept_1_id_k_key"}
	for name, tt := range map[string]struct {
		superuser bool
		grant     string // as superuser, before the load
		o         func(*Options)
		built     []string
	}{
		"superuser":           {superuser: true, built: all},
		"superuser, verbatim": {superuser: true, o: func(o *Options) { o.Verbatim = true }},
		"granted":             {grant: "GRANT SET ON PARAMETER session_replication_role TO owner"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			super, owner := withOwnerSchema(t, tt.grant)
			target := owner
			if tt.superuser {
				target = super
			}
			ask := asker(t, connectTo(t, super))
			numbers := "SELECT string_agg(concat_ws(' ', c.oid, c.relname, x.indcheckxmin), ',' ORDER BY c.oid) FROM pg_class c LEFT JOIN pg_index x ON x.indexrelid = c.oid WHERE relnamespace = 'app'::regnamespace"
			files := "SELECT string_agg(quote_ident(relname), E'\n' ORDER BY oid) FROM pg_class WHERE relkind = 'i' AND relnamespace = 'app'::regnamespace AND relfilenode <> oid"
			before, were, dumped := ask(catalogState), ask(numbers), pgtest.Dump(t, super.ConnString(), "--schema-only")
			for round := range 3 {
				told, err := loadOnline(t, target, ownerScript(3_000, 0), tt.o)
				must(t, err)
				t.Logf("%q", told)
				if after := ask(catalogState); after != before {
					t.Errorf("before:\n%s\nafter:\n%s", before, after)
				}
				if got := ask(numbers); got != were {
					t.Errorf("before:\n%s\nafter:\n%s", were, got)
				}
				if got := pgtest.Dump(t, super.ConnString(), "--schema-only"); got != dumped {
					t.Errorf("dumps differ: %s", firstDifference(dumped, got))
				}
				built := strings.FieldsFunc(ask(files), func(c rune) bool { return c == '\n' })
				for _, index := range tt.built {
					if !slices.Contains(built, index) {
						t.Errorf("%s was not built anew", index)
					}
				}
				if len(built) != len(tt.built) {
					t.Errorf("%d indexes were built anew, not %d: %q", len(built), len(tt.built), built)
				}
				if got := ask(`SELECT concat_ws(' ', (SELECT count(*) FROM app.child), (SELECT count(*) FROM app."the table"), (SELECT count(*) FROM app.split), (SELECT count(*) FROM app.grouped))`); got != "3000 3000 3000 3000" {
					t.Errorf("round %d, rows: %s", round, got)
				}
				ask("SELECT count(ext.bt_index_check(i.oid, true)) FROM pg_class i JOIN pg_am a ON a.oid = i.relam WHERE a.amname = 'btree' AND i.relkind = 'i' AND i.relnamespace = 'app'::regnamespace")
				if ask(`SELECT count(*) FROM app."the table" WHERE doc @> '{"n": 5}'`) != "30" {
					t.Error("the gin index does not find its rows")
				}
			}
			rows := `SELECT string_agg(md5(t::text), '' ORDER BY id) FROM app."the table" t`
			dump := ask(rows)
			told, err := loadOnline(t, target, ownerScript(3_000, 2_345), tt.o)
			if err == nil || !strings.Contains(err.Error(), "23505") || !strings.Contains(err.Error(), "load.sql:") || !strings.Contains(err.Error(), "(2344)") {
				t.Errorf("a doubled key gives %v, %q", err, told)
			}
			if after := ask(catalogState); after != before || ask(numbers) != were || ask(rows) != dump {
				t.Errorf("after the failure:\n%s", after)
			}
		})
	}
}

// TestOnlineRefuses holds what cannot be done while others read: it is refused, with what to do, and the database is as it was.
func TestOnlineRefuses(t *testing.T) {
	t.Parallel()
	const schema = `CREATE SCHEMA app; CREATE TABLE t (id int PRIMARY KEY); INSERT INTO t VALUES (1); CREATE TABLE u (id int REFERENCES t); CREATE INDEX ON u (id);
		CREATE VIEW v AS SELECT * FROM t; CREATE MATERIALIZED VIEW m AS SELECT * FROM t; CREATE UNIQUE INDEX ON m (id); CREATE SEQUENCE s;
		CREATE TABLE watched (id int); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END'; CREATE TRIGGER cut BEFORE TRUNCATE ON watched EXECUTE FUNCTION f();
		CREATE TABLE ruled (id int); CREATE RULE "keep them" AS ON DELETE TO ruled DO INSTEAD NOTHING;
		CREATE FUNCTION empty() RETURNS int LANGUAGE plpgsql AS $$ BEGIN TRUNCATE t CASCADE; RETURN 1; END $$;`
	for script, want := range map[string]string{
		"ALTER TABLE t ADD COLUMN x int;":                        "ALTER TABLE would stop everybody who reads \"t\"",
		"ALTER TABLE IF EXISTS ONLY public.t DROP CONSTRAINT k;": "ALTER TABLE would stop",
		"ALTER INDEX t_pkey RENAME TO other;":                    "ALTER INDEX would stop",
		"DROP TABLE IF EXISTS nope, t CASCADE;":                  "DROP TABLE would stop",
		"DROP SCHEMA app CASCADE; CREATE SCHEMA app;":            "DROP SCHEMA would stop everybody who reads \"app\"",
		"DROP VIEW v;":       "DROP VIEW would stop",
		"DROP INDEX t_pkey;": "DROP INDEX would stop",
		"CREATE OR REPLACE VIEW v AS SELECT id FROM t;":       "CREATE OR REPLACE VIEW would stop",
		"CREATE RULE r AS ON UPDATE TO t DO INSTEAD NOTHING;": "CREATE RULE would stop",
		"CREATE POLICY p ON t;":                               "CREATE POLICY would stop",
		"REFRESH MATERIALIZED VIEW m;":                        "without CONCURRENTLY would stop",
		"LOCK t;":                                             "LOCK would stop",
		"LOCK TABLE ONLY t IN ACCESS EXCLUSIVE MODE;":         "LOCK would stop",
		"REINDEX TABLE t;":                                    "REINDEX would stop",
		"CLUSTER;":                                            "CLUSTER would stop",
		"SELECT empty();":                                     "the script has locked",
		"DO 'BEGIN TRUNCATE t CASCADE; END';":                 "the script has locked",
		"SELECT 1\\; TRUNCATE u;":                             "joined to other statements",
		"SELECT 'TRUNCATE u; SELECT 1' \\gexec":               "joined to other statements",
		"TRUNCATE u \\bind \\g":                               "of a form that is not read",
		"TRUNCATE t;":                                         "cannot truncate a table referenced in a foreign key constraint",
		"TRUNCATE nope;":                                      "relation \"nope\" does not exist",
		"TRUNCATE v;":                                         "is not a table",
		"TRUNCATE watched;":                                   "its trigger cut fires on TRUNCATE",
		"TRUNCATE ruled;":                                     "its rule \"keep them\" makes something else of DELETE",
		"BEGIN ISOLATION LEVEL REPEATABLE READ; TRUNCATE u; COMMIT;": "online needs read committed",
	} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, url, schema)
			if strings.Contains(script, "ruled") { // a superuser's DELETE is as under the replica role
				pgtest.Exec(t, url, "ALTER TABLE ruled ENABLE ALWAYS RULE \"keep them\"")
			}
			before := pgtest.Dump(t, url)
			config, err := pgx.ParseConfig(url)
			must(t, err)
			told, err := loadOnline(t, config, script, func(o *Options) { o.thresholds.noPreflight = true })
			if err == nil || !strings.Contains(err.Error(), want) {
				t.Errorf("%v, %q", err, told)
			}
			if got := pgtest.Dump(t, url); got != before {
				t.Errorf("the database has changed: %s", firstDifference(before, got))
			}
		})
	}
}

// TestOnlineAsPsql holds that scripts leave what they leave with psql, whatever they empty and in whatever way.
func TestOnlineAsPsql(t *testing.T) {
	t.Parallel()
	const schema = `CREATE TABLE p (id serial PRIMARY KEY, a text); CREATE TABLE c (id int GENERATED ALWAYS AS IDENTITY PRIMARY KEY, p int REFERENCES p, up int REFERENCES c); CREATE INDEX ON c (p); CREATE INDEX ON c (up);
		CREATE TABLE h (id int); CREATE TABLE h1 () INHERITS (h); CREATE TABLE part (id int PRIMARY KEY) PARTITION BY RANGE (id); CREATE TABLE part1 PARTITION OF part FOR VALUES FROM (0) TO (10); CREATE TABLE part2 PARTITION OF part DEFAULT;
		CREATE TABLE log (what text); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN INSERT INTO public.log VALUES (tg_op); RETURN NULL; END $$;
		CREATE TRIGGER gone AFTER DELETE ON p FOR EACH ROW EXECUTE FUNCTION f(); CREATE TRIGGER "gone too" AFTER DELETE ON c EXECUTE FUNCTION f(); ALTER TABLE c ENABLE ALWAYS TRIGGER "gone too";
		CREATE TABLE "odd name" (id int DEFAULT 7, big text); ALTER TABLE "odd name" ALTER big SET STORAGE EXTERNAL; CREATE MATERIALIZED VIEW m AS SELECT * FROM p; CREATE UNIQUE INDEX ON m (id);
		INSERT INTO p (a) SELECT i::text FROM generate_series(1, 30) i; INSERT INTO c (p, up) SELECT i, i FROM generate_series(1, 30) i; INSERT INTO h VALUES (1); INSERT INTO h1 VALUES (2);
		INSERT INTO part SELECT generate_series(1, 30); INSERT INTO "odd name" (big) VALUES (repeat('x', 5000));`
	for name, script := range map[string]string{
		"cascade":                "TRUNCATE p CASCADE; INSERT INTO p VALUES (5, 'x');",
		"restart":                "TRUNCATE p, c RESTART IDENTITY; INSERT INTO p (a) VALUES ('x');",
		"continue":               "TRUNCATE p, c CONTINUE IDENTITY; INSERT INTO p (a) VALUES ('x');",
		"one after the other":    "TRUNCATE c; TRUNCATE p CASCADE; TRUNCATE p CASCADE; INSERT INTO p VALUES (1, 'a'); TRUNCATE p CASCADE; INSERT INTO p VALUES (2, 'b');",
		"children too":           "TRUNCATE h; INSERT INTO h1 VALUES (3);",
		"only":                   "TRUNCATE ONLY h; INSERT INTO h VALUES (3);",
		"partitions":             "TRUNCATE part; INSERT INTO part SELECT generate_series(5, 15);",
		"one partition":          "TRUNCATE part1; INSERT INTO part VALUES (3);",
		"taken back":             "BEGIN; TRUNCATE c; INSERT INTO c OVERRIDING SYSTEM VALUE VALUES (99, 1, NULL); ROLLBACK; TRUNCATE \"odd name\"; INSERT INTO \"odd name\" VALUES (1, 'y');",
		"to a savepoint":         "BEGIN; SAVEPOINT a; TRUNCATE c; ROLLBACK TO a; INSERT INTO log VALUES ('here'); COMMIT; TRUNCATE h;",
		"replica":                "SET session_replication_role = replica; TRUNCATE p CASCADE; INSERT INTO c OVERRIDING SYSTEM VALUE VALUES (1, 77, 78); INSERT INTO p VALUES (77, 'x'); SET session_replication_role = origin;",
		"without emptying":       "INSERT INTO p VALUES (500, 'x'); DELETE FROM c; UPDATE p SET a = 'y';",
		"on conflict afterwards": "TRUNCATE p CASCADE;\nCOPY p FROM stdin;\n" + strings.Join(copyLines(400), "") + "\\.\nINSERT INTO p VALUES (7, 'x') ON CONFLICT ON CONSTRAINT p_pkey DO UPDATE SET a = 'again'; INSERT INTO p VALUES (8, 'x') ON CONFLICT (id) DO NOTHING; UPDATE p SET id = id + 1000 WHERE id < 10;",
		"filled twice":           "TRUNCATE p CASCADE;\nCOPY p FROM stdin;\n" + strings.Join(copyLines(400), "") + "\\.\nSELECT 1; DELETE FROM p;\nCOPY p FROM stdin;\n" + strings.Join(copyLines(400), "") + "\\.\n",
		"a new table":            "CREATE TABLE n (id int PRIMARY KEY); TRUNCATE n; INSERT INTO n VALUES (1); ALTER TABLE n ADD COLUMN x int; DROP TABLE n; CREATE TABLE n2 (id int);",
		"a view refreshed":       "TRUNCATE p CASCADE; INSERT INTO p VALUES (1, 'a'); REFRESH MATERIALIZED VIEW CONCURRENTLY m;",
		"a trigger off and on":   "ALTER TABLE p DISABLE TRIGGER gone; DELETE FROM c; DELETE FROM p; ALTER TABLE p ENABLE TRIGGER gone;",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			psqlURL, oursURL := pgtest.Shared(t).NewDatabase(t), pgtest.Shared(t).NewDatabase(t)
			if state := compareLoads(t, psqlURL, oursURL, schema, script, Options{Transaction: Single, Online: true}); state != "" {
				t.Errorf("psql fails: %s", state)
			}
			if want, got := pgtest.SortedDump(t, psqlURL), pgtest.SortedDump(t, oursURL); want != got {
				t.Errorf("dumps differ: %s", firstDifference(want, got))
			}
		})
	}
}

func copyLines(n int) (lines []string) {
	for i := range n {
		lines = append(lines, fmt.Sprintf("%d\tline %d\n", i, i))
	}
	return lines
}

// TestOnlineOwner holds how a role deletes rows that may do no more than own the tables: children first, and where that cannot be, with what is missing.
func TestOnlineOwner(t *testing.T) {
	t.Parallel()
	for name, tt := range map[string]struct {
		schema, script string
		want           string // of the error, "" for none
		told           string
	}{
		"children first": {"CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (id int PRIMARY KEY, a int REFERENCES a); CREATE INDEX ON b (a); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1)",
			"SET session_replication_role = replica; TRUNCATE a, b; INSERT INTO b VALUES (5, 2); INSERT INTO a VALUES (2); SET session_replication_role = origin;", "", "rows go to their tables parents first"},
		"a circle": {"CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int CONSTRAINT up REFERENCES a); ALTER TABLE a ADD CONSTRAINT down FOREIGN KEY (b) REFERENCES b; CREATE INDEX ON a (b); CREATE INDEX ON b (a)",
			"TRUNCATE a, b;", "in a circle", ""},
		"a circle of rows": {"CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int CONSTRAINT up REFERENCES a); ALTER TABLE a ADD CONSTRAINT down FOREIGN KEY (b) REFERENCES b; CREATE INDEX ON a (b); CREATE INDEX ON b (a)",
			"SET session_replication_role = replica; INSERT INTO b VALUES (5, 2); INSERT INTO a VALUES (2, 5);", "GRANT SET ON PARAMETER", ""},
		"a circle that can be deferred": {"CREATE TABLE a (id int PRIMARY KEY, b int); CREATE TABLE b (id int PRIMARY KEY, a int CONSTRAINT up REFERENCES a DEFERRABLE); ALTER TABLE a ADD CONSTRAINT down FOREIGN KEY (b) REFERENCES b; CREATE INDEX ON a (b); CREATE INDEX ON b (a); INSERT INTO a VALUES (1); INSERT INTO b VALUES (1, 1); UPDATE a SET b = 1",
			"SET session_replication_role = replica; TRUNCATE a, b; INSERT INTO b VALUES (5, 2); INSERT INTO a VALUES (2, 5); SET session_replication_role = origin;", "", ""},
		"to itself": {"CREATE TABLE a (id int PRIMARY KEY, up int REFERENCES a); CREATE INDEX ON a (up); INSERT INTO a VALUES (1, 1), (2, 1)",
			"SET session_replication_role = replica; TRUNCATE a; INSERT INTO a VALUES (5, 6); INSERT INTO a VALUES (6, 5); SET session_replication_role = origin;", "", ""},
		"no index": {"CREATE TABLE a (id int PRIMARY KEY); CREATE TABLE b (a int CONSTRAINT up REFERENCES a)", "TRUNCATE a, b;", "", "CREATE INDEX ON public.b (a)"},
		"no index, and many rows": {"CREATE TABLE a (id int PRIMARY KEY); INSERT INTO a SELECT generate_series(1, 40000); CREATE TABLE b (a int CONSTRAINT up REFERENCES a); INSERT INTO b SELECT generate_series(1, 20000); ANALYZE",
			"TRUNCATE a, b;", "no index of public.b begins with a", ""},
		"a trigger": {"CREATE TABLE a (id int PRIMARY KEY); CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE 'fired'; END $$; INSERT INTO a VALUES (1); CREATE TRIGGER b BEFORE DELETE OR INSERT ON a FOR EACH ROW EXECUTE FUNCTION f()",
			"SET session_replication_role = replica; TRUNCATE a; INSERT INTO a VALUES (2); SET session_replication_role = origin;", "", ""},
		"a rule": {"CREATE TABLE a (id int PRIMARY KEY); CREATE RULE r AS ON INSERT TO a DO INSTEAD NOTHING", "SET session_replication_role = replica; INSERT INTO a VALUES (1);", "would stop those who read while online is true", ""},
		"forced security": {"CREATE TABLE a (id int PRIMARY KEY); ALTER TABLE a ENABLE ROW LEVEL SECURITY; ALTER TABLE a FORCE ROW LEVEL SECURITY", "SET session_replication_role = replica; INSERT INTO a VALUES (1);",
			"forced row security of", ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			super, owner := asOwner(t, "", tt.schema)
			before := pgtest.Dump(t, super.ConnString())
			told, err := loadOnline(t, owner, tt.script, nil)
			switch {
			case tt.want == "" && err != nil, tt.want != "" && (err == nil || !strings.Contains(err.Error(), tt.want)):
				t.Errorf("%v, %q", err, told)
			case !strings.Contains(strings.Join(told, "\n"), tt.told):
				t.Errorf("told %q", told)
			}
			after := pgtest.Dump(t, super.ConnString())
			if err != nil && after != before {
				t.Errorf("the database has changed: %s", firstDifference(before, after))
			}
			if tt.want == "" && strings.Contains(tt.script, "INSERT") {
				psqlURL := pgtest.Shared(t).NewDatabase(t)
				pgtest.Exec(t, psqlURL, tt.schema)
				if _, stderr, code := pgtest.Psql(t, psqlURL, "-v", "ON_ERROR_STOP=1", "-1", "-q", "-c", tt.script); code != 0 {
					t.Fatal(stderr)
				}
				if want, got := pgtest.SortedDump(t, psqlURL, "--no-owner"), pgtest.SortedDump(t, super.ConnString(), "--no-owner"); want != got {
					t.Errorf("dumps differ: %s", firstDifference(want, got))
				}
			}
		})
	}
}

// TestOnlineLetsRead reads by key and by scan, and dumps, at every step of a load as superuser and as owner: nobody waits, and everybody
// sees the rows of before.
func TestOnlineLetsRead(t *testing.T) {
	t.Parallel()
	const schema = `CREATE TABLE p (id bigint PRIMARY KEY, name text UNIQUE); CREATE TABLE c (id serial PRIMARY KEY, p bigint REFERENCES p); CREATE INDEX ON c (p);
		INSERT INTO p SELECT i, 'old ' || i FROM generate_series(1, 2000) i; INSERT INTO c (p) SELECT id FROM p;`
	var b strings.Builder
	b.WriteString("SET session_replication_role = replica;\n\\echo before\nTRUNCATE p CASCADE;\n\\echo emptied\nCOPY p FROM stdin;\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "%d\tnew %d\n", i+1, i+1)
	}
	b.WriteString("\\.\n\\echo parents\nCOPY c (id, p) FROM stdin;\n")
	for i := range 3000 {
		fmt.Fprintf(&b, "%d\t%d\n", i+1, i+1)
	}
	b.WriteString("\\.\n\\echo children\nSELECT 1;\n\\echo built\nSET session_replication_role = origin;\n")
	for _, role := range []string{"superuser", "owner"} {
		t.Run(role, func(t *testing.T) {
			t.Parallel()
			super, owner := asOwner(t, "", schema)
			target := super
			if role == "owner" {
				target = owner
			}
			ask := asker(t, connectTo(t, super))
			dump := pgtest.Dump(t, super.ConnString())
			ask("SELECT set_config('lock_timeout', '10ms', false)")
			seen := 0
			look := func(at string) {
				seen++
				for _, plan := range []string{"on", "off"} {
					ask("SELECT set_config('enable_seqscan', '" + plan + "', false)")
					if got := ask("SELECT concat_ws(' ', (SELECT count(*) FROM p), (SELECT name FROM p WHERE id = 77), (SELECT id FROM p WHERE name = 'old 1999'), (SELECT count(*) FROM c WHERE p = 1234), (SELECT count(*) FROM c))"); got != "2000 old 77 1999 1 2000" {
						t.Errorf("%s: %s", at, got)
					}
				}
				if got := pgtest.Dump(t, super.ConnString(), "--lock-wait-timeout=100"); got != dump {
					t.Errorf("%s: dumps differ: %s", at, firstDifference(dump, got))
				}
			}
			told, err := loadOnline(t, target, b.String(), func(o *Options) {
				o.Events.Output = look
				o.BeforeCommit = func(context.Context) error { look("at the end"); return nil }
			})
			must(t, err)
			t.Logf("%q", told)
			if seen < 6 {
				t.Errorf("looked %d times", seen)
			}
			if got := ask("SELECT concat_ws(' ', (SELECT count(*) FROM p), (SELECT name FROM p WHERE id = 77), (SELECT count(*) FROM c WHERE p = 2999), (SELECT last_value FROM c_id_seq))"); got != "3000 new 77 1 3000" {
				t.Error(got)
			}
		})
	}
}

// TestOnlineWaitsForReaders holds that a session which has long been reading is waited for without others waiting behind us, that the load
// ends when it does not end in time, and that rows which it still sees are told of.
func TestOnlineWaitsForReaders(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	var b strings.Builder
	b.WriteString("TRUNCATE p;\nCOPY p FROM stdin;\n" + strings.Join(copyLines(2000), "") + "\\.\n")
	for _, name := range []string{"it ends", "it does not", "it has a snapshot"} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, url, "CREATE TABLE p (id int PRIMARY KEY, a text); CREATE TABLE other (id int); INSERT INTO p SELECT i, 'old' FROM generate_series(1, 100) i; CREATE SEQUENCE s OWNED BY p.id; ALTER TABLE p ALTER id SET DEFAULT nextval('s')")
			config, err := pgx.ParseConfig(url)
			must(t, err)
			config.RuntimeParams["application_name"] = "the old reader"
			reader := connectTo(t, config)
			config.RuntimeParams["application_name"] = "another"
			ask := asker(t, connectTo(t, config))
			table := "p"
			if name == "it has a snapshot" {
				table = "other"
			}
			tx, err := reader.BeginTx(ctx, pgx.TxOptions{IsoLevel: pgx.RepeatableRead})
			must(t, err)
			_, err = tx.Exec(ctx, "SELECT * FROM "+table)
			must(t, err)
			ask("SELECT set_config('lock_timeout', '10s', false)") // of a try, and of a busy machine
			done := make(chan struct{})
			var told []string
			var failed error
			var waits atomic.Bool // for the reader: nothing else is left to do
			go func() {
				defer close(done)
				told, failed = loadOnline(t, config, b.String(), func(o *Options) {
					o.BeforeCommit = func(context.Context) error { waits.Store(true); return nil }
					if o.LockTimeout = 0; name == "it does not" {
						o.LockTimeout = 300e6
					}
				})
			}()
			reads := 0
			for reads < 20 || name != "it ends" {
				select {
				case <-done:
				default:
					if name != "it has a snapshot" && ask("SELECT count(*) FROM p WHERE id = 5 AND a = 'old'") != "1" {
						select {
						case <-done:
						default:
							t.Error("the old row is gone")
						}
					}
					if waits.Load() {
						reads++
					}
					continue
				}
				break
			}
			if name == "it ends" {
				must(t, tx.Rollback(ctx))
			}
			<-done
			switch name {
			case "it ends":
				must(t, failed)
				if got := ask("SELECT count(*) FROM p"); got != "2000" {
					t.Errorf("%s rows", got)
				}
			case "it does not":
				if failed == nil || !strings.Contains(failed.Error(), "the old reader (pid") || !strings.Contains(failed.Error(), "public.p") && !strings.Contains(failed.Error(), "had p locked") {
					t.Errorf("%v", failed)
				}
				if got := ask("SELECT concat_ws(' ', (SELECT count(*) FROM p), (SELECT last_value FROM s), (SELECT count(*) FROM pg_class WHERE relname LIKE 'fabricate%'))"); got != "100 1 0" {
					t.Error(got)
				}
			default:
				must(t, failed)
				if said := strings.Join(told, "\n"); !strings.Contains(said, "the old rows stay where they are until the old reader (pid") {
					t.Errorf("told %q", told)
				}
			}
			_ = tx.Rollback(ctx)
		})
	}
}

// TestOnlineReplaces holds that a role which may do no more than own the tables leaves what psql leaves, where rows that others refer to take
// the place of old ones: whichever of them come, go, change, and exchange what is unique. Rows at fault are named.
func TestOnlineReplaces(t *testing.T) {
	t.Parallel()
	const schema = `CREATE TABLE p (id int PRIMARY KEY, name varchar(40) UNIQUE, n numeric, "odd, name" text, gone int, CHECK (n < 1000)); ALTER TABLE p DROP COLUMN gone;
		CREATE TABLE c (a uuid, b text, p int NOT NULL REFERENCES p ON DELETE CASCADE, PRIMARY KEY (a, b)); CREATE INDEX ON c (p);
		CREATE TABLE g (id int PRIMARY KEY, a uuid, b text, FOREIGN KEY (a, b) REFERENCES c ON DELETE SET NULL); CREATE INDEX ON g (a, b);
		CREATE TABLE tree (id int PRIMARY KEY, up int REFERENCES tree, name text); CREATE INDEX ON tree (up); INSERT INTO tree SELECT i, nullif(i / 2, 0), 'x' FROM generate_series(1, 50) i;
		INSERT INTO p SELECT i, 'name ' || i, i * 1.0, 'x' FROM generate_series(1, 50) i; INSERT INTO c SELECT md5(i::text)::uuid, 'b', i FROM generate_series(1, 50) i;
		INSERT INTO g SELECT i, md5(i::text)::uuid, 'b' FROM generate_series(1, 50) i;`
	const ps, cs, gs = "p (id, name, n, \"odd, name\")", "c (a, b, p)", "g (id, a, b)"
	rows := func(head string, from, to int, row string) string {
		var all []string
		for i := from; i <= to; i++ {
			all = append(all, strings.NewReplacer("{i}", fmt.Sprint(i), "{rest}", fmt.Sprint(51-i)).Replace(row))
		}
		return "INSERT INTO " + head + " VALUES\n" + strings.Join(all, ",\n") + ";\n"
	}
	const plain, uuid = "({i}, 'name {i}', {i}.0, 'x')", "('00000000-0000-0000-0000-0000000000{i}'"
	copied := func(from, to int) string {
		var b strings.Builder
		b.WriteString("COPY " + ps + " FROM stdin;\n")
		for i := from; i <= to; i++ {
			fmt.Fprintf(&b, "%d\tname %d\t%d.0\t\\N\n", i, i, i)
		}
		return b.String() + "\\.\n"
	}
	for name, tt := range map[string]struct {
		script string
		kept   bool // the old rows stay where they are
		want   string
	}{
		"the same":                     {script: rows(ps, 1, 50, plain), kept: true},
		"written otherwise":            {script: rows(ps, 1, 50, "({i}, 'name {i}', {i}.00, 'x')")},
		"changed":                      {script: rows(ps, 1, 50, "({i}, 'new {i}', NULL, '')")},
		"some go":                      {script: rows(ps, 1, 30, plain) + rows(cs, 10, 30, uuid+", 'b', {i})")},
		"some come":                    {script: rows(ps, 20, 90, plain) + rows(cs, 30, 90, uuid+", 'b', {i})") + rows(gs, 30, 90, "({i}, '00000000-0000-0000-0000-0000000000{i}', 'b')")},
		"others":                       {script: rows(ps, 100, 190, plain)},
		"names change places":          {script: rows(ps, 1, 50, "({i}, 'name {rest}', {i}, 'x')") + rows(cs, 10, 50, uuid+", 'b', {i})")},
		"a name goes to another":       {script: rows(ps, 50, 80, "({i}, 'name {rest}', {i}, 'x')") + rows(cs, 60, 80, uuid+", 'b', {i})")},
		"by COPY":                      {script: copied(5, 60)},
		"in two parts":                 {script: rows(ps, 1, 20, plain) + rows(cs, 10, 20, uuid+", 'b', {i})") + rows(ps, 21, 40, plain) + copied(41, 60)},
		"a look between":               {script: rows(ps, 1, 20, plain) + "SELECT count(*) FROM p;\n" + rows(ps, 21, 40, plain)},
		"changed by the script":        {script: rows(ps, 1, 20, plain) + "UPDATE p SET n = 7 WHERE id < 5;\nDELETE FROM p WHERE id = 7;\n" + rows(ps, 21, 40, plain)},
		"taken back":                   {script: rows(ps, 1, 20, plain) + "SAVEPOINT a;\n" + rows(ps, 21, 40, plain) + "ROLLBACK TO a;\n" + rows(ps, 41, 60, plain)},
		"taken back at once":           {script: "SAVEPOINT a;\n" + rows(ps, 1, 20, plain) + "ROLLBACK TO a;\n" + rows(ps, 41, 60, plain) + rows(cs, 41, 50, uuid+", 'b', {i})")},
		"taken back to the beginning":  {script: "BEGIN;\n" + rows(ps, 1, 20, plain) + "ROLLBACK;\n" + rows("p (id)", 141, 160, "({i})")},
		"emptied again":                {script: rows(ps, 1, 20, plain) + "TRUNCATE p CASCADE;\n" + rows(ps, 21, 60, plain)},
		"fewer columns":                {script: rows("p (id, name)", 1, 40, "({i}, 'name {i}')")},
		"a tree":                       {script: rows("tree (id, up, name)", 20, 70, "({i}, 20, 'y')") + rows(ps, 1, 30, plain) + rows(cs, 10, 30, uuid+", 'b', {i})")},
		"a tree, and nothing there":    {script: rows("tree (id, up, name)", 20, 70, "({i}, 7, 'y')"), want: "(7)"},
		"children alone":               {script: rows(gs, 1, 40, "({i}, NULL, NULL)")},
		"a key twice":                  {script: rows(ps, 1, 50, plain) + rows(ps, 7, 7, plain), want: "(7)"},
		"a name twice":                 {script: rows(ps, 1, 50, plain) + rows(ps, 60, 60, "({i}, 'name 7', 1, 'x')"), want: "(name 7)"},
		"a check":                      {script: rows(ps, 1, 40, plain) + rows(ps, 41, 41, "({i}, 'a', 1000, 'x')"), want: "p_n_check"},
		"a child of none":              {script: rows(ps, 1, 50, plain) + rows(cs, 51, 51, uuid+", 'b', {i})"), want: "(51)"},
		"a child of one that has gone": {script: rows(ps, 1, 40, plain) + rows(cs, 41, 41, uuid+", 'b', {i})"), want: "(41)"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			super, owner := asOwner(t, "", schema)
			before := pgtest.Dump(t, super.ConnString())
			ask := asker(t, connectTo(t, super))
			const places = "SELECT string_agg(ctid::text || xmin, ' ' ORDER BY id) FROM p"
			old := ask(places)
			script := "SET session_replication_role = replica;\nTRUNCATE tree, g, c, p;\n" + tt.script + "SET session_replication_role = origin;\n"
			told, err := loadOnline(t, owner, script, func(o *Options) { o.Eager(1) })
			if tt.want != "" {
				if err == nil || !strings.Contains(err.Error(), tt.want) || !strings.Contains(err.Error(), "load.sql:") {
					t.Errorf("%v, %q", err, told)
				}
				if after := pgtest.Dump(t, super.ConnString()); after != before {
					t.Errorf("the database has changed: %s", firstDifference(before, after))
				}
				return
			}
			if err != nil {
				t.Fatalf("%v, %q", err, told)
			}
			if stayed := ask(places) == old; stayed != tt.kept {
				t.Errorf("the old rows stay: %t; %q", stayed, told)
			}
			psqlURL := pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, psqlURL, schema)
			file := filepath.Join(t.TempDir(), "load.sql")
			must(t, os.WriteFile(file, []byte(script), 0o600))
			if _, stderr, code := pgtest.Psql(t, psqlURL, "-v", "ON_ERROR_STOP=1", "-1", "-q", "-f", file); code != 0 {
				t.Fatal(stderr)
			}
			if want, got := pgtest.SortedDump(t, psqlURL, "--no-owner"), pgtest.SortedDump(t, super.ConnString(), "--no-owner"); want != got {
				t.Errorf("dumps differ: %s", firstDifference(want, got))
			}
		})
	}
}
