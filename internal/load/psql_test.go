//go:build unix

package load

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

func fromEnvironment(t *testing.T, name string, fallback int) int {
	t.Helper()
	text := os.Getenv(name)
	if text == "" {
		return fallback
	}
	n, err := strconv.Atoi(text)
	must(t, err)
	return n
}

var psqlState = regexp.MustCompile(`ERROR:  ([0-9A-Z]{5})`)

// compareLoads gives the SQLSTATE with which psql fails, "" if it succeeds.
func compareLoads(t *testing.T, psqlURL, oursURL, schema, script string, o Options) string {
	t.Helper()
	return compareFiles(t, psqlURL, oursURL, schema, map[string]string{"load.sql": script}, o)
}

// compareFiles is compareLoads for a script, load.sql, with other files beside it.
func compareFiles(t *testing.T, psqlURL, oursURL, schema string, files map[string]string, o Options) string {
	t.Helper()
	pgtest.Exec(t, psqlURL, schema)
	pgtest.Exec(t, oursURL, schema)
	dir := t.TempDir()
	must(t, os.Chmod(dir, 0o755))
	for name, text := range files {
		path := filepath.Join(dir, name)
		must(t, os.MkdirAll(filepath.Dir(path), 0o755))
		must(t, os.WriteFile(path, []byte(text), 0o644))
	}
	args := []string{"-v", "ON_ERROR_STOP=1", "-v", "VERBOSITY=verbose", "-q", "-c", `\cd ` + dir, "-f", "load.sql"}
	if o.Transaction == Single {
		args = append(args, "-1")
	}
	_, stderr, code := pgtest.Psql(t, psqlURL, args...)
	want := ""
	if code != 0 {
		m := psqlState.FindStringSubmatch(stderr)
		if m == nil {
			t.Fatalf("psql fails without a state: %s", stderr)
		}
		want = m[1]
	}
	config, err := pgx.ParseConfig(oursURL)
	must(t, err)
	o.Target, o.Script = config, Script{FS: os.DirFS(dir), Name: "load.sql"}
	o.KeepSequences, o.ForeignKeys, o.SkipAnalyze = true, Off, true
	o.thresholds = thresholds{fragmentSize: 4 << 10, largeInsert: o.thresholds.largeInsert, manyInserts: 2, manyRows: 1 << 10, runSize: 8 << 10, noPreflight: true}
	_, err = Run(context.Background(), o)
	got := ""
	if err != nil {
		var pe *pgconn.PgError
		if !errors.As(err, &pe) {
			t.Fatalf("ours: %v", err)
		}
		got = pe.Code
	}
	if got != want || err != nil && !sameError(stderr, err) {
		t.Errorf("%s, %d jobs: psql: %q (%s)\nours: %q (%v)", o.Transaction, o.Jobs, want, stderr, got, err)
	}
	return want
}

// sameError tells whether an error says what psql does, which with VERBOSITY=verbose shows all that the server says.
func sameError(shown string, err error) bool {
	var pe *pgconn.PgError
	_, shown, ok := strings.Cut(shown, "ERROR:  ")
	if !ok || !errors.As(err, &pe) || !strings.HasPrefix(shown, pe.Code+": "+pe.Message+"\n") {
		return false
	}
	for label, text := range map[string]string{"\nDETAIL:  ": pe.Detail, "\nCONTEXT:  ": pe.Where} {
		if text == "" && strings.Contains(shown, label) || text != "" && !strings.Contains(shown, label+text+"\n") {
			return false
		}
	}
	return true
}

// dice throw the same in every run.
type dice struct{ *rand.Rand }

func newDice(seed, n int) dice { return dice{rand.New(rand.NewPCG(uint64(seed), uint64(n)))} }

func (d dice) pick(of ...string) string { return of[d.IntN(len(of))] }

func firstDifference(a, b string) string {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	from := max(0, i-200)
	return fmt.Sprintf("\n%s\n--- against\n%s", a[from:min(len(a), i+200)], b[from:min(len(b), i+200)])
}
