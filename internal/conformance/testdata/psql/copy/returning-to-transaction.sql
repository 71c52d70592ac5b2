begin;
copy t from stdin;
1	a
\.
rollback;
copy t from stdin;
2	b
\.
