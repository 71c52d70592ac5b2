copy t from stdin;
1	a\.
2	\.b
\.
insert into t values (3, 'b');
