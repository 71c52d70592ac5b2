\encoding latin1
insert into t values (1, 'café');
\echo :ENCODING
