create table t(id int primary key, p text); create table l(n int); create table one(n int);
create function f() returns trigger language plpgsql as 'begin insert into l select count(*) from public.t; return null; end'; create trigger tr after insert on t for each statement execute function f();
create function make(sql text) returns int language plpgsql as 'begin execute sql; return 1; end';
