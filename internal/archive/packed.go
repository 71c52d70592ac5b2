package archive

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"io/fs"
	"os"
	"strings"

	"github.com/klauspost/compress/gzip"
	"github.com/klauspost/compress/zstd"
)

// packing is how one file is packed.
type packing struct {
	magic, ending string
	open          func(io.Reader) (io.ReadCloser, error)
}

// widestWindow is how much of what came before a zstd file may refer to, in bytes. zstd's own default for unpacking is 128 MiB, which
// memory has no room for; files that are not packed with --long or --ultra need 8 at most.
const widestWindow = 16 << 20

// packings are those that are read as they are.
var packings = []packing{
	{"\x1f\x8b", ".gz", func(r io.Reader) (io.ReadCloser, error) { return gzip.NewReader(r) }},
	{"\x28\xb5\x2f\xfd", ".zst", func(r io.Reader) (io.ReadCloser, error) {
		d, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true), zstd.WithDecoderMaxWindow(widestWindow))
		if err != nil {
			return nil, err
		}
		return d.IOReadCloser(), nil
	}},
}

// packedAs tells by its first bytes how a file is packed; nil for one that is not.
func packedAs(head []byte) *packing {
	for i := range packings {
		if bytes.HasPrefix(head, []byte(packings[i].magic)) {
			return &packings[i]
		}
	}
	return nil
}

// unpackedName is what a file is called without its packing.
func (p *packing) unpackedName(name string) string {
	for _, ending := range []string{p.ending, ".gzip", ".zstd"} {
		if bare, ok := cutSuffixFold(name, ending); ok && bare != "" {
			return bare
		}
	}
	if bare, ok := cutSuffixFold(name, ".tgz"); ok && bare != "" {
		return bare + ".tar"
	}
	return name
}

func cutSuffixFold(name, ending string) (string, bool) {
	if len(name) < len(ending) || !strings.EqualFold(name[len(name)-len(ending):], ending) {
		return name, false
	}
	return name[:len(name)-len(ending)], true
}

// packedFile is a packed file that is being read. Both formats hold checksums, which are looked at where the file ends.
type packedFile struct {
	file    *os.File
	content io.ReadCloser
	in      *fileFS
	size    int64 // packed
	read    int64 // unpacked so far
	end     error // sticky
}

func (f *fileFS) openPacked(file *os.File) (fs.File, error) {
	info, err := file.Stat()
	if err != nil {
		return nil, err
	}
	const ahead = 64 << 10 // bytes read from the file at once
	content, err := f.packing.open(bufio.NewReaderSize(file, ahead))
	if err != nil {
		return nil, f.damaged(err)
	}
	f.doubtful.Store(true)
	return &packedFile{file: file, content: content, in: f, size: info.Size()}, nil
}

func (f *fileFS) damaged(err error) error {
	if errors.Is(err, zstd.ErrWindowSizeExceeded) {
		return refused(f.path, "it is packed by zstd with a window larger than 16 MiB (--long or --ultra)")
	}
	return refusedf(f.path, "it is damaged: %v", err)
}

// Read reads what the file holds. At its end the checksum has been right, or the error is not io.EOF.
func (p *packedFile) Read(b []byte) (int, error) {
	if p.end != nil {
		return 0, p.end
	}
	n, err := p.content.Read(b)
	p.read += int64(n)
	switch most := p.in.limits; {
	case p.read > ratioFree && p.read/most.Ratio > p.size:
		n, err = 0, refusedf(p.in.path, "its %d bytes unpack to more than %d times as much, as only malicious archives do", p.size, most.Ratio)
	case p.read > most.Bytes:
		n, err = 0, refusedf(p.in.path, "it unpacks to more than %d bytes", most.Bytes)
	case errors.Is(err, io.EOF):
		p.in.doubtful.Store(false)
	case err != nil:
		err = p.in.damaged(err)
	}
	p.end = err
	return n, err
}

// Stat tells that the size is not known.
func (p *packedFile) Stat() (fs.FileInfo, error) {
	info, err := p.file.Stat()
	return sizeless{namedInfo{info, p.in.name}}, err
}

// Close closes the file.
func (p *packedFile) Close() error {
	_ = p.content.Close()
	p.end = fs.ErrClosed
	return p.file.Close()
}

// sizeless is what is known of a packed file: not its size.
type sizeless struct{ namedInfo }

func (sizeless) Size() int64 { return 0 }

// verify reads a packed file to its end.
func (f *fileFS) verify(ctx context.Context) error {
	file, err := f.Open(f.name)
	if err != nil {
		return err
	}
	defer file.Close()
	return readToEnd(ctx, file, make([]byte, 256<<10))
}
