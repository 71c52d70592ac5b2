\copy t from stdin with (delimiter E'\t')
1	a
\.
\copy t from stdin with (null '\N') \\ select 1;
insert into t values (2, 'b');
