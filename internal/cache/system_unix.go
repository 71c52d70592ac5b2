//go:build unix

package cache

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
)

// adopt gives what root has just made to the owner of the folder that it is in. A container action runs as root in a workspace of the
// runner's, and actions/cache, which does not, has to read what is kept.
func adopt(path string) error {
	if os.Geteuid() != 0 {
		return nil
	}
	info, err := os.Stat(filepath.Dir(path))
	if err != nil {
		return err
	}
	above, ok := info.Sys().(*syscall.Stat_t)
	if !ok || above.Uid == 0 {
		return nil
	}
	return os.Lchown(path, int(above.Uid), int(above.Gid))
}

// trusted says whether a file is of somebody whose files are believed: this user, the owner of the folder, or root.
func trusted(file, folder fs.FileInfo) bool {
	of, ok := file.Sys().(*syscall.Stat_t)
	in, also := folder.Sys().(*syscall.Stat_t)
	return ok && also && (of.Uid == 0 || of.Uid == in.Uid || int(of.Uid) == os.Geteuid())
}

// syncFolder has the names in a folder on the disk. Some file systems know no such thing.
func syncFolder(path string) error {
	folder, err := os.Open(path)
	if err != nil {
		return err
	}
	defer folder.Close()
	if err := folder.Sync(); err != nil && !errors.Is(err, syscall.EINVAL) && !errors.Is(err, syscall.ENOTSUP) {
		return err
	}
	return nil
}

// removable is done with the lock on what is to be removed: here a file can be removed while it is locked.
func removable(func()) {}
