package fit

import (
	"fmt"
	"strings"
	"testing"
)

// Rows of literals are read as the server reads them, and what is no literal is said to be none.
func TestRows(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"(1, 'a''b', NULL)":                      "0[1# a'b NULL] ",
		"(-1.5e3,true , E'x\\n\\'y')":            "0[-1.5e3# true# x\n'y] ",
		"(1),\n -- a comment, (9)\n(2) ;":        "0[1#] 24[2#] ",
		"(1, DEFAULT), (2, now())":               "0[1# DEFAULT] 14none ",
		"(1, 'a' || 'b'), (2, 'x')":              "0none 17[2# x] ",
		"(1, '{}'::jsonb), (3, 'y')":             "0none 18[3# y] ",
		"(1, ARRAY[1,2], 'z'), (3, 4, 'y')":      "0none 22[3# 4# y] ",
		"(1) ON CONFLICT DO NOTHING;":            "0[1#] tail ON CONFLICT DO NOTHING",
		"(1) RETURNING id":                       "0[1#] tail RETURNING id",
		"SELECT 1":                               "lost",
		"(1, \"x\")":                             "lost",
		"(1, $$a$$)":                             "lost",
		"(1, U&'\\0041')":                        "lost",
		"(1, E'\\x41')":                          "lost",
		"(1":                                     "lost",
		"('a','b'),\n('c','d'),":                 "0[a b] 11[c d] ",
		"(f('a)', (1,2)), 'x'), (1, 'y')":        "0none 23[1# y] ",
		"(1,'" + strings.Repeat("é", 3) + "\t')": "0[1# ééé\t] ",
	} {
		var b strings.Builder
		tail, ok := Rows([]byte(text), func(offset int, row []Value) {
			fmt.Fprint(&b, offset)
			if row == nil {
				b.WriteString("none ")
				return
			}
			var values []string
			for _, v := range row {
				switch {
				case v.Default:
					v.Text = "DEFAULT"
				case v.Null:
					v.Text = "NULL"
				case v.Number:
					v.Text += "#"
				}
				values = append(values, v.Text)
			}
			fmt.Fprintf(&b, "[%s] ", strings.Join(values, " "))
		})
		have := b.String()
		if tail != "" {
			have += "tail " + tail
		}
		if !ok {
			have = "lost"
		}
		if have != want {
			t.Errorf("%q: %q, want %q", text, have, want)
		}
	}
}

// Every pattern is one: they are compiled only where a server has refused something.
func TestWords(t *testing.T) {
	t.Parallel()
	drops()
	for _, w := range words {
		if w.pattern != nil && w.pattern() == nil {
			t.Errorf("%s: no pattern", w.state)
		}
	}
}
