//go:build unix

package faults

import (
	"bytes"
	"context"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

const (
	asItWas = "The database is as it was"
	again   = "loading from the beginning, attempt 2 of 3"
)

// onePayment is a statement with a row, without which no load of what was generated succeeds.
const onePayment = "INSERT INTO payments (id, order_id, method, amount, paid_at) SELECT '00000000-0000-4000-8000-000000900001', min(id), 'card', 1, '2026-01-01' FROM orders;\n"

// sleeping is a script that changes something, and then is at work for so many seconds.
func sleeping(seconds float64) []byte {
	return fmt.Appendf(nil, "TRUNCATE reviews;\nINSERT INTO categories (id, name, slug) VALUES (900001, 'late', 'late' || pg_sleep(%g)::text);\n", seconds)
}

// session opens one of somebody else's, which ends with the run.
func (w *world) session(sql string) *pgx.Conn {
	config, err := pgx.ParseConfig(w.db)
	if err != nil {
		w.t.Fatal(err)
	}
	config.RuntimeParams["application_name"] = "nightly-report"
	conn, err := pgx.ConnectConfig(context.Background(), config)
	if err != nil {
		w.t.Fatal(err)
	}
	w.release = append(w.release, func() { _ = conn.Close(context.Background()) })
	if _, err := conn.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
		w.t.Error(err)
	}
	return conn
}

// locked has somebody else hold a table's lock.
func locked(w *world) { w.session("BEGIN; LOCK TABLE users") }

// other runs another load of the same archive at the same time. It gives its exit code, and what it wrote.
func (w *world) other(ctx context.Context, data []byte, args ...string) (problem.Code, string) {
	file := filepath.Join(w.dir, fmt.Sprintf("other-%d.sql", runs.Add(1)))
	if err := os.WriteFile(file, data, 0o600); err != nil {
		w.t.Error(err)
	}
	var out log
	code := seed.Main(ctx, seed.Process{Args: append([]string{"load", file, "--connect-timeout=2s", "--sync-sequences=false"}, args...), Stdout: &out, Stderr: &out,
		Environ: []string{"DATABASE_URL=" + w.db + "&application_name=other-job"}})
	return code, out.String()
}

// loadBeside has another load be at work before the run begins, until the run ends.
func loadBeside(seconds float64, args ...string) func(*world) {
	return func(w *world) {
		ctx, cancel := context.WithCancel(context.Background())
		var work sync.WaitGroup
		ended := make(chan string, 1)
		work.Go(func() {
			_, said := w.other(ctx, sleeping(seconds), args...)
			ended <- said
		})
		w.release = append(w.release, func() {
			cancel()
			work.Wait()
		})
		for w.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = 'other-job' AND wait_event = 'PgSleep' AND datname = current_database()") == "0" {
			select {
			case said := <-ended:
				w.t.Fatalf("the other load ended before it was at work:\n%s", said)
			case <-time.After(2 * time.Millisecond):
			}
		}
	}
}

// cancelWhen ends the run's context, as SIGTERM does, as soon as something is true.
func cancelWhen(isTrue func(w *world) bool) func(*world) {
	return func(w *world) {
		if !w.await(func() bool { return isTrue(w) }) {
			w.t.Error("the run ended before it came to what was to be interrupted")
		}
		w.cancel()
	}
}

// differs compares the answer to a query.
func (w *world) differs(sql, want string) string {
	if got := w.query(sql); got != want {
		return fmt.Sprintf("%s: %s, want %s", sql, got, want)
	}
	return ""
}

// struck tells whether the proxy's fault has happened.
func struck(w *world) bool { return w.proxy.Struck() > 0 }

func asked(route simulator.Route) func(*world) bool {
	return func(w *world) bool { return len(w.api.Requests(route)) > 0 }
}

func sessionIs(condition string) func(*world) bool {
	return func(w *world) bool {
		return w.query("SELECT count(*) FROM pg_stat_activity WHERE application_name = '"+w.app+"' AND "+condition) != "0"
	}
}

// query gives what is to be in the address's query.
func query(name, value string) func(*world, *url.URL) {
	return func(_ *world, u *url.URL) {
		q := u.Query()
		q.Set(name, value)
		u.RawQuery = strings.ReplaceAll(q.Encode(), "+", "%20") // as libpq wants it
	}
}

// schema changes the database before the run.
func schema(sql string) func(*world) {
	return func(w *world) {
		w.changed = true
		pgtest.Exec(w.t, w.db, sql)
		w.before = pgtest.SortedDump(w.t, w.db)
	}
}

// moments are places in a load, by what a message of the client's holds there.
func moments() map[string]string {
	return map[string]string{
		"the catalog":              "pg_get_userbyid",
		"BEGIN":                    "BEGIN",
		"the first savepoint":      "SAVEPOINT fabricate_seed_block",
		"SET":                      "SET session_replication_role",
		"TRUNCATE":                 "TRUNCATE TABLE",
		"the first INSERT":         `INSERT INTO "order_items"`,
		"the last INSERT":          `INSERT INTO "addresses"`,
		"ANALYZE":                  "ANALYZE",
		"the check of a key":       "count(*) FROM ONLY public.orders",
		"COMMIT, before it passed": "COMMIT",
	}
}

// databaseFaults are what can go wrong between us and PostgreSQL, and in it.
func databaseFaults() []fault {
	var faults []fault
	for name, text := range moments() {
		for _, how := range []How{Reset, Close} {
			f := fault{name: fmt.Sprintf("connection %s at %s", how, name), proxy: []Fault{{Text: text, How: how}}, says: []string{again}}
			faults = append(faults, f)
		}
	}
	for _, bytes := range []int64{1, 200, 4000, 20000} {
		faults = append(faults, fault{name: fmt.Sprintf("connection cut after %d bytes of ours", bytes), proxy: []Fault{{After: bytes, How: Reset}}})
	}
	for _, bytes := range []int64{0, 50, 700} {
		faults = append(faults, fault{name: fmt.Sprintf("connection cut after %d bytes of the server's", bytes), proxy: []Fault{{After: bytes, FromServer: true, How: Close}}})
	}
	optimized := []string{"--format=postgres-optimized"}
	faults = append(faults,
		fault{name: "connection reset in the rows of a COPY", proxy: []Fault{{Text: "shop.example", How: Reset}}, args: optimized, says: []string{again}},
		fault{name: "backend terminated in the rows of a COPY", proxy: []Fault{{Text: "shop.example", How: Say, State: "57P01", Words: "terminating connection due to administrator command"}},
			args: optimized, says: []string{again}},
		fault{name: "connection reset at the same place three times", proxy: []Fault{{Text: "ANALYZE", How: Reset, Times: Always}}, code: problem.Database,
			says: []string{"connection to the database was lost", "(after 3 attempts)", asItWas}},
		fault{name: "connection reset twice, in two places", proxy: []Fault{{Text: "TRUNCATE", How: Reset}, {Text: "ANALYZE", How: Reset}}, says: []string{"attempt 3 of 3"}},
		fault{name: "connection reset, server away for a moment", proxy: []Fault{{Text: "ANALYZE", How: Reset, Down: 500 * time.Millisecond}}, says: []string{again}},
		fault{name: "connection reset, server away for good", proxy: []Fault{{Text: "ANALYZE", How: Reset, Down: Always}}, code: problem.Database,
			says: []string{"the load had begun", asItWas}},
		fault{name: "connection reset, transaction none", proxy: []Fault{{Text: `INSERT INTO "users"`, How: Reset}}, args: []string{"--transaction=none"},
			code: problem.Database, after: partial, never: []string{again}},
		fault{name: "server shuts down in the load", proxy: []Fault{{Text: "ANALYZE", How: Say, State: "57P01", Words: "terminating connection due to administrator command"}}, says: []string{again}},
		fault{name: "another backend crashes", proxy: []Fault{{Text: "ANALYZE", How: Say, State: "57P02", Words: "terminating connection because of crash of another server process"}}, says: []string{again}},

		// The way there.
		fault{name: "booting: refused, then there", proxy: []Fault{{Connect: true, How: Close, Times: 3}}, says: []string{"waiting up to 1.5s for the database"}},
		fault{name: "booting: reset, then there", proxy: []Fault{{Connect: true, How: Reset, Times: 3}}},
		fault{name: "booting: starting up, then there", proxy: []Fault{{Connect: true, How: Say, State: "57P03", Words: "the database system is starting up", Times: 3}},
			says: []string{"the database system is starting up"}},
		fault{name: "booting: starting up for ever", proxy: []Fault{{Connect: true, How: Say, State: "57P03", Words: "the database system is starting up", Times: Always}},
			code: problem.Database, tasks: -1, says: []string{"57P03", "connect-timeout"}},
		fault{name: "too many connections, then not", proxy: []Fault{{Connect: true, How: Say, State: "53300", Words: "sorry, too many clients already", Times: 2}}},
		fault{name: "too many connections for ever", proxy: []Fault{{Connect: true, How: Say, State: "53300", Words: "sorry, too many clients already", Times: Always}},
			code: problem.Database, tasks: -1, says: []string{"53300"}},
		fault{name: "database: nothing listens", code: problem.Database, tasks: -1, says: []string{"Nothing answered within"},
			url: func(w *world, u *url.URL) { u.Host = nowhere(w.t) }},
		fault{name: "database: silent when connected to", proxy: []Fault{{Connect: true, How: Silence, Times: Always, Down: Always}}, code: problem.Database, tasks: -1,
			url: query("connect_timeout", "1")},
		fault{name: "database: host name is not known", code: problem.Database, tasks: -1, says: []string{"Check the host in database-url"},
			url: func(_ *world, u *url.URL) { u.Host = "no-such-host.invalid" }},
		fault{name: "database: wrong password", code: problem.Database, tasks: -1, says: []string{"28P01"},
			url: func(_ *world, u *url.URL) { u.User = url.UserPassword("postgres", "wrong") }},
		fault{name: "database: no such database", code: problem.Database, tasks: -1, says: []string{"3D000"}, url: func(_ *world, u *url.URL) { u.Path = "/nowhere" }},
		fault{name: "database: no such role", code: problem.Database, tasks: -1, says: []string{"28P01"}, url: func(_ *world, u *url.URL) { u.User = url.UserPassword("nobody", "x") }},
		fault{name: "database: TLS asked of a server without", code: problem.Database, tasks: -1, says: []string{"sslmode"}, url: query("sslmode", "require")},
		fault{name: "database: something else listens", code: problem.Database, tasks: -1, url: func(w *world, u *url.URL) { u.Host = w.web.Listener.Addr().String() }},

		// Silence.
		fault{name: "cut: nothing passes, server away", proxy: []Fault{{Text: "ANALYZE", How: Silence, Down: Always}}, code: problem.Database,
			says: []string{"has not been reachable", asItWas}, limit: 20 * time.Second},
		fault{name: "cut: nothing passes in the rows of a COPY", proxy: []Fault{{Text: "shop.example", How: Silence, Down: Always}}, args: optimized, code: problem.Database,
			says: []string{"has not been reachable", asItWas}, limit: 20 * time.Second},
		fault{name: "cut: nothing passes over this connection alone", proxy: []Fault{{Text: "ANALYZE", How: Silence}}, says: []string{"waiting for us", again}, limit: 20 * time.Second},
		fault{name: "cut: the server's answer is lost", proxy: []Fault{{Text: "ANALYZE", How: Silence, Passed: true}}, says: []string{"waiting for us", again}, limit: 20 * time.Second},
		fault{name: "cut: the last rows of a COPY are lost", proxy: []Fault{{Text: "shop.example", How: Silence, Passed: true}}, args: optimized, says: []string{"waiting for us", again}, limit: 20 * time.Second},
		fault{name: "cut: and back within the limit", proxy: []Fault{{Text: "ANALYZE", How: Lag, Delay: 700 * time.Millisecond}}, never: []string{again}},
		fault{name: "a statement that is silent for long, and well", data: []byte("SELECT pg_sleep(2.5);\n" + string(exportOf(2))), proxy: nil, never: []string{again, "waiting"}},

		// COMMIT.
		fault{name: "COMMIT: acted on, answer lost", proxy: []Fault{{Text: "COMMIT", How: Reset, Passed: true}}, says: []string{"the server says that it did commit"}, never: []string{again}},
		fault{name: "COMMIT: acted on, answer lost, server away for a moment", proxy: []Fault{{Text: "COMMIT", How: Close, Passed: true, Down: 300 * time.Millisecond}},
			says: []string{"the server says that it did commit"}},
		fault{name: "COMMIT: acted on, answer lost, server away for good", proxy: []Fault{{Text: "COMMIT", How: Reset, Passed: true, Down: Always}}, code: problem.Database,
			after: unknown, says: []string{"which is not known", "txid_status("}, never: []string{asItWas}},
		fault{name: "COMMIT: not come there, server away for good", proxy: []Fault{{Text: "COMMIT", How: Reset, Down: Always}}, code: problem.Database,
			after: unknown, says: []string{"which is not known", "txid_status("}, never: []string{asItWas}},
		fault{name: "COMMIT: silence, not come there", proxy: []Fault{{Text: "COMMIT", How: Silence}}, says: []string{again}, limit: 20 * time.Second},
		fault{name: "COMMIT: silence, acted on", proxy: []Fault{{Text: "COMMIT", How: Silence, Passed: true}}, says: []string{"did commit"}, limit: 20 * time.Second},
		fault{name: "COMMIT: never gets there, three times", proxy: []Fault{{Text: "COMMIT", How: Reset, Times: Always}}, code: problem.Database, says: []string{"did not commit", "(after 3 attempts)", asItWas}},
		fault{name: "COMMIT: refused by a deferred key", code: problem.Database, says: []string{"23503", asItWas}, data: []byte("CREATE TABLE late (id int REFERENCES users DEFERRABLE INITIALLY DEFERRED);\nINSERT INTO late VALUES (-5);\n"),
			args: []string{"--foreign-keys=off"}},

		// Locks.
		fault{name: "lock held by another session", prepare: locked, code: problem.Timeout,
			says: []string{"waited 500ms for the lock of public.users", "nightly-report (pid ", "idle in transaction for", "lock-timeout", asItWas}},
		fault{name: "lock held by a statement that runs", code: problem.Timeout, says: []string{"nightly-report (pid ", "its statement has been running for"},
			prepare: func(w *world) {
				conn := w.session("BEGIN; LOCK TABLE users")
				var work sync.WaitGroup
				work.Go(func() { _, _ = conn.Exec(context.Background(), "SELECT pg_sleep(60)") })
				w.release = slices.Insert(w.release, 0, func() {
					_ = conn.PgConn().CancelRequest(context.Background())
					work.Wait()
				})
			}},
		fault{name: "lock let go within the limit", args: []string{"--lock-timeout=3s"}, says: []string{"waiting for the lock of public.users held by nightly-report", "for up to 3s"},
			prepare: func(w *world) { w.session("BEGIN; LOCK TABLE users") },
			during: func(w *world) {
				w.await(func() bool { return strings.Contains(w.out.String(), "waiting for the lock") })
				w.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'nightly-report' AND datname = current_database()")
			}},
		fault{name: "lock held, the script has set lock_timeout to 0", data: append([]byte("SET lock_timeout = 0;\n"), exportOf(2)...), prepare: locked, code: problem.Timeout,
			says: []string{"nightly-report (pid "}},
		fault{name: "lock held, no second connection to look", data: []byte("DELETE FROM users;\n"), code: problem.Timeout, says: []string{"lock timeout", asItWas},
			prepare: func(w *world) {
				role := "limited_" + strings.ReplaceAll(w.app, "-", "_")
				w.changed = true
				pgtest.Exec(w.t, w.db, "CREATE ROLE "+role+" LOGIN PASSWORD 'x' CONNECTION LIMIT 1; GRANT ALL ON ALL TABLES IN SCHEMA public TO "+role)
				w.t.Cleanup(func() { pgtest.Exec(w.t, w.db, "DROP OWNED BY "+role+"; DROP ROLE "+role) })
				w.before = pgtest.SortedDump(w.t, w.db)
				locked(w)
			},
			url: func(w *world, u *url.URL) {
				u.User = url.UserPassword("limited_"+strings.ReplaceAll(w.app, "-", "_"), "x")
			}},
		fault{name: "lock held, transaction none", args: []string{"--transaction=none"}, prepare: locked, code: problem.Timeout, after: partial, says: []string{"nightly-report (pid "}},
		fault{name: "\\connect meets silence", args: []string{"--transaction=none"}, data: []byte("DELETE FROM payments;\n\\connect\nDELETE FROM users;\n"), code: problem.Database, after: partial, says: []string{"no answer in time"},
			proxy: []Fault{{Connect: true, How: Silence, Nth: 3, Times: Always}}},
		fault{name: "row held by another session", data: []byte("DELETE FROM users WHERE id = 1;\n"), code: problem.Timeout, says: []string{"nightly-report (pid "},
			prepare: func(w *world) { w.session("BEGIN; SELECT FROM users WHERE id = 1 FOR UPDATE") }},
		fault{name: "statement timeout", data: sleeping(60), url: query("options", "-c statement_timeout=100"), code: problem.Database, says: []string{"57014", "statement_timeout", asItWas}},
		fault{name: "lock_timeout of the role", prepare: locked, url: query("options", "-c lock_timeout=50"), code: problem.Timeout, says: []string{"55P03"}},
		fault{name: "deadlock", url: query("options", "-c deadlock_timeout=20"), args: []string{"--lock-timeout=5s"}, says: []string{"deadlock detected", again},
			data:    []byte("TRUNCATE reviews;\nSELECT pg_sleep(0.3);\nLOCK TABLE users;\nTRUNCATE payments;\n" + onePayment),
			prepare: func(w *world) { w.holder = w.session("SET deadlock_timeout = '20s'; BEGIN; LOCK TABLE users") },
			during: func(w *world) {
				w.sessionIs("wait_event = 'PgSleep'")
				if _, err := w.holder.Exec(context.Background(), "LOCK TABLE reviews"); err != nil {
					w.t.Error(err)
				}
				_ = w.holder.Close(context.Background())
			}},

		// The server says no.
		fault{name: "statement fails", data: []byte("TRUNCATE reviews;\nSELECT 1/0;\n"), code: problem.Database, says: []string{"22012", "shop.sql:2", asItWas}},
		fault{name: "key is broken", data: []byte("INSERT INTO categories (id, name, slug) VALUES (70001, 'a', 'a'), (70001, 'b', 'b');\n"), code: problem.Database, says: []string{"23505", asItWas}},
		fault{name: "disk of the server is full", prepare: schema(`CREATE FUNCTION full_disk() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'could not extend file: No space left on device' USING ERRCODE = 'disk_full'; END $$;
			CREATE TRIGGER full_disk BEFORE INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION full_disk(); ALTER TABLE orders ENABLE ALWAYS TRIGGER full_disk`),
			code: problem.Database, says: []string{"53100", "Free space", asItWas}},
		fault{name: "memory of the server is full", prepare: schema(`CREATE FUNCTION no_memory() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'out of memory' USING ERRCODE = 'out_of_memory'; END $$;
			CREATE TRIGGER no_memory BEFORE INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION no_memory(); ALTER TABLE orders ENABLE ALWAYS TRIGGER no_memory`),
			code: problem.Database, says: []string{"53200", asItWas}},
		// That it was raised once the server keeps in a file: rows are rolled back, and numbers from a sequence are a reason not to begin again.
		fault{name: "serialization failure, once", prepare: schema(`CREATE FUNCTION once() RETURNS trigger LANGUAGE plpgsql AS $$
			DECLARE raised text := current_setting('data_directory') || '/raised_in_' || current_database(); BEGIN
			IF pg_stat_file(raised, true) IS NULL THEN EXECUTE format('COPY (SELECT 1) TO %L', raised);
				RAISE EXCEPTION 'could not serialize access' USING ERRCODE = 'serialization_failure'; END IF; RETURN NULL; END $$;
			CREATE TRIGGER once AFTER INSERT ON orders FOR EACH STATEMENT EXECUTE FUNCTION once(); ALTER TABLE orders ENABLE ALWAYS TRIGGER once`), says: []string{again},
			check: func(w *world) string { return w.differs("SELECT count(*) FROM orders", "72") }},
		fault{name: "table is missing", data: []byte("TRUNCATE nothing_here;\n"), code: problem.Database, says: []string{"42P01"}},
		fault{name: "default is to read only", url: query("options", "-c default_transaction_read_only=on"), code: problem.Database, says: []string{"25006", "read only", asItWas}},
		fault{name: "idle in a transaction for too long", url: query("options", "-c idle_in_transaction_session_timeout=500"), proxy: []Fault{{Text: "TRUNCATE", How: Lag, Delay: 1500 * time.Millisecond}},
			code: problem.Database, says: []string{"25P03", "idle_in_transaction_session_timeout", asItWas}},
		fault{name: "idle in a transaction while we check", url: query("options", "-c idle_in_transaction_session_timeout=500"),
			proxy: []Fault{{Text: "ANALYZE", How: Lag, Delay: 1500 * time.Millisecond}}, after: complete},
		fault{name: "foreign key that the rows break, enforced", api: simulator.Options{Export: shop.Export{Size: shop.Rows(exportRows), Seed: 2, BrokenKeys: 3}},
			args: []string{"--foreign-keys=enforce"}, code: problem.Database, says: []string{asItWas}},

		// The server itself.
		fault{name: "backend killed with SIGTERM", data: sleeping(0.4), after: complete, says: []string{again},
			during: func(w *world) {
				w.sessionIs("wait_event = 'PgSleep'")
				w.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = '" + w.app + "'")
			}},
		fault{name: "statement cancelled by an administrator", data: sleeping(60), code: problem.Database, says: []string{"57014", asItWas},
			during: func(w *world) {
				w.sessionIs("wait_event = 'PgSleep'")
				w.query("SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE application_name = '" + w.app + "'")
			}},
		fault{name: "pooler in transaction mode", prepare: pooler},
		fault{name: "pooler in transaction mode goes away in the load", data: sleeping(0.5), prepare: pooler, code: problem.Database, says: []string{asItWas},
			during: func(w *world) {
				w.await(func() bool {
					return w.query("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND datname = current_database()") != "0"
				})
				w.release[len(w.release)-1]()
			}},

		// Two at once.
		fault{name: "two loads of the same tables, one after the other", data: sleeping(0.9), args: []string{"--lock-timeout=3s"},
			check: func(w *world) string {
				return w.differs("SELECT string_agg(name, ' ') FROM categories WHERE id > 900000", "last")
			},
			during: func(w *world) {
				w.sessionIs("wait_event = 'PgSleep'")
				if code, said := w.other(context.Background(), sleeping(0), "--lock-timeout=1s", "--before="+filepath.Join(w.dir, "nothing.sql")); code != problem.Settings {
					w.t.Errorf("a before script that is missing: %d\n%s", code, said)
				}
				code, said := w.other(context.Background(), []byte("TRUNCATE reviews;\nDELETE FROM categories WHERE id = 900001;\nINSERT INTO categories (id, name, slug) VALUES (900002, 'last', 'last');\n"), "--lock-timeout=3s")
				if code != problem.OK {
					w.t.Errorf("the second ended with %d:\n%s", code, said)
				}
				select {
				case <-w.done:
				case <-time.After(100 * time.Millisecond):
					w.t.Error("the second was through before the first")
				}
			}},
		fault{name: "two loads of the same tables, the limit reached", prepare: loadBeside(60), data: append([]byte("TRUNCATE reviews;\n"), sleeping(0)...), code: problem.Timeout,
			says: []string{"waiting for the end of another load", "waited 500ms for the end of another load, held by other-job (pid ", "its statement has been running for", asItWas}},
		fault{name: "two loads of the same tables, the first without a transaction", prepare: loadBeside(60, "--transaction=none"), code: problem.Timeout,
			check: func(w *world) string { return w.differs("SELECT count(*) FROM reviews", "0") },
			says:  []string{"another load, held by other-job"}},
		fault{name: "two loads of the same tables, the second without a transaction", prepare: loadBeside(60), args: []string{"--transaction=none"}, code: problem.Timeout,
			says: []string{"another load, held by other-job"}},
		fault{name: "two loads of other tables do not wait", data: []byte("TRUNCATE payments;\n" + onePayment), prepare: loadBeside(60, "--lock-timeout=10s"), after: complete},
		fault{name: "two loads, the second keeps what the first leaves", data: sleeping(0), prepare: loadBeside(0.7), args: []string{"--if-not-empty=keep", "--lock-timeout=3s"},
			says: []string{"if-not-empty is keep"}},
	)
	return append(append(faults, serverFaults()...), append(fullFaults(), cancellations()...)...)
}

// cancellations are interruptions at each phase.
func cancellations() []fault {
	lag := func(text string) []Fault { return []Fault{{Text: text, How: Lag, Delay: 700 * time.Millisecond}} }
	var faults []fault
	add := func(name string, f fault) {
		f.name, f.code = name, problem.Interrupted
		f.limit = 5 * time.Second
		faults = append(faults, f)
	}
	stall := simulator.Fault{Break: simulator.Stall}
	add("interrupted while the task is being started", fault{api: api(at(create, always, stall)), during: cancelWhen(asked(create)), tasks: -1, says: []string{"interrupted"}})
	add("interrupted while it waits for the task", fault{api: simulator.Options{Polls: 1 << 30}, during: cancelWhen(asked(poll)), says: []string{"task-id"}})
	add("interrupted between two tries", fault{api: api(at(poll, always, simulator.Fault{Status: 429, Header: map[string]string{"Retry-After": "30"}})), during: cancelWhen(asked(poll)), says: []string{"task-id"}})
	add("interrupted while a download is silent", fault{api: api(at(data, always, simulator.Fault{Break: simulator.Stall, Moment: simulator.InBody, At: 3000})), during: cancelWhen(asked(data))})
	add("interrupted while a download is slow", fault{api: api(at(data, always, simulator.Fault{Rate: 2000})), during: cancelWhen(asked(data))})
	add("interrupted while it waits for the server to boot", fault{proxy: []Fault{{Connect: true, How: Say, State: "57P03", Words: "starting up", Times: Always}}, during: cancelWhen(struck), tasks: -1})
	add("interrupted while it connects", fault{proxy: []Fault{{Connect: true, How: Silence, Times: Always}}, during: cancelWhen(struck), tasks: -1})
	for name, text := range moments() {
		f := fault{proxy: lag(text), during: cancelWhen(struck)}
		add("interrupted at "+name, f)
		if strings.HasPrefix(name, "COMMIT") { // too late: it has been sent
			faults[len(faults)-1].code = problem.OK
		}
	}
	add("interrupted in the rows of a COPY", fault{proxy: lag("shop.example"), args: []string{"--format=postgres-optimized"}, during: cancelWhen(struck)})
	add("interrupted in a long statement", fault{data: sleeping(60), during: cancelWhen(sessionIs("wait_event = 'PgSleep'")), says: []string{asItWas}})
	add("interrupted in a long statement, nothing passes any more", fault{data: sleeping(60), proxy: []Fault{{Text: "pg_sleep", How: Silence, Passed: true, Down: Always}}, during: cancelWhen(func(w *world) bool {
		return sessionIs("wait_event = 'PgSleep'")(w)
	}), limit: 6 * time.Second})
	add("interrupted while it waits for a lock", fault{prepare: locked, args: []string{"--lock-timeout=1m"}, during: cancelWhen(sessionIs("wait_event_type = 'Lock'")), says: []string{asItWas}})
	add("interrupted while it waits for another load", fault{prepare: loadBeside(60), args: []string{"--lock-timeout=1m"}, during: cancelWhen(sessionIs("wait_event = 'advisory'")), says: []string{asItWas}})
	add("interrupted before anything", fault{prepare: func(w *world) { w.cancel() }, tasks: -1})
	return faults
}

// pooler puts PgBouncer in transaction mode in between, where it is installed.
func pooler(w *world) {
	port, stop := w.server.Pooler(w.t, "ignore_startup_parameters = extra_float_digits")
	if port == 0 {
		w.t.Skip("pgbouncer is not installed (apt-get install pgbouncer)")
	}
	w.release = append(w.release, stop)
	w.address = fmt.Sprintf("127.0.0.1:%d", port)
}

// ownServer is the one server that is restarted and the like: for one run at a time.
var ownServer struct {
	sync.Mutex
	server *pgtest.Server
}

// onOwnServer gives the run a server of its own.
func onOwnServer(w *world) {
	ownServer.Lock()
	w.t.Cleanup(ownServer.Unlock)
	if ownServer.server == nil {
		started, err := pgtest.Start(context.Background(), pgtest.Options{Settings: map[string]string{"max_connections": "20"}})
		if err != nil {
			w.t.Fatal(err)
		}
		ownServer.server = started
	}
	server := ownServer.server
	w.server, w.db, w.own = server, server.NewDatabase(cleanLater{w.t}), true
	pgtest.Exec(w.t, w.db, shop.Schema())
	pgtest.Exec(w.t, w.db, string(exportOf(1)))
	w.before = pgtest.SortedDump(w.t, w.db)
}

// cleanLater leaves what it is given behind: the server goes as a whole.
type cleanLater struct{ *testing.T }

func (cleanLater) Cleanup(func()) {}

// serverFaults happen to the server as a whole.
func serverFaults() []fault {
	restart := func(w *world, between func() error) {
		if err := w.server.Restart(context.Background(), between); err != nil {
			w.t.Error(err)
		}
	}
	asleep := func(w *world) {
		w.await(func() bool {
			out, _, _ := pgtest.Psql(w.t, w.db, "-Atc", "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep'")
			return strings.TrimSpace(out) == "1"
		})
	}
	return []fault{
		{name: "server crashes in the load, and comes back", prepare: onOwnServer, data: sleeping(1), args: []string{"--connect-timeout=30s"}, says: []string{again}, limit: time.Minute,
			during: func(w *world) {
				asleep(w)
				restart(w, nil)
			}},
		{name: "server crashes in the load, and stays away", prepare: onOwnServer, data: sleeping(60), code: problem.Database, says: []string{"the load had begun", asItWas}, limit: time.Minute,
			during: func(w *world) {
				asleep(w)
				restart(w, func() error { <-w.done; return nil })
			}},
		{name: "server crashes while it commits", prepare: func(w *world) {
			onOwnServer(w)
			w.throughProxy(Fault{Text: "COMMIT", How: Lag, Delay: 3 * time.Second})
		}, args: []string{"--connect-timeout=30s"}, code: problem.Database, after: unknown, says: []string{"which is not known", "txid_status("}, limit: time.Minute,
			during: func(w *world) {
				w.await(func() bool { return w.proxy.Struck() > 0 })
				restart(w, nil)
			}},
		{name: "server is a replica that only reads", prepare: func(w *world) {
			onOwnServer(w)
			standby := filepath.Join(w.server.DataDir(), "standby.signal")
			restart(w, func() error { return os.WriteFile(standby, nil, 0o644) })
			w.release = append(w.release, func() { restart(w, func() error { return os.Remove(standby) }) })
		}, code: problem.Database, says: []string{"25006", "read only"}},
		{name: "server has no connection left, then has", prepare: func(w *world) {
			onOwnServer(w)
			var held []*pgx.Conn
			for {
				conn, err := pgx.Connect(context.Background(), w.db)
				if err != nil {
					break
				}
				held = append(held, conn)
			}
			give := sync.OnceFunc(func() {
				for _, conn := range held {
					_ = conn.Close(context.Background())
				}
			})
			w.release = append(w.release, give)
			w.give = give
		}, says: []string{"waiting up to"}, during: func(w *world) {
			w.await(func() bool { return bytes.Contains([]byte(w.out.String()), []byte("waiting up to")) })
			w.give()
		}},
	}
}
