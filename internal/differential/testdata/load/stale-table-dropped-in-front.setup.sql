create schema s1; create schema s2; create table s1.t(id int, p text); create table s2.t(id int, p text); create table n(c int);
create function f() returns trigger language plpgsql as 'begin insert into public.n select count(*) from s2.t; return null; end';
create trigger tr after insert on s2.t for each statement execute function f();
