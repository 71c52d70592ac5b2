package dbname_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/dbname"
)

func TestNames(t *testing.T) {
	t.Parallel()
	for pattern, want := range map[string][]string{
		"{database}_{n}":   {"app_1", "app_2"},
		"{database}-{n}":   {"app-1", "app-2"},
		"{database}_gw{n}": {"app_gw1", "app_gw2"},
		"test {n}":         {"test 1", "test 2"},
	} {
		if got := dbname.Names(pattern, "app", 2); !slices.Equal(got, want) {
			t.Errorf("%s: %q, want %q", pattern, got, want)
		}
	}
}

func TestCheck(t *testing.T) {
	t.Parallel()
	for name, ok := range map[string]bool{
		"app": true, "Some shop": true, strings.Repeat("x", 63): true, strings.Repeat("x", 64): false, strings.Repeat("ü", 32): false,
		"": false, "a\nb": false, "postgres": false, "template0": false, "template1": false, "Postgres": true,
	} {
		if err := dbname.Check(name); (err == nil) != ok {
			t.Errorf("%q: %v", name, err)
		}
	}
}
