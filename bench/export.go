package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"

	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

// export is the rows of one size, in the forms that the ways load, in folders of its own:
//
//	inserts/load.sql   INSERTs
//	late/load.sql      INSERTs, the last row of all being refused by its type
//	twice/load.sql     INSERTs, the last row of the first, largest table being refused by its key
//	failing/load.sql   4,784 statements that fail
//	singles/load.sql   INSERTs of one row each, table by table
//	turns/load.sql     the same, the tables in turn
//	setval/load.sql    INSERTs, with the sequences set behind them
//	copies/load.sql    COPY with inline rows
//	files/load.sql     \copy from a file for each table, which lie beside it
//	files/hand.sql     the same, with the secondary indexes dropped before and built after
//	csv, jsonl         a file of rows for each table
//	dump               made by pg_dump from the rows once they are loaded: schema and rows, custom format
type export struct {
	name  string
	dir   string
	size  shop.Size
	bytes map[string]int64 // of a folder's script, or of its files of rows

	right   *content // what the database held after the way that came first, which all others are compared with; nil until then
	rightBy string
}

func sizes() []string { return []string{"small", "standard", "large"} }

func isSize(name string) bool {
	return name == "third" || name == "huge" || slices.Contains(sizes(), name)
}

// evenly begins the names of sizes in which four tables take about as long as each other.
const evenly = "even-"

// rows gives how many rows the size of a name has, "tiny" being ten in all.
func rows(name string) shop.Size {
	size := shop.Benchmark()
	if scale, is := strings.CutPrefix(name, evenly); is {
		size, name = shop.Size{Users: 1000, Products: 1000, Addresses: 300_000, Orders: 300_000, OrderItems: 300_000, Reviews: 300_000}, scale
	}
	switch name {
	case "tiny":
		return shop.Rows(10)
	case "turns":
		return shop.Size{Users: 100, Products: 100, Addresses: 100, Orders: 100, OrderItems: 100, Reviews: 100}
	case "small", "third":
		parts := map[string]int{"small": 10, "third": 3}[name]
		for _, table := range shop.Tables() {
			size = size.With(table, size.Table(table)/parts)
		}
	case "large":
		size = size.Times(10)
	case "huge":
		size = size.Times(100)
	}
	return size
}

// export gives the export of a size with the files that the ways need; what was made before is used again.
func (b *bench) export(name string, ways []way) (*export, error) {
	x := b.exports[name]
	if x == nil {
		x = &export{name: name, dir: filepath.Join(b.dir, name), size: rows(name), bytes: map[string]int64{}}
		b.exports[name] = x
	}
	for _, w := range ways {
		if w.folder == "." {
			continue // made from the loaded rows
		}
		dir := filepath.Join(x.dir, w.folder)
		if _, err := os.Stat(dir); err == nil {
			continue
		}
		b.tell("making %d rows of %s", x.size.Total(), w.folder)
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return nil, err
		}
		if w.fails != "" {
			if err := spoil(filepath.Join(x.dir, "inserts"), dir, w.folder); err != nil {
				return nil, err
			}
			continue
		}
		if w.folder == "failing" {
			if err := os.WriteFile(filepath.Join(dir, "load.sql"), failing(), 0o600); err != nil {
				return nil, err
			}
			continue
		}
		made := shop.Export{Format: shop.SQL, Size: x.size}
		switch w.folder {
		case "copies":
			made.Format = shop.PostgresOptimized
		case "files":
			made.Format, made.Layout = shop.PostgresOptimized, shop.Copied
		case "turns", "singles":
			made.RowsPerInsert = 1
		case "csv", "jsonl":
			made.Format = shop.Format(w.folder)
		}
		err := made.WriteFolder(dir)
		switch {
		case err != nil:
		case w.folder == "turns":
			err = takeTurns(filepath.Join(dir, "load.sql"))
		case w.folder == "setval":
			err = setSequences(filepath.Join(dir, "load.sql"))
		}
		if err != nil {
			return nil, err
		}
		if w.folder == "files" {
			if err := b.writeHandMade(dir); err != nil {
				return nil, err
			}
			continue
		}
		if made.Format == shop.CSV || made.Format == shop.JSONL {
			if x.bytes[w.folder], err = folderSize(dir); err != nil {
				return nil, err
			}
			continue
		}
		script, err := os.Stat(filepath.Join(dir, "load.sql"))
		if err != nil {
			return nil, err
		}
		x.bytes[w.folder] = script.Size()
	}
	return x, nil
}

// megabytes gives how much text the rows are that a way loads: its files, or the script that others of its shape load.
func (x *export) megabytes(w way) float64 {
	folder, scripted := map[shape]string{inserts: "inserts", even: "inserts", copies: "copies"}[w.shape]
	if !scripted {
		folder = w.folder
	}
	return float64(x.bytes[folder]) / 1e6
}

// failing gives statements of which each fails, by a value or by a column's name.
func failing() []byte {
	var b bytes.Buffer
	for i := range 4784 / 2 {
		fmt.Fprintf(&b, "INSERT INTO categories (id) VALUES ('x%d');\nINSERT INTO users (id, nothing) VALUES (%[1]d, 'x');\n", i)
	}
	return b.Bytes()
}

// setSequences adds what sets each sequence to a script, as exporters write it that name no schema.
func setSequences(name string) error {
	script, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	for _, table := range shop.Tables() {
		if table != "payments" { // its keys are UUIDs
			script = fmt.Appendf(script, "SELECT setval('%s_id_seq', 1000);\n", table)
		}
	}
	return os.WriteFile(name, script, 0o600)
}

// takeTurns has the INSERTs of a script take turns by their tables.
func takeTurns(name string) error {
	const behind = ");\n\n\n-- fabricate-flush\n\n\n"
	script, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	from, to := bytes.Index(script, []byte("INSERT")), bytes.LastIndex(script, []byte(behind))+len(behind)
	byTable := map[string][][]byte{}
	for statement := range bytes.SplitAfterSeq(script[from:to], []byte(behind)) {
		table, _, _ := strings.Cut(string(statement), "(")
		byTable[table] = append(byTable[table], statement)
	}
	tables := slices.Sorted(maps.Keys(byTable))
	turned := bytes.Clone(script[:from])
	for left := true; left; {
		left = false
		for _, table := range tables {
			if statements := byTable[table]; len(statements) > 0 {
				turned, byTable[table], left = append(turned, statements[0]...), statements[1:], true
			}
		}
	}
	return os.WriteFile(name, append(turned, script[to:]...), 0o600)
}

// spoil writes the export of from with one row that the server refuses.
func spoil(from, to, how string) error {
	script, err := os.ReadFile(filepath.Join(from, "load.sql"))
	if err != nil {
		return err
	}
	key, end := "'x'", len(script)
	if how == "twice" {
		key = "1"
		table := regexp.MustCompile(`(?m)^INSERT INTO ("\w+")`).FindSubmatch(script)
		if table == nil {
			return errors.New("the export has no rows")
		}
		end = bytes.LastIndex(script, append([]byte("\nINSERT INTO "), table[1]...)) + 1
		end += bytes.Index(script[end:], []byte(";\n"))
	}
	at := regexp.MustCompile(`\n\((\d+), `).FindAllSubmatchIndex(script[:end], -1)
	if len(at) == 0 {
		return errors.New("no row begins with a number")
	}
	last := at[len(at)-1]
	return os.WriteFile(filepath.Join(to, "load.sql"), slices.Concat(script[:last[2]], []byte(key), script[last[3]:]), 0o600)
}

// writeHandMade writes what somebody who knows PostgreSQL would write by hand.
func (b *bench) writeHandMade(dir string) error {
	script, err := os.ReadFile(filepath.Join(dir, "load.sql"))
	if err != nil {
		return err
	}
	var hand bytes.Buffer
	for _, index := range b.secondary {
		fmt.Fprintf(&hand, "DROP INDEX %s;\n", index.name)
	}
	hand.Write(script)
	for _, index := range b.secondary {
		fmt.Fprintf(&hand, "%s;\n", strings.TrimSuffix(index.definition, ";"))
	}
	return os.WriteFile(filepath.Join(dir, "hand.sql"), hand.Bytes(), 0o600)
}

// folderSize gives the bytes of a folder's files.
func folderSize(dir string) (total int64, err error) {
	entries, err := os.ReadDir(dir)
	for _, entry := range entries {
		if info, err := entry.Info(); err == nil {
			total += info.Size()
		}
	}
	return total, err
}
