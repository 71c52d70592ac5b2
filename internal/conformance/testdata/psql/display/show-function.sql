create function f() returns int language sql as 'select 1';
\sf f
\sf+ f()
create view v as select 1 as one;
\sv v
insert into t values (1, 'a');
