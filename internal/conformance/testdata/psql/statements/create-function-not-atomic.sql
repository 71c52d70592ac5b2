create function f() returns int language sql as 'select 1'; insert into t values (f(), 'a');
