// Package texts holds overrides as people write them, for the tests of their reader and of the whole program.
package texts

import "strings"

// Text is one way to write overrides.
type Text struct {
	Text string
	Want string // the JSON that is sent, or why and where it is refused
}

// Sent says whether the text is read.
func (t Text) Sent() bool { return strings.HasPrefix(t.Want, "{") }

// All gives every text.
func All() []Text {
	return []Text{
		// JSON, and what people put between it
		{`{"variables": {"n":1.0,  "big":12345678901234567890}}`, `{"variables":{"n":1.0,"big":12345678901234567890}}`},
		{"{\"a\": 1} // as always", `{"a":1}`},
		{"// as always\n/* and\n here */ {\"a\": 1,}", `{"a":1}`},
		{`{"a": [1, 2,], /* none */ "b": {},}`, `{"a":[1,2],"b":{}}`},
		{`{"url": "https://example.org/*x*/", "n": -0.50e+3}`, `{"url":"https://example.org/*x*/","n":-0.50e+3}`},
		{`{variables: {start_date: "2024-01-01"}, entities: {users: {record_count: 5}}}`,
			`{"variables":{"start_date":"2024-01-01"},"entities":{"users":{"record_count":5}}}`},
		{"{ $a: 1, // one\n _b /* two */ : true, \"c\": null }", `{"$a":1,"_b":true,"c":null}`},
		{"\ufeff{\"a\": \"é\\u00e9\\ud83d\\ude00\"}", `{"a":"é\u00e9\ud83d\ude00"}`},
		{`{"a": "<b> & 'c'"}`, `{"a":"<b> & 'c'"}`},
		{`{}`, `{}`},
		{`{"a": 1}}`, "line 1, column 9: this is not JSON"},
		{`{"a": 1} {"b": 2}`, "line 1, column 10: this is not JSON"},
		{"{\"a\": 1\n \"b\": 2}", "line 2, column 2: this is not JSON"},
		{"{é: 1}", "line 1, column 2: this is not JSON"},
		{"{a: 1,\n bé: 2}", "line 2, column 2: this is not JSON"},
		{`{a: 1, b: x}`, "line 1, column 11: this is not JSON"},
		{`{"a": 01234}`, "line 1, column 7: this is not JSON"},
		{`{"a": NaN}`, "line 1, column 7: this is not JSON"},
		{`{"a": 'x'}`, "line 1, column 7: this is not JSON"},
		{`{"a": "x}`, "line 1, column 10: this is not JSON"},
		{`{“a”: 1}`, "line 1, column 2: this is not JSON"},
		{`{{ inputs.overrides }}`, "line 1, column 4: this is not JSON"},
		{`{"a": 1, "b": {"c": 1, "c": 2}}`, "line 1, column 24: this name stands twice in one object"},
		{`{"a": 1, a: 2}`, "line 1, column 10: this name stands twice in one object"},
		{`{"a": 1, "\u0061": 2}`, "line 1, column 10: this name stands twice in one object"},
		{`{"a": 1 /* for ever`, "line 1, column 9: this is not JSON"},
		{`{"a": # x` + "\n1}", "line 1, column 7: this is not JSON"},
		{strings.Repeat(`{"a":`, 101), "line 1, column 501: objects and lists lie in one another more than 100 deep"},
		{"{\"a\": \"\xff\"}", "line 1, column 8: these bytes are not UTF-8"},
		{"\xff\xfe{\x00}\x00", "line 1, column 1: this is not UTF-8 but looks like UTF-16: save it as UTF-8"},

		// YAML 1.2
		{"entities:\n  users:\n    record_count: 5 # five\n", `{"entities":{"users":{"record_count":5}}}`},
		{"entities: {users: {record_count: 7}}", `{"entities":{"users":{"record_count":7}}}`},
		{"# for the test\n{\"a\": 1, 'b': x}", `{"a":1,"b":"x"}`},
		{"country: NO", `{"country":"NO"}`},
		{"a: yes\nb: no\nc: on\nd: off\ny: n\n", `{"a":"yes","b":"no","c":"on","d":"off","y":"n"}`},
		{"a: true\nb: FALSE\nc: ~\nd: null\ne:\n", `{"a":true,"b":false,"c":null,"d":null,"e":null}`},
		{"zip: 01234", "line 1, column 6: a number that begins with 0 is read in three ways: put it into quotes if text is meant, or leave out the 0"},
		{"zip: '01234'", `{"zip":"01234"}`},
		{"zip: !!str 01234", `{"zip":"01234"}`},
		{"01234: a", `{"01234":"a"}`},
		{"a: 1_000\nb: 12:30:45\nc: 2024-01-01\nd: 0b11\ne: 1,000\nf: 1 2\n", `{"a":"1_000","b":"12:30:45","c":"2024-01-01","d":"0b11","e":"1,000","f":"1 2"}`},
		{"a: 0x1F\nb: 0o17\nc: +5\nd: .5\ne: 1.\nf: 1.10\ng: -1.e3\nh: 1e3\n", `{"a":31,"b":15,"c":5,"d":0.5,"e":1,"f":1.10,"g":-1e3,"h":1e3}`},
		{"a: 12345678901234567890123", `{"a":12345678901234567890123}`},
		{"a: .inf", "line 1, column 4: JSON has no such number: put it into quotes if text is meant"},
		{"a: |\n  two\n  lines\nb: >-\n  one\n  line\nc: \"x\\n\\u00e9\"\n", `{"a":"two\nlines\n","b":"one line","c":"x\né"}`},
		{"a: &n {b: 1}\nc: *n", `{"a":{"b":1},"c":{"b":1}}`},
		{"a: &n [*n]", "line 1, column 4: objects and lists lie in one another more than 100 deep"},
		{"a: *n", "line 1, column 4: this is not YAML"},
		{"base: &b {x: 1}\na:\n  <<: *b", "line 3, column 3: << merges in YAML 1.1 and is a name in 1.2: write the values out"},
		{"a: 1\n---\nb: 2", "line 2, column 1: a second YAML document begins here"},
		{"---\na: 1\n...\n", `{"a":1}`},
		{"%YAML 1.1\n---\na: 1", "line 1, column 1: leave out the line that begins with %: all is read as YAML 1.2"},
		{"a: 1\nb: 2\na: 3", "line 3, column 1: this name stands twice in one object"},
		{"1: a\n'1': b", "line 2, column 1: this name stands twice in one object"},
		{"a: 5 }", "line 1, column 4: a brace or bracket in here belongs to no other: put the text into quotes if it is meant"},
		{"a: 5\n}", "line 2, column 1: this is not YAML"},
		{"a: ^[a-z]{3}$", `{"a":"^[a-z]{3}$"}`},
		{"a: {b}", "line 1, column 5: this name within braces has no value"},
		{"a: {b:1}", "line 1, column 5: this name within braces has no value"},
		{"a: {{ x }}", "line 1, column 5: this name is no text"},
		{"a: b: c", "line 1, column 5: this is not YAML"},
		{"a:\n\tb: 1", "line 2, column 1: this is not YAML"},
		{"a: 'x", "line 1, column 6: this is not YAML"},
		{"a: !!binary aGk=", "line 1, column 4: a tag (!…) other than !!str has no meaning in JSON: leave it out"},
		{"a: !env HOME", "line 1, column 4: a tag (!…) other than !!str has no meaning in JSON: leave it out"},
		{"? [a]\n: 1", "line 1, column 3: this name is no text"},
		{"a: x\u2028b: 2", `line 1, column 5: some take this character for the end of a line: write it as an escape, such as "\u2028"`},
		{"a: @file", "line 1, column 4: this is not YAML"},
		{"${{ inputs.overrides }}", "line 1, column 1: this is no object"},
		{"[1]", "line 1, column 1: this is no object"},
		{"users=5", "line 1, column 1: this is no object"},
		{"# nothing", "line 1, column 1: there is nothing, or nothing but comments"},
		{"a: x\x01", "line 1, column 5: this character cannot stand in YAML as it is: take it out, or write it as an escape in double quotes"},
		{"a: 1\nb: x\x7f", "line 2, column 5: this character cannot stand in YAML as it is: take it out, or write it as an escape in double quotes"},
		{"a: \"\\x01\"", `{"a":"\u0001"}`},
		{"a\x00:\x00 \x001\x00", "line 1, column 2: this looks like UTF-16: save it as UTF-8"},
		{"a: 1\u200b", "line 1, column 4: an invisible character begins or ends this: take it out, or put the text into quotes if it is meant"},
		{"a:\n\u00a0b: 1", "line 2, column 1: an invisible character begins or ends this: take it out, or put the text into quotes if it is meant"},
		{"a: '1\u200b'\nb: 10\u00a0000 \u20ac", "{\"a\":\"1\u200b\",\"b\":\"10\u00a0000 \u20ac\"}"},
	}
}
