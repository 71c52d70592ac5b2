create table par(id int primary key); create table chi(id int primary key, pid int constraint fk references par); create table l(n int); alter table par owner to own1; alter table chi owner to own1; alter table l owner to own1;
create function f() returns trigger language plpgsql as 'begin insert into l values (1); return null; end';
