create function f() returns int language sql begin atomic select nothing; end;
insert into t values (1, 'a');
