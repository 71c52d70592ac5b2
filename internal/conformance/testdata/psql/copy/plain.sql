copy t from stdin;
1	a
2	\N
\.
insert into t values (3, 'c');
