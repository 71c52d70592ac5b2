package seed

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// A dry run does all that a run does, tells all that it would tell, never says that anything was loaded, and leaves the database as
// it was.
func TestDryRun(t *testing.T) {
	t.Parallel()
	db := pgtest.Shared(t).NewDatabase(t)
	pgtest.Exec(t, db, shop.Schema())
	w := newWorld(t, simulator.Options{})
	summary, outputs := filepath.Join(w.workspace, "summary"), filepath.Join(w.workspace, "outputs")
	w.env = append(w.env, "DATABASE_URL="+db, "GITHUB_STEP_SUMMARY="+summary, "GITHUB_OUTPUT="+outputs)
	before := pgtest.Dump(t, db)
	dry, log := w.run(t, "--dry-run", "--clones=2", "--data-dir=kept")
	if dry.ExitCode != problem.OK || !dry.DryRun || dry.TaskID == "" || dry.Rows == 0 || len(dry.Clones) != 0 || dry.DataPath != "kept" {
		t.Fatalf("%+v\n%s", dry, log)
	}
	if after := pgtest.Dump(t, db); after != before {
		t.Error("the database is another")
	}
	for name, text := range map[string]string{"log": log, "summary": read(t, summary), "outputs": read(t, outputs)} {
		if strings.Contains(text, "loaded") {
			t.Errorf("the %s speaks of something loaded:\n%s", name, text)
		}
	}
	for text, want := range map[string]string{log: "everything was rolled back", read(t, summary): "A dry run", read(t, outputs): "dry-run<<"} {
		if !strings.Contains(text, want) {
			t.Errorf("%q is not in:\n%s", want, text)
		}
	}
	wet, log := w.run(t, "--archive=kept")
	if wet.ExitCode != problem.OK || wet.DryRun || wet.Rows != dry.Rows || len(wet.Tables) != len(dry.Tables) {
		t.Fatalf("%+v after %+v\n%s", wet, dry, log)
	}
	for i := range wet.Tables {
		if wet.Tables[i] != dry.Tables[i] {
			t.Errorf("%v, and dry %v", wet.Tables[i], dry.Tables[i])
		}
	}
	before = pgtest.Dump(t, db) // with its rows now, and sequences moved on
	for _, args := range [][]string{{"--archive=kept"}, {"--archive=kept", "--if-not-empty=keep"}, {"--archive=kept", "--role=postgres", "--foreign-keys=enforce"}} {
		res, log := w.run(t, append(args, "--dry-run")...)
		if res.ExitCode != problem.OK || !res.DryRun || pgtest.Dump(t, db) != before {
			t.Errorf("%q: %+v\n%s", args, res, log)
		}
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

// A database that a dry run has made is dropped again, one that was there stays; names of clones that others have are told.
func TestDryRunOfADatabase(t *testing.T) {
	t.Parallel()
	p := newPreview(t)
	args := []string{"--dry-run", "--create-database", "--archive=rows.sql", "--before=db", "--clones=2"}
	res, log := p.run(t, args...)
	if res.ExitCode != problem.OK || res.Rows != 2 || len(res.Clones) != 0 || !strings.Contains(log, "was dropped again") {
		t.Errorf("%+v\n%s", res, log)
	}
	if got := p.there(t); len(got) != 0 {
		t.Errorf("left: %q", got)
	}
	if res, log := p.run(t, "--create-database", "--archive=rows.sql", "--before=db"); res.ExitCode != problem.OK {
		t.Fatalf("%+v\n%s", res, log)
	}
	pgtest.Exec(t, p.url, "CREATE DATABASE "+p.name+"_2")
	res, log = p.run(t, args...)
	if res.ExitCode != problem.Database || !strings.Contains(res.Error, "not a clone of") {
		t.Errorf("%+v\n%s", res, log)
	}
	if got := p.there(t); len(got) != 2 {
		t.Errorf("there are %q", got)
	}
}

// What cannot be rolled back is refused before anything is done.
func TestDryRunOfWhatStays(t *testing.T) {
	t.Parallel()
	p := newPreview(t)
	for _, c := range []struct {
		args []string
		want string
	}{
		{[]string{"create"}, "made and dropped for good"},
		{[]string{"drop"}, "made and dropped for good"},
		{[]string{"--connection=c"}, "what it commits stays"},
		{[]string{"--archive=rows.sql", "--load=false", "--data-dir=d"}, "nothing is to be loaded"},
		{[]string{"load", "rows.sql", "--transaction=none"}, "needs transaction single"},
		{[]string{"load", "rows.sql", "--transaction=none", "--jobs=4"}, "needs transaction single"},
		{[]string{"load", "rows.sql", "--transaction=none", "--on-error=continue"}, "needs transaction single"},
	} {
		if res, log := p.run(t, append(c.args, "--dry-run")...); res.ExitCode != problem.Settings || !strings.Contains(res.Error, c.want) {
			t.Errorf("%q: %+v\n%s", c.args, res, log)
		}
	}
	if got := p.there(t); len(got) != 0 {
		t.Errorf("made: %q", got)
	}
}
