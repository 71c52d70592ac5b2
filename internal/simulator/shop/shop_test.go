package shop_test

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/csv"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/simulator/shop"
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

var small = shop.Rows(4_000)

// TestEveryFormatHoldsTheSameRows loads each format with PostgreSQL's own means and compares dumps.
func TestEveryFormatHoldsTheSameRows(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	reference := server.NewDatabase(t)
	pgtest.Exec(t, reference, shop.Schema())
	loadScript(t, reference, shop.Export{Format: shop.SQL, Size: small})
	want := pgtest.SortedDump(t, reference, "--data-only")
	mustHoldKeys(t, reference)

	for name, x := range map[string]shop.Export{
		"few rows per insert":          {Format: shop.SQL, RowsPerInsert: 7},
		"postgres-optimized":           {Format: shop.PostgresOptimized},
		"postgres-optimized, copied":   {Format: shop.PostgresOptimized, Layout: shop.Copied},
		"postgres-optimized, included": {Format: shop.PostgresOptimized, Layout: shop.Included},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x.Size = small
			url := server.NewDatabase(t)
			pgtest.Exec(t, url, shop.Schema())
			loadScript(t, url, x)
			mustEqual(t, pgtest.SortedDump(t, url, "--data-only"), want)
		})
	}
	t.Run("csv", func(t *testing.T) {
		t.Parallel()
		url := server.NewDatabase(t)
		pgtest.Exec(t, url, shop.Schema())
		loadCSV(t, url, shop.Export{Format: shop.CSV, Size: small})
		mustEqual(t, pgtest.SortedDump(t, url, "--data-only"), want)
	})
	t.Run("jsonl", func(t *testing.T) {
		t.Parallel()
		url := server.NewDatabase(t)
		pgtest.Exec(t, url, shop.Schema())
		loadJSONL(t, url, shop.Export{Format: shop.JSONL, Size: small})
		mustEqual(t, pgtest.SortedDump(t, url, "--data-only"), want)
	})
	t.Run("another seed holds other rows", func(t *testing.T) {
		t.Parallel()
		url := server.NewDatabase(t)
		pgtest.Exec(t, url, shop.Schema())
		loadScript(t, url, shop.Export{Format: shop.SQL, Size: small, Seed: 1})
		mustHoldKeys(t, url)
		if pgtest.SortedDump(t, url, "--data-only") == want {
			t.Error("the seed changes nothing")
		}
	})
	t.Run("broken keys", func(t *testing.T) {
		t.Parallel()
		url := server.NewDatabase(t)
		pgtest.Exec(t, url, shop.Schema())
		loadScript(t, url, shop.Export{Format: shop.SQL, Size: small, BrokenKeys: 3})
		for query, want := range map[string]string{
			"orders o LEFT JOIN users p ON p.id = o.user_id":            "3\n",
			"order_items o LEFT JOIN products p ON p.id = o.product_id": "3\n",
			"payments o LEFT JOIN orders p ON p.id = o.order_id":        "0\n",
		} {
			got, stderr, _ := pgtest.Psql(t, url, "-Atc", "SELECT count(*) FROM "+query+" WHERE p.id IS NULL")
			if got != want {
				t.Errorf("%s: %q, want %q %s", query, got, want, stderr)
			}
		}
	})
}

func loadScript(t *testing.T, url string, x shop.Export) {
	t.Helper()
	dir := t.TempDir()
	if err := x.WriteFolder(dir); err != nil {
		t.Fatal(err)
	}
	bin, err := pgtest.Shared(t).Bin("psql")
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin, "-X", "-q", "-1", "-v", "ON_ERROR_STOP=1", "-d", url, "-f", "load.sql")
	cmd.Dir = dir // \copy reads relative to the current folder
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("%v: %.2000s", err, out)
	}
}

func loadCSV(t *testing.T, url string, x shop.Export) {
	t.Helper()
	copyIn(t, url, x, func(_ *pgx.Conn, table string) string {
		return `COPY ` + table + ` FROM STDIN WITH (FORMAT csv, HEADER true)`
	})
}

// loadJSONL brings each line in as one value and lets PostgreSQL take it apart.
func loadJSONL(t *testing.T, url string, x shop.Export) {
	t.Helper()
	pgtest.Exec(t, url, "CREATE SCHEMA staging")
	copyIn(t, url, x, func(conn *pgx.Conn, table string) string {
		if _, err := conn.Exec(t.Context(), "CREATE TABLE staging."+table+" (line jsonb)"); err != nil {
			t.Fatal(err)
		}
		return `COPY staging.` + table + ` FROM STDIN WITH (FORMAT csv, DELIMITER E'\x01', QUOTE E'\x02')`
	})
	for _, table := range shop.Tables() {
		pgtest.Exec(t, url, fmt.Sprintf(`SET session_replication_role = replica;
			INSERT INTO %[1]s SELECT r.* FROM staging.%[1]s, jsonb_populate_record(NULL::%[1]s, line) r`, table))
	}
	pgtest.Exec(t, url, "DROP SCHEMA staging CASCADE")
}

func copyIn(t *testing.T, url string, x shop.Export, command func(conn *pgx.Conn, table string) string) {
	t.Helper()
	ctx := context.Background()
	conn, err := pgx.Connect(ctx, url)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close(ctx) }()
	if _, err := conn.Exec(ctx, "SET session_replication_role = replica"); err != nil {
		t.Fatal(err)
	}
	for _, file := range x.Files() {
		table, _, _ := strings.Cut(file.Name, ".")
		r := pipe(file)
		if _, err := conn.PgConn().CopyFrom(ctx, r, command(conn, table)); err != nil {
			t.Fatalf("%s: %v", file.Name, err)
		}
	}
}

// pipe gives what a file writes as a reader.
func pipe(file shop.File) io.Reader {
	r, w := io.Pipe()
	go func() { _ = w.CloseWithError(file.Write(w)) }()
	return r
}

// mustHoldKeys has PostgreSQL check every foreign key anew.
func mustHoldKeys(t *testing.T, url string) {
	t.Helper()
	pgtest.Exec(t, url, `DO $$ DECLARE c record; BEGIN
		FOR c IN SELECT conrelid::regclass AS r, conname, pg_get_constraintdef(oid) AS d FROM pg_constraint
			WHERE contype = 'f' LOOP
			EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I, ADD CONSTRAINT %I %s', c.r, c.conname, c.conname, c.d);
		END LOOP; END $$`)
}

func mustEqual(t *testing.T, got, want string) {
	t.Helper()
	if got == want {
		return
	}
	gotLines, wantLines := strings.Split(got, "\n"), strings.Split(want, "\n")
	for i := range min(len(gotLines), len(wantLines)) {
		if gotLines[i] != wantLines[i] {
			t.Fatalf("dumps differ in line %d:\n got %q\nwant %q", i+1, gotLines[i], wantLines[i])
		}
	}
	t.Fatalf("dumps differ in length: %d lines, want %d", len(gotLines), len(wantLines))
}

// TestPublishedShape holds the sql format to the published one, piece by piece.
func TestPublishedShape(t *testing.T) {
	t.Parallel()
	script := write(t, shop.Export{Format: shop.SQL, Size: shop.Rows(12_000)})
	for name, pattern := range map[string]string{
		"replica role first":         `\ASET session_replication_role = 'replica';\n\nTRUNCATE TABLE "`,
		"origin role last":           `\n\n\nSET session_replication_role = 'origin';\n\z`,
		"all TRUNCATEs, then INSERT": `\A[^\n]*\n\n(TRUNCATE TABLE "\w+" CASCADE;\n){8}\nINSERT INTO "\w+" \("id", "\w+"`,
		"flush marker":               `\);\n\n\n-- fabricate-flush\n\n\nINSERT INTO "`,
		"children before parents":    `(?s)INSERT INTO "order_items".*INSERT INTO "products"`,
		"quoted integer":             `, '[1-9]', `,
		"bare integer":               `\(\d+, \d+, \d+, [1-9], `,
		"bare boolean":               `, true[,)]`,
		"quoted boolean":             `, '0'[,)]`,
		"bare decimal":               `, \d+\.\d\d, `,
		"quoted decimal":             `, '\d+\.\d\d', `,
		"NULL":                       `, NULL, `,
		"doubled quote":              `'D''Arcy `,
		"JSON":                       `'\{"theme": "dark", `,
		"array":                      `'\{"vip","eu"\}'`,
		"time with zone":             `'202\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z'`,
		"time without zone":          `'202\d-\d\d-\d\d \d\d:\d\d:\d\d'`,
		"mixed-case column":          `"zipCode"`,
		"keyword column":             `"order"`,
		"leading zero":               `'0\d{4}', 'GB'`,
		"bytea":                      `'\\x[0-9a-f]+'`,
		"emoji":                      `🚀`,
		"newline in text":            `'two\nlines'`,
		"end of COPY in text":        `'before\n\\\.\nafter'`,
		"statement in text":          `; DROP TABLE users; --'`,
		"variable in text":           `':''name'''`,
		"flush marker in text":       `'-- fabricate-flush'`,
	} {
		if !regexp.MustCompile(pattern).MatchString(script) {
			t.Errorf("%s: no %s", name, pattern)
		}
	}
	inserts := regexp.MustCompile(`(?m)^INSERT INTO "order_items"`).FindAllString(script, -1)
	if want := (shop.Rows(12_000).OrderItems + 999) / 1000; len(inserts) != want {
		t.Errorf("%d INSERTs into order_items, want %d of 1000 rows", len(inserts), want)
	}
}

func TestDeterministic(t *testing.T) {
	t.Parallel()
	for _, format := range shop.Formats() {
		x := shop.Export{Format: format, Size: shop.Rows(500)}
		if first, second := write(t, x), write(t, x); first != second {
			t.Errorf("%s differs from run to run", format)
		}
	}
	// A larger shop begins with the smaller one's rows, where they refer to nothing.
	few := file(t, shop.Export{Format: shop.CSV, Size: shop.Size{Users: 10}}, "users")
	more := file(t, shop.Export{Format: shop.CSV, Size: shop.Size{Users: 20}}, "users")
	if !strings.HasPrefix(more, few) {
		t.Error("rows depend on how many there are")
	}
}

func TestCSVAndJSONLAreWellFormed(t *testing.T) {
	t.Parallel()
	for _, table := range shop.Tables() {
		records, err := csv.NewReader(strings.NewReader(file(t, shop.Export{Format: shop.CSV, Size: small}, table))).ReadAll()
		if err != nil || len(records) != small.Table(table)+1 {
			t.Errorf("%s.csv: %d records, %v", table, len(records), err)
		}
		lines := strings.SplitAfter(file(t, shop.Export{Format: shop.JSONL, Size: small}, table), "\n")
		if len(lines) != small.Table(table)+1 || lines[len(lines)-1] != "" {
			t.Errorf("%s.jsonl: %d lines", table, len(lines)-1)
		}
		for _, line := range lines[:len(lines)-1] {
			var object map[string]any
			if err := json.Unmarshal([]byte(line), &object); err != nil || len(object) != len(records[0]) {
				t.Fatalf("%s.jsonl: %v in %s", table, err, line)
			}
		}
	}
}

func TestForeignShapes(t *testing.T) {
	t.Parallel()
	mysql := write(t, shop.Export{Format: shop.MySQL, Size: shop.Rows(100)})
	if !strings.HasPrefix(mysql, "SET FOREIGN_KEY_CHECKS = 0;\n\nTRUNCATE TABLE `addresses`;") ||
		!strings.Contains(mysql, "INSERT INTO `users` (`id`, `email`") || strings.Contains(mysql, "replica") {
		t.Errorf("not MySQL's: %.300s", mysql)
	}
	if sqlite := write(t, shop.Export{Format: shop.SQLite}); !strings.HasPrefix(sqlite, "SQLite format 3\x00") {
		t.Errorf("not SQLite's: %.20q", sqlite)
	}
	if err := (shop.Export{Format: "xml"}).Write(io.Discard); err == nil {
		t.Error("an unknown format is written")
	}
}

func TestTable(t *testing.T) {
	t.Parallel()
	for format, want := range map[shop.Format]string{
		shop.SQL:               "SET session_replication_role = 'replica';\n\nTRUNCATE TABLE \"users\" CASCADE;\n\nINSERT INTO \"users\" (",
		shop.PostgresOptimized: "SET session_replication_role = 'replica';\n\nTRUNCATE TABLE \"users\" CASCADE;\n\nCOPY \"users\" (",
		shop.CSV:               "id,email,name,active,",
		shop.JSONL:             `{"id":1,"email":"`,
	} {
		got := file(t, shop.Export{Format: format, Size: small}, "users")
		if !strings.HasPrefix(got, want) || strings.Contains(got, "order_items\"") {
			t.Errorf("%s: %.200s", format, got)
		}
	}
	if _, err := (shop.Export{Format: shop.CSV}).Table("no_such_table"); err == nil {
		t.Error("an unknown table is given")
	}
	if _, err := (shop.Export{Format: shop.SQLite}).Table("users"); err == nil {
		t.Error("SQLite has a plain file of one table")
	}
}

func TestSizes(t *testing.T) {
	t.Parallel()
	for _, total := range []int{0, 1, 7, 8, 9, 10, 100, 12_345} {
		s := shop.Rows(total)
		if s.Total() != total {
			t.Errorf("Rows(%d) has %d rows", total, s.Total())
		}
		if total >= 8 && (s.OrderItems < 1 || s.Categories < 1) {
			t.Errorf("Rows(%d) has an empty table: %+v", total, s)
		}
	}
	if got := shop.Rows(100).With("users", 5).With("nothing", 3).Times(2).Table("users"); got != 10 {
		t.Errorf("users: %d", got)
	}
	if shop.Benchmark().Table("nothing") != 0 || shop.Benchmark().Total() != 1_370_000 {
		t.Error("Benchmark has another size")
	}
}

func TestZip(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		format  shop.Format
		options shop.ZipOptions
		first   string
		count   int
	}{
		"plain":         {shop.SQL, shop.ZipOptions{}, "load.sql", 1},
		"folder":        {shop.SQL, shop.ZipOptions{Folder: "shop export"}, "shop export/load.sql", 1},
		"backslashes":   {shop.CSV, shop.ZipOptions{Folder: "shop", Backslashes: true}, `shop\users.csv`, 8},
		"zip64":         {shop.CSV, shop.ZipOptions{ForceZip64: true}, "users.csv", 8},
		"zip64, stored": {shop.JSONL, shop.ZipOptions{ForceZip64: true, Store: true, Folder: "é"}, "é/users.jsonl", 8},
		"stored":        {shop.SQLite, shop.ZipOptions{Store: true}, "database.sqlite", 1},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			x := shop.Export{Format: c.format, Size: small}
			var packed bytes.Buffer
			if err := shop.Zip(&packed, x, c.options); err != nil {
				t.Fatal(err)
			}
			archive, err := zip.NewReader(bytes.NewReader(packed.Bytes()), int64(packed.Len()))
			if errors.Is(err, zip.ErrInsecurePath) && c.options.Backslashes {
				err = nil
			}
			if err != nil {
				t.Fatal(err)
			}
			if len(archive.File) != c.count || archive.File[0].Name != c.first {
				t.Fatalf("%d files, first %q", len(archive.File), archive.File[0].Name)
			}
			for i, file := range x.Files() {
				var want bytes.Buffer
				if err := file.Write(&want); err != nil {
					t.Fatal(err)
				}
				r, err := archive.File[i].Open()
				if err != nil {
					t.Fatal(err)
				}
				got, err := io.ReadAll(r) // checks the sum as well
				if err != nil || !bytes.Equal(got, want.Bytes()) {
					t.Errorf("%s: %d bytes, want %d; %v", file.Name, len(got), want.Len(), err)
				}
			}
			if isZip64 := bytes.Contains(packed.Bytes(), []byte("PK\x06\x07")); isZip64 != c.options.ForceZip64 {
				t.Errorf("zip64: %v", isZip64)
			}
		})
	}
}

// TestZip64WithOtherTools has another reader judge the hand-made records, where there is one.
func TestZip64WithOtherTools(t *testing.T) {
	t.Parallel()
	tool, err := exec.LookPath("python3")
	if err != nil {
		t.Skip("no python3 here to read the zip with")
	}
	path := filepath.Join(t.TempDir(), "x.zip")
	f, err := os.Create(path)
	if err != nil {
		t.Fatal(err)
	}
	if err := shop.Zip(f, shop.Export{Format: shop.CSV, Size: small}, shop.ZipOptions{ForceZip64: true}); err != nil {
		t.Fatal(err)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command(tool, "-m", "zipfile", "-t", path).CombinedOutput(); err != nil {
		t.Errorf("%v: %s", err, out)
	}
}

func TestWriteErrorsAreGivenBack(t *testing.T) {
	t.Parallel()
	full := errors.New("disk full")
	for _, format := range shop.Formats() {
		x := shop.Export{Format: format, Size: small}
		if err := x.Write(failingWriter{full}); !errors.Is(err, full) {
			t.Errorf("%s: %v", format, err)
		}
		for _, zip64 := range []bool{false, true} {
			if err := shop.Zip(failingWriter{full}, x, shop.ZipOptions{ForceZip64: zip64}); !errors.Is(err, full) {
				t.Errorf("%s zipped: %v", format, err)
			}
		}
	}
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }

// TestMemoryDoesNotGrow holds the writers to one buffer and a handful of allocations, however many rows.
func TestMemoryDoesNotGrow(t *testing.T) {
	for _, format := range []shop.Format{shop.SQL, shop.PostgresOptimized, shop.CSV, shop.JSONL} {
		x := shop.Export{Format: format, Size: shop.Rows(20_000)}
		allocations := testing.AllocsPerRun(1, func() { _ = x.Write(io.Discard) })
		if allocations > 500 {
			t.Errorf("%s: %.0f allocations for 20,000 rows", format, allocations)
		}
	}
}

func write(t *testing.T, x shop.Export) string {
	t.Helper()
	var b strings.Builder
	if err := x.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func file(t *testing.T, x shop.Export, table string) string {
	t.Helper()
	f, err := x.Table(table)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := f.Write(&b); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func BenchmarkWrite(b *testing.B) {
	for _, format := range []shop.Format{shop.SQL, shop.PostgresOptimized, shop.CSV, shop.JSONL} {
		b.Run(string(format), func(b *testing.B) {
			x := shop.Export{Format: format, Size: shop.Rows(200_000)}
			for b.Loop() {
				var n length
				for _, f := range x.Files() {
					if err := f.Write(&n); err != nil {
						b.Fatal(err)
					}
				}
				b.SetBytes(int64(n))
			}
		})
	}
}

// length counts what is written.
type length int64

func (n *length) Write(p []byte) (int, error) { *n += length(len(p)); return len(p), nil }
