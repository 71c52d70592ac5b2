package differential

import (
	"strings"
	"testing"

	"github.com/fabricate-seed/fabricate-seed/internal/problem"
)

// usersAndOrders are two tables, of which orders refers to users, with an action if that is not empty.
func usersAndOrders(action string) string {
	return `create table users(id int primary key, n text); create table orders(id int primary key, u int default 1 references users ` + action + `);
	insert into users values(1), (2); insert into orders values(1, 1), (2, 2); set constraints all immediate;`
}

// usersAndOrdersHold asks what is in them.
const usersAndOrdersHold = `select coalesce((select string_agg(id::text, ',' order by id) from users), '-') || ' | ' ||
	coalesce((select string_agg(id || ':' || coalesce(u::text, '-'), ',' order by id) from orders), '-')`

// grants gives a table's setup what a role needs.
func grants(role string) string {
	switch role {
	case "own":
		return `do $$ declare r text; begin
			for r in select format('%I.%I', nspname, relname) from pg_class c join pg_namespace n on n.oid = relnamespace
				where relkind in ('r', 'p') and nspname !~ '^pg_' and nspname <> 'information_schema' loop
				execute 'alter table ' || r || ' owner to own'; end loop; end $$;`
	case "app", "granted":
		return "grant all on all tables in schema public to " + role + ";"
	}
	return ""
}

// TestFormatsOutside holds that no row of a table outside the export goes or changes when tables are emptied, by whatever key it refers to
// them, whoever loads, in one transaction or in none: it is left and checked, or the load is refused before anything was changed.
func TestFormatsOutside(t *testing.T) {
	t.Parallel()
	var cases []formatCase
	for _, action := range []string{"", "on delete restrict", "on delete cascade", "on delete set null", "on delete set default", "on delete cascade deferrable initially deferred"} {
		for _, role := range []string{"", "granted", "own", "app"} {
			for _, mode := range []string{"single", "none"} {
				c := formatCase{
					name:  strings.TrimSpace("key " + action + " as " + role + " in " + mode),
					setup: usersAndOrders(action) + grants(role),
					files: map[string]string{"users.csv": "id,n\n1,x\n2,y\n3,z\n"}, role: role, options: []string{"--transaction", mode}, query: usersAndOrdersHold,
					result: "1,2,3 | 1:1,2:2",
				}
				if role == "app" || role == "own" && mode == "none" {
					c.exit, c.result = problem.Database, "1,2 | 1:1,2:2"
					c.says = []string{"public.orders: 2 rows", "orders_u_fkey", "public.users", "The database is as it was: "}
				}
				cases = append(cases, c)
			}
		}
	}
	cases = append(cases, outsideCases()...)
	runFormatCases(t, cases)
}

func outsideCases() []formatCase {
	const cascade = "on delete cascade"
	with := usersAndOrders
	users := func(rows ...string) map[string]string {
		return map[string]string{"users.csv": "id\n" + strings.Join(append(rows, ""), "\n")}
	}
	const chain = `create table users(id int primary key); create table orders(id int primary key, u int references users on delete cascade);
		create table items(id int primary key, o int references orders on delete cascade);
		insert into users values(1); insert into orders values(1, 1); insert into items values(1, 1);`
	const chainHolds = "select (select count(*) from users) || ' ' || (select count(*) from orders) || ' ' || (select count(*) from items)"
	refused := problem.Database
	return []formatCase{
		// What is left is checked.
		{name: "rows that refer to nothing now", setup: with(cascade), files: users("1"), query: usersAndOrdersHold, result: "1 | 1:1,2:2", says: []string{"foreign key orders_u_fkey: 1 row of public.orders"}},
		{name: "the same as owner", setup: with(cascade) + grants("own"), role: "own", files: users("1"), query: usersAndOrdersHold, result: "1 | 1:1,2:2", says: []string{"foreign key orders_u_fkey: 1 row of public.orders"}},
		{name: "the same, granted", setup: with(cascade) + grants("granted"), role: "granted", files: users("1"), query: usersAndOrdersHold, result: "1 | 1:1,2:2", says: []string{"foreign key orders_u_fkey: 1 row of public.orders"}},
		{name: "the same without a transaction", setup: with(cascade), options: []string{"--transaction=none"}, files: users("1"), query: usersAndOrdersHold, result: "1 | 1:1,2:2", says: []string{"foreign key orders_u_fkey: 1 row of public.orders"}},
		{name: "enforced", setup: with(cascade), options: []string{"--foreign-keys=enforce"}, files: users("1"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2"},
		{name: "enforced as owner", setup: with(cascade) + grants("own"), role: "own", options: []string{"--foreign-keys=enforce"}, files: users("1"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2"},
		{name: "a header alone", setup: with(""), files: users(), query: usersAndOrdersHold, result: "- | 1:1,2:2", says: []string{"2 rows of public.orders", "users.csv"}},
		{name: "a header alone as owner", setup: with("") + grants("own"), role: "own", files: users(), query: usersAndOrdersHold, result: "- | 1:1,2:2", says: []string{"2 rows of public.orders", "users.csv"}},
		{name: "a header alone, enforced, as owner", setup: with(cascade) + grants("own"), role: "own", options: []string{"--foreign-keys=enforce"}, files: users(), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2"},
		{name: "a header alone, no transaction", setup: with(""), options: []string{"--transaction=none"}, files: users(), query: usersAndOrdersHold, result: "- | 1:1,2:2", says: []string{"2 rows of public.orders"}},
		{name: "a header alone, keys off", setup: with(""), options: []string{"--foreign-keys=off"}, files: users(), query: usersAndOrdersHold, result: "- | 1:1,2:2", silent: []string{"2 rows of public.orders"}},

		// Rows that do not refer to any are no hindrance.
		{name: "nothing refers", setup: with(cascade) + "update orders set u = null;" + grants("app"), role: "app", files: users("5"), query: usersAndOrdersHold, result: "5 | 1:-,2:-"},
		{name: "nothing is there", setup: with(cascade) + "delete from orders;" + grants("app"), role: "app", files: users("5"), query: usersAndOrdersHold, result: "5 | -"},
		{name: "nothing refers, no transaction", setup: with(cascade) + "update orders set u = null;" + grants("app"), role: "app", options: []string{"--transaction=none"}, files: users("5"), query: usersAndOrdersHold, result: "5 | 1:-,2:-"},
		{name: "a key of two columns, half null", setup: `create table p(a int, b int, primary key(a, b)); create table f(a int, b int, foreign key(a, b) references p on delete cascade);
			insert into p values(1, 1); insert into f values(1, null);` + grants("app"), role: "app", files: map[string]string{"p.csv": "a,b\n2,2\n"}, query: "select p::text || f::text from p, f", result: `(2,2)(1,)`},
		{name: "a key of two columns", setup: `create table p(a int, b text, primary key(a, b)); create table f(a int, b text, foreign key(a, b) references p on delete set null);
			insert into p values(1, 'x'); insert into f values(1, 'x');` + grants("app"), role: "app", files: map[string]string{"p.csv": "a,b\n1,x\n"}, query: "select p::text || f::text from p, f", exit: refused, result: `(1,x)(1,x)`, says: []string{"public.f: 1 row"}},
		{name: "its triggers are disabled", setup: with(cascade) + "alter table users disable trigger all;" + grants("app"), role: "app", files: users("1", "2"), query: usersAndOrdersHold, result: "1,2 | 1:1,2:2"},

		// What the role does not see.
		{name: "it may not read them", setup: with(cascade) + "grant all on users to app;", role: "app", files: users("1"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2", says: []string{"public.orders: rows that the role may not see"}},
		{name: "it may not read them, the server checks", setup: with("") + "grant all on users to app;", role: "app", files: users("1"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2", says: []string{"orders"}},
		{name: "policies hide them", setup: with(cascade) + grants("app") + "alter table orders enable row level security;", role: "app", files: users("1"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2", says: []string{"rows that the role may not see"}},
		{name: "their schema is closed", setup: with("") + `create schema "My S"; create table "My S"."O"(u int references users on delete cascade); insert into "My S"."O" values(1); drop table orders; create table orders(id int, u int);` + grants("app") + `grant all on all tables in schema "My S" to app;`,
			role: "app", files: users("1"), query: `select count(*) from "My S"."O"`, exit: refused, result: "1", says: []string{`"My S"."O": rows that the role may not see`}},
		{name: "another schema, quoted", setup: with("") + `create schema "My S"; create table "My S"."O"(u int references users on delete cascade); insert into "My S"."O" values(1); drop table orders; create table orders(id int, u int);` + grants("app") + `grant usage on schema "My S" to app; grant all on all tables in schema "My S" to app;`,
			role: "app", files: users("1"), query: `select count(*) from "My S"."O"`, exit: refused, result: "1", says: []string{`"My S"."O": 1 row`}},

		// Owners of one of the two.
		{name: "owner of users alone", setup: with(cascade) + "alter table users owner to own; grant select, references on orders to own;", role: "own", files: users("1", "2"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2", says: []string{"public.orders: 2 rows"}},
		{name: "owner of orders alone", setup: with(cascade) + "alter table orders owner to own; grant all on users to own;", role: "own", files: users("1", "2"), query: usersAndOrdersHold, result: "1,2 | 1:1,2:2"},

		// Keys that can be deferred.
		{name: "deferrable", setup: with("deferrable") + grants("app"), role: "app", files: users("1", "2", "3"), query: usersAndOrdersHold, result: "1,2,3 | 1:1,2:2"},
		{name: "deferrable, broken", setup: with("deferrable") + grants("app"), role: "app", files: users("1", "3"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2"},
		{name: "deferrable, no transaction", setup: with("deferrable initially deferred") + grants("app"), role: "app", options: []string{"--transaction=none"}, files: users("1", "2", "3"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2", says: []string{"public.orders: 2 rows"}},

		// Chains.
		{name: "chain, the last outside", setup: chain, files: map[string]string{"users.csv": "id\n1\n", "orders.csv": "id,u\n1,1\n"}, query: chainHolds, result: "1 1 1"},
		{name: "chain, the last outside, as owner", setup: chain + grants("own"), role: "own", files: map[string]string{"users.csv": "id\n1\n", "orders.csv": "id,u\n1,1\n"}, query: chainHolds, result: "1 1 1"},
		{name: "chain, the last outside, with grants", setup: chain + grants("app"), role: "app", files: map[string]string{"users.csv": "id\n1\n", "orders.csv": "id,u\n1,1\n"}, query: chainHolds, exit: refused, result: "1 1 1", says: []string{"public.items: 1 row"}},
		{name: "chain, the last outside and empty", setup: chain + "delete from items;" + grants("app"), role: "app", files: map[string]string{"users.csv": "id\n1\n2\n", "orders.csv": "id,u\n1,1\n2,2\n"}, query: chainHolds, result: "2 2 0"},
		{name: "chain, the last outside and empty, no transaction", setup: chain + "delete from items;" + grants("app"), role: "app", options: []string{"--transaction=none"}, files: map[string]string{"users.csv": "id\n1\n2\n", "orders.csv": "id,u\n1,1\n2,2\n"}, query: chainHolds, result: "2 2 0"},
		{name: "chain, the last two outside", setup: chain + grants("app"), role: "app", files: map[string]string{"users.csv": "id\n1\n"}, query: chainHolds, exit: refused, result: "1 1 1", says: []string{"public.orders: 1 row"}},
		{name: "chain, the one between outside", setup: chain + grants("app"), role: "app", files: map[string]string{"users.csv": "id\n1\n", "items.csv": "id,o\n1,1\n"}, query: chainHolds, exit: refused, result: "1 1 1", says: []string{"public.orders: 1 row"}},
		{name: "chain, the one between outside, as owner", setup: chain + grants("own"), role: "own", files: map[string]string{"users.csv": "id\n1\n", "items.csv": "id,o\n1,1\n2,1\n"}, query: chainHolds, result: "1 1 2"},
		{name: "chain, no transaction", setup: chain, options: []string{"--transaction=none"}, files: map[string]string{"users.csv": "id\n1\n", "orders.csv": "id,u\n1,1\n"}, query: chainHolds, result: "1 1 1"},
		{name: "chain, two connections", setup: chain, options: []string{"--transaction=none", "--jobs=2"}, files: map[string]string{"users.csv": "id\n1\n", "orders.csv": "id,u\n1,1\n"}, query: chainHolds, result: "1 1 1"},
		{name: "all of the chain", setup: chain + grants("app"), role: "app", files: map[string]string{"users.csv": "id\n1\n2\n", "orders.csv": "id,u\n2,2\n", "items.csv": "id,o\n"}, query: chainHolds, result: "2 1 0"},
		{name: "a table that refers to itself", setup: `create table users(id int primary key, boss int references users on delete cascade); create table orders(u int references users); insert into users values(1, null), (2, 1); insert into orders values(2);`,
			files: map[string]string{"users.csv": "id,boss\n2,1\n1,\n"}, query: "select (select count(*) from users) || ' ' || (select count(*) from orders)", result: "2 1"},
		{name: "a circle with an outside", setup: `create table a(id int primary key, b int); create table b(id int primary key, a int references a); alter table a add foreign key (b) references b; create table o(a int references a on delete cascade);
			insert into a values(1, null); insert into b values(1, 1); update a set b = 1; insert into o values(1);` + grants("own"), role: "own", files: map[string]string{"a.csv": "id,b\n1,1\n", "b.csv": "id,a\n1,1\n"}, query: "select (select count(*) from a) || ' ' || (select count(*) from b) || ' ' || (select count(*) from o)", result: "1 1 1"},

		// Partitions.
		{name: "partitioned outside", setup: `create table users(id int primary key); create table orders(u int references users on delete cascade) partition by list(u); create table orders1 partition of orders for values in (1);
			insert into users values(1); insert into orders values(1);` + grants("app"), role: "app", files: users("1"), query: "select count(*) from orders", exit: refused, result: "1", says: []string{"public.orders: 1 row"}},
		{name: "partitioned, referred to", setup: `create table users(id int primary key) partition by list(id); create table users1 partition of users for values in (1); create table orders(u int references users on delete cascade);
			insert into users values(1); insert into orders values(1);` + grants("app"), role: "app", files: users("1"), query: "select count(*) from orders", exit: refused, result: "1", says: []string{"public.orders: 1 row"}},
		{name: "partitioned, referred to, superuser", setup: `create table users(id int primary key) partition by list(id); create table users1 partition of users for values in (1); create table orders(u int references users on delete cascade);
			insert into users values(1); insert into orders values(1);`, files: users("1"), query: "select (select count(*) from orders) || ' ' || (select count(*) from users)", result: "1 1"},
		{name: "one partition", setup: `create table users(id int primary key) partition by list(id); create table users1 partition of users for values in (1); create table users2 partition of users for values in (2); create table orders(u int references users on delete cascade);
			insert into users values(1), (2); insert into orders values(1), (2);` + grants("app"), role: "app", files: map[string]string{"users1.csv": "id\n1\n"}, query: "select count(*) from orders", exit: refused, result: "2", says: []string{"public.orders: 1 row"}},
		{name: "one partition, superuser", setup: `create table users(id int primary key) partition by list(id); create table users1 partition of users for values in (1); create table users2 partition of users for values in (2); create table orders(u int references users on delete cascade);
			insert into users values(1), (2); insert into orders values(1), (2);`, files: map[string]string{"users1.csv": "id\n1\n"}, query: "select (select count(*) from orders) || ' ' || (select count(*) from users)", result: "2 2"},
		{name: "a key to one partition", setup: `create table users(id int, primary key(id)) partition by list(id); create table users1 partition of users for values in (1); create table orders(u int references users1 on delete cascade);
			insert into users values(1); insert into orders values(1);`, files: users("1"), query: "select (select count(*) from orders) || ' ' || (select count(*) from users)", result: "1 1"},
		{name: "a key of one partition", setup: `create table users(id int primary key); create table orders(u int) partition by list(u); create table orders1 partition of orders for values in (1); alter table orders1 add foreign key (u) references users on delete cascade; create table items(u int references users);
			insert into users values(1); insert into orders values(1); insert into items values(1);` + grants("own"), role: "own", files: map[string]string{"users.csv": "id\n1\n", "orders.csv": "u\n1\n1\n"}, query: "select (select count(*) from orders) || ' ' || (select count(*) from items)", result: "2 1"},

		// Inheritance.
		{name: "what inherits is none of the export", setup: "create table p(id int primary key); create table c(x int) inherits(p); insert into p values(1); insert into c values(2, 2);" + grants("app"), role: "app", files: map[string]string{"p.csv": "id\n5\n"}, query: "select string_agg(id::text, ',' order by id) from p", result: "2,5"},
		{name: "what inherits, and a key from outside", setup: "create table p(id int primary key); create table c(x int) inherits(p); create table o(p int references p on delete cascade); insert into p values(1); insert into c values(2, 2); insert into o values(1);" + grants("own"), role: "own", files: map[string]string{"p.csv": "id\n1\n5\n"},
			query: "select (select string_agg(id::text, ',' order by id) from p) || ' ' || (select count(*) from o)", result: "1,2,5 1"},
		{name: "what inherits is of the export too", setup: "create table p(id int primary key); create table c(x int) inherits(p); insert into p values(1); insert into c values(2, 2);", files: map[string]string{"p.csv": "id\n5\n", "c.csv": "id,x\n6,6\n"}, query: "select string_agg(id::text, ',' order by id) from p", result: "5,6"},
		{name: "what inherits alone", setup: "create table p(id int primary key); create table c(x int) inherits(p); insert into p values(1); insert into c values(2, 2);", files: map[string]string{"c.csv": "id,x\n6,6\n"}, query: "select string_agg(id::text, ',' order by id) from p", result: "1,6"},
		{name: "what inherits, no transaction", setup: "create table p(id int primary key); create table c(x int) inherits(p); insert into p values(1); insert into c values(2, 2);", options: []string{"--transaction=none"}, files: map[string]string{"p.csv": "id\n5\n"}, query: "select string_agg(id::text, ',' order by id) from p", result: "2,5"},

		{name: "what inherits has rows, kept", setup: "create table p(id int primary key); create table c(x int) inherits(p); insert into c values(2, 2);", options: []string{"--if-not-empty=keep"}, files: map[string]string{"p.csv": "id\n5\n"}, query: "select string_agg(id::text, ',' order by id) from p", result: "2,5"},

		// Views: rows for them are what their triggers do, and they are not emptied.
		{name: "a view with triggers is not emptied", setup: `create table b(id int); insert into b values(7); create view v as select id from b;
			create function f() returns trigger language plpgsql as $$ begin if tg_op = 'DELETE' then delete from b where id = old.id; return old; end if; insert into b values(new.id + 100); return new; end $$;
			create trigger x instead of insert or delete on v for each row execute function f()`, options: []string{"--transaction=none"}, files: map[string]string{"v.csv": "id\n1\n"}, query: "select string_agg(id::text, ',' order by id) from b", result: "7,101"},

		// The rest of what can be asked for.
		{name: "going on after errors", setup: with(cascade) + grants("app"), role: "app", options: []string{"--transaction=none", "--on-error=continue"}, files: users("3"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2"},
		{name: "going on after errors, no right to empty", setup: "create table t(id int); insert into t values(1); create table users(id int primary key); create table orders(u int references users); insert into users values(1); grant select, insert on t, users to app; grant select on orders to app;", role: "app",
			options: []string{"--transaction=none", "--on-error=continue"}, files: map[string]string{"t.csv": "id\n3\n", "users.csv": "id\n3\n"}, query: "select (select string_agg(id::text, ',') from t) || ' ' || (select string_agg(id::text, ',') from users)", exit: refused, result: "1 1"},
		{name: "kept", setup: with(cascade) + grants("app"), role: "app", options: []string{"--if-not-empty=keep"}, files: users("3"), query: usersAndOrdersHold, result: "1,2 | 1:1,2:2"},
		{name: "as written", setup: with(cascade), options: []string{"--fast=false"}, files: users("1"), query: usersAndOrdersHold, result: "1 | 1:1,2:2", says: []string{"foreign key orders_u_fkey: 1 row of public.orders"}},
		{name: "allow data", setup: with(cascade), options: []string{"--allow=data"}, files: users("1", "2"), query: usersAndOrdersHold, result: "1,2 | 1:1,2:2"},
		{name: "allow data, no transaction", setup: with(cascade), options: []string{"--allow=data", "--transaction=none"}, files: users("1", "2"), query: usersAndOrdersHold, result: "1,2 | 1:1,2:2"},
		{name: "dry run", setup: with(cascade) + grants("app"), role: "app", options: []string{"--dry-run"}, files: users("3"), query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2", says: []string{"public.orders: 2 rows"}},
		{name: "emptied in before", setup: with(cascade) + grants("app"), role: "app", options: []string{"--before=b.sql"}, files: map[string]string{"users.csv": "id\n3\n", "../b.sql": "delete from orders;"}, query: usersAndOrdersHold, result: "3 | -"},
		{name: "emptied in before, no transaction", setup: with(cascade) + grants("app"), role: "app", options: []string{"--before=b.sql", "--transaction=none"}, files: map[string]string{"users.csv": "id\n3\n", "../b.sql": "delete from orders;"}, query: usersAndOrdersHold, result: "3 | -"},

		// Scripts that empty row by row are held to the same rule where the replica role that they set is emulated.
		{name: "script with grants", setup: with(cascade) + grants("app"), role: "app", files: map[string]string{"load.sql": "SET session_replication_role = replica;\nDELETE FROM users;\nINSERT INTO users VALUES (1), (2);\nSET session_replication_role = origin;\n"}, query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2", says: []string{"public.orders: 2 rows", "load.sql"}},
		{name: "script as owner", setup: with(cascade) + grants("own"), role: "own", files: map[string]string{"load.sql": "SET session_replication_role = replica;\nDELETE FROM users;\nINSERT INTO users VALUES (1), (2);\nSET session_replication_role = origin;\n"}, query: usersAndOrdersHold, result: "1,2 | 1:1,2:2"},
		{name: "script that fills both", setup: with(cascade) + grants("app"), role: "app", files: map[string]string{"load.sql": "SET session_replication_role = replica;\nDELETE FROM users;\nDELETE FROM orders;\nINSERT INTO users VALUES (1);\nINSERT INTO orders VALUES (5, 1);\nSET session_replication_role = origin;\n"}, query: usersAndOrdersHold, result: "1 | 5:1"},
		{name: "script that only empties", setup: with(cascade), options: []string{"--foreign-keys=enforce"}, files: map[string]string{"load.sql": "SET session_replication_role = replica;\nDELETE FROM users WHERE id = 1;\nSET session_replication_role = origin;\n"}, query: usersAndOrdersHold, exit: refused, result: "1,2 | 1:1,2:2"},
		{name: "script that only empties, no transaction", setup: with(cascade), options: []string{"--transaction=none"}, files: map[string]string{"load.sql": "SET session_replication_role = replica;\nDELETE FROM users;\nSET session_replication_role = origin;\n"}, query: usersAndOrdersHold, result: "- | 1:1,2:2", says: []string{"2 rows of public.orders"}},
		{name: "script without the replica role is psql's", setup: with(cascade) + grants("app"), role: "app", files: map[string]string{"load.sql": "DELETE FROM users;\nINSERT INTO users VALUES (1), (2);\n"}, query: usersAndOrdersHold, result: "1,2 | -"},
	}
}
