\set a 1
\set
insert into t values (1, 'x');
