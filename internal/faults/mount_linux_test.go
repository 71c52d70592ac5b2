package faults

import "syscall"

// mountSmall mounts a disk in a folder; size is as in "size=8k".
func mountSmall(dir, size string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", 0, size+",mode=777")
}

// remountSmall gives it another size.
func remountSmall(dir, size string) error {
	return syscall.Mount("tmpfs", dir, "tmpfs", syscall.MS_REMOUNT, size)
}
