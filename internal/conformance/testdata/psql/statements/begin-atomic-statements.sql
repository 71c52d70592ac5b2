create function f(a int) returns int language sql
begin atomic
  insert into t values (a, 'one');
  insert into t values (a + 1, 'two');
  select a;
end;
select f(1);
