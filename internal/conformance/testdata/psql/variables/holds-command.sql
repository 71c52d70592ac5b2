\set c '\\set x 5'
:c
insert into t values (:x, 'a');
