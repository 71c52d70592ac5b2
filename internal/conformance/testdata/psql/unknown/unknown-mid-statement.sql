insert into t values (1,
\nothing
'a');
