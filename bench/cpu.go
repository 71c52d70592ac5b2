package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
)

// ticks are Linux's units of CPU time in a second (USER_HZ of proc_pid_stat(5), the same on every processor that it is released for).
const ticks = 100

// serverTime gives the CPU seconds that a server has taken: its first process, those that it has begun, and those of them that have ended.
// Only Linux tells it; elsewhere it is 0.
func serverTime(first int) float64 {
	var all int
	processes, _ := filepath.Glob("/proc/[0-9]*/stat") // a constant pattern
	for _, name := range processes {
		stat, err := os.ReadFile(name)
		if err != nil {
			continue // it has ended
		}
		if parent, spent := processTime(stat); parent == first || name == fmt.Sprintf("/proc/%d/stat", first) {
			all += spent
		}
	}
	return float64(all) / ticks
}

// processTime reads a process's parent, and the ticks that it and those that it has waited for have taken.
func processTime(stat []byte) (parent, spent int) {
	fields := bytes.Fields(stat[bytes.LastIndexByte(stat, ')')+1:]) // the name before may hold anything
	if len(fields) < 15 {
		return 0, 0
	}
	parent, _ = strconv.Atoi(string(fields[1]))
	for _, field := range fields[11:15] { // utime, stime, cutime, cstime
		n, _ := strconv.Atoi(string(field))
		spent += n
	}
	return parent, spent
}
