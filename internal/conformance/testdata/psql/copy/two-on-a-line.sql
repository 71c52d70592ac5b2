copy t from stdin; copy t from stdin; insert into t values (3, 'c');
1	a
\.
2	b
\.
insert into t values (4, 'd');
