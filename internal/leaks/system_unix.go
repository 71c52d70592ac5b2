//go:build unix

package leaks

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
)

// openFiles gives the files, pipes and sockets that this process has open, by number and name. It knows them on Linux alone;
// elsewhere there are none.
func openFiles() []string {
	const dir = "/proc/self/fd"
	entries, _ := os.ReadDir(dir)
	names, times := map[string]string{}, map[string]int{}
	for _, e := range entries {
		if name, err := os.Readlink(filepath.Join(dir, e.Name())); err == nil { // not the folder itself, which is closed again
			names[e.Name()] = name
			times[name]++
		}
	}
	var open []string
	for number, name := range names {
		// Go keeps some for itself: eventpoll and eventfd, and pipes, both ends, through which it splices sockets.
		if !strings.HasPrefix(name, "anon_inode:") && (!strings.HasPrefix(name, "pipe:") || times[name] == 1) {
			open = append(open, number+" "+name)
		}
	}
	slices.Sort(open)
	return open
}

// children tells whether a process that was started here still runs.
func children() []string {
	for {
		var status syscall.WaitStatus
		switch pid, err := syscall.Wait4(-1, &status, syscall.WNOHANG, nil); {
		case errors.Is(err, syscall.ECHILD):
			return nil
		case err == nil && pid == 0:
			return []string{"one at least that still runs"}
		} // else one that has ended
	}
}
