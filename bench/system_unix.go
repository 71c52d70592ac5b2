//go:build unix

package main

import (
	"os"
	"runtime"
	"syscall"
)

// peakMemory gives the most memory in bytes that the system says an ended process, or one that it waited for, had.
func peakMemory(state *os.ProcessState) int64 {
	usage, ok := state.SysUsage().(*syscall.Rusage)
	if !ok {
		return 0
	}
	return inBytes(usage)
}

// ownPeakMemory gives the same of this process.
func ownPeakMemory() int64 {
	var usage syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &usage); err != nil {
		return 0
	}
	return inBytes(&usage)
}

// inBytes gives the peak in bytes. The system's unit is the kilobyte (getrusage(2)), on macOS the byte.
func inBytes(usage *syscall.Rusage) int64 {
	peak := int64(usage.Maxrss) //nolint:unconvert // int32 on 32-bit systems
	if runtime.GOOS == "darwin" || runtime.GOOS == "ios" {
		return peak
	}
	return peak << 10
}

// syncDisks writes out what the system has not written yet.
func syncDisks() { syscall.Sync() }
