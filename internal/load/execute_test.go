//go:build unix

package load_test

import (
	"context"
	"fmt"
	"maps"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestScriptsThatEndTheTransaction holds that no script ends the one transaction unseen: what is said of it is what the tables hold.
func TestScriptsThatEndTheTransaction(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	for name, text := range map[string]string{
		"\\copy":             "\\copy t from stdin; commit\nx\n\\.\n",
		"\\copy, then error": "\\copy t from stdin; commit; insert into t values ('y')\nx\n\\.\nselect 1/0;\n",
		"a row of \\gexec":   "insert into t values('x');\nselect $$select E'a'\n'\\'' ; commit ; select ''$$ \\gexec\nselect 1/0;\n",
		"begin atomic":       "create table begin(a int);\ninsert into t values ($$x$$)\\; select * from begin atomic \\; commit;\nselect 1/0;\n",
		"joined":             "insert into t values ('x')\\; commit\\; begin;\nselect 1/0;\n",
		"prepared":           "insert into t values ('x');\ncommit \\parse a\nselect 1/0;\n",
		"extended":           "insert into t values ('x');\nprepare transaction 'x' \\bind \\g\nselect 1/0;\n",
		"a procedure":        "create procedure p() language plpgsql as 'begin insert into t values (''x''); commit; end';\ncall p();\n",
		"DO":                 "do 'begin insert into t values (''x''); commit; end';\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.NewDatabase(t)
			pgtest.Exec(t, url, "CREATE TABLE t (a text)")
			_, err := loaded(t, url, text, nil)
			if err == nil {
				t.Fatal("loaded")
			}
			rows, said := value(t, url, "SELECT count(*) FROM t"), strings.Contains(err.Error(), "rolled back")
			if (rows == "0") != said {
				t.Errorf("%s rows are there, and it is said: %v", rows, err)
			}
		})
	}
}

// TestWhatStays holds that what an error says of statements before it is what the tables hold.
func TestWhatStays(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const stay, back, others = "Statements before this one stay done (transaction is none).",
		"The transaction block that the script had begun was rolled back; statements before it stay done (transaction is none).", "Rows behind it may have come to other tables (jobs)."
	for name, tt := range map[string]struct {
		text string
		jobs int
		want string // rows that are there
		says string
	}{
		"each by itself":     {"insert into t values (1);\ninsert into t values (2);\ninsert into t values ('x');", 1, "1 2", stay},
		"in a block":         {"insert into t values (1);\nbegin;\ninsert into t values (2);\ninsert into t values ('x');\ncommit;", 1, "1", back},
		"a block that fails": {"insert into t values (1);\nbegin;\ninsert into t values (2);\n\\nosuch", 1, "1", back},
		"behind a block":     {"begin;\ninsert into t values (1);\ncommit;\ninsert into t values (2);\nselect 1/0;", 1, "1 2", stay},
		"jobs":               {"insert into t values (1), (2);\n\\nosuch", 2, "1 2", stay + " " + others},
		"jobs without parts": {"select 1/0;", 2, "", stay},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.NewDatabase(t)
			pgtest.Exec(t, url, "CREATE TABLE t (a int)")
			_, err := loaded(t, url, tt.text, func(o *load.Options) { o.Transaction, o.Jobs = load.None, tt.jobs })
			if err == nil || !strings.HasSuffix(err.Error(), "\n"+tt.says) {
				t.Errorf("told: %v", err)
			}
			if got := value(t, url, "SELECT coalesce(string_agg(a::text, ' ' ORDER BY a), '') FROM t"); got != tt.want {
				t.Errorf("%q are there, not %q", got, tt.want)
			}
		})
	}
}

// TestCancelled holds that pg_cancel_backend ends a load while rows go by COPY: it is not begun again.
func TestCancelled(t *testing.T) {
	t.Parallel()
	ctx := context.Background()
	for _, transaction := range []load.Mode{load.Single, load.None} {
		url := pgtest.Shared(t).NewDatabase(t)
		// The foreign key's check of each row waits for the parent that another session holds.
		pgtest.Exec(t, url, "CREATE TABLE p (id int PRIMARY KEY); INSERT INTO p VALUES (1); CREATE TABLE t (id int, p int REFERENCES p)")
		var text strings.Builder
		for i := range 40 {
			fmt.Fprintf(&text, "INSERT INTO t (id, p) VALUES (%d, 1);\n", i)
		}
		holder, err := pgx.Connect(ctx, url)
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = holder.Close(ctx) }()
		if _, err := holder.Exec(ctx, "BEGIN; SELECT 1 FROM p FOR UPDATE"); err != nil {
			t.Fatal(err)
		}
		over := make(chan error, 1)
		notices := make(chan string, 100)
		go func() {
			_, err := loaded(t, url, text.String(), func(o *load.Options) {
				o.Transaction = transaction
				o.Events.Notice = func(s string) { notices <- s }
			})
			over <- err
		}()
		for cancelled := false; !cancelled; time.Sleep(10 * time.Millisecond) {
			cancelled = value(t, url, `SELECT coalesce(bool_or(pg_cancel_backend(pid)), false) FROM pg_stat_activity
				WHERE datname = current_database() AND wait_event_type = 'Lock' AND (query LIKE 'COPY%' OR query LIKE 'INSERT%')`) == "true"
		}
		err = <-over
		close(notices)
		if err == nil || !strings.Contains(err.Error(), "57014") {
			t.Errorf("%s: a load that was cancelled ends with %v", transaction, err)
		}
		for s := range notices {
			if strings.Contains(s, "once more") || strings.Contains(s, "as written") {
				t.Errorf("%s: it was begun again: %s", transaction, s)
			}
		}
	}
}

// TestLoneOrigin holds that setting the replication role to what it is does no harm to a role that may not set it, and that nothing else
// of that kind is let pass.
func TestLoneOrigin(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	roleURL := prepare(t, url, map[string]string{"schema.sql": "CREATE TABLE t (a int)"})
	for _, transaction := range []load.Mode{load.Single, load.None} {
		for text, fails := range map[string]bool{
			"SET session_replication_role = 'origin';":                        false,
			"SET session_replication_role TO DEFAULT;":                        false,
			"RESET session_replication_role;":                                 false,
			"SELECT set_config('session_replication_role', 'origin', false);": false,
			"BEGIN; SET LOCAL session_replication_role = origin; COMMIT;":     false,
			"SET session_replication_role = 'local';":                         true,
			"SET session_replication_role = 'origin'\\; SELECT 1;":            transaction == load.None, // there it is sent as it is joined
		} {
			_, err := loaded(t, roleURL, "INSERT INTO t VALUES (1);\n"+text+"\n", func(o *load.Options) { o.Transaction = transaction })
			if (err != nil) != fails {
				t.Errorf("%s, %s: %v", transaction, text, err)
			}
		}
	}
}

// TestExplain holds that each table's way is told with its reasons, once.
func TestExplain(t *testing.T) {
	t.Parallel()
	url := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, url, `CREATE TABLE plain (id int PRIMARY KEY, v text); CREATE TABLE ruled (id int); CREATE RULE r AS ON INSERT TO ruled DO ALSO NOTHING;
		CREATE TABLE numbered (id serial, v text)`)
	var text strings.Builder
	text.WriteString("TRUNCATE plain;\n")
	for i := range 20_000 {
		fmt.Fprintf(&text, "INSERT INTO plain (id, v) VALUES (%d, 'some text to make it many');\n", i)
	}
	for i := range 10 {
		fmt.Fprintf(&text, "INSERT INTO ruled VALUES (%d);\n", i)
	}
	for i := range 10 {
		fmt.Fprintf(&text, "INSERT INTO numbered (v) VALUES ('%d');\n", i)
	}
	var told []string
	if _, err := loaded(t, url, text.String(), func(o *load.Options) {
		o.Explain = true
		o.Events.Notice = func(s string) { told = append(told, s) }
	}); err != nil {
		t.Fatal(err)
	}
	all := strings.Join(told, "\n")
	for _, want := range []string{"public.plain: COPY binary, indexes filled after the rows", "public.ruled: as written (it has a rule on INSERT)",
		`public.numbered: as written (column "id" is left out, and draws numbers from a sequence)`} {
		if strings.Count(all, want) != 1 {
			t.Errorf("not told once: %s in\n%s", want, all)
		}
	}
}

// TestCheckExplains holds that a comparison foretells for each table what the load then does.
func TestCheckExplains(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	copied := func(table, columns string) string {
		var b strings.Builder
		fmt.Fprintf(&b, "COPY %s (%s) FROM stdin;\n", table, columns)
		for i := range 4000 {
			fmt.Fprintf(&b, "%d\t%s\n", i, strings.Repeat("x", 100))
		}
		return b.String() + "\\.\n"
	}
	inserted := func(n int, values string) (text string) {
		for i := range n {
			text += fmt.Sprintf(values, i)
		}
		return text
	}
	const tables = `CREATE TABLE t (id int PRIMARY KEY, n text); CREATE INDEX ON t (n); CREATE TABLE c (id int PRIMARY KEY, n text, t int REFERENCES t, self int REFERENCES c);
		CREATE TABLE u (id serial PRIMARY KEY, n text); CREATE TABLE p (id int, n text) PARTITION BY RANGE (id); CREATE TABLE p1 PARTITION OF p DEFAULT; CREATE INDEX ON p (id);
		CREATE FUNCTION f() RETURNS trigger LANGUAGE plpgsql AS $$BEGIN RETURN new; END$$; CREATE TABLE r (id int, n text); CREATE TRIGGER r BEFORE INSERT ON r FOR EACH ROW EXECUTE FUNCTION f();`
	const replica = "SET session_replication_role = 'replica';\n"
	none := func(o *load.Options) { o.Transaction = load.None }
	for name, tt := range map[string]struct {
		script string
		change func(*load.Options)
		owner  bool
		setup  string
	}{
		"empty":            {script: copied("t", "id, n")},
		"truncated":        {script: "TRUNCATE t CASCADE;\n" + copied("t", "id, n")},
		"owner":            {script: "TRUNCATE t CASCADE;\n" + copied("t", "id, n"), owner: true},
		"cascade":          {script: "TRUNCATE t CASCADE;\n" + copied("t", "id, n") + copied("c", "id, n")},
		"deleted":          {script: "DELETE FROM t;\n" + copied("t", "id, n")},
		"few":              {script: "TRUNCATE t CASCADE;\nINSERT INTO t VALUES (1, 'a');\n"},
		"few of COPY":      {script: "TRUNCATE t CASCADE;\nCOPY t FROM stdin;\n1\ta\n\\.\n"},
		"one INSERT":       {script: "TRUNCATE t CASCADE;\nINSERT INTO t VALUES (-1, 'a')" + inserted(9000, ", (%d, 'some text to make it many')") + ";\n"},
		"replica":          {script: replica + "TRUNCATE c, r;\n" + copied("c", "id, n") + copied("r", "id, n")},
		"replica as owner": {script: replica + "TRUNCATE c, r;\n" + copied("c", "id, n") + copied("r", "id, n"), owner: true},
		"no replica":       {script: "TRUNCATE c, r;\n" + copied("c", "id, n") + copied("r", "id, n")},
		"drawn":            {script: "TRUNCATE t, u CASCADE;\nINSERT INTO u (n) VALUES ('a');\n" + copied("t", "id, n")},
		"drawn by COPY":    {script: "TRUNCATE t, u CASCADE;\n" + strings.ReplaceAll(copied("u", "n"), "\t", " ") + copied("t", "id, n")},
		"partitions":       {script: "TRUNCATE p;\n" + copied("p", "id, n")},
		"none":             {script: copied("t", "id, n"), change: none},
		"none, jobs":       {script: copied("t", "id, n") + copied("c", "id, n") + copied("p", "id, n"), change: func(o *load.Options) { o.Transaction, o.Jobs = load.None, 2 }},
		"jobs":             {script: "TRUNCATE t CASCADE;\n" + copied("t", "id, n"), change: func(o *load.Options) { o.Jobs = 2 }},
		"online":           {script: "TRUNCATE t CASCADE;\n" + copied("t", "id, n"), change: func(o *load.Options) { o.Online = true }},
		"timeout":          {script: "TRUNCATE t CASCADE;\n" + copied("t", "id, n"), setup: "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET statement_timeout = 3600000', current_database()); END $$"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			url := server.NewDatabase(t)
			pgtest.Exec(t, url, tables+tt.setup)
			if tt.owner {
				role, ownerURL := newRole(t, url)
				for _, table := range []string{"t", "c", "u", "p", "r"} {
					pgtest.Exec(t, url, "ALTER TABLE "+table+" OWNER TO "+role)
				}
				url = ownerURL
			}
			ways := func(do func(load.Options) error) map[string]string {
				told := map[string]string{}
				o := load.Options{Target: target(t, url), Script: script(tt.script), Explain: true}
				o.Events.Notice = func(s string) {
					if table, way, ok := strings.Cut(s, ": "); ok && strings.HasPrefix(table, "public.") {
						told[table] = counted.ReplaceAllString(way, "")
					}
				}
				if tt.change != nil {
					tt.change(&o)
				}
				if err := do(o); err != nil {
					t.Fatal(err)
				}
				return told
			}
			foretold := ways(func(o load.Options) error {
				_, err := load.Compare(t.Context(), o)
				return err
			})
			done := ways(func(o load.Options) error {
				_, err := load.Run(t.Context(), o)
				return err
			})
			if len(foretold) == 0 || !maps.Equal(foretold, done) {
				t.Errorf("foretold %q,\ndone     %q", foretold, done)
			}
		})
	}
}

var counted = regexp.MustCompile(`^[0-9]+ rows?, `)
