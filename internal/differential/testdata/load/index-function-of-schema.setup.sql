create schema lib; grant usage on schema lib to own1; create function lib.g(text) returns text language sql immutable as 'select lower($1)';
create function lib.f(text) returns text language plpgsql immutable as 'begin return g($1); end';
grant create on schema public to own1; set search_path=public,lib; create table t(id int primary key, p text); create index on t(f(p)); alter table t owner to own1;
