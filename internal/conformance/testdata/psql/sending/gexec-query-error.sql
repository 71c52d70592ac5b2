select 1/0 \gexec
insert into t values (3, 'c');
