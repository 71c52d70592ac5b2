package cache

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gofrs/flock"
)

// The modes of what is made here: for its owner alone.
const (
	folderMode = 0o700
	fileMode   = 0o600
)

const (
	lookAgain = 200 * time.Millisecond // pause between two looks while another run generates
	abandoned = 24 * time.Hour         // without locks, what is older than this is nobody's any more
)

// Turn is the right to generate for a request: nobody else who uses the folder has it at the same time.
type Turn struct {
	folder  *Folder
	request described
	lock    *flock.Flock // nil where there are no locks
	part    string       // name of the folder that is being filled; empty when it has become an archive
}

// Turn waits for the turn to generate for a request. It gives nil when a fresh archive has come instead: look for it with Find. While
// another run has the turn, waiting is told now and then for how long.
//
// An error is ctx's, or tells why nothing can be kept in the folder.
func (f *Folder) Turn(ctx context.Context, r Request, fresh Fresh, waiting func(time.Duration)) (*Turn, error) {
	about, err := r.described()
	if err != nil {
		return nil, err
	}
	key := about.key()
	if err := makeFolder(f.path); err != nil {
		return nil, err
	}
	began := time.Now()
	for {
		lock, free, noLocks := f.tryKey(key)
		if f.fresh(key, fresh) {
			unlock(lock)
			return nil, nil //nolint:nilnil // as said
		}
		if free {
			t := &Turn{folder: f, request: about, lock: lock}
			if err := t.begin(); err != nil {
				unlock(lock)
				return nil, err
			}
			if noLocks != nil {
				f.warn(fmt.Sprintf("the folder %s cannot be locked (%v): two runs at once may both generate", f.path, noLocks))
			}
			return t, nil
		}
		waiting(time.Since(began))
		select {
		case <-ctx.Done():
			return nil, ctx.Err()
		case <-time.After(lookAgain):
		}
	}
}

// tryKey tries to lock a key. Without locks it is free, and the error says why there are none.
func (f *Folder) tryKey(key Key) (lock *flock.Flock, free bool, err error) {
	name := f.in(string(key) + lockEnding)
	for {
		if err := makeFile(name, nil); err != nil && !errors.Is(err, fs.ErrExist) {
			return nil, true, err
		}
		lock = flock.New(name, flock.SetFlag(os.O_RDWR))
		locked, err := lock.TryLock()
		switch {
		case errors.Is(err, fs.ErrNotExist): // removed by prune in between
			continue
		case err != nil:
			_ = lock.Close()
			return nil, true, withoutPath(filepath.Base(name), err)
		case !locked:
			return nil, false, nil
		case isStill(lock):
			return lock, true, nil
		}
		_ = lock.Close()
	}
}

func unlock(lock *flock.Flock) {
	if lock != nil {
		_ = lock.Close() // the process's end does the same
	}
}

// begin takes away what was left by runs that were killed, and makes the folder to fill.
func (t *Turn) begin() error {
	key := t.request.key()
	t.folder.leftovers(key, t.lock != nil) // what cannot be removed is in nobody's way
	part, err := os.MkdirTemp(t.folder.path, string(key)+".*"+partEnding)
	if err == nil {
		t.part = filepath.Base(part)
		err = errors.Join(adopt(part), makeFolder(filepath.Join(part, dataFolder)))
	}
	return err
}

// parts gives the folders of a key that nobody fills any more: all of them for the holder of the lock, old ones where there are no locks.
func (f *Folder) parts(key Key, locked bool) []string {
	listed, _ := os.ReadDir(f.path) // what cannot be listed is found another time
	var names []string
	for _, one := range listed {
		if partKey(one.Name()) != key {
			continue
		}
		if info, err := one.Info(); locked || err == nil && time.Since(info.ModTime()) > abandoned {
			names = append(names, one.Name())
		}
	}
	return names
}

// partKey gives the key in the name of a folder that is being filled; "" for any other name.
func partKey(name string) Key {
	key, rest, _ := strings.Cut(name, ".")
	if !isKey(key) || !strings.HasSuffix("."+rest, partEnding) {
		return ""
	}
	return Key(key)
}

// Dir is the folder to download into.
func (t *Turn) Dir() string { return t.folder.in(t.part, dataFolder) }

// Put makes an archive of the file in Dir that about names, and holds it. Older archives of the request are removed, except where a run
// holds them. After an error the file is where it was.
func (t *Turn) Put(about About) (*Held, error) {
	f := t.folder
	about.Request = t.request
	data := f.in(t.part, dataFolder, about.File)
	if about.File != filepath.Base(about.File) {
		return nil, fmt.Errorf("%q is no name of a file", about.File)
	}
	if err := finish(data); err != nil {
		return nil, err
	}
	if err := makeFile(f.in(t.part, aboutFile), about.text()); err != nil {
		return nil, err
	}
	middle := strings.TrimSuffix(strings.TrimPrefix(t.part, string(t.request.key())+"."), partEnding)
	e := entry{name: string(t.request.key()) + "-" + middle, key: t.request.key()}
	if err := errors.Join(syncFolder(f.in(t.part, dataFolder)), syncFolder(f.in(t.part))); err != nil {
		return nil, err
	}
	if err := os.Rename(f.in(t.part), f.in(e.name)); err != nil {
		return nil, err
	}
	t.part = ""
	if err := syncFolder(f.path); err != nil {
		return nil, err
	}
	if e.about, e.err = f.about(e); e.err != nil {
		return nil, e.err
	}
	held, err := f.hold(e)
	if err != nil {
		return nil, err
	}
	entries, _ := f.entries(e.key) // what cannot be listed is removed another time
	for _, other := range entries {
		if other.name != e.name {
			_ = f.remove(other) // likewise
		}
	}
	return held, nil
}

// End gives the turn to the next who waits, and removes what has not become an archive.
func (t *Turn) End() error {
	var err error
	if t.part != "" {
		err = os.RemoveAll(t.folder.in(t.part))
		t.part = ""
	}
	unlock(t.lock)
	t.lock = nil
	return err
}

// makeFolder makes a folder and those above it that are missing.
func makeFolder(path string) error {
	if info, err := os.Stat(path); err == nil && info.IsDir() {
		return nil
	}
	if above := filepath.Dir(path); above != path {
		if err := makeFolder(above); err != nil {
			return err
		}
	}
	err := os.Mkdir(path, folderMode)
	if errors.Is(err, fs.ErrExist) { // made by another at the same time, unless it is a file
		if info, statErr := os.Stat(path); statErr == nil && info.IsDir() {
			return nil
		}
	}
	if err != nil {
		return err
	}
	return adopt(path)
}

// makeFile makes a file that does not exist yet, and has it on the disk.
func makeFile(path string, text []byte) error {
	file, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return err
	}
	_, err = file.Write(text)
	return errors.Join(err, file.Close(), finish(path))
}

// finish gives a file its owner and mode, and has it on the disk.
func finish(path string) error {
	if err := errors.Join(adopt(path), os.Chmod(path, fileMode)); err != nil {
		return err
	}
	file, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(file.Sync(), file.Close())
}
