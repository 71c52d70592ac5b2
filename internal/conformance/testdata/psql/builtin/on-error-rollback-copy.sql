\set ON_ERROR_ROLLBACK on
begin;
copy t from stdin;
1	a
\.
copy t from stdin;
x	a
\.
\copy t from stdin
2	b
\.
insert into t values (3, 'c');
commit;
