insert into t values (1,
\echo middle
'a');
