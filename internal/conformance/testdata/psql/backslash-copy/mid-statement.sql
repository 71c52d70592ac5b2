insert into t values (1,
\copy t from stdin
5	e
\.
'a');
