\if false
copy t from stdin;
\endif	a
\.
\endif
insert into t values (2, 'b');
