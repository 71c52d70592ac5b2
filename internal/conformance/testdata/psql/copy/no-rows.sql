copy t from stdin;
\.
insert into t values (1, 'a');
