package archive

import (
	"archive/zip"
	"cmp"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"math"
	"os"
	"path"
	"slices"
	"strings"
	"sync/atomic"
	"unicode"
	"unicode/utf8"
)

// openZipFile opens the zip at the path.
func openZipFile(path string, limits Limits) (*Archive, error) {
	f, err := os.Open(path)
	if err != nil {
		return nil, cannotOpen(path, err)
	}
	info, err := f.Stat()
	if err != nil {
		f.Close()
		return nil, cannotOpen(path, err)
	}
	a, err := openZip(f, info.Size(), path, limits)
	if err != nil {
		f.Close()
		return nil, err
	}
	a.close = f.Close
	return a, nil
}

// openZip checks and opens a zip of the given size in bytes. The name is for messages.
func openZip(r io.ReaderAt, size int64, name string, limits Limits) (*Archive, error) {
	head := make([]byte, 512)
	n, err := r.ReadAt(head, 0)
	if err != nil && !errors.Is(err, io.EOF) {
		return nil, cannotOpen(name, err)
	}
	if size == 0 {
		return nil, refused(name, "the file is empty, so it is not a zip")
	}
	if !hasZipMagic(head[:n]) {
		if what := Dialect(head[:n]); what != "" {
			return nil, refusedf(name, "this is not a zip but %s", what)
		}
		return nil, refused(name, "this is not a zip: it does not begin as one")
	}
	metered := &meteredReader{r: r}
	metered.left.Store(maxDirectory)
	zr, err := zip.NewReader(metered, size)
	switch {
	case errors.Is(err, errDirectoryTooLong):
		return nil, refusedf(name, "the zip's directory is longer than %d MiB", maxDirectory>>20)
	case err != nil && !errors.Is(err, zip.ErrInsecurePath): // names are checked below, with better words
		return nil, refusedf(name, "the zip is truncated or damaged: %v", err)
	}
	metered.left.Store(math.MaxInt64)

	zr.File, err = checkEntries(zr.File, metered, name, size, limits)
	if err != nil {
		return nil, err
	}
	a := &Archive{path: name, kind: Zip, zip: newZipFS(zr, name), close: func() error { return nil }}
	if err := a.enter(a.zip); err != nil {
		return nil, refusedf(name, "the zip cannot be listed: %v", err)
	}
	return a, nil
}

var errDirectoryTooLong = errors.New("the directory is too long")

// meteredReader reads so many bytes and then no more. It holds package zip to a limit while that reads the directory. It also knows
// where was read last: package zip does not tell where an entry's own header is.
type meteredReader struct {
	r    io.ReaderAt
	left atomic.Int64
	last atomic.Int64
}

func (m *meteredReader) ReadAt(p []byte, offset int64) (int, error) {
	m.last.Store(offset)
	if left := m.left.Load(); left < math.MaxInt64 && m.left.Add(-int64(len(p))) < 0 {
		return 0, errDirectoryTooLong
	}
	return m.r.ReadAt(p, offset)
}

// checkEntries gives the entries worth having, with their names in the form that package fs has, or the first thing
// that is wrong with any of them. Size is that of the zip.
func checkEntries(entries []*zip.File, r *meteredReader, where string, size int64, limits Limits) ([]*zip.File, error) {
	limits = limits.orDefaults()
	if len(entries) > limits.Entries {
		return nil, refusedf(where, "the zip has %d entries, more than the limit of %d", len(entries), limits.Entries)
	}
	var total uint64
	kept := make([]*zip.File, 0, len(entries))
	written := make([]string, 0, len(entries)) // their names in the directory
	for _, entry := range entries {
		name, what := cleanName(entry)
		if what == "" {
			what = checkKind(entry, name)
		}
		if what != "" {
			return nil, refusedf(where, "entry %q: %s", shortened(entry.Name), what)
		}
		if entry.UncompressedSize64 > uint64(limits.Bytes)-total { // total is never more than that
			return nil, refusedf(where, "the zip holds more than the limit of %d bytes", limits.Bytes)
		}
		total += entry.UncompressedSize64
		written = append(written, entry.Name)
		entry.Name = name
		if !isJunk(strings.TrimSuffix(name, "/")) {
			kept = append(kept, entry)
		}
	}
	if total > ratioFree && total/uint64(limits.Ratio) > uint64(size) {
		return nil, refusedf(where, "the zip of %d bytes claims to hold %d, more than %d times as much, as only "+
			"malicious archives do", size, total, limits.Ratio)
	}
	if err := checkCollisions(kept, where, limits.Entries); err != nil {
		return nil, err
	}
	return kept, checkPlaces(entries, written, r, where, size)
}

const localHeader = 30 // bytes of an entry's own header before its name (APPNOTE.TXT, 4.3.7)

// checkLocal refuses an entry that its own header calls otherwise than the directory does: the name has no checksum, and a
// reader that goes by the one would load what a reader that goes by the other does not. The buffer is to read into.
func checkLocal(r io.ReaderAt, from int64, name string, method uint16, buffer []byte) string {
	header := slices.Grow(buffer[:0], localHeader+len(name))[:localHeader+len(name)]
	if _, err := r.ReadAt(header, from); err != nil {
		return "the zip is truncated or damaged: " + err.Error()
	}
	little := binary.LittleEndian
	switch {
	case int(little.Uint16(header[26:])) != len(name), string(header[localHeader:]) != name:
		return "its own header has another name"
	case little.Uint16(header[8:]) != method:
		return "its own header has another method"
	}
	return ""
}

// cleanName gives the name of an entry with slashes, ending in one when it is a folder, or says what is wrong with it.
func cleanName(entry *zip.File) (name, what string) {
	name = strings.ReplaceAll(entry.Name, `\`, "/")
	name = strings.TrimPrefix(name, "./")
	isDir := strings.HasSuffix(name, "/") || entry.Mode().IsDir()
	name = strings.TrimSuffix(name, "/")
	switch {
	case len(name) > maxName || strings.Count(name, "/") > maxDepth:
		return "", fmt.Sprintf("its name is longer than %d bytes or %d folders", maxName, maxDepth)
	case strings.HasPrefix(name, "/"):
		return "", "its name is absolute"
	case len(name) >= 2 && name[1] == ':' && unicode.IsLetter(rune(name[0])):
		return "", "its name has a drive letter"
	case strings.Contains("/"+name+"/", "/../"):
		return "", "its name leads outside"
	case strings.ContainsFunc(name, unicode.IsControl):
		return "", "its name holds a control character"
	case !utf8.ValidString(name):
		return "", "its name is not UTF-8"
	case !fs.ValidPath(name) || name == ".":
		return "", "its name is not a path"
	}
	if isDir {
		name += "/"
	}
	return name, ""
}

// checkKind says what is wrong with an entry apart from its name.
func checkKind(entry *zip.File, name string) string {
	const encrypted = 1 << 0 // general purpose bit flag (APPNOTE.TXT, 4.4.4)
	switch {
	case entry.Flags&encrypted != 0:
		return "it is encrypted"
	case entry.Mode()&fs.ModeSymlink != 0:
		return "it is a link"
	case entry.Mode().Type()&^fs.ModeDir != 0:
		return "it is a device or another special file"
	case strings.HasSuffix(name, "/") && entry.UncompressedSize64 != 0:
		return "it is a folder with contents"
	case entry.Method != zip.Store && entry.Method != zip.Deflate:
		return "it is compressed by a method other than deflate"
	case entry.Method == zip.Store && entry.CompressedSize64 != entry.UncompressedSize64:
		return "it has two sizes"
	}
	return ""
}

// checkCollisions refuses names that come twice, that differ in case alone, and files that are folders as well: on
// some file system or other, one would take the place of the other. It also counts the folders that entries are in and
// that are no entries themselves: each takes memory as an entry does, and one name can be of 32.
func checkCollisions(entries []*zip.File, where string, most int) error {
	first := make(map[string]string, len(entries)) // folded name to name
	isFile := make(map[string]bool, len(entries))  // by folded name
	files := 0
	folders := make(map[string]string) // folded name to name, of those that entries are in as well
	for _, entry := range entries {
		name := strings.TrimSuffix(entry.Name, "/")
		folded := strings.ToLower(name)
		other, seen := first[folded]
		switch {
		case seen && other == name:
			return refusedf(where, "the entry %q comes twice", shortened(name))
		case seen:
			return refusedf(where, "the entries %q and %q differ in case alone", shortened(other), shortened(name))
		}
		first[folded] = name
		if isFile[folded] = !strings.HasSuffix(entry.Name, "/"); isFile[folded] {
			files++
		}
	}
	for _, entry := range entries {
		dir, isDir := strings.CutSuffix(entry.Name, "/")
		if !isDir {
			dir = path.Dir(dir)
		}
		for ; dir != "."; dir = path.Dir(dir) {
			folded := strings.ToLower(dir)
			if isFile[folded] {
				return refusedf(where, "the entry %q is a file and a folder", shortened(dir))
			}
			if other, seen := folders[folded]; !seen {
				folders[folded] = dir
				if files+len(folders) > most {
					return refusedf(where, "the zip has more than the limit of %d entries and folders that they are in", most)
				}
			} else if other == dir {
				break // and so are the folders above it
			} else {
				return refusedf(where, "the folders %q and %q differ in case alone", shortened(other),
					shortened(dir))
			}
		}
	}
	return nil
}

// checkPlaces refuses entries that share bytes, by which a small zip can hold any amount of data, such as reach beyond the end, and
// such as are called otherwise where they are than in the directory.
func checkPlaces(entries []*zip.File, written []string, r *meteredReader, where string, size int64) error {
	type span struct {
		from, to int64
		name     string
	}
	spans, headers := make([]span, 0, len(entries)), make([]int64, len(entries))
	for i, entry := range entries {
		from, err := entry.DataOffset()
		header := r.last.Load() // which gave it
		if err != nil {
			return refusedf(where, "entry %q: the zip is truncated or damaged: %v", shortened(entry.Name), err)
		}
		if from < 0 || from > size || entry.CompressedSize64 > uint64(size-from) {
			return refusedf(where, "entry %q: the zip is truncated: it reaches beyond the end", shortened(entry.Name))
		}
		headers[i] = header
		spans = append(spans, span{header, from + int64(entry.CompressedSize64), entry.Name})
	}
	slices.SortFunc(spans, func(a, b span) int { return cmp.Compare(a.from, b.from) })
	for i := 1; i < len(spans); i++ {
		if spans[i].from < spans[i-1].to {
			return refusedf(where, "the entries %q and %q overlap", shortened(spans[i-1].name), shortened(spans[i].name))
		}
	}
	header := make([]byte, localHeader+maxName) // one for all: 50,000 would wait for the collector
	for i, entry := range entries {
		if what := checkLocal(r, headers[i], written[i], entry.Method, header); what != "" {
			return refusedf(where, "entry %q: %s", shortened(entry.Name), what)
		}
	}
	return nil
}

// shortened keeps a name from filling the log.
func shortened(name string) string {
	const most = 100 // bytes
	if len(name) <= most {
		return name
	}
	return strings.ToValidUTF8(name[:most], "") + "…"
}
