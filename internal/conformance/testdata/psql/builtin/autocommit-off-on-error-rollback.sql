\set AUTOCOMMIT off
\set ON_ERROR_ROLLBACK on
insert into t values (1, 'a');
select 1/0;
insert into t values (2, 'b');
commit;
