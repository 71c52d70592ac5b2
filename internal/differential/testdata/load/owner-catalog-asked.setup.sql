GRANT CREATE ON SCHEMA public TO own1; SET ROLE own1;
create table p(id int primary key);
create table c(id int constraint k references p);
create table d(id serial, p int constraint l references p, at timestamptz);
create table m(what text);
create function f() returns trigger language plpgsql as 'begin return null; end';
create trigger stop before insert on p for each row execute function f();
