// Command simulator serves a simulated Fabricate API until it is told to stop, for workflows that have it as a service.
//
// Each flag has an environment variable as well, because the services of a workflow take no arguments.
package main

import (
	"context"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"strconv"
	"syscall"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	err := run(ctx, os.Args[1:])
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "simulator:", err)
		os.Exit(1)
	}
}

func run(ctx context.Context, args []string) error {
	rows, err := strconv.Atoi(environment("SIMULATOR_ROWS", "1000"))
	if err != nil {
		return fmt.Errorf("SIMULATOR_ROWS: %w", err)
	}
	flags := flag.NewFlagSet("simulator", flag.ExitOnError)
	address := flags.String("address", environment("SIMULATOR_ADDRESS", ":8080"), "where to listen, host:port")
	key := flags.String("key", environment("SIMULATOR_KEY", simulator.DefaultKey), "the API key that is asked for")
	flags.IntVar(&rows, "rows", rows, "rows of each export")
	taskError := flags.String("task-error", environment("SIMULATOR_TASK_ERROR", ""), "if set, every task fails with it")
	if err := flags.Parse(args); err != nil {
		return err
	}

	server := simulator.New(simulator.Options{
		Key: *key, Export: shop.Export{Size: shop.Rows(rows)}, TaskError: *taskError,
	})
	url, err := server.Listen(*address)
	if err != nil {
		return err
	}
	fmt.Println("listening:", url)
	<-ctx.Done()
	return server.Close()
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
