package sqltext

import (
	"fmt"
	"strings"
	"testing"
)

// Code in strings of code is looked through so deep and no deeper: each level is held while the next is.
func TestNestedCode(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds: what it reads is large")
	}
	nested := func(depth int, inner string) string {
		for i := range depth {
			inner = fmt.Sprintf(" begin execute $q%d$ %s $q%[1]d$; end ", i, inner)
		}
		return "do $$" + inner + "$$"
	}
	for _, tt := range []struct{ text, says string }{
		{nested(3, "select 1"), ""},
		{nested(5, "copy t from program 'x'"), "PROGRAM"},
		{nested(20, "select 1"), "more than 8 deep"},
		{nested(3000, "select 1"), "more than 8 deep"},
		{"do $$ begin execute $q$ " + strings.Repeat("select $x$ a b $x$; ", 2<<20) + " $q$; end $$", "more than 32 MiB"},
		{"do $$ begin execute $q$ " + strings.Repeat("select $x$ a b $x$; ", 1000) + " $q$; end $$", ""},
		{"do $$ begin " + strings.Repeat("perform 1 + 1 + 10;\n", 2<<20) + " end $$", ""},
		{"do ' begin " + strings.Repeat("perform ''some text'';\n", 2<<20) + " end '", "more than 32 MiB"},
	} {
		got := ""
		if r := Refuse([]byte(tt.text), Parse([]byte(tt.text), Options{}), false); r != nil {
			got = r.Message
		}
		if tt.says == "" && got != "" || !strings.Contains(got, tt.says) {
			t.Errorf("%.80s…: %q, want %q", tt.text, got, tt.says)
		}
	}
}
