create function f(a int) returns int language plpgsql as $body$
begin
  -- comment; here's one
  if a > 0 then return 1; end if;
  return '0'::int;
end;
$body$;
insert into t values (f(1), 'x');
