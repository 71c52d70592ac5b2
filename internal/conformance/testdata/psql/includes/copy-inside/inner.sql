copy t from stdin;
1	a
\.
insert into t values (3, 'c');
