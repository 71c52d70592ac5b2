\set c '/* '
insert into t values (1, :c x */ 'a');
