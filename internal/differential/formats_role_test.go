package differential

import (
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// TestFormatsRole holds that a load runs as the role of the setting role from its first question to its last, also where that has not the
// rights of the role that has connected.
func TestFormatsRole(t *testing.T) {
	t.Parallel()
	const setup = "create table u(id int primary key); create table o(u int references u); insert into u values(7); alter table u owner to own; alter table o owner to own;"
	const query = "select (select string_agg(id::text, ',') from u) || ' ' || (select count(*) from o)"
	files := map[string]string{"u.csv": "id\n1\n2\n", "o.jsonl": "{\"u\":1}\n"}
	script := map[string]string{"load.sql": "truncate u, o;\ninsert into u values (1), (2);\ninsert into o values (1);\n"}
	var cases []formatCase
	for _, options := range [][]string{nil, {"--jobs=2"}, {"--transaction=none"}, {"--transaction=none", "--jobs=2"}, {"--online"}, {"--fast=false"}} {
		name := strings.Join(options, " ")
		options = append([]string{"--role=own", "--connect-timeout=5s"}, options...)
		cases = append(cases, formatCase{name: "rows " + name, setup: setup, files: files, options: options, query: query, result: "1,2 1"},
			formatCase{name: "a script " + name, setup: setup, files: script, options: options, query: query, result: "1,2 1"})
	}
	cases = append(cases, formatCase{name: "with no right", setup: setup, files: files, options: []string{"--role=app"}, query: query, exit: problem.Database, result: "7 0", says: []string{"role app may not"}})
	runFormatCases(t, cases)
}
