package shop

import (
	"archive/zip"
	"compress/flate"
	"encoding/binary"
	"hash/crc32"
	"io"
	"strings"
)

// ZipOptions says how an export is packed.
type ZipOptions struct {
	Folder      string // put all files into one folder of this name
	Backslashes bool   // separate folder and file by \, as some Windows tools do
	ForceZip64  bool   // write zip64 records whatever the size, as packers of streams do
	Store       bool   // do not compress
}

// Zip packs the export's files, as a stream.
func Zip(w io.Writer, x Export, options ZipOptions) error {
	var pack packer = &plainPacker{zip.NewWriter(w)}
	if options.ForceZip64 {
		pack = &zip64Packer{w: w}
	}
	method := zip.Deflate
	if options.Store {
		method = zip.Store
	}
	for _, file := range x.Files() {
		name := file.Name
		if options.Folder != "" {
			name = options.Folder + "/" + name
		}
		if options.Backslashes {
			name = strings.ReplaceAll(name, "/", `\`)
		}
		if err := pack.add(name, method, file.Write); err != nil {
			return err
		}
	}
	return pack.close()
}

// packer writes a zip.
type packer interface {
	add(name string, method uint16, write func(io.Writer) error) error
	close() error
}

// plainPacker writes what archive/zip writes.
type plainPacker struct{ zip *zip.Writer }

func (p *plainPacker) add(name string, method uint16, write func(io.Writer) error) error {
	w, err := p.zip.CreateHeader(&zip.FileHeader{Name: name, Method: method})
	if err != nil {
		return err
	}
	return write(w)
}

func (p *plainPacker) close() error { return p.zip.Close() }

// zip64Packer writes every size and offset as a zip64 record (APPNOTE.TXT 4.5.3, 4.3.14, 4.3.15), which archive/zip does
// for files past 4 GiB only.
type zip64Packer struct {
	w       io.Writer
	offset  uint64
	entries []zip64Entry
}

type zip64Entry struct {
	name                     string
	method                   uint16
	crc                      uint32
	compressed, size, offset uint64
}

// The zip format's constants: versions, flags, and "see the zip64 record".
const (
	versionZip64  = 45
	flagStreamed  = 1 << 3 // sizes follow the data
	flagUTF8      = 1 << 11
	dosDay        = 1<<5 | 1 // 1980-01-01
	inZip64Record = 0xFFFFFFFF
)

func (p *zip64Packer) Write(b []byte) (int, error) {
	n, err := p.w.Write(b)
	p.offset += uint64(n)
	return n, err
}

// record writes values in little endian; strings as they are.
func (p *zip64Packer) record(values ...any) error {
	var b []byte
	for _, value := range values {
		if s, ok := value.(string); ok {
			b = append(b, s...)
			continue
		}
		b, _ = binary.Append(b, binary.LittleEndian, value) // fails for types without a fixed size only
	}
	_, err := p.Write(b)
	return err
}

func (p *zip64Packer) add(name string, method uint16, write func(io.Writer) error) error {
	e := zip64Entry{name: name, method: method, offset: p.offset}
	err := p.record("PK\x03\x04", uint16(versionZip64), uint16(flagStreamed|flagUTF8), method, uint16(0), uint16(dosDay),
		uint32(0), uint32(inZip64Record), uint32(inZip64Record), uint16(len(name)), uint16(20), name,
		uint16(1), uint16(16), uint64(0), uint64(0))
	if err != nil {
		return err
	}
	start := p.offset
	plain := &counter{w: p}
	if method == zip.Deflate {
		deflate, err := flate.NewWriter(p, flate.DefaultCompression)
		if err != nil {
			return err
		}
		plain.w = deflate
		if err := write(plain); err != nil {
			return err
		}
		if err := deflate.Close(); err != nil {
			return err
		}
	} else if err := write(plain); err != nil {
		return err
	}
	e.crc, e.size, e.compressed = plain.crc, plain.size, p.offset-start
	p.entries = append(p.entries, e)
	return p.record("PK\x07\x08", e.crc, e.compressed, e.size)
}

func (p *zip64Packer) close() error {
	start, count := p.offset, uint64(len(p.entries))
	for _, e := range p.entries {
		err := p.record("PK\x01\x02", uint16(versionZip64), uint16(versionZip64), uint16(flagStreamed|flagUTF8), e.method,
			uint16(0), uint16(dosDay), e.crc, uint32(inZip64Record), uint32(inZip64Record), uint16(len(e.name)), uint16(28),
			uint16(0), uint16(0), uint16(0), uint32(0), uint32(inZip64Record), e.name,
			uint16(1), uint16(24), e.size, e.compressed, e.offset)
		if err != nil {
			return err
		}
	}
	end := p.offset
	err := p.record("PK\x06\x06", uint64(44), uint16(versionZip64), uint16(versionZip64), uint32(0), uint32(0),
		count, count, end-start, start)
	if err != nil {
		return err
	}
	if err := p.record("PK\x06\x07", uint32(0), end, uint32(1)); err != nil {
		return err
	}
	return p.record("PK\x05\x06", uint16(0), uint16(0), uint16(0xFFFF), uint16(0xFFFF),
		uint32(inZip64Record), uint32(inZip64Record), uint16(0))
}

// counter counts and sums what passes.
type counter struct {
	w    io.Writer
	size uint64
	crc  uint32
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.size += uint64(n)
	c.crc = crc32.Update(c.crc, crc32.IEEETable, b[:n])
	return n, err
}
