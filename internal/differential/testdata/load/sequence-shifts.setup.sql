do $$ begin end $$; create schema lib; create function lib.g(text) returns text language sql immutable as 'select lower($1)';
create function f(text) returns text language plpgsql immutable as 'begin return lib.g($1); end';
create table n(id serial primary key, p text); create table t(id int primary key, p text); create index on t(f(p)); alter table t owner to own1;
