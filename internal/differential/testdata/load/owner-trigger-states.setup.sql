create table t(id int primary key, p text); create table l(n text); alter table t owner to own1; alter table l owner to own1;
create function f() returns trigger language plpgsql as 'begin insert into l values (tg_name); return null; end';
create trigger a1 after insert on t for each statement execute function f(); create trigger a2 after insert on t for each statement execute function f(); create trigger a3 after insert on t for each statement execute function f(); create trigger a4 after insert on t for each statement execute function f();
alter table t disable trigger a1; alter table t enable replica trigger a2; alter table t enable always trigger a3;
