// Package archive shows a zip, a folder or one file as one fs.FS. Entries of a zip are read straight out of it;
// nothing is unpacked to be loaded.
//
// What comes in a zip is not trusted. Names, types, sizes and positions of all entries are checked before the first
// byte is read, contents while they are read: see [Open] for what is refused.
package archive

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Kind says what an archive is made of.
type Kind string

// The kinds of archive.
const (
	Zip    Kind = "zip"
	Folder Kind = "folder"
	File   Kind = "file"
)

// The limits of a zip where Limits says nothing.
const (
	DefaultEntries = 50_000  // entries
	DefaultBytes   = 1 << 40 // bytes of all entries together, unpacked: 1 TiB

	// DefaultRatio is how many times larger than its zip an archive may be. Deflate cannot go beyond 1,032, and bombs
	// come close to it. SQL with rows that differ in an id alone stays below 60 and real exports below 20, so 200 is
	// out of reach for data and refuses bombs.
	DefaultRatio = 200

	// ratioFree is how much an archive may hold whatever its ratio, in bytes: so little harms nobody.
	ratioFree = 100 << 20

	// maxDirectory limits what is read to list the entries of a zip, in bytes. It bounds the memory that a hostile
	// directory can take, before the entries can be counted.
	maxDirectory = 8 << 20

	maxName  = 1024 // bytes of an entry's name
	maxDepth = 32   // folders in an entry's name; with maxName it bounds the work that names can make
)

// Limits bounds what a zip may hold. Zero fields mean the defaults.
type Limits struct {
	Entries int   // files and folders, also such as are named only by what is in them
	Bytes   int64 // of all entries together, unpacked
	Ratio   int64 // unpacked size against the size of the zip, above the first 100 MiB
}

func (l Limits) orDefaults() Limits {
	return Limits{Entries: cmp.Or(l.Entries, DefaultEntries), Bytes: cmp.Or(l.Bytes, DefaultBytes), Ratio: cmp.Or(l.Ratio, DefaultRatio)}
}

// Archive is one open zip, folder or file.
type Archive struct {
	path   string // as given, for messages
	kind   Kind
	zip    *zipFS  // nil for a folder or a file
	file   *fileFS // nil for a zip or a folder
	files  fs.FS
	folder string // the only folder, which files has as its root; empty when there is none
	single string // the name of the only file, when kind is File
	close  func() error
}

// Open opens what is at path: a folder, a zip (by its first bytes, or by its name), or one file, which may be packed by gzip or zstd
// (by its first bytes). When a zip or
// folder holds nothing but one folder, that is the root of FS, so that relative paths in scripts are right.
//
// Errors have the code Data. A zip is refused when it is truncated or its directory is damaged; when an entry is
// encrypted, uses another method than store or deflate, is a link or a device, has a name that is absolute, leads
// outside, has a drive letter or a control character, comes twice or differs from another in case alone, or overlaps
// another; and when it is beyond the limits.
func Open(path string, limits Limits) (*Archive, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, cannotOpen(path, err)
	}
	switch {
	case info.IsDir():
		return openFolder(path)
	case !info.Mode().IsRegular():
		return nil, &problem.Error{
			Code:   problem.Data,
			Topic:  problem.Archive,
			Where:  path,
			What:   "this is neither a file nor a folder",
			Remedy: "Give a zip, a folder or a .sql file.",
		}
	}
	head, err := headOf(path)
	if err != nil {
		return nil, cannotOpen(path, err)
	}
	if hasZipMagic(head) || strings.EqualFold(filepath.Ext(path), ".zip") {
		return openZipFile(path, limits)
	}
	return openFile(path, packedAs(head), limits), nil
}

// headOf reads the bytes that tell what a file is.
func headOf(path string) ([]byte, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	const magic = 4 // bytes
	return io.ReadAll(io.LimitReader(f, magic))
}

// hasZipMagic knows the first local file, the end of an empty zip, and the mark of a split one.
func hasZipMagic(head []byte) bool {
	return bytes.HasPrefix(head, []byte("PK\x03\x04")) ||
		bytes.HasPrefix(head, []byte("PK\x05\x06")) ||
		bytes.HasPrefix(head, []byte("PK\x07\x08"))
}

func cannotOpen(path string, err error) error {
	return &problem.Error{
		Code:   problem.Data,
		Topic:  problem.Archive,
		Where:  path,
		What:   "this cannot be opened: " + problem.WithoutPath(err).Error(),
		Remedy: "Check the path; in a container it must be below a folder that is mounted there.",
		Err:    err,
	}
}

func openFolder(path string) (*Archive, error) {
	root, err := os.OpenRoot(path) // no link leads out of it
	if err != nil {
		return nil, cannotOpen(path, err)
	}
	a := &Archive{path: path, kind: Folder, close: root.Close}
	if err := a.enter(root.FS()); err != nil {
		root.Close()
		return nil, cannotOpen(path, err)
	}
	return a, nil
}

// enter makes files the archive's FS, or the only folder in it.
func (a *Archive) enter(files fs.FS) error {
	a.files = files
	entries, err := fs.ReadDir(files, ".")
	if err != nil {
		return err
	}
	var kept []fs.DirEntry
	for _, entry := range entries {
		if !isJunk(entry.Name()) {
			kept = append(kept, entry)
		}
	}
	if len(kept) != 1 || !kept[0].IsDir() {
		return nil
	}
	a.folder = kept[0].Name()
	a.files, err = fs.Sub(files, a.folder)
	return err
}

// isJunk knows what macOS adds to archives and folders.
func isJunk(name string) bool {
	first, _, _ := strings.Cut(name, "/")
	return first == "__MACOSX" || path.Base(name) == ".DS_Store"
}

// Kind says what the archive is made of.
func (a *Archive) Kind() Kind { return a.kind }

// Folder is the only folder that all files are in, which FS has as its root; empty when there is none.
func (a *Archive) Folder() string { return a.folder }

// FS gives the files. It may be used by several goroutines at once. An error while reading a damaged entry has the
// code Data and names the entry.
func (a *Archive) FS() fs.FS { return a.files }

// Size gives the size of a file in bytes, unpacked; 0 when there is no such file.
func (a *Archive) Size(name string) int64 {
	info, err := fs.Stat(a.files, name)
	if err != nil || info.IsDir() {
		return 0
	}
	return info.Size()
}

// Close releases the archive. Files that are open must not be read any more.
func (a *Archive) Close() error { return a.close() }

// Entry gives the name, in FS, of the script to begin with: the setting script, or load.sql when that is empty. In a
// single file it is that file, whatever it is called. Errors have the code Data and list the .sql files there are.
func (a *Archive) Entry(script string) (string, error) {
	const standard = "load.sql"
	if a.kind == File && script == "" {
		return a.single, nil
	}
	name := path.Clean(strings.ReplaceAll(cmp.Or(script, standard), `\`, "/"))
	candidates := []string{name}
	if inFolder, ok := strings.CutPrefix(name, a.folder+"/"); ok && a.folder != "" {
		candidates = append(candidates, inFolder)
	}
	for _, candidate := range candidates {
		if !fs.ValidPath(candidate) {
			continue
		}
		if info, err := fs.Stat(a.files, candidate); err == nil && info.Mode().IsRegular() {
			return candidate, nil
		}
	}
	p := &problem.Error{Code: problem.Data, Topic: problem.Archive, Where: a.path, What: "there is no " + name}
	if script == "" {
		p.What += " at the root or in the only folder"
	}
	found, more := a.scripts()
	switch {
	case len(found) == 0:
		p.Remedy = "There is no .sql file at all: generate with the format sql, or check the setting archive."
	case more:
		p.Remedy = "Name the script to begin with in the setting script; among others there are: " +
			strings.Join(found, ", ")
	default:
		p.Remedy = "Name the script to begin with in the setting script; there are: " + strings.Join(found, ", ")
	}
	return "", p
}

// scripts lists the first .sql files, and says whether there are more.
func (a *Archive) scripts() (found []string, more bool) {
	const most = 10 // names in one message
	_ = fs.WalkDir(a.files, ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fs.SkipDir // what cannot be read cannot be named
		case entry.IsDir() || isJunk(name) || !strings.EqualFold(path.Ext(name), ".sql"):
			return nil
		case len(found) == most:
			more = true
			return fs.SkipAll
		}
		found = append(found, name)
		return nil
	})
	return found, more
}

func refused(where, what string) error {
	return &problem.Error{
		Code:   problem.Data,
		Topic:  problem.Archive,
		Where:  where,
		What:   what,
		Remedy: "Generate or download the archive again. If you trust it, unpack it yourself and give the folder.",
	}
}

func refusedf(where, format string, args ...any) error {
	return refused(where, fmt.Sprintf(format, args...))
}
