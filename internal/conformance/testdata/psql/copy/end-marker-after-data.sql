copy t from stdin;
1	a
2	b\.
3	c
\.
