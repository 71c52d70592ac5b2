create function f(a int) returns int language sql as 'select a';
insert into t values (f(a := 1), f(a => 2)::text);
