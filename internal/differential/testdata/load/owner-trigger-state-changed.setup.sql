create table t(id int primary key, p text); create table l(n int); alter table t owner to own1; alter table l owner to own1;
create function f() returns trigger language plpgsql as 'begin insert into l values (1); return new; end';
create function make(sql text) returns int language plpgsql as 'begin execute sql; return 1; end';
