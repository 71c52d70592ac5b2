package seed

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"runtime/debug"
	"strings"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
)

// Process is what the program has of the world around it.
type Process struct {
	Args           []string // without the program's name
	Environ        []string // as os.Environ gives it
	Stdout, Stderr io.Writer
	Terminal       bool // Stderr is a terminal
	Width          int  // its columns
	Version        string

	// Demo is the command demo. It tells what it does through the report.
	Demo func(context.Context, config.Settings, *report.Report) error
}

// Main runs the program and gives its exit code. When ctx is cancelled it rolls back, cleans up and leaves within 4
// seconds, whatever hangs.
func Main(ctx context.Context, p Process) problem.Code {
	settings, err := config.Parse(p.Args, p.Environ)
	rep := report.New(report.Options{
		Stdout: p.Stdout, Stderr: p.Stderr, Getenv: getenv(p.Environ), Terminal: p.Terminal, Width: p.Width, Now: time.Now,
		JSON: settings.JSON, Summary: settings.Summary, Version: version(p.Version),
	})
	rep.Secret(settings.Secrets()...)
	switch {
	case err != nil:
		rep.Finish(report.Outcome{}, err)
		return problem.CodeOf(err)
	case settings.Command == config.Help:
		rep.Print(config.HelpText(settings.Topic))
		return problem.OK
	case settings.Command == config.Version:
		rep.Print(fmt.Sprintf("fabricate-seed %s (%s, %s/%s)\n", version(p.Version), runtime.Version(), runtime.GOOS, runtime.GOARCH))
		return problem.OK
	}
	for _, warning := range settings.Warnings {
		rep.Warn(warning)
	}
	for _, notice := range settings.Notices {
		rep.Info("%s", notice)
	}
	r := &run{
		Settings: settings, version: version(p.Version), gateway: hostGateway(getenv(p.Environ), os.DirFS("/")), report: rep, stage: "starting",
		runnerTemp: getenv(p.Environ)("RUNNER_TEMP"), debug: getenv(p.Environ)("RUNNER_DEBUG") == "1",
	}
	for _, used := range settings.Used {
		r.outcome.Settings = append(r.outcome.Settings, report.Fact{Name: used.Name, Value: used.Value})
	}
	switch settings.Command {
	case config.Cache:
		if err := r.showCache(); err != nil {
			rep.Finish(report.Outcome{}, err)
			return problem.CodeOf(err)
		}
		return problem.OK
	case config.Demo:
		err = r.demo(ctx, p.Demo)
	case config.Check:
		err = r.watched(ctx, r.check)
	case config.Create:
		err = r.watched(ctx, r.create)
	case config.Drop:
		err = r.watched(ctx, r.drop)
	default:
		err = r.watched(ctx, r.story)
	}
	var left *leftError
	if errors.As(err, &left) { // what the story has so far must not be read while it goes on
		rep.Finish(report.Outcome{}, err)
	} else {
		rep.Finish(r.outcome, err)
	}
	return problem.CodeOf(err)
}

func (r *run) demo(ctx context.Context, demo func(context.Context, config.Settings, *report.Report) error) error {
	if demo == nil {
		return &problem.Error{Code: problem.Unexpected, What: "this build has no demo"}
	}
	r.outcome.Headline = "Demo done"
	return r.worded(ctx, demo(ctx, r.Settings, r.report))
}

// watched runs the story. After an interruption it waits for the story to end, but not for ever: a server that does not
// answer a rollback rolls back by itself when the process is gone.
func (r *run) watched(ctx context.Context, story func(context.Context) error) error {
	ended := make(chan error, 1)
	go func() { ended <- story(ctx) }()
	select {
	case err := <-ended:
		r.cleanUp()
		return r.worded(ctx, err)
	case <-ctx.Done():
	}
	late := time.NewTimer(leaveWithin)
	defer late.Stop()
	select {
	case err := <-ended:
		r.cleanUp()
		return r.worded(ctx, err)
	case <-late.C:
		r.cleanUp()
		r.mu.Lock()
		defer r.mu.Unlock()
		return &problem.Error{
			Code: problem.Interrupted,
			What: fmt.Sprintf("interrupted while %s; it did not end within %s, and was left", r.stage, leaveWithin),
			Remedy: "A load in a transaction is rolled back by the server when the connection breaks. If it was just committing, it is " +
				"either complete or not there at all, and which is not known: look at the tables.",
			Err: &leftError{},
		}
	}
}

// leftError marks the story that did not end.
type leftError struct{}

func (*leftError) Error() string { return "still running" }

// worded gives every error the words and the code that a person and a caller need.
func (r *run) worded(ctx context.Context, err error) error {
	var p *problem.Error
	switch {
	case err == nil:
		return nil
	case errors.As(err, &p):
		return err
	case ctx.Err() != nil:
		return &problem.Error{Code: problem.Interrupted, What: "interrupted while " + r.stage, Remedy: r.safe, Err: err}
	}
	return &problem.Error{
		Code:   problem.Unexpected,
		What:   err.Error(),
		Remedy: "This should not happen: please report it.",
		Err:    err,
	}
}

// version gives what the build was told, or what Go knows of the module.
func version(told string) string {
	if told != "" {
		return strings.TrimPrefix(told, "v")
	}
	info, ok := debug.ReadBuildInfo()
	if !ok || info.Main.Version == "" || info.Main.Version == "(devel)" {
		return "dev"
	}
	return strings.TrimPrefix(info.Main.Version, "v")
}

// getenv looks a name up in what os.Environ gives.
func getenv(environ []string) func(string) string {
	env := make(map[string]string, len(environ))
	for _, line := range environ {
		if name, value, ok := strings.Cut(line, "="); ok {
			env[name] = value
		}
	}
	return func(name string) string { return env[name] }
}
