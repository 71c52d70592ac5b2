//go:build unix

package main

import (
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/faults"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// A connection that is lost while rows of a COPY go to it is no interruption, though the system sends SIGPIPE for it: the load is
// begun again, or its error says what became of the connection. (What package faults tests runs in the tests' own process.)
func TestConnectionLostInCopy(t *testing.T) {
	t.Parallel()
	// Rows take their time until somebody makes the file "fast" in the server's folder; there are more of them than the system keeps.
	const slow = `
		SET synchronous_commit = on; -- the server is stopped at once
		CREATE TABLE kept (id int PRIMARY KEY, fill text);
		INSERT INTO kept VALUES (-1, 'before');
		CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
			IF NEW.id % 100 = 0 AND (pg_stat_file('fast', true)).size IS NULL THEN PERFORM pg_sleep(0.01); END IF;
			RETURN NEW;
		END $$;
		CREATE TRIGGER wait BEFORE INSERT ON kept FOR EACH ROW EXECUTE FUNCTION wait();`
	const rows = 100_000
	var copied strings.Builder
	copied.WriteString("DELETE FROM kept;\nCOPY kept FROM stdin;\n")
	fill := strings.Repeat("x", 200)
	for i := range rows {
		fmt.Fprintf(&copied, "%d\t%s\n", i, fill)
	}
	copied.WriteString("\\.\n")
	script := filepath.Join(t.TempDir(), "load.sql")
	if err := os.WriteFile(script, []byte(copied.String()), 0o600); err != nil {
		t.Fatal(err)
	}

	const (
		begunAgain = "loading from the beginning, attempt 2 of 3"
		asItWas    = "The database is as it was"
	)
	stopped := func(t *testing.T, s *pgtest.Server, between func() error) {
		t.Helper()
		if err := s.Restart(t.Context(), between); err != nil {
			t.Error(err)
		}
	}
	for _, test := range []struct {
		name string
		args []string
		lose func(t *testing.T, s *pgtest.Server, db string, p *process, proxy *faults.Proxy, faster func() error)
		code int
		says []string
		rows string // that are there in the end
	}{
		{name: "the server stops and comes back", args: []string{"--connect-timeout=30s"}, says: []string{begunAgain}, rows: fmt.Sprint(rows),
			lose: func(t *testing.T, s *pgtest.Server, _ string, _ *process, _ *faults.Proxy, faster func() error) {
				stopped(t, s, faster)
			}},
		{name: "the server stops and stays away", args: []string{"--connect-timeout=1s"}, code: 6, says: []string{"the load had begun, and its connection was lost", asItWas}, rows: "1",
			lose: func(t *testing.T, s *pgtest.Server, _ string, p *process, _ *faults.Proxy, _ func() error) {
				stopped(t, s, func() error { p.exitsWith(t, 6); return nil })
			}},
		{name: "the connection is reset", says: []string{begunAgain}, rows: fmt.Sprint(rows),
			lose: func(t *testing.T, _ *pgtest.Server, _ string, _ *process, proxy *faults.Proxy, faster func() error) {
				if err := faster(); err != nil {
					t.Error(err)
				}
				proxy.Arm(faults.Fault{Text: fill, How: faults.Reset})
			}},
		{name: "the session is ended", says: []string{begunAgain}, rows: fmt.Sprint(rows),
			lose: func(t *testing.T, _ *pgtest.Server, db string, _ *process, _ *faults.Proxy, faster func() error) {
				if err := faster(); err != nil {
					t.Error(err)
				}
				answer(t, db, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE "+ours)
			}},
		{name: "the connection is reset, each statement on its own", args: []string{"--transaction=none"}, code: 6, says: []string{"connection to the database was lost"}, rows: "0",
			lose: func(_ *testing.T, _ *pgtest.Server, _ string, _ *process, proxy *faults.Proxy, _ func() error) {
				proxy.Arm(faults.Fault{Text: fill, How: faults.Reset})
			}},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server, err := pgtest.Start(t.Context(), pgtest.Options{Memory: true})
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() {
				if err := server.Stop(); err != nil {
					t.Error(err)
				}
			})
			db := server.URL("postgres")
			pgtest.Exec(t, db, slow)
			u, err := url.Parse(db)
			if err != nil {
				t.Fatal(err)
			}
			proxy, err := faults.Listen(u.Host)
			if err != nil {
				t.Fatal(err)
			}
			defer proxy.Close()
			proxied, err := proxy.URL(db)
			if err != nil {
				t.Fatal(err)
			}
			p := program(t, binary(t), append([]string{"load", script}, test.args...), "DATABASE_URL="+proxied)
			p.start(t)
			eventually(t, func() bool {
				return answer(t, db, "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND "+ours) == "1"
			}, func() string { return "no rows go:\n" + p.output.String() })
			test.lose(t, server, db, p, proxy, func() error { return os.WriteFile(filepath.Join(server.DataDir(), "fast"), nil, 0o644) })
			if p.ProcessState == nil {
				p.exitsWith(t, test.code)
			}
			for _, want := range test.says {
				if !strings.Contains(p.output.String(), want) {
					t.Errorf("no %q in:\n%s", want, p.output.String())
				}
			}
			if strings.Contains(p.output.String(), "interrupted") {
				t.Errorf("it says that it was interrupted:\n%s", p.output.String())
			}
			if got := answer(t, db, "SELECT count(*) FROM kept"); got != test.rows {
				t.Errorf("%s rows, want %s", got, test.rows)
			}
		})
	}
}

// What only reads the beginning of the log, as head does, ends the run as an interruption does, and nothing of it stays. Who does
// not read standard output takes nothing from it.
func TestPipes(t *testing.T) {
	t.Parallel()
	t.Run("demo 2>&1 | head", func(t *testing.T) {
		t.Parallel()
		temp := openFolder(t)
		p := program(t, "/bin/sh", []string{"-c", `{ "$0" demo 2>&1; echo "code $?" >&3; } | head -n 1`, binary(t)}, "TMPDIR="+temp)
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		defer read.Close()
		p.ExtraFiles = []*os.File{write}
		p.start(t)
		_ = write.Close()
		p.exitsWith(t, 0) // head's; a shell waits for all
		said := make([]byte, 100)
		n, _ := read.Read(said)
		if got := string(said[:n]); got != "code 130\n" {
			t.Errorf("%q, want code 130:\n%s", got, p.output.String())
		}
		wantEmpty(t, temp)
	})
	for _, args := range []string{"--help", "load --help", "version", "load no-such-file", "--no-such-flag"} {
		t.Run(args+" | true", func(t *testing.T) {
			t.Parallel()
			p := program(t, "/bin/sh", []string{"-c", `"$0" ` + args + ` 2>&1 | true`, binary(t)})
			p.start(t)
			p.exitsWith(t, 0)
		})
	}
	t.Run("nobody reads standard output", func(t *testing.T) {
		t.Parallel()
		db := pgtest.Shared(t).NewDatabase(t)
		p, _, temp := seeding(t, db, script("CREATE TABLE t (a int);\nINSERT INTO t VALUES (7);\n"))
		p.Args = append(p.Args, "--output=json")
		read, write, err := os.Pipe()
		if err != nil {
			t.Fatal(err)
		}
		_ = read.Close()
		p.Stdout = write
		p.start(t)
		_ = write.Close()
		p.exitsWith(t, 0)
		wantEmpty(t, temp)
		if got := answer(t, db, "SELECT a FROM t"); got != "7" {
			t.Errorf("loaded: %q", got)
		}
	})
}
