create table foo(a int);
create type named as (r regclass, n int);
create domain kept as named;
create table t(id int, c named);
create table u(id int, c kept);
