//go:build unix

package load

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

const refusedSchema = `
DROP TABLE IF EXISTS a, b, c, d CASCADE;
CREATE TABLE a (id int PRIMARY KEY, name varchar(20) UNIQUE, n int CHECK (n > -100));
CREATE TABLE b (id int PRIMARY KEY, name varchar(20) UNIQUE, n int NOT NULL, EXCLUDE USING btree (n WITH =));
CREATE TABLE c (id int PRIMARY KEY, parent int REFERENCES a, name text);
CREATE TABLE d (id int PRIMARY KEY, name text);
CREATE INDEX ON a (n); CREATE INDEX ON b (name, n); CREATE INDEX ON c (parent)`

// refusedRow is a row that takes another's place, or stands behind it.
type refusedRow struct {
	table string
	at    int
	row   string // of the values
}

// refusedScript fills three tables by statements of five rows, and d by COPY.
func refusedScript(head string, copied bool, wrong ...refusedRow) string {
	var s strings.Builder
	s.WriteString(head + "\\echo begun\nTRUNCATE a, b, c, d CASCADE;\n")
	for _, table := range []string{"a", "b", "c", "d"} {
		row := func(i int) string {
			for _, w := range wrong {
				if w.table == table && w.at == i {
					return w.row
				}
			}
			switch table {
			case "c":
				return fmt.Sprintf("%d,%d,'c%d'", i, i, i)
			case "d":
				return fmt.Sprintf("%d,'d%d'", i, i)
			}
			return fmt.Sprintf("%d,'%s %d',%d", i, table, i, i)
		}
		s.WriteString("\\echo filling " + table + "\n")
		if table == "d" && copied {
			s.WriteString("COPY d (id, name) FROM STDIN;\n")
			for i := range refusedRows {
				id, name, _ := strings.Cut(row(i), ",")
				s.WriteString(id + "\t" + strings.Trim(name, "'") + "\n")
			}
			s.WriteString("\\.\n")
			continue
		}
		for i := range refusedRows {
			if i%5 == 0 {
				fmt.Fprintf(&s, "INSERT INTO %s VALUES\n", table)
			}
			s.WriteString("  (" + row(i) + ")" + map[bool]string{true: ";\n", false: ",\n"}[i%5 == 4])
		}
	}
	s.WriteString("\\echo filled\nINSERT INTO d VALUES (-1, 'last');\n")
	return s.String()
}

const refusedRows = 400

// TestRefusedRows lets the server refuse a row in each place: the error is psql's, no more goes as written than the statement at fault,
// or what must be behind it, and the script prints nothing twice.
func TestRefusedRows(t *testing.T) {
	t.Parallel()
	replica := "SET session_replication_role = replica;\n"
	for name, tt := range map[string]struct {
		head    string
		wrong   []refusedRow
		state   string
		written int // INSERTs that go as written, at most, beside the first of each table
	}{
		"nothing":                           {replica, nil, "", 1},
		"the last row is no number":         {replica, []refusedRow{{"d", 399, "'x','y'"}}, "22P02", 1},
		"the first row is no number":        {replica, []refusedRow{{"a", 0, "'x','y',0"}}, "22P02", 1},
		"a statement's first row":           {replica, []refusedRow{{"b", 200, "200,'a name that is much too long',200"}}, "22001", 1},
		"a statement's last row":            {replica, []refusedRow{{"b", 204, "204,'a name that is much too long',204"}}, "22001", 1},
		"no value":                          {replica, []refusedRow{{"b", 251, "251,'x',NULL"}}, "23502", 1},
		"a check":                           {replica, []refusedRow{{"a", 399, "399,'x',-100"}}, "23514", 1},
		"two alike":                         {replica, []refusedRow{{"a", 399, "7,'x',7"}}, "23505", 1},
		"two alike by another index":        {replica, []refusedRow{{"a", 200, "200,'a 9',7"}}, "23505", 1},
		"two alike, twice":                  {replica, []refusedRow{{"a", 200, "200,'a 9',7"}, {"a", 300, "7,'x',7"}}, "23505", 1},
		"two alike, twice, the other first": {replica, []refusedRow{{"a", 300, "300,'a 9',7"}, {"a", 200, "7,'x',7"}}, "23505", 1},
		"excluded":                          {replica, []refusedRow{{"b", 399, "399,'x',7"}}, "23P01", 1},
		"two alike, and no number":          {replica, []refusedRow{{"a", 100, "7,'x',7"}, {"a", 101, "'x','y',0"}}, "22P02", 1},
		"two alike, and no number behind":   {replica, []refusedRow{{"a", 100, "7,'x',7"}, {"a", 106, "'x','y',0"}}, "23505", 1},
		"two alike, no number elsewhere":    {replica, []refusedRow{{"a", 100, "7,'x',7"}, {"b", 300, "'x','y',0"}}, "23505", 1},
		"no number, two alike elsewhere":    {replica, []refusedRow{{"a", 300, "'x','y',0"}, {"b", 100, "7,'x',7"}}, "22P02", 1},
		"the last statement":                {replica, []refusedRow{{"d", 399, "-1,'x'"}}, "23505", 2},
		"a key that is looked up":           {"", []refusedRow{{"c", 250, "250,1000,'x'"}}, "23503", 2},
		"a key that is looked up, last":     {"", []refusedRow{{"c", 399, "399,1000,'x'"}}, "23503", 2},
		"a key that is looked up, first":    {"", []refusedRow{{"c", 0, "0,1000,'x'"}}, "23503", 2},
	} {
		for _, copied := range []bool{false, true} {
			for _, mode := range []Mode{Single, None} {
				if (copied == (mode == None)) != (len(name)%2 == 0) { // each fault in both ways and both modes, not each with each
					continue
				}
				t.Run(fmt.Sprintf("%s, %t, %s", name, copied, mode), func(t *testing.T) {
					t.Parallel()
					var mu sync.Mutex
					var written, printed []string
					o := Options{Transaction: mode, thresholds: thresholds{largeInsert: 1 << 10}, trace: func(sql string) {
						mu.Lock()
						defer mu.Unlock()
						if strings.HasPrefix(sql, "INSERT INTO ") && !strings.HasPrefix(sql, "INSERT INTO pg_temp.fabricate_seed_") && !slices.Contains(written, sql) {
							written = append(written, sql)
						}
					}}
					o.Events.Output = func(text string) { printed = append(printed, text) }
					psqlURL, oursURL := pgtest.Shared(t).NewDatabase(t), pgtest.Shared(t).NewDatabase(t)
					if state := compareLoads(t, psqlURL, oursURL, refusedSchema, refusedScript(tt.head, copied, tt.wrong...), o); state != tt.state {
						t.Errorf("psql says %q, not %q", state, tt.state)
					}
					if want, got := pgtest.SortedDump(t, psqlURL), pgtest.SortedDump(t, oursURL); want != got {
						t.Errorf("dumps differ: %s", firstDifference(want, got))
					}
					if len(written) > 4+tt.written {
						t.Errorf("%d INSERTs went as written, not %d, the last %q", len(written), 4+tt.written, written[len(written)-1])
					}
					if all := slices.Compact(slices.Clone(printed)); len(all) != len(printed) || slices.Index(printed, "begun\n") != 0 {
						t.Errorf("the script has printed %q", printed)
					}
				})
			}
		}
	}
}

// TestLongRows has a row that is too long to be one of a COPY's among rows that are, in a statement of its own and within one: they go as
// written from there on, and the rows behind as before.
func TestLongRows(t *testing.T) {
	t.Parallel()
	rows := func(from int) string {
		var b strings.Builder
		for n := from; n < from+300; n++ {
			fmt.Fprintf(&b, "(%d, 'some text of row %[1]d'),\n", n)
		}
		return b.String()
	}
	long := "(0, '" + strings.Repeat("It''s long.\n", 2000) + "')"
	for name, script := range map[string]string{
		"first":       "INSERT INTO t VALUES " + long + ",\n" + rows(1) + "(1000, 'x');\n",
		"within":      "INSERT INTO t VALUES " + rows(1) + long + ",\n" + rows(400) + "(1000, 'x');\n",
		"last":        "INSERT INTO t VALUES " + rows(1) + long + ";\n",
		"between":     strings.Repeat("INSERT INTO t VALUES (1, 'x');\n", 300) + "INSERT INTO t VALUES " + long + ";\n" + strings.Repeat("INSERT INTO t VALUES (2, 'y');\n", 300),
		"no number":   "INSERT INTO t VALUES " + rows(1) + strings.Replace(long, "0", "'zero'", 1) + ",\n" + rows(400) + "(1000, 'x');\n",
		"none before": "INSERT INTO t VALUES ('one', 'x'),\n" + rows(1) + long + ";\n",
	} {
		for _, o := range []Options{{Transaction: Single}, {Transaction: None}, {Transaction: None, Jobs: 2}} {
			t.Run(fmt.Sprintf("%s, %s, %d", name, o.Transaction, o.Jobs), func(t *testing.T) {
				t.Parallel()
				psqlURL, oursURL := pgtest.Shared(t).NewDatabase(t), pgtest.Shared(t).NewDatabase(t)
				o.thresholds = thresholds{fragmentSize: 4 << 10, largeInsert: 1 << 10, largestCopied: 8 << 10}
				compareLoads(t, psqlURL, oursURL, "CREATE TABLE t (n int, v text);", script+"SELECT count(*) FROM t;\n", o)
				if want, got := pgtest.SortedDump(t, psqlURL), pgtest.SortedDump(t, oursURL); want != got {
					t.Errorf("dumps differ: %s", firstDifference(want, got))
				}
			})
		}
	}
}

// TestPostedBeforeIndexes has statements under way without an answer when indexes are to be built: each answer goes to its own.
func TestPostedBeforeIndexes(t *testing.T) {
	t.Parallel()
	script := strings.Replace(refusedScript("SET session_replication_role = replica;\n", false), "\\echo filled\n", "TRUNCATE c;\nINSERT INTO c VALUES (1, 1, 'again');\nTRUNCATE d;\n", 1)
	psqlURL, oursURL := pgtest.Shared(t).NewDatabase(t), pgtest.Shared(t).NewDatabase(t)
	for _, twice := range []string{"", "INSERT INTO c VALUES (1, 1, 'twice');\n"} {
		compareLoads(t, psqlURL, oursURL, refusedSchema, script+twice, Options{Transaction: Single, thresholds: thresholds{largeInsert: 1 << 10}})
		if want, got := pgtest.SortedDump(t, psqlURL), pgtest.SortedDump(t, oursURL); want != got {
			t.Errorf("dumps differ: %s", firstDifference(want, got))
		}
	}
}

// TestGoesOn has statements fail one behind the other where the script goes on: what is sent without waiting leaves what psql leaves,
// and is told in order.
func TestGoesOn(t *testing.T) {
	t.Parallel()
	var many strings.Builder
	for i := range 300 {
		fmt.Fprintf(&many, "INSERT INTO a VALUES (%d, 'n%d', %d);\n", i/2, i, i%7-3+100*(i%5/4*-1))
	}
	for name, script := range map[string]string{
		"many":                    many.String(),
		"what failed is asked":    "INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1);\n\\if :ERROR\nINSERT INTO a VALUES (2, :'SQLSTATE');\n\\endif\n" + many.String(),
		"it stops from there on":  many.String() + "\\set ON_ERROR_STOP on\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1000);\n",
		"it stops on that line":   many.String() + "\\set ON_ERROR_STOP on\nSELECT 1;\n\\set ON_ERROR_STOP off \\\\ INSERT INTO a VALUES (1);\nINSERT INTO a VALUES (1000);\n",
		"from that line on not":   "\\set ON_ERROR_STOP on \\\\ INSERT INTO a VALUES ('x');\nINSERT INTO a VALUES (1000);\n",
		"set when all were sent":  "INSERT INTO a VALUES ('x');\n\\set ON_ERROR_STOP on\nINSERT INTO a VALUES (1000);\n",
		"in a block":              "BEGIN;\nINSERT INTO a VALUES ('x');\nINSERT INTO a VALUES (1);\nCOMMIT;\nINSERT INTO a VALUES (2);\n" + many.String(),
		"without autocommit":      "\\set AUTOCOMMIT off\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES ('x');\nROLLBACK;\nINSERT INTO a VALUES (2);\nCOMMIT;\n",
		"a savepoint around each": "\\set ON_ERROR_ROLLBACK on\nBEGIN;\nINSERT INTO a VALUES (1);\nINSERT INTO a VALUES ('x');\nCOMMIT;\n" + many.String(),
		"emptied between":         many.String() + "TRUNCATE nothing;\nTRUNCATE a CASCADE;\n" + many.String(),
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			psqlURL, oursURL := pgtest.Shared(t).NewDatabase(t), pgtest.Shared(t).NewDatabase(t)
			pgtest.Exec(t, psqlURL, refusedSchema)
			pgtest.Exec(t, oursURL, refusedSchema)
			path := filepath.Join(t.TempDir(), "load.sql")
			must(t, os.WriteFile(path, []byte(script), 0o600))
			_, stderr, _ := pgtest.Psql(t, psqlURL, "-q", "-f", path)
			config, err := pgx.ParseConfig(oursURL)
			must(t, err)
			var said []string
			o := Options{Target: config, Script: Script{FS: os.DirFS(filepath.Dir(path)), Name: "load.sql"}, Transaction: None, Continue: true,
				KeepSequences: true, ForeignKeys: Off, SkipAnalyze: true}
			o.Events.Warn = func(text string) { said = append(said, text) }
			if _, err := Run(t.Context(), o); err != nil {
				said = append(said, err.Error())
			}
			if want, got := pgtest.SortedDump(t, psqlURL), pgtest.SortedDump(t, oursURL); want != got {
				t.Errorf("dumps differ: %s", firstDifference(want, got))
			}
			for _, line := range strings.Split(stderr, "\n") {
				_, message, is := strings.Cut(line, "ERROR:  ")
				if !is {
					continue
				}
				if len(said) == 0 || !strings.Contains(said[0], message) {
					t.Fatalf("psql says %q next, ours %q", message, said[:min(1, len(said))])
				}
				said = said[1:]
			}
		})
	}
}
