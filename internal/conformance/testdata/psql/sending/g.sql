insert into t values (1, 'a') \g
insert into t values (2, 'b')
\g
