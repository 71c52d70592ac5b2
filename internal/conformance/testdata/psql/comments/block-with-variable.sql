\set v 1
/* :v */ insert into t values (:v, 'a');
