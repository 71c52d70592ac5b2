//go:build unix

package cache

import (
	"io/fs"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// As root everything belongs to who has the folder, as in a container action.
func TestRootGivesTheFolderItsOwner(t *testing.T) {
	t.Parallel()
	if os.Geteuid() != 0 {
		t.Skip("this needs root")
	}
	above := t.TempDir()
	if err := os.Chown(above, 12345, 12346); err != nil {
		t.Fatal(err)
	}
	f, _ := open(filepath.Join(above, "a", "b"))
	put(t, f, request, "text", time.Now())
	if _, text := found(t, f, request, 0); text != "text" {
		t.Errorf("found %q", text)
	}
	err := filepath.WalkDir(above, func(path string, entry fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := entry.Info()
		if stat, ok := info.Sys().(*syscall.Stat_t); ok && stat.Uid != 12345 {
			t.Errorf("%s is of user %d", path, stat.Uid)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
