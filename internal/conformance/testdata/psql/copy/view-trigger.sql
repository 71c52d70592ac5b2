create view v as select * from t;
create function f() returns trigger language plpgsql as $$ begin insert into t values (new.a, new.b); return new; end $$;
create trigger tr instead of insert on v for each row execute function f();
copy v from stdin;
1	a
\.
