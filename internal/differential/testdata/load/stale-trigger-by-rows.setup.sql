create table t(id int primary key, p text); create table l(n int); create table does(sql text);
create function f() returns trigger language plpgsql as 'begin insert into l select count(*) from t; return null; end';
create function does() returns trigger language plpgsql as 'begin execute new.sql; return new; end'; create trigger d before insert on does for each row execute function does(); alter table does enable always trigger d;
