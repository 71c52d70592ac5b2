//go:build unix

package main

import (
	"bytes"
	"fmt"
	"net/http/httptest"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// A SIGTERM or SIGINT at any stage rolls back, tells, removes the temporary files and ends with 130 within five seconds.
// The database is as it was, and no session of ours is left in the server.
func TestInterrupted(t *testing.T) {
	t.Parallel()
	const (
		table = "CREATE TABLE kept (id int PRIMARY KEY, name text NOT NULL);\nINSERT INTO kept VALUES (1, 'before');\n"
		// Each row takes a millisecond, however it comes in.
		slow = `
			CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(0.001); RETURN NEW; END $$;
			CREATE TRIGGER wait BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION wait();`
		half = "CREATE TABLE half_way (id int);\nDELETE FROM kept;\n"
	)
	var inserts, copied bytes.Buffer
	inserts.WriteString(half)
	copied.WriteString(half + "COPY kept FROM stdin;\n")
	for i := range 300_000 {
		if i%1000 == 0 {
			inserts.WriteString("INSERT INTO kept (id, name) VALUES\n")
		}
		end := ","
		if i%1000 == 999 {
			end = ";"
		}
		fmt.Fprintf(&inserts, "(%d, 'name')%s\n", i, end)
		fmt.Fprintf(&copied, "%d\tname\n", i)
	}
	copied.WriteString("\\.\n")

	tests := []struct {
		name   string
		api    simulator.Options
		before string          // SQL, after that for the table
		locked bool            // by another session
		asked  simulator.Route // what the API has been asked for when the signal is sent
		active string          // or: what the server's session waits for then
		want   string          // in the log at the end
	}{
		{
			name: "generating", api: simulator.Options{Polls: 1_000_000}, asked: simulator.Poll,
			want: "interrupted while waiting for the generation task",
		},
		{
			name: "starting a task that takes no answer", asked: simulator.Create, want: "interrupted",
			api: simulator.Options{Faults: []simulator.Fault{
				{Route: simulator.Create, Break: simulator.Stall, Moment: simulator.AfterActing},
			}},
		},
		{
			name: "downloading what stalls", asked: simulator.Download, want: "interrupted while downloading",
			api: simulator.Options{Polls: -1, Faults: []simulator.Fault{
				{Route: simulator.Download, Break: simulator.Stall, Moment: simulator.InBody, At: 1000},
			}},
		},
		{
			name: "downloading what is slow", asked: simulator.Download, want: "interrupted while downloading",
			api: simulator.Options{Polls: -1, Export: shop.Export{Size: shop.Rows(5000)}, Faults: []simulator.Fault{
				{Route: simulator.Download, Rate: 5000},
			}},
		},
		{name: "loading a slow statement", api: script(half + "SELECT pg_sleep(60);\n"), active: "PgSleep"},
		{name: "loading what is locked", api: script(half + "TRUNCATE kept;\n"), locked: true, active: "relation"},
		{name: "loading many inserts", api: script(inserts.String()), before: slow, active: "PgSleep"},
		{name: "loading many copied rows", api: script(copied.String()), before: slow, active: "PgSleep"},
	}
	for _, test := range tests {
		for _, sign := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
			t.Run(test.name+"/"+sign.String(), func(t *testing.T) {
				t.Parallel()
				db := pgtest.Shared(t).NewDatabase(t)
				pgtest.Exec(t, db, table+test.before)
				before := pgtest.SortedDump(t, db)
				unlock := func() {}
				if test.locked {
					unlock = lock(t, db, "kept")
				}
				p, api, temp := seeding(t, db, test.api)
				p.start(t)
				want := test.want
				if test.active == "" {
					eventually(t, func() bool { return len(api.Requests(test.asked)) > 0 }, func() string {
						return "the run did not come so far:\n" + p.output.String()
					})
				} else {
					want = "interrupted while loading"
					eventually(t, func() bool {
						return strings.Contains(answer(t, db, "SELECT wait_event FROM pg_stat_activity WHERE "+ours), test.active)
					}, func() string { return "the load did not come to its statement:\n" + p.output.String() })
				}
				sent := time.Now()
				if err := p.Process.Signal(sign); err != nil {
					t.Fatal(err)
				}
				p.exitsWith(t, 130)
				if took := time.Since(sent); took > 5*time.Second {
					t.Errorf("left after %s", took)
				}
				if !strings.Contains(p.output.String(), want) {
					t.Errorf("no %q in:\n%s", want, p.output.String())
				}
				wantEmpty(t, temp)
				eventually(t, func() bool { return answer(t, db, "SELECT count(*) FROM pg_stat_activity WHERE "+ours) == "0" },
					func() string { return "our session is left in the server" })
				if took := time.Since(sent); took > 5*time.Second {
					t.Errorf("our session was gone after %s", took)
				}
				unlock()
				if after := pgtest.SortedDump(t, db); after != before {
					t.Errorf("the database is not as it was:\n%s", after)
				}
			})
		}
	}
}

// seeding makes a process that is to fill a database from an API, which it starts. It gives the process's temporary folder too.
func seeding(t *testing.T, db string, options simulator.Options) (p *process, api *simulator.Server, temp string) {
	t.Helper()
	options.TempDir, temp = t.TempDir(), t.TempDir()
	api = simulator.New(options)
	server := httptest.NewServer(api)
	t.Cleanup(func() {
		_ = api.Close()
		server.Close()
	})
	p = program(t, "fabricate-seed", []string{"--workspace=w", "--database=d"},
		"RUNNER_TEMP="+temp, "FABRICATE_API_URL="+server.URL+simulator.Path, "FABRICATE_API_KEY="+api.Key(), "FABRICATE_ALLOW=sql", "DATABASE_URL="+db)
	return p, api, temp
}

// ours tells the sessions of a load from others.
const ours = "datname = current_database() AND application_name = 'fabricate-seed'"

// script gives an API whose every task is completed at once, with this load.sql.
func script(text string) simulator.Options {
	return simulator.Options{Polls: -1, Data: &simulator.Data{Body: []byte(text), ContentType: "text/plain"}}
}

// lock has another session lock a table until unlock is called.
func lock(t *testing.T, db, table string) (unlock func()) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), db)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	if _, err := conn.PgConn().Exec(t.Context(), "BEGIN; LOCK TABLE "+table).ReadAll(); err != nil {
		t.Fatal(err)
	}
	return func() {
		t.Helper()
		if _, err := conn.Exec(t.Context(), "ROLLBACK"); err != nil {
			t.Fatal(err)
		}
	}
}

// A run whose parent is gone ends as well: by a hangup, or because nobody reads its log any more, in order; and killed, so that
// the server ends what it was doing for it, which it looks for every ten seconds.
func TestParentGone(t *testing.T) {
	t.Parallel()
	hangups := make(chan os.Signal, 1) // taken here, they are not ignored by children even where nohup runs the tests
	signal.Notify(hangups, syscall.SIGHUP)
	t.Cleanup(func() { signal.Stop(hangups) })
	const long = "CREATE TABLE half_way (id int);\nSELECT pg_sleep(60);\n"
	for _, test := range []struct {
		name, script string
		gone         func(p *process, log *os.File) error
		code         int
		within       time.Duration
	}{
		{"hangup", long, func(p *process, _ *os.File) error { return p.Process.Signal(syscall.SIGHUP) }, 130, 5 * time.Second},
		{"nobody reads the log", "CREATE TABLE half_way (id int);\n" + strings.Repeat("SELECT pg_sleep(0.1);\n\\echo so far\n", 600),
			func(_ *process, log *os.File) error { return log.Close() }, 130, 5 * time.Second},
		{"killed", long, func(p *process, _ *os.File) error { return p.Process.Kill() }, -1, 25 * time.Second},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			db := pgtest.Shared(t).NewDatabase(t)
			p, _, temp := seeding(t, db, script(test.script))
			log, write, err := os.Pipe()
			if err != nil {
				t.Fatal(err)
			}
			defer log.Close()
			p.Stdout, p.Stderr = write, write
			p.start(t)
			_ = write.Close()
			eventually(t, func() bool {
				return answer(t, db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND "+ours) == "1"
			}, func() string { return "the load did not come to its statement" })
			sent := time.Now()
			if err := test.gone(p, log); err != nil {
				t.Fatal(err)
			}
			_ = p.Wait()
			if code := p.ProcessState.ExitCode(); code != test.code {
				t.Errorf("exit code %d, want %d", code, test.code)
			}
			if test.code > 0 {
				wantEmpty(t, temp)
			}
			for answer(t, db, "SELECT count(*) FROM pg_stat_activity WHERE "+ours) != "0" && time.Since(sent) <= test.within {
				time.Sleep(50 * time.Millisecond)
			}
			if took := time.Since(sent); took > test.within {
				t.Errorf("our session is in the server after %s", took)
			}
			if left := answer(t, db, "SELECT count(*) FROM pg_class WHERE relname = 'half_way'"); left != "0" {
				t.Error("the table of the script is left")
			}
		})
	}
}
