\copy t from stdin
1	a
x	b
\.
insert into t values (2, 'b');
