\set AUTOCOMMIT off
copy t from stdin;
1	a
\.
commit;
\copy t from stdin
2	b
\.
commit;
