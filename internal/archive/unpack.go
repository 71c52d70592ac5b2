package archive

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"
	"unicode"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Modes of what is unpacked: the steps that come later in a GitHub job run as another user.
const (
	fileMode   = 0o644
	folderMode = 0o755
)

// Unpack writes all files of the archive into the folder dir, which it makes if need be, in the layout that FS shows
// (without the only folder around them). Regular files already there are replaced; everything else that is in the way,
// links above all, is refused. Nothing outside dir is touched.
//
// Everything is first written to a folder of its own inside dir and checked, and moved into place then: on an error,
// or when ctx is cancelled, dir is left as it was. Errors have the code Data, or are bare context errors.
func (a *Archive) Unpack(ctx context.Context, dir string) error { return a.unpack(ctx, dir, "") }

// UnpackWhole is Unpack with the only folder around the files, where there is one.
func (a *Archive) UnpackWhole(ctx context.Context, dir string) error {
	return a.unpack(ctx, dir, a.folder)
}

func (a *Archive) unpack(ctx context.Context, dir, folder string) error {
	names, err := a.regularFiles(folder)
	if err != nil {
		return err
	}
	if a.kind == Folder && sameFolder(a.path, dir) {
		return nil // they are where they should be
	}
	return place(ctx, dir, names, func(name string) (fs.File, error) { return a.files.Open(strings.TrimPrefix(name, folder+"/")) })
}

// Keep copies the plain file at src into the folder dir under the given name, which must have no slash. The rules are
// those of Unpack. The file at src stays.
func Keep(ctx context.Context, src, dir, name string) error {
	if !fs.ValidPath(name) || name == "." || filepath.Base(name) != name {
		return refusedf(dir, "%q is not a name for a file", shortened(name))
	}
	return place(ctx, dir, []string{name}, func(string) (fs.File, error) { return os.Open(src) })
}

// regularFiles lists the files of the archive in order, in a folder where that is not "".
func (a *Archive) regularFiles(folder string) ([]string, error) {
	var names []string
	err := fs.WalkDir(a.files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return cannotOpen(path.Join(a.path, name), err)
		case isJunk(name) && entry.IsDir():
			return fs.SkipDir
		case isJunk(name) || entry.IsDir():
			return nil
		case !entry.Type().IsRegular():
			return refusedf(a.path, "%q is a link or a special file", shortened(name))
		}
		name = path.Join(folder, name)
		if why := harmfulName(name); why != "" {
			return &problem.Error{Code: problem.Data, Topic: problem.Archive, Where: a.path, What: fmt.Sprintf("%q is not kept in a data folder: %s", shortened(name), why),
				Remedy: "Load the archive without the setting data-dir, or unpack it yourself where it can do no harm."}
		}
		names = append(names, name)
		return nil
	})
	return names, err
}

// harmfulName says what harm a file of that name could do in a folder that is used for something else as well: that of git holds
// commands that git runs, and names of devices are no files on Windows, in whatever folder and with whatever ending.
func harmfulName(name string) string {
	for part := range strings.SplitSeq(name, "/") {
		part = plainName(part)
		switch base, _, _ := strings.Cut(part, "."); {
		case ofGit(part):
			return "git would take it for its own"
		case slices.Contains(devices, strings.TrimRight(base, " ")):
			return "Windows has a device of that name"
		}
	}
	return ""
}

// plainName gives a name as the file systems take it that see the least of it.
func plainName(part string) string {
	part = strings.Map(func(c rune) rune {
		if unicode.Is(unicode.Cf, c) { // HFS+ looks through characters that have no width
			return -1
		}
		return unicode.ToLower(c)
	}, part)
	part, _, _ = strings.Cut(part, ":")  // on NTFS what follows is a stream of the file
	return strings.TrimRight(part, " .") // as Windows does
}

// ofGit tells whether a plain name is that of git's own folder, or its 8.3 name.
func ofGit(part string) bool {
	short, isShort := strings.CutPrefix(part, "git~")
	return part == ".git" || isShort && strings.Trim(short, "0123456789") == ""
}

// CheckDir refuses, as a setting, a folder that is git's own, or is in it: what is named config there is commands that git runs.
func CheckDir(dir string) error {
	whole, err := filepath.Abs(dir)
	if err != nil {
		return cannotWrite(dir, err)
	}
	for there := whole; ; there = filepath.Dir(there) { // it may not be there yet
		if linked, err := filepath.EvalSymlinks(there); err == nil {
			whole += "/" + linked
			break
		} else if there == filepath.Dir(there) {
			break
		}
	}
	for part := range strings.SplitSeq(filepath.ToSlash(whole), "/") {
		if ofGit(plainName(part)) {
			return &problem.Error{Code: problem.Settings, Where: dir, What: "nothing is kept in this folder: git would take it for its own",
				Remedy: "Give another folder as the setting data-dir."}
		}
	}
	return nil
}

// devices are the names that Windows keeps for itself.
var devices = func() []string {
	names := []string{"con", "prn", "aux", "nul", "conin$", "conout$", "clock$"}
	for _, c := range "0123456789¹²³" {
		names = append(names, "com"+string(c), "lpt"+string(c))
	}
	return names
}()

func sameFolder(a, b string) bool {
	infoA, errA := os.Stat(a)
	infoB, errB := os.Stat(b)
	return errA == nil && errB == nil && os.SameFile(infoA, infoB)
}

// place writes the named files into dir, all or none.
func place(ctx context.Context, dir string, names []string, open func(name string) (fs.File, error)) (err error) {
	if err := CheckDir(dir); err != nil {
		return err
	}
	if _, statErr := os.Stat(dir); errors.Is(statErr, fs.ErrNotExist) {
		if err := os.MkdirAll(dir, folderMode); err != nil {
			return cannotWrite(dir, err)
		}
		if err := os.Chmod(dir, folderMode); err != nil { // whatever the umask
			return cannotWrite(dir, err)
		}
		defer func() {
			if err != nil {
				_ = os.Remove(dir) // it is empty again; the error that is on its way says enough
			}
		}()
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return cannotWrite(dir, err)
	}
	defer root.Close()
	if err := checkWay(root, dir, names); err != nil {
		return err
	}
	staging := fmt.Sprintf(".fabricate-seed-%d-%s", os.Getpid(), strconv.FormatInt(time.Now().UnixNano(), 36))
	if err := root.Mkdir(staging, 0o700); err != nil {
		return cannotWrite(dir, err)
	}
	defer func() {
		if removeErr := root.RemoveAll(staging); removeErr != nil && err == nil {
			err = cannotWrite(dir, removeErr)
		}
	}()
	for _, name := range names {
		if err := stage(ctx, root, dir, path.Join(staging, name), name, open); err != nil {
			return err
		}
	}
	return move(root, dir, staging, names)
}

// checkWay refuses what is in the way of the files: links, which could lead elsewhere, folders and special files.
func checkWay(root *os.Root, dir string, names []string) error {
	seen := make(map[string]bool) // folders looked at already
	for _, name := range names {
		info, err := root.Lstat(name)
		if err == nil && !info.Mode().IsRegular() {
			return inTheWay(dir, name)
		}
		for above := path.Dir(name); above != "." && !seen[above]; above = path.Dir(above) {
			seen[above] = true
			info, err := root.Lstat(above)
			if err == nil && !info.IsDir() {
				return inTheWay(dir, above)
			}
		}
	}
	return nil
}

func inTheWay(dir, name string) error {
	return &problem.Error{
		Code:   problem.Data,
		Topic:  problem.Archive,
		Where:  filepath.Join(dir, name),
		What:   "a link, a folder or a special file is in the way of what is to be kept here",
		Remedy: "Remove it, or give another folder as the setting data-dir.",
	}
}

// stage writes one file below the staging folder.
func stage(
	ctx context.Context, root *os.Root, dir, target, name string, open func(string) (fs.File, error),
) (err error) {
	if err := root.MkdirAll(path.Dir(target), folderMode); err != nil {
		return cannotWrite(dir, err)
	}
	source, err := open(name)
	if err != nil {
		return orCannotOpen(name, err)
	}
	defer source.Close()
	out, err := root.OpenFile(target, os.O_WRONLY|os.O_CREATE|os.O_EXCL, fileMode)
	if err != nil {
		return cannotWrite(dir, err)
	}
	defer func() {
		if closeErr := out.Close(); closeErr != nil && err == nil {
			err = cannotWrite(dir, closeErr)
		}
	}()
	buffer := make([]byte, 128<<10)
	for {
		if err := ctx.Err(); err != nil {
			return err
		}
		n, readErr := source.Read(buffer)
		if _, err := out.Write(buffer[:n]); err != nil {
			return cannotWrite(dir, err)
		}
		switch {
		case errors.Is(readErr, io.EOF):
			if err := out.Chmod(fileMode); err != nil { // whatever the umask
				return cannotWrite(dir, err)
			}
			return nil
		case readErr != nil:
			return orCannotOpen(name, readErr)
		}
	}
}

// orCannotOpen keeps an error that is written for people already.
func orCannotOpen(name string, err error) error {
	var p *problem.Error
	if errors.As(err, &p) {
		return err
	}
	return cannotOpen(name, err)
}

// move puts the staged files into place. When that fails half-way, those that took nobody's place are removed again.
func move(root *os.Root, dir, staging string, names []string) (err error) {
	var made []string // files and folders, in the order they were made
	defer func() {
		if err != nil {
			for _, name := range slices.Backward(made) {
				_ = root.Remove(name) // the error that is on its way says enough
			}
		}
	}()
	for _, name := range names {
		folders, err := makeFolders(root, path.Dir(name))
		made = append(made, folders...)
		if err != nil {
			return cannotWrite(dir, err)
		}
		_, err = root.Lstat(name)
		isNew := errors.Is(err, fs.ErrNotExist)
		if err := root.Rename(path.Join(staging, name), name); err != nil {
			return cannotWrite(dir, err)
		}
		if isNew {
			made = append(made, name)
		}
	}
	return nil
}

// makeFolders makes a folder and those above it, and tells which are new, the upper ones first.
func makeFolders(root *os.Root, name string) (made []string, err error) {
	if name == "." {
		return nil, nil
	}
	if _, err := root.Lstat(name); err == nil {
		return nil, nil
	}
	if made, err = makeFolders(root, path.Dir(name)); err != nil {
		return made, err
	}
	if err := root.Mkdir(name, folderMode); err != nil {
		return made, err
	}
	return append(made, name), root.Chmod(name, folderMode) // whatever the umask
}

func cannotWrite(dir string, err error) error {
	p := &problem.Error{
		Code:   problem.Data,
		Topic:  problem.Archive,
		Where:  dir,
		What:   "the data cannot be written here: " + problem.WithoutPath(err).Error(),
		Remedy: "Give as the setting data-dir a folder that may be written.",
		Err:    err,
	}
	if errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) {
		p.What = "there is no space left for the data"
		p.Remedy = "Free some space, or give as the setting data-dir a folder on a larger disk."
	}
	return p
}
