package session

import (
	"context"
	"errors"
	"net"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
)

// TestAddressesWithoutAWay holds that an error tells of the address that could be tried: in many containers localhost is ::1 too,
// which nothing there has a way to.
func TestAddressesWithoutAWay(t *testing.T) {
	t.Parallel()
	config, err := pgx.ParseConfig("postgres://somebody@one,two/x?sslmode=disable")
	if err != nil {
		t.Fatal(err)
	}
	config.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	config.DialFunc = func(_ context.Context, network, address string) (net.Conn, error) {
		fault := syscall.ECONNREFUSED
		if strings.HasPrefix(address, "two") {
			fault = syscall.EADDRNOTAVAIL
		}
		return nil, &net.OpError{Op: "dial", Net: network, Err: os.NewSyscallError("connect", fault)}
	}
	_, err = pgx.ConnectConfig(context.Background(), config)
	if got := Reason(err); !strings.Contains(got, "connection refused") || !notReached(err) {
		t.Errorf("the reason is %q", got)
	}
	if !errors.Is(err, syscall.EADDRNOTAVAIL) {
		t.Errorf("the second address was not tried: %v", err)
	}
}
