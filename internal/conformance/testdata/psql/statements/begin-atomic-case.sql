create function f(a int) returns int language sql
begin atomic
  select case when a > 0 then case a when 1 then 5 else 6 end else 7 end;
  select 1;
end;
insert into t values (f(1), 'a');
