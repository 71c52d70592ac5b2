\set ON_ERROR_ROLLBACK on
begin;
select 1 as x \gset
select 1/0 as y \gset
select 'insert into t values (1, ''a'')' \gexec
select 'select 1/0' \gexec
insert into t values (:x, 'b');
commit;
