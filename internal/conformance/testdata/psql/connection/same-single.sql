insert into t values (1, 'a');
\connect
insert into t values (2, 'a');
