//go:build unix

package load_test

import (
	"context"
	"io/fs"
	"testing"
	"testing/fstest"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// TestEndMarkerInCSV holds that a line \. in a file of CSV is a row to servers of 18 and later and the end of the rows to those before,
// and that in a script, and in a file of text, rows end at it with every server.
func TestEndMarkerInCSV(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		script string
		toEnd  bool // with a server of 18
	}{
		"file":               {`\copy t from 'rows' csv`, true},
		"file, WITH":         {`\copy t from 'rows' with (format csv)`, true},
		"file, server's":     {`COPY t FROM 'rows' (FORMAT csv);`, true},
		"file, text":         {`\copy t from 'rows'`, false},
		"file, text, option": {`\copy t from 'rows' with (delimiter ';')`, false},
		"script":             {"\\copy t from stdin csv\na\n\\.\nINSERT INTO t VALUES ('after');", false},
		"script, COPY":       {"COPY t FROM STDIN CSV;\na\n\\.\nINSERT INTO t VALUES ('after');", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := pgtest.Shared(t)
			db := server.NewDatabase(t)
			pgtest.Exec(t, db, "CREATE TABLE t (a text)")
			files := fs.FS(fstest.MapFS{"load.sql": {Data: []byte(test.script + "\n")}, "rows": {Data: []byte("a\n\\.\nb\n")}})
			_, err := load.Run(context.Background(), load.Options{Target: target(t, db), Script: load.Script{FS: files, Name: "load.sql"}, Events: events(t)})
			if err != nil {
				t.Fatal(err)
			}
			want := "a"
			switch {
			case test.toEnd && server.Version() >= 18:
				want = `a \. b`
			case name[0] == 's':
				want = "a after"
			}
			if got := value(t, db, "SELECT string_agg(a, ' ' ORDER BY ctid) FROM t"); got != want {
				t.Errorf("%q instead of %q", got, want)
			}
		})
	}
}
