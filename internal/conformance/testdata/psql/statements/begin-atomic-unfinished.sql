create function f() returns int language sql begin atomic select 1;
insert into t values (1, 'a');
