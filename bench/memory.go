package main

import (
	"bytes"
	"fmt"
	"os"
	"strconv"
	"time"
)

// memoryWatch finds the most memory that a process had. The system tells it at the process's end (getrusage), but on
// Linux a process begins with the peak of the one that started it, as if it were its own (exec_mmap in fs/exec.c keeps
// it); so what is below this program's own peak is taken from /proc, where the number is right but goes with the process.
type memoryWatch struct {
	stop chan struct{}
	seen chan int64
}

// watchEvery is how often /proc is asked. The number there never falls, so that only growth in the last moment is missed.
const watchEvery = 20 * time.Millisecond

// watchMemory begins to watch the process pid.
func watchMemory(pid int) memoryWatch {
	w := memoryWatch{stop: make(chan struct{}), seen: make(chan int64)}
	go func() {
		var most int64
		tick := time.NewTicker(watchEvery)
		defer tick.Stop()
		for {
			select {
			case <-w.stop:
				w.seen <- most
				return
			case <-tick.C:
				status, _ := os.ReadFile(fmt.Sprintf("/proc/%d/status", pid)) // not there on other systems
				most = max(most, highWater(status))
			}
		}
	}()
	return w
}

// end gives the most memory in bytes, of a process that has ended.
func (w memoryWatch) end(state *os.ProcessState) int64 {
	close(w.stop)
	seen := <-w.seen
	told := peakMemory(state)
	if seen > 0 && told <= ownPeakMemory() {
		return seen
	}
	return told
}

// highWater reads VmHWM from /proc/PID/status, in bytes; 0 if it is not there.
func highWater(status []byte) int64 {
	_, rest, _ := bytes.Cut(status, []byte("\nVmHWM:"))
	number, _, found := bytes.Cut(rest, []byte(" kB"))
	if !found {
		return 0
	}
	kilobytes, err := strconv.ParseInt(string(bytes.TrimSpace(number)), 10, 64)
	if err != nil {
		return 0
	}
	return kilobytes << 10
}
