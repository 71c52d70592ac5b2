package differential

import (
	"regexp"
	"strconv"
	"strings"
	"testing"
	"text/template"
)

// expand writes what a script of testdata stands for: <<rows 1 3 ",\n" "(@, 'x*200')">> is three rows, numbered from 1 to 3 in
// place of @, each with two hundred x, and with a comma and a newline between them.
func expand(t *testing.T, text string) string {
	t.Helper()
	parsed, err := template.New("").Delims("<<", ">>").Funcs(template.FuncMap{"rows": rows}).Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	if err := parsed.Execute(&b, nil); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

var padding = regexp.MustCompile(`x\*(\d+)`)

func rows(from, to int, between, row string) string {
	row = padding.ReplaceAllStringFunc(row, func(s string) string {
		n, _ := strconv.Atoi(s[len("x*"):])
		return strings.Repeat("x", n)
	})
	var b strings.Builder
	for n := from; n <= to; n++ {
		if n > from {
			b.WriteString(between)
		}
		b.WriteString(strings.ReplaceAll(row, "@", strconv.Itoa(n)))
	}
	return b.String()
}

func TestRows(t *testing.T) {
	t.Parallel()
	if got, want := expand(t, `INSERT <<rows 9 10 ",\n" "(@,'x*3')">>;`), "INSERT (9,'xxx'),\n(10,'xxx');"; got != want {
		t.Errorf("got %q", got)
	}
}
