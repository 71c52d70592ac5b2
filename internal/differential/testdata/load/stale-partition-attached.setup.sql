create table t(id int, p text) partition by list (p); create table ta partition of t for values in ('a'); create table tb(id int, p text); create table l(n int);
create function f() returns trigger language plpgsql as 'begin insert into l select count(*) from t; return new; end';
create trigger tr before insert on tb for each row execute function f();
