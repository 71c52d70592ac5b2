// Command probe asks a real Fabricate account for one generation task and writes down the shapes of what comes back: fields, types,
// statuses, headers, redirects, the kinds of statements. No value, no name of yours, no address and no secret is in what it writes,
// so that it can be attached to an issue: what this project knows of the API is to be held against as many accounts as possible.
//
// It reads FABRICATE_API_KEY, FABRICATE_WORKSPACE, FABRICATE_DATABASE, and if they are set FABRICATE_API_URL, FABRICATE_API_CA_FILE,
// FABRICATE_FORMAT (sql) and FABRICATE_ENTITY. It starts one task, which counts against the plan of the account.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"time"
)

// limit is how long a probe may take.
const limit = time.Hour

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt)
	ctx, cancel := context.WithTimeout(ctx, limit)
	err := run(ctx, os.Getenv, os.Args[1:])
	cancel()
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "probe:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, getenv func(string) string, args []string) error {
	if getenv("CI") != "" || getenv("GITHUB_ACTIONS") != "" {
		return errors.New("this costs a generation task and is never run in CI")
	}
	if len(args) != 1 {
		return errors.New("usage: probe FILE, the file to write")
	}
	p, err := newProbe(getenv)
	if err != nil {
		return err
	}
	fmt.Fprintln(os.Stderr, "One generation task is started, which counts against your plan. This takes as long as it does.")
	failed := p.run(ctx)
	if failed != nil {
		p.add("ended", failed.Error())
	}
	text, err := json.MarshalIndent(p.found, "", "  ")
	if err != nil {
		return err
	}
	if err := os.WriteFile(args[0], append(text, '\n'), 0o600); err != nil {
		return err
	}
	fmt.Fprintf(os.Stderr, "Written to %s. Look through it, and attach it to an issue (What the API answers).\n", args[0])
	return failed
}
