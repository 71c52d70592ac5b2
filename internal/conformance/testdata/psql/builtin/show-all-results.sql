\set SHOW_ALL_RESULTS off
select 1 as x\; select 2 as x \gset
\echo :x
