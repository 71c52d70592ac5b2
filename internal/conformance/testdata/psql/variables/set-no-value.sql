\set a
\set a 1 \set a
insert into t values (1, :'a');
