\echo :ERROR :SQLSTATE :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
insert into t values (1, 'a');
\echo :ERROR :SQLSTATE
select 1/0;
\echo :ERROR :SQLSTATE :ROW_COUNT :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
select 1;
\echo :ERROR :SQLSTATE :ROW_COUNT :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
selec;
\echo :ERROR :SQLSTATE :ROW_COUNT :LAST_ERROR_SQLSTATE :LAST_ERROR_MESSAGE
\nothing
\echo :ERROR :SQLSTATE
copy nothing from stdin;
\echo :ERROR :SQLSTATE
\copy nothing from stdin
\echo :ERROR :SQLSTATE :LAST_ERROR_MESSAGE
select 1 as x union select 2 \gset
\echo :ERROR :SQLSTATE :ROW_COUNT
select 1 as "a b" \gset
\echo :ERROR :SQLSTATE
\i nothing.sql
\echo :ERROR :SQLSTATE
