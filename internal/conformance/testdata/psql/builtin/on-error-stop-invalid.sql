\set ON_ERROR_STOP maybe
\echo :ON_ERROR_STOP
insert into t values (1, 'a');
