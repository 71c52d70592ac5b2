package harm

import (
	"archive/zip"
	"bytes"
	"context"
	"flag"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
	"github.com/fabricate-seed/fabricate-seed/internal/seed"
)

var (
	flips     = flag.Int("flips", 48, "archives that are damaged by one bit each")
	flipsSeed = flag.Uint64("seed", 1, "of their randomness")
)

func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

const (
	tables  = `CREATE TABLE users (id int PRIMARY KEY, name text NOT NULL, born date); CREATE TABLE orders (id int PRIMARY KEY, user_id int, total numeric)`
	oldRows = `TRUNCATE users, orders; INSERT INTO users VALUES (1, 'old', '2001-01-01'); INSERT INTO orders VALUES (7, 1, 1.5)`
	rowsSQL = `SELECT coalesce((SELECT string_agg(u::text, ';' ORDER BY id) FROM users u), '') || '|' || coalesce((SELECT string_agg(o::text, ';' ORDER BY id) FROM orders o), '')`
)

// exports gives the files of the same rows in each format.
func exports() map[string]map[string]string {
	sql := "TRUNCATE TABLE users, orders;\nINSERT INTO users (id, name, born) VALUES\n"
	users, orders := "id,name,born\n", "id,user_id,total\n"
	var lines, orderLines string
	var copyRows string
	for i := range 40 {
		sql += fmt.Sprintf("(%d, 'user %[1]d', '1990-01-%02d'),\n", i, i%28+1)
		users += fmt.Sprintf("%d,user %[1]d,1990-01-%02d\n", i, i%28+1)
		lines += fmt.Sprintf(`{"id": %d, "name": "user %[1]d", "born": "1990-01-%02d"}`+"\n", i, i%28+1)
		copyRows += fmt.Sprintf("%d\t%d\t%d.25\n", i, i, i*3)
		orders += fmt.Sprintf("%d,%d,%d.25\n", i, i, i*3)
		orderLines += fmt.Sprintf(`{"id": %d, "user_id": %d, "total": %d.25}`+"\n", i, i, i*3)
	}
	sql = strings.TrimSuffix(sql, ",\n") + ";\nCOPY orders FROM stdin;\n" + copyRows + "\\.\n\\q\n-- what stands behind \\q is never read\n"
	return map[string]map[string]string{
		"sql":   {"load.sql": sql},
		"csv":   {"users.csv": users, "orders.csv": orders},
		"jsonl": {"users.jsonl": lines, "orders.jsonl": orderLines},
	}
}

func pack(t *testing.T, files map[string]string, method uint16) []byte {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range []string{"load.sql", "users.csv", "orders.csv", "users.jsonl", "orders.jsonl"} {
		if files[name] == "" {
			continue
		}
		f, err := w.CreateHeader(&zip.FileHeader{Name: name, Method: method})
		if err == nil {
			_, err = io.WriteString(f, files[name])
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// TestDamage loads archives of which one bit is wrong: each leaves exactly the rows that the archive was made of, or ends with exit
// code 5 and the rows that were there before. make damage does it 2,000 times.
func TestDamage(t *testing.T) {
	t.Parallel()
	const ways = 12
	var mu sync.Mutex
	counts := map[string]int{}
	t.Cleanup(func() { t.Logf("seed %d: %v", *flipsSeed, counts) })
	for format, files := range exports() {
		for method, packing := range map[uint16]string{zip.Store: "stored", zip.Deflate: "deflated"} {
			for _, transaction := range []string{"single", "none"} {
				name := format + " " + packing + " " + transaction
				random := rand.New(rand.NewPCG(*flipsSeed, uint64(crc32.ChecksumIEEE([]byte(name)))))
				t.Run(name, func(t *testing.T) {
					t.Parallel()
					d := newDamaged(t, transaction)
					whole := pack(t, files, method)
					code, log := d.load(t, whole)
					want := d.rows(t)
					if code != problem.OK || !strings.Contains(want, "user 39") || !strings.Contains(want, "(39,39,117.25)") {
						t.Fatalf("undamaged: exit %d, %s\n%s", code, want, log)
					}
					for range (*flips + ways - 1) / ways {
						d.exec(t, oldRows)
						before := d.rows(t)
						at, bit := random.IntN(len(whole)), byte(1)<<random.IntN(8)
						damaged := bytes.Clone(whole)
						damaged[at] ^= bit
						code, log := d.load(t, damaged)
						after, outcome := d.rows(t), "refused"
						switch {
						case code == problem.OK && after == want:
							outcome = "loaded"
						case code == problem.Data && after == before:
						default:
							t.Errorf("byte %d ^ %#x: exit %d, rows %.200s\n%s", at, bit, code, after, log)
							outcome = "wrong"
						}
						mu.Lock()
						counts[outcome]++
						mu.Unlock()
					}
				})
			}
		}
	}
}

// damaged is a database to load damaged archives into.
type damaged struct {
	url, path, transaction string
	conn                   *pgx.Conn
}

func newDamaged(t *testing.T, transaction string) *damaged {
	t.Helper()
	d := &damaged{url: pgtest.Shared(t).NewDatabase(t), path: filepath.Join(t.TempDir(), "export.zip"), transaction: transaction}
	var err error
	if d.conn, err = pgx.Connect(context.Background(), d.url); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.conn.Close(context.Background()) })
	d.exec(t, tables)
	d.exec(t, oldRows)
	return d
}

func (d *damaged) exec(t *testing.T, sql string) {
	t.Helper()
	if _, err := d.conn.PgConn().Exec(context.Background(), sql).ReadAll(); err != nil {
		t.Fatal(err)
	}
}

func (d *damaged) rows(t *testing.T) (rows string) {
	t.Helper()
	if err := d.conn.QueryRow(context.Background(), rowsSQL).Scan(&rows); err != nil {
		t.Fatal(err)
	}
	return rows
}

func (d *damaged) load(t *testing.T, archive []byte) (problem.Code, string) {
	t.Helper()
	if err := os.WriteFile(d.path, archive, 0o600); err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	code := seed.Main(context.Background(), seed.Process{Args: []string{"load", d.path, "--database-url", d.url, "--transaction", d.transaction},
		Environ: []string{"HOME=" + t.TempDir()}, Stdout: &out, Stderr: &out, Version: "test"})
	return code, out.String()
}
