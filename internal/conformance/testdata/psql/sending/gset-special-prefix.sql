select 'on' as "STOP" \gset ON_ERROR_
\echo :ON_ERROR_STOP
select 1/0;
insert into t values (1, 'a');
