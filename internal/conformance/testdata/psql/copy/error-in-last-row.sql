copy u from stdin;
1	a
2	b
1	c
\.
insert into t values (4, 'd');
