\set c '\\set x'
:c 5
insert into t values (:x, 'a');
