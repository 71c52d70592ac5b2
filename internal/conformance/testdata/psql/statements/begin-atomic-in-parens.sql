create function f(a int default (case when true then 1 end)) returns int language sql begin atomic select a; end;
insert into t values (f(), 'a');
