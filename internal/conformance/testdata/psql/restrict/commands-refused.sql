\restrict abc
\echo x
\set v 1
\i load.sql
\q
insert into t values (1, 'a');
\unrestrict abc
\echo done
