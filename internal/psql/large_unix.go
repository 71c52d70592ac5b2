//go:build linux || darwin

package psql

import "syscall"

// mapMemory gives memory that is taken as it is written, n bytes at most.
func mapMemory(n int) ([]byte, error) {
	return syscall.Mmap(-1, 0, n, syscall.PROT_READ|syscall.PROT_WRITE, syscall.MAP_ANON|syscall.MAP_PRIVATE|syscall.MAP_NORESERVE)
}

// unmapMemory gives it back. Whoever reads it afterwards ends the process.
func unmapMemory(b []byte) error { return syscall.Munmap(b) }
