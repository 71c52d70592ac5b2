\set ON_ERROR_STOP on \\ select 1/0; insert into t values (1, 'a');
insert into t values (2, 'b');
select 1/0;
insert into t values (3, 'b');
