\set AUTOCOMMIT maybe
\echo :AUTOCOMMIT
