\echo :LASTOID
insert into t values (1, 'a');
\echo :LASTOID
