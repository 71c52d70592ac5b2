\copy t from stdout
1	a
\.
insert into t values (2, 'b');
