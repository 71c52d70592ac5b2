copy t from stdin;
1
\.
insert into t values (4, 'd');
