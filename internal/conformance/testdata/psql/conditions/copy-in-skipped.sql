\if false
copy t from stdin;
1	a
\.
\endif
insert into t values (2, 'b');
