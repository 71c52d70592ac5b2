/* comment */ create /* x */ function f() returns int language sql begin atomic select 1; end;
insert into t values (f(), 'a');
