select 'off' as "AUTOCOMMIT", 'x' as y \gset
\echo :AUTOCOMMIT :y
insert into t values (1, 'a');
