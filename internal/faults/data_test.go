//go:build unix

package faults

import (
	"archive/zip"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator"
)

// downloadFaults are what can go wrong with the data on its way.
func downloadFaults() []fault {
	var faults []fault
	cut := func(how simulator.Break, at int64) simulator.Options {
		return api(simulator.Fault{Route: data, Break: how, Moment: simulator.InBody, At: at})
	}
	for _, at := range []int64{0, 1, 2, 30, 1000, 5000, 11000} {
		for _, how := range []simulator.Break{simulator.Close, simulator.Reset, simulator.Stall} {
			faults = append(faults, fault{name: fmt.Sprintf("%s at byte %d", how, at), says: []string{"Retrying in"}, api: cut(how, at)})
		}
	}
	once := func(f simulator.Fault) simulator.Options { return api(at(data, 1, f)) }
	ever := func(f simulator.Fault) simulator.Options { return api(at(data, always, f)) }
	// second gives an API whose first download is cut, so that the next one is to go on where it was.
	second := func(f simulator.Fault) simulator.Options {
		f.Route, f.Nth = data, 2
		return api(simulator.Fault{Route: data, Break: simulator.Close, Moment: simulator.InBody, At: 5000}, f)
	}
	header := func(name, value string) simulator.Fault {
		return simulator.Fault{Header: map[string]string{name: value}}
	}
	expiry := simulator.Fault{ExpireURLs: true, Break: simulator.Close, Moment: simulator.InBody, At: 5000, Route: data}
	return append(faults,
		fault{name: "no answer, once", api: once(simulator.Fault{Break: simulator.Stall}), says: []string{"Retrying in"}},
		fault{name: "no answer, for ever", api: ever(simulator.Fault{Break: simulator.Stall}), code: problem.Timeout, says: []string{"sent nothing for", "task-id"}, limit: 30 * time.Second},
		fault{name: "slow, but on its way", api: once(simulator.Fault{Rate: 20_000})},
		fault{name: "drips for ever", limit: 30 * time.Second, api: ever(simulator.Fault{Rate: 40}), code: problem.Timeout, says: []string{"less than 1024 bytes came in a second", "task-id"}},
		fault{name: "some bytes and then silence, for ever", api: ever(simulator.Fault{Break: simulator.Stall, Moment: simulator.InBody, At: 40}), code: problem.Timeout,
			says: []string{"task-id"}, limit: 30 * time.Second},
		fault{name: "resumed from a server that ignores ranges", api: second(simulator.Fault{IgnoreRange: true}), says: []string{"from the start again"}},
		fault{name: "object changed under the resume", api: second(simulator.Fault{NewObject: true}), says: []string{"from the start again"}},
		fault{name: "resumed with another part", api: second(header("Content-Range", "bytes 1-5/9")), says: []string{"from the start again"}},
		fault{name: "resumed with 416", api: second(simulator.Fault{Status: 416}), says: []string{"from the start again"}},
		fault{name: "resumed with another tag", api: second(header("ETag", `"other"`)), says: []string{"from the start again"}},
		fault{name: "length too large, for ever", api: ever(header("Content-Length", "99999999")), code: problem.Data, says: []string{"task-id"}},
		fault{name: "length too small", api: ever(header("Content-Length", "10")), code: problem.Data, says: []string{"truncated or damaged"}},
		fault{name: "no length", api: once(header("Content-Length", ""))},
		fault{name: "gzip that was not asked for", api: once(simulator.Fault{Gzip: true})},
		fault{name: "gzip that is cut", api: once(simulator.Fault{Gzip: true, Break: simulator.Close, Moment: simulator.InBody, At: 2000}), says: []string{"from the start again"}},
		fault{name: "gzip that is none", api: once(header("Content-Encoding", "gzip"))},
		fault{name: "an encoding that is not known", api: ever(header("Content-Encoding", "br")), code: problem.Data, says: []string{"not asked for"}},
		fault{name: "address expires before", api: api(simulator.Fault{Route: data, ExpireURLs: true}), says: []string{"Asking for a fresh address"}},
		fault{name: "address expires in the middle, resumed with a fresh one", api: api(expiry), says: []string{"fresh address"},
			never: []string{"from the start again"}},
		fault{name: "address expires each time", api: ever(simulator.Fault{ExpireURLs: true}), code: problem.Data, says: []string{"not valid (any more)"}},
		fault{name: "address expires, and the task is gone", api: api(simulator.Fault{Route: data, ExpireURLs: true}, simulator.Fault{Route: poll, Nth: 2, Times: always, Status: 404, Body: `{"error":"gone"}`}),
			code: problem.API, says: []string{"does not know the task"}},
		fault{name: "403, once", api: once(simulator.Fault{Status: 403, Body: "<Error/>"}), says: []string{"fresh address"}},
		fault{name: "404, once", api: once(simulator.Fault{Status: 404}), says: []string{"fresh address"}},
		fault{name: "410, for ever", api: ever(simulator.Fault{Status: 410}), code: problem.Data, says: []string{"HTTP 410", "kept for a while"}},
		fault{name: "429, once", api: once(simulator.Fault{Status: 429}), says: []string{"Retrying in"}},
		fault{name: "500, once", api: once(simulator.Fault{Status: 500, Body: page}), says: []string{"Retrying in"}},
		fault{name: "503, for ever", api: ever(simulator.Fault{Status: 503, Body: page}), code: problem.Data, says: []string{"HTTP 503", "task-id"}},
		fault{name: "HTML with 200", api: ever(simulator.Fault{Status: 200, Body: page}), code: problem.Data, says: []string{"web page"}},
		fault{name: "empty with 200", api: ever(simulator.Fault{Header: map[string]string{"Content-Length": "0"}, Status: 200}), code: problem.Data, says: []string{"empty"}},
		fault{name: "redirect to nowhere", api: ever(simulator.Fault{Status: 302, Header: map[string]string{"Location": "http://no-such-host.invalid/"}}), code: problem.Data, says: []string{"not known"}, limit: 20 * time.Second},
		fault{name: "redirect to a file", api: ever(simulator.Fault{Status: 302, Header: map[string]string{"Location": "file:///etc/passwd"}}), code: problem.Data, says: []string{"not http"}},
		fault{name: "redirect for ever", api: ever(simulator.Fault{Status: 302, Header: map[string]string{"Location": "?again"}}), code: problem.Data, says: []string{"redirect"}},
		fault{name: "temporary folder cannot be written", code: problem.Data, says: []string{"no temporary folder can be made", "TMPDIR"},
			prepare: func(w *world) { w.tempDir = "/proc" }},
		fault{name: "temporary folder's disk is full", code: problem.Data, says: []string{"no space left", "TMPDIR"}, prepare: fullDisk},
		fault{name: "data folder cannot be written", code: problem.Data, args: []string{"--data-dir=/proc/fabricate"}, says: []string{"/proc"}},
	)
}

// fullDisk puts the temporary folder on a disk with room for a page.
func fullDisk(w *world) {
	dir := w.t.TempDir()
	if err := mountSmall(dir, "size=8k"); err != nil {
		w.t.Skipf("no small disk can be mounted here (it needs root): %v", err)
	}
	w.t.Cleanup(func() { _ = syscall.Unmount(dir, 0) })
	w.temp = dir
}

// part is one entry of a zip; change spoils it before it is written.
type part struct {
	name, content string
	change        func(*zip.FileHeader)
}

func zipped(parts ...part) []byte {
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, p := range parts {
		header := &zip.FileHeader{Name: p.name, Method: zip.Deflate}
		if p.change != nil {
			p.change(header)
		}
		f, err := w.CreateHeader(header)
		if err == nil {
			_, err = io.WriteString(f, p.content)
		}
		if err != nil {
			panic(err)
		}
	}
	if err := w.Close(); err != nil {
		panic(err)
	}
	return b.Bytes()
}

// spoiled changes bytes of a zip, counted from the last, or first, place of a record.
func spoiled(content []byte, record string, offset int, to string, last bool) []byte {
	at := bytes.Index(content, []byte(record))
	if last {
		at = bytes.LastIndex(content, []byte(record))
	}
	changed := bytes.Clone(content)
	copy(changed[at+offset:], to)
	return changed
}

const (
	local     = "PK\x03\x04"
	directory = "PK\x01\x02"
	ending    = "PK\x05\x06"
)

// million makes a directory of a million entries, without the entries.
func million() []byte {
	const entries = 1 << 20
	record := make([]byte, 47)
	copy(record, directory)
	binary.LittleEndian.PutUint16(record[28:], 1) // length of the name
	record[46] = 'a'
	all := bytes.Repeat(record, entries)
	end := make([]byte, 22)
	copy(end, ending)
	binary.LittleEndian.PutUint32(end[12:], uint32(len(all)))
	binary.LittleEndian.PutUint32(end[16:], 4)
	return append(append([]byte(local), all...), end...)
}

// archiveFaults are what can be wrong with the data itself.
func archiveFaults() []fault {
	script := part{name: "load.sql", content: string(exportOf(2))}
	good := zipped(script, part{name: "b.sql", content: "SELECT 1;"})
	one := func(name string) []byte { return zipped(script, part{name: name, content: "x"}) }
	mode := func(m fs.FileMode) []byte {
		return zipped(script, part{name: "x", content: "/etc/passwd", change: func(h *zip.FileHeader) { h.SetMode(m) }})
	}
	many := make([]part, 60_000)
	for i := range many {
		many[i] = part{name: fmt.Sprintf("%d", i), change: func(h *zip.FileHeader) { h.Method = zip.Store }}
	}
	zeros := strings.Repeat("\x00", 130<<20)
	served := func(name string, body []byte, says ...string) fault {
		return fault{name: name, code: problem.Data, says: says, api: simulator.Options{Data: &simulator.Data{Body: body, ContentType: "application/zip"}}}
	}
	text := func(name, content string, code problem.Code, says ...string) fault {
		return fault{name: name, code: code, says: says, data: []byte(content)}
	}
	format := func(name, format, file, content string, says ...string) fault {
		return fault{name: name, code: problem.Data, args: []string{"--format=" + format}, says: says,
			api: simulator.Options{Data: &simulator.Data{Body: zipped(part{name: file, content: content}), ContentType: "application/zip"}}}
	}
	rows := func(f fault) fault { f.code = problem.Database; return f }
	return []fault{
		served("truncated at the end", good[:len(good)-30], "truncated or damaged"),
		served("truncated in the middle", good[:len(good)/2], "truncated or damaged"),
		served("wrong checksum", spoiled(good, directory, 16, "abcd", false), "checksum is wrong"),
		served("damaged contents", spoiled(good, "load.sql", 600, "\xff\xff\xff\xff\xff\xff\xff\xff", false), "damaged"),
		served("directory: wrong record", spoiled(good, directory, 0, "XX", false), "truncated or damaged"),
		served("directory: wrong position", spoiled(good, directory, 42, "\xf0", false), "damaged"),
		served("directory: beyond the end", spoiled(good, directory, 20, "\xff\xff\xff\x7f", false), "beyond the end"),
		served("directory: wrong count", spoiled(good, ending, 10, "\x09", true), "truncated or damaged"),
		served("entries overlap", spoiled(good, directory, 42, "\x00\x00\x00\x00", true), "overlap"),
		served("flat bomb", zipped(script, part{name: "zeros.sql", content: zeros}), "more than 200 times"),
		served("bomb that claims 4 GiB", spoiled(good, directory, 24, "\x00\x00\x00\xf0", false), "more than 200 times"),
		served("bomb that claims to be small", spoiled(good, directory, 24, "\x05\x00\x00\x00", false), "damaged"),
		served("a zip in the zip, in place of a script", zipped(part{name: "inner.zip", content: string(good)}), "no load.sql"),
		served("60,000 entries", zipped(many...), "limit of 50000"),
		served("a million entries", million(), "directory is longer"),
		served("absolute name", one("/etc/passwd"), "absolute"),
		served("name with ..", one("a/../../x"), "leads outside"),
		served("name with .. and backslashes", one(`a\..\..\x`), "leads outside"),
		served("name with a drive letter", one(`C:\x`), "drive letter"),
		served("name with NUL", one("a\x00b"), "control character"),
		served("name that is not UTF-8", one("caf\xe9.sql"), "not UTF-8"),
		served("name of 2,000 bytes", one(strings.Repeat("n", 2000)), "longer than"),
		served("link", mode(fs.ModeSymlink|0o777), "link"),
		served("device", mode(fs.ModeDevice|0o600), "device"),
		served("pipe", mode(fs.ModeNamedPipe|0o600), "device"),
		served("the same name twice", zipped(script, script), "twice"),
		served("names that differ in case", zipped(script, part{name: "Load.sql"}), "in case alone"),
		served("encrypted", spoiled(good, directory, 8, "\x09", false), "encrypted"),
		served("method that is not known", spoiled(good, directory, 10, "\x0c", false), "method"),
		served("no load.sql", zipped(part{name: "a.sql"}, part{name: "b.sql"}), "there are: a.sql, b.sql"),
		served("two load.sql", zipped(part{name: "a/load.sql"}, part{name: "b/load.sql"}), "there are: a/load.sql, b/load.sql"),
		served("nothing in it", zipped(), "no .sql file"),
		served("a web page named zip", []byte(page), "web page"),
		served("something else named zip", []byte("hello"), "not a zip"),
		func() fault {
			f := served("an empty file", nil, "empty")
			f.api.Data.Body = []byte{}
			return f
		}(),
		text("script for MySQL", "SET FOREIGN_KEY_CHECKS = 0;\nINSERT INTO `users` (`id`) VALUES (1);\n", problem.Data, "MySQL"),
		text("script that runs a command", "TRUNCATE reviews;\n\\! touch /tmp/pwned\n", problem.Data, "runs a shell command", asItWas),
		text("script that reads a file outside", "TRUNCATE reviews;\n\\i /etc/passwd\n", problem.Data, "outside the archive", asItWas),
		text("script that ends in a quote", "TRUNCATE reviews;\nINSERT INTO reviews VALUES ('", problem.Database, asItWas),
		text("script that ends in the rows of a COPY", "TRUNCATE reviews;\nCOPY categories (id, name, slug) FROM stdin;\n900001\tx\tx\n", problem.OK),
		text("script with NUL in it", "TRUNCATE reviews;\nINSERT INTO categories (id, name, slug) VALUES (900001, 'a\x00b', 'x');\n", problem.Data, "NUL", asItWas),
		text("script with bytes that are not UTF-8", "TRUNCATE reviews;\nINSERT INTO categories (id, name, slug) VALUES (900001, 'caf\xe9', 'x');\n", problem.Database, "22021", asItWas),
		text("script that includes itself", "\\i shop.sql\n", problem.Data, "include one another"),
		format("csv: a quote that does not end", "csv", "users.csv", "id,email\n1,\"a\n", "users.csv"),
		format("csv: too many columns in a row", "csv", "users.csv", "id,email\n1,a,b\n", "users.csv:2"),
		rows(format("csv: a column that the table lacks", "csv", "users.csv", "id,nothing_here\n1,a\n", "nothing_here")),
		rows(format("csv: a value that is none", "csv", "categories.csv", "id,name,slug\nx,a,a\n", "categories.csv:2", asItWas)),
		rows(format("csv: no such table", "csv", "nothing.csv", "id\n1\n", "nothing")),
		format("jsonl: a line that is no JSON", "jsonl", "users.jsonl", "{\"id\": 1\n", "users.jsonl:1"),
		format("jsonl: a line that is no object", "jsonl", "users.jsonl", "[1]\n", "users.jsonl:1"),
		rows(format("jsonl: a value that is none", "jsonl", "categories.jsonl", "{\"id\": \"x\", \"name\": \"a\", \"slug\": \"a\"}\n", "categories.jsonl:1", asItWas)),
		{name: "archive: no such file", code: problem.Settings, args: []string{"--archive=nothing.zip"}, tasks: -1},
		{name: "archive: is a device", code: problem.Data, says: []string{"neither a file nor a folder"}, args: []string{"--archive=/dev/null"}, tasks: -1},
		{name: "archive: a folder with a link out of it", code: problem.Data, tasks: -1, prepare: func(w *world) {
			dir := filepath.Join(w.dir, "export")
			if err := os.Mkdir(dir, 0o755); err != nil {
				w.t.Fatal(err)
			}
			if err := os.Symlink("/etc/passwd", filepath.Join(dir, "load.sql")); err != nil {
				w.t.Fatal(err)
			}
			w.args = append(w.args, "--archive="+dir)
		}},
	}
}
