package archive

import (
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// openFile shows one file as a folder that holds nothing else.
func openFile(path string) *Archive {
	name := filepath.Base(path)
	if !fs.ValidPath(name) {
		name = "load.sql" // the file's own name is not UTF-8, which no fs.FS allows
	}
	return &Archive{
		path:   path,
		kind:   File,
		files:  fileFS{path, name},
		single: name,
		close:  func() error { return nil },
	}
}

// fileFS is the FS of one file.
type fileFS struct{ path, name string }

func (f fileFS) Open(name string) (fs.File, error) {
	switch {
	case !fs.ValidPath(name):
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrInvalid}
	case name == ".":
		return &onlyDir{of: f}, nil
	case name != f.name:
		return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
	}
	file, err := os.Open(f.path)
	if err != nil {
		return nil, err
	}
	return onlyFile{file, name}, nil
}

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
	of   fileFS
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
	return []fs.DirEntry{fs.FileInfoToDirEntry(namedInfo{info, d.of.name})}, nil
}

type rootInfo struct{}

func (rootInfo) Name() string       { return "." }
func (rootInfo) Size() int64        { return 0 }
func (rootInfo) Mode() fs.FileMode  { return fs.ModeDir | 0o555 }
func (rootInfo) ModTime() time.Time { return time.Time{} }
func (rootInfo) IsDir() bool        { return true }
func (rootInfo) Sys() any           { return nil }
