//go:build unix

package load

import (
	"fmt"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/copycodec"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestRecode puts rows of every spelling that COPY's text format knows, and some that it does not, behind rows that go in the
// binary format: what psql loads is loaded, what it refuses is refused.
func TestRecode(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const table = "(id int PRIMARY KEY, name varchar(9), at timestamptz, amount numeric(8,2), ok boolean, doc jsonb, tags text[], ref uuid, raw bytea, share float8)"
	const plain = "\tname\t2024-02-29 12:00:00+00\t1.50\tt\t{\"a\": 1}\t{a,b}\t00000000-0000-4000-8000-000000000000\t\\\\xff\t0.5\n"
	var many strings.Builder
	for i := range 60 {
		fmt.Fprintf(&many, "%d%s", i, plain)
	}
	empty := strings.Repeat("\t\\N", 8)
	for name, rows := range map[string]string{
		"plain":                      "100" + plain,
		"nothing but NULL":           "100\t\\N" + empty + "\n",
		"escapes":                    `100	\\\b\f\n\r\t\v` + empty + "\n",
		"characters by number":       `100	\x41\101\x7` + empty + "\n",
		"needless backslash":         `100	\q\'\"` + empty + "\n",
		"backslash and a newline":    "100\ta\\\nb" + empty + "\n",
		"backslash and a tab":        "100\ta\\\tb" + empty + "\n",
		"NULL that is none":          `100	\\N` + empty + "\n",
		"NULL and more":              `100	\Nx` + empty + "\n",
		"backslash at the end":       `100` + empty + `	\` + "\n",
		"end in mid-row":             `100	a\.` + empty + "\n",
		"end in a row of its own":    "100" + plain + "\\.x\n",
		"carriage return":            "100\ta\rb" + empty + "\n",
		"lines of another system":    "100\ta" + empty + "\r\n",
		"too many fields":            "100\ta\t" + empty + "\n",
		"too few fields":             "100\ta\n",
		"empty row":                  "\n",
		"empty number":               "\ta" + empty + "\n",
		"not a number":               "x\ta" + empty + "\n",
		"white space":                " 100 \ta" + empty + "\n",
		"too long":                   "100\t1234567890" + empty + "\n",
		"too long by a space":        "100\t123456789 " + empty + "\n",
		"key twice":                  "7\ta" + empty + "\n",
		"other spellings":            "100\ta\tinfinity\tNaN\tyes\t[]\t{{a},{b}}\t{00000000000040008000000000000000}\tabc\t1e3\n",
		"numbers that are rounded":   "100\ta\t2024-02-29 12:00:00.1234567\t1.505\t1\t1.50\t{}\t\\N\t\\N\t-0\n",
		"and then plain":             "100\ta\tinfinity" + strings.Repeat("\t\\N", 7) + "\n101" + plain + "102" + plain,
		"not UTF-8":                  "100\ta\xff" + empty + "\n",
		"characters of many bytes":   "100\tünï€😀" + empty + "\n",
		"no date":                    "100\ta\t2023-02-29 00:00:00" + strings.Repeat("\t\\N", 7) + "\n",
		"a long row":                 "100\ta\t\\N\t\\N\t\\N\t\"" + strings.Repeat("x", copycodec.LongestLine) + "\"" + strings.Repeat("\t\\N", 4) + "\n101" + plain,
		"JSON that is none":          "100\ta\t\\N\t\\N\t\\N\t{" + strings.Repeat("\t\\N", 4) + "\n",
		"no value where one must be": "\\N\ta" + empty + "\n",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
			script := "SET session_replication_role = 'replica';\nTRUNCATE t;\nCOPY t (id, name, at, amount, ok, doc, tags, ref, raw, share) FROM stdin;\n" +
				many.String() + rows + "\\.\nINSERT INTO t (id) VALUES (1000);\n"
			for _, o := range []Options{{Transaction: Single}, {Transaction: None, Jobs: 1}, {Transaction: None, Jobs: 2}, {Transaction: None, Jobs: 3}} {
				compareLoads(t, psqlURL, oursURL, "DROP TABLE IF EXISTS t; CREATE TABLE t "+table, script, o)
				if want, got := pgtest.SortedDump(t, psqlURL), pgtest.SortedDump(t, oursURL); want != got {
					t.Fatalf("%s, %d jobs: dumps differ: %s", o.Transaction, o.Jobs, firstDifference(want, got))
				}
			}
		})
	}
}

// TestRecodeRefused lets the server refuse a row of those that go in the binary format, or of those behind it, where the script is
// not one transaction: the error names psql's line, and none of the rows stay. The script goes on meanwhile, in another directory.
func TestRecodeRefused(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const schema = `CREATE TABLE t (id int PRIMARY KEY, name varchar(9) NOT NULL, n int CHECK (n >= 0), EXCLUDE USING btree (n WITH =));
		CREATE TABLE u (LIKE t); GRANT INSERT ON t, u TO pg_monitor;`
	const many = 200
	script := func(before, command string) string {
		var u strings.Builder
		for i := range many {
			fmt.Fprintf(&u, "%d\tu\t0\n", i)
		}
		return "SET session_replication_role = 'replica';\n" + before + "\\cd rows\n" + command + "\\cd ..\nCOPY u (id, name, n) FROM stdin;\n" + u.String() + "\\.\n"
	}
	ways := []struct {
		before, command string // of a script; the rows are in its file, in one that it includes, or beside them
		file            string
	}{
		{command: "COPY t (id, name, n) FROM stdin;\n%s\\.\n"},
		{command: "\\copy t (id, name, n) FROM stdin\n%s\\.\n"},
		{command: "\\copy t (id, name, n) FROM t.tsv\n", file: "%s"},
		{command: "\\i rows.sql\n", file: "SELECT 1;\nCOPY t (id, name, n) FROM stdin;\n%s\\.\n"},
		{command: "COPY t (id, name, n) FROM stdin;\n%s\\.\n", before: "SET ROLE pg_monitor;\n"}, // who may not lock the table
	}
	n := 0
	for _, tt := range []struct{ name, row, state string }{
		{"none", "1000\tname\t1000\n", ""},
		{"key twice", "7\tname\t1000\n", "23505"},
		{"excluded", "1000\tname\t7\n", "23P01"},
		{"no value", "1000\t\\N\t1000\n", "23502"},
		{"check", "1000\tname\t-1\n", "23514"},
		{"too long", "1000\t1234567890\t1000\n", "22001"},
		{"no number", "x\tname\t1000\n", "22P02"},
	} {
		for _, odd := range []int{-1, 0, many / 2, many - 1} { // the row that the binary format does not take
			at := []int{0, many/2 - 1, many/2 + 1, many}[(n+n/4)%4]
			way, jobs := ways[n%len(ways)], 1+n%3
			n++
			t.Run(fmt.Sprintf("%s in row %d, odd %d, jobs %d, %s", tt.name, at, odd, jobs, strings.Fields(way.before + way.command)[1]), func(t *testing.T) {
				t.Parallel()
				var rows strings.Builder
				for i := range many + 1 {
					if i == at {
						rows.WriteString(tt.row)
					}
					if i == odd {
						fmt.Fprintf(&rows, "%d\t\\x41\t%d\n", i, i)
					} else if i < many {
						fmt.Fprintf(&rows, "%d\tname\t%d\n", i, i)
					}
				}
				command, file := way.command, way.file
				if file == "" {
					command = fmt.Sprintf(command, rows.String())
				} else {
					file = fmt.Sprintf(file, rows.String())
				}
				files := map[string]string{"load.sql": script(way.before, command), "rows/t.tsv": file, "rows/rows.sql": file}
				psqlURL, oursURL := server.NewDatabase(t), server.NewDatabase(t)
				if state := compareFiles(t, psqlURL, oursURL, schema, files, Options{Transaction: None, Jobs: jobs}); state != tt.state {
					t.Errorf("psql says %q, not %q", state, tt.state)
				}
				tables := []string{"-t", "t"}
				if tt.state == "" || jobs == 1 { // else u may have its rows already
					tables = append(tables, "-t", "u")
				}
				if want, got := pgtest.SortedDump(t, psqlURL, tables...), pgtest.SortedDump(t, oursURL, tables...); want != got {
					t.Errorf("dumps differ: %s", firstDifference(want, got))
				}
			})
		}
	}
}
