\set ECHO queries
insert into t values (1, 'a');
