package main

import (
	"archive/zip"
	"bytes"
	"compress/flate"
	"errors"
	"fmt"
	"hash/crc32"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// Peak memory does not grow with the data: a load of 500 MB of SQL in a zip stays under 64 MiB.
func TestPeakMemory(t *testing.T) {
	t.Parallel()
	const (
		atLeast = 500_000_000 // bytes of SQL
		limit   = 64 << 20    // bytes of memory
	)
	needsProc(t)
	for name, format := range map[string]shop.Format{"inserts": shop.SQL, "copy": shop.PostgresOptimized} {
		t.Run(name, func(t *testing.T) { // one after the other: they need the disk
			archive := filepath.Join(t.TempDir(), "export.zip")
			writeZip(t, archive, shop.Export{Format: format, Size: shop.Rows(100_000)}, atLeast)
			db := pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, db, shop.Schema()+bareTables)

			loadWithin(t, archive, db, 0, limit)
		})
	}
}

// Archives that are made to take memory are refused within 96 MiB: most of it is for a directory that is as long as it may be.
func TestPeakMemoryOfHostileArchives(t *testing.T) {
	t.Parallel()
	const limit = 96 << 20 // bytes of memory
	needsProc(t)
	bomb := func(mib int) []byte { // one block of deflated lines, over and over: deflating them all takes minutes with the race detector
		lines := bytes.Repeat([]byte{'\n'}, 1<<20)
		var block bytes.Buffer
		deflate, err := flate.NewWriter(&block, flate.BestCompression)
		check(t, err)
		_, err = deflate.Write(lines)
		check(t, errors.Join(err, deflate.Flush()))
		blocks := bytes.Repeat(block.Bytes(), mib)
		block.Reset()
		check(t, deflate.Close())
		blocks = append(blocks, block.Bytes()...)
		sum := uint32(0)
		for range mib {
			sum = crc32.Update(sum, crc32.IEEETable, lines)
		}
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		w, err := z.CreateRaw(&zip.FileHeader{Name: "load.sql", Method: zip.Deflate, Flags: 0x8, CRC32: sum,
			CompressedSize64: uint64(len(blocks)), UncompressedSize64: uint64(mib) << 20})
		check(t, err)
		_, err = w.Write(blocks)
		check(t, errors.Join(err, z.Close()))
		return b.Bytes()
	}
	entries := func(n int, name string) []byte {
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range n { // stored: readying a compressor for each takes minutes with the race detector
			_, err := z.CreateHeader(&zip.FileHeader{Name: fmt.Sprintf(name, i), Method: zip.Store})
			check(t, err)
		}
		check(t, z.Close())
		return b.Bytes()
	}
	flat := bomb(256)
	nested := flat
	for range 8 {
		inner := nested
		var b bytes.Buffer
		z := zip.NewWriter(&b)
		for i := range 4 {
			w, err := z.Create(fmt.Sprintf("%d.zip", i))
			check(t, err)
			_, err = w.Write(inner)
			check(t, err)
		}
		check(t, z.Close())
		nested = b.Bytes()
	}
	lies := bytes.Clone(flat)
	for _, at := range []int{bytes.Index(lies, []byte("PK\x07\x08")) + 12, bytes.LastIndex(lies, []byte("PK\x01\x02")) + 24} {
		copy(lies[at:], "\x00\x00\x10\x00") // the size of the contents: 1 MiB
	}
	for _, test := range []struct {
		name    string
		archive []byte
		says    string
	}{
		{"flat bomb of 256 MiB", flat, "more than 200 times"},
		{"bomb that claims to be small", lies, "damaged"},
		{"zips in zips", nested, "no load.sql"},
		{"a million entries", entries(1_000_000, "%d"), "directory is longer"},
		{"just too many entries", entries(50_001, "%d"), "limit of 50000"},
		{"as many entries as may be, in folders as deep as may be", entries(50_000-31, strings.Repeat("d/", 31)+"%08d"), "no load.sql"},
		{"as many folders as may be", entries(25_000, "%[1]d"+strings.Repeat("n", 100)+"/%[1]d"), "no load.sql"},
		{"folders in folders, for each entry", entries(50_000, "%d/"+strings.Repeat("d/", 31)+"f"), "limit of"},
	} {
		t.Run(test.name, func(t *testing.T) {
			archive := filepath.Join(t.TempDir(), "export.zip")
			if err := os.WriteFile(archive, test.archive, 0o600); err != nil {
				t.Fatal(err)
			}
			output := loadWithin(t, archive, pgtest.Shared(t).NewDatabase(t), 5, limit)
			if !strings.Contains(output, test.says) {
				t.Errorf("no %q in:\n%s", test.says, output)
			}
		})
	}
}

func check(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

func needsProc(t *testing.T) {
	t.Helper()
	if runtime.GOOS != "linux" {
		t.Skip("the peak of another process's memory is read from /proc, which is Linux's")
	}
}

// Rows of files as long as they may be are loaded within 96 MiB, whatever has to be escaped in them; one that is longer is refused.
func TestPeakMemoryOfLongRows(t *testing.T) {
	t.Parallel()
	const (
		limit   = 96 << 20 // bytes of memory
		longest = 32 << 20 // bytes of a row
	)
	needsProc(t)
	fill := func(begin, part, end string) string {
		return begin + strings.Repeat(part, (longest-len(begin)-len(end)-16)/len(part)) + end
	}
	for name, file := range map[string]struct {
		name, text string
		exit       int
	}{
		"plain":         {"t.csv", fill("v,w\n\"", "a", "\",1\n2,\n"), 0},
		"newlines":      {"t.csv", fill("v,w\n\"", "a\n", "\",1\n2,\n"), 0},
		"quotes":        {"t.csv", fill("v,w\n\"", "\"\"\\", "\",1\n2,\n"), 0},
		"json":          {"t.jsonl", fill("{\"v\":\"", "a", "\"}\n{}\n"), 0},
		"escapes":       {"t.jsonl", fill("{\"v\":\"", "\\n\\\\", "\"}\n{}\n"), 0},
		"a list":        {"t.jsonl", fill("{\"a\":[", "\"x\\\\\",", "1]}\n{}\n"), 0},
		"too long":      {"t.csv", fill("v,w\n\"", "a", "") + strings.Repeat("a", 64) + "\",1\n", 5},
		"too long json": {"t.jsonl", fill("{\"v\":\"", "a", "") + strings.Repeat("a", 64) + "\"}\n", 5},
	} {
		t.Run(name, func(t *testing.T) { // one after the other: they need the memory
			dir := t.TempDir()
			check(t, os.WriteFile(filepath.Join(dir, file.name), []byte(file.text), 0o600))
			db := pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, db, "CREATE TABLE t (v text, w int, a text[])")
			said := loadWithin(t, dir, db, file.exit, limit)
			if file.exit != 0 && !strings.Contains(said, "longer than 32 MiB") {
				t.Errorf("it says\n%s", said)
			}
		})
	}
}

// A statement takes its own size of memory and no more than 96 MiB beside it, whatever it is and however it is sent; and the one after it has
// the same memory.
func TestPeakMemoryOfLargeStatements(t *testing.T) {
	t.Parallel()
	const (
		size  = 90 << 20      // bytes of a statement
		limit = size + 96<<20 // bytes of memory
	)
	needsProc(t)
	const (
		lines  = "The quick brown fox jumps over the lazy dog, packing its liquor.\n"
		quotes = "It''s the quick brown fox, over the lazy dog''s head and away...\n"
	)
	type large struct{ begin, piece, end string }
	for _, test := range []struct {
		name   string
		script []large
		zipped bool
		args   []string
		exit   int
	}{
		{"queries", []large{{"SELECT length('", quotes, "') \\gset\n"}, {"\\set one 1\nSELECT :one \\; SELECT length($$", lines, "$$), :'one';"}}, false, nil, 0},
		{"extended", []large{{"SELECT length('", lines, "') \\bind \\g\n"}}, false, nil, 0},
		{"code", []large{{"DO $$ BEGIN /* ", lines, " */ PERFORM 1; END $$;"}}, false, nil, 0},
		{"rows", []large{{"INSERT INTO t VALUES (1, '', ''), (2, '", quotes, "', '');"}}, false, nil, 0},
		{"a row among others", []large{{"INSERT INTO t VALUES " + strings.Repeat("(1, 'a', 'b'),\n", 100_000) + "(2, '", lines, "', '');"}}, false, nil, 0},
		{"a row among others, with jobs", []large{{"INSERT INTO t VALUES (1, '', '');\nINSERT INTO t VALUES " + strings.Repeat("(1, 'a', 'b'),\n", 100_000) + "(2, '", lines, "', '');"}}, false, []string{"--jobs=2", "--transaction=none"}, 0},
		{"rows with a trigger", []large{{"INSERT INTO u VALUES (1, '", lines, "', '');"}}, true, []string{"--jobs=2", "--allow=data"}, 0},
		{"rows as written", []large{{"INSERT INTO t VALUES (1, '', '", lines, "') ON CONFLICT DO NOTHING;"}}, false, []string{"--fast=false", "--transaction=none", "--on-error=continue"}, 0},
		{"a row that does not fit", []large{{"INSERT INTO t VALUES (1, '', ''), ('one', '", lines, "', '');"}}, false, nil, 6},
		{"a definition", []large{{"COMMENT ON TABLE t IS '", lines, "';"}}, true, []string{"--allow=schema"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) { // one after the other: they need the memory
			archive := filepath.Join(t.TempDir(), "load.sql")
			f, err := os.Create(archive)
			check(t, err)
			w, done := io.Writer(f), f.Close
			if test.zipped {
				z := zip.NewWriter(f)
				w, err = z.Create("load.sql")
				check(t, err)
				done = func() error { return errors.Join(z.Close(), f.Close()) }
			}
			for _, s := range test.script {
				_, err := io.WriteString(w, s.begin)
				check(t, err)
				block := []byte(strings.Repeat(s.piece, 1<<20/len(s.piece)))
				for n := len(s.begin) + len(s.end); n <= size-len(block); n += len(block) {
					_, err = w.Write(block)
					check(t, err)
				}
				_, err = io.WriteString(w, s.end+"\n")
				check(t, err)
			}
			check(t, done())
			db := pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, db, `CREATE UNLOGGED TABLE t (n int, a text, b text);
				CREATE UNLOGGED TABLE u (n int, a text, b text);
				CREATE FUNCTION bare() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.a := NULL; RETURN NEW; END';
				CREATE TRIGGER bare BEFORE INSERT ON u FOR EACH ROW EXECUTE FUNCTION bare()`)
			loadWithin(t, archive, db, test.exit, limit, test.args...)
		})
	}
}

// loadWithin loads an archive in a process that exits with a code and takes no more bytes of memory than a limit. It gives
// what the process said.
func loadWithin(t *testing.T, archive, db string, code int, limit int64, args ...string) (output string) {
	t.Helper()
	var got int64
	for tries := 20; got == 0 && tries > 0; tries-- { // until it was seen at all: what is refused at once is soon over
		p := program(t, binary(t), append([]string{"load", archive}, args...), "DATABASE_URL="+db)
		p.start(t)
		peak := make(chan int64)
		go func() { peak <- leaks.PeakMemory(p.Process.Pid) }()
		p.exitsWith(t, code)
		got, output = <-peak, p.output.String()
	}
	t.Logf("peak memory %.1f MiB", float64(got)/(1<<20))
	if got == 0 || got > limit {
		t.Errorf("peak memory %d bytes, more than %d", got, limit)
	}
	return output
}

// bareTables makes of the shop's tables ones that the server fills quickly: not logged, without keys and indexes. What
// these cost is the server's memory, not ours.
const bareTables = `
DO $$
DECLARE name text;
BEGIN
	FOR name IN SELECT tablename FROM pg_tables WHERE schemaname = 'public' LOOP
		EXECUTE format('CREATE UNLOGGED TABLE %I (LIKE %I)', 'bare_' || name, name);
		EXECUTE format('DROP TABLE %I CASCADE', name);
		EXECUTE format('ALTER TABLE %I RENAME TO %I', 'bare_' || name, name);
	END LOOP;
END $$;`

// writeZip packs an export whose rows are repeated until there are so many bytes. (The tables have no keys, and with the
// race detector it takes a minute to make as many different rows.)
func writeZip(t *testing.T, path string, export shop.Export, atLeast int) {
	t.Helper()
	var script bytes.Buffer
	if err := export.Write(&script); err != nil {
		t.Fatal(err)
	}
	first := regexp.MustCompile(`(?m)^(INSERT|COPY) `).FindIndex(script.Bytes())[0]
	last := bytes.LastIndex(script.Bytes(), []byte("SET session_replication_role"))
	head, rows, foot := script.Bytes()[:first], script.Bytes()[first:last], script.Bytes()[last:]

	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	z := zip.NewWriter(f)
	w, err := z.CreateHeader(&zip.FileHeader{Name: "load.sql", Method: zip.Store})
	if err != nil {
		t.Fatal(err)
	}
	parts := append([][]byte{head}, slices.Repeat([][]byte{rows}, atLeast/len(rows)+1)...)
	for _, part := range append(parts, foot) {
		if _, err := w.Write(part); err != nil {
			t.Fatal(err)
		}
	}
	if err := errors.Join(z.Close(), f.Close()); err != nil {
		t.Fatal(err)
	}
}
