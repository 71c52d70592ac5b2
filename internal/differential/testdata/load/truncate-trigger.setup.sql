create table a(id int primary key); create table b(id int references a); create table l(p text); insert into a values (1); insert into b values (1);
create function f() returns trigger language plpgsql as 'begin insert into l values (tg_table_name); return null; end';
create trigger tr after truncate on b for each statement execute function f();
