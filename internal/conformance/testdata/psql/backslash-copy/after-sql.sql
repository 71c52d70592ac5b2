insert into t values (1, 'a'); \copy t from stdin
5	e
\.
insert into t values (2, 'a');
