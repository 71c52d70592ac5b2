copy t from stdin \g
1	a
\.
insert into t values (4, 'd');
