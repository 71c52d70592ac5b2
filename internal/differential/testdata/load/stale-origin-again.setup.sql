create table t(id int, p text); create table u(id int, p text); create table l(n int);
create function f() returns trigger language plpgsql as 'begin insert into l select (select count(*) from t) + (select count(*) from u); return null; end';
create trigger tr after insert on t for each statement execute function f(); create trigger tr after insert on u for each row execute function f();
