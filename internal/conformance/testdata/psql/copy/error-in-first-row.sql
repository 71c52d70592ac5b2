insert into t values (0, 'z');
copy t from stdin;
x	b
\.
insert into t values (4, 'd');
