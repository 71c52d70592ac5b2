create function f(a int) returns int language sql begin atomic; select a; end;
insert into t values (f(1), 'a');
