insert into t values (1, 'a');
\quit
insert into t values (2, 'b');
