insert into t values (1, B'1010'::text);
insert into t values (2, b'1');
