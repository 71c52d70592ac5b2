\copy t from stdin -- comment
1	a
\.
insert into t values (4, 'd');
