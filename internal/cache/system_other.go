//go:build !unix

package cache

import "io/fs"

// adopt gives what was made to the owner of its folder, where a file's rights are not inherited anyway.
func adopt(string) error { return nil }

// trusted says whether a file is of somebody whose files are believed. Here the folder's rights decide who can write.
func trusted(_, _ fs.FileInfo) bool { return true }

// syncFolder has the names in a folder on the disk, where that can be asked for.
func syncFolder(string) error { return nil }

// removable is done with the lock on what is to be removed: here a file that is open cannot be removed, whoever has it open.
func removable(unlock func()) { unlock() }
