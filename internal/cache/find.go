package cache

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"time"

	"github.com/gofrs/flock"
)

// Held is an archive that nobody takes away until it is released.
type Held struct {
	About
	Path string // of the file

	lock *flock.Flock // nil where there are no locks
}

// Release lets go of the archive.
func (h *Held) Release() {
	if h.lock != nil {
		_ = h.lock.Close() // the process's end does the same
	}
}

// Find gives the newest archive of a request, if it is fresh and undamaged, and holds it; all of it is read for that, which progress is
// told of. Otherwise it gives nil, and what is told of one that is too old, if there is one. Damage is warned of.
//
// An error is ctx's, or that of a folder that cannot be read.
func (f *Folder) Find(ctx context.Context, r Request, fresh Fresh, progress func(done, total int64)) (found *Held, old *About, err error) {
	key, err := r.Key()
	if err != nil {
		return nil, nil, err
	}
	entries, err := f.entries(key)
	if err != nil {
		return nil, nil, err
	}
	for _, e := range entries {
		switch {
		case f.bad[e.name], errors.Is(e.err, errUnfinished):
			continue
		case e.err != nil:
			f.damaged(e, e.err)
			continue
		case !fresh.enough(e.about.Created):
			if old == nil {
				old = &e.about
			}
			continue
		}
		held, err := f.hold(e)
		if errors.Is(err, errGone) {
			continue
		}
		if err := f.verify(ctx, e, progress); err != nil {
			held.Release()
			if ctx.Err() != nil {
				return nil, nil, ctx.Err()
			}
			f.damaged(e, err)
			continue
		}
		return held, nil, nil
	}
	return nil, old, nil
}

// fresh says whether there is an archive that Find may give.
func (f *Folder) fresh(key Key, fresh Fresh) bool {
	entries, err := f.entries(key)
	if err != nil {
		return false
	}
	for _, e := range entries {
		if e.err == nil && !f.bad[e.name] && fresh.enough(e.about.Created) {
			return true
		}
	}
	return false
}

func (f *Folder) damaged(e entry, why error) {
	f.bad[e.name] = true
	when := ""
	if !e.about.Created.IsZero() {
		when = " of " + e.about.Created.Format(time.DateTime)
	}
	f.warn(fmt.Sprintf("the archive%s in %s is damaged, and is not used: %v", when, f.in(e.name), why))
}

var errGone = errors.New("the archive was removed")

// hold keeps an archive from being removed; errGone when that is too late.
func (f *Folder) hold(e entry) (*Held, error) {
	about := f.in(e.name, aboutFile)
	held := &Held{About: e.about, Path: f.in(e.name, dataFolder, e.about.File)}
	lock := flock.New(about, flock.SetFlag(os.O_RDONLY))
	locked, err := lock.TryRLock()
	switch {
	case errors.Is(err, fs.ErrNotExist), err == nil && !locked:
		return nil, errGone
	case err != nil: // there are no locks here
		_ = lock.Close()
		return held, nil //nolint:nilerr // as said
	}
	if !isStill(lock) {
		_ = lock.Close()
		return nil, errGone
	}
	held.lock = lock
	return held, nil
}

// isStill says whether the file that is locked is the one that has its name now.
func isStill(lock *flock.Flock) bool {
	locked, err := lock.Stat()
	if err != nil {
		return false
	}
	named, err := os.Stat(lock.Path())
	return err == nil && os.SameFile(locked, named)
}

// verify reads an archive and compares its SHA-256.
func (f *Folder) verify(ctx context.Context, e entry, progress func(done, total int64)) error {
	root, err := os.OpenRoot(f.in(e.name))
	if err != nil {
		return err
	}
	defer root.Close()
	file, err := f.openOwn(root, dataFolder+"/"+e.about.File)
	if err != nil {
		return err
	}
	defer file.Close()
	sum := sha256.New()
	buffer := make([]byte, 256<<10)
	for done := int64(0); ; {
		n, err := file.Read(buffer)
		sum.Write(buffer[:n])
		done += int64(n)
		progress(done, e.about.Size)
		switch {
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.Is(err, io.EOF):
			if hex.EncodeToString(sum.Sum(nil)) != e.about.SHA256 {
				return errors.New("its SHA-256 is not what it was")
			}
			return nil
		case err != nil:
			return withoutPath(e.about.File, err)
		}
	}
}
