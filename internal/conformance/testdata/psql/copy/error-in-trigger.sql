create function f() returns trigger language plpgsql as $$ begin if new.a = 2 then raise exception 'no twos'; end if; return new; end $$;
create trigger tr before insert on t for each row execute function f();
copy t from stdin;
1	a
2	b
\.
insert into t values (4, 'd');
