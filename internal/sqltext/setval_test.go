package sqltext

import (
	"strings"
	"testing"
)

// Calls of setval are found wherever they are calls, and nowhere else.
func TestSetvals(t *testing.T) {
	for _, tt := range []struct {
		text   string
		calls  string // what the calls are, with / between them
		hidden bool
	}{
		{text: "SELECT pg_catalog.setval('public.users_id_seq', 100, true);", calls: "pg_catalog.setval('public.users_id_seq', 100, true)"},
		{text: `select "setval" ( 's', 5 )`, calls: `"setval" ( 's', 5 )`},
		{text: `select U&"\0073etval"('s', 5)`, calls: `U&"\0073etval"('s', 5)`},
		{text: "select setval('s', (select max(id), 1 from t)), setval('t', 2)", calls: "setval('s', (select max(id), 1 from t))/setval('t', 2)"},
		{text: "select setval('s', setval('t', 3))", calls: "setval('s', setval('t', 3))"},
		{text: "select app.setval('s', 5), setval, setval(1), setval(1, 2, 3, 4) from setval", calls: ""},
		{text: "select 'setval(1, 2)' -- setval(1, 2)", calls: ""},
		{text: "with x as (select setval('s', 5)) insert into t select * from x", calls: "setval('s', 5)"},
		{text: "do $$ begin perform setval('s', 5); end $$", calls: "setval('s', 5)"},
		{text: "do language plpgsql $x$ begin if true then perform pg_catalog.setval('s', 5); end if; end $x$", calls: "pg_catalog.setval('s', 5)"},
		{text: "do 'begin perform setval(''s'', 5); end'", hidden: true},
		{text: "do $$ begin execute 'select setval(''s'', 5)'; end $$", hidden: true},
		{text: "do $$ begin execute 'select 5'; end $$"},
		{text: "create function f() returns int8 language sql as 'select setval(''s'', 5)'"},
		{text: "insert into setval values (1, 2)", calls: ""},
	} {
		calls, hidden := Setvals([]byte(tt.text), false)
		var found []string
		for _, c := range calls {
			found = append(found, tt.text[c.At:c.End])
		}
		if got := strings.Join(found, "/"); got != tt.calls || hidden != tt.hidden {
			t.Errorf("%s: %q, %v; want %q, %v", tt.text, got, hidden, tt.calls, tt.hidden)
		}
	}
}

// What stands in their place keeps the rest of the text, the column's name, and the way back to the script.
func TestWithoutSetval(t *testing.T) {
	const text = "SELECT 1 AS one, setval('s', nowhere), 2 + setval('s', 5) AS two FROM t"
	calls, _ := Setvals([]byte(text), false)
	written, back := WithoutSetval([]byte(text), calls)
	if more, hidden := Setvals(written, false); len(more) > 0 || hidden {
		t.Errorf("setval is still called: %s", written)
	}
	if n := strings.Count(string(written), " AS setval"); n != 1 {
		t.Errorf("%d columns are called setval: %s", n, written)
	}
	for _, word := range []string{"SELECT", "one", "nowhere", "two", "FROM t"} {
		if at, want := back(strings.Index(string(written), word)), strings.Index(text, word); at != want {
			t.Errorf("%s is at %d, want %d", word, at, want)
		}
	}
	if at, want := back(strings.Index(string(written), "nullif")), strings.Index(text, "setval"); at != want {
		t.Errorf("the first call is at %d, want %d", at, want)
	}
}
