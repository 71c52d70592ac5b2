\set ON_ERROR_STOP off
select 1/0
\set ON_ERROR_STOP on
