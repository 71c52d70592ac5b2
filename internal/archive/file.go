package archive

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"sync/atomic"
	"time"
)

// openFile shows one file as a folder that holds nothing else, unpacked if it is packed.
func openFile(path string, how *packing, limits Limits) *Archive {
	name := filepath.Base(path)
	if !fs.ValidPath(name) {
		name = "load.sql" // the file's own name is not UTF-8, which no fs.FS allows
	}
	if how != nil {
		name = how.unpackedName(name)
	}
	f := &fileFS{path: path, name: name, packing: how, limits: limits.orDefaults()}
	return &Archive{
		path:   path,
		kind:   File,
		file:   f,
		files:  f,
		single: name,
		close:  func() error { return nil },
	}
}

// fileFS is the FS of one file.
type fileFS struct {
	path, name string
	packing    *packing    // nil for a plain file
	limits     Limits      // of a packed one
	doubtful   atomic.Bool // a packed one was opened and not read to its end
}

func (f *fileFS) Open(name string) (fs.File, error) {
	switch {
	case !fs.ValidPath(name):
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	case name == ".":
		return &onlyDir{of: f}, nil
	case name != f.name:
		return nil, &fs.PathError{Op: "open", Path: name, Err: f.missing(name)}
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	if f.packing == nil {
		return onlyFile{file, name}, nil
	}
	packed, err := f.openPacked(file)
	if err != nil {
		_ = file.Close()
		return nil, err
	}
	return packed, nil
}

// missing is the error for a file that a script asks for and that was not given with it. Where it lies beside the script, that is said.
func (f *fileFS) missing(name string) error {
	if _, err := os.Stat(filepath.Join(filepath.Dir(f.path), filepath.FromSlash(name))); err != nil {
		return fs.ErrNotExist
	}
	return &BesideError{Script: f.name}
}

// BesideError is the error for a file that lies beside the one file that was given, and was not given.
type BesideError struct{ Script string }

func (e *BesideError) Error() string {
	return "the file lies beside " + e.Script + ", but only " + e.Script + " was given"
}

// Remedy says what to give in its place.
func (e *BesideError) Remedy() string {
	return "Give the folder that holds both, and set script to " + e.Script + "."
}

// Is makes it the error of a file that is not there.
func (e *BesideError) Is(target error) bool { return target == fs.ErrNotExist }

// onlyFile has its name from the FS: the path may be a link to another one.
type onlyFile struct {
	*os.File
	name string
}

func (f onlyFile) Stat() (fs.FileInfo, error) {
	info, err := f.File.Stat()
	return namedInfo{info, f.name}, err
}

type namedInfo struct {
	fs.FileInfo
	name string
}

func (i namedInfo) Name() string { return i.name }

// onlyDir is the root folder of a fileFS.
type onlyDir struct {
	of   *fileFS
	read bool
}

func (d *onlyDir) Stat() (fs.FileInfo, error) { return rootInfo{}, nil }
func (d *onlyDir) Close() error               { return nil }

func (d *onlyDir) Read([]byte) (int, error) {
	return 0, &fs.PathError{Op: "read", Path: ".", Err: fs.ErrInvalid}
}

func (d *onlyDir) ReadDir(n int) ([]fs.DirEntry, error) {
	if d.read {
		if n > 0 {
			return nil, io.EOF
		}
		return nil, nil
	}
	d.read = true
	info, err := os.Stat(d.of.path)
	if err != nil {
		return nil, err
	}
	named := namedInfo{info, d.of.name}
	if d.of.packing != nil {
		return []fs.DirEntry{fs.FileInfoToDirEntry(sizeless{named})}, nil
	}
	return []fs.DirEntry{fs.FileInfoToDirEntry(named)}, nil
}

type rootInfo struct{}

func (rootInfo) Name() string       { return "." }
func (rootInfo) Size() int64        { return 0 }
func (rootInfo) Mode() fs.FileMode  { return fs.ModeDir | 0o555 }
func (rootInfo) ModTime() time.Time { return time.Time{} }
func (rootInfo) IsDir() bool        { return true }
func (rootInfo) Sys() any           { return nil }
