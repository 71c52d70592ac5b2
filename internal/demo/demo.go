// Package demo shows the whole path on this machine, without an account: a throwaway PostgreSQL with a shop's schema, a
// simulated Fabricate API, and this very program run beside them as a process, as a workflow would run it.
package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"syscall"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/config"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/report"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

const (
	rows         = 200_000                 // of the export
	taskDuration = 2 * time.Second         // how long the simulated task takes
	leaveWithin  = 4200 * time.Millisecond // for the run to roll back after an interruption, before it is killed
)

// question is asked of the loaded data: rows from three tables, with names from everywhere.
const question = `SELECT u.name AS "best customers", max(a.city) AS city, count(*) AS orders, sum(o.total) AS spent
FROM orders o JOIN users u ON u.id = o.user_id JOIN addresses a ON a.id = o.address_id
GROUP BY u.id ORDER BY spent DESC LIMIT 7`

// Run shows the demo, and leaves nothing behind. The run's own progress goes to standard error, past rep. The error is a
// *problem.Error: no server to start, the code that the run ended with, or Interrupted when ctx was cancelled.
func Run(ctx context.Context, _ config.Settings, rep *report.Report) error {
	err := show(ctx, rep)
	if err != nil && interrupted(ctx, err) {
		return &problem.Error{
			Code: problem.Interrupted, What: "interrupted during the demo",
			Remedy: "The server is stopped and its folder removed.", Err: err,
		}
	}
	return err
}

// toldWithin is how long after a program that we have started an interruption of both may reach us.
const toldWithin = time.Second

// interrupted reports whether ctx was cancelled. A Ctrl-C goes to all processes of a terminal: a program that we have started can be gone by it
// before we are told.
func interrupted(ctx context.Context, err error) bool {
	var exit *exec.ExitError
	if errors.As(err, &exit) && !exit.Exited() {
		short, cancel := context.WithTimeout(ctx, toldWithin)
		defer cancel()
		<-short.Done()
	}
	return ctx.Err() != nil
}

// show is the demo from top to bottom.
func show(ctx context.Context, rep *report.Report) (err error) {
	rep.Phase("Throwaway PostgreSQL with a shop's tables")
	server, err := pgtest.Start(ctx, pgtest.Options{})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, server.Stop()) }()
	database := server.URL("postgres")
	rep.Secret(server.Password())
	if err := migrate(ctx, database); err != nil {
		return err
	}
	rep.Info("on port %d, with %d tables and no rows", server.Port(), len(shop.Tables()))

	rep.Phase("Simulated Fabricate API")
	api := simulator.New(simulator.Options{Export: shop.Export{Size: shop.Rows(rows)}, Duration: taskDuration})
	defer func() { err = errors.Join(err, api.Close()) }()
	address, err := api.Listen("127.0.0.1:0")
	if err != nil {
		return err
	}
	rep.Info("%s", address)

	rep.Phase("The program as a process, with its settings in the environment")
	rep.Info("$ FABRICATE_API_URL=%s FABRICATE_API_KEY=*** FABRICATE_WORKSPACE=demo FABRICATE_DATABASE=shop \\\n"+
		"  DATABASE_URL=postgres://postgres:***@127.0.0.1:%d/postgres fabricate-seed", address, server.Port())
	if err := run(ctx, address, api.Key(), database); err != nil {
		return err
	}

	rep.Phase("A question to the loaded data")
	rep.Info("%s", question)
	answer, err := ask(ctx, server)
	if err != nil {
		return err
	}
	rep.Info("%s", answer)
	return nil
}

// migrate makes the shop's tables, as an application's migrations would have.
func migrate(ctx context.Context, database string) error {
	conn, err := pgx.Connect(ctx, database)
	if err != nil {
		return err
	}
	_, err = conn.PgConn().Exec(ctx, shop.Schema()).ReadAll()
	return errors.Join(err, conn.Close(ctx))
}

// run runs this program's own file. What the caller's environment says about Fabricate, GitHub and PostgreSQL is kept
// from it.
func run(ctx context.Context, address, key, database string) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	cmd := exec.CommandContext(ctx, self, "run")
	cmd.Args[0] = filepath.Base(self)
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "TERM", "NO_COLOR"} {
		if value, set := os.LookupEnv(name); set {
			cmd.Env = append(cmd.Env, name+"="+value)
		}
	}
	cmd.Env = append(cmd.Env,
		"FABRICATE_API_URL="+address, "FABRICATE_API_KEY="+key, "FABRICATE_WORKSPACE=demo", "FABRICATE_DATABASE=shop",
		"FABRICATE_POLL_INTERVAL=200ms", "DATABASE_URL="+database)
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr // as they are: a terminal shows the bar
	cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
	cmd.WaitDelay = leaveWithin
	err = cmd.Run()
	var exit *exec.ExitError
	if errors.As(err, &exit) && exit.Exited() {
		return &problem.Error{
			Code: problem.Code(exit.ExitCode()), What: fmt.Sprintf("the run ended with exit code %d", exit.ExitCode()),
			Remedy: "It said why, above.", Err: err,
		}
	}
	return err
}

// ask has psql answer the question, because it is what people know, and because it lines up every script of the world.
func ask(ctx context.Context, server *pgtest.Server) (string, error) {
	psql, err := server.Bin("psql")
	if err != nil {
		return "", err
	}
	u, err := url.Parse(server.URL("postgres"))
	if err != nil {
		return "", err
	}
	password, _ := u.User.Password()
	cmd := exec.CommandContext(ctx, psql, "-X", "-q", "--pset=border=2", "--pset=linestyle=unicode", "--pset=footer=off",
		"--command="+question)
	cmd.Env = []string{ // not in the arguments, which other users can see
		"PATH=" + os.Getenv("PATH"), "PGCLIENTENCODING=UTF8", "PGHOST=" + u.Hostname(), "PGPORT=" + u.Port(),
		"PGUSER=" + u.User.Username(), "PGPASSWORD=" + password, "PGDATABASE=postgres", "PGSSLMODE=disable",
	}
	var said bytes.Buffer
	cmd.Stderr = &said
	answer, err := cmd.Output()
	if err != nil {
		return "", &problem.Error{Code: problem.Database, Where: "psql", What: err.Error(), Excerpt: said.String(), Err: err}
	}
	return string(answer), nil
}
