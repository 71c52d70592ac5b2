create schema a; create schema b; create table a.t(id int); create table b.t(id int); create table public.l(x text); grant usage on schema a, b to own1;
create function f() returns trigger language plpgsql as 'begin insert into public.l values (tg_table_schema||new.id); return new; end';
create trigger tr before insert on a.t for each row execute function f(); create trigger tr before insert on b.t for each row execute function f();
alter table a.t owner to own1; alter table b.t owner to own1; alter table public.l owner to own1;
