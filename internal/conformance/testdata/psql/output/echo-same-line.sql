\echo a \echo b
\echo a \\ insert into t values (1, 'x');
