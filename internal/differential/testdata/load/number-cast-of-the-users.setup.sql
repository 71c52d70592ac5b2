create function spelled(int) returns text language sql immutable as $$select '#' || ($1 + 1)::numeric::text$$;
create cast (int as text) with function spelled(int) as assignment;
create table t(id int, a text);
