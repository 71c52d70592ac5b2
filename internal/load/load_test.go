//go:build unix

package load_test

import (
	"testing"

	"github.com/jackc/pgx/v5"

	"github.com/fabricate-seed/fabricate-seed/internal/leaks"
	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// pgx goes on closing connections that were lost for a moment after they were given up.
func TestMain(m *testing.M) { leaks.Main(pgtest.Tests{M: m}) }

// target reads a URL of pgtest.
func target(t testing.TB, url string) *pgx.ConnConfig {
	t.Helper()
	config, err := pgx.ParseConfig(url)
	if err != nil {
		t.Fatal(err)
	}
	return config
}

// events shows what happens in the test's log.
func events(t testing.TB) load.Events {
	return load.Events{
		Notice: func(s string) { t.Log("notice:", s) },
		Warn:   func(s string) { t.Log("warning:", s) },
		Output: func(s string) { t.Log("output:", s) },
	}
}

// sameDump fails the test when two databases differ.
func sameDump(t testing.TB, psqlURL, oursURL string, args ...string) {
	t.Helper()
	want, got := pgtest.SortedDump(t, psqlURL, args...), pgtest.SortedDump(t, oursURL, args...)
	if want == got {
		return
	}
	i := 0
	for i < len(want) && i < len(got) && want[i] == got[i] {
		i++
	}
	from := max(0, i-300)
	t.Fatalf("dumps differ at byte %d:\npsql:\n%s\nours:\n%s", i, want[from:min(len(want), i+300)], got[from:min(len(got), i+300)])
}
