select 'maybe' as "AUTOCOMMIT" \gset
\echo :AUTOCOMMIT
insert into t values (1, 'a');
