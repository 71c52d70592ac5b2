-- first

\i b.sql
insert into t values (3, 'b');
