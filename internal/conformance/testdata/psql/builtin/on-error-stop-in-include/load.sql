\set ON_ERROR_STOP off
\i inner.sql
insert into t values (1, 'outer goes on');
select 1/0;
insert into t values (2, 'stopped');
