create table t(id int primary key, p text); create table l(n text); alter table t owner to own1; alter table l owner to own1;
create function f() returns trigger language plpgsql as 'begin insert into l values (tg_table_name || '' '' || tg_name); return null; end';
create function make(sql text) returns int language plpgsql as 'begin execute sql; return 1; end';
create trigger a1 after insert on t for each statement execute function f(); create trigger a2 after insert on t for each statement execute function f(); create trigger a3 after insert on t for each statement execute function f(); create trigger a4 after insert on t for each statement execute function f();
create rule r1 as on insert to t do also insert into l values ('r1'); create rule r2 as on insert to t do also insert into l values ('r2'); create rule r3 as on insert to t do also insert into l values ('r3');
