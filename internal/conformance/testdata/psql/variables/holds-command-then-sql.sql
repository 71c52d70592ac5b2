\set c '\\set x 5 \\\\ insert into t values (:x, ''a'');'
:c insert into t values (2, 'b');
