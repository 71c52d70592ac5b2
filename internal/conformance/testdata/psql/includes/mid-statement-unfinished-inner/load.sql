insert into t values (1,
\i inner.sql
'a');
