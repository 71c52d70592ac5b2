insert into t values (1, 'a');
select garbage
\r
\g
