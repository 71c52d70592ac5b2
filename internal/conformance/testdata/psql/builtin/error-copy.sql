insert into t values (1, 'a');
copy t from stdin;
x
\.
\echo :ERROR :SQLSTATE :ROW_COUNT :LAST_ERROR_MESSAGE
