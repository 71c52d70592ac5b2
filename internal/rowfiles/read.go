package rowfiles

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"regexp"
	"slices"
	"strconv"
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
		rows, err := f.reader(file, counted{in, &f.read})
		if err != nil {
			_ = in.Close()
			return nil, err
		}
		return &openFile{Reader: rows, Closer: in, info: info{path.Base(name), 0}}, nil
	}
	return nil, &fs.PathError{Op: "open", Path: name, Err: fs.ErrNotExist}
}

// rowReader gives one row after the other, appended to dst in COPY's text format. At the end the error is io.EOF.
type rowReader interface {
	next(dst []byte) ([]byte, error)
}

// reader converts a file.
func (f *FS) reader(file *rowFile, in io.Reader) (io.Reader, error) {
	if file.json {
		return &copyText{rows: newJSONRows(file.name, in, file.columns)}, nil
	}
	rows, _, err := newCSVRows(file.name, in, file.columns)
	return &copyText{rows: rows}, err
}

// fileColumns reads the names of a file's columns: a header, or the keys of all lines.
func (f *FS) fileColumns(ctx context.Context, file *rowFile) ([]string, error) {
	in, err := f.rows.FS.Open(file.name)
	if err != nil {
		return nil, &problem.Error{Code: problem.Data, Where: file.name, What: "this cannot be opened: " + err.Error(), Err: err}
	}
	defer func() { _ = in.Close() }()
	if file.json {
		return jsonKeys(ctx, file.name, in)
	}
	_, names, err := newCSVRows(file.name, in, nil)
	return names, err
}

// copyText reads rows as COPY's text format.
type copyText struct {
	rows rowReader
	buf  []byte
	sent int
	err  error
}

// readRows is how many bytes of rows are converted at a time.
const readRows = 64 << 10

// Read implements io.Reader.
func (c *copyText) Read(p []byte) (int, error) {
	if c.sent == len(c.buf) {
		c.buf, c.sent = c.buf[:0], 0
		for c.err == nil && len(c.buf) < readRows {
			c.buf, c.err = c.rows.next(c.buf)
		}
	}
	n := copy(p, c.buf[c.sent:])
	c.sent += n
	if n == 0 {
		return 0, c.err
	}
	return n, nil
}

// appendField appends a value as COPY's text format has it.
func appendField(dst, value []byte) []byte {
	from := 0
	for i, c := range value {
		var escape byte
		switch c {
		case '\\':
			escape = '\\'
		case '\n':
			escape = 'n'
		case '\r':
			escape = 'r'
		case '\t':
			escape = 't'
		default:
			continue
		}
		dst = append(append(dst, value[from:i]...), '\\', escape)
		from = i + 1
	}
	return append(dst, value[from:]...)
}

var copyPlace = regexp.MustCompile(`^(.+):(\d+):1$`)

// Relocate says in an error which line of the file a row comes from: the server counts rows.
func (f *FS) Relocate(err error) error {
	var p *problem.Error
	if f == nil || !errors.As(err, &p) {
		return err
	}
	m := copyPlace.FindStringSubmatch(p.Where)
	if m == nil {
		return err
	}
	i := slices.IndexFunc(f.files, func(file *rowFile) bool { return file.name == m[1] })
	row, _ := strconv.Atoi(m[2])
	if i < 0 || row == 0 {
		return err
	}
	in, ferr := f.rows.FS.Open(m[1])
	if ferr != nil {
		return err
	}
	defer func() { _ = in.Close() }()
	line, ferr := f.lineOf(f.files[i], in, row)
	if ferr != nil {
		return err
	}
	q := *p
	q.Where = fmt.Sprintf("%s:%d", m[1], line)
	return &q
}

// lineOf gives the line that a row begins in.
func (f *FS) lineOf(file *rowFile, in io.Reader, row int) (int, error) {
	var rows rowReader
	var at func() int
	if file.json {
		j := newJSONRows(file.name, in, file.columns)
		rows, at = j, func() int { return j.in.line }
	} else {
		c, _, err := newCSVRows(file.name, in, file.columns)
		if err != nil {
			return 0, err
		}
		rows, at = c, func() int { return c.in.line }
	}
	var dst []byte
	for range row {
		var err error
		if dst, err = rows.next(dst[:0]); err != nil {
			return 0, err
		}
	}
	return at(), nil
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

// openFile is a file of FS.
type openFile struct {
	io.Reader
	io.Closer
	info info
}

func (f *openFile) Stat() (fs.FileInfo, error) { return f.info, nil }

func (f *openFile) Close() error {
	if f.Closer == nil {
		return nil
	}
	return f.Closer.Close()
}

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
