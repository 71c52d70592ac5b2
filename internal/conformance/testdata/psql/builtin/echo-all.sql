\set ECHO all
insert into t values (1, 'a');
\echo x
