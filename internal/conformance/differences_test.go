package conformance

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// differences are the deliberate ones, each with what it consists of. docs/psql.md gives the reasons.
var differences = map[string]func(want, got outcome, m mode) bool{
	"nul": func(_, got outcome, _ mode) bool {
		return len(got.faults) > 0 && (strings.Contains(got.text, "NUL byte") || strings.Contains(got.text, "0x00"))
	},
	// Statements are the same but for those with which psql asks the catalog.
	"display": func(want, got outcome, m mode) bool {
		theirs := slices.DeleteFunc(plainStatements(want.statements, m), func(s string) bool {
			return strings.Contains(s, "pg_catalog.") || strings.Contains(s, "pg_get_")
		})
		return want.failed && !got.failed || slices.Equal(theirs, plainStatements(got.statements, m)) && !got.failed
	},
	"version":         accepted,
	"fetch-count":     accepted,
	"gdesc":           accepted,
	"crosstabview":    accepted,
	"newer":           accepted,
	"newer-parameter": func(want, got outcome, m mode) bool { return len(want.faults) == 1 && accepted(want, got, m) },
	"pipelines":       refused,
	"end-marker":      accepted,
	"singleline":      func(_, got outcome, _ mode) bool { return true },
	"encoding-name":   bothFail,
	"row-place": func(want, got outcome, _ mode) bool {
		return len(got.faults) == len(want.faults) && got.faults[0].file != want.faults[0].file
	},
	"writes-a-file": refused,
	"home":          func(want, got outcome, _ mode) bool { return len(want.faults) == 1 && len(got.faults) == 1 },
	"output-file":   accepted,
	"copy-error-variables": func(want, got outcome, _ mode) bool {
		return len(want.faults) == len(got.faults) && want.output != got.output
	},
	"invisible": func(want, got outcome, _ mode) bool {
		return want.failed == got.failed && len(want.faults) == len(got.faults) && strings.Contains(got.text, `\u`)
	},
	"excerpt-encoding":       sameVerdict,
	"connect-in-transaction": refused,
	"joined-transaction":     refused,
	"prepare-transaction":    refused,
	"lo-import":              sameVerdict,
	"lo-unlink":              sameVerdict,
	"set-local":              accepted,
	"transaction-modes":      accepted,
	"own-transaction":        sameVerdict,
}

func accepted(_, got outcome, _ mode) bool       { return !got.failed && len(got.faults) == 0 }
func bothFail(want, got outcome, _ mode) bool    { return want.failed && got.failed }
func sameVerdict(want, got outcome, _ mode) bool { return want.failed == got.failed }
func refused(_, got outcome, _ mode) bool {
	return got.failed && len(got.faults) == 1 && got.faults[0].refused
}

// differ checks that a script differs in the way that its rule says.
func differ(t *testing.T, s script, want, got outcome, m mode) {
	t.Helper()
	check := differences[s.rule.difference]
	if check == nil {
		t.Fatalf("there is no difference called %s", s.rule.difference)
	}
	if !check(want, got, m) {
		t.Errorf("%s: it does not differ as %q says\npsql: %q\nours: %q\npsql said: %s\nwe said: %s", m, s.rule.difference,
			want.statements, got.statements, want.text, got.text)
	}
}

// TestDifferences holds docs/psql.md to the deliberate differences: each is explained there, and shown by a script of the corpus.
func TestDifferences(t *testing.T) {
	t.Parallel()
	text, err := os.ReadFile(filepath.Join("..", "..", "docs", "psql.md"))
	if err != nil {
		t.Fatal(err)
	}
	shown := map[string]bool{}
	for _, r := range readRules(t) {
		shown[r.difference] = true
	}
	for name := range differences {
		if !strings.Contains(string(text), "`"+name+"`") {
			t.Errorf("docs/psql.md does not explain %s", name)
		}
		if !shown[name] {
			t.Errorf("no script of the corpus shows %s", name)
		}
	}
	_, table, _ := strings.Cut(string(text), "| name | psql | here | why |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, m := range regexp.MustCompile("(?m)^\\| (`[^|]+`) \\|").FindAllStringSubmatch(table, -1) {
		for name := range strings.SplitSeq(m[1], ", ") {
			if name = strings.Trim(name, "`"); differences[name] == nil {
				t.Errorf("docs/psql.md tells of %s, which no test knows", name)
			}
		}
	}
}
