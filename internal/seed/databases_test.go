package seed

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

var made atomic.Int64

// preview is a database that is made and dropped by the program.
type preview struct {
	world
	name, url string
}

// newPreview gives a name that nothing has, and a workspace with a schema and rows for it.
func newPreview(t *testing.T) preview {
	t.Helper()
	p := preview{world: newWorld(t, simulator.Options{}), name: fmt.Sprintf("preview_%04d", made.Add(1))}
	p.url = pgtest.Shared(t).URL(p.name)
	p.env = append(p.env, "DATABASE_URL="+p.url)
	for name, text := range map[string]string{
		"db/10_later.sql": "ALTER TABLE users ADD name text;", "db/9_first.sql": "CREATE TABLE users (id int PRIMARY KEY);",
		"rows.sql":  "TRUNCATE users; INSERT INTO users (id, name) VALUES (1, 'Ana'), (2, 'Ben');",
		"wrong.sql": "INSERT INTO users (id, name) VALUES (1, 'Ana'), (1, 'Ben');",
	} {
		path := filepath.Join(p.workspace, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	t.Cleanup(func() {
		for _, name := range p.there(t) {
			pgtest.Exec(t, pgtest.Shared(t).URL("postgres"), "DROP DATABASE "+name+" WITH (FORCE)")
		}
	})
	return p
}

// there gives the databases whose names begin with the preview's, sorted.
func (p preview) there(t *testing.T) []string {
	t.Helper()
	return strings.Fields(p.ask(t, "postgres", "SELECT coalesce(string_agg(datname, ' ' ORDER BY datname), '') FROM pg_database WHERE starts_with(datname, '"+p.name+"')"))
}

func (p preview) ask(t *testing.T, database, query string) string {
	t.Helper()
	ctx := context.Background() // cleanups ask, too
	conn, err := pgx.Connect(ctx, pgtest.Shared(t).URL(database))
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	var answer string
	if err := conn.QueryRow(ctx, query).Scan(&answer); err != nil {
		t.Fatal(err)
	}
	return answer
}

// A preview in one step: the database made, migrated, loaded and cloned; loaded again without the migrations; dropped.
func TestPreview(t *testing.T) {
	t.Parallel()
	p := newPreview(t)
	args := []string{"--create-database", "--archive=rows.sql", "--before=db", "--clones=2"}
	for round := range 2 {
		res, log := p.run(t, args...)
		if res.ExitCode != problem.OK || res.Rows != 2 || fmt.Sprint(res.Clones) != fmt.Sprint([]string{p.name + "_1", p.name + "_2"}) {
			t.Fatalf("round %d: %+v\n%s", round, res, log)
		}
		for _, name := range p.there(t) {
			if got := p.ask(t, name, "SELECT string_agg(name, ',' ORDER BY id) FROM users"); got != "Ana,Ben" {
				t.Errorf("round %d: %s has %s", round, name, got)
			}
		}
	}
	if got := p.there(t); len(got) != 3 {
		t.Errorf("there are %q", got)
	}
	for _, headline := range []string{"Dropped", "nothing dropped"} {
		if res, log := p.run(t, "drop"); res.ExitCode != problem.OK || !strings.Contains(log, headline) {
			t.Errorf("%+v\n%s", res, log)
		}
	}
	if got := p.there(t); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
}

// A run that fails drops what it has made, and nothing else.
func TestAFailedRunDropsWhatItMade(t *testing.T) {
	t.Parallel()
	p := newPreview(t)
	args := []string{"--create-database", "--archive=wrong.sql", "--before=db/*_*.sql"}
	res, log := p.run(t, args...)
	if res.ExitCode != problem.Database || !strings.Contains(res.Error, "which this run had made, was dropped again") {
		t.Errorf("%+v\n%s", res, log)
	}
	if got := p.there(t); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	for _, want := range []string{"made", "is there already"} {
		if res, log := p.run(t, "create"); res.ExitCode != problem.OK || !strings.Contains(log, want) {
			t.Errorf("%+v\n%s", res, log)
		}
	}
	pgtest.Exec(t, p.url, "CREATE TABLE users (id int PRIMARY KEY, name text)")
	if res, log := p.run(t, args...); res.ExitCode != problem.Database || strings.Contains(res.Error, "dropped") {
		t.Errorf("%+v\n%s", res, log)
	}
	if got := p.there(t); len(got) != 1 {
		t.Errorf("there are %q", got)
	}
	// The input command does what the word does.
	p.env = append(p.env, "GITHUB_ACTIONS=true", "INPUT_COMMAND=drop")
	if res, log := p.run(t); res.ExitCode != problem.OK || len(p.there(t)) != 0 {
		t.Errorf("%+v\n%s", res, log)
	}
}

// A database that cannot be made costs no task.
func TestNoTaskForADatabaseThatCannotBeMade(t *testing.T) {
	t.Parallel()
	p := newPreview(t)
	res, log := p.run(t, "--create-database", "--template=no such one")
	if res.ExitCode != problem.Database || res.TaskID != "" || !strings.Contains(res.Error, "template") {
		t.Errorf("%+v\n%s", res, log)
	}
}

// Settings that cannot be meant are refused before anything is made.
func TestSettingsOfDatabases(t *testing.T) {
	t.Parallel()
	p := newPreview(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"--archive=rows.sql", "--template=x"}, "template"},
		{[]string{"--archive=rows.sql", "--clones=0"}, "clones"},
		{[]string{"--archive=rows.sql", "--clones=2000"}, "clones"},
		{[]string{"--archive=rows.sql", "--clones=" + p.name}, "two databases"},
		{[]string{"--archive=rows.sql", "--clones=a\na"}, "two databases"},
		{[]string{"--archive=rows.sql", "--clones=postgres"}, "the server itself"},
		{[]string{"--archive=rows.sql", "--clones=" + strings.Repeat("x", 64)}, "63 bytes"},
		{[]string{"--archive=rows.sql", "--clones=2", "--clone-names=same"}, "{n}"},
		{[]string{"--archive=rows.sql", "--clone-names=x{n}"}, "set clones to a number"},
		{[]string{"--archive=rows.sql", "--create-database", "--load=false", "--data-dir=d"}, "load is false"},
		{[]string{"--connection=c", "--create-database"}, "pushes the rows"},
		{[]string{"create", "--database-url=postgres://u@localhost/postgres"}, "the server itself"},
		{[]string{"--archive=rows.sql", "--before=nothing-*.sql"}, "fits no file"},
		{[]string{"drop", "extra"}, "unexpected argument"},
	} {
		if res, log := p.run(t, c.args...); res.ExitCode != problem.Settings || !strings.Contains(res.Error, c.want) {
			t.Errorf("%q: %+v\n%s", c.args, res, log)
		}
	}
	if got := p.there(t); len(got) != 0 {
		t.Errorf("made: %q", got)
	}
}
