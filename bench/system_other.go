//go:build !unix

package main

import "os"

// Elsewhere than on Unix there is no throwaway server (internal/pgtest), and so nothing to measure.

func peakMemory(*os.ProcessState) int64 { return 0 }

func ownPeakMemory() int64 { return 0 }

func syncDisks() {}
