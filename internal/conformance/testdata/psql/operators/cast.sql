insert into t values ('1'::int, 1::text);
