GRANT CREATE ON SCHEMA public TO own1; SET ROLE own1;
create table "таблица"(id int primary key);
create table c(id int, "ö" int, constraint "ключ" foreign key(id) references "таблица");
create table "ü"(id int);
create function nothing() returns trigger language plpgsql as 'begin return null; end';
create trigger "так" before insert on "ü" for each row execute function nothing();
create trigger "так" before insert on c for each row execute function nothing();
comment on constraint "ключ" on c is 'что';
