copy t from stdin;
1	a	c
\.
insert into t values (4, 'd');
