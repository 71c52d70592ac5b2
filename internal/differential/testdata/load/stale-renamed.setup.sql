create table t(id int primary key, p text); create table later(id int primary key, p text); create table n(c int);
create function f() returns trigger language plpgsql as 'begin insert into n values (tg_relid::regclass::text::varchar::text = ''t''  and true) ; return null; exception when others then insert into n values (1); return null; end';
create trigger tr after insert on later for each statement execute function f();
