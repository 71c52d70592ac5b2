insert into t values (1, 'a');
\copy t from stdin
2	b
\.
\g
