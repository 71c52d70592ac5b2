insert into t values (1, 'a'), (2, 'b');
\echo :ROW_COUNT
select * from t;
\echo :ROW_COUNT
update t set a = 5 where a = 1;
\echo :ROW_COUNT
create table x (y int);
\echo :ROW_COUNT
begin;
\echo :ROW_COUNT
commit;
\echo :ROW_COUNT
copy t from stdin;
1	a
2	b
3	c
\.
\echo :ROW_COUNT
\copy t from stdin
1	a
\.
\echo :ROW_COUNT
copy t to stdout;
\echo :ROW_COUNT
delete from t;
\echo :ROW_COUNT
select 1\; select 2 union select 3;
\echo :ROW_COUNT
insert into t values (1, 'a')\; select 1 where false;
\echo :ROW_COUNT
select 1 as x \gset
\echo :ROW_COUNT
select 'select 1' union all select 'select 1 union select 2' \gexec
\echo :ROW_COUNT
;
\echo :ROW_COUNT
