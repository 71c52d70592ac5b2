package cache

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/gofrs/flock"
)

// Listed is an archive in the folder.
type Listed struct {
	About
	Key   Key
	Bytes int64  // on the disk
	Why   string // why it is of no use, or was removed; empty for one that is used
	Err   error  // why it could not be removed

	entry entry
}

// List gives the archives in the folder, the newest first. It does not read them: of damage only what shows in length and about.json
// is told.
func (f *Folder) List() ([]Listed, error) {
	entries, err := f.entries("")
	if err != nil {
		return nil, err
	}
	var all []Listed
	seen := map[Key]bool{}
	for _, e := range entries {
		l := Listed{About: e.about, Key: e.key, Bytes: sizeOf(f.in(e.name)), entry: e}
		switch {
		case e.err != nil:
			l.Why = "damaged: " + e.err.Error()
		case seen[e.key]:
			l.Why = "there is a newer one"
		default:
			seen[e.key] = true
		}
		all = append(all, l)
	}
	return all, nil
}

// Limits are what Prune leaves.
type Limits struct {
	MaxAge   time.Duration // younger ones; 0 means that any age will do
	MaxBytes int64         // so much in all, the newest; 0 means that there is no limit
}

// Prune removes archives that are damaged, superseded, too old or too much, and what killed runs have left behind. It gives what was
// removed, or was to be and has an error; and what is left. What a run loads or generates at the moment stays.
func (f *Folder) Prune(limits Limits) (removed, left []Listed, err error) {
	listed, err := f.List()
	if err != nil {
		return nil, nil, err
	}
	var kept int64
	full := false
	for i, l := range listed {
		if l.Why != "" {
			continue
		}
		full = full || limits.MaxBytes > 0 && kept+l.Bytes > limits.MaxBytes
		switch {
		case limits.MaxAge > 0 && time.Since(l.Created) >= limits.MaxAge:
			listed[i].Why = "too old"
		case full:
			listed[i].Why = "too much"
		default:
			kept += l.Bytes
		}
	}
	keys, err := f.keys()
	if err != nil {
		return nil, nil, err
	}
	for _, key := range keys {
		gone, stay := f.pruneKey(key, listed)
		removed, left = append(removed, gone...), append(left, stay...)
	}
	return removed, left, nil
}

// keys gives every key that something in the folder is named after, in order.
func (f *Folder) keys() ([]Key, error) {
	listed, err := os.ReadDir(f.path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	var keys []Key
	for _, one := range listed {
		name := one.Name()
		if len(name) > keyLength && isKey(name[:keyLength]) && !slices.Contains(keys, Key(name[:keyLength])) {
			keys = append(keys, Key(name[:keyLength]))
		}
	}
	return keys, nil
}

// pruneKey removes what is to be removed of one key.
func (f *Folder) pruneKey(key Key, listed []Listed) (removed, left []Listed) {
	lock, free, err := f.tryKey(key)
	defer func() { unlock(lock) }()
	for _, l := range listed {
		if l.Key != key {
			continue
		}
		switch {
		case l.Why == "":
			left = append(left, l)
			continue
		case !free:
			l.Err = ErrInUse
		default:
			l.Err = f.remove(l.entry)
		}
		removed = append(removed, l)
	}
	if !free {
		return removed, left
	}
	removed = append(removed, f.leftovers(key, lock != nil)...)
	if err == nil && len(left) == 0 && !slices.ContainsFunc(removed, func(l Listed) bool { return l.Err != nil }) {
		removable(func() { unlock(lock) })
		_ = os.Remove(f.in(string(key) + lockEnding)) // an empty file, which may as well stay
	}
	return removed, left
}

// leftovers removes what killed runs have left of a key, and lists it.
func (f *Folder) leftovers(key Key, locked bool) []Listed {
	var all []Listed
	for _, name := range f.parts(key, locked) {
		l := Listed{Key: key, Bytes: sizeOf(f.in(name)), Why: "left behind by a run that was killed"}
		l.Err = os.RemoveAll(f.in(name))
		all = append(all, l)
	}
	return all
}

// remove removes an archive, unless a run holds it.
func (f *Folder) remove(e entry) error {
	about := f.in(e.name, aboutFile)
	lock := flock.New(about, flock.SetFlag(os.O_RDWR))
	locked, err := lock.TryLock()
	switch {
	case errors.Is(err, fs.ErrNotExist): // somebody was killed while removing it
	case err != nil && (e.about.Created.IsZero() || time.Since(e.about.Created) < abandoned):
		return fmt.Errorf("whether a run uses it cannot be told: %w", err)
	case err == nil && !locked:
		return ErrInUse
	}
	defer unlock(lock)
	removable(func() { unlock(lock) })
	if err := os.Remove(about); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return os.RemoveAll(f.in(e.name))
}

// ErrInUse is of what stays because a run loads or generates it at the moment.
var ErrInUse = errors.New("a run uses it")

func sizeOf(path string) int64 {
	var bytes int64
	_ = filepath.WalkDir(path, func(_ string, entry fs.DirEntry, err error) error {
		if err != nil {
			return nil //nolint:nilerr // what cannot be read is not counted
		}
		if info, err := entry.Info(); err == nil && info.Mode().IsRegular() {
			bytes += info.Size()
		}
		return nil
	})
	return bytes
}
