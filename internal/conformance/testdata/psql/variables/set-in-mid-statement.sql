insert into t values (1,
\set v 5
:'v');
