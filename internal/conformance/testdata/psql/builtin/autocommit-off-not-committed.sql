\set AUTOCOMMIT off
insert into t values (1, 'a');
