package faults

import "syscall"

// mountSmall mounts a disk of one page in a folder.
func mountSmall(dir string) error { return syscall.Mount("tmpfs", dir, "tmpfs", 0, "size=8k,mode=777") }
