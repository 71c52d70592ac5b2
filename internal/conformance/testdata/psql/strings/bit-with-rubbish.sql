insert into t values (1, B'a;b'::text);
insert into t values (2, 'next');
