//go:build !linux

package faults

import "errors"

func mountSmall(string, string) error { return errors.ErrUnsupported }

func remountSmall(string, string) error { return errors.ErrUnsupported }
