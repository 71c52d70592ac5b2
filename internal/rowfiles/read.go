package rowfiles

import (
	"bytes"
	"errors"
	"io"
	"io/fs"
	"path"
	"slices"
	"sync/atomic"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// Open implements fs.FS.
func (f *FS) Open(name string) (fs.File, error) {
	if name == Script {
		return &openFile{Reader: bytes.NewReader(f.script), info: info{Script, int64(len(f.script))}}, nil
	}
	for _, file := range f.files {
		if file.name != name {
			continue
		}
		in, err := f.rows.FS.Open(name)
		if err != nil {
			return nil, err
		}
		return newOpenRows(file, in, counted{in, &f.read}), nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// rowReader reads a file row by row.
type rowReader interface {
	// next writes the next row. At the end the error is io.EOF.
	next(to *sink) error
	// place gives the place of a column's value in the row that was written last: file, line and column of the text.
	place(column int) problem.Place
}

// reader begins to read a file's rows. The error is that of a file without a header.
func (file *rowFile) reader(in io.Reader) (rowReader, *lines, error) {
	l := newLines(file.name, in, file.enc, file.mark, !file.json)
	if file.json {
		return newJSONRows(l, file.columns, func(key string, offset int) error {
			return l.faultAt(offset, "the key %q was not there when the file was read first", key)
		}), l, nil
	}
	c := newCSVRows(l, file.columns)
	_, err := c.header()
	return c, l, err
}

// openRows is a file's rows in COPY's text format. They are written by a goroutine of its own, which ends with the last row or
// with Close.
type openRows struct {
	file    *rowFile
	in      io.Closer
	counted io.Reader
	rows    *io.PipeReader // nil until something is read
	ended   chan struct{}
}

func newOpenRows(file *rowFile, in io.Closer, counted io.Reader) *openRows {
	return &openRows{file: file, in: in, counted: counted, ended: make(chan struct{})}
}

// Read implements io.Reader.
func (o *openRows) Read(p []byte) (int, error) {
	if o.rows == nil {
		r, w := io.Pipe()
		o.rows = r
		go func() {
			defer close(o.ended)
			_ = w.CloseWithError(o.write(w))
		}()
	}
	return o.rows.Read(p)
}

// write writes all rows.
func (o *openRows) write(w io.Writer) error {
	rows, _, err := o.file.reader(o.counted)
	if err != nil {
		return err
	}
	to := &sink{w: w}
	for err == nil {
		err = rows.next(to)
	}
	if to.flush(); errors.Is(err, io.EOF) {
		err = to.err
	}
	return err
}

// Stat implements fs.File.
func (o *openRows) Stat() (fs.FileInfo, error) { return info{path.Base(o.file.name), 0}, nil }

// Close implements fs.File.
func (o *openRows) Close() error {
	if o.rows != nil {
		_ = o.rows.Close()
		<-o.ended
	}
	return o.in.Close()
}

// Place gives the place in a file of what the server calls a row of it, numbered from 1, and a column: file and line, and the column of
// the text if that of the table is known. It reads the file once more.
func (f *FS) Place(name string, row int, columnName string) (at problem.Place, ok bool) {
	i := slices.IndexFunc(f.files, func(file *rowFile) bool { return file.name == name })
	if i < 0 || row < 1 {
		return problem.Place{}, false
	}
	file := f.files[i]
	in, err := f.rows.FS.Open(name)
	if err != nil {
		return problem.Place{}, false
	}
	defer func() { _ = in.Close() }()
	rows, l, err := file.reader(in)
	for to := (&sink{w: io.Discard}); err == nil && row > 0; row-- {
		err = rows.next(to)
	}
	if err != nil {
		return problem.Place{}, false
	}
	if i := slices.IndexFunc(file.columns, func(c column) bool { return c.name == columnName }); i >= 0 {
		return rows.place(i), true
	}
	return problem.Place{File: name, Line: l.line}, true
}

// Statement gives the file that a line of the script is about, "" where it is about none or several.
func (f *FS) Statement(line int) string {
	for _, file := range f.files {
		if file.line == line {
			return file.name
		}
	}
	return ""
}

// counted counts what is read.
type counted struct {
	io.Reader
	n *atomic.Int64
}

func (c counted) Read(p []byte) (int, error) {
	n, err := c.Reader.Read(p)
	c.n.Add(int64(n))
	return n, err
}

// openFile is the script.
type openFile struct {
	io.Reader
	info info
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *openFile) Close() error { return nil }

// info is what is known of a file of FS before it is read.
type info struct {
	name string
	size int64
}

func (i info) Name() string     { return i.name }
func (i info) Size() int64      { return i.size }
func (info) Mode() fs.FileMode  { return 0o444 }
func (info) ModTime() time.Time { return time.Time{} }
func (info) IsDir() bool        { return false }
func (info) Sys() any           { return nil }
