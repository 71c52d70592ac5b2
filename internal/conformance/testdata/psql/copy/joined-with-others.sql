select 1\; copy t from stdin\; insert into t values (5, 'e');
1	a
\.
insert into t values (4, 'd');
