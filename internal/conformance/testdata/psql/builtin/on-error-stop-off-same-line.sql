\set ON_ERROR_STOP on
\set ON_ERROR_STOP off \\ select 1/0; insert into t values (1, 'a');
insert into t values (2, 'b');
