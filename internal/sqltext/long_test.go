package sqltext

import (
	"strings"
	"testing"
)

// TestLongConstants reads constants of which Text holds the beginning only, and code in them that is behind it.
func TestLongConstants(t *testing.T) {
	long := strings.Repeat("some text ", 1<<18)
	if r := Refuse([]byte("do $$ begin copy t to program 'x';"+long), Parse([]byte("do $$"), Options{}), false); r == nil {
		t.Error("a body without an end is let through")
	}
	for _, tt := range []struct{ text, content string }{
		{"'" + long + "'", long},
		{"'" + strings.Repeat("''", 2<<20) + "'", strings.Repeat("'", 2<<20)},
		{"$tag$" + long + "$tag$", long},
		{"'" + long + "'\n'" + long + "'", long + long},
		{"N'" + long + "'", long},
		{"E'" + long + `\n'`, long + "\n"},
		{`U&'` + long + `\0041'`, long + "A"},
	} {
		tokens := &Tokens{Text: []byte(tt.text + " , x")}
		tok := tokens.Next()
		if len(tok.Text) != longestText+1 || !strings.HasSuffix(tok.Text, "\x00") || tok.End != len(tt.text) {
			t.Errorf("%.20s…: Text has %d bytes, and it ends at %d of %d", tt.text, len(tok.Text), tok.End, len(tt.text))
		}
		if got := tokens.Content(tok); got != tt.content {
			t.Errorf("%.20s…: Content has %d bytes, want %d", tt.text, len(got), len(tt.content))
		}
	}
	for _, text := range []string{
		"do $$ begin perform '" + long + "'; copy t to program 'x'; end $$",
		"do '" + long + " copy t to program ''x'' '",
		"do E'" + long + ` copy t to program \'x\' '`,
		"create function f() returns void language sql as 'select " + long + "'\n' ; copy t to program $x$ $x$ '",
		"select '" + long + "', pg_read_file('x')",
	} {
		if r := Refuse([]byte(text), Parse([]byte(text), Options{}), false); r == nil {
			t.Errorf("%.20s… is let through", text)
		}
	}
}
