\if false
create function f() returns int language sql begin atomic select 1;
\endif
insert into t values (2, 'b');
insert into t values (3, 'b');
