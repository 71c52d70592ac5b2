insert into t values (1, 'a');
\set ON_ERROR_STOP on
select 1/0;
insert into t values (2, 'b');
