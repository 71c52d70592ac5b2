\set n f
create function :n() returns int language sql begin atomic select 1; end;
insert into t values (f(), 'a');
