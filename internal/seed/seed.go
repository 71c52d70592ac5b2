// Package seed is what the program does, from settings to report: it calls the other packages in order and does nothing
// itself.
package seed

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/archive"
	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/fabricate"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
	"github.com/fabricate-seed/fabricate-seed/internal/trust"
)

// run is one run on its way: what it was told, and what it has so far.
type run struct {
	config.Settings
	version string
	gateway netip.Addr // of a container of a workflow; see hostGateway
	report  *report.Report
	outcome report.Outcome

	debug      bool   // the runner logs for debugging
	runnerTemp string // the folder that RUNNER_TEMP names; may be empty
	made       bool   // this run has made the database that it loads into

	mu    sync.Mutex // for what an interruption looks at while the story goes on
	stage string     // what is being done: "loading"
	safe  string     // what an interruption leaves behind; may be empty
	temp  string     // folder of this run; empty until it is needed
}

// data is what there is to load or to keep.
type data struct {
	path   string // zip, folder or file; empty when Fabricate has pushed the rows itself
	format string // as it was asked for; empty when not known
	name   string // for the file, where it is one plain file that is kept
	isZip  bool
	size   int64  // of what was downloaded, in bytes
	cached bool   // it lies in the cache
	done   func() // to be called when nothing is read of it any more; may be nil

	generated bool    // by Fabricate, now or before: it was to bring rows
	task      string  // that made it; empty when that is not known
	served    string  // what the server calls the one plain file; may be empty
	claim     content // what else than its content says what the one plain file is
}

// story is the whole job. A database that it has made does not outlive its failure, nor a dry run.
func (r *run) story(ctx context.Context) error {
	err := r.steps(ctx)
	switch {
	case err != nil && r.made:
		return r.unmake(ctx, err)
	case r.made && r.DryRun:
		return r.unmakeDry(ctx)
	}
	return err
}

func (r *run) steps(ctx context.Context) error {
	if err := fabricate.CheckCAFile(r.APICAFile); err != nil { // settings before any network
		return err
	}
	if r.DataDir != "" {
		if err := archive.CheckDir(r.DataDir); err != nil {
			return err
		}
	}
	if r.CreateDatabase { // before anything is spent
		if err := r.ready(ctx); err != nil {
			return err
		}
	}
	found, err := r.obtain(ctx)
	if found.done != nil {
		defer found.done()
	}
	if err != nil || found.path == "" {
		return err
	}
	return r.fromCache(r.use(ctx, found))
}

// use loads the data, or keeps it, or both.
func (r *run) use(ctx context.Context, found data) error {
	files, err := archive.Open(found.path, archive.Limits{})
	if err != nil {
		return err
	}
	defer files.Close()
	source, why, err := r.toLoad(files, found)
	if err != nil && r.DataDir == "" {
		return err
	}
	if kept := r.keep(ctx, files, found, source.none() && !found.cached); kept != nil || err != nil { // what cannot be loaded may have cost a task
		return cmp.Or(err, kept)
	}
	if source.none() && r.outcome.DataPath == "" {
		r.outcome.Headline = "Data kept in " + r.relative(r.CacheDir) + "; nothing loaded: " + why
		return nil
	}
	if source.none() {
		r.outcome.Headline = "Data kept in " + r.outcome.DataPath + "; nothing loaded: " + why
		return nil
	}
	if err := r.loadChecked(ctx, files, source, found); err != nil {
		return err
	}
	return r.clone(ctx)
}

// loadChecked loads, and sees to it that what was loaded is what the archive's checksums say: before the one transaction is committed,
// or, where rows stay that were sent, or are asked about before they are sent, before the first of them.
func (r *run) loadChecked(ctx context.Context, files *archive.Archive, from source, found data) error {
	if from.rows != nil || r.Transaction == string(load.None) {
		r.begin("Check", "checking the archive", "Nothing was loaded.")
		if err := files.Verify(ctx); err != nil {
			return err
		}
	}
	err := r.load(ctx, from, found, files.VerifyRead)
	if code := problem.CodeOf(err); ctx.Err() != nil || code != problem.Database && code != problem.Data {
		return err
	}
	return blame(err, files.VerifyRead(ctx))
}

// blame gives the error of a load, or where the archive was damaged, that: what else was said follows from it.
func blame(err, damage error) error {
	var failed, p *problem.Error
	if !errors.As(err, &failed) || !errors.As(damage, &p) || strings.Contains(failed.What, p.What) {
		return err
	}
	told := *p
	told.Excerpt = "It was found when the load had failed: " + failed.Headline()
	told.State = failed.State
	if said := databaseIs(failed.Remedy); said != "" {
		told.Remedy += "\n" + said
	}
	return &told
}

// databaseIs gives the last line of a remedy, in which a load says what became of the database.
func databaseIs(remedy string) string {
	lines := strings.Split(remedy, "\n")
	if last := lines[len(lines)-1]; strings.Contains(last, "database is as it was") {
		return last
	}
	return ""
}

// obtain gives the data: the archive that the user names, one that was kept for the same request, or what Fabricate generates.
func (r *run) obtain(ctx context.Context) (data, error) {
	switch {
	case r.ArchiveURL != "":
		return r.fetch(ctx)
	case r.Archive != "":
		r.fact("Archive", r.relative(r.Archive))
		return data{path: r.Archive, format: r.Format, name: filepath.Base(r.Archive)}, nil
	case r.CacheDir != "":
		return r.cached(ctx)
	}
	if err := r.reach(ctx); err != nil {
		return data{}, err
	}
	return r.generated(ctx, r.temporary)
}

// generated is what Fabricate generates, downloaded into a folder; nothing where Fabricate has pushed the rows itself.
func (r *run) generated(ctx context.Context, folder func() (string, error)) (data, error) {
	client, err := fabricate.New(r.clientOptions())
	if err != nil {
		return data{}, err
	}
	defer client.Close()

	task, err := r.generate(ctx, client)
	if err != nil {
		return data{}, err
	}
	if r.Connection != nil {
		r.outcome.Headline = "Rows generated and pushed by Fabricate through its connection"
		return data{}, r.checkPushed(ctx)
	}
	r.begin("Download", "downloading", "The data can be had again with the setting task-id: "+task.ID+".")
	dir, err := folder()
	if err != nil {
		return data{}, err
	}
	file, err := client.Download(ctx, task, dir, r.report.Download)
	if err != nil {
		return data{}, err
	}
	claim := claimOf(r.Format, file.Name, file.ContentType)
	head, err := beginningOf(os.DirFS(dir), filepath.Base(file.Path))
	if err != nil {
		return data{}, err
	}
	c, _ := contentOf(head, claim)
	found, err := r.downloaded(file, dir, r.fileName(c, file.Name, file.ContentType), "download of task "+task.ID)
	found.generated, found.task, found.served, found.claim = true, task.ID, file.Name, claim
	return found, err
}

// fetch downloads the archive from its address.
func (r *run) fetch(ctx context.Context) (data, error) {
	if err := r.reach(ctx); err != nil {
		return data{}, err
	}
	fetcher, err := fabricate.NewFetcher(r.clientOptions())
	if err != nil {
		return data{}, err
	}
	defer fetcher.Close()
	r.begin("Download", "downloading the archive", "")
	r.fact("Archive", r.ArchiveHost())
	dir, err := r.temporary()
	if err != nil {
		return data{}, err
	}
	const what = "download of the archive"
	file, err := fetcher.Fetch(ctx, what, r.ArchiveURL, dir, r.report.Download)
	if err != nil {
		return data{}, err
	}
	if r.ArchiveSHA256 != "" && file.SHA256 != r.ArchiveSHA256 {
		return data{}, &problem.Error{
			Code:   problem.Data,
			Where:  what,
			What:   "its SHA-256 is " + file.SHA256 + ", where the setting archive has " + r.ArchiveSHA256,
			Remedy: "If the archive was made anew, write its new SHA-256 after #sha256= in the setting archive; otherwise somebody has changed it.",
		}
	}
	name := cleanName(file.Name)
	if !known(filepath.Ext(name)) { // it may be a token
		name = "archive" + ending("", file.ContentType)
	}
	return r.downloaded(file, dir, name, what)
}

// clientOptions is what the API's client and what fetches an archive from an address are made from.
func (r *run) clientOptions() fabricate.Options {
	return fabricate.Options{
		BaseURL:        r.APIURL,
		Key:            r.APIKey,
		Version:        r.version,
		RequestTimeout: r.RequestTimeout,
		PollInterval:   r.PollInterval,
		CAFile:         r.APICAFile,
		AllowHTTP:      r.AllowHTTP,
		MaxSize:        r.MaxSize,
		Notice:         func(text string) { r.report.Info("%s", text) },
		Secret:         r.report.Secret,
	}
}

// reach connects to the database that the rows are for before a task is started: a wrong password must not cost one.
func (r *run) reach(ctx context.Context) error {
	if r.CreateDatabase || r.TaskID != "" || r.Target == nil || r.Load == config.LoadFalse || r.Connection != nil && !r.targetChecked() {
		return nil
	}
	r.begin("Check the database", "connecting to the database", "Nothing was generated.")
	return r.reachable(ctx)
}

// targetChecked says that the database that Fabricate pushes into is named by the setting database-url as well: then the checks
// run there. A database that only the environment names (DATABASE_URL, PG*) may be another one.
func (r *run) targetChecked() bool {
	return r.Target != nil && r.Load != config.LoadFalse && slices.ContainsFunc(r.Used, func(used config.Used) bool {
		return used.Name == "database-url" && used.Spelling != "DATABASE_URL"
	})
}

// checkPushed does after a push what follows a load: sequences, foreign keys, statistics.
func (r *run) checkPushed(ctx context.Context) error {
	if !r.targetChecked() {
		return nil
	}
	r.at("checking what was pushed", "What Fabricate has pushed stays.")
	target := describe(r.Target)
	r.fact("Target", target)
	err := load.Verify(ctx, r.loadOptions())
	if err == nil {
		r.outcome.Headline += "; " + target + " checked"
	}
	return err
}

// generate starts a task, or joins one, and waits until it is complete.
func (r *run) generate(ctx context.Context, client *fabricate.Client) (fabricate.Task, error) {
	r.begin("Generate", "waiting for the generation task", "")
	ctx, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()

	task := fabricate.Task{ID: r.TaskID, Pushes: r.Connection != nil}
	if r.TaskID == "" {
		err := client.CheckNames(ctx, r.Workspace, r.Database)
		if err != nil {
			return task, err
		}
		task, err = client.Create(ctx, fabricate.Request{
			Workspace:  r.Workspace,
			Database:   r.Database,
			Format:     r.Format,
			Connection: r.Connection,
			Entity:     r.Entity,
			Overrides:  r.Overrides,
		})
		r.outcome.TaskID = task.ID
		if err != nil {
			return task, err
		}
		r.fact("Workspace", r.Workspace)
		r.fact("Database", r.Database)
		r.fact("Format", r.Format)
		r.fact("Entity", r.Entity)
	}
	r.outcome.TaskID, r.outcome.TaskURL = task.ID, r.APIURL+"/generate_tasks/"+url.PathEscape(task.ID)
	r.fact("Task", task.ID)
	r.report.Info("task %s", task.ID)
	r.at("waiting for the generation task", "The task goes on in Fabricate: join it with the setting task-id: "+task.ID+".")
	return client.Wait(ctx, task, func(t fabricate.Task) { r.report.Generation(t.Progress, t.Phase, t.Context) })
}

// downloaded tells of a download, and gives it the name that errors show.
func (r *run) downloaded(file fabricate.File, dir, name, what string) (data, error) {
	r.outcome.ContentType, r.outcome.SHA256 = file.ContentType, file.SHA256
	r.report.Info("sha256 %s", file.SHA256)
	r.fact("SHA-256", file.SHA256)
	if file.Size == 0 {
		return data{}, &problem.Error{Code: problem.Data, Where: what, What: "the file is empty",
			Remedy: "Look at the task in Fabricate, or generate again."}
	}
	// What is said to be a zip has to be one.
	found := data{format: r.Format, name: name, isZip: file.IsZip, size: file.Size}
	found.path = filepath.Join(dir, found.name)
	if found.isZip {
		found.path = filepath.Join(dir, "export.zip")
	}
	if err := os.Rename(file.Path, found.path); err != nil {
		return data{}, unreadable(found.name, err)
	}
	return found, nil
}

// keep puts the data into the data folder, if there is one or nothing else is done with it.
func (r *run) keep(ctx context.Context, files *archive.Archive, found data, onlyKept bool) error {
	dir := r.DataDir
	if dir == "" {
		if !onlyKept {
			return nil
		}
		dir = filepath.Join(r.Base, config.DefaultDataDir)
	}
	r.begin("Keep", "keeping the data", "The data folder is as it was.")
	if files.Kind() == archive.File {
		if err := archive.Keep(ctx, found.path, dir, found.name); err != nil {
			return err
		}
		dir = filepath.Join(dir, found.name)
	} else {
		if same(dir, r.Base) {
			r.report.Warn("the data folder is the workspace itself: an archive replaces files of the same name there; give data-dir a folder of its own")
		}
		unpack := files.Unpack
		if from, err := r.filesToLoad(files, found); err == nil && from.rows != nil { // the folder may be their schema
			unpack = files.UnpackWhole
		}
		if err := unpack(ctx, dir); err != nil {
			return err
		}
	}
	r.outcome.DataPath = r.relative(dir)
	r.fact("Data", r.outcome.DataPath)
	r.report.Info("data kept in %s", r.outcome.DataPath)
	return nil
}

// same tells whether two paths are one folder.
func same(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// load loads into the database.
func (r *run) load(ctx context.Context, from source, found data, beforeCommit func(context.Context) error) error {
	scripts := r.Before
	if r.CreateDatabase && !r.made { // it has what they make
		scripts = nil
	}
	before, err := r.ownScripts(scripts)
	if err != nil {
		return err
	}
	defer before.close()
	after, err := r.ownScripts(r.After)
	if err != nil {
		return err
	}
	defer after.close()

	target := describe(r.Target)
	r.fact("Target", target)
	r.outcome.DryRun = r.DryRun
	if r.Transaction == string(load.None) {
		r.at("loading", "Without a transaction, what was loaded before the interruption stays.")
	} else {
		r.at("loading", "Nothing was committed: the database is as it was before.")
	}
	o := r.optionsFor(from)
	o.Before, o.After, o.BeforeCommit = before.scripts, after.scripts, beforeCommit
	if found.generated {
		o.Accept = found.accept
	}
	result, err := load.Run(ctx, o)
	r.outcome.Fit = result.Fit
	if err != nil {
		return err
	}
	r.outcome.Rows, r.outcome.Skipped, r.outcome.Broken = result.Rows, result.Skipped, result.Broken
	for _, t := range result.Tables {
		r.outcome.Tables = append(r.outcome.Tables, report.Table(t))
	}
	r.outcome.Headline = fmt.Sprintf("%s loaded into %s", report.Rows(result.Rows, len(result.Tables)), target)
	switch {
	case r.DryRun && result.Skipped:
		r.outcome.Headline = "Dry run: nothing would change in " + target + ": there are rows, and if-not-empty is keep"
	case r.DryRun:
		r.outcome.Headline = fmt.Sprintf("Dry run: %s went into %s, and everything was rolled back", report.Rows(result.Rows, len(result.Tables)), target)
	case result.Skipped:
		r.outcome.Headline = "Nothing loaded into " + target + ": there are rows, and if-not-empty is keep"
	}
	return nil
}

// allowed gives the list that the script is held to, and what helps beside another list.
func (r *run) allowed() (level trust.Level, remedy string) {
	level = trust.Level(r.Allow)
	if level == "" && r.Archive != "" { // the user's own
		level = trust.SQL
	}
	if id := r.outcome.TaskID; id != "" {
		remedy = "The data can be had again, without another task, with the setting task-id: " + id + "."
	}
	return cmp.Or(level, trust.Schema), remedy
}

// withRole gives a target whose sessions begin as a role, and come back to it with RESET ROLE.
func withRole(target *pgx.ConnConfig, role string) *pgx.ConnConfig {
	if role == "" {
		return target
	}
	target = target.Copy()
	target.RuntimeParams["role"] = role
	return target
}

// loadOptions is what a load and the checks alone are told.
func (r *run) loadOptions() load.Options {
	return load.Options{
		Target:         r.Target,
		ConnectTimeout: r.ConnectTimeout,
		HostGateway:    r.gateway,
		LockTimeout:    r.LockTimeout,
		Transaction:    load.Mode(r.Transaction),
		Continue:       r.OnError == "continue",
		Verbatim:       !r.Fast,
		Online:         r.Online,
		Explain:        r.Explain || r.debug,
		DryRun:         r.DryRun,
		Jobs:           r.Jobs,
		Variables:      r.Variables,
		IfNotEmpty:     load.IfNotEmpty(r.IfNotEmpty),
		TakeOutside:    r.OutsideRows == "take",
		KeepSequences:  !r.SyncSequences,
		ForeignKeys:    load.ForeignKeys(r.ForeignKeys),
		SkipAnalyze:    !r.Analyze,
		Events: load.Events{
			Phase:    func(name string) { r.report.Phase(capital(name)) },
			Progress: func(p load.Progress) { r.report.Load(p.Table, p.Bytes, p.Total, p.Rows) },
			Output:   func(text string) { r.report.Info("%s", text) },
			Notice:   func(text string) { r.report.Info("%s", text) },
			Warn:     r.report.Warn,
		},
	}
}

// optionsFor is what is told where there is something to load, by the role that is to load it.
func (r *run) optionsFor(from source) load.Options {
	o := r.loadOptions()
	o.Allow, o.AllowRemedy = r.allowed()
	o.Target = withRole(o.Target, r.Role)
	o.Script, o.Rows = from.script, from.rows
	return o
}

// accept refuses a load that has brought no row: it was to bring some, and nobody would look at a green run.
func (found data) accept(rows int64) error {
	if rows > 0 {
		return nil
	}
	return found.again(&problem.Error{Code: problem.Data, Where: found.name, What: "the export brings no row",
		Remedy: "Look at the tables of the database in Fabricate: a record count may be 0, or an override may take all rows away."})
}

// begin opens a phase of the log; stage and safe are for an interruption during it.
func (r *run) begin(phase, stage, safe string) {
	r.report.Phase(phase)
	r.at(stage, safe)
}

// at says what an interruption from here on would interrupt, and leave behind.
func (r *run) at(stage, safe string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.stage, r.safe = stage, safe
}

func (r *run) fact(name, value string) {
	if value != "" {
		r.outcome.Facts = append(r.outcome.Facts, report.Fact{Name: name, Value: value})
	}
}

// relative gives a path as it is true inside and outside a container: from the workspace, with slashes.
func (r *run) relative(path string) string {
	rel, err := filepath.Rel(r.Base, path)
	if err != nil {
		rel = path
	}
	return filepath.ToSlash(rel)
}

// temporary makes this run's temporary folder. RUNNER_TEMP is emptied by the runner even after a machine's crash, so it
// is better than the system's folder where it is there.
func (r *run) temporary() (string, error) {
	parent := r.runnerTemp
	if info, err := os.Stat(parent); err != nil || !info.IsDir() {
		parent = os.TempDir()
		_ = os.MkdirAll(parent, 0o1777) // an image from scratch may lack it; where it cannot be made, the next line says so
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	dir, err := os.MkdirTemp(parent, "fabricate-seed-*")
	if err != nil {
		return "", &problem.Error{
			Code:   problem.Data,
			Where:  parent,
			What:   "no temporary folder can be made there: " + err.Error(),
			Remedy: "Set TMPDIR to a folder that can be written; in a container with a read-only root, mount one at /tmp.",
			Err:    err,
		}
	}
	r.temp = dir
	return dir, nil
}

// cleanUp removes the temporary folder.
func (r *run) cleanUp() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.temp == "" {
		return
	}
	if err := os.RemoveAll(r.temp); err != nil {
		r.report.Warn("the temporary folder could not be removed: " + err.Error())
	}
}

// fileName names the one plain file of a download: after the entity, the database or what the server calls it. Rows without an
// entity are for the table of the server's name.
func (r *run) fileName(c content, served, contentType string) string {
	served = strings.TrimSuffix(served, filepath.Ext(served))
	bases, end := []string{r.Entity, r.Database, served, "data"}, ending(r.Format, contentType)
	switch c {
	case csvRows, jsonRows:
		bases, end = []string{r.Entity, served, r.Database, "data"}, "."+string(c)
	case psqlScript:
		end = ".sql"
	}
	return cleanName(cmp.Or(bases...)) + end
}

// cleanName makes of a text what can be the name of a file on every system.
func cleanName(text string) string {
	text = strings.Map(func(c rune) rune {
		if strings.ContainsRune(`/\:*?"<>|`, c) || c < ' ' || c == 0x7f {
			return '_'
		}
		return c
	}, strings.TrimLeft(text, "."))
	const longest = 100 // characters
	if name := []rune(text); len(name) > longest {
		text = string(name[:longest])
	}
	return text
}

func capital(name string) string {
	return strings.ToUpper(name[:min(1, len(name))]) + name[min(1, len(name)):]
}

// leaveWithin is how long an interrupted run may take to roll back and clean up. The process has 5 seconds in all.
const leaveWithin = 4 * time.Second
