// Command simulator serves a simulated Fabricate API until it is told to stop, for workflows that have it as a service.
//
// Each flag has an environment variable as well, because the services of a workflow take no arguments.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"syscall"
	"time"

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
	certificate := flags.String("certificate", environment("SIMULATOR_CERTIFICATE", ""), "if set, serve https with this PEM file of certificates")
	privateKey := flags.String("private-key", environment("SIMULATOR_PRIVATE_KEY", ""), "and this PEM file of their key")
	taskError := flags.String("task-error", environment("SIMULATOR_TASK_ERROR", ""), "if set, every task fails with it")
	if err := flags.Parse(args); err != nil {
		return err
	}

	server := simulator.New(simulator.Options{
		Key: *key, Export: shop.Export{Size: shop.Rows(rows)}, TaskError: *taskError,
	})
	if *certificate != "" {
		return serveTLS(ctx, server, *address, *certificate, *privateKey)
	}
	url, err := server.Listen(*address)
	if err != nil {
		return err
	}
	fmt.Println("listening:", url)
	<-ctx.Done()
	return server.Close()
}

// serveTLS serves https until ctx ends.
func serveTLS(ctx context.Context, api *simulator.Server, address, certificate, privateKey string) error {
	server := &http.Server{Addr: address, Handler: api, ReadHeaderTimeout: time.Minute}
	context.AfterFunc(ctx, func() { _ = server.Close() })
	err := server.ListenAndServeTLS(certificate, privateKey)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, api.Close())
}

func environment(name, otherwise string) string {
	if value := os.Getenv(name); value != "" {
		return value
	}
	return otherwise
}
