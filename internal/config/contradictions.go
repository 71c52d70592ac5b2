package config

import (
	"cmp"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/dbname"
)

// contradictions finds settings that cannot be meant together, and what is missing.
func (p *parser) contradictions() {
	s := &p.settings
	switch s.Command {
	case Demo, Version:
		return
	case Cache:
		p.cache()
		return
	case Check:
		p.check()
		p.dry()
		return
	}
	p.dry()
	if s.Command == Create || s.Command == Drop {
		p.databases()
		return
	}
	p.sources()
	p.loading()
	p.databases()
	if s.PollInterval > s.Timeout && s.Timeout > 0 && p.generating() {
		p.find("%s is longer than %s (%s): the task would never be looked at", p.spell("poll-interval"), p.spell("timeout"), s.Timeout)
	}
}

// generating says whether this run asks the API for anything.
func (p *parser) generating() bool { return p.settings.Command == Run && !p.given("archive") }

// noTarget says that there is no database to load into. One that was given but cannot be read has its own finding.
func (p *parser) noTarget() bool {
	return p.settings.Target == nil && !p.given("database-url") && !p.targetFaulty
}

// mustLoad says that the user asked for a load in so many words.
func (p *parser) mustLoad() bool { return p.settings.Command == Load || p.settings.Load == LoadTrue }

// sources checks where the data comes from: exactly one of an archive, a task and a new generation.
func (p *parser) sources() {
	p.caching()
	if p.settings.Command == Load || p.given("archive") {
		for _, name := range []string{"task-id", "connection", "entity", "overrides"} {
			if p.given(name) {
				p.find("%s says how to generate, but %s loads what is already here; give one", p.spell(name), p.spell("archive"))
			}
		}
		p.archive()
		p.archiveAddress()
		return
	}
	if p.given("format") && p.given("connection") {
		p.find("%s and %s exclude each other: with a connection Fabricate pushes the rows itself, and there is no file "+
			"that could have a format; give one", p.spell("format"), p.spell("connection"))
	}
	switch {
	case p.given("task-id"):
		if p.given("overrides") { // format, connection and entity say what the task makes, and change nothing
			p.find("%s cannot change the task that %s joins: it is already started; give one", p.spell("overrides"), p.spell("task-id"))
		}
		p.missing("to join a task", "api-key")
	case p.given("cache-dir"): // whether the key is needed shows there
		p.missing("to generate", "workspace", "database")
	default:
		p.missing("to generate", "api-key", "workspace", "database")
	}
}

func (p *parser) archive() {
	if !p.given("archive") {
		return
	}
	archive, dir := p.settings.Archive, p.settings.DataDir
	switch {
	case p.given("data-dir") || p.mustLoad():
	case p.settings.Load == LoadFalse:
		p.find("%s is false and there is no data-dir: there is nothing to do with %s", p.spell("load"), p.spell("archive"))
	case p.noTarget():
		p.find("%s has nowhere to go: set database-url to load it, or data-dir to unpack it", p.spell("archive"))
	}
	if dir != "" && archive != "" && within(archive, dir) {
		p.find("%s lies in %s: it would be unpacked into itself; choose another folder", p.spell("data-dir"), p.spell("archive"))
	}
	if info, err := os.Stat(archive); err == nil && info.Mode().IsRegular() && p.given("script") &&
		strings.EqualFold(filepath.Ext(archive), ".sql") {
		p.find("%s names a file in the archive, but %s is one script itself; leave it out", p.spell("script"), p.spell("archive"))
	}
}

// within says whether the folder dir is, or lies in, the folder of files.
func within(files, dir string) bool {
	rel, err := filepath.Rel(files, dir)
	info, statErr := os.Stat(files)
	return err == nil && statErr == nil && info.IsDir() && (rel == "." || filepath.IsLocal(rel))
}

// missing names every one of the settings that is absent, in one finding.
func (p *parser) missing(purpose string, names ...string) {
	var absent []string
	for _, name := range names {
		if !p.given(name) {
			absent = append(absent, name)
		}
	}
	if len(absent) == 0 {
		return
	}
	verb := " is needed "
	if len(absent) > 1 {
		verb = " are needed "
	}
	first := absent[0]
	p.find("%s%s%s: set the input %s, the flag --%s or the variable FABRICATE_%s%s", enumerate(absent), verb, purpose,
		first, first, screaming(first), strings.Repeat(" (the others likewise)", min(1, len(absent)-1)))
}

func enumerate(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " and " + words[len(words)-1]
}

// loading checks what is done with the data.
func (p *parser) loading() {
	s := &p.settings
	if p.given("connection") && p.generating() {
		p.pushed()
	} else {
		p.wanted()
	}
	if s.OnError == "continue" && s.Transaction == "single" {
		p.find("%s continue needs transaction none: in a single transaction PostgreSQL refuses everything after the first "+
			"error; set transaction to none, or on-error to stop", p.spell("on-error"))
	}
	if s.ForeignKeys == "enforce" && s.Transaction == "none" {
		p.find("%s enforce needs transaction single: what is committed already cannot be rolled back; set foreign-keys to check, "+
			"or leave transaction out", p.spell("foreign-keys"))
	}
	if s.Online && s.Transaction == "none" {
		p.find("%s needs transaction single: without it others see each table empty for a while; leave transaction out, or online",
			p.spell("online"))
	}
}

// dry checks that what is to be done can be rolled back.
func (p *parser) dry() {
	s := &p.settings
	if !s.DryRun {
		return
	}
	const leave = "; leave it out"
	switch {
	case s.Command == Check:
		p.find("%s rolls a load back, and check loads nothing"+leave, p.spell("dry-run"))
	case s.Command == Create || s.Command == Drop:
		p.find("%s rolls a load back, and %s loads nothing: databases are made and dropped for good"+leave, p.spell("dry-run"), s.Command)
	case p.given("connection"):
		p.find("%s cannot be meant with %s: Fabricate pushes the rows itself, and what it commits stays"+leave, p.spell("dry-run"), p.spell("connection"))
	case s.Load == LoadFalse || p.noTarget():
		p.find("%s rolls a load back, and nothing is to be loaded: set database-url, and load to true or auto", p.spell("dry-run"))
	case s.Transaction == "none":
		p.find("%s needs transaction single: without a transaction each statement is committed by itself; leave transaction out, or dry-run",
			p.spell("dry-run"))
	}
}

// check finds what the command check lacks: a database, and an archive that is there.
func (p *parser) check() {
	s := &p.settings
	if p.noTarget() {
		p.find("%s has no database to compare with: %s", s.Command, usualCauses)
	}
	p.caching()
	switch {
	case p.given("archive"):
		p.archiveAddress()
	case p.given("cache-dir"):
		p.missing("to find the last archive in the cache", "workspace", "database")
	default:
		p.find("check needs an archive that is there: fabricate-seed check PATH, the setting archive, or cache-dir for the last one of workspace and database")
	}
}

// databases checks what is made besides rows.
func (p *parser) databases() {
	s := &p.settings
	command := s.Command == Create || s.Command == Drop
	if command && p.noTarget() {
		p.find("%s has no database: %s", s.Command, usualCauses)
	}
	if p.given("template") && !s.CreateDatabase && s.Command != Create {
		p.find("%s says what a new database is made from, and none is made; set create-database, or leave it out", p.spell("template"))
	}
	if p.given("clone-names") && s.cloneCount == 0 {
		p.find("%s names clones by their numbers; set clones to a number, or leave it out", p.spell("clone-names"))
	}
	if s.Target == nil { // wanted and pushed say so where something is to be loaded
		return
	}
	name := cmp.Or(s.Target.Database, s.Target.User) // as the server would choose
	if s.cloneCount > 0 {
		s.Clones = dbname.Names(s.clonePattern, name, s.cloneCount)
	}
	for _, what := range []string{"create-database", "clones"} {
		asked := what == "clones" && len(s.Clones) > 0 || what == "create-database" && s.CreateDatabase
		switch {
		case !asked || command:
		case p.given("connection"):
			p.find("%s has no effect with %s: Fabricate pushes the rows itself; leave it out", p.spell(what), p.spell("connection"))
		case s.Load == LoadFalse:
			p.find("%s has no effect while load is false: nothing is loaded; leave it out", p.spell(what))
		}
	}
	if command || s.CreateDatabase {
		if err := dbname.Check(name); err != nil {
			p.find("the database that %s names cannot be made or dropped: %q %v", p.spell("database-url"), name, err)
		}
	}
	for i, clone := range s.Clones {
		if err := dbname.Check(clone); err != nil {
			p.find("%s: %q %v", p.spell("clones"), clone, err)
		} else if clone == name || slices.Contains(s.Clones[:i], clone) {
			p.find("%s: two databases would be named %q", p.spell("clones"), clone)
		}
	}
}

// pushed checks a run with a connection, which loads nothing itself. Left alone, these settings would seem to have been
// obeyed: files there, grants made, rows kept.
func (p *parser) pushed() {
	for _, name := range []string{"data-dir", "script", "before", "after", "variables", "table-map", "if-not-empty", "outside-rows"} {
		if p.given(name) {
			p.find("%s has no effect with %s: Fabricate pushes the rows itself, nothing is downloaded or loaded here; "+
				"leave it out", p.spell(name), p.spell("connection"))
		}
	}
	if p.settings.Load == LoadTrue {
		p.find("%s is true, but with %s Fabricate pushes the rows itself and there is nothing to load; leave one out",
			p.spell("load"), p.spell("connection"))
	}
}

// usualCauses are why a database that was meant is not there.
const usualCauses = "database-url, DATABASE_URL and the PG* variables are all empty. In a workflow that is often a secret that is " +
	"empty or has another name, or a pull request from a fork, which gets no secrets"

// wanted checks that what is to be loaded can be.
func (p *parser) wanted() {
	s := &p.settings
	if s.Command == Load && s.Load == LoadFalse {
		p.find("%s is false, but the command is load; leave it out", p.spell("load"))
	}
	switch {
	case !p.noTarget():
		if s.Load != LoadFalse && !Loadable(s.Format) {
			p.find("an export in %s %s cannot be loaded into PostgreSQL; use sql, postgres-optimized, csv or jsonl, or set load to "+
				"false to download it", p.spell("format"), s.Format)
		}
	case s.Command == Load:
		p.find("load has no database to load into: %s", usualCauses)
	case s.Load == LoadTrue:
		p.find("%s is true, but there is no database to load into: %s", p.spell("load"), usualCauses)
	case s.Load == LoadAuto && p.generating() && !p.given("data-dir"):
		p.find("there is no database to load into: %s. To download only, set data-dir, or load to false", usualCauses)
	case s.Load == LoadAuto && !p.given("archive"):
		for _, name := range []string{"before", "after", "if-not-empty", "outside-rows"} {
			if p.given(name) {
				p.find("%s needs a database to load into: set database-url", p.spell(name))
			}
		}
	}
	if p.given("table-map") && p.generating() && slices.Contains([]string{"", "sql", "postgres"}, s.Format) && !p.given("task-id") {
		p.find("%s says which file is which table, but an export in format %s is a script; set format to csv or jsonl, or leave it out",
			p.spell("table-map"), cmp.Or(s.Format, "sql"))
	}
}

// finish settles what depends on more than one setting.
func (p *parser) finish() {
	s := &p.settings
	fromCache := s.Command == Check && !p.given("archive") // what a run has kept
	if (p.generating() || fromCache) && !p.given("format") && !p.given("connection") && !p.given("task-id") {
		s.Format = "sql"
	}
}
