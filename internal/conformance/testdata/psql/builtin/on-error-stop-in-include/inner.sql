\set ON_ERROR_STOP on
select 1/0;
insert into t values (3, 'not reached');
