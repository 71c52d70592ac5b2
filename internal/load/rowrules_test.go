//go:build unix

package load_test

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/fabricate-seed/fabricate-seed/internal/load"
	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
)

// rowRules are the lines of the table in docs/databases.md: what is in a file, what is in the table then, and what psql does with the same. ours
// and psql are what the query v gives of the column v, or part of the error behind a "!".
var rowRules = []struct {
	name, schema, file string // the file is t.csv if it begins with a header, else t.jsonl
	ours, psql         string
}{
	{"nothing between commas", "v text, w int", "v,w\n,1\n", "NULL", "NULL"},
	{"the empty text", "v text, w int", "v,w\n\"\",1\n", "''", "''"},
	{"no empty number", "v int, w int", "v,w\n\"\",1\n", "NULL", "!invalid input syntax"},
	{"no empty macaddr", "v macaddr, w int", "v,w\n\"\",1\n", "NULL", "!invalid input syntax"},
	{"no empty bits", "v bit(3), w int", "v,w\n\"\",1\n", "NULL", "!does not match type bit(3)"},
	{"an enum without an empty label", "v mood, w int", "v,w\n\"\",1\n", "NULL", "!invalid input value for enum"},
	{"an enum with one", "v moody, w int", "v,w\n\"\",1\n", "''", "''"},
	{"an extension's type without an empty text", "v cube, w int", "v,w\n\"\",1\n", "NULL", "!invalid input syntax for cube"},
	{"an extension's type with one", "v ltree, w int", "v,w\n\"\",1\n", "''", "''"},
	{"a domain over a number", "v small, w int", "v,w\n\"\",1\n", "NULL", "!invalid input syntax"},
	{"NULL and backslashes are text", "v text, w int", "v,w\n\\N,1\n", "E'\\\\N'", "E'\\\\N'"},
	{"a quote within a field", "v text, w int", "v,w\na \"b\",1\n", "!t.csv:2:3: field 1 has a double quote", "'a b'"},
	{"text behind a quote", "v text, w int", "v,w\n\"a\" ,1\n", "!t.csv:2:4: field 1 goes on", "'a '"},
	{"other ends of lines in text", "v text, w int", "v,w\na\rb,1\n", "!t.csv:2:2: a line ends here", "!carriage return"},
	{"a line that ends otherwise than the first, with a newline", "v text, w int", "v,w\r\na,1\r\nb,2\n", "'b'", "!unquoted newline"},
	{"a line that ends otherwise than the first, with two", "v text, w int", "v,w\na,1\nb,2\r\n", "'b'", "!unquoted carriage return"},
	{"a line of the end of data", "v text", "v\na\n\\.\n", "E'\\\\.'", "'a'"},
	{"lines that end as on old Macs", "v text, w int", "v,w\ra,1\r", "'a'", "'a'"},
	{"blank lines between several columns", "v text, w int", "v,w\n\na,1\n", "'a'", "!missing data"},
	{"a blank line where the header belongs", "v text, w int", "\nv,w\na,1\n", "!t.csv:1: this line is blank", "!invalid input syntax"},
	{"nothing but blank lines", "v text, w int", "\n\r\n\n", "NULL", ""},
	{"a list in CSV", "v int[], w int", "v,w\n\"[1,2]\",1\n", "'{1,2}'", "!malformed array literal"},
	{"an array in CSV", "v int[], w int", "v,w\n\"[0:1]={1,2}\",1\n", "'[0:1]={1,2}'", "'[0:1]={1,2}'"},
	{"an object in CSV", "v pair, w int", "v,w\n\"{\"\"b\"\":\"\"x\"\"}\",1\n", "'(,x)'", "!malformed record literal"},
	{"a list in CSV for text", "v text, w int", "v,w\n\"[1,2]\",1\n", "'[1,2]'", "'[1,2]'"},
	{"UTF-16", "v text, w int", "\xff\xfev\x00,\x00w\x00\n\x00\xe9\x00,\x001\x00\n\x00", "'é'", "!invalid byte sequence"},
	{"UTF-16 without a mark", "v text, w int", "\x00v\x00,\x00w\x00\n\x00\xe9\x00,\x001\x00\n", "'é'", "NULL"},
	{"a zero at the end is no UTF-16", "v text, w int", "v,w\na,1\n\x00", "!t.csv:3:1: invalid byte sequence for encoding \"UTF8\": 0x00", "'a'"},
	{"UTF-16 without a mark that begins with another letter", `v text, "中" int`, "\x2d\x4e,\x00v\x00\n\x001\x00,\x00\xe9\x00\n\x00", "'é'", ""},
	{"half a character in UTF-16", "v text, w int", "\xff\xfev\x00,\x00w\x00\n\x00\x00\xd8,\x001\x00\n\x00", "!t.csv:2:1: half a character of UTF-16", "!invalid byte sequence"},
	{"no UTF-8 in CSV", "v text, w int", "v,w\na,1\n\"caf\xe9\",1\n", "!t.csv:3:5: invalid byte sequence for encoding \"UTF8\": 0xe9", "!invalid byte sequence"},

	{"a name of two columns", `v text, "V" text, "Vv" int, "vV" int`, "v,VV\na,1\n", "!t.csv:1:3: \"VV\" of table public.t may be \"Vv\" or \"vV\"", ""},
	{"a name of two columns, one of which it is", `v text, "V" text, w int`, "V,v,w\na,b,1\n", "'b'", ""},
	{"a key of two columns", `"Vv" text, "vV" text, v text`, `{"v":"a","vv":"b"}`, "!t.jsonl:1:10: \"vv\" of table public.t may be", ""},

	{"null and a key that is missing in a line", "v text, w int", `{"v":null,"w":1}`, "NULL", "NULL"},
	{"a key that no line has", "v text DEFAULT 'd', w int", `{"w":1}`, "'d'", ""},
	{"rows of nothing", "v text DEFAULT 'd', w serial", "{}\n", "'d'", ""},
	{"escapes", "v text", `{"v":"\u00e9\ud83d\ude00\t\/"}`, "'é😀\t/'", "'é😀\t/'"},
	{"half a character", "v text", `{"v":"a\ud800b"}`, "!t.jsonl:1:8: the value of \"v\" is no JSON: half a character", "!invalid input syntax for type json"},
	{"half a character in JSON", "v json", `{"v":{"a":["\udc00"]}}`, "!t.jsonl:1:13: the value of", "!invalid input syntax for type json"},
	{"a zero", "v text", `{"v":"\u0000"}`, "!cannot be converted to text", "!unsupported Unicode escape sequence"},
	{"no UTF-8 beside an escape", "v text", "{\"v\":\"caf\xe9 \\\"x\\\"\"}", "!t.jsonl:1:10: invalid byte sequence for encoding \"UTF8\": 0xe9", "!invalid byte sequence"},
	{"broken JSON for text", "v text", `{"v":{"k":tru}}`, "!t.jsonl:1:11: the value of \"v\" is no JSON", "!invalid input syntax for type json"},
	{"brackets that do not fit", "v text", `{"v":[{"k":1]}}`, "!t.jsonl:1:", "!invalid input syntax for type json"},
	{"an object for text", "v text", `{"v":{"k": [1]}}`, `'{"k": [1]}'`, `'{"k": [1]}'`},
	{"a text for JSON", "v deepdoc", `{"v":"a"}`, `'"a"'`, `'"a"'`},
	{"a text that holds JSON", "v deepdoc", `{"v":"{\"a\":1}"}`, `'{"a":1}'`, `E'"{\\"a\\":1}"'`},
	{"a text that holds broken JSON", "v jsonb", `{"v":"{\"a\":tru}"}`, `E'"{\\"a\\":tru}"'`, `E'"{\\"a\\":tru}"'`},
	{"NaN for a number", "v float8", `{"v":NaN}`, "'NaN'", "!invalid input syntax for type json"},
	{"-Infinity for a numeric", "v numeric", `{"v":-Infinity}`, "'-Infinity'", "!invalid input syntax for type json"},
	{"NaN in an array of numbers", "v real[]", `{"v":[1,NaN,null]}`, "'{1,NaN,NULL}'", "!invalid input syntax for type json"},
	{"NaN for a whole number", "v int", `{"v":NaN}`, "!t.jsonl:1:6: column \"v\": NaN is no JSON", "!invalid input syntax for type json"},
	{"NaN in JSON", "v jsonb", `{"v":{"a":NaN}}`, "!t.jsonl:1:6: column \"v\": NaN and Infinity are no JSON", "!invalid input syntax for type json"},
	{"a list for an array", "v text[]", `{"v":["a,\"b",null,""]}`, `E'{"a,\\"b",NULL,""}'`, `E'{"a,\\"b",NULL,""}'`},
	{"arrays with semicolons", "v box[]", `{"v":["(1,1),(0,0)","(3,3),(2,2)"]}`, "'{(1,1),(0,0);(3,3),(2,2)}'", "'{(1,1),(0,0);(3,3),(2,2)}'"},
	{"lists of nothing", "v int[]", `{"v":[[], [ ]]}`, "'{}'", "'{}'"},
	{"lists of lists of nothing", "v text[]", `{"v":[[[],[]],[[],[]]]}`, "'{}'", "'{}'"},
	{"lists of nothing, one deeper", "v int[]", `{"v":[[[]],[]]}`, "!malformed array literal", "!malformed JSON array"},
	{"a list of nothing beside one", "v int[]", `{"v":[[],[1]]}`, "!malformed array literal", "!malformed JSON array"},
	{"lists of nothing for JSON", "v jsonb[]", `{"v":[[],[]]}`, "'{[],[]}'", "'{}'"},
	{"a list of JSON", "v deepdoc[]", `{"v":[{"a":1},[2]]}`, `E'{"{\\"a\\":1}",[2]}'`, `E'{"{\\"a\\":1}",[2]}'`},
	{"a list of lists of JSON", "v json[]", `{"v":[[1],[2]]}`, "'{[1],[2]}'", "'{{1},{2}}'"},
	{"an object for an array", "v int[]", `{"v":{}}`, "!t.jsonl:1:6: column \"v\": this is an object", "!expected JSON array"},
	{"an object for a row", "v pair", `{"v":{"b":"x\"","a":1}}`, `'(1,"x""")'`, `'(1,"x""")'`},
	{"a field that there is not", "v pair", `{"v":{"c":1}}`, "!t.jsonl:1:6: column \"v\": the column's type has no field \"c\"", "'(,)'"},
	{"an object for hstore", "v hstore", `{"v":{"a":"1","b":null,"c":[2]}}`, `'"a"=>"1", "b"=>NULL, "c"=>"[2]"'`, "!Unexpected end of string"},
	{"one key in two ways in one line", "v text", `{"v":"a","V":"b"}`, "!both those of the column \"v\"", "'a'"},
	{"one key twice", "v text", `{"v":"a","v":"b"}`, "'b'", "'b'"},
	{"a list and no lines", "v text", "[{\"v\":\"a\"}]", "!t.jsonl:1:1: this line is no JSON object: it begins a list", "!cannot call"},
}

// TestRowRules holds each line of the table of docs/databases.md, and what psql does with the same file: \copy, or json_populate_record on each
// line.
func TestRowRules(t *testing.T) {
	t.Parallel()
	server := pgtest.Shared(t)
	const types = `CREATE EXTENSION hstore; CREATE EXTENSION cube; CREATE EXTENSION ltree; CREATE TYPE mood AS ENUM ('sad'); CREATE TYPE moody AS ENUM ('', 'x');
		CREATE DOMAIN small AS int CHECK (VALUE < 10); CREATE DOMAIN doc AS json; CREATE DOMAIN deepdoc AS doc; CREATE TYPE pair AS (a int, b text);`
	url := server.NewDatabase(t)
	pgtest.Exec(t, url, types)
	const query = "SELECT coalesce(quote_literal(v::text), 'NULL') FROM t ORDER BY ctid DESC LIMIT 1"
	for _, rule := range rowRules {
		create := "SET client_min_messages = warning; DROP TABLE IF EXISTS t; CREATE TABLE t (" + rule.schema + ")"
		got := func(err error) string {
			if err != nil {
				return "!" + err.Error()
			}
			return value(t, url, query)
		}
		check := func(who, want, got string) {
			if strings.HasPrefix(want, "!") && !(strings.HasPrefix(got, "!") && strings.Contains(got, want[1:])) || !strings.HasPrefix(want, "!") && strings.TrimSpace(got) != want {
				t.Errorf("%s: %s: %s, not %s", rule.name, who, got, want)
			}
		}
		name := "t.csv"
		if strings.HasPrefix(rule.file, "{") || strings.HasPrefix(rule.file, "[") {
			name = "t.jsonl"
		}
		pgtest.Exec(t, url, create)
		rows := &load.Rows{FS: fstest.MapFS{name: {Data: []byte(rule.file)}}, Files: []string{name}}
		_, err := load.Run(context.Background(), load.Options{Target: target(t, url), Rows: rows, SkipAnalyze: true})
		check("we", rule.ours, got(err))

		if rule.psql == "" { // there is no such statement
			continue
		}
		path := filepath.Join(t.TempDir(), name)
		if err := os.WriteFile(path, []byte(rule.file), 0o600); err != nil {
			t.Fatal(err)
		}
		script := []string{fmt.Sprintf(`\copy t from '%s' with (format csv, header)`, path)}
		if name == "t.jsonl" {
			script = []string{"create temp table lines (line text)", fmt.Sprintf(`\copy lines from '%s' with (format csv, quote e'\x01', delimiter e'\x02')`, path),
				"insert into t select r.* from lines, json_populate_record(null::t, line::json) r"}
		}
		pgtest.Exec(t, url, create)
		args := []string{"-q", "-v", "ON_ERROR_STOP=1"}
		for _, command := range script {
			args = append(args, "-c", command)
		}
		_, stderr, code := pgtest.Psql(t, url, args...)
		var failed error
		if code != 0 {
			failed = fmt.Errorf("%s", stderr)
		}
		check("psql", rule.psql, got(failed))
	}
}
