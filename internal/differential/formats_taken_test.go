package differential

import (
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/pgtest"
	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// TestFormatsTaken holds that with outside-rows: take just those rows of other tables go along that refer to rows that go, and those that
// refer to these: what is left is what psql leaves of the same tables where all keys are ON DELETE CASCADE. It is told before.
func TestFormatsTaken(t *testing.T) {
	t.Parallel()
	needServer(t)
	shapes := []struct{ name, setup, query, says string }{ // $ is the action of each key; users lose their rows
		{"chain", `create table users(id int primary key, n text); create table orders(id int primary key, u int default 9 references users $);
			create table items(id int primary key, o int references orders $, x int); create table notes(i int references items $);
			insert into users values(1), (2); insert into orders values(1, 1), (2, 2), (3, null); insert into items values(1, 1), (2, 3), (3, null); insert into notes values(1), (2), (3), (null);`,
			"select (select string_agg(o::text, '' order by id) from orders o) || (select string_agg(i::text, '' order by id) from items i) || (select string_agg(n::text, '' order by i) from notes n)",
			"public.items: 1 row, which refer to public.orders by the foreign key items_o_fkey"},
		{"circle", `create table users(id int primary key, n text); create table a(id int primary key, u int references users $); create table b(id int primary key, a int references a $);
			alter table a add b int references b $; insert into users values(1); insert into a values(1, 1, null), (2, null, null), (3, null, null); insert into b values(1, 1), (2, 3);
			update a set b = 1 where id = 2; update a set b = 2 where id = 3;`,
			"select (select string_agg(a::text, '' order by id) from a) || (select string_agg(b::text, '' order by id) from b)", "public.a: 1 row, which refer to public.b"},
		{"tree", `create table users(id int primary key, n text); create table t(id int primary key, u int references users $, up int references t $);
			insert into users values(1); insert into t values(1, 1, null), (2, null, 1), (3, null, 2), (4, null, null), (5, null, 4);`,
			"select string_agg(t::text, '' order by id) from t", "public.t: 2 rows, which refer to public.t by"},
		{"two columns, and two keys", `create table users(id int primary key, n text); create table "O o"("a b" int, c text collate "C", u int references users $, v int references users $, unique ("a b", c));
			create table i(x int, y text, foreign key (x, y) references "O o" ("a b", c) $);
			insert into users values(1), (2); insert into "O o" values(1, 'x', 1, 2), (1, 'y', null, 2), (2, 'x', null, null); insert into i values(1, 'x'), (1, 'y'), (2, 'x'), (2, null), (1, null);`,
			`select (select string_agg(o::text, '' order by o::text) from "O o" o) || (select string_agg(i::text, '' order by i::text) from i)`, `public."O o": 2 rows`},
		{"partitions", `create table users(id int primary key, n text); create table orders(id int, u int references users $, primary key (id)) partition by range (id);
			create table orders1 partition of orders for values from (0) to (10); create table orders2 partition of orders for values from (10) to (20);
			create table items(id int, o int references orders $) partition by list (id); create table items1 partition of items default;
			insert into users values(1); insert into orders values(1, 1), (2, null), (11, 1), (12, null); insert into items values(1, 1), (2, 2), (3, 11), (4, 12);`,
			"select (select string_agg(o::text, '' order by id) from orders o) || (select string_agg(i::text, '' order by id) from items i)", "public.items: 2 rows"},
		{"what inherits is not meant", `create table users(id int primary key, n text); create table orders(id int primary key, u int references users $); create table old() inherits (orders);
			insert into users values(1); insert into orders values(1, 1), (2, null); insert into old values(3, 1);`,
			"select string_agg(o::text, '' order by id) from orders o", "public.orders: 1 row"},
		{"nothing refers", `create table users(id int primary key, n text); create table orders(id int primary key, u int references users $); insert into users values(1); insert into orders values(1, null);`,
			"select string_agg(o::text, '' order by id) from orders o", ""},
	}
	actions := []string{"", "on delete restrict", "on delete cascade", "on delete set null", "deferrable initially deferred"}
	var cases []formatCase
	for i, s := range shapes {
		of := func(action string) string { return strings.ReplaceAll(s.setup, "$", action) }
		oracle := server.NewDatabase(t)
		pgtest.Exec(t, oracle, of("on delete cascade")+"delete from users;")
		want, failed, status := pgtest.Psql(t, oracle, "-At", "-c", s.query)
		if status != 0 {
			t.Fatal(failed)
		}
		some := actions
		if i > 0 {
			some = []string{actions[i%len(actions)], actions[(i+2)%len(actions)]}
		}
		for _, action := range some {
			for _, role := range []string{"", "own", "app"} {
				for _, mode := range []string{"single", "none"} {
					check, silent := "--foreign-keys=enforce", "no match"
					if mode == "none" {
						check = "--foreign-keys=check"
					}
					c := formatCase{
						name: strings.TrimSpace(s.name + " " + action + " as " + role + " in " + mode), setup: of(action) + "set constraints all immediate;" + grants(role), role: role,
						files: map[string]string{"users.csv": "id,n\n7,x\n"}, options: []string{"--transaction", mode, "--outside-rows=take", check}, query: s.query, result: strings.TrimSuffix(want, "\n"),
						silent: []string{silent},
					}
					if s.says == "" {
						c.silent = append(c.silent, "go along")
					} else {
						c.says = []string{"outside-rows is take", s.says}
					}
					cases = append(cases, c)
				}
			}
		}
	}
	const cascade = "on delete cascade"
	users := map[string]string{"users.csv": "id\n3\n"}
	script := map[string]string{"load.sql": "SET session_replication_role = replica;\nDELETE FROM users;\nINSERT INTO users VALUES (5);\nSET session_replication_role = origin;\n"}
	with, hold := usersAndOrders, usersAndOrdersHold
	took, kept := []string{"public.orders: 2 rows, which refer to public.users"}, "1,2 | 1:1,2:2"
	runFormatCases(t, append(cases,
		formatCase{name: "dry run", setup: with(cascade), options: []string{"--outside-rows=take", "--dry-run"}, files: users, query: hold, result: kept, says: took},
		formatCase{name: "as written", setup: with(""), options: []string{"--outside-rows=take", "--fast=false"}, files: users, query: hold, result: "3 | -", says: took},
		formatCase{name: "while others read", setup: with(""), options: []string{"--outside-rows=take", "--online"}, files: users, query: hold, result: "3 | -", says: took},
		formatCase{name: "over two connections", setup: with(""), options: []string{"--outside-rows=take", "--transaction=none", "--jobs=2"}, files: users, query: hold, result: "3 | -", says: took},
		formatCase{name: "kept", setup: with(""), options: []string{"--outside-rows=take", "--if-not-empty=keep"}, files: users, query: hold, result: kept, silent: took},
		formatCase{name: "a row is refused after", setup: with(""), options: []string{"--outside-rows=take"}, files: map[string]string{"users.csv": "id\nx\n"}, query: hold, exit: problem.Database, result: kept, says: took},
		formatCase{name: "keep is the default", setup: with(cascade), options: []string{"--outside-rows=keep"}, files: users, query: hold, result: "3 | 1:1,2:2", silent: []string{"go along"}},
		formatCase{name: "both are in the export", setup: with(cascade), options: []string{"--outside-rows=take"}, files: map[string]string{"users.csv": "id\n3\n", "orders.csv": "id,u\n4,3\n"}, query: hold, result: "3 | 4:3", silent: []string{"go along"}},
		formatCase{name: "the role may not delete them", setup: with(cascade) + "grant all on users to app; grant select on orders to app;", role: "app", options: []string{"--outside-rows=take"}, files: users, query: hold, exit: problem.Database, result: kept,
			says: []string{"public.orders: 2 rows that the role may not delete", "SELECT and DELETE"}},
		formatCase{name: "the role does not see them", setup: with(cascade) + "grant all on users to app; grant delete on orders to app;", role: "app", options: []string{"--outside-rows=take", "--transaction=none"}, files: users, query: hold, exit: problem.Database, result: kept,
			says: []string{"public.orders: rows that the role may not see", "The database is as it was"}},
		formatCase{name: "policies hide them", setup: with("") + grants("app") + "alter table orders enable row level security;", role: "app", options: []string{"--outside-rows=take"}, files: users, query: hold, exit: problem.Database, result: kept,
			says: []string{"rows that the role may not see"}},
		formatCase{name: "a trigger may not be disabled", setup: with("") + "create function f() returns trigger language plpgsql as 'begin if old.id = 2 then return null; end if; return old; end'; create trigger x before delete on orders for each row execute function f();" + grants("app"), role: "app",
			options: []string{"--outside-rows=take"}, files: users, query: hold, exit: problem.Database, result: kept, says: []string{"nor disable trigger x of public.orders"}},
		formatCase{name: "a trigger keeps one, no transaction", setup: with("") + "create function f() returns trigger language plpgsql as 'begin if old.id = 2 then return null; end if; return old; end'; create trigger x before delete on orders for each row execute function f();" + grants("app"), role: "app",
			options: []string{"--outside-rows=take", "--transaction=none"}, files: users, query: hold, exit: problem.Database, result: kept, says: []string{"of 2 rows", "1 went"}},
		formatCase{name: "triggers of the owner's do not fire", setup: with("") + "create function f() returns trigger language plpgsql as 'begin return null; end'; create trigger x before delete on orders for each row execute function f();" + grants("own"), role: "own",
			options: []string{"--outside-rows=take"}, files: users, query: hold, result: "3 | -", says: took},
		formatCase{name: "a script as one with grants", setup: with("") + grants("app"), role: "app", options: []string{"--outside-rows=take"}, files: script, query: hold, result: "5 | -", says: took},
		formatCase{name: "a script as owner", setup: with("") + grants("own"), role: "own", options: []string{"--outside-rows=take"}, files: script, query: hold, result: "5 | -", says: took},
		formatCase{name: "a script as superuser is psql's", setup: with(""), options: []string{"--outside-rows=take"}, files: script, query: hold, result: "5 | 1:1,2:2", silent: took},
	))
}
