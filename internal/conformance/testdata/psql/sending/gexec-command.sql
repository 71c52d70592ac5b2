insert into t values (1, 'a') \gexec
insert into t values (2, 'a');
