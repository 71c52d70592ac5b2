create table t(id int, x text); create table lg(id int, n int); create sequence s;
create function f() returns trigger language plpgsql as 'begin insert into lg select new.id, count(*) from t; return new; end';
create function setval(text, int) returns int language plpgsql as 'begin create trigger tr before insert on t for each row execute function f(); return $2; end';
