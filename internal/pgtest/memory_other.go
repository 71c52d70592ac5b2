//go:build !linux

package pgtest

// memoryFolder gives "": a folder that is known to be kept in memory there is on Linux alone.
func memoryFolder() string { return "" }
