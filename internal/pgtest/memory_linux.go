package pgtest

import (
	"bufio"
	"fmt"
	"os"
	"syscall"
)

// enoughMemory is how many bytes must be free for a cluster to be kept in memory: a few times what the tests of a package need.
const enoughMemory = 8 << 30

// memoryFolder gives a folder that is kept in memory, "" where that, or memory itself, has too little room.
func memoryFolder() string {
	const dir, tmpfs = "/dev/shm", 0x01021994
	var fs syscall.Statfs_t
	if err := syscall.Statfs(dir, &fs); err != nil || fs.Type != tmpfs || fs.Bavail*uint64(fs.Bsize) < enoughMemory || freeMemory() < enoughMemory {
		return ""
	}
	return dir
}

// freeMemory gives how many bytes programs may still take without swapping, as the kernel estimates it; 0 if it does not say.
func freeMemory() uint64 {
	f, err := os.Open("/proc/meminfo")
	if err != nil {
		return 0
	}
	defer func() { _ = f.Close() }()
	for lines := bufio.NewScanner(f); lines.Scan(); {
		var kib uint64
		if n, _ := fmt.Sscanf(lines.Text(), "MemAvailable: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}
