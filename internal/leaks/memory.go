package leaks

import (
	"fmt"
	"os"
	"regexp"
	"strconv"
	"time"
)

// highWater is the peak of a process's resident memory in its /proc/PID/status, in KiB.
var highWater = regexp.MustCompile(`(?m)^VmHWM:\s+(\d+) kB$`)

// PeakMemory gives the peak of a process's memory in bytes, read until it ends; 0 where there is no /proc. (The kernel's own
// sum, ru_maxrss, begins with the peak of the process that started it, because Go starts processes by vfork: of the test, that is.)
func PeakMemory(pid int) (bytes int64) {
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	for ; ; <-tick.C {
		status, err := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid))
		found := highWater.FindSubmatch(status)
		if err != nil || found == nil { // a process that has ended has no memory
			break
		}
		kib, err := strconv.ParseInt(string(found[1]), 10, 64)
		if err != nil {
			break
		}
		bytes = max(bytes, kib<<10)
	}
	return bytes
}
