\copy t from stdin
1	a
\.
insert into t values (2, 'b');
