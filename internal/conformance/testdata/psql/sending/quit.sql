insert into t values (1, 'a');
\q
insert into t values (2, 'b');
