create table t(id int primary key, p text); create table l(n int); create table m(n int);
create function f() returns trigger language plpgsql as 'begin insert into l select count(*) from t; return null; end';
create function make() returns int language plpgsql as 'begin create trigger tr after insert on t for each statement execute function f(); return 1; end';
