select 'copy t from stdin' \gexec
1	a
\.
insert into t values (2, 'b');
