package seed

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// libpq's variables decide what a script's dates, bytes and times mean: they are psql's, and so they are ours.
func TestVariablesOfTheEnvironment(t *testing.T) {
	t.Parallel()
	psql, err := exec.LookPath("psql")
	if err != nil {
		t.Skip("psql is not installed")
	}
	dates := "CREATE TABLE t (d date, ts timestamp, tz timestamptz, r daterange, a date[]);\n" +
		"INSERT INTO t (d, ts, tz) VALUES ('03/04/2024', '05/06/2024 07:08:09', '01/02/2024 03:04:05');\n" +
		"INSERT INTO t (d, ts, tz) VALUES ('2024-03-04', '2024-06-05 07:08:09', '2024-02-01 03:04:05');\n" +
		"INSERT INTO t (d, r, a) VALUES ('03-04-2024', '[03/04/2024,05/06/2024)', '{03/04/2024,06/05/2024}');\n" +
		"COPY t (d, ts) FROM stdin;\n07/08/2024\t09/10/2024 11:12:13\n\\.\n"
	years := "CREATE TABLE t (d date, ts timestamp);\nINSERT INTO t VALUES ('03/04/05', '04/05/06 07:08:09');\nCOPY t FROM stdin;\n06/07/08\t08/07/06 05:04:03\n\\.\n"
	for _, test := range []struct{ variable, file, script string }{
		{"PGDATESTYLE=SQL, DMY", "testdata/ds.sql", ""},
		{"PGCLIENTENCODING=LATIN1", "testdata/latin.sql", ""},
		{"PGDATESTYLE=SQL, DMY", "", dates}, {"PGDATESTYLE=German", "", dates}, {"PGDATESTYLE=ISO, YMD", "", years},
		{"PGTZ=Asia/Tokyo", "", dates}, {"PGGEQO=off", "", "CREATE TABLE t AS SELECT current_setting('geqo') AS g;\n"},
		{"PGCLIENTENCODING=WIN1252", "", "CREATE TABLE \"t\xe9\" (n text, \"\xfc\" text);\nINSERT INTO \"t\xe9\" VALUES ('\x80', 'a'), ('\xe9', NULL);\nCOPY \"t\xe9\" FROM stdin;\n\x99\tb\n\\.\n"},
		{"PGCLIENTENCODING=SJIS", "", "CREATE TABLE t (n text);\nINSERT INTO t VALUES ('\x83\x5c'), ('\x95\x5c');\nCOPY t FROM stdin;\n\x83\x5cx\n\\.\n"},
		{"PGDATESTYLE=frob", "", "SELECT 1;"}, {"PGCLIENTENCODING=frob", "", "SELECT 1;"}, {"PGGEQO=frob", "", "SELECT 1;"},
	} {
		file := test.file
		if file == "" {
			file = filepath.Join(t.TempDir(), "load.sql")
			if err := os.WriteFile(file, []byte(test.script), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		server := pgtest.Shared(t)
		theirs, ours := server.NewDatabase(t), server.NewDatabase(t)
		cmd := exec.CommandContext(t.Context(), psql, "-Xq", "-v", "ON_ERROR_STOP=1", "-1", "-d", theirs, "-f", file)
		cmd.Env = append(os.Environ(), test.variable)
		said, psqlErr := cmd.CombinedOutput()

		file, err := filepath.Abs(file)
		if err != nil {
			t.Fatal(err)
		}
		var stdout, stderr bytes.Buffer
		name, value, _ := strings.Cut(test.variable, "=")
		code := Main(t.Context(), Process{Args: []string{"load", file, "--database-url=" + ours}, Environ: []string{name + "=" + value}, Stdout: &stdout, Stderr: &stderr})
		if (psqlErr == nil) != (code == 0) {
			t.Errorf("%s: psql %v %s, ours %d\n%s", test.variable, psqlErr, said, code, stderr.String())
			continue
		}
		if code != 0 {
			continue
		}
		if got, want := pgtest.SortedDump(t, ours), pgtest.SortedDump(t, theirs); got != want {
			t.Errorf("%s %s: got\n%s\nwant\n%s\n%s", test.variable, test.file, got, want, stderr.String())
		}
	}
}
