\set int 9
insert into t values ('1'::int, '2'::text);
