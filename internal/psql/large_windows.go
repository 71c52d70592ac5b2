package psql

import (
	"syscall"
	"unsafe"
)

var (
	kernel32     = syscall.NewLazyDLL("kernel32.dll")
	virtualAlloc = kernel32.NewProc("VirtualAlloc")
	virtualFree  = kernel32.NewProc("VirtualFree")
)

// mapMemory gives memory that is taken as it is written, n bytes at most.
func mapMemory(n int) ([]byte, error) {
	const commit, reserve, readWrite = 0x1000, 0x2000, 4
	at, _, err := virtualAlloc.Call(0, uintptr(n), commit|reserve, readWrite)
	if at == 0 {
		return nil, err
	}
	return unsafe.Slice(*(**byte)(unsafe.Pointer(&at)), n), nil
}

// unmapMemory gives it back. Whoever reads it afterwards ends the process.
func unmapMemory(b []byte) error {
	const release = 0x8000
	if ok, _, err := virtualFree.Call(uintptr(unsafe.Pointer(&b[0])), 0, release); ok == 0 {
		return err
	}
	return nil
}
