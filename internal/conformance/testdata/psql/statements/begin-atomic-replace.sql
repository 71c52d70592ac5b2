create or replace function f() returns int language sql begin atomic select 1; end;
create or replace function f() returns int language sql begin atomic select 2; end;
insert into t values (f(), 'a');
