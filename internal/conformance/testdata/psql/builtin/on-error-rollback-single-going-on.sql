\set ON_ERROR_ROLLBACK on
\set ON_ERROR_STOP off
insert into t values (1, 'a');
select 1/0;
insert into t values (2, 'a');
