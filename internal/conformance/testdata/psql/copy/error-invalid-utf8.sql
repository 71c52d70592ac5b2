copy t from stdin;
1	aÿ
\.
insert into t values (4, 'd');
