\set AUTOCOMMIT off
insert into t values (1, 'a');
select 1 as x \gset
