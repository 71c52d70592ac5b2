//go:build !unix

package pgtest

import (
	"context"
	"errors"
	"time"
)

// Elsewhere than on Unix there is no throwaway server: only that this is said.

type owner struct{}

func serverOwner() (owner, error) {
	return owner{}, errors.New("this needs Linux, macOS or another Unix; on Windows run it in WSL")
}

func makeFolder(owner, bool) (string, error) { return "", errors.ErrUnsupported }

func bindPort() (int, func(), error) { return 0, nil, errors.ErrUnsupported }

type group struct{}

func newGroup(string, owner) (*group, error) { return nil, errors.ErrUnsupported }

func (*group) run(context.Context, string, string, ...string) error { return errors.ErrUnsupported }

func (*group) start(string, string, ...string) error { return errors.ErrUnsupported }

func (*group) serverPID() int { return 0 }

func (*group) serverEnded() bool { return true }

func (*group) stopServer(time.Duration) error { return nil }

func (*group) close() {}

func (*group) writeFile(string, string) error { return errors.ErrUnsupported }
